package google

import (
	"context"
	"net/http"
	"strings"

	admin "google.golang.org/api/admin/directory/v1"
	"google.golang.org/api/googleapi"

	"github.com/daypass-dev/daypass/engine"
)

const usersPage = 500 // the most that Google gives

// Resolve finds the account of p: the one that has p's address as its primary
// address or an alias, or the one that Config.Accounts names. A suspended or
// archived account is [engine.Disabled]. People outside of the customer have
// no account in it, although groups may hold them.
func (c *Connector) Resolve(ctx context.Context, p engine.Person) (engine.Member, error) {
	m, err := c.account(ctx, c.accountKey(p))
	return m, c.op("find the account of "+string(p), err)
}

// accountKey is what Google is asked for.
func (c *Connector) accountKey(p engine.Person) string {
	if name, ok := c.cfg.Accounts[p]; ok {
		return key(name)
	}
	return string(p)
}

func (c *Connector) account(ctx context.Context, name string) (engine.Member, error) {
	u, err := c.user(ctx, name, userFields, "basic")
	if err != nil {
		return engine.Member{}, err
	}
	return c.readUser(u)
}

// user reads some fields of a user. Only the projection "full" has those of
// custom schemas.
func (c *Connector) user(ctx context.Context, name, fields, projection string) (*admin.User, error) {
	if !isAddress(name) && !plainID.MatchString(name) {
		return nil, trouble(engine.NotFound, "%q can be neither an address nor an id at Google", clip(name))
	}
	tctx, x := traced(ctx)
	u, err := c.dir.Users.Get(name).Projection(projection).Fields(googleapi.Field("kind," + fields)).Context(tctx).Do()
	if err != nil {
		return nil, c.noAccount(ctx, name, x, err)
	}
	if u == nil || u.Kind != "admin#directory#user" {
		return nil, malformed("a user")
	}
	return u, nil
}

// noAccount tells nobody from not allowed. Of an address in a domain that is
// not the customer's, Google says 404 or that we are not authorized, as if it
// were ours: whether we may read people at all decides which it is.
func (c *Connector) noAccount(ctx context.Context, name string, x *exchange, err error) error {
	a := x.answered(err)
	failure := x.fail(ctx, err)
	outside := "no account of this customer has the address or id " + name + "; people outside of it cannot be given access to groups"
	switch {
	case engine.KindOf(failure) == engine.NotFound, a.status == http.StatusBadRequest && a.about("userKey"):
		return trouble(engine.NotFound, "%s", outside)
	case a.status == http.StatusForbidden && a.reason == "forbidden" && isAddress(name) && !c.names.ours(name) && c.seesPeople(ctx) &&
		!c.names.ours(name): // whoever was seen may have told that it is
		return trouble(engine.NotFound, "%s", outside)
	}
	return failure
}

// seesPeople reports whether we may read people: somebody is shown to us.
func (c *Connector) seesPeople(ctx context.Context) bool {
	someone := false
	_, err := c.eachUser(ctx, 1, func(u *admin.User) (bool, error) {
		_, err := c.readUser(u)
		someone = someone || err == nil
		return false, nil
	})
	return err == nil && someone
}

// readUser makes an account of an entry.
func (c *Connector) readUser(u *admin.User) (engine.Member, error) {
	if u == nil || !plainID.MatchString(u.Id) || !strings.Contains(u.PrimaryEmail, "@") {
		return engine.Member{}, malformed("a user with id and address")
	}
	m := engine.Member{ID: engine.MemberID(u.Id), Login: strings.ToLower(u.PrimaryEmail)}
	switch {
	case c.cfg.Customer != defaultCustomer && u.CustomerId != "" && u.CustomerId != c.cfg.Customer:
		return engine.Member{}, trouble(engine.NotFound, "%s is of the customer %s, not of %s", m.Login, clip(u.CustomerId), c.cfg.Customer)
	case u.Suspended:
		c.names.home(m.Login)
		return m, trouble(engine.Disabled, "the account %s is suspended", m.Login)
	case u.Archived:
		c.names.home(m.Login)
		return m, trouble(engine.Disabled, "the account %s is archived", m.Login)
	}
	c.names.home(m.Login)
	return m, nil
}

// eachUser gives the people of the customer, or of Config.Domain, to f.
func (c *Connector) eachUser(ctx context.Context, pages int, f func(*admin.User) (more bool, err error)) (whole bool, err error) {
	return c.each(ctx, &c.users, pages, func(tctx context.Context, token string) (page, error) {
		call := c.dir.Users.List().MaxResults(usersPage).Context(tctx).
			Fields(googleapi.Field("kind,nextPageToken,users(" + userFields + ")"))
		if c.cfg.Domain != "" {
			call.Domain(c.cfg.Domain)
		} else {
			call.Customer(c.cfg.Customer)
		}
		if token != "" {
			call.PageToken(token)
		}
		got, err := call.Do()
		if err != nil {
			return page{}, err
		}
		if got == nil || got.Kind != "admin#directory#users" {
			return page{}, malformed("a list of users")
		}
		return page{got.NextPageToken, len(got.Users), func(i int) (bool, error) { return f(got.Users[i]) }}, nil
	})
}

// ResolveAll looks many people up: by listing everybody, 500 at a time, where
// that is likely cheaper, and one by one otherwise.
func (c *Connector) ResolveAll(ctx context.Context, ps []engine.Person) ([]engine.Resolution, error) {
	found, err := c.accounts(ctx, ps)
	if err != nil {
		return nil, c.op("find accounts", err)
	}
	answers := make([]engine.Resolution, len(ps))
	for i, p := range ps {
		r := found[c.accountKey(p)]
		answers[i] = engine.Resolution{Member: r.v, Err: c.op("find the account of "+string(p), r.err)}
	}
	return answers, nil
}

// accounts answers for each key. Whom a listing does not show is asked for all
// the same: "not found" has to be Google's word about that person.
func (c *Connector) accounts(ctx context.Context, ps []engine.Person) (map[string]reply[engine.Member], error) {
	found := make(map[string]reply[engine.Member], len(ps))
	open := make(map[string]bool, len(ps))
	for _, p := range ps {
		open[c.accountKey(p)] = true
	}
	if budget := c.users.budget(len(open)); budget > 0 {
		_, err := c.eachUser(ctx, budget, func(u *admin.User) (bool, error) {
			m, err := c.readUser(u)
			if err != nil && !single(err) {
				return false, err
			}
			for _, name := range append([]string{u.Id, u.PrimaryEmail}, append(u.Aliases, u.NonEditableAliases...)...) {
				if open[key(name)] {
					found[key(name)] = reply[engine.Member]{m, err}
					delete(open, key(name))
				}
			}
			return len(open) > 0, nil
		})
		if err != nil {
			return nil, err
		}
	}
	var left []string
	for _, p := range ps {
		if open[c.accountKey(p)] {
			left = append(left, c.accountKey(p))
		}
	}
	answers, err := together(ctx, unique(left), c.parallel(), func(name string) (engine.Member, error) { return c.account(ctx, name) })
	for name, a := range answers {
		found[name] = a
	}
	return found, err
}
