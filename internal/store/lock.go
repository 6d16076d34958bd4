package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// ErrLocked tells that somebody else holds the store's lock. The error is a
// [*LockedError] that says who.
var ErrLocked = errors.New("in use by another run")

// LockedError says who holds the lock of a store.
type LockedError struct {
	Path   string // the lock file, or the address of the database
	Holder Holder
}

// Holder is who holds a lock. It is zero for the instant between taking a lock
// and writing so.
type Holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
}

func (e *LockedError) Error() string {
	if e.Holder.PID == 0 {
		return fmt.Sprintf("%s: %v", e.Path, ErrLocked)
	}
	return fmt.Sprintf("%s: %v: process %d on %s, since %s", e.Path, ErrLocked, e.Holder.PID, e.Holder.Host, stampText(e.Holder.Since))
}

// Is makes the error match [ErrLocked].
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// Lock takes the lock that lets only one run at a time change directories from
// this store. It does not wait: when somebody holds it, the error is
// [ErrLocked]. The lock is given back when the process ends, however it ends.
// Unlock may be called more than once. now is told to the one who comes second.
//
// On SQLite the lock is of a file beside the store, and the operating system
// keeps it. On PostgreSQL the server keeps it for as long as a connection lasts:
// it is lost with the connection, which nobody notices, and a machine that was
// cut off may go on while another has it. There, it keeps scheduled jobs out of
// each other's way; what keeps two from writing are leases and fences.
func (s *Store) Lock(ctx context.Context, now time.Time) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.turn != nil {
		return s.lockPostgres(ctx, now)
	}
	path := s.path + ".lock"
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, cause(err))
	}
	taken, err := tryLock(f)
	switch {
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	case !taken:
		defer f.Close()
		return nil, &LockedError{Path: path, Holder: readHolder(f)}
	}
	if err := writeHolder(f, now); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, cause(err)), f.Close())
	}
	return sync.OnceFunc(func() {
		// The file stays: removing it would let two processes lock two files
		// of one name. Closing it gives the lock back.
		_ = f.Truncate(0)
		_ = f.Close()
	}), nil
}

func writeHolder(f *os.File, now time.Time) error {
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown host"
	}
	text, err := json.Marshal(Holder{PID: os.Getpid(), Host: host, Since: now.UTC()})
	if err != nil {
		return err
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.WriteAt(append(text, '\n'), 0)
	return err
}

// readHolder reads what it can: who holds the lock is a courtesy.
func readHolder(f *os.File) Holder {
	var h Holder
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil || json.Unmarshal(text, &h) != nil {
		return Holder{}
	}
	return h
}
