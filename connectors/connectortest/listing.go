package connectortest

import (
	"slices"

	"github.com/daypass-dev/daypass/engine"
)

// everyPage wants listings to be whole at the sizes where pages end.
func everyPage(c *check) {
	sizes := append([]int{1, 499, 500, 501, 999, 1000, 1001}, c.Sizes...)
	slices.Sort(sizes)
	for _, n := range slices.Compact(sizes) {
		c.Crowd(n)
		got := c.members()
		if len(got) != n {
			c.Fatalf("Members of a group of %d: got %d, want %d", n, len(got), n)
		}
		c.wantSorted(got)
	}
	before := c.members()
	m := c.account(c.People[0])
	c.add(m, true)
	c.wantMembers(append(before, m)...)
	c.remove(m, true)
	c.wantMembers(before...)
}

// halfAListing wants an error where a listing stops early, and no memory of it
// afterwards.
func halfAListing(c *check) {
	const n = 1001
	c.Crowd(n)
	c.Truncate()
	got, err := c.Connector.Members(c.ctx, c.Group)
	if k := engine.KindOf(err); err == nil || k != engine.Partial && k != engine.Unavailable {
		c.Errorf("Members, stopping early: got %d members and error %v, want an error of kind partial or unavailable", len(got), err)
	}
	if err != nil {
		c.wantForm("Members, stopping early", err)
	}
	if got := len(c.members()); got != n {
		c.Errorf("Members after one that stopped early: got %d, want %d", got, n)
	}
}

// laterRequestFails wants every listing to be whole or an error, whichever of
// its requests fails.
func laterRequestFails(c *check) {
	const n = 1001
	c.Crowd(n)
	failed := 0
	for nth := range 5 {
		c.Fail(nth+1, engine.Unavailable)
		for range nth + 2 { // often enough for the fault to strike, however many requests a listing takes
			got, err := c.Connector.Members(c.ctx, c.Group)
			switch {
			case err != nil:
				failed++
				c.wantForm("Members, a request failing", err)
			case len(got) != n:
				c.Errorf("Members, request %d failing: got %d members and no error, want %d or an error", nth+1, len(got), n)
			}
		}
	}
	if got := len(c.members()); got != n {
		c.Errorf("Members after %d that failed: got %d, want %d", failed, got, n)
	}
}
