package desk

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// Wish is what somebody asks for at the desk.
type Wish struct {
	Resource   string        // may be left out with a template
	Template   string        // fills in what is left out
	Person     engine.Person // empty: the caller
	For        time.Duration
	From       time.Time
	Reason     string
	Ticket     string
	Answers    map[string]string
	BreakGlass bool
	Key        string // the caller's own word for this wish: with it, the same is asked for once in a day
}

func newID() string { return "r" + strings.ToLower(rand.Text())[:20] }

// Ask takes a wish. The errors are those of [access.Ask]. One for somebody else
// that is refused is in the log: it may tell something of them.
func (d *Desk) Ask(ctx context.Context, c Caller, w Wish) (r access.Request, err error) {
	if err := c.scope(Request); err != nil {
		return access.Request{}, err
	}
	ctx = d.people.inquire(ctx)
	id, made, err := d.idFor(ctx, c, w.Key)
	if err != nil {
		return access.Request{}, err
	}
	if made != nil {
		return *made, nil
	}
	rules := d.rules.Load()
	if err := d.fill(ctx, c, rules, &w); err != nil {
		return access.Request{}, err
	}
	if w.Person == "" {
		w.Person = c.Person
	}
	w.Person = rules.Canonical(w.Person)
	res, ok := rules.resource(w.Resource)
	if !ok || res.Hidden && !d.shows(ctx, c, res) {
		return access.Request{}, &access.Error{Kind: access.Invalid, Field: "resource", Message: "there is no resource " + quoted(w.Resource)}
	}
	defer func() { d.inVain(c, w.Person, res, err) }()
	if res.Policy == nil {
		return access.Request{}, forbidden(res.Name + " cannot be asked for: it has no policy")
	}
	wish := access.Wish{
		ID: id, Person: w.Person, For: w.For, From: w.From, Reason: w.Reason, Ticket: w.Ticket,
		Answers: w.Answers, Template: w.Template, BreakGlass: w.BreakGlass,
	}
	// What no directory has to be asked for comes first: nobody makes daypass
	// list groups by wishes that cannot come true.
	draft, err := wish.Draft(*res.Policy, res.Name, access.Act{By: c.Actor, At: d.now()})
	if err == nil {
		err = d.again(ctx, c, draft)
	}
	if err != nil {
		return access.Request{}, err
	}
	if err := errors.Join(d.usable(ctx, c, res), d.maker(ctx, c), d.known(ctx, w.Person, res)); err != nil {
		return access.Request{}, err
	}
	f := d.facts(ctx, asked{
		resource: res, person: w.Person, requester: c.Actor, excluded: res.Policy.NotWith,
		wants: wish.Wants(*res.Policy, res.Resource, rules.Expressions), fresh: true,
	})
	f.Held = d.tactful(ctx, c, w.Person, res.Name, f.Held)
	r, events, err := access.Ask(wish, *res.Policy, access.Act{By: c.Actor, At: d.now()}, f, rules.Expressions)
	if err != nil {
		d.doubt("a request for "+res.Name, err)
		return r, outspoken(discreet(c, w.Person, res, err))
	}
	err = d.save(ctx, r, events)
	if w.Key != "" && errors.Is(err, ErrStale) { // the same call came first, a moment ago
		return d.load(ctx, id)
	}
	if errors.Is(err, ErrTwice) {
		err = d.twice(ctx, c, r)
	}
	return r, err
}

// discreet is a refusal without what somebody else holds.
func discreet(c Caller, person engine.Person, res *Resource, err error) error {
	if access.KindOf(err) != access.Conflict || person == c.Person {
		return err
	}
	return &access.Error{Kind: access.Conflict, Err: err, Message: string(person) + " cannot have " + res.Name + " beside what they hold or asked for"}
}

// inVain writes into the log that a wish for somebody else was refused, and why.
func (d *Desk) inVain(c Caller, person engine.Person, res *Resource, err error) {
	switch access.KindOf(err) {
	case "", access.Doubt, access.Broken: // which is in the log otherwise
		return
	}
	if p, wrong := engine.ParsePerson(string(person)); wrong != nil || p != person || p == c.Person {
		return
	}
	why := err
	if e, ok := errors.AsType[*access.Error](err); ok && e.Err != nil {
		why = e.Err
	}
	d.cfg.Log.Info("a wish for somebody else was refused", "by", c.Actor.String(), "person", string(person), "resource", res.Name, "why", why.Error())
}

// again refuses what certainly would be a second undecided request, where the
// caller made the first one, or it is for them. Others hear of it only when they
// may ask.
func (d *Desk) again(ctx context.Context, c Caller, r access.Request) error {
	p := r.Policy
	if r.BreakGlass || p.Auto != "" || !slices.ContainsFunc(p.Steps, func(s access.Step) bool { return s.Skip == "" }) {
		return nil // it may be given at once
	}
	page, err := d.requests(ctx, access.Query{Person: r.Person, Resource: r.Resource, Status: []access.Status{access.Asked}, Limit: 1})
	if errors.Is(err, ErrUnreadable) {
		return nil // one that cannot be read counts when the wish is put on record
	}
	if err != nil || len(page.Requests) == 0 {
		return err
	}
	first, _ := page.Requests[0].Tick(d.now())
	if first.Status != access.Asked || !c.concerned(d.rules.Load().known(first)) {
		return nil
	}
	return d.twice(ctx, c, r)
}

// twice is the refusal of a second undecided request. A caller who may see the
// first one is told which it is, and whether it is the same wish.
func (d *Desk) twice(ctx context.Context, c Caller, r access.Request) error {
	out := &access.Error{Kind: access.Conflict, Message: string(r.Person) + " has an undecided request for " + r.Resource + " already"}
	page, err := d.requests(ctx, access.Query{Person: r.Person, Resource: r.Resource, Status: []access.Status{access.Asked}, Limit: 1})
	if err != nil || len(page.Requests) == 0 { // it was decided a moment ago
		return out
	}
	if first := d.rules.Load().known(page.Requests[0]); certain(d.sees(ctx, c, first)) {
		out.Request, out.Same = first.ID, first.Same(r)
		out.Message += ", " + first.ID + "; wait for it, or withdraw it first"
	}
	return out
}

// known refuses a person who certainly has no account wherever the resource
// leads: nothing would come of the request.
func (d *Desk) known(ctx context.Context, p engine.Person, res *Resource) error {
	for _, g := range res.Groups {
		if _, err := d.people.account(ctx, g.Directory, p, whenever); engine.KindOf(err) != engine.NotFound {
			return nil
		}
	}
	return &access.Error{Kind: access.Invalid, Field: "person", Message: string(p) + " has no account in any directory of " + res.Name}
}

// fill takes from a template what a wish leaves out.
func (d *Desk) fill(ctx context.Context, c Caller, r *Rules, w *Wish) error {
	if w.Template == "" {
		return nil
	}
	i := slices.IndexFunc(r.Templates, func(t Template) bool { return t.Name == w.Template })
	if i >= 0 { // one of a resource that is not shown is not there
		if res, ok := r.resource(r.Templates[i].Resource); !ok || res.Hidden && !d.shows(ctx, c, res) {
			i = -1
		}
	}
	if i < 0 {
		return &access.Error{Kind: access.Invalid, Field: "template", Message: "there is no template " + quoted(w.Template)}
	}
	t := r.Templates[i]
	if w.Resource != "" && w.Resource != t.Resource {
		return &access.Error{Kind: access.Invalid, Field: "resource", Message: "the template " + t.Name + " is for " + t.Resource}
	}
	w.Resource = t.Resource
	if w.For == 0 {
		w.For = t.For
	}
	if w.Reason == "" {
		w.Reason = t.Reason
	}
	if w.Ticket == "" {
		w.Ticket = t.Ticket
	}
	answers := make(map[string]string)
	for k, v := range t.Answers {
		answers[k] = v
	}
	for k, v := range w.Answers {
		answers[k] = v
	}
	w.Answers = answers
	return nil
}
