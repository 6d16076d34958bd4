package engine_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// These tests hold runs of a part of the whole: what woke the daemon, and no
// more.

// runIn is one run of a scope in corp, by a reconciler that stays.
func (w *world) runIn(r *engine.Reconciler, sc engine.Scope) engine.Result {
	w.t.Helper()
	sc.Directory = cmp.Or(sc.Directory, "corp")
	res, err := r.RunIn(context.Background(), "serve", sc)
	if err != nil {
		w.t.Fatalf("run of %q: %v", sc, err)
	}
	return res
}

var (
	theAdmins   = engine.Scope{Names: []string{"admins"}}
	adminsEnd   = engine.Scope{Names: []string{"admins"}, Ends: true}
	whateverEnd = engine.Scope{Ends: true}
)

func TestEndNeedsNoListing(t *testing.T) {
	w := newWorld(t, "ada", "bob")
	w.grant("g1", "ada", 1)
	w.grant("g2", "bob", 2)
	r := engine.New(w.cfg)
	w.runIn(r, theAdmins)
	w.members("ada", "bob")
	w.pass(time.Hour)
	before := w.dir.Calls(memory.CallMembers) + w.dir.Calls(memory.CallResolve) + w.dir.Calls(memory.CallGroup)
	res := w.runIn(r, adminsEnd)
	w.changes(res.Plan, "remove ada ends")
	w.members("bob")
	if after := w.dir.Calls(memory.CallMembers) + w.dir.Calls(memory.CallResolve) + w.dir.Calls(memory.CallGroup); after != before {
		t.Errorf("an end asked the directory %d questions", after-before)
	}
	if o := w.owns("ada"); o == nil || o.State != engine.Removed {
		t.Fatalf("nothing was read back, and the ledger says %+v", o)
	}
	if len(res.Open) != 1 || res.Open[0].ID != w.admins {
		t.Errorf("to be read back: %v", res.Open)
	}
	// Nothing is sent twice, nothing is said of it, and a look reads it back.
	said := len(w.ledger.kinds(0))
	defer func() {
		if kinds := w.ledger.kinds(said); !slices.Equal(kinds, []engine.EventKind{engine.EventRunStarted, engine.EventConfirmed, engine.EventRunEnded}) {
			t.Errorf("on record: %v", kinds)
		}
	}()
	if res = w.runIn(r, whateverEnd); len(res.Plan.Changes) != 0 {
		t.Errorf("sent again: %s", planLines(res.Plan))
	}
	res = w.runIn(r, engine.Scope{Groups: []engine.GroupID{w.admins}})
	if len(res.Past) != 1 || res.Past[0].Person != person("ada") || len(res.Open) != 0 {
		t.Errorf("read back: %+v, still open %v", res.Past, res.Open)
	}
	if w.owns("ada") != nil {
		t.Error("a membership that is over is still in the ledger")
	}
}

// What else may explain a membership is left to a run that looks.
func TestEndLeavesWhatMayBeExplained(t *testing.T) {
	for name, more := range map[string]func(w *world){
		"extended": func(w *world) { w.until("g1", morning.Add(9*time.Hour)) },
		"a second grant": func(w *world) {
			w.grant("g2", "ada", 9)
		},
		"a grant under a name that nobody looked up": func(w *world) {
			w.grantIn("g2", "ada", "corp", string(w.admins), 9)
		},
		"a grant under the name that the group has by now": func(w *world) {
			w.dir.RenameGroup(w.admins, "chiefs")
			w.grantIn("g2", "ada", "corp", "chiefs", 9)
		},
		"a permanent member": func(w *world) {
			w.rule("admins", func(r *engine.Rules) { r.Standing = []engine.Person{person("ada")} })
		},
		"a permanent member everywhere": func(w *world) {
			clear(w.cfg.Groups)
			w.cfg.Defaults.Standing = []engine.Person{person("ada")}
		},
		"a resource that left": func(w *world) {
			g := w.grants[0]
			g.Group, g.Resource = engine.GroupRef{}, "db"
			g.When.Until = morning.Add(9 * time.Hour)
			w.grants = []engine.Grant{g}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "ada")
			w.grant("g1", "ada", 1)
			w.run()
			w.members("ada")
			w.pass(time.Hour)
			more(w)
			r := engine.New(w.cfg) // a new process: it knows what the ledger knows
			if res := w.runIn(r, whateverEnd); len(res.Plan.Changes) > 0 {
				t.Errorf("planned %s", planLines(res.Plan))
			}
			w.members("ada")
		})
	}
}

// A run of some groups does what was agreed, and no surprise.
func TestScopeLeavesSurprisesToAWholeRun(t *testing.T) {
	w := newWorld(t, append(crowd("new", 3), "ada", "bob", "eve")...)
	w.rule("admins", func(r *engine.Rules) { r.Foreign, r.Notice = engine.ForeignRemove, 0 })
	w.dir.Put(w.admins, w.ids["eve"])
	w.grant("g1", "ada", 1)
	w.grant("g2", "bob", 9)
	r := engine.New(w.cfg)
	w.runIn(r, theAdmins)
	w.members("ada", "bob", "eve")
	w.pass(2 * time.Hour)
	w.withdraw("g2")
	w.grant("g3", "new00", 1)
	res := w.runIn(r, theAdmins)
	w.changes(res.Plan, "remove ada ends", "add new00 starts")
	if !res.Rest || len(res.Against) > 0 {
		t.Errorf("bob's withdrawal was left, because of no limit: %v, %+v", res.Rest, res.Against)
	}
	w.members("bob", "eve", "new00")
	if len(w.ledger.holds) > 0 {
		t.Errorf("a run of some groups holds: %+v", w.ledger.holds)
	}
	w.run()
	res = w.runIn(r, engine.Scope{}) // notice is over, and the whole is looked at
	w.members("new00")
}

// Law 11: what is left because of a limit is told, with the limit.
func TestScopeLeavesTooManyAdditionsToAWholeRun(t *testing.T) {
	for group, limit := range map[string]func(*world){
		"":            func(w *world) { w.cfg.Limits.Add = 5 },
		"corp/admins": func(w *world) { w.rule("admins", func(r *engine.Rules) { r.Limits.Add = 5 }) },
	} {
		people := crowd("p", 6)
		w := newWorld(t, people...)
		limit(w)
		w.grantAll(people, 1)
		r := engine.New(w.cfg)
		res := w.runIn(r, theAdmins)
		if len(res.Plan.Changes) > 0 || !res.Rest {
			t.Errorf("planned %s, rest %v", planLines(res.Plan), res.Rest)
		}
		if len(res.Against) != 1 || res.Against[0].Limit != engine.LimitAdd || res.Against[0].Group != group || res.Against[0].Value != 6 {
			t.Errorf("the limit of %q: left because of %+v", group, res.Against)
		}
		w.members()
		if res := w.runIn(r, engine.Scope{}); res.Plan.HeldDigest() == "" || len(res.Against) > 0 {
			t.Errorf("the whole run holds %q, and left because of %+v", res.Plan.HeldDigest(), res.Against)
		}
	}
}

// A limit that objects to nothing of what is left is not told: a group that reads
// too small is no reason why a withdrawal waits in another.
func TestScopeTellsOnlyWhatHoldsSomething(t *testing.T) {
	people := crowd("p", 9)
	w := newWorld(t, append(people, "ada", "bob")...)
	for _, p := range people {
		w.dir.Put(w.admins, w.ids[p])
	}
	staff := w.group("staff")
	w.grantIn("g1", "ada", "corp", "staff", 9)
	w.run()
	w.run()
	w.dir.Lie(w.admins, memory.Empty)
	w.withdraw("g1")
	w.grant("g2", "bob", 9)
	r := engine.New(w.cfg)
	res := w.runIn(r, engine.Scope{Names: []string{"admins", "staff"}})
	w.changes(res.Plan, "add bob starts")
	if !res.Rest || len(res.Against) > 0 {
		t.Errorf("left something: %v, because of %+v; the withdrawal in %s is held by no limit", res.Rest, res.Against, staff)
	}
	w.objects(w.plan(), engine.LimitReading)
}

// A hold on record tells which limit holds which change.
func TestObjectionFromRecordCoversWhatItHolds(t *testing.T) {
	people := crowd("p", 3)
	w := newWorld(t, people...)
	w.group("staff")
	w.rule("admins", func(r *engine.Rules) { r.Limits.Add = 1 })
	w.grantAll(people, 1)
	w.grantIn("s", "p00", "corp", "staff", 1)
	p := w.plan()
	var read engine.Plan
	text, err := json.Marshal(p)
	if err == nil {
		err = json.Unmarshal(text, &read)
	}
	if err != nil || len(read.Objections) != 1 {
		t.Fatalf("%v, %+v", err, read.Objections)
	}
	for _, c := range read.Changes {
		if read.Objections[0].Covers(c) != c.Held {
			t.Errorf("%s in %s is held: %t, and %+v says otherwise", c.Person, c.Group, c.Held, read.Objections[0])
		}
	}
}

// Groups out of the scope are not even looked up.
func TestScopeAsksOnlyForItsGroups(t *testing.T) {
	w := newWorld(t, "ada")
	for i := range 20 {
		w.group(fmt.Sprintf("other%02d", i))
	}
	w.grant("g1", "ada", 1)
	r := engine.New(w.cfg)
	w.runIn(r, engine.Scope{})
	lists, finds := w.dir.Calls(memory.CallMembers), w.dir.Calls(memory.CallGroup)
	w.runIn(r, theAdmins)
	if n := w.dir.Calls(memory.CallMembers) - lists; n != 1 {
		t.Errorf("%d listings for one group", n)
	}
	if n := w.dir.Calls(memory.CallGroup) - finds; n != 1 {
		t.Errorf("%d names looked up for one group", n)
	}
}

// gated is a directory whose listings wait until somebody opens the gate.
type gated struct {
	*memory.Directory
	listing, gate chan struct{}
}

func (g *gated) Members(ctx context.Context, id engine.GroupID) ([]engine.Member, error) {
	ms, err := g.Directory.Members(ctx, id)
	if gate := g.gate; gate != nil {
		g.listing <- struct{}{}
		<-gate
	}
	return ms, err
}

// While a whole run lists, an end is carried out; and the run then undoes
// nothing by what it had read before.
func TestEndWhileAWholeRunReads(t *testing.T) {
	w := newWorld(t, "ada", "bob")
	w.grant("g1", "ada", 1)
	dir := &gated{Directory: w.dir}
	w.cfg.Directories["corp"] = dir
	r := engine.New(w.cfg)
	w.runIn(r, theAdmins)
	w.members("ada")
	w.pass(time.Hour)
	w.grant("g2", "bob", 1)

	dir.listing, dir.gate = make(chan struct{}), make(chan struct{})
	whole := make(chan engine.Result)
	go func() {
		res, err := r.RunIn(context.Background(), "serve", engine.Scope{Directory: "corp"})
		if err != nil {
			t.Error(err)
		}
		whole <- res
	}()
	<-dir.listing // ada is still listed, and due
	w.runIn(r, adminsEnd)
	w.members()
	sent := w.writes()
	gate := dir.gate
	dir.gate = nil
	close(gate)
	res := <-whole
	w.members("bob")
	if n := w.writes() - sent; n != 1 {
		t.Errorf("%d writes after the end, want bob's addition only", n)
	}
	if res.Counts.Yielded != 1 || len(res.Yielded) != 1 || res.Yielded[0].ID != w.admins {
		t.Errorf("yielded %d changes in %v, want ada's removal", res.Counts.Yielded, res.Yielded)
	}
	w.runIn(r, engine.Scope{})
	w.quiet()
	if w.owns("ada") != nil {
		t.Errorf("ada: %+v", w.owns("ada"))
	}
}

// hung is a directory whose changes wait until somebody opens the gate.
type hung struct {
	*memory.Directory
	sending, gate chan struct{}
}

func (h *hung) Change(ctx context.Context, g engine.GroupID, add, remove []engine.Member) (added, removed []engine.Effect) {
	if h.gate != nil {
		gate := h.gate
		h.gate = nil
		h.sending <- struct{}{}
		<-gate
	}
	return h.Directory.Change(ctx, g, add, remove)
}

// What one run has in hand another does not write about, whatever it decided:
// here that somebody stays, whose removal is on its way.
func TestWhatIsInHandIsLeftAlone(t *testing.T) {
	w := newWorld(t, "ada")
	dir := &hung{Directory: w.dir}
	w.cfg.Directories["corp"] = dir
	w.grant("g1", "ada", 1)
	r := engine.New(w.cfg)
	w.runIn(r, theAdmins)
	w.pass(time.Hour)
	dir.sending, dir.gate = make(chan struct{}), make(chan struct{})
	gate, done := dir.gate, make(chan error)
	go func() {
		_, err := r.RunIn(context.Background(), "serve", engine.Scope{Directory: "corp", Ends: true})
		done <- err
	}()
	<-dir.sending
	w.until("g1", morning.Add(9*time.Hour)) // too late to stop it
	w.runIn(r, engine.Scope{})
	if o := w.owns("ada"); o == nil || o.State != engine.Removing {
		t.Errorf("a removal is on its way, and the ledger says %+v", o)
	}
	close(gate)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w.members()
	w.runIn(r, engine.Scope{})
	w.members("ada")
}

// A grant that is revoked while a long run is on its way adds nobody.
func TestRevokedWhileTheRunIsUnderWay(t *testing.T) {
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 8)
	dir := &gated{Directory: w.dir, listing: make(chan struct{}), gate: make(chan struct{})}
	w.cfg.Directories["corp"] = dir
	r := engine.New(w.cfg)
	done := make(chan error)
	go func() {
		_, err := r.RunIn(context.Background(), "serve", engine.Scope{Directory: "corp"})
		done <- err
	}()
	<-dir.listing
	w.pass(time.Minute)
	w.until("g1", w.clock().Add(-time.Second))
	gate := dir.gate
	dir.gate = nil
	close(gate)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w.members()
	if n := w.writes(); n != 0 {
		t.Errorf("%d writes for a grant that is over", n)
	}
}

// A grant that is extended while a long run is on its way does not end.
func TestExtendedWhileTheRunIsUnderWay(t *testing.T) {
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 1)
	w.run()
	w.pass(time.Hour)
	dir := &gated{Directory: w.dir, listing: make(chan struct{}), gate: make(chan struct{})}
	w.cfg.Directories["corp"] = dir
	r := engine.New(w.cfg)
	done := make(chan error)
	go func() {
		_, err := r.RunIn(context.Background(), "serve", engine.Scope{Directory: "corp"})
		done <- err
	}()
	<-dir.listing
	w.pass(time.Minute)
	w.until("g1", w.clock().Add(time.Hour))
	gate := dir.gate
	dir.gate = nil
	close(gate)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w.members("ada")
	if n := w.writes(); n != 1 {
		t.Errorf("%d writes, want the addition only", n)
	}
}

// lease is held until it is lost.
type lease struct {
	token int64
	lost  error
}

func (l *lease) Check() error { return l.lost }
func (l *lease) Token() int64 { return l.token }

var errLost = errors.New("lease on corp is lost")

func TestNothingIsSentWithoutTheLease(t *testing.T) {
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 1)
	l := &lease{token: 7}
	w.cfg.Lease = func(engine.Directory) engine.Lease { return l }
	r := engine.New(w.cfg)
	l.lost = errLost
	res := w.runIn(r, theAdmins)
	if w.writes() != 0 || len(res.Failures) != 1 {
		t.Fatalf("%d writes, failures %+v", w.writes(), res.Failures)
	}
	l.lost = nil
	w.runIn(r, theAdmins)
	w.members("ada")
	for _, b := range w.ledger.fenced {
		if !slices.Equal(b, []engine.Fence{{Directory: "corp", Token: 7}}) {
			t.Fatalf("written under %+v", b)
		}
	}
}

// stolen is a directory on which somebody takes the lease over while it is
// written to.
type stolen struct {
	*memory.Directory
	steal func()
}

func (s *stolen) Change(ctx context.Context, g engine.GroupID, add, remove []engine.Member) (added, removed []engine.Effect) {
	added, removed = s.Directory.Change(ctx, g, add, remove)
	s.steal()
	return added, removed
}

// Somebody else took the lease over between the answer and its record: what was
// sent is in the audit log, and the ledger is the other's.
func TestOutcomeAfterTheLeaseWasLost(t *testing.T) {
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 1)
	l := &lease{token: 1}
	w.cfg.Lease = func(engine.Directory) engine.Lease { return l }
	w.cfg.Directories["corp"] = &stolen{w.dir, func() { w.ledger.fence("corp", 2) }}
	r := engine.New(w.cfg)
	_, err := r.RunIn(context.Background(), "serve", engine.Scope{Directory: "corp"})
	if !errors.Is(err, engine.ErrFenced) {
		t.Fatalf("the run says %v", err)
	}
	if o := w.owns("ada"); o == nil || o.State != engine.Adding {
		t.Errorf("the intent reads %+v", o)
	}
	if kinds := w.ledger.kinds(0); !slices.Contains(kinds, engine.EventHappened) {
		t.Errorf("what was sent is not on record: %v", kinds)
	}
	l.token = 2
	w.runIn(r, engine.Scope{})
	w.members("ada")
	if o := w.owns("ada"); o == nil || o.State != engine.Added {
		t.Errorf("who took over settles it: %+v", o)
	}
}

// A release of what a plan of everything holds lets the runs of single
// directories go on.
func TestHoldOfSeveralDirectoriesHasParts(t *testing.T) {
	w := newWorld(t, "ada", "bob")
	other, ops := w.twoDirectories("ada", "bob")
	w.cfg.Limits.Remove = 0
	w.grant("g1", "ada", 8)
	w.grantIn("g2", "bob", "okta", "admins", 8)
	w.run()
	if len(other.Roster(ops)) != 1 {
		t.Fatal("bob is not in")
	}
	w.withdraw("g1", "g2")
	p := w.plan()
	if p.HeldDigest() == "" || len(w.ledger.holds) != 1 {
		t.Fatalf("holds %+v", w.ledger.holds)
	}
	hold := w.ledger.holds[p.HeldDigest()]
	r := engine.New(w.cfg)
	for _, d := range []engine.Directory{"corp", "okta"} {
		res, err := r.RunIn(context.Background(), "serve", engine.Scope{Directory: d})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(hold.Parts, engine.Part{Directory: d, Digest: res.Plan.HeldDigest()}) {
			t.Errorf("a run of %s holds %s, and the parts are %+v", d, res.Plan.HeldDigest(), hold.Parts)
		}
	}
}

// minutely is a source that takes a minute, as a run does that waits for its quota.
type minutely struct{ *world }

func (s minutely) Grants(ctx context.Context) ([]engine.Grant, error) {
	s.pass(time.Minute)
	return s.world.Grants(ctx)
}

// An end is confirmed when the listing was asked for that showed it, and not
// when its run began: that may have been before the removal.
func TestAnEndIsConfirmedWhenItIsRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 1)
	w.run()
	w.pass(time.Hour)
	w.runIn(engine.New(w.cfg), whateverEnd)
	w.cfg.Sources = []engine.Source{minutely{w}}
	w.run()
	if p := w.ledger.past; len(p) != 1 || !p[0].Confirmed.Equal(w.now) {
		t.Errorf("past %+v, want it confirmed at %s", p, w.now)
	}
}

// A look that came too soon after another run's removal says that somebody has
// to look again.
func TestALookThatProvesNothingIsNotTheLast(t *testing.T) {
	w := newWorld(t, "ada", "bob")
	const grace = 10 * time.Second // of this directory
	w.dir.SetGrace(grace)
	w.grant("g1", "ada", 1)
	r := engine.New(w.cfg)
	w.runIn(r, theAdmins)
	w.pass(time.Hour)
	w.runIn(r, adminsEnd)
	w.members()
	w.pass(grace / 2)
	res := w.runIn(r, theAdmins)
	if len(res.Past) != 0 || len(res.Open) != 1 || res.Open[0].ID != w.admins {
		t.Fatalf("inside the grace: over %+v, open %v; want it open", res.Past, res.Open)
	}
	w.pass(grace)
	if res = w.runIn(r, theAdmins); len(res.Past) != 1 || len(res.Open) != 0 {
		t.Errorf("after the grace: over %+v, open %v; want it over", res.Past, res.Open)
	}
}

// unpaged is a ledger that cannot be read by group.
type unpaged struct {
	*memLedger
	asked atomic.Int32
}

var errUnpaged = errors.New("the disk is gone")

func (l *unpaged) Page(context.Context, engine.Group) (engine.Page, error) {
	l.asked.Add(1)
	return engine.Page{}, errUnpaged
}

// A ledger that cannot be read is not asked about every other group, each of which
// may take its time, and is told of once.
func TestEndsStopWhereTheLedgerCannotBeRead(t *testing.T) {
	w := newWorld(t, "ada")
	for i := range 50 {
		name := fmt.Sprintf("g%02d", i)
		w.group(name)
		w.grantIn(name, "ada", "corp", name, 1)
	}
	w.run()
	w.pass(2 * time.Hour)
	ledger := &unpaged{memLedger: w.ledger}
	w.cfg.Ledger = ledger
	_, err := engine.New(w.cfg).RunIn(t.Context(), "serve", engine.Scope{Directory: "corp", Ends: true})
	if !errors.Is(err, errUnpaged) || strings.Count(err.Error(), errUnpaged.Error()) != 1 {
		t.Errorf("error %v", err)
	}
	if n := ledger.asked.Load(); n != 1 {
		t.Errorf("%d groups were read one after the other", n)
	}
}
