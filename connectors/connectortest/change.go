package connectortest

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/daypass-dev/daypass/engine"
)

// addRemove wants both to take effect, on the one member only, and the listing
// to show the account as Resolve does.
func addRemove(c *check) {
	ms := c.accounts(3)
	c.add(ms[0], true)
	c.wantMembers(ms[0])
	if got := find(c.members(), ms[0].ID); !same(got, ms[0]) {
		c.Errorf("Members: got %+v, want %+v as from Resolve", got, ms[0])
	}
	c.add(ms[1], true)
	c.add(ms[2], true)
	c.wantMembers(ms...)
	c.remove(ms[1], true)
	c.wantMembers(ms[0], ms[2])
	for _, g := range c.MoreGroups {
		c.wantMembersOf(g)
	}
}

// truth wants the directory itself to agree, not a cache.
func truth(c *check) {
	p := c.People[0]
	m := c.account(p)
	c.add(m, true)
	if !c.Has(p) {
		c.Errorf("after Add(%s): got no member in the directory itself, want one", p)
	}
	c.remove(m, true)
	if c.Has(p) {
		c.Errorf("after Remove(%s): got the member in the directory itself, want none", p)
	}
}

// twiceIsOnce wants changed to be true only for the call that made the
// difference: it decides whose a membership is.
func twiceIsOnce(c *check) {
	ms := c.accounts(2)
	c.remove(ms[0], false)
	c.add(ms[0], true)
	c.add(ms[0], false)
	c.wantMembers(ms[0])
	c.add(ms[1], true)
	c.remove(ms[0], true)
	c.remove(ms[0], false)
	c.wantMembers(ms[1])
}

// fromTheLedger wants a member to be usable after it was stored: its Ref is
// not stored with it.
func fromTheLedger(c *check) {
	var stored engine.Member
	text, err := json.Marshal(c.account(c.People[0]))
	if err == nil {
		err = json.Unmarshal(text, &stored)
	}
	if err != nil {
		c.Fatalf("member through JSON: got error %v, want none", err)
	}
	c.add(stored, true)
	c.add(stored, false)
	c.wantMembers(stored)
	c.remove(stored, true)
	c.remove(stored, false)
	c.wantMembers()
}

// unknownAccount wants an add refused and a removal found to be done: who has
// no account is in no group.
func unknownAccount(c *check) {
	there := c.account(c.People[0])
	c.add(there, true)
	changed, err := c.Connector.Add(c.ctx, c.Group, c.noAccount())
	if changed || err == nil || !engine.KindOf(err).Refusal() {
		c.Errorf("Add of an unknown account: got changed %t and error %v, want a refusal", changed, err)
	}
	c.remove(c.noAccount(), false)
	c.wantMembers(there)
}

// lastMember wants a group to become empty and to be filled again, also where
// the directory cannot have empty groups.
func lastMember(c *check) {
	ms := c.accounts(2)
	for range 2 {
		c.add(ms[0], true)
		c.remove(ms[0], true)
		c.wantMembers()
	}
	c.remove(ms[0], false)
	c.add(ms[1], true)
	c.wantMembers(ms[1])
}

func sortedUnique(c *check) {
	ms := c.accounts(len(c.People))
	slices.SortFunc(ms, func(a, b engine.Member) int { return cmp.Compare(b.ID, a.ID) })
	for _, m := range ms { // against the order of the listing
		c.add(m, true)
	}
	c.wantSorted(c.members())
	c.wantMembers(ms...)
}

func (c *check) wantSorted(ms []engine.Member) {
	c.Helper()
	for i := 1; i < len(ms); i++ {
		if ms[i-1].ID >= ms[i].ID {
			c.Errorf("Members: got %q before %q at %d of %d, want rising ids", ms[i-1].ID, ms[i].ID, i, len(ms))
			return
		}
	}
}

// oddNames wants people with odd names to be found, added, listed and removed
// like anybody.
func oddNames(c *check) {
	var ms []engine.Member
	for _, p := range c.Odd {
		m := c.account(p)
		c.add(m, true)
		c.add(m, false)
		ms = append(ms, m)
	}
	c.wantMembers(ms...)
	for _, m := range ms {
		if got := find(c.members(), m.ID); got.Login != m.Login {
			c.Errorf("Members: got login %q, want %q as from Resolve", got.Login, m.Login)
		}
		c.remove(m, true)
		c.remove(m, false)
	}
	c.wantMembers()
}

// unmanageableRefused wants a group that says so, and no change to it.
func unmanageableRefused(c *check) {
	g, err := c.Connector.Group(c.ctx, c.Unmanageable)
	if err != nil || g.Unmanageable == "" {
		c.Fatalf("Group(%q): got %+v and error %v, want a reason in Unmanageable", c.Unmanageable, g, err)
	}
	if free, err := c.Connector.Group(c.ctx, c.GroupName); err != nil || free.Unmanageable != "" {
		c.Errorf("Group(%q): got %+v and error %v, want no reason in Unmanageable", c.GroupName, free, err)
	}
	before := c.membersOf(g.ID)
	m := c.account(c.People[0])
	_, err = c.Connector.Add(c.ctx, g.ID, m)
	c.wantKind("Add to an unmanageable group", err, engine.Unmanageable)
	for _, there := range append(before, m) {
		_, err = c.Connector.Remove(c.ctx, g.ID, there)
		c.wantKind("Remove from an unmanageable group", err, engine.Unmanageable)
	}
	c.wantMembersOf(g.ID, before...)
}
