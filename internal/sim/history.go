package sim

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// History is a set that can be read as it was: a group's members, seen by a
// replica that lags. The zero value is empty. Whoever owns it locks it.
//
// It is small: a sorted list of what is in it, and the writes that a reader
// might not see yet. Forget drops those that every reader sees.
type History[K cmp.Ordered] struct {
	now    []K        // sorted
	writes []write[K] // oldest first; only those that made a difference
}

type write[K cmp.Ordered] struct {
	key K
	at  time.Time
	was bool
}

// Set makes key present or absent at a time, no earlier than the last one, and
// reports whether that made a difference. Readers of earlier times see the set
// without it.
func (h *History[K]) Set(key K, at time.Time, present bool) (changed bool) {
	if !h.put(key, present) {
		return false
	}
	h.writes = append(h.writes, write[K]{key, at, !present})
	return true
}

// Put is Set for the harness: it is seen at once, at whatever time one reads.
func (h *History[K]) Put(key K, present bool) (changed bool) {
	h.writes = slices.DeleteFunc(h.writes, func(w write[K]) bool { return w.key == key })
	return h.put(key, present)
}

func (h *History[K]) put(key K, present bool) (changed bool) {
	i, found := h.find(key)
	switch {
	case present == found:
		return false
	case present:
		h.now = slices.Insert(h.now, i, key)
	default:
		h.now = slices.Delete(h.now, i, i+1)
	}
	return true
}

func (h *History[K]) find(key K) (int, bool) {
	if n := len(h.now); n == 0 || h.now[n-1] < key { // filled in order
		return n, false
	}
	return slices.BinarySearch(h.now, key)
}

// Has reports whether key is in the set, lag or no lag.
func (h *History[K]) Has(key K) bool {
	_, found := h.find(key)
	return found
}

// HasAt reports whether a reader of time t sees key in the set.
func (h *History[K]) HasAt(key K, t time.Time) bool {
	for _, w := range h.writes {
		if w.key == key && w.at.After(t) {
			return w.was // the first write that it does not see
		}
	}
	return h.Has(key)
}

// Len returns the size of the set, lag or no lag.
func (h *History[K]) Len() int { return len(h.now) }

// Keys returns the set, sorted, lag or no lag. It is to be read only.
func (h *History[K]) Keys() []K { return h.now }

// At returns the set as a reader of time t sees it, sorted. It is to be read
// only, and only until the next write.
func (h *History[K]) At(t time.Time) []K {
	first := len(h.writes)
	for first > 0 && h.writes[first-1].at.After(t) {
		first--
	}
	if first == len(h.writes) {
		return h.now
	}
	past := History[K]{now: slices.Clone(h.now)}
	for _, w := range slices.Backward(h.writes[first:]) {
		past.put(w.key, w.was)
	}
	return past.now
}

// Forget drops the past before t: nobody will read as of an earlier time.
func (h *History[K]) Forget(t time.Time) {
	n := 0
	for n < len(h.writes) && !h.writes[n].at.After(t) {
		n++
	}
	if n == len(h.writes) {
		h.writes = nil
		return
	}
	h.writes = h.writes[n:]
}

// Lag is how far readers are behind writes. Its methods may be called from
// several goroutines.
type Lag struct {
	most   time.Duration
	steady bool

	mu  sync.Mutex
	rng *rand.Rand
}

// NewLag returns a lag that every read draws anew between 0 and most, the same
// ones for the same seed; or that is always most, when it is steady.
func NewLag(most time.Duration, steady bool, seed uint64) *Lag {
	return &Lag{most: most, steady: steady, rng: rand.New(rand.NewPCG(seed, seed))}
}

// Most is the longest lag.
func (l *Lag) Most() time.Duration {
	if l == nil {
		return 0
	}
	return l.most
}

// Cut returns the time up to which a read at now sees writes.
func (l *Lag) Cut(now time.Time) time.Time {
	switch {
	case l == nil || l.most <= 0:
		return now
	case l.steady:
		return now.Add(-l.most)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return now.Add(-time.Duration(l.rng.Int64N(int64(l.most) + 1)))
}
