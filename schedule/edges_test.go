package schedule_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daypass-dev/daypass/schedule"
)

// The next edge of many windows is the next edge of one, and none is before.
func TestNextOfMany(t *testing.T) {
	t.Parallel()
	epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		instant := rapid.Custom(func(t *rapid.T) time.Time {
			return epoch.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "minute")) * time.Minute)
		})
		windows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) schedule.Window {
			return schedule.Window{From: instant.Draw(t, "from"), Until: instant.Draw(t, "until")}
		}), 0, 5).Draw(t, "windows")
		now := instant.Draw(t, "now")
		var edges []time.Time
		for _, w := range windows {
			if at, ok := w.Next(now); ok {
				edges = append(edges, at)
			}
		}
		got, ok := schedule.Next(slices.Values(windows), now)
		switch {
		case ok != (len(edges) > 0):
			t.Fatalf("got %v, %t, want one of %v", got, ok, edges)
		case ok && !got.Equal(slices.MinFunc(edges, time.Time.Compare)):
			t.Fatalf("got %v, want the first of %v", got, edges)
		}
	})
}

func TestReminders(t *testing.T) {
	t.Parallel()
	w := schedule.Window{From: utc(t, "2028-02-28 09:00"), Until: utc(t, "2028-03-01 09:00")}
	before := []time.Duration{time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 0}
	var got []string
	for at, ok := w.Reminder(time.Time{}, before...); ok; at, ok = w.Reminder(at, before...) {
		got = append(got, at.Format("2006-01-02 15:04"))
	}
	if want := []string{"2028-02-29 09:00", "2028-03-01 08:00"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v: none before it begins, none at its end", got, want)
	}
}
