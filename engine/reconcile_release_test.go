package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daypass-dev/daypass/engine"
)

// heldWorld is a world in which six of nine withdrawals are held.
func heldWorld(t *testing.T) (*world, engine.Result) {
	t.Helper()
	people := crowd("p", 9)
	w := newWorld(t, append(people, "new", "more")...)
	w.grantAll(people, 10)
	w.run()
	w.grants = w.grants[6:]
	res := w.run()
	if res.Counts.Held != 6 {
		t.Fatalf("%d held, want 6: %s", res.Counts.Held, planLines(res.Plan))
	}
	return w, res
}

func TestHeldPlanIsOnRecordAndTouchesNothing(t *testing.T) {
	t.Parallel()
	w, res := heldWorld(t)
	w.members(crowd("p", 9)...)
	h, ok := w.ledger.holds[res.Plan.HeldDigest()]
	if !ok {
		t.Fatal("the hold is not on record")
	}
	if h.PlanDigest != res.Plan.Digest() || h.Run != res.Run || len(h.Changes) != 6 || len(h.Objections) == 0 {
		t.Errorf("hold %+v", h)
	}
	if n := w.ledger.count(engine.EventHeld); n != 1 {
		t.Errorf("%d held events, want 1", n)
	}
	if n := w.ledger.count(engine.EventIntended); n != 9 {
		t.Errorf("%d intents, want those of the nine additions", n)
	}
}

// A look records a hold as well, so that what plan shows can be released.
func TestPlanRecordsItsHold(t *testing.T) {
	t.Parallel()
	people := crowd("p", 9)
	w := newWorld(t, people...)
	w.grantAll(people, 10)
	w.run()
	w.grants = w.grants[6:]
	events, writes := len(w.ledger.kinds(0)), w.writes()
	p := w.plan()
	if _, ok := w.ledger.holds[p.HeldDigest()]; !ok {
		t.Error("the hold is not on record")
	}
	if len(w.ledger.kinds(0)) != events || w.writes() != writes {
		t.Error("a look wrote more than its hold")
	}
}

func TestReleaseLetsThroughOnce(t *testing.T) {
	t.Parallel()
	w, res := heldWorld(t)
	w.ledger.release(res.Plan.HeldDigest(), w.now)
	res2 := w.run()
	if res2.Release == nil || res2.Release.By != "root" || res2.Counts.Removed != 6 || res2.Counts.Held != 0 {
		t.Fatalf("release %+v, counts %+v", res2.Release, res2.Counts)
	}
	if i := slices.IndexFunc(w.ledger.events, func(e engine.Event) bool { return e.Kind == engine.EventSpent }); i < 0 || w.ledger.events[i].By != "root" || w.ledger.events[i].Run != res2.Run {
		t.Error("the audit log does not tell who let it through")
	}
	w.members(crowd("p", 9)[6:]...)
	// The same people come and are withdrawn again: the same set, and the
	// release is used up.
	rest := w.grants
	w.now = morning
	w.grants = nil
	w.grantAll(crowd("p", 9), 10)
	w.run()
	w.grants = rest
	res3 := w.run()
	if got, want := res3.Plan.HeldDigest(), res.Plan.HeldDigest(); got != want {
		t.Fatalf("not the same set: %s, %s", got, want)
	}
	if res3.Release != nil || res3.Counts.Held != 6 {
		t.Errorf("let through twice: %+v", res3.Counts)
	}
}

func TestReleaseEndsAtItsTime(t *testing.T) {
	t.Parallel()
	w, res := heldWorld(t)
	w.ledger.release(res.Plan.HeldDigest(), w.now) // for an hour
	w.pass(time.Hour)
	if res := w.run(); res.Release != nil || res.Counts.Removed != 0 || res.Counts.Held != 6 {
		t.Fatalf("release %+v, counts %+v", res.Release, res.Counts)
	}
}

func TestReleaseIsForNoOtherSet(t *testing.T) {
	t.Parallel()
	w, res := heldWorld(t)
	w.ledger.release(res.Plan.HeldDigest(), w.now)
	w.withdraw("g-p06") // one more
	if res := w.run(); res.Release != nil || res.Counts.Removed != 0 || res.Counts.Held != 7 {
		t.Fatalf("release %+v, counts %+v", res.Release, res.Counts)
	}
	w.members(crowd("p", 9)...)
}

// Other changes come and go, and a release still fits.
func TestReleaseFitsWhileOtherChangesComeAndGo(t *testing.T) {
	t.Parallel()
	w, res := heldWorld(t)
	w.ledger.release(res.Plan.HeldDigest(), w.now)
	w.grant("g-new", "new", 1)
	if res := w.run(); res.Release == nil || res.Counts.Removed != 6 || res.Counts.Added != 1 {
		t.Fatalf("release %+v, counts %+v", res.Release, res.Counts)
	}
}

func TestHoldKeepsOtherChangesGoing(t *testing.T) {
	t.Parallel()
	w, _ := heldWorld(t)
	w.grant("g-new", "new", 1)
	w.run()
	w.members(append(crowd("p", 9), "new")...)
	w.pass(time.Hour)
	w.run()
	w.members(crowd("p", 9)...)
}

// A doubtful reading that a person confirmed becomes the reading to compare
// with: the next run asks nobody.
func TestReleasedReadingIsTheNewMeasure(t *testing.T) {
	t.Parallel()
	people := crowd("p", 9)
	w := newWorld(t, people...)
	for _, p := range people {
		w.dir.Put(w.admins, w.ids[p])
	}
	w.run()
	for _, p := range people[2:] {
		w.dir.Take(w.admins, w.ids[p])
	}
	for range 2 { // it does not become true by being told twice
		res := w.run()
		w.objects(res.Plan, engine.LimitReading)
	}
	w.ledger.release(w.plan().HeldDigest(), w.now)
	w.run()
	w.objects(w.run().Plan)
}

func TestReviewedPlanIsWhatRuns(t *testing.T) {
	t.Parallel()
	for name, length := range map[string]int{"the whole digest": len("sha256:") + 64, "as much as people read": len("sha256:") + 12} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "ada", "bob")
			w.grant("g1", "ada", 1)
			reviewed := w.plan()
			res, err := engine.New(w.cfg).Run(context.Background(), "root", reviewed.Digest()[:length])
			if err != nil {
				t.Fatal(err)
			}
			if res.Plan.Digest() != reviewed.Digest() || res.Counts.Added != 1 {
				t.Errorf("ran %s with counts %+v", res.Plan.Digest(), res.Counts)
			}
			w.members("ada")
		})
	}
}

func TestMovedWorldRunsNothing(t *testing.T) {
	t.Parallel()
	for name, move := range map[string]func(*world){
		"one more":      func(w *world) { w.grant("g2", "bob", 1) },
		"one fewer":     func(w *world) { w.withdraw("g1") },
		"another end":   func(w *world) { w.until("g1", morning.Add(2*time.Hour)) },
		"already there": func(w *world) { w.dir.Put(w.admins, w.ids["ada"]) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "ada", "bob")
			w.grant("g1", "ada", 1)
			reviewed := w.plan()
			move(w)
			before := w.ledger.entries()
			_, err := engine.New(w.cfg).Run(context.Background(), "root", reviewed.Digest())
			var moved *engine.Moved
			if !errors.As(err, &moved) {
				t.Fatalf("got %v, want the world moved", err)
			}
			if moved.Want != reviewed.Digest() || moved.Have == moved.Want {
				t.Errorf("moved %+v", moved)
			}
			if n := w.writes(); n != 0 {
				t.Errorf("%d writes", n)
			}
			if diff := cmp.Diff(before, w.ledger.entries()); diff != "" {
				t.Errorf("the ledger changed: %s", diff)
			}
			if got, want := w.ledger.kinds(0), []engine.EventKind{engine.EventRunStarted, engine.EventRunEnded}; !slices.Equal(got, want) {
				t.Errorf("events %v, want %v", got, want)
			}
		})
	}
}

// A login and a group's name are there to be read: that they changed after the
// review moves nothing.
func TestNamesDoNotMoveThePlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 1)
	reviewed := w.plan()
	w.dir.Rename(w.ids["ada"], "ada.king")
	if _, err := engine.New(w.cfg).Run(context.Background(), "root", reviewed.Digest()); err != nil {
		t.Fatal(err)
	}
	w.members("ada.king")
}

// A reviewed plan does not carry what a limit objects to.
func TestReviewedPlanIsHeldAllTheSame(t *testing.T) {
	t.Parallel()
	w, res := heldWorld(t)
	writes := w.writes()
	res, err := engine.New(w.cfg).Run(context.Background(), "root", res.Plan.Digest())
	if err != nil {
		t.Fatal(err)
	}
	if res.Counts.Held != 6 || w.writes() != writes {
		t.Errorf("counts %+v, %d writes", res.Counts, w.writes()-writes)
	}
}

// An instant is the same in every zone, and so is the plan.
func TestZonesDoNotMoveThePlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 1)
	reviewed := w.plan()
	w.until("g1", w.grants[0].When.Until.In(time.FixedZone("CET", 3600)))
	if got := w.plan(); got.Digest() != reviewed.Digest() {
		t.Errorf("got %s, want %s", got.Digest(), reviewed.Digest())
	}
}

// A plan in a file is the plan that was shown, or it is refused.
func TestPlanSurvivesItsFile(t *testing.T) {
	t.Parallel()
	w, res := heldWorld(t)
	w.grant("g-new", "new", 1)
	w.grant("g-nobody", "nobody", 1)
	res.Plan = w.plan()
	text, err := json.Marshal(res.Plan)
	if err != nil {
		t.Fatal(err)
	}
	var back engine.Plan
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if back.Digest() != res.Plan.Digest() || len(back.Problems) != 1 || len(back.Objections) != len(res.Plan.Objections) {
		t.Errorf("got %+v, want %+v", back, res.Plan)
	}
	again, err := json.Marshal(back)
	if err != nil || string(again) != string(text) {
		t.Errorf("written again (%v):\n%s\nwant\n%s", err, again, text)
	}
	for name, text := range map[string]string{
		"a change is another": strings.Replace(string(text), `"op":"remove"`, `"op":"add"`, 1),
		"a later version":     strings.Replace(string(text), `"version":1`, `"version":2`, 1),
		"no plan":             `[]`,
	} {
		if err := json.Unmarshal([]byte(text), &back); err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
}
