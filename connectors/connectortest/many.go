package connectortest

import (
	"github.com/daypass-dev/daypass/engine"
)

// manyAtOnce wants the effect of each member, in the order given, whatever the
// directory thinks of the whole.
func manyAtOnce(c *check) {
	ms := c.accounts(4)
	changer := c.Connector.(engine.Changer)
	c.Put(c.People[0])
	c.Put(c.People[1])
	c.wantMembers(ms[0], ms[1])
	added, removed := changer.Change(c.ctx, c.Group,
		[]engine.Member{c.noAccount(), ms[2], ms[0]},
		[]engine.Member{ms[3], ms[1], c.noAccount()})
	c.wantEffects("Change, added", added, "refused", "changed", "as it was")
	c.wantEffects("Change, removed", removed, "as it was", "changed", "as it was")
	c.wantMembers(ms[0], ms[2])

	added, removed = changer.Change(c.ctx, c.Group, []engine.Member{ms[3], ms[1]}, []engine.Member{ms[2], ms[0]})
	c.wantEffects("Change of all, added", added, "changed", "changed")
	c.wantEffects("Change of all, removed", removed, "changed", "changed")
	c.wantMembers(ms[1], ms[3])

	added, removed = changer.Change(c.ctx, c.Group, nil, []engine.Member{ms[3], ms[1]})
	c.wantEffects("Change that empties, added", added)
	c.wantEffects("Change that empties, removed", removed, "changed", "changed")
	c.wantMembers()
}

func (c *check) wantEffects(call string, got []engine.Effect, want ...string) {
	c.Helper()
	if len(got) != len(want) {
		c.Errorf("%s: got %d effects, want %d", call, len(got), len(want))
		return
	}
	for i, e := range got {
		if s := effect(e); s != want[i] {
			c.Errorf("%s, effect %d: got %s (changed %t, error %v), want %s", call, i, s, e.Changed, e.Err, want[i])
		}
		if e.Err != nil {
			c.wantForm(call, e.Err)
		}
	}
}

func effect(e engine.Effect) string {
	switch {
	case e.Err == nil && e.Changed:
		return "changed"
	case e.Err == nil:
		return "as it was"
	case !e.Changed && engine.KindOf(e.Err).Refusal():
		return "refused"
	}
	return "unknown"
}

// manyRefused wants the refusal of a whole to be told for each member.
func manyRefused(c *check) {
	ms := c.accounts(2)
	added, removed := c.Connector.(engine.Changer).Change(c.ctx, c.noGroup(), ms[:1], ms[1:])
	c.wantEffects("Change of an unknown group, added", added, "refused")
	c.wantEffects("Change of an unknown group, removed", removed, "refused")
	for _, e := range append(added, removed...) {
		c.wantKind("Change of an unknown group", e.Err, engine.NotFound)
	}
	added, removed = c.Connector.(engine.Changer).Change(c.ctx, c.Group, nil, nil)
	c.wantEffects("Change of nobody, added", added)
	c.wantEffects("Change of nobody, removed", removed)
}
