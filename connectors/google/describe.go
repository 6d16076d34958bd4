package google

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	admin "google.golang.org/api/admin/directory/v1"

	"github.com/daypass-dev/daypass/engine"
)

// What a profile is read from, by default.
const (
	fullName        = "name.fullName"
	managerRelation = "manager"
)

// field is one of a user: of the account, of the primary organization, or of a
// custom schema.
type field struct{ in, name string }

// inOrganization stands for the primary one in a field.
const inOrganization = "organizations"

// known are the fields that have a name of their own.
func known() map[string]field {
	return map[string]field{
		"orgUnitPath": {"", "orgUnitPath"},
		"department":  {inOrganization, "department"}, "title": {inOrganization, "title"},
		"costCenter": {inOrganization, "costCenter"}, "location": {inOrganization, "location"},
		fullName: {"name", "fullName"}, "name.givenName": {"name", "givenName"},
		"name.familyName": {"name", "familyName"}, "name.displayName": {"name", "displayName"},
	}
}

// parseField reads a name: a known one, or Schema.field, also behind
// customSchemas.
func parseField(name string) (field, error) {
	if f, ok := known()[name]; ok {
		return f, nil
	}
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '/' })
	switch {
	case len(parts) == 3 && parts[0] == "customSchemas":
		parts = parts[1:]
	case len(parts) != 2, parts[0] == "name", parts[0] == "customSchemas":
		return field{}, fmt.Errorf("profile field %q is none of %s, nor a custom one such as Schema.field", name, strings.Join(slices.Sorted(maps.Keys(known())), ", "))
	}
	return field{"customSchemas." + parts[0], parts[1]}, nil
}

func (cfg Config) checkProfile() error {
	names := append(slices.Sorted(maps.Values(cfg.ProfileAttributes)), cmp.Or(cfg.ProfileName, fullName))
	if strings.ContainsAny(cfg.ProfileManager, "./") {
		names = append(names, cfg.ProfileManager)
	}
	var errs []error
	for _, name := range names {
		_, err := parseField(name)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// profileFields are what is asked for beside the account.
const profileFields = ",name,orgUnitPath,organizations,relations,customSchemas"

// Describe reads p's account with one request, and the account of the manager
// with another, see [engine.Describer]. What it cannot tell for certain is
// [engine.Partial].
func (c *Connector) Describe(ctx context.Context, p engine.Person) (engine.Profile, error) {
	profile, err := c.describe(ctx, p)
	if err != nil {
		return engine.Profile{}, c.op("describe "+string(p), err)
	}
	return profile, nil
}

func (c *Connector) describe(ctx context.Context, p engine.Person) (engine.Profile, error) {
	u, err := c.user(ctx, c.accountKey(p), userFields+profileFields, "full")
	if err != nil {
		return engine.Profile{}, err
	}
	if _, err := c.readUser(u); err != nil {
		return engine.Profile{}, err
	}
	profile := engine.Profile{Attributes: map[string][]string{}}
	names, err := texts(u, cmp.Or(c.cfg.ProfileName, fullName))
	if err != nil {
		return engine.Profile{}, err
	}
	if len(names) > 0 {
		profile.Name = names[0]
	}
	for name, own := range c.cfg.ProfileAttributes {
		values, err := texts(u, own)
		if err != nil {
			return engine.Profile{}, err
		}
		if len(values) > 0 {
			profile.Attributes[name] = values
		}
	}
	profile.Manager, err = c.manager(ctx, u)
	return profile, err
}

// texts returns the values of a field, sorted, none twice.
func texts(u *admin.User, name string) ([]string, error) {
	f, err := parseField(name)
	if err != nil {
		return nil, trouble(engine.Rejected, "%w", err)
	}
	var all []string
	switch f.in {
	case "":
		all = []string{u.OrgUnitPath}
	case "name":
		if u.Name != nil {
			all = []string{map[string]string{
				"fullName": u.Name.FullName, "givenName": u.Name.GivenName, "familyName": u.Name.FamilyName, "displayName": u.Name.DisplayName,
			}[f.name]}
		}
	case inOrganization:
		all, err = organization(u, f.name)
	default:
		all, err = custom(u, f)
	}
	return compact(all), err
}

// compact sorts, and leaves out what is empty or there twice.
func compact(all []string) []string {
	all = slices.DeleteFunc(all, func(s string) bool { return s == "" })
	slices.Sort(all)
	return slices.Compact(all)
}

// reread reads what the SDK leaves as it came.
func reread(from, into any) error {
	text, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return malformed("a user's organizations and relations")
	}
	return nil
}

// organization reads a field of the primary one, or of the only one.
func organization(u *admin.User, name string) ([]string, error) {
	var all []admin.UserOrganization
	if err := reread(u.Organizations, &all); err != nil {
		return nil, err
	}
	if len(all) > 1 {
		all = slices.DeleteFunc(all, func(o admin.UserOrganization) bool { return !o.Primary })
		if len(all) != 1 {
			return nil, trouble(engine.Partial, "%s: the user has several organizations, and not one that is the primary", name)
		}
	}
	var values []string
	for _, o := range all {
		values = append(values, map[string]string{"department": o.Department, "title": o.Title, "costCenter": o.CostCenter, "location": o.Location}[name])
	}
	return values, nil
}

// custom reads a field of a custom schema: a value, or a list of objects with
// one each.
func custom(u *admin.User, f field) ([]string, error) {
	schema := strings.TrimPrefix(f.in, "customSchemas.")
	raw, ok := u.CustomSchemas[schema]
	if !ok {
		return nil, nil
	}
	var fields map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&fields); err != nil {
		return nil, malformed("the fields of a custom schema")
	}
	list, ok := fields[f.name].([]any)
	if !ok {
		list = []any{map[string]any{"value": fields[f.name]}}
	}
	var values []string
	for _, entry := range list {
		holder, _ := entry.(map[string]any)
		switch v := holder["value"].(type) {
		case string:
			values = append(values, v)
		case bool:
			values = append(values, strconv.FormatBool(v))
		case json.Number:
			values = append(values, v.String())
		case nil:
			if holder == nil {
				return nil, malformed("the values of a custom field")
			}
		default:
			return nil, malformed("the values of a custom field")
		}
	}
	return values, nil
}

// manager reads whom the user's record names: by a relation, which is any text,
// or by a custom field.
func (c *Connector) manager(ctx context.Context, u *admin.User) (engine.Person, error) {
	where := cmp.Or(c.cfg.ProfileManager, managerRelation)
	values, err := c.managers(u, where)
	switch {
	case err != nil || len(values) == 0:
		return "", err
	case len(values) > 1:
		return "", trouble(engine.Partial, "%s has several managers: %s and %s", where, clip(values[0]), clip(values[1]))
	case !isAddress(values[0]):
		return "", trouble(engine.Partial, "%s %q is not an address", where, clip(values[0]))
	}
	boss, err := c.user(ctx, values[0], userFields, "basic")
	if err == nil {
		_, err = c.readUser(boss) // that it is suspended is for others to know
	}
	switch engine.KindOf(err) {
	case engine.NotFound:
		return "", trouble(engine.Partial, "%s names %s, and there is no such account: %w", where, values[0], bare(err))
	case engine.Disabled:
		err = nil
	}
	if err != nil {
		return "", err
	}
	return c.personOf(boss)
}

func (c *Connector) managers(u *admin.User, where string) ([]string, error) {
	if strings.ContainsAny(where, "./") {
		values, err := texts(u, where)
		for i, v := range values {
			values[i] = key(strings.TrimSpace(v))
		}
		return compact(values), err
	}
	var all []admin.UserRelation
	if err := reread(u.Relations, &all); err != nil {
		return nil, err
	}
	var values []string
	for _, r := range all {
		if r.Type == where || r.Type == "custom" && r.CustomType == where {
			values = append(values, key(strings.TrimSpace(r.Value)))
		}
	}
	return compact(values), nil
}

// personOf tells whose account boss is: by the exceptions, and else by its
// primary address.
func (c *Connector) personOf(boss *admin.User) (engine.Person, error) {
	own := append([]string{boss.Id, boss.PrimaryEmail}, append(boss.Aliases, boss.NonEditableAliases...)...)
	var named []string
	for p, name := range c.cfg.Accounts {
		if slices.ContainsFunc(own, func(s string) bool { return key(s) == key(name) }) {
			named = append(named, string(p))
		}
	}
	slices.Sort(named)
	switch len(named) {
	case 0:
	case 1:
		return engine.Person(named[0]), nil
	default:
		return "", trouble(engine.Partial, "people names the manager's account %s for several: %s and %s", boss.PrimaryEmail, named[0], named[1])
	}
	p, err := engine.ParsePerson(boss.PrimaryEmail)
	if _, elsewhere := c.cfg.Accounts[p]; err != nil || elsewhere {
		return "", trouble(engine.Partial, "the manager's address %s is no work address, or another account's by the configuration; name the account under people", boss.PrimaryEmail)
	}
	return p, nil
}
