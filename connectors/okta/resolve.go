package okta

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/daypass-dev/daypass/engine"
)

// Resolve finds the account of p: the one named in Config.Accounts, or the one
// whose login, or e-mail, is the person's address in any case.
func (c *Connector) Resolve(ctx context.Context, p engine.Person) (engine.Member, error) {
	r := c.resolve(ctx, p)
	return r.Member, c.fail("find the account of "+string(p), r.Err)
}

func (c *Connector) resolve(ctx context.Context, p engine.Person) engine.Resolution {
	return verdict(c.account(ctx, p))
}

// account finds the one account of p, usable or not.
func (c *Connector) account(ctx context.Context, p engine.Person) (user, error) {
	name, excepted := c.cfg.Accounts[p]
	if excepted && isUser(engine.MemberID(name)) {
		return c.user(ctx, engine.MemberID(name))
	}
	find := c.byLogin
	if !excepted {
		name = string(p)
		if c.cfg.Match == MatchEmail {
			find = c.byEmail
		}
	}
	found, err := find(ctx, name)
	if err != nil {
		return user{}, err
	}
	return c.sole(found, name)
}

// sole is the only one of those who were found.
func (c *Connector) sole(found []user, name string) (user, error) {
	switch len(found) {
	case 0:
		return user{}, trouble(engine.NotFound, "no user has the %s %s", c.cfg.Match, name)
	case 1:
		return found[0], nil
	}
	return user{}, trouble(engine.Ambiguous, "several users have the %s %s: %s (%s) and %s (%s); name one under people",
		c.cfg.Match, name, found[0].Profile.Login, found[0].ID, found[1].Profile.Login, found[1].ID)
}

// verdict is one account, or why there is none.
func verdict(u user, err error) engine.Resolution {
	if err != nil {
		return engine.Resolution{Err: err}
	}
	return usable(u)
}

// usable tells accounts that may get access from others. Okta knows these
// statuses; who is STAGED, locked out or has to set a password can not sign in
// now, and is somebody all the same. Others fail closed.
func usable(u user) engine.Resolution {
	switch u.Status {
	case "ACTIVE", "PROVISIONED", "STAGED", "PASSWORD_EXPIRED", "LOCKED_OUT", "RECOVERY":
		return engine.Resolution{Member: u.member()}
	case "DEPROVISIONED", "SUSPENDED":
		return engine.Resolution{Member: u.member(), Err: trouble(engine.Disabled, "the account %s is %s", u.member().Login, strings.ToLower(u.Status))}
	}
	return engine.Resolution{Member: u.member(), Err: trouble(engine.Disabled, "the account %s has the status %q, which daypass does not know", u.member().Login, clip(u.Status))}
}

// user reads one user by id.
func (c *Connector) user(ctx context.Context, id engine.MemberID) (user, error) {
	u, err := c.readUser(ctx, string(id))
	if err == nil && u.ID != id {
		err = trouble(engine.Unavailable, "the answer is about another user than %s", id)
	}
	return u, err
}

// readUser reads one user by id or login. It reads the directory itself.
func (c *Connector) readUser(ctx context.Context, key string) (user, error) {
	var u one[whole]
	_, err := c.get(ctx, "/api/v1/users/"+url.PathEscape(key), &u)
	if err == nil {
		if bad := u.value.check(); bad != nil {
			err = trouble(engine.Unavailable, "find user: %w", bad)
		}
	}
	return u.value.user, err
}

// byLogin finds users by login, in any case: one, or none. The direct reading
// may want the exact case, so what it lacks is searched for.
//
// The reading also takes what stands before the @ for a login; that is
// somebody else's name, and does not pass.
func (c *Connector) byLogin(ctx context.Context, login string) ([]user, error) {
	if readable(login) {
		u, err := c.readUser(ctx, login)
		switch {
		case err == nil && strings.EqualFold(u.Profile.Login, login):
			return []user{u}, nil
		case err != nil && engine.KindOf(err) != engine.NotFound:
			return nil, err
		}
	}
	return c.lookUp(ctx, "profile.login", login)
}

// byEmail finds users by e-mail, in any case.
func (c *Connector) byEmail(ctx context.Context, email string) ([]user, error) {
	return c.lookUp(ctx, "profile.email", email)
}

// readable tells logins that can stand in a path. Okta finds those with a slash
// by id or filter only.
func readable(login string) bool {
	return login != "" && login != "." && login != ".." && !strings.Contains(login, "/")
}

// lookUp finds users by an attribute.
func (c *Connector) lookUp(ctx context.Context, attr, value string) ([]user, error) {
	found, err := c.lookUpMany(ctx, attr, []string{value})
	if err != nil {
		return nil, err
	}
	return found[fold(value)], nil
}

// lookUpMany finds users by values of an attribute, in any case, and answers by
// the folded value. Two readings make it sure: filter is of the directory
// itself, but wants the exact case; search takes any case, but asks an index
// that lags, so that each of its further hits is read directly.
func (c *Connector) lookUpMany(ctx context.Context, attr string, values []string) (map[string][]user, error) {
	found := map[string][]user{}
	take := func(u user) {
		key := fold(u.value(attr))
		if !slices.ContainsFunc(found[key], func(o user) bool { return o.ID == u.ID }) {
			found[key] = append(found[key], u)
		}
	}
	exact, err := c.users(ctx, "filter", attr, values)
	if err != nil {
		return nil, err
	}
	known := map[engine.MemberID]bool{}
	for _, u := range exact {
		known[u.ID] = true
		take(u)
	}
	rest := values
	if attr == "profile.login" { // Okta has no two of them, whatever the case
		rest = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return len(found[fold(v)]) > 0 })
	}
	hits, err := c.users(ctx, "search", attr, rest)
	if err != nil {
		return nil, err
	}
	for _, hit := range hits {
		if known[hit.ID] {
			continue
		}
		known[hit.ID] = true
		u, err := c.user(ctx, hit.ID)
		switch {
		case err == nil:
			take(u)
		case engine.KindOf(err) != engine.NotFound:
			return nil, err
		}
	}
	for _, us := range found {
		slices.SortFunc(us, func(a, b user) int { return strings.Compare(string(a.ID), string(b.ID)) })
	}
	return found, nil
}

func (u user) value(attr string) string {
	if attr == "profile.email" {
		return u.Profile.Email
	}
	return u.Profile.Login
}

// fold makes addresses comparable: persons are in lower case.
func fold(s string) string { return strings.ToLower(s) }

// users asks for everybody who has one of the values.
func (c *Connector) users(ctx context.Context, by, attr string, values []string) ([]user, error) {
	if len(values) == 0 {
		return nil, nil
	}
	terms := make([]string, len(values))
	for i, v := range values {
		terms[i] = attr + ` eq "` + quoter.Replace(v) + `"`
	}
	var out []user
	err := walk(ctx, c, query("/api/v1/users", by, strings.Join(terms, " or "), "limit", pageSize), func(us []user) (bool, error) {
		out = append(out, us...)
		return true, nil
	})
	return out, err
}

// quoter writes a value into an expression (RFC 7644 takes JSON's strings).
var quoter = strings.NewReplacer(`\`, `\\`, `"`, `\"`) //nolint:gochecknoglobals // a table

// Chunks of people who are asked for at once: so many that all fit on one
// page, in a URL that servers and proxies take.
const (
	chunkPeople = 100
	chunkBytes  = 4000
)

// ResolveAll finds many people by expressions over the list of users, and those
// who are not found there one by one: an index that lags only ever costs a
// request.
func (c *Connector) ResolveAll(ctx context.Context, ps []engine.Person) ([]engine.Resolution, error) {
	answers := make(map[engine.Person]engine.Resolution, len(ps))
	attr := "profile.login"
	if c.cfg.Match == MatchEmail {
		attr = "profile.email"
	}
	for _, chunk := range c.chunks(ps) {
		values := make([]string, len(chunk))
		for i, p := range chunk {
			values[i] = string(p)
		}
		found, err := c.lookUpMany(ctx, attr, values)
		switch {
		case engine.KindOf(err) == engine.Rejected: // an expression that is too long, or odd: one by one
			continue
		case err != nil:
			return nil, c.fail("find the accounts of many people", err)
		}
		for _, p := range chunk {
			if us := found[string(p)]; len(us) > 0 {
				answers[p] = verdict(c.sole(us, string(p)))
			}
		}
	}
	out := make([]engine.Resolution, len(ps))
	for i, p := range ps {
		r, ok := answers[p]
		if !ok {
			if r = c.resolve(ctx, p); ctx.Err() != nil {
				return nil, ctx.Err()
			}
			answers[p] = r
		}
		out[i] = engine.Resolution{Member: r.Member, Err: c.fail("find the account of "+string(p), r.Err)}
	}
	return out, nil
}

// chunks divides the people who are found by their address. One or two are
// left to be found alone.
func (c *Connector) chunks(ps []engine.Person) [][]engine.Person {
	const few = 2
	var out [][]engine.Person
	var chunk []engine.Person
	size := 0
	asked := map[engine.Person]bool{}
	for _, p := range ps {
		if _, excepted := c.cfg.Accounts[p]; excepted || asked[p] {
			continue
		}
		asked[p] = true
		n := len(url.QueryEscape(`profile.login eq "` + quoter.Replace(string(p)) + `" or `))
		if len(chunk) == chunkPeople || size+n > chunkBytes {
			out, chunk, size = append(out, chunk), nil, 0
		}
		chunk, size = append(chunk, p), size+n
	}
	if len(chunk) > few || len(out) > 0 {
		out = append(out, chunk)
	}
	return out
}
