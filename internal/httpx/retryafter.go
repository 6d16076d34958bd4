package httpx

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	waitFirst   = 500 * time.Millisecond // before the second attempt, halved by chance
	waitMost    = 20 * time.Second       // between attempts, where the directory names no time
	retryFarOff = 30 * 24 * time.Hour    // a header that asks for more is not believed
)

// backoff is how long to wait after so many attempts when nobody said:
// doubling, capped, and spread so that many callers do not come back at once.
func backoff(attempts int) time.Duration {
	d := waitMost
	if n := attempts - 1; n < 6 {
		d = min(d, waitFirst<<max(n, 0))
	}
	return spread(d)
}

// spread returns between half of d and d.
func spread(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2+1)
}

// retryAfter reads when the directory wants to be asked again: by the policy,
// or else the header of RFC 9110 in both its forms. A date is measured against
// the answer's own, so that clocks need not agree.
func (p Policy) retryAfter(resp *http.Response) (time.Duration, bool) {
	if p.Wait != nil {
		if d, ok := p.Wait(resp); ok {
			return min(max(d, 0), retryFarOff), true
		}
	}
	return RetryAfter(resp.Header)
}

// RetryAfter reads the Retry-After header in both its forms, seconds and an
// HTTP date. A date is measured against the Date beside it, or this machine's
// clock where there is none. Vendors send it inside of batches as well.
func RetryAfter(h http.Header) (time.Duration, bool) {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		if seconds < 0 {
			return 0, false
		}
		return time.Duration(min(seconds, int64(retryFarOff/time.Second))) * time.Second, true
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return min(max(at.Sub(now), 0), retryFarOff), true
}
