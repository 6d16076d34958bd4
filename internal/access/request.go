package access

import (
	"maps"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/schedule"
)

// Status is how far a request is.
type Status string

// Statuses. All but Asked are final.
const (
	Asked     Status = "asked"     // waits for the decisions of a step
	Approved  Status = "approved"  // there is a grant
	Denied    Status = "denied"    // by an approver, or because nobody decided a step in time
	Withdrawn Status = "withdrawn" // by who asked, or whom it was for
	Lapsed    Status = "lapsed"    // nobody decided before it was too old
)

// Phase is how it stands with the grant of an approved request.
type Phase string

// Phases.
const (
	Waiting Phase = "waiting" // for its start
	Active  Phase = "active"
	Ended   Phase = "ended"   // at its time
	Revoked Phase = "revoked" // before its time
)

// Request is a wish for access, on its way and after it. It is a value: what
// changes it returns another one.
type Request struct {
	ID      string `json:"id"`
	Version int64  `json:"version"` // counts changes; whoever changes it says which one was seen

	Resource   string            `json:"resource"`
	Person     engine.Person     `json:"person"` // who is to have the access
	By         Actor             `json:"by"`     // who asked
	Reason     string            `json:"reason,omitempty"`
	Ticket     string            `json:"ticket,omitempty"`
	Answers    map[string]string `json:"answers,omitempty"`
	Template   string            `json:"template,omitempty"`
	For        time.Duration     `json:"for"`
	From       time.Time         `json:"from,omitzero"` // the start that was asked for; zero: at approval
	At         time.Time         `json:"at"`            // when it was asked
	BreakGlass bool              `json:"breakGlass,omitempty"`
	Policy     Policy            `json:"policy"` // as it was at At

	Status Status `json:"status"`
	Course Course `json:"course"`
	Grant  *Grant `json:"grant,omitempty"` // of an approved one
	// Extensions were asked for while the grant was in force; only the last may
	// be undecided.
	Extensions []Extension `json:"extensions,omitempty"`
	Review     *Reviewing  `json:"review,omitempty"` // of a BreakGlass one
}

// Course is a way through the steps of a policy.
type Course struct {
	Steps     []Step     `json:"steps,omitempty"`
	Step      int        `json:"step"`           // the one that waits for decisions; len(Steps) when none does
	Since     time.Time  `json:"since,omitzero"` // when it began to wait
	Escalated bool       `json:"escalated,omitempty"`
	Lapses    time.Time  `json:"lapses,omitzero"`
	Decisions []Decision `json:"decisions,omitempty"`
	Skipped   []int      `json:"skipped,omitempty"` // steps that an expression made needless
	Auto      bool       `json:"auto,omitempty"`    // no step was needed
	Closed    time.Time  `json:"closed,omitzero"`   // when it was decided, one way or the other
	Note      string     `json:"note,omitempty"`    // why, when nobody said so
}

// Decision is what one approver said.
type Decision struct {
	Step    int       `json:"step"`
	By      Actor     `json:"by"`
	At      time.Time `json:"at"`
	Approve bool      `json:"approve"`
	Comment string    `json:"comment,omitempty"`
}

// Grant is what an approved request yields.
type Grant struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	End   *End      `json:"end,omitempty"` // when somebody ended it before its time
}

// End is an end before the time.
type End struct {
	By      Actor     `json:"by"`
	At      time.Time `json:"at"`
	Comment string    `json:"comment,omitempty"`
}

// Extension is a wish to let a grant last longer.
type Extension struct {
	By     Actor         `json:"by"`
	At     time.Time     `json:"at"`
	For    time.Duration `json:"for"` // from the end of the grant
	Reason string        `json:"reason,omitempty"`
	Status Status        `json:"status"`
	Course Course        `json:"course"`
}

// Reviewing is how it stands with the look at an emergency.
type Reviewing struct {
	Due     time.Time `json:"due"`
	Late    bool      `json:"late,omitempty"` // it was not closed in time, which was told
	By      *Actor    `json:"by,omitempty"`   // who closed it
	At      time.Time `json:"at,omitzero"`
	Fine    bool      `json:"fine,omitempty"` // whether the emergency was one
	Comment string    `json:"comment,omitempty"`
}

// Open reports whether the review is still to be closed.
func (v *Reviewing) Open() bool { return v != nil && v.By == nil }

// Same reports whether two requests are the same wish of the same actor, in
// every part, whenever and by which way it was made.
func (r Request) Same(o Request) bool {
	return r.By.same(o.By) && r.By.Maker == o.By.Maker && r.Resource == o.Resource && r.Person == o.Person &&
		r.For == o.For && r.From.Equal(o.From) && r.Reason == o.Reason && r.Ticket == o.Ticket && maps.Equal(r.Answers, o.Answers) &&
		r.Template == o.Template && r.BreakGlass == o.BreakGlass
}

// GrantID is the ID of the grant that the request yields.
func (r Request) GrantID() engine.GrantID { return engine.GrantID(r.ID) }

// Window is when the grant is in force, and whether there is one.
func (r Request) Window() (schedule.Window, bool) {
	if r.Grant == nil {
		return schedule.Window{}, false
	}
	w := schedule.Window{From: r.Grant.From, Until: r.Grant.Until}
	if e := r.Grant.End; e != nil && e.At.Before(w.Until) {
		w.Until = e.At
	}
	return w, true
}

// Phase is how it stands with the grant at an instant; empty when there is none.
func (r Request) Phase(now time.Time) Phase {
	w, ok := r.Window()
	switch {
	case !ok:
		return ""
	case r.Grant.End != nil && !now.Before(r.Grant.End.At):
		return Revoked
	case !now.Before(w.Until):
		return Ended
	case now.Before(w.From):
		return Waiting
	}
	return Active
}

// last is when something happened to the request last.
func (r *Request) last() time.Time {
	at := r.Course.last(r.At)
	for _, x := range r.Extensions {
		at = x.Course.last(latest(at, x.At))
	}
	if r.Review != nil {
		at = latest(at, r.Review.At)
		if r.Review.Late {
			at = latest(at, r.Review.Due)
		}
	}
	if r.Grant != nil && r.Grant.End != nil {
		at = latest(at, r.Grant.End.At)
	}
	return at
}

func (c *Course) last(at time.Time) time.Time {
	at = latest(latest(at, c.Since), c.Closed)
	if n := len(c.Decisions); n > 0 {
		at = latest(at, c.Decisions[n-1].At)
	}
	if step, waits := c.Now(); waits && c.Escalated {
		at = latest(at, c.Since.Add(step.Within))
	}
	return at
}

// after puts what is done after all that was done, for clocks differ, and are
// set back.
func (r *Request) after(act Act) Act {
	act.At = latest(act.At.UTC(), r.last())
	return act
}

// Undecided returns the course that waits for decisions: that of the request,
// or of its last extension. It is nil when none does.
func (r *Request) Undecided() *Course {
	if r.Status == Asked {
		return &r.Course
	}
	if e := r.extension(); e != nil && e.Status == Asked {
		return &e.Course
	}
	return nil
}

func (r *Request) extension() *Extension {
	if n := len(r.Extensions); n > 0 {
		return &r.Extensions[n-1]
	}
	return nil
}

// Now returns the step that waits, and false when none does.
func (c *Course) Now() (Step, bool) {
	if c == nil || !c.Closed.IsZero() || c.Step >= len(c.Steps) {
		return Step{}, false
	}
	return c.Steps[c.Step], true
}

// Approvals counts the approvals of a step.
func (c *Course) Approvals(step int) int {
	n := 0
	for _, d := range c.Decisions {
		if d.Step == step && d.Approve {
			n++
		}
	}
	return n
}

// Deadline is when something happens to the course if nobody decides; zero
// when nothing does.
func (c *Course) Deadline() time.Time {
	step, waits := c.Now()
	if !waits {
		return time.Time{}
	}
	first := c.Lapses
	if at, ok := step.deadline(c.Since, c.Escalated); ok && (first.IsZero() || at.Before(first)) {
		first = at
	}
	return first
}

// deadline is when a step that waits since an instant has waited long enough.
func (s Step) deadline(since time.Time, escalated bool) (time.Time, bool) {
	switch {
	case s.Within == 0:
		return time.Time{}, false
	case !escalated:
		return since.Add(s.Within), true
	case s.Escalate == nil || s.Escalate.Within == 0:
		return time.Time{}, false
	}
	return since.Add(s.Within).Add(s.Escalate.Within), true // the sum may be too long for one
}

// Due is when [Request.Tick] changes the request next; zero when it never does.
func (r *Request) Due() time.Time {
	var first time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if c := r.Undecided(); c != nil {
		sooner(c.Deadline())
	}
	if r.Review.Open() && !r.Review.Late {
		sooner(r.Review.Due)
	}
	return first
}
