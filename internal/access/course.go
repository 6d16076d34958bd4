package access

import (
	"errors"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/schedule"
)

// Tick does what time alone does, up to now: steps are escalated or denied,
// what is too old lapses, a review that nobody closed is told. Each happens at
// its own instant, in their order, however late Tick is called. Without
// anything to do the request is returned as it is.
func (r Request) Tick(now time.Time) (Request, []engine.Event) {
	var events []engine.Event
	for {
		due := r.Due()
		if due.IsZero() || due.After(now) {
			break
		}
		if len(events) == 0 {
			r = r.clone().bumped()
		}
		events = append(events, r.pass(due))
	}
	return r, events
}

// pass does what is due at an instant.
func (r *Request) pass(due time.Time) engine.Event {
	at := Act{At: due}
	if course := r.Undecided(); course != nil && course.Deadline().Equal(due) {
		step, _ := course.Now()
		switch {
		case course.Lapses.Equal(due):
			const why = "nobody decided before it was too old"
			r.close(Lapsed, due, why)
			return r.event(engine.EventLapsed, at, why)
		case !course.Escalated && step.Escalate != nil:
			course.Escalated = true
			e := r.event(engine.EventEscalated, at, "nobody decided within "+schedule.FormatDuration(step.Within))
			e.Step = step.Name
			return e
		}
		why := "nobody decided " + step.Name + " in time"
		r.close(Denied, due, why)
		e := r.event(engine.EventDenied, at, why)
		e.Step = step.Name
		return e
	}
	r.Review.Late = true
	return r.event(engine.EventReviewLate, at, "nobody looked at the emergency in time")
}

// Withdraw takes back what waits for decisions: the request, or the wish to
// extend it. Who asked may, and whom it is for.
func (r Request) Withdraw(act Act) (Request, []engine.Event, error) {
	r = r.clone()
	act = r.after(act)
	if r.Undecided() == nil {
		return Request{}, nil, refuse(Conflict, "%s", r.settled())
	}
	if !r.concerns(act.By) && (r.Status == Asked || !r.extension().By.same(act.By)) {
		return Request{}, nil, refuse(Forbidden, "only who asked, or whom it is for, withdraws a request")
	}
	if err := Readable("comment", "the comment", act.Comment); err != nil {
		return Request{}, nil, err
	}
	r.close(Withdrawn, act.At, act.Comment)
	return r.bumped(), []engine.Event{r.event(engine.EventWithdrawn, act, act.Comment)}, nil
}

// concerns reports whether the actor asked, or is whom it is for.
func (r *Request) concerns(a Actor) bool {
	return r.By.same(a) || a.Machine == "" && a.Person == r.Person
}

// same reports whether two actors are one, by whichever token and way they came.
func (a Actor) same(b Actor) bool { return a.Machine == b.Machine && a.Person == b.Person }

// End ends the grant before its time. Whom it is for may, and who asked;
// anybody else, when the caller knows that they may (owners, administrators):
// then over is set.
func (r Request) End(act Act, over bool) (Request, []engine.Event, error) {
	r = r.clone()
	at := act.At.UTC() // at once, even when the clock was set back
	act = r.after(act)
	switch p := r.Phase(at); {
	case p == "":
		return Request{}, nil, refuse(Conflict, "there is no access to give back: the request is %s", r.Status)
	case p == Ended || p == Revoked || r.Grant.End != nil:
		return Request{}, nil, refuse(Conflict, "the access is over already")
	}
	if !over && !r.concerns(act.By) {
		return Request{}, nil, refuse(Forbidden, "only the person, an owner of %s or an administrator ends this access", r.Resource)
	}
	if err := Readable("comment", "the comment", act.Comment); err != nil {
		return Request{}, nil, err
	}
	var events []engine.Event
	if r.Undecided() != nil {
		r.close(Withdrawn, act.At, "the access was ended")
		events = append(events, r.event(engine.EventWithdrawn, act, "the access was ended"))
	}
	return r.bumped(), append(events, r.end(act, at)), nil
}

// end ends the grant at an instant.
func (r *Request) end(act Act, at time.Time) engine.Event {
	r.Grant.End = &End{By: act.By, At: at, Comment: act.Comment}
	e := r.event(engine.EventRevoked, act, act.Comment)
	e.Grants = r.anchors()
	return e
}

// Extend asks for a grant to last longer, counted from its end. It opens no
// gap: the grant has to be in force, or to come, at the moment of the decision.
func (r Request) Extend(length time.Duration, reason string, act Act, f Facts, x Expressions) (Request, []engine.Event, error) {
	r = r.clone()
	act = r.after(act)
	rule := r.Policy.Extend
	switch p := r.Phase(act.At); {
	case p == "":
		return Request{}, nil, refuse(Conflict, "there is nothing to extend: the request is %s", r.Status)
	case p == Ended || p == Revoked || r.Grant.End != nil:
		return Request{}, nil, refuse(Conflict, "the access is over; ask for it again")
	case rule == nil || r.BreakGlass:
		return Request{}, nil, refuse(Forbidden, "access to %s cannot be extended; ask for it again", r.Resource)
	case r.Undecided() != nil:
		return Request{}, nil, refuse(Conflict, "an extension is waiting for a decision already")
	case r.Extended() >= rule.Times:
		return Request{}, nil, refuse(Forbidden, "it was extended as often as %s allows (%d); ask for it again", r.Resource, rule.Times)
	case length < shortest || length > rule.Max:
		return Request{}, nil, invalid("for", "say for how much longer, such as 2h; at most %s", schedule.FormatDuration(rule.Max))
	}
	reason = strings.TrimSpace(reason)
	if err := r.Policy.Reason.fits("reason", "the reason", reason); err != nil {
		return Request{}, nil, err
	}
	if !r.concerns(act.By) {
		return Request{}, nil, refuse(Forbidden, "only who asked, or whom it is for, extends this access")
	}
	c := Case{Now: act.At, Facts: &f, Request: &r}
	if err := r.entitled(c, x); err != nil {
		return Request{}, nil, err
	}
	r.Extensions = append(r.Extensions, Extension{By: act.By, At: act.At, For: length, Reason: reason, Status: Asked})
	course := &r.extension().Course
	steps, auto := r.Policy.extending()
	w, _ := r.Window()
	*course = Course{Steps: each(steps, Step.clone), Lapses: w.Until}
	e := r.event(engine.EventRequested, act, reason)
	e.Grants = r.anchors() // what it is to be extended from
	told, done, err := r.begin(course, auto, act, c, x)
	if err != nil {
		return Request{}, nil, err
	}
	events := append([]engine.Event{e}, told...)
	if !done {
		return r.bumped(), events, nil
	}
	made, err := r.conclude(act, c, x)
	if err != nil {
		return Request{}, nil, err
	}
	return r.bumped(), append(events, made), nil
}

// extending returns the steps of an extension, and where it needs none. A policy
// without steps gives more time as it gives access.
func (p *Policy) extending() (steps []Step, auto string) {
	steps, auto = p.Extend.Steps, p.Extend.Auto
	if len(steps) == 0 {
		steps = p.Steps
	}
	if len(steps) == 0 && auto == "" {
		auto = p.Auto
	}
	return steps, auto
}

// Extended counts the extensions that were approved.
func (r *Request) Extended() int {
	n := 0
	for _, x := range r.Extensions {
		if x.Status == Approved {
			n++
		}
	}
	return n
}

// Close is a reviewer's word on an emergency: whether it was one. Access that is
// still in force and was none ends with it.
func (r Request) Close(fine bool, act Act, f Facts, x Expressions) (Request, []engine.Event, error) {
	r = r.clone()
	at := act.At.UTC() // as End does
	act = r.after(act)
	switch {
	case r.Review == nil:
		return Request{}, nil, refuse(Conflict, "it was no emergency: there is nothing to review")
	case !r.Review.Open():
		return Request{}, nil, refuse(Conflict, "%s reviewed it already", r.Review.By)
	}
	if err := errors.Join(f.by(act.By), f.about(&r)); err != nil {
		return Request{}, nil, err
	}
	for _, p := range r.concerned() {
		switch a := f.same(act.By.Person, p); {
		case a.Err != nil && !fine: // it ends access, as a denial does
		case a.Err != nil:
			return Request{}, nil, doubtful(a.Err, "whether %s and %s are one human", act.By.Person, p)
		case a.Yes:
			return Request{}, nil, refuse(Forbidden, "nobody reviews their own emergency")
		}
	}
	c := Case{Now: act.At, Facts: &f, Request: &r, Deciding: true}
	switch a := r.Policy.BreakGlass.Review.By.Belongs(f.Approver, c, x); {
	case a.Err != nil:
		return Request{}, nil, doubtful(a.Err, "whether %s may review it", act.By.Person)
	case !a.Yes:
		return Request{}, nil, refuse(Forbidden, "%s may not review it", act.By.Person)
	}
	comment := Text{Required: true, Hint: "what was found"}
	if err := comment.fits("comment", "the comment", strings.TrimSpace(act.Comment)); err != nil {
		return Request{}, nil, err
	}
	by := act.By
	r.Review.By, r.Review.At, r.Review.Fine, r.Review.Comment = &by, act.At, fine, act.Comment
	e := r.event(engine.EventReviewed, act, act.Comment)
	e.Step = "unjustified"
	if fine {
		e.Step = "justified"
	}
	events := []engine.Event{e}
	if p := r.Phase(at); !fine && (p == Active || p == Waiting) && r.Grant.End == nil {
		events = append(events, r.end(act, at))
	}
	return r.bumped(), events, nil
}
