package connectortest

import (
	"slices"

	"github.com/daypass-dev/daypass/engine"
)

// bulkFind wants what Group answers, for every name in the order asked.
func bulkFind(c *check) {
	names := []string{c.GroupName, "no such group", string(c.Group), c.GroupName}
	for _, more := range [][]string{c.OddGroups, {c.Ambiguous, c.Unmanageable}} {
		for _, name := range more {
			if name != "" {
				names = append(names, name)
			}
		}
	}
	found, err := c.Connector.(engine.BulkFinder).FindAll(c.ctx, names)
	if err != nil || len(found) != len(names) {
		c.Fatalf("FindAll of %d names: got %d answers and error %v", len(names), len(found), err)
	}
	for i, name := range names {
		want, wantErr := c.Connector.Group(c.ctx, name)
		if got := found[i]; got.Info != want || engine.KindOf(got.Err) != engine.KindOf(wantErr) {
			c.Errorf("FindAll, %q: got %+v and error %v, want %+v and error %v as from Group", name, got.Info, got.Err, want, wantErr)
		}
		if found[i].Err != nil {
			c.wantForm("FindAll", found[i].Err)
		}
	}
	if none, err := c.Connector.(engine.BulkFinder).FindAll(c.ctx, nil); err != nil || len(none) != 0 {
		c.Errorf("FindAll of nothing: got %d answers and error %v, want none", len(none), err)
	}
}

// marks wants every change to be told by the mark that was taken before it, or
// that anything may have changed.
func marks(c *check) {
	ms := c.accounts(2)
	mark := c.first()
	c.Put(c.People[0])
	mark = c.wantTold("a member that somebody put in", mark)
	c.add(ms[1], true)
	mark = c.wantTold("a member that the connector added", mark)
	c.remove(ms[1], true)
	mark = c.wantTold("a member that the connector removed", mark)
	if c.RenameGroup != nil {
		c.RenameGroup("renamed")
		names := false
		for range 2 {
			var ch engine.Changes
			ch, mark = c.changed(mark)
			names = names || ch.All || ch.Names
		}
		if !names {
			c.Errorf("Changed after a renaming: got neither Names nor All, want one")
		}
	}
}

// first takes the first mark, as well as one from a mark that leads nowhere.
func (c *check) first() engine.Mark {
	c.Helper()
	for _, none := range []engine.Mark{"", "no mark of this directory"} {
		if ch, _ := c.changed(none); !ch.All {
			c.Errorf("Changed(%q): got %+v, want All", none, ch)
		}
	}
	_, mark := c.changed("")
	return mark
}

func (c *check) changed(since engine.Mark) (engine.Changes, engine.Mark) {
	c.Helper()
	ch, err := c.Connector.(engine.Marker).Changed(c.ctx, since)
	if err != nil || ch.Next == "" {
		c.Fatalf("Changed(%q): got next mark %q and error %v, want a mark", since, ch.Next, err)
	}
	return ch, ch.Next
}

// wantTold wants Group among what changed, by this call or the next.
func (c *check) wantTold(what string, since engine.Mark) engine.Mark {
	c.Helper()
	told := false
	for range 2 {
		var ch engine.Changes
		ch, since = c.changed(since)
		told = told || ch.All || slices.Contains(ch.Groups, c.Group)
	}
	if !told {
		c.Errorf("Changed after %s: got no word of it, want the group or All", what)
	}
	return since
}
