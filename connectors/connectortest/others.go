package connectortest

import (
	"github.com/daypass-dev/daypass/engine"
)

// standingStays wants whoever was there before us to stay, and the answer that
// we did not add them.
func standingStays(c *check) {
	ms := c.accounts(3)
	c.Put(c.People[0])
	c.wantMembers(ms[0])
	c.add(ms[0], false)
	c.add(ms[1], true)
	c.remove(ms[1], true)
	c.remove(ms[2], false)
	c.wantMembers(ms[0])
}

// othersStay wants changes that somebody else makes between ours to stay. It
// catches a connector that reads a group, edits the list and writes it back.
func othersStay(c *check) {
	ms := c.accounts(4)
	c.Put(c.People[0])
	c.wantMembers(ms[0]) // now the connector has seen the group
	c.Put(c.People[1])
	c.add(ms[2], true)
	c.wantMembers(ms[0], ms[1], ms[2])
	c.Take(c.People[0])
	c.add(ms[3], true)
	c.wantMembers(ms[1], ms[2], ms[3])
	c.Put(c.People[0])
	c.remove(ms[2], true)
	c.wantMembers(ms[0], ms[1], ms[3])
	c.Take(c.People[3])
	c.remove(ms[3], false) // somebody else was first
	c.Put(c.People[3])
	c.add(ms[3], false)
	c.wantMembers(ms[0], ms[1], ms[3])
}

// nestedGroupsStay wants a group within the group to be listed as one, and to
// be left where it is.
func nestedGroupsStay(c *check) {
	c.Nest()
	listed := c.members()
	if len(listed) != 1 || listed[0].Kind != engine.GroupMember {
		c.Fatalf("Members of a group that holds a group: got %+v, want one member of kind %q", listed, engine.GroupMember)
	}
	nested := listed[0]
	ms := c.accounts(2)
	c.add(ms[0], true)
	c.add(ms[1], true)
	c.wantMembers(nested, ms[0], ms[1])
	c.remove(ms[0], true)
	c.remove(ms[1], true)
	if got := find(c.members(), nested.ID); !same(got, nested) {
		c.Errorf("Members after changes: got %+v for the nested group, want %+v", got, nested)
	}
}

// renamedAccount wants the ID to outlive the login.
func renamedAccount(c *check) {
	ms := c.accounts(2)
	c.add(ms[0], true)
	login := "renamed-" + ms[0].Login
	c.Rename(c.People[0], login)
	now := c.account(c.People[0])
	if now.ID != ms[0].ID || now.Login != login {
		c.Errorf("Resolve after renaming: got %+v, want id %q and login %q", now, ms[0].ID, login)
	}
	if got := find(c.members(), ms[0].ID); !same(got, now) {
		c.Errorf("Members after renaming: got %+v, want %+v as from Resolve", got, now)
	}
	c.add(ms[0], false) // as it was known before
	c.remove(ms[0], true)
	c.wantMembers()
	c.add(ms[0], true)
	c.wantMembers(now)
}

// staleRef wants nobody to be taken for the person who had the login before.
func staleRef(c *check) {
	ms := c.accounts(2)
	c.Rename(c.People[0], "moved-"+ms[0].Login)
	c.Rename(c.People[1], ms[0].Login)
	c.Put(c.People[1])
	c.remove(ms[0], false) // the Ref that we hold now leads to somebody else
	c.wantMembers(ms[1])
	c.add(ms[0], true)
	c.wantMembers(ms[0], ms[1])
	c.remove(ms[0], true)
	c.wantMembers(ms[1])
}

// deletedAccount wants what a deletion leaves behind to be listed as a ghost
// or not at all, and to be removable.
func deletedAccount(c *check) {
	ms := c.accounts(2)
	c.add(ms[0], true)
	c.add(ms[1], true)
	c.Delete(c.People[0])
	_, err := c.Connector.Resolve(c.ctx, c.People[0])
	c.wantKind("Resolve of a deleted account", err, engine.NotFound)
	for _, m := range c.members() {
		switch {
		case m.ID == ms[1].ID:
		case m.Ghost():
			c.remove(m, true)
			c.remove(m, false)
		default:
			c.Errorf("Members after a deletion: got %+v, want a ghost or nothing", m)
		}
	}
	c.wantMembers(ms[1])
	c.remove(ms[0], false)
	c.remove(ms[1], true)
	c.wantMembers()
}
