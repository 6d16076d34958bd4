package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// What somebody may not have beside something else, whoever decided looked for
// already. Here nothing can come between looking and writing.

// twice refuses a second request that waits for its decision.
func twice(ctx context.Context, t *tx, r *access.Request, theirs []engine.Person) error {
	for _, p := range theirs {
		other, err := one(ctx, t, scanText, sqlRequestTwice, string(p), r.Resource, r.ID)
		if err != nil {
			return err
		}
		if other != nil {
			return fmt.Errorf("%s asked for %s: %w: %s", r.Person, r.Resource, ErrTwice, *other)
		}
	}
	return nil
}

// excluded refuses a grant beside another one that its policy excludes.
func excluded(ctx context.Context, t *tx, r *access.Request, theirs []engine.Person) error {
	if len(r.Policy.NotWith) == 0 {
		return nil
	}
	for _, p := range theirs {
		held, err := collect(ctx, t, scanText, sqlHeldBy, string(p), r.ID, r.Course.Closed.UnixMicro())
		if err != nil {
			return err
		}
		for _, resource := range held {
			if slices.Contains(r.Policy.NotWith, resource) {
				return fmt.Errorf("request %s of %s for %s: %w: %s", r.ID, r.Person, r.Resource, ErrExcluded, resource)
			}
		}
	}
	return nil
}

// given refuses a grant that nobody approved beside another one of the same
// resource: what is no longer than the policy allows is not to become so by
// asking twice. Beside other access there may be one by break-glass.
func given(ctx context.Context, t *tx, r *access.Request, theirs []engine.Person) error {
	if len(r.Course.Decisions) > 0 {
		return nil
	}
	w, _ := r.Window()
	for _, p := range theirs {
		others, err := collect(ctx, t, scanRequest, sqlGiven, string(p), r.Resource, r.ID, w.From.UnixMicro())
		if err != nil {
			return err
		}
		for _, o := range others {
			v, _ := o.Window()
			if (o.BreakGlass || !r.BreakGlass) && v.From.Before(w.Until) && w.From.Before(v.Until) {
				return fmt.Errorf("request %s of %s for %s: %w: %s", r.ID, r.Person, r.Resource, ErrGiven, o.ID)
			}
		}
	}
	return nil
}

const (
	sqlRequestTwice = `SELECT id FROM requests WHERE person = $1 AND resource = $2 AND status = 'asked' AND id <> $3`
	sqlHeldBy       = `SELECT resource FROM requests WHERE person = $1 AND id <> $2 AND until_at > $3`
	sqlGiven        = sqlRequestRow + `WHERE person = $1 AND resource = $2 AND id <> $3 AND until_at > $4`
)
