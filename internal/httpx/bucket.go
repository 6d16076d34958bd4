package httpx

import (
	"math/rand/v2"
	"time"
)

const (
	slots       = 200              // a period is remembered in so many pieces
	burstPart   = 1.0 / 30         // of a period's units may be sent at once,
	burstLeast  = 4                // or so many, but not more than a quarter
	restFirst   = time.Second      // after a throttled answer that names no time
	restCap     = 5 * time.Minute  // whatever the directory says: then one request tries
	restMost    = 32 * time.Second // however often that happens
	shrinkTo    = 0.95             // of what went through, when a quota proves smaller than told
	regrowPart  = 1.0 / 32         // of the full limit, for each period without a throttled answer
	resetJitter = 2 * time.Second  // dates have whole seconds: two resets this close are one
)

// bucket keeps to one quota. Three rules hold together:
//
//   - the window: what was sent within any period is at most the limit. A
//     request counts from when it is sent until a period after its answer, for
//     somewhere between the two the directory counted it;
//   - the pace: units go out evenly, for the run before this one may have used
//     the window that this one knows nothing of;
//   - what the directory says: nothing left until a reset, or not now.
//
// After a throttled answer one request goes ahead, and only when it gets
// through do the others follow, one more with each answer.
type bucket struct {
	quota  Quota   // as known beforehand or learnt; no Units: unlimited
	share  float64 // of it may be spent
	limit  float64 // units in a period that may be spent now
	shrunk time.Time

	even     time.Time // when the last unit would have gone out at an even pace
	emptied  time.Time // nothing was saved for a burst then
	spent    []slot    // by age
	flying   float64   // units in flight
	inFlight int

	left  float64   // units that the directory has left until reset, less those sent since
	reset time.Time // zero: not told

	rest    time.Time // nothing is sent before
	width   int       // requests in flight at most; 0: as many as there are
	wide    int       // when width does not matter any more
	fails   int       // rests in a row
	epoch   int       // counts the rests
	pressed time.Time // when an urgent request last had to wait for it
}

// slot is what was spent in a piece of a period.
type slot struct {
	end   time.Time
	units float64
}

func newBucket(q Quota, share float64, wide int) *bucket {
	return &bucket{quota: q, share: share, limit: share * q.Units, wide: wide}
}

// when tells from when on so many units may be sent.
func (b *bucket) when(now time.Time, cost float64) (at time.Time, known bool) {
	if b.width > 0 && b.inFlight >= b.width {
		return now, false
	}
	at = later(now, b.rest)
	if b.reset.After(now) && b.left-cost < (1-b.share)*b.quota.Units {
		at = later(at, b.reset)
	}
	if b.limit <= 0 {
		return at, true
	}
	at = later(at, b.pace().Add(-b.unit(b.burst())))
	room, known := b.room(now, cost)
	return later(at, room), known
}

// room tells when the window has room for so many units. What costs more than
// all of it goes alone.
func (b *bucket) room(now time.Time, cost float64) (at time.Time, known bool) {
	b.forget(now)
	over := b.flying + cost - b.limit
	for _, s := range b.spent {
		over += s.units
	}
	at = now
	for _, s := range b.spent {
		if over <= 1e-9 {
			return at, true
		}
		over -= s.units
		at = s.end.Add(b.quota.Per)
	}
	return at, over <= 1e-9 || b.flying == 0
}

// forget drops what is older than a period.
func (b *bucket) forget(now time.Time) {
	n := 0
	for n < len(b.spent) && !b.spent[n].end.Add(b.quota.Per).After(now) {
		n++
	}
	b.spent = b.spent[n:]
}

// unit is the time in which so many units go out at an even pace.
func (b *bucket) unit(units float64) time.Duration {
	return time.Duration(units / b.limit * float64(b.quota.Per))
}

// pace is even, or later where nothing was saved for a burst.
func (b *bucket) pace() time.Time {
	return later(b.even, b.emptied.Add(b.unit(b.burst()+1)))
}

// burst is how many units may go out at once after a silence, besides the one
// whose turn it is.
func (b *bucket) burst() float64 {
	return max(1, b.limit*burstPart, min(burstLeast, b.limit/4)) - 1
}

// enter counts a request that is sent now.
func (b *bucket) enter(now time.Time, cost float64) {
	b.inFlight++
	b.flying += cost
	b.left -= cost
	if b.limit > 0 {
		b.even = later(b.pace(), now).Add(b.unit(cost))
	}
}

// leave counts a request as spent, and learns from how it went.
func (b *bucket) leave(now time.Time, cost float64, epoch int, o outcome) {
	b.inFlight--
	b.flying -= cost
	if b.inFlight == 0 {
		b.flying = 0 // sums of fractions drift
	}
	if o.unsent {
		b.left += cost
		return
	}
	if b.limit > 0 || o.learnt {
		b.spend(now, cost)
	}
	if o.learnt {
		b.learn(now, o)
	}
	switch {
	case o.throttled:
		b.pause(now, epoch, o)
	case o.answered && epoch == b.epoch:
		b.recover(now)
	}
}

func (b *bucket) spend(now time.Time, cost float64) {
	if n := len(b.spent); n > 0 && b.spent[n-1].end.After(now) {
		b.spent[n-1].units += cost
		return
	}
	b.spent = append(b.spent, slot{now.Add(b.quota.Per / slots), cost})
}

// learn takes a quota over from the directory.
func (b *bucket) learn(now time.Time, o outcome) {
	q := o.quota
	if q.Units <= 0 || q.Per <= 0 {
		return
	}
	if q.Units != b.quota.Units || q.Per != b.quota.Per {
		b.quota = Quota{Units: q.Units, Per: q.Per}
		b.limit = b.share * q.Units
	}
	if o.reset.IsZero() || o.reset.After(now.Add(q.Per+restCap)) {
		return // not told, or no time that a quota of this period ends at
	}
	// Answers overtake each other. Within one window only the least counts; and
	// what is in flight may not have been counted yet.
	left := q.Left - b.flying
	switch apart := o.reset.Sub(b.reset); {
	case apart > resetJitter:
		b.left, b.reset = left, o.reset
	case apart >= -resetJitter:
		b.left = min(b.left, left)
		b.reset = later(b.reset, o.reset)
	}
}

// pause stops a bucket after a throttled answer. Those that were in flight
// beside it say nothing new.
func (b *bucket) pause(now time.Time, epoch int, o outcome) {
	if epoch == b.epoch {
		b.epoch++
		b.fails++
		if !o.learnt { // else the quota is as told, and others spent it
			b.shrink(now)
		}
	}
	wait := o.wait
	if wait <= 0 {
		wait = min(restMost, restFirst<<max(0, min(b.fails-1, 5)))
	}
	wait = min(wait, restCap)
	wait += rand.N(min(wait/10, time.Second) + 1)
	b.rest = later(b.rest, now.Add(wait))
	b.width = 1
}

// shrink takes what got through as the true limit.
func (b *bucket) shrink(now time.Time) {
	if b.limit <= 0 {
		return
	}
	b.forget(now)
	through := b.flying
	for _, s := range b.spent {
		through += s.units
	}
	b.limit = max(b.limit/2, min(b.limit, through)*shrinkTo)
	b.shrunk = now
}

// recover widens a bucket again that had to pause.
func (b *bucket) recover(now time.Time) {
	b.fails = 0
	if b.width > 0 {
		if b.width++; b.width >= b.wide {
			b.width = 0
		}
	}
	if full := b.share * b.quota.Units; b.limit < full && now.Sub(b.shrunk) >= b.quota.Per {
		b.limit = min(full, b.limit+full*regrowPart)
		b.shrunk = now
	}
}
