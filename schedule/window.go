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
	return w.find(t, func(o Window) bool { return !t.Before(o.From) && t.Before(o.Until) })
}

// Last returns the latest occurrence that was over at t.
func (w Window) Last(t time.Time) (Window, bool) {
	return w.find(t, func(o Window) bool { return !t.Before(o.Until) })
}

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
	near := t
	if near.Before(w.From) {
		near = w.From
	}
	for _, o := range w.occurrences(near) {
		switch {
		case t.Before(o.From):
			return o.From, true
		case t.Before(o.Until):
			return o.Until, true
		}
	}
	return time.Time{}, false
}

// find returns the last occurrence near t that is as wanted.
func (w Window) find(t time.Time, wanted func(Window) bool) (found Window, ok bool) {
	if t.After(w.Until) {
		t = w.Until
	}
	for _, o := range w.occurrences(t) {
		if wanted(o) {
			found, ok = o, true
		}
	}
	return found, ok
}

// occurrences returns those near t, in order, cut to the window.
func (w Window) occurrences(t time.Time) []Window {
	whole := Window{From: w.From, Until: w.Until}
	if w.Weekly == nil {
		if !w.From.Before(w.Until) { // empty: never in force
			return nil
		}
		return []Window{whole}
	}
	var out []Window
	for _, o := range w.Weekly.around(t) {
		if o.From.Before(w.From) {
			o.From = w.From
		}
		if o.Until.After(w.Until) {
			o.Until = w.Until
		}
		if o.From.Before(o.Until) {
			out = append(out, o)
		}
	}
	return out
}
