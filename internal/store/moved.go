package store

import (
	"context"
	"fmt"
)

// refuseMoved keeps a store from being used once it lives elsewhere.
func (s *Store) refuseMoved(ctx context.Context) error {
	return s.read(ctx, "open", func(ctx context.Context, t *tx) error {
		target, err := one(ctx, t, func(r row) (target string, err error) {
			err = r.Scan(&target)
			return target, err
		}, "SELECT target FROM moved")
		if err != nil || target == nil {
			return err
		}
		return fmt.Errorf("%w to %s; set store: to it", ErrMoved, *target)
	})
}
