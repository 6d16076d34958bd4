package ldaptest

import (
	"context"
	"slices"

	"github.com/go-ldap/ldap/v3"
)

func (c *conn) decodeDelete(req *request) (task, result) {
	dn := text(req.body)
	_, subtree := req.control(ldap.ControlTypeMicrosoftTreeDelete)
	return task{dn: dn, run: func(context.Context, *Fault) reply {
		if r := c.mayWrite(); !r.ok() {
			return reply{result: r}
		}
		return reply{result: c.srv.remove(dn, subtree && c.srv.opt.Flavor == ActiveDirectory)}
	}}, success()
}

// remove deletes an entry and, with subtree, all that is below it.
func (s *Server) remove(dn string, subtree bool) result {
	s.tree.Lock()
	defer s.tree.Unlock()
	e, r := s.resolve(dn)
	if !r.ok() {
		return r
	}
	if len(e.children) > 0 && !subtree {
		return refuse(ldap.LDAPResultNotAllowedOnNonLeaf, "subordinate objects must be deleted first")
	}
	if e.norm == s.tree.suffix {
		return refuse(ldap.LDAPResultUnwillingToPerform, "the suffix stays")
	}
	var doomed []*entry
	walk(e, ldap.ScopeWholeSubtree, func(e *entry) { doomed = append(doomed, e) })
	for _, e := range slices.Backward(doomed) {
		s.unlink(e)
		s.tree.forget(e)
	}
	return success()
}

// unlink takes an entry out of what refers to it. As with OpenLDAP's refint
// overlay, a reference that the schema cannot spare stays, dangling.
func (s *Server) unlink(target *entry) {
	if !s.opt.RefInt {
		return
	}
	for _, typ := range s.tree.links {
		for _, holder := range s.tree.index[typ].get(target.norm) {
			a := holder.attr(typ)
			shown := a.list[a.find(target.norm)]
			s.tree.drop(holder, typ, target.norm)
			if r := s.check(holder); !r.ok() {
				s.tree.put(holder, typ, target.norm, shown)
			}
		}
	}
}
