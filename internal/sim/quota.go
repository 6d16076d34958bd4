package sim

import (
	"sync"
	"time"
)

// Window is a quota of so many units in a window of time. The window begins
// with the first request after the one before it ended. Its methods may be
// called from several goroutines.
type Window struct {
	limit int
	per   time.Duration
	clock *Clock

	mu    sync.Mutex
	used  int
	reset time.Time
}

// NewWindow returns an unused quota. A limit of zero or less is none.
func NewWindow(limit int, per time.Duration, clock *Clock) *Window {
	return &Window{limit: limit, per: per, clock: clock}
}

// Take spends cost units and tells what is left of the window and when the
// next one begins. It spends nothing and reports false when not enough is left.
func (w *Window) Take(cost int) (left int, reset time.Time, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.roll()
	if w.limit > 0 && w.used+cost > w.limit {
		return max(0, w.limit-w.used), w.reset, false
	}
	w.used += cost
	return max(0, w.limit-w.used), w.reset, true
}

// Peek tells what is left without spending it.
func (w *Window) Peek() (left int, reset time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.roll()
	return max(0, w.limit-w.used), w.reset
}

// Limit returns the units of one window; zero or less is no limit.
func (w *Window) Limit() int { return w.limit }

func (w *Window) roll() {
	if now := w.clock.Now(); !now.Before(w.reset) {
		w.used, w.reset = 0, now.Add(w.per)
	}
}
