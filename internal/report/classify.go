package report

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// walker walks one group as the engine's Diff does: who is wished, who is
// ours, who is there, and who stands on the standing list, side by side.
type walker struct {
	v       engine.GroupView
	changes map[engine.MemberID]engine.Change
	waiting map[engine.Person]bool // wished, and the account is not certain
	emit    func(*Row)
}

func (w *walker) walk() {
	ws, os, ms := w.v.Wishes, w.v.Owned, w.v.Members
	for len(ws) > 0 && ws[0].Err != nil {
		w.unresolved(ws[0])
		ws = ws[1:]
	}
	standing := slices.Sorted(maps.Keys(w.v.Standing))
	for len(standing) > 0 && standing[0] == "" {
		standing = standing[1:] // somebody on the list has no account
	}
	for len(ws)+len(os)+len(ms)+len(standing) > 0 {
		var c claim
		c.id = least(ws, os, ms, standing)
		n := 0
		for n < len(ws) && ws[n].Member.ID == c.id {
			n++
		}
		c.wishes, ws = ws[:n], ws[n:]
		if len(os) > 0 && os[0].Member.ID == c.id {
			c.ours, os = &os[0], os[1:]
		}
		if len(ms) > 0 && ms[0].ID == c.id {
			c.there, ms = &ms[0], ms[1:]
		}
		if len(standing) > 0 && standing[0] == c.id {
			c.standing, standing = true, standing[1:]
		}
		c.change, c.planned = w.changes[c.id]
		c.planned = c.planned && c.change.Op != engine.Expire // which changes nothing about who is there
		w.claim(&c)
	}
}

func least(ws []engine.Wish, os []engine.Owned, ms []engine.Member, standing []engine.MemberID) engine.MemberID {
	id, found := engine.MemberID(""), false
	take := func(x engine.MemberID) {
		if !found || x < id {
			id, found = x, true
		}
	}
	if len(ws) > 0 {
		take(ws[0].Member.ID)
	}
	if len(os) > 0 {
		take(os[0].Member.ID)
	}
	if len(ms) > 0 {
		take(ms[0].ID)
	}
	if len(standing) > 0 {
		take(standing[0])
	}
	return id
}

// claim is all that is known about one member of the group.
type claim struct {
	id       engine.MemberID
	wishes   []engine.Wish
	ours     *engine.Owned
	there    *engine.Member
	standing bool
	change   engine.Change
	planned  bool
}

// unresolved reports a wish whose account is not certain.
func (w *walker) unresolved(wish engine.Wish) {
	r := Row{Desired: Yes, Actual: Unknown, State: Unresolved, Why: wish.Err.Error()}
	r.wished([]engine.Wish{wish})
	switch engine.KindOf(wish.Err) {
	case engine.NotFound:
		r.State, r.Actual = NoAccount, No
	case engine.Ambiguous:
		r.State = TwoAccounts
	case engine.Disabled:
		r.State = Disabled
	}
	r.judge(false)
	w.emit(&r)
}

// claim reports one member.
func (w *walker) claim(c *claim) {
	r := Row{Member: c.id, Actual: w.actual(c), Desired: w.desired(c)}
	w.identify(&r, c)
	unexplained := false
	switch {
	case len(c.wishes) > 0:
		unexplained = w.wished(&r, c)
	case c.standing:
		unexplained = w.stands(&r, c)
	case c.ours != nil:
		unexplained = w.unwished(&r, c)
	default:
		unexplained = w.foreign(&r, c)
	}
	r.Why = cmp.Or(r.Why, r.State.sentence())
	r.judge(unexplained)
	w.emit(&r)
}

func (w *walker) actual(c *claim) Fact {
	switch {
	case c.there != nil:
		return Yes
	case w.v.Trust == engine.Doubtful || !read(w.v.Trust):
		return Unknown
	}
	return No
}

// read reports whether there is a listing. Of a group that is gone there is
// none: nobody can tell who was in it to the end.
func read(t engine.Trust) bool { return t != engine.Unread && t != engine.Gone }

// settling reports whether the directory took the removal of c, and the
// listing is too old to show it. The engine leaves such a claim alone.
func (w *walker) settling(c *claim) bool {
	o := c.ours
	return !c.planned && c.there == nil && o != nil && o.State == engine.Removed && !o.Wrote.IsZero() && w.v.Read.Sub(o.Wrote) < w.v.Grace
}

// strays reports whether only a grant in force that leads nowhere just now
// explains what is ours: then it stays.
func (w *walker) strays(c *claim) bool {
	return !c.planned && c.ours != nil && !w.settling(c) && slices.ContainsFunc(c.ours.Anchors, func(a engine.Anchor) bool {
		return w.v.Stray[a.Grant] && w.v.Ended[a.Grant].IsZero()
	})
}

func (w *walker) desired(c *claim) Fact {
	switch {
	case len(c.wishes) > 0, c.standing, c.ours != nil && w.waiting[c.ours.Person], w.strays(c):
		return Yes
	case c.planned && c.change.Why == engine.Ends:
		return No // by the ledger's own time, whatever else is not known
	case w.v.GrantsUnread:
		return Unknown
	}
	return No
}

// wished decides a member with a grant in force.
func (w *walker) wished(r *Row, c *claim) (unexplained bool) {
	dropped := c.ours != nil && c.ours.State == engine.Dropped
	switch {
	case c.there != nil && c.ours != nil && !dropped:
		r.State = Granted
	case c.there != nil && c.standing:
		r.State = ExpectedStanding
	case c.there != nil:
		r.State = Standing
	case c.planned && c.change.Why == engine.Starts:
		r.State = Starting
	case c.planned && c.change.Why == engine.Restored:
		r.State = Restoring
	case dropped, c.planned && c.change.Op == engine.Forget:
		r.State, r.Why = Missing, "taken out by somebody else, and by the group's rule that ended it"
	case w.v.Trust == engine.Gone:
		r.State, r.Why = Missing, "the group is not there"
	case w.v.Unmanageable != "":
		r.State, r.Why = Missing, "the group must not be changed: "+w.v.Unmanageable
	case r.Actual == Unknown:
		r.State = NotKnown
	case c.ours != nil:
		r.State, r.Why = Missing, "taken out by somebody else, and by the group's rule only reported"
		return true
	default:
		r.State = Missing
		return true
	}
	return false
}

// stands decides a member of the standing list without a grant.
func (w *walker) stands(r *Row, c *claim) (unexplained bool) {
	switch {
	case c.there != nil:
		r.State = ExpectedStanding
	case w.v.Trust == engine.Gone:
		r.State, r.Why = NotKnown, "the group is not there"
	case r.Actual == Unknown:
		r.State = NotKnown
	default:
		r.State, r.Why = Missing, "on the standing list, and not in the group; daypass does not add it"
		return true
	}
	return false
}

// unwished decides a member of ours that no grant in force explains.
func (w *walker) unwished(r *Row, c *claim) (unexplained bool) {
	switch {
	case c.planned && c.change.Op == engine.Remove && c.change.Why == engine.Withdrawn:
		r.State, r.Why = Ending, "its grant vanished before its end; the next run removes it"
	case c.planned && c.change.Op == engine.Remove:
		r.State = Ending
	case c.planned && c.there != nil:
		r.State, r.Why = Foreign, "taken out by somebody else once, and put back by somebody else"
		return true
	case c.planned && c.change.Lapsed():
		r.State, r.Why = Over, "ended by the directory itself; the next run makes sure"
	case c.planned:
		r.State = Over
	default:
		return w.left(r, c)
	}
	return false
}

// left decides a member of ours that no grant in force explains and that the
// next run leaves alone.
func (w *walker) left(r *Row, c *claim) (unexplained bool) {
	switch {
	case w.waiting[c.ours.Person]:
		r.State, r.Why = Granted, "a grant is in force; whose account this is cannot be told just now, so it stays until the grant ends"
		if c.there == nil {
			r.State = NotKnown
		}
	case w.settling(c):
		r.State, r.Why = Over, "removed; a listing after the grace will confirm it"
	case w.strays(c) && c.there != nil:
		r.State, r.Why = Granted, "its grant leads nowhere just now, so it stays until that ends"
	case w.strays(c) && r.Actual == No:
		r.State, r.Why = Missing, "its grant leads nowhere just now, so it is not put back"
	case r.Desired == Unknown:
		r.State, r.Why = NotKnown, "the grants could not be read; ours, and it ends by the ledger"
	case r.Actual == Unknown:
		r.State = NotKnown
	case w.v.Protected[c.id]:
		r.State = Protected
	default:
		r.State = Foreign
		return true
	}
	return false
}

// foreign decides a member that neither a grant nor the ledger explains.
func (w *walker) foreign(r *Row, c *claim) (unexplained bool) {
	switch {
	case w.v.GrantsUnread:
		r.State, r.Why = NotKnown, "the grants could not be read, so nothing can explain it"
		return false
	case w.v.Rules.Foreign == engine.ForeignIgnore:
		r.State = Ignored
		return false
	}
	r.State = Foreign
	switch {
	case c.planned:
		r.Why = "nothing explains it, and the next run removes it"
	case w.v.Unsure:
		r.Why = "nothing explains it; somebody on the standing or protect list could not be looked up"
	}
	return true
}

// identify fills in who the member is and by which grant.
func (w *walker) identify(r *Row, c *claim) {
	if o := c.ours; o != nil {
		r.Person, r.Login, r.Kind = o.Person, o.Member.Login, o.Member.Kind
		if o.State != engine.Dropped {
			r.Since = o.Since
		}
		r.Grant, r.Until = w.end(o)
	}
	if c.planned && !c.change.Until.IsZero() {
		r.Grant, r.Until, r.Reason = c.change.Grant, c.change.Until, c.change.Reason
	}
	if len(c.wishes) > 0 {
		r.Login, r.Kind = c.wishes[0].Member.Login, c.wishes[0].Member.Kind
		r.wished(c.wishes)
	}
	if c.there != nil {
		r.Login, r.Kind = c.there.Login, c.there.Kind
	}
}

// end tells by which grant a membership is ours and until when: as the grants
// say it now, where they still do. One that was taken out since then is not
// there until any time to come.
func (w *walker) end(o *engine.Owned) (by engine.GrantID, until time.Time) {
	known := false
	for i, a := range o.Anchors {
		end, ended := w.v.Ended[a.Grant]
		if !ended {
			end = a.Until
		}
		if i == 0 || end.After(until) {
			by, until, known = a.Grant, end, ended
		}
	}
	if o.State == engine.Removed && !known {
		return by, o.Due // zero where the grant vanished before its end
	}
	return by, until
}

// wished fills in the grant that lasts longest.
func (r *Row) wished(ws []engine.Wish) {
	r.Person, r.Until = ws[0].Grant.Person, time.Time{}
	for _, x := range ws {
		if g := x.Grant; r.Until.IsZero() || g.When.Until.After(r.Until) {
			r.Grant, r.Until, r.Reason = g.ID, g.When.Until, g.Reason
		}
	}
}
