package ldap

import (
	"context"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/connectors/ldap/internal/wire"
	"github.com/daypass-dev/daypass/engine"
)

const (
	// orMax is how many people one search asks for.
	orMax = 50
	// fewMax bounds the answers to a search that should have one; contacts and
	// groups with the same address do not count.
	fewMax = 20
)

// candidate is an account that may be a person's.
type candidate struct {
	member engine.Member
	why    string // why it can not be used
}

// Resolve finds the account of p: the one named in Config.Accounts, or the one
// that People.Match finds. Entries that are no accounts do not count.
func (c *Connector) Resolve(ctx context.Context, p engine.Person) (engine.Member, error) {
	var r engine.Resolution
	err := c.read(ctx, func(s *session) error {
		var err error
		r, err = c.resolve(ctx, s, p)
		return err
	})
	if err != nil {
		return engine.Member{}, c.fail("find the account of "+string(p), err)
	}
	return r.Member, c.fail("find the account of "+string(p), r.Err)
}

// resolve answers for one person; its error is for a search that failed.
func (c *Connector) resolve(ctx context.Context, s *session, p engine.Person) (engine.Resolution, error) {
	var found []candidate
	var err error
	if name, ok := c.cfg.Accounts[p]; ok {
		found, err = c.named(ctx, s, name)
	} else {
		found, err = c.candidates(ctx, s, c.cfg.People.Base, c.match.filter(string(p)))
	}
	if err != nil {
		return engine.Resolution{}, err
	}
	return c.verdict(p, found), nil
}

// verdict is one account, or why there is none.
func (c *Connector) verdict(p engine.Person, found []candidate) engine.Resolution {
	switch {
	case len(found) == 0:
		where := "no account below " + c.cfg.People.Base + " fits " + c.match.filter(string(p))
		if name, ok := c.cfg.Accounts[p]; ok {
			where = "there is no account " + name
		}
		return engine.Resolution{Err: trouble(engine.NotFound, "%s", where)}
	case len(found) > 1:
		return engine.Resolution{Err: trouble(engine.Ambiguous, "several accounts: %s and %s; name one under people", found[0].member.Ref, found[1].member.Ref)}
	case found[0].member.ID == "":
		return engine.Resolution{Err: trouble(engine.Denied, "%s has no readable id; let the bind DN read it, or set people.id", found[0].member.Ref)}
	case found[0].why != "":
		return engine.Resolution{Member: found[0].member, Err: trouble(engine.Disabled, "account %s can not be used: %s", found[0].member.Login, found[0].why)}
	}
	return engine.Resolution{Member: found[0].member}
}

func (c *Connector) resolveAttrs(s *server) []string {
	return append(c.memberAttrs(s), stateAttrs()...)
}

// candidates searches for accounts. More than fewMax are as good as two.
func (c *Connector) candidates(ctx context.Context, s *session, base, filter string) ([]candidate, error) {
	var found []candidate
	err := s.few(ctx, base, filter, c.resolveAttrs(s.srv), fewMax, c.collect(s.srv, &found))
	if is(err, goldap.LDAPResultSizeLimitExceeded) && len(found) > 1 {
		err = nil
	}
	return found, partial(err)
}

func (c *Connector) collect(s *server, found *[]candidate) func(*wire.Entry) error {
	now := time.Now()
	return func(e *wire.Entry) error {
		if m := c.readMember(s, e); m.Kind == engine.AccountMember {
			*found = append(*found, candidate{m, unusable(e, now)})
		}
		return nil
	}
}

// named finds the account that an exception names: an id, a DN or a login.
func (c *Connector) named(ctx context.Context, s *session, name string) ([]candidate, error) {
	if looksLikeID(name) || c.cfg.People.ID != "" {
		if filter, ok := idFilter(c.personID(s.srv), name); ok {
			found, err := c.candidates(ctx, s, c.cfg.People.Base, filter)
			if err != nil || len(found) > 0 {
				return found, err
			}
		}
	}
	if validDN(name) {
		var found []candidate
		_, err := s.base(ctx, name, "", c.resolveAttrs(s.srv), c.collect(s.srv, &found))
		if !is(err, goldap.LDAPResultNoSuchObject, goldap.LDAPResultInvalidDNSyntax) && (err != nil || len(found) > 0) {
			return found, err
		}
	}
	return c.candidates(ctx, s, c.cfg.People.Base, "("+c.login(s.srv)+"="+goldap.EscapeFilter(name)+")")
}

// ResolveAll looks people up by the dozen where People.Match is a plain
// comparison, and one by one otherwise.
func (c *Connector) ResolveAll(ctx context.Context, ps []engine.Person) ([]engine.Resolution, error) {
	answers := make([]engine.Resolution, len(ps))
	for from := 0; from < len(ps); from += orMax {
		part := ps[from:min(from+orMax, len(ps))]
		err := c.read(ctx, func(s *session) error {
			return c.resolvePart(ctx, s, part, answers[from:])
		})
		if err != nil {
			return nil, c.fail("find accounts", err)
		}
	}
	for i, p := range ps {
		answers[i].Err = c.fail("find the account of "+string(p), answers[i].Err)
	}
	return answers, nil
}

func (c *Connector) resolvePart(ctx context.Context, s *session, ps []engine.Person, answers []engine.Resolution) error {
	found, err := c.together(ctx, s, ps)
	if err != nil {
		return err
	}
	for i, p := range ps {
		// Nobody in the common answer: the server may compare more loosely
		// than we do, so ask once more.
		if hits := found[p]; len(hits) > 0 {
			answers[i] = c.verdict(p, hits)
		} else if answers[i], err = c.resolve(ctx, s, p); err != nil {
			return err
		}
	}
	return nil
}

// together asks for several people in one search and tells the answers apart
// by the attribute that was compared.
func (c *Connector) together(ctx context.Context, s *session, ps []engine.Person) (map[engine.Person][]candidate, error) {
	found := map[engine.Person][]candidate{}
	asked := map[string]bool{}
	var filter strings.Builder
	for _, p := range ps {
		if _, named := c.cfg.Accounts[p]; !named && !asked[string(p)] {
			asked[string(p)] = true
			filter.WriteString(c.match.filter(string(p)))
		}
	}
	if c.match.attr == "" || len(asked) < 2 {
		return found, nil
	}
	attrs := append(c.resolveAttrs(s.srv), c.match.attr)
	err := c.all(ctx, s, c.cfg.People.Base, "(|"+filter.String()+")", attrs, func(e *wire.Entry) error {
		var one []candidate
		if err := c.collect(s.srv, &one)(e); err != nil || len(one) == 0 {
			return err
		}
		owners := map[engine.Person]bool{}
		for _, v := range e.Values(c.match.attr) {
			if p := strings.ToLower(string(v)); asked[p] {
				owners[engine.Person(p)] = true
			}
		}
		for p := range owners {
			found[p] = append(found[p], one[0])
		}
		return nil
	})
	return found, err
}
