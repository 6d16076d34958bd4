package config

import (
	"time"

	"github.com/daypass-dev/daypass/schedule"
)

// Duration is a span of time as people write it: Go's form ("1h30m"), and d
// and w for days of 24 hours and weeks of seven of them ("7d", "2w12h").
type Duration time.Duration

// ParseDuration reads a [Duration], which must be above zero.
func ParseDuration(s string) (Duration, error) {
	d, err := schedule.ParseDuration(s)
	return Duration(d), err
}

// Std returns d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes d in Go's form, which [ParseDuration] reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
