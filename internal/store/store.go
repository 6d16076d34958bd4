// Package store keeps what must outlive a run: the ledger, trusted readings,
// holds and releases, grants made by hand, requests, runs, and the audit log; and
// sessions, tokens and answers for the web. It is the only package that knows SQL.
//
// A store is one SQLite file with its -wal, -shm and .lock beside it, on a local
// disk; or a schema of a PostgreSQL database, for more than one machine. Several
// processes may have it open at once; [Store.Lock] is for what only one of them
// may do. What is written is in one order, in either: the next transaction
// begins when the one before it is over, so that the audit log is one chain. Times are kept in whole microseconds, rounded down,
// and come back in UTC; those in anchors, held changes and events keep their
// nanoseconds.
package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/daypass-dev/daypass/engine"
)

// Store is an open store. Its methods may be called from several goroutines,
// also while an iterator of it is being read.
type Store struct {
	*dialect
	path    string
	writer  *sql.DB       // of SQLite, one connection: what it runs is in one order
	reader  *sql.DB       // several connections that cannot write
	turn    chan struct{} // held by the one that writes, where connections are many
	opened  bool          // whether it is known not to have been moved when it was opened
	prepare sync.Map
	kept    atomic.Int64 // statements in it that were prepared on the way
	fail    failpoints
}

// maxWaits bounds how many timeouts of five seconds a writer waits for others.
const maxWaits = 12

var _ engine.Ledger = (*Store)(nil)

// Path returns the database file, or the address of the database without
// secrets.
func (s *Store) Path() string { return s.path }

// Close ends every connection. What Record returned from is on disk already.
func (s *Store) Close() error {
	return errors.Join(s.reader.Close(), s.writer.Close())
}

// write runs f in one transaction and commits it durably, or takes all of it
// back. It waits for other writers, of this process and of others. Where the
// connection breaks before the commit was sent, it begins again, once: f may be
// called twice.
func (s *Store) write(ctx context.Context, what string, f func(context.Context, *tx) error) error {
	err := s.attempt(ctx, f)
	if broken(err) && ctx.Err() == nil {
		err = s.attempt(ctx, f)
	}
	return s.explain(what, err)
}

func (s *Store) attempt(ctx context.Context, f func(context.Context, *tx) error) error {
	t, ctx, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer t.end()
	if err := f(ctx, t); err != nil {
		return err
	}
	if err := t.Commit(); err != nil {
		return s.outcome(t, err)
	}
	return nil
}

// begin begins a transaction that may write. Neither database queues for as
// long as it takes: one that writes without pause can keep another out for
// longer than one timeout, so begin asks again, as long as ctx lasts. The
// transaction is to run in the context that it returns.
func (s *Store) begin(ctx context.Context) (*tx, context.Context, error) {
	for wait := 1; ; wait++ {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		own, cancel := s.detach(ctx)
		stop := context.AfterFunc(ctx, cancel) // as long as it only waits
		t, err := s.dialect.begin(own, s)
		stop()
		if err == nil {
			t.cancel = cancel
			return t, own, nil
		}
		cancel()
		if wait == maxWaits || !errors.Is(s.meaning(err), ErrBusy) {
			return nil, nil, cmp.Or(ctx.Err(), err)
		}
	}
}

// read runs f in one transaction, so that all it sees is of one moment. Where
// the connection breaks it begins again, once.
func (s *Store) read(ctx context.Context, what string, f func(context.Context, *tx) error) error {
	err := s.look(ctx, f)
	if broken(err) && ctx.Err() == nil {
		err = s.look(ctx, f)
	}
	return s.explain(what, err)
}

func (s *Store) look(ctx context.Context, f func(context.Context, *tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := s.detach(ctx)
	defer cancel()
	t, err := s.reader.BeginTx(ctx, s.reading)
	if err != nil {
		return err
	}
	defer t.Rollback() //nolint:errcheck // nothing was written
	return f(ctx, &tx{s: s, db: s.reader, Tx: t})
}

// tx is a transaction.
type tx struct {
	*sql.Tx
	s      *Store
	db     *sql.DB
	conn   *sql.Conn // that it runs on, where the database is a server
	id     string    // by which the server knows it
	done   func()    // lets the next one begin; nil for nothing to do
	cancel context.CancelFunc
}

// end takes the transaction back, unless it was committed, and gives away what
// it held.
func (t *tx) end() {
	_ = t.Rollback() // after a commit there is nothing to take back
	if t.done != nil {
		t.done()
	}
	t.cancel()
}

// exec runs a statement whose rows nobody asks for.
func (t *tx) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return t.ExecContext(ctx, strings.ReplaceAll(query, "{clock}", t.s.clock), columns(args)...)
}

// prepared names a statement of one of the two pools.
type prepared struct {
	db    *sql.DB
	query string
}

// mostPrepared is how many statements are kept: what reads is put together, and
// nobody needs all of what there could be.
const mostPrepared = 256

// stmt returns the prepared statement for a query, bound to the transaction. One
// that reads is kept. None is prepared for the writers here: their only connection
// is held by the transaction.
func (t *tx) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	query = strings.ReplaceAll(query, "{clock}", t.s.clock)
	key := prepared{t.db, query}
	if st, ok := t.s.prepare.Load(key); ok {
		return t.StmtContext(ctx, st.(*sql.Stmt)), nil
	}
	if t.db != t.s.reader || t.s.kept.Load() >= mostPrepared {
		return t.PrepareContext(ctx, query)
	}
	st, err := t.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if other, loaded := t.s.prepare.LoadOrStore(key, st); loaded { // somebody was first
		return t.StmtContext(ctx, other.(*sql.Stmt)), st.Close()
	}
	t.s.kept.Add(1)
	return t.StmtContext(ctx, st), nil
}

func (t *tx) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if !t.s.prepares {
		return t.QueryContext(ctx, strings.ReplaceAll(query, "{clock}", t.s.clock), columns(args)...)
	}
	st, err := t.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, columns(args)...)
}

// each executes query once for every row, in order.
func each[T any](ctx context.Context, t *tx, rows []T, query string, args func(T) ([]any, error)) error {
	if len(rows) == 0 {
		return nil
	}
	if t.conn != nil {
		return pipeline(ctx, t, rows, query, args)
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
		if _, err := st.ExecContext(ctx, columns(a)...); err != nil {
			return err
		}
	}
	return nil
}

// collect reads all rows of a query.
func collect[T any](ctx context.Context, t *tx, scan func(row) (T, error), query string, args ...any) ([]T, error) {
	rows, err := t.query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(row{rows})
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// one reads the only row of a query, or nil when there is none.
func one[T any](ctx context.Context, t *tx, scan func(row) (T, error), query string, args ...any) (*T, error) {
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
