package access

import (
	"maps"
	"slices"
)

// clone returns a request that shares nothing with r: neither what the caller
// of r does to it later, nor what is done to the clone, reaches the other.
func (r Request) clone() Request {
	r.Answers = maps.Clone(r.Answers)
	r.Policy = r.Policy.clone()
	r.Course = r.Course.clone()
	r.Extensions = each(r.Extensions, func(x Extension) Extension {
		x.Course = x.Course.clone()
		return x
	})
	if r.Grant = copied(r.Grant); r.Grant != nil {
		r.Grant.End = copied(r.Grant.End)
	}
	if r.Review = copied(r.Review); r.Review != nil {
		r.Review.By = copied(r.Review.By)
	}
	return r
}

func (c Course) clone() Course {
	c.Steps = each(c.Steps, Step.clone)
	c.Decisions, c.Skipped = slices.Clone(c.Decisions), slices.Clone(c.Skipped)
	return c
}

func (p Policy) clone() Policy {
	p.Ask = p.Ask.clone()
	p.Questions = each(p.Questions, func(q Question) Question {
		q.Choices, q.Min, q.Max = slices.Clone(q.Choices), copied(q.Min), copied(q.Max)
		return q
	})
	p.Steps = each(p.Steps, Step.clone)
	p.NotWith = slices.Clone(p.NotWith)
	if p.BreakGlass = copied(p.BreakGlass); p.BreakGlass != nil {
		p.BreakGlass.Ask = p.BreakGlass.Ask.clone()
		p.BreakGlass.Review.By = p.BreakGlass.Review.By.clone()
	}
	if p.Extend = copied(p.Extend); p.Extend != nil {
		p.Extend.Steps = each(p.Extend.Steps, Step.clone)
	}
	return p
}

func (s Step) clone() Step {
	s.Approvers = s.Approvers.clone()
	if s.Escalate = copied(s.Escalate); s.Escalate != nil {
		s.Escalate.To = s.Escalate.To.clone()
	}
	return s
}

func (w Who) clone() Who {
	w.People, w.Groups, w.Machines = slices.Clone(w.People), slices.Clone(w.Groups), slices.Clone(w.Machines)
	return w
}

func each[T any](all []T, clone func(T) T) []T {
	all = slices.Clone(all)
	for i := range all {
		all[i] = clone(all[i])
	}
	return all
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}
