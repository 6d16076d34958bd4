package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// onHold is a world of two additions in a run, or in admins, with three on hold
// there.
func onHold(t *testing.T, limit func(*world)) (*world, *engine.Reconciler, string) {
	t.Helper()
	w := newWorld(t, "ada", "bob", "eve", "dan", "fay", "kim", "leo")
	limit(w)
	w.grantAll([]string{"ada", "bob", "kim"}, 9)
	r := engine.New(w.cfg)
	res := w.runIn(r, engine.Scope{})
	if res.Counts.Held != 3 || res.Counts.Added != 0 {
		t.Fatalf("counts %+v", res.Counts)
	}
	w.pass(time.Minute)
	return w, r, res.Plan.HeldDigest()
}

var twoAtATime = map[string]func(*world){
	"run":   func(w *world) { w.cfg.Limits.Add = 2 },
	"group": func(w *world) { w.rule("admins", func(r *engine.Rules) { r.Limits.Add = 2 }) },
}

// Law 5: what is on hold is no surprise any more, and holds nobody else.
func TestWhatIsOnHoldHoldsNobodyElse(t *testing.T) {
	for name, limit := range twoAtATime {
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
				if got := res.Plan.HeldDigest(); got != digest || res.Counts.Held != 3 {
					t.Fatalf("held %d, %s, want 3, %s", res.Counts.Held, got, digest)
				}
				w.ledger.release(digest, w.now)
				w.run() // of everything
				w.members("ada", "bob", "eve", "kim")
				if open, _ := w.ledger.Holds(t.Context()); len(open) > 0 {
					t.Errorf("still on hold: %+v", open)
				}
			})
		}
	}
}

// Those who come later are a surprise of their own, and all wait together.
func TestTooManyMoreAreHeldTogether(t *testing.T) {
	for name, limit := range twoAtATime {
		w, r, digest := onHold(t, limit)
		w.grantAll([]string{"eve", "dan", "fay"}, 9)
		if res := w.runIn(r, theAdmins); len(res.Against) != 1 {
			t.Errorf("%s: against %+v", name, res.Against)
		}
		w.members()
		res := w.runIn(r, engine.Scope{})
		w.members()
		if res.Counts.Held != 6 || res.Plan.HeldDigest() == digest {
			t.Errorf("%s: held %d, %s", name, res.Counts.Held, res.Plan.HeldDigest())
		}
	}
}

// While something is on hold, as many may come as the limit says, in all: one
// surprise does not pass in pieces, however they are cut. A release ends it.
func TestOneSurpriseInPieces(t *testing.T) {
	for name, limit := range twoAtATime {
		for scope, sc := range map[string]engine.Scope{"directory": {}, "some": theAdmins} {
			t.Run(name+" "+scope, func(t *testing.T) {
				w, r, _ := onHold(t, limit)
				var last engine.Result
				for _, who := range []string{"eve", "dan", "fay", "leo"} {
					w.grant("g-"+who, who, 9)
					last = w.runIn(r, sc)
					w.pass(time.Hour)
				}
				w.members("dan", "eve")
				if sc.Names != nil && len(last.Against) != 1 {
					t.Errorf("left because of %+v", last.Against)
				}
				r = engine.New(w.cfg) // another process
				res := w.runIn(r, engine.Scope{})
				w.members("dan", "eve")
				if res.Counts.Held != 5 || !strings.Contains(res.Plan.Objections[0].Message, "on hold, and ") {
					t.Fatalf("held %d, %+v", res.Counts.Held, res.Plan.Objections)
				}
				w.ledger.release(res.Plan.HeldDigest(), w.now)
				w.runIn(r, engine.Scope{})
				w.members("ada", "bob", "dan", "eve", "fay", "kim", "leo")
				w.withdraw("g-leo")
				w.runIn(r, engine.Scope{})
				w.grant("again", "leo", 9)
				w.runIn(r, sc)
				w.members("ada", "bob", "dan", "eve", "fay", "kim", "leo")
			})
		}
	}
}

// Also in groups in which nothing is on hold, when the limit is that of a run.
func TestOneSurpriseInPiecesElsewhere(t *testing.T) {
	w, r, _ := onHold(t, twoAtATime["run"])
	staff := w.group("staff")
	r = r.With(w.cfg)
	for _, who := range []string{"eve", "dan", "fay", "leo"} {
		w.grantIn("g-"+who, who, "corp", "staff", 9)
		w.runIn(r, engine.Scope{Names: []string{"staff"}})
	}
	w.membersOf(staff, "dan", "eve")
}

// Of several holds the first one counts, in whatever order they are on record.
func TestSeveralHoldsCountFromTheFirst(t *testing.T) {
	for _, firstIsWhole := range []bool{true, false} {
		w, r, _ := onHold(t, twoAtATime["run"])
		holds, err := w.ledger.Holds(t.Context())
		if err != nil || len(holds) != 1 {
			t.Fatal(holds, err)
		}
		w.grantAll([]string{"eve", "dan"}, 9)
		w.runIn(r, theAdmins)
		w.members("dan", "eve")
		w.pass(time.Hour)
		other := holds[0]
		other.Directory, other.Digest, other.At = "", "sha256:other", w.now
		other.Objections = []engine.Objection{other.Objections[0]}
		other.Objections[0].Since = w.now
		w.ledger.open = []engine.Hold{holds[0], other}
		if firstIsWhole {
			slices.Reverse(w.ledger.open)
		}
		w.grant("g-fay", "fay", 9)
		w.runIn(r, theAdmins)
		w.members("dan", "eve")
	}
}

// When nobody wants what was on hold any more, others are counted anew.
func TestAHoldThatIsOverCountsNothing(t *testing.T) {
	w, r, _ := onHold(t, twoAtATime["run"])
	w.grantAll([]string{"eve", "dan"}, 9)
	w.runIn(r, engine.Scope{})
	w.members("dan", "eve")
	w.withdraw("g-ada", "g-bob", "g-kim")
	w.grant("g-fay", "fay", 9)
	w.runIn(r, engine.Scope{})
	w.members("dan", "eve", "fay")
}

// What was left to a whole run is not forgotten by one that could not see it.
func TestABlindRunForgetsNothing(t *testing.T) {
	w := newWorld(t, "ada", "bob")
	w.cfg.Limits.Add = 1
	w.grantAll([]string{"ada", "bob"}, 9)
	r := engine.New(w.cfg)
	w.runIn(r, theAdmins)
	w.dir.Down(engine.Unavailable)
	w.runIn(r, engine.Scope{})
	w.dir.Mend()
	w.withdraw("g-bob")
	w.runIn(r, theAdmins)
	w.members()
	w.runIn(r, engine.Scope{})
	w.members("ada")
}

// What is on hold stays on hold while nobody can see whether it is still wanted,
// and no release is used up meanwhile.
func TestABlindRunEndsNoHold(t *testing.T) {
	for name, blind := range map[string]struct{ close, open func(*world) }{
		"directory": {func(w *world) { w.dir.Down(engine.Unavailable) }, func(w *world) { w.dir.Mend() }},
		"people": {
			func(w *world) {
				w.dir.Fail(memory.Fault{Call: memory.CallResolve, Kind: engine.Denied})
				w.dir.Fail(memory.Fault{Call: memory.CallResolveAll, Kind: engine.Denied})
			},
			func(w *world) { w.dir.Mend() },
		},
		"grants": {func(w *world) { w.broken = errors.New("no such file") }, func(w *world) { w.broken = nil }},
		"group": {
			func(w *world) {
				w.dir.Fail(memory.Fault{Call: memory.CallMembers, Group: w.admins, Kind: engine.Denied})
			},
			func(w *world) { w.dir.Mend() },
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, r, digest := onHold(t, twoAtATime["run"])
			blind.close(w)
			w.ledger.release(digest, w.now)
			res := w.runIn(r, engine.Scope{})
			if res.Counts.Held != 3 || res.Release != nil {
				t.Errorf("held %d, release %+v", res.Counts.Held, res.Release)
			}
			blind.open(w)
			w.ledger.release(digest, morning.Add(-24*time.Hour)) // it ran out
			w.runIn(r, theAdmins)
			w.members()
			w.withdraw("g-ada")
			w.grantAll([]string{"eve", "dan", "fay"}, 9)
			res = w.runIn(r, engine.Scope{})
			w.members()
			if res.Counts.Held != 5 {
				t.Errorf("held %d, want all who are wanted", res.Counts.Held)
			}
		})
	}
}

// A hold of several directories, as sync and plan put on record, is over for one
// of them when serve looked at all of it.
func TestAHoldOfSeveralDirectoriesIsOver(t *testing.T) {
	w := newWorld(t, "ada", "bob")
	okta := memory.New("okta")
	okta.SetClock(w.clock)
	okta.AddGroup("all")
	okta.AddPerson(person("ada"), "ada")
	w.cfg.Groups[engine.GroupRef{Directory: "okta", Name: "all"}] = engine.DefaultRules()
	w.cfg.Directories = map[engine.Directory]engine.Connector{"corp": w.dir, "okta": okta}
	w.cfg.Limits.Add = 1
	w.grant("g1", "ada", 9)
	w.grantIn("g2", "ada", "okta", "all", 9)
	if res := w.run(); res.Counts.Held != 2 {
		t.Fatalf("held %+v", res.Counts)
	}
	w.pass(time.Minute)
	r := engine.New(w.cfg)
	w.runIn(r, engine.Scope{}) // one addition is no surprise there
	w.members("ada")
	w.withdraw("g1")
	w.pass(time.Minute)
	w.runIn(r, engine.Scope{})
	w.members()
	w.pass(time.Minute)
	w.grant("g3", "ada", 9)
	w.runIn(r, theAdmins)
	w.members("ada")
}

// What is on hold with less than a limit's worth of others is added by the next
// whole run, which is asked for by the first look that finds one of them gone.
func TestAShrunkHoldAsksForAWholeRun(t *testing.T) {
	w, r, _ := onHold(t, twoAtATime["run"])
	if res := w.runIn(r, theAdmins); res.Rest {
		t.Error("a whole run is asked for although nothing changed")
	}
	w.withdraw("g-ada")
	if res := w.runIn(r, theAdmins); !res.Rest {
		t.Error("no whole run is asked for")
	}
	w.runIn(r, engine.Scope{})
	w.members("bob", "kim")
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
