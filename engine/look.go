package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// group looks at one group and decides it.
func (l *looker) group(ctx context.Context, t *target) error {
	v, proof, err := l.view(ctx, t, 0)
	if err != nil {
		return err
	}
	if t.unfound != "" && v.Trust != Gone && v.Trust != Unread {
		l.renamed(t)
	}
	part := Diff(View{Now: l.s.now, Groups: []GroupView{v}})
	if l.told != nil && (part.needsFresh() || len(part.Changes) > 0 && len(t.rules.Standing) > 0) {
		t.anew = true
		l.recall(ctx, t)
		l.recognise(ctx, t)
		if proof.kept || t.uncertain {
			if v, proof, err = l.view(ctx, t, 0); err != nil {
				return err
			}
		} else {
			l.wishes(&v, t)
			v.Unmanageable = t.unmanageable
		}
		part = Diff(View{Now: l.s.now, Groups: []GroupView{v}})
	}
	part.Problems = append(part.Problems, t.doubts...)
	l.s.add(part, v, proof)
	return l.s.flush(ctx, 512)
}

// proof is what a listing settled: entries that moved, entries seen, and
// memberships that are over.
type proof struct {
	moved, seen []keep
	over        []closed
	reading     *Reading
	listing     *Listing
	kept        bool         // it is one of an earlier run
	gone        []Membership // noticed foreign members that left
}

// view reads one group. swept members were taken out in this run.
func (l *looker) view(ctx context.Context, t *target, swept int) (GroupView, proof, error) {
	v := GroupView{
		Group: t.group, Name: t.name, Rules: t.rules, Unmanageable: t.unmanageable,
		GrantsUnread: l.s.grantsErr != nil || t.unplaced || t.uncertain, Uncertain: t.uncertain,
	}
	l.s.stamp(t.group)
	page, err := l.s.r.book.Page(ctx, t.group)
	if err != nil {
		return v, proof{}, fmt.Errorf("read the ledger of %s/%s: %w", t.group.Directory, t.name, err)
	}
	v.Owned, v.Noticed = page.Owned, page.Noticed
	l.wishes(&v, t)
	v.Grace = GraceOf(l.conn)
	_, v.Expirer = l.conn.(Expirer)
	fresh, unread, err := l.list(ctx, &v, t.anew)
	switch {
	case err != nil:
		return v, proof{}, fmt.Errorf("read the last listing of %s/%s: %w", t.group.Directory, t.name, err)
	case unread != nil:
		v.Members = nil
		v.Trust, v.Note = untrusted(unread)
		return v, proof{}, nil
	}
	if fresh && !t.back {
		l.expiries(ctx, &v)
	}
	settling := v.layWrites()
	v.Trust, v.Lost, v.Note = judge(page.Reading, page.Owned, len(v.Members), swept, t.rules.Limits.RemoveFree, v.Read, v.Grace)
	p := proof{kept: !fresh}
	v.Owned, p.moved = adopt(v.Owned, v.Members, v.Standing)
	// The directory took the removal, and the listing lacks the member: that a
	// few others are missing as well is no reason to doubt these two witnesses.
	sure := v.Trust == Trusted || v.Lost <= t.rules.Limits.RemoveFree
	v.Owned, p.seen, p.over = observe(&v, sure, latest(l.s.now, v.Read))
	if v.Trust == Trusted {
		if page.Reading == nil || page.Reading.Members != len(v.Members) || page.Reading.Name != t.name {
			p.reading = &Reading{t.group, t.name, len(v.Members), l.s.now}
		}
		// One listing may be wrong and look right. The second that says the same
		// is kept.
		same := page.Reading != nil && page.Reading.Members == len(v.Members)
		if fresh && same && !settling && l.told.keeps(t.group.ID, v.Read) {
			p.listing = &Listing{t.group, v.Read, v.Members}
		}
	}
	if sure {
		p.gone = left(v.Noticed, v.Members, t.group)
	}
	return v, p, nil
}

// list puts the group's members into the view: those of an earlier listing
// that still holds, unless it is to be anew, or fresh ones. It tells why the
// directory did not list them (unread); an error is the ledger's.
func (l *looker) list(ctx context.Context, v *GroupView, anew bool) (fresh bool, unread, err error) {
	if !anew && l.told.holds(v.Group.ID) {
		kept, err := l.s.r.book.Listing(ctx, v.Group)
		if err != nil {
			return false, nil, err
		}
		if kept != nil {
			v.Read, v.Members = kept.Read, kept.Members
			return false, nil, nil
		}
	}
	v.Read = l.s.r.now()
	unread = l.call(func() (err error) {
		v.Members, err = l.conn.Members(ctx, v.Group.ID)
		return err
	})
	if !slices.IsSortedFunc(v.Members, compareMembers) {
		SortMembers(v.Members)
	}
	return true, unread, nil
}

// needsFresh reports whether the plan holds anything that must not rest on
// what an earlier run read: all but the agreed end of what is ours. Whose a
// membership is that is added, and who is a stranger, is decided by how things
// are now.
func (p Plan) needsFresh() bool {
	return slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Op != Remove || !c.Why.Agreed() })
}

func untrusted(err error) (Trust, string) {
	switch {
	case quiet(err):
		return Unread, ""
	case KindOf(err) == NotFound:
		return Gone, err.Error()
	}
	return Unread, err.Error()
}

// left returns the noticed members that are no longer listed.
func left(noticed map[MemberID]time.Time, members []Member, g Group) []Membership {
	var out []Membership
	for id := range noticed {
		if _, found := slices.BinarySearchFunc(members, id, func(m Member, id MemberID) int { return cmp.Compare(m.ID, id) }); !found {
			out = append(out, Membership{g, id})
		}
	}
	slices.SortFunc(out, func(a, b Membership) int { return cmp.Compare(a.Member, b.Member) })
	return out
}

// wishes puts the group's grants into the view: those in force with their
// accounts, those that are over with their ends.
func (l *looker) wishes(v *GroupView, t *target) {
	v.Wishes, v.Unsure, t.doubts = nil, false, nil
	for _, g := range t.grants {
		switch {
		case g.When.Active(l.s.now):
			res := l.account(t, g.Person)
			w := Wish{Grant: g, Member: res.Member, Err: res.Err}
			if w.Err != nil {
				w.Member = Member{} // a disabled account is known, and not to be used
			}
			v.Wishes = append(v.Wishes, w)
		case g.When.Ended(l.s.now):
			if v.Ended == nil {
				v.Ended = make(map[GrantID]time.Time)
			}
			v.Ended[g.ID] = g.When.Until
		}
	}
	v.Stray = l.s.stray
	for id, end := range l.s.ended {
		if v.Ended == nil {
			v.Ended = make(map[GrantID]time.Time)
		}
		v.Ended[id] = end
	}
	sortWishes(v.Wishes)
	v.Standing = l.members(v, t, t.rules.Standing)
	v.Protected = l.members(v, t, t.rules.Protect)
}

// members returns the accounts behind a list of the group's rules. A disabled
// account is on it like any other.
func (l *looker) members(v *GroupView, t *target, ps []Person) map[MemberID]bool {
	if len(ps) == 0 {
		return nil
	}
	ms := make(map[MemberID]bool, len(ps))
	for _, p := range ps {
		res := l.account(t, p)
		switch kind := KindOf(res.Err); {
		case res.Err == nil, kind == Disabled && res.Member.ID != "":
			ms[res.Member.ID] = true
		default: // also one who is not found: a slip of the pen must not cost somebody the protection
			v.Unsure = true
			l.unsure(v, t, p, res.Err)
		}
	}
	return ms
}

// unsure says why nobody is swept out of an exclusive group.
func (l *looker) unsure(v *GroupView, t *target, p Person, err error) {
	if v.Rules.Foreign != ForeignRemove || quiet(err) {
		return
	}
	t.doubts = append(t.doubts, Problem{
		Kind: problemOf(err), Directory: l.d, Group: v.Name, Person: p,
		Message: err.Error() + "; it is on the group's standing or protect list, and until its account is certain nobody is swept out",
	})
}
