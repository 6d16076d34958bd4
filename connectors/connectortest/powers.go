package connectortest

import (
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// noWriteOnRead wants everything but Add, Remove and Change to leave the
// directory as it is.
func noWriteOnRead(c *check) {
	c.add(c.account(c.People[0]), true)
	before := c.Mark()
	c.wantGroup(c.GroupName, c.Group, c.GroupName)
	for _, p := range append(c.People, c.Stranger) {
		_, _ = c.Connector.Resolve(c.ctx, p) // refused or not, it reads
	}
	c.members()
	if bulk, ok := c.Connector.(engine.BulkResolver); ok {
		_, _ = bulk.ResolveAll(c.ctx, c.People)
	}
	if finder, ok := c.Connector.(engine.BulkFinder); ok {
		_, _ = finder.FindAll(c.ctx, []string{c.GroupName, string(c.Group)})
	}
	if marker, ok := c.Connector.(engine.Marker); ok {
		_, _ = marker.Changed(c.ctx, "")
	}
	if expirer, ok := c.Connector.(engine.Expirer); ok {
		_, _ = expirer.Expiries(c.ctx, c.Group)
	}
	if describer, ok := c.Connector.(engine.Describer); ok {
		_, _ = describer.Describe(c.ctx, c.People[0])
	}
	if lister, ok := c.Connector.(engine.Lister); ok {
		for _, err := range lister.Groups(c.ctx) {
			if err != nil {
				break
			}
		}
	}
	if prober, ok := c.Connector.(engine.Prober); ok {
		prober.Probe(c.ctx)
	}
	if clock, ok := c.Connector.(engine.Clock); ok {
		_, _ = clock.Time(c.ctx)
	}
	if after := c.Mark(); after != before {
		c.Errorf("mark of the directory after reading: got %q, want %q as before", after, before)
	}
	c.add(c.account(c.People[1]), true)
	if after := c.Mark(); after == before {
		c.Errorf("mark of the directory after a write: got %q as before, want another", after)
	}
}

// probe wants findings that a person can act on.
func probe(c *check) {
	found := c.Connector.(engine.Prober).Probe(c.ctx)
	if len(found) == 0 {
		c.Errorf("Probe: got no findings, want at least one")
	}
	for _, f := range found {
		if f.What == "" || !f.OK && f.Message == "" {
			c.Errorf("Probe: got %+v, want what was examined, and a message where it is not OK", f)
		}
		for _, secret := range c.Secrets {
			if strings.Contains(f.What+f.Message, secret) {
				c.Errorf("Probe: got a finding that holds the secret %q, want none: %+v", secret, f)
			}
		}
	}
}

// tells wants the directory's own time: of a world on this machine it is about
// ours, and it does not run backwards.
func tells(c *check) {
	clock := c.Connector.(engine.Clock)
	first, err := clock.Time(c.ctx)
	if err != nil {
		c.Fatalf("Time: got error %v, want none", err)
	}
	if off := time.Since(first).Abs(); off > 10*time.Minute {
		c.Errorf("Time: got %s, want about now (off by %s)", first, off)
	}
	if second, err := clock.Time(c.ctx); err != nil || second.Before(first) {
		c.Errorf("Time again: got %s and error %v, want %s or later", second, err, first)
	}
}
