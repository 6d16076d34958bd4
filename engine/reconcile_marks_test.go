package engine_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// newMarked is a world of 20 groups with a member each, which were listed
// twice: from then on the directory's word on what changed is taken.
func newMarked(t *testing.T, people ...string) (w *world, groups []engine.GroupID) {
	t.Helper()
	w = newWorld(t, people...)
	w.cfg.Relist = 24 * time.Hour
	for _, name := range crowd("team", 19) {
		groups = append(groups, w.group(name))
	}
	groups = append(groups, w.admins)
	for _, g := range groups {
		w.dir.Put(g, w.ids[people[0]])
	}
	w.run()
	w.run()
	return w, groups
}

// calls asserts how often the directory was asked since the last time.
func (w *world) calls(want map[memory.Call]int, during func()) {
	w.t.Helper()
	all := []memory.Call{memory.CallChanged, memory.CallGroup, memory.CallResolve, memory.CallResolveAll, memory.CallMembers, memory.CallAdd, memory.CallRemove}
	before := make(map[memory.Call]int)
	for _, c := range all {
		before[c] = w.dir.Calls(c)
	}
	during()
	for _, c := range all {
		if got := w.dir.Calls(c) - before[c]; got != want[c] {
			w.t.Errorf("%q was asked %d times, want %d", c, got, want[c])
		}
	}
}

type asked = map[memory.Call]int

func TestMarksSpareWhatDidNotChange(t *testing.T) {
	t.Parallel()
	w, groups := newMarked(t, "ada", "bob")
	w.calls(asked{memory.CallChanged: 1}, func() { w.run() })
	w.dir.Put(groups[3], w.ids["bob"])
	w.calls(asked{memory.CallChanged: 1, memory.CallMembers: 1}, func() {
		if n := len(w.run().Plan.Foreign); n != 21 {
			t.Errorf("a plan from what changed tells of %d foreign members, want 21", n)
		}
	})
	// The change may be told sooner than it is shown: once more.
	w.calls(asked{memory.CallChanged: 1, memory.CallMembers: 1}, func() { w.run() })
	w.calls(asked{memory.CallChanged: 1}, func() { w.run() })
}

func TestMarksAreNotTakenForAdditions(t *testing.T) {
	t.Parallel()
	w, _ := newMarked(t, "ada", "bob")
	w.grant("g1", "bob", 1)
	// Listed and looked up before the add, and listed after it.
	w.calls(asked{memory.CallChanged: 1, memory.CallGroup: 1, memory.CallResolve: 1, memory.CallMembers: 2, memory.CallAdd: 1}, func() {
		w.changes(w.run().Plan, "add bob starts")
	})
	w.run()
	w.run()
	w.dir.Take(w.admins, w.ids["ada"])
	w.dir.Put(w.admins, w.ids["ada"])
	w.grant("g2", "ada", 1) // in a group that changed: listed once before, whose it is looked up
	w.calls(asked{memory.CallChanged: 1, memory.CallMembers: 1, memory.CallResolve: 1}, func() { w.changes(w.run().Plan) })
	w.run()
	w.calls(asked{memory.CallChanged: 1}, func() { w.run() }) // bob's account is remembered
	w.pass(time.Hour)
	w.calls(asked{memory.CallChanged: 1, memory.CallRemove: 1, memory.CallMembers: 1}, func() {
		w.changes(w.run().Plan, "remove bob ends")
	})
	w.members("ada")
}

func TestNobodyIsAddedByARememberedAccount(t *testing.T) {
	t.Parallel()
	w, groups := newMarked(t, "ada", "bob")
	w.grant("g1", "bob", 8)
	for range 3 {
		w.run()
	}
	w.dir.Disable(w.ids["bob"]) // which no mark tells
	w.grantIn("g2", "bob", "corp", "team00", 8)
	p := w.run().Plan
	w.changes(p)
	if len(p.Problems) != 1 || p.Problems[0].Kind != engine.DisabledAccount {
		t.Errorf("problems %+v, want one of the disabled account", p.Problems)
	}
	w.membersOf(groups[0], "ada")
}

func TestNobodyIsSweptByARememberedAccount(t *testing.T) {
	t.Parallel()
	w, _ := newMarked(t, "ada", "bob")
	w.rule("admins", func(r *engine.Rules) {
		r.Foreign, r.Notice, r.Protect = engine.ForeignRemove, time.Hour, []engine.Person{person("ada")}
	})
	for range 3 {
		w.run()
	}
	// The account that is protected is another one now, and it is in the group.
	w.dir.Delete(w.ids["ada"])
	w.ids["ada"] = w.dir.AddPerson(person("ada"), "ada")
	w.dir.Put(w.admins, w.ids["ada"])
	for range 4 {
		w.run()
		w.pass(time.Hour)
	}
	w.members("ada")
}

func TestWholeListingsOnAnIntervalAndOnDemand(t *testing.T) {
	t.Parallel()
	w, _ := newMarked(t, "ada")
	whole := asked{memory.CallChanged: 1, memory.CallGroup: 20, memory.CallMembers: 20}
	w.cfg.Full = true
	w.calls(whole, func() { w.run() })
	w.cfg.Full = false
	w.calls(asked{memory.CallChanged: 1}, func() { w.run() })
	w.pass(24 * time.Hour)
	w.calls(whole, func() { w.run() })
	w.cfg.Relist = 0
	delete(whole, memory.CallChanged)
	w.calls(asked{memory.CallGroup: 20, memory.CallMembers: 20}, func() { w.run() })
}

func TestNamesAreFoundAnewWhenOneMayHaveMoved(t *testing.T) {
	t.Parallel()
	w, groups := newMarked(t, "ada")
	w.dir.RenameGroup(groups[5], "other")
	w.calls(asked{memory.CallChanged: 1, memory.CallGroup: 20, memory.CallMembers: 0}, func() {
		p := w.run().Plan
		if len(p.Problems) != 1 || p.Problems[0].Kind != engine.UnknownGroup {
			t.Errorf("problems %+v, want one of a group that is not there", p.Problems)
		}
	})
	w.calls(asked{memory.CallChanged: 1, memory.CallGroup: 1}, func() { w.run() }) // the one that is not found
}

func TestDirectoryThatDoesNotTellIsListed(t *testing.T) {
	t.Parallel()
	w, groups := newMarked(t, "ada", "bob")
	w.dir.Fail(memory.Fault{Call: memory.CallChanged, Nth: 1, Kind: engine.Denied})
	w.dir.Put(groups[2], w.ids["bob"])
	w.calls(asked{memory.CallChanged: 1, memory.CallGroup: 21, memory.CallMembers: 20}, func() { // with a knock at the door
		if n := len(w.run().Plan.Foreign); n != 21 {
			t.Errorf("%d foreign members, want 21", n)
		}
	})
	w.calls(asked{memory.CallChanged: 1, memory.CallMembers: 1}, func() { w.run() }) // from the mark before
}

// A crash between any two writes of the ledger costs requests, never a change
// that is not seen.
func TestCrashNeverHidesAChange(t *testing.T) {
	t.Parallel()
	for n := 1; n < 12; n++ {
		w, groups := newMarked(t, "ada", "bob")
		w.dir.Put(groups[7], w.ids["bob"])
		w.grant("g1", "bob", 8)
		left := n
		w.ledger.crash = func(bool) bool { left--; return left <= 0 }
		_, _ = engine.New(w.cfg).Run(t.Context(), "cron", "")
		w.ledger.crash, w.ledger.dead = nil, false
		w.run()
		p := w.run().Plan
		if len(p.Foreign) != 21 {
			t.Fatalf("after a crash at write %d: %d foreign members, want 21", n, len(p.Foreign))
		}
		w.members("ada", "bob")
	}
}

func TestPlanKeepsNothing(t *testing.T) {
	t.Parallel()
	w, groups := newMarked(t, "ada", "bob")
	w.dir.Put(groups[3], w.ids["bob"])
	mark := w.ledger.known["corp"].Mark
	for range 2 {
		w.calls(asked{memory.CallChanged: 1, memory.CallMembers: 1}, func() { w.plan() })
	}
	if got := w.ledger.known["corp"].Mark; got != mark {
		t.Errorf("a plan moved the mark from %s to %s", mark, got)
	}
}

// A lie is not kept for a day because it came first.
func TestFirstListingIsNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada", "bob")
	w.cfg.Relist = 24 * time.Hour
	w.dir.Put(w.admins, w.ids["ada"], w.ids["bob"])
	w.dir.Lie(w.admins, memory.Half)
	w.run()
	w.dir.Lie(w.admins, nil)
	if n := len(w.run().Plan.Foreign); n != 2 {
		t.Errorf("%d foreign members, want 2", n)
	}
}

// Told at once, shown later: the listing in between is not kept, also when as
// many are in the group as before.
func TestChangeThatIsToldBeforeItIsShown(t *testing.T) {
	t.Parallel()
	w, groups := newMarked(t, "ada", "bob")
	w.dir.LagFor(time.Minute)
	w.dir.Take(groups[0], w.ids["ada"])
	w.dir.Put(groups[0], w.ids["bob"])
	w.run()
	w.pass(time.Minute)
	for _, f := range w.run().Plan.Foreign {
		if f.Group == "team00" && f.Member.Login != "bob" {
			t.Errorf("team00 is said to hold %s, want bob", f.Member.Login)
		}
	}
}

// What daypass itself changed is listed, however late the directory tells.
func TestOwnChangeIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	w, _ := newMarked(t, "ada", "bob")
	w.dir.MarkLate(time.Hour)
	w.grant("g1", "bob", 1)
	w.run()
	w.calls(asked{memory.CallChanged: 1, memory.CallMembers: 1}, func() { w.changes(w.run().Plan) })
	w.pass(time.Hour)
	w.run()
	w.members("ada")
	w.calls(asked{memory.CallChanged: 1, memory.CallMembers: 1}, func() { w.changes(w.run().Plan) })
}

// A whole listing that fails for a group leaves no older one in its place.
func TestFailedWholeListingIsNotReplacedByAnOldOne(t *testing.T) {
	t.Parallel()
	w, groups := newMarked(t, "ada", "bob")
	w.dir.MarkLate(100 * time.Hour) // this change is never told
	w.dir.Put(groups[0], w.ids["bob"])
	w.dir.Truncate(groups[0])
	w.pass(24 * time.Hour)
	w.run()
	if n := len(w.run().Plan.Foreign); n != 21 {
		t.Errorf("%d foreign members, want 21", n)
	}
}

// A listing that may lack what daypass wrote is not kept: it would never prove
// anything.
func TestListingInsideTheGraceIsNotKept(t *testing.T) {
	t.Parallel()
	w, _ := newMarked(t, "ada", "bob")
	w.dir.SetGrace(grace)
	w.dir.MarkLate(time.Hour)
	w.pass(2 * grace)
	w.grant("g1", "bob", 8)
	for range 3 {
		w.run()
	}
	w.pass(grace)
	w.run()
	if o := w.owns("bob"); o == nil || o.Confirmed.IsZero() {
		t.Errorf("after the grace: %+v, want it confirmed", o)
	}
}

// patient gives up a change after a while, as connectors do.
type patient struct{ *memory.Directory }

func (p patient) Change(ctx context.Context, g engine.GroupID, add, remove []engine.Member) (added, removed []engine.Effect) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	return p.Directory.Change(ctx, g, add, remove)
}

// A directory that takes questions and never answers is down after a minute or
// two. The ends in the others do not wait for it any longer, and no clock is
// taken for a wrong one.
func TestDirectoryThatHangsHoldsNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		w.cfg.Relist = 24 * time.Hour
		hung := memory.New("hung")
		hung.SetClock(w.clock)
		hung.AddGroup("team")
		hung.AddPerson(person("ada"), "ada")
		w.cfg.Directories["hung"] = hung
		w.cfg.Groups[engine.GroupRef{Directory: "hung", Name: "team"}] = engine.DefaultRules()
		w.grant("g1", "ada", 1)
		w.grantIn("g2", "ada", "hung", "team", 1)
		w.run()
		w.pass(time.Hour)
		hung.Fail(memory.Fault{Call: memory.AnyCall, Stall: true})
		w.cfg.Directories["hung"] = patient{hung}
		start := time.Now()
		var ended time.Duration
		w.cfg.Directories["corp"] = meddled{Connector: w.dir, remove: func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
			ended = time.Since(start)
			return w.dir.Remove(ctx, g, m)
		}}
		p := w.run().Plan
		w.members()
		if took := time.Since(start); ended > 2*time.Minute || took > 5*time.Minute {
			t.Errorf("access ended after %s, and the run after %s", ended, took)
		}
		if !slices.ContainsFunc(p.Problems, func(p engine.Problem) bool { return p.Kind == engine.DirectoryDown }) {
			t.Errorf("problems %+v, want that the directory is down", p.Problems)
		}
		hung.Mend()
		w.cfg.Directories["hung"] = hung
		w.run()
		if n := len(w.ledger.owned); n > 1 {
			t.Errorf("%d memberships are left", n)
		}
	})
}

// A name that cannot be looked up just now costs nobody the access that a grant
// under it gives, also where the ledger does not know of its extension yet.
func TestNameThatIsNotFoundJustNowEndsNothing(t *testing.T) {
	t.Parallel()
	w, _ := newMarked(t, "ada", "bob", "cyd")
	w.grant("g1", "bob", 1)
	for range 3 {
		w.run()
	}
	w.until("g1", w.clock().Add(8*time.Hour))
	w.pass(2 * time.Hour)
	w.grant("g2", "cyd", 8) // an addition, for which the name is looked up
	w.dir.Fail(memory.Fault{Call: memory.CallGroup, Nth: 1, Kind: engine.Unavailable})
	w.run()
	w.members("ada", "bob")
	w.run()
	w.members("ada", "bob", "cyd")
}

// And a grant that vanished meanwhile withdraws nothing: what leads here is not
// certain, and neither is what does not.
func TestNameThatIsNotFoundJustNowWithdrawsNothing(t *testing.T) {
	t.Parallel()
	w, _ := newMarked(t, "ada", "bob", "cyd")
	w.grant("g1", "bob", 8)
	for range 3 {
		w.run()
	}
	w.withdraw("g1")
	w.grant("g2", "cyd", 8)
	w.dir.Fail(memory.Fault{Call: memory.CallGroup, Nth: 1, Kind: engine.Unavailable})
	w.run()
	w.members("ada", "bob")
	w.run()
	w.members("ada", "cyd")
}

// A directory that answers no question is tried once for what is due.
func TestDirectoryThatAnswersNoQuestionIsTriedForWhatIsDue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 1)
	w.run()
	w.pass(time.Hour)
	for _, c := range []memory.Call{memory.CallTime, memory.CallGroup, memory.CallMembers} {
		w.dir.Fail(memory.Fault{Call: c, Kind: engine.Unavailable})
	}
	w.run()
	w.members()
}
