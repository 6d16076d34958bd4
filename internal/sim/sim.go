// Package sim is what the simulators of HTTP directories share: a clock of
// their own, faults on demand, quotas, listings that lag behind writes, a
// record of every request, and two ways to be reached: a loopback port and a
// transport in memory.
//
// It knows no vendor and no daypass.
package sim

import (
	"sync"
	"time"
)

// Clock is a simulator's time: this machine's, until it is moved or frozen.
// The zero value and nil run with this machine. Its methods may be called from
// several goroutines.
type Clock struct {
	mu     sync.Mutex
	offset time.Duration
	frozen time.Time // zero: it runs
}

// Frozen returns a clock that stands at t until it is moved.
func Frozen(t time.Time) *Clock { return &Clock{frozen: t} }

// Now returns the simulator's time.
func (c *Clock) Now() time.Time {
	if c == nil {
		return time.Now()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.frozen.IsZero() {
		return c.frozen
	}
	return time.Now().Add(c.offset)
}

// Advance moves the clock on; back when d is negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.frozen.IsZero() {
		c.frozen = c.frozen.Add(d)
		return
	}
	c.offset += d
}
