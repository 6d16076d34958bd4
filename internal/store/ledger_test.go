package store

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/audit"
	"github.com/daypass-dev/daypass/internal/store/storetest"
	"github.com/daypass-dev/daypass/schedule"
)

// TestLedger holds the store to the contract of a ledger.
func TestLedger(t *testing.T) { onEach(t, testLedger) }

func testLedger(t *testing.T, at place) {
	storetest.Run(t, func(t *testing.T) storetest.World {
		at := at.fresh(t)
		s := at.open(t)
		t.Cleanup(func() { verified(t, s) })
		return storetest.World{
			Ledger: s,
			Release: func(ctx context.Context, r engine.Release) error {
				_, err := s.AddRelease(ctx, r)
				return err
			},
			Events: func(ctx context.Context) ([]engine.Event, error) { return events(ctx, s) },
			Lessor: s.Leases(),
			LessorAgain: func(t *testing.T) storetest.Lessor {
				return at.open(t).Leases()
			},
			Again: func(t *testing.T) engine.Ledger { return at.open(t) },
		}
	})
}

func openIn(t testing.TB, folder string) *Store {
	t.Helper()
	return place{dsn: filepath.Join(folder, "daypass.db")}.open(t)
}

func events(ctx context.Context, s *Store) ([]engine.Event, error) {
	var all []engine.Event
	for r, err := range s.Events(ctx, 0) {
		if err != nil {
			return nil, err
		}
		e, err := r.Event()
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// verified checks the chain of s, and returns its head.
func verified(t testing.TB, s *Store) audit.Head {
	t.Helper()
	head, err := audit.Verify(s.Events(context.Background(), 0), nil)
	if err != nil {
		t.Errorf("audit: %v", err)
	}
	return head
}

var _ schedule.Lessor = Leases{}
