package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/schedule"
)

// requests registers what is done with requests.
func (a *API) requests() {
	ask := post("/requests", "ask", "Ask for access", "Makes a request. Where the policy needs no approval, it is approved already.")
	ask.DefaultStatus = http.StatusCreated
	register(a, ask, a.ask)
	register(a, get("/requests", "requests", "List requests",
		"Newest first: yours, those for resources that you own, and for auditors and administrators all of them."), a.list)
	register(a, get("/inbox", "inbox", "What waits for your word", "Requests, extensions and emergencies, the oldest first; the first 50."), a.inbox)
	register(a, get("/mine", "mine", "What you have", "Your requests that are not over, and grants that came otherwise."), a.mine)
	one := get("/requests/{id}", "request", "Show a request",
		"With how it stands in the directories: wait for `there` before you use the access.")
	one.Responses = map[string]*huma.Response{"304": {Description: "It is as in If-None-Match"}}
	register(a, one, a.request)
	register(a, post("/requests/{id}/approve", "approve", "Approve", "Says yes to the step that waits."), a.decide(true))
	register(a, post("/requests/{id}/deny", "deny", "Deny", "Says no to the step that waits, which ends the request or the extension; the comment says why."), a.decide(false))
	register(a, post("/requests/{id}/withdraw", "withdraw", "Withdraw", "Takes back what waits for a decision."), a.withdraw)
	register(a, post("/requests/{id}/end", "end", "End access", "Gives access back, or, by an owner or administrator, ends it before its time. For the access of somebody else, the comment says why."), a.end)
	register(a, post("/requests/{id}/extend", "extend", "Extend access", "Asks for access to last longer, counted from its end."), a.extend)
	register(a, post("/requests/{id}/review", "review", "Review an emergency", "Says whether an emergency was one."), a.review)
}

// Repeatable is what calls that change something may say.
type Repeatable struct {
	Key string `header:"Idempotency-Key" doc:"One word that you make for this call, such as a UUID: the same call with it is done once, and answered the same"`
}

// Target is the request that a call is about.
type Target struct {
	Repeatable
	ID    string `path:"id"`
	Match string `header:"If-Match" doc:"The ETag of the request as you saw it: 412 when it was changed since"`
}

// Shown is a request as an answer.
type Shown struct {
	ETag string `header:"ETag"`
	Body RequestDetail
}

// Made is a new request as an answer.
type Made struct {
	Location string `header:"Location"`
	ETag     string `header:"ETag"`
	Body     RequestDetail
}

// AskInput is what somebody asks for.
type AskInput struct {
	Repeatable
	Body struct {
		_          struct{}          `additionalProperties:"false"`
		Resource   string            `json:"resource,omitempty" doc:"May be left out with a template"`
		Template   string            `json:"template,omitempty" doc:"Fills in what is left out"`
		Person     string            `json:"person,omitempty" example:"ada@example.org" doc:"Who is to have the access; without it, you"`
		For        string            `json:"for,omitempty" example:"2h" doc:"How long: 30m, 8h, 7d, 1w; without it, what the policy offers"`
		From       string            `json:"from,omitempty" format:"date-time" doc:"When it begins; without it, at approval"`
		Reason     string            `json:"reason,omitempty"`
		Ticket     string            `json:"ticket,omitempty"`
		Answers    map[string]string `json:"answers,omitempty" doc:"To the questions of the policy, by their names"`
		BreakGlass bool              `json:"breakGlass,omitempty" doc:"An emergency: at once, short, loud, and looked at afterwards"`
	}
}

func (a *API) ask(ctx context.Context, c desk.Caller, in *AskInput) (*Made, error) {
	b := in.Body
	w := desk.Wish{
		Resource: b.Resource, Template: b.Template, Reason: b.Reason, Ticket: b.Ticket, Answers: b.Answers, BreakGlass: b.BreakGlass, Key: in.Key,
	}
	if b.Resource == "" && b.Template == "" {
		return nil, field("resource", "say what you ask for: a resource, or a template")
	}
	var err error
	if w.For, err = spanOf("for", b.For); err != nil {
		return nil, err
	}
	if b.From != "" {
		if w.From, err = schedule.ParseTime(b.From); err != nil {
			return nil, field("from", err.Error())
		}
	}
	if b.Person != "" {
		if w.Person, err = engine.ParsePerson(b.Person); err != nil {
			return nil, field("person", err.Error())
		}
	}
	r, err := a.cfg.Desk.Ask(ctx, c, w)
	if err != nil {
		return nil, err
	}
	out := a.shown(ctx, c, r)
	return &Made{Location: Prefix + "/requests/" + url.PathEscape(r.ID), ETag: out.ETag, Body: out.Body}, nil
}

// shown is a request after something was done with it. That is done: when it
// cannot be looked at now, what is known of it is shown.
func (a *API) shown(ctx context.Context, c desk.Caller, r access.Request) *Shown {
	d, err := a.cfg.Desk.Request(ctx, c, r.ID)
	if err != nil || d.Version < r.Version {
		d = desk.Detail{View: desk.View{Request: r, Title: r.Resource, Phase: r.Phase(a.cfg.Now())}}
		if w, ok := r.Window(); ok {
			d.Until = w.Until
		}
	}
	body := detailOf(d)
	return &Shown{ETag: etag(d.Version, body), Body: body}
}

// ShowInput names a request.
type ShowInput struct {
	ID        string `path:"id"`
	NoneMatch string `header:"If-None-Match" doc:"The ETag that you have: 304 while nothing is new"`
}

// Show is a request as an answer, or that nothing is new.
type Show struct {
	Status int
	ETag   string `header:"ETag"`
	Cache  string `header:"Cache-Control"`
	Body   RequestDetail
}

func (a *API) request(ctx context.Context, c desk.Caller, in *ShowInput) (*Show, error) {
	d, err := a.cfg.Desk.Request(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	out := &Show{Status: http.StatusOK, Cache: "private, no-cache", Body: detailOf(d)}
	if out.ETag = etag(d.Version, out.Body); same(in.NoneMatch, out.ETag) {
		out.Status = http.StatusNotModified
	}
	return out, nil
}

// ListInput narrows a listing of requests.
type ListInput struct {
	Resource  string   `query:"resource" doc:"For that resource"`
	Person    string   `query:"person" doc:"For that person: a work address"`
	Decided   string   `query:"decided" doc:"What that person approved, denied or reviewed, or ended for somebody else: me, or a work address"`
	Text      string   `query:"q" doc:"An id's beginning, or part of person, resource or reason, in any case"`
	Status    []string `query:"status" nullable:"false" enum:"asked,approved,denied,withdrawn,lapsed" doc:"Any of these, with commas between"`
	Phase     []string `query:"phase" nullable:"false" enum:"waiting,active,ended,revoked" doc:"Approved, and any of these, with commas between"`
	Undecided bool     `query:"undecided" doc:"The request, or its last extension, waits for a decision"`
	Review    bool     `query:"review" doc:"Emergencies that nobody reviewed yet"`
	After     string   `query:"after" doc:"What the page before said is next"`
	Limit     int      `query:"limit" minimum:"1" maximum:"500" default:"50"`

	url url.URL
}

// Resolve implements [huma.Resolver].
func (in *ListInput) Resolve(ctx huma.Context) []error {
	in.url = ctx.URL()
	return nil
}

// Listing is a page of requests.
type Listing struct {
	Link string `header:"Link" doc:"Where the next page is, as rel=next"`
	Body struct {
		Requests []Request `json:"requests" nullable:"false"`
		Next     string    `json:"next,omitempty" doc:"What after is for the next page; not there on the last one"`
		Doubt    string    `json:"doubt,omitempty" doc:"Which are missing because they cannot be read"`
	}
}

func (a *API) list(ctx context.Context, c desk.Caller, in *ListInput) (*Listing, error) {
	q := access.Query{
		Resource: in.Resource, Text: in.Text, Undecided: in.Undecided, Review: in.Review, After: in.After, Limit: in.Limit,
	}
	if in.Person != "" {
		p, err := engine.ParsePerson(in.Person)
		if err != nil {
			return nil, parameter("person", err.Error())
		}
		q.Person = p
	}
	switch {
	case in.Decided == "me" && c.Machine != "":
		return nil, parameter("decided", "a machine decides nothing")
	case in.Decided == "me":
		q.Decided = c.Person
	case in.Decided != "":
		p, err := engine.ParsePerson(in.Decided)
		if err != nil {
			return nil, parameter("decided", err.Error())
		}
		q.Decided = p
	}
	for _, s := range in.Status {
		q.Status = append(q.Status, access.Status(s))
	}
	for _, p := range in.Phase {
		q.Phase = append(q.Phase, access.Phase(p))
	}
	views, next, err := a.cfg.Desk.Requests(ctx, c, q)
	switch {
	case errors.Is(err, desk.ErrCursor):
		return nil, parameter("after", "there is no such page; begin at the first, and take what it says is next")
	case err != nil && !errors.Is(err, desk.ErrUnreadable):
		return nil, err
	}
	out := new(Listing)
	if err != nil {
		out.Body.Doubt = err.Error()
	}
	out.Body.Requests, out.Body.Next = requestsOf(views), next
	out.Link = nextLink(in.url, "after", next)
	return out, nil
}

// nextLink is the Link to the next page; empty when there is none.
func nextLink(at url.URL, name, next string) string {
	if next == "" {
		return ""
	}
	q := at.Query()
	q.Set(name, next)
	return "<" + at.EscapedPath() + "?" + q.Encode() + `>; rel="next"`
}

// Nothing is the input of calls that need none.
type Nothing struct{}

// Inbox is what waits for the caller's word.
type Inbox struct {
	Body struct {
		Requests []Request `json:"requests" nullable:"false"`
		More     bool      `json:"more" doc:"There are more than are listed"`
		Doubt    string    `json:"doubt,omitempty" doc:"Why more may wait than was found"`
	}
}

func (a *API) inbox(ctx context.Context, c desk.Caller, _ *Nothing) (*Inbox, error) {
	in, err := a.cfg.Desk.Inbox(ctx, c)
	if err != nil {
		return nil, err
	}
	out := new(Inbox)
	out.Body.Requests, out.Body.More = requestsOf(in.Waiting), in.More
	if in.Doubt != nil {
		out.Body.Doubt = in.Doubt.Error()
	}
	return out, nil
}

// Mine is what the caller has and asked for.
type Mine struct {
	Body struct {
		Requests []Request `json:"requests" nullable:"false"`
		Grants   []Holding `json:"grants" nullable:"false" doc:"Access that came otherwise than by a request"`
		Doubt    string    `json:"doubt,omitempty" doc:"Which are missing because they cannot be read"`
	}
}

// Holding is access that came otherwise than by a request.
type Holding struct {
	Grant    engine.GrantID `json:"grant"`
	Resource string         `json:"resource,omitempty"`
	Groups   []string       `json:"groups" nullable:"false"`
	From     time.Time      `json:"from,omitzero"`
	Until    time.Time      `json:"until"`
	Active   bool           `json:"active"`
	Reason   string         `json:"reason,omitempty"`
	Origin   string         `json:"origin" doc:"Where it was said"`
}

func (a *API) mine(ctx context.Context, c desk.Caller, _ *Nothing) (*Mine, error) {
	views, holdings, err := a.cfg.Desk.Mine(ctx, c)
	if err != nil && !errors.Is(err, desk.ErrUnreadable) {
		return nil, err
	}
	out := new(Mine)
	if err != nil {
		out.Body.Doubt = err.Error()
	}
	out.Body.Requests, out.Body.Grants = requestsOf(views), make([]Holding, len(holdings))
	for i, h := range holdings {
		out.Body.Grants[i] = Holding{
			Grant: h.Grant, Resource: h.Resource, Groups: names(h.Groups), From: h.From, Until: h.Until,
			Active: h.Active, Reason: h.Reason, Origin: h.Origin,
		}
	}
	return out, nil
}

// DecideInput is an approver's word.
type DecideInput struct {
	Target
	Body struct {
		_         struct{} `additionalProperties:"false"`
		Step      int      `json:"step" minimum:"0" doc:"The step that you saw wait: waits.step"`
		Extension int      `json:"extension,omitempty" minimum:"0" doc:"The extension that you saw wait: waits.extension"`
		Comment   string   `json:"comment,omitempty"`
	}
}

func (a *API) decide(approve bool) func(context.Context, desk.Caller, *DecideInput) (*Shown, error) {
	return func(ctx context.Context, c desk.Caller, in *DecideInput) (*Shown, error) {
		r, err := a.cfg.Desk.Decide(ctx, c, in.ID, desk.Word{
			Approve: approve, Comment: in.Body.Comment, Step: in.Body.Step, Extension: in.Body.Extension, Version: seen(in.Match),
		})
		return a.done(ctx, c, in.Target, r, err)
	}
}

func (a *API) done(ctx context.Context, c desk.Caller, t Target, r access.Request, err error) (*Shown, error) {
	if err != nil {
		return nil, moved(t.Match, err)
	}
	return a.shown(ctx, c, r), nil
}

// Comment is something to be said to what is done.
type Comment struct {
	_       struct{} `additionalProperties:"false"`
	Comment string   `json:"comment,omitempty"`
}

// CommentInput is a call that needs no body.
type CommentInput struct {
	Target
	Body *Comment
}

func (in *CommentInput) comment() string {
	if in.Body == nil {
		return ""
	}
	return in.Body.Comment
}

func (a *API) withdraw(ctx context.Context, c desk.Caller, in *CommentInput) (*Shown, error) {
	r, err := a.cfg.Desk.Withdraw(ctx, c, in.ID, in.comment(), seen(in.Match))
	return a.done(ctx, c, in.Target, r, err)
}

func (a *API) end(ctx context.Context, c desk.Caller, in *CommentInput) (*Shown, error) {
	r, err := a.cfg.Desk.End(ctx, c, in.ID, in.comment(), seen(in.Match))
	return a.done(ctx, c, in.Target, r, err)
}

// ExtendInput is how much longer, and why.
type ExtendInput struct {
	Target
	Body struct {
		_      struct{} `additionalProperties:"false"`
		For    string   `json:"for" example:"1h" minLength:"1"`
		Reason string   `json:"reason,omitempty"`
	}
}

func (a *API) extend(ctx context.Context, c desk.Caller, in *ExtendInput) (*Shown, error) {
	length, err := spanOf("for", in.Body.For)
	if err != nil {
		return nil, err
	}
	r, err := a.cfg.Desk.Extend(ctx, c, in.ID, length, in.Body.Reason, seen(in.Match))
	return a.done(ctx, c, in.Target, r, err)
}

// ReviewInput is a reviewer's word on an emergency.
type ReviewInput struct {
	Target
	Body struct {
		_         struct{} `additionalProperties:"false"`
		Justified bool     `json:"justified" doc:"Whether the emergency was one; access that was not justified ends at once"`
		Comment   string   `json:"comment" minLength:"1" doc:"What was found"`
	}
}

func (a *API) review(ctx context.Context, c desk.Caller, in *ReviewInput) (*Shown, error) {
	r, err := a.cfg.Desk.Review(ctx, c, in.ID, in.Body.Justified, in.Body.Comment, seen(in.Match))
	return a.done(ctx, c, in.Target, r, err)
}
