package access

import (
	"slices"
	"strings"

	"github.com/daypass-dev/daypass/engine"
)

// Want is what has to be known of one person.
type Want struct {
	Groups  []engine.GroupRef
	Profile bool
}

// Wants is what has to be known of the world for a decision.
type Wants struct {
	Person, Requester, Approver Want
	Held, Given, Unfit          bool
	Same                        []engine.Person // whether the one who decides is one of them
	// Self is whether who asks is whom it is for, and, of a machine, whether who
	// made the token is.
	Self bool
}

// Wants returns what [Ask] wants to know for a wish.
func (w Wish) Wants(p Policy, res Resource, x Expressions) Wants {
	who := p.Ask
	if w.BreakGlass && p.BreakGlass != nil {
		who = p.BreakGlass.Ask
	}
	out := p.wants()
	out.Given, out.Unfit = true, w.BreakGlass
	out.who(&out.Requester, who, res, x)
	out.expression(p.Auto, x)
	out.skips(p.Steps, x)
	return out.tidy()
}

// wants is what has to be known whoever asks, and whatever for.
func (p *Policy) wants() Wants {
	return Wants{Held: len(p.NotWith) > 0, Self: p.For == Self || p.For == Others}
}

// WantsToDecide returns what [Request.Decide] wants to know.
func (r Request) WantsToDecide(res Resource, x Expressions) Wants {
	out := r.Policy.wants()
	out.who(&out.Requester, r.Policy.Ask, res, x)
	course := r.Undecided()
	step, waits := course.Now()
	if !waits {
		return Wants{}
	}
	out.who(&out.Approver, step.Approvers, res, x)
	if course.Escalated && step.Escalate != nil {
		out.who(&out.Approver, step.Escalate.To, res, x)
	}
	out.skips(course.Steps[course.Step+1:], x)
	out.Same = r.concerned()
	for _, d := range course.Decisions {
		out.Same = append(out.Same, d.By.Person)
	}
	return out.tidy()
}

// WantsToExtend returns what [Request.Extend] wants to know.
func (r Request) WantsToExtend(res Resource, x Expressions) Wants {
	out := r.Policy.wants()
	out.who(&out.Requester, r.Policy.Ask, res, x)
	if r.Policy.Extend != nil {
		steps, auto := r.Policy.extending()
		out.expression(auto, x)
		out.skips(steps, x)
	}
	return out.tidy()
}

// WantsToClose returns what [Request.Close] wants to know.
func (r Request) WantsToClose(res Resource, x Expressions) Wants {
	var out Wants
	if b := r.Policy.BreakGlass; b != nil {
		out.who(&out.Approver, b.Review.By, res, x)
	}
	out.Same = r.concerned()
	return out.tidy()
}

// who adds what has to be known to tell whether somebody is among w.
func (out *Wants) who(of *Want, w Who, res Resource, x Expressions) {
	of.Groups = append(of.Groups, w.Groups...)
	if w.Owners {
		owners := res.Owners
		owners.Owners = false
		out.who(of, owners, res, x)
	}
	out.Person.Profile = out.Person.Profile || w.Manager
	out.expression(w.When, x)
}

func (out *Wants) skips(steps []Step, x Expressions) {
	for _, s := range steps {
		out.expression(s.Skip, x)
	}
}

func (out *Wants) expression(e string, x Expressions) {
	if e == "" {
		return
	}
	n := x.Needs(e)
	out.Person.add(n.Person)
	out.Requester.add(n.Requester)
	out.Approver.add(n.Approver)
}

func (w *Want) add(more Want) {
	w.Groups = append(w.Groups, more.Groups...)
	w.Profile = w.Profile || more.Profile
}

// tidy names nothing twice.
func (out Wants) tidy() Wants {
	for _, w := range []*Want{&out.Person, &out.Requester, &out.Approver} {
		slices.SortFunc(w.Groups, func(a, b engine.GroupRef) int { return strings.Compare(a.String(), b.String()) })
		w.Groups = slices.Compact(w.Groups)
	}
	slices.Sort(out.Same)
	out.Same = slices.Compact(out.Same)
	return out
}

// WantsOf returns what has to be known to tell whether an approver is among w.
func WantsOf(w Who, res Resource, x Expressions) Wants {
	var out Wants
	out.who(&out.Approver, w, res, x)
	return out.tidy()
}

// Quick is what is wanted of those who ask only: enough to tell whether they may.
func (out Wants) Quick() Wants { return Wants{Person: out.Person, Requester: out.Requester} }
