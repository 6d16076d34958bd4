package connectortest

import (
	"slices"

	"github.com/daypass-dev/daypass/engine"
)

// world wants a harness that keeps its own promises.
func world(c *check) {
	if len(c.People) < 4 {
		c.Fatalf("got %d people in the world, want at least 4", len(c.People))
	}
	c.wantMembers()
	var seen []engine.MemberID
	for _, p := range slices.Concat(c.People, c.Odd) {
		m := c.account(p)
		if slices.Contains(seen, m.ID) {
			c.Errorf("Resolve(%q): got the account %s of somebody else, want one of their own", p, m.ID)
		}
		seen = append(seen, m.ID)
	}
}

// resolve wants the same whole account each time.
func resolve(c *check) {
	for _, p := range c.People {
		m := c.account(p)
		if m.ID == "" || m.Login == "" || m.Kind != engine.AccountMember || m.Ghost() {
			c.Errorf("Resolve(%q): got %+v, want an account with ID and Login", p, m)
		}
		if again := c.account(p); !same(again, m) {
			c.Errorf("Resolve(%q) again: got %+v, want %+v", p, again, m)
		}
	}
}

func resolveStranger(c *check) {
	_, err := c.Connector.Resolve(c.ctx, c.Stranger)
	c.wantKind("Resolve of a person without an account", err, engine.NotFound)
}

func resolveTwins(c *check) {
	_, err := c.Connector.Resolve(c.ctx, c.Twins)
	c.wantKind("Resolve of a person with two accounts", err, engine.Ambiguous)
}

// resolveDisabled wants the account beside the refusal: what is ours must be
// removable after somebody was disabled.
func resolveDisabled(c *check) {
	m, err := c.Connector.Resolve(c.ctx, c.Disabled)
	c.wantKind("Resolve of a person whose account is disabled", err, engine.Disabled)
	if m.ID == "" {
		c.Errorf("Resolve of a person whose account is disabled: got %+v, want the account beside the error", m)
	}
}

// bulkResolve wants the answers of Resolve, in the order asked.
func bulkResolve(c *check) {
	bulk := c.Connector.(engine.BulkResolver)
	asked := []engine.Person{c.Stranger, c.People[3], c.People[0]}
	for _, p := range slices.Concat([]engine.Person{c.Twins, c.Disabled}, c.Odd) {
		if p != "" {
			asked = append(asked, p)
		}
	}
	asked = append(asked, c.People[2], c.People[0], c.Stranger)
	got, err := bulk.ResolveAll(c.ctx, asked)
	if err != nil || len(got) != len(asked) {
		c.Fatalf("ResolveAll(%q): got %d answers and error %v, want %d and no error", asked, len(got), err, len(asked))
	}
	for i, p := range asked {
		m, err := c.Connector.Resolve(c.ctx, p)
		if !same(got[i].Member, m) || (got[i].Err == nil) != (err == nil) || engine.KindOf(got[i].Err) != engine.KindOf(err) {
			c.Errorf("ResolveAll, answer %d of %q: got %+v and error %v, want %+v and error %v as from Resolve", i, p, got[i].Member, got[i].Err, m, err)
		}
	}
	none, err := bulk.ResolveAll(c.ctx, nil)
	if err != nil || len(none) != 0 {
		c.Errorf("ResolveAll of nobody: got %d answers and error %v, want 0 and no error", len(none), err)
	}
}
