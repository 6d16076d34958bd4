package store

import (
	"context"
	"fmt"
	"time"
)

const (
	answersFor = 24 * time.Hour
	// underway is how long one who reserved a key has before another takes over.
	underway = time.Minute
)

// Once reserves a key of a caller, for what the fingerprint stands for, or
// returns the answer that was given to it before: then known is set. The same
// key with another fingerprint wraps [ErrMismatch]; one that somebody is working
// on, [ErrBusy]. Keys are kept for a day.
func (s *Store) Once(ctx context.Context, caller, key, fingerprint string, at time.Time) (answer []byte, status int, known bool, err error) {
	err = s.write(ctx, "reserve key", func(ctx context.Context, t *tx) error {
		answer, status, known = nil, 0, false
		if _, err := t.exec(ctx, sqlSweepAnswers, at.Add(-answersFor).UnixMicro()); err != nil {
			return err
		}
		there, err := one(ctx, t, scanAnswer, sqlAnswer, caller, key)
		switch {
		case err != nil:
			return err
		case there != nil && there.fingerprint != fingerprint:
			return fmt.Errorf("key %q: %w; take another key", key, ErrMismatch)
		case there != nil && there.status != 0:
			answer, status, known = there.body, there.status, true
			return nil
		case there != nil && at.Sub(there.at) < underway:
			return &busyKey{key}
		}
		_, err = t.exec(ctx, sqlReserve, caller, key, fingerprint, at.UnixMicro(), []byte{})
		return err
	})
	return answer, status, known, err
}

// Answer keeps the answer to a key that was reserved. The first one stays.
func (s *Store) Answer(ctx context.Context, caller, key string, status int, answer []byte) error {
	if status == 0 {
		return fmt.Errorf("key %q: an answer without a status", key)
	}
	if answer == nil {
		answer = []byte{}
	}
	return s.write(ctx, "keep answer", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, sqlPutAnswer, caller, key, status, answer)
		return err
	})
}

// Forget gives a key back that was reserved and is not answered: nothing was
// done under it, and whoever comes next is the first.
func (s *Store) Forget(ctx context.Context, caller, key string) error {
	return s.write(ctx, "forget key", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, sqlForgetAnswer, caller, key)
		return err
	})
}

// busyKey is an [ErrBusy] of its own making: nothing is wrong with the store.
type busyKey struct{ key string }

func (b *busyKey) Error() string {
	return fmt.Sprintf("key %q: the first request with it is under way; ask again in a moment", b.key)
}

func (b *busyKey) Is(err error) bool { return err == ErrBusy }

// answer is a row.
type answer struct {
	fingerprint string
	at          time.Time
	status      int
	body        []byte
}

func scanAnswer(r row) (a answer, err error) {
	err = r.Scan(&a.fingerprint, stamp{&a.at}, &a.status, &a.body)
	return a, err
}

const (
	sqlAnswer  = `SELECT fingerprint, at, status, body FROM answers WHERE caller = $1 AND name = $2`
	sqlReserve = `INSERT INTO answers (caller, name, fingerprint, at, status, body) VALUES ($1, $2, $3, $4, 0, $5)
		ON CONFLICT (caller, name) DO UPDATE SET at = excluded.at`
	sqlPutAnswer    = `UPDATE answers SET status = $3, body = $4 WHERE caller = $1 AND name = $2 AND status = 0`
	sqlForgetAnswer = `DELETE FROM answers WHERE caller = $1 AND name = $2 AND status = 0`
	sqlSweepAnswers = `DELETE FROM answers WHERE at <= $1`
)
