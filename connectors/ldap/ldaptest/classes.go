package ldaptest

import "strings"

// class is an object class: what it derives from and what it must hold.
type class struct {
	name, sup string
	must      []string
}

func newClasses(f Flavor) map[string]*class {
	all := []class{
		{"top", "", nil},
		{"domain", "top", []string{"dc"}},
		{"dcObject", "top", []string{"dc"}},
		{"organization", "top", []string{"o"}},
		{"organizationalUnit", "top", []string{"ou"}},
		{"container", "top", []string{"cn"}},
		{"person", "top", []string{"cn", "sn"}},
		{"organizationalPerson", "person", nil},
		{"inetOrgPerson", "organizationalPerson", nil},
		{"posixAccount", "top", []string{"cn", "uid", "uidNumber", "gidNumber", "homeDirectory"}},
		{"shadowAccount", "top", []string{"uid"}},
		{"account", "top", []string{"uid"}},
		{"applicationProcess", "top", []string{"cn"}},
		{"simpleSecurityObject", "top", []string{"userPassword"}},
		{"organizationalRole", "top", []string{"cn"}},
		{"extensibleObject", "top", nil},
		{"uidObject", "top", []string{"uid"}},
		{"groupOfNames", "top", []string{"cn", "member"}},
		{"groupOfUniqueNames", "top", []string{"cn", "uniqueMember"}},
		{"groupOfMembers", "top", []string{"cn"}},
		{"posixGroup", "top", []string{"cn", "gidNumber"}},
		{"dynamicObject", "top", nil},
		{"inetUser", "top", nil},
		{"nsMemberOf", "top", nil},
		{"nsAccount", "top", nil},
		{"ldapPublicKey", "top", nil},
	}
	if f != OpenLDAP { // the members are optional there
		for i, c := range all {
			if c.name == "groupOfNames" || c.name == "groupOfUniqueNames" {
				all[i].must = []string{"cn"}
			}
		}
	}
	if f == ActiveDirectory {
		all = append(all, class{"domainDNS", "domain", nil}, class{"user", "organizationalPerson", nil}, class{"group", "top", nil},
			class{"computer", "user", nil}, class{"contact", "organizationalPerson", nil}, class{"builtinDomain", "top", nil})
		for i, c := range all {
			if c.name == "person" {
				all[i].must = []string{"cn"} // sn is optional in Active Directory
			}
		}
	}
	m := make(map[string]*class, len(all))
	for i, c := range all {
		m[strings.ToLower(c.name)] = &all[i]
	}
	return m
}

// isA reports whether a class, in lower case, is another or derives from it.
func (t *tree) isA(name, ancestor string) bool {
	for name != "" {
		if name == ancestor {
			return true
		}
		c := t.classes[name]
		if c == nil {
			return ancestor == "top"
		}
		name = strings.ToLower(c.sup)
	}
	return false
}

// has reports whether an entry is of a class, given in lower case.
func (t *tree) has(e *entry, name string) bool {
	oc, _ := t.schema.lookup("objectclass")
	for _, v := range e.stored(oc) {
		if t.isA(foldValue(v), name) {
			return true
		}
	}
	return false
}
