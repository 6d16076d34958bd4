package desk

import (
	"context"

	"github.com/daypass-dev/daypass/internal/access"
)

// listed shows requests of a list to a caller who may see them.
func (d *Desk) listed(ctx context.Context, c Caller, rs []access.Request) ([]View, error) {
	views := make([]View, len(rs))
	for i, r := range rs {
		views[i] = d.view(ctx, c, r)
	}
	return views, d.mark(ctx, c, views)
}

// mark adds to requests of a list what is known of them beside the record: what
// limits hold, and what people are called. It asks no directory.
func (d *Desk) mark(ctx context.Context, c Caller, views []View) error {
	rules := d.rules.Load()
	for i := range views {
		v := &views[i]
		if c.concerned(rules.known(v.Request)) && !v.May.Deny && !v.May.Review {
			continue
		}
		v.Name = d.people.called(v.Person)
		if v.By.Machine == "" && v.By.Person != v.Person {
			v.ByName = d.people.called(v.By.Person)
		}
	}
	return d.markHeld(ctx, views)
}
