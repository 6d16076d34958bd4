package engine

import (
	"fmt"
	"strings"
	"time"
)

// judge says what a whole listing of n members may be used for, against the
// last trusted one. Members that daypass itself took out since are not
// missed, nor are the swept ones of this run.
//
// A listing is doubtful when it is empty where the group was not, or when more
// than half of the members are missing, a few apart.
func judge(last *Reading, owned []Owned, n, swept, free int, read time.Time, grace time.Duration) (t Trust, missing int, note string) {
	if last == nil {
		return Trusted, 0, ""
	}
	expected := last.Members - swept
	for i := range owned {
		o := &owned[i]
		counted := !o.Wrote.IsZero() && o.Wrote.Before(last.At) // the last listing showed what was written
		switch {
		case o.State == Removing, o.State == Removed && !counted:
			expected--
		case o.State == Added && o.settling(read, grace): // laid over: it is no witness
			n--
			if counted {
				expected--
			}
		case o.State == Added && o.lapsed(read) && !o.Wrote.After(last.At): // the directory was to end it since
			expected--
		}
	}
	missing = expected - n
	switch {
	case missing <= 0:
		return Trusted, 0, ""
	case n <= 0:
		return Doubtful, missing, fmt.Sprintf("reads as empty where it had %d members", expected)
	case missing > free && missing*2 > expected:
		return Doubtful, missing, fmt.Sprintf("reads as %d members where it had %d", n, expected)
	}
	return Trusted, 0, ""
}

// adopt follows memberships of ours whose member is listed under another ID: a
// ghost, left by a deleted account, or a new account under the old name. The
// value in the directory is the one that we added, and it was never seen to
// leave, so it stays ours, whoever it leads to by now; only a permanent member
// keeps it. It returns the entries in order, and what moved.
func adopt(owned []Owned, members []Member, standing map[MemberID]bool) ([]Owned, []keep) {
	lost := missingRefs(owned, members)
	if len(lost) == 0 {
		return owned, nil
	}
	free := unclaimed(owned, members)
	var moved []keep
	out := make([]Owned, len(owned))
	copy(out, owned)
	for _, i := range lost {
		m, ok := free[strings.ToLower(out[i].Member.Ref)]
		if !ok { // not listed since it was added: some groups write logins
			m, ok = free[strings.ToLower(out[i].Member.Login)]
			ok = ok && m.Ghost()
		}
		if !ok || standing[m.ID] {
			continue
		}
		after := out[i]
		after.Member = m
		moved = append(moved, keep{out[i], after})
		out[i] = after
		delete(free, strings.ToLower(m.Ref))
	}
	sortOwned(out)
	return out, moved
}

// missingRefs returns the entries that have a Ref and are not listed by ID.
func missingRefs(owned []Owned, members []Member) []int {
	var lost []int
	for i := range owned {
		for len(members) > 0 && members[0].ID < owned[i].Member.ID {
			members = members[1:]
		}
		if owned[i].Member.Ref != "" && (len(members) == 0 || members[0].ID != owned[i].Member.ID) {
			lost = append(lost, i)
		}
	}
	return lost
}

// unclaimed returns the listed members without an entry of ours, by Ref.
func unclaimed(owned []Owned, members []Member) map[string]Member {
	free := make(map[string]Member)
	for _, m := range members {
		for len(owned) > 0 && owned[0].Member.ID < m.ID {
			owned = owned[1:]
		}
		if m.Ref != "" && (len(owned) == 0 || owned[0].Member.ID != m.ID) {
			free[strings.ToLower(m.Ref)] = m
		}
	}
	return free
}

// observe settles what a listing proves: an intended add that is there is
// ours, and a member is gone whose removal the directory took. A removal that
// was never answered is not settled by absence alone: it is sent again. With
// sure unset, the listing proves presence only; about what is settling it
// proves nothing. Both lists of the view are sorted by member.
func observe(v *GroupView, sure bool, now time.Time) (after []Owned, seen []keep, over []closed) {
	owned, members := v.Owned, v.Members
	after = owned
	copied := false
	own := func() {
		if !copied {
			after, copied = append([]Owned(nil), owned...), true
		}
	}
	drop := make([]int, 0)
	for i := range owned {
		o := owned[i]
		for len(members) > 0 && members[0].ID < o.Member.ID {
			members = members[1:]
		}
		present := len(members) > 0 && members[0].ID == o.Member.ID
		switch {
		case o.settling(v.Read, v.Grace):
		case present && (o.State == Adding || o.State == Added && o.Confirmed.IsZero()):
			own()
			after[i].State, after[i].Confirmed = Added, now
			seen = append(seen, keep{o, after[i]})
		case !present && sure && o.State == Removed:
			drop = append(drop, i)
			over = append(over, closed{o.past(now), !o.Expires.IsZero() && o.Gone.Equal(o.Expires)})
		}
	}
	if len(drop) == 0 {
		return after, seen, over
	}
	own()
	for n := len(drop) - 1; n >= 0; n-- {
		after = append(after[:drop[n]], after[drop[n]+1:]...)
	}
	return after, seen, over
}

// layWrites makes the view's listing show what was written so shortly before
// it that it may not show it yet. It reports whether there was any.
func (v *GroupView) layWrites() (any bool) {
	for i := range v.Owned {
		if o := &v.Owned[i]; o.settling(v.Read, v.Grace) {
			v.Members = lay(v.Members, o.Member, o.Member.ID, o.State == Added)
			any = true
		}
	}
	return any
}

// closed is a membership that a reading showed to be over, and whether it was
// the directory that ended it.
type closed struct {
	Past
	lapsed bool
}

// event tells that the reading proved the end.
func (c closed) event(run RunID) Event {
	e := c.Past.event(run)
	if c.lapsed {
		e.Reason = "ended by the directory"
	}
	return e
}

// past closes o: a reading at now shows that the membership is over.
func (o Owned) past(now time.Time) Past {
	why := Ends
	if o.Due.IsZero() {
		why = Withdrawn
	}
	return Past{
		Group: o.Group, GroupName: o.GroupName, Member: o.Member, Person: o.Person, Anchors: o.Anchors,
		Added: o.Since, Due: o.Due, Removed: o.Gone, Confirmed: now, Why: why,
	}
}
