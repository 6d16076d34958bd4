package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// obstacle is why a request of a policy can never be decided.
type obstacle struct {
	path    string // below the policy
	message string
}

// checkDecidable reports approvals that nobody could ever give. What owners may
// do is judged at each resource that follows the policy.
func (c *Config) checkDecidable(w *walker, path string, p Policy) {
	for _, o := range obstacles(p.access("")) {
		w.fail(path+o.path, "%s", o.message)
	}
}

// checkOwners reports a resource whose owners are too few for its policy.
func (c *Config) checkOwners(w *walker, name string) {
	r := c.Resources[name]
	p, ok := c.Policy(r.Policy)
	if !ok || len(obstacles(p)) > 0 {
		return // said elsewhere
	}
	path := "resources." + name
	for _, o := range obstacles(owned(p, r.Owners)) {
		w.fail(path+".owners", "of policy %s, %s: %s", r.Policy, o.path[1:], o.message)
	}
}

// owned writes the owners of a resource into its policy.
func owned(p access.Policy, owners Role) access.Policy {
	in := func(w access.Who) access.Who {
		if w.Owners {
			w.Owners = false
			w.People = slices.Concat(w.People, owners.People)
			w.Groups = slices.Concat(w.Groups, owners.Who().Groups)
		}
		return w
	}
	through := func(all []access.Step) {
		for i := range all {
			all[i].Approvers = in(all[i].Approvers)
			if e := all[i].Escalate; e != nil {
				e.To = in(e.To)
			}
		}
	}
	p.Ask = in(p.Ask)
	through(p.Steps)
	if b := p.BreakGlass; b != nil {
		b.Ask, b.Review.By = in(b.Ask), in(b.Review.By)
	}
	if p.Extend != nil {
		through(p.Extend.Steps)
	}
	return p
}

const nobody = "nobody may ask; name groups, people or machines, or write anyone: true"

func obstacles(p access.Policy) []obstacle {
	all := inSteps(".steps", p, p.Steps)
	if p.Extend != nil {
		all = append(all, inSteps(".extend.steps", p, p.Extend.Steps)...)
	}
	if p.Ask.Empty() {
		all = append(all, obstacle{".ask", nobody})
	}
	if b := p.BreakGlass; b != nil {
		switch askers, known := certain(b.Ask); {
		case b.Ask.Empty():
			all = append(all, obstacle{".breakGlass.ask", nobody})
		case b.Review.By.Empty():
			all = append(all, obstacle{".breakGlass.review.by", "nobody may review it; name groups, people, owners, manager or when"})
		case known && !anyoneBut(askers, b.Review.By, 1):
			all = append(all, obstacle{".breakGlass.review.by", "nobody is left to review it but those who ask; name somebody else"})
		}
	}
	return all
}

func inSteps(path string, p access.Policy, steps []access.Step) []obstacle {
	var all []obstacle
	askers, known := certain(p.Ask)
	for i, s := range steps {
		at := fmt.Sprintf("%s[%d]", path, i)
		deciders := both(s)
		n, counted := count(s.Approvers)
		switch {
		case s.Approvers.Empty():
			all = append(all, obstacle{at + ".approvers", "nobody may decide; name groups, people, owners, manager or when"})
		case counted && s.Quorum > n:
			all = append(all, obstacle{at + ".quorum", fmt.Sprintf("asks for %d approvals, and %d can be had; name more approvers, or ask for fewer", s.Quorum, n)})
		case known && !p.SelfApproval && !anyoneBut(askers, deciders, s.Quorum):
			all = append(all, obstacle{at + ".approvers", "nobody is left to decide but those who ask; name somebody else"})
		case !p.Twice && crowded(steps[:i+1]):
			all = append(all, obstacle{at + ".approvers", "too few people for this step and those before it, for nobody counts in two; name more, or write twice: true"})
		}
	}
	return all
}

// both are all who may ever decide a step.
func both(s access.Step) access.Who {
	who := s.Approvers
	if e := s.Escalate; e != nil {
		who.People = slices.Concat(who.People, e.To.People)
		who.Groups = slices.Concat(who.Groups, e.To.Groups)
		who.Owners, who.Manager, who.When = who.Owners || e.To.Owners, who.Manager || e.To.Manager, who.When+e.To.When
	}
	return who
}

// certain returns the people who belong to w, when only people are named.
func certain(w access.Who) (map[engine.Person]bool, bool) {
	if w.Anyone || w.Owners || w.Manager || w.When != "" || len(w.Groups)+len(w.Machines) > 0 {
		return nil, false
	}
	people := make(map[engine.Person]bool)
	for _, p := range w.People {
		people[p] = true
	}
	return people, true
}

// count returns how many belong to w at most, when that can be said.
func count(w access.Who) (int, bool) {
	managers := 0
	if w.Manager {
		managers, w.Manager = 1, false
	}
	people, known := certain(w)
	return len(people) + managers, known
}

// anyoneBut reports whether, for one of those who ask at least, enough others
// are left to decide.
func anyoneBut(askers map[engine.Person]bool, w access.Who, quorum int) bool {
	people, known := certain(w)
	if !known {
		return true
	}
	for asker := range askers {
		others := maps.Clone(people)
		delete(others, asker)
		if len(others) >= quorum {
			return true
		}
	}
	return false
}

// crowded reports whether the last of some steps asks people for more
// approvals, together with those before it, than there are people.
func crowded(steps []access.Step) bool {
	last := len(steps) - 1
	people, known := certain(both(steps[last]))
	if !known {
		return false
	}
	needed := steps[last].Quorum
	for _, s := range steps[:last] {
		others, known := certain(both(s))
		inside := known
		for p := range others {
			inside = inside && people[p]
		}
		if inside {
			needed += s.Quorum
		}
	}
	return needed > len(people)
}
