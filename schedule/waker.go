package schedule

import (
	"context"
	"sync"
	"time"
)

const (
	// longestSleep bounds a sleep, for timers do not see the wall clock move,
	// and stand still while the machine sleeps.
	longestSleep = 15 * time.Second
	// leastSleep is what is slept when a timer ran ahead of the wall clock.
	leastSleep = time.Millisecond
	// leastJump is what the wall clock has to move by, beyond the time that
	// passed, to have been set. Less is how a clock is kept right.
	leastJump = time.Second
)

// Waker waits until something is due by the wall clock, or somebody says that
// there is something to do. It notices when the clock was set, or the machine
// slept, within seconds.
//
// One goroutine waits; the other methods may be called from any.
type Waker struct {
	wall  func() time.Time
	nudge chan struct{}

	mu   sync.Mutex
	last moment
	now  time.Time
	jump time.Duration // not yet told
}

// NewWaker returns a waker by the given wall clock, such as time.Now.
func NewWaker(wall func() time.Time) *Waker {
	w := &Waker{wall: wall, nudge: make(chan struct{}, 1), last: look(wall)}
	w.now = w.last.wall
	return w
}

// Waking tells why a wait ended: what is due at Now, and the rest.
type Waking struct {
	// Now is the present, as the method Now tells it.
	Now time.Time
	// Nudged reports that Wake was called, once or more.
	Nudged bool
	// Jump is how far the wall clock was set, or how long the machine slept; of
	// several, the farthest. It is 0 when the clock only went on.
	Jump time.Duration
}

// Wake ends the wait, or the next one when nobody is waiting.
func (w *Waker) Wake() {
	select {
	case w.nudge <- struct{}{}:
	default: // it is already to wake
	}
}

// Now returns the present: the latest time that the wall clock has shown. When
// the clock is set back, the present stands still until the clock is there
// again, so that nothing begins or ends twice, and what has begun goes on.
func (w *Waker) Now() time.Time {
	now, _ := w.look()
	return now
}

// Behind returns how far the wall clock is behind the present: 0, but after it
// was set back. The process has to be started anew for it to be believed.
func (w *Waker) Behind() time.Duration {
	now, wall := w.look()
	return now.Sub(wall)
}

// Wait returns when the present is until or later, when Wake is called, when
// the wall clock was set, or with the error of ctx when that ends. Without
// anything that is due, until is zero.
func (w *Waker) Wait(ctx context.Context, until time.Time) (Waking, error) {
	timer := time.NewTimer(longestSleep)
	defer timer.Stop()
	nudged := false
	for ctx.Err() == nil {
		select {
		case <-w.nudge:
			nudged = true
		default:
		}
		now, wall := w.look()
		jump := w.told()
		sleep := longestSleep
		if !until.IsZero() {
			sleep = min(max(until.Sub(wall), leastSleep), longestSleep)
		}
		if nudged || jump != 0 || !until.IsZero() && !now.Before(until) {
			return Waking{Now: now, Nudged: nudged, Jump: jump}, nil
		}
		timer.Reset(sleep)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-w.nudge:
			nudged = true
		}
	}
	return Waking{}, ctx.Err()
}

// look returns the present and what the wall clock shows.
func (w *Waker) look() (now, wall time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := look(w.wall)
	passed, shown := w.last.until(m)
	if jump := shown - passed; jump.Abs() > leastJump && jump.Abs() >= w.jump.Abs() {
		w.jump = jump
	}
	w.last = m
	if m.wall.After(w.now) {
		w.now = m.wall
	}
	return w.now, m.wall
}

// told returns the jump that nobody was told of yet, and forgets it.
func (w *Waker) told() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	jump := w.jump
	w.jump = 0
	return jump
}
