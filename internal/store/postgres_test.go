package store

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/beds"
	"github.com/daypass-dev/daypass/internal/store/storetest"
)

// TestCommitUnanswered breaks the connection in the instant of a commit. The
// step is there once, and Record says so, as far as it can be found out.
func TestCommitUnanswered(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]fault{"unsent": unsent, "unheard": unheard, "vanished": vanished} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct := onPostgres(t)
			behind, wire := direct.through(t)
			s := behind.open(t)
			s.askFor = 2 * time.Second
			if err := s.Record(t.Context(), stepOf("a", 1)); err != nil {
				t.Fatal(err)
			}
			wire.breaks(fault)
			err := s.Record(t.Context(), stepOf("a", 2))
			if fault == vanished && (!errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "the next run will see")) {
				t.Errorf("got %v, want %v", err, ErrUnknown)
			}
			if fault != vanished && err != nil {
				t.Errorf("record: %v", err)
			}
			other := direct.open(t)
			if head := verified(t, other); head.Seq != 4 {
				t.Errorf("%d events, want 4: each step once", head.Seq)
			}
			if fault == vanished {
				return
			}
			if err := s.Record(t.Context(), stepOf("a", 3)); err != nil {
				t.Errorf("record afterwards: %v", err)
			}
		})
	}
}

// TestStoppedWriter leaves a transaction open, as a process does that is
// stopped in the middle of it. The others wait for as long as the server has
// patience with it, and nothing of it remains.
func TestStoppedWriter(t *testing.T) {
	t.Parallel()
	at := onPostgres(t)
	impatient := place{dsn: at.dsn + "&idle_in_transaction_session_timeout=300ms"}
	stopped, s := impatient.open(t), at.open(t)
	stuck, ctx, err := stopped.begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	end := sync.OnceFunc(stuck.end)
	defer end()
	if _, err := stuck.exec(ctx, sqlCount, "stuck"); err != nil {
		t.Fatal(err)
	}
	lease, _, err := s.Leases().Acquire(t.Context(), "corp", "ada", time.Hour)
	if err != nil || lease == 0 {
		t.Fatalf("acquire: %d, %v", lease, err)
	}
	if err := s.Record(t.Context(), stepOf("a", 1)); err != nil {
		t.Errorf("record beside a stopped writer: %v", err)
	}
	if err := stuck.Commit(); err == nil {
		t.Error("the stopped one committed when it woke up")
	}
	end()
	var n int
	if err := s.reader.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM counters WHERE name = 'stuck'").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows of it are there, %v", n, err)
	}
	if err := stopped.Record(t.Context(), stepOf("a", 2)); err != nil {
		t.Errorf("record by the one that was stopped: %v", err)
	}
	verified(t, s)
}

// TestLeaseDoesNotWait renews a lease while somebody writes: a long step must
// not cost it.
func TestLeaseDoesNotWait(t *testing.T) {
	t.Parallel()
	at := onPostgres(t)
	s, other := at.open(t), at.open(t)
	token, _, err := s.Leases().Acquire(t.Context(), "corp", "ada", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	writing, _, err := other.begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer writing.end()
	if held, err := s.Leases().Renew(t.Context(), "corp", token, time.Hour); err != nil || !held {
		t.Errorf("renew: %t, %v", held, err)
	}
	if other, holder, err := s.Leases().Acquire(t.Context(), "corp", "eve", time.Hour); err != nil || other != 0 || holder != "ada" {
		t.Errorf("acquire: %d, %q has it, %v", other, holder, err)
	}
}

// TestServerComesAndGoes: a store that is open goes on when its server is back.
func TestServerComesAndGoes(t *testing.T) {
	t.Parallel()
	server := beds.Postgres(t)
	at := place{dsn: server.Database()}
	s := at.open(t)
	s.patience = 2 * time.Second
	step := 0
	record := func(what string, want error) {
		t.Helper()
		step++
		err := s.Record(t.Context(), stepOf("a", step))
		if want == nil && err != nil || want != nil && (!errors.Is(err, want) || strings.Contains(err.Error(), server.Password)) {
			t.Errorf("%s: got %v, want %v", what, err, want)
		}
		_, err = s.Page(t.Context(), engine.Group{})
		if want == nil && err != nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: page: got %v, want %v", what, err, want)
		}
	}
	record("at first", nil)
	server.Kill()
	record("when it is down", ErrUnreached)
	server.Restart()
	record("when it is back", nil)
	server.Pause()
	record("when it does not answer", ErrUnreached)
	server.Resume()
	record("when it answers again", nil)
	server.Restart()
	record("after a restart that nobody noticed", nil)
	verified(t, s)
}

// TestPostgresMistakes names what people meet, and what the message must hold.
func TestPostgresMistakes(t *testing.T) {
	t.Parallel()
	at := onPostgres(t)
	used := onPostgres(t)
	used.exec(t, "CREATE SCHEMA daypass; CREATE TABLE daypass.songs (title TEXT)")
	reading := onPostgres(t)
	reading.open(t)
	replace := func(old, other string) string { return strings.Replace(at.dsn, old, other, 1) }
	for name, test := range map[string]struct {
		dsn  string
		is   error
		says string
	}{
		"not running":       {"postgres://daypass:hunter2@127.0.0.1:1/daypass", ErrUnreached, "is it running"},
		"a wrong password":  {replace("hunter2", "hunter3"), ErrRefused, "pg_hba.conf"},
		"no such user":      {replace("daypass:", "nobody:"), ErrRefused, "look at the user"},
		"no such database":  {replace("/test_", "/none_"), ErrNoDatabase, "createdb"},
		"another program's": {used.dsn, ErrNotStore, "search_path=NAME"},
		"a broken address":  {"postgres://daypass:hunter%2@db/daypass", nil, "write postgres://USER@HOST/DATABASE"},
	} {
		_, err := Open(t.Context(), test.dsn)
		if err == nil || test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v, want %v and %q", name, err, test.is, test.says)
		}
		if err != nil && strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: the password is in %v", name, err)
		}
	}
	s := place{dsn: reading.dsn + "&default_transaction_read_only=on"}.open(t)
	if err := s.Record(t.Context(), stepOf("a", 1)); !errors.Is(err, ErrReadOnly) || !strings.Contains(err.Error(), "primary") {
		t.Errorf("a standby: got %v, want %v", err, ErrReadOnly)
	}
	if strings.Contains(s.Path(), "hunter") || !strings.HasPrefix(s.Path(), "postgres://daypass@127.0.0.1:") {
		t.Errorf("path %s", s.Path())
	}
}

// TestPostgresFull: a batch that the server has no room for leaves nothing.
func TestPostgresFull(t *testing.T) {
	t.Parallel()
	at := onPostgres(t)
	s := at.open(t)
	at.exec(t, `CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN RAISE EXCEPTION ''could not extend file'' USING ERRCODE = ''53100''; END';
		CREATE TRIGGER no_room BEFORE INSERT ON events EXECUTE FUNCTION no_room()`)
	if err := s.Record(t.Context(), stepOf("a", 1)); !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "make room") {
		t.Errorf("got %v, want %v", err, ErrFull)
	}
	if groups, err := s.Groups(t.Context()); err != nil || len(groups) != 0 {
		t.Errorf("%d groups were written, %v", len(groups), err)
	}
	at.exec(t, "DROP TRIGGER no_room ON events")
	if err := s.Record(t.Context(), stepOf("a", 1)); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestPostgresCodes(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]error{
		"53100": ErrFull, "25006": ErrReadOnly, "42501": ErrReadOnly, "55P03": ErrBusy, "57014": ErrBusy, "53300": ErrBusy,
		"28P01": ErrRefused, "28000": ErrRefused, "3D000": ErrNoDatabase, "57P01": ErrUnreached, "57P03": ErrUnreached, "XX001": ErrDamaged,
	} {
		err := postgresMeaning(fmt.Errorf("somewhere: %w", &pgconn.PgError{Code: code, Message: "words", Detail: "Key (person)=(ada)"}))
		if !errors.Is(err, want) || !strings.Contains(err.Error(), code) || strings.Contains(err.Error(), "ada") {
			t.Errorf("%s: got %v, want %v", code, err, want)
		}
	}
}

// TestPostgresSettings reads back what durability, and the patience with others,
// rest on: whatever the database's own settings are.
func TestPostgresSettings(t *testing.T) {
	t.Parallel()
	at := onPostgres(t)
	at.exec(t, `DO 'BEGIN EXECUTE format(''ALTER DATABASE %I SET synchronous_commit = off'', current_database()); END'`)
	s := at.open(t)
	for name, want := range map[string]string{
		"synchronous_commit": "on", "idle_in_transaction_session_timeout": "3s", "lock_timeout": "5s", "statement_timeout": "10s",
		"tcp_user_timeout": "10000", "search_path": "daypass", "application_name": "daypass", "default_transaction_isolation": "read committed",
	} {
		var got string
		if err := s.writer.QueryRowContext(t.Context(), "SHOW "+name).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", name, got, err, want)
		}
	}
}

// TestLockLost takes the lock over once the holder's connection is gone, while
// its process lives: leases and fences are what remains then.
func TestLockLost(t *testing.T) {
	t.Parallel()
	at := onPostgres(t)
	one, two := at.open(t), at.open(t)
	unlock, err := one.Lock(t.Context(), storetest.Start())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	at.exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'daypass run %' AND datname = current_database()")
	deadline := time.Now().Add(10 * time.Second)
	for {
		again, err := two.Lock(t.Context(), storetest.Start())
		if err == nil {
			again()
			return
		}
		if !errors.Is(err, ErrLocked) || time.Now().After(deadline) {
			t.Fatalf("got %v", err)
		}
	}
}
