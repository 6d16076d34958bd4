// Package schedule says when something is in force: windows, and the next
// instant at which anything changes. It knows nothing of groups or people, and
// it never reads a clock: the present is always a parameter.
package schedule

import "time"

// A Window is the half-open span [From, Until). A zero From means "since
// always"; Until is required, for daypass only knows temporary access.
type Window struct {
	From  time.Time
	Until time.Time
}

// Active reports whether t lies in the window.
func (w Window) Active(t time.Time) bool {
	return !t.Before(w.From) && t.Before(w.Until)
}

// Ended reports whether the window is over at t and never opens again.
func (w Window) Ended(t time.Time) bool {
	return !t.Before(w.Until)
}

// Next returns the first instant after t at which Active changes. It reports
// false when Active never changes again.
func (w Window) Next(t time.Time) (time.Time, bool) {
	switch {
	case !w.From.Before(w.Until): // empty: never in force
		return time.Time{}, false
	case t.Before(w.From):
		return w.From, true
	case t.Before(w.Until):
		return w.Until, true
	}
	return time.Time{}, false
}
