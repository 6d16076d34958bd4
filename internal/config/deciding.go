package config

import (
	"fmt"
	"slices"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// Deciding returns the groups that say who may ask, approve, review, own and
// administer, also those that expressions name, and where the configuration
// names each: "policies.production.steps[0].approvers".
func (c *Config) Deciding(x access.Expressions) map[engine.GroupRef][]string {
	d := deciding{x: x, where: make(map[engine.GroupRef][]string)}
	d.who("roles.administrators", c.Roles.Administrators.Who())
	d.who("roles.auditors", c.Roles.Auditors.Who())
	for _, name := range sortedKeys(c.Resources) {
		d.who("resources."+name+".owners", c.Resources[name].Owners.Who())
	}
	for _, name := range sortedKeys(c.Policies) {
		p, _ := c.Policy(name) // it is a key
		d.policy("policies."+name, p)
	}
	return d.where
}

// deciding collects groups, and where they are named.
type deciding struct {
	x     access.Expressions
	where map[engine.GroupRef][]string
}

func (d *deciding) policy(path string, p access.Policy) {
	d.who(path+".ask", p.Ask)
	d.expression(path+".auto", p.Auto)
	d.steps(path+".steps", p.Steps)
	if b := p.BreakGlass; b != nil {
		d.who(path+".breakGlass.ask", b.Ask)
		d.who(path+".breakGlass.review.by", b.Review.By)
	}
	if e := p.Extend; e != nil {
		d.expression(path+".extend.auto", e.Auto)
		d.steps(path+".extend.steps", e.Steps)
	}
}

func (d *deciding) steps(path string, steps []access.Step) {
	for i, s := range steps {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.who(at+".approvers", s.Approvers)
		d.expression(at+".skip", s.Skip)
		if s.Escalate != nil {
			d.who(at+".escalate.to", s.Escalate.To)
		}
	}
}

func (d *deciding) who(path string, w access.Who) {
	d.groups(path, w.Groups)
	d.expression(path+".when", w.When)
}

func (d *deciding) expression(path, text string) {
	if text == "" {
		return
	}
	needs := d.x.Needs(text)
	d.groups(path, slices.Concat(needs.Person.Groups, needs.Requester.Groups, needs.Approver.Groups))
}

func (d *deciding) groups(path string, refs []engine.GroupRef) {
	for _, g := range refs {
		if !slices.Contains(d.where[g], path) {
			d.where[g] = append(d.where[g], path)
		}
	}
}
