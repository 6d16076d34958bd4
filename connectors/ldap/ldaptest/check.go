package ldaptest

import (
	"slices"

	"github.com/go-ldap/ldap/v3"
)

// check holds an entry to the schema, once all changes of a request are made:
// servers look at the final entry (RFC 4511 section 4.6).
func (s *Server) check(e *entry) result {
	classes := e.stored(s.tree.schema.types["objectclass"])
	if len(classes) == 0 {
		return refuse(ldap.LDAPResultObjectClassViolation, "no objectClass attribute")
	}
	for _, name := range classes {
		if r := s.checkClass(e, name); !r.ok() {
			return r
		}
	}
	for _, a := range e.attrs {
		if r := s.checkAttr(e, a); !r.ok() {
			return r
		}
	}
	return s.checkRDN(e)
}

// checkClass wants the attributes that a class and its ancestors must have.
func (s *Server) checkClass(e *entry, name string) result {
	c := s.tree.classes[foldValue(name)]
	if c == nil {
		if s.opt.Flavor == OpenLDAP {
			return refuse(ldap.LDAPResultInvalidAttributeSyntax, "objectClass: %s: unknown class", name)
		}
		return refuse(ldap.LDAPResultObjectClassViolation, "unknown object class %q", name)
	}
	for ; c != nil; c = s.tree.classes[foldValue(c.sup)] {
		for _, must := range c.must {
			typ, ok := s.tree.schema.lookup(must)
			if ok && len(e.stored(typ)) == 0 {
				return refuse(ldap.LDAPResultObjectClassViolation, "object class '%s' requires attribute '%s'", c.name, must)
			}
		}
	}
	return success()
}

func (s *Server) checkAttr(e *entry, a *attribute) result {
	if a.typ.is(single) && len(a.list) > 1 {
		return refuse(ldap.LDAPResultConstraintViolation, "attribute '%s' cannot have multiple values", a.typ.name)
	}
	if len(a.typ.allow) == 0 || s.tree.has(e, "extensibleobject") {
		return success()
	}
	if !slices.ContainsFunc(a.typ.allow, func(name string) bool { return s.tree.has(e, name) }) {
		return refuse(ldap.LDAPResultObjectClassViolation, "attribute '%s' not allowed", a.typ.name)
	}
	return success()
}

// checkRDN wants the naming values among the attributes.
func (s *Server) checkRDN(e *entry) result {
	rdn, _ := splitRDN(e.dn)
	pairs, err := parseRDN(rdn)
	if err != nil {
		return s.badDN(e.dn)
	}
	for _, p := range pairs {
		typ, ok := s.tree.schema.lookup(p.attr)
		if !ok {
			return refuse(ldap.LDAPResultUndefinedAttributeType, "%s: attribute type undefined", p.attr)
		}
		key, err := typ.normal(p.value)
		if a := e.attr(typ); err == nil && a != nil && a.find(key) >= 0 {
			continue
		}
		if s.opt.Flavor == OpenLDAP {
			return refuse(ldap.LDAPResultNamingViolation, "value of naming attribute '%s' is not present in entry", p.attr)
		}
		return refuse(ldap.LDAPResultNotAllowedOnRDN, "value of naming attribute '%s' must stay", p.attr)
	}
	return success()
}
