package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver named "sqlite"
)

const (
	// applicationID marks an SQLite file as a store of daypass ("dayp"). It
	// stands in the file's header.
	applicationID = 0x64617970
	magic         = "SQLite format 3\x00"
	// readers are kept open. More are opened when they are all in use: with a
	// limit, somebody who asks while reading an iterator could wait for himself.
	readers = 4
)

// Open opens the store at dsn, and creates it when it is not there. An older
// store is brought up to date; one that a newer daypass wrote is refused with
// [ErrNewer], one that was moved with [ErrMoved]. What takes its time is left to
// [Store.Fill].
//
// dsn is a path, or "sqlite:" and a path: the file is readable by its owner
// only, for it says who has access to what. Or it is postgres://USER@HOST/DATABASE.
func Open(ctx context.Context, dsn string) (*Store, error) {
	if IsPostgres(dsn) {
		return openPostgres(ctx, dsn)
	}
	path, err := parseDSN(dsn)
	if err != nil {
		return nil, err
	}
	return openSQLite(ctx, path, "")
}

func sqliteDialect() *dialect {
	return &dialect{
		goose: goose.DialectSQLite3, migrations: "migrations/sqlite", prepares: true,
		clock: `CAST(unixepoch('subsec') * 1000000 AS INTEGER)`, meaning: sqliteMeaning,
		begin: func(ctx context.Context, s *Store) (*tx, error) {
			t, err := s.writer.BeginTx(ctx, nil)
			if err != nil {
				return nil, err
			}
			own := &tx{s: s, db: s.writer, Tx: t}
			if err := s.refuseMoved(ctx, own); err != nil {
				return nil, errors.Join(err, t.Rollback())
			}
			return own, nil
		},
	}
}

// openSQLite opens a file. target is where a move that was cut off may have come
// to; empty for what the store remembers of it.
func openSQLite(ctx context.Context, path, target string) (_ *Store, err error) {
	if err := prepareFile(path); err != nil {
		return nil, err
	}
	s := &Store{dialect: sqliteDialect(), path: path, fail: newFailpoints()}
	if s.writer, err = openPool(path, 1, 1, "_txlock=immediate",
		"_pragma=journal_mode(WAL)", "_pragma=synchronous(FULL)", "_pragma=cache_size(-32768)"); err != nil {
		return nil, err
	}
	if s.reader, err = openPool(path, 0, readers, "_pragma=query_only(1)"); err != nil {
		return nil, errors.Join(err, s.writer.Close())
	}
	if err := s.setUp(ctx, target); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) setUp(ctx context.Context, target string) error {
	if err := s.claim(ctx); err != nil {
		return s.explain("open", err)
	}
	if err := s.migrate(ctx); err != nil {
		return s.explain("open", err)
	}
	if err := s.prepareAll(ctx); err != nil {
		return s.explain("open", err)
	}
	return s.explain("open", s.settleMove(ctx, target))
}

func parseDSN(dsn string) (string, error) {
	scheme, rest, found := strings.Cut(dsn, ":")
	switch {
	case dsn == "":
		return "", errors.New("store: no path given; write sqlite:daypass.db")
	case !found || strings.ContainsAny(scheme, `/\`) || len(scheme) == 1: // C:\daypass.db
		return filepath.Abs(dsn)
	case scheme != "sqlite":
		return "", fmt.Errorf("store: %q is not supported; write sqlite:PATH or postgres://USER@HOST/DATABASE", scheme+":")
	case rest == "":
		return "", errors.New("store: sqlite: without a path; write sqlite:daypass.db")
	}
	return filepath.Abs(strings.TrimPrefix(rest, "//"))
}

func openPool(path string, open, idle int, more ...string) (*sql.DB, error) {
	params := append([]string{"_pragma=busy_timeout(5000)", "_pragma=foreign_keys(1)"}, more...)
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path)}
	db, err := sql.Open("sqlite", "file:"+u.EscapedPath()+"?"+strings.Join(params, "&"))
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", path, err)
	}
	db.SetMaxOpenConns(open)
	db.SetMaxIdleConns(idle)
	return db, nil
}

// prepareFile creates the file with the right mode before SQLite would create
// it with the wrong one, and looks at an existing one, so that the usual
// mistakes are named as what they are.
func prepareFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		f, err = os.OpenFile(path, os.O_RDWR, 0)
	}
	if err != nil {
		return cannotOpen(path, err)
	}
	defer f.Close()
	header := make([]byte, len(magic))
	n, err := io.ReadFull(f, header)
	switch {
	case errors.Is(err, io.EOF):
		return nil // empty: new, or a start that was cut short
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("store %s: %w", path, err)
	case string(header[:n]) != magic:
		return fmt.Errorf("store %s: %w: set store: to another path, or move the file away", path, ErrNotStore)
	}
	return nil
}

func cannotOpen(path string, err error) error {
	folder := filepath.Dir(path)
	info, statErr := os.Stat(path)
	_, folderErr := os.Stat(folder)
	switch {
	case statErr == nil && info.IsDir():
		return fmt.Errorf("store %s: is a folder; name a file in it", path)
	case statErr == nil:
		return fmt.Errorf("store %s: cannot be written (%w); make the file writable for the user that runs daypass", path, cause(err))
	case errors.Is(folderErr, fs.ErrNotExist):
		return fmt.Errorf("store %s: folder %s is not there (%w); make it, or set store: to another path", path, folder, cause(err))
	}
	return fmt.Errorf("store %s: folder %s cannot be written (%w); make it writable for the user that runs daypass, or set store: to another path", path, folder, cause(err))
}

// cause strips the path that os puts before an error: it is named already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// claim marks a new file as ours, and refuses a database of another program.
// Two processes may do it at once.
func (s *Store) claim(ctx context.Context) error {
	return s.write(ctx, "open", func(ctx context.Context, t *tx) error {
		var id, tables int64
		if err := t.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
			return err
		}
		if id == applicationID {
			return nil
		}
		if err := t.QueryRowContext(ctx, "SELECT COUNT(*) FROM sqlite_master").Scan(&tables); err != nil {
			return err
		}
		if id != 0 || tables != 0 {
			return fmt.Errorf("%w: it is an SQLite database of another program; set store: to another path", ErrNotStore)
		}
		_, err := t.ExecContext(ctx, "PRAGMA application_id = "+strconv.Itoa(applicationID))
		return err
	})
}
