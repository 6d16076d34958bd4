package desk

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// hanging is a directory that takes questions and answers none.
type hanging struct {
	*memory.Directory
	asked int
	well  bool
}

func (h *hanging) Resolve(ctx context.Context, p engine.Person) (engine.Member, error) {
	h.asked++
	if h.well {
		return h.Directory.Resolve(ctx, p)
	}
	<-ctx.Done()
	return engine.Member{}, ctx.Err()
}

// TestAPageWaitsOnceForADirectoryThatHangs: what is only shown asks it once in half
// a minute; what decides asks it each time, and what it then answers is told again.
func TestAPageWaitsOnceForADirectoryThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		corp := &hanging{Directory: memory.New("corp")}
		p := newPeople(time.Now, slog.New(slog.NewTextHandler(io.Discard, nil)), func(engine.GroupRef, error) {})
		p.use(&Rules{Directories: map[engine.Directory]engine.Connector{"corp": corp}})
		look := func(since moment, names ...engine.Person) {
			t.Helper()
			for _, name := range names {
				if _, err := p.account(t.Context(), "corp", name, since); err == nil {
					t.Errorf("%s: no error", name)
				}
			}
		}
		began := time.Now()
		look(whenever, "ada@example.org", "bob@example.org", "eve@example.org", "dan@example.org")
		if took := time.Since(began); took > answer || corp.asked != 1 {
			t.Errorf("it took %s, and %d questions", took, corp.asked)
		}
		if _, err := p.account(t.Context(), "corp", "bob@example.org", whenever); !errors.Is(err, errHangs) {
			t.Errorf("it is told as %v", err)
		}
		look(p.moment(), "bob@example.org")
		if corp.asked != 2 {
			t.Errorf("what decides did not ask: %d questions", corp.asked)
		}
		time.Sleep(shown)
		corp.well = true
		corp.AddPerson("eve@example.org", "eve")
		if _, err := p.account(t.Context(), "corp", "eve@example.org", whenever); err != nil {
			t.Errorf("it answers again, and is not asked: %v", err)
		}
		if _, err := p.account(t.Context(), "corp", "ada@example.org", whenever); engine.KindOf(err) != engine.NotFound {
			t.Errorf("it answers again: %v", err)
		}
	})
}

// unhurried is a directory that answers, each time after a while; and not at all about
// some people.
type unhurried struct {
	*memory.Directory
	after time.Duration
	mute  engine.Person
	asked int
}

func (s *unhurried) Resolve(ctx context.Context, p engine.Person) (engine.Member, error) {
	s.asked++
	after := s.after
	if p == s.mute {
		after = time.Hour
	}
	select {
	case <-time.After(after):
	case <-ctx.Done():
		return engine.Member{}, &engine.Error{Op: "corp: resolve " + string(p), Kind: engine.Unavailable, Err: ctx.Err()}
	}
	return s.Directory.Resolve(ctx, p)
}

// TestADecisionWaitsOnceForADirectoryThatHangs: whatever it has to ask of it, and
// also of what a page asked before; the next one asks anew.
func TestADecisionWaitsOnceForADirectoryThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		corp := &hanging{Directory: memory.New("corp")}
		corp.AddPerson("ada@example.org", "ada")
		p := newPeople(time.Now, slog.New(slog.DiscardHandler), func(engine.GroupRef, error) {})
		p.use(&Rules{Directories: map[engine.Directory]engine.Connector{"corp": corp}})
		ctx := p.inquire(t.Context())
		look := func(ctx context.Context, name engine.Person) error {
			_, err := p.account(ctx, "corp", name, p.since(ctx, true))
			return err
		}
		began := time.Now()
		go func() { _ = look(t.Context(), "ada@example.org") }() // somebody else's decision
		synctest.Wait()
		for _, name := range []engine.Person{"ada@example.org", "bob@example.org", "ada@example.org", "eve@example.org"} {
			err := look(ctx, name)
			if ds := silentIn(err); len(ds) != 1 || ds[0] != "corp" {
				t.Errorf("%s: %v", name, err)
			}
		}
		synctest.Wait()
		if took := time.Since(began); took > answer || corp.asked > 1 {
			t.Errorf("it took %s, and %d questions", took, corp.asked)
		}
		time.Sleep(answer)
		corp.well = true
		if err := look(p.inquire(t.Context()), "ada@example.org"); err != nil {
			t.Errorf("the next decision: %v", err)
		}
	})
}

// TestADecisionLetsADirectoryTakeItsTime: as long as it answers something, each
// answer has its full time, until the whole has lasted too long.
func TestADecisionLetsADirectoryTakeItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		corp := &unhurried{Directory: memory.New("corp"), after: 5 * time.Second, mute: "eve@example.org"}
		names := []engine.Person{"ada@example.org", "bob@example.org", "dan@example.org", "eve@example.org"}
		for _, name := range names {
			corp.AddPerson(name, string(name[:3]))
		}
		p := newPeople(time.Now, slog.New(slog.DiscardHandler), func(engine.GroupRef, error) {})
		p.use(&Rules{Directories: map[engine.Directory]engine.Connector{"corp": corp}})
		began := time.Now()
		ctx := p.inquire(t.Context())
		look := func(name engine.Person) error {
			_, err := p.account(ctx, "corp", name, p.since(ctx, true))
			return err
		}
		for _, name := range []engine.Person{names[0], names[1], names[0], names[1]} {
			if err := look(name); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if took := time.Since(began); took != 10*time.Second || corp.asked != 2 {
			t.Errorf("it took %s, and %d questions, to ask of two", took, corp.asked)
		}
		err := look(names[3])
		if took := time.Since(began); took > inquiring || len(silentIn(err)) != 1 {
			t.Errorf("after %s: %v", took, err)
		}
		err = look(names[2])
		synctest.Wait()
		if !errors.Is(err, errSilent) || corp.asked != 3 {
			t.Errorf("the time of the whole is over, and somebody was asked for: %v", err)
		}
		time.Sleep(answer) // until nothing is under way
	})
}

// large is a directory whose large groups take long to list; others answer at once.
type large struct {
	*memory.Directory
	slow  map[engine.GroupID]bool
	asked atomic.Int64
}

func (l *large) Members(ctx context.Context, g engine.GroupID) ([]engine.Member, error) {
	l.asked.Add(1)
	if l.slow[g] {
		select {
		case <-time.After(8 * time.Second):
		case <-ctx.Done():
			return nil, &engine.Error{Op: "corp: list", Kind: engine.Unavailable, Err: ctx.Err()}
		}
	}
	return l.Directory.Members(ctx, g)
}

// TestADecisionWaitsForNoPage: nor for what a page waits for, which has it then as
// well, by one listing for all; and what waited for its place has the directory's
// time all the same.
func TestADecisionWaitsForNoPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		corp := &large{Directory: memory.New("corp"), slow: map[engine.GroupID]bool{}}
		for _, n := range []string{"a", "b", "c", "late"} {
			corp.slow[corp.AddGroup(n)] = true
		}
		corp.AddGroup("small")
		p := newPeople(time.Now, slog.New(slog.DiscardHandler), func(engine.GroupRef, error) {})
		p.use(&Rules{Directories: map[engine.Directory]engine.Connector{"corp": corp}})
		look := func(ctx context.Context, n string, since moment) (took time.Duration) {
			began := time.Now()
			if _, err := p.membersOf(ctx, engine.GroupRef{Directory: "corp", Name: n}, since); err != nil {
				t.Errorf("%s is not listed: %v", n, err)
			}
			return time.Since(began)
		}
		var wait sync.WaitGroup
		for _, n := range []string{"a", "b", "c"} {
			wait.Go(func() { look(t.Context(), n, whenever) })
		}
		synctest.Wait()
		wait.Go(func() {
			if took := look(t.Context(), "small", whenever); took != time.Second {
				t.Errorf("the page waited for %s", took)
			}
		})
		wait.Go(func() { look(t.Context(), "late", whenever) })
		time.Sleep(time.Second)
		ctx := p.inquire(t.Context())
		if took := look(ctx, "small", p.since(ctx, true)); took != 0 {
			t.Errorf("a decision waited for %s", took)
		}
		wait.Wait()
		if n := corp.asked.Load(); n != 5 {
			t.Errorf("%d listings", n)
		}
	})
}
