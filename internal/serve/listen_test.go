package serve_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/schedule"
)

// mute is a directory that may take every call and answer none, until the
// connector gives up, and that remembers when it last answered and was asked.
type mute struct {
	*memory.Directory

	mu    sync.Mutex
	mute  bool
	heard time.Time
	asked []time.Time
}

func (m *mute) be(mute bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mute = mute
}

func (m *mute) answer(ctx context.Context) error {
	m.mu.Lock()
	mute := m.mute
	if !mute {
		m.heard = time.Now()
	}
	m.mu.Unlock()
	if !mute {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	<-ctx.Done()
	return &engine.Error{Op: "corp", Kind: engine.Unavailable, Err: ctx.Err()}
}

func (m *mute) Members(ctx context.Context, g engine.GroupID) ([]engine.Member, error) {
	if err := m.answer(ctx); err != nil {
		return nil, err
	}
	return m.Directory.Members(ctx, g)
}

func (m *mute) Change(ctx context.Context, g engine.GroupID, add, remove []engine.Member) (added, removed []engine.Effect) {
	if err := m.answer(ctx); err != nil {
		effects := make([]engine.Effect, len(add)+len(remove))
		for i := range effects {
			effects[i].Err = err
		}
		return effects[:len(add)], effects[len(add):]
	}
	return m.Directory.Change(ctx, g, add, remove)
}

func (m *mute) ask(ctx context.Context, _ engine.Directory) error {
	m.mu.Lock()
	m.asked = append(m.asked, time.Now())
	m.mu.Unlock()
	if err := m.answer(ctx); err != nil {
		return err
	}
	return &engine.Error{Op: "corp", Kind: engine.NotFound}
}

func (m *mute) last(engine.Directory) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.heard
}

// questions are how often it was asked since an instant.
func (m *mute) questions(since time.Time) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, at := range m.asked {
		if at.After(since) {
			n++
		}
	}
	return n
}

func (w *world) mute() *mute {
	m := &mute{Directory: w.dir}
	w.cfg.Directories["corp"] = m
	w.ask, w.heard = m.ask, m.last
	return m
}

// takeWords returns what the watcher was told since the last call.
func (w *world) takeWords() []word {
	w.mu.Lock()
	defer w.mu.Unlock()
	words := w.words
	w.words = nil
	return words
}

// TestADirectoryThatHangsIsToldWithinAMinute: also when nothing is due, and when it
// answers again what is overdue goes at once, however often it failed before.
func TestADirectoryThatHangsIsToldWithinAMinute(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.end()
		m := w.mute()
		start := time.Now()
		w.grant("g1", "ada", start, start.Add(10*time.Minute))
		w.begin()
		w.members("ada")
		time.Sleep(5*time.Minute + 7*time.Second)
		if words := w.takeWords(); len(words) > 0 {
			t.Errorf("it answers, and the watcher is told %v", words)
		}
		m.be(true)
		hung := time.Now()
		time.Sleep(time.Minute)
		words := w.takeWords()
		if len(words) == 0 || words[0].err == nil || words[0].at.Sub(hung) > 45*time.Second {
			t.Fatalf("a minute after %s the watcher was told %v", hung, words)
		}
		time.Sleep(time.Until(start.Add(32 * time.Minute))) // removals failed many times
		w.untilAnEndFails()
		w.takeWords()
		w.members("ada")
		m.be(false)
		back := time.Now()
		w.outWithin("ada", heardAgain)
		time.Sleep(heardAgain - time.Since(back)) // a retry may have been sooner than the question
		if words := w.takeWords(); len(words) == 0 || words[len(words)-1].err != nil {
			t.Errorf("it answers again, and the watcher is told %v", words)
		}
	})
}

// heardAgain is how soon it is known that a directory answers again: a question
// may be on its way, and has its time; the next one follows after a pause. It is
// sooner than what failed many times has its turn.
const heardAgain = 20 * time.Second

// untilAnEndFails waits until a run of ends has failed a moment ago, so that the
// next one of its own accord is half a minute away at least, and no run of
// another kind has anything in hand.
func (w *world) untilAnEndFails() {
	w.Helper()
	fails := func() (n int, alone bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, r := range w.ran {
			if r.scope == "ends" && len(r.res.Again) > 0 {
				n++
			}
		}
		return n, w.busy["groups"]+w.busy["directory"] == 0
	}
	before, _ := fails()
	for began := time.Now(); time.Since(began) < time.Hour; time.Sleep(100 * time.Millisecond) {
		n, alone := fails()
		if n > before && alone {
			return
		}
		before = n
	}
	w.Fatal("no end failed for an hour while nothing else ran")
}

// TestWhatFailedGoesAtOnceWhenADirectoryAnswersAgain: it does not wait for its turn
// after an outage, which has become a minute.
func TestWhatFailedGoesAtOnceWhenADirectoryAnswersAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.end()
		m := w.mute()
		start := time.Now()
		groups := make([]engine.GroupID, 12)
		for i := range groups {
			name := fmt.Sprintf("g%d", i)
			groups[i] = w.dir.AddGroup(name)
			w.change(func() {
				w.grants = append(w.grants, engine.Grant{
					ID: engine.GrantID(name), Person: person("ada"), Group: engine.GroupRef{Directory: "corp", Name: name},
					When: schedule.Window{From: start, Until: start.Add(10 * time.Minute)},
				})
			})
		}
		w.begin()
		in := func() (n int) {
			for _, g := range groups {
				n += len(w.dir.Roster(g))
			}
			return n
		}
		time.Sleep(9 * time.Minute)
		if n := in(); n != len(groups) {
			t.Fatalf("ada is in %d groups", n)
		}
		m.be(true)
		time.Sleep(30 * time.Minute)
		w.untilAnEndFails()
		m.be(false)
		time.Sleep(32 * time.Second) // what was on its way has failed by then
		if n := in(); n > 0 {
			t.Errorf("it answers again for half a minute, and ada is still in %d groups", n)
		}
	})
}

// TestADirectoryIsAskedOnlyWhenItWasQuiet: twice a minute at most, and never while
// it answers anybody else.
func TestADirectoryIsAskedOnlyWhenItWasQuiet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		m := w.mute()
		w.begin()
		since := time.Now()
		time.Sleep(30 * time.Minute)
		if n := m.questions(since); n < 30 || n > 60 {
			t.Errorf("%d questions in half an hour of quiet", n)
		}
		since = time.Now()
		for range 60 {
			if err := m.answer(t.Context()); err != nil { // somebody at the desk
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
		}
		if n := m.questions(since); n > 0 {
			t.Errorf("%d questions to a directory that is busy", n)
		}
	})
}

// TestWhatIsNotCertainIsNotTold: a question that was not sent, or was overtaken by
// an answer to somebody else, tells nothing.
func TestWhatIsNotCertainIsNotTold(t *testing.T) {
	for name, kind := range map[string]engine.Kind{"quota": engine.Throttled, "unknown": engine.Unknown, "refused": engine.Denied, "answers others": engine.Unavailable} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.end()
				m := w.mute()
				w.ask = func(ctx context.Context, _ engine.Directory) error {
					if name == "answers others" {
						time.Sleep(time.Second)
						if err := m.answer(ctx); err != nil {
							return err
						}
					}
					return &engine.Error{Op: "corp", Kind: kind, Err: errors.New("no")}
				}
				w.begin()
				time.Sleep(10 * time.Minute)
				if words := w.takeWords(); len(words) > 0 {
					t.Errorf("the watcher is told %v", fmt.Sprint(words))
				}
			})
		})
	}
}

// TestAnEndDoesNotWaitForTheDirectorysClock: one that does not tell the time is not
// waited for as long as it likes.
func TestAnEndDoesNotWaitForTheDirectorysClock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.end()
		start := time.Now()
		w.grant("g1", "ada", start, start.Add(10*time.Minute))
		w.begin()
		w.members("ada")
		time.Sleep(9 * time.Minute)
		w.dir.Fail(memory.Fault{Call: memory.CallTime, Stall: true, Kind: engine.Unavailable})
		time.Sleep(time.Minute)
		w.outWithin("ada", 12*time.Second)
	})
}
