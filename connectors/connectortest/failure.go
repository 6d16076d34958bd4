package connectortest

import (
	"context"
	"fmt"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// call is one method, ready to be called. It reports an answer that has no
// error but is not the right one.
type call struct {
	name string
	do   func(ctx context.Context) error
}

// calls lists every method of the connector, on a group that holds member and
// not newcomer; wrong answers are reported as errors of the test.
func (c *check) calls(member, newcomer engine.Member) []call {
	return []call{
		{"Group", func(ctx context.Context) error {
			g, err := c.Connector.Group(ctx, c.GroupName)
			c.wantRight("Group", err, g.ID == c.Group)
			return err
		}},
		{"Resolve", func(ctx context.Context) error {
			m, err := c.Connector.Resolve(ctx, c.People[0])
			c.wantRight("Resolve", err, m.ID == member.ID)
			return err
		}},
		{"Members", func(ctx context.Context) error {
			ms, err := c.Connector.Members(ctx, c.Group)
			c.wantRight("Members", err, len(ms) == 1 && ms[0].ID == member.ID)
			return err
		}},
		{"Add", func(ctx context.Context) error {
			changed, err := c.Connector.Add(ctx, c.Group, newcomer)
			c.wantRight("Add", err, changed)
			return err
		}},
		{"Remove", func(ctx context.Context) error {
			changed, err := c.Connector.Remove(ctx, c.Group, member)
			c.wantRight("Remove", err, changed)
			return err
		}},
	}
}

// wantRight wants an answer without an error to be right.
func (c *check) wantRight(call string, err error, right bool) {
	c.Helper()
	if err == nil && !right {
		c.Errorf("%s under a fault: got a wrong answer and no error, want the right one or an error", call)
	}
}

// reset makes Group hold member and nobody else, after a call that may or may
// not have had an effect.
func (c *check) reset(member, newcomer engine.Member) {
	c.Helper()
	if _, err := c.Connector.Add(c.ctx, c.Group, member); err != nil {
		c.Fatalf("Add after a fault: got error %v, want none", err)
	}
	if _, err := c.Connector.Remove(c.ctx, c.Group, newcomer); err != nil {
		c.Fatalf("Remove after a fault: got error %v, want none", err)
	}
	c.wantMembers(member)
}

// kinds are those that the world can make requests fail with.
func (c *check) kinds() []engine.Kind {
	if len(c.Kinds) > 0 {
		return c.Kinds
	}
	return []engine.Kind{engine.Denied, engine.Throttled, engine.Unavailable, engine.Rejected}
}

// errorKinds wants each kind of failure to come out as itself. What passes by
// waiting or trying again may also have been passed over, with the right
// answer.
func errorKinds(c *check) {
	ms := c.accounts(2)
	c.add(ms[0], true)
	for _, k := range c.kinds() {
		for _, call := range c.calls(ms[0], ms[1]) {
			c.Fail(1, k)
			err := call.do(c.ctx)
			if passes := k == engine.Throttled || k == engine.Unavailable; err == nil && passes {
				c.reset(ms[0], ms[1])
				continue
			}
			c.wantKind(fmt.Sprintf("%s with the fault %s", call.name, k), err, k)
			if k.Refusal() {
				c.wantMembers(ms[0])
			}
			c.reset(ms[0], ms[1])
		}
	}
}

// lostAnswer wants no guess where a change was sent and no answer came.
func lostAnswer(c *check) {
	m := c.account(c.People[0])
	c.Lose()
	changed, err := c.Connector.Add(c.ctx, c.Group, m)
	c.wantUnknown("Add with its answer lost", changed, err)
	c.wantMembers(m)
	c.add(m, false)
	c.Lose()
	changed, err = c.Connector.Remove(c.ctx, c.Group, m)
	c.wantUnknown("Remove with its answer lost", changed, err)
	c.wantMembers()
	c.remove(m, false)
}

func (c *check) wantUnknown(call string, changed bool, err error) {
	c.Helper()
	if changed || err == nil || engine.KindOf(err).Refusal() {
		c.Errorf("%s: got changed %t and error %v, want false and an error that is no refusal", call, changed, err)
		return
	}
	c.wantForm(call, err)
}

// cancelled wants a context that had ended to be an error, and no change.
func cancelled(c *check) {
	ms := c.accounts(2)
	c.add(ms[0], true)
	ended, cancel := context.WithCancel(c.ctx)
	cancel()
	for _, call := range c.calls(ms[0], ms[1]) {
		c.returns(call.name, func() { c.wantEnded(call.name, call.do(ended)) })
	}
	c.returns("the optional powers", func() { c.cancelledPowers(ended, ms[0], ms[1]) })
	c.wantMembers(ms[0])
}

func (c *check) cancelledPowers(ended context.Context, member, newcomer engine.Member) {
	if bulk, ok := c.Connector.(engine.BulkResolver); ok {
		answers, err := bulk.ResolveAll(ended, c.People)
		if err == nil && len(answers) == len(c.People) {
			err = answers[0].Err
		}
		c.wantEnded("ResolveAll", err)
	}
	if changer, ok := c.Connector.(engine.Changer); ok {
		added, removed := changer.Change(ended, c.Group, []engine.Member{newcomer}, []engine.Member{member})
		for _, e := range append(added, removed...) {
			c.wantEnded("Change", e.Err)
		}
		if len(added) != 1 || len(removed) != 1 {
			c.Errorf("Change with an ended context: got %d and %d effects, want 1 and 1", len(added), len(removed))
		}
	}
	if finder, ok := c.Connector.(engine.BulkFinder); ok {
		found, err := finder.FindAll(ended, []string{c.GroupName, string(c.Group)})
		if err == nil && len(found) == 2 {
			err = found[0].Err
		}
		c.wantEnded("FindAll", err)
	}
	if marker, ok := c.Connector.(engine.Marker); ok {
		_, err := marker.Changed(ended, "")
		c.wantEnded("Changed", err)
	}
	if describer, ok := c.Connector.(engine.Describer); ok {
		_, err := describer.Describe(ended, c.People[0])
		c.wantEnded("Describe", err)
	}
	if lister, ok := c.Connector.(engine.Lister); ok {
		var last error
		for _, err := range lister.Groups(ended) {
			last = err
		}
		c.wantEnded("Groups", last)
	}
}

// cancelledMidway wants a call that is waiting for the directory to come back
// when its context ends, and the connector to work afterwards.
func cancelledMidway(c *check) {
	ms := c.accounts(2)
	c.add(ms[0], true)
	for _, call := range c.calls(ms[0], ms[1]) {
		lift := c.Stall()
		ctx, cancel := context.WithTimeout(c.ctx, 20*time.Millisecond)
		c.returns(call.name, func() { c.wantEnded(call.name, call.do(ctx)) })
		cancel()
		lift() // on a busy machine nothing may have been sent yet
		c.reset(ms[0], ms[1])
	}
}
