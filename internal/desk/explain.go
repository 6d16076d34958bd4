package desk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// Explanation is what a policy says to one person.
type Explanation struct {
	Person     engine.Person
	Resource   string
	Policy     *access.Policy
	May        Possible
	BreakGlass Possible
	Auto       Possible // whether it is given without an approval, as far as is known
	Steps      []ExplainedStep
	Conflicts  []access.Held
	Doubt      string // what could not be found out
}

// ExplainedStep is a step of a policy, for one person.
type ExplainedStep struct {
	access.Step
	Skipped Possible
	// Note is why nobody can approve it as the person's manager, or as a member of
	// a group that is not there; empty where somebody can, or need not.
	Note string
}

// Explain tells what the policy of a resource says to a person: to that person,
// to owners, auditors and administrators.
func (d *Desk) Explain(ctx context.Context, c Caller, person engine.Person, name string) (Explanation, error) {
	if err := c.scope(Read); err != nil {
		return Explanation{}, err
	}
	rules := d.rules.Load()
	person = rules.Canonical(person)
	res, ok := rules.resource(name)
	if !ok || res.Hidden && !d.shows(ctx, c, res) {
		return Explanation{}, notFound("there is no resource " + quoted(name))
	}
	if person != c.Person {
		if err := d.oversees(ctx, c, name, "ask this for somebody else"); err != nil {
			return Explanation{}, err
		}
	}
	called := string(person)
	if person == c.Person && c.Via != access.CLI { // whoever reads a terminal is not known
		called = "you"
	}
	out := d.explain(d.people.inquire(ctx), person, called, res)
	out.Conflicts = d.tactful(ctx, c, person, name, out.Conflicts)
	return out, nil
}

// explain is Explain to whoever may know. called is what the person is called to
// them.
func (d *Desk) explain(ctx context.Context, person engine.Person, called string, res *Resource) Explanation {
	rules := d.rules.Load()
	out := Explanation{Person: person, Resource: res.Name, Policy: res.Policy}
	as := Caller{Actor: access.Actor{Person: person}}
	out.May, out.BreakGlass = d.possibleTo(ctx, as, called, res, false), d.possibleTo(ctx, as, called, res, true)
	p := res.Policy
	if p == nil {
		return out
	}
	out.BreakGlass = d.calmed(ctx, person, res, out.BreakGlass)
	var doubts []string
	doubt := func(err error, what string) {
		if len(access.Gone(err)) > 0 {
			what = whyBroken
		} else {
			d.cfg.Log.Warn("a policy could not be explained", "resource", res.Name, "error", err)
		}
		if !slices.Contains(doubts, what) {
			doubts = append(doubts, what)
		}
	}
	why, err := d.barred(ctx, person, res)
	if err != nil {
		doubt(err, "a directory could not tell whether "+string(person)+" has an account")
	}
	if why != "" {
		out.May = Possible{Why: why}
		if p.BreakGlass != nil {
			out.BreakGlass = out.May
		}
	}
	w := access.Wish{Person: person, For: p.Default}
	wants := w.Wants(*p, res.Resource, rules.Expressions)
	wants.Person.Profile = wants.Person.Profile || slices.ContainsFunc(p.Steps, byManager)
	f := d.facts(ctx, asked{resource: res, person: person, requester: as.Actor, excluded: p.NotWith, wants: wants, fresh: true})
	for _, err := range []error{f.Person.ProfileErr, f.Requester.ProfileErr} {
		if err != nil && engine.KindOf(err) != engine.NotFound {
			doubt(err, "a directory could not tell what it holds on "+string(person))
		}
	}
	r := access.Request{Resource: res.Name, Person: person, By: as.Actor, Policy: *p, For: p.Default, At: d.now()}
	judge := func(expression string) Possible {
		if expression == "" {
			return Possible{}
		}
		a := rules.Expressions.Judge(expression, access.Case{Now: r.At, Facts: &f, Request: &r})
		switch {
		case a.Err == nil:
			return Possible{Yes: a.Yes, Why: expression}
		case len(access.Gone(a.Err)) > 0:
			return Possible{Why: whyBroken}
		case engine.KindOf(a.Err) == engine.NotFound:
			return Possible{Why: undescribed(person)}
		}
		d.cfg.Log.Warn("a policy could not be explained", "resource", res.Name, "error", a.Err)
		return Possible{Why: "a directory could not tell"}
	}
	out.Auto = judge(p.Auto)
	if err := d.lookFor(ctx, res, p.Steps); err != nil {
		doubt(err, "a directory could not tell whether a group that approves is there")
	}
	for _, s := range p.Steps {
		x := ExplainedStep{Step: s, Skipped: judge(s.Skip)}
		if !x.Skipped.Yes {
			x.Note = d.vacantStep("approve it", s, res).Why
		}
		if byManager(s) && !x.Skipped.Yes {
			x.Note = also(x.Note, unmanaged(f.Person))
		}
		out.Steps = append(out.Steps, x)
	}
	out.Conflicts = f.Held
	if f.HeldErr != nil {
		doubt(f.HeldErr, "a directory could not tell what "+string(person)+" holds already")
	}
	out.Doubt = strings.Join(doubts, "; ")
	return out
}

// barred is why nothing comes of what a person asks for, whatever the policy
// says, as [Desk.Ask] refuses it: they have no account that can be used. The
// error is why that is not known.
func (d *Desk) barred(ctx context.Context, p engine.Person, res *Resource) (why string, doubt error) {
	var here, anywhere accounts // in the directories of the resource, and in all
	ask, names := d.fully(ctx), slices.Sorted(maps.Keys(d.rules.Load().Directories))
	for i, err := range together(names, func(name engine.Directory) error { return ask(name, p) }) {
		name := names[i]
		anywhere.add(err)
		if slices.ContainsFunc(res.Groups, func(g engine.GroupRef) bool { return g.Directory == name }) {
			here.add(err)
		}
		if k := engine.KindOf(err); err != nil && k != engine.NotFound && k != engine.Disabled {
			doubt = errors.Join(doubt, fmt.Errorf("%s: %w", name, err))
		}
	}
	switch {
	case here.disabled:
		return "the account of " + string(p) + " is disabled", nil
	case here.usable, !anywhere.asked:
		return "", nil
	case doubt != nil:
		return "", doubt
	case anywhere.usable:
		return string(p) + " has no account in any directory of " + res.Name, nil
	case anywhere.disabled:
		return "the account of " + string(p) + " is disabled", nil
	}
	return "nobody of that address has an account in any directory that daypass knows", nil
}

// byManager reports whether the person's manager is among who may approve a step,
// from the beginning or later.
func byManager(s access.Step) bool {
	return s.Approvers.Manager || s.Escalate != nil && s.Escalate.To.Manager
}

// unmanaged is why nobody can approve as the manager of a person; empty where
// somebody can.
func unmanaged(p access.Subject) string {
	switch err := p.ProfileErr; {
	case err != nil && engine.KindOf(err) == engine.NotFound:
		return undescribed(p.Person) + ", so nobody can approve it as their manager"
	case p.Profile == nil:
		return "who the manager is could not be found out, so nobody can approve it as that"
	case p.Profile.Manager == "":
		return "no manager of " + string(p.Person) + " is on record, so nobody can approve it as that"
	}
	return ""
}

// also joins two notes, of which one or both may be empty.
func also(a, b string) string {
	if a != "" && b != "" {
		return a + "; " + b
	}
	return a + b
}

func undescribed(p engine.Person) string {
	return "the directory that describes people has no account of " + string(p)
}
