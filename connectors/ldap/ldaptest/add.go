package ldaptest

import (
	"context"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

func (c *conn) decodeAdd(req *request) (task, result) {
	dn := text(child(req.body, 0))
	var attrs []Change
	for _, one := range child(req.body, 1).Children {
		ch := Change{Attr: text(child(one, 0))}
		for _, v := range child(one, 1).Children {
			ch.Values = append(ch.Values, text(v))
		}
		if ch.Attr == "" || len(ch.Values) == 0 {
			return task{}, protocolError("add: attribute without name or values")
		}
		attrs = append(attrs, ch)
	}
	return task{dn: dn, run: func(context.Context, *Fault) reply {
		if r := c.mayWrite(); !r.ok() {
			return reply{result: r}
		}
		return reply{result: c.srv.add(dn, attrs, false)}
	}}, success()
}

// add creates an entry. A seed may bring ids and attributes that no schema
// knows.
func (s *Server) add(dn string, attrs []Change, seed bool) result {
	s.tree.Lock()
	defer s.tree.Unlock()
	norm, err := normalDN(dn)
	if err != nil || norm == "" {
		return s.badDN(dn)
	}
	if s.tree.byDN[norm] != nil {
		return refuse(ldap.LDAPResultEntryAlreadyExists, "entry already exists")
	}
	if r := s.checkPlace(norm); !r.ok() {
		return r
	}
	e := &entry{dn: strings.Clone(dn), norm: norm}
	if e.dn == norm {
		e.norm = e.dn // one string in memory
	}
	s.tree.insert(e, s.opt.Now().Unix())
	if r := s.fill(e, attrs, seed); !r.ok() {
		s.tree.forget(e)
		s.tree.births[norm]-- // it never was
		return r
	}
	return success()
}

func (s *Server) checkPlace(norm string) result {
	switch {
	case norm == s.tree.suffix:
		return success()
	case !under(norm, s.tree.suffix) && s.opt.Flavor == OpenLDAP:
		return refuse(ldap.LDAPResultUnwillingToPerform, "no global superior knowledge")
	case s.tree.byDN[parentOf(norm)] == nil:
		return s.noSuchObject(norm)
	}
	return success()
}

func (s *Server) fill(e *entry, attrs []Change, seed bool) result {
	for _, ch := range attrs {
		if seed && s.seedID(e, ch) {
			continue
		}
		if seed {
			s.learn(ch)
		}
		typ, r := s.writable(ch.Attr)
		if !r.ok() {
			if seed && typ == nil && s.computed(ch.Attr) {
				continue // an export holds what the server computes
			}
			return r
		}
		if r := s.putAll(e, typ, ch.Values, seed); !r.ok() {
			return r
		}
	}
	if s.opt.Flavor != OpenLDAP || seed {
		s.addNaming(e)
	}
	if s.opt.Flavor == ActiveDirectory {
		if r := s.addAccount(e); !r.ok() {
			return r
		}
	}
	return s.check(e)
}

// learn makes known what a seed uses: exports come from richer schemas.
func (s *Server) learn(ch Change) {
	typ := s.tree.schema.learn(ch.Attr)
	if typ.key != "objectclass" {
		return
	}
	for _, name := range ch.Values {
		if key := foldValue(name); s.tree.classes[key] == nil {
			s.tree.classes[key] = &class{name: name, sup: "top"}
		}
	}
}

func (s *Server) computed(name string) bool {
	typ, ok := s.tree.schema.lookup(name)
	return ok && typ.is(readOnly)
}

// putAll adds values to a new entry. A seed may link to an entry that comes
// later, since an export is in no order.
func (s *Server) putAll(e *entry, typ *attrType, values []string, seed bool) result {
	for i, raw := range values {
		v, r := s.parseValue(typ, raw, i)
		if key, err := normalDN(raw); seed && s.linked(typ) && !r.ok() && err == nil {
			v, r = value{key: key, shown: raw}, success()
		}
		if !r.ok() {
			return r
		}
		if !s.tree.put(e, typ, v.key, v.shown) && !s.linked(typ) {
			return refuse(ldap.LDAPResultAttributeOrValueExists, "%s: value #%d provided more than once", typ.name, i)
		}
		if v.ttl > 0 {
			s.setTTL(e.attr(typ), v)
		}
	}
	return success()
}

// addNaming adds the values of the RDN, as all but OpenLDAP do.
func (s *Server) addNaming(e *entry) {
	rdn, _ := splitRDN(e.dn)
	pairs, err := parseRDN(rdn)
	if err != nil {
		return // check will say so
	}
	for _, p := range pairs {
		if typ, ok := s.tree.schema.lookup(p.attr); ok {
			if key, err := typ.normal(p.value); err == nil {
				s.tree.put(e, typ, key, p.value)
			}
		}
	}
}

// addAccount gives users and groups of Active Directory what it gives them: a
// security identifier and an account name that is theirs alone.
func (s *Server) addAccount(e *entry) result {
	isUser, isGroup := s.tree.has(e, "user"), s.tree.has(e, "group")
	if !isUser && !isGroup {
		return success()
	}
	s.tree.rid++
	e.rid = s.tree.rid
	s.tree.bySID[e.rid] = e
	defaults := map[string]string{"sAMAccountName": firstRDNValue(e.dn)}
	if isUser {
		// Without a password an account is born disabled (0x222).
		defaults["userAccountControl"], defaults["primaryGroupID"], defaults["sAMAccountType"] = "546", "513", "805306368"
	} else {
		defaults["groupType"], defaults["sAMAccountType"] = "-2147483646", "268435456"
	}
	for name, v := range defaults {
		typ := s.tree.schema.types[strings.ToLower(name)]
		if key, err := typ.normal(v); err == nil && e.attr(typ) == nil {
			s.tree.put(e, typ, key, v)
		}
	}
	return s.checkAccountName(e)
}

func (s *Server) checkAccountName(e *entry) result {
	typ := s.tree.schema.types["samaccountname"]
	for _, v := range e.stored(typ) {
		if s.tree.index[typ].count(foldValue(v)) > 1 {
			return refuse(ldap.LDAPResultEntryAlreadyExists, "00000524: UpdErr: DSID-031A11FA, problem 6005 (ENTRY_EXISTS), data 0")
		}
	}
	return success()
}

// seedID takes over the id that an export brings.
func (s *Server) seedID(e *entry, ch Change) bool {
	if key := strings.ToLower(ch.Attr); !slices.Contains([]string{"entryuuid", "nsuniqueid", "objectguid"}, key) || len(ch.Values) != 1 {
		return false
	}
	id, ok := parseID(ch.Values[0])
	if !ok && len(ch.Values[0]) == len(id) {
		id, ok = [16]byte(guid([16]byte([]byte(ch.Values[0])))), true
	}
	if !ok || s.tree.byID[id] != nil {
		return false
	}
	delete(s.tree.byID, e.id)
	e.id = id
	s.tree.byID[id] = e
	return true
}
