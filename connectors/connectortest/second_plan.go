package connectortest

import (
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// secondPlanIsEmpty plans on the live directory, carries the plan out, looks
// again, and wants nothing left to do. It catches what no single answer shows:
// ids that differ between Resolve and Members, a change that does not last, a
// listing that forgets.
func secondPlanIsEmpty(c *check) {
	now := time.Now()
	ms := c.accounts(4)
	c.add(ms[0], true) // there before us; a grant wishes it too
	c.add(ms[1], true) // foreign
	c.add(ms[2], true) // ours, and over
	until := now.Add(time.Hour)
	view := engine.GroupView{
		Group: engine.Group{Directory: c.Directory, ID: c.Group}, Name: c.GroupName,
		Rules: engine.DefaultRules(), Trust: engine.Trusted,
		Wishes: c.wishes(until, 0, 3),
		Owned:  []engine.Owned{c.owned(2, ms[2], now.Add(-time.Minute))},
	}

	first := c.plan(now, view)
	var adds, removes []engine.Member
	for _, change := range first.Changes {
		if change.Op == engine.Add {
			adds = append(adds, change.Member)
		} else {
			removes = append(removes, change.Member)
		}
	}
	if len(adds) != 1 || len(removes) != 1 || adds[0].ID != ms[3].ID || removes[0].ID != ms[2].ID {
		c.Fatalf("first plan: got to add %q and remove %q, want to add %q and remove %q", ids(adds), ids(removes), ms[3].ID, ms[2].ID)
	}
	c.apply(adds, removes)

	view.Owned = []engine.Owned{c.owned(3, ms[3], until)}
	if second := c.plan(now, view); len(second.Changes) > 0 || len(second.Problems) > 0 {
		c.Errorf("second plan: got changes %+v and problems %+v, want none", second.Changes, second.Problems)
	}
}

// apply changes Group in the way in which the engine does it.
func (c *check) apply(adds, removes []engine.Member) {
	c.Helper()
	changer, ok := c.Connector.(engine.Changer)
	if !ok {
		c.add(adds[0], true)
		c.remove(removes[0], true)
		return
	}
	added, removed := changer.Change(c.ctx, c.Group, adds, removes)
	c.wantEffects("first plan, added", added, "changed")
	c.wantEffects("first plan, removed", removed, "changed")
}

// plan reads Group and decides.
func (c *check) plan(now time.Time, view engine.GroupView) engine.Plan {
	c.Helper()
	view.Members = c.members()
	return engine.Diff(engine.View{Now: now, Groups: []engine.GroupView{view}})
}

// wishes are grants of people until then, with the accounts that the directory
// gives, in the order of their ids.
func (c *check) wishes(until time.Time, people ...int) []engine.Wish {
	c.Helper()
	var ms []engine.Member
	whose := map[engine.MemberID]int{}
	for _, i := range people {
		m := c.account(c.People[i])
		ms, whose[m.ID] = append(ms, m), i
	}
	engine.SortMembers(ms)
	var out []engine.Wish
	for _, m := range ms {
		g := c.grant(whose[m.ID], until)
		out = append(out, engine.Wish{Grant: &g, Member: m})
	}
	return out
}

// grant is one of two hours.
func (c *check) grant(person int, until time.Time) engine.Grant {
	g := engine.Grant{
		Person: c.People[person],
		Group:  engine.GroupRef{Directory: c.Directory, Name: c.GroupName},
	}
	g.When.From, g.When.Until = until.Add(-2*time.Hour), until
	g.ID = engine.DeriveGrantID(g.Person, c.GroupName, g.When.From, "")
	return g
}

// owned is the ledger's entry of a person who was added for a grant.
func (c *check) owned(person int, m engine.Member, until time.Time) engine.Owned {
	g := c.grant(person, until)
	return engine.Owned{
		Group: engine.Group{Directory: c.Directory, ID: c.Group}, GroupName: c.GroupName,
		Member: m, Person: g.Person, State: engine.Added, Since: g.When.From,
		Anchors: []engine.Anchor{{Grant: g.ID, Until: until}},
	}
}
