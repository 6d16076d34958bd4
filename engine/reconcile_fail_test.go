package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// A directory that answers late shows a removed member for a while: the
// removal is sent until a listing lacks her, and the chapter stays open.
func TestRemovalIsOverOnlyWhenReadBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 1)
	w.run()
	w.pass(2*time.Hour + time.Second)
	w.dir.Lag(3) // reads: the confirmation, the next run and its confirmation
	res := w.run()
	if o := w.owns("ada"); o == nil || o.State != engine.Removed || len(w.ledger.past) != 0 {
		t.Fatalf("the ledger holds %+v, past %+v", o, w.ledger.past)
	}
	if len(res.Overdue) != 1 {
		t.Errorf("overdue %+v, want her: nothing shows that she is gone", res.Overdue)
	}
	first := w.owns("ada").Gone
	w.pass(time.Minute)
	calls := w.dir.Calls(memory.CallRemove)
	w.run()
	if n := w.dir.Calls(memory.CallRemove) - calls; n != 1 {
		t.Errorf("%d removals sent again, want 1", n)
	}
	w.run()
	if w.owns("ada") != nil || len(w.ledger.past) != 1 {
		t.Fatalf("the ledger holds %+v, past %+v", w.owns("ada"), w.ledger.past)
	}
	if p := w.ledger.past[0]; !p.Removed.Equal(first) {
		t.Errorf("removed at %s, want the time at which the directory took it, %s", p.Removed, first)
	}
}

func TestOverdueIsLoud(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 1)
	w.run()
	due := morning.Add(time.Hour)
	w.dir.Fail(memory.Fault{Call: memory.CallRemove, Kind: engine.Denied})
	w.pass(2 * time.Hour) // as late as is allowed
	if res := w.run(); len(res.Overdue) != 0 {
		t.Fatalf("overdue %+v too soon", res.Overdue)
	}
	w.pass(time.Second)
	res := w.run()
	if len(res.Overdue) != 1 || res.Counts.Overdue != 1 {
		t.Fatalf("overdue %+v, counts %+v", res.Overdue, res.Counts)
	}
	l := res.Overdue[0]
	if !l.Due.Equal(due) || l.Lag != time.Hour+time.Second || l.Person != "ada@example.org" || l.Grant != "g1" || !strings.Contains(l.Error, "denied") {
		t.Errorf("late %+v", l)
	}
	if n := w.ledger.count(engine.EventOverdue); n != 1 {
		t.Errorf("%d overdue events, want 1", n)
	}
	if p, err := engine.New(w.cfg).Plan(context.Background()); err != nil || len(p.Overdue) != 1 {
		t.Errorf("a look says nothing: %+v, %v", p.Overdue, err)
	}
}

// twoDirectories adds okta with a group admins and the same people.
func (w *world) twoDirectories(people ...string) (*memory.Directory, engine.GroupID) {
	okta := memory.New("okta")
	okta.SetClock(w.clock)
	for _, p := range people {
		okta.AddPerson(person(p), p)
	}
	w.cfg.Directories["okta"] = okta
	w.cfg.Groups[engine.GroupRef{Directory: "okta", Name: "admins"}] = engine.DefaultRules()
	return okta, okta.AddGroup("admins")
}

func TestDirectoryThatIsDownStopsNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada", "bob")
	okta, g := w.twoDirectories("ada", "bob")
	for _, name := range crowd("x", 10) {
		w.group(name)
	}
	w.grant("g1", "ada", 1)
	w.grantIn("g1", "ada", "okta", "admins", 1)
	w.run()
	w.pass(2*time.Hour + time.Second)
	w.grantIn("g2", "bob", "okta", "admins", 1)
	w.dir.Down(engine.Unavailable)
	finds, lists := w.dir.Calls(memory.CallGroup), w.dir.Calls(memory.CallMembers)
	res := w.run()
	if n := w.dir.Calls(memory.CallGroup) - finds; n != 1 {
		t.Errorf("%d groups looked for, want 1: then the directory is down", n)
	}
	if n := w.dir.Calls(memory.CallMembers) - lists; n > 1 {
		t.Errorf("%d listings, want no more than the confirmation's", n)
	}
	if n := slices.IndexFunc(res.Plan.Problems, func(p engine.Problem) bool { return p.Kind == engine.DirectoryDown && p.Directory == "corp" }); n < 0 {
		t.Errorf("problems %+v, want the directory down", res.Plan.Problems)
	}
	if len(okta.Roster(g)) != 1 || okta.Roster(g)[0].Login != "bob" {
		t.Errorf("okta holds %v, want bob alone", okta.Roster(g))
	}
	if len(res.Overdue) != 1 || res.Overdue[0].Directory != "corp" {
		t.Errorf("overdue %+v, want ada in corp", res.Overdue)
	}
	w.members("ada")
	w.dir.Mend()
	if res := w.run(); len(res.Overdue) != 0 || res.Counts.Removed != 1 {
		t.Errorf("counts %+v, overdue %+v", res.Counts, res.Overdue)
	}
	w.members()
	w.quiet()
}

// The breaker of the writes: a directory that dies in the middle is not asked
// for each of a thousand changes.
func TestBreakerStopsWritingAfterThree(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	names := crowd("x", 99) // more than are sent in one round
	for _, name := range names {
		w.group(name)
		w.grantIn("g-"+name, "ada", "corp", name, 1)
	}
	w.dir.Fail(memory.Fault{Call: memory.CallAdd, Kind: engine.Unavailable})
	res := w.run()
	if n := w.dir.Calls(memory.CallAdd); n != 3 {
		t.Errorf("%d additions were tried, want 3", n)
	}
	if res.Counts.Failed != 99 || len(res.Failures) != 99 {
		t.Errorf("%d failures, want all 99 told", res.Counts.Failed)
	}
	if n := len(w.ledger.entries()); n != 3 {
		t.Errorf("%d claims, want the three whose outcome is not known", n)
	}
	w.dir.Mend()
	if res := w.run(); res.Counts.Added != 99 {
		t.Errorf("counts %+v, want 99 additions", res.Counts)
	}
	w.quiet()
}

// One answer, good or bad, closes the breaker.
func TestBreakerCountsFailuresInARow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	for _, name := range crowd("x", 8) {
		w.group(name)
		w.grantIn("g-"+name, "ada", "corp", name, 1)
	}
	for _, nth := range []int{1, 2, 4, 5, 7, 8} {
		w.dir.Fail(memory.Fault{Call: memory.CallAdd, Nth: nth, Kind: engine.Unavailable})
	}
	if res := w.run(); res.Counts.Added != 2 || res.Counts.Failed != 6 || w.dir.Calls(memory.CallAdd) != 8 {
		t.Errorf("counts %+v after %d calls", res.Counts, w.dir.Calls(memory.CallAdd))
	}
}

// A directory that vanished from the configuration is loud, keeps its claims,
// and is settled when it comes back.
func TestDirectoryThatVanishedFromTheConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	okta, g := w.twoDirectories("ada")
	w.grantIn("g1", "ada", "okta", "admins", 1)
	w.run()
	w.grants = nil
	delete(w.cfg.Directories, "okta")
	w.pass(3 * time.Hour)
	res := w.run()
	if !slices.ContainsFunc(res.Plan.Problems, func(p engine.Problem) bool {
		return p.Kind == engine.UnknownDirectory && p.Directory == "okta"
	}) {
		t.Errorf("problems %+v", res.Plan.Problems)
	}
	if len(res.Overdue) != 1 || res.Counts.Failed != 1 {
		t.Errorf("overdue %+v, counts %+v", res.Overdue, res.Counts)
	}
	if n := len(w.ledger.entries()); n != 1 {
		t.Fatalf("%d claims, want the one kept", n)
	}
	w.cfg.Directories["okta"] = okta
	w.run()
	if len(okta.Roster(g)) != 0 || len(w.ledger.entries()) != 0 {
		t.Errorf("okta holds %v, the ledger %v", okta.Roster(g), w.ledger.entries())
	}
}

func TestClockThatTheStoreContradictsStopsTheRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 10)
	w.pass(engine.MaxSkew)
	w.run()
	w.now = morning // as far behind as is allowed
	w.run()
	w.pass(-time.Second)
	w.stopsByClock("the store")
}

// The store was written by a clock that was wrong. A person says so once.
func TestClockThatAPersonVouchesFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 1)
	w.pass(30 * 24 * time.Hour)
	w.run() // by the wrong clock
	w.now = morning
	w.stopsByClock("the store")
	w.cfg.TrustClock = true
	w.run()
	w.members("ada")
	if n := w.ledger.count(engine.EventVouched); n != 1 {
		t.Errorf("%d vouched events, want 1", n)
	}
	w.cfg.TrustClock = false
	w.pass(time.Hour)
	w.run()
	w.members()
	w.cfg.TrustClock = true // a person is no match for a directory
	w.dir.SetClock(func() time.Time { return w.now.Add(time.Hour) })
	w.stopsByClock("corp")
}

func TestClockThatADirectoryContradictsStopsTheRun(t *testing.T) {
	t.Parallel()
	for name, skew := range map[string]time.Duration{"ahead": engine.MaxSkew, "behind": -engine.MaxSkew} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "ada", "bob")
			w.grant("g1", "ada", 10)
			w.dir.SetClock(func() time.Time { return morning.Add(skew) })
			w.run() // as far as is allowed
			w.members("ada")
			w.grant("g2", "bob", 10)
			w.dir.SetClock(func() time.Time { return morning.Add(skew + skew/100) })
			w.stopsByClock("corp")
			w.dir.SetClock(w.clock)
			w.dir.Fail(memory.Fault{Call: memory.CallTime, Kind: engine.Unavailable})
			w.run() // who does not answer contradicts nobody
			w.members("ada", "bob")
		})
	}
}

// stopsByClock asserts that a run and a look refuse, and touch nothing.
func (w *world) stopsByClock(who string) {
	w.t.Helper()
	writes, events := w.writes(), len(w.ledger.kinds(0))
	_, err := engine.New(w.cfg).Run(context.Background(), "cron", "")
	if !errors.Is(err, engine.ErrClock) || !strings.Contains(err.Error(), who) {
		w.t.Fatalf("run: got %v, want the clock contradicted by %s", err, who)
	}
	if _, err := engine.New(w.cfg).Plan(context.Background()); !errors.Is(err, engine.ErrClock) {
		w.t.Errorf("plan: got %v", err)
	}
	if _, err := engine.New(w.cfg).Inspect(context.Background(), nil); !errors.Is(err, engine.ErrClock) {
		w.t.Errorf("inspect: got %v", err)
	}
	if w.writes() != writes || len(w.ledger.kinds(0)) != events {
		w.t.Error("something was written by a clock that is wrong")
	}
}

// Who gives up in the middle has still touched the directory: what was sent is
// settled and read back, what was not is as it was.
func TestCancelledRunSettlesWhatWasSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada", "bob")
	w.group("second")
	w.grant("g1", "ada", 1)
	w.grantIn("g2", "bob", "corp", "second", 1)
	ctx, cancel := context.WithCancel(context.Background())
	w.cfg.Directories["corp"] = meddled{Connector: w.dir, add: func(_ context.Context, g engine.GroupID, m engine.Member) (bool, error) {
		changed, err := w.dir.Add(context.Background(), g, m)
		cancel()
		return changed, err
	}}
	res, err := engine.New(w.cfg).Run(ctx, "cron", "")
	if err != nil {
		t.Fatal(err)
	}
	if res.Counts.Added != 1 || res.Counts.Failed != 1 {
		t.Fatalf("counts %+v", res.Counts)
	}
	es := w.ledger.entries()
	if len(es) != 1 || es[0].State != engine.Added || es[0].Confirmed.IsZero() {
		t.Fatalf("the ledger holds %+v", es)
	}
	if k := w.ledger.kinds(0); k[len(k)-1] != engine.EventRunEnded {
		t.Errorf("the run did not say that it ended: %v", k)
	}
	w.cfg.Directories["corp"] = w.dir
	w.run()
	w.quiet()
}

func TestRunCancelledWhileLookingDecidesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := engine.New(w.cfg).Run(ctx, "cron", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want cancelled", err)
	}
	if n := w.writes(); n != 0 {
		t.Errorf("%d writes", n)
	}
}

// A connector without powers does what one with all of them does.
func TestPowersChangeNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		seed := drawDays(rt)
		a, b := seed.play(t, false), seed.play(t, true)
		if diff := cmp.Diff(a, b); diff != "" {
			rt.Fatalf("with powers and without (-with +without):\n%s", diff)
		}
	})
}

// days are what happens in a world, as data, so that it can happen twice.
type days struct{ steps []step }

type step struct {
	verb, who, group string
	hours            int
	fault            memory.Fault
}

func drawDays(rt *rapid.T) days {
	people := rapid.SampledFrom([]string{"ada", "bob", "cid", "dan"})
	groups := rapid.SampledFrom([]string{"admins", "staff"})
	return days{rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
		return step{
			verb: rapid.SampledFrom([]string{"grant", "grant", "put", "take", "pass", "fault", "run", "run"}).Draw(rt, "verb"),
			who:  people.Draw(rt, "who"), group: groups.Draw(rt, "group"), hours: rapid.IntRange(1, 3).Draw(rt, "hours"),
			fault: memory.Fault{
				Call: rapid.SampledFrom([]memory.Call{memory.CallAdd, memory.CallRemove}).Draw(rt, "call"), Nth: rapid.IntRange(1, 3).Draw(rt, "nth"),
				Kind: rapid.SampledFrom([]engine.Kind{engine.Denied, engine.Unknown, engine.Unavailable}).Draw(rt, "kind"),
			},
		}
	}), 1, 12).Draw(rt, "steps")}
}

// play returns what the directory was told and what the ledger holds after it.
func (d days) play(t *testing.T, hidden bool) []any {
	w := newWorld(t, "ada", "bob", "cid", "dan")
	groups := map[string]engine.GroupID{"admins": w.admins, "staff": w.group("staff")}
	if hidden {
		w.cfg.Directories["corp"] = plain{w.dir}
	}
	for i, s := range d.steps {
		g, id := groups[s.group], w.ids[s.who]
		switch s.verb {
		case "grant":
			w.grantIn("g"+crowd("", i+1)[i], s.who, "corp", s.group, s.hours)
		case "put":
			w.dir.Put(g, id)
		case "take":
			w.dir.Take(g, id)
		case "pass":
			w.pass(time.Duration(s.hours) * 30 * time.Minute)
		case "fault":
			w.dir.Fail(s.fault)
		case "run":
			w.run()
		}
	}
	res := w.run()
	return []any{w.dir.Writes(), w.ledger.entries(), w.ledger.past, w.ledger.kinds(0), res.Counts, res.Plan.Digest()}
}

func TestPowers(t *testing.T) {
	t.Parallel()
	d := memory.New("corp")
	want := []string{
		"list groups", "look up many people at once", "change many members at once", "probe rights", "tell the time",
		"find many groups at once", "own up to lagging listings", "tell what changed", "end memberships by itself", "end sessions", "describe people",
	}
	if got := engine.Powers(d); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := engine.Powers(plain{d}); len(got) != 0 {
		t.Errorf("got %q of a connector without powers", got)
	}
}

// The directory says yes and does nothing: the next looks see it, add again,
// and do not blame anybody for taking her out.
func TestAdditionThatDidNotStickIsSentAgain(t *testing.T) {
	t.Parallel()
	for _, rule := range []engine.RemovedRule{engine.RemovedRestore, engine.RemovedEnd, engine.RemovedReport} {
		t.Run(string(rule), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "ada", "root")
			w.dir.Put(w.admins, w.ids["root"])
			w.rule("admins", func(r *engine.Rules) { r.Removed = rule })
			w.grant("g1", "ada", 1)
			w.cfg.Directories["corp"] = meddled{Connector: plain{w.dir}, add: func(context.Context, engine.GroupID, engine.Member) (bool, error) { return true, nil }}
			w.run()
			if o := w.owns("ada"); o == nil || !o.Confirmed.IsZero() {
				t.Fatalf("the ledger holds %+v, want an unconfirmed entry", o)
			}
			w.changes(w.run().Plan, "add ada starts")
			w.cfg.Directories["corp"] = w.dir
			w.run()
			w.members("ada", "root")
			if o := w.owns("ada"); o == nil || o.Confirmed.IsZero() {
				t.Errorf("the ledger holds %+v, want a confirmed entry", o)
			}
			w.quiet()
		})
	}
}

// An addition that was refused claims nothing: whoever is put there by
// somebody else stays when the grant ends.
func TestRefusedAdditionClaimsNothing(t *testing.T) {
	t.Parallel()
	for _, kind := range []engine.Kind{engine.Denied, engine.Rejected, engine.Throttled, engine.NotFound, engine.Unmanageable} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "ada")
			w.grant("g1", "ada", 1)
			w.dir.Fail(memory.Fault{Call: memory.CallAdd, Nth: 1, Kind: kind})
			if res := w.run(); len(res.Failures) != 1 || res.Failures[0].Kind != kind {
				t.Fatalf("failures %+v", res.Failures)
			}
			if o := w.owns("ada"); o != nil {
				t.Fatalf("the ledger claims %+v", o)
			}
			w.dir.Put(w.admins, w.ids["ada"])
			w.run()
			w.pass(2 * time.Hour)
			w.run()
			w.members("ada")
		})
	}
}

// A listing that lost everybody does not prove that one removal took place.
func TestDoubtfulListingConfirmsNoRemoval(t *testing.T) {
	t.Parallel()
	others := crowd("s", 8)
	w := newWorld(t, append(others, "ada")...)
	for _, p := range others {
		w.dir.Put(w.admins, w.ids[p])
	}
	w.grant("g1", "ada", 1)
	w.run()
	w.pass(time.Hour)
	w.dir.Lie(w.admins, memory.Empty)
	w.run()
	w.members(others...) // the agreed end was sent all the same
	if o := w.owns("ada"); o == nil || o.State != engine.Removed || len(w.ledger.past) != 0 {
		t.Fatalf("the ledger holds %+v, past %+v", o, w.ledger.past)
	}
	w.dir.Mend()
	w.run()
	if w.owns("ada") != nil || len(w.ledger.past) != 1 {
		t.Errorf("the ledger holds %+v, past %+v", w.owns("ada"), w.ledger.past)
	}
}

// Nothing that is due waits behind an addition: neither for the request quota
// between groups, nor another removal. Inside a group additions come first,
// for some groups may not be empty.
func TestDueRemovalsGoFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada", "bob", "cid")
	first, last := w.group("aaa"), w.group("zzz")
	w.grantIn("g1", "ada", "corp", "admins", 5)
	w.grantIn("g2", "ada", "corp", "zzz", 1)
	w.run()
	w.pass(time.Hour)
	w.withdraw("g1")
	w.grantIn("g3", "cid", "corp", "aaa", 1)
	w.grantIn("g4", "bob", "corp", "zzz", 1)
	n := w.writes()
	w.run()
	var got []memory.Write
	for _, x := range w.dir.Writes()[n:] {
		got = append(got, memory.Write{Op: x.Op, Group: x.Group, Member: x.Member})
	}
	want := []memory.Write{
		{Op: engine.Add, Group: last, Member: w.ids["bob"]},
		{Op: engine.Remove, Group: last, Member: w.ids["ada"]},
		{Op: engine.Remove, Group: w.admins, Member: w.ids["ada"]},
		{Op: engine.Add, Group: first, Member: w.ids["cid"]},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order of writes (-want +got):\n%s", diff)
	}
}

// A listing that is older than our removal shows her still, while a new grant
// begins. Nobody else took her out: she is added, and nothing is restored.
func TestStaleListingAfterARemovalBlamesNobody(t *testing.T) {
	t.Parallel()
	for _, rule := range []engine.RemovedRule{engine.RemovedRestore, engine.RemovedEnd, engine.RemovedReport} {
		t.Run(string(rule), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "ada", "root")
			w.dir.Put(w.admins, w.ids["root"])
			w.rule("admins", func(r *engine.Rules) { r.Removed = rule })
			w.grant("g1", "ada", 1)
			w.run()
			w.pass(time.Hour)
			w.dir.Lag(2) // the confirmation and the next run
			w.run()
			w.grant("g2", "ada", 1)
			w.changes(w.run().Plan) // she is listed
			w.changes(w.run().Plan, "add ada starts")
			w.members("ada", "root")
			w.pass(time.Hour)
			w.run()
			w.members("root")
		})
	}
}
