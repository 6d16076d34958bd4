package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrClock is the error of a run that stopped because this machine's clock is
// contradicted.
var ErrClock = errors.New("clock")

// MaxSkew is how far this machine's clock may be from what the store and the
// directories say before a run refuses to decide anything by it.
const MaxSkew = 5 * time.Minute

// askClock is how long a directory's word on the time is taken by runs of some
// groups, unless this machine's clock jumped since.
const askClock = time.Minute

// tellsWithin is how long a run of some groups, and a look for somebody who waits,
// wait for a directory's word on the time: what is due does not sit behind a directory
// that hangs.
const tellsWithin = 10 * time.Second

// timeOf asks a directory for the time, for as long as the scope allows.
func timeOf(ctx context.Context, c Clock, sc Scope) (time.Time, error) {
	if sc.some() || sc.looks {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, tellsWithin)
		defer cancel()
	}
	return c.Time(ctx)
}

// clockwork remembers when each directory last agreed with this machine on the
// time: by the wall clock, and by one that never jumps.
type clockwork struct {
	mu     sync.Mutex
	agreed map[Directory]agreement
}

type agreement struct{ wall, steady time.Time }

// holds reports whether a directory agreed on the time lately, and the wall
// clock has gone on as clocks do since.
func (c *clockwork) holds(d Directory, wall time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.agreed[d]
	if !ok {
		return false
	}
	gone := time.Since(a.steady)
	return gone < askClock && (wall.Sub(a.wall)-gone).Abs() < time.Second
}

func (c *clockwork) agree(d Directory, wall time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.agreed == nil {
		c.agreed = make(map[Directory]agreement)
	}
	c.agreed[d] = agreement{wall, time.Now()}
}

// checkClock refuses to decide anything by a clock that the store or a
// directory contradicts by minutes. A directory that did not even tell what
// changed is not asked again, nor, by a run of some groups, one that agreed a
// moment ago.
func (r *Reconciler) checkClock(ctx context.Context, now time.Time, sc Scope, told map[Directory]*news) error {
	newest, err := r.book.Newest(ctx)
	if err != nil {
		return err
	}
	if ahead := newest.Sub(now); ahead > MaxSkew && !r.cfg.TrustClock {
		return fmt.Errorf("%w: the store was last written at %s, which is %s ahead of this machine's clock; nothing was changed, set the clock right, or, when it was wrong then, say sync --trust-clock once",
			ErrClock, newest.UTC().Format(time.RFC3339), ahead.Round(time.Second))
	}
	for _, d := range r.directories() {
		c, ok := r.cfg.Directories[d].(Clock)
		if n := told[d]; !ok || !sc.holds(d) || n != nil && shut(n.err) || sc.some() && r.clock.holds(d, r.now()) {
			continue
		}
		theirs, err := timeOf(ctx, c, sc)
		if err != nil {
			continue // a directory that does not answer is reported where it is read
		}
		ours := r.now() // not when the run began: asking may have taken minutes
		if r.cfg.Skew != nil {
			r.cfg.Skew(d, theirs.Sub(ours))
		}
		if skew := theirs.Sub(ours).Abs(); skew > MaxSkew {
			return fmt.Errorf("%w: %s says it is %s, this machine says %s; nothing was changed, set the clock right",
				ErrClock, d, theirs.UTC().Format(time.RFC3339), ours.Format(time.RFC3339))
		}
		r.clock.agree(d, ours)
	}
	return nil
}
