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

// ParseDuration reads a [Duration], which must be above zero.
func ParseDuration(s string) (Duration, error) {
	var total time.Duration
	rest := s
	for _, u := range []struct {
		re   *regexp.Regexp
		unit time.Duration
	}{
		{regexp.MustCompile(`^([0-9]{1,5})w`), 7 * 24 * time.Hour},
		{regexp.MustCompile(`^([0-9]{1,5})d`), 24 * time.Hour},
	} {
		if m := u.re.FindStringSubmatch(rest); m != nil {
			n, _ := strconv.Atoi(m[1]) // at most five digits
			total += time.Duration(n) * u.unit
			rest = rest[len(m[0]):]
		}
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 {
			return 0, fmt.Errorf("%q is not a duration; write one such as 30m, 8h, 7d or 1w", s)
		}
		total += d
	}
	if total <= 0 {
		return 0, fmt.Errorf("duration %q must be above zero", s)
	}
	return Duration(total), nil
}

// Std returns d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes d in Go's form, which [ParseDuration] reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
