package access_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

const (
	ada    engine.Person = "ada@example.org" // asks
	bob    engine.Person = "bob@example.org" // a lead
	cyd    engine.Person = "cyd@example.org" // a lead
	dan    engine.Person = "dan@example.org" // safety
	eve    engine.Person = "eve@example.org" // nobody
	admAda engine.Person = "adm-ada@example.org"
	admBob engine.Person = "adm-bob@example.org"
	gus    engine.Person = "gus@example.org" // Ada's manager
)

var ci = access.Actor{Person: "svc-ci@example.org", Machine: "ci"}

func byLead() access.Who { return access.Who{Groups: []engine.GroupRef{leads}} }

// bench is one request and the world around it. Its acts fail the test unless
// they are said to be refused.
type bench struct {
	*testing.T
	world  world
	policy access.Policy
	now    time.Time
	r      access.Request
	told   []engine.Event
}

// production has two leads, then safety, and all the rest.
func production() access.Policy {
	return access.Policy{
		Name: "production", Ask: access.Who{Anyone: true, Machines: []string{"ci", "dans", "bare"}}, For: access.Anyone,
		Max: 8 * time.Hour, Default: 2 * time.Hour, Ahead: 30 * 24 * time.Hour, Pending: 7 * 24 * time.Hour,
		Steps: []access.Step{
			{Name: "leads", Approvers: byLead(), Quorum: 2},
			{Name: "safety", Approvers: access.Who{Groups: []engine.GroupRef{safety}}, Quorum: 1},
		},
		BreakGlass: &access.BreakGlass{
			Ask: access.Who{Anyone: true, Machines: []string{"bare"}}, Max: time.Hour,
			Review: access.Review{By: byLead(), Within: 4 * time.Hour},
		},
		Extend: &access.Extend{Times: 1, Max: 4 * time.Hour, Steps: []access.Step{{Name: "a lead", Approvers: byLead(), Quorum: 1}}},
	}
}

// staging has one lead.
func staging() access.Policy {
	p := production()
	p.Steps = []access.Step{{Name: "a lead", Approvers: byLead(), Quorum: 1}}
	return p
}

func set(t *testing.T, p access.Policy) *bench {
	return &bench{T: t, policy: p, now: epoch, world: world{
		members: map[engine.GroupRef][]engine.Person{
			leads: {ada, admAda, bob, admBob, cyd, dan}, safety: {admAda, bob, admBob, dan}, oncall: {ada},
		},
		human:   map[engine.Person]engine.Person{admAda: ada, admBob: bob},
		manager: map[engine.Person]engine.Person{ada: gus},
	}}
}

func as(p engine.Person) access.Actor { return access.Actor{Person: p, Via: access.Page} }

func (b *bench) took(r access.Request, events []engine.Event, err error) error {
	b.Helper()
	if err == nil {
		b.r, b.told = r, append(b.told, events...)
	}
	return err
}

func (b *bench) tryAsk(by access.Actor, w access.Wish) error {
	if w.Person == "" {
		w.Person = ada
	}
	if w.Reason == "" {
		w.Reason = "CHG-1"
	}
	w.ID, b.told = "r1", nil
	return b.took(b.world.ask(w, b.policy, access.Act{By: by, At: b.now}))
}

func (b *bench) tryDecide(by access.Actor, approve bool) error {
	b.tick()
	return b.took(b.world.decide(b.r, approve, access.Act{By: by, At: b.now, Comment: "so be it"}))
}

func (b *bench) tryExtend(by access.Actor, length time.Duration) error {
	b.tick()
	return b.took(b.world.extend(b.r, length, access.Act{By: by, At: b.now}))
}

func (b *bench) tryEnd(by access.Actor, over bool) error {
	b.tick()
	return b.took(b.r.End(access.Act{By: by, At: b.now}, over))
}

func (b *bench) tryWithdraw(by access.Actor) error {
	b.tick()
	return b.took(b.r.Withdraw(access.Act{By: by, At: b.now}))
}

func (b *bench) tryReview(by access.Actor) error {
	b.tick()
	return b.took(b.world.review(b.r, true, access.Act{By: by, At: b.now, Comment: "it was one"}))
}

func (b *bench) ask(w access.Wish) { b.Helper(); b.must(b.tryAsk(as(ada), w)) }

func (b *bench) approve(by ...engine.Person) {
	b.Helper()
	for _, p := range by {
		b.must(b.tryDecide(as(p), true))
	}
}

func (b *bench) tick() {
	r, events := b.r.Tick(b.now)
	b.r, b.told = r, append(b.told, events...)
}

func (b *bench) pass(d time.Duration) {
	b.now = b.now.Add(d)
	b.tick()
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) refused(k access.Kind, err error) {
	b.Helper()
	if access.KindOf(err) != k {
		b.Fatalf("got %v (%s), want a refusal: %s", err, access.KindOf(err), k)
	}
}

func (b *bench) is(s access.Status) {
	b.Helper()
	if b.r.Status != s {
		b.Fatalf("it is %s, want %s; %s", b.r.Status, s, kinds(b.told))
	}
}

func (b *bench) lasts(from, until time.Time) {
	b.Helper()
	if w, ok := b.r.Window(); !ok || !w.From.Equal(from) || !w.Until.Equal(until) {
		b.Fatalf("access is from %s until %s (%t), want %s until %s", w.From, w.Until, ok, from, until)
	}
}

func (b *bench) tells(want ...engine.EventKind) {
	b.Helper()
	if got := kinds(b.told); !slices.Equal(got, want) {
		b.Fatalf("it tells %s, want %s", got, want)
	}
}

// ---- approvals

func TestEveryApprovalIsNeeded(t *testing.T) {
	b := set(t, production())
	b.ask(access.Wish{})
	for _, p := range []engine.Person{bob, cyd} {
		b.is(access.Asked)
		b.approve(p)
	}
	b.is(access.Asked)
	b.refused(access.Forbidden, b.tryDecide(as(eve), true))
	b.approve(dan)
	b.is(access.Approved)
	b.tells(engine.EventRequested, engine.EventApproved, engine.EventApproved, engine.EventApproved, engine.EventGranted)
	for i, want := range []string{"", "leads", "leads", "safety", ""} {
		if got := b.told[i].Step; got != want {
			t.Errorf("%s is about step %q, want %q", b.told[i].Kind, got, want)
		}
	}
	if e := b.told[1]; e.By != string(bob) || e.Via != "page" || e.Reason != "so be it" || e.Request != "r1" || e.Person != ada || e.Group != "prod-db" {
		t.Errorf("the approval does not tell who, how and why: %+v", e)
	}
}

func TestReplayedApproval(t *testing.T) {
	b := set(t, production())
	b.ask(access.Wish{})
	b.approve(bob)
	b.refused(access.Conflict, b.tryDecide(as(bob), true))
	if n := b.r.Course.Approvals(0); n != 1 {
		t.Errorf("%d approvals of one human", n)
	}
	b.approve(cyd, dan)
	b.refused(access.Conflict, b.tryDecide(as(dan), true))
}

func TestApproverCountsOnceUnderTwoAddresses(t *testing.T) {
	b := set(t, production())
	b.ask(access.Wish{})
	b.approve(bob)
	b.refused(access.Conflict, b.tryDecide(as(admBob), true))
	b.world.silent = []string{"same"}
	b.refused(access.Doubt, b.tryDecide(as(cyd), true))
}

// Whoever approved a step thinks again while it waits, under whichever address;
// later the request is not theirs to stop any more.
func TestSecondThought(t *testing.T) {
	for _, again := range []engine.Person{bob, admBob} {
		b := set(t, production())
		b.ask(access.Wish{})
		b.approve(bob)
		b.must(b.tryDecide(as(again), false))
		b.is(access.Denied)
		if n := b.r.Course.Approvals(0); n != 1 || len(b.r.Course.Decisions) != 2 {
			t.Errorf("%s: what was approved is not on record: %+v", again, b.r.Course.Decisions)
		}
	}
	b := set(t, production())
	b.ask(access.Wish{})
	b.approve(bob)
	b.world.members[leads] = []engine.Person{cyd, dan} // who is no approver any more does not deny
	b.refused(access.Forbidden, b.tryDecide(as(bob), false))
	b.approve(cyd)
	b.refused(access.Forbidden, b.tryDecide(as(bob), false)) // bob is safety too
	b.is(access.Asked)
}

func TestNobodyCountsInTwoSteps(t *testing.T) {
	b := set(t, production())
	b.ask(access.Wish{})
	b.approve(bob, cyd)
	b.refused(access.Forbidden, b.tryDecide(as(bob), true)) // bob is safety too
	b.refused(access.Forbidden, b.tryDecide(as(admBob), true))
	b.is(access.Asked)

	b = set(t, production())
	b.policy.Twice = true
	b.ask(access.Wish{})
	b.approve(bob)
	b.refused(access.Conflict, b.tryDecide(as(admBob), true)) // never twice in one step
	b.approve(cyd, bob)
	b.is(access.Approved)
}

func TestApprovalsStillCountAfterEscalationAndOnlyOnce(t *testing.T) {
	b := set(t, production())
	b.policy.Steps[0].Within = time.Hour
	b.policy.Steps[0].Escalate = &access.Escalate{To: access.Who{People: []engine.Person{eve, bob}}}
	b.ask(access.Wish{})
	b.approve(bob)
	b.pass(time.Hour)
	b.refused(access.Conflict, b.tryDecide(as(bob), true))
	b.refused(access.Conflict, b.tryDecide(as(admBob), true))
	b.approve(eve)
	if b.r.Course.Step != 1 {
		t.Errorf("step %d waits, want 1", b.r.Course.Step)
	}
}

func TestQuorumOfMoreThanThereAreLapses(t *testing.T) {
	b := set(t, staging())
	b.policy.Steps[0].Quorum = 9
	b.ask(access.Wish{})
	b.approve(bob, cyd, dan)
	b.is(access.Asked)
	b.pass(7 * 24 * time.Hour)
	b.is(access.Lapsed)
}

func TestQuorumOfNoneNeedsOne(t *testing.T) {
	b := set(t, staging())
	b.policy.Steps[0].Quorum = 0
	b.ask(access.Wish{})
	b.is(access.Asked)
	b.approve(bob)
	b.is(access.Approved)
}

func TestOneDenialDenies(t *testing.T) {
	b := set(t, production())
	b.ask(access.Wish{})
	b.approve(bob)
	b.must(b.tryDecide(as(cyd), false))
	b.is(access.Denied)
	b.refused(access.Conflict, b.tryDecide(as(dan), true))
	b.refused(access.Conflict, b.tryWithdraw(as(ada)))
	b.refused(access.Conflict, b.tryEnd(as(ada), false))
	b.tells(engine.EventRequested, engine.EventApproved, engine.EventDenied)
}

func TestApproverRemovedBetweenAskAndDecision(t *testing.T) {
	b := set(t, staging())
	b.ask(access.Wish{})
	b.world.members[leads] = []engine.Person{cyd}
	b.refused(access.Forbidden, b.tryDecide(as(bob), true))
	b.refused(access.Forbidden, b.tryDecide(as(bob), false))
	b.approve(cyd)
	b.is(access.Approved)
}

func TestNothingIsDecidedOnADoubtfulAnswer(t *testing.T) {
	for what, p := range map[string]access.Policy{"leads": staging(), "same": staging(), "held": staging(), "profiles": staging()} {
		b := set(t, p)
		b.policy.NotWith = []string{"audit"}
		if what == "profiles" {
			b.policy.Steps[0].Approvers = access.Who{Manager: true}
		}
		b.ask(access.Wish{})
		b.world.silent = []string{what}
		b.refused(access.Doubt, b.tryDecide(as(bob), true))
		if what == "held" || what == "same" { // nothing is given by a denial
			b.is(access.Asked)
			b.must(b.tryDecide(as(bob), false))
			b.tells(engine.EventRequested, engine.EventDenied)
			continue
		}
		b.refused(access.Doubt, b.tryDecide(as(bob), false))
		b.is(access.Asked)
		b.tells(engine.EventRequested)
	}
	// The right of one who is named is certain, whatever else is not.
	b := set(t, staging())
	b.policy.Steps[0].Approvers = access.Who{People: []engine.Person{eve}, Groups: []engine.GroupRef{leads}, Manager: true, When: "unknown"}
	b.ask(access.Wish{})
	b.world.silent = []string{"leads", "profiles"}
	b.refused(access.Doubt, b.tryDecide(as(bob), true))
	b.approve(eve)
	b.is(access.Approved)
}

func TestFactsAboutOthersDecideNothing(t *testing.T) {
	b := set(t, staging())
	b.policy.Steps[0].Approvers = access.Who{Anyone: true}
	b.ask(access.Wish{})
	good := func() access.Facts {
		return b.world.facts(ada, as(ada), as(bob), b.r.WantsToDecide(b.world.resource(), vocabulary))
	}
	for name, spoil := range map[string]func(*access.Facts){
		"none":            func(f *access.Facts) { *f = access.Facts{} },
		"other approver":  func(f *access.Facts) { f.Approver.Person = cyd },
		"a machine":       func(f *access.Facts) { f.Approver.Machine = "ci" },
		"no approver":     func(f *access.Facts) { f.Approver = access.Subject{} },
		"other person":    func(f *access.Facts) { f.Person.Person = cyd },
		"other requester": func(f *access.Facts) { f.Requester.Person = cyd },
		"other resource":  func(f *access.Facts) { f.Resource.Name = "staging-db" },
		"nobody same":     func(f *access.Facts) { f.Same = nil },
	} {
		f := good()
		spoil(&f)
		if _, _, err := b.r.Decide(true, access.Act{By: as(bob), At: b.now}, f, vocabulary); access.KindOf(err) != access.Doubt {
			t.Errorf("%s: got %v, want a doubt", name, err)
		}
	}
	if _, _, err := b.r.Decide(true, access.Act{By: access.Actor{}, At: b.now}, good(), vocabulary); err == nil {
		t.Error("nobody approved it, and it counts")
	}
	b.must(b.took(b.r.Decide(true, access.Act{By: as(bob), At: b.now}, good(), vocabulary)))

	b = set(t, staging())
	b.ask(access.Wish{})
	f := good()
	f.Approver.Groups = nil // nobody asked
	_, _, err := b.r.Decide(true, access.Act{By: as(bob), At: b.now}, f, vocabulary)
	b.refused(access.Doubt, err)
	b.approve(bob)

	f = b.world.facts(ada, as(cyd), access.Actor{}, b.r.WantsToExtend(b.world.resource(), vocabulary)) // who asked is another
	_, _, err = b.r.Extend(time.Hour, "more", access.Act{By: as(ada), At: b.now}, f, vocabulary)
	b.refused(access.Doubt, err)
	w := access.Wish{ID: "r2", Person: ada, Reason: "more"}
	_, _, err = access.Ask(w, b.policy, access.Act{By: as(ada), At: b.now}, f, vocabulary)
	b.refused(access.Doubt, err)
	b.policy.For, f.Self = access.Others, nil // nobody asked whether cyd is ada
	_, _, err = access.Ask(w, b.policy, access.Act{By: as(cyd), At: b.now}, f, vocabulary)
	b.refused(access.Doubt, err)
}

func TestAMachineNeverDecides(t *testing.T) {
	b := set(t, staging())
	b.policy.Steps[0].Approvers = access.Who{Machines: []string{"ci"}, People: []engine.Person{ci.Person}, Anyone: true}
	b.ask(access.Wish{})
	b.refused(access.Forbidden, b.tryDecide(ci, true))
	b.refused(access.Forbidden, b.tryDecide(ci, false))

	b = set(t, staging())
	b.ask(access.Wish{BreakGlass: true})
	b.world.members[leads] = []engine.Person{ci.Person}
	b.refused(access.Forbidden, b.tryReview(ci))
}

// ---- self-approval

func TestRequesterApproves(t *testing.T) {
	b := set(t, staging())
	b.ask(access.Wish{})
	b.refused(access.Forbidden, b.tryDecide(as(ada), true)) // ada is a lead
	b.policy.SelfApproval = true
	b.ask(access.Wish{})
	b.approve(ada)
	b.is(access.Approved)
}

func TestRequesterApprovesThroughSecondAccount(t *testing.T) {
	b := set(t, staging())
	b.ask(access.Wish{})
	b.refused(access.Forbidden, b.tryDecide(as(admAda), true))
	b.world.silent = []string{"same"}
	b.refused(access.Doubt, b.tryDecide(as(admAda), true))
	b.refused(access.Doubt, b.tryDecide(as(bob), true))
	b.is(access.Asked)
}

func TestWhoAsksForAnotherDoesNotApprove(t *testing.T) {
	b := set(t, staging())
	b.must(b.tryAsk(as(bob), access.Wish{Person: ada}))
	for _, p := range []engine.Person{bob, admBob, ada, admAda} {
		b.refused(access.Forbidden, b.tryDecide(as(p), true))
	}
	b.approve(cyd)
	b.is(access.Approved)
}

func TestMachinesPersonDoesNotApprove(t *testing.T) {
	b := set(t, staging())
	b.must(b.tryAsk(access.Actor{Person: bob, Machine: "dans"}, access.Wish{Person: eve}))
	for _, p := range []engine.Person{bob, admBob} {
		b.refused(access.Forbidden, b.tryDecide(as(p), true))
	}
	b.approve(cyd)
	b.is(access.Approved)

	b = set(t, staging())
	b.must(b.tryAsk(access.Actor{Machine: "bare"}, access.Wish{Person: eve})) // nobody behind it
	b.approve(cyd)
	b.is(access.Approved)
}

// TestMakerOfAMachinesTokenDoesNotApprove: whoever made the token can act as the
// machine, and so asked: they decide on none of it, and review none of it, also
// where another token asked first.
func TestMakerOfAMachinesTokenDoesNotApprove(t *testing.T) {
	bobs, eves := access.Actor{Machine: "bare", Maker: bob}, access.Actor{Machine: "bare", Maker: eve}
	b := set(t, staging())
	b.must(b.tryAsk(bobs, access.Wish{Person: ada}))
	for _, p := range []engine.Person{bob, admBob} {
		b.refused(access.Forbidden, b.tryDecide(as(p), true))
		b.refused(access.Forbidden, b.tryDecide(as(p), false))
	}
	b.approve(cyd)
	b.must(b.tryExtend(eves, time.Hour)) // the machine is one, by whichever token
	b.must(b.tryWithdraw(bobs))

	b = set(t, staging())
	b.must(b.tryAsk(eves, access.Wish{Person: ada}))
	b.approve(bob)
	b.must(b.tryExtend(bobs, time.Hour))
	b.refused(access.Forbidden, b.tryDecide(as(bob), true))
	b.refused(access.Forbidden, b.tryDecide(as(admBob), true))
	b.approve(cyd)
	if b.r.Extended() != 1 {
		t.Error("it was not extended")
	}

	b = set(t, staging())
	b.must(b.tryAsk(access.Actor{Machine: "bare", Maker: bob}, access.Wish{BreakGlass: true}))
	b.refused(access.Forbidden, b.tryReview(as(bob)))
	b.refused(access.Forbidden, b.tryReview(as(admBob)))
	b.must(b.tryReview(as(cyd)))
}

// TestWhoIsWhoHoldsUpNoEnd: who cannot be told from whom the access is for does
// not say that it was fine, and ends it.
func TestWhoIsWhoHoldsUpNoEnd(t *testing.T) {
	b := set(t, staging())
	b.ask(access.Wish{BreakGlass: true})
	b.world.silent = []string{"same"}
	b.refused(access.Doubt, b.tryReview(as(cyd)))
	b.must(b.took(b.world.review(b.r, false, access.Act{By: as(cyd), At: b.now, Comment: "it was none"})))
	if b.r.Grant.End == nil {
		t.Error("it goes on")
	}
}

// TestTwoMakersOfOneMachine: the wish of one is not that of the other, for each
// answers for their own; and the audit log tells whose token it was.
func TestTwoMakersOfOneMachine(t *testing.T) {
	b := set(t, staging())
	b.must(b.tryAsk(access.Actor{Machine: "bare", Maker: bob}, access.Wish{Person: ada}))
	other := b.r
	if other.By.Via = access.API; !b.r.Same(other) {
		t.Error("by another way it is another wish")
	}
	if other.By.Maker = cyd; b.r.Same(other) {
		t.Error("what two people asked by one machine is the same wish")
	}
	if got, want := b.told[0].By, "machine bare (token made by bob@example.org)"; got != want {
		t.Errorf("asked by %q, want %q", got, want)
	}
	if got := access.Names(b.told[0].By); !slices.Equal(got, []string{"machine bare", "bob@example.org"}) || access.Names("machine bare") != nil || access.Names(string(bob)) != nil {
		t.Errorf("it names %q", got)
	}
	if a := b.r.By; a.Name() != "machine bare" {
		t.Errorf("it is called %q", a.Name())
	}
}

func TestNobodyApprovesTheExtensionOfWhatTheyAskedFor(t *testing.T) {
	b := set(t, staging())
	b.must(b.tryAsk(as(bob), access.Wish{Person: ada}))
	b.approve(cyd)
	b.must(b.tryExtend(as(ada), time.Hour))
	for _, p := range []engine.Person{ada, admAda, bob, admBob} {
		b.refused(access.Forbidden, b.tryDecide(as(p), true))
	}
	b.approve(cyd) // of the request too, which is another thing
	if b.r.Extended() != 1 {
		t.Error("it was not extended")
	}
}

// ---- policies

func TestAPolicyWithoutApproversGivesNothing(t *testing.T) {
	b := set(t, staging())
	b.policy.Steps = nil
	b.refused(access.Forbidden, b.tryAsk(as(ada), access.Wish{}))
	b.policy.Auto = "no"
	b.refused(access.Forbidden, b.tryAsk(as(ada), access.Wish{}))
	b.policy.Auto = "unknown"
	b.refused(access.Doubt, b.tryAsk(as(ada), access.Wish{}))
	b.policy.Auto = "yes"
	b.ask(access.Wish{})
	b.is(access.Approved)
	b.tells(engine.EventRequested, engine.EventSkipped, engine.EventGranted)

	// An extension of it is no different.
	b.policy.Extend.Steps = nil
	b.ask(access.Wish{})
	b.must(b.tryExtend(as(ada), time.Hour))
	b.lasts(b.now, b.now.Add(3*time.Hour))
	b.policy.Auto = "on call"
	b.ask(access.Wish{})
	b.world.members[oncall] = nil
	b.refused(access.Forbidden, b.tryExtend(as(ada), time.Hour))
	b.world.silent = []string{"oncall"}
	b.refused(access.Doubt, b.tryExtend(as(ada), time.Hour))
}

func TestApproversWhoAreNobodyApproveNothing(t *testing.T) {
	b := set(t, staging())
	b.policy.Steps[0].Approvers = access.Who{}
	b.ask(access.Wish{})
	b.refused(access.Forbidden, b.tryDecide(as(bob), true))
	b.pass(8 * 24 * time.Hour)
	b.is(access.Lapsed)
}

func TestAutomaticOnlyWhereItCertainlyHolds(t *testing.T) {
	for auto, want := range map[string]access.Status{"yes": access.Approved, "on call": access.Approved, "no": access.Asked, "unknown": access.Asked, "": access.Asked, "never heard of": access.Asked} {
		b := set(t, staging())
		b.policy.Auto = auto
		b.ask(access.Wish{})
		if b.r.Status != want {
			t.Errorf("auto %q: it is %s, want %s", auto, b.r.Status, want)
		}
	}
	b := set(t, staging())
	b.policy.Auto = "on call"
	b.world.silent = []string{"oncall"}
	b.ask(access.Wish{})
	b.is(access.Asked)
}

func TestStepsAreSkippedOnlyWhereItCertainlyHolds(t *testing.T) {
	b := set(t, production())
	b.policy.Steps[0].Skip = "on call"
	b.ask(access.Wish{})
	b.tells(engine.EventRequested, engine.EventSkipped)
	b.refused(access.Forbidden, b.tryDecide(as(cyd), true)) // the step of the leads is over
	b.approve(dan)
	b.is(access.Approved)

	b = set(t, production())
	b.policy.Steps[0].Skip, b.policy.Steps[1].Skip = "unknown", "senior" // who approved the step before is no reason to skip
	b.world.members[senior] = []engine.Person{bob, cyd}
	b.ask(access.Wish{})
	b.approve(bob, cyd)
	b.is(access.Asked)
	b.policy.Steps[1].Skip = "on call"
	b.ask(access.Wish{})
	b.approve(bob)
	b.world.silent = []string{"oncall"}
	b.approve(cyd)
	b.is(access.Asked)
}

func TestWhoMayAsk(t *testing.T) {
	for name, c := range map[string]struct {
		ask  access.Who
		whom access.Whom
		by   access.Actor
		mute string
		want access.Kind
	}{
		"anyone":                  {access.Who{Anyone: true}, access.Self, as(ada), "", ""},
		"of the group":            {byLead(), access.Self, as(ada), "", ""},
		"not of the group":        {access.Who{Groups: []engine.GroupRef{safety}}, access.Self, as(ada), "", access.Forbidden},
		"silent":                  {byLead(), access.Self, as(ada), "leads", access.Doubt},
		"only for themselves":     {access.Who{Anyone: true}, access.Self, as(bob), "", access.Forbidden},
		"for others":              {access.Who{Anyone: true}, access.Others, as(bob), "", ""},
		"only for others":         {access.Who{Anyone: true}, access.Others, as(ada), "", access.Forbidden},
		"the other as oneself":    {access.Who{Anyone: true}, access.Self, as(admAda), "", ""},
		"oneself as the other":    {access.Who{Anyone: true}, access.Others, as(admAda), "", access.Forbidden},
		"themselves unknown":      {access.Who{Anyone: true}, access.Self, as(admAda), "same", access.Doubt},
		"others unknown":          {access.Who{Anyone: true}, access.Others, as(bob), "same", access.Doubt},
		"whoever unknown":         {access.Who{Anyone: true}, access.Anyone, as(bob), "same", ""},
		"their manager":           {access.Who{Manager: true}, access.Anyone, as(gus), "", ""},
		"not their manager":       {access.Who{Manager: true}, access.Anyone, as(bob), "", access.Forbidden},
		"manager unknown":         {access.Who{Manager: true}, access.Anyone, as(gus), "profiles", access.Doubt},
		"expression":              {access.Who{When: "on call"}, access.Self, as(ada), "", ""},
		"machine":                 {access.Who{Machines: []string{"ci"}}, access.Anyone, ci, "", ""},
		"machine not named":       {access.Who{Anyone: true, People: []engine.Person{ci.Person}}, access.Anyone, ci, "", access.Forbidden},
		"person of a machine":     {access.Who{Machines: []string{"ci"}}, access.Anyone, as(ci.Person), "", access.Forbidden},
		"nobody":                  {access.Who{}, access.Anyone, as(ada), "", access.Forbidden},
		"expression of nothing":   {access.Who{When: "never heard of"}, access.Self, as(ada), "", access.Doubt},
		"somebody without a name": {access.Who{Anyone: true, Manager: true}, access.Anyone, access.Actor{}, "", access.Forbidden},
	} {
		b := set(t, staging())
		b.policy.Ask, b.policy.For = c.ask, c.whom
		if c.mute != "" {
			b.world.silent = []string{c.mute}
		}
		if err := b.tryAsk(c.by, access.Wish{}); access.KindOf(err) != c.want || (err == nil) != (c.want == "") {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestWhoLeftAsksInVain(t *testing.T) {
	b := set(t, staging())
	b.policy.Ask = byLead()
	b.ask(access.Wish{})
	b.world.members[leads] = []engine.Person{bob}
	b.refused(access.Forbidden, b.tryDecide(as(bob), true))
	b.is(access.Asked)
	b.must(b.tryDecide(as(bob), false))
	b.is(access.Denied)
}

func TestOwnersApprove(t *testing.T) {
	b := set(t, staging())
	b.world.owners = access.Who{People: []engine.Person{eve}, Owners: true} // owners who own themselves are no circle
	b.policy.Steps[0].Approvers = access.Who{Owners: true}
	b.ask(access.Wish{})
	b.refused(access.Forbidden, b.tryDecide(as(bob), true))
	b.approve(eve)
	b.is(access.Approved)
}

func TestNotWith(t *testing.T) {
	held := []access.Held{{Resource: "audit", Until: epoch.Add(time.Hour)}}
	b := set(t, staging())
	b.policy.NotWith = []string{"audit"}
	for _, glass := range []bool{false, true} {
		b.world.held = held
		b.refused(access.Conflict, b.tryAsk(as(ada), access.Wish{BreakGlass: glass}))
		b.world.held, b.world.silent = nil, []string{"held"}
		b.refused(access.Doubt, b.tryAsk(as(ada), access.Wish{BreakGlass: glass}))
		b.world.silent = nil
	}
	b.world.held = []access.Held{{Resource: "wiki"}}
	b.ask(access.Wish{})
	b.world.held = held // meanwhile
	b.refused(access.Conflict, b.tryDecide(as(bob), true))
	b.is(access.Asked)
	b.world.held = nil
	b.approve(bob)
	b.must(b.tryExtend(as(ada), time.Hour))
	b.world.held = held
	b.refused(access.Conflict, b.tryDecide(as(bob), true))
	for _, h := range []access.Held{{Resource: "audit"}, {Resource: "audit", Standing: true}} {
		b.world.held = []access.Held{h}
		b.refused(access.Conflict, b.tryDecide(as(bob), true))
	}
}

// TestNotWithForOthers: whoever asks for somebody else is not told what those
// hold; the approvers are, and nothing is given.
func TestNotWithForOthers(t *testing.T) {
	for name, c := range map[string]struct {
		by    access.Actor
		auto  string
		skip  string
		wish  access.Wish
		taken bool
	}{
		"oneself":                {as(ada), "", "", access.Wish{}, false},
		"oneself at once":        {as(ada), "yes", "", access.Wish{}, false},
		"another":                {as(bob), "", "", access.Wish{}, true},
		"another by a pipeline":  {ci, "", "", access.Wish{}, true},
		"another at once":        {as(bob), "yes", "", access.Wish{}, false},
		"another, steps skipped": {as(bob), "", "yes", access.Wish{}, false},
		"another, not known":     {as(bob), "unknown", "", access.Wish{}, true},
		"another, an emergency":  {as(bob), "", "", access.Wish{BreakGlass: true}, false},
	} {
		for _, silent := range []bool{false, true} {
			b := set(t, staging())
			b.policy.NotWith, b.policy.Auto, b.policy.Steps[0].Skip = []string{"audit"}, c.auto, c.skip
			b.policy.For, b.policy.Ask = access.Anyone, access.Who{Anyone: true, Machines: []string{"ci"}}
			b.policy.BreakGlass = &access.BreakGlass{Ask: b.policy.Ask, Max: time.Hour, Review: access.Review{By: byLead(), Within: time.Hour}}
			b.world.held = []access.Held{{Resource: "audit", Standing: true}}
			want := access.Conflict
			if silent {
				b.world.silent, want = []string{"held"}, access.Doubt
			}
			err := b.tryAsk(c.by, c.wish)
			if !c.taken && access.KindOf(err) != want || c.taken && err != nil {
				t.Errorf("%s, silent %v: %v", name, silent, err)
			}
			if err != nil {
				continue
			}
			b.is(access.Asked)
			b.refused(want, b.tryDecide(as(cyd), true))
			b.is(access.Asked)
			b.must(b.tryDecide(as(cyd), false))
		}
	}
}

// TestOnceAtATime: what nobody approves is not made longer, or more, by asking
// again.
func TestOnceAtATime(t *testing.T) {
	given := func(from, until time.Duration, glass bool) []access.Given {
		g := access.Given{Request: "r0", BreakGlass: glass}
		g.When.From, g.When.Until = epoch.Add(from), epoch.Add(until)
		return []access.Given{g}
	}
	const h = time.Hour
	now, later := access.Wish{For: h}, access.Wish{For: h, From: epoch.Add(2 * h)}
	for name, c := range map[string]struct {
		auto  string
		given []access.Given
		wish  access.Wish
		want  access.Kind
	}{
		"in force":                    {"yes", given(-h, h, false), now, access.Conflict},
		"over":                        {"yes", given(-h, 0, false), now, ""},
		"begins when it ends":         {"yes", given(0, 2*h, false), later, ""},
		"begins within":               {"yes", given(0, 2*h+1, false), later, access.Conflict},
		"ends when it begins":         {"yes", given(h, 2*h, false), now, ""},
		"ends within":                 {"yes", given(h-1, 2*h, false), now, access.Conflict},
		"for an emergency":            {"yes", given(-h, h, true), now, access.Conflict},
		"approved by somebody":        {"", given(-h, h, false), now, ""},
		"an emergency":                {"", nil, access.Wish{BreakGlass: true}, ""},
		"an emergency beside another": {"", given(-h, h, true), access.Wish{BreakGlass: true}, access.Conflict},
		"an emergency after another":  {"", given(-h, 0, true), access.Wish{BreakGlass: true}, ""},
		"an emergency beside access":  {"", given(-h, h, false), access.Wish{BreakGlass: true}, ""},
	} {
		b := set(t, staging())
		b.policy.Auto, b.world.given = c.auto, c.given
		if err := b.tryAsk(as(ada), c.wish); access.KindOf(err) != c.want || (err == nil) != (c.want == "") {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		b.world.silent = []string{"given"}
		if err := b.tryAsk(as(ada), c.wish); (access.KindOf(err) == access.Doubt) != (c.auto != "" || c.wish.BreakGlass) {
			t.Errorf("%s, not known: got %v", name, err)
		}
	}
}

// TestFrozenPolicy: what the configuration becomes does not reach a request.
func TestFrozenPolicy(t *testing.T) {
	b := set(t, production())
	b.ask(access.Wish{})
	b.policy.Steps[0].Quorum = 1
	b.policy.Steps[0].Approvers.Groups[0] = oncall
	b.policy.Steps[1].Skip = "yes"
	b.approve(bob)
	b.is(access.Asked)
	b.approve(cyd)
	b.is(access.Asked)
	b.approve(dan)
	b.is(access.Approved)
}

// TestNothingIsShared: neither between the configuration and a request, nor
// between two versions of one.
func TestNothingIsShared(t *testing.T) {
	b := set(t, everything())
	apart := func(what string, a, b any) {
		t.Helper()
		seen := map[uintptr]string{}
		reach(reflect.ValueOf(a), "", func(p uintptr, path string) { seen[p] = path })
		reach(reflect.ValueOf(b), "", func(p uintptr, path string) {
			if other, ok := seen[p]; ok {
				t.Errorf("%s: %s is %s of what was before", what, path, other)
			}
		})
	}
	b.ask(access.Wish{Answers: map[string]string{"n": "3"}})
	apart("ask", b.policy, b.r)
	before := b.r
	step := func(what string, act func()) {
		act()
		if before.Version == b.r.Version {
			t.Fatalf("%s changed nothing", what)
		}
		apart(what, before, b.r)
		before = b.r
	}
	step("decide", func() { b.approve(bob) })
	step("tick", func() { b.pass(time.Hour) })
	step("decide", func() { b.approve(cyd) })
	step("grant", func() { b.approve(dan) })
	step("extend", func() { b.must(b.tryExtend(as(ada), time.Hour)) })
	step("extended", func() { b.approve(bob) })
	step("end", func() { b.must(b.tryEnd(as(ada), false)) })
	b.ask(access.Wish{BreakGlass: true, Answers: map[string]string{"n": "3"}})
	before = b.r
	step("late", func() { b.pass(4 * time.Hour) })
	step("close", func() { b.must(b.tryReview(as(bob))) })
	b.ask(access.Wish{Answers: map[string]string{"n": "3"}})
	before = b.r
	step("withdraw", func() { b.must(b.tryWithdraw(as(ada))) })
}

// everything is a policy with something in each of its parts.
func everything() access.Policy {
	p := production()
	one := 1.0
	who := func() access.Who {
		return access.Who{People: []engine.Person{gus}, Groups: []engine.GroupRef{leads, safety}, Machines: []string{"ci"}, Owners: true, Manager: true, When: "no"}
	}
	p.Ask, p.Ask.Anyone = who(), true
	p.NotWith = []string{"audit"}
	p.Questions = []access.Question{
		{Name: "n", Title: "How many", Type: access.TypeNumber, Min: &one, Max: new(9.0), Text: access.Text{Required: true, Hint: "a number"}},
		{Name: "c", Type: access.TypeChoice, Choices: []string{"a", "b"}},
	}
	p.Reason, p.Ticket, p.Auto = access.Text{Required: true, Pattern: ".*", Hint: "why"}, access.Text{Pattern: ".*"}, "no"
	p.Steps[0].Approvers = who()
	p.Steps[0].Within, p.Steps[0].Escalate, p.Steps[0].Skip = time.Hour, &access.Escalate{To: who(), Within: time.Hour}, "no"
	p.BreakGlass.Ask, p.BreakGlass.Review.By = who(), who()
	p.BreakGlass.Ask.Anyone = true
	p.Extend.Steps[0].Approvers, p.Extend.Auto = who(), "no"
	return p
}

// reach calls f for whatever v points to.
func reach(v reflect.Value, path string, f func(uintptr, string)) {
	switch v.Kind() {
	case reflect.Slice:
		if v.Len() > 0 {
			f(v.Pointer(), path)
		}
		for i := range v.Len() {
			reach(v.Index(i), path+"[]", f)
		}
	case reflect.Map:
		if !v.IsNil() {
			f(v.Pointer(), path)
		}
	case reflect.Pointer:
		if !v.IsNil() && v.Type() != reflect.TypeFor[*time.Location]() {
			f(v.Pointer(), path)
			reach(v.Elem(), path, f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			reach(v.Field(i), path+"."+v.Type().Field(i).Name, f)
		}
	}
}

// store lets through who saw the version that is there.
type store struct{ r access.Request }

var errStale = errors.New("stale")

func (s *store) save(r access.Request) error {
	if r.Version != s.r.Version+1 {
		return errStale
	}
	s.r = r
	return nil
}

func TestTwoDecisionsAtOnce(t *testing.T) {
	b := set(t, production())
	b.ask(access.Wish{})
	s := store{b.r}
	one, _, err := b.world.decide(s.r, true, access.Act{By: as(bob), At: b.now})
	b.must(err)
	other, _, err := b.world.decide(s.r, false, access.Act{By: as(cyd), At: b.now})
	b.must(err)
	b.must(s.save(one))
	if err := s.save(other); !errors.Is(err, errStale) {
		t.Fatalf("both were taken: %v", err)
	}
	again, _, err := b.world.decide(s.r, false, access.Act{By: as(cyd), At: b.now})
	b.must(err)
	b.must(s.save(again))
	if s.r.Status != access.Denied || len(s.r.Course.Decisions) != 2 {
		t.Errorf("it is %s by %d decisions", s.r.Status, len(s.r.Course.Decisions))
	}
}

// For others: whoever made the token of a machine gives nothing to themselves by
// it, under no address; nor where it is not known who they are.
func TestMakerOfATokenIsNoOther(t *testing.T) {
	p := staging()
	p.For, p.Auto = access.Others, "yes"
	for _, x := range []struct {
		maker  engine.Person
		silent []string
		want   access.Kind
	}{
		{ada, nil, access.Forbidden},
		{admAda, nil, access.Forbidden},
		{bob, nil, ""},
		{"", nil, ""},
		{bob, []string{"same"}, access.Doubt},
	} {
		b := set(t, p)
		b.world.silent = x.silent
		by := ci
		by.Maker = x.maker
		r, _, err := b.world.ask(access.Wish{ID: "r1", Person: ada, Reason: "a reason"}, p, access.Act{By: by, At: epoch})
		if access.KindOf(err) != x.want {
			t.Errorf("by a token of %q, silent %v: %s, %v", x.maker, x.silent, r.Status, err)
		}
	}
}

// After a review found that an emergency was none, there is no other for a day;
// what is asked for without goes on as ever.
func TestNoEmergencyAfterOneThatWasNone(t *testing.T) {
	for _, x := range []struct {
		since  time.Duration // the review
		glass  bool
		silent []string
		want   access.Kind
	}{
		{time.Second, true, nil, access.Conflict},
		{24*time.Hour - 1, true, nil, access.Conflict},
		{-time.Minute, true, nil, access.Conflict}, // the clock was set back
		{24 * time.Hour, true, nil, ""},
		{time.Second, false, nil, ""},
		{48 * time.Hour, true, []string{"given"}, access.Doubt},
	} {
		b := set(t, staging())
		b.world.unfit, b.world.silent = epoch.Add(-x.since), x.silent
		r, _, err := b.world.ask(access.Wish{ID: "r1", Person: ada, Reason: "fire", BreakGlass: x.glass}, b.policy, access.Act{By: as(ada), At: epoch})
		if access.KindOf(err) != x.want {
			t.Errorf("%s after the review, emergency %t: %s, %v", x.since, x.glass, r.Status, err)
		}
	}
}
