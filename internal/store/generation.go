package store

import (
	"context"
	"database/sql"
	"errors"
)

// generation names the counter of what people decided.
const generation = "generation"

// Generation returns a number that grows whenever a grant was made, revoked or
// extended by hand, a request was saved, or a hold was released. It reads one
// row: cheap enough to be asked every second.
func (s *Store) Generation(ctx context.Context) (int64, error) {
	var n int64
	err := s.read(ctx, generation, func(ctx context.Context, t *tx) error {
		err := t.QueryRowContext(ctx, sqlCounter, generation).Scan(&n)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return n, err
}

// count lets the generation grow, in the transaction of what changed.
func count(ctx context.Context, t *tx) error {
	_, err := t.exec(ctx, sqlCount, generation)
	return err
}
