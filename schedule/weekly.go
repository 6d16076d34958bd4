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

// ParseWeekly reads days, hours and a zone of the IANA database: "mon-fri
// 09:00-17:00 Europe/Berlin", or "sat,sun 22:00-06:00 UTC".
func ParseWeekly(s string) (*Weekly, error) {
	parts := strings.Fields(s)
	if len(parts) != 3 {
		return nil, fmt.Errorf("%q is not days, hours and a zone, such as mon-fri 09:00-17:00 Europe/Berlin", s)
	}
	w := &Weekly{}
	var err error
	if w.Days, err = parseDays(parts[0]); err != nil {
		return nil, err
	}
	from, until, _ := strings.Cut(parts[1], "-")
	if w.From, err = ParseClock(from); err != nil {
		return nil, err
	}
	if w.Until, err = ParseClock(until); err != nil {
		return nil, err
	}
	if w.Zone, err = time.LoadLocation(parts[2]); err != nil || parts[2] == "Local" {
		return nil, fmt.Errorf("%q is not a zone such as Europe/Berlin or UTC", parts[2])
	}
	return w, w.Check()
}

// parseDays reads days and spans of days, "mon,wed-fri".
func parseDays(s string) ([]time.Weekday, error) {
	var days []time.Weekday
	for span := range strings.SplitSeq(s, ",") {
		first, last, isSpan := strings.Cut(span, "-")
		from, err := ParseWeekday(first)
		if err != nil {
			return nil, err
		}
		until := from
		if isSpan {
			if until, err = ParseWeekday(last); err != nil {
				return nil, err
			}
		}
		days = append(days, from)
		for d := from; d != until; {
			d = (d + 1) % 7
			days = append(days, d)
		}
	}
	slices.Sort(days)
	return slices.Compact(days), nil
}

// Check tells what is wrong with w.
func (w *Weekly) Check() error {
	switch {
	case len(w.Days) == 0:
		return fmt.Errorf("there are no days")
	case w.Zone == nil:
		return fmt.Errorf("there is no zone, such as Europe/Berlin")
	case w.From == w.Until:
		return fmt.Errorf("the hours begin and end at %s; for whole days write from 00:00 until 24:00", w.From)
	}
	return nil
}

// Equal reports whether w and o are the same hours.
func (w *Weekly) Equal(o *Weekly) bool {
	if w == nil || o == nil {
		return w == o
	}
	return w.String() == o.String()
}

func (w *Weekly) String() string {
	days := make([]string, len(w.Days))
	for i, d := range w.Days {
		days[i] = d.String()[:3]
	}
	return fmt.Sprintf("%s %s-%s %s", strings.Join(days, ","), w.From, w.Until, w.Zone)
}

// on returns the occurrence that begins so many days after the day of t, where
// there is one. It is empty when the hours are all skipped.
func (w *Weekly) on(t time.Time, days int) (Window, bool) {
	local := t.In(w.Zone)
	date := time.Date(local.Year(), local.Month(), local.Day()+days, 12, 0, 0, 0, time.UTC)
	if !slices.Contains(w.Days, date.Weekday()) {
		return Window{}, false
	}
	until := w.Until
	if until <= w.From {
		until += 24 * 60
	}
	return Window{From: first(date, w.From, w.Zone), Until: first(date, until, w.Zone)}, true
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
