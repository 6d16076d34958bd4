package api

import (
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/schedule"
)

// What requests look like outside. Times are RFC 3339 in UTC, durations as
// people write them; a list is never null.

// Request is a wish for access, on its way and after it.
type Request struct {
	ID      string `json:"id"`
	Version int64  `json:"version" doc:"Counts changes; an ETag begins with it"`
	State   string `json:"state" enum:"asked,waiting,active,ended,revoked,denied,withdrawn,lapsed" doc:"asked: waits for decisions; waiting: approved, for its start; active; ended: at its time; revoked: before its time; denied; withdrawn; lapsed: nobody decided"`

	Resource   string            `json:"resource"`
	Title      string            `json:"title" doc:"What the resource is called"`
	Person     engine.Person     `json:"person" doc:"Who is to have the access"`
	Name       string            `json:"name,omitempty" doc:"What the person is called, for those who decide, own or audit: where the directory of profiles tells it soon, and in a list where it told it a moment ago"`
	By         Actor             `json:"by" doc:"Who asked"`
	Reason     string            `json:"reason,omitempty"`
	Ticket     string            `json:"ticket,omitempty"`
	Answers    map[string]string `json:"answers,omitempty" doc:"To the questions of the policy"`
	Template   string            `json:"template,omitempty"`
	For        string            `json:"for" example:"2h"`
	From       time.Time         `json:"from,omitzero" doc:"The start that was asked for; without it, at approval"`
	At         time.Time         `json:"at" doc:"When it was asked"`
	BreakGlass bool              `json:"breakGlass,omitempty" doc:"An emergency: given at once, looked at afterwards"`
	Policy     string            `json:"policy" doc:"The name of the policy, which stays as it was when it was asked"`

	Grant      *Window     `json:"grant,omitempty" doc:"When the access is in force, once it is approved"`
	Problem    string      `json:"problem,omitempty" doc:"Which of the groups that decide are not in their directory; with stuck, nobody or too few can decide on it for now"`
	Stuck      bool        `json:"stuck,omitempty" doc:"It waits in vain until an administrator mends that"`
	Held       string      `json:"held,omitempty" doc:"Which limit holds that the person is added or, of what is over, taken out, until an administrator releases it"`
	Waits      *Waits      `json:"waits,omitempty" doc:"What waits for a decision: name its step and extension when you decide"`
	Steps      []Step      `json:"steps" nullable:"false" doc:"The steps of what waits, or of what was decided last"`
	Note       string      `json:"note,omitempty" doc:"Why it was decided, where nobody said so"`
	Extensions []Extension `json:"extensions" nullable:"false"`
	Review     *Review     `json:"review,omitempty" doc:"The look at an emergency"`
	May        May         `json:"may" doc:"What you may do with it now, as far as is known"`
}

// Actor is a person or a machine, and by which way they came.
type Actor struct {
	Person  engine.Person `json:"person" doc:"Of a machine, the one whose accounts it has"`
	Machine string        `json:"machine,omitempty"`
	Maker   engine.Person `json:"maker,omitempty" doc:"Who made the token by which the machine came"`
	Via     access.Via    `json:"via,omitempty" example:"api"`
	Name    string        `json:"name,omitempty" doc:"Of who asked for somebody else, what they are called, as the name of a request tells of whom it is for"`
}

// Window is when a grant is in force.
type Window struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	End   *End      `json:"end,omitempty" doc:"Who ended it before its time"`
}

// End is an end before the time.
type End struct {
	By      Actor     `json:"by"`
	At      time.Time `json:"at"`
	Comment string    `json:"comment,omitempty"`
}

// Waits is what waits for a decision.
type Waits struct {
	Step      int       `json:"step" doc:"The number of the step, from 0"`
	Name      string    `json:"name"`
	Extension int       `json:"extension" doc:"The number of the extension, from 1; 0: the request itself"`
	Quorum    int       `json:"quorum" doc:"How many have to approve"`
	Approvals int       `json:"approvals" doc:"How many have"`
	Since     time.Time `json:"since"`
	Deadline  time.Time `json:"deadline,omitzero" doc:"When it is escalated, denied or lapses"`
	Escalated bool      `json:"escalated,omitempty"`
}

// Step is one of the approvals that a request needs.
type Step struct {
	Name      string         `json:"name"`
	State     desk.StepState `json:"state,omitempty" enum:"done,waits,to-come,skipped,denied,void"`
	Approvers Who            `json:"approvers"`
	Quorum    int            `json:"quorum"`
	Within    string         `json:"within,omitempty" example:"4h" doc:"How long the approvers have"`
	Escalate  *Who           `json:"escalate,omitempty" doc:"Who may decide after that; without it, the request is denied then"`
	Decisions []Decision     `json:"decisions" nullable:"false"`
	Note      string         `json:"note,omitempty" doc:"Of a policy: which of the groups that approve it are not in their directory, or why else nobody can"`
}

// Who names people. Somebody belongs when one part of it says so.
type Who struct {
	Anyone   bool            `json:"anyone,omitempty"`
	People   []engine.Person `json:"people,omitempty" nullable:"false"`
	Groups   []string        `json:"groups,omitempty" nullable:"false" example:"[\"corp/db-owners\"]"`
	Machines []string        `json:"machines,omitempty" nullable:"false"`
	Owners   bool            `json:"owners,omitempty" doc:"Of the resource"`
	Manager  bool            `json:"manager,omitempty" doc:"Of the person who is to have the access"`
	When     string          `json:"when,omitempty" doc:"An expression"`
}

// Decision is what one approver said.
type Decision struct {
	By      Actor     `json:"by"`
	At      time.Time `json:"at"`
	Approve bool      `json:"approve"`
	Comment string    `json:"comment,omitempty"`
}

// Extension is a wish to let access last longer.
type Extension struct {
	By     Actor         `json:"by"`
	At     time.Time     `json:"at"`
	For    string        `json:"for" example:"1h" doc:"From the end of the access"`
	Reason string        `json:"reason,omitempty"`
	Status access.Status `json:"status" enum:"asked,approved,denied,withdrawn,lapsed"`
}

// Review is how it stands with the look at an emergency.
type Review struct {
	Due       time.Time `json:"due"`
	Late      bool      `json:"late,omitempty"`
	By        *Actor    `json:"by,omitempty" doc:"Who looked; nobody did yet without it"`
	At        time.Time `json:"at,omitzero"`
	Justified bool      `json:"justified,omitempty"`
	Comment   string    `json:"comment,omitempty"`
}

// May is what the caller may do with a request.
type May struct {
	Decide   bool `json:"decide"`
	Deny     bool `json:"deny" doc:"Also of a step that you approved, while it waits"`
	Withdraw bool `json:"withdraw"`
	End      bool `json:"end"`
	Extend   bool `json:"extend"`
	Review   bool `json:"review"`
}

// RequestDetail is a request with how it stands in the directories.
type RequestDetail struct {
	Request
	Description string       `json:"description,omitempty" doc:"Of the resource"`
	There       bool         `json:"there" doc:"The person is in every group of the resource now"`
	Groups      []Membership `json:"groups" nullable:"false" doc:"Of an approved request"`
	Before      *Before      `json:"before,omitempty" doc:"How often the person had asked for it before, and what became of that since"`
	Others      []Holder     `json:"others" nullable:"false" doc:"Who has the access now too, for some time; for those who decide, own or audit"`
	Standing    *Standing    `json:"standing,omitempty" doc:"Who is in its groups otherwise, half a minute ago at most; for the same"`
	Conflicts   []Held       `json:"conflicts,omitempty" nullable:"false" doc:"What the person holds that stands in the way of the approval that waits; for the same"`
	Unsure      bool         `json:"conflictsUnknown,omitempty" doc:"Whether something stands in the way could not be found out soon"`
}

// Membership is how it stands with the person in one group.
type Membership struct {
	Group string               `json:"group" example:"corp/prod-db"`
	State desk.MembershipState `json:"state" enum:"not-yet,there,standing,held,leaving,gone,unknown" doc:"standing: there without daypass, and it stays; held: to be added or removed, and a limit holds that until an administrator releases it; leaving: to be removed, and not confirmed gone; unknown: the directory could not tell"`
	Since time.Time            `json:"since,omitzero"`
	Note  string               `json:"note,omitempty" doc:"Why it is not as it ought to be, and the way out"`
}

// Before is how often somebody asked before.
type Before struct {
	Counts map[access.Status]int `json:"counts"`
	Last   time.Time             `json:"last,omitzero"`
}

// Holder is somebody who has access.
type Holder struct {
	Person engine.Person `json:"person"`
	Until  time.Time     `json:"until"`
	Reason string        `json:"reason,omitempty"`
}

// Standing are the accounts in the groups of a resource that neither a grant nor
// daypass itself explains.
type Standing struct {
	Count    int       `json:"count" doc:"Of all"`
	Accounts []Account `json:"accounts" nullable:"false" doc:"The first 20 by login"`
	Unread   []string  `json:"unread" nullable:"false" doc:"Groups that their directory did not tell of soon; who else is in them is not known" example:"[\"corp/prod-db\"]"`
}

// Account is one in a directory.
type Account struct {
	Directory engine.Directory `json:"directory"`
	Login     string           `json:"login"`
}

func requestOf(v desk.View) Request {
	r := v.Request
	out := Request{
		ID: r.ID, Version: r.Version, State: stateOf(r.Status, v.Phase), Resource: r.Resource, Title: v.Title, Person: r.Person,
		By: actorOf(r.By), Reason: r.Reason, Ticket: r.Ticket, Answers: r.Answers, Template: r.Template,
		For: schedule.FormatDuration(r.For), From: r.From.UTC(), At: r.At.UTC(), BreakGlass: r.BreakGlass, Policy: r.Policy.Name,
		Name: v.Name, Problem: v.Problem, Stuck: v.Stuck, Held: v.Held, Note: r.Course.Note, Steps: make([]Step, 0, len(v.Steps)), Extensions: make([]Extension, 0, len(r.Extensions)),
		May: May{Decide: v.May.Decide, Deny: v.May.Deny, Withdraw: v.May.Withdraw, End: v.May.End, Extend: v.May.Extend, Review: v.May.Review},
	}
	if out.By.Name = v.ByName; r.From.IsZero() {
		out.From = time.Time{}
	}
	if g := r.Grant; g != nil {
		out.Grant = &Window{From: g.From.UTC(), Until: v.Until.UTC()}
		if g.End != nil {
			out.Grant.End = &End{By: actorOf(g.End.By), At: g.End.At.UTC(), Comment: g.End.Comment}
		}
	}
	if course := r.Undecided(); course != nil {
		out.Waits = waitsOf(course, r)
	}
	for _, s := range v.Steps {
		out.Steps = append(out.Steps, stepOf(s.Step, s.State, s.Decisions))
	}
	for _, x := range r.Extensions {
		out.Extensions = append(out.Extensions, Extension{
			By: actorOf(x.By), At: x.At.UTC(), For: schedule.FormatDuration(x.For), Reason: x.Reason, Status: x.Status,
		})
		out.Note = x.Course.Note
	}
	if x := r.Review; x != nil {
		out.Review = &Review{Due: x.Due.UTC(), Late: x.Late, At: x.At, Justified: x.Fine, Comment: x.Comment}
		if x.By != nil {
			by := actorOf(*x.By)
			out.Review.By = &by
		}
	}
	return out
}

// stateOf is how it stands with a request, in one word.
func stateOf(s access.Status, p access.Phase) string {
	if s == access.Approved {
		return string(p)
	}
	return string(s)
}

func waitsOf(course *access.Course, r access.Request) *Waits {
	step, waits := course.Now()
	if !waits {
		return nil
	}
	w := &Waits{
		Step: course.Step, Name: step.Name, Quorum: step.Quorum, Approvals: course.Approvals(course.Step),
		Since: course.Since.UTC(), Deadline: course.Deadline(), Escalated: course.Escalated,
	}
	if r.Status == access.Approved {
		w.Extension = len(r.Extensions)
	}
	return w
}

func stepOf(s access.Step, state desk.StepState, decisions []access.Decision) Step {
	out := Step{
		Name: s.Name, State: state, Approvers: whoOf(s.Approvers), Quorum: s.Quorum, Decisions: make([]Decision, len(decisions)),
	}
	if s.Within > 0 {
		out.Within = schedule.FormatDuration(s.Within)
	}
	if s.Escalate != nil {
		to := whoOf(s.Escalate.To)
		out.Escalate = &to
	}
	for i, d := range decisions {
		out.Decisions[i] = Decision{By: actorOf(d.By), At: d.At.UTC(), Approve: d.Approve, Comment: d.Comment}
	}
	return out
}

func whoOf(w access.Who) Who {
	return Who{
		Anyone: w.Anyone, People: w.People, Groups: names(w.Groups), Machines: w.Machines,
		Owners: w.Owners, Manager: w.Manager, When: w.When,
	}
}

func names(refs []engine.GroupRef) []string {
	out := make([]string, len(refs))
	for i, ref := range refs {
		out[i] = ref.String()
	}
	return out
}

func actorOf(a access.Actor) Actor {
	return Actor{Person: a.Person, Machine: a.Machine, Maker: a.Maker, Via: a.Via}
}

func detailOf(d desk.Detail) RequestDetail {
	out := RequestDetail{
		Request: requestOf(d.View), Description: d.Description, There: d.There,
		Groups: make([]Membership, len(d.Groups)), Others: make([]Holder, len(d.Others)),
	}
	for i, m := range d.Groups {
		out.Groups[i] = Membership{Group: m.Group.String(), State: m.State, Since: m.Since, Note: m.Note}
	}
	for i, h := range d.Others {
		out.Others[i] = Holder{Person: h.Person, Until: h.Until.UTC(), Reason: h.Reason}
	}
	if s := d.Standing; s != nil {
		out.Standing = &Standing{Count: s.Count, Accounts: make([]Account, len(s.Accounts)), Unread: names(s.Unread)}
		for i, a := range s.Accounts {
			out.Standing.Accounts[i] = Account(a)
		}
	}
	out.Unsure = d.Unsure
	for _, h := range d.Conflicts {
		out.Conflicts = append(out.Conflicts, heldOf(h))
	}
	if len(d.Before.Counts) > 0 {
		out.Before = &Before{Counts: d.Before.Counts, Last: d.Before.Last}
	}
	return out
}

func requestsOf(vs []desk.View) []Request {
	out := make([]Request, len(vs))
	for i, v := range vs {
		out[i] = requestOf(v)
	}
	return out
}

// spanOf reads a duration that was sent.
func spanOf(name, s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	d, err := schedule.ParseDuration(s)
	if err != nil {
		return 0, field(name, err.Error())
	}
	return d, nil
}
