package api

import (
	"cmp"
	"math"
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate is how much callers may ask. What is zero has a default.
type Rate struct {
	// Calls is how many a caller may make in a second, and CallsAtOnce how many
	// more after a while of rest.
	Calls       rate.Limit
	CallsAtOnce int
	// Failures is how often in a second an address may come without a good token.
	Failures       rate.Limit
	FailuresAtOnce int
}

func (r Rate) filled() Rate {
	r.Calls, r.CallsAtOnce = cmp.Or(r.Calls, 20), cmp.Or(r.CallsAtOnce, 100)
	r.Failures, r.FailuresAtOnce = cmp.Or(r.Failures, 0.5), cmp.Or(r.FailuresAtOnce, 30)
	return r
}

// remembered is how many keys a generation of limiters holds.
const remembered = 10_000

// limiters has a limiter for each key. It remembers the keys of late: when a
// generation is full, the one before it is forgotten.
type limiters struct {
	each  rate.Limit
	burst int

	mu         sync.Mutex
	young, old map[string]*rate.Limiter
}

func newLimiters(each rate.Limit, burst int) *limiters {
	return &limiters{each: each, burst: burst, young: make(map[string]*rate.Limiter)}
}

func (l *limiters) of(key string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if x, ok := l.young[key]; ok {
		return x
	}
	x, ok := l.old[key]
	if !ok {
		x = rate.NewLimiter(l.each, l.burst)
	}
	if len(l.young) >= remembered {
		l.old, l.young = l.young, make(map[string]*rate.Limiter)
	}
	l.young[key] = x
	return x
}

// take uses one up, or tells after how long there is one again.
func (l *limiters) take(key string, now time.Time) (wait time.Duration, ok bool) {
	x := l.of(key)
	if x.AllowN(now, 1) {
		return 0, true
	}
	return l.until(x.TokensAt(now)), false
}

// left reports whether there is one, and uses none up.
func (l *limiters) left(key string, now time.Time) (wait time.Duration, ok bool) {
	n := l.of(key).TokensAt(now)
	return l.until(n), n >= 1
}

func (l *limiters) until(tokens float64) time.Duration {
	return time.Duration(math.Ceil((1-tokens)/float64(l.each))) * time.Second
}

// network is what an address is limited by: of IPv6 the /64, for whoever has
// one address of it has them all.
func network(address string) string {
	ip := net.ParseIP(address)
	if ip == nil || ip.To4() != nil {
		return address
	}
	return ip.Mask(net.CIDRMask(64, 128)).String()
}
