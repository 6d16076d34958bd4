package schedule

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Keeper keeps one lease: it asks for it until it has it, renews it while it is
// needed, and gives it back. The fields are set before Keep is called.
//
// It asks every fifth of TTL, renews after a third, and gives a call a quarter.
// A machine that dies is followed by another within 1.2 TTL.
type Keeper struct {
	Lessor Lessor
	Name   string
	Holder string        // who asks, for people to read; each process its own
	TTL    time.Duration // how long others wait for a machine that died
	// Wall is the wall clock; nil is time.Now.
	Wall func() time.Time
	// Tell is called when another has the lease, or calls begin or cease to
	// fail. It must be quick. Nil tells nobody.
	Tell func(Standing)

	mu       sync.Mutex
	standing Standing
}

// Standing is how it stands with a lease.
type Standing struct {
	Held   bool
	Token  int64     // 0 when it is not held
	Holder string    // who has it; empty when that is not known
	Since  time.Time // since when that is so
	Err    error     // of the last call, or why the lease was lost; nil when all is well
}

// Standing tells who has the lease, as far as is known without asking. It may
// be called from any goroutine.
func (k *Keeper) Standing() Standing {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.standing
}

// Keep calls run each time that the lease is acquired, until ctx ends. It may
// be called once. The context of run ends with ctx, and when the lease is lost,
// which is then its cause, a [*LostError]. Keep waits for run to return, and
// renews the lease as long as it does not. When run returns by itself, the
// lease is given back, and asked for again later.
//
// No error of the Lessor ends Keep. What it returns is why the lease could not
// be given back at the end; others then wait for its time to pass.
func (k *Keeper) Keep(ctx context.Context, run func(ctx context.Context, lease *Lease)) error {
	if k.TTL < time.Second {
		return fmt.Errorf("a lease on %s for %s is too short: it takes a second at least", k.Name, k.TTL)
	}
	if k.Wall == nil {
		k.Wall = time.Now
	}
	failures := 0
	for {
		wait := Jitter(k.TTL/5, rand.Float64())
		switch lease, answered := k.acquire(ctx); {
		case lease != nil:
			failures = 0
			if err := k.hold(ctx, lease, run); ctx.Err() != nil {
				return err
			}
		case answered:
			failures = 0
		default:
			failures++
			wait = k.backoff(failures)
		}
		if !pause(ctx, nil, wait) {
			return nil
		}
	}
}

// acquire asks for the lease once. It returns nil when another has it, or when
// there was no answer.
func (k *Keeper) acquire(ctx context.Context) (lease *Lease, answered bool) {
	asked := look(k.Wall)
	call, cancel := context.WithTimeout(ctx, k.TTL/4)
	defer cancel()
	token, other, err := k.Lessor.Acquire(call, k.Name, k.Holder, k.TTL)
	switch {
	case err != nil:
		k.failed(err)
		return nil, false
	case token == 0:
		k.stands(Standing{Holder: other})
		return nil, true
	}
	k.stands(Standing{Held: true, Token: token, Holder: k.Holder})
	return newLease(k.Name, token, k.TTL, asked, k.Wall), true
}

// hold calls run under the lease, and gives it back.
func (k *Keeper) hold(ctx context.Context, lease *Lease, run func(context.Context, *Lease)) error {
	if ctx.Err() == nil {
		held, drop := context.WithCancelCause(ctx)
		running, finish := context.WithCancel(context.WithoutCancel(ctx))
		var all sync.WaitGroup
		all.Go(func() { defer finish(); run(held, lease) })
		all.Go(func() { drop(k.watch(running, lease)) })
		k.renew(running, lease)
		all.Wait()
	}
	lease.lose("it was given back")
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), k.TTL/4)
	defer cancel()
	err := k.Lessor.Release(call, k.Name, lease.Token())
	k.stands(Standing{})
	if err != nil {
		err = fmt.Errorf("give back the lease on %s (others have it within %s): %w", k.Name, k.TTL, err)
		k.failed(err)
	}
	return err
}

// watch returns why the lease was lost, or nil when running ends. It looks often
// enough to notice that the machine slept.
func (k *Keeper) watch(running context.Context, lease *Lease) error {
	for {
		left, err := lease.left()
		if err != nil {
			k.stands(Standing{Err: err})
			return err
		}
		if !pause(running, lease.over, min(left, k.TTL/10)) && running.Err() != nil {
			return nil
		}
	}
}

// renew renews the lease until it is lost, or running ends.
func (k *Keeper) renew(running context.Context, lease *Lease) {
	failures := 0
	wait := Jitter(k.TTL/3, rand.Float64())
	for pause(running, lease.over, wait) {
		age, sent := lease.now(), time.Now()
		call, cancel := context.WithTimeout(running, k.TTL/4)
		held, err := k.Lessor.Renew(call, k.Name, lease.Token(), k.TTL)
		cancel()
		switch {
		case running.Err() != nil:
		case err != nil:
			failures++
			wait = k.backoff(failures)
			k.failed(err)
		case !held:
			lease.lose("another took it over")
		default:
			failures = 0
			wait = Jitter(k.TTL/3, rand.Float64()) - time.Since(sent)
			lease.extend(age)
			k.failed(nil)
		}
	}
}

// backoff returns the wait after so many calls that were not answered.
func (k *Keeper) backoff(failures int) time.Duration {
	return Backoff{First: k.TTL / 40, Cap: k.TTL / 5}.After(failures, rand.Float64())
}

// stands notes how it stands with the lease.
func (k *Keeper) stands(s Standing) {
	k.note(func(Standing) Standing { return s })
}

// failed notes the error of the last call, or that it was answered.
func (k *Keeper) failed(err error) {
	k.note(func(s Standing) Standing { s.Err = err; return s })
}

func (k *Keeper) note(change func(Standing) Standing) {
	k.mu.Lock()
	was := k.standing
	s := change(was)
	same := s.Held == was.Held && s.Holder == was.Holder && s.Token == was.Token
	if s.Since = was.Since; !same || was.Since.IsZero() {
		s.Since = k.Wall().Round(0)
	}
	k.standing = s
	k.mu.Unlock()
	if k.Tell != nil && (!same || (s.Err == nil) != (was.Err == nil)) {
		k.Tell(s)
	}
}

// Pause waits for d. It reports false when ctx ended first.
func Pause(ctx context.Context, d time.Duration) bool { return pause(ctx, nil, d) }

// pause waits for d. It reports false when ctx ended or over was closed.
func pause(ctx context.Context, over <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-over:
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
