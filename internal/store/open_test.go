package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/daypass-dev/daypass/engine"
)

func TestOpenCreatesForItsOwnerOnly(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := openIn(t, folder)
	if err := s.Record(t.Context(), bigBatch(1, 1)); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %s, want -rw-------", f.Name(), info.Mode())
		}
	}
	if len(files) < 2 {
		t.Errorf("files %v; want the database and its log", files)
	}
}

func TestOpenDSN(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for i, form := range []string{"%s", "sqlite:%s", "sqlite://%s"} {
		path := filepath.Join(folder, fmt.Sprintf("odd name?#%%41&%d;'ä.db", i))
		s, err := Open(t.Context(), fmt.Sprintf(form, path))
		if err != nil {
			t.Errorf("%s: %v", form, err)
			continue
		}
		if _, err := os.Stat(path); err != nil || s.Path() != path {
			t.Errorf("%s: path %s, %v", form, s.Path(), err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	left, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(left) != 3 {
		t.Errorf("files %q, %v; want three and nothing beside them", left, err)
	}
	for _, bad := range []string{"", "sqlite:", "mysql://localhost/daypass"} {
		if s, err := Open(t.Context(), bad); err == nil {
			t.Errorf("%q was opened as %s", bad, s.Path())
		}
	}
}

// TestOpenMistakes names what people meet, and what the message must hold.
func TestOpenMistakes(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	other := filepath.Join(folder, "other.db")
	execIn(t, other, "CREATE TABLE songs (title TEXT)")
	foreign := filepath.Join(folder, "foreign.db")
	execIn(t, foreign, "PRAGMA application_id = 7")
	for name, test := range map[string]struct {
		path string
		is   error
		says string
	}{
		"a folder":          {folder, nil, "is a folder"},
		"no such folder":    {filepath.Join(folder, "none", "daypass.db"), os.ErrNotExist, "folder " + filepath.Join(folder, "none") + " is not there"},
		"a text file":       {file("notes.txt", "dear diary, today"), ErrNotStore, "not a daypass store"},
		"a short file":      {file("short", "x"), ErrNotStore, "not a daypass store"},
		"a damaged file":    {file("damaged", magic+strings.Repeat("?", 4096)), ErrNotStore, "not a daypass store"},
		"another program's": {other, ErrNotStore, "another program"},
		"another's, empty":  {foreign, ErrNotStore, "another program"},
	} {
		_, err := Open(t.Context(), test.path)
		if err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), test.path) {
			t.Errorf("%s: got %v, want it to say %q and where", name, err, test.says)
		}
		if test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%s: got %v, want %v", name, err, test.is)
		}
	}
}

func execIn(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// An empty file is what a start leaves that was cut short.
func TestOpenEmptyFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "daypass.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := openIn(t, folder).Record(t.Context(), bigBatch(1, 1)); err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesNewer(t *testing.T) { onEach(t, testOpenRefusesNewer) }

func testOpenRefusesNewer(t *testing.T, at place) {
	path := at.open(t).Path()
	at.exec(t, "INSERT INTO migrations (version_id, is_applied) VALUES (99, TRUE)")
	_, err := Open(t.Context(), at.dsn)
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "99") || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want %v", err, ErrNewer)
	}
}

// TestOpenAtOnce opens one new store many times at the same moment, as two cron
// jobs may.
func TestOpenAtOnce(t *testing.T) { onEach(t, testOpenAtOnce) }

func testOpenAtOnce(t *testing.T, at place) {
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			s, err := Open(t.Context(), at.dsn)
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			if err := s.Record(t.Context(), bigBatch(i, 3)); err != nil {
				t.Errorf("record: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	wg.Wait()
	s := at.open(t)
	if head := verified(t, s); head.Seq != 18 {
		t.Errorf("%d events, want 18", head.Seq)
	}
}

// TestReaderCannotWrite: what only reads must not be able to do more, whatever
// its statement says.
func TestReaderCannotWrite(t *testing.T) { onEach(t, testReaderCannotWrite) }

func testReaderCannotWrite(t *testing.T, at place) {
	s := at.open(t)
	_, err := s.reader.ExecContext(t.Context(), "DELETE FROM events")
	if err = s.explain("delete", err); !errors.Is(err, ErrReadOnly) {
		t.Errorf("got %v, want %v", err, ErrReadOnly)
	}
}

// TestDurableSettings reads back what the durability of Record rests on.
func TestDurableSettings(t *testing.T) {
	t.Parallel()
	s := openIn(t, t.TempDir())
	for name, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000"} {
		var got string
		if err := s.writer.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", name, got, err, want)
		}
	}
}

// TestDiskFull fills the store up to a bound. A batch that does not fit leaves
// nothing behind, and the store goes on when there is room again.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := openIn(t, t.TempDir())
	record := func(g int) error { return s.Record(t.Context(), bigBatch(g, 100)) }
	bound := func(pages int) {
		if _, err := s.writer.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	bound(100)
	var err error
	written := 0
	for ; err == nil && written < 100; written++ {
		err = record(written)
	}
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "make room") {
		t.Fatalf("got %v after %d batches, want %v", err, written, ErrFull)
	}
	written-- // the last one
	check := func() {
		t.Helper()
		groups, err := s.Groups(t.Context())
		if head := verified(t, s); err != nil || len(groups) != written || head.Seq != int64(100*written) {
			t.Errorf("%d groups, %d events, %v; want %d batches of both", len(groups), head.Seq, err, written)
		}
	}
	check()
	bound(10000)
	if err := record(written); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	written++
	check()
}

func TestCancelledBefore(t *testing.T) { onEach(t, testCancelledBefore) }

func testCancelledBefore(t *testing.T, at place) {
	s := at.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Record(ctx, bigBatch(1, 1)); !errors.Is(err, ctx.Err()) {
		t.Errorf("record: got %v, want %v", err, ctx.Err())
	}
	if _, err := s.Page(ctx, engine.Group{}); !errors.Is(err, ctx.Err()) {
		t.Errorf("page: got %v, want %v", err, ctx.Err())
	}
	if head := verified(t, s); head.Seq != 0 {
		t.Errorf("%d events were written", head.Seq)
	}
}
