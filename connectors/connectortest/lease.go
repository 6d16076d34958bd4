package connectortest

import (
	"errors"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// lost is a lease that somebody else has taken over.
type lost struct{}

func (lost) Check() error { return errors.New("the lease is lost") }
func (lost) Token() int64 { return 1 }

// withoutLease wants nothing to be sent once the lease is lost, by whatever
// method.
func withoutLease(c *check) {
	ms := c.accounts(2)
	c.add(ms[0], true)
	ctx := engine.Under(c.ctx, lost{})
	wantUnsent := func(what string, changed bool, err error) {
		if changed || err == nil {
			c.Errorf("%s without the lease: got changed %t and error %v, want an error", what, changed, err)
		}
	}
	changed, err := c.Connector.Add(ctx, c.Group, ms[1])
	wantUnsent("Add", changed, err)
	changed, err = c.Connector.Remove(ctx, c.Group, ms[0])
	wantUnsent("Remove", changed, err)
	if many, ok := c.Connector.(engine.Changer); ok {
		added, removed := many.Change(ctx, c.Group, ms[1:], ms[:1])
		for _, e := range append(added, removed...) {
			wantUnsent("Change", e.Changed, e.Err)
		}
	}
	if x, ok := c.Connector.(engine.Expirer); ok {
		changed, _, err = x.AddUntil(ctx, c.Group, ms[1], time.Now().Add(time.Hour))
		wantUnsent("AddUntil", changed, err)
	}
	if c.Has(c.People[1]) || !c.Has(c.People[0]) {
		c.Errorf("without the lease the group was changed")
	}
}
