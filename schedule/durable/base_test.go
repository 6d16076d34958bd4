package durable

import (
	"context"
	"database/sql"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver named "sqlite"

	"github.com/daypass-dev/daypass/internal/beds"
)

// patience is how long a test waits for what has to come. River needs a minute
// to find out that a process died.
const patience = 2 * time.Minute

// base is a database of a test.
type base struct {
	dsn string
	// down makes the database unusable until up is called. It may be called once.
	down func(t *testing.T) (up func())
}

// kind is a kind of databases, all of which keep the same promises.
type kind struct {
	empty   func(t *testing.T) base // without tables
	fragile func(t *testing.T) base // one with down, and without tables
}

// fresh returns a database with River's tables.
func (k kind) fresh(t *testing.T) base {
	t.Helper()
	b := k.empty(t)
	b.migrate(t)
	return b
}

func TestOnSQLite(t *testing.T) {
	t.Parallel()
	empty := func(t *testing.T) base {
		t.Helper()
		return base{dsn: filepath.Join(t.TempDir(), "daypass.db")}
	}
	suite(t, kind{empty: empty, fragile: func(t *testing.T) base {
		t.Helper()
		b := empty(t)
		b.down = func(t *testing.T) func() {
			t.Helper()
			cfg, done := b.config(t) // its one connection keeps others from writing
			if _, err := cfg.DB.ExecContext(t.Context(), "BEGIN EXCLUSIVE"); err != nil {
				t.Fatal(err)
			}
			return done
		}
		return b
	}})
}

func TestOnPostgres(t *testing.T) {
	t.Parallel()
	suite(t, kind{
		empty: func(t *testing.T) base {
			t.Helper()
			return base{dsn: beds.Database(t)}
		},
		fragile: func(t *testing.T) base {
			t.Helper()
			s := beds.Postgres(t)
			return base{dsn: s.Database(), down: func(t *testing.T) func() {
				t.Helper()
				s.Kill()
				return s.Restart
			}}
		},
	})
}

func (b base) migrate(t *testing.T) {
	t.Helper()
	cfg, done := b.config(t)
	defer done()
	if err := Migrate(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
}

// config opens the database.
func (b base) config(t *testing.T) (cfg Config, done func()) {
	t.Helper()
	cfg, done, err := open(t.Context(), b.dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Log = slog.New(slog.NewTextHandler(testWriter{t}, nil))
	return cfg, done
}

// testWriter writes to the log of a test.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", strings.TrimSpace(string(p)))
	return len(p), nil
}

func open(ctx context.Context, dsn string) (cfg Config, done func(), err error) {
	if strings.HasPrefix(dsn, "postgres:") {
		if cfg.Pool, err = pgxpool.New(ctx, dsn); err != nil {
			return cfg, nil, err
		}
		cfg.DB = stdlib.OpenDBFromPool(cfg.Pool)
		return cfg, func() { cfg.DB.Close(); cfg.Pool.Close() }, nil
	}
	cfg.DB, err = sql.Open("sqlite", "file:"+dsn+"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return cfg, nil, err
	}
	cfg.DB.SetMaxOpenConns(1)
	return cfg, func() { cfg.DB.Close() }, nil
}

// sender returns jobs that are not run.
func (b base) sender(t *testing.T) *Jobs {
	t.Helper()
	cfg, done := b.config(t)
	t.Cleanup(done)
	j, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// member is one process of several, within the test.
type member struct {
	*Jobs
	stop func() // waits until Run returned
}

// run returns jobs that are worked until the test ends, or stop is called.
func (b base) run(t *testing.T, edit ...func(*Config)) member {
	t.Helper()
	cfg, done := b.config(t)
	for _, e := range edit {
		e(&cfg)
	}
	j, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		done()
	})
	t.Cleanup(stop)
	return member{j, stop}
}

// led is a directory that is led.
type led struct {
	began chan *call
	leave func() // waits until Lead returned
}

// call is one call of work, which returns what answer gets.
type call struct {
	Errand
	ctx    context.Context
	answer chan error
}

// lead leads a directory until the test ends, or leave is called.
func (m member) lead(t *testing.T, directory string) led {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := led{began: make(chan *call, 100)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.Lead(ctx, directory, func(ctx context.Context, e Errand) error {
			c := &call{Errand: e, ctx: ctx, answer: make(chan error, 1)}
			l.began <- c
			select {
			case err := <-c.answer:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	l.leave = func() { cancel(); <-ended }
	t.Cleanup(l.leave)
	return l
}

// next returns the next call that begins.
func (l led) next(t *testing.T) *call {
	t.Helper()
	select {
	case c := <-l.began:
		return c
	case <-time.After(patience):
		t.Fatal("no errand came")
		return nil
	}
}

func (j *Jobs) mustSend(t *testing.T, e Errand) {
	t.Helper()
	if err := j.Send(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

// until waits for what has to become true.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not true within %v: %s", patience, what)
		}
		select {
		case <-t.Context().Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// count returns a number that the database tells.
func (j *Jobs) count(t *testing.T, query string, args ...any) int {
	t.Helper()
	var n int
	if err := j.db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// idle waits until every errand is done, so that none can come any more.
func (j *Jobs) idle(t *testing.T) {
	t.Helper()
	until(t, "every errand is done", func() bool {
		return j.count(t, "SELECT COUNT(*) FROM river_job WHERE state <> 'completed'") == 0
	})
}

// leadWith leads a directory with a function that needs no errand, until leave
// is called.
func (m member) leadWith(t *testing.T, directory string, work func(ctx context.Context) error) (leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.Lead(ctx, directory, func(ctx context.Context, _ Errand) error { return work(ctx) })
	}()
	return func() { cancel(); <-ended }
}
