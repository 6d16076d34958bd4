package store

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/store/storetest"
)

func TestLockHoldsOthersOff(t *testing.T) { onEach(t, testLockHoldsOthersOff) }

func testLockHoldsOthersOff(t *testing.T, at place) {
	one, two := at.open(t), at.open(t)
	unlock, err := one.Lock(t.Context(), storetest.Start())
	if err != nil {
		t.Fatal(err)
	}
	_, err = two.Lock(t.Context(), storetest.Start())
	wantHeld(t, two, err, os.Getpid())
	// The lock is about directories: what is not a run goes on.
	if err := two.Record(t.Context(), bigBatch(1, 1)); err != nil {
		t.Errorf("record beside the lock: %v", err)
	}
	unlock()
	again, err := two.Lock(t.Context(), storetest.Start())
	// A process that another test is just starting has the file for an instant
	// too, and a server ends a session when it comes to it.
	for deadline := time.Now().Add(10 * time.Second); errors.Is(err, ErrLocked) && time.Now().Before(deadline); {
		again, err = two.Lock(t.Context(), storetest.Start())
	}
	if err != nil {
		t.Fatalf("after unlock: %v", err)
	}
	unlock() // a second time: must not take two's away
	_, err = one.Lock(t.Context(), storetest.Start())
	wantHeld(t, one, err, os.Getpid())
	again()
}

func wantHeld(t *testing.T, s *Store, err error, pid int) {
	t.Helper()
	host, hostErr := os.Hostname()
	if hostErr != nil {
		t.Fatal(hostErr)
	}
	var locked *LockedError
	if !errors.Is(err, ErrLocked) || !errors.As(err, &locked) {
		t.Fatalf("got %v, want %v", err, ErrLocked)
	}
	want := Holder{PID: pid, Host: host, Since: storetest.Start().Truncate(time.Second)}
	locked.Holder.Since = locked.Holder.Since.Truncate(time.Second) // PostgreSQL tells no more
	same(t, "holder", locked.Holder, want)
	for _, part := range []string{strconv.Itoa(pid), host, "2026-11-24T09:00:00Z", s.Path()} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %s", err, part)
		}
	}
}

// TestLockEndsWithItsProcess kills the holder: nobody has to clean up after it.
func TestLockEndsWithItsProcess(t *testing.T) { onEach(t, testLockEndsWithItsProcess) }

func testLockEndsWithItsProcess(t *testing.T, at place) {
	s := at.open(t)
	c := start(t, at, "lock")
	if said := c.line(t); said != "locked <nil>" {
		t.Fatalf("the child said %q", said)
	}
	_, err := s.Lock(t.Context(), storetest.Start())
	wantHeld(t, s, err, c.cmd.Process.Pid)
	c.kill(t)
	deadline := time.Now().Add(10 * time.Second) // a server has to notice
	for {
		unlock, err := s.Lock(t.Context(), storetest.Start())
		if err == nil {
			unlock()
			return
		}
		if !errors.Is(err, ErrLocked) || time.Now().After(deadline) {
			t.Fatalf("after the holder was killed: %v", err)
		}
	}
}

func TestLockCancelled(t *testing.T) { onEach(t, testLockCancelled) }

func testLockCancelled(t *testing.T, at place) {
	s := at.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Lock(ctx, storetest.Start()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
