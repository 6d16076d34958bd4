package engine_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// expiring is a world in which the directory ends memberships of admins too.
func expiring(t *testing.T, people ...string) *world {
	t.Helper()
	w := newWorld(t, people...)
	w.rule("admins", func(r *engine.Rules) { r.Expire = true })
	return w
}

// ends asserts when the directory is going to end a membership of admins:
// hours after the morning, or never (0).
func (w *world) ends(who string, hours int) {
	w.t.Helper()
	var want time.Time
	if hours > 0 {
		want = morning.Add(time.Duration(hours) * time.Hour)
	}
	if got := w.dir.End(w.admins, w.ids[who]); !got.Equal(want) {
		w.t.Fatalf("the directory ends the membership of %s at %s, want %s", who, got, want)
	}
}

// asked asserts what the ledger knows of the directory's end, as ends does.
func (w *world) asked(who string, expires, asked int) {
	w.t.Helper()
	at := func(hours int) (t time.Time) {
		if hours > 0 {
			t = morning.Add(time.Duration(hours) * time.Hour)
		}
		return t
	}
	o := w.owns(who)
	if o == nil || !o.Expires.Equal(at(expires)) || !o.Asked.Equal(at(asked)) {
		w.t.Fatalf("the ledger has %+v, want it to expire at %s, and asked for %s", o, at(expires), at(asked))
	}
}

// problems asserts the kinds of problem, each as often as it is there.
func problems(t *testing.T, ps []engine.Problem, want ...engine.ProblemKind) {
	t.Helper()
	var got []engine.ProblemKind
	for _, p := range ps {
		got = append(got, p.Kind)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("problems %+v, want %q", ps, want)
	}
}

func TestAccessEndsWhileDaypassIsStopped(t *testing.T) {
	t.Parallel()
	w := expiring(t, "ada", "bob")
	w.dir.Put(w.admins, w.ids["bob"])
	w.grant("g1", "ada", 4)
	w.grant("g2", "bob", 4) // who was there before us
	w.changes(w.plan(), "add ada starts")
	w.run()
	w.ends("ada", 4)
	w.ends("bob", 0)
	w.asked("ada", 4, 4)
	w.quiet()
	w.pass(30 * time.Hour)
	w.members("bob")
	sent := w.writes()
	w.changes(w.plan(), "forget ada ends")
	res := w.run()
	problems(t, res.Plan.Problems)
	if res.Counts.Lapsed != 1 || res.Counts.Forgot != 0 || len(res.Failures)+len(res.Findings)+len(res.Overdue) > 0 {
		t.Errorf("result %+v, want one membership that lapsed, and nothing else", res.Counts)
	}
	if n := len(w.dir.Writes()) - sent; n != 1 {
		t.Errorf("%d writes, want the one removal that makes sure", n)
	}
	until := morning.Add(4 * time.Hour)
	if len(res.Past) != 1 || len(res.Open) > 0 {
		t.Errorf("past %+v and open %+v, want one that is over, and nothing to look at again", res.Past, res.Open)
	}
	if p := w.ledger.past; len(p) != 1 || p[0].Why != engine.Ends || !p[0].Removed.Equal(until) || !p[0].Due.Equal(until) || !p[0].Confirmed.Equal(w.now) {
		t.Errorf("past %+v, want ada removed by the directory when it was due", p)
	}
	last := w.ledger.events[len(w.ledger.events)-2]
	if last.Kind != engine.EventConfirmed || last.Reason != "ended by the directory" || last.Removed == nil || !last.Removed.Equal(until) {
		t.Errorf("event %+v, want it confirmed that the directory ended it", last)
	}
	w.quiet()
	w.members("bob")
}

// A run that only sends agreed ends finds the directory there before it.
func TestTheDirectoryIsFirst(t *testing.T) {
	t.Parallel()
	w := expiring(t, "ada")
	w.grant("g1", "ada", 4)
	w.run()
	w.pass(5 * time.Hour)
	if _, err := engine.New(w.cfg).RunIn(context.Background(), "cron", engine.Scope{Directory: "corp", Ends: true}); err != nil {
		t.Fatal(err)
	}
	if o := w.owns("ada"); o == nil || o.State != engine.Removed || !o.Gone.Equal(morning.Add(4*time.Hour)) {
		t.Errorf("ledger %+v, want it removed when the directory ended it", o)
	}
	w.endedByTheDirectory(w.run(), 4)
}

// endedByTheDirectory asserts that a run showed the end of one membership, some
// hours after the morning, to be the directory's.
func (w *world) endedByTheDirectory(res engine.Result, hours int) {
	w.t.Helper()
	at := morning.Add(time.Duration(hours) * time.Hour)
	if p := w.ledger.past; len(p) != 1 || !p[0].Removed.Equal(at) {
		w.t.Errorf("past %+v, want it removed when the directory ended it", p)
	}
	said := slices.ContainsFunc(w.ledger.events, func(e engine.Event) bool {
		return e.Kind == engine.EventConfirmed && e.Reason == "ended by the directory" && e.Removed != nil && e.Removed.Equal(at)
	})
	if !said || res.Counts.Lapsed != 1 {
		w.t.Errorf("counts %+v and events %q, want it said that the directory ended it", res.Counts, w.ledger.kinds(0))
	}
}

// A process that dies while it removes somebody does not know whether it was
// heard. The membership ended when the directory was to end it all the same, and
// not when daypass came back.
func TestTheDirectoryEndsItWhileAProcessDies(t *testing.T) {
	t.Parallel()
	for _, ends := range []bool{true, false} {
		w := expiring(t, "ada")
		w.grant("g1", "ada", 4)
		w.run()
		w.pass(4 * time.Hour)
		n := 0
		w.ledger.crash = func(after bool) bool { n++; return after }
		if _, err := engine.New(w.cfg).RunIn(t.Context(), "serve", engine.Scope{Directory: "corp", Ends: true}); !errors.Is(err, errCrashed) {
			t.Fatal(err)
		}
		w.ledger.crash, w.ledger.dead = nil, false
		if o := w.owns("ada"); o == nil || o.State != engine.Removing {
			t.Fatalf("ledger %+v, want a removal under way", o)
		}
		w.pass(10 * time.Hour)
		if ends {
			w.runIn(engine.New(w.cfg), engine.Scope{Directory: "corp", Ends: true})
		}
		w.endedByTheDirectory(w.run(), 4)
	}
}

func TestTheDirectorysEndFollowsTheGrants(t *testing.T) {
	t.Parallel()
	w := expiring(t, "ada")
	w.grant("g1", "ada", 4)
	w.grant("g2", "ada", 2)
	w.run()
	w.ends("ada", 4)
	w.until("g1", morning.Add(9*time.Hour))
	w.changes(w.plan(), "expire ada extends")
	if res := w.run(); res.Counts.Moved != 1 {
		t.Errorf("counts %+v, want one end that was moved", res.Counts)
	}
	w.ends("ada", 9)
	w.asked("ada", 9, 9)
	w.quiet()
	w.pass(5 * time.Hour) // past the end that was
	w.members("ada")
	w.until("g1", morning.Add(6*time.Hour))
	w.changes(w.plan(), "expire ada shortens")
	w.run()
	w.ends("ada", 6)
	w.quiet()
	kinds := w.ledger.kinds(0)
	if n := w.ledger.count(engine.EventIntended); n != 3 || w.ledger.count(engine.EventHappened) != 3 {
		t.Errorf("events %q, want three intended and three happened", kinds)
	}
}

// A grant that vanished may come back: it is let go of first, by the limits,
// and then the directory's end follows.
func TestAGrantThatVanishedCutsNothingShortAtOnce(t *testing.T) {
	t.Parallel()
	w := expiring(t, "ada")
	w.grant("g1", "ada", 2)
	w.grant("g2", "ada", 9)
	w.run()
	w.withdraw("g2")
	w.changes(w.plan())
	w.run()
	w.ends("ada", 9)
	w.changes(w.plan(), "expire ada shortens")
	w.run()
	w.ends("ada", 2)
}

func TestRevokedIsAgreedAndCutsShort(t *testing.T) {
	t.Parallel()
	w := expiring(t, "ada")
	w.grant("g1", "ada", 2)
	w.grant("g2", "ada", 9)
	w.run()
	w.until("g2", w.now) // revoked: it is on record with its end
	w.pass(time.Minute)
	w.changes(w.plan(), "expire ada shortens")
	w.run()
	w.ends("ada", 2)
}

func TestEndsFollowAlsoWhenTheRuleIsOff(t *testing.T) {
	t.Parallel()
	w := expiring(t, "ada", "bob")
	w.grant("g1", "ada", 4)
	w.run()
	w.rule("admins", func(r *engine.Rules) { r.Expire = false })
	w.grant("g2", "bob", 4)
	w.until("g1", morning.Add(9*time.Hour))
	w.run()
	w.ends("ada", 9)
	w.ends("bob", 0)
	w.pass(6 * time.Hour)
	w.members("ada", "bob")
	w.run()
	w.members("ada")
	w.quiet()
}

func TestMembershipsOfBeforeTheRuleGetAnEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 4)
	w.run()
	w.rule("admins", func(r *engine.Rules) { r.Expire = true })
	w.changes(w.plan(), "expire ada shortens")
	w.run()
	w.ends("ada", 4)
	w.quiet()
}

// Where the directory allows less than the grant, it is asked again long before
// that is over, and not in every run.
func TestALongGrantIsRenewed(t *testing.T) {
	t.Parallel()
	w := expiring(t, "ada")
	w.dir.SetTerms(memory.Terms{Max: 10 * time.Hour})
	w.grant("g1", "ada", 40)
	w.run()
	w.asked("ada", 10, 40)
	asked := 0
	for range 45 {
		w.pass(time.Hour)
		before := w.dir.Calls(memory.CallExpire)
		w.run()
		asked += w.dir.Calls(memory.CallExpire) - before
		if left := morning.Add(40 * time.Hour).Sub(w.now); left > 0 {
			w.members("ada")
		}
	}
	w.members()
	if asked < 4 || asked > 12 {
		t.Errorf("asked %d times in 40 hours of at most 10 each, want a few", asked)
	}
	if len(w.ledger.past) != 1 || w.ledger.past[0].Why != engine.Ends {
		t.Errorf("past %+v, want one end", w.ledger.past)
	}
}

func TestAccessIsNotRefusedWhereTheDirectoryEndsNothing(t *testing.T) {
	t.Parallel()
	w := expiring(t, "ada", "bob", "cyd")
	w.dir.Endless(w.admins)
	w.grantAll([]string{"ada", "bob", "cyd"}, 4)
	calls := w.dir.Calls(memory.CallAdd)
	res := w.run()
	w.members("ada", "bob", "cyd")
	problems(t, res.Findings, engine.ExpiryUnavailable)
	problems(t, res.Plan.Problems)
	if n := w.dir.Calls(memory.CallAdd) - calls; n != 4 {
		t.Errorf("%d additions were sent, want three and one that asked for an end", n)
	}
	if res.Counts.Added != 3 || res.Counts.Problems != 1 || len(res.Failures) > 0 {
		t.Errorf("result %+v, want three added and a problem", res.Counts)
	}
	w.asked("ada", 0, 4)
	again := w.run()
	problems(t, again.Plan.Problems, engine.ExpiryUnavailable)
	w.changes(again.Plan)
	if n := w.dir.Calls(memory.CallExpire); n != 0 {
		t.Errorf("asked %d times for an end, want none: the directory had said that there is none", n)
	}
	w.pass(5 * time.Hour)
	w.run()
	w.members()
	w.quiet()
}

func TestADirectoryWithoutThePowerIsSaid(t *testing.T) {
	t.Parallel()
	w := expiring(t, "ada", "bob")
	w.cfg.Directories["corp"] = plain{w.dir}
	w.grant("g1", "ada", 4)
	w.grant("g2", "bob", 4)
	res := w.run()
	w.members("ada", "bob")
	problems(t, res.Plan.Problems, engine.ExpiryUnavailable)
}

func TestAnEndThatSomebodyMovedIsPutRight(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]time.Time{"sooner": morning.Add(2 * time.Hour), "later": morning.Add(9 * time.Hour), "away": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := expiring(t, "ada", "bob")
			w.grant("g1", "ada", 4)
			w.grant("g2", "bob", 4)
			w.run()
			w.dir.SetEnd(w.admins, w.ids["ada"], end)
			w.pass(time.Hour)
			why := "shortens"
			if name == "sooner" {
				why = "extends"
			}
			p := w.plan()
			w.changes(p, "expire ada "+why)
			problems(t, p.Problems, engine.ExpiryDiffers)
			w.run()
			w.ends("ada", 4)
			after := w.run()
			problems(t, after.Plan.Problems)
			w.changes(after.Plan)
		})
	}
}

// An end that cannot be put right is known to the ledger, and not tried for ever.
func TestAnEndThatCannotBePutRightIsLearnt(t *testing.T) {
	t.Parallel()
	w := expiring(t, "ada")
	w.grant("g1", "ada", 4)
	w.run()
	w.dir.SetTerms(memory.Terms{Fixed: true})
	w.dir.SetEnd(w.admins, w.ids["ada"], time.Time{})
	problems(t, w.run().Findings, engine.ExpiryUnavailable)
	w.asked("ada", 0, 4)
	w.changes(w.plan())
}

func TestWhatEndedTooEarlyIsPutBack(t *testing.T) {
	t.Parallel()
	for _, rule := range []engine.RemovedRule{engine.RemovedRestore, engine.RemovedEnd, engine.RemovedReport} {
		t.Run(string(rule), func(t *testing.T) {
			t.Parallel()
			w := expiring(t, "ada")
			w.rule("admins", func(r *engine.Rules) { r.Removed = rule })
			w.grant("g1", "ada", 4)
			w.run()
			w.until("g1", morning.Add(9*time.Hour)) // while daypass is stopped
			w.pass(5 * time.Hour)
			w.members()
			res := w.run()
			w.changes(res.Plan, "add ada restored")
			problems(t, res.Plan.Problems, engine.ExpiredEarly)
			w.members("ada")
			w.ends("ada", 9)
			w.asked("ada", 9, 9)
			problems(t, w.plan().Problems)
		})
	}
}

func TestLostAnswersAboutEnds(t *testing.T) {
	t.Parallel()
	w := expiring(t, "ada")
	w.grant("g1", "ada", 4)
	w.dir.Fail(memory.Fault{Call: memory.CallAdd, Nth: 1, Kind: engine.Unavailable, After: true})
	w.run()
	w.members("ada")
	w.run()
	w.asked("ada", 4, 4)
	w.quiet()
	w.until("g1", morning.Add(9*time.Hour))
	w.dir.Fail(memory.Fault{Call: memory.CallExpire, Nth: 1, Kind: engine.Unavailable, After: true})
	if res := w.run(); len(res.Failures) != 1 {
		t.Errorf("failures %+v, want the one that was not answered", res.Failures)
	}
	w.ends("ada", 9)
	p := w.plan()
	problems(t, p.Problems)
	w.changes(p)
	w.run()
	w.asked("ada", 9, 9)
	if n := w.dir.Calls(memory.CallExpire); n != 1 {
		t.Errorf("asked %d times, want once: the end was there", n)
	}
}

// An addition whose answer was lost, and who was there by it, has the end that
// is asked for now.
func TestAnEarlierAttemptGetsTheEndOfNow(t *testing.T) {
	t.Parallel()
	w := expiring(t, "ada")
	w.grant("g1", "ada", 4)
	w.dir.Lag(1)
	w.dir.Fail(memory.Fault{Call: memory.CallAdd, Nth: 1, Kind: engine.Unavailable, After: true})
	w.dir.Fail(memory.Fault{Call: memory.CallMembers, Nth: 2, Kind: engine.Unavailable}) // nor is it read back
	w.run()
	w.until("g1", morning.Add(9*time.Hour))
	w.run() // by a listing of before
	w.ends("ada", 9)
	w.asked("ada", 9, 9)
}

func TestEndsThatCannotBeReadStopNothing(t *testing.T) {
	t.Parallel()
	w := expiring(t, "ada", "bob")
	w.grant("g1", "ada", 9)
	w.grant("g2", "bob", 9)
	w.run()
	w.until("g1", morning.Add(time.Hour))
	w.pass(2 * time.Hour)
	w.dir.Fail(memory.Fault{Call: memory.CallExpiries, Nth: 1, Kind: engine.Partial})
	res := w.run()
	problems(t, res.Plan.Problems, engine.ExpiryUnread)
	w.members("bob")
	problems(t, w.plan().Problems)
}

// Groups without such memberships cost no request more, nor does one that did
// not change.
func TestEndsAreReadWhereThereAreSome(t *testing.T) {
	t.Parallel()
	w := expiring(t, "ada")
	w.cfg.Relist = 24 * time.Hour
	w.run()
	w.run()
	if n := w.dir.Calls(memory.CallExpiries); n != 0 {
		t.Errorf("asked %d times for the ends of a group that has none, want never", n)
	}
	w.grant("g1", "ada", 9)
	w.run()
	w.run() // the change is told
	if n := w.dir.Calls(memory.CallExpiries); n != 1 {
		t.Errorf("asked %d times for ends, want once", n)
	}
	w.run()
	w.run()
	if n := w.dir.Calls(memory.CallExpiries); n > 2 {
		t.Errorf("asked %d times for the ends of a group that did not change", n)
	}
}

func TestLimitsNeverHoldAnEndThatIsMoved(t *testing.T) {
	t.Parallel()
	people := crowd("p", 12)
	w := expiring(t, people...)
	w.grantAll(people, 9)
	w.run()
	for _, p := range people[:6] {
		w.withdraw("g-" + p)
	}
	w.until("g-p11", morning.Add(12*time.Hour))
	p := w.plan()
	w.objects(p, engine.LimitRemovePercent)
	i := slices.IndexFunc(p.Changes, func(c engine.Change) bool { return c.Op == engine.Expire })
	if i < 0 || p.Changes[i].Held {
		t.Fatalf("changes %+v, want an end that is moved, and not held", p.Changes)
	}
	w.run()
	w.ends("p11", 12)
	for _, p := range people[:6] {
		w.ends(p, 9) // what is held stays as it was
	}
}

// A grants file that lost its lines cuts no end short while it is held.
func TestHeldGrantsKeepTheirEnds(t *testing.T) {
	t.Parallel()
	people := crowd("p", 9)
	w := expiring(t, people...)
	w.grantAll(people, 9)
	for _, p := range people {
		w.grant("more-"+p, p, 9)
		w.grant("short-"+p, p, 3)
	}
	w.run()
	for _, p := range people {
		w.withdraw("g-"+p, "more-"+p)
	}
	w.until("short-p00", morning.Add(12*time.Hour)) // and one end moves all the same
	for range 3 {
		w.objects(w.run().Plan, engine.LimitGrants)
	}
	w.ends("p00", 12)
	for _, p := range people[1:] {
		w.ends(p, 9)
	}
	if o := w.owns("p00"); len(o.Anchors) != 3 {
		t.Errorf("ledger %+v, want all grants of p00 while it is in doubt", o)
	}
}

// A run of some groups lets go of no grant, also where it moves an end.
func TestARunOfSomeGroupsMovesEnds(t *testing.T) {
	t.Parallel()
	w := expiring(t, "ada")
	w.grant("g1", "ada", 4)
	w.grant("g2", "ada", 9)
	w.run()
	w.withdraw("g2")
	w.until("g1", morning.Add(12*time.Hour))
	if _, err := engine.New(w.cfg).RunIn(context.Background(), "cron", engine.Scope{Directory: "corp", Groups: []engine.GroupID{w.admins}}); err != nil {
		t.Fatal(err)
	}
	w.ends("ada", 12)
	if o := w.owns("ada"); len(o.Anchors) != 2 || !o.Asked.Equal(morning.Add(12*time.Hour)) {
		t.Errorf("ledger %+v, want both grants, and the end that was asked for", o)
	}
}

// What ended by itself overnight is missed by nobody.
func TestManyEndsAreNoDoubtfulListing(t *testing.T) {
	t.Parallel()
	people := crowd("p", 12)
	w := expiring(t, people...)
	w.grantAll(people, 3)
	w.run()
	w.run() // a reading with all of them
	w.pass(12 * time.Hour)
	res := w.run()
	w.objects(res.Plan)
	if res.Counts.Lapsed != 12 {
		t.Errorf("counts %+v, want twelve that lapsed", res.Counts)
	}
	w.quiet()
}

// A listing that loses them before their time is as doubtful as ever.
func TestAListingThatLosesThemEarlyIsDoubtful(t *testing.T) {
	t.Parallel()
	people := crowd("p", 12)
	w := expiring(t, people...)
	w.grantAll(people, 3)
	w.run()
	w.run()
	w.dir.Lie(w.admins, memory.Empty)
	w.objects(w.plan(), engine.LimitReading)
}

// An account that is not certain just now keeps its membership, and the
// directory does not end it.
func TestWhoseAccountIsNotCertainKeepsTheEnd(t *testing.T) {
	t.Parallel()
	w := expiring(t, "ada")
	w.grant("g1", "ada", 4)
	w.run()
	w.until("g1", morning.Add(9*time.Hour))
	w.dir.Disable(w.ids["ada"])
	w.changes(w.plan(), "expire ada extends")
	w.run()
	w.ends("ada", 9)
	w.changes(w.plan())
	w.until("g1", morning.Add(6*time.Hour)) // nor is it cut short by halves
	w.changes(w.plan())
}

func TestUnreadGrantsCutNothingShort(t *testing.T) {
	t.Parallel()
	w := expiring(t, "ada")
	w.dir.SetTerms(memory.Terms{Max: 10 * time.Hour})
	w.grant("g1", "ada", 40)
	w.grant("g2", "ada", 4)
	w.run()
	all := w.grants
	w.grants, w.broken = w.grants[1:], errors.New("grants.yaml:3:1: not a grant")
	w.changes(w.plan())
	w.pass(7 * time.Hour) // and what has to be renewed is
	w.run()
	w.ends("ada", 17)
	w.grants, w.broken = all, nil
	w.quiet()
}

// Where listings lag, so do ends: what was answered is believed.
func TestEndsThatLagDifferFromNothing(t *testing.T) {
	t.Parallel()
	w := expiring(t, "ada")
	w.dir.SetGrace(2 * time.Minute)
	old := laggingEnds{Directory: w.dir, ends: map[engine.MemberID]time.Time{}}
	w.cfg.Directories["corp"] = old
	w.grant("g1", "ada", 4)
	w.run()
	w.pass(time.Minute)
	problems(t, w.run().Plan.Problems) // none is listed yet
	w.pass(10 * time.Minute)
	old.ends[w.ids["ada"]] = morning.Add(4 * time.Hour)
	w.until("g1", morning.Add(9*time.Hour))
	w.run()
	w.pass(time.Minute)
	res := w.run() // the end of before is listed
	problems(t, res.Plan.Problems)
	w.changes(res.Plan)
}

// laggingEnds lists the ends that it is told to.
type laggingEnds struct {
	*memory.Directory
	ends map[engine.MemberID]time.Time
}

func (l laggingEnds) Expiries(context.Context, engine.GroupID) (map[engine.MemberID]time.Time, error) {
	return l.ends, nil
}

// A removal does not wait until many are added.
func TestRemovalsDoNotWaitForAdditionsWithAnEnd(t *testing.T) {
	t.Parallel()
	people := crowd("p", 9)
	w := expiring(t, append(people, "zoe")...)
	w.grant("g1", "zoe", 4)
	w.run()
	w.until("g1", w.now)
	w.pass(time.Minute)
	w.grantAll(people, 9)
	before := w.writes()
	w.run()
	w.members(people...)
	at := slices.IndexFunc(w.dir.Writes()[before:], func(x memory.Write) bool { return x.Op == engine.Remove })
	if at != 1 {
		t.Errorf("the removal was write %d, want it after one addition", at)
	}
}

// A directory that falls silent in the middle of a group is not asked for all
// the others one by one.
func TestSilenceEndsTheAsking(t *testing.T) {
	t.Parallel()
	people := crowd("p", 20)
	w := expiring(t, people...)
	w.grantAll(people, 9)
	w.dir.Fail(memory.Fault{Call: memory.CallAdd, Kind: engine.Unavailable})
	res := w.run()
	if n := w.dir.Calls(memory.CallAdd); n > 4 || len(res.Failures) != 20 {
		t.Errorf("%d additions were sent and %d failed, want at most 4 and 20", n, len(res.Failures))
	}
	w.dir.Mend()
	w.run()
	w.members(people...)
	w.quiet()
}

// As a default the rule speaks of the directories that can.
func TestTheDefaultAsksNothingOfADirectoryThatCannot(t *testing.T) {
	t.Parallel()
	for _, can := range []bool{true, false} {
		w := newWorld(t, "ada")
		w.cfg.Defaults.Expire = true
		w.cfg.Groups = nil
		if !can {
			w.cfg.Directories["corp"] = plain{w.dir}
		}
		w.grant("g1", "ada", 4)
		problems(t, w.run().Plan.Problems)
		w.members("ada")
		if ends := !w.dir.End(w.admins, w.ids["ada"]).IsZero(); ends != can {
			t.Errorf("a directory that can: %t, and it ends the membership: %t", can, ends)
		}
	}
}
