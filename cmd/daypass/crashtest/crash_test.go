// Package crashtest kills the real program in the middle of a sync, on a real
// directory: at every step of the ledger, at every change that it sends, and
// at instants of chance. After one more sync the directory, the ledger and the
// audit log must agree, as if nothing had happened.
//
// It knows what must be in the directory from the story that it tells (see
// [newStory]), and not from the program's own decisions.
package crashtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/beds"
)

const (
	shortStory = 7  // groups: each kind once
	fullStory  = 14 // each kind twice
	longStory  = 68 // more groups than the engine changes in one round
)

func TestCrash(t *testing.T) {
	t.Parallel()
	program, bed := build(t), newBed(t)
	t.Run("directory", func(t *testing.T) { t.Parallel(); directoryKilled(t, program) })
	t.Run("steps", func(t *testing.T) { t.Parallel(); steps(t, program, bed) })
	t.Run("changes", func(t *testing.T) { t.Parallel(); changes(t, program, bed) })
	t.Run("signals", func(t *testing.T) { t.Parallel(); signals(t, program, bed) })
	chance := &tally{}
	seed := seedOf(t)
	for i := range lanes {
		name := fmt.Sprintf("chance%d", i)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			instants(t, program, bed, name, rand.New(rand.NewPCG(seed, uint64(i))), chance)
		})
	}
	t.Cleanup(func() { chance.report(t, seed) })
}

// build compiles the program with failpoints in it.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "daypass")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-tags", "failpoint", "-o", path, "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return path
}

// steps kills the program around every step of the ledger. A run starts,
// proves, decides, intends, settles, confirms and ends; a long one intends and
// settles once more.
func steps(t *testing.T, program string, bed *beds.SlapdServer) {
	full := newLane(t, program, bed, "full", fullStory)
	long := newLane(t, program, bed, "long", longStory)
	for _, place := range []string{"record-before", "record-commit", "record-after"} {
		full.steps(t, bed.URL, place, 1, 7)
		if place != "record-commit" { // to the next run it is what record-before is
			long.steps(t, bed.URL, place, 5, 9)
		}
	}
}

// steps kills the program at a place of every step from the first one on,
// until a run is over before it comes to that step. It has to have this many.
func (l *lane) steps(t *testing.T, url, place string, first, want int) {
	t.Helper()
	for n := first; ; n++ {
		point := fmt.Sprintf("%s:%d", place, n)
		r := l.room(t, point, url)
		e := r.run(t.Context(), []string{"DAYPASS_FAILPOINT=" + point}, "sync")
		if !e.killed && e.code != 0 {
			t.Fatalf("%s: %v", point, e)
		}
		r.inspect(t)
		if !r.recovers(t) {
			return
		}
		if !e.killed {
			if n-1 != want {
				t.Errorf("%s: a run of %d groups has %d steps, want %d", place, len(l.groups), n-1, want)
			}
			return
		}
	}
}

// changes kills the program around every change that it sends to the
// directory.
func changes(t *testing.T, program string, bed *beds.SlapdServer) {
	l := newLane(t, program, bed, "changes", shortStory)
	for _, when := range []moment{sent, answered} {
		n := 1
		for l.killedAt(t, bed.URL, when, n) {
			n++
		}
		if n-1 < shortStory {
			t.Errorf("%s: killed at only %d changes of %d groups", when, n-1, shortStory)
		}
		t.Logf("%s: killed at each of %d changes", when, n-1)
	}
}

// killedAt kills the program at the nth change. It reports whether there was
// one and the next run set everything right.
func (l *lane) killedAt(t *testing.T, url string, when moment, n int) bool {
	t.Helper()
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	w := &wire{nth: int64(n), when: when, strike: kill, then: lost}
	w.open(t, url)
	r := l.room(t, fmt.Sprintf("%s-%d", when, n), w.url)
	e := r.run(ctx, nil, "sync")
	if e.killed != w.struck.Load() || !e.killed && e.code != 0 {
		t.Fatalf("%s: %v", r.name, e)
	}
	b := r.inspect(t)
	if e.killed && len(b.unsettled()) == 0 {
		t.Errorf("%s: killed at a change, and no intent stands", r.name)
	}
	r.rewire(t, url)
	return r.recovers(t) && e.killed
}

// signals asks the program to leave while a change is under way. It must
// settle what was sent and end its run; the next one finds no lock.
func signals(t *testing.T, program string, bed *beds.SlapdServer) {
	l := newLane(t, program, bed, "signals", fullStory)
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		for _, when := range []moment{sent, answered} {
			for _, n := range []int{1, 6, 12} {
				l.interrupted(t, bed.URL, signal, when, n)
			}
		}
	}
}

func (l *lane) interrupted(t *testing.T, url string, signal os.Signal, when moment, n int) {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	w := &wire{nth: int64(n), when: when, strike: interrupt, then: arrives}
	w.open(t, url)
	r := l.room(t, fmt.Sprintf("%v-%s-%d", signal, when, n), w.url)
	e := r.runUntil(ctx, signal, nil, "sync")
	if !w.struck.Load() || e.code < 0 {
		t.Fatalf("%s: %v", r.name, e)
	}
	b := r.inspect(t)
	r.complain(t, b, errors.Join(b.answered(), b.finished(1)))
	r.rewire(t, url)
	r.recovers(t)
}

// directoryKilled kills the directory itself while a change is under way.
func directoryKilled(t *testing.T, program string) {
	bed := newBed(t)
	l := newLane(t, program, bed, "killed", fullStory)
	for _, when := range []moment{sent, answered} {
		for _, n := range []int{1, 4, 8, 12} {
			w := &wire{nth: int64(n), when: when, strike: bed.Kill, then: cut}
			w.open(t, bed.URL)
			r := l.room(t, fmt.Sprintf("killed-%s-%d", when, n), w.url)
			e := r.run(t.Context(), nil, "sync")
			if !w.struck.Load() || e.code <= 0 {
				t.Fatalf("%s: the directory was killed: %v", r.name, e)
			}
			bed.Restart()
			l.dir.connect()
			b := r.inspect(t)
			r.complain(t, b, b.answered())
			r.rewire(t, bed.URL)
			r.recovers(t)
		}
	}
}

const (
	lanes      = 4 // side by side, each with a directory of its own
	trials     = 200
	fewTrials  = 20 // with -short
	seedEnv    = "DAYPASS_CRASH_SEED"
	rehearsals = 3
)

// seedOf is another one in each run, unless the environment gives one.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv(seedEnv)
	if text == "" {
		return rand.Uint64()
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", seedEnv, err)
	}
	return seed
}

// instants kills the program at instants of chance, none later than a run that
// is not disturbed would take.
func instants(t *testing.T, program string, bed *beds.SlapdServer, name string, chance *rand.Rand, sum *tally) {
	l := newLane(t, program, bed, name, fullStory)
	whole := l.rehearse(t, bed.URL)
	n := trials / lanes
	if testing.Short() {
		n = fewTrials / lanes
	}
	for i := range n {
		delay := time.Duration(chance.Int64N(int64(whole)))
		r := l.room(t, fmt.Sprintf("%s-%d", name, i), bed.URL)
		ctx, stop := context.WithTimeout(t.Context(), delay)
		e := r.run(ctx, nil, "sync")
		stop()
		if !e.killed && e.code > 0 {
			t.Errorf("%s after %v: %v", r.name, delay, e)
		}
		sum.count(e, r.inspect(t))
		if !r.recovers(t) {
			t.Logf("%s was killed after %v of %v", r.name, delay, whole)
		}
	}
	sum.took(whole)
}

// rehearse measures how long a run takes that is not disturbed.
func (l *lane) rehearse(t *testing.T, url string) time.Duration {
	t.Helper()
	var times []time.Duration
	for i := range rehearsals {
		r := l.room(t, fmt.Sprintf("rehearsal-%d", i), url)
		start := time.Now()
		e := r.run(t.Context(), nil, "sync")
		times = append(times, time.Since(start))
		if e.code != 0 {
			t.Fatalf("a sync that is not disturbed: %v", e)
		}
		r.inspect(t)
		r.recovers(t)
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// tally counts where the kills landed.
type tally struct {
	mu                           sync.Mutex
	before, inside, acting, done int
	whole                        []time.Duration
}

func (s *tally) count(e ended, b *books) {
	s.mu.Lock()
	defer s.mu.Unlock()
	started, over := b.runs()
	switch {
	case over > 0 || !e.killed:
		s.done++
	case started == 0:
		s.before++
	default:
		s.inside++
		if len(b.unsettled()) > 0 {
			s.acting++
		}
	}
}

func (s *tally) took(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.whole = append(s.whole, d)
}

// report says where the kills landed. That all missed would prove nothing.
func (s *tally) report(t *testing.T, seed uint64) {
	all := s.before + s.inside + s.done
	if all == 0 {
		return // another part of the test was asked for
	}
	t.Logf("%s=%d: %d kills before a run, %d inside, of which %d with intents that stand, %d after it; a run takes %v",
		seedEnv, seed, s.before, s.inside, s.acting, s.done, s.whole)
	if s.inside*20 < all {
		t.Errorf("only %d of %d kills landed inside a run", s.inside, all)
	}
}
