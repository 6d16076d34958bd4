package store

import "context"

// Forget gives a key back that was reserved and not answered: nothing was done
// under it, and whoever comes next is the first.
func (s *Store) Forget(ctx context.Context, caller, key string) error {
	return s.write(ctx, "forget key", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, sqlForgetAnswer, caller, key)
		return err
	})
}

const sqlForgetAnswer = `DELETE FROM answers WHERE caller = $1 AND name = $2 AND status = 0`
