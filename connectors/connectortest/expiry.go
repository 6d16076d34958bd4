package connectortest

import (
	"context"
	"fmt"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// exact is how much later than asked an end may be: a directory rounds up to
// what it can hold.
const exact = 2 * time.Second

func (c *check) expirer() engine.Expirer { return c.Connector.(engine.Expirer) }

// now is the directory's own time.
func (c *check) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// in returns the instant that is so many terms ahead, on no whole second.
func (c *check) in(terms int) time.Time {
	term := c.Term
	if term == 0 {
		term = time.Hour
	}
	return c.now().Add(time.Duration(terms)*term + 123456789*time.Nanosecond)
}

// wantEnd wants an end that is the one asked for.
func (c *check) wantEnd(call string, got, until time.Time) {
	c.Helper()
	if late := got.Sub(until); late < 0 || late > exact {
		c.Errorf("%s: got the end %s, which is %s after %s, want it there or at most %s later", call, got, late, until, exact)
	}
}

// addUntil adds m to Group until then, and returns the end.
func (c *check) addUntil(m engine.Member, until time.Time) time.Time {
	c.Helper()
	changed, end, err := c.expirer().AddUntil(c.ctx, c.Group, m, until)
	if err != nil || !changed {
		c.Fatalf("AddUntil(%s, %s): got changed %t and error %v, want changed true and no error", m.Login, until, changed, err)
	}
	c.wantEnd(fmt.Sprintf("AddUntil(%s)", m.Login), end, until)
	return end
}

// expire moves the end of m, and returns where it is.
func (c *check) expire(m engine.Member, until time.Time) time.Time {
	c.Helper()
	end, err := c.expirer().Expire(c.ctx, c.Group, m, until)
	if err != nil {
		c.Fatalf("Expire(%s, %s): got error %v, want none", m.Login, until, err)
	}
	c.wantEnd(fmt.Sprintf("Expire(%s)", m.Login), end, until)
	return end
}

// wantEnds wants the directory to know exactly these ends.
func (c *check) wantEnds(want map[engine.MemberID]time.Time) {
	c.Helper()
	got, err := c.expirer().Expiries(c.ctx, c.Group)
	if err != nil {
		c.Fatalf("Expiries: got error %v, want none", err)
	}
	for id, end := range got {
		if _, ok := want[id]; !ok {
			c.Errorf("Expiries: got the end %s of %s, want none", end, id)
		}
	}
	for id, end := range want {
		if has, ok := got[id]; !ok || has.Sub(end).Abs() > exact {
			c.Errorf("Expiries: got the end %s of %s, want %s", has, id, end)
		}
	}
}

// pass lets the directory's clock pass an end.
func (c *check) pass(end time.Time) { c.Pass(max(0, end.Sub(c.now())) + exact) }

// addUntil wants a membership with an end that can be read back, and nothing
// else to get one.
func addUntil(c *check) {
	ms := c.accounts(3)
	c.wantEnds(nil)
	first := c.addUntil(ms[0], c.in(2))
	c.wantMembers(ms[0])
	c.wantEnds(map[engine.MemberID]time.Time{ms[0].ID: first})
	c.add(ms[1], true)
	second := c.addUntil(ms[2], c.in(3))
	c.wantMembers(ms...)
	c.wantEnds(map[engine.MemberID]time.Time{ms[0].ID: first, ms[2].ID: second})
}

// addUntilPresent wants a member who is there to stay as they are: an end must
// not be given to a membership that somebody else made.
func addUntilPresent(c *check) {
	ms := c.accounts(2)
	if c.Put != nil {
		c.Put(c.People[0])
	} else {
		c.add(ms[0], true)
	}
	end := c.addUntil(ms[1], c.in(2))
	for _, m := range ms {
		changed, got, err := c.expirer().AddUntil(c.ctx, c.Group, m, c.in(4))
		if changed || !got.IsZero() || err != nil {
			c.Errorf("AddUntil of the member %s: got changed %t, end %s and error %v, want false, none and none", m.Login, changed, got, err)
		}
	}
	c.wantMembers(ms...)
	c.wantEnds(map[engine.MemberID]time.Time{ms[1].ID: end})
}

// endsByItself wants the directory to end what it said it would, nothing else,
// and to be as before afterwards.
func endsByItself(c *check) {
	ms := c.accounts(3)
	c.add(ms[0], true)
	end := c.addUntil(ms[1], c.in(1))
	later := c.addUntil(ms[2], c.in(9))
	c.wantMembers(ms...)
	c.pass(end)
	c.wantMembers(ms[0], ms[2])
	c.wantEnds(map[engine.MemberID]time.Time{ms[2].ID: later})
	c.remove(ms[1], false)
	again := c.addUntil(ms[1], c.in(1))
	c.wantMembers(ms...)
	c.pass(again)
	c.wantMembers(ms[0], ms[2])
	c.add(ms[1], true)
	c.wantMembers(ms...)
	c.wantEnds(map[engine.MemberID]time.Time{ms[2].ID: later})
}

// movedEnd wants an end to move both ways, and the membership to be there all
// the time.
func movedEnd(c *check) {
	ms := c.accounts(2)
	first := c.addUntil(ms[0], c.in(2))
	still := c.addUntil(ms[1], c.in(9))
	end := c.expire(ms[0], c.in(6))
	c.wantMembers(ms...)
	c.wantEnds(map[engine.MemberID]time.Time{ms[0].ID: end, ms[1].ID: still})
	if c.Pass != nil {
		c.pass(first)
		c.wantMembers(ms...)
	}
	end = c.expire(ms[0], c.in(1))
	c.wantMembers(ms...)
	c.wantEnds(map[engine.MemberID]time.Time{ms[0].ID: end, ms[1].ID: still})
	if c.Pass != nil {
		c.pass(end)
		c.wantMembers(ms[1])
	}
}

// expireMissing wants nobody to be added by moving an end, and a group that is
// not there to be told.
func expireMissing(c *check) {
	ms := c.accounts(2)
	until := c.in(2)
	c.addUntil(ms[0], until)
	_, err := c.expirer().Expire(c.ctx, c.Group, ms[1], until)
	c.wantKind("Expire of one who is not a member", err, engine.NotFound)
	c.wantMembers(ms[0])
	_, err = c.expirer().Expire(c.ctx, c.noGroup(), ms[0], until)
	c.wantKind("Expire in an unknown group", err, engine.NotFound)
	_, _, err = c.expirer().AddUntil(c.ctx, c.noGroup(), ms[0], until)
	c.wantKind("AddUntil in an unknown group", err, engine.NotFound)
	changed, _, err := c.expirer().AddUntil(c.ctx, c.Group, c.noAccount(), until)
	if changed || err == nil || !engine.KindOf(err).Refusal() {
		c.Errorf("AddUntil of an unknown account: got changed %t and error %v, want a refusal", changed, err)
	}
}

// expirePlain wants a membership without an end to be given one, or a plain
// word that this cannot be, and no gap either way.
func expirePlain(c *check) {
	ms := c.accounts(2)
	c.add(ms[0], true)
	want := map[engine.MemberID]time.Time{ms[1].ID: c.addUntil(ms[1], c.in(9))}
	until := c.in(2)
	end, err := c.expirer().Expire(c.ctx, c.Group, ms[0], until)
	if err == nil {
		c.wantEnd("Expire of a member without an end", end, until)
		want[ms[0].ID] = end
	} else {
		c.wantKind("Expire of a member without an end", err, engine.Unsupported)
	}
	c.wantMembers(ms...)
	c.wantEnds(want)
}

// removedEnd wants an end to go with its membership, and not to take the next.
func removedEnd(c *check) {
	m := c.account(c.People[0])
	end := c.addUntil(m, c.in(2))
	c.remove(m, true)
	c.wantMembers()
	c.wantEnds(nil)
	c.add(m, true)
	c.wantEnds(nil)
	if c.Pass != nil {
		c.pass(end)
		c.wantMembers(m)
	}
	c.remove(m, true)
	later := c.addUntil(m, c.in(3))
	c.wantMembers(m)
	c.wantEnds(map[engine.MemberID]time.Time{m.ID: later})
}

// longestTerm wants a directory that allows less than is asked for to say what
// it gave.
func longestTerm(c *check) {
	ms := c.accounts(2)
	changed, end, err := c.expirer().AddUntil(c.ctx, c.Group, ms[0], c.now().Add(3*c.MaxTerm))
	most := c.now().Add(c.MaxTerm + exact)
	if err != nil || !changed || end.IsZero() || end.After(most) {
		c.Fatalf("AddUntil beyond the longest term: got changed %t, end %s and error %v, want an end that is not after %s", changed, end, err, most)
	}
	c.addUntil(ms[1], c.in(1))
	moved, err := c.expirer().Expire(c.ctx, c.Group, ms[1], c.now().Add(3*c.MaxTerm))
	if most := c.now().Add(c.MaxTerm + exact); err != nil || moved.IsZero() || moved.After(most) {
		c.Fatalf("Expire beyond the longest term: got end %s and error %v, want one that is not after %s", moved, err, most)
	}
	c.wantMembers(ms...)
	c.wantEnds(map[engine.MemberID]time.Time{ms[0].ID: end, ms[1].ID: moved})
}

// endless wants a group in which the directory ends nothing to be told, and
// nothing to change.
func endless(c *check) {
	ms := c.accounts(2)
	before := c.membersOf(c.Endless)
	changed, _, err := c.expirer().AddUntil(c.ctx, c.Endless, ms[0], c.in(2))
	c.wantKind("AddUntil in a group without ends", err, engine.Unsupported)
	c.wantMembersOf(c.Endless, before...)
	if added, err := c.Connector.Add(c.ctx, c.Endless, ms[1]); changed || !added || err != nil {
		c.Fatalf("Add in a group without ends: got changed %t and error %v, want changed true and no error", added, err)
	}
	_, err = c.expirer().Expire(c.ctx, c.Endless, ms[1], c.in(2))
	c.wantKind("Expire in a group without ends", err, engine.Unsupported)
	c.wantMembersOf(c.Endless, append(before, ms[1])...)
	if ends, err := c.expirer().Expiries(c.ctx, c.Endless); len(ends) > 0 || err != nil {
		c.Errorf("Expiries of a group without ends: got %v and error %v, want none and no error", ends, err)
	}
}

// concurrentUntil wants exactly one of many equal calls to have made the
// difference, and its end to be the one that is there.
func concurrentUntil(c *check) {
	m := c.account(c.People[0])
	until := c.in(2)
	c.wantOneOf("AddUntil", func(g engine.GroupID, m engine.Member) (bool, error) {
		changed, end, err := c.expirer().AddUntil(c.ctx, g, m, until)
		if changed == end.IsZero() {
			c.Errorf("AddUntil: got changed %t and end %s, want an end with a change and only then", changed, end)
		}
		return changed, err
	}, m)
	c.wantMembers(m)
	c.wantEnds(map[engine.MemberID]time.Time{m.ID: until})
}

// lostEnd wants no guess where an end was sent and no answer came.
func lostEnd(c *check) {
	m := c.account(c.People[0])
	until := c.in(2)
	c.Lose()
	changed, end, err := c.expirer().AddUntil(c.ctx, c.Group, m, until)
	c.wantUnknown("AddUntil with its answer lost", changed, err)
	if !end.IsZero() {
		c.Errorf("AddUntil with its answer lost: got the end %s, want none", end)
	}
	c.wantMembers(m)
	c.wantEnds(map[engine.MemberID]time.Time{m.ID: until})
	until = c.in(4)
	c.Lose()
	end, err = c.expirer().Expire(c.ctx, c.Group, m, until)
	if err == nil { // asked again, which changes nothing
		c.wantEnd("Expire with its answer lost", end, until)
	} else {
		c.wantUnknown("Expire with its answer lost", false, err)
	}
	c.wantMembers(m)
	c.wantEnds(map[engine.MemberID]time.Time{m.ID: until})
}

// ends lists the methods of an Expirer, on a group that holds member with the
// end and not newcomer.
func (c *check) ends(member, newcomer engine.Member, end time.Time) []call {
	x := c.expirer()
	return []call{
		{"AddUntil", func(ctx context.Context) error {
			changed, got, err := x.AddUntil(ctx, c.Group, newcomer, end)
			c.wantRight("AddUntil", err, changed && got.Sub(end).Abs() <= exact)
			return err
		}},
		{"Expire", func(ctx context.Context) error {
			got, err := x.Expire(ctx, c.Group, member, end)
			c.wantRight("Expire", err, got.Sub(end).Abs() <= exact)
			return err
		}},
		{"Expiries", func(ctx context.Context) error {
			got, err := x.Expiries(ctx, c.Group)
			c.wantRight("Expiries", err, len(got) == 1 && got[member.ID].Sub(end).Abs() <= exact)
			return err
		}},
	}
}

// expiryErrors wants each kind of failure to come out as itself.
func expiryErrors(c *check) {
	ms := c.accounts(2)
	end := c.addUntil(ms[0], c.in(5))
	for _, k := range c.kinds() {
		for _, call := range c.ends(ms[0], ms[1], end) {
			c.Fail(1, k)
			err := call.do(c.ctx)
			if passes := k == engine.Throttled || k == engine.Unavailable; err != nil || !passes {
				c.wantKind(fmt.Sprintf("%s with the fault %s", call.name, k), err, k)
			}
			if _, err := c.Connector.Remove(c.ctx, c.Group, ms[1]); err != nil {
				c.Fatalf("Remove after a fault: got error %v, want none", err)
			}
			c.wantMembers(ms[0])
		}
	}
	c.wantEnds(map[engine.MemberID]time.Time{ms[0].ID: end})
}

// expiryCancelled wants a context that had ended to be an error, and no change.
func expiryCancelled(c *check) {
	ms := c.accounts(2)
	end := c.addUntil(ms[0], c.in(5))
	ended, cancel := context.WithCancel(c.ctx)
	cancel()
	for _, call := range c.ends(ms[0], ms[1], end) {
		c.returns(call.name, func() { c.wantEnded(call.name, call.do(ended)) })
	}
	c.wantMembers(ms[0])
	c.wantEnds(map[engine.MemberID]time.Time{ms[0].ID: end})
}
