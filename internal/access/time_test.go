package access_test

import (
	"math"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// ---- the clock of the grant

func TestClockStartsAtApproval(t *testing.T) {
	b := set(t, staging())
	b.ask(access.Wish{For: 3 * time.Hour})
	b.pass(48 * time.Hour)
	b.approve(bob)
	b.lasts(b.now, b.now.Add(3*time.Hour))
	if p := b.r.Phase(b.now); p != access.Active {
		t.Errorf("it is %s", p)
	}
	if a := b.told[len(b.told)-1].Grants; len(a) != 1 || a[0].Grant != "r1" || !a[0].Until.Equal(b.now.Add(3*time.Hour)) {
		t.Errorf("the event tells of %+v", a)
	}
}

func TestStartThatWasAskedFor(t *testing.T) {
	b := set(t, staging())
	start := b.now.Add(24 * time.Hour)
	b.ask(access.Wish{From: start.In(time.FixedZone("", 3600)), For: 2 * time.Hour})
	b.pass(time.Hour)
	b.approve(bob)
	b.lasts(start, start.Add(2*time.Hour))
	for at, want := range map[time.Time]access.Phase{
		b.now: access.Waiting, start.Add(-1): access.Waiting, start: access.Active,
		start.Add(2*time.Hour - 1): access.Active, start.Add(2 * time.Hour): access.Ended,
	} {
		if got := b.r.Phase(at); got != want {
			t.Errorf("at %s it is %s, want %s", at, got, want)
		}
	}
}

// TestAskedEndStays: who is approved late has less, not later.
func TestAskedEndStays(t *testing.T) {
	b := set(t, staging())
	start := b.now.Add(time.Hour)
	b.ask(access.Wish{From: start, For: 2 * time.Hour})
	b.pass(2 * time.Hour)
	b.approve(bob)
	b.lasts(b.now, start.Add(2*time.Hour))

	b = set(t, staging())
	b.ask(access.Wish{From: b.now.Add(-time.Hour), For: 2 * time.Hour}) // begun already
	b.approve(bob)
	b.lasts(b.now, b.now.Add(time.Hour))
}

func TestPendingDoesNotOutliveTheAskedWindow(t *testing.T) {
	b := set(t, staging())
	b.ask(access.Wish{From: b.now.Add(time.Hour), For: 2 * time.Hour})
	if got, want := b.r.Due(), b.now.Add(3*time.Hour); !got.Equal(want) {
		t.Errorf("due at %s, want %s", got, want)
	}
	b.pass(3 * time.Hour)
	b.is(access.Lapsed)
	b.refused(access.Conflict, b.tryDecide(as(bob), true))
}

func TestStartsAndLengthsThatCannotBe(t *testing.T) {
	for name, w := range map[string]access.Wish{
		"for of nothing but a fraction": {For: time.Second - 1},
		"negative":                      {For: -time.Hour},
		"most negative":                 {For: math.MinInt64},
		"over max":                      {For: 8*time.Hour + 1},
		"near the maximum":              {For: math.MaxInt64},
		"near the maximum, with start":  {For: math.MaxInt64, From: epoch.Add(time.Hour)},
		"over before it is asked for":   {From: epoch.Add(-2 * time.Hour), For: 2 * time.Hour},
		"long past":                     {From: time.Unix(0, 0)},
		"before all time":               {From: time.Unix(math.MinInt32*1000, 0)},
		"first instant":                 {From: time.Time{}.Add(1)},
		"too far ahead":                 {From: epoch.Add(30*24*time.Hour + 1)},
		"after all time":                {From: time.Date(300000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"emergency with a start":        {From: epoch.Add(time.Hour), BreakGlass: true, For: time.Hour},
		"emergency over its max":        {BreakGlass: true, For: time.Hour + 1},
	} {
		b := set(t, staging())
		if err := b.tryAsk(as(ada), w); access.KindOf(err) != access.Invalid {
			t.Errorf("%s: got %v, want it refused as invalid", name, err)
		}
	}
	for name, w := range map[string]access.Wish{
		"at once": {From: epoch}, "as far as may be": {From: epoch.Add(30 * 24 * time.Hour)}, "max": {For: 8 * time.Hour},
		"a second": {For: time.Second}, "zero in another zone": {From: time.Time{}.In(time.FixedZone("", 3600))},
	} {
		b := set(t, staging())
		if err := b.tryAsk(as(ada), w); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDurationsNearTheMaximumDoNotTurnAround(t *testing.T) {
	b := set(t, staging())
	most := time.Duration(math.MaxInt64)
	b.policy.Max, b.policy.Ahead, b.policy.Pending, b.policy.Default = most, most, most, most
	b.policy.Steps[0].Within = most - time.Hour
	b.policy.Steps[0].Escalate = &access.Escalate{To: byLead(), Within: most}
	b.policy.Extend.Max = most
	b.ask(access.Wish{})
	b.now = b.now.Add(most - time.Hour)
	b.tick()
	if !b.r.Undecided().Escalated || !b.r.Due().After(b.now) {
		t.Fatalf("it was told %s, and is due at %s", kinds(b.told), b.r.Due())
	}
	b.approve(bob)
	b.lasts(b.now, b.now.Add(most))
	b.must(b.tryExtend(as(ada), most))
	b.approve(bob)
	b.lasts(b.now, b.now.Add(most).Add(most))
}

// ---- time alone

func TestPendingLapses(t *testing.T) {
	b := set(t, production())
	b.ask(access.Wish{})
	b.approve(bob)
	b.pass(7*24*time.Hour - 1)
	b.is(access.Asked)
	b.pass(1)
	b.is(access.Lapsed)
	if !b.r.Due().IsZero() {
		t.Errorf("it is due at %s", b.r.Due())
	}
	b.tells(engine.EventRequested, engine.EventApproved, engine.EventLapsed)
}

func TestEscalationAfterTimeout(t *testing.T) {
	b := set(t, staging())
	b.policy.Steps[0].Within = time.Hour
	b.policy.Steps[0].Escalate = &access.Escalate{To: access.Who{People: []engine.Person{eve}}, Within: 2 * time.Hour}
	b.ask(access.Wish{})
	b.refused(access.Forbidden, b.tryDecide(as(eve), true))
	b.pass(time.Hour)
	b.tells(engine.EventRequested, engine.EventEscalated)
	after := b.r
	b.approve(eve)
	b.is(access.Approved)

	b.r = after // the first ones still may, too
	b.approve(bob)
	b.is(access.Approved)

	b.r = after // and nobody may for ever
	b.pass(2 * time.Hour)
	b.is(access.Denied)
	if e := b.told[len(b.told)-1]; e.Kind != engine.EventDenied || e.By != "" || e.Step != "a lead" || e.Reason == "" {
		t.Errorf("the end by time is told as %+v", e)
	}
}

func TestTimeoutWithoutEscalationDenies(t *testing.T) {
	b := set(t, production())
	b.policy.Steps[1].Within = time.Hour
	b.ask(access.Wish{})
	b.pass(24 * time.Hour) // the first step may wait
	b.is(access.Asked)
	b.approve(bob, cyd)
	b.pass(time.Hour - 1)
	b.is(access.Asked)
	b.pass(1)
	b.is(access.Denied)
}

func TestEscalationIsOfOneStepOnly(t *testing.T) {
	b := set(t, production())
	for i := range b.policy.Steps {
		b.policy.Steps[i].Within = time.Hour
		b.policy.Steps[i].Escalate = &access.Escalate{To: access.Who{People: []engine.Person{eve, gus}}}
	}
	b.ask(access.Wish{})
	b.pass(time.Hour)
	b.approve(bob, eve)
	b.refused(access.Forbidden, b.tryDecide(as(gus), true))
	b.pass(time.Hour)
	b.approve(gus)
	b.is(access.Approved)
	b.tells(engine.EventRequested, engine.EventEscalated, engine.EventApproved, engine.EventApproved,
		engine.EventEscalated, engine.EventApproved, engine.EventGranted)
}

func TestEscalationWithoutATimeWaitsUntilItLapses(t *testing.T) {
	b := set(t, staging())
	b.policy.Steps[0].Within = time.Hour
	b.policy.Steps[0].Escalate = &access.Escalate{To: access.Who{People: []engine.Person{eve}}}
	b.ask(access.Wish{})
	b.pass(8 * 24 * time.Hour)
	b.is(access.Lapsed)
	b.tells(engine.EventRequested, engine.EventEscalated, engine.EventLapsed)
	if at := b.told[2].At; !at.Equal(epoch.Add(7 * 24 * time.Hour)) {
		t.Errorf("it lapsed at %s", at)
	}
}

func TestLateTicksTellEachInstantInOrder(t *testing.T) {
	b := set(t, staging())
	b.policy.Steps[0].Within = time.Hour
	b.policy.Steps[0].Escalate = &access.Escalate{To: byLead(), Within: time.Hour}
	b.ask(access.Wish{})
	version := b.r.Version
	b.pass(365 * 24 * time.Hour)
	b.tells(engine.EventRequested, engine.EventEscalated, engine.EventDenied)
	for i, want := range []time.Duration{0, time.Hour, 2 * time.Hour} {
		if got := b.told[i].At.Sub(epoch); got != want {
			t.Errorf("%s after %s, want %s", b.told[i].Kind, got, want)
		}
	}
	if b.r.Version != version+1 {
		t.Errorf("version %d of %d", b.r.Version, version)
	}
	if !b.r.Course.Closed.Equal(epoch.Add(2 * time.Hour)) {
		t.Errorf("closed at %s", b.r.Course.Closed)
	}
	if again, events := b.r.Tick(b.now); len(events) > 0 || again.Version != b.r.Version {
		t.Errorf("it tells %s again", kinds(events))
	}
}

// TestDecisionAfterTheDeadline: also before the clock was asked.
func TestDecisionAfterTheDeadline(t *testing.T) {
	b := set(t, staging())
	b.policy.Steps[0].Within = time.Hour
	b.ask(access.Wish{})
	b.now = b.now.Add(time.Hour)
	b.refused(access.Conflict, b.took(b.world.decide(b.r, true, access.Act{By: as(bob), At: b.now})))
	b.refused(access.Conflict, b.took(b.world.decide(b.r, false, access.Act{By: as(bob), At: b.now})))
	b.must(b.took(b.world.decide(b.r, true, access.Act{By: as(bob), At: b.now.Add(-1)})))
}

func TestClockThatGoesBack(t *testing.T) {
	b := set(t, production())
	b.ask(access.Wish{})
	b.pass(2 * time.Hour)
	b.approve(bob)
	b.pass(-time.Hour)
	b.approve(cyd)
	b.pass(-time.Hour)
	b.approve(dan)
	b.lasts(epoch.Add(2*time.Hour), epoch.Add(4*time.Hour)) // after all that was told
	b.must(b.tryExtend(as(ada), time.Hour))
	for i := range b.told[1:] {
		if b.told[i+1].At.Before(b.told[i].At) {
			t.Errorf("%s at %s is before %s", b.told[i+1].Kind, b.told[i+1].At, b.told[i].At)
		}
	}
	// What is ended is ended, whatever a clock said before.
	b.must(b.tryEnd(as(ada), false))
	if p := b.r.Phase(b.now); p != access.Revoked {
		t.Errorf("it was ended, and is %s", p)
	}
	b.refused(access.Conflict, b.tryEnd(as(ada), true))

	b = set(t, production())
	b.ask(access.Wish{BreakGlass: true})
	b.pass(time.Minute)
	b.must(b.tryEnd(as(ada), false))
	b.pass(-time.Minute)
	b.must(b.tryReview(as(bob)))
	if at := b.r.Review.At; !at.Equal(epoch.Add(time.Minute)) {
		t.Errorf("it was reviewed at %s, before it ended", at)
	}
}

// ---- the end

func TestWhoMayEnd(t *testing.T) {
	b := set(t, staging())
	b.must(b.tryAsk(as(eve), access.Wish{Person: ada}))
	b.refused(access.Conflict, b.tryEnd(as(ada), true)) // nothing is given yet
	b.approve(bob)
	given := b.r
	b.refused(access.Forbidden, b.tryEnd(as(bob), false))
	b.refused(access.Forbidden, b.tryEnd(access.Actor{Person: ada, Machine: "ci"}, false))
	for _, c := range []struct {
		by   engine.Person
		over bool
	}{{ada, false}, {eve, false}, {bob, true}} {
		b.r = given
		b.pass(time.Minute)
		b.must(b.tryEnd(as(c.by), c.over))
		b.lasts(given.Grant.From, b.now)
		if e := b.told[len(b.told)-1]; e.Kind != engine.EventRevoked || e.By != string(c.by) || len(e.Grants) != 1 || !e.Grants[0].Until.Equal(b.now) {
			t.Errorf("it is told as %+v", e)
		}
		b.refused(access.Conflict, b.tryEnd(as(ada), true))
		b.is(access.Approved)
	}
	b.r = given
	b.pass(2 * time.Hour)
	b.refused(access.Conflict, b.tryEnd(as(ada), false))
}

func TestEndBeforeTheStart(t *testing.T) {
	b := set(t, staging())
	b.ask(access.Wish{From: b.now.Add(24 * time.Hour)})
	b.approve(bob)
	b.must(b.tryEnd(as(ada), false))
	for _, d := range []time.Duration{0, 24 * time.Hour, 25 * time.Hour, 48 * time.Hour} {
		if w, _ := b.r.Window(); w.Active(epoch.Add(d)) || b.r.Phase(epoch.Add(d)) != access.Revoked {
			t.Errorf("after %s it is %s", d, b.r.Phase(epoch.Add(d)))
		}
	}
}

func TestEndTakesBackAnOpenExtension(t *testing.T) {
	b := set(t, staging())
	b.ask(access.Wish{})
	b.approve(bob)
	b.must(b.tryExtend(as(ada), time.Hour))
	b.must(b.tryEnd(as(ada), false))
	b.tells(engine.EventRequested, engine.EventApproved, engine.EventGranted, engine.EventRequested, engine.EventWithdrawn, engine.EventRevoked)
	b.refused(access.Conflict, b.tryDecide(as(bob), true))
	b.lasts(b.now, b.now)
	if !b.r.Due().IsZero() {
		t.Errorf("it is due at %s", b.r.Due())
	}
}

func TestWhoMayWithdraw(t *testing.T) {
	b := set(t, staging())
	b.must(b.tryAsk(as(eve), access.Wish{Person: ada}))
	asked := b.r
	for _, p := range []engine.Person{bob, cyd} {
		b.refused(access.Forbidden, b.tryWithdraw(as(p)))
	}
	b.refused(access.Forbidden, b.tryWithdraw(access.Actor{Person: eve, Machine: "ci"}))
	for _, p := range []engine.Person{ada, eve} {
		b.r = asked
		b.must(b.tryWithdraw(as(p)))
		b.is(access.Withdrawn)
		b.refused(access.Conflict, b.tryWithdraw(as(p)))
	}
	b.must(b.tryAsk(ci, access.Wish{Person: eve}))
	b.refused(access.Forbidden, b.tryWithdraw(as(ci.Person)))
	b.must(b.tryWithdraw(access.Actor{Person: ci.Person, Machine: "ci", Via: access.API}))
}

// ---- extensions

func TestExtensionLeavesNoGap(t *testing.T) {
	b := set(t, staging())
	b.ask(access.Wish{})
	b.approve(bob)
	from, until := b.now, b.now.Add(2*time.Hour)
	b.pass(time.Hour)
	b.must(b.tryExtend(as(ada), 4*time.Hour))
	b.lasts(from, until) // not before it is approved
	asked := b.r
	b.now = until.Add(-1)
	b.approve(bob)
	b.lasts(from, until.Add(4*time.Hour))
	b.tells(engine.EventRequested, engine.EventApproved, engine.EventGranted, engine.EventRequested, engine.EventApproved, engine.EventExtended)

	b.r, b.now = asked, until
	b.refused(access.Conflict, b.took(b.world.decide(b.r, true, access.Act{By: as(bob), At: b.now})))
	b.refused(access.Conflict, b.tryDecide(as(bob), true))
	b.lasts(from, until)
	if x := b.r.Extensions[0]; x.Status != access.Lapsed || b.r.Undecided() != nil {
		t.Errorf("the extension is %s", x.Status)
	}
	b.is(access.Approved)
	b.refused(access.Conflict, b.tryExtend(as(ada), time.Hour))
}

func TestExtensionOnlyByRule(t *testing.T) {
	b := set(t, staging())
	b.ask(access.Wish{})
	b.refused(access.Conflict, b.tryExtend(as(ada), time.Hour)) // not given yet
	b.approve(bob)
	for _, length := range []time.Duration{0, -time.Hour, time.Second - 1, 4*time.Hour + 1, math.MaxInt64} {
		b.refused(access.Invalid, b.tryExtend(as(ada), length))
	}
	b.refused(access.Forbidden, b.tryExtend(as(bob), time.Hour))
	b.must(b.tryExtend(as(ada), time.Hour))
	b.refused(access.Conflict, b.tryExtend(as(ada), time.Hour)) // one waits
	b.must(b.tryDecide(as(bob), false))
	b.must(b.tryExtend(as(ada), time.Hour)) // what was denied does not count
	b.approve(bob)
	b.refused(access.Forbidden, b.tryExtend(as(ada), time.Hour)) // once only

	b = set(t, staging())
	b.policy.Extend = nil
	b.ask(access.Wish{})
	b.approve(bob)
	b.refused(access.Forbidden, b.tryExtend(as(ada), time.Hour))

	b = set(t, staging())
	b.ask(access.Wish{BreakGlass: true})
	b.refused(access.Forbidden, b.tryExtend(as(ada), time.Hour))
}

func TestDeniedExtensionKeepsWhatWasGiven(t *testing.T) {
	b := set(t, staging())
	b.ask(access.Wish{})
	b.approve(bob)
	for _, end := range []func(){
		func() { b.must(b.tryDecide(as(cyd), false)) },
		func() { b.must(b.tryWithdraw(as(ada))) },
	} {
		b.must(b.tryExtend(as(ada), time.Hour))
		end()
		b.is(access.Approved)
		b.lasts(b.now, b.now.Add(2*time.Hour))
	}
}

func TestExtensionNeedsTheStepsOfThePolicyWhereItNamesNone(t *testing.T) {
	b := set(t, production())
	b.policy.Extend.Steps = nil
	b.ask(access.Wish{})
	b.approve(bob, cyd, dan)
	b.must(b.tryExtend(as(ada), time.Hour))
	b.approve(bob, cyd)
	if b.r.Extended() != 0 {
		t.Error("it was extended without safety")
	}
	b.approve(dan)
	b.lasts(b.now, b.now.Add(3*time.Hour))
}

func TestAutomaticExtension(t *testing.T) {
	for auto, want := range map[string]int{"yes": 1, "on call": 1, "no": 0, "unknown": 0, "": 0} {
		b := set(t, staging())
		b.policy.Extend.Auto = auto
		b.ask(access.Wish{})
		b.approve(bob)
		b.must(b.tryExtend(as(ada), time.Hour))
		if b.r.Extended() != want {
			t.Errorf("auto %q: %d extensions, want %d", auto, b.r.Extended(), want)
		}
	}
	b := set(t, staging()) // who may not ask any more has no more time
	b.policy.Extend.Auto, b.policy.Ask = "yes", byLead()
	b.ask(access.Wish{})
	b.approve(bob)
	b.world.members[leads] = []engine.Person{bob}
	b.refused(access.Forbidden, b.tryExtend(as(ada), time.Hour))
}

func TestExtensionOfWhatIsToCome(t *testing.T) {
	b := set(t, staging())
	start := b.now.Add(24 * time.Hour)
	b.ask(access.Wish{From: start})
	b.approve(bob)
	b.must(b.tryExtend(as(ada), time.Hour))
	b.approve(bob)
	b.lasts(start, start.Add(3*time.Hour))
}

// ---- emergencies

func TestBreakGlassReview(t *testing.T) {
	b := set(t, production())
	b.policy.NotWith = []string{"audit"}
	b.ask(access.Wish{BreakGlass: true})
	b.is(access.Approved)
	b.lasts(b.now, b.now.Add(time.Hour))
	b.tells(engine.EventRequested, engine.EventBreakGlass)
	b.refused(access.Conflict, b.tryDecide(as(bob), true))
	opened := b.r
	for _, p := range []engine.Person{ada, admAda} {
		b.refused(access.Forbidden, b.tryReview(as(p)))
	}
	b.refused(access.Forbidden, b.tryReview(as(eve)))
	b.world.silent = []string{"same"}
	b.refused(access.Doubt, b.tryReview(as(bob)))
	b.world.silent = []string{"leads"}
	b.refused(access.Doubt, b.tryReview(as(bob)))
	b.world.silent = nil
	if _, _, err := b.world.review(b.r, true, access.Act{By: as(bob), At: b.now, Comment: " \n"}); access.KindOf(err) != access.Invalid {
		t.Errorf("a review that says nothing: %v", err)
	}
	b.must(b.tryReview(as(bob)))
	b.refused(access.Conflict, b.tryReview(as(cyd)))
	if e := b.told[len(b.told)-1]; e.Kind != engine.EventReviewed || e.Step != "justified" || e.By != string(bob) || !b.r.Due().IsZero() {
		t.Errorf("it is told as %+v, and due at %s", e, b.r.Due())
	}

	b.r = opened
	b.pass(4*time.Hour - 1)
	if b.r.Review.Late {
		t.Error("it is late before its time")
	}
	b.pass(1)
	if e := b.told[len(b.told)-1]; e.Kind != engine.EventReviewLate || !e.At.Equal(b.now) || !b.r.Due().IsZero() {
		t.Errorf("it is told as %+v, and due at %s", e, b.r.Due())
	}
	b.must(b.tryReview(as(bob))) // late is better than never
}

// What was no emergency ends with the word of whoever looked at it; what was one,
// and what is over, goes its way.
func TestUnjustifiedEmergencyEnds(t *testing.T) {
	for name, x := range map[string]struct {
		fine bool
		pass time.Duration
		want access.Phase
	}{
		"justified":              {true, time.Minute, access.Active},
		"unjustified":            {false, time.Minute, access.Revoked},
		"unjustified, and over":  {false, time.Hour, access.Ended},
		"unjustified, this once": {false, 0, access.Revoked},
	} {
		t.Run(name, func(t *testing.T) {
			b := set(t, production())
			b.ask(access.Wish{BreakGlass: true})
			b.pass(x.pass)
			r, told, err := b.world.review(b.r, x.fine, access.Act{By: as(bob), At: b.now, Comment: "a rehearsal"})
			if err != nil || r.Phase(b.now) != x.want {
				t.Fatalf("%v, it is %s, want %s", err, r.Phase(b.now), x.want)
			}
			if x.want != access.Revoked {
				if len(told) != 1 || r.Grant.End != nil {
					t.Errorf("%+v, %+v", told, r.Grant)
				}
				return
			}
			w, _ := r.Window()
			if len(told) != 2 || told[1].Kind != engine.EventRevoked || told[1].By != string(bob) || told[1].Reason != "a rehearsal" ||
				len(told[1].Grants) != 1 || !told[1].Grants[0].Until.Equal(b.now) || !w.Until.Equal(b.now) {
				t.Errorf("%+v, until %s", told, w.Until)
			}
		})
	}
}

func TestEmergencyOfAnotherIsReviewedByAThird(t *testing.T) {
	b := set(t, production())
	b.must(b.tryAsk(as(bob), access.Wish{BreakGlass: true, Person: ada}))
	for _, p := range []engine.Person{bob, admBob, ada} {
		b.refused(access.Forbidden, b.tryReview(as(p)))
	}
	b.must(b.tryReview(as(cyd)))

	b = set(t, production())
	b.must(b.tryAsk(access.Actor{Machine: "bare"}, access.Wish{BreakGlass: true}))
	b.must(b.tryReview(as(cyd)))
}

func TestEmergencyOnlyByRule(t *testing.T) {
	b := set(t, staging())
	b.policy.BreakGlass.Ask = access.Who{People: []engine.Person{eve}}
	b.refused(access.Forbidden, b.tryAsk(as(ada), access.Wish{BreakGlass: true}))
	b.policy.BreakGlass.Ask = access.Who{Groups: []engine.GroupRef{oncall}}
	b.world.silent = []string{"oncall"}
	b.refused(access.Doubt, b.tryAsk(as(ada), access.Wish{BreakGlass: true}))
	b.policy.BreakGlass = nil
	b.refused(access.Forbidden, b.tryAsk(as(ada), access.Wish{BreakGlass: true}))
	b.ask(access.Wish{})
	b.refused(access.Conflict, b.tryReview(as(bob)))
}

func TestEmergencyThatEndedIsStillReviewed(t *testing.T) {
	b := set(t, staging())
	b.ask(access.Wish{BreakGlass: true})
	b.pass(time.Minute)
	b.must(b.tryEnd(as(ada), false))
	b.pass(8 * time.Hour)
	b.tells(engine.EventRequested, engine.EventBreakGlass, engine.EventRevoked, engine.EventReviewLate)
	b.must(b.tryReview(as(bob)))
}
