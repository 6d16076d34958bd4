package schedule

import (
	"iter"
	"time"
)

// Next returns the first instant after t at which one of the windows begins or
// ends. It reports false when none ever does again.
func Next(windows iter.Seq[Window], t time.Time) (time.Time, bool) {
	var first time.Time
	found := false
	for w := range windows {
		if at, ok := w.Next(t); ok && (!found || at.Before(first)) {
			first, found = at, true
		}
	}
	return first, found
}

// Reminder returns the first instant after t that lies one of the times before
// Until. It reports false when there is none, for a reminder of what has not
// begun is no use. The hours of the week have no reminders.
func (w Window) Reminder(t time.Time, before ...time.Duration) (time.Time, bool) {
	var first time.Time
	found := false
	for _, d := range before {
		at := w.Until.Add(-d)
		if d > 0 && at.After(w.From) && at.After(t) && (!found || at.Before(first)) {
			first, found = at, true
		}
	}
	return first, found
}
