package schedule_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daypass-dev/daypass/schedule"
)

// A window is half-open: in force at its first instant, over at its last.
func TestWindowEdges(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)
	w := schedule.Window{From: at, Until: at.Add(time.Hour)}
	for _, tt := range []struct {
		name          string
		now           time.Time
		active, ended bool
	}{
		{"just before", at.Add(-1), false, false},
		{"first instant", at, true, false},
		{"just before the end", at.Add(time.Hour - 1), true, false},
		{"the end", at.Add(time.Hour), false, true},
		{"long after", at.AddDate(10, 0, 0), false, true},
	} {
		if got := w.Active(tt.now); got != tt.active {
			t.Errorf("%s: active %v, want %v", tt.name, got, tt.active)
		}
		if got := w.Ended(tt.now); got != tt.ended {
			t.Errorf("%s: ended %v, want %v", tt.name, got, tt.ended)
		}
	}
}

// Between now and Next, Active never changes; at Next it does.
func TestNextIsTheNextChange(t *testing.T) {
	t.Parallel()
	epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		instant := func(name string) time.Time {
			return epoch.Add(time.Duration(rapid.IntRange(-50, 50).Draw(t, name)) * time.Minute)
		}
		w, now := schedule.Window{From: instant("from"), Until: instant("until")}, instant("now")
		next, ok := w.Next(now)
		for m := 1; m <= 150; m++ {
			at := now.Add(time.Duration(m) * time.Minute)
			changed := w.Active(at) != w.Active(now)
			switch {
			case changed && (!ok || at.Before(next)):
				t.Fatalf("%v changes at %v, and Next(%v) is %v, %v", w, at, now, next, ok)
			case ok && at.Equal(next):
				if !changed {
					t.Fatalf("%v does not change at %v, and Next(%v) says so", w, at, now)
				}
				return
			}
		}
		if ok {
			t.Fatalf("Next(%v) of %v is %v, and it never came", now, w, next)
		}
	})
}
