package access

import (
	"errors"
	"slices"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// Decide is what an approver says to the step that waits, of the request or of
// its last extension. The right to do so is judged by the facts of now. One
// denial denies, also that of somebody who approved the step before; approvals
// count up to the quorum of the step, and the last step's last one makes the
// grant, whose clock then starts.
func (r Request) Decide(approve bool, act Act, f Facts, x Expressions) (Request, []engine.Event, error) {
	r = r.clone()
	act = r.after(act)
	c := Case{Now: act.At, Facts: &f, Request: &r, Deciding: true}
	course := r.Undecided()
	step, waits := course.Now()
	if !waits {
		return Request{}, nil, refuse(Conflict, "%s", r.settled())
	}
	if due := course.Deadline(); !due.IsZero() && !due.After(act.At) {
		return Request{}, nil, refuse(Conflict, "the time to decide on it is over")
	}
	if err := r.mayDecide(course, step, approve, act, c, x); err != nil {
		return Request{}, nil, err
	}
	if err := Readable("comment", "the comment", act.Comment); err != nil {
		return Request{}, nil, err
	}
	course.Decisions = append(course.Decisions, Decision{Step: course.Step, By: act.By, At: act.At, Approve: approve, Comment: act.Comment})
	if !approve {
		e := r.event(engine.EventDenied, act, act.Comment)
		e.Step = step.Name
		r.close(Denied, act.At, "")
		return r.bumped(), []engine.Event{e}, nil
	}
	e := r.event(engine.EventApproved, act, act.Comment)
	e.Step = step.Name
	events := []engine.Event{e}
	if course.Approvals(course.Step) < step.Quorum {
		return r.bumped(), events, nil
	}
	// What the step after is skipped for is not said about this approver.
	c.Deciding, f.Approver = false, Subject{}
	told, done := r.enter(course, course.Step+1, act, c, x)
	events = append(events, told...)
	if !done {
		return r.bumped(), events, nil
	}
	made, err := r.conclude(act, c, x)
	if err != nil {
		return Request{}, nil, err
	}
	return r.bumped(), append(events, made), nil
}

// mayDecide reports whether the actor may approve, or deny, the step. Nothing is
// given by a denial, so it does not wait for what is not known of who is who.
func (r *Request) mayDecide(course *Course, step Step, approve bool, act Act, c Case, x Expressions) error {
	f := c.Facts
	if err := errors.Join(f.by(act.By), f.about(r)); err != nil {
		return err
	}
	if !r.Policy.SelfApproval {
		for _, p := range r.concerned() {
			switch a := f.same(act.By.Person, p); {
			case a.Err != nil && !approve:
			case a.Err != nil:
				return doubtful(a.Err, "whether %s and %s are one human", act.By.Person, p)
			case a.Yes:
				return refuse(Forbidden, "nobody decides on what they asked for, or what is for them; another approver has to")
			}
		}
	}
	for _, d := range course.Decisions {
		if d.Step != course.Step && r.Policy.Twice {
			continue
		}
		switch a := f.same(act.By.Person, d.By.Person); {
		case a.Err != nil && !approve:
		case a.Err != nil:
			return doubtful(a.Err, "whether %s and %s are one human", act.By.Person, d.By.Person)
		case a.Yes && d.Step == course.Step && !approve: // who had a second thought denies
		case a.Yes && d.Step == course.Step:
			return refuse(Conflict, "you approved this step already; somebody else has to as well")
		case a.Yes:
			return refuse(Forbidden, "you approved an earlier step; somebody else has to approve this one")
		}
	}
	approvers := []Answer{step.Approvers.Belongs(f.Approver, c, x)}
	if course.Escalated && step.Escalate != nil {
		approvers = append(approvers, step.Escalate.To.Belongs(f.Approver, c, x))
	}
	switch a := anyOf(approvers); {
	case a.Err != nil:
		return doubtful(a.Err, "whether %s may decide on it", act.By.Person)
	case !a.Yes:
		return refuse(Forbidden, "%s may not decide on this step (%s)", act.By.Person, step.Name)
	}
	return nil
}

// Approved reports whether the one who decides approved the step that waits
// already. It is told by facts that [Request.Decide] took.
func (r Request) Approved(f Facts) bool {
	course := r.Undecided()
	return course != nil && slices.ContainsFunc(course.Decisions, func(d Decision) bool {
		a := f.same(f.Approver.Person, d.By.Person)
		return d.Step == course.Step && a.Err == nil && a.Yes
	})
}

// concerned are the people who do not decide on it: whom it is for, and who
// asked, also by a machine that has their accounts, or a token that they made.
// Nobody else extends it, but a machine may do that by another one's token.
func (r *Request) concerned() []engine.Person {
	all := []engine.Person{r.Person, r.By.Person, r.By.Maker}
	if x := r.extension(); x != nil {
		all = append(all, x.By.Maker)
	}
	return slices.DeleteFunc(all, func(p engine.Person) bool { return p == "" })
}

// begin enters a course at its first step, or needs none where auto holds. It
// reports whether no step is left. Without steps there is nobody who could
// approve, and what is not given without an approval is refused.
func (r *Request) begin(course *Course, auto string, act Act, c Case, x Expressions) ([]engine.Event, bool, error) {
	given := holds(auto, c, x)
	switch {
	case given.Err == nil && given.Yes:
		course.Auto, course.Step, course.Since = true, len(course.Steps), act.At
		e := r.event(engine.EventSkipped, Act{At: act.At}, "the policy gives it without an approval")
		return []engine.Event{e}, true, nil
	case len(course.Steps) > 0: // when auto is not known, approvers decide
		events, done := r.enter(course, 0, act, c, x)
		return events, done, nil
	case given.Err != nil:
		return nil, false, doubtful(given.Err, "whether %s needs an approval", r.Resource)
	}
	return nil, false, refuse(Forbidden, "nobody could approve it: the policy of %s names no approvers for this", r.Resource)
}

// enter goes to a step, and past those that their policy says are not needed.
// It reports whether no step is left.
func (r *Request) enter(course *Course, step int, act Act, c Case, x Expressions) ([]engine.Event, bool) {
	var events []engine.Event
	course.Since, course.Escalated = act.At, false
	for course.Step = step; course.Step < len(course.Steps); course.Step++ {
		s := course.Steps[course.Step]
		if skip := holds(s.Skip, c, x); skip.Err != nil || !skip.Yes {
			return events, false
		}
		course.Skipped = append(course.Skipped, course.Step)
		e := r.event(engine.EventSkipped, Act{At: act.At}, s.Skip)
		e.Step = s.Name
		events = append(events, e)
	}
	return events, true
}

// conclude makes what the last approval gives, when who asked may still ask.
func (r *Request) conclude(act Act, c Case, x Expressions) (engine.Event, error) {
	if err := r.entitled(c, x); err != nil {
		return engine.Event{}, err
	}
	if err := r.compatible(*c.Facts); err != nil {
		return engine.Event{}, err
	}
	if r.Status == Approved {
		r.extension().Course.Closed = act.At
		return r.extend(act), nil
	}
	r.Course.Closed = act.At
	return r.grant(act, engine.EventGranted), nil
}

// grant makes the grant of a request that nothing is in the way of any more.
func (r *Request) grant(act Act, kind engine.EventKind) engine.Event {
	g := Grant{From: act.At, Until: act.At.Add(r.For)}
	if !r.From.IsZero() { // the end that was asked for stays
		g.From, g.Until = latest(act.At, r.From), r.From.Add(r.For)
	}
	r.Status, r.Grant = Approved, &g
	e := r.event(kind, act, r.Reason)
	e.Grants = r.anchors()
	return e
}

func (r *Request) extend(act Act) engine.Event {
	x := r.extension()
	x.Status = Approved
	r.Grant.Until = r.Grant.Until.Add(x.For)
	e := r.event(engine.EventExtended, act, x.Reason)
	e.Grants = r.anchors()
	return e
}

func (r *Request) anchors() []engine.Anchor {
	w, _ := r.Window()
	return []engine.Anchor{{Grant: r.GrantID(), Until: w.Until}}
}

// close ends what waits for decisions without a grant.
func (r *Request) close(s Status, at time.Time, note string) {
	course := r.Undecided()
	course.Closed, course.Note = at, note
	if r.Status == Asked {
		r.Status = s
	} else {
		r.extension().Status = s
	}
}

// settled says how it stands with a request that waits for nobody.
func (r *Request) settled() string {
	switch r.Status {
	case Denied, Withdrawn, Lapsed:
		return "the request was " + string(r.Status) + " already"
	}
	if x := r.extension(); x != nil {
		return "the extension was " + string(x.Status) + " already"
	}
	return "the request was approved already"
}

// event begins an event about the request.
func (r *Request) event(kind engine.EventKind, act Act, reason string) engine.Event {
	e := engine.Event{
		At: act.At, Kind: kind, Person: r.Person, Group: r.Resource, Reason: reason,
		Request: r.ID, Via: string(act.By.Via),
	}
	if act.By.Person != "" || act.By.Machine != "" {
		e.By = act.By.String()
	}
	return e
}

func (r Request) bumped() Request {
	r.Version++
	return r
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
