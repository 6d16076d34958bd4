package ldaptest

import (
	"context"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

func (c *conn) decodeCompare(req *request) (task, result) {
	dn, ava := text(child(req.body, 0)), child(req.body, 1)
	attr, v := text(child(ava, 0)), text(child(ava, 1))
	return task{dn: dn, run: func(context.Context, *Fault) reply {
		if r := c.mayRead(); !r.ok() {
			return reply{result: r}
		}
		return reply{result: c.srv.compare(dn, attr, v)}
	}}, success()
}

func (s *Server) compare(dn, desc, v string) result {
	s.tick()
	s.tree.RLock()
	defer s.tree.RUnlock()
	e, r := s.resolve(dn)
	if !r.ok() {
		return r
	}
	name, _, _ := strings.Cut(desc, ";")
	typ, ok := s.tree.schema.lookup(name)
	if !ok {
		return refuse(ldap.LDAPResultUndefinedAttributeType, "%s: attribute type undefined", desc)
	}
	key, err := typ.normal(v)
	switch {
	case err != nil:
		return refuse(ldap.LDAPResultInvalidAttributeSyntax, "%s: invalid per syntax", desc)
	case len(s.tree.values(e, typ)) == 0 || hidden(typ):
		return refuse(ldap.LDAPResultNoSuchAttribute, "")
	case s.tree.holds(e, typ, key):
		return result{code: ldap.LDAPResultCompareTrue}
	default:
		return result{code: ldap.LDAPResultCompareFalse}
	}
}
