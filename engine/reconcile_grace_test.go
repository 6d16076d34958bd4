package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

const grace = 2 * time.Minute

// lags are how late listings may be, up to the grace.
var lags = []time.Duration{0, time.Second, 2 * time.Second, 15 * time.Second, time.Minute, 119 * time.Second, grace}

// newLate is a world whose listings show every change late.
func newLate(t *testing.T, lag time.Duration, people ...string) *world {
	t.Helper()
	w := newWorld(t, people...)
	w.dir.SetGrace(grace)
	w.dir.LagFor(lag)
	return w
}

func atEveryLag(t *testing.T, test func(t *testing.T, lag time.Duration)) {
	t.Helper()
	for _, lag := range lags {
		t.Run(fmt.Sprint(lag), func(t *testing.T) {
			t.Parallel()
			test(t, lag)
		})
	}
}

// calm runs again and again for a time, and wants each run to plan, write,
// find and report nothing.
func (w *world) quietFor(d time.Duration) {
	w.t.Helper()
	before := w.writes()
	for end := w.clock().Add(d); w.clock().Before(end); w.pass(7 * time.Second) {
		res := w.run()
		w.changes(res.Plan)
		if n := len(res.Plan.Foreign) + len(res.Plan.Problems) + len(res.Overdue) + len(res.Plan.Objections); n > 0 {
			w.t.Fatalf("a false alarm: %+v %+v %+v %+v", res.Plan.Foreign, res.Plan.Problems, res.Overdue, res.Plan.Objections)
		}
	}
	if n := w.writes() - before; n > 0 {
		w.t.Fatalf("%d writes while nothing was to do: %+v", n, w.dir.Writes())
	}
}

func TestLagNeverCausesASecondAddOrAForget(t *testing.T) {
	t.Parallel()
	atEveryLag(t, func(t *testing.T, lag time.Duration) {
		w := newLate(t, lag, "ada")
		w.grant("g1", "ada", 8)
		w.changes(w.run().Plan, "add ada starts")
		if o := w.owns("ada"); o == nil || !o.Confirmed.IsZero() {
			t.Fatalf("a listing inside the grace proves nothing: %+v", o)
		}
		w.quietFor(2 * grace)
		if o := w.owns("ada"); o == nil || o.State != engine.Added || o.Confirmed.IsZero() {
			t.Fatalf("after the grace: %+v", o)
		}
		w.members("ada")
	})
}

func TestLagNeverCausesAFalseAlarmAtTheEnd(t *testing.T) {
	t.Parallel()
	atEveryLag(t, func(t *testing.T, lag time.Duration) {
		w := newLate(t, lag, "ada", "bob")
		w.dir.Put(w.admins, w.ids["bob"])
		w.rule("admins", func(r *engine.Rules) { r.Foreign = engine.ForeignIgnore })
		w.grant("g1", "ada", 1)
		w.run()
		w.pass(3 * time.Hour) // longer than what is overdue: daypass was down
		res := w.run()
		w.changes(res.Plan, "remove ada ends")
		if len(res.Overdue) > 0 {
			t.Fatalf("the directory took the removal: %+v", res.Overdue)
		}
		w.members("bob")
		if o := w.owns("ada"); o == nil || o.State != engine.Removed {
			t.Fatalf("inside the grace the end is not proven: %+v", o)
		}
		w.rule("admins", func(r *engine.Rules) { r.Foreign = engine.ForeignReport })
		w.dir.Take(w.admins, w.ids["bob"])
		w.pass(lag) // bob's leaving is seen from here on; ada's was before
		w.quietFor(2 * grace)
		if o := w.owns("ada"); o != nil {
			t.Fatalf("after the grace: %+v", o)
		}
		if n := len(w.ledger.past); n != 1 || !w.ledger.past[0].Removed.Equal(w.ledger.past[0].Added.Add(3*time.Hour)) {
			t.Fatalf("the past: %+v", w.ledger.past)
		}
	})
}

func TestRemovalThatDidNotStickIsFoundAfterTheGrace(t *testing.T) {
	t.Parallel()
	w := newLate(t, 0, "ada")
	w.grant("g1", "ada", 1)
	w.run()
	w.pass(time.Hour)
	w.run()
	w.dir.Put(w.admins, w.ids["ada"]) // the directory takes it back
	w.quietFor(grace)
	w.changes(w.run().Plan, "remove ada ends")
	w.members()
}

func TestTakenOutInsideTheGraceIsRestoredAfterIt(t *testing.T) {
	t.Parallel()
	w := newLate(t, 0, "ada")
	w.grant("g1", "ada", 8)
	w.run()
	w.dir.Take(w.admins, w.ids["ada"])
	w.quietFor(grace)
	w.changes(w.run().Plan, "add ada starts")
	w.members("ada")
}

func TestWishedAgainWhileItsRemovalSettles(t *testing.T) {
	t.Parallel()
	atEveryLag(t, func(t *testing.T, lag time.Duration) {
		w := newLate(t, lag, "ada")
		w.grant("g1", "ada", 1)
		w.run()
		w.pass(time.Hour)
		w.run()
		w.members()
		w.grant("g2", "ada", 1)
		w.changes(w.run().Plan, "add ada starts")
		w.members("ada")
		w.quietFor(2 * grace)
		w.members("ada")
	})
}

func TestEndInsideTheGraceOfItsAdd(t *testing.T) {
	t.Parallel()
	atEveryLag(t, func(t *testing.T, lag time.Duration) {
		w := newLate(t, lag, "ada")
		w.grant("g1", "ada", 1)
		w.run()
		w.until("g1", w.clock().Add(10*time.Second))
		w.pass(10 * time.Second)
		w.changes(w.run().Plan, "remove ada ends")
		w.members()
		w.quietFor(2 * grace)
	})
}

// A sweep is no second alarm either: the member keeps the notice that was
// given until a listing shows that the member left.
func TestSweptMemberIsNotNoticedAnew(t *testing.T) {
	t.Parallel()
	atEveryLag(t, func(t *testing.T, lag time.Duration) {
		w := newLate(t, lag, "eve")
		w.rule("admins", func(r *engine.Rules) { r.Foreign, r.Notice = engine.ForeignRemove, time.Hour })
		w.dir.Put(w.admins, w.ids["eve"])
		w.pass(grace)
		w.run()
		w.pass(time.Hour)
		w.changes(w.run().Plan, "remove eve foreign")
		w.members()
		for range 5 {
			w.pass(time.Minute)
			w.run()
		}
		if n := w.ledger.count(engine.EventNoticed); n != 1 {
			t.Fatalf("noticed %d times", n)
		}
		if n := len(w.ledger.noticed); n != 0 {
			t.Fatalf("a notice is left: %v", w.ledger.noticed)
		}
	})
}

// A listing inside the grace would prove nothing: it is not asked for.
func TestNothingIsReadBackInsideTheGrace(t *testing.T) {
	t.Parallel()
	w := newLate(t, 0, "ada")
	w.grant("g1", "ada", 8)
	w.calls(asked{memory.CallGroup: 1, memory.CallResolve: 1, memory.CallMembers: 1, memory.CallAdd: 1}, func() { w.run() })
}

// The grace counts from the answer: one that took its time is no older for it.
func TestGraceCountsFromTheAnswer(t *testing.T) {
	t.Parallel()
	w := newLate(t, time.Minute, "ada")
	late := meddled{
		Connector: w.dir,
		add: func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
			w.pass(100 * time.Second)
			return w.dir.Add(ctx, g, m)
		},
		remove: func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
			w.pass(100 * time.Second)
			return w.dir.Remove(ctx, g, m)
		},
	}
	w.cfg.Directories["corp"] = struct {
		meddled
		engine.Lagging
	}{late, w.dir}
	w.grant("g1", "ada", 1)
	w.run()
	w.pass(50 * time.Second)
	w.changes(w.run().Plan)
	w.pass(time.Hour)
	w.changes(w.run().Plan, "remove ada ends")
	w.pass(50 * time.Second)
	w.changes(w.run().Plan)
	w.members()
}
