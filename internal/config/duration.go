package config

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Duration is a span of time as people write it: Go's form ("1h30m"), and d
// and w for days of 24 hours and weeks of seven of them ("7d", "2w12h").
type Duration time.Duration

var span = regexp.MustCompile(`^(?:([0-9]{1,4})w)?(?:([0-9]{1,4})d)?(.*)$`)

// ParseDuration reads a [Duration], which must be above zero.
func ParseDuration(s string) (Duration, error) {
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
	return Duration(total), nil
}

// Std returns d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes d in Go's form, which [ParseDuration] reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
