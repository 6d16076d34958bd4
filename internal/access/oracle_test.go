package access_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// certainty is what the oracle makes of a question.
type certainty int

const (
	no certainty = iota
	unknown
	yes
)

func either(all ...certainty) certainty { return slices.Max(append(all, no)) }

func truth(b bool) certainty {
	if b {
		return yes
	}
	return no
}

// oracle follows one request by its events, the policy as it was, and the
// world, and says what ought to have happened. It shares no code with the
// machine, and never looks at a request.
type oracle struct {
	policy access.Policy
	wish   access.Wish
	by     access.Actor
	asked  time.Time

	last    time.Time // of the newest event
	status  access.Status
	open    *trial // what waits for decisions
	widened []access.Status
	from    time.Time
	until   time.Time
	ended   time.Time // by somebody
	review  time.Time // when it has to be closed; zero when it is, or needs not be
	late    bool
	unfit   bool // whoever reviewed it says that it was no emergency
	seen    map[engine.EventKind]int
}

// trial is what waits for decisions: the request, or its last extension.
type trial struct {
	by        access.Actor
	length    time.Duration
	steps     []access.Step
	auto      string
	at        int
	since     time.Time
	escalated bool
	lapses    time.Time
	votes     []vote
	given     bool // without an approval
}

type vote struct {
	step int
	by   engine.Person
}

// scene is the world at the instant of an act, and who acts on what.
type scene struct {
	world    *world
	actor    access.Actor
	deciding bool
	length   time.Duration // of an extension that is asked for
	now      time.Time     // as the actor's clock has it
}

func (s scene) in(p engine.Person, g engine.GroupRef) certainty {
	if s.world.mute(g.Name) {
		return unknown
	}
	return truth(slices.Contains(s.world.members[g], p))
}

func (s scene) same(a, b engine.Person) certainty {
	switch {
	case a == b:
		return yes
	case s.world.mute("same"):
		return unknown
	}
	return truth(s.world.self(a) == s.world.self(b))
}

func (s scene) holds(expression string, person engine.Person) certainty {
	switch expression {
	case "yes":
		return yes
	case "unknown":
		return unknown
	case "on call":
		return s.in(person, oncall)
	case "senior":
		if !s.deciding {
			return unknown
		}
		return s.in(s.actor.Person, senior)
	}
	return no
}

// among tells whether somebody is among w, of a request for a person.
func (s scene) among(a access.Actor, w access.Who, person engine.Person) certainty {
	if a.Machine != "" {
		return truth(slices.Contains(w.Machines, a.Machine))
	}
	found := truth(w.Anyone || slices.Contains(w.People, a.Person))
	for _, g := range w.Groups {
		found = either(found, s.in(a.Person, g))
	}
	if w.Owners {
		owners := s.world.owners
		owners.Owners = false
		found = either(found, s.among(a, owners, person))
	}
	switch {
	case !w.Manager:
	case s.world.mute("profiles"):
		found = either(found, unknown)
	default:
		found = either(found, truth(s.world.manager[person] == a.Person))
	}
	return either(found, s.holds(w.When, person))
}

// entitled tells whether who asked may.
func (o *oracle) entitled(s scene) bool {
	who := o.policy.Ask
	if o.wish.BreakGlass {
		if o.policy.BreakGlass == nil {
			return false
		}
		who = o.policy.BreakGlass.Ask
	}
	self := no
	if o.by.Person != "" {
		self = s.same(o.by.Person, o.wish.Person)
	}
	maker := no
	if o.by.Maker != "" {
		maker = s.same(o.by.Maker, o.wish.Person)
	}
	if o.policy.For == access.Self && self != yes || o.policy.For == access.Others && (self != no || maker != no) {
		return false
	}
	s.deciding = false
	return s.among(o.by, who, o.wish.Person) == yes
}

func (o *oracle) compatible(s scene) bool {
	if len(o.policy.NotWith) == 0 {
		return true
	}
	return !s.world.mute("held") && !slices.ContainsFunc(s.world.held, func(h access.Held) bool {
		return slices.Contains(o.policy.NotWith, h.Resource)
	})
}

// mayAsk tells whether the wish is taken.
func (o *oracle) mayAsk(s scene) bool {
	most, length := o.policy.Max, o.length()
	if o.wish.BreakGlass && o.policy.BreakGlass != nil {
		most = o.policy.BreakGlass.Max
	}
	if from := o.wish.From; !from.IsZero() &&
		(o.wish.BreakGlass || !from.Add(length).After(o.asked) || from.After(o.asked.Add(o.policy.Ahead))) {
		return false
	}
	others := o.by.Person != o.wish.Person && !o.wish.BreakGlass && !o.alone(s) // the approvers hear of a conflict
	return length >= time.Second && length <= most && o.entitled(s) && (others || o.compatible(s)) &&
		(o.wish.BreakGlass || len(o.policy.Steps) > 0 || s.holds(o.policy.Auto, o.wish.Person) == yes) && o.once(s)
}

// alone tells whether it is given without an approval.
func (o *oracle) alone(s scene) bool {
	return s.holds(o.policy.Auto, o.wish.Person) == yes ||
		!slices.ContainsFunc(o.policy.Steps, func(step access.Step) bool { return s.holds(step.Skip, o.wish.Person) != yes })
}

// once tells whether what nobody approves is in the way of nothing given before.
func (o *oracle) once(s scene) bool {
	if !o.wish.BreakGlass && !o.alone(s) {
		return true
	}
	if u := s.world.unfit; o.wish.BreakGlass && !u.IsZero() && o.asked.Sub(u) < 24*time.Hour {
		return false
	}
	from, until := o.asked, o.asked.Add(o.length())
	if start := o.wish.From; !start.IsZero() {
		until = start.Add(o.length())
		if start.After(from) {
			from = start
		}
	}
	return !s.world.mute("given") && !slices.ContainsFunc(s.world.given, func(g access.Given) bool {
		if o.wish.BreakGlass {
			return g.BreakGlass && g.When.Until.After(o.asked)
		}
		return g.When.Until.After(from) && g.When.From.Before(until)
	})
}

func (o *oracle) length() time.Duration {
	switch {
	case o.wish.For != 0:
		return o.wish.For
	case o.wish.BreakGlass && o.policy.BreakGlass != nil:
		return o.policy.BreakGlass.Max
	}
	return o.policy.Default
}

// at is when something counts as done that is done now.
func (o *oracle) at(s scene) time.Time {
	if s.now.Before(o.last) {
		return o.last
	}
	return s.now
}

// mayDecide tells whether a decision is taken.
func (o *oracle) mayDecide(s scene, approve bool) bool {
	t := o.open
	if t == nil || s.actor.Machine != "" || !o.due().After(o.at(s)) {
		return false
	}
	if !o.policy.SelfApproval {
		for _, p := range o.askers() {
			if same := s.same(s.actor.Person, p); same == yes || same == unknown && approve {
				return false
			}
		}
	}
	for _, v := range t.votes {
		switch same := s.same(s.actor.Person, v.by); {
		case same == unknown && !approve:
		case v.step != t.at && o.policy.Twice, same == no:
		case v.step == t.at && same == yes && !approve:
		default:
			return false
		}
	}
	if !o.right(s) {
		return false
	}
	if !approve || t.count()+1 < t.steps[t.at].Quorum {
		return true
	}
	s.deciding = false
	for _, step := range t.steps[t.at+1:] {
		if s.holds(step.Skip, o.wish.Person) != yes {
			return true
		}
	}
	return o.entitled(s) && o.compatible(s)
}

// right tells whether the actor certainly is an approver of the step that waits.
func (o *oracle) right(s scene) bool {
	step := o.open.steps[o.open.at]
	s.deciding = true
	found := s.among(s.actor, step.Approvers, o.wish.Person)
	if o.open.escalated {
		found = either(found, s.among(s.actor, step.Escalate.To, o.wish.Person))
	}
	return found == yes
}

func (t *trial) count() int {
	n := 0
	for _, v := range t.votes {
		if v.step == t.at {
			n++
		}
	}
	return n
}

// askers are all who have a part in what waits: whom it is for, who asked, and
// who made the token of a machine that asked.
func (o *oracle) askers() []engine.Person {
	all := []engine.Person{o.wish.Person}
	for _, a := range []access.Actor{o.by, o.open.by} {
		if all = append(all, a.Person); a.Maker != "" {
			all = append(all, a.Maker)
		}
	}
	return all
}

// tokenless is an actor, by whichever token they came.
func tokenless(a access.Actor) access.Actor {
	return access.Actor{Person: a.Person, Machine: a.Machine}
}

func (o *oracle) concerns(a access.Actor) bool {
	a = tokenless(a)
	return a == tokenless(o.by) || a == access.Actor{Person: o.wish.Person}
}

func (o *oracle) mayWithdraw(s scene) bool {
	return o.open != nil && (o.concerns(s.actor) || tokenless(s.actor) == tokenless(o.open.by))
}

// lives tells whether there is access, now or to come.
func (o *oracle) lives(at time.Time) bool {
	return o.status == access.Approved && o.ended.IsZero() && at.Before(o.until)
}

func (o *oracle) mayEnd(s scene, over bool) bool {
	return o.lives(s.now) && (over || o.concerns(s.actor))
}

func (o *oracle) extensions(s access.Status) int {
	n := 0
	for _, x := range o.widened {
		if x == s {
			n++
		}
	}
	return n
}

// extending returns a trial for an extension.
func (o *oracle) extending(s scene) *trial {
	t := &trial{by: s.actor, length: s.length, steps: o.policy.Extend.Steps, auto: o.policy.Extend.Auto, lapses: o.until}
	if len(t.steps) == 0 {
		t.steps = o.policy.Steps
	}
	if len(t.steps) == 0 && t.auto == "" {
		t.auto = o.policy.Auto
	}
	return t
}

func (o *oracle) mayExtend(s scene) bool {
	rule := o.policy.Extend
	if !o.lives(o.at(s)) || rule == nil || o.wish.BreakGlass || o.open != nil || o.extensions(access.Approved) >= rule.Times ||
		s.length < time.Second || s.length > rule.Max || !o.concerns(s.actor) || !o.entitled(s) {
		return false
	}
	t := o.extending(s)
	all := s.holds(t.auto, o.wish.Person) == yes
	if len(t.steps) == 0 && !all {
		return false
	}
	if !all {
		all = !slices.ContainsFunc(t.steps, func(step access.Step) bool { return s.holds(step.Skip, o.wish.Person) != yes })
	}
	return !all || o.compatible(s)
}

func (o *oracle) mayReview(s scene, fine bool) bool {
	s.deciding = true
	for _, p := range []engine.Person{o.wish.Person, o.by.Person, o.by.Maker} {
		if same := s.same(s.actor.Person, p); p != "" && (same == yes || same == unknown && fine) {
			return false
		}
	}
	return !o.review.IsZero() && s.actor.Machine == "" &&
		s.among(s.actor, o.policy.BreakGlass.Review.By, o.wish.Person) == yes
}

// due tells when time alone does something next.
func (o *oracle) due() time.Time {
	var at time.Time
	if t := o.open; t != nil {
		at = t.lapses
		if limit := t.limit(); !limit.IsZero() && limit.Before(at) {
			at = limit
		}
	}
	if !o.review.IsZero() && !o.late && (at.IsZero() || o.review.Before(at)) {
		at = o.review
	}
	return at
}

// limit is when the step that waits has waited long enough.
func (t *trial) limit() time.Time {
	if t.at >= len(t.steps) {
		return time.Time{}
	}
	step := t.steps[t.at]
	switch {
	case step.Within == 0:
		return time.Time{}
	case !t.escalated:
		return t.since.Add(step.Within)
	case step.Escalate.Within == 0:
		return time.Time{}
	}
	return t.since.Add(step.Within).Add(step.Escalate.Within)
}

// see follows the events of one act, or of the passing of time when nobody
// acts, and returns what is wrong with them.
func (o *oracle) see(events []engine.Event, s scene) error {
	entered := false // a step
	for i, e := range events {
		if e.At.Before(o.last) {
			return fmt.Errorf("%s at %s is before %s", e.Kind, e.At, o.last)
		}
		if s.actor != (access.Actor{}) && !e.At.Equal(o.at(s)) {
			return fmt.Errorf("%s is told for %s, and was done at %s", e.Kind, e.At, o.at(s))
		}
		due := o.due()
		o.last = e.At
		if err := o.step(e, due, s, i); err != nil {
			return fmt.Errorf("%s at %s by %q: %w", e.Kind, e.At, e.By, err)
		}
		o.seen[e.Kind]++
		entered = entered || o.open != nil && o.open.since.Equal(e.At)
	}
	if o.unfit && o.lives(s.now) {
		return fmt.Errorf("it goes on, and was no emergency")
	}
	if t := o.open; t != nil {
		if t.given || t.at >= len(t.steps) {
			return fmt.Errorf("nothing is left to decide, and nothing was given")
		}
		if entered && s.actor != (access.Actor{}) && t.count() == 0 && s.holds(t.steps[t.at].Skip, o.wish.Person) == yes {
			return fmt.Errorf("step %s was not skipped", t.steps[t.at].Name)
		}
	}
	return nil
}

func (o *oracle) step(e engine.Event, due time.Time, s scene, i int) error {
	t := o.open
	switch e.Kind {
	case engine.EventRequested:
		if i > 0 {
			return fmt.Errorf("it is not the first")
		}
		if o.status == "" {
			o.status = access.Asked
			o.open = &trial{by: o.by, steps: o.policy.Steps, auto: o.policy.Auto, since: e.At, lapses: e.At.Add(o.policy.Pending)}
			if end := o.wish.From.Add(o.length()); !o.wish.From.IsZero() && end.Before(o.open.lapses) {
				o.open.lapses = end
			}
			return nil
		}
		if o.status != access.Approved || t != nil || !o.lives(e.At) {
			return fmt.Errorf("there is nothing to extend")
		}
		o.open = o.extending(s)
		o.open.since = e.At
		o.widened = append(o.widened, access.Asked)
		return nil
	case engine.EventBreakGlass:
		if !o.wish.BreakGlass || o.policy.BreakGlass == nil {
			return fmt.Errorf("it is no emergency")
		}
		o.review = e.At.Add(o.policy.BreakGlass.Review.Within)
		return o.grant(e)
	case engine.EventRevoked:
		if !o.lives(s.now) || t != nil {
			return fmt.Errorf("there is nothing to end")
		}
		if i > 0 && o.wish.BreakGlass && !o.unfit {
			return fmt.Errorf("it was an emergency")
		}
		o.ended = s.now
		return nil
	case engine.EventReviewed:
		if o.review.IsZero() {
			return fmt.Errorf("there is nothing to review")
		}
		o.review, o.unfit = time.Time{}, e.Step == "unjustified"
		return nil
	case engine.EventReviewLate:
		if o.late || !e.At.Equal(due) || !e.At.Equal(o.review) {
			return fmt.Errorf("it was due at %s", o.review)
		}
		o.late = true
		return nil
	}
	if t == nil {
		return fmt.Errorf("nothing waits for a decision")
	}
	switch e.Kind {
	case engine.EventSkipped:
		s.deciding = false
		if e.Step == "" {
			if t.at > 0 || len(t.votes) > 0 || s.holds(t.auto, o.wish.Person) != yes {
				return fmt.Errorf("an approval was needed")
			}
			t.given = true
			return nil
		}
		if t.at >= len(t.steps) || t.steps[t.at].Name != e.Step || t.count() > 0 || s.holds(t.steps[t.at].Skip, o.wish.Person) != yes {
			return fmt.Errorf("%s was needed", e.Step)
		}
		t.next(e.At)
	case engine.EventApproved:
		if e.By != string(s.actor.Person) || e.Step != t.steps[t.at].Name || !o.right(s) {
			return fmt.Errorf("not by an approver of %s", t.steps[t.at].Name)
		}
		for _, v := range t.votes {
			if s.same(s.actor.Person, v.by) != no && (v.step == t.at || !o.policy.Twice) {
				return fmt.Errorf("%s counts twice", v.by)
			}
		}
		for _, p := range o.askers() {
			if !o.policy.SelfApproval && s.same(s.actor.Person, p) != no {
				return fmt.Errorf("by %s themselves", p)
			}
		}
		if !due.After(e.At) {
			return fmt.Errorf("after the time")
		}
		t.votes = append(t.votes, vote{t.at, s.actor.Person})
		if t.count() >= t.steps[t.at].Quorum {
			t.next(e.At)
		}
	case engine.EventDenied:
		switch {
		case e.By == "" && (!e.At.Equal(due) || !e.At.Equal(t.limit())):
			return fmt.Errorf("its time was not over")
		case e.By == "" && !t.escalated && t.steps[t.at].Escalate != nil:
			return fmt.Errorf("it was to be escalated")
		case e.By != "" && (!o.right(s) || e.By != string(s.actor.Person)):
			return fmt.Errorf("not by an approver")
		}
		o.close(access.Denied)
	case engine.EventEscalated:
		if t.escalated || t.steps[t.at].Escalate == nil || !e.At.Equal(due) || !e.At.Equal(t.limit()) || e.Step != t.steps[t.at].Name {
			return fmt.Errorf("not now")
		}
		t.escalated = true
	case engine.EventLapsed:
		if !e.At.Equal(due) || !e.At.Equal(t.lapses) {
			return fmt.Errorf("it lapses at %s", t.lapses)
		}
		o.close(access.Lapsed)
	case engine.EventWithdrawn:
		o.close(access.Withdrawn)
	case engine.EventGranted:
		if o.status != access.Asked || !t.given && (t.at < len(t.steps) || len(t.steps) == 0) || !o.entitled(s) || !o.compatible(s) {
			return fmt.Errorf("it is not approved")
		}
		return o.grant(e)
	case engine.EventExtended:
		if o.status != access.Approved || !t.given && (t.at < len(t.steps) || len(t.steps) == 0) || !o.entitled(s) || !o.compatible(s) {
			return fmt.Errorf("it is not approved")
		}
		if !e.At.Before(o.until) {
			return fmt.Errorf("it leaves a gap")
		}
		o.until = o.until.Add(t.length)
		o.close(access.Approved)
	default:
		return fmt.Errorf("of no kind that it can be")
	}
	return nil
}

func (t *trial) next(at time.Time) { t.at, t.since, t.escalated = t.at+1, at, false }

// grant begins access. Its clock starts now unless a start was asked for.
func (o *oracle) grant(e engine.Event) error {
	o.from, o.until = e.At, e.At.Add(o.length())
	if start := o.wish.From; !start.IsZero() {
		o.until = start.Add(o.length())
		if start.After(e.At) {
			o.from = start
		}
	}
	o.status, o.open = access.Approved, nil
	if !o.until.After(o.from) {
		return fmt.Errorf("the access is over before it begins")
	}
	return nil
}

func (o *oracle) close(s access.Status) {
	if o.open = nil; o.status == access.Asked {
		o.status = s
	} else {
		o.widened[len(o.widened)-1] = s
	}
}
