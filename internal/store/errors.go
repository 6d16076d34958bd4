package store

import (
	"errors"
	"fmt"

	"github.com/daypass-dev/daypass/engine"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Errors that callers act on, or that people should be able to search for.
var (
	ErrNewer     = errors.New("written by a newer daypass")
	ErrNotStore  = errors.New("not a daypass store")
	ErrFull      = errors.New("the disk is full")
	ErrReadOnly  = errors.New("read-only")
	ErrBusy      = errors.New("another process kept it busy for too long")
	ErrDamaged   = errors.New("the file is damaged; restore it from a backup")
	ErrNotFound  = errors.New("not found")
	ErrAmbiguous = errors.New("ambiguous")
	ErrState     = errors.New("not possible as it stands") // of a grant that is over, or there already
	ErrUnknown   = errors.New("whether it was written is not known")
	ErrUnreached = errors.New("the database cannot be reached")
	ErrRefused   = errors.New("the database refused the login")
	ErrMoved     = errors.New("this store was moved")
	ErrSpent     = errors.New("release already used")
	ErrStale     = errors.New("it was changed meanwhile")
	ErrTwice     = errors.New("there is an undecided request for it already")
	ErrExcluded  = errors.New("the person holds what excludes it")
	ErrGiven     = errors.New("the person has it already")
	// ErrUnreadable is of one row; the others are not concerned.
	ErrUnreadable = errors.New("it is on record and cannot be read")
	ErrCursor     = errors.New("no such page; begin at the first")
	ErrMismatch   = errors.New("the key was used for something else")
)

// explain says where and what, and gives the database's codes a meaning. Rows
// are never part of it, only the database's own words.
func (s *Store) explain(what string, err error) error {
	var explained *Error
	if err == nil || errors.As(err, &explained) {
		return err
	}
	for _, answer := range []error{
		ErrNotFound, ErrAmbiguous, ErrState, ErrSpent, ErrStale, ErrTwice, ErrExcluded, ErrGiven, ErrMismatch, engine.ErrFenced,
	} {
		if errors.Is(err, answer) {
			return err // the store works; what was asked for is not possible
		}
	}
	var busy *busyKey
	if errors.As(err, &busy) {
		return err
	}
	return &Error{Path: s.path, Op: what, Err: s.meaning(err)}
}

// Error is a failure of the store.
type Error struct {
	Path string // the database file or address, without secrets
	Op   string // what was to be done: "record"
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("store %s: %s: %v", e.Path, e.Op, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// Away reports whether the database cannot be reached, and certainly nothing was
// written.
func (e *Error) Away() bool { return errors.Is(e.Err, ErrUnreached) && !errors.Is(e.Err, ErrUnknown) }

func sqliteMeaning(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff { // the primary code; the rest is detail
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: make room and run again; nothing of this step was written (%w)", ErrFull, err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fmt.Errorf("the file or its folder is %w for the user that runs daypass (%w)", ErrReadOnly, err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("%w; run again (%w)", ErrBusy, err)
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w (%w)", ErrNotStore, err)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	return err
}
