package config

import (
	"fmt"
	"slices"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// obstacle is why a request of a policy can never be decided.
type obstacle struct {
	path    string // below the policy
	message string
	may     bool // it can be, depending on who asks, and on what is skipped
}

// checkDecidable reports approvals that nobody could ever give. What owners may
// do is judged at each resource that follows the policy.
func (c *Config) checkDecidable(w *walker, path string, p Policy) {
	for _, o := range obstacles(p.access("")) {
		if o.may {
			c.warning(w, path+o.path, "%s%s: %s", path, o.path, o.message)
			continue
		}
		w.fail(path+o.path, "%s", o.message)
	}
}

// checkOwners reports a resource whose owners are too few for its policy.
func (c *Config) checkOwners(w *walker, name string) {
	r := c.Resources[name]
	p, ok := c.Policy(r.Policy)
	said := obstacles(p)
	if !ok || slices.ContainsFunc(said, func(o obstacle) bool { return !o.may }) {
		return // said elsewhere
	}
	path := "resources." + name + ".owners"
	for _, o := range obstacles(owned(p, r.Owners)) {
		switch {
		case slices.Contains(said, o):
		case o.may:
			c.warning(w, path, "%s: of policy %s, %s: %s", path, r.Policy, o.path[1:], o.message)
		default:
			w.fail(path, "of policy %s, %s: %s", r.Policy, o.path[1:], o.message)
		}
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
		all = append(all, obstacle{path: ".ask", message: nobody})
	}
	if b := p.BreakGlass; b != nil {
		switch askers, known := certain(b.Ask); {
		case b.Ask.Empty():
			all = append(all, obstacle{path: ".breakGlass.ask", message: nobody})
		case b.Review.By.Empty():
			all = append(all, obstacle{path: ".breakGlass.review.by", message: "nobody may review it; name groups, people, owners, manager or when"})
		case known && !anyLeft(askers, []access.Step{{Approvers: b.Review.By, Quorum: 1}}, false):
			all = append(all, obstacle{path: ".breakGlass.review.by", message: "nobody is left to review it but those who ask; name somebody else"})
		}
	}
	return all
}

const (
	tooFew   = "too few people for this step and those before it, for nobody counts in two; name more, or write twice: true"
	tooFewIf = "too few people for this step and those before it where none of them is skipped, for nobody counts in two; name more, or write twice: true"
)

func inSteps(path string, p access.Policy, steps []access.Step) []obstacle {
	var all []obstacle
	var needed, every []access.Step // what can be approved together: of the steps without skip, and of all
	for i, s := range steps {
		at := fmt.Sprintf("%s[%d]", path, i)
		if below, why := inStep(p, needed, s); why != "" {
			all = append(all, obstacle{path: at + below, message: why})
			continue
		}
		if s.Skip == "" {
			needed = append(needed, s)
		}
		if with := append(slices.Clip(every), s); staffed(with, p.Twice, "") {
			every = with
		} else {
			all = append(all, obstacle{path: at + ".approvers", message: tooFewIf, may: true})
		}
	}
	if names := stuck(p, steps); len(all) == 0 && len(names) > 0 {
		all = append(all, obstacle{path: path, may: true, message: fmt.Sprintf(
			"too few are left to approve what %s may ask for, for nobody decides on their own; name more approvers, or write selfApproval: true", few(names))})
	}
	return all
}

// inStep says why a step can never be decided, together with some before it, and
// where the step says so; nothing where it can.
func inStep(p access.Policy, before []access.Step, s access.Step) (below, why string) {
	n, counted := count(s.Approvers)
	askers, known := certain(p.Ask)
	known = known && len(askers) > 0 && !p.SelfApproval
	with := append(slices.Clip(before), s)
	switch {
	case s.Approvers.Empty():
		return ".approvers", "nobody may decide; name groups, people, owners, manager or when"
	case counted && s.Quorum > n:
		return ".quorum", fmt.Sprintf("asks for %d approvals, and %d can be had; name more approvers, or ask for fewer", s.Quorum, n)
	case known && !anyLeft(askers, []access.Step{s}, p.Twice):
		return ".approvers", "nobody is left to decide but those who ask; name somebody else"
	case s.Skip != "": // then whoever counts in another step need not count here
	case !staffed(with, p.Twice, ""):
		return ".approvers", tooFew
	case known && !anyLeft(askers, with, p.Twice):
		return ".approvers", "nobody is left to decide but those who ask, or decide another step; name somebody else"
	}
	return "", ""
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
	people, known := candidates(w)
	return len(people), known
}

// anyLeft reports whether, for one of those who ask at least, enough others are
// left to decide all steps.
func anyLeft(askers map[engine.Person]bool, steps []access.Step, twice bool) bool {
	for asker := range askers {
		if staffed(steps, twice, asker) {
			return true
		}
	}
	return false
}
