package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// checkAliases brings aliases into their canonical form.
func (c *Config) checkAliases(w *walker) {
	aliases := map[engine.Person]engine.Person{}
	for _, name := range sortedKeys(c.Aliases) {
		path := "aliases." + string(name)
		p, err := engine.ParsePerson(string(name))
		if err != nil {
			w.failKey(path, "%v", err)
			continue
		}
		known, err := engine.ParsePerson(string(c.Aliases[name]))
		switch _, twice := aliases[p]; {
		case c.Aliases[name] == "": // the walk said why
		case err != nil:
			w.fail(path, "%v", err)
		case twice:
			w.failKey(path, "this address is written twice, in different case")
		case p == known:
			w.fail(path, "is the same address; write the one that the person is known by, or leave it out")
		}
		aliases[p] = known
	}
	for _, name := range sortedKeys(c.Aliases) {
		p, _ := engine.ParsePerson(string(name))
		known := aliases[p]
		if last, chain := aliases[known]; chain && known != p {
			w.fail("aliases."+string(name), "%s is an alias itself; write the address that the person is known by, such as %s", known, last)
		}
	}
	if c.Aliases != nil {
		c.Aliases = aliases
	}
}

// everyToken are claims that are judged anyway, or tell nothing of the pipeline.
var everyToken = []string{"iss", "aud", "exp", "nbf", "iat", "jti"} //nolint:gochecknoglobals // a table

func (c *Config) checkMachines(w *walker) {
	for _, name := range sortedKeys(c.Machines) {
		path := "machines." + name
		if !directoryName.MatchString(name) {
			w.failKey(path, "a machine's name is made of a-z, 0-9 and -, and begins with a letter or digit")
		}
		m := c.Machines[name]
		if m.Person != "" {
			p, err := engine.ParsePerson(string(m.Person))
			if err != nil {
				w.fail(path+".person", "%v", err)
			}
			c.checkKnown(w, path+".person", p)
			m.Person = p
		}
		w.issuer(path+".issuer", m.Issuer)
		if c.Web != nil && m.Issuer != "" && m.Issuer == c.Web.OIDC.Issuer && m.Audience == c.Web.OIDC.ClientID {
			w.fail(path+".audience", "is the page's own (web.oidc.clientID): the token of a person who signs in there could be this machine's; give pipelines a client of their own at the issuer, and write that")
		}
		if _, given := w.values[path+".claims"]; given && len(m.Claims) == 0 && !w.failed(path+".claims") {
			w.fail(path+".claims", "name what only this pipeline's tokens say, such as repository; any token of the issuer would do otherwise")
		}
		for _, claim := range sortedKeys(m.Claims) {
			m.Claims[claim].check(w, path+".claims."+claim, claim)
		}
		c.Machines[name] = m
	}
}

// warnMachines notes machines that one token could be of: then it is of none.
func (c *Config) warnMachines(w *walker) {
	names := sortedKeys(c.Machines)
	for i, name := range names {
		for _, other := range names[:i] {
			if c.Machines[name].overlaps(c.Machines[other]) {
				c.warning(w, "machines."+name, "a token could be of %s as well, and is refused then; ask for a claim that tells them apart", other)
			}
		}
	}
}

func (m Machine) overlaps(o Machine) bool {
	if m.Issuer != o.Issuer || m.Audience != o.Audience {
		return false
	}
	for claim, values := range m.Claims {
		others, both := o.Claims[claim]
		if both && !slices.ContainsFunc(values, func(v string) bool { return slices.Contains(others, v) }) {
			return false
		}
	}
	return true
}

func (v Values) check(w *walker, path, claim string) {
	if slices.Contains(everyToken, claim) {
		w.failKey(path, "does not tell this pipeline from others; name another claim, such as repository or sub")
	}
	if len(v) == 0 && !w.failed(path) {
		w.fail(path, "name at least one value")
	}
	for i, value := range v {
		switch {
		case strings.ContainsRune(value, '*'):
			w.fail(path, "is compared as it is, and * stands for itself; list the values instead")
		case value != "" && slices.Index(v, value) < i:
			w.fail(path, "%q is listed twice", value)
		}
	}
}

// checkKnown reports a person under another address than the one by which they
// are known, who would never be found.
func (c *Config) checkKnown(w *walker, path string, p engine.Person) {
	if known := c.Canonical(p); known != p {
		w.fail(path, "is an alias of %s; write that address, by which the person is known here", known)
	}
}

func (c *Config) checkTemplates(w *walker) {
	for _, name := range sortedKeys(c.Templates) {
		path := "templates." + name
		if strings.TrimSpace(name) != name || strings.ContainsRune(name, '/') {
			w.failKey(path, "a template's name has no slash, and no space at its ends")
		}
		t := c.Templates[name]
		r, known := c.Resources[t.Resource]
		switch {
		case t.Resource == "": // the walk said why
		case !known:
			w.fail(path+".resource", "there is no resource %q%s", t.Resource, knownWords(t.Resource, sortedKeys(c.Resources)))
		case r.Policy == "":
			w.fail(path+".resource", "%s has no policy, so nobody can ask for it; give it one", t.Resource)
		default:
			if p, ok := c.Policy(r.Policy); ok && !w.policyWalker(r.Policy).broken("policies."+r.Policy) {
				t.check(w, path, p)
			}
		}
	}
}

// check reports what the policy would refuse of a request that the template
// fills in. What it leaves out is for people to fill in.
func (t Template) check(w *walker, path string, p access.Policy) {
	p.Ask, p.For = access.Who{Anyone: true}, access.Anyone
	p.NotWith, p.Auto, p.Steps = nil, "", nil
	answers := maps.Clone(t.Answers)
	for _, name := range sortedKeys(answers) {
		var questions []string
		for _, q := range p.Questions {
			questions = append(questions, q.Name)
		}
		if !slices.Contains(questions, name) {
			w.failKey(path+".answers."+name, "the policy has no question %q%s", name, knownWords(name, questions))
			delete(answers, name)
		}
	}
	wish := access.Wish{Person: "anybody@example.org", For: t.For.Std(), Reason: t.Reason, Ticket: t.Ticket, Answers: answers}
	facts := access.Facts{Resource: access.Resource{Name: t.Resource}}
	_, _, err := access.Ask(wish, p, access.Act{At: time.Unix(0, 0)}, facts, nil)
	for _, refusal := range access.Refusals(err) {
		at := fmt.Sprintf("%s.%s", path, refusal.Field)
		if _, given := w.values[at]; given {
			w.fail(at, "%s", refusal.Message)
		}
	}
}
