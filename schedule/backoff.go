package schedule

import "time"

// Backoff says how long to wait before something that failed is tried again:
// First, then twice as long each time, and never longer than Cap. Zero means a
// second for First, and a minute for Cap.
type Backoff struct {
	First, Cap time.Duration
}

// After returns the wait after so many failures in a row. It is shortened by up
// to a half, by a random number in [0, 1), so that many do not try at once.
func (b Backoff) After(failures int, random float64) time.Duration {
	wait, limit := b.First, b.Cap
	if wait <= 0 {
		wait = time.Second
	}
	if limit <= 0 {
		limit = time.Minute
	}
	for ; failures > 1 && wait < limit; failures-- {
		wait += min(wait, limit-wait)
	}
	wait = min(wait, limit)
	return wait - time.Duration(random*float64(wait/2))
}

// Jitter shortens a span by up to a fifth, by a random number in [0, 1), so
// that what began together does not stay together.
func Jitter(d time.Duration, random float64) time.Duration {
	return d - time.Duration(random*float64(d/5))
}
