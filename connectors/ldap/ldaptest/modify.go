package ldaptest

import (
	"context"
	"slices"
	"strconv"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

func (c *conn) decodeModify(req *request) (task, result) {
	dn := text(child(req.body, 0))
	changes, r := decodeChanges(child(req.body, 1))
	m := modification{dn: dn, changes: changes}
	if r.ok() {
		r = c.srv.modifyControls(&m, req)
	}
	return task{dn: dn, changes: changes, run: func(context.Context, *Fault) reply {
		if r := c.mayWrite(); !r.ok() {
			return reply{result: r}
		}
		return reply{result: c.srv.modify(m)}
	}}, r
}

func decodeChanges(p *ber.Packet) ([]Change, result) {
	changes := make([]Change, 0, len(p.Children))
	for _, one := range p.Children {
		attr := child(one, 1)
		ch := Change{Kind: ChangeKind(integer(child(one, 0))), Attr: text(child(attr, 0))}
		if ch.Attr == "" || ch.Kind < AddValues || ch.Kind > ReplaceValues {
			return nil, protocolError("modify: unknown or malformed change")
		}
		for _, v := range child(attr, 1).Children {
			ch.Values = append(ch.Values, text(v))
		}
		if ch.Kind == AddValues && len(ch.Values) == 0 {
			return nil, protocolError("modify/add: %s: no values given", ch.Attr)
		}
		changes = append(changes, ch)
	}
	return changes, success()
}

func (s *Server) modifyControls(m *modification, req *request) (r result) {
	if s.opt.Flavor != OpenLDAP { // Active Directory advertises permissive modify, and ignores it for members
		return success()
	}
	_, m.permissive = req.control(controlPermissive)
	if ctl, ok := req.control(controlAssertion); ok {
		p, err := ber.DecodePacketErr([]byte(ctl.value))
		if err != nil {
			return protocolError("assertion control value could not be decoded")
		}
		s.tree.RLock()
		defer s.tree.RUnlock()
		m.assertion, r = s.compileFilter(p)
	}
	return r
}

// mayWrite refuses as the flavor does.
func (c *conn) mayWrite() result {
	switch {
	case c.rights == writer:
		return success()
	case c.rights == nobody && c.srv.opt.Flavor == OpenLDAP:
		return refuse(ldap.LDAPResultStrongAuthRequired, "modifications require authentication")
	case c.rights == nobody && c.srv.opt.Flavor == ActiveDirectory:
		return c.mayRead()
	default:
		return refuse(ldap.LDAPResultInsufficientAccessRights, "insufficient access")
	}
}

// modification is one modify request: all of its changes are made, or none.
type modification struct {
	dn         string
	changes    []Change
	permissive bool
	assertion  *filter

	server *Server
	entry  *entry
	undo   []func()
}

func (s *Server) modify(m modification) result {
	s.tree.Lock()
	defer s.tree.Unlock()
	s.tree.expire(s.opt.Now().Unix())
	e, r := s.resolve(m.dn)
	if !r.ok() {
		return r
	}
	if m.assertion != nil && s.tree.match(m.assertion, e) != yes {
		return refuse(ldap.LDAPResultAssertionFailed, "")
	}
	m.server, m.entry = s, e
	for _, ch := range m.changes {
		if r := m.change(ch); !r.ok() {
			m.rollback()
			return r
		}
	}
	if r := s.check(e); !r.ok() {
		m.rollback()
		return r
	}
	s.tree.touch(e, s.opt.Now().Unix())
	return success()
}

func (m *modification) rollback() {
	for _, back := range slices.Backward(m.undo) {
		back()
	}
}

func (m *modification) change(ch Change) result {
	typ, r := m.server.writable(ch.Attr)
	if !r.ok() {
		return r
	}
	switch {
	case ch.Kind == AddValues:
		return m.add(typ, ch.Values)
	case ch.Kind == ReplaceValues:
		m.clear(typ)
		return m.add(typ, ch.Values)
	case len(ch.Values) == 0:
		if len(m.entry.stored(typ)) == 0 && !m.permissive {
			return refuse(ldap.LDAPResultNoSuchAttribute, "modify/delete: %s: no such attribute", ch.Attr)
		}
		m.clear(typ)
		return success()
	default:
		return m.delete(typ, ch.Values)
	}
}

// writable finds an attribute that clients may change.
func (s *Server) writable(desc string) (*attrType, result) {
	name, _, _ := strings.Cut(desc, ";")
	typ, ok := s.tree.schema.lookup(name)
	switch {
	case !ok && s.opt.Flavor == ActiveDirectory:
		return nil, refuse(ldap.LDAPResultNoSuchAttribute, "00000057: LdapErr: DSID-0C0911D3, comment: Error in attribute conversion operation, data 0, v4563")
	case !ok && s.opt.Flavor == DS389:
		return nil, refuse(ldap.LDAPResultObjectClassViolation, "attribute %q not allowed", desc)
	case !ok:
		return nil, refuse(ldap.LDAPResultUndefinedAttributeType, "%s: attribute type undefined", desc)
	case typ.is(readOnly) && s.opt.Flavor == ActiveDirectory && typ.key == "memberof":
		return nil, refuse(ldap.LDAPResultUnwillingToPerform, "0000209A: SvcErr: DSID-031A1236, problem 5003 (WILL_NOT_PERFORM), data 0")
	case typ.is(readOnly):
		return nil, refuse(ldap.LDAPResultConstraintViolation, "%s: no user modification allowed", typ.name)
	}
	return typ, success()
}

func (m *modification) clear(typ *attrType) {
	a := m.entry.attr(typ)
	if a == nil {
		return
	}
	for _, v := range slices.Clone(a.list) {
		m.drop(typ, a.key(v), v)
	}
}

func (m *modification) add(typ *attrType, values []string) result {
	fresh := make(map[string]bool, len(values))
	for i, raw := range values {
		v, r := m.server.parseValue(typ, raw, i)
		if !r.ok() {
			return r
		}
		switch {
		case fresh[v.key]:
			if m.server.linked(typ) || m.permissive {
				continue // Active Directory does not mind
			}
			return refuse(ldap.LDAPResultAttributeOrValueExists, "modify/add: %s: value #%d provided more than once", typ.name, i)
		case !m.put(typ, v):
			if m.permissive {
				continue
			}
			return m.server.present(typ, i)
		}
		fresh[v.key] = true
	}
	return success()
}

// present is the refusal to add a value that is there.
func (s *Server) present(typ *attrType, i int) result {
	if s.linked(typ) {
		return refuse(ldap.LDAPResultEntryAlreadyExists, "00000562: UpdErr: DSID-031A11E2, problem 6005 (ENTRY_EXISTS), data 0")
	}
	return refuse(ldap.LDAPResultAttributeOrValueExists, "modify/add: %s: value #%d already exists", typ.name, i)
}

func (m *modification) delete(typ *attrType, values []string) result {
	for i, raw := range values {
		v, r := m.server.parseValue(typ, raw, i)
		if r.code == ldap.LDAPResultNoSuchObject { // a member that does not exist
			return refuse(ldap.LDAPResultUnwillingToPerform, "00000561: SvcErr: DSID-031A1236, problem 5003 (WILL_NOT_PERFORM), data 0")
		}
		if !r.ok() {
			return r
		}
		// The last listed value decides on OpenLDAP even with the permissive
		// modify control: modify_delete_vindex in servers/slapd/mods.c.
		if !m.drop(typ, v.key, v.shown) && (!m.permissive || i == len(values)-1) {
			return m.absent(typ)
		}
	}
	return success()
}

// absent is the refusal to delete a value that is not there.
func (m *modification) absent(typ *attrType) result {
	if m.server.linked(typ) && m.entry.members {
		return refuse(ldap.LDAPResultUnwillingToPerform, "00000561: SvcErr: DSID-031A1236, problem 5003 (WILL_NOT_PERFORM), data 0")
	}
	return refuse(ldap.LDAPResultNoSuchAttribute, "modify/delete: %s: no such value", typ.name)
}

func (m *modification) put(typ *attrType, v value) bool {
	t, e := m.server.tree, m.entry
	if !t.put(e, typ, v.key, v.shown) {
		return false
	}
	if v.ttl > 0 {
		m.server.setTTL(e.attr(typ), v)
	}
	m.undo = append(m.undo, func() { t.drop(e, typ, v.key) })
	return true
}

func (m *modification) drop(typ *attrType, key, shown string) bool {
	t, e := m.server.tree, m.entry
	var end int64
	if a := e.attr(typ); a != nil {
		end = a.ttl[key]
		if i := a.find(key); i >= 0 {
			shown = a.list[i]
		}
	}
	if !t.drop(e, typ, key) {
		return false
	}
	m.undo = append(m.undo, func() {
		t.put(e, typ, key, shown)
		if end > 0 {
			m.server.setEnd(e.attr(typ), key, end)
		}
	})
	return true
}

// linked reports whether an attribute is a forward link of Active Directory,
// whose values are entries rather than text.
func (s *Server) linked(typ *attrType) bool {
	return s.opt.Flavor == ActiveDirectory && typ.is(link)
}

// value is a value on its way into an entry.
type value struct {
	key, shown string
	ttl        int64 // seconds, 0 for ever
}

// parseValue checks a value against the syntax of its attribute. The values
// of Active Directory's links are resolved to entries.
func (s *Server) parseValue(typ *attrType, raw string, i int) (value, result) {
	if s.linked(typ) {
		return s.parseLink(raw)
	}
	key, err := typ.normal(raw)
	if err == nil && typ.syntax == number {
		_, err = strconv.ParseInt(raw, 10, 64)
	}
	if err != nil {
		return value{}, refuse(ldap.LDAPResultInvalidAttributeSyntax, "%s: value #%d invalid per syntax", typ.name, i)
	}
	return value{key: key, shown: raw}, success()
}

func (s *Server) parseLink(raw string) (value, result) {
	v, raw, r := s.parseTTL(raw)
	if !r.ok() {
		return value{}, r
	}
	e, r := s.resolve(raw)
	if r.code == ldap.LDAPResultReferral { // a member outside the domain
		r = refuse(ldap.LDAPResultNoSuchObject, "00002030: NameErr: DSID-03100245, problem 2001 (NO_OBJECT), data 0")
	}
	if !r.ok() {
		return value{}, r
	}
	v.key, v.shown = e.norm, e.dn
	return v, success()
}

// parseTTL cuts the time to live from a value, in the one form that the server
// takes.
func (s *Server) parseTTL(raw string) (v value, rest string, r result) {
	if len(raw) < len("<TTL=") || !strings.EqualFold(raw[:len("<TTL=")], "<TTL=") {
		return v, raw, success()
	}
	inner, rest, whole := strings.Cut(raw[len("<TTL="):], ">,")
	switch {
	case s.opt.LinkTTL == LinkTTLInside && whole:
		return v, raw, refuse(ldap.LDAPResultInvalidAttributeSyntax, "00000057: LdapErr: DSID-0C090F9D, comment: Error in attribute conversion operation, data 0, v4563")
	case s.opt.LinkTTL == LinkTTLInside:
		inner, rest, whole = strings.Cut(strings.TrimSuffix(inner, ">"), ",")
	}
	n, err := strconv.ParseInt(inner, 10, 64)
	if !whole || err != nil || n <= 0 || !s.opt.LinkTTL.on() {
		return v, raw, s.badDN(raw)
	}
	v.ttl = n
	return v, rest, success()
}

func (s *Server) setTTL(a *attribute, v value) { s.setEnd(a, v.key, s.opt.Now().Unix()+v.ttl) }

func (s *Server) setEnd(a *attribute, key string, end int64) {
	if a.ttl == nil {
		a.ttl = make(map[string]int64)
	}
	a.ttl[key] = end
	if s.tree.expires == 0 || end < s.tree.expires {
		s.tree.expires = end
	}
}

// tick ends the links whose time has come.
func (s *Server) tick() {
	if !s.opt.LinkTTL.on() {
		return
	}
	s.tree.Lock()
	defer s.tree.Unlock()
	s.tree.expire(s.opt.Now().Unix())
}
