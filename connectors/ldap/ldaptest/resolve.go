package ldaptest

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// resolve finds the entry that a request names: by its DN and, on Active
// Directory, by <GUID=..> or <SID=..> (MS-ADTS section 3.1.1.3.1.2.4). When
// there is none, the result says so as the flavor does.
func (s *Server) resolve(name string) (*entry, result) {
	if kind, id, ok := s.altName(name); ok {
		if e := s.byAltName(kind, id); e != nil {
			return e, success()
		}
		return nil, s.noSuchObject("")
	}
	norm, err := normalDN(name)
	if err != nil {
		return nil, s.badDN(name)
	}
	if e := s.tree.byDN[norm]; e != nil {
		return e, success()
	}
	return nil, s.noSuchObject(norm)
}

// altName takes <KIND=id> apart.
func (s *Server) altName(name string) (kind, id string, ok bool) {
	if s.opt.Flavor != ActiveDirectory || !strings.HasPrefix(name, "<") {
		return "", "", false
	}
	inner, _, ok := strings.Cut(name[1:], ">")
	if !ok {
		return "", "", false
	}
	kind, id, ok = strings.Cut(inner, "=")
	return strings.ToUpper(kind), id, ok
}

func (s *Server) byAltName(kind, id string) *entry {
	switch kind {
	case "GUID":
		return s.byGUID(id)
	case "SID":
		return s.bySID(id)
	}
	return nil
}

// byGUID takes both forms: dashed text, or the 16 bytes in hex as they are stored.
func (s *Server) byGUID(text string) *entry {
	id, ok := parseID(text)
	if !ok {
		return nil
	}
	if !strings.Contains(text, "-") {
		id = [16]byte(guid(id)) // its own inverse
	}
	return s.tree.byID[id]
}

// bySID takes both forms: S-1-5-..., or the bytes in hex. Either ends in the
// relative id, by which accounts are known.
func (s *Server) bySID(text string) *entry {
	want := strings.ToUpper(text)
	if raw, err := hex.DecodeString(text); err == nil {
		want = sidText(raw)
	}
	rid, err := strconv.ParseUint(want[strings.LastIndexByte(want, '-')+1:], 10, 32)
	e := s.tree.bySID[uint32(rid)]
	if err != nil || e == nil || sidText(sid(s.tree.suffix, e.rid)) != want {
		return nil
	}
	return e
}

// noSuchObject names the closest entry above that exists.
func (s *Server) noSuchObject(norm string) result {
	if s.opt.Flavor == ActiveDirectory && norm != "" && !under(norm, s.tree.suffix) {
		r := refuse(ldap.LDAPResultReferral, "0000202B: RefErr: DSID-0310078C, data 0, 1 access points")
		r.referrals = []string{"ldap://" + s.domain() + "/" + norm}
		return r
	}
	r := refuse(ldap.LDAPResultNoSuchObject, "no such object")
	if s.opt.Flavor == ActiveDirectory {
		r.text = "0000208D: NameErr: DSID-03100245, problem 2001 (NO_OBJECT), data 0, best match of: ''"
	}
	for norm = parentOf(norm); norm != ""; norm = parentOf(norm) {
		if e := s.tree.byDN[norm]; e != nil {
			r.matched = e.dn
			break
		}
	}
	return r
}

func (s *Server) badDN(name string) result {
	if len(name) > 80 {
		name = name[:80] + "..."
	}
	if s.opt.Flavor == ActiveDirectory {
		return refuse(ldap.LDAPResultInvalidDNSyntax, "0000208F: NameErr: DSID-031001F5, problem 2006 (BAD_NAME), data 8350, best match of: '%s'", name)
	}
	return refuse(ldap.LDAPResultInvalidDNSyntax, "invalid DN: %s", name)
}
