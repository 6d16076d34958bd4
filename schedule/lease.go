package schedule

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Lessor keeps leases where every machine sees them: in the store. Its own
// clock decides when one is over, so that no machine's clock matters.
type Lessor interface {
	// Acquire takes the lease of a name for ttl, when nobody has it or its time
	// is up, and returns its token: greater than every one before it. When
	// somebody has it, the token is 0, and other tells who.
	Acquire(ctx context.Context, name, holder string, ttl time.Duration) (token int64, other string, err error)
	// Renew lets a lease last for ttl from now. It reports false when the lease
	// was taken over or given back.
	Renew(ctx context.Context, name string, token int64, ttl time.Duration) (bool, error)
	// Release gives a lease back. One that was lost is no error.
	Release(ctx context.Context, name string, token int64) error
}

// Lease is a lease that was acquired. It is certain from before the request for
// it was sent until a fifth of its time is left, so that a process that was
// stopped or cut off finds out by itself, before another has it: what was
// begun under the last good Check has that fifth to be over.
//
// Once over, it stays over. Its methods may be called from any goroutine.
type Lease struct {
	name  string
	token int64
	span  time.Duration // how long it is certain
	wall  func() time.Time
	over  chan struct{} // closed when it is lost

	mu   sync.Mutex
	last moment
	age  time.Duration // at last, by the faster clock of each step
	end  time.Duration // the age at which it is not certain any more
	lost error
}

// newLease returns a lease that was asked for at a moment, or later.
func newLease(name string, token int64, ttl time.Duration, asked moment, wall func() time.Time) *Lease {
	span := ttl - ttl/5
	return &Lease{name: name, token: token, span: span, wall: wall, over: make(chan struct{}), last: asked, end: span}
}

// Token tells this lease from every one of its name before it: it is greater.
func (l *Lease) Token() int64 { return l.token }

// Check returns nil while the lease is certainly held, and otherwise a
// [*LostError]. It asks nobody, and does not block.
func (l *Lease) Check() error {
	_, err := l.left()
	return err
}

// left returns for how long the lease is certain from now, unless it is over.
func (l *Lease) left() (time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.grow()
	return l.end - l.age, l.lost
}

// now returns the age of the lease, for extend.
func (l *Lease) now() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.grow()
	return l.age
}

// extend makes the lease last from the age at which a request for it was sent,
// unless it is over.
func (l *Lease) extend(age time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end = age + l.span
}

// lose makes the lease be over.
func (l *Lease) lose(why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.finish(why)
}

// grow lets the age go on. It sums up steps, so that setting the clock back
// does not hide that the machine sleeps afterwards.
func (l *Lease) grow() {
	m := look(l.wall)
	mono, wall := l.last.until(m)
	l.last = m
	l.age += max(mono, wall)
	if l.age < l.end {
		return
	}
	why := fmt.Sprintf("it was not renewed for %s", (l.age - l.end + l.span).Round(time.Millisecond))
	if wall-mono > leastJump {
		why += ", for the machine slept or its clock was set"
	}
	l.finish(why)
}

func (l *Lease) finish(why string) {
	if l.lost == nil {
		l.lost = &LostError{Name: l.name, Why: why}
		close(l.over)
	}
}

// LostError says that a lease is not certainly held any more: nothing may be
// done under it, and the right to go on is in the next one.
type LostError struct {
	Name string
	Why  string
}

func (e *LostError) Error() string {
	return fmt.Sprintf("the lease on %s is lost: %s; it is asked for again", e.Name, e.Why)
}
