package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/config"
	"github.com/daypass-dev/daypass/internal/store"
	"github.com/daypass-dev/daypass/schedule"
)

// held are the leases of one run from the command line.
type held struct {
	mu     sync.Mutex
	leases map[engine.Directory]*schedule.Lease
}

func (h *held) lease(d engine.Directory) engine.Lease {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l, ok := h.leases[d]; ok {
		return l
	}
	return nil // of a store that is this machine's
}

// take notes a lease. It reports false when there was one before: a run is made
// under one, or not to its end.
func (h *held) take(d engine.Directory, l *schedule.Lease) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.leases[d] != nil {
		return false
	}
	h.leases[d] = l
	return true
}

func newHeld() *held { return &held{leases: make(map[engine.Directory]*schedule.Lease)} }

// holder is what this process is called among those that share a store.
func holder(cfg *config.Config) string {
	if cfg.Serve.Name != "" {
		return cfg.Serve.Name
	}
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown host"
	}
	return fmt.Sprintf("%s (%d)", host, os.Getpid())
}

// lead makes this process the only one to act, for one run: by the lock of a
// store that is this machine's, and by the leases on every directory where
// others share it. When somebody else acts, the error is [store.ErrLocked].
func (a *app) lead(ctx context.Context, h *house, leases *held) (release func(), err error) {
	if !h.shared {
		return h.store.Lock(ctx, a.now())
	}
	ctx, cancel := context.WithCancel(ctx)
	var keepers sync.WaitGroup
	release = func() {
		cancel()
		keepers.Wait()
	}
	answers := make(chan error, len(h.directories))
	for d := range h.directories {
		var once sync.Once // each keeper answers once
		say := func(err error) { once.Do(func() { answers <- err }) }
		k := &schedule.Keeper{
			Lessor: h.store.Leases(), Name: string(d), Holder: holder(h.cfg), TTL: h.cfg.Serve.Lease.Std(), Wall: a.now,
			Tell: func(s schedule.Standing) {
				switch {
				case s.Err != nil:
					say(s.Err)
				case !s.Held && s.Holder != "":
					say(fmt.Errorf("%s: %w: %s has its lease", d, store.ErrLocked, s.Holder))
				}
			},
		}
		keepers.Go(func() {
			_ = k.Keep(ctx, func(ctx context.Context, l *schedule.Lease) { // a lease that is not given back runs out
				if !leases.take(d, l) {
					cancel() // it was lost in the middle of the run, which went by what it had read
					return
				}
				say(nil)
				<-ctx.Done()
			})
		})
	}
	for range h.directories {
		select {
		case <-ctx.Done():
			err = errors.Join(err, ctx.Err())
		case e := <-answers:
			err = errors.Join(err, e)
		}
	}
	if err != nil {
		release()
		return nil, err
	}
	return release, nil
}
