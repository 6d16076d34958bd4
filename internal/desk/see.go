package desk

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// View is a request as a caller sees it.
type View struct {
	access.Request
	Title string       // of the resource
	Own   bool         // it is for the caller
	Phase access.Phase // empty where there is no grant
	Steps []Step       // of what waits for decisions, or last did
	May   May
	// Deadline is when the step that waits is escalated, denied or lapses.
	Deadline time.Time
	Until    time.Time // when the grant ends, or ended
	AsOf     time.Time
	// Problem is which of the groups that decide are not there; with Stuck, nobody,
	// or too few, can decide for now.
	Problem string
	Stuck   bool
	// Held is which limit holds that the person is added, or, of a grant that is
	// over, taken out, and the way out; empty where none does.
	Held string
	// Name and ByName are what the person, and another one who asked, are called in
	// the directory of profiles, for those who decide, own or audit; empty where it
	// is not known soon, in a list where it is not known already.
	Name, ByName string
}

// Step is a step as people see it.
type Step struct {
	access.Step
	State     StepState
	Decisions []access.Decision
}

// StepState is how it stands with a step.
type StepState string

// States of a step.
const (
	StepDone    StepState = "done"
	StepWaits   StepState = "waits" // for decisions
	StepToCome  StepState = "to-come"
	StepSkipped StepState = "skipped" // the policy says that it is not needed
	StepDenied  StepState = "denied"
	StepVoid    StepState = "void" // nobody needs it any more
)

// May is what the caller may do with a request now, as far as is known; whether
// it is done is decided when it is tried.
type May struct {
	Decide, Withdraw, End, Extend, Review bool
	// Deny is set where they may decide, and where they approved the step that
	// waits and may think again.
	Deny bool
}

// concerned reports whether the caller asked, or is whom it is for.
func (c Caller) concerned(r access.Request) bool {
	return r.By.Machine == c.Machine && r.By.Person == c.Person || c.Machine == "" && c.Person == r.Person
}

// see refuses a caller who may not see a request, which they named by an id, or
// the beginning of one. To them there is none; when that cannot be told it is a
// doubt, for an approver is not to hear that what they came for does not exist.
// So a doubt tells that there is a request of that id; but nobody guesses one of
// a hundred bits, and who knows one can do nothing with it. Six characters of
// one are enough to ask, which are a billion to try at a limited rate, during an
// outage. Of hidden resources a doubt is a no: their names are guessed easily.
func (d *Desk) see(ctx context.Context, c Caller, r access.Request, id string) error {
	switch a := d.sees(ctx, c, r); {
	case a.Err != nil:
		return d.doubtful("whether you may see request "+quoted(id), a.Err)
	case !a.Yes:
		return notFound("there is no request " + quoted(id))
	}
	return nil
}

// sees reports whether a caller may see a request: whom it concerns, who decides
// or decided on it, who owns the resource, and who may read everything.
func (d *Desk) sees(ctx context.Context, c Caller, r access.Request) access.Answer {
	rules := d.rules.Load()
	r = rules.known(r)
	switch {
	case c.concerned(r):
		return access.Answer{Yes: true}
	case c.Machine != "":
		return access.Answer{}
	}
	if slices.ContainsFunc(r.Deciders(), func(p engine.Person) bool { return rules.Canonical(p) == c.Person }) ||
		slices.ContainsFunc(r.Extensions, func(x access.Extension) bool { return x.By.Person == c.Person && x.By.Machine == "" }) {
		return access.Answer{Yes: true}
	}
	return anyOf(
		func() access.Answer { return d.owns(ctx, c, r.Resource, false) },
		func() access.Answer { return d.approves(ctx, c, r) },
		func() access.Answer { return d.roles(ctx, c, false).reading() },
	)
}

// either asks one after the other until one of the answers is certainly yes.
func either(asks ...func() access.Answer) access.Answer {
	var all []access.Answer
	for _, f := range asks {
		if all = append(all, f()); certain(all[len(all)-1]) {
			break
		}
	}
	return summed(all)
}

// anyOf is either for questions to several directories, side by side.
func anyOf(asks ...func() access.Answer) access.Answer { return summed(sideBySide(asks, certain)) }

// summed is certainly yes where one of some answers is.
func summed(all []access.Answer) access.Answer {
	var doubts []error
	for _, a := range all {
		switch {
		case a.Err != nil:
			doubts = append(doubts, a.Err)
		case a.Yes:
			return a
		}
	}
	return access.Answer{Err: errors.Join(doubts...)}
}

// certain reports whether an answer is certainly yes.
func certain(a access.Answer) bool { return a.Err == nil && a.Yes }

// approves reports whether the caller is among those who decide a step of the
// request, or review it.
func (d *Desk) approves(ctx context.Context, c Caller, r access.Request) access.Answer {
	steps := slices.Clone(r.Policy.Steps)
	for _, x := range r.Extensions {
		steps = append(steps, x.Course.Steps...)
	}
	whos := make([]access.Who, 0, 2*len(steps)+1)
	for _, s := range steps {
		whos = append(whos, s.Approvers)
		if s.Escalate != nil {
			whos = append(whos, s.Escalate.To)
		}
	}
	if r.BreakGlass && r.Policy.BreakGlass != nil {
		whos = append(whos, r.Policy.BreakGlass.Review.By)
	}
	asks := make([]func() access.Answer, len(whos))
	for i, w := range whos {
		asks[i] = func() access.Answer { return d.fits(ctx, c, w, r) }
	}
	return anyOf(asks...)
}

// fits reports whether a caller is among the approvers of a request that w
// names.
func (d *Desk) fits(ctx context.Context, c Caller, w access.Who, r access.Request) access.Answer {
	if c.Machine != "" || w.Empty() {
		return access.Answer{}
	}
	rules := d.rules.Load()
	if w.Anyone || slices.ContainsFunc(w.People, func(p engine.Person) bool { return rules.Canonical(p) == c.Person }) {
		return access.Answer{Yes: true}
	}
	res, ok := rules.resource(r.Resource)
	if !ok {
		return access.Answer{}
	}
	wants := access.WantsOf(w, res.Resource, rules.Expressions)
	f := d.facts(ctx, asked{resource: res, person: r.Person, requester: r.By, approver: c.Actor, request: r.ID, wants: wants})
	return w.Belongs(f.Approver, access.Case{Now: d.now(), Facts: &f, Request: &r, Deciding: true}, rules.Expressions)
}

// view shows a request to a caller who may see it.
func (d *Desk) view(ctx context.Context, c Caller, r access.Request) View {
	now := d.now()
	r, _ = r.Tick(now) // as it will be on record in a moment
	v := View{Request: r, Phase: r.Phase(now), AsOf: now, Title: r.Resource}
	if w, ok := r.Window(); ok {
		v.Until = w.Until
	}
	rules := d.rules.Load()
	r = rules.known(r) // v keeps what is on record
	res, ok := rules.resource(r.Resource)
	if ok && res.Title != "" {
		v.Title = res.Title
	}
	if ok {
		v.Problem, v.Stuck = d.problem(r, res)
	}
	course := &r.Course
	if n := len(r.Extensions); n > 0 {
		course = &r.Extensions[n-1].Course
	}
	v.Steps, v.Deadline = stepsOf(course), course.Deadline()
	v.Own = r.Person == c.Person
	act := access.Act{By: c.Actor, At: now}
	if c.scope(Request) == nil {
		_, _, err := r.Withdraw(act)
		v.May.Withdraw = err == nil
	}
	if ended := v.Phase == access.Active || v.Phase == access.Waiting; ended && r.Grant.End == nil {
		mine := c.concerned(r)
		v.May.End = mine && c.scope(Request) == nil ||
			!mine && c.scope(Admin) == nil && (certain(d.owns(ctx, c, r.Resource, false)) || d.roles(ctx, c, false).Administrator)
		v.May.Extend = mine && !r.BreakGlass && r.Policy.Extend != nil && r.Undecided() == nil &&
			r.Extended() < r.Policy.Extend.Times && c.scope(Request) == nil
	}
	if !ok || c.scope(Approve) != nil {
		return v
	}
	if step, waits := r.Undecided().Now(); waits && certain(d.stepFits(ctx, c, step, r)) {
		q := asked{resource: res, person: r.Person, requester: r.By, approver: c.Actor, request: r.ID, excluded: r.Policy.NotWith}
		q.wants = r.WantsToDecide(res.Resource, rules.Expressions)
		q.wants.Held, q.wants.Self = false, false // a denial goes by neither
		f := d.facts(ctx, q)
		_, _, err := r.Decide(false, act, f, rules.Expressions)
		v.May.Deny = err == nil
		v.May.Decide = v.May.Deny && !r.Approved(f)
	}
	if r.Review.Open() && r.Policy.BreakGlass != nil && certain(d.fits(ctx, c, r.Policy.BreakGlass.Review.By, r)) {
		q := asked{resource: res, person: r.Person, requester: r.By, approver: c.Actor, request: r.ID}
		q.wants = r.WantsToClose(res.Resource, rules.Expressions)
		_, _, err := r.Close(false, access.Act{By: c.Actor, At: now, Comment: "-"}, d.facts(ctx, q), rules.Expressions)
		v.May.Review = err == nil
	}
	return v
}

// stepFits reports whether the caller is among those who may decide the step
// that waits.
func (d *Desk) stepFits(ctx context.Context, c Caller, s access.Step, r access.Request) access.Answer {
	own := func() access.Answer { return d.fits(ctx, c, s.Approvers, r) }
	if s.Escalate == nil || !r.Undecided().Escalated {
		return own()
	}
	return anyOf(own, func() access.Answer { return d.fits(ctx, c, s.Escalate.To, r) })
}

func stepsOf(course *access.Course) []Step {
	out := make([]Step, len(course.Steps))
	for i, s := range course.Steps {
		out[i] = Step{Step: s, State: StepToCome}
		denied := false
		for _, x := range course.Decisions {
			if x.Step == i {
				out[i].Decisions = append(out[i].Decisions, x)
				denied = denied || !x.Approve
			}
		}
		switch closed := !course.Closed.IsZero(); {
		case slices.Contains(course.Skipped, i):
			out[i].State = StepSkipped
		case denied:
			out[i].State = StepDenied
		case i < course.Step && !course.Auto, course.Approvals(i) >= s.Quorum:
			out[i].State = StepDone
		case closed:
			out[i].State = StepVoid
		case i == course.Step:
			out[i].State = StepWaits
		}
	}
	return out
}

// Detail is a request with what helps to decide on it.
type Detail struct {
	View
	Description string // of the resource
	Shown       bool   // the resource has a page for the caller
	Groups      []Membership
	// There is set when the person is in every group of the resource.
	There bool
	// Before is how often the person had asked for the resource before.
	Before access.Past
	// Others have access to the resource now, as far as requests and other
	// grants tell; for those who decide, own or audit only.
	Others []Holder
	// Standing are those who are in its groups otherwise, for the same; nil where
	// many requests are shown at once.
	Standing *StandingMembers
	// Conflicts are what stands in the way of an approval that waits, for the
	// same; Unsure is set where that could not be found out soon.
	Conflicts []access.Held
	Unsure    bool
}

// Holder is somebody who has access.
type Holder struct {
	Person engine.Person
	Until  time.Time
	Reason string
}

// Request shows one request to a caller.
func (d *Desk) Request(ctx context.Context, c Caller, id string) (Detail, error) {
	if err := c.scope(Read); err != nil {
		return Detail{}, err
	}
	r, err := d.load(ctx, id)
	if err != nil {
		return Detail{}, err
	}
	if err := d.see(ctx, c, r, id); err != nil {
		return Detail{}, err
	}
	d.findVacant(ctx, r)
	return d.Detail(ctx, c, d.view(ctx, c, r))
}

// Detail adds to a request that a caller sees what helps to decide on it.
func (d *Desk) Detail(ctx context.Context, c Caller, v View) (Detail, error) {
	return d.detail(ctx, c, v, true)
}

// detail is Detail, with or without the standing members: they are listed.
func (d *Desk) detail(ctx context.Context, c Caller, v View, standing bool) (out Detail, err error) {
	out.View = v
	r := v.Request
	rules := d.rules.Load()
	res, ok := rules.resource(r.Resource)
	if !ok {
		return out, nil
	}
	out.Description = res.Description
	out.Shown = !res.Hidden || d.shows(ctx, c, res)
	if out.Phase != "" {
		if out.Groups, err = d.memberships(ctx, r, res, out.Phase); err != nil {
			return out, err
		}
		out.There = !slices.ContainsFunc(out.Groups, func(m Membership) bool { return m.State != There && m.State != Standing })
		out.Held = ""
		if i := slices.IndexFunc(out.Groups, func(m Membership) bool { return m.State == Held }); i >= 0 {
			out.Held = out.Groups[i].Note
		}
	}
	if out.Before, err = d.past(ctx, r); err != nil {
		return out, err
	}
	oversees := func() bool { return certain(d.oversight(ctx, c, r.Resource)) }
	if out.May.Deny || out.May.Review || !c.concerned(rules.known(r)) && oversees() {
		out.Others = d.holders(res, r)
		var wait sync.WaitGroup
		wait.Go(func() { out.Name = d.nameOf(ctx, access.Actor{Person: r.Person}) })
		if r.By.Person != r.Person {
			wait.Go(func() { out.ByName = d.nameOf(ctx, r.By) })
		}
		if r.Undecided() != nil && len(r.Policy.NotWith) > 0 {
			wait.Go(func() { out.Conflicts, out.Unsure = d.conflicts(ctx, c, res, rules.known(r)) })
		}
		if standing {
			out.Standing, err = d.standing(ctx, res, r, out.Others)
		}
		wait.Wait()
	}
	return out, err
}

// oversight reports whether a caller owns a resource or may read everything, by
// what is known already: an open page looks every few seconds.
func (d *Desk) oversight(ctx context.Context, c Caller, resource string) access.Answer {
	return anyOf(
		func() access.Answer { return d.owns(ctx, c, resource, false) },
		func() access.Answer { return d.roles(ctx, c, false).reading() },
	)
}

// Details adds to requests that a caller sees what helps to decide on them, at
// once for all. Standing members are found on the page of each.
func (d *Desk) Details(ctx context.Context, c Caller, views []View) ([]Detail, error) {
	out, errs := make([]Detail, len(views)), make([]error, len(views))
	var wait sync.WaitGroup
	for i, v := range views {
		wait.Go(func() {
			errs[i] = guarded(d.cfg.Log, func() (err error) {
				out[i], err = d.detail(ctx, c, v, false)
				return err
			})
		})
	}
	wait.Wait()
	return out, errors.Join(errs...)
}

// conflicts finds out what the person holds that nobody may hold beside the
// resource, as far as it may be shown, and whether that is in doubt.
func (d *Desk) conflicts(ctx context.Context, c Caller, res *Resource, r access.Request) (held []access.Held, unsure bool) {
	q := asked{resource: res, person: r.Person, requester: r.By, request: r.ID, excluded: r.Policy.NotWith, since: whenever}
	held, err := soon(ctx, d.cfg.Log, func(ctx context.Context) ([]access.Held, error) { return d.held(ctx, q) })
	return d.tactful(ctx, c, r.Person, r.Resource, held), err != nil
}

// nameOf returns what a person is called, where that is found out soon.
func (d *Desk) nameOf(ctx context.Context, a access.Actor) string {
	if d.rules.Load().Profiles == "" || a.Machine != "" {
		return ""
	}
	p, err := soon(ctx, d.cfg.Log, func(ctx context.Context) (*engine.Profile, error) { return d.people.profile(ctx, a.Person, whenever) })
	if err != nil {
		return ""
	}
	return p.Name
}

// holders are those who have access to a resource now beside the person.
func (d *Desk) holders(res *Resource, r access.Request) []Holder {
	now, rules := d.now(), d.rules.Load()
	latest := make(map[engine.Person]Holder)
	for _, g := range rules.Grants() {
		if g.Resource != res.Name && !slices.Contains(res.Groups, g.Group) || rules.Canonical(g.Person) == rules.Canonical(r.Person) || !g.When.Active(now) {
			continue
		}
		if h, ok := latest[g.Person]; !ok || h.Until.Before(g.When.Until) {
			latest[g.Person] = Holder{Person: g.Person, Until: g.When.Until, Reason: g.Reason}
		}
	}
	out := make([]Holder, 0, len(latest))
	for _, h := range latest {
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b Holder) int { return a.Until.Compare(b.Until) })
	return out
}

// Requests lists requests that a caller may see. Those who may not read
// everything see their own, those that they decided, and those for a resource
// that they own. What can be read is returned beside an error that wraps
// [ErrUnreadable] about others.
func (d *Desk) Requests(ctx context.Context, c Caller, q access.Query) ([]View, string, error) {
	if err := c.scope(Read); err != nil {
		return nil, "", err
	}
	q.Now = d.now()
	all := q.Resource != "" && certain(d.owns(ctx, c, q.Resource, false)) || d.roles(ctx, c, false).reads()
	switch {
	case c.Machine != "":
		q.Machine = c.Machine
	case !all && d.rules.Load().Canonical(q.Decided) != c.Person:
		q.Mine = c.Person
	}
	page, err := d.requests(ctx, q)
	if err != nil && !errors.Is(err, ErrUnreadable) {
		return nil, "", err
	}
	views, failed := d.listed(ctx, c, page.Requests)
	if failed != nil {
		return nil, "", failed
	}
	return views, page.Next, d.unread(page, err)
}

// unread tells of what is missing on a page because it cannot be read: the log
// why, once of each, and the caller which.
func (d *Desk) unread(page access.Listing, err error) error {
	if err == nil {
		return nil
	}
	news := false
	for _, id := range page.Unread {
		news = d.said.first("request "+id) || news
	}
	if news {
		d.cfg.Log.Error("requests on record cannot be read", "error", err)
	}
	message := "request " + strings.Join(page.Unread, ", ") + " is on record and cannot be read; it is missing here, and the log says why"
	return &access.Error{Kind: access.Doubt, Err: ErrUnreadable, Message: message}
}
