// Package limit tells those who come too often to wait.
package limit

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// remembered is how many keys a generation of limiters holds.
const remembered = 10_000

// Keys limits each key, such as a caller or an address, by itself. It remembers
// the keys of late: when a generation is full, the one before it is forgotten.
type Keys struct {
	each  rate.Limit
	burst int

	mu         sync.Mutex
	young, old map[string]*rate.Limiter
}

// New returns limits of so many in a second, and burst more after a while of
// rest.
func New(each rate.Limit, burst int) *Keys {
	return &Keys{each: each, burst: burst, young: make(map[string]*rate.Limiter)}
}

func (k *Keys) of(key string) *rate.Limiter {
	k.mu.Lock()
	defer k.mu.Unlock()
	if x, ok := k.young[key]; ok {
		return x
	}
	x, ok := k.old[key]
	if !ok {
		x = rate.NewLimiter(k.each, k.burst)
	}
	if len(k.young) >= remembered {
		k.old, k.young = k.young, make(map[string]*rate.Limiter)
	}
	k.young[key] = x
	return x
}

// Take uses one up, or tells after how long there is one again.
func (k *Keys) Take(key string, now time.Time) (wait time.Duration, ok bool) {
	x := k.of(key)
	if x.AllowN(now, 1) {
		return 0, true
	}
	return k.until(x.TokensAt(now)), false
}

func (k *Keys) until(tokens float64) time.Duration {
	return time.Duration(math.Ceil((1-tokens)/float64(k.each))) * time.Second
}
