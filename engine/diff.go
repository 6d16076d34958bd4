package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Diff decides what one reconciliation does. It is pure: the same view gives
// the same plan, whatever the order of its groups, and nothing is allocated
// for a member that stays as it is.
//
// It walks the three sorted lists of a group side by side: who is wished
// (grants in force), who is ours (the ledger), who is there (the listing).
//
//	wished  ours     there   decision
//	yes     -        yes     nothing: there before us, not ours
//	yes     -        no      add, starts
//	yes     yes      yes     nothing; the ledger learns the grants of today
//	yes     yes      no      by rule: add restored | end | report
//	yes     dropped  no      nothing, unless a new grant wishes it: add, starts
//	no      -        yes     foreign: by rule report | ignore | remove
//	no      yes      yes     remove: ends or withdrawn
//	no      yes      no      forget
//
// A listing that is not [Trusted] takes certainty away: see [differ.unwished].
func Diff(v View) Plan {
	p := Plan{AsOf: v.Now}
	for i := range v.Groups {
		d := differ{now: v.Now, g: &v.Groups[i], p: &p}
		d.group()
	}
	p.sort()
	return p
}

// differ decides one group.
type differ struct {
	now time.Time
	g   *GroupView
	p   *Plan
	sum GroupSummary
	// unresolved counts the leading wishes that have no member.
	unresolved int
}

func (d *differ) group() {
	g := d.g
	d.sum = GroupSummary{
		Group: g.Group, Name: g.Name, Members: len(g.Members),
		Trust: g.Trust, Note: g.Note, Missing: g.Lost, Limits: g.Rules.Limits,
	}
	d.problems()
	d.merge()
	d.p.Groups = append(d.p.Groups, d.sum)
}

// problems reports what cannot be decided for the group as a whole, and the
// people whose account is not certain.
func (d *differ) problems() {
	g := d.g
	for d.unresolved < len(g.Wishes) && g.Wishes[d.unresolved].Err != nil {
		w := &g.Wishes[d.unresolved]
		if !quiet(w.Err) {
			d.problem(problemOf(w.Err), w.Grant, w.Err.Error())
		}
		d.unresolved++
	}
	switch {
	case g.Trust == Gone:
		d.problem(UnknownGroup, nil, g.Note)
	case g.Trust == Unread && g.Note != "":
		d.problem(UnreadableGroup, nil, g.Note)
	case g.Unmanageable != "" && len(g.Wishes)+len(g.Owned) > 0:
		d.problem(UnmanageableGroup, nil, g.Unmanageable)
	}
	d.expiry()
}

func problemOf(err error) ProblemKind {
	switch KindOf(err) {
	case NotFound:
		return NoAccount
	case Ambiguous:
		return TwoAccounts
	case Disabled:
		return DisabledAccount
	}
	return Unresolved
}

func (d *differ) problem(kind ProblemKind, g *Grant, message string) {
	p := Problem{Kind: kind, Directory: d.g.Group.Directory, Group: d.g.Name, Message: message}
	if g != nil {
		p.Person, p.Grant = g.Person, g.ID
	}
	d.p.Problems = append(d.p.Problems, p)
}

// merge walks the three lists in the order of member IDs.
func (d *differ) merge() {
	ws, os, ms := d.g.Wishes[d.unresolved:], d.g.Owned, d.g.Members
	for len(ws)+len(os)+len(ms) > 0 {
		id := least(ws, os, ms)
		var (
			n int
			o *Owned
			m *Member
		)
		for n < len(ws) && ws[n].Member.ID == id {
			n++
		}
		if len(os) > 0 && os[0].Member.ID == id {
			o, os = &os[0], os[1:]
			d.countAnchors(o)
		}
		if len(ms) > 0 && ms[0].ID == id {
			m, ms = &ms[0], ms[1:]
		}
		switch {
		case n > 0:
			d.wished(ws[:n], o, m)
		case o != nil:
			d.unwished(o, m)
		default:
			d.foreign(m)
		}
		ws = ws[n:]
	}
}

func least(ws []Wish, os []Owned, ms []Member) MemberID {
	id, found := MemberID(""), false
	lower := func(x MemberID) {
		if !found || x < id {
			id, found = x, true
		}
	}
	if len(ws) > 0 {
		lower(ws[0].Member.ID)
	}
	if len(os) > 0 {
		lower(os[0].Member.ID)
	}
	if len(ms) > 0 {
		lower(ms[0].ID)
	}
	return id
}

func (d *differ) countAnchors(o *Owned) {
	if o.State == Dropped {
		return
	}
	var last time.Time
	for i := range o.Anchors {
		if until := o.Anchors[i].Until; until.After(d.now) {
			d.sum.Live++
			if until.After(last) {
				last = until
			}
		}
	}
	if !last.IsZero() && (d.sum.Next.IsZero() || last.Before(d.sum.Next)) {
		d.sum.Next = last
	}
}

// wished decides a member that at least one grant in force explains.
func (d *differ) wished(ws []Wish, o *Owned, m *Member) {
	switch {
	case o == nil && m == nil:
		d.add(Starts, ws, nil)
	case o == nil:
		// There before us: standing access, which is not ours to end.
	case o.State == Dropped:
		if m == nil && newGrant(ws, o.Anchors) {
			d.add(Starts, ws, o)
		}
	case m != nil || d.g.Trust == Unread || d.g.Trust == Gone:
		d.keep(ws, o, m)
	case o.State != Added || o.Confirmed.IsZero():
		d.add(Starts, ws, o) // never seen there, or already on its way out when it was wished again
	default:
		d.missing(ws, o)
	}
}

// missing decides a member of ours whose grant is in force and whom somebody
// else has taken out.
func (d *differ) missing(ws []Wish, o *Owned) {
	if o.lapsed(d.now) { // that was nobody's will
		d.problem(ExpiredEarly, ws[0].Grant, fmt.Sprintf("the directory ended the membership of %s at %s by itself, and a grant is in force until %s; %s is put back",
			name(o.Member), o.Expires.UTC().Format(time.RFC3339), longest(anchorsOf(ws)).Until.UTC().Format(time.RFC3339), name(o.Member)))
		d.add(Restored, ws, o)
		return
	}
	switch d.g.Rules.Removed {
	case RemovedEnd:
		if newGrant(ws, o.Anchors) {
			d.add(Starts, ws, o) // whoever took the member out did not know of this grant
			return
		}
		// A doubtful listing does not prove that somebody acted; limits hold it.
		c := d.change(Forget, Ends, o.Member, o.Person)
		c.anchors, c.prior, c.drop, c.verify = anchorsOf(ws), o, true, true
		c.name(longest(c.anchors))
		d.p.Changes = append(d.p.Changes, c)
	case RemovedReport:
		d.problem(RemovedByOthers, ws[0].Grant, fmt.Sprintf("%s was taken out of the group by somebody else while a grant is in force; put %s back, or end the grant",
			name(o.Member), name(o.Member)))
	default:
		d.add(Restored, ws, o)
	}
}

func (d *differ) add(why Why, ws []Wish, prior *Owned) {
	if d.g.Trust == Unread || d.g.Trust == Gone || d.g.Unmanageable != "" || d.g.Uncertain {
		return // said once, in problems
	}
	c := d.change(Add, why, ws[0].Member, ws[0].Grant.Person)
	c.anchors, c.prior = anchorsOf(ws), prior
	c.name(longest(c.anchors))
	if d.g.Rules.Expire && d.g.Expirer {
		c.Expires = c.Until
	}
	c.lapsed = prior != nil && prior.lapsed(d.now)
	d.p.Changes = append(d.p.Changes, c)
}

// keep lets the ledger learn the grants of today. The membership stays.
func (d *differ) keep(ws []Wish, o *Owned, m *Member) {
	state := o.State
	if m != nil {
		state = Added
	}
	same := sameAnchors(ws, o.Anchors)
	idle := same && state == o.State && o.Due.IsZero() && (m == nil || m.Ref == o.Member.Ref)
	follows := d.g.Expirer && (d.g.Rules.Expire || !o.Expires.IsZero() || d.g.Expiries != nil)
	if idle && !follows {
		return
	}
	after := *o
	after.Person = ws[0].Grant.Person // another's, where the account took over what we wrote
	after.State, after.Due, after.Gone = state, time.Time{}, time.Time{}
	if o.State == Removing || o.State == Removed {
		// This listing may be older than our removal: read back anew.
		after.Confirmed, after.Wrote = time.Time{}, time.Time{}
	}
	if m != nil {
		after.Member = *m
	}
	if !same {
		after.Anchors = anchorsOf(ws)
		if d.g.GrantsUnread {
			after.Anchors = unite(after.Anchors, o.Anchors)
		}
		d.countLost(o.Anchors, after.Anchors)
	}
	if follows {
		d.follow(d.lasts(ws, o), &after, m, d.g.GrantsUnread)
	}
	if !idle || !after.Expires.Equal(o.Expires) || !after.Asked.Equal(o.Asked) {
		d.p.keeps = append(d.p.keeps, keep{*o, after})
	}
}

// countLost counts the grants that vanished from a membership that stays, but
// for those in whose place another came: a new reason makes a new grant.
func (d *differ) countLost(before, after []Anchor) {
	lost, kept := 0, 0
	for _, a := range before {
		switch {
		case slices.ContainsFunc(after, func(b Anchor) bool { return a.Grant == b.Grant }):
			kept++
		case a.Until.After(d.now) && d.g.Ended[a.Grant].IsZero():
			lost++
		}
	}
	d.sum.Vanished += max(0, lost-(len(after)-kept))
}

// unwished decides a membership of ours that no grant in force explains.
//
//	listing    there    not there
//	trusted    remove   forget
//	doubtful   remove   ends: remove all the same; withdrawn: forget, held
//	unread     -        ends: remove all the same; withdrawn: wait
//	gone       -        forget, held until somebody says that the group is gone
//
// A listing may be wrong about one member and still look whole. So a claim on
// somebody who is not listed is given up only after the removal was sent all
// the same: it does nothing when the listing was right.
func (d *differ) unwished(o *Owned, m *Member) {
	if o.State == Removed && o.settling(d.g.Read, d.g.Grace) {
		return
	}
	if d.waits(o) {
		d.outlast(o, m)
		return
	}
	why, due, ok := d.end(o)
	if !ok {
		d.outlast(o, m)
		return
	}
	g := d.g
	switch {
	case o.State == Dropped:
		d.leave(Forget, Ends, o, m, due)
	case m == nil && g.Trust == Trusted && o.unanswered(g.Read, g.Grace):
		d.leave(Remove, why, o, m, due) // what was sent may not show yet: the claim stays until a listing after the grace
	case m == nil && (g.Trust == Trusted || g.Trust == Gone):
		d.leave(Forget, why, o, m, due)
	case m == nil && why.Agreed():
		d.leave(Remove, why, o, m, due)
	case m == nil:
		if g.Trust == Doubtful {
			d.leave(Forget, why, o, m, due)
		}
	case g.Standing[m.ID]:
		d.leave(Forget, why, o, m, due) // explained for good: the claim goes, the member stays
	case g.Protected[m.ID] && !why.Agreed():
		d.problem(Protected, nil, fmt.Sprintf("the grant of %s vanished before its time, and %s is protected: left in the group", name(*m), name(*m)))
	default:
		d.leave(Remove, why, o, m, due)
	}
}

// waits reports whether the member's person has a grant in force whose account
// is not certain just now: then the membership stays until the grant ends.
func (d *differ) waits(o *Owned) bool {
	for i := range d.g.Wishes[:d.unresolved] {
		if g := d.g.Wishes[i].Grant; g.Person == o.Person {
			return true
		}
	}
	return false
}

// end tells why a membership that nothing explains is over and since when. It
// is not ok while a stray grant explains it, and when the grants are not known
// and the ledger's times are not up.
func (d *differ) end(o *Owned) (why Why, due time.Time, ok bool) {
	vanished := 0
	for _, a := range o.Anchors {
		end := d.g.Ended[a.Grant]
		if end.IsZero() {
			end = a.Until
		}
		if d.g.Stray[a.Grant] { // in force, whatever end the ledger last saw
			return "", time.Time{}, false
		}
		if end.After(d.now) {
			vanished++
			continue
		}
		if end.After(due) {
			due = end
		}
	}
	switch {
	case vanished == 0:
		return Ends, due, true
	case d.g.GrantsUnread:
		return "", time.Time{}, false
	}
	if o.State != Dropped { // as in countAnchors: nobody loses access
		d.sum.Vanished += vanished
	}
	return Withdrawn, time.Time{}, true
}

func (d *differ) leave(op Op, why Why, o *Owned, m *Member, due time.Time) {
	member := o.Member
	if m != nil {
		member = *m
	}
	c := d.change(op, why, member, o.Person)
	c.anchors, c.prior, c.due = o.Anchors, o, due
	c.verify = op == Forget && m == nil && o.State != Dropped && d.g.Trust != Gone
	c.sessions = d.g.Rules.EndSessions
	if op == Forget && m == nil && (o.State == Added || o.State == Removing) && o.lapsed(d.now) {
		c.Expires = o.Expires
	}
	c.name(longest(o.Anchors))
	if !due.IsZero() {
		c.Until = due
	}
	d.p.Changes = append(d.p.Changes, c)
}

// foreign decides a member that neither a grant nor the ledger explains.
func (d *differ) foreign(m *Member) {
	g := d.g
	if g.Rules.Foreign == ForeignIgnore || g.GrantsUnread || g.Standing[m.ID] {
		return
	}
	f := Foreign{Directory: g.Group.Directory, Group: g.Name, Member: *m, id: g.Group.ID}
	if d.sweeps(m) {
		first, noticed := g.Noticed[m.ID]
		if !noticed {
			first = d.now
		}
		f.RemoveAt = first.Add(g.Rules.Notice)
		if noticed && !f.RemoveAt.After(d.now) {
			d.p.Changes = append(d.p.Changes, d.change(Remove, Foreigner, *m, ""))
		}
	}
	d.p.Foreign = append(d.p.Foreign, f)
}

// sweeps reports whether the group is exclusive towards m.
func (d *differ) sweeps(m *Member) bool {
	g := d.g
	return g.Rules.Foreign == ForeignRemove && m.Kind == AccountMember &&
		!g.Protected[m.ID] && !g.Unsure && g.Unmanageable == "" &&
		d.unresolved == 0 // else m may be the account of somebody whose grant is in force
}

func (d *differ) change(op Op, why Why, m Member, p Person) Change {
	return Change{Op: op, Why: why, Directory: d.g.Group.Directory, Group: d.g.Name, GroupID: d.g.Group.ID, Member: m, Person: p}
}

// anchorsOf returns the grants behind wishes of one member, sorted by grant.
func anchorsOf(ws []Wish) []Anchor {
	as := make([]Anchor, 0, len(ws))
	for i := range ws {
		a := Anchor{ws[i].Grant.ID, ws[i].Grant.When.Until, ws[i].Grant.Reason}
		if n := len(as); n > 0 && as[n-1].Grant == a.Grant {
			continue // one grant reaches the group by two names
		}
		as = append(as, a)
	}
	return as
}

// unite returns the anchors of a, and those of b that a lacks.
func unite(a, b []Anchor) []Anchor {
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.ContainsFunc(a, func(y Anchor) bool { return x.Grant == y.Grant }) {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(x, y Anchor) int { return strings.Compare(string(x.Grant), string(y.Grant)) })
	return out
}

func sameAnchors(ws []Wish, as []Anchor) bool {
	n := 0
	for i := range ws {
		if i > 0 && ws[i].Grant.ID == ws[i-1].Grant.ID {
			continue
		}
		if n >= len(as) || as[n].Grant != ws[i].Grant.ID || !as[n].Until.Equal(ws[i].Grant.When.Until) {
			return false
		}
		n++
	}
	return n == len(as)
}

// newGrant reports whether a wish comes from a grant that as does not hold.
func newGrant(ws []Wish, as []Anchor) bool {
	return slices.ContainsFunc(ws, func(w Wish) bool {
		return !slices.ContainsFunc(as, func(a Anchor) bool { return a.Grant == w.Grant.ID })
	})
}

// longest returns the anchor that lasts longest; the first by name among equals.
func longest(as []Anchor) Anchor {
	var best Anchor
	for i, a := range as {
		if i == 0 || a.Until.After(best.Until) {
			best = a
		}
	}
	return best
}

// name says which grant the change is told to be about.
func (c *Change) name(a Anchor) { c.Grant, c.Until, c.Reason = a.Grant, a.Until, a.Reason }

// name is how messages call a member.
func name(m Member) string { return cmp.Or(m.Login, string(m.ID)) }

// SortMembers puts ms into the order that Diff wants.
func SortMembers(ms []Member) {
	slices.SortFunc(ms, compareMembers)
}

func compareMembers(a, b Member) int { return strings.Compare(string(a.ID), string(b.ID)) }

// sortWishes puts ws into the order that Diff wants: uncertain ones first.
func sortWishes(ws []Wish) {
	slices.SortFunc(ws, func(a, b Wish) int {
		return cmp.Or(strings.Compare(string(a.Member.ID), string(b.Member.ID)),
			strings.Compare(string(a.Grant.ID), string(b.Grant.ID)))
	})
}

func sortOwned(os []Owned) {
	slices.SortFunc(os, func(a, b Owned) int { return strings.Compare(string(a.Member.ID), string(b.Member.ID)) })
}
