package ldap

import (
	"cmp"
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/connectors/ldap/internal/wire"
	"github.com/daypass-dev/daypass/engine"
)

// Describe reads the entry of p's account, and that of the manager, see
// [engine.Describer]. What it cannot tell for certain is [engine.Partial].
func (c *Connector) Describe(ctx context.Context, p engine.Person) (engine.Profile, error) {
	var profile engine.Profile
	err := c.read(ctx, func(s *session) error {
		var err error
		profile, err = c.describe(ctx, s, p)
		return err
	})
	if err != nil {
		return engine.Profile{}, c.fail("describe "+string(p), err)
	}
	return profile, nil
}

func (c *Connector) describe(ctx context.Context, s *session, p engine.Person) (engine.Profile, error) {
	r, err := c.resolve(ctx, s, p)
	if err = cmp.Or(err, r.Err); err != nil {
		return engine.Profile{}, err
	}
	var profile engine.Profile
	var managers []string
	var doubt error // not returned from the visit, which would end the connection
	same := false
	_, err = s.base(ctx, r.Member.Ref, "", c.profileAttrs(s.srv), func(e *wire.Entry) error {
		same = c.readMember(s.srv, e).ID == r.Member.ID
		profile, managers, doubt = c.readProfile(s.srv, e)
		return nil
	})
	switch {
	case err != nil && !is(err, goldap.LDAPResultNoSuchObject):
		return engine.Profile{}, err
	case !same:
		return engine.Profile{}, trouble(engine.Unavailable, "account %s was moved while it was read; try again", r.Member.Login)
	case doubt != nil:
		return engine.Profile{}, doubt
	case len(managers) > 1:
		return engine.Profile{}, trouble(engine.Partial, "%s has several managers: %s and %s", c.cfg.ProfileManager, managers[0], managers[1])
	case len(managers) == 1:
		profile.Manager, err = c.manager(ctx, s, managers[0])
	}
	return profile, err
}

func (c *Connector) nameAttrs() []string {
	if c.cfg.ProfileName != "" {
		return []string{c.cfg.ProfileName}
	}
	return []string{"displayName", "cn"}
}

// profileAttrs are the attributes that readProfile reads.
func (c *Connector) profileAttrs(s *server) []string {
	attrs := append(c.memberAttrs(s), c.cfg.ProfileManager)
	attrs = append(attrs, c.nameAttrs()...)
	return slices.AppendSeq(attrs, maps.Values(c.cfg.ProfileAttributes))
}

// readProfile reads all but the manager, whose value it returns.
func (c *Connector) readProfile(s *server, e *wire.Entry) (engine.Profile, []string, error) {
	if err := c.underOtherNames(s, e); err != nil {
		return engine.Profile{}, nil, err
	}
	profile := engine.Profile{Attributes: map[string][]string{}}
	for _, attr := range c.nameAttrs() {
		names, err := texts(e, attr)
		if err != nil {
			return engine.Profile{}, nil, err
		}
		if len(names) > 0 {
			profile.Name = names[0]
			break
		}
	}
	for name, attr := range c.cfg.ProfileAttributes {
		values, err := texts(e, attr)
		if err != nil {
			return engine.Profile{}, nil, err
		}
		if len(values) > 0 {
			profile.Attributes[name] = values
		}
	}
	managers, err := texts(e, c.cfg.ProfileManager)
	return profile, managers, err
}

// underOtherNames reports an attribute that was asked for by one of its names
// and answered by another (RFC 4511 section 4.1.4): it must not be taken for one
// that the person has not.
func (c *Connector) underOtherNames(s *server, e *wire.Entry) error {
	asked := c.profileAttrs(s)
	for name := range e.Names() {
		known := slices.ContainsFunc(asked, func(a string) bool {
			base, _, _ := strings.Cut(a, ";")
			return strings.EqualFold(base, name)
		})
		if !known {
			return trouble(engine.Partial, "the server has an attribute of the profile under the name %s; write that in the configuration", name)
		}
	}
	return nil
}

// texts returns the values of an attribute, sorted, none twice.
func texts(e *wire.Entry, attr string) ([]string, error) {
	if _, windowed, _ := e.Window(attr); windowed {
		return nil, trouble(engine.Partial, "%s has more values than the server tells at once; ask for another attribute", attr)
	}
	var values []string
	for _, v := range e.Values(attr) {
		if !utf8.Valid(v) {
			return nil, trouble(engine.Partial, "%s is not text; ask for another attribute", attr)
		}
		values = append(values, string(v))
	}
	slices.Sort(values)
	return slices.Compact(values), nil
}

// manager returns whose entry the value of the manager's attribute leads to: a
// DN, or a work address as it is.
func (c *Connector) manager(ctx context.Context, s *session, value string) (engine.Person, error) {
	if !validDN(value) {
		p, err := engine.ParsePerson(value)
		if err != nil {
			return "", trouble(engine.Partial, "%s %q is neither a DN nor a work address", c.cfg.ProfileManager, value)
		}
		return p, nil
	}
	var m engine.Member
	var addresses []string
	var doubt error
	attrs := append(c.memberAttrs(s.srv), c.match.addressAttrs()...)
	found, err := s.base(ctx, value, "", attrs, func(e *wire.Entry) error {
		m = c.readMember(s.srv, e)
		for _, attr := range c.match.addressAttrs() {
			if addresses, doubt = texts(e, attr); doubt != nil || len(addresses) > 0 {
				break
			}
		}
		return nil
	})
	switch {
	case is(err, goldap.LDAPResultNoSuchObject), err == nil && !found:
		return "", trouble(engine.Partial, "the manager %s is not in the directory any more, or the bind DN may not read it", value)
	case err != nil:
		return "", err
	case doubt != nil:
		return "", doubt
	case m.Kind != engine.AccountMember:
		return "", trouble(engine.Partial, "the manager %s is not an account of a person", value)
	}
	return c.personOf(m, addresses)
}

// personOf tells whose account m is: by the exceptions, and else by the address
// that the account has.
func (c *Connector) personOf(m engine.Member, addresses []string) (engine.Person, error) {
	var people []engine.Person
	for p, name := range c.cfg.Accounts {
		if strings.EqualFold(name, string(m.ID)) || dnKey(name) == dnKey(m.Ref) || strings.EqualFold(name, m.Login) {
			people = append(people, p)
		}
	}
	if len(people) == 0 {
		for _, a := range addresses {
			p, err := engine.ParsePerson(a)
			if _, elsewhere := c.cfg.Accounts[p]; err == nil && !elsewhere {
				people = append(people, p)
			}
		}
	}
	slices.Sort(people)
	switch people = slices.Compact(people); len(people) {
	case 0:
		return "", trouble(engine.Partial, "the manager %s has no work address (%s) of their own; name the account under people", m.Ref, strings.Join(c.match.addressAttrs(), ", "))
	case 1:
		return people[0], nil
	}
	return "", trouble(engine.Partial, "the manager %s has several work addresses: %s and %s; name the account under people, once", m.Ref, people[0], people[1])
}

// compared finds the attributes that are compared with the whole address.
var compared = regexp.MustCompile(`\(([A-Za-z][A-Za-z0-9.;-]*)=\{person\}\)`)

// addressAttrs are the attributes of an account that hold the person's address,
// the best first.
func (t template) addressAttrs() []string {
	var attrs []string
	for _, m := range compared.FindAllStringSubmatch(t.text, -1) {
		attrs = append(attrs, m[1])
	}
	if len(attrs) == 0 {
		return []string{"mail"}
	}
	return attrs
}
