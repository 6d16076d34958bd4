// Package schedule says when something is in force: windows, and the next
// instant at which anything changes. It knows nothing of groups or people, and
// it never reads a clock: the present is always a parameter.
package schedule

import "time"

// A Window is the half-open span [From, Until). A zero From means "since
// always"; Until is required, for daypass only knows temporary access. With
// Weekly, it is in force in some hours of the week within that span only.
type Window struct {
	From   time.Time
	Until  time.Time
	Weekly *Weekly
}

// Hours describes the hours of the week that the window is narrowed to, with a
// space before them; empty where there are none.
func (w Window) Hours() string {
	if w.Weekly == nil {
		return ""
	}
	return " " + w.Weekly.String()
}

// Active reports whether the window is in force at t.
func (w Window) Active(t time.Time) bool {
	_, ok := w.At(t)
	return ok
}

// Ended reports whether the window is over at t and never opens again.
func (w Window) Ended(t time.Time) bool {
	return !t.Before(w.Until)
}

// At returns the occurrence of the window that holds t: a span without Weekly,
// which is the window itself when that has none.
func (w Window) At(t time.Time) (Window, bool) {
	if t.Before(w.From) || !t.Before(w.Until) {
		return Window{}, false
	}
	if w.Weekly == nil {
		return w, true
	}
	for i := -2; i <= 1; i++ {
		if o, ok := w.on(t, i); ok && !t.Before(o.From) && t.Before(o.Until) {
			return o, true
		}
	}
	return Window{}, false
}

// Last returns the latest occurrence that was over at t.
func (w Window) Last(t time.Time) (Window, bool) {
	switch {
	case !w.From.Before(w.Until):
		return Window{}, false
	case w.Weekly == nil:
		return w, !t.Before(w.Until)
	case t.After(w.Until):
		t = w.Until
	}
	for i := 1; i >= -aWeek; i-- {
		if o, ok := w.on(t, i); ok && !t.Before(o.Until) {
			return o, true
		}
	}
	return Window{}, false
}

// aWeek is how many days away the next occurrence is at most, and one or two
// for days that begin elsewhere, or never were.
const aWeek = 9

// Next returns the first instant after t at which Active changes. It reports
// false when Active never changes again.
func (w Window) Next(t time.Time) (time.Time, bool) {
	for {
		edge, ok := w.edge(t)
		if !ok || w.Active(edge) != w.Active(edge.Add(-1)) {
			return edge, ok
		}
		t = edge // two occurrences that touch
	}
}

// edge returns the first edge of an occurrence after t.
func (w Window) edge(t time.Time) (time.Time, bool) {
	if !w.From.Before(w.Until) { // empty: never in force
		return time.Time{}, false
	}
	first, last := 0, 0
	near := t
	if w.Weekly != nil {
		first, last = -2, aWeek
		if near.Before(w.From) {
			near = w.From
		}
	}
	for i := first; i <= last; i++ {
		o, ok := w.on(near, i)
		switch {
		case !ok:
		case t.Before(o.From):
			return o.From, true
		case t.Before(o.Until):
			return o.Until, true
		}
	}
	return time.Time{}, false
}

// on returns the occurrence that begins so many days after the day of t, cut
// to the window; the window itself where it has no Weekly.
func (w Window) on(t time.Time, days int) (Window, bool) {
	o := Window{From: w.From, Until: w.Until}
	if w.Weekly == nil {
		return o, true
	}
	o, ok := w.Weekly.on(t, days)
	if o.From.Before(w.From) {
		o.From = w.From
	}
	if o.Until.After(w.Until) {
		o.Until = w.Until
	}
	return o, ok && o.From.Before(o.Until)
}
