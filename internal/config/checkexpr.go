package config

import (
	"slices"

	"github.com/daypass-dev/daypass/internal/expr"
)

// expression checks what a policy says in words of its own, and that what it
// names is there.
func (c scope) expression(w *walker, path string, k expr.Kind, text string) {
	if text == "" {
		return
	}
	rules, err := w.rules()
	if err != nil {
		w.fail(path, "%v", err)
		return
	}
	uses, err := rules.Check(k, text)
	if err != nil {
		w.fail(path, "%v", err)
		return
	}
	for _, g := range uses.Groups {
		c.checkDirectory(w, g.Directory, path, w.values[path])
	}
	for _, name := range uses.Answers {
		if known := c.policy.questions(); !slices.Contains(known, name) {
			w.fail(path, "the policy has no question %q%s", name, knownWords(name, known))
		}
	}
	if !uses.Profile {
		return
	}
	d, known := c.ProfileDirectory()
	if !known {
		w.fail(path, "several directories could describe people; write profiles: %s, or another", sortedKeys(c.Directories)[0])
		return
	}
	attributes := sortedKeys(c.Directories[d].profile().Attributes)
	for _, name := range uses.Attributes {
		if !slices.Contains(attributes, name) {
			w.fail(path, "people have no attribute %q; name it in directories.%s.profile.attributes%s", name, d, knownWords(name, attributes))
		}
	}
}

func (p *Policy) questions() []string {
	var names []string
	for _, q := range p.Questions {
		names = append(names, q.Name)
	}
	return names
}

// profile says where the directory keeps what policies ask.
func (d Directory) profile() Profile {
	switch {
	case d.LDAP != nil:
		return d.LDAP.Profile
	case d.Entra != nil:
		return d.Entra.Profile
	case d.Okta != nil:
		return d.Okta.Profile
	case d.Google != nil:
		return d.Google.Profile
	}
	return Profile{}
}
