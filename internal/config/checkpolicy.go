package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/expr"
)

// checkPolicies reports what is wrong with the policies, each in the file that
// it stands in.
func (c *Config) checkPolicies(w *walker) {
	for _, name := range sortedKeys(c.Policies) {
		fw := w.policyWalker(name)
		path := "policies." + name
		if strings.TrimSpace(name) != name || strings.ContainsRune(name, '/') {
			fw.failKey(path, "a policy's name has no slash, and no space at its ends")
		}
		if !fw.broken(path) { // what is not understood is not judged
			p := c.Policies[name]
			p.check(fw, path, scope{Config: c, policy: &p})
			c.checkNotWith(fw, path, name)
			c.checkDecidable(fw, path, p)
		}
	}
}

// broken reports whether something at or below path is wrong already.
func (w *walker) broken(path string) bool {
	return slices.ContainsFunc(w.errs, func(e *Error) bool {
		rest, below := strings.CutPrefix(e.Path, path)
		return below && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// scope is what a part of a policy is judged in.
type scope struct {
	*Config
	policy *Policy
}

func (p *Policy) check(w *walker, path string, c scope) {
	p.Ask.check(w, path+".ask", c)
	oneOf(w, path+".for", p.For, access.Self, access.Others, access.Anyone)
	if p.Ask.Manager && (p.For == "" || p.For == access.Self) {
		w.fail(path+".ask.manager", "a manager asks for somebody else; write for: anyone, or leave manager out")
	}
	if p.Default > p.Max {
		w.fail(path+".default", "is more than may be asked for (max); make it shorter, or max longer")
	}
	p.Reason.check(w, path+".reason")
	p.Ticket.check(w, path+".ticket")
	checkQuestions(w, path+".questions", p.Questions)
	c.expression(w, path+".auto", expr.Asking, p.Auto)
	if len(p.Steps) == 0 && p.Auto == "" {
		w.failKey(path, `nobody approves; name who does, in steps, or say in auto when nobody has to (auto: "true" is always)`)
	}
	pending := p.access("").Pending
	for i, s := range p.Steps {
		at := fmt.Sprintf("%s.steps[%d]", path, i)
		const how = "make it shorter, or pending longer (default 7d)"
		switch e := s.Escalate; {
		case s.Within.Std() > pending:
			w.fail(at+".within", "is longer than the request waits at all; %s", how)
		case e != nil && (s.Within+e.Within).Std() > pending:
			w.fail(at+".escalate.within", "ends after the request, together with within of the step; %s", how)
		}
	}
	checkSteps(w, path+".steps", p.Steps, c)
	if b := p.BreakGlass; b != nil {
		b.check(w, path+".breakGlass", c)
	}
	if e := p.Extend; e != nil {
		if e.Times != nil && *e.Times < 1 {
			w.fail(path+".extend.times", "must be 1 or more; where nothing may be extended, leave extend out")
		}
		c.expression(w, path+".extend.auto", expr.Asking, e.Auto)
		checkSteps(w, path+".extend.steps", e.Steps, c)
	}
}

func (a *Askers) check(w *walker, path string, c scope) {
	a.Who.check(w, path, expr.Asking, c)
	for i, name := range a.Machines {
		at := fmt.Sprintf("%s.machines[%d]", path, i)
		if _, known := c.Machines[name]; !known {
			w.fail(at, "there is no machine %q%s", name, knownWords(name, sortedKeys(c.Machines)))
		}
		if slices.Index(a.Machines, name) < i {
			w.fail(at, "%s is listed twice", name)
		}
	}
}

func (w *Who) check(at *walker, path string, k expr.Kind, c scope) {
	Role{People: w.People, Groups: w.Groups}.check(at, path, c.Config)
	c.expression(at, path+".when", k, w.When)
	if _, known := c.ProfileDirectory(); w.Manager && !known {
		at.fail(path+".manager", "several directories could say who is whose manager; write profiles: %s, or another", sortedKeys(c.Directories)[0])
	}
}

// check reports people and groups that are none, or stand there twice.
func (r Role) check(w *walker, path string, c *Config) {
	canonical(w, path+".people", r.People)
	for i, p := range r.People {
		c.checkKnown(w, fmt.Sprintf("%s.people[%d]", path, i), p)
	}
	for i, ref := range r.Groups {
		at := fmt.Sprintf("%s.groups[%d]", path, i)
		if ref == "" {
			continue // the walk said why
		}
		c.checkRef(w, ref, at, w.values[at])
		if slices.Index(r.Groups, ref) < i {
			w.fail(at, "%s is listed twice", ref)
		}
	}
}

func (t Text) check(w *walker, path string) {
	_, err := regexp.Compile(t.Pattern)
	if err == nil { // it has to be one between brackets too: \Qa is not
		_, err = regexp.Compile(`^(?:` + t.Pattern + `)$`)
	}
	if err != nil {
		w.fail(path+".pattern", "is no regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
}

func checkQuestions(w *walker, path string, questions []Question) {
	seen := map[string]bool{}
	for i, q := range questions {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case q.Name == "": // the walk said why
		case !attributeKey.MatchString(q.Name):
			w.fail(at+".name", "%q is no name for expressions; it is made of letters, digits and _, and begins with a letter", q.Name)
		case seen[q.Name]:
			w.fail(at+".name", "there is a question %q already", q.Name)
		}
		seen[q.Name] = true
		q.check(w, at)
	}
}

func (q Question) check(w *walker, path string) {
	oneOf(w, path+".type", q.Type, access.TypeText, access.TypeNumber, access.TypeBool, access.TypeChoice, access.TypeDate)
	q.Text.check(w, path)
	if q.Pattern != "" && q.Type != "" && q.Type != access.TypeText {
		w.fail(path+".pattern", "is for a text; leave it out")
	}
	for name, limit := range map[string]*float64{".min": q.Min, ".max": q.Max} {
		if limit != nil && q.Type != access.TypeNumber {
			w.fail(path+name, "is for a number; leave it out, or write type: number")
		}
	}
	if q.Min != nil && q.Max != nil && *q.Min > *q.Max {
		w.fail(path+".min", "is more than max")
	}
	switch {
	case q.Type == access.TypeChoice && len(q.Choices) == 0:
		w.fail(path+".choices", "name the answers to choose from")
	case q.Type != access.TypeChoice && len(q.Choices) > 0:
		w.fail(path+".choices", "are for a choice; leave them out, or write type: choice")
	}
	for i, choice := range q.Choices {
		at := fmt.Sprintf("%s.choices[%d]", path, i)
		switch {
		case slices.Index(q.Choices, choice) < i:
			w.fail(at, "is listed twice")
		case strings.TrimSpace(choice) != choice:
			w.fail(at, "begins or ends with a space")
		}
	}
}

func checkSteps(w *walker, path string, steps []Step, c scope) {
	seen := map[string]bool{}
	for i, s := range steps {
		at := fmt.Sprintf("%s[%d]", path, i)
		if seen[s.Name] && s.Name != "" {
			w.fail(at+".name", "there is a step %q already", s.Name)
		}
		seen[s.Name] = true
		s.check(w, at, c)
	}
}

func (s *Step) check(w *walker, path string, c scope) {
	s.Approvers.check(w, path+".approvers", expr.Deciding, c)
	if s.Quorum != nil && *s.Quorum < 1 {
		w.fail(path+".quorum", "must be 1 or more; a step that is not always needed has skip")
	}
	c.expression(w, path+".skip", expr.Asking, s.Skip)
	oneOf(w, path+".then", s.Then, "deny", "escalate")
	switch {
	case s.Then != "" && s.Within == 0:
		w.fail(path+".then", "say after how long, in within")
	case s.Escalate != nil && s.Then != "escalate":
		w.fail(path+".escalate", "is for then: escalate; write that, or leave it out")
	case s.Escalate == nil && s.Then == "escalate":
		w.fail(path+".then", "name who may decide then, in escalate")
	}
	if e := s.Escalate; e != nil {
		e.To.check(w, path+".escalate.to", expr.Deciding, c)
		if e.To.access().Empty() {
			w.fail(path+".escalate.to", "is nobody; name groups, people, owners, manager or when")
		}
	}
}

func (b *BreakGlass) check(w *walker, path string, c scope) {
	b.Ask.check(w, path+".ask", c)
	if b.Max > c.policy.Max {
		w.fail(path+".max", "is more than an approval gives (max of the policy); an emergency is short")
	}
	b.Review.By.check(w, path+".review.by", expr.Deciding, c)
}

// checkNotWith reports resources that are none, or the policy's own.
func (c *Config) checkNotWith(w *walker, path, policy string) {
	excluded := c.Policies[policy].NotWith
	for i, name := range excluded {
		at := fmt.Sprintf("%s.notWith[%d]", path, i)
		r, known := c.Resources[name]
		switch {
		case name == "": // the walk said why
		case !known:
			w.fail(at, "there is no resource %q%s", name, knownWords(name, sortedKeys(c.Resources)))
		case r.Policy == policy:
			w.fail(at, "%s follows this policy too, and cannot exclude itself; give it a policy of its own, or leave it out", name)
		case slices.Index(excluded, name) < i:
			w.fail(at, "%s is listed twice", name)
		}
	}
}
