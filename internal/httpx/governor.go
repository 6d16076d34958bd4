package httpx

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// governor lets the requests of one directory through: so many at a time, and
// no more of a kind than its quota allows. There is one queue. Urgent requests
// go first, then older calls; a call that was throttled keeps its place.
type governor struct {
	policy Policy

	mu      sync.Mutex
	tickets uint64
	free    int // requests that may start besides those in flight
	buckets map[string]*bucket
	ceiling *bucket   // all buckets together; nil: none
	emptied time.Time // nothing was saved for a burst then
	queue   []*waiter
	timer   *time.Timer
}

// wish is a request that wants to be sent.
type wish struct {
	ticket   uint64 // place in the queue: lower is older
	urgent   bool
	bucket   string
	cost     float64
	deadline time.Time // of no use later
	long     func()    // called once when it has waited for the quota for long; nil tells nobody
}

// While urgent requests have to wait for the quota, the others leave it to them:
// also in the moments between two of them, in which an answer is on its way. A
// request that has waited for patience is not held back by that.
const (
	pressure = time.Second
	patience = 30 * time.Second
)

type waiter struct {
	wish
	since  time.Time
	bucket *bucket
	pass   *pass
	turn   chan error // nil: go
}

// pass is the leave to send one request.
type pass struct {
	governor *governor
	bucket   *bucket
	cost     float64
	epoch    int // of the bucket, when the request was sent
}

// outcome is what became of a request that was let through.
type outcome struct {
	unsent    bool          // it never left
	answered  bool          // with whatever status
	throttled bool          //
	wait      time.Duration // until when the directory wants rest; 0 when it did not say
	quota     Quota         // with learnt
	learnt    bool
	reset     time.Time // the quota's, by this machine's clock
}

func newGovernor(p Policy) *governor {
	g := &governor{policy: p, free: p.Concurrency, buckets: make(map[string]*bucket)}
	if p.Ceiling.Units > 0 {
		g.ceiling = newBucket(p.Ceiling, 1, p.Concurrency)
	}
	return g
}

// ticket returns a place in the queue behind all that were given out.
func (g *governor) ticket() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tickets++
	return g.tickets
}

// enter waits until a request may be sent. It does not wait for what comes
// after its deadline: that is a [*quotaError] at once.
func (g *governor) enter(ctx context.Context, w wish) (*pass, error) {
	if ctx.Err() != nil {
		return nil, &quotaError{}
	}
	g.mu.Lock()
	b := g.bucket(w.bucket)
	me := &waiter{wish: w, since: time.Now(), bucket: b, turn: make(chan error, 1), pass: &pass{governor: g, bucket: b, cost: w.cost}}
	at, _ := slices.BinarySearchFunc(g.queue, me, before)
	g.queue = slices.Insert(g.queue, at, me)
	g.dispatch()
	g.mu.Unlock()

	if turned, err := g.wait(ctx, me); turned {
		return me.pass, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.queue, me); i >= 0 {
		g.queue = slices.Delete(g.queue, i, i+1)
		g.dispatch() // those behind it may be next
		return nil, &quotaError{}
	}
	if err := <-me.turn; err != nil { // its turn came in this moment
		return nil, err
	}
	g.leave(me.pass, outcome{unsent: true})
	return nil, &quotaError{}
}

// wait waits for the turn of a waiter, and tells when that takes long for want
// of quota. It reports false when ctx ended first.
func (g *governor) wait(ctx context.Context, me *waiter) (turned bool, err error) {
	long := time.NewTimer(longWait)
	defer long.Stop()
	for {
		select {
		case err := <-me.turn:
			return true, err
		case <-ctx.Done():
			return false, nil
		case <-long.C:
			g.mu.Lock()
			free := g.free
			g.mu.Unlock()
			switch {
			case free == 0: // it waits for an answer to another
				long.Reset(longWait)
			case me.long != nil:
				me.long()
			}
		}
	}
}

func before(a, b *waiter) int {
	if a.urgent != b.urgent {
		if a.urgent {
			return -1
		}
		return 1
	}
	return cmp.Compare(a.ticket, b.ticket)
}

// bucket returns the named bucket.
func (g *governor) bucket(name string) *bucket {
	b := g.buckets[name]
	if b == nil {
		b = newBucket(g.policy.Quotas[name], g.policy.Share, g.policy.Concurrency)
		b.emptied = g.emptied
		g.buckets[name] = b
	}
	return b
}

// spent takes what the buckets have saved for a burst, also from those that are
// not there yet.
func (g *governor) spent() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.emptied = time.Now()
	for _, b := range g.buckets {
		b.emptied = g.emptied
	}
	if g.ceiling != nil {
		g.ceiling.emptied = g.emptied
	}
}

// done gives a pass back, with what was learnt.
func (p *pass) done(o outcome) {
	p.governor.mu.Lock()
	defer p.governor.mu.Unlock()
	p.governor.leave(p, o)
}

func (g *governor) leave(p *pass, o outcome) {
	now := time.Now()
	g.free++
	p.bucket.leave(now, p.cost, p.epoch, o)
	if g.ceiling != nil {
		g.ceiling.leave(now, 1, 0, outcome{unsent: o.unsent})
	}
	g.dispatch()
}

// dispatch lets through whoever may go now, turns away whoever would wait too
// long, and sets the timer for the next one. A request that must wait holds
// back the later ones of its bucket, so that dear requests do not starve.
func (g *governor) dispatch() {
	now := time.Now()
	var next time.Time
	held := make(map[*bucket]time.Time) // by the first that waits, until when
	rest := g.queue[:0]
	for i, w := range g.queue {
		if g.free == 0 {
			rest = append(rest, g.queue[i:]...)
			break
		}
		at, waits := held[w.bucket]
		if !waits {
			at = g.when(now, w)
			if !w.urgent && !at.IsZero() {
				at = later(at, g.pressed(now, w))
			}
		}
		switch {
		case !waits && !at.After(now) && !at.IsZero():
			g.start(now, w) // also past its deadline: then the context says so, and not the quota
		case at.After(w.deadline):
			w.turn <- &quotaError{at.Sub(now)}
		default:
			if w.urgent {
				g.press(now, w.bucket)
			}
			held[w.bucket] = at
			next = sooner(next, at)
			rest = append(rest, w)
		}
	}
	clear(g.queue[len(rest):])
	g.queue = rest
	g.wake(now, next)
}

// press notes that an urgent request waits for the quota.
func (g *governor) press(now time.Time, b *bucket) {
	b.pressed = now
	if g.ceiling != nil {
		g.ceiling.pressed = now
	}
}

// pressed tells until when a request that is not urgent leaves the quota to those
// that are; not after now when it need not.
func (g *governor) pressed(now time.Time, w *waiter) time.Time {
	last := w.bucket.pressed
	if g.ceiling != nil {
		last = later(last, g.ceiling.pressed)
	}
	if last.IsZero() || now.Sub(w.since) >= patience {
		return now
	}
	until, end := last.Add(pressure), w.since.Add(patience)
	return sooner(until, end)
}

// when tells from when on a request may be sent; zero when that depends on an
// answer that is not here yet.
func (g *governor) when(now time.Time, w *waiter) time.Time {
	at, known := w.bucket.when(now, w.cost)
	if g.ceiling != nil && known {
		var all time.Time
		all, known = g.ceiling.when(now, 1)
		at = later(at, all)
	}
	if !known {
		return time.Time{}
	}
	return at
}

func (g *governor) start(now time.Time, w *waiter) {
	g.free--
	w.pass.epoch = w.bucket.epoch
	w.bucket.enter(now, w.cost)
	if g.ceiling != nil {
		g.ceiling.enter(now, 1)
	}
	w.turn <- nil
}

// wake calls dispatch again at an instant.
func (g *governor) wake(now, at time.Time) {
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
	if at.IsZero() {
		return
	}
	g.timer = time.AfterFunc(at.Sub(now), func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.dispatch()
	})
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// sooner returns the earlier one; a zero time is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
