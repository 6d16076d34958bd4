package oktatest

import (
	"net/http"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

// nobody is the limit that is told where there is none.
const nobody = 100000

// buckets are the rate limits: one window of a minute for each method and path
// template, which begins with its first request, and beside it one for each
// credential.
type buckets struct {
	quota Quota
	clock *sim.Clock

	mu      *sync.Mutex
	windows map[string]*sim.Window
}

func newBuckets(q Quota, clock *sim.Clock) buckets {
	return buckets{quota: q, clock: clock, mu: &sync.Mutex{}, windows: make(map[string]*sim.Window)}
}

// take spends one request and tells in the headers what is left. An answer is
// a refusal; there is no Retry-After on it.
//
// The headers show the whole org's bucket. Where the part of one credential is
// used up first, the refusal shows that part.
func (b buckets) take(h http.Header, rt *route, who *principal) *failure {
	name, limit := "all", b.quota.PerMinute
	if limit <= 0 {
		name = rt.method + " " + rt.path
		if limit = b.quota.Limits[name]; limit <= 0 {
			limit = b.quota.Other
		}
	}
	if limit <= 0 {
		setQuota(h, nobody, nobody, b.clock.Now().Add(time.Minute))
		return nil
	}
	if who != nil && b.quota.PerMinute <= 0 {
		part := max(1, int(float64(limit)*b.quota.Share))
		if _, reset, ok := b.window(name+" by "+who.id, part).Take(1); !ok {
			setQuota(h, part, 0, reset)
			return fail(http.StatusTooManyRequests, "E0000047")
		}
	}
	left, reset, ok := b.window(name, limit).Take(1)
	setQuota(h, limit, left, reset)
	if !ok {
		return fail(http.StatusTooManyRequests, "E0000047")
	}
	return nil
}

func (b buckets) window(name string, limit int) *sim.Window {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.windows[name]
	if w == nil {
		w = sim.NewWindow(limit, time.Minute, b.clock)
		b.windows[name] = w
	}
	return w
}
