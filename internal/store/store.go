// Package store keeps what must outlive a run: the ledger, trusted readings,
// holds and releases, grants made by hand, runs, and the audit log. It is the
// only package that knows SQL.
//
// A store is one SQLite file with its -wal, -shm and .lock beside it, on a local
// disk. Several processes may have it open at once; [Store.Lock] is for what
// only one of them may do. Times are kept in whole microseconds, rounded down,
// and come back in UTC; those in anchors, held changes and events keep their
// nanoseconds.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/daypass-dev/daypass/engine"
)

// Store is an open store. Its methods may be called from several goroutines,
// also while an iterator of it is being read.
type Store struct {
	path    string
	writer  *sql.DB // one connection: what it runs is in one order
	reader  *sql.DB // several connections that cannot write
	prepare sync.Map
	fail    failpoints
}

// maxWaits bounds how many timeouts of five seconds a writer waits for others.
const maxWaits = 12

var _ engine.Ledger = (*Store)(nil)

// Path returns the database file.
func (s *Store) Path() string { return s.path }

// Close ends every connection. What Record returned from is on disk already.
func (s *Store) Close() error {
	return errors.Join(s.reader.Close(), s.writer.Close())
}

// write runs f in one transaction and commits it durably, or takes all of it
// back. It waits for other writers, of this process and of others.
//
// The context is asked before only: no transaction takes long, a step of the
// ledger is not to be left because somebody pressed Ctrl-C in it, and the driver
// would start a goroutine for each statement to watch the context.
func (s *Store) write(ctx context.Context, what string, f func(context.Context, *tx) error) error {
	t, err := s.begin(ctx)
	if err != nil {
		return s.explain(what, err)
	}
	ctx = context.WithoutCancel(ctx)
	defer t.Rollback() //nolint:errcheck // after a commit there is nothing to take back
	if err := f(ctx, &tx{s: s, db: s.writer, Tx: t}); err != nil {
		return s.explain(what, err)
	}
	return s.explain(what, t.Commit())
}

// begin begins a transaction that may write. SQLite does not queue processes:
// one that writes without pause can keep another out for longer than one
// timeout, so begin asks again, as long as ctx lasts.
func (s *Store) begin(ctx context.Context) (*sql.Tx, error) {
	for wait := 1; ; wait++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t, err := s.writer.BeginTx(context.WithoutCancel(ctx), nil)
		if err == nil || wait == maxWaits || !errors.Is(meaning(err), ErrBusy) {
			return t, err
		}
	}
}

// read runs f in one transaction, so that all it sees is of one moment.
// The context is asked once, as in write.
func (s *Store) read(ctx context.Context, what string, f func(context.Context, *tx) error) error {
	if err := ctx.Err(); err != nil {
		return s.explain(what, err)
	}
	ctx = context.WithoutCancel(ctx)
	t, err := s.reader.BeginTx(ctx, nil)
	if err != nil {
		return s.explain(what, err)
	}
	defer t.Rollback() //nolint:errcheck // nothing was written
	return s.explain(what, f(ctx, &tx{s: s, db: s.reader, Tx: t}))
}

// tx is a transaction whose statements are prepared once for the life of the
// store.
type tx struct {
	*sql.Tx
	s  *Store
	db *sql.DB
}

// prepared names a statement of one of the two pools.
type prepared struct {
	db    *sql.DB
	query string
}

// stmt returns the prepared statement for a query, bound to the transaction.
// Queries are constants, so that the number of statements is bounded. They
// must not be prepared while the pool's only connection is held, hence on the
// transaction.
func (t *tx) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	key := prepared{t.db, query}
	if st, ok := t.s.prepare.Load(key); ok {
		return t.StmtContext(ctx, st.(*sql.Stmt)), nil
	}
	return t.PrepareContext(ctx, query)
}

// each executes query once for every row, in order.
func each[T any](ctx context.Context, t *tx, rows []T, query string, args func(T) ([]any, error)) error {
	if len(rows) == 0 {
		return nil
	}
	st, err := t.stmt(ctx, query)
	if err != nil {
		return err
	}
	for _, row := range rows {
		a, err := args(row)
		if err != nil {
			return err
		}
		if _, err := st.ExecContext(ctx, a...); err != nil {
			return err
		}
	}
	return nil
}

// collect reads all rows of a query.
func collect[T any](ctx context.Context, t *tx, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	st, err := t.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// one reads the only row of a query, or nil when there is none.
func one[T any](ctx context.Context, t *tx, scan func(*sql.Rows) (T, error), query string, args ...any) (*T, error) {
	all, err := collect(ctx, t, scan, query, args...)
	switch {
	case err != nil:
		return nil, err
	case len(all) == 0:
		return nil, nil //nolint:nilnil // none is no error
	case len(all) > 1:
		return nil, fmt.Errorf("%d rows where one was expected", len(all))
	}
	return &all[0], nil
}
