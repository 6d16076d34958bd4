package durable

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

// suite holds one kind of databases to everything that durable promises.
func suite(t *testing.T, k kind) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, k kind)
	}{
		// Those that wait longest go first.
		{"a killed process", testAKilledProcess},
		{"whole runs come from one of many", testWholeRunsComeFromOneOfMany},
		{"the database goes away", testTheDatabaseGoesAway},
		{"the same errand waits once", testTheSameErrandWaitsOnce},
		{"what ends goes first", testWhatEndsGoesFirst},
		{"sent while the same is worked", testSentWhileTheSameIsWorked},
		{"a lead moves", testALeadMoves},
		{"an errand that fails is tried again", testAnErrandThatFailsIsTriedAgain},
		{"tables are made by many", testTablesAreMadeByMany},
		{"other intervals", testOtherIntervals},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, k)
		})
	}
}

func testTheSameErrandWaitsOnce(t *testing.T, k kind) {
	b := k.fresh(t)
	j := b.sender(t)
	for _, e := range []Errand{
		{Directory: "ldap", Groups: []string{"a", "b"}, Urgency: Starts},
		{Directory: "ldap", Groups: []string{"b", "a", "b"}, Urgency: Starts},
		{Directory: "ldap", Groups: []string{"a"}, Urgency: Starts},
		{Directory: "ldap", Groups: []string{"a"}, Urgency: Ends}, // must not wait as long
		{Directory: "ldap", Urgency: Full},
		{Directory: "ldap", Urgency: Full},
		{Directory: "Entra -- prod!", Urgency: Full},
	} {
		j.mustSend(t, e)
	}
	depth, err := j.Depth(t.Context())
	if err != nil || len(depth) != 2 || depth["ldap"] != 4 || depth["Entra -- prod!"] != 1 {
		t.Errorf("Depth: got %v, %v; want 4 for ldap and 1 for the other", depth, err)
	}
	for _, e := range []Errand{{Urgency: Ends}, {Directory: "ldap"}, {Directory: "ldap", Urgency: "soon"}} {
		if err := j.Send(t.Context(), e); err == nil {
			t.Errorf("Send(%+v): no error", e)
		}
	}
	l := b.run(t).lead(t, "ldap")
	got := map[Urgency][]string{}
	for range 4 {
		c := l.next(t)
		c.answer <- nil
		got[c.Urgency] = append(got[c.Urgency], c.Groups...)
	}
	j.idle1(t, "Entra -- prod!")
	if len(l.began) != 0 || len(got[Starts]) != 3 || !slices.Equal(got[Ends], []string{"a"}) || len(got[Full]) != 0 {
		t.Errorf("worked: %v", got)
	}
}

// idle1 waits until only one directory has an errand.
func (j *Jobs) idle1(t *testing.T, directory string) {
	t.Helper()
	until(t, "all but one errand are done", func() bool {
		return j.count(t, "SELECT COUNT(*) FROM river_job WHERE state <> 'completed' AND queue <> $1", queue(directory)) == 0
	})
}

func testWhatEndsGoesFirst(t *testing.T, k kind) {
	b := k.fresh(t)
	j := b.sender(t)
	many := func(u Urgency, n int) {
		for i := range n {
			j.mustSend(t, Errand{Directory: "ldap", Groups: []string{string(rune('a' + i))}, Urgency: u})
		}
	}
	many(Full, together)
	many(Starts, together)
	many(Ends, together)
	l := b.run(t).lead(t, "ldap")
	for _, want := range []Urgency{Ends, Starts, Full} {
		var calls []*call
		for range together {
			c := l.next(t)
			if c.Urgency != want {
				t.Errorf("got %q, want %q", c.Urgency, want)
			}
			calls = append(calls, c)
		}
		for _, c := range calls {
			c.answer <- nil
		}
	}
}

// testSentWhileTheSameIsWorked sends an errand to somebody who is at the same
// one and may have looked already.
func testSentWhileTheSameIsWorked(t *testing.T, k kind) {
	b := k.fresh(t)
	j, m := b.sender(t), b.run(t)
	l := m.lead(t, "ldap")
	e := Errand{Directory: "ldap", Groups: []string{"a"}, Urgency: Ends}
	j.mustSend(t, e)
	first := l.next(t)
	for range 3 {
		j.mustSend(t, e)
		m.mustSend(t, e)
	}
	until(t, "the next one was looked at", func() bool {
		return j.count(t, "SELECT COUNT(*) FROM river_job WHERE state = 'available' AND attempted_by IS NOT NULL") == 1
	})
	j.mustSend(t, e) // also then, it is one that waits
	if len(l.began) != 0 {
		t.Error("two of the same are worked at once")
	}
	first.answer <- nil
	l.next(t).answer <- nil
	j.idle(t)
	if n := j.count(t, "SELECT COUNT(*) FROM river_job"); n != 2 || len(l.began) != 0 {
		t.Errorf("%d errands in all, want 2", n)
	}

	// One that fails gives way to one that was sent since.
	j.mustSend(t, e)
	c := l.next(t)
	j.mustSend(t, e)
	c.answer <- errors.New("no answer")
	l.next(t).answer <- nil
	j.idle(t)
	if n := j.count(t, "SELECT COUNT(*) FROM river_job"); n != 4 || len(l.began) != 0 {
		t.Errorf("%d errands in all, want 4", n)
	}
}

func testALeadMoves(t *testing.T, k kind) {
	b := k.fresh(t)
	j, m, n := b.sender(t), b.run(t), b.run(t)
	e := Errand{Directory: "ldap", Groups: []string{"a"}, Urgency: Ends}
	other := Errand{Directory: "okta", Urgency: Full}
	here, there := m.lead(t, "ldap"), n.lead(t, "okta")
	j.mustSend(t, e)
	j.mustSend(t, other)
	cut := here.next(t)
	there.next(t).answer <- nil
	here.leave()
	if cut.ctx.Err() == nil {
		t.Error("Lead returned while an errand was worked")
	}
	there.leave()

	there = n.lead(t, "ldap") // what was cut off goes on
	if c := there.next(t); !slices.Equal(c.Groups, e.Groups) {
		t.Errorf("got %+v, want %+v", c.Errand, e)
	} else {
		c.answer <- nil
	}
	j.idle(t)
	j.mustSend(t, e)
	there.next(t).answer <- nil
	if len(here.began) != 0 {
		t.Error("an errand went to a process that does not lead")
	}

	// A lead that follows at once waits for the one before to be over.
	j.mustSend(t, e)
	there.next(t)
	next := n.lead(t, "ldap")
	there.leave()
	next.next(t).answer <- nil

	// One that ends waits for work that is slow to see it.
	next.leave()
	began := make(chan struct{})
	slow := false
	leave := n.leadWith(t, "ldap", func(ctx context.Context) error {
		close(began)
		<-ctx.Done()
		<-time.After(500 * time.Millisecond)
		slow = true
		return nil
	})
	j.mustSend(t, e)
	<-began
	leave()
	if !slow {
		t.Error("Lead returned before work did")
	}

	// Run waits as well.
	last := n.lead(t, "ldap")
	j.mustSend(t, e)
	cut = last.next(t)
	n.stop()
	if cut.ctx.Err() == nil {
		t.Error("Run returned while an errand was worked")
	}
	m.lead(t, "ldap").next(t).answer <- nil
}

func testAnErrandThatFailsIsTriedAgain(t *testing.T, k kind) {
	b := k.fresh(t)
	m := b.run(t)
	e := Errand{Directory: "ldap", Groups: []string{"a"}, Urgency: Ends}
	var calls []time.Time
	var mu sync.Mutex
	done := make(chan struct{})
	leave := m.leadWith(t, "ldap", func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		switch calls = append(calls, time.Now()); len(calls) {
		case 1:
			return errors.New("the directory is away")
		case 2:
			panic("a mistake")
		case 3:
			return errors.New("still away")
		}
		close(done)
		return nil
	})
	defer leave()
	m.mustSend(t, e)
	until(t, "it is put off", func() bool {
		mu.Lock()
		defer mu.Unlock()
		depth, err := m.Depth(t.Context())
		return len(calls) > 0 && err == nil && depth["ldap"] == 1
	})
	<-done
	for i, least := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second} {
		if d := calls[i+1].Sub(calls[i]); d < least || d > 20*least {
			t.Errorf("after failure %d it was tried again after %v", i+1, d)
		}
	}
	m.idle(t)
	if n := m.count(t, "SELECT COUNT(*) FROM river_job WHERE errors IS NOT NULL"); n != 0 {
		t.Error("errors pile up in the database")
	}
}

// Other intervals, and other directories, take the place of those that there
// were.
func testOtherIntervals(t *testing.T, k kind) {
	b := k.fresh(t)
	m := b.run(t, func(c *Config) { c.Full = map[string]time.Duration{"old": 24 * time.Hour} })
	old := m.lead(t, "old")
	old.next(t).answer <- nil // at the start
	if err := m.Every(map[string]time.Duration{"new": time.Millisecond}); err == nil {
		t.Error("a thousand runs a second were accepted")
	}
	if err := m.Every(often()); err != nil {
		t.Fatal(err)
	}
	l := m.lead(t, "whole")
	for range 2 {
		l.next(t).answer <- nil
	}
	if len(old.began) > 0 {
		t.Error("a directory that left is run still")
	}
}
