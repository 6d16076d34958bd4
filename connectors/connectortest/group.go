package connectortest

import (
	"github.com/daypass-dev/daypass/engine"
)

// wantGroup looks a group up and wants an id and a name.
func (c *check) wantGroup(by string, id engine.GroupID, name string) {
	c.Helper()
	got, err := c.Connector.Group(c.ctx, by)
	if err != nil || got.ID != id || got.Name != name {
		c.Errorf("Group(%q): got %+v and error %v, want id %q, name %q and no error", by, got, err, id, name)
	}
}

func groupByNameAndID(c *check) {
	c.wantGroup(c.GroupName, c.Group, c.GroupName)
	c.wantGroup(string(c.Group), c.Group, c.GroupName)
}

// oddGroupNames wants names to be values: nothing in them is a wildcard, a
// separator or a comment.
func oddGroupNames(c *check) {
	seen := map[engine.GroupID]string{}
	for _, name := range c.OddGroups {
		g, err := c.Connector.Group(c.ctx, name)
		if err != nil || g.Name != name {
			c.Errorf("Group(%q): got %+v and error %v, want a group of this name", name, g, err)
			continue
		}
		if other, twice := seen[g.ID]; twice {
			c.Errorf("Group(%q): got the group that %q gave, want another", name, other)
		}
		seen[g.ID] = name
		c.wantGroup(string(g.ID), g.ID, name)
	}
	_, err := c.Connector.Group(c.ctx, "*")
	c.wantKind(`Group("*")`, err, engine.NotFound)
}

func unknownGroup(c *check) {
	m := c.account(c.People[0])
	_, err := c.Connector.Group(c.ctx, "no-such-group-here")
	c.wantKind("Group of an unknown name", err, engine.NotFound)
	_, err = c.Connector.Group(c.ctx, string(c.noGroup()))
	c.wantKind("Group of an unknown id", err, engine.NotFound)
	c.wantNoGroup(c.noGroup(), m)
}

// wantNoGroup wants every call about a group that is not there to say so. A
// removal must not say "absent already": the engine tells the two apart.
func (c *check) wantNoGroup(g engine.GroupID, m engine.Member) {
	c.Helper()
	ms, err := c.Connector.Members(c.ctx, g)
	c.wantKind("Members of an unknown group", err, engine.NotFound)
	if len(ms) > 0 {
		c.Errorf("Members of an unknown group: got %d members, want none", len(ms))
	}
	changed, err := c.Connector.Add(c.ctx, g, m)
	c.wantKind("Add to an unknown group", err, engine.NotFound)
	removed, err := c.Connector.Remove(c.ctx, g, m)
	c.wantKind("Remove from an unknown group", err, engine.NotFound)
	if changed || removed {
		c.Errorf("Add and Remove in an unknown group: got changed %t and %t, want false and false", changed, removed)
	}
}

func ambiguousName(c *check) {
	g, err := c.Connector.Group(c.ctx, c.Ambiguous)
	c.wantKind("Group of a name that several groups have", err, engine.Ambiguous)
	if g.ID != "" {
		c.Errorf("Group of a name that several groups have: got %+v, want no guess", g)
	}
}

func renamedGroup(c *check) {
	m := c.account(c.People[0])
	c.add(m, true)
	name := c.GroupName + "-renamed"
	c.RenameGroup(name)
	c.wantGroup(name, c.Group, name)
	c.wantGroup(string(c.Group), c.Group, name)
	_, err := c.Connector.Group(c.ctx, c.GroupName)
	c.wantKind("Group of the former name", err, engine.NotFound)
	c.wantMembers(m)
	c.remove(m, true)
	c.wantMembers()
}

func deletedGroup(c *check) {
	m := c.account(c.People[0])
	c.add(m, true)
	c.DeleteGroup()
	_, err := c.Connector.Group(c.ctx, c.GroupName)
	c.wantKind("Group of a deleted group's name", err, engine.NotFound)
	c.wantNoGroup(c.Group, m)
}

// listGroups wants every group once, and an error when it cannot.
func listGroups(c *check) {
	lister := c.Connector.(engine.Lister)
	times := map[engine.GroupID]int{}
	for g, err := range lister.Groups(c.ctx) {
		if err != nil {
			c.Fatalf("Groups: got error %v after %d groups, want none", err, len(times))
		}
		if times[g.ID]++; times[g.ID] > 1 {
			c.Errorf("Groups: got %+v twice, want it once", g)
		}
		if g.ID == c.Group && g.Name != c.GroupName {
			c.Errorf("Groups: got name %q for the world's group, want %q", g.Name, c.GroupName)
		}
	}
	for _, g := range append(c.MoreGroups, c.Group) {
		if times[g] != 1 {
			c.Errorf("Groups: got %s %d times among %d groups, want it once", g, times[g], len(times))
		}
	}
	for _, err := range lister.Groups(c.ctx) {
		if err != nil {
			c.Errorf("Groups: got %v, want a first group", err)
		}
		break // a reader may leave early
	}
}
