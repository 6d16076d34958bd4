package config

import "regexp"

// Profile says where a directory keeps what policies ask about people.
type Profile struct {
	// Where a person's name stands. Default displayName, on Google
	// name.fullName; on LDAP cn where an entry has no displayName.
	Name string `yaml:"name,omitempty"`
	// Where a person's manager stands. The default is the kind's: on Entra ID
	// and LDAP manager, on Okta managerId and else manager, on Google the
	// relation of type manager.
	Manager string `yaml:"manager,omitempty"`
	// What else policies may ask: the name that they call it by, and the
	// directory's own, as in {department: departmentNumber}.
	Attributes map[string]string `yaml:"attributes,omitempty"`
}

var (
	// attributeKey is what an expression can write behind a dot.
	attributeKey = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	// property is a field of a record in a cloud, with those that it is in.
	property = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*([./][A-Za-z][A-Za-z0-9_-]*)*$`)
)

// check reports what is wrong. own is the form of the directory's own names,
// and kind and example tell it.
func (p Profile) check(w *walker, path string, own *regexp.Regexp, kind, example string) {
	name := func(path, value string) {
		if value != "" && !own.MatchString(value) {
			w.fail(path, "%q is not the name of %s such as %s", value, kind, example)
		}
	}
	name(path+".name", p.Name)
	name(path+".manager", p.Manager)
	for _, key := range sortedKeys(p.Attributes) {
		at := path + ".attributes." + key
		if !attributeKey.MatchString(key) {
			w.failKey(at, "%q is no name for policies; it is made of letters, digits and _, and begins with a letter", key)
		}
		name(at, p.Attributes[key])
	}
}
