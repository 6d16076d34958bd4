package store

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/store/storetest"
)

// stocked is a SQLite store with something in every table.
func stocked(t *testing.T) (place, *Store) {
	t.Helper()
	at := onSQLite(t)
	s := at.open(t)
	add(t, s, wish("CHG-1"))
	h := held(t, s, "run-1", "a", "b")
	if _, err := s.AddRelease(t.Context(), release(h.Digest)); err != nil {
		t.Fatal(err)
	}
	r := asked("r1", "ada@example.org", 0)
	r.Reason = "a\x00\ufdd0"
	decided := asked("r2", "eve@example.org", 0)
	save(t, s, r, decided, approved(decided))
	token(t, s, "t1", "ada@example.org")
	odd := engine.Member{ID: "odd", Login: "a\x00\xff"}
	b := bigBatch(1, 50)
	b.Put[0].Member = odd
	b.Listings = []engine.Listing{{Group: numbered(1), Members: []engine.Member{odd}}}
	b.Known = []engine.Known{{Directory: "corp", Mark: "m\xff"}}
	for _, batch := range []engine.Batch{b, stepOf("a", 1), {Events: []engine.Event{{Kind: engine.EventRunStarted, Run: "run-1"}}}} {
		if err := s.Record(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.Leases().Acquire(t.Context(), "corp", "ada", 0); err != nil {
		t.Fatal(err)
	}
	return at, s
}

func moving(t *testing.T, from, to place) (Moved, error) {
	t.Helper()
	return Move(t.Context(), from.dsn, to.dsn, storetest.Start(), func(string) {})
}

func TestMove(t *testing.T) {
	t.Parallel()
	from, old := stocked(t)
	to := onPostgres(t)
	want := contents(t, old)
	moved, err := moving(t, from, to)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(moved.Target, "hunter2") || !strings.Contains(moved.Target, "daypass@127.0.0.1:") {
		t.Errorf("target %s: want the address without the password", moved.Target)
	}
	for _, c := range moved.Tables {
		if c.Rows == 0 {
			t.Errorf("nothing of %s was moved: it tests nothing", c.Table)
		}
	}
	s := to.open(t)
	same(t, "contents", contents(t, s), want)
	if head := verified(t, s); head != moved.Head {
		t.Errorf("head %s, want %s", head, moved.Head)
	}
	if token, _, err := s.Leases().Acquire(t.Context(), "corp", "eve", 0); err != nil || token != 2 {
		t.Errorf("token %d, %v; want 2: tokens grow across a move", token, err)
	}
	if err := s.Record(t.Context(), stepOf("a", 2)); err != nil {
		t.Error(err)
	}
	verified(t, s)

	// The old one is closed: to who opens it, and to who has it open.
	_, err = Open(t.Context(), from.dsn)
	if !errors.Is(err, ErrMoved) || !strings.Contains(err.Error(), "set store: to it") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want %v and where it is", err, ErrMoved)
	}
	if err := old.Record(t.Context(), stepOf("a", 2)); !errors.Is(err, ErrMoved) {
		t.Errorf("record into the old store: got %v, want %v", err, ErrMoved)
	}
	if _, err := moving(t, from, to); !errors.Is(err, ErrMoved) {
		t.Errorf("moved twice: got %v, want %v", err, ErrMoved)
	}
}

// content is all that a store tells.
type content struct {
	Owned    []engine.Owned
	Past     []engine.Past
	Page     engine.Page
	Holds    []engine.Hold
	Release  *engine.Release
	Grants   []HandGrant
	Runs     []Run
	Events   []engine.Event
	Known    engine.Known
	Listing  *engine.Listing
	Decided  int64
	LedgerOf []engine.LedgerGroup
	Requests []access.Request
	Tokens   []Token
}

func contents(t *testing.T, s *Store) (c content) {
	t.Helper()
	var errs [11]error
	ctx := t.Context()
	c.Owned, c.Past, c.Runs = gather(t, s.Live(ctx, Filter{})), gather(t, s.Past(ctx, Filter{})), gather(t, s.Runs(ctx))
	c.Page, errs[0] = s.Page(ctx, engine.Group{Directory: "a", ID: "1"})
	c.Holds, errs[1] = s.Holds(ctx)
	c.Release, errs[2] = s.Release(ctx, "sha256:"+strings.Repeat("a", 64), storetest.Start())
	c.Grants, errs[3] = s.Grants(ctx)
	c.Events, errs[4] = events(ctx, s)
	c.Known, errs[5] = s.Known(ctx, "corp")
	c.Listing, errs[6] = s.Listing(ctx, numbered(1))
	c.Decided, errs[7] = s.Generation(ctx)
	c.LedgerOf, errs[8] = s.Groups(ctx)
	page, err := s.Requests(ctx, RequestQuery{})
	c.Requests, errs[9] = page.Requests, err
	c.Tokens, errs[10] = s.Tokens(ctx, "ada@example.org")
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestMoveRefused: what cannot be moved stays usable where it is.
func TestMoveRefused(t *testing.T) {
	t.Parallel()
	from, old := stocked(t)
	full := onPostgres(t)
	add(t, full.open(t), wish("CHG-9"))
	refused := func(what string, to place, is error, says string) {
		t.Helper()
		_, err := moving(t, from, to)
		if err == nil || is != nil && !errors.Is(err, is) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v, want it to say %q", what, err, says)
		}
		if err := from.open(t).Record(t.Context(), engine.Batch{Put: bigBatch(3, 1).Put}); err != nil {
			t.Errorf("%s: the old store: %v", what, err)
		}
	}
	refused("a target that is in use", full, nil, "holds a store already")
	refused("no such database", place{dsn: strings.Replace(full.dsn, "/test_", "/none_", 1)}, ErrNoDatabase, "createdb")
	refused("not PostgreSQL", place{dsn: "sqlite:x.db"}, nil, "postgres://")

	unlock, err := old.Lock(t.Context(), storetest.Start())
	if err != nil {
		t.Fatal(err)
	}
	refused("a run is under way", onPostgres(t), ErrLocked, "process")
	unlock()

	from.exec(t, "UPDATE events SET body = replace(body, 'ada', 'eve')")
	refused("a log that was tampered with", onPostgres(t), nil, "audit verify")
	if _, err := Move(t.Context(), from.dsn+"none", full.dsn, storetest.Start(), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing to move: got %v", err)
	}
}

// TestMoveCutOff leaves a move at the instant between the two databases, as a
// crash would, on either side of it.
func TestMoveCutOff(t *testing.T) {
	t.Parallel()
	for name, arrived := range map[string]bool{"before": false, "after": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, _ := stocked(t)
			to := onPostgres(t)
			to.open(t)
			if arrived {
				to.exec(t, "INSERT INTO counters VALUES ('arrived X', 1)")
			}
			from.exec(t, "INSERT INTO moved VALUES ('X', '"+withoutSecrets(to.dsn)+"', 0, 1)")

			// Without the password nobody can tell: neither is used.
			_, err := Open(t.Context(), from.dsn)
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "store migrate --to") {
				t.Errorf("when the target lets nobody in: got %v, want %v", err, ErrRefused)
			}
			_, err = moving(t, from, to)
			if arrived && !errors.Is(err, ErrMoved) {
				t.Errorf("moved again: got %v, want %v", err, ErrMoved)
			}
			if !arrived && err != nil {
				t.Errorf("moved again: %v", err)
			}
			if _, err := Open(t.Context(), from.dsn); !errors.Is(err, ErrMoved) || !strings.Contains(err.Error(), "set store: to it") {
				t.Errorf("got %v, want %v", err, ErrMoved)
			}
		})
	}
}
