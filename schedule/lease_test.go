package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/daypass-dev/daypass/schedule"
)

const ttl = 15 * time.Second

// A lessor is a store with leases, and a clock of its own.
type lessor struct {
	clock wall

	mu     sync.Mutex
	last   int64
	leases map[string]leased
}

type leased struct {
	holder string
	token  int64
	until  time.Time
}

func (l *lessor) Acquire(_ context.Context, name, holder string, ttl time.Duration) (int64, string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if has := l.leases[name]; l.clock.now().Before(has.until) {
		return 0, has.holder, nil
	}
	if l.leases == nil {
		l.leases = map[string]leased{}
	}
	l.last++
	l.leases[name] = leased{holder, l.last, l.clock.now().Add(ttl)}
	return l.last, holder, nil
}

func (l *lessor) Renew(_ context.Context, name string, token int64, ttl time.Duration) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	has := l.leases[name]
	if has.token != token {
		return false, nil
	}
	has.until = l.clock.now().Add(ttl)
	l.leases[name] = has
	return true, nil
}

func (l *lessor) Release(_ context.Context, name string, token int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leases[name].token == token {
		delete(l.leases, name)
	}
	return nil
}

func (l *lessor) until(name string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leases[name].until
}

// A line is the way of one machine to the lessor. It may be down, or hang on
// the way there and on the way back.
type line struct {
	to schedule.Lessor

	mu          sync.Mutex
	down        bool
	there, back time.Duration
	deaf        bool // hangs do not end with the context
	once        bool // only the next call hangs
}

var errDown = errors.New("connection refused")

func (l *line) set(change func(*line)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

func (l *line) carry(ctx context.Context, call func()) error {
	l.mu.Lock()
	down, there, back, deaf := l.down, l.there, l.back, l.deaf
	if l.once {
		l.once, l.there = false, 0
	}
	l.mu.Unlock()
	if down {
		return errDown
	}
	for i, d := range []time.Duration{there, back} {
		if i == 1 {
			call()
		}
		if deaf {
			time.Sleep(d)
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d):
		}
	}
	return nil
}

func (l *line) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (token int64, other string, err error) {
	if lost := l.carry(ctx, func() { token, other, err = l.to.Acquire(ctx, name, holder, ttl) }); lost != nil {
		return 0, "", lost
	}
	return token, other, err
}

func (l *line) Renew(ctx context.Context, name string, token int64, ttl time.Duration) (held bool, err error) {
	if lost := l.carry(ctx, func() { held, err = l.to.Renew(ctx, name, token, ttl) }); lost != nil {
		return false, lost
	}
	return held, err
}

func (l *line) Release(ctx context.Context, name string, token int64) (err error) {
	if lost := l.carry(ctx, func() { err = l.to.Release(ctx, name, token) }); lost != nil {
		return lost
	}
	return err
}

// A machine keeps the lease on corp, and does nothing with it.
type machine struct {
	*schedule.Keeper
	line  line
	clock wall
	stop  func() error // ends Keep, and returns what it returned

	mu    sync.Mutex
	lease *schedule.Lease // the latest
	cause error           // why the one before ended
	told  []schedule.Standing
}

func boot(t *testing.T, name string, store schedule.Lessor) *machine {
	m := &machine{line: line{to: store}}
	m.Keeper = &schedule.Keeper{Lessor: &m.line, Name: "corp", Holder: name, TTL: ttl, Wall: m.clock.now, Tell: func(s schedule.Standing) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.told = append(m.told, s)
	}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Keep(ctx, m.run) }()
	m.stop = func() error { cancel(); return <-done }
	return m
}

func (m *machine) run(ctx context.Context, lease *schedule.Lease) {
	m.mu.Lock()
	m.lease = lease
	m.mu.Unlock()
	<-ctx.Done()
	m.mu.Lock()
	m.cause = context.Cause(ctx)
	m.mu.Unlock()
}

// check returns whether the machine may write.
func (m *machine) check() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lease == nil {
		return errors.New("none yet")
	}
	return m.lease.Check()
}

func (m *machine) token() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lease == nil {
		return 0
	}
	return m.lease.Token()
}

func (m *machine) why() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cause
}

// within waits until what is asked for is so, and returns how long that took.
func within(t *testing.T, limit time.Duration, so func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for synctest.Wait(); !so(); synctest.Wait() {
		if time.Since(start) > limit {
			t.Fatalf("it is not so within %v", limit)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(start)
}

func lost(t *testing.T, err error) {
	t.Helper()
	if e := (*schedule.LostError)(nil); !errors.As(err, &e) || e.Name != "corp" {
		t.Errorf("got %v, want that the lease on corp is lost", err)
	}
}

func TestLeaseIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &lessor{}
		a, b := boot(t, "a", store), (*machine)(nil)
		within(t, 0, func() bool { return a.check() == nil })
		start := time.Now()
		b = boot(t, "b", store)
		for time.Since(start) < 24*time.Hour {
			time.Sleep(time.Second)
			if err := a.check(); err != nil || b.token() != 0 {
				t.Fatalf("a: %v, b has token %d", err, b.token())
			}
		}
		want := schedule.Standing{Held: true, Token: 1, Holder: "a", Since: start}
		if got := a.Standing(); !got.Since.Equal(start) || got.Held != want.Held || got.Token != want.Token || got.Holder != want.Holder || got.Err != nil {
			t.Errorf("a stands at %+v, want %+v", got, want)
		}
		if got := b.Standing(); got.Held || got.Holder != "a" || got.Token != 0 || !got.Since.Equal(start) {
			t.Errorf("b stands at %+v, want that a has it", got)
		}
		a.stop() // and tells so
		b.stop()
		if len(a.told) != 2 || len(b.told) != 1 {
			t.Errorf("told %+v and %+v, want that each told what became otherwise", a.told, b.told)
		}
	})
}

// A stop gives the lease back, and another has it as soon as it asks.
func TestStopLetsAnotherTakeOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &lessor{}
		a := boot(t, "a", store)
		within(t, 0, func() bool { return a.check() == nil })
		b, c := boot(t, "b", store), boot(t, "c", store)
		time.Sleep(time.Minute)
		if err := a.stop(); err != nil {
			t.Error(err)
		}
		lost(t, a.check())
		within(t, ttl/5, func() bool { return b.check() == nil || c.check() == nil })
		if a.Standing().Held {
			t.Error("a says that it is held")
		}
		b.stop()
		c.stop()
	})
}

// While run winds up, its lease is renewed.
func TestStopWaitsForRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := &schedule.Keeper{Lessor: &lessor{}, Name: "corp", Holder: "a", TTL: ttl}
		ctx, cancel := context.WithCancel(t.Context())
		var last error
		done := make(chan error)
		go func() {
			done <- k.Keep(ctx, func(ctx context.Context, lease *schedule.Lease) {
				<-ctx.Done()
				time.Sleep(time.Hour)
				last = lease.Check()
			})
		}()
		time.Sleep(time.Second)
		cancel()
		start := time.Now()
		if err := <-done; err != nil || last != nil || time.Since(start) != time.Hour {
			t.Errorf("got %v after %v; at the end the lease was %v", err, time.Since(start), last)
		}
	})
}

// What cannot be given back is told. Nobody waits longer for that than a
// quarter of its time.
func TestStopWithoutTheLessor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := boot(t, "a", &lessor{})
		within(t, 0, func() bool { return a.check() == nil })
		a.line.set(func(l *line) { l.there = time.Hour })
		time.Sleep(ttl/3 + time.Second/2) // a renewal hangs
		start := time.Now()
		if err := a.stop(); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > ttl/4 {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
}

func TestRunReturnsByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &lessor{}
		k := &schedule.Keeper{Lessor: store, Name: "corp", Holder: "a", TTL: ttl}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var tokens []int64
		err := k.Keep(ctx, func(ctx context.Context, lease *schedule.Lease) { tokens = append(tokens, lease.Token()) })
		if n := len(tokens); err != nil || n < 20 || n > 26 || tokens[n-1] != int64(n) {
			t.Errorf("got %v, tokens %v", err, tokens)
		}
		if len(store.leases) != 0 {
			t.Errorf("not given back: %+v", store.leases)
		}
	})
}

func TestLessorDownForAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := boot(t, "a", &lessor{})
		within(t, 0, func() bool { return a.check() == nil })
		a.line.set(func(l *line) { l.down = true })
		within(t, ttl*4/5, func() bool { return a.why() != nil })
		lost(t, a.why())
		lost(t, a.check())
		time.Sleep(time.Minute)
		if got := a.Standing(); got.Held || got.Holder != "" || !errors.Is(got.Err, errDown) {
			t.Errorf("stands at %+v", got)
		}
		a.line.set(func(l *line) { l.down = false })
		within(t, ttl/5, func() bool { return a.check() == nil })
		if got := a.Standing(); !got.Held || got.Err != nil || a.token() != 2 {
			t.Errorf("stands at %+v with token %d", got, a.token())
		}
		a.stop()
	})
}

// The end of a lease waits for no call, not even for one that never ends.
func TestRenewalHangs(t *testing.T) {
	t.Parallel()
	for _, deaf := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			store := &lessor{}
			a := boot(t, "a", store)
			within(t, 0, func() bool { return a.check() == nil })
			time.Sleep(ttl * 2)
			a.line.set(func(l *line) { l.there, l.deaf = time.Hour, deaf })
			want := store.until("corp").Add(-ttl / 5)
			within(t, ttl, func() bool { return a.why() != nil })
			if late := time.Since(want); late < 0 || late > 10*time.Millisecond {
				t.Errorf("deaf %t: run ended %v late", deaf, late)
			}
			lost(t, a.why())
			a.line.set(func(l *line) { l.there = 0 })
			a.stop()
		})
	}
}

// One renewal that is lost on the way costs nothing, even where answers are
// slow.
func TestRenewalIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := boot(t, "a", &lessor{})
		within(t, 0, func() bool { return a.check() == nil })
		for range 100 {
			a.line.set(func(l *line) { l.there, l.back, l.once = time.Hour, 2*time.Second, true })
			within(t, ttl, func() bool { return a.Standing().Err != nil })
			within(t, ttl/20+2*time.Second, func() bool { return a.Standing().Err == nil })
			if err := a.check(); err != nil || a.token() != 1 {
				t.Fatalf("the lease was lost: %v", err)
			}
		}
		a.stop()
	})
}

// A run that goes on after its lease was lost keeps nobody out, and nothing is
// given back before it returns.
func TestRunGoesOnAfterTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, clock := &lessor{}, &wall{}
		k := &schedule.Keeper{Lessor: store, Name: "corp", Holder: "a", TTL: ttl, Wall: clock.now}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- k.Keep(ctx, func(context.Context, *schedule.Lease) { time.Sleep(time.Hour) })
		}()
		within(t, 0, func() bool { return k.Standing().Held })
		clock.jump(time.Hour)
		b := boot(t, "b", store)
		took := within(t, ttl*6/5, func() bool { return b.check() == nil })
		if took < ttl {
			t.Errorf("b has it after %v, want not before %v", took, ttl)
		}
		if got := k.Standing(); got.Held || got.Holder != "" {
			t.Errorf("a stands at %+v", got)
		} else {
			lost(t, got.Err)
		}
		cancel()
		<-done
		if err := b.check(); err != nil {
			t.Error(err)
		}
		b.stop()
	})
}

// The answer comes when it is too late: nothing is run, and all given back.
func TestStopWhileAsking(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &lessor{}
		k := &schedule.Keeper{Lessor: &line{to: store, back: time.Second, deaf: true}, Name: "corp", Holder: "a", TTL: ttl}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := k.Keep(ctx, func(context.Context, *schedule.Lease) { t.Error("run is called") }); err != nil {
			t.Error(err)
		}
		if len(store.leases) != 0 {
			t.Errorf("not given back: %+v", store.leases)
		}
	})
}

// After one failure the next try comes soon.
func TestAskingIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := boot(t, "a", &line{to: &lessor{}, there: ttl, once: true})
		within(t, ttl, func() bool { return a.Standing().Err != nil })
		within(t, ttl/40, func() bool { return a.check() == nil })
		a.stop()
	})
}

// A lease counts from the request, not from the answer.
func TestLeaseCountsFromTheRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &lessor{}
		a := boot(t, "a", &line{to: store, back: 3 * time.Second})
		for _, renewed := range []time.Duration{0, 2 * ttl} {
			within(t, 2*ttl, func() bool { return a.check() == nil })
			time.Sleep(renewed)
			a.line.set(func(l *line) { l.down = true })
			within(t, ttl, func() bool { return a.check() != nil })
			if late := time.Since(store.until("corp").Add(-ttl / 5)); late > 10*time.Millisecond {
				t.Errorf("certain for %v too long", late)
			}
			a.line.set(func(l *line) { l.down = false })
		}
		a.stop()
	})
}

// The monotonic clock stands still while a machine sleeps. It must not go on
// with what another has got meanwhile.
func TestMachineWakesWhenAnotherHasItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &lessor{}
		a := boot(t, "a", store)
		within(t, 0, func() bool { return a.check() == nil })
		a.clock.jump(24 * time.Hour)
		store.clock.jump(24 * time.Hour)
		b := boot(t, "b", store)
		within(t, 0, func() bool { return b.check() == nil })
		within(t, ttl/10, func() bool { return a.why() != nil }) // without Check
		lost(t, a.check())
		a.stop()
		b.stop()
	})
}

func TestMachineSleepsPastItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := boot(t, "a", &lessor{})
		within(t, 0, func() bool { return a.check() == nil })
		a.clock.jump(24 * time.Hour)
		lost(t, a.check())
		a.stop()
	})
}

// A clock that is set back makes no lease longer.
func TestClockMovedBackUnderALease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := boot(t, "a", &lessor{})
		within(t, 0, func() bool { return a.check() == nil })
		a.clock.jump(-time.Hour)
		time.Sleep(time.Hour)
		if a.check() != nil || a.token() != 1 {
			t.Errorf("lost for no reason: %v", a.check())
		}
		a.line.set(func(l *line) { l.down = true })
		a.clock.jump(-time.Hour)
		within(t, ttl*4/5, func() bool { return a.check() != nil })
		a.stop()
	})
}

// The lessor gave it to another: the renewal says so, however certain it was.
func TestLeaseIsTakenOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &lessor{}
		a := boot(t, "a", store)
		within(t, 0, func() bool { return a.check() == nil })
		store.clock.jump(time.Hour)
		b := boot(t, "b", store)
		within(t, 0, func() bool { return b.check() == nil })
		within(t, ttl/3, func() bool { return a.check() != nil })
		lost(t, a.check())
		within(t, 0, func() bool { return a.why() != nil })
		a.stop()
		b.stop()
	})
}

func TestLeaseTooShort(t *testing.T) {
	t.Parallel()
	k := &schedule.Keeper{Lessor: &lessor{}, Name: "corp", TTL: time.Millisecond}
	if err := k.Keep(t.Context(), nil); err == nil {
		t.Error("a millisecond is long enough")
	}
}

// trouble is what happens to a machine at some time.
type trouble struct {
	after, lasts time.Duration
	machine      int
	kind         string
}

// Whatever hangs, fails, answers late or restarts, two never hold the lease,
// tokens grow, and once it is over somebody has it again.
func TestTwoNeverHoldOneLease(t *testing.T) {
	t.Parallel()
	span := func(most time.Duration) *rapid.Generator[time.Duration] {
		return rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(1, most.Milliseconds()).Draw(t, "ms")) * time.Millisecond
		})
	}
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 3).Draw(rt, "machines")
		troubles := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) trouble {
			return trouble{
				after: span(ttl).Draw(t, "after"), lasts: span(3*ttl).Draw(t, "lasts"),
				machine: rapid.IntRange(0, n-1).Draw(t, "machine"),
				kind:    rapid.SampledFrom([]string{"down", "there", "back", "deaf", "restart", "asleep", "set back"}).Draw(t, "kind"),
			}
		}), 1, 12).Draw(rt, "troubles")
		var failure error
		synctest.Test(t, func(t *testing.T) { failure = history(t, n, troubles) })
		if failure != nil {
			rt.Fatal(failure)
		}
	})
}

// history lets troubles happen to machines, and returns what went wrong.
func history(t *testing.T, n int, troubles []trouble) (wrong error) {
	store := &lessor{}
	machines := make([]*machine, n)
	for i := range machines {
		machines[i] = boot(t, fmt.Sprint(i), store)
	}
	defer func() {
		for _, m := range machines {
			m.line.set(func(l *line) { l.down, l.there, l.back = false, 0, 0 })
			m.stop()
		}
	}()
	top := int64(0)
	holders := func() int {
		held := 0
		for i, m := range machines {
			token := m.token()
			if m.check() != nil {
				continue
			}
			if held++; held > 1 {
				wrong = errors.Join(wrong, fmt.Errorf("%d holds it too", i))
			}
			if token < top {
				wrong = errors.Join(wrong, fmt.Errorf("%d holds token %d after %d", i, token, top))
			}
			top = max(top, token)
		}
		return held
	}
	watch := func(d time.Duration) {
		for end := time.Now().Add(d); wrong == nil && time.Now().Before(end); {
			time.Sleep(time.Duration(1+rand.IntN(100)) * time.Millisecond)
			synctest.Wait()
			holders()
		}
	}
	for _, x := range troubles {
		watch(x.after)
		m := machines[x.machine]
		var after *time.Timer
		heal := func(change func(*line)) { after = time.AfterFunc(x.lasts, func() { m.line.set(change) }) }
		switch x.kind {
		case "down":
			m.line.set(func(l *line) { l.down = true })
			heal(func(l *line) { l.down = false })
		case "there":
			m.line.set(func(l *line) { l.there = x.lasts })
			heal(func(l *line) { l.there = 0 })
		case "back":
			m.line.set(func(l *line) { l.back = x.lasts })
			heal(func(l *line) { l.back = 0 })
		case "deaf":
			m.line.set(func(l *line) { l.there, l.deaf = x.lasts, true })
			heal(func(l *line) { l.there, l.deaf = 0, false })
		case "restart":
			m.stop()
			machines[x.machine] = boot(t, fmt.Sprint(x.machine), store)
		case "asleep": // to the others, all the rest of the world went on
			for _, m := range machines {
				m.clock.jump(x.lasts)
			}
			store.clock.jump(x.lasts)
		case "set back":
			m.clock.jump(-x.lasts)
		}
		if after != nil {
			defer after.Stop()
		}
		holders()
	}
	watch(3 * ttl) // the last trouble is over
	for start := time.Now(); wrong == nil && holders() == 0; watch(time.Second / 10) {
		if time.Since(start) > ttl*6/5+ttl/2 {
			return errors.New("nobody holds it, and nothing is wrong")
		}
	}
	return wrong
}
