package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// vacancy is what is wrong with those whose word is wanted.
type vacancy struct {
	Why string // names the groups that are not there; empty where all are
	// Closed is set where nobody, or too few, are left who might say it.
	Closed bool
}

// vacant tells which groups among people are certainly not there, as far as was
// found out already. what is wanted of so many of them, such as "approve it".
func (d *Desk) vacant(what string, quorum int, res *Resource, whos ...access.Who) vacancy {
	var gone, left []engine.GroupRef
	people, others := make(map[engine.Person]bool), false
	expressions := d.rules.Load().Expressions
	for _, w := range whos {
		all := []access.Who{w}
		if w.Owners {
			all = append(all, res.Owners)
		}
		for _, w := range all {
			others = others || w.Anyone || w.Manager || w.When != ""
			for _, p := range w.People {
				people[p] = true
			}
		}
		for _, g := range access.WantsOf(w, res.Resource, expressions).Approver.Groups {
			if d.absent.has(g) {
				gone = append(gone, g)
			} else {
				left = append(left, g)
			}
		}
	}
	if len(gone) == 0 {
		return vacancy{}
	}
	names := nowhere(gone)
	switch {
	case others || len(left) > 0 || len(people) >= quorum:
		return vacancy{Why: names + ", so only others can " + what}
	case len(people) > 0:
		return vacancy{"too few can " + what + ": " + names, true}
	}
	return vacancy{"nobody can " + what + ": " + names, true}
}

// nowhere says of groups that they are not there.
func nowhere(gone []engine.GroupRef) string {
	slices.SortFunc(gone, func(a, b engine.GroupRef) int { return strings.Compare(a.String(), b.String()) })
	var names []string
	for _, g := range slices.Compact(gone) {
		names = append(names, fmt.Sprintf("the group %s is not in the directory %s", g.Name, g.Directory))
	}
	return strings.Join(names, ", ")
}

// vacantStep is vacant for a step that nobody decided on yet.
func (d *Desk) vacantStep(what string, s access.Step, res *Resource) vacancy {
	if s.Escalate != nil {
		what += " before it is escalated"
	}
	return d.vacant(what, s.Quorum, res, s.Approvers)
}

// problem is what is wrong with those who have to decide on a request, or to
// review it, and whether it waits in vain for now.
func (d *Desk) problem(r access.Request, res *Resource) (why string, stuck bool) {
	if step, waits := r.Undecided().Now(); waits {
		var v vacancy
		if step.Escalate != nil && r.Undecided().Escalated {
			v = d.vacant("approve it", step.Quorum, res, step.Approvers, step.Escalate.To)
		} else {
			v = d.vacantStep("approve it", step, res)
		}
		if v.Why != "" {
			return v.Why, v.Closed
		}
		for _, later := range r.Undecided().Steps[r.Undecided().Step+1:] {
			if v := d.vacantStep("approve the step "+later.Name, later, res); v.Why != "" {
				return v.Why, false
			}
		}
	}
	if r.Review.Open() && r.Policy.BreakGlass != nil {
		v := d.vacant("review it", 1, res, r.Policy.BreakGlass.Review.By)
		return v.Why, v.Closed
	}
	return "", false
}

// findVacant looks for the groups that decide on a request, for its own page.
func (d *Desk) findVacant(ctx context.Context, r access.Request) {
	r = d.rules.Load().known(r)
	res, ok := d.rules.Load().resource(r.Resource)
	if !ok {
		return
	}
	var steps []access.Step
	if _, waits := r.Undecided().Now(); waits {
		steps = r.Undecided().Steps[r.Undecided().Step:]
	}
	if r.Review.Open() && r.Policy.BreakGlass != nil {
		steps = append(slices.Clip(steps), access.Step{Approvers: r.Policy.BreakGlass.Review.By})
	}
	_ = d.lookFor(ctx, res, steps) // what is not known is no problem of the request
}

// lookFor finds out soon which groups of steps are there. The error is why it is
// not known of some.
func (d *Desk) lookFor(ctx context.Context, res *Resource, steps []access.Step) error {
	var groups []engine.GroupRef
	for _, s := range steps {
		whos := []access.Who{s.Approvers}
		if s.Escalate != nil {
			whos = append(whos, s.Escalate.To)
		}
		for _, w := range whos {
			groups = append(groups, access.WantsOf(w, res.Resource, d.rules.Load().Expressions).Approver.Groups...)
		}
	}
	slices.SortFunc(groups, func(a, b engine.GroupRef) int { return strings.Compare(a.String(), b.String()) })
	groups = slices.Compact(groups)
	errs := make([]error, len(groups))
	var wait sync.WaitGroup
	for i, g := range groups {
		wait.Go(func() {
			_, err := soon(ctx, d.cfg.Log, func(ctx context.Context) (engine.GroupID, error) { return d.people.group(ctx, g) })
			if err != nil && len(access.Gone(err)) == 0 {
				errs[i] = fmt.Errorf("%s: %w", g, err)
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}
