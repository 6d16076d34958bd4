package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// Lessor keeps leases, as the schedule package has it.
type Lessor interface {
	Acquire(ctx context.Context, name, holder string, ttl time.Duration) (token int64, other string, err error)
	Renew(ctx context.Context, name string, token int64, ttl time.Duration) (bool, error)
	Release(ctx context.Context, name string, token int64) error
}

// acquire takes a lease that is free.
func acquire(t *testing.T, l Lessor, name, holder string, ttl time.Duration) int64 {
	t.Helper()
	token, other, err := l.Acquire(t.Context(), name, holder, ttl)
	if err != nil || token == 0 {
		t.Fatalf("acquire %s for %s: token %d, %q has it, %v", name, holder, token, other, err)
	}
	return token
}

// refused asks for the lease on corp, which another has.
func refused(t *testing.T, l Lessor, holder, want string) {
	t.Helper()
	token, other, err := l.Acquire(t.Context(), "corp", holder, time.Hour)
	if err != nil || token != 0 || other != want {
		t.Errorf("acquire corp for %s: token %d, %q has it, %v; want %q to have it", holder, token, other, err, want)
	}
}

func renew(t *testing.T, l Lessor, name string, token int64, ttl time.Duration, want bool) {
	t.Helper()
	if held, err := l.Renew(t.Context(), name, token, ttl); err != nil || held != want {
		t.Errorf("renew %s by %d: %t, %v; want %t", name, token, held, err, want)
	}
}

// leaseOneAtATime takes a lease over when it is over, and not before.
func leaseOneAtATime(t *testing.T, w World) {
	if w.Lessor == nil {
		return
	}
	l := w.Lessor
	first := acquire(t, l, "corp", "ada", time.Hour)
	refused(t, l, "eve", "ada")
	refused(t, l, "ada", "ada") // nor has a name that asks again
	acquire(t, l, "okta", "eve", time.Hour)

	renew(t, l, "corp", first, 0, true) // it is over now
	second := acquire(t, l, "corp", "eve", time.Hour)
	if second <= first {
		t.Errorf("token %d after %d: it must grow", second, first)
	}
	renew(t, l, "corp", first, time.Hour, false)
	refused(t, l, "ada", "eve")
	if err := l.Release(t.Context(), "corp", first); err != nil {
		t.Errorf("give back what was lost: %v", err)
	}
	refused(t, l, "ada", "eve")
}

// leaseGoesOn renews a lease whose time is up and that nobody took.
func leaseGoesOn(t *testing.T, w World) {
	if w.Lessor == nil {
		return
	}
	l := w.Lessor
	token := acquire(t, l, "corp", "ada", 0)
	renew(t, l, "corp", token, time.Hour, true)
	refused(t, l, "eve", "ada")
	renew(t, l, "none", token, time.Hour, false)
}

func leaseGivenBack(t *testing.T, w World) {
	if w.Lessor == nil {
		return
	}
	l := w.Lessor
	first := acquire(t, l, "corp", "ada", time.Hour)
	for range 2 {
		if err := l.Release(t.Context(), "corp", first); err != nil {
			t.Fatal(err)
		}
	}
	renew(t, l, "corp", first, time.Hour, false)
	if second := acquire(t, l, "corp", "eve", time.Hour); second <= first {
		t.Errorf("token %d after %d was given back: it must grow", second, first)
	}
}

// leaseRace lets many ask at the same time, through two handles.
func leaseRace(t *testing.T, w World) {
	if w.Lessor == nil {
		return
	}
	lessors := []Lessor{w.Lessor}
	if w.LessorAgain != nil {
		lessors = append(lessors, w.LessorAgain(t))
	}
	for round := range 5 {
		var won atomic.Int64
		var token atomic.Int64
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				got, _, err := lessors[i%len(lessors)].Acquire(t.Context(), "corp", fmt.Sprint(i), time.Hour)
				if err != nil {
					t.Errorf("acquire: %v", err)
				} else if got != 0 {
					won.Add(1)
					token.Store(got)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("round %d: %d have the lease, want 1", round, won.Load())
		}
		renew(t, w.Lessor, "corp", token.Load(), 0, true)
	}
}

// fencedOff writes under leases: nothing is written under one that was taken
// over, and all under one that is only late.
func fencedOff(t *testing.T, w World) {
	if w.Lessor == nil {
		return
	}
	l := w.Lessor
	write := func(member engine.MemberID, fences ...engine.Fence) error {
		return w.Ledger.Record(t.Context(), engine.Batch{
			Put: []engine.Owned{owned(group(1), member)}, Fences: fences,
			Events: []engine.Event{{At: Start(), Kind: engine.EventIntended}},
		})
	}
	if err := write("none", engine.Fence{Directory: "corp", Token: 1}); !errors.Is(err, engine.ErrFenced) {
		t.Errorf("under a lease that nobody ever had: got %v, want %v", err, engine.ErrFenced)
	}
	first := engine.Fence{Directory: "corp", Token: acquire(t, l, "corp", "ada", 0)}
	other := engine.Fence{Directory: "okta", Token: acquire(t, l, "okta", "ada", time.Hour)}
	if err := write("late", first, other); err != nil {
		t.Errorf("under one whose time is up, and that nobody took: %v", err)
	}
	second := engine.Fence{Directory: "corp", Token: acquire(t, l, "corp", "eve", time.Hour)}
	if err := write("lost", other, first); !errors.Is(err, engine.ErrFenced) {
		t.Errorf("under one that was taken over: got %v, want %v", err, engine.ErrFenced)
	}
	if err := write("new", second); err != nil {
		t.Errorf("under the one that took it over: %v", err)
	}
	equal(t, "written", page(t, w.Ledger, group(1)).Owned, []engine.Owned{owned(group(1), "late"), owned(group(1), "new")})
	if w.Events == nil {
		return
	}
	if all, err := w.Events(t.Context()); err != nil || len(all) != 2 {
		t.Errorf("%d events, %v; want 2", len(all), err)
	}
}
