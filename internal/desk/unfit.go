package desk

import (
	"context"
	"errors"
	"time"

	"github.com/daypass-dev/daypass/internal/access"
)

// unfit finds out when a review last found that an emergency of the person in the
// resource was none. What is on record and cannot be read stands in nobody's way:
// it may be years old.
func (d *Desk) unfit(ctx context.Context, q asked) (last time.Time, err error) {
	of := access.Query{Person: q.person, Resource: q.resource.Name, Status: []access.Status{access.Approved}, Limit: 500}
	for {
		page, err := d.requests(ctx, of)
		if err != nil && !errors.Is(err, ErrUnreadable) {
			return time.Time{}, err
		}
		for _, r := range page.Requests {
			if v := r.Review; v != nil && !v.Open() && !v.Fine && v.At.After(last) {
				last = v.At
			}
		}
		if of.After = page.Next; of.After == "" {
			return last, nil
		}
	}
}
