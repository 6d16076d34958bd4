package entra

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	abs "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/serialization"

	"github.com/daypass-dev/daypass/engine"
)

// What a profile is read from, by default.
const (
	nameProperty = "displayName"
	managerLink  = "manager" // a relationship, not a property
)

// propertyName is a property of users, or a field of one that is an object:
// onPremisesExtensionAttributes/extensionAttribute1.
var propertyName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*([./][A-Za-z][A-Za-z0-9_]*)*$`)

func (cfg Config) checkProfile() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Values(cfg.ProfileAttributes)) {
		if !propertyName.MatchString(name) {
			errs = append(errs, fmt.Errorf("profile attribute %q is not the name of a property such as department", name))
		}
	}
	for _, name := range []string{cfg.ProfileName, cfg.ProfileManager} {
		if name != "" && !propertyName.MatchString(name) {
			errs = append(errs, fmt.Errorf("profile property %q is not a name such as displayName", name))
		}
	}
	return errors.Join(errs...)
}

// Describe reads the properties of p's account and its manager, see
// [engine.Describer], with one request after that of Resolve. Where the
// manager's address is a mail, which others may have too, a third one makes
// sure of it. What it cannot tell for certain is [engine.Partial].
func (c *Connector) Describe(ctx context.Context, p engine.Person) (engine.Profile, error) {
	profile, err := c.describe(ctx, p)
	if err != nil {
		return engine.Profile{}, c.fail("describe "+string(p), err)
	}
	return profile, nil
}

func (c *Connector) describe(ctx context.Context, p engine.Person) (engine.Profile, error) {
	m, err := c.Resolve(ctx, p)
	if err != nil {
		return engine.Profile{}, err
	}
	names := c.profileNames()
	asked := []request{{
		method: abs.GET, path: path("users", string(m.ID)), weight: reading(1), query: query("$select", strings.Join(append(roots(names), "id"), ",")),
	}}
	if c.linked() {
		asked = append(asked, request{method: abs.GET, path: path("users", string(m.ID), managerLink), weight: reading(1), query: query("$select", accountSelect)})
	}
	answers := c.wire.ask(ctx, asked)
	r, err := answers[0].read(recordOf(roots(names)))
	if err != nil {
		return engine.Profile{}, err
	}
	profile, err := c.readProfile(r.(*record), m)
	switch {
	case err != nil:
		return engine.Profile{}, err
	case c.linked():
		profile.Manager, err = c.linkedManager(ctx, answers[1])
	default:
		profile.Manager, err = c.namedManager(ctx, r.(*record))
	}
	return profile, err
}

func (c *Connector) nameOf() string { return cmp.Or(c.cfg.ProfileName, nameProperty) }

// linked reports whether the manager is the one that Entra itself knows.
func (c *Connector) linked() bool { return cmp.Or(c.cfg.ProfileManager, managerLink) == managerLink }

// profileNames are the properties that a profile is made of, without the
// manager's relationship.
func (c *Connector) profileNames() []string {
	names := append(slices.Collect(maps.Values(c.cfg.ProfileAttributes)), c.nameOf())
	if !c.linked() {
		names = append(names, c.cfg.ProfileManager)
	}
	return names
}

// roots are what stands before the first point or slash, each once.
func roots(names []string) []string {
	var all []string
	for _, name := range names {
		all = append(all, parts(name)[0])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func parts(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '/' })
}

// record is a user with some properties, whatever they are.
type record struct {
	readOnly
	asked  []string
	id     string
	values map[string]any
}

func recordOf(names []string) serialization.ParsableFactory {
	return func(serialization.ParseNode) (serialization.Parsable, error) {
		return &record{asked: names, values: map[string]any{}}, nil
	}
}

func (r *record) GetFieldDeserializers() fields {
	read := fields{}
	for _, name := range r.asked {
		read[name] = func(n serialization.ParseNode) (err error) {
			r.values[name], err = n.GetRawValue()
			return err
		}
	}
	own := read["id"]
	read["id"] = func(n serialization.ParseNode) error {
		if own != nil {
			if err := own(n); err != nil {
				return err
			}
		}
		return text(&r.id)(n)
	}
	return read
}

// texts returns the values of a property, sorted, none twice. Graph leaves out
// extensions that have none.
func (r *record) texts(name string) ([]string, error) {
	var value any = r.values
	for _, part := range parts(name) {
		if value == nil {
			return nil, nil
		}
		object, ok := value.(map[string]any)
		if !ok {
			return nil, trouble(engine.Partial, "%s is no field: what it is to be in is no object", name)
		}
		value = object[part]
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	var all []string
	for _, v := range list {
		s, ok := plain(v)
		if !ok {
			return nil, trouble(engine.Partial, "%s is an object; name a field of it, as in employeeOrgData.costCenter", name)
		}
		if s != "" {
			all = append(all, s)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// plain is a value that is no object; null is empty.
func plain(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case *string:
		return *v, true
	case *bool:
		return strconv.FormatBool(*v), true
	case *int64:
		return strconv.FormatInt(*v, 10), true
	case *float64:
		return strconv.FormatFloat(*v, 'f', -1, 64), true
	}
	return "", false
}

// readProfile reads all but the manager.
func (c *Connector) readProfile(r *record, m engine.Member) (engine.Profile, error) {
	if lower(r.id) != string(m.ID) {
		return engine.Profile{}, &fault{status: http.StatusOK, err: errors.New("the answer is about another account")}
	}
	profile := engine.Profile{Attributes: map[string][]string{}}
	names, err := r.texts(c.nameOf())
	if err != nil {
		return engine.Profile{}, err
	}
	if len(names) > 0 {
		profile.Name = names[0]
	}
	for name, own := range c.cfg.ProfileAttributes {
		values, err := r.texts(own)
		if err != nil {
			return engine.Profile{}, err
		}
		if len(values) > 0 {
			profile.Attributes[name] = values
		}
	}
	return profile, nil
}

// linkedManager reads the answer about the relationship. Graph answers 404
// where there is none; which of the two is missing, only its text tells
// ("Resource 'manager' does not exist ...").
func (c *Connector) linkedManager(ctx context.Context, o outcome) (engine.Person, error) {
	v, err := o.read(newPrincipal)
	if f := asFault(err); f != nil && f.status == http.StatusNotFound {
		if f.code == "Request_ResourceNotFound" && f.says("'"+managerLink+"'") {
			return "", nil
		}
		return "", trouble(engine.Unavailable, "whether there is a manager is not told (%w)", f)
	}
	if err != nil {
		return "", err
	}
	boss := v.(*principal)
	switch {
	case !isID(boss.id):
		return "", &fault{status: http.StatusOK, err: fmt.Errorf("a manager whose id is %q", boss.id)}
	case boss.kind != "" && boss.kind != userType:
		return "", trouble(engine.Partial, "the manager %s is no account but an %s", boss.id, strings.TrimPrefix(boss.kind, "#microsoft.graph."))
	case boss.login == "":
		return "", trouble(engine.Denied, "who the manager %s is is not shown to the app; grant it User.Read.All", boss.id)
	}
	return c.personOf(ctx, boss)
}

// namedManager reads the manager off a property: an account's id, or a work
// address.
func (c *Connector) namedManager(ctx context.Context, r *record) (engine.Person, error) {
	own := c.cfg.ProfileManager
	values, err := r.texts(own)
	switch {
	case err != nil || len(values) == 0:
		return "", err
	case len(values) > 1:
		return "", trouble(engine.Partial, "%s has several managers: %s", own, some(values))
	case isID(values[0]):
		w := clue{"id", lower(values[0])}
		h := c.search(ctx, []clue{w})[w]
		switch {
		case h.err != nil:
			return "", h.err
		case len(h.accounts) != 1:
			return "", trouble(engine.Partial, "%s names %s, and there is no such account any more", own, values[0])
		}
		return c.personOf(ctx, h.accounts[0])
	}
	p, err := engine.ParsePerson(values[0])
	if err != nil {
		return "", trouble(engine.Partial, "%s %q is neither the id of an account nor a work address", own, clean(values[0]))
	}
	_, err = c.accountOf(ctx, p)
	return p, err
}

// personOf tells whose account boss is: by the exceptions, and else by the
// address that people are matched by.
func (c *Connector) personOf(ctx context.Context, boss *principal) (engine.Person, error) {
	var named []string
	for p, name := range c.cfg.Accounts {
		if lower(name) == lower(boss.id) || lower(name) == lower(boss.login) {
			named = append(named, string(p))
		}
	}
	slices.Sort(named)
	switch len(named) {
	case 0:
	case 1:
		return engine.Person(named[0]), nil
	default:
		return "", trouble(engine.Partial, "people names the manager's account %s for several: %s", boss.login, some(named))
	}
	address := cmp.Or(boss.mail, boss.login)
	switch c.cfg.Match {
	case matchUPN:
		address = boss.login
	case matchMail:
		address = boss.mail
	}
	p, err := engine.ParsePerson(address)
	if err != nil {
		return "", trouble(engine.Partial, "the manager %s has no work address (%s); name the account under people", boss.login, cmp.Or(c.cfg.Match, matchMail))
	}
	_, elsewhere := c.cfg.Accounts[p]
	if c.cfg.Match == matchUPN && !elsewhere { // no two have the same
		return p, nil
	}
	id, err := c.accountOf(ctx, p)
	if err == nil && string(id) != lower(boss.id) {
		err = trouble(engine.Partial, "the address %s of the manager %s is another account's; name the account under people", p, boss.login)
	}
	return p, err
}

// accountOf makes sure that a manager's address leads to one account. That it
// is disabled is for others to know.
func (c *Connector) accountOf(ctx context.Context, p engine.Person) (engine.MemberID, error) {
	m, err := c.Resolve(ctx, p)
	switch engine.KindOf(err) {
	case engine.Disabled:
		return m.ID, nil
	case engine.NotFound, engine.Ambiguous:
		var e *engine.Error
		errors.As(err, &e)
		return "", trouble(engine.Partial, "the manager %s: %w", p, e.Err)
	}
	return m.ID, err
}
