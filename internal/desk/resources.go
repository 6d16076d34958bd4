package desk

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/report"
)

// Offer is a resource as a caller sees it: its policy excludes what is shown to
// them.
type Offer struct {
	Resource
	// Notes are, for each step of the policy, which groups that approve it are not
	// there, and what that means; empty where all are.
	Notes   []string
	Unnamed bool // the policy excludes others too, which are not shown to the caller
	// May tells whether the caller may ask for it, as far as is known.
	May        Possible
	BreakGlass Possible
	Owner      bool   // the caller owns it
	Mine       []View // the caller's requests for it that are not over
	Doubt      error  // why Mine lacks some; it wraps [ErrUnreadable]
	Templates  []Template
}

// Possible is an answer for people.
type Possible struct {
	Yes bool
	Why string // why not, or why it is not known
	// Until is until when it is not so; zero where nobody can tell.
	Until time.Time
}

// Resources lists the resources that fit a text, in any case and any order of
// its words; all of them without one.
func (d *Desk) Resources(ctx context.Context, c Caller, text string) ([]Offer, error) {
	if err := c.scope(Read); err != nil {
		return nil, err
	}
	rules := d.rules.Load()
	words := strings.Fields(strings.ToLower(text))
	var out []Offer
	for i := range rules.Resources {
		res := &rules.Resources[i]
		about := strings.ToLower(strings.Join(slices.Concat([]string{res.Name, res.Title, res.Description}, res.Tags), " "))
		if slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(about, w) }) {
			continue
		}
		if res.Hidden && !d.shows(ctx, c, res) {
			continue
		}
		out = append(out, d.offer(ctx, c, res))
	}
	return out, nil
}

// Resource shows one resource.
func (d *Desk) Resource(ctx context.Context, c Caller, name string) (Offer, error) {
	if err := c.scope(Read); err != nil {
		return Offer{}, err
	}
	rules := d.rules.Load()
	res, ok := rules.resource(name)
	if !ok || res.Hidden && !d.shows(ctx, c, res) {
		return Offer{}, notFound("there is no resource " + quoted(name))
	}
	o := d.offer(ctx, c, res)
	o.Owner = certain(d.owns(ctx, c, name, false))
	for _, t := range rules.Templates {
		if t.Resource == name {
			o.Templates = append(o.Templates, t)
		}
	}
	o.May, o.BreakGlass = d.possible(ctx, c, res, false), d.possible(ctx, c, res, true)
	o.BreakGlass = d.calmed(ctx, c.Person, res, o.BreakGlass)
	mine := access.Query{Mine: c.Person, Machine: c.Machine, Resource: name, Limit: 100}
	if c.Machine != "" {
		mine.Mine = ""
	}
	page, err := d.requests(ctx, mine)
	if err != nil && !errors.Is(err, ErrUnreadable) {
		return o, err
	}
	o.Doubt = d.unread(page, err)
	views, err := d.listed(ctx, c, page.Requests)
	o.Mine = slices.DeleteFunc(views, func(v View) bool {
		return v.Status != access.Asked && v.Phase != access.Waiting && v.Phase != access.Active
	})
	return o, err
}

// offer shows a resource to a caller, without the names of what is not shown to
// them.
func (d *Desk) offer(ctx context.Context, c Caller, res *Resource) Offer {
	o := Offer{Resource: *res}
	if res.Policy == nil {
		return o
	}
	for _, s := range res.Policy.Steps {
		o.Notes = append(o.Notes, d.vacantStep("approve it", s, res).Why)
	}
	named := make([]string, 0, len(res.Policy.NotWith))
	for _, other := range res.Policy.NotWith {
		if d.names(ctx, c, res.Name, other) {
			named = append(named, other)
		}
	}
	if len(named) < len(res.Policy.NotWith) {
		p := *res.Policy // everybody's stays as it is
		p.NotWith = named
		o.Policy, o.Unnamed = &p, true
	}
	return o
}

// names reports whether a caller is told the name of a resource that another
// one excludes. Of one that left the configuration nobody knows whether it was
// hidden.
func (d *Desk) names(ctx context.Context, c Caller, resource, other string) bool {
	res, ok := d.rules.Load().resource(other)
	if !ok {
		return d.roles(ctx, c, false).reads() || certain(d.owns(ctx, c, resource, false))
	}
	return !res.Hidden || d.shows(ctx, c, res) || certain(d.owns(ctx, c, resource, false))
}

// tactful leaves the names of what is not shown to a caller out of what a person
// holds beside a resource. What they asked for, or were granted, they know.
func (d *Desk) tactful(ctx context.Context, c Caller, person engine.Person, resource string, held []access.Held) []access.Held {
	out := slices.Clone(held)
	for i, h := range out {
		_, configured := d.rules.Load().resource(h.Resource)
		out[i].Removed = !configured
		out[i].Unnamed = (h.Standing || person != c.Person) && !d.names(ctx, c, resource, h.Resource)
	}
	return out
}

// shows reports whether a hidden resource is shown to a caller.
func (d *Desk) shows(ctx context.Context, c Caller, res *Resource) bool {
	return d.possible(ctx, c, res, false).Yes || d.possible(ctx, c, res, true).Yes ||
		certain(d.owns(ctx, c, res.Name, false)) || d.roles(ctx, c, false).reads()
}

// whyBroken is why it is not known what a policy says to somebody, when that is
// not the directory's fault.
const whyBroken = "the configuration names a group that cannot be found, and an administrator has to mend it"

// possible tells a caller whether they may ask for a resource.
func (d *Desk) possible(ctx context.Context, c Caller, res *Resource, glass bool) Possible {
	return d.possibleTo(ctx, c, "you", res, glass)
}

// possibleTo tells whether a caller may ask for a resource. called is what they
// are called to whoever is told.
func (d *Desk) possibleTo(ctx context.Context, c Caller, called string, res *Resource, glass bool) Possible {
	p := res.Policy
	switch {
	case p == nil:
		return Possible{Why: "it has no policy, so it cannot be asked for"}
	case glass && p.BreakGlass == nil:
		return Possible{Why: "it has no access for emergencies"}
	}
	who := p.Ask
	if glass {
		who = p.BreakGlass.Ask
	}
	rules := d.rules.Load()
	w := access.Wish{Person: c.Person, BreakGlass: glass}
	f := d.facts(ctx, asked{resource: res, person: c.Person, requester: c.Actor, wants: w.Wants(*p, res.Resource, rules.Expressions).Quick()})
	r := access.Request{Resource: res.Name, Person: c.Person, By: c.Actor, Policy: *p, BreakGlass: glass, For: p.Default}
	switch a := who.Belongs(f.Requester, access.Case{Now: d.now(), Facts: &f, Request: &r}, rules.Expressions); {
	case len(access.Gone(a.Err)) > 0:
		return Possible{Why: whyBroken}
	case a.Err != nil:
		return Possible{Why: "a directory could not tell whether " + called + " may"}
	case !a.Yes:
		return Possible{Why: "the policy does not name " + called + " among those who may ask"}
	}
	return Possible{Yes: true}
}

// Members holds desired against actual for a resource: for its owners,
// auditors and administrators. Where nothing of it can be read just now, it is a
// doubt.
func (d *Desk) Members(ctx context.Context, c Caller, name string) (*report.Compliance, error) {
	if err := c.scope(Read); err != nil {
		return nil, err
	}
	rules := d.rules.Load()
	res, ok := rules.resource(name)
	if !ok || res.Hidden && !d.shows(ctx, c, res) {
		return nil, notFound("there is no resource " + quoted(name))
	}
	if err := d.oversees(ctx, c, name, "see its members"); err != nil {
		return nil, err
	}
	found, err := d.people.look(ctx, res)
	if err == nil {
		err = d.untold(found, name)
	}
	return found, err
}

// untold is the doubt of a look at a resource that shows nothing, because its
// directories did not answer.
func (d *Desk) untold(found *report.Compliance, name string) error {
	if len(found.Groups) > 0 {
		return nil
	}
	var all []error
	for _, n := range found.NotRead {
		switch engine.ProblemKind(n.Kind) {
		case engine.DirectoryDown, engine.UnreadableGroup:
			all = append(all, unanswered(n.Directory, errors.New(n.Message)))
		}
	}
	if len(all) == 0 {
		return nil
	}
	return d.doubtful("who is in "+name, errors.Join(all...))
}

// Templates lists the templates.
func (d *Desk) Templates(ctx context.Context, c Caller) ([]Template, error) {
	if err := c.scope(Read); err != nil {
		return nil, err
	}
	rules := d.rules.Load()
	var out []Template
	for _, t := range rules.Templates {
		if res, ok := rules.resource(t.Resource); ok && res.Policy != nil && (!res.Hidden || d.shows(ctx, c, res)) {
			out = append(out, t)
		}
	}
	return out, nil
}

// Holding is access that the caller has or will have, other than by a request.
type Holding struct {
	Grant    engine.GrantID
	Resource string
	Groups   []engine.GroupRef
	From     time.Time
	Until    time.Time
	Active   bool
	Reason   string
	Origin   string // where it was said
}

// Mine lists the caller's requests that are not over, and the grants that came
// otherwise. What can be read is returned beside an error that wraps
// [ErrUnreadable] about others.
func (d *Desk) Mine(ctx context.Context, c Caller) ([]View, []Holding, error) {
	if err := c.scope(Read); err != nil {
		return nil, nil, err
	}
	now := d.now()
	own := access.Query{Mine: c.Person, Machine: c.Machine, Now: now, Limit: 200}
	if c.Machine != "" {
		own.Mine = ""
	}
	undecided, live := own, own
	undecided.Undecided = true
	live.Phase = []access.Phase{access.Waiting, access.Active}
	var all access.Listing
	var unread error
	for _, q := range []access.Query{undecided, live} {
		page, err := d.requests(ctx, q)
		switch {
		case errors.Is(err, ErrUnreadable):
			unread = errors.Join(unread, err)
			all.Unread = append(all.Unread, page.Unread...)
		case err != nil:
			return nil, nil, err
		}
		for _, r := range page.Requests {
			if !slices.ContainsFunc(all.Requests, func(x access.Request) bool { return x.ID == r.ID }) {
				all.Requests = append(all.Requests, r)
			}
		}
	}
	slices.Sort(all.Unread)
	all.Unread = slices.Compact(all.Unread)
	slices.SortStableFunc(all.Requests, func(a, b access.Request) int { return b.At.Compare(a.At) })
	views, err := d.listed(ctx, c, all.Requests)
	if err != nil {
		return nil, nil, err
	}
	return views, d.holdings(c, now), d.unread(all, unread)
}

func (d *Desk) holdings(c Caller, now time.Time) []Holding {
	rules := d.rules.Load()
	byID := make(map[engine.GrantID]*Holding)
	var order []engine.GrantID
	for _, g := range rules.Grants() {
		if rules.Canonical(g.Person) != c.Person || g.When.Ended(now) || strings.HasPrefix(g.Origin, requestOrigin) {
			continue
		}
		h := byID[g.ID]
		if h == nil {
			h = &Holding{
				Grant: g.ID, Resource: g.Resource, From: g.When.From, Until: g.When.Until,
				Active: g.When.Active(now), Reason: g.Reason, Origin: g.Origin,
			}
			byID[g.ID] = h
			order = append(order, g.ID)
		}
		h.Groups = append(h.Groups, g.Group)
	}
	out := make([]Holding, len(order))
	for i, id := range order {
		out[i] = *byID[id]
	}
	slices.SortStableFunc(out, func(a, b Holding) int { return a.Until.Compare(b.Until) })
	return out
}
