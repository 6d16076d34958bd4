package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
)

// move is what a store knows of its own move.
type move struct {
	id     string
	target string // the address, without secrets
	done   bool
}

const (
	sqlMoved    = `SELECT id, target, done FROM moved`
	sqlMoving   = `INSERT INTO moved (id, target, done, at) VALUES ($1, $2, 0, $3)`
	sqlMoveDone = `UPDATE moved SET done = 1`
	sqlStay     = `DELETE FROM moved`

	// Both databases count what arrived among their counters.
	sqlArrived = `INSERT INTO counters (name, value) VALUES ($1, 1)`
)

func (m *move) err() error {
	if m.done {
		return fmt.Errorf("%w to %s; set store: to it", ErrMoved, m.target)
	}
	return fmt.Errorf("%w: it is on its way to %s; run again in a minute", ErrMoved, m.target)
}

func readMove(ctx context.Context, t *tx) (*move, error) {
	return one(ctx, t, func(r row) (m move, err error) {
		err = r.Scan(&m.id, &m.target, &m.done)
		return m, err
	}, sqlMoved)
}

// refuseMoved keeps a process that had the store open from writing into it once
// it is elsewhere. It is asked in every transaction that writes.
func (s *Store) refuseMoved(ctx context.Context, t *tx) error {
	if !s.opened {
		return nil
	}
	m, err := readMove(ctx, t)
	if err != nil || m == nil {
		return err
	}
	return m.err()
}

// settleMove refuses a store that was moved. When a move was cut off in the
// instant between the two databases, the target is asked whether it has arrived:
// it is there or here, and never both. From then on, the store is open.
func (s *Store) settleMove(ctx context.Context, target string) error {
	m, err := s.moveOf(ctx)
	switch {
	case err != nil:
		return err
	case m != nil && m.done:
		return m.err()
	case m != nil:
		if err := s.settle(ctx, m, target); err != nil {
			return err
		}
	}
	s.opened = true
	return nil
}

func (s *Store) moveOf(ctx context.Context) (m *move, err error) {
	err = s.read(ctx, "open", func(ctx context.Context, t *tx) error {
		m, err = readMove(ctx, t)
		return err
	})
	return m, err
}

func (s *Store) settle(ctx context.Context, m *move, target string) error {
	unlock, err := s.Lock(ctx, time.Now())
	if errors.Is(err, ErrLocked) {
		return m.err() // by the one that holds the lock
	}
	if err != nil {
		return err
	}
	defer unlock()
	if target == "" {
		target = m.target
	}
	arrived, err := hasArrived(ctx, target, m.id)
	if err != nil {
		return fmt.Errorf("a move to %s was cut off at its very end, and whether it arrived is to be asked there: set PGPASSWORD, or run daypass store migrate --to the address again (%w)", m.target, err)
	}
	query := sqlStay
	if arrived {
		query, m.done = sqlMoveDone, true
	}
	err = s.write(ctx, "settle a move", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, query)
		return err
	})
	if err == nil && arrived {
		return m.err()
	}
	return err
}

// hasArrived asks a database whether a move ended there. It waits for the
// transaction of the move, should it be on its way.
func hasArrived(ctx context.Context, dsn, id string) (bool, error) {
	cfg, err := parsePostgres(dsn)
	if err != nil {
		return false, err
	}
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return false, postgresMeaning(err)
	}
	defer c.Close(context.WithoutCancel(ctx)) //nolint:errcheck // all was asked
	var there bool
	if err := c.QueryRow(ctx, "SELECT to_regclass('counters') IS NOT NULL").Scan(&there); err != nil || !there {
		return false, err
	}
	if _, err := c.Exec(ctx, "SELECT pg_advisory_lock($1)", queueKey); err != nil {
		return false, postgresMeaning(err)
	}
	var n int
	err = c.QueryRow(ctx, "SELECT COUNT(*) FROM counters WHERE name = $1", arrival(id)).Scan(&n)
	return n > 0, err
}

func arrival(id string) string { return "arrived " + id }

// withoutSecrets is an address that may be shown and kept.
func withoutSecrets(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return "postgres://"
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	q := u.Query()
	if q.Has("password") || q.Has("sslpassword") {
		q.Del("password")
		q.Del("sslpassword")
		u.RawQuery = q.Encode()
	}
	return u.String()
}
