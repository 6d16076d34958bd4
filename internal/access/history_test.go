package access_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// TestMain asks rapid for as many histories as the heart deserves.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked && !testing.Short() {
		_ = flag.Set("rapid.checks", "10000") // the flag exists: rapid is imported here
	}
	os.Exit(m.Run())
}

var (
	epoch  = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	people = []engine.Person{"ada@example.org", "bob@example.org", "cyd@example.org", "dan@example.org", "eve@example.org"}
	// seconds are other accounts of the first three.
	seconds = map[engine.Person]engine.Person{
		"adm-ada@example.org": "ada@example.org", "adm-bob@example.org": "bob@example.org", "adm-cyd@example.org": "cyd@example.org",
	}
	groups = []engine.GroupRef{oncall, senior, leads, safety}

	machines = []access.Actor{
		{Person: "svc-ci@example.org", Machine: "ci"},
		{Person: "dan@example.org", Machine: "dans"},
		{Machine: "bare"},
		{Person: "svc-ci@example.org", Machine: "ci", Maker: "bob@example.org"},
		{Machine: "bare", Maker: "adm-ada@example.org"},
	}
)

func everybody() []engine.Person {
	return append(slices.Clone(people), "adm-ada@example.org", "adm-bob@example.org", "adm-cyd@example.org", "svc-ci@example.org")
}

// drawn draws what a history is made of.
type drawn struct{ *rapid.T }

// even draws from 0 to 255, each as likely; rapid's own ranges prefer the small.
var even = rapid.Custom(func(t *rapid.T) int {
	n := 0
	for range 8 {
		if n *= 2; rapid.Bool().Draw(t, "bit") {
			n++
		}
	}
	return n
})

func (t drawn) below(n int) int { return even.Draw(t.T, "choice") % n }

func (t drawn) chance(percent int) bool { return t.below(100) >= 100-percent }

func pick[T any](t drawn, from ...T) T { return from[t.below(len(from))] }

func (t drawn) some() []engine.Person {
	var all []engine.Person
	mask, sieve := even.Draw(t.T, "people"), even.Draw(t.T, "sieve")
	for i, p := range everybody()[:8] {
		if mask&sieve&(1<<i) != 0 {
			all = append(all, p)
		}
	}
	return all
}

func (t drawn) who() access.Who {
	w := access.Who{People: t.some()}
	if t.chance(50) {
		w.Groups = []engine.GroupRef{pick(t, groups...)}
	}
	w.Owners, w.Manager = t.chance(20), t.chance(20)
	if t.chance(20) {
		w.When = pick(t, "on call", "senior", "unknown", "no")
	}
	return w
}

func (t drawn) askers() access.Who {
	w := t.who()
	w.Anyone = t.chance(70)
	w.Machines = []string{"ci", "dans", "bare"}
	return w
}

func (t drawn) steps(most int) []access.Step {
	var all []access.Step
	for i := range t.below(most + 1) {
		s := access.Step{Name: fmt.Sprintf("step %d", i+1), Approvers: t.who(), Quorum: pick(t, 1, 1, 1, 2, 2, 3)}
		if t.chance(20) {
			s.Skip = pick(t, "yes", "on call", "senior", "unknown", "no")
		}
		if t.chance(40) {
			s.Within = pick(t, time.Hour, 4*time.Hour, 30*time.Hour)
			if t.chance(60) {
				s.Escalate = &access.Escalate{To: t.who(), Within: pick(t, 0, time.Hour, 9*time.Hour)}
			}
		}
		all = append(all, s)
	}
	return all
}

func (t drawn) policy() access.Policy {
	p := access.Policy{
		Name: "production", Ask: t.askers(), For: pick(t, access.Anyone, access.Anyone, access.Self, access.Others),
		Max: 12 * time.Hour, Default: 2 * time.Hour, Ahead: 48 * time.Hour, Steps: t.steps(4),
		Pending: pick(t, time.Hour, 10*time.Hour, 7*24*time.Hour),
	}
	if t.chance(20) {
		p.Auto = pick(t, "yes", "on call", "senior", "unknown", "no")
	}
	if t.chance(25) {
		p.NotWith = []string{"audit"}
	}
	if t.chance(40) {
		p.BreakGlass = &access.BreakGlass{Ask: t.askers(), Max: time.Hour, Review: access.Review{By: t.who(), Within: 4 * time.Hour}}
	}
	if t.chance(70) {
		p.Extend = &access.Extend{Times: pick(t, 1, 2), Max: 4 * time.Hour, Steps: t.steps(2)}
		if t.chance(30) {
			p.Extend.Auto = pick(t, "yes", "on call", "unknown", "no")
		}
	}
	p.SelfApproval, p.Twice = t.chance(10), t.chance(10)
	return p
}

func (t drawn) actor() access.Actor {
	a := access.Actor{Person: pick(t, everybody()...)}
	if t.chance(10) {
		a = pick(t, machines...)
	}
	return a
}

// history is a request, its oracle, and a world that goes on.
type history struct {
	drawn
	now    time.Time
	world  *world
	oracle *oracle
	r      access.Request
	frozen []byte // the policy as it was
	events []engine.Event
}

// told counts the events of all histories: a kind that never came was not tested.
var told = map[engine.EventKind]int{}

// TestHistories: whatever people, policies, directories and clocks do, nothing
// is given but by the approvals that the frozen policy asked for.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := begin(drawn{rt})
		for range h.below(50) {
			h.turn()
		}
		h.outlive()
		for k, n := range h.oracle.seen {
			told[k] += n
		}
	})
	if told[engine.EventRequested] < 10_000 { // fewer were asked for
		return
	}
	for _, k := range []engine.EventKind{
		engine.EventRequested, engine.EventApproved, engine.EventDenied, engine.EventWithdrawn, engine.EventLapsed, engine.EventSkipped,
		engine.EventEscalated, engine.EventBreakGlass, engine.EventReviewed, engine.EventReviewLate, engine.EventGranted, engine.EventRevoked, engine.EventExtended,
	} {
		if told[k] < 200 {
			t.Errorf("only %d times %s in all histories", told[k], k)
		}
	}
}

func begin(t drawn) *history {
	h := &history{drawn: t, now: epoch}
	h.world = &world{
		members: map[engine.GroupRef][]engine.Person{}, human: seconds, manager: map[engine.Person]engine.Person{},
		owners: access.Who{People: t.some(), Groups: []engine.GroupRef{leads}, Owners: true},
	}
	for _, g := range groups {
		h.world.members[g] = t.some()
	}
	for range h.below(3) {
		g := access.Given{Request: "r0", BreakGlass: t.chance(50)}
		g.When.From = epoch.Add(time.Duration(pick(t, -9, -2, 0, 1, 2, 24)) * time.Hour)
		g.When.Until = g.When.From.Add(pick(t, time.Second, time.Hour, 2*time.Hour, 9*time.Hour))
		h.world.given = append(h.world.given, g)
	}
	if h.chance(30) {
		h.world.unfit = epoch.Add(pick(t, time.Hour, 0, -23*time.Hour, -24*time.Hour, -25*time.Hour))
	}
	for _, p := range people {
		h.world.manager[p] = pick(t, everybody()...)
	}
	for !h.ask() {
		h.change()
	}
	return h
}

// turn is one thing that happens.
func (h *history) turn() {
	pick(h.drawn, h.wait, h.change, h.decide, h.decide, h.decide, h.decide, h.decide, h.decide, h.decide, h.withdraw, h.end, h.extend, h.extend, h.review)()
}

// wait lets time pass, to where it matters, far beyond, or back.
func (h *history) wait() {
	due := h.oracle.due()
	if due.IsZero() {
		due = h.oracle.until
	}
	near := pick(h.drawn, -1, 0, 0, 1)
	switch n := h.below(10) + 1; {
	case n <= 5:
		h.now = h.now.Add(time.Duration(n*n) * 4 * time.Minute)
	case n <= 7 && due.After(h.now):
		h.now = due.Add(time.Duration(near))
	case n <= 9:
		h.now = h.now.Add(-time.Hour)
	default:
		h.now = h.now.Add(100 * time.Hour)
	}
	h.tick()
}

// tick lets time do what it does. All at once or one by one is the same.
func (h *history) tick() {
	before := h.r
	after, events := before.Tick(h.now)
	h.took("tick", before, after, events, scene{world: h.world, now: h.now})
	if due := h.oracle.due(); !due.IsZero() && !due.After(h.now) {
		h.Fatalf("what was due at %s did not happen", due)
	}
	if due := h.r.Due(); !due.Equal(h.oracle.due()) || !due.IsZero() && !due.After(h.now) {
		h.Fatalf("due at %s, not %s; it is %s", due, h.oracle.due(), h.now)
	}
	var singly []engine.Event
	for r := before; ; {
		due := r.Due()
		if due.IsZero() || due.After(h.now) {
			break
		}
		var one []engine.Event
		if r, one = r.Tick(due); len(one) == 0 {
			h.Fatalf("nothing was done at %s although it was due", due)
		}
		singly = append(singly, one...)
	}
	if !reflect.DeepEqual(singly, events) {
		h.Fatalf("late, it is %v; in time, %v", events, singly)
	}
}

// took follows what an act made of a request.
func (h *history) took(what string, before, after access.Request, events []engine.Event, s scene) {
	h.Logf("%s %s by %s: %s", h.now.Format(time.DateTime), what, s.actor, kinds(events))
	if len(events) == 0 {
		if what != "tick" || !reflect.DeepEqual(before, after) {
			h.Fatalf("%s changed something without an event", what)
		}
		return
	}
	if what != "ask" && after.Version != before.Version+1 {
		h.Fatalf("%s made version %d of %d", what, after.Version, before.Version)
	}
	if before.Status != access.Asked && before.Status != "" && after.Status != before.Status {
		h.Fatalf("%s became %s", before.Status, after.Status)
	}
	if err := h.oracle.see(events, s); err != nil {
		h.Fatalf("%s: %v", what, err)
	}
	h.r, h.events = after, append(h.events, events...)
	h.stands()
}

func kinds(events []engine.Event) []engine.EventKind {
	var all []engine.EventKind
	for _, e := range events {
		all = append(all, e.Kind)
	}
	return all
}

// stands compares the request with the oracle.
func (h *history) stands() {
	r, o := &h.r, h.oracle
	if r.Status != o.status {
		h.Fatalf("it is %s, and ought to be %s", r.Status, o.status)
	}
	if waits := r.Undecided() != nil; waits != (o.open != nil) {
		h.Fatalf("it waits for decisions: %t", waits)
	}
	if o.open != nil && r.Due().IsZero() {
		h.Fatalf("it waits for decisions, and time does not end it")
	}
	var widened []access.Status
	for _, x := range r.Extensions {
		widened = append(widened, x.Status)
	}
	if !slices.Equal(widened, o.widened) {
		h.Fatalf("extensions are %s, and ought to be %s", widened, o.widened)
	}
	w, given := r.Window()
	until := o.until
	if !o.ended.IsZero() && o.ended.Before(until) {
		until = o.ended
	}
	if given != (o.status == access.Approved) || given && (!w.From.Equal(o.from) || !w.Until.Equal(until)) {
		h.Fatalf("access is %s to %s, and ought to be %s to %s", w.From, w.Until, o.from, until)
	}
	if policy, _ := json.Marshal(r.Policy); string(policy) != string(h.frozen) {
		h.Fatalf("the frozen policy is %s, and was %s", policy, h.frozen)
	}
}

// did checks the answer to an act against the oracle's.
func (h *history) did(what string, may bool, err error) bool {
	if (err == nil) != may {
		h.Fatalf("%s %s: the oracle says %t, the answer is %v", h.now.Format(time.DateTime), what, may, err)
	}
	if access.KindOf(err) == access.Doubt && len(h.world.silent) == 0 && !h.doubtful() {
		h.Fatalf("%s: a doubt where all is known: %v", what, err)
	}
	if err != nil && access.KindOf(err) == "" {
		h.Fatalf("%s: no refusal but %v", what, err)
	}
	return err == nil
}

// doubtful tells whether the policy asks what nobody knows.
func (h *history) doubtful() bool {
	policy, _ := json.Marshal(h.oracle.policy)
	return slices.ContainsFunc([]string{`:"unknown"`, `:"senior"`}, func(s string) bool { return strings.Contains(string(policy), s) })
}

func (h *history) ask() bool {
	p := h.policy()
	h.frozen, _ = json.Marshal(p)
	var own access.Policy
	if err := json.Unmarshal(h.frozen, &own); err != nil {
		h.Fatal(err)
	}
	by := h.actor()
	wish := access.Wish{ID: "r1", Person: by.Person, Reason: "a reason", For: pick(h.drawn, 0, time.Second, time.Hour, 12*time.Hour, 13*time.Hour)}
	if h.chance(30) || wish.Person == "" {
		wish.Person = pick(h.drawn, everybody()...)
	}
	wish.BreakGlass = p.BreakGlass != nil && h.chance(40)
	if h.chance(30) {
		wish.From = h.now.Add(pick(h.drawn, -time.Hour, -time.Hour/2, time.Hour, 24*time.Hour, 60*time.Hour))
	}
	h.oracle = &oracle{policy: own, wish: wish, by: by, asked: h.now, seen: map[engine.EventKind]int{}}
	s := scene{world: h.world, actor: by, now: h.now}
	r, events, err := h.world.ask(wish, p, access.Act{By: by, At: h.now})
	if !h.did("ask", h.oracle.mayAsk(s), err) {
		return false
	}
	h.took("ask", access.Request{}, r, events, s)
	scribble(&p) // the configuration is read again
	h.stands()
	return true
}

// scribble writes over whatever a policy points to.
func scribble(p *access.Policy) {
	for i := range p.Steps {
		p.Steps[i].Quorum = 99
		for j := range p.Steps[i].Approvers.People {
			p.Steps[i].Approvers.People[j] = "mallory@example.org"
		}
		if e := p.Steps[i].Escalate; e != nil {
			e.To.Anyone = true
		}
	}
	if p.Extend != nil {
		p.Extend.Times = 99
	}
	if p.BreakGlass != nil {
		p.BreakGlass.Review.By.Anyone = true
	}
	for i := range p.NotWith {
		p.NotWith[i] = "nothing"
	}
}

// change moves the world: people come and go, directories fall silent.
func (h *history) change() {
	next := *h.world
	next.members = map[engine.GroupRef][]engine.Person{}
	for g, all := range h.world.members {
		next.members[g] = all
	}
	switch h.below(6) {
	case 0, 1:
		next.members[pick(h.drawn, groups...)] = h.some()
	case 2:
		next.silent = []string{pick(h.drawn, "oncall", "senior", "leads", "safety", "profiles", "same", "held", "given"), pick(h.drawn, "same", "leads", "")}
	case 3:
		next.silent = nil
	case 5:
		next.given, next.unfit = nil, time.Time{}
	case 4:
		if next.held = nil; h.chance(50) {
			next.held = []access.Held{{Resource: pick(h.drawn, "audit", "other"), Until: h.now}}
		}
	}
	h.world = &next
}

// by is a scene with somebody who acts: often one who may, where there is one.
func (h *history) by(may func(scene) bool) scene {
	s := scene{world: h.world, now: h.now, actor: h.actor()}
	if h.chance(30) {
		return s
	}
	var able []engine.Person
	for _, p := range everybody() {
		try := s
		if try.actor = (access.Actor{Person: p}); may(try) {
			able = append(able, p)
		}
	}
	if len(able) > 0 {
		s.actor = access.Actor{Person: pick(h.drawn, able...)}
	}
	return s
}

func (h *history) decide() {
	h.tick()
	s := h.by(func(s scene) bool { return h.oracle.mayDecide(s, true) })
	approve := h.chance(92)
	r, events, err := h.world.decide(h.r, approve, access.Act{By: s.actor, At: h.now})
	if h.did("decide by "+s.actor.String(), h.oracle.mayDecide(s, approve), err) {
		h.took("decide", h.r, r, events, s)
	}
}

func (h *history) withdraw() {
	h.tick()
	s := scene{world: h.world, now: h.now, actor: h.party()}
	if !h.chance(15) {
		return
	}
	r, events, err := h.r.Withdraw(access.Act{By: s.actor, At: h.now})
	if h.did("withdraw", h.oracle.mayWithdraw(s), err) {
		h.took("withdraw", h.r, r, events, s)
	}
}

// party is often somebody whom the request concerns.
func (h *history) party() access.Actor {
	again := h.oracle.by
	if again.Machine != "" { // which may come by another's token
		again.Maker = pick[engine.Person](h.drawn, "", "bob@example.org", "adm-ada@example.org")
	}
	return pick(h.drawn, again, access.Actor{Person: h.oracle.wish.Person}, h.actor())
}

func (h *history) end() {
	h.tick()
	s := scene{world: h.world, now: h.now, actor: h.party()}
	if !h.chance(30) {
		return
	}
	over := h.chance(30)
	r, events, err := h.r.End(access.Act{By: s.actor, At: h.now}, over)
	if h.did("end", h.oracle.mayEnd(s, over), err) {
		h.took("end", h.r, r, events, s)
		if p := r.Phase(h.now); p != access.Revoked {
			h.Fatalf("it was ended, and is %s", p)
		}
	}
}

func (h *history) extend() {
	h.tick()
	s := scene{world: h.world, now: h.now, actor: h.party(), length: pick(h.drawn, time.Hour, 4*time.Hour, 5*time.Hour)}
	r, events, err := h.world.extend(h.r, s.length, access.Act{By: s.actor, At: h.now})
	if h.did("extend", h.oracle.mayExtend(s), err) {
		h.took("extend", h.r, r, events, s)
	}
}

func (h *history) review() {
	h.tick()
	fine := h.chance(50)
	s := h.by(func(s scene) bool { return h.oracle.mayReview(s, fine) })
	r, events, err := h.world.review(h.r, fine, access.Act{By: s.actor, At: h.now, Comment: "looked at"})
	if h.did("review", h.oracle.mayReview(s, fine), err) {
		h.took("review", h.r, r, events, s)
	}
}

// outlive lets time alone end what is undecided, and looks back.
func (h *history) outlive() {
	for range 12 { // four steps can be escalated and denied, and a review be late
		due := h.r.Due()
		if due.IsZero() {
			break
		}
		h.now = due
		h.tick()
	}
	if h.r.Undecided() != nil || !h.r.Due().IsZero() {
		h.Fatalf("time does not end it: %+v", h.r)
	}
	var back access.Request
	if data, err := json.Marshal(h.r); err != nil || json.Unmarshal(data, &back) != nil || !reflect.DeepEqual(normal(back), normal(h.r)) {
		h.Fatalf("%+v came back as %+v (%v)", h.r, back, err)
	}
}

// normal makes no difference between no list and an empty one, as JSON does.
func normal(r access.Request) access.Request {
	empty(reflect.ValueOf(&r).Elem())
	return r
}

func empty(v reflect.Value) {
	switch v.Kind() {
	case reflect.Slice:
		if v.Len() == 0 && v.CanSet() {
			v.SetZero()
		}
		for i := range v.Len() {
			empty(v.Index(i))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			empty(v.Elem())
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			empty(v.Field(i))
		}
	}
}
