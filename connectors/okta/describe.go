package okta

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/daypass-dev/daypass/engine"
)

// attributeName is one of a profile, which is flat.
var attributeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// whole is a user with the whole profile.
type whole struct{ user }

// UnmarshalJSON reads the profile twice: what daypass needs, and all of it.
func (w *whole) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, &w.user); err != nil {
		return err
	}
	var rest struct {
		Profile map[string]any `json:"profile"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&rest); err != nil {
		return err
	}
	w.attrs = rest.Profile
	return nil
}

// Describe reads the profile of p's account and that of the manager, see
// [engine.Describer]. Where people are matched by login, and the manager is
// named by id or address, that takes one request each; by e-mail it takes more,
// since others may have the same. What it cannot tell for certain is
// [engine.Partial].
func (c *Connector) Describe(ctx context.Context, p engine.Person) (engine.Profile, error) {
	profile, err := c.describe(ctx, p)
	if err != nil {
		return engine.Profile{}, c.fail("describe "+string(p), err)
	}
	return profile, nil
}

func (c *Connector) describe(ctx context.Context, p engine.Person) (engine.Profile, error) {
	u, err := c.account(ctx, p)
	if err == nil && u.attrs == nil { // out of a list
		u, err = c.user(ctx, u.ID)
	}
	if r := verdict(u, err); r.Err != nil {
		return engine.Profile{}, r.Err
	}
	profile, err := c.readProfile(u)
	if err != nil {
		return engine.Profile{}, err
	}
	profile.Manager, err = c.manager(ctx, u)
	return profile, err
}

// readProfile reads all but the manager.
func (c *Connector) readProfile(u user) (engine.Profile, error) {
	profile := engine.Profile{Attributes: map[string][]string{}}
	names, err := u.texts(cmp.Or(c.cfg.ProfileName, "displayName"))
	switch {
	case err != nil:
		return engine.Profile{}, err
	case len(names) > 0:
		profile.Name = names[0]
	case c.cfg.ProfileName == "":
		first, _ := u.attrs["firstName"].(string)
		last, _ := u.attrs["lastName"].(string)
		profile.Name = strings.TrimSpace(first + " " + last)
	}
	for name, attr := range c.cfg.ProfileAttributes {
		values, err := u.texts(attr)
		if err != nil {
			return engine.Profile{}, err
		}
		if len(values) > 0 {
			profile.Attributes[name] = values
		}
	}
	return profile, nil
}

// texts returns the values of an attribute, sorted, none twice.
func (u user) texts(attr string) ([]string, error) {
	list, ok := u.attrs[attr].([]any)
	if !ok {
		list = []any{u.attrs[attr]}
	}
	var all []string
	for _, v := range list {
		switch v := v.(type) {
		case nil:
		case string:
			all = append(all, v)
		case bool:
			all = append(all, strconv.FormatBool(v))
		case json.Number:
			all = append(all, v.String())
		default:
			return nil, trouble(engine.Partial, "%s is neither a value nor a list of values; ask for another attribute", attr)
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(s string) bool { return s == "" }), nil
}

// manager reads whom the profile names as the manager: managerId, which is to be
// an id, and else manager, which is to be a name; people write other things
// into both.
func (c *Connector) manager(ctx context.Context, u user) (engine.Person, error) {
	attrs := []string{"managerId", "manager"}
	if c.cfg.ProfileManager != "" {
		attrs = []string{c.cfg.ProfileManager}
	}
	for _, attr := range attrs {
		values, err := u.texts(attr)
		switch {
		case err != nil:
			return "", err
		case len(values) > 1:
			return "", trouble(engine.Partial, "%s has several managers: %s and %s", attr, clip(values[0]), clip(values[1]))
		case len(values) == 1:
			p, err := c.named(ctx, values[0])
			return p, doubtful(attr, values[0], err)
		}
	}
	return "", nil
}

// doubtful makes what would speak of the person speak of the manager.
func doubtful(attr, value string, err error) error {
	switch engine.KindOf(err) {
	case engine.NotFound, engine.Ambiguous:
		return trouble(engine.Partial, "%s names the manager %q: %w", attr, clip(value), bare(err))
	}
	return err
}

// named finds whom a value means: by id; by work address, as people are
// matched, or by the other of login and e-mail; by login, or employee number.
func (c *Connector) named(ctx context.Context, value string) (engine.Person, error) {
	var boss user
	p, err := engine.ParsePerson(value)
	switch {
	case isUser(engine.MemberID(value)):
		boss, err = c.user(ctx, engine.MemberID(value))
	case err == nil:
		if _, err = c.account(ctx, p); engine.KindOf(err) != engine.NotFound {
			return p, err
		}
		other := c.byEmail
		if c.cfg.Match == MatchEmail {
			other = c.byLogin
		}
		var found []user
		if found, err = other(ctx, string(p)); err == nil {
			boss, err = c.sole(found, string(p))
		}
	default:
		boss, err = c.byNumber(ctx, value)
	}
	if err != nil {
		return "", err
	}
	return c.personOf(ctx, boss)
}

// byNumber finds the one user who has a value as login or as employee number.
// Only search knows the latter; its index lags, so each hit is read directly.
func (c *Connector) byNumber(ctx context.Context, value string) (user, error) {
	quoted := ` eq "` + quoter.Replace(value) + `"`
	var hits, found []user
	err := walk(ctx, c, query("/api/v1/users", "search", "profile.login"+quoted+" or profile.employeeNumber"+quoted, "limit", pageSize), func(us []user) (bool, error) {
		hits = append(hits, us...)
		return true, nil
	})
	if err != nil {
		return user{}, err
	}
	for _, hit := range hits {
		u, err := c.user(ctx, hit.ID)
		switch {
		case err == nil:
			numbers, err := u.texts("employeeNumber")
			if err != nil {
				return user{}, err
			}
			if strings.EqualFold(u.Profile.Login, value) || slices.Contains(numbers, value) {
				found = append(found, u)
			}
		case engine.KindOf(err) != engine.NotFound:
			return user{}, err
		}
	}
	switch len(found) {
	case 0:
		return user{}, trouble(engine.NotFound, "no user has this id, login or employee number; set the profile's manager to the attribute that holds one of them, or the manager's address")
	case 1:
		return found[0], nil
	}
	return user{}, trouble(engine.Ambiguous, "several users have this login or employee number: %s and %s", found[0].ID, found[1].ID)
}

// personOf tells whose account boss is: by the exceptions, and else by the
// address that people are matched by.
func (c *Connector) personOf(ctx context.Context, boss user) (engine.Person, error) {
	var named []string
	for p, name := range c.cfg.Accounts {
		if name == string(boss.ID) || strings.EqualFold(name, boss.Profile.Login) {
			named = append(named, string(p))
		}
	}
	slices.Sort(named)
	switch len(named) {
	case 0:
	case 1:
		return engine.Person(named[0]), nil
	default:
		return "", trouble(engine.Partial, "people names the manager's account %s for several: %s and %s", boss.member().Login, named[0], named[1])
	}
	address := boss.Profile.Login
	if c.cfg.Match == MatchEmail {
		address = boss.Profile.Email
	}
	p, err := engine.ParsePerson(address)
	if err != nil {
		return "", trouble(engine.Partial, "the manager %s has no work address as the %s; name the account under people", boss.member().Login, c.cfg.Match)
	}
	_, elsewhere := c.cfg.Accounts[p]
	if c.cfg.Match == MatchLogin && !elsewhere { // no two have the same
		return p, nil
	}
	u, err := c.account(ctx, p)
	if err == nil && u.ID != boss.ID {
		err = trouble(engine.Partial, "the address %s of the manager %s is another account's; name the account under people", p, boss.member().Login)
	}
	return p, err
}
