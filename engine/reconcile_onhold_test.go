package engine_test

import (
	"context"
	"testing"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// onHold is a world of one addition in a run, or in admins, with two on hold
// there.
func onHold(t *testing.T, limit func(*world)) (*world, *engine.Reconciler, string) {
	t.Helper()
	w := newWorld(t, "ada", "bob", "eve", "dan", "fay")
	limit(w)
	w.grant("g1", "ada", 9)
	w.grant("g2", "bob", 9)
	r := engine.New(w.cfg)
	res := w.runIn(r, engine.Scope{})
	if res.Counts.Held != 2 || res.Counts.Added != 0 {
		t.Fatalf("counts %+v", res.Counts)
	}
	return w, r, res.Plan.HeldDigest()
}

var oneAtATime = map[string]func(*world){
	"run":   func(w *world) { w.cfg.Limits.Add = 1 },
	"group": func(w *world) { w.rule("admins", func(r *engine.Rules) { r.Limits.Add = 1 }) },
}

// Law 5: what is on hold is no surprise any more, and holds nobody else.
func TestWhatIsOnHoldHoldsNobodyElse(t *testing.T) {
	for name, limit := range oneAtATime {
		for scope, sc := range map[string]engine.Scope{
			"directory": {}, "some": {Names: []string{"admins", "staff"}},
		} {
			t.Run(name+" "+scope, func(t *testing.T) {
				w, r, digest := onHold(t, limit)
				w.grant("g3", "eve", 9)
				res := w.runIn(r, sc)
				w.members("eve")
				if res.Rest || len(res.Against) > 0 {
					t.Errorf("left to a whole run: %v, %+v", res.Rest, res.Against)
				}
				staff := w.group("staff")
				w.grantIn("g4", "fay", "corp", "staff", 9)
				w.runIn(r, sc)
				w.membersOf(staff, "fay")
				w.members("eve")

				// They wait as they did, for the release that was asked for.
				res = w.runIn(r, engine.Scope{})
				if got := res.Plan.HeldDigest(); got != digest || res.Counts.Held != 2 {
					t.Fatalf("held %d, %s, want 2, %s", res.Counts.Held, got, digest)
				}
				w.ledger.release(digest, w.now)
				w.run() // of everything
				w.members("ada", "bob", "eve")
				if open, _ := w.ledger.Holds(t.Context()); len(open) > 0 {
					t.Errorf("still on hold: %+v", open)
				}
			})
		}
	}
}

// Those who come later are a surprise of their own, and all wait together.
func TestTooManyMoreAreHeldTogether(t *testing.T) {
	for name, limit := range oneAtATime {
		w, r, digest := onHold(t, limit)
		w.grant("g3", "eve", 9)
		w.grant("g4", "dan", 9)
		if res := w.runIn(r, theAdmins); len(res.Against) != 1 {
			t.Errorf("%s: against %+v", name, res.Against)
		}
		w.members()
		res := w.runIn(r, engine.Scope{})
		w.members()
		if res.Counts.Held != 4 || res.Plan.HeldDigest() == digest {
			t.Errorf("%s: held %d, %s", name, res.Counts.Held, res.Plan.HeldDigest())
		}
	}
}

// A limit is not passed in small steps: what a run of some groups leaves because
// of one, none adds by itself before a whole run has put it on record, and none
// after.
func TestALimitIsNotPassedInSmallSteps(t *testing.T) {
	w := newWorld(t, "ada", "bob", "eve")
	group := w.group("staff")
	w.cfg.Limits.Add = 1
	w.grant("g1", "ada", 9)
	w.grantIn("g2", "bob", "corp", "staff", 9)
	r := engine.New(w.cfg)
	staff := engine.Scope{Names: []string{"staff"}}
	if res := w.runIn(r, engine.Scope{Names: []string{"admins", "staff"}}); !res.Rest || len(res.Against) != 1 {
		t.Fatalf("rest %v, against %+v", res.Rest, res.Against)
	}
	next := r.With(w.cfg) // as after a reload
	nobody := func(when string) {
		t.Helper()
		for _, sc := range []engine.Scope{theAdmins, staff} {
			if res := w.runIn(next, sc); res.Rest {
				t.Errorf("%s, another whole run is asked for", when)
			}
		}
		w.members()
		w.membersOf(group)
	}
	nobody("before the whole run")
	if res := w.runIn(r, engine.Scope{}); res.Counts.Held != 2 {
		t.Fatalf("counts %+v", res.Counts)
	}
	nobody("after it")
	next = engine.New(w.cfg) // another process
	nobody("after a start")

	// When too few are left to be a surprise, the next whole run adds them.
	w.withdraw("g2")
	w.runIn(next, engine.Scope{})
	w.members("ada")
}

// A whole run that read the grants before something was left to it, or one of
// another directory, has not seen it.
func TestLeftToAWholeRunThatIsYetToCome(t *testing.T) {
	w := newWorld(t, "ada", "bob")
	okta := memory.New("okta")
	okta.SetClock(w.clock)
	corp := &gated{Directory: w.dir, listing: make(chan struct{}), gate: make(chan struct{})}
	w.cfg.Directories = map[engine.Directory]engine.Connector{"corp": corp, "okta": okta}
	w.cfg.Limits.Add = 1
	r := engine.New(w.cfg)
	whole := make(chan error)
	go func() {
		_, err := r.RunIn(context.Background(), "serve", engine.Scope{Directory: "corp"})
		whole <- err
	}()
	<-corp.listing
	gate := corp.gate
	corp.gate = nil
	w.grant("g1", "ada", 9)
	w.grant("g2", "bob", 9)
	if res := w.runIn(r, theAdmins); len(res.Against) != 1 {
		t.Fatalf("against %+v", res.Against)
	}
	close(gate)
	if err := <-whole; err != nil {
		t.Fatal(err)
	}
	w.runIn(r, engine.Scope{Directory: "okta"})
	w.withdraw("g2")
	w.runIn(r, theAdmins)
	w.members()
	w.runIn(r, engine.Scope{})
	w.members("ada")
}

// What was left to a whole run that found it harmless is not kept waiting.
func TestWhatAWholeRunLetsGoIsForgotten(t *testing.T) {
	w := newWorld(t, "ada", "bob")
	w.cfg.Limits.Add = 1
	w.grant("g1", "ada", 9)
	w.grant("g2", "bob", 9)
	r := engine.New(w.cfg)
	w.runIn(r, theAdmins)
	w.withdraw("g1", "g2")
	w.runIn(r, engine.Scope{})
	w.grant("g1", "ada", 9)
	w.runIn(r, theAdmins)
	w.members("ada")
}
