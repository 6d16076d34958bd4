package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// emergency is what break-glass makes of r.
func emergency(r access.Request) access.Request {
	r = granted(r)
	r.Version, r.BreakGlass, r.Course.Steps = 1, true, nil
	r.Review = &access.Reviewing{Due: r.Grant.Until}
	return r
}

// automatic is what a policy that asks nobody makes of r.
func automatic(r access.Request) access.Request {
	r = granted(r)
	r.Version, r.Course.Auto = 1, true
	return r
}

// TestGivenOnce: what nobody approves is given once, however many ask at one
// instant, in two processes, under any of their addresses.
func TestGivenOnce(t *testing.T) { onEach(t, testGivenOnce) }

func testGivenOnce(t *testing.T, at place) {
	stores := []*Store{at.open(t), at.open(t)}
	theirs := []engine.Person{"ada@example.org", "ada@old.example.org"}
	also := map[engine.Person][]engine.Person{theirs[0]: theirs, theirs[1]: theirs}
	for name, kind := range map[string]func(access.Request) access.Request{"auto": automatic, "glass": emergency} {
		const tries = 20
		errs := make([]error, tries)
		var wait sync.WaitGroup
		for i := range tries {
			r := asked(fmt.Sprint(name, i), theirs[i%2], 0)
			r.Resource = name
			r = kind(r)
			wait.Go(func() {
				errs[i] = stores[i/2%2].SaveRequests(context.Background(), []access.Request{r}, told(engine.EventGranted, r), also)
			})
		}
		wait.Wait()
		if howMany(errs, nil) != 1 || howMany(errs, ErrGiven) != tries-1 {
			t.Errorf("%s: got %v; want one to be given, and %v for all others", name, errs, ErrGiven)
		}
	}
	if head := verified(t, stores[0]); head.Seq != 2 {
		t.Errorf("%d events, want 2", head.Seq)
	}
}

// TestGivenBeside: what may be beside what.
func TestGivenBeside(t *testing.T) { onEach(t, testGivenBeside) }

func testGivenBeside(t *testing.T, at place) {
	s := at.open(t)
	person := func(i int) engine.Person { return engine.Person(fmt.Sprintf("p%d@example.org", i)) }
	people := func(r access.Request) access.Request { r = approved(r); r.Version = 1; return r }
	type kind = func(access.Request) access.Request
	for i, test := range []struct {
		name          string
		first, second kind
		minutes       int // from one to the other
		want          error
	}{
		{"two at once", automatic, automatic, 0, ErrGiven},
		{"one in the other", automatic, automatic, 59, ErrGiven},
		{"one after the other", automatic, automatic, 60, nil},
		{"beside what was approved", people, automatic, 0, ErrGiven},
		{"approved, beside what was not", automatic, people, 0, nil},
		{"an emergency beside what was given", automatic, emergency, 1, nil},
		{"an emergency beside what was approved", people, emergency, 1, nil},
		{"beside an emergency", emergency, automatic, 1, ErrGiven},
		{"two emergencies", emergency, emergency, 1, ErrGiven},
		{"an emergency after another", emergency, emergency, 60, nil},
		{"after one that was ended", func(r access.Request) access.Request {
			r = automatic(r)
			r.Grant.End = &access.End{By: r.By, At: r.At.Add(time.Minute)}
			return r
		}, automatic, 1, nil},
	} {
		a, b := asked(fmt.Sprint("a", i), person(i), 0), asked(fmt.Sprint("b", i), person(i), test.minutes)
		save(t, s, test.first(a))
		if err := s.SaveRequests(t.Context(), []access.Request{test.second(b)}, nil, nil); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
		other := asked(fmt.Sprint("c", i), person(100+i), 0)
		elsewhere := asked(fmt.Sprint("d", i), person(i), 0)
		elsewhere.Resource = "staging"
		save(t, s, test.second(other), test.second(elsewhere))
	}
}

// TestBesideUnderAnyAddress: an alias is no way around.
func TestBesideUnderAnyAddress(t *testing.T) { onEach(t, testBesideUnderAnyAddress) }

func testBesideUnderAnyAddress(t *testing.T, at place) {
	s := at.open(t)
	const now, before = "ada@example.org", "ada@old.example.org"
	also := map[engine.Person][]engine.Person{now: {now, before}}
	try := func(r access.Request, also map[engine.Person][]engine.Person) error {
		return s.SaveRequests(t.Context(), []access.Request{r}, nil, also)
	}
	first := asked("r1", before, 0)
	save(t, s, first)
	second := asked("r2", now, 1)
	if err := try(second, also); !errors.Is(err, ErrTwice) {
		t.Errorf("got %v, want %v", err, ErrTwice)
	}
	// Those that were asked for when the addresses were two people's go on.
	save(t, s, second)
	second.Version, second.Course.Escalated = 2, true
	if err := try(second, also); err != nil {
		t.Error(err)
	}
	save(t, s, approved(first))
	third := asked("r3", now, 2)
	third.Resource, third.Policy.NotWith = "audit-db", []string{"prod-db"}
	save(t, s, third)
	if err := try(approved(third), also); !errors.Is(err, ErrExcluded) {
		t.Errorf("got %v, want %v", err, ErrExcluded)
	}
}
