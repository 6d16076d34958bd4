package desk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/report"
)

// moment orders questions and the answers to them. It counts, and is no time:
// clocks stand still, and are set back.
type moment uint64

// whenever is for what is only shown: an answer may be half a minute old.
const whenever moment = 0

// moment returns the one that a decision is asked for.
//
// A decision holds by an answer that began after it was asked for, and by no
// older one, however young: a listing that was under way already may have read
// the group before somebody was taken out of it, and what comes after that must
// not count. So those who want to decide while a group is being listed wait for
// that to end, and for one more listing that is for all of them.
func (p *people) moment() moment { return moment(p.moments.Add(1)) }

// since is from which moment on an answer has to have begun: that of the inquiry,
// for what decides.
func (p *people) since(ctx context.Context, fresh bool) moment {
	in := inquiryOf(ctx)
	switch {
	case !fresh:
		return whenever
	case in != nil:
		return in.since
	}
	return p.moment()
}

// known is what directories answered under one set of rules. Under others
// everything is asked anew, and what a directory of before still answers goes
// nowhere else.
type known struct {
	rules *Rules

	mu       sync.Mutex
	groups   map[engine.GroupRef]*kept[engine.GroupID]
	members  map[engine.GroupRef]*kept[roster]
	accounts map[place]*kept[engine.Member]
	profiles map[engine.Person]*kept[*engine.Profile]
	looks    map[string]*kept[*report.Compliance]
	paces    map[engine.GroupRef]*rate.Limiter
	places   map[engine.Directory]chan struct{} // for each group that is listed to be shown
	hung     map[engine.Directory]time.Time     // when somebody last waited for it in vain
}

func newKnown(r *Rules) *known {
	k := &known{
		rules:    r,
		groups:   make(map[engine.GroupRef]*kept[engine.GroupID]),
		members:  make(map[engine.GroupRef]*kept[roster]),
		accounts: make(map[place]*kept[engine.Member]),
		profiles: make(map[engine.Person]*kept[*engine.Profile]),
		looks:    make(map[string]*kept[*report.Compliance]),
		paces:    make(map[engine.GroupRef]*rate.Limiter),
		places:   make(map[engine.Directory]chan struct{}),
		hung:     make(map[engine.Directory]time.Time),
	}
	for d := range r.Directories {
		k.places[d] = make(chan struct{}, listedAtOnce)
	}
	return k
}

type place struct {
	directory engine.Directory
	person    engine.Person
}

// How often one group is listed: a few times at once, and then once in a second
// for all who want to know.
const (
	listings       = rate.Limit(1)
	listingsAtOnce = 20
	// listedAtOnce is how many groups of one directory are listed at once for what
	// is only shown. What decides waits for none of them.
	listedAtOnce = 3
)

// pace limits the listings of a group to so many in a second.
func (k *known) pace(g engine.GroupRef, each rate.Limit) *rate.Limiter {
	k.mu.Lock()
	defer k.mu.Unlock()
	x, ok := k.paces[g]
	if !ok {
		x = rate.NewLimiter(each, listingsAtOnce)
		k.paces[g] = x
	}
	return x
}

// kept is an answer, while it is asked for and after.
type kept[T any] struct {
	done  chan struct{}
	ahead chan struct{} // closed where a decision waits for it; known.mu guards that
	began moment        // zero before; known.mu guards it
	good  time.Duration // how long it is shown
	at    time.Time
	value T
	err   error
	heard bool // the directory answered, if only that it cannot tell
}

// hangs reports whether a directory let somebody wait in vain a moment ago: then a
// page that asks it many things does not wait for each of them. mu is held.
func (k *known) hangs(d engine.Directory, now time.Time) bool {
	at, hung := k.hung[d]
	age := now.Sub(at)
	return hung && age >= 0 && age < shown
}

// heard takes in whether a directory answered.
func (k *known) heard(d engine.Directory, answered bool, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case d == "":
	case answered:
		delete(k.hung, d)
	default:
		k.hung[d] = now
	}
}

// question is how something is asked.
type question[T any] struct {
	of     engine.Directory // empty where several are asked
	since  moment           // when the answer may have begun at the earliest
	good   time.Duration    // how long it is shown
	within time.Duration    // how long asking may take
	pace   *rate.Limiter    // nil where it is asked as often as somebody wants to know
	place  chan struct{}    // has room for those that are asked at once; nil where all are
	ask    func(context.Context) (T, error)
}

var (
	errCutShort = errors.New("the answer was cut short")
	errHangs    = errors.New("the directory did not answer a moment ago")
)

// ask returns what is kept under a key, or asks for it. One is asked for at a
// time, for all that it is good for. Asking goes on when the caller leaves, or their
// inquiry does not wait any longer: others wait for it too.
func ask[K comparable, T any](ctx context.Context, p *people, k *known, m map[K]*kept[T], key K, q question[T]) (T, error) {
	var none T
	in := inquiryOf(ctx)
	for {
		k.mu.Lock()
		x, found := m[key]
		fits := found && x.fits(q.since, p.now)
		if !fits && q.since == whenever && k.hangs(q.of, p.now()) {
			k.mu.Unlock()
			return none, unanswered(q.of, fmt.Errorf("%s: %w", q.of, errHangs))
		}
		if found && q.since != whenever {
			x.goAhead()
		}
		if !fits && (!found || x.over()) {
			if err := in.over(q.of); err != nil {
				k.mu.Unlock()
				return none, err
			}
			x = &kept[T]{done: make(chan struct{}), ahead: make(chan struct{}), good: q.good, err: errCutShort}
			if len(m) >= crowd {
				clear(m)
			}
			m[key], fits = x, true
			go func() {
				find(ctx, p, k, x, q)
				time.AfterFunc(q.good, func() { forget(k, m, key, x) })
			}()
		}
		k.mu.Unlock()
		if err := in.await(ctx, q.of, x.done); err != nil {
			return none, err
		}
		if x.heard {
			in.heard(q.of)
		}
		if fits {
			return x.value, x.err
		}
	}
}

// forget lets go of an answer that nobody is shown any more.
func forget[K comparable, T any](k *known, m map[K]*kept[T], key K, x *kept[T]) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if m[key] == x {
		delete(m, key)
	}
}

// find asks. A directory that breaks off with a panic did not answer.
func find[T any](ctx context.Context, p *people, k *known, x *kept[T], q question[T]) {
	ctx = context.WithoutCancel(ctx)
	defer func() {
		x.at = p.now() // from then on it grows old: one that takes long is not asked for by each row of a page
		close(x.done)
	}()
	leave, err := queue(ctx, x, q)
	if err != nil {
		x.err = err
		return
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, q.within) // the directory has all of it, however long others were in the way
	defer cancel()
	k.mu.Lock()
	x.began = p.moment()
	k.mu.Unlock()
	x.err = guarded(p.log, func() (err error) {
		x.value, err = q.ask(ctx)
		return err
	})
	x.heard = ctx.Err() == nil
	k.heard(q.of, x.heard, p.now())
	if engine.KindOf(x.err) == engine.Unavailable {
		x.err = unanswered(q.of, x.err)
	}
}

// queue waits until it is time to ask, for as long as asking may take. What is only
// shown waits for a place too, until a decision waits for it.
func queue[T any](ctx context.Context, x *kept[T], q question[T]) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, q.within)
	defer cancel()
	leave = func() {}
	if q.pace != nil {
		if err := q.pace.Wait(ctx); err != nil {
			return leave, err
		}
	}
	if q.place == nil {
		return leave, nil
	}
	select {
	case q.place <- struct{}{}:
		return func() { <-q.place }, nil
	case <-x.ahead:
		return leave, nil
	case <-ctx.Done():
		return leave, ctx.Err()
	}
}

// guarded does what may panic where nobody above would catch it. A panic is an
// error that wraps errCutShort, and in the log.
func guarded(log *slog.Logger, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			log.Error("what was looked up broke off", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: the log says why", errCutShort)
		}
	}()
	return f()
}

// goAhead has it asked for without waiting for a place. known.mu is held.
func (x *kept[T]) goAhead() {
	select {
	case <-x.ahead:
	default:
		close(x.ahead)
	}
}

// over reports whether it is not asked for any more.
func (x *kept[T]) over() bool {
	select {
	case <-x.done:
		return true
	default:
		return false
	}
}

// fits reports whether the answer, which may be under way, is good for a
// question. One that did not begin is found out about when it did. known.mu is
// held.
func (x *kept[T]) fits(since moment, now func() time.Time) bool {
	if since != whenever {
		return x.began > since
	}
	return !x.stale(now)
}

// stale reports whether the answer is too old to be shown. A failure is kept for
// as long as asking may take; one that took as long as that, as an answer is. What
// time it is counts from when the answer was there: it may come in this moment.
func (x *kept[T]) stale(now func() time.Time) bool {
	if !x.over() {
		return false
	}
	good := x.good
	if k := engine.KindOf(x.err); x.err != nil && k != engine.NotFound && k != engine.Disabled && !errors.Is(x.err, context.DeadlineExceeded) {
		good = min(good, answer)
	}
	age := now().Sub(x.at)
	return age < 0 || age > good
}
