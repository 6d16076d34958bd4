package schedule_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daypass-dev/daypass/schedule"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func clock(t testing.TB, s string) schedule.Clock {
	t.Helper()
	c, err := schedule.ParseClock(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func utc(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Hours of the wall clock, in the nights in which it is changed, on a leap day,
// and over the end of a year.
func TestWeeklyByTheWallClock(t *testing.T) {
	t.Parallel()
	daily := []time.Weekday{0, 1, 2, 3, 4, 5, 6}
	for _, tt := range []struct {
		name, zone, from, until, at string
		begin, end                  string // UTC; empty: not in force at that time
	}{
		{"winter", "Europe/Berlin", "09:00", "17:00", "2026-01-14 12:00", "2026-01-14 08:00", "2026-01-14 16:00"},
		{"summer", "Europe/Berlin", "09:00", "17:00", "2026-07-15 12:00", "2026-07-15 07:00", "2026-07-15 15:00"},
		{"night shift into summer", "Europe/Berlin", "22:00", "06:00", "2026-03-29 00:30", "2026-03-28 21:00", "2026-03-29 04:00"},
		{"night shift out of summer", "Europe/Berlin", "22:00", "06:00", "2026-10-25 00:30", "2026-10-24 20:00", "2026-10-25 05:00"},
		{"begins in the skipped hour", "Europe/Berlin", "02:30", "04:00", "2026-03-29 01:10", "2026-03-29 01:00", "2026-03-29 02:00"},
		{"ends in the skipped hour", "Europe/Berlin", "01:00", "02:30", "2026-03-29 00:30", "2026-03-29 00:00", "2026-03-29 01:00"},
		{"only in the skipped hour", "Europe/Berlin", "02:10", "02:50", "2026-03-29 01:00", "", ""},
		{"ends in the hour that comes twice", "Europe/Berlin", "01:00", "02:30", "2026-10-25 00:00", "2026-10-24 23:00", "2026-10-25 00:30"},
		{"and not again", "Europe/Berlin", "01:00", "02:30", "2026-10-25 01:10", "", ""},
		{"begins in the hour that comes twice", "Europe/Berlin", "02:30", "04:00", "2026-10-25 01:10", "2026-10-25 00:30", "2026-10-25 03:00"},
		{"half an hour of summer", "Australia/Lord_Howe", "01:00", "03:00", "2026-04-04 15:00", "2026-04-04 14:00", "2026-04-04 16:30"},
		{"south of the equator", "America/Santiago", "23:30", "01:00", "2026-09-06 04:00", "", ""},
		{"a midnight that is skipped", "America/Santiago", "00:00", "02:00", "2026-09-06 04:30", "2026-09-06 04:00", "2026-09-06 05:00"},
		{"a day that never was", "Pacific/Apia", "09:00", "17:00", "2011-12-30 12:00", "", ""},
		{"leap day", "UTC", "00:00", "24:00", "2028-02-29 13:00", "2028-02-29 00:00", "2028-03-01 00:00"},
		{"the last night of the year", "UTC", "22:00", "02:00", "2027-01-01 01:00", "2026-12-31 22:00", "2027-01-01 02:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := schedule.Window{Until: utc(t, "2100-01-01 00:00"), Weekly: &schedule.Weekly{Days: daily, From: clock(t, tt.from), Until: clock(t, tt.until), Zone: zone(t, tt.zone)}}
			got, ok := w.At(utc(t, tt.at))
			switch {
			case tt.begin == "" && ok:
				t.Errorf("in force from %s until %s, want not", got.From.UTC(), got.Until.UTC())
			case tt.begin != "" && (!ok || !got.From.Equal(utc(t, tt.begin)) || !got.Until.Equal(utc(t, tt.end))):
				t.Errorf("got %s until %s, %t, want %s until %s", got.From.UTC(), got.Until.UTC(), ok, tt.begin, tt.end)
			}
		})
	}
}

// By days, cut to the window, with what was and what comes.
func TestWeeklyDays(t *testing.T) {
	t.Parallel()
	w := schedule.Window{
		From: utc(t, "2026-11-24 10:00"), Until: utc(t, "2026-12-03 11:00"), // a Tuesday and a Thursday
		Weekly: &schedule.Weekly{Days: []time.Weekday{time.Tuesday, time.Thursday}, From: clock(t, "09:00"), Until: clock(t, "12:00"), Zone: time.UTC},
	}
	for _, tt := range []struct{ at, next, last string }{
		{"2026-11-01 00:00", "2026-11-24 10:00", ""},
		{"2026-11-24 09:30", "2026-11-24 10:00", ""},
		{"2026-11-24 10:00", "2026-11-24 12:00", ""},
		{"2026-11-24 12:00", "2026-11-26 09:00", "2026-11-24 12:00"},
		{"2026-11-27 00:00", "2026-12-01 09:00", "2026-11-26 12:00"},
		{"2026-12-01 12:00", "2026-12-03 09:00", "2026-12-01 12:00"},
		{"2026-12-03 10:59", "2026-12-03 11:00", "2026-12-01 12:00"},
		{"2026-12-03 11:00", "", "2026-12-03 11:00"},
		{"2027-12-03 11:00", "", "2026-12-03 11:00"},
	} {
		next, ok := w.Next(utc(t, tt.at))
		if ok != (tt.next != "") || ok && !next.Equal(utc(t, tt.next)) {
			t.Errorf("%s: next is %s, %t, want %q", tt.at, next, ok, tt.next)
		}
		last, ok := w.Last(utc(t, tt.at))
		if ok != (tt.last != "") || ok && !last.Until.Equal(utc(t, tt.last)) {
			t.Errorf("%s: the last one ended %s, %t, want %q", tt.at, last.Until, ok, tt.last)
		}
	}
}

// In force is exactly what the wall clock says, minute by minute, but for the
// repeated hour; and Next is the next change.
func TestWeeklyIsWhatTheClockShows(t *testing.T) {
	t.Parallel()
	zones := []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Kathmandu"}
	rapid.Check(t, func(t *rapid.T) {
		z, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		w := schedule.Window{Until: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), Weekly: &schedule.Weekly{
			Days: []time.Weekday{0, 1, 2, 3, 4, 5, 6},
			From: schedule.Clock(rapid.IntRange(0, 24*60-1).Draw(t, "from")), Until: schedule.Clock(rapid.IntRange(0, 24*60).Draw(t, "until")), Zone: z,
		}}
		if w.Weekly.Check() != nil {
			return
		}
		at := time.Date(2026, 1, 1, 0, rapid.IntRange(0, 365*24*60).Draw(t, "at"), 0, 0, time.UTC)
		local := at.In(z)
		minute := schedule.Clock(local.Hour()*60 + local.Minute())
		want := minute >= w.Weekly.From && minute < w.Weekly.Until
		if w.Weekly.Until <= w.Weekly.From {
			want = minute >= w.Weekly.From || minute < w.Weekly.Until
		}
		// A day on which no clock is changed, nor the days beside it.
		_, a := local.AddDate(0, 0, -2).Zone()
		_, b := local.AddDate(0, 0, 2).Zone()
		if a == b && w.Active(at) != want {
			t.Fatalf("%s at %s: in force %t, want %t", w.Weekly, local, !want, want)
		}
		next, ok := w.Next(at)
		if !ok || !next.After(at) || w.Active(next) == w.Active(next.Add(-1)) {
			t.Fatalf("%s: next after %s is %s, %t", w.Weekly, local, next.In(z), ok)
		}
		for m := at.Add(time.Minute); m.Before(next); m = m.Add(53 * time.Minute) {
			if w.Active(m) != w.Active(at) {
				t.Fatalf("%s changes at %s, before %s", w.Weekly, m.In(z), next.In(z))
			}
		}
	})
}

func TestWeeklyIsChecked(t *testing.T) {
	t.Parallel()
	good := schedule.Weekly{Days: []time.Weekday{time.Monday}, From: 540, Until: 1020, Zone: time.UTC}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	if got := good.String(); got != "Mon 09:00-17:00 UTC" {
		t.Errorf("got %q", got)
	}
	for name, spoil := range map[string]func(*schedule.Weekly){
		"days": func(w *schedule.Weekly) { w.Days = nil }, "zone": func(w *schedule.Weekly) { w.Zone = nil }, "hours": func(w *schedule.Weekly) { w.Until = w.From },
	} {
		bad := good
		spoil(&bad)
		if bad.Check() == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	for _, s := range []string{"9:00", "09:60", "24:01", "0900", "", "-1:00", "09:00 "} {
		if c, err := schedule.ParseClock(s); err == nil {
			t.Errorf("%q: got %s, want an error", s, c)
		}
	}
	for s, want := range map[string]time.Weekday{"mon": time.Monday, "Sunday": time.Sunday, "SAT": time.Saturday} {
		if got, err := schedule.ParseWeekday(s); err != nil || got != want {
			t.Errorf("%q: got %s, %v", s, got, err)
		}
	}
	if d, err := schedule.ParseWeekday("mo"); err == nil {
		t.Errorf("mo: got %s, want an error", d)
	}
}
