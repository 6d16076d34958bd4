package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/schedule"
)

// resources registers what tells about what can be asked for.
func (a *API) resources() {
	register(a, get("/me", "me", "Who you are", "To daypass, by the token that you sent."), a.me)
	register(a, get("/resources", "resources", "Find resources", "What can be asked for, by what it is for."), a.find)
	register(a, get("/resources/{name}", "resource", "Show a resource", "What it gives, who approves, and how you stand to it."), a.resource)
	members := get("/resources/{name}/members", "members", "Desired and actual members",
		"Who ought to be in the groups of the resource and who is, side by side: for its owners, auditors and administrators.")
	members.Responses = map[string]*huma.Response{"200": a.compliance(false)}
	register(a, members, a.members)
	register(a, get("/resources/{name}/explanation", "explain", "What the policy says to a person",
		"To you; for owners, auditors and administrators, to anybody."), a.explain)
	register(a, get("/templates", "templates", "List templates", "Requests that are filled in already."), a.templates)
}

// Me is who the caller is.
type Me struct {
	Body struct {
		Person        engine.Person `json:"person" doc:"Of a machine, the one whose accounts it has"`
		Machine       string        `json:"machine,omitempty"`
		Scopes        []desk.Scope  `json:"scopes" nullable:"false" doc:"What the token was made for"`
		Administrator bool          `json:"administrator"`
		Auditor       bool          `json:"auditor"`
		Doubt         bool          `json:"doubt,omitempty" doc:"A directory could not tell of a role just now; then it is not given"`
	}
}

func (a *API) me(ctx context.Context, c desk.Caller, _ *Nothing) (*Me, error) {
	m := a.cfg.Desk.Me(ctx, c)
	out := new(Me)
	b := &out.Body
	b.Person, b.Machine, b.Administrator, b.Auditor, b.Doubt = m.Person, m.Machine, m.Roles.Administrator, m.Roles.Auditor, m.Roles.Doubt != nil
	b.Scopes = append([]desk.Scope{}, m.Scopes...)
	return out, nil
}

// Resource is what can be asked for.
type Resource struct {
	Name        string   `json:"name"`
	Title       string   `json:"title"`
	Description string   `json:"description,omitempty"`
	Tags        []string `json:"tags" nullable:"false"`
	Groups      []string `json:"groups" nullable:"false" doc:"What it gives: directory/group"`
	Policy      *Policy  `json:"policy,omitempty" doc:"Without it, nobody can ask for it"`
}

// Policy is what has to be kept in asking.
type Policy struct {
	Name       string     `json:"name"`
	For        string     `json:"for" enum:"self,others,anyone" doc:"Whom it may be asked for"`
	Max        string     `json:"max" example:"8h"`
	Default    string     `json:"default" example:"2h"`
	Ahead      string     `json:"ahead" doc:"How far in the future a start may lie"`
	Reason     Text       `json:"reason"`
	Ticket     Text       `json:"ticket"`
	Questions  []Question `json:"questions" nullable:"false"`
	Steps      []Step     `json:"steps" nullable:"false"`
	NotWith    []string   `json:"notWith" nullable:"false" doc:"Resources that nobody may hold beside it, those that are shown to you"`
	Unnamed    bool       `json:"notWithOthers,omitempty" doc:"Nobody may hold others beside it either, which are not shown to you"`
	BreakGlass string     `json:"breakGlass,omitempty" doc:"How long access in an emergency lasts at most, where there is such"`
	Extend     *Extending `json:"extend,omitempty" doc:"How it may be extended, where it may"`
}

// Text is a rule for something written.
type Text struct {
	Required bool   `json:"required"`
	Pattern  string `json:"pattern,omitempty"`
	Hint     string `json:"hint,omitempty"`
}

// Question is an extra question of a policy.
type Question struct {
	Name    string      `json:"name"`
	Title   string      `json:"title"`
	Type    access.Type `json:"type" enum:"text,number,boolean,choice,date"`
	Choices []string    `json:"choices,omitempty" nullable:"false"`
	Min     *float64    `json:"min,omitempty"`
	Max     *float64    `json:"max,omitempty"`
	Text
}

// Extending is how access may be made to last longer.
type Extending struct {
	Times int    `json:"times"`
	Max   string `json:"max" example:"2h" doc:"Each time"`
}

func resourceOf(r desk.Offer) Resource {
	out := Resource{
		Name: r.Name, Title: r.Label(), Description: r.Description, Tags: append([]string{}, r.Tags...), Groups: names(r.Groups),
	}
	p := r.Policy
	if p == nil {
		return out
	}
	out.Policy = &Policy{
		Name: p.Name, For: string(p.For), Max: schedule.FormatDuration(p.Max), Default: schedule.FormatDuration(p.Default),
		Ahead: schedule.FormatDuration(p.Ahead), Reason: textOf(p.Reason), Ticket: textOf(p.Ticket),
		Questions: make([]Question, len(p.Questions)), Steps: make([]Step, len(p.Steps)), NotWith: append([]string{}, p.NotWith...), Unnamed: r.Unnamed,
	}
	for i, q := range p.Questions {
		out.Policy.Questions[i] = Question{
			Name: q.Name, Title: q.Label(), Type: q.Type, Choices: q.Choices, Min: q.Min, Max: q.Max, Text: textOf(q.Text),
		}
	}
	for i, s := range p.Steps {
		out.Policy.Steps[i] = stepOf(s, "", nil)
		out.Policy.Steps[i].Note = r.Notes[i]
	}
	if p.BreakGlass != nil {
		out.Policy.BreakGlass = schedule.FormatDuration(p.BreakGlass.Max)
	}
	if p.Extend != nil {
		out.Policy.Extend = &Extending{Times: p.Extend.Times, Max: schedule.FormatDuration(p.Extend.Max)}
	}
	return out
}

func textOf(t access.Text) Text { return Text{Required: t.Required, Pattern: t.Pattern, Hint: t.Hint} }

// FindInput is what somebody looks for.
type FindInput struct {
	Text string `query:"q" doc:"Words, in any case and order"`
}

// Found is what fits.
type Found struct {
	Body struct {
		Resources []Resource `json:"resources" nullable:"false"`
	}
}

func (a *API) find(ctx context.Context, c desk.Caller, in *FindInput) (*Found, error) {
	offers, err := a.cfg.Desk.Resources(ctx, c, in.Text)
	if err != nil {
		return nil, err
	}
	out := new(Found)
	out.Body.Resources = make([]Resource, len(offers))
	for i, o := range offers {
		out.Body.Resources[i] = resourceOf(o)
	}
	return out, nil
}

// ResourceInput names a resource.
type ResourceInput struct {
	Name string `path:"name"`
}

// Possible tells whether the caller may do something, as far as is known.
type Possible struct {
	Yes   bool      `json:"yes"`
	Why   string    `json:"why,omitempty" doc:"Why not, or why it is not known"`
	Until time.Time `json:"until,omitzero" doc:"Until when not; not there where nobody can tell"`
}

// Offer is a resource as the caller stands to it.
type Offer struct {
	Body struct {
		Resource
		May        Possible   `json:"may" doc:"Whether you may ask for it"`
		BreakGlass Possible   `json:"breakGlass" doc:"Whether you may ask for it in an emergency"`
		Owner      bool       `json:"owner" doc:"You own it"`
		Mine       []Request  `json:"mine" nullable:"false" doc:"Your requests for it that are not over"`
		Doubt      string     `json:"doubt,omitempty" doc:"Which of mine are missing because they cannot be read"`
		Templates  []Template `json:"templates" nullable:"false"`
	}
}

func (a *API) resource(ctx context.Context, c desk.Caller, in *ResourceInput) (*Offer, error) {
	o, err := a.cfg.Desk.Resource(ctx, c, in.Name)
	if err != nil {
		return nil, err
	}
	out := new(Offer)
	b := &out.Body
	b.Resource, b.May, b.BreakGlass, b.Owner = resourceOf(o), Possible(o.May), Possible(o.BreakGlass), o.Owner
	b.Mine, b.Templates = requestsOf(o.Mine), templatesOf(o.Templates)
	if o.Doubt != nil {
		b.Doubt = o.Doubt.Error()
	}
	return out, nil
}

func (a *API) members(ctx context.Context, c desk.Caller, in *ResourceInput) (*stream, error) {
	report, err := a.cfg.Desk.Members(ctx, c, in.Name)
	if err != nil {
		return nil, err
	}
	return reportJSON(report, false), nil
}

// ExplainInput names a resource and a person.
type ExplainInput struct {
	Name   string `path:"name"`
	Person string `query:"person" doc:"A work address; without it, you"`
}

// Explanation is what a policy says to one person.
type Explanation struct {
	Body struct {
		Person     engine.Person `json:"person"`
		Resource   string        `json:"resource"`
		Policy     string        `json:"policy,omitempty"`
		May        Possible      `json:"may"`
		BreakGlass Possible      `json:"breakGlass"`
		Auto       Possible      `json:"auto" doc:"Whether it is given without an approval"`
		Steps      []Explained   `json:"steps" nullable:"false"`
		Conflicts  []Held        `json:"conflicts" nullable:"false" doc:"What the person holds that excludes it"`
		Doubt      string        `json:"doubt,omitempty" doc:"What could not be found out"`
	}
}

// Explained is a step for one person.
type Explained struct {
	Step
	Skipped Possible `json:"skipped" doc:"Whether it is not needed, and by which expression"`
}

// Held is access that a person has, will have, or has asked for.
type Held struct {
	Resource string    `json:"resource,omitempty" doc:"Without it, one that is not shown to you"`
	Request  string    `json:"request,omitempty"`
	Until    time.Time `json:"until,omitzero"`
	Standing bool      `json:"standing,omitempty" doc:"The directory shows it, and nothing says until when"`
	Removed  bool      `json:"removed,omitempty" doc:"The resource left the configuration"`
}

func (a *API) explain(ctx context.Context, c desk.Caller, in *ExplainInput) (*Explanation, error) {
	person := c.Person
	if in.Person != "" {
		p, err := engine.ParsePerson(in.Person)
		if err != nil {
			return nil, parameter("person", err.Error())
		}
		person = p
	}
	e, err := a.cfg.Desk.Explain(ctx, c, person, in.Name)
	if err != nil {
		return nil, err
	}
	return Explain(e), nil
}

// Explain is an explanation as an answer.
func Explain(e desk.Explanation) *Explanation {
	out := new(Explanation)
	b := &out.Body
	b.Person, b.Resource, b.Doubt = e.Person, e.Resource, e.Doubt
	b.May, b.BreakGlass, b.Auto = Possible(e.May), Possible(e.BreakGlass), Possible(e.Auto)
	if e.Policy != nil {
		b.Policy = e.Policy.Name
	}
	b.Steps, b.Conflicts = make([]Explained, len(e.Steps)), make([]Held, len(e.Conflicts))
	for i, s := range e.Steps {
		b.Steps[i] = Explained{stepOf(s.Step, "", nil), Possible(s.Skipped)}
		b.Steps[i].Note = s.Note
	}
	for i, h := range e.Conflicts {
		b.Conflicts[i] = heldOf(h)
	}
	return out
}

func heldOf(h access.Held) Held {
	if h.Unnamed {
		h.Resource, h.Request, h.Removed = "", "", false
	}
	return Held{Resource: h.Resource, Request: h.Request, Until: h.Until, Standing: h.Standing, Removed: h.Removed}
}

// Template is a request that is filled in already.
type Template struct {
	Name     string            `json:"name"`
	Title    string            `json:"title"`
	Resource string            `json:"resource"`
	For      string            `json:"for,omitempty" example:"2h"`
	Reason   string            `json:"reason,omitempty"`
	Ticket   string            `json:"ticket,omitempty"`
	Answers  map[string]string `json:"answers,omitempty"`
}

// Templates are all that the caller sees.
type Templates struct {
	Body struct {
		Templates []Template `json:"templates" nullable:"false"`
	}
}

func (a *API) templates(ctx context.Context, c desk.Caller, _ *Nothing) (*Templates, error) {
	ts, err := a.cfg.Desk.Templates(ctx, c)
	if err != nil {
		return nil, err
	}
	out := new(Templates)
	out.Body.Templates = templatesOf(ts)
	return out, nil
}

func templatesOf(ts []desk.Template) []Template {
	out := make([]Template, len(ts))
	for i, t := range ts {
		out[i] = Template{Name: t.Name, Title: t.Title, Resource: t.Resource, Reason: t.Reason, Ticket: t.Ticket, Answers: t.Answers}
		if t.For > 0 {
			out[i].For = schedule.FormatDuration(t.For)
		}
	}
	return out
}
