package desk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
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

// tries is how often something is done anew because somebody else was first.
const tries = 5

func newID() string { return "r" + strings.ToLower(rand.Text())[:20] }

// Ask takes a wish. The errors are those of [access.Ask]. One for somebody else
// that is refused is in the log: it may tell something of them.
func (d *Desk) Ask(ctx context.Context, c Caller, w Wish) (r access.Request, err error) {
	if err := c.scope(Request); err != nil {
		return access.Request{}, err
	}
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
		return r, discreet(c, w.Person, res, err)
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

// usable refuses somebody whose account cannot be used: a session, or a token,
// outlives the day on which they left. The directories of the resource are asked
// first; where they know nobody, one of the others has to.
func (d *Desk) usable(ctx context.Context, c Caller, res *Resource) error {
	var first []engine.Directory
	for _, g := range res.Groups {
		first = append(first, g.Directory)
	}
	found, doubt := false, error(nil)
	ask := func(name engine.Directory) error {
		_, err := d.people.account(ctx, name, c.Person, d.people.moment())
		switch k := engine.KindOf(err); {
		case err == nil:
			found = true
		case k == engine.Disabled:
			return forbidden("your account in " + string(name) + " is disabled")
		case k != engine.NotFound:
			doubt = errors.Join(doubt, fmt.Errorf("%s: %w", name, err))
		}
		return nil
	}
	slices.Sort(first)
	for _, name := range slices.Compact(first) {
		if err := ask(name); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.rules.Load().Directories)) {
		if found || doubt != nil {
			break
		}
		if !slices.Contains(first, name) {
			if err := ask(name); err != nil {
				return err
			}
		}
	}
	switch {
	case doubt != nil:
		return d.doubtful("whether your account can be used", doubt)
	case !found:
		return forbidden("you have no account in any directory")
	}
	return nil
}

// mayWord is usable for whoever decides or reviews. A no gives nothing, so for
// one a good account in any directory is enough, however silent others are.
func (d *Desk) mayWord(ctx context.Context, c Caller, res *Resource, yes bool) error {
	if !yes {
		return d.present(ctx, c.Person, "your account")
	}
	return d.usable(ctx, c, res)
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

// Word is what an approver says.
type Word struct {
	Approve bool
	Comment string
	// Step is the number of the step that was seen to wait, Extension that of the
	// extension (1 is the first; 0 is the request itself). A word about another
	// one is not taken.
	Step, Extension int
	// Version, where it is not zero, is that of the request as it was seen.
	Version int64
}

// Decide takes an approver's word on what waits for one.
func (d *Desk) Decide(ctx context.Context, c Caller, id string, w Word) (access.Request, error) {
	if err := c.scope(Approve); err != nil {
		return access.Request{}, err
	}
	return d.change(ctx, c, id, w.Version, func(r access.Request, res *Resource, rules *Rules) (access.Request, []engine.Event, error) {
		course := r.Undecided()
		if course != nil && (course.Step != w.Step || r.Status == access.Approved != (w.Extension > 0) || w.Extension > 0 && w.Extension != len(r.Extensions)) {
			return r, nil, &access.Error{Kind: access.Conflict, Message: "it has moved on: another step waits now; look at it again"}
		}
		if w.Approve && len(res.Groups) == 0 {
			return r, nil, gone(res)
		}
		_, _, err := r.Decide(w.Approve, access.Act{By: c.Actor, At: d.now(), Comment: w.Comment}, access.Facts{}, rules.Expressions)
		if err = hopeless(err, access.Readable("comment", "the comment", w.Comment)); err == nil {
			err = d.mayWord(ctx, c, res, w.Approve)
		}
		if err != nil {
			return r, nil, err
		}
		f := d.facts(ctx, asked{
			resource: res, person: r.Person, requester: r.By, approver: c.Actor, request: r.ID,
			excluded: r.Policy.NotWith, wants: r.WantsToDecide(res.Resource, rules.Expressions), fresh: true,
		})
		f.Held = d.tactful(ctx, c, r.Person, res.Name, f.Held)
		return r.Decide(w.Approve, access.Act{By: c.Actor, At: d.now(), Comment: w.Comment}, f, rules.Expressions)
	})
}

// Withdraw takes back what waits for decisions.
func (d *Desk) Withdraw(ctx context.Context, c Caller, id, comment string, version int64) (access.Request, error) {
	if err := c.scope(Request); err != nil {
		return access.Request{}, err
	}
	return d.change(ctx, c, id, version, func(r access.Request, _ *Resource, _ *Rules) (access.Request, []engine.Event, error) {
		return r.Withdraw(access.Act{By: c.Actor, At: d.now(), Comment: comment})
	})
}

// End ends access before its time: the person's, an owner's or an
// administrator's right, unless those certainly left.
func (d *Desk) End(ctx context.Context, c Caller, id, comment string, version int64) (access.Request, error) {
	return d.change(ctx, c, id, version, func(r access.Request, _ *Resource, _ *Rules) (access.Request, []engine.Event, error) {
		over := false
		if !c.concerned(r) {
			a := either(
				func() access.Answer { return d.owns(ctx, c, r.Resource, true) },
				func() access.Answer { return d.roles(ctx, c, true).administering() },
			)
			if a.Err != nil {
				return r, nil, d.doubtful("whether you own "+r.Resource+" or are an administrator", a.Err)
			}
			if over = a.Yes; over {
				if err := d.leftSoon(ctx, c); err != nil {
					return r, nil, err
				}
			}
		}
		need := Request
		if over {
			need = Admin
		}
		if err := c.scope(need); err != nil {
			return r, nil, err
		}
		return r.End(access.Act{By: c.Actor, At: d.now(), Comment: comment}, over)
	})
}

// Extend asks for access to last longer.
func (d *Desk) Extend(ctx context.Context, c Caller, id string, length time.Duration, reason string, version int64) (access.Request, error) {
	if err := c.scope(Request); err != nil {
		return access.Request{}, err
	}
	return d.change(ctx, c, id, version, func(r access.Request, res *Resource, rules *Rules) (access.Request, []engine.Event, error) {
		if len(res.Groups) == 0 {
			return r, nil, gone(res)
		}
		_, _, err := r.Extend(length, reason, access.Act{By: c.Actor, At: d.now()}, access.Facts{}, rules.Expressions)
		if err = hopeless(err); err == nil {
			err = errors.Join(d.usable(ctx, c, res), d.maker(ctx, c))
		}
		if err != nil {
			return r, nil, err
		}
		person := r.Person
		f := d.facts(ctx, asked{
			resource: res, person: r.Person, requester: r.By, request: r.ID, excluded: r.Policy.NotWith,
			wants: r.WantsToExtend(res.Resource, rules.Expressions), fresh: true,
		})
		f.Held = d.tactful(ctx, c, r.Person, res.Name, f.Held)
		r, events, err := r.Extend(length, reason, access.Act{By: c.Actor, At: d.now()}, f, rules.Expressions)
		err = discreet(c, person, res, err) // every other conflict was found before
		d.inVain(c, person, res, err)
		return r, events, err
	})
}

// Review takes a reviewer's word on an emergency.
func (d *Desk) Review(ctx context.Context, c Caller, id string, fine bool, comment string, version int64) (access.Request, error) {
	if err := c.scope(Approve); err != nil {
		return access.Request{}, err
	}
	return d.change(ctx, c, id, version, func(r access.Request, res *Resource, rules *Rules) (access.Request, []engine.Event, error) {
		_, _, err := r.Close(fine, access.Act{By: c.Actor, At: d.now(), Comment: comment}, access.Facts{}, rules.Expressions)
		if err = hopeless(err, access.Readable("comment", "the comment", comment)); err == nil {
			err = d.mayWord(ctx, c, res, fine)
		}
		if err != nil {
			return r, nil, err
		}
		f := d.facts(ctx, asked{
			resource: res, person: r.Person, requester: r.By, approver: c.Actor, request: r.ID,
			wants: r.WantsToClose(res.Resource, rules.Expressions), fresh: true,
		})
		return r.Close(fine, access.Act{By: c.Actor, At: d.now(), Comment: comment}, f, rules.Expressions)
	})
}

// hopeless returns the first of some refusals that stands whatever the facts are:
// it is given without asking a directory for them. Without facts, all else is a
// doubt.
func hopeless(errs ...error) error {
	for _, err := range errs {
		if err != nil && access.KindOf(err) != access.Doubt {
			return err
		}
	}
	return nil
}

// change does something to a request as it is now, and anew when somebody else
// was first. version is the one that the caller saw; zero when that is no
// matter. The conflict of another version wraps [ErrStale].
func (d *Desk) change(ctx context.Context, c Caller, id string, version int64, f func(access.Request, *Resource, *Rules) (access.Request, []engine.Event, error)) (access.Request, error) {
	for try := 1; ; try++ {
		r, err := d.once(ctx, c, id, version, f)
		if err == nil || !errors.Is(err, ErrStale) || version != 0 {
			if errors.Is(err, ErrStale) {
				err = moved(id)
			}
			d.doubt("request "+id, err)
			return r, err
		}
		if try == tries {
			return r, moved(id)
		}
	}
}

func gone(res *Resource) error {
	return &access.Error{Kind: access.Conflict, Message: "the resource " + res.Name + " is not in the configuration any more"}
}

func moved(id string) error {
	return &access.Error{Kind: access.Conflict, Message: "request " + id + " was changed by somebody else meanwhile; look at it again", Err: ErrStale}
}

func (d *Desk) once(ctx context.Context, c Caller, id string, version int64, f func(access.Request, *Resource, *Rules) (access.Request, []engine.Event, error)) (access.Request, error) {
	rules := d.rules.Load()
	before, err := d.load(ctx, id)
	if err == nil {
		err = d.see(ctx, c, before, id)
	}
	if err != nil {
		return access.Request{}, err
	}
	res, ok := rules.resource(before.Resource)
	if !ok { // it can still be seen, withdrawn and ended
		res = &Resource{Resource: access.Resource{Name: before.Resource}}
	}
	now, events := before.Tick(d.now())
	if version != 0 && now.Version != version { // whoever looked at it saw what time did
		return access.Request{}, moved(id)
	}
	after, more, err := f(rules.known(now), res, rules)
	if err != nil {
		if len(events) > 0 { // what time did stays done
			err = errors.Join(err, d.save(ctx, now, events))
		}
		return access.Request{}, err
	}
	after = recorded(before, after, more)
	if after.Version = before.Version + 1; len(events)+len(more) == 0 {
		return before, nil
	}
	return after, d.save(ctx, after, append(events, more...))
}

func (d *Desk) load(ctx context.Context, id string) (access.Request, error) {
	r, err := d.cfg.Store.Request(ctx, id)
	switch {
	case err != nil:
		return access.Request{}, err
	case r == nil:
		return access.Request{}, notFound("there is no request " + quoted(id))
	}
	return *r, nil
}

// save puts a request on record, and wakes whoever has to act on it.
func (d *Desk) save(ctx context.Context, r access.Request, events []engine.Event) error {
	also := map[engine.Person][]engine.Person{r.Person: d.rules.Load().Addresses(r.Person)}
	err := d.cfg.Store.SaveRequests(ctx, []access.Request{r}, events, also)
	switch {
	case (errors.Is(err, ErrGiven) || errors.Is(err, ErrExcluded) && len(r.Course.Decisions) == 0) && r.By.Person != r.Person: // what others hold is not told
		return &access.Error{Kind: access.Conflict, Err: err, Message: string(r.Person) + " cannot have " + r.Resource + " beside what they hold or asked for"}
	case errors.Is(err, ErrGiven):
		return &access.Error{Kind: access.Conflict, Err: err, Message: string(r.Person) + " was just given " + r.Resource + "; extend that, or give it back first"}
	case errors.Is(err, ErrExcluded):
		return &access.Error{Kind: access.Conflict, Err: err, Message: string(r.Person) + " was just given what nobody may hold beside " + r.Resource}
	case err != nil:
		return err
	}
	for _, e := range events {
		d.tell(e)
	}
	select {
	case d.wake <- struct{}{}:
	default:
	}
	changed := slices.ContainsFunc(events, func(e engine.Event) bool { return len(e.Grants) > 0 && e.Kind != engine.EventRequested })
	if res, ok := d.rules.Load().resource(r.Resource); ok && changed {
		d.cfg.Wake(res.Groups)
	}
	return nil
}

// tell writes what happened into the log; what must not be overlooked loudly.
func (d *Desk) tell(e engine.Event) {
	log := d.cfg.Log.Info
	if e.Kind == engine.EventBreakGlass || e.Kind == engine.EventReviewLate {
		log = d.cfg.Log.Warn
	}
	d.cfg.Tell(e)
	log("request", "event", string(e.Kind), "request", e.Request, "resource", e.Group, "person", string(e.Person), "by", e.By, "step", e.Step)
}

func quoted(s string) string {
	if len(s) > 100 {
		s = s[:100] + "..."
	}
	return `"` + strings.ToValidUTF8(s, "?") + `"`
}
