package schedule

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Weekly narrows a window to some hours on some days of the week, by the wall
// clock of one zone.
//
// A wall clock skips an hour and shows one twice when daylight saving begins
// and ends. Both edges are at the first instant at which the clock shows the
// time or a later one: what begins in a skipped hour begins after it, and what
// ends in an hour that comes twice ends in the first.
type Weekly struct {
	Days  []time.Weekday // sorted, each once
	From  Clock
	Until Clock // not after From: on the next day
	Zone  *time.Location
}

// Clock is a time of day in minutes since midnight, 24:00 included.
type Clock int

// ParseClock reads hours and minutes, "09:30".
func ParseClock(s string) (Clock, error) {
	var h, m int
	if n, err := fmt.Sscanf(s, "%2d:%2d", &h, &m); n != 2 || err != nil || len(s) != len("09:30") || h < 0 || m < 0 || m > 59 || h*60+m > 24*60 {
		return 0, fmt.Errorf("%q is not a time of day; write it as 09:30", s)
	}
	return Clock(h*60 + m), nil
}

func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", c/60, c%60) }

// ParseWeekday reads a day of the week in English, whole or its first three
// letters, in any case.
func ParseWeekday(s string) (time.Weekday, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(s, d.String()) || strings.EqualFold(s, d.String()[:3]) {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%q is not a day of the week; write one such as mon", s)
}

// Check tells what is wrong with w.
func (w *Weekly) Check() error {
	switch {
	case len(w.Days) == 0:
		return fmt.Errorf("weekly has no days")
	case w.Zone == nil:
		return fmt.Errorf("weekly has no zone, such as Europe/Berlin")
	case w.From == w.Until:
		return fmt.Errorf("weekly begins and ends at %s; for whole days write from 00:00 until 24:00", w.From)
	}
	return nil
}

func (w *Weekly) String() string {
	days := make([]string, len(w.Days))
	for i, d := range w.Days {
		days[i] = d.String()[:3]
	}
	return fmt.Sprintf("%s %s-%s %s", strings.Join(days, ","), w.From, w.Until, w.Zone)
}

// on returns the occurrence that begins on the day of date; it is empty when
// the hours are all skipped.
func (w *Weekly) on(date time.Time) Window {
	until := w.Until
	if until <= w.From {
		until += 24 * 60
	}
	return Window{From: first(date, w.From, w.Zone), Until: first(date, until, w.Zone)}
}

// around yields the occurrences that begin on the days from a week and a day
// before t to as long after it, in order: every pattern of days has one on
// either side of t in there.
func (w *Weekly) around(t time.Time) []Window {
	const reach = 8
	local := t.In(w.Zone)
	var out []Window
	for i := -reach; i <= reach; i++ {
		date := time.Date(local.Year(), local.Month(), local.Day()+i, 12, 0, 0, 0, time.UTC)
		if !slices.Contains(w.Days, date.Weekday()) {
			continue
		}
		if o := w.on(date); o.From.Before(o.Until) {
			out = append(out, o)
		}
	}
	return out
}

// first returns the first instant of a day at which the wall clock shows c, or
// a later time where it skips c.
func first(date time.Time, c Clock, zone *time.Location) time.Time {
	wall := time.Date(date.Year(), date.Month(), date.Day(), 0, int(c), 0, 0, time.UTC)
	var best time.Time
	for _, near := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := wall.Add(near).In(zone).Zone()
		at := wall.Add(-time.Duration(offset) * time.Second)
		if _, now := at.In(zone).Zone(); now == offset && (best.IsZero() || at.Before(best)) {
			best = at
		}
	}
	if !best.IsZero() {
		return best
	}
	// Skipped: by the offset from before, the clock is past the change already.
	_, offset := wall.Add(-24 * time.Hour).In(zone).Zone()
	start, _ := wall.Add(-time.Duration(offset) * time.Second).In(zone).ZoneBounds()
	return start.UTC()
}
