package config

import (
	"slices"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// Policy returns a policy by its name, and whether there is one. Its NotWith is
// what the policy itself says; see [Config.PolicyFor].
func (c *Config) Policy(name string) (access.Policy, bool) {
	p, ok := c.Policies[name]
	if !ok {
		return access.Policy{}, false
	}
	return p.access(name), true
}

// PolicyFor returns the policy that requests for a resource follow, and whether
// they follow one: without, nobody can ask for it. Its NotWith names resources
// in both directions.
func (c *Config) PolicyFor(resource string) (access.Policy, bool) {
	p, ok := c.Policy(c.Resources[resource].Policy)
	if !ok {
		return access.Policy{}, false
	}
	p.NotWith = append(p.NotWith, c.against[resource]...)
	slices.Sort(p.NotWith)
	p.NotWith = slices.Compact(p.NotWith)
	return p, true
}

// exclude notes for each resource which others exclude it.
func (c *Config) exclude() {
	c.against = make(map[string][]string)
	for name, r := range c.Resources {
		for _, other := range c.Policies[r.Policy].NotWith {
			c.against[other] = append(c.against[other], name)
		}
	}
}

// Resource returns a resource by its name, and whether there is one.
func (c *Config) Resource(name string) (access.Resource, bool) {
	groups, ok := c.Expand(name)
	if !ok {
		return access.Resource{}, false
	}
	r := c.Resources[name]
	return access.Resource{Name: name, Title: r.Title, Groups: groups, Owners: r.Owners.Who()}, true
}

// Canonical returns the address that a person is known by: another one when the
// configuration calls this one an alias.
func (c *Config) Canonical(p engine.Person) engine.Person {
	if known, ok := c.Aliases[p]; ok {
		return known
	}
	return p
}

// Addresses returns every address of whoever has p, the one that they are known
// by first.
func (c *Config) Addresses(p engine.Person) []engine.Person {
	known := c.Canonical(p)
	all := []engine.Person{known}
	for _, alias := range sortedKeys(c.Aliases) {
		if c.Aliases[alias] == known {
			all = append(all, alias)
		}
	}
	return all
}

// ProfileDirectory returns the directory that describes people, and whether
// there is one.
func (c *Config) ProfileDirectory() (engine.Directory, bool) {
	if c.Profiles == "" && len(c.Directories) == 1 {
		return sortedKeys(c.Directories)[0], true
	}
	return c.Profiles, c.Profiles != ""
}

// Who returns the people and groups of a role.
func (r Role) Who() access.Who {
	return access.Who{People: slices.Clone(r.People), Groups: refs(r.Groups)}
}

func (w Who) access() access.Who {
	return access.Who{People: slices.Clone(w.People), Groups: refs(w.Groups), Owners: w.Owners, Manager: w.Manager, When: w.When}
}

func (a Askers) access() access.Who {
	who := a.Who.access()
	who.Machines, who.Anyone = slices.Clone(a.Machines), a.Anyone
	return who
}

// refs reads groups that Load checked.
func refs(names []string) []engine.GroupRef {
	var all []engine.GroupRef
	for _, n := range names {
		r, _ := engine.ParseGroupRef(n)
		all = append(all, r)
	}
	return all
}

func (t Text) access(required bool) access.Text {
	return access.Text{Required: or(t.Required, required), Pattern: t.Pattern, Hint: t.Hint}
}

func (p Policy) access(name string) access.Policy {
	out := access.Policy{
		Name: name, Ask: p.Ask.access(), For: p.For,
		Max: p.Max.Std(), Default: p.Default.Std(), Ahead: p.Ahead.Std(), Pending: p.Pending.Std(),
		Reason: p.Reason.access(true), Ticket: p.Ticket.access(false),
		Auto: p.Auto, Steps: steps(p.Steps), NotWith: slices.Clone(p.NotWith),
		SelfApproval: p.SelfApproval, Twice: p.Twice,
	}
	if out.For == "" {
		out.For = access.Self
	}
	if out.Default == 0 {
		out.Default = min(out.Max, 8*time.Hour)
	}
	if out.Ahead == 0 {
		out.Ahead = 30 * 24 * time.Hour
	}
	if out.Pending == 0 {
		out.Pending = 7 * 24 * time.Hour
	}
	for _, q := range p.Questions {
		out.Questions = append(out.Questions, q.access())
	}
	if b := p.BreakGlass; b != nil {
		out.BreakGlass = &access.BreakGlass{
			Ask: b.Ask.access(), Max: b.Max.Std(),
			Review: access.Review{By: b.Review.By.access(), Within: b.Review.Within.Std()},
		}
	}
	if e := p.Extend; e != nil {
		out.Extend = &access.Extend{Times: or(e.Times, 1), Max: e.Max.Std(), Auto: e.Auto, Steps: steps(e.Steps)}
	}
	return out
}

func (q Question) access() access.Question {
	out := access.Question{
		Name: q.Name, Title: q.Title, Type: q.Type, Choices: slices.Clone(q.Choices),
		Min: q.Min, Max: q.Max, Text: q.Text.access(false),
	}
	if out.Type == "" {
		out.Type = access.TypeText
	}
	return out
}

func steps(all []Step) []access.Step {
	var out []access.Step
	for _, s := range all {
		step := access.Step{
			Name: s.Name, Approvers: s.Approvers.access(), Quorum: or(s.Quorum, 1), Skip: s.Skip, Within: s.Within.Std(),
		}
		if e := s.Escalate; e != nil {
			step.Escalate = &access.Escalate{To: e.To.access(), Within: e.Within.Std()}
		}
		out = append(out, step)
	}
	return out
}
