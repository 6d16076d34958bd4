package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Failure is a change that did not take place, or whose outcome is unknown.
type Failure struct {
	Change Change `json:"change"`
	Kind   Kind   `json:"kind"`
	Error  string `json:"error"`
}

// Done is a change that made a difference, and when its outcome was known.
type Done struct {
	Change Change    `json:"change"`
	At     time.Time `json:"at"`
}

// Lag is how long the membership outlived its grant; zero where it was not due
// to end.
func (d Done) Lag() time.Duration {
	if d.Change.Op != Remove || d.Change.due.IsZero() {
		return 0
	}
	return max(0, d.At.Sub(d.Change.due))
}

// job is the work on one group.
type job struct {
	group   Group
	changes []Change // adds before removals
	due     bool     // holds an agreed end
	removes bool
	swept   []Change // foreign members taken out; the next listing is judged by it
}

// jobs groups what is not held. Agreed ends come first, then other removals,
// then what only adds: for the request quota, no removal waits behind an
// addition.
func jobs(cs []Change) []*job {
	byGroup := make(map[Group]*job)
	var js []*job
	for _, c := range cs {
		if c.Held {
			continue
		}
		j := byGroup[c.Key()]
		if j == nil {
			j = &job{group: c.Key()}
			byGroup[c.Key()] = j
			js = append(js, j)
		}
		j.changes = append(j.changes, c)
		j.due = j.due || c.removes() && c.Why.Agreed()
		j.removes = j.removes || c.removes()
	}
	slices.SortStableFunc(js, func(a, b *job) int { return cmp.Compare(a.rank(), b.rank()) })
	return js
}

func (j *job) rank() int {
	switch {
	case j.due:
		return 0
	case j.removes:
		return 1
	}
	return 2
}

// step is how many groups are intended, changed and settled together: large
// enough that a durable write costs little, small enough that a crash leaves
// few intents to settle by reading.
const step = 64

// applier carries out one directory's part of a plan.
type applier struct {
	r     *Reconciler
	s     *survey
	run   RunID
	conn  Connector
	stop  *breaker
	lease Lease // nil where no other process can write

	mu       sync.Mutex
	counts   Counts
	failures []Failure
	done     []Done
	findings []Problem
	logouts  []Change // whose sessions are to end
	over     []Past   // what the directory was found to have ended
	yielded  []Group  // where another run had something in hand
}

// round is a few jobs on their way through intend, act and settle.
type round struct {
	jobs    []*job
	intents [][]*Owned
	effects [][]Effect
	at      []time.Time // when each job was answered
}

// apply changes the directory: intend, act, settle, each for one round while
// the next one is in the step before. It returns an error when the ledger
// cannot be written; nothing is sent without an intent on record.
func (a *applier) apply(ctx context.Context, js []*job) error {
	intended, answered := make(chan *round), make(chan *round)
	broken := make(chan struct{}) // closed when an outcome could not be written
	var intendErr, settleErr error
	go func() {
		defer close(intended)
		for part := range slices.Chunk(js, step) {
			if intendErr = a.begin(ctx, part, intended, broken); intendErr != nil {
				return
			}
		}
	}()
	go func() {
		defer close(answered)
		for r := range intended {
			parallel(a.r.senders(), len(r.jobs), func(i int) { r.effects[i], r.at[i] = a.act(ctx, r.jobs[i]), a.r.now() })
			answered <- r
		}
	}()
	for r := range answered {
		// The directory has been touched: what it answered is written down even
		// when the caller gives up.
		if err := a.settle(context.WithoutCancel(ctx), r); err != nil && settleErr == nil {
			settleErr = err
			close(broken)
		}
	}
	return errors.Join(intendErr, settleErr)
}

// begin intends one round and passes it on.
func (a *applier) begin(ctx context.Context, js []*job, intended chan<- *round, broken <-chan struct{}) error {
	if err := cmp.Or(ctx.Err(), a.stop.open(), Held(Under(ctx, a.lease))); err != nil {
		a.untried(js, err)
		return nil
	}
	select {
	case <-broken:
		return nil // settle tells why
	default:
	}
	intents, err := a.intend(ctx, js)
	if err != nil {
		return err
	}
	intended <- &round{jobs: js, intents: intents, effects: make([][]Effect, len(js)), at: make([]time.Time, len(js))}
	return nil
}

func (a *applier) intend(ctx context.Context, js []*job) ([][]*Owned, error) {
	grants := a.s.grantsNow(ctx)
	var intents [][]*Owned
	err := a.r.book.write(ctx, a.s.pen, func() Batch {
		for _, j := range js {
			a.yield(j, grants)
		}
		var b Batch
		b, intents = a.intents(js)
		return b
	})
	if err != nil {
		a.land(js)
		return nil, fmt.Errorf("write intents: %w", err)
	}
	return intents, nil
}

// yield drops the changes of j whose time has passed while the run was under
// way, and claims the others: the grant of an addition is over, that of an end
// was extended, or another run of this process has the membership in hand, or
// had since this one looked. The book is held.
func (a *applier) yield(j *job, grants grantsNow) {
	book, read := a.r.book, a.s.readAt(j.group)
	passed := func(c Change) bool {
		since := read
		if !c.Why.Agreed() && c.Op != Add { // a grant that another run knows already, and this one does not, has not vanished
			since = min(read, a.s.known)
		}
		for _, m := range c.memberships() {
			if book.flying[m] || book.overtaken(a.s.pen, m, since) {
				return true
			}
		}
		switch {
		case c.Op == Add:
			return !slices.ContainsFunc(c.anchors, grants.inForce)
		case c.Why == Foreigner:
			return grants.newcomers
		}
		return c.removes() && slices.ContainsFunc(c.anchors, grants.extended)
	}
	n := len(j.changes)
	j.changes = slices.DeleteFunc(j.changes, passed)
	a.mu.Lock()
	if n -= len(j.changes); n > 0 {
		a.counts.Yielded += n
		a.yielded = append(a.yielded, j.group)
	}
	a.mu.Unlock()
	for _, c := range j.changes {
		for _, m := range c.memberships() {
			book.flying[m] = true
		}
	}
}

// land gives back the memberships that yield claimed.
func (a *applier) land(js []*job) {
	book := a.r.book
	book.mu.Lock()
	defer book.mu.Unlock()
	for _, j := range js {
		for _, c := range j.changes {
			for _, m := range c.memberships() {
				delete(book.flying, m)
			}
		}
	}
}

// memberships are those that c is about: two where an account took over what
// was written for another.
func (c Change) memberships() []Membership {
	ms := []Membership{{c.Key(), c.Member.ID}}
	if c.prior != nil && c.prior.Member.ID != c.Member.ID {
		ms = append(ms, c.prior.Key())
	}
	return ms
}

func (a *applier) intents(js []*job) (Batch, [][]*Owned) {
	now := a.r.now()
	var b Batch
	intents := make([][]*Owned, len(js))
	for i, j := range js {
		intents[i] = make([]*Owned, len(j.changes))
		for k, c := range j.changes {
			o := c.intent(now)
			intents[i][k] = o
			if o != nil {
				b.Put = append(b.Put, *o)
			}
			if c.sends() || c.Op == Expire {
				b.Events = append(b.Events, c.event(EventIntended, a.run, now))
			}
		}
		if j.sent() {
			b.Unlist = append(b.Unlist, j.group)
		}
	}
	return b, intents
}

// act sends the changes of one group and returns an effect for each.
func (a *applier) act(ctx context.Context, j *job) []Effect {
	effects := make([]Effect, len(j.changes))
	if len(effects) == 0 {
		return effects
	}
	ctx = Under(ctx, a.lease)
	if err := cmp.Or(ctx.Err(), a.stop.open(), Held(ctx)); err != nil {
		for i := range effects {
			effects[i] = Effect{Err: fmt.Errorf("not tried: %w", err), untried: true}
		}
		return effects
	}
	a.send(ctx, j, effects)
	a.stop.note(verdict(effects)) // one call, one answer: one sick group is no sick directory
	return effects
}

// send puts the effect of each change of j beside it. Additions with an end are
// sent one by one, and all but one of them after the removals.
func (a *applier) send(ctx context.Context, j *job, effects []Effect) {
	var add, remove, end []int // of j.changes
	for i, c := range j.changes {
		switch {
		case c.removes():
			remove = append(remove, i)
		case c.Op == Add && c.Expires.IsZero():
			add = append(add, i)
		case c.Op == Add, c.Op == Expire:
			end = append(end, i)
		}
	}
	if len(end) > 0 && j.changes[end[0]].Op == Add {
		// The first one keeps the group from being empty in between, and tells
		// whether the directory ends anything here.
		first := end[0]
		a.endings(ctx, j.changes, end[:1], effects)
		end = end[1:]
		for len(end) > 0 && j.changes[end[0]].Op == Add && effects[first].endless != nil {
			effects[end[0]].endless = effects[first].endless
			add, end = append(add, end[0]), end[1:]
		}
	}
	pick := func(at []int) []Member {
		ms := make([]Member, len(at))
		for i, k := range at {
			ms[i] = j.changes[k].Member
		}
		return ms
	}
	added, removed := change(ctx, a.conn, j.group.ID, pick(add), pick(remove))
	sent := slices.Concat(add, remove)
	for i, e := range slices.Concat(added, removed) {
		e.endless = effects[sent[i]].endless
		effects[sent[i]] = e
	}
	a.endings(ctx, j.changes, end, effects)
	a.unended(j, effects)
}

// verdict is the error of a call for several members when none of them had an
// answer, and nil when any had.
func verdict(effects []Effect) error {
	var err error
	for _, e := range effects {
		if err = e.Err; err == nil || KindOf(err) != Unavailable {
			return nil
		}
	}
	return err
}

// change uses the power to change many at once where there is one.
func change(ctx context.Context, conn Connector, g GroupID, add, remove []Member) (added, removed []Effect) {
	if len(add)+len(remove) == 0 {
		return nil, nil
	}
	if c, ok := conn.(Changer); ok {
		added, removed = c.Change(ctx, g, add, remove)
		if len(added) != len(add) || len(removed) != len(remove) {
			panic("engine: Change answered for another number of members than it was asked")
		}
		return added, removed
	}
	for _, m := range add {
		added = append(added, send(ctx, func() (bool, error) { return conn.Add(ctx, g, m) }))
	}
	for _, m := range remove {
		removed = append(removed, send(ctx, func() (bool, error) { return conn.Remove(ctx, g, m) }))
	}
	return added, removed
}

// send makes one change, unless the caller gave up or lost the lease.
func send(ctx context.Context, f func() (bool, error)) Effect {
	if err := cmp.Or(ctx.Err(), Held(ctx)); err != nil {
		return Effect{Err: fmt.Errorf("not tried: %w", err), untried: true}
	}
	changed, err := f()
	return Effect{Changed: changed, Err: err}
}

func (a *applier) settle(ctx context.Context, r *round) error {
	var b Batch
	for i, j := range r.jobs {
		for k, c := range j.changes {
			a.settleOne(&b, j, c, r.intents[i][k], r.effects[i][k], r.at[i])
		}
	}
	err := a.r.book.record(ctx, a.s.pen, b)
	a.land(r.jobs)
	if errors.Is(err, ErrFenced) { // who has the lease now settles what became of it; that it was sent is on record all the same
		err = errors.Join(err, a.r.book.record(ctx, a.s.pen, Batch{Events: b.Events}))
	}
	if err != nil {
		return fmt.Errorf("write outcomes: %w", err)
	}
	return nil
}

func (a *applier) settleOne(b *Batch, j *job, c Change, o *Owned, e Effect, now time.Time) {
	switch {
	case c.forgotten(e):
		kept, over := c.forget(now)
		if kept != nil {
			b.Put = append(b.Put, *kept)
		} else {
			b.Delete = append(b.Delete, Membership{c.Key(), c.prior.Member.ID})
			b.Past = append(b.Past, *over)
		}
		if c.logout(e, now) {
			a.logouts = append(a.logouts, c)
		}
		if c.Lapsed() {
			a.counts.Lapsed++
			a.over = append(a.over, *over)
			b.Events = append(b.Events, closed{*over, true}.event(a.run))
			return
		}
		a.counts.Forgot++
		a.done = append(a.done, Done{c, now})
		if over != nil && c.finishes() {
			b.Events = append(b.Events, over.event(a.run))
			return
		}
		b.Events = append(b.Events, c.event(EventForgotten, a.run, now))
		return
	case o != nil:
		if after := c.settle(*o, e, now); after != nil {
			b.Put = append(b.Put, *after)
		} else {
			b.Delete = append(b.Delete, o.Key())
		}
	case e.Err == nil:
		if GraceOf(a.conn) == 0 { // else the notice stands until a listing shows that the member left
			b.Unnotice = append(b.Unnotice, Membership{c.Key(), c.Member.ID})
		}
		j.swept = append(j.swept, c)
	}
	if e.Err != nil {
		a.fail(c, e.Err)
		ev := c.event(EventFailed, a.run, now)
		ev.Error = e.Err.Error()
		b.Events = append(b.Events, ev)
		return
	}
	if c.logout(e, now) {
		a.logouts = append(a.logouts, c)
	}
	ev := c.event(EventHappened, a.run, now)
	ev.Changed = &e.Changed
	if ev.Expires = nil; !e.end.IsZero() {
		ev.Expires = &e.end
	}
	if e.endless != nil {
		ev.Error = e.endless.Error()
	}
	b.Events = append(b.Events, ev)
	if e.Changed && c.Op == Add {
		a.counts.Added++
	}
	if e.Changed && c.removes() {
		a.counts.Removed++
	}
	if e.Changed && c.Op == Expire {
		a.counts.Moved++
	}
	if e.Changed {
		a.done = append(a.done, Done{c, now})
	}
}

func (a *applier) fail(c Change, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts.Failed++
	a.failures = append(a.failures, Failure{c, KindOf(err), err.Error()})
}

// untried fails every change of js without sending anything. What is due stays
// due, and the next run tries again.
func (a *applier) untried(js []*job, err error) {
	for _, j := range js {
		for _, c := range j.changes {
			a.fail(c, fmt.Errorf("not tried: %w", err))
		}
	}
}
