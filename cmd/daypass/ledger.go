package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/store"
)

// ledger is a store that remembers whether it could last be written: one that
// can only be read ends nobody's access, and looks well to whoever reads it.
type ledger struct {
	*store.Store

	mu  sync.Mutex
	err error
}

// Record implements [engine.Ledger].
func (l *ledger) Record(ctx context.Context, b engine.Batch) error {
	err := l.Store.Record(ctx, b)
	l.wrote(err)
	return err
}

// wrote takes in what came of a write.
func (l *ledger) wrote(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var failed *store.Error
	switch {
	case err == nil:
		l.err = nil
	case errors.As(err, &failed) && !errors.Is(err, engine.ErrFenced) && !errors.Is(err, context.Canceled):
		l.err = err
	}
}

// failed returns why the last write failed; nil when it did not.
func (l *ledger) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// lessor keeps leases in a store, which it finds out to be written or not.
type lessor struct {
	store.Leases
	ledger *ledger
}

// Acquire implements [schedule.Lessor].
func (l lessor) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (token int64, other string, err error) {
	token, other, err = l.Leases.Acquire(ctx, name, holder, ttl)
	if err != nil || token != 0 { // else it was only read
		l.ledger.wrote(err)
	}
	return token, other, err
}

// Renew implements [schedule.Lessor].
func (l lessor) Renew(ctx context.Context, name string, token int64, ttl time.Duration) (bool, error) {
	held, err := l.Leases.Renew(ctx, name, token, ttl)
	l.ledger.wrote(err)
	return held, err
}
