package schedule

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	zoned    = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$`)
	zoneless = regexp.MustCompile(`^\d{4}-\d{1,2}-\d{1,2}([Tt ]+\d{1,2}(:\d{2}){0,2}(\.\d+)?)?$`)
	span     = regexp.MustCompile(`^(?:([0-9]{1,4})w)?(?:([0-9]{1,4})d)?(.*)$`)
)

// ParseTime reads an RFC 3339 time, which tells its zone, and returns it in
// UTC. Times before 1970 are refused, for they are slips.
func ParseTime(s string) (time.Time, error) {
	if zoneless.MatchString(s) {
		return time.Time{}, fmt.Errorf("%q has no time zone; write it with one, such as 2026-11-23T17:00:00Z or 2026-11-23T18:00:00+01:00", s)
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || !zoned.MatchString(s) {
		return time.Time{}, fmt.Errorf("%q is not a time; write it as 2026-11-23T17:00:00Z or 2026-11-23T18:00:00+01:00", s)
	}
	if t = t.UTC(); t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}, fmt.Errorf("%q lies outside the years 1970 to 9999", s)
	}
	return t, nil
}

// ParseDuration reads Go's form ("1h30m"), and w and d for weeks and for days
// of 24 hours ("7d", "2w12h"). The result is above zero.
func ParseDuration(s string) (time.Duration, error) {
	m := span.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is not a duration; write one such as 30m, 8h, 7d or 1w", s)
	}
	weeks, _ := strconv.Atoi(m[1]) // at most four digits, or none
	days, _ := strconv.Atoi(m[2])
	total := time.Duration(weeks*7+days) * 24 * time.Hour
	if m[3] != "" {
		d, err := time.ParseDuration(m[3])
		if err != nil || d < 0 {
			return 0, fmt.Errorf("%q is not a duration; write one such as 30m, 8h, 7d or 1w", s)
		}
		total += d
	}
	if total <= 0 {
		return 0, fmt.Errorf("%q is not above zero, or too long", s)
	}
	return total, nil
}

// FormatDuration writes d as [ParseDuration] reads it, in few characters:
// "90m" is "1h30m", and whole days are days ("7d"). Parts of a second are cut.
func FormatDuration(d time.Duration) string {
	if d < time.Second {
		return "0s"
	}
	var b strings.Builder
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if n := d / unit.size; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, unit.name)
			d -= n * unit.size
		}
	}
	return b.String()
}
