package crashtest

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/audit"
	"github.com/daypass-dev/daypass/internal/store"
)

// membership is a person in a group, by their names.
type membership struct{ group, person string }

// books are what a store says: the ledger, what is over, and the audit log.
type books struct {
	*room
	live   map[membership]engine.Owned
	past   map[membership][]engine.Past
	events []engine.Event // all of them
	fresh  int            // the index of the first one since the killed run began
	chain  error
}

func (r *room) read(t *testing.T, path string) *books {
	t.Helper()
	s := openStore(t, path)
	defer s.Close()
	b := &books{room: r, live: make(map[membership]engine.Owned), past: make(map[membership][]engine.Past)}
	for _, o := range gather(t, s.Live(t.Context(), store.Filter{})) {
		b.live[membership{o.GroupName, o.Member.Login}] = o
	}
	for _, p := range gather(t, s.Past(t.Context(), store.Filter{})) {
		m := membership{p.GroupName, p.Member.Login}
		b.past[m] = append(b.past[m], p)
	}
	_, b.chain = audit.Verify(s.Events(t.Context(), 0), &r.head)
	for _, rec := range gather(t, s.Events(t.Context(), 0)) {
		e, err := rec.Event()
		if err != nil {
			t.Fatal(err)
		}
		if rec.Seq <= r.head.Seq {
			b.fresh++
		}
		b.events = append(b.events, e)
	}
	return b
}

func gather[T any](t *testing.T, all iter.Seq2[T, error]) []T {
	t.Helper()
	var out []T
	for v, err := range all {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

// log is the part of the audit log since the killed run began, to be read.
func (b *books) log() string {
	var s strings.Builder
	for _, e := range b.events[b.fresh:] {
		body, err := audit.Encode(e)
		fmt.Fprintf(&s, "%s %v\n", body, errOr(err))
	}
	return s.String()
}

func errOr(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// whole reports what is wrong with the audit log by itself: its chain, and
// outcomes without an intent before them.
func (b *books) whole() error {
	type act struct {
		run engine.RunID
		op  engine.Op
		m   membership
	}
	wrong := []error{b.chain}
	open := make(map[act]bool)
	for _, e := range b.events {
		a := act{run: e.Run, op: e.Op}
		if e.Member != nil {
			a.m = of(e)
		}
		switch e.Kind {
		case engine.EventIntended:
			open[a] = true
		case engine.EventHappened:
			if !open[a] {
				wrong = append(wrong, fmt.Errorf("audit: %s of %v happened in run %s and was not intended before", e.Op, a.m, e.Run))
			}
			delete(open, a)
		}
	}
	return errors.Join(wrong...)
}

func of(e engine.Event) membership { return membership{e.Group, e.Member.Login} }

// runs counts the runs since the killed one began, it included: how many
// started, and how many of these ended.
func (b *books) runs() (started, ended int) {
	for _, e := range b.events[b.fresh:] {
		switch e.Kind {
		case engine.EventRunStarted:
			started++
		case engine.EventRunEnded:
			ended++
		}
	}
	return started, ended
}

// finished reports whether the last sync made a run that came to a good end.
// One that left because of a lock did not. With it, this many runs have
// started.
func (b *books) finished(runs int) error {
	if started, _ := b.runs(); started != runs {
		return fmt.Errorf("audit: %d runs started, want %d", started, runs)
	}
	last := b.events[len(b.events)-1]
	if last.Kind != engine.EventRunEnded || last.Error != "" {
		return fmt.Errorf("audit: the last event is %s of run %s: %s", last.Kind, last.Run, last.Error)
	}
	return nil
}

// ledger reports how the ledger differs from what is in the directory by us:
// who, since confirmed, and until when.
func (b *books) ledger() error {
	want, got := make(map[membership]string), make(map[membership]string)
	for _, p := range b.parts {
		if p.ours != "" {
			want[membership{p.group, p.person}] = entry(engine.Added, true, b.clock.at(p.ours))
		}
	}
	for m, o := range b.live {
		var until time.Time
		for _, a := range o.Anchors {
			if a.Until.After(until) {
				until = a.Until
			}
		}
		got[m] = entry(o.State, !o.Confirmed.IsZero() && o.Due.IsZero() && o.Gone.IsZero(), until)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(membership{})); diff != "" {
		return fmt.Errorf("ledger (-want +got):\n%s", diff)
	}
	return nil
}

func entry(s engine.State, clean bool, until time.Time) string {
	return fmt.Sprintf("%s, settled %v, until %s", s, clean, until.UTC().Format(time.RFC3339))
}

// over reports which memberships of ours are not told as over exactly once,
// with the instant at which they were due where that was agreed.
func (b *books) over() error {
	want, got := make(map[membership]string), make(map[membership]string)
	for _, p := range b.parts {
		if p.over {
			want[membership{p.group, p.person}] = fmt.Sprintf("1 over, due %v", p.name != "withdrawn")
		}
	}
	for m, ps := range b.past {
		last := ps[len(ps)-1]
		got[m] = fmt.Sprintf("%d over, due %v", len(ps), !last.Due.IsZero())
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(membership{})); diff != "" {
		return fmt.Errorf("past (-want +got):\n%s", diff)
	}
	return nil
}

// agreed reports how the ledger differs from what the audit log tells.
func (b *books) agreed() error {
	told := make(map[membership]bool)
	for _, e := range b.events {
		switch {
		case e.Kind == engine.EventConfirmed && e.Op == engine.Add:
			told[of(e)] = true
		case e.Kind == engine.EventConfirmed, e.Kind == engine.EventForgotten:
			delete(told, of(e))
		}
	}
	held := make(map[membership]bool)
	for m := range b.live {
		held[m] = true
	}
	if maps.Equal(told, held) {
		return nil
	}
	return fmt.Errorf("audit log and ledger (-log +ledger):\n%s", cmp.Diff(told, held, cmp.AllowUnexported(membership{})))
}

// intended reports what was changed in the directory without being written
// down before. now is who is in each group.
func (b *books) intended(now map[string][]string) error {
	var wrong []error
	for _, p := range b.parts {
		m := membership{p.group, p.person}
		was, is := slices.Contains(b.begin[p.group], p.person), slices.Contains(now[p.group], p.person)
		if was == is {
			continue
		}
		if !b.tells(m) {
			wrong = append(wrong, fmt.Errorf("%v (%s): the directory changed, and no intent is in the audit log", m, p.name))
		}
		if p.stranger {
			continue // not ours: the ledger has nothing to say
		}
		if o, ok := b.live[m]; !traced(o.State, ok, is, len(b.past[m])) {
			wrong = append(wrong, fmt.Errorf("%v (%s): the directory changed, and the ledger says %q", m, p.name, o.State))
		}
	}
	return errors.Join(wrong...)
}

func (b *books) tells(m membership) bool {
	return slices.ContainsFunc(b.events[b.fresh:], func(e engine.Event) bool { return e.Kind == engine.EventIntended && of(e) == m })
}

// traced reports whether the ledger knows of a change.
func traced(s engine.State, live, added bool, over int) bool {
	switch {
	case added:
		return s == engine.Adding || s == engine.Added
	case live:
		return s == engine.Removing || s == engine.Removed
	}
	return over == 1
}

// unsettled lists the intents that still stand.
func (b *books) unsettled() []membership {
	var ms []membership
	for m, o := range b.live {
		if o.State == engine.Adding || o.State == engine.Removing {
			ms = append(ms, m)
		}
	}
	return ms
}

// answered reports the intents of the last run that have no outcome, and those
// that stand although the directory answered.
func (b *books) answered() error {
	var wrong []error
	outcome := make(map[membership]engine.EventKind)
	for _, e := range b.events[b.fresh:] {
		switch e.Kind {
		case engine.EventIntended, engine.EventHappened, engine.EventFailed, engine.EventForgotten:
			outcome[of(e)] = e.Kind
		}
	}
	for m, kind := range outcome {
		if kind == engine.EventIntended {
			wrong = append(wrong, fmt.Errorf("audit: %v was intended, and nothing tells what became of it", m))
		}
	}
	for _, m := range b.unsettled() {
		if kind := outcome[m]; kind != engine.EventFailed {
			wrong = append(wrong, fmt.Errorf("ledger: the intent on %v stands, and the log says %q", m, kind))
		}
	}
	return errors.Join(wrong...)
}
