package report

import (
	"fmt"
	"time"
)

// At writes an instant in UTC to the second, leaving out seconds that are
// zero: 2026-11-23T17:00Z. The zero time is "".
func At(t time.Time) string {
	switch t = t.UTC().Truncate(time.Second); {
	case t.IsZero():
		return ""
	case t.Second() == 0:
		return t.Format("2006-01-02T15:04Z")
	}
	return t.Format(time.RFC3339)
}

// When writes an instant as people want it: in UTC, and as seen from now.
// "2026-11-23T17:00Z, in 8 h". The zero time is "".
func When(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	return At(t) + ", " + Relative(t, now)
}

// Relative says how far t is from now: "in 8 h", "2 h ago", "now".
func Relative(t, now time.Time) string {
	switch d := t.Sub(now); {
	case d.Abs() < 500*time.Millisecond:
		return "now"
	case d > 0:
		return "in " + Span(d)
	default:
		return Span(d) + " ago"
	}
}

// Span writes the length of d, rounded to the unit that people would use:
// "40 s", "12 min", "8 h", "3 days". The sign is left out.
func Span(d time.Duration) string {
	d = d.Abs()
	const day = 24 * time.Hour
	switch {
	case d < 99500*time.Millisecond:
		return fmt.Sprintf("%d s", d.Round(time.Second)/time.Second)
	case d.Round(time.Minute) == time.Hour:
		return "1 h"
	case d < 90*time.Minute:
		return fmt.Sprintf("%d min", d.Round(time.Minute)/time.Minute)
	case d < 47*time.Hour+30*time.Minute:
		return fmt.Sprintf("%d h", d.Round(time.Hour)/time.Hour)
	case d < 2*365*day:
		return fmt.Sprintf("%d days", d.Round(day)/day)
	}
	if years := d.Round(365*day) / (365 * day); years < 200 {
		return fmt.Sprintf("%d years", years)
	}
	return "over 200 years" // a Duration ends at 292
}
