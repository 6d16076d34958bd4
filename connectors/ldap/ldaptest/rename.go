package ldaptest

import (
	"context"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// renaming is one modifyDN request.
type renaming struct {
	dn, rdn, superior string
	move, dropOld     bool
}

func (c *conn) decodeRename(req *request) (task, result) {
	b := req.body
	rn := renaming{dn: text(child(b, 0)), rdn: text(child(b, 1)), dropOld: boolean(child(b, 2))}
	if p := child(b, 3); p.ClassType == ber.ClassContext {
		rn.move, rn.superior = true, text(p)
	}
	return task{dn: rn.dn, run: func(context.Context, *Fault) reply {
		if r := c.mayWrite(); !r.ok() {
			return reply{result: r}
		}
		return reply{result: c.srv.rename(rn)}
	}}, success()
}

// rename gives an entry another RDN, another parent, or both. Ids stay.
func (s *Server) rename(rn renaming) result {
	s.tree.Lock()
	defer s.tree.Unlock()
	e, r := s.resolve(rn.dn)
	if !r.ok() {
		return r
	}
	pairs, err := parseRDN(rn.rdn)
	if err != nil {
		return s.badDN(rn.rdn)
	}
	parent := e.parent
	if rn.move {
		if parent, r = s.resolve(rn.superior); !r.ok() {
			return r
		}
	}
	if parent == nil || under(parent.norm, e.norm) {
		return refuse(ldap.LDAPResultUnwillingToPerform, "an entry cannot be moved there")
	}
	dn := rn.rdn + "," + parent.dn
	norm, err := normalDN(dn)
	if err != nil {
		return s.badDN(dn)
	}
	if other := s.tree.byDN[norm]; other != nil && other != e {
		return refuse(ldap.LDAPResultEntryAlreadyExists, "entry already exists")
	}
	if r := s.renameValues(e, pairs, rn.dropOld); !r.ok() {
		return r
	}
	s.move(e, dn, norm)
	s.tree.touch(e, s.opt.Now().Unix())
	return success()
}

// renameValues makes the attributes fit the new RDN.
func (s *Server) renameValues(e *entry, pairs []rdnPair, dropOld bool) result {
	for _, p := range pairs {
		if _, ok := s.tree.schema.lookup(p.attr); !ok {
			return refuse(ldap.LDAPResultUndefinedAttributeType, "%s: attribute type undefined", p.attr)
		}
	}
	rdn, _ := splitRDN(e.dn)
	if old, err := parseRDN(rdn); err == nil && dropOld {
		s.eachNaming(old, func(typ *attrType, key, _ string) { s.tree.drop(e, typ, key) })
	}
	s.eachNaming(pairs, func(typ *attrType, key, v string) { s.tree.put(e, typ, key, v) })
	return success()
}

func (s *Server) eachNaming(pairs []rdnPair, do func(typ *attrType, key, v string)) {
	for _, p := range pairs {
		typ, ok := s.tree.schema.lookup(p.attr)
		if !ok {
			continue
		}
		if key, err := typ.normal(p.value); err == nil {
			do(typ, key, p.value)
		}
	}
}

// move renames an entry and all below it, and what refers to them.
func (s *Server) move(e *entry, dn, norm string) {
	var all []*entry
	walk(e, ldap.ScopeWholeSubtree, func(x *entry) { all = append(all, x) })
	s.tree.displace(e)
	for _, x := range all {
		was := x.norm
		delete(s.tree.byDN, was)
		if x == e {
			x.dn, x.norm = dn, norm
		} else {
			rdn, _ := splitRDN(x.dn)
			key, _, _ := strings.Cut(x.norm, ",")
			x.dn, x.norm = rdn+","+x.parent.dn, key+","+x.parent.norm
		}
		s.tree.byDN[x.norm] = x
		if was == x.norm {
			continue
		}
		s.tree.births[was]++ // whoever comes there is somebody else
		if s.opt.RefInt {
			s.relink(was, x)
		}
	}
	s.tree.place(e)
}

// relink makes references to the old name name the new one.
func (s *Server) relink(was string, target *entry) {
	for _, typ := range s.tree.links {
		for _, holder := range s.tree.index[typ].get(was) {
			end := holder.attr(typ).ttl[was]
			s.tree.drop(holder, typ, was)
			s.tree.put(holder, typ, target.norm, target.dn)
			if end > 0 {
				s.setEnd(holder.attr(typ), target.norm, end)
			}
		}
	}
}
