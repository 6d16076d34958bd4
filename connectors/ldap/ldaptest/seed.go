package ldaptest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// Person is an account to seed. Only Login is required.
type Person struct {
	Login    string // uid, and sAMAccountName on Active Directory
	Name     string // cn; "" is Login
	Surname  string // sn; "" is the last word of Name
	Mail     string // also the userPrincipalName; "" is none
	Password string // "" cannot bind
	// Disabled locks the account in the flavor's way: pwdAccountLockedTime,
	// nsAccountLock, or the bit in userAccountControl.
	Disabled bool
	// Under is the entry above, created when missing; "" is ou=people of the
	// suffix.
	Under string
	// Attributes are added to those above.
	Attributes map[string][]string
}

// GroupKind is how a group holds its members.
type GroupKind string

// The kinds of group. On Active Directory every group but a posixGroup is a
// "group", whatever is asked for.
const (
	GroupOfNames       GroupKind = "groupOfNames"
	GroupOfUniqueNames GroupKind = "groupOfUniqueNames"
	GroupOfMembers     GroupKind = "groupOfMembers"
	PosixGroup         GroupKind = "posixGroup"
	ADGroup            GroupKind = "group"
)

// Group is a group to seed. Only Name is required.
type Group struct {
	Name string    // cn
	Kind GroupKind // "" is the usual one of the flavor: groupOfNames or group
	// Members are DNs, or logins in a posixGroup. A groupOfNames of OpenLDAP
	// needs one.
	Members     []string
	Description string
	// Under is the entry above, created when missing; "" is ou=groups of the
	// suffix.
	Under      string
	Attributes map[string][]string
}

// AddPerson seeds an account and returns its DN.
func (s *Server) AddPerson(p Person) (dn string, err error) {
	if p.Name == "" {
		p.Name = p.Login
	}
	if p.Surname == "" {
		p.Surname = p.Name[strings.LastIndexByte(p.Name, ' ')+1:]
	}
	under, err := s.ensureUnder(p.Under, "people")
	if err != nil {
		return "", err
	}
	attrs := map[string][]string{"cn": {p.Name}, "sn": {p.Surname}}
	setIf(attrs, "mail", p.Mail)
	setIf(attrs, "userPassword", p.Password)
	if given, _, ok := strings.Cut(p.Name, " "); ok {
		attrs["givenName"] = []string{given}
	}
	if s.opt.Flavor == ActiveDirectory {
		dn = "CN=" + ldap.EscapeDN(p.Name) + "," + under
		adPerson(attrs, p, s.domain())
	} else {
		dn = "uid=" + ldap.EscapeDN(p.Login) + "," + under
		s.posixPerson(attrs, p)
	}
	maps.Copy(attrs, p.Attributes)
	return dn, s.Add(dn, attrs)
}

func (s *Server) posixPerson(attrs map[string][]string, p Person) {
	attrs["objectClass"] = []string{"top", "person", "organizationalPerson", "inetOrgPerson"}
	attrs["uid"] = []string{p.Login}
	switch {
	case !p.Disabled:
	case s.opt.Flavor == DS389:
		attrs["nsAccountLock"] = []string{"true"}
	default:
		attrs["pwdAccountLockedTime"] = []string{"000001010000Z"} // for good: slapo-ppolicy(5)
	}
}

func adPerson(attrs map[string][]string, p Person, domain string) {
	attrs["objectClass"] = []string{"top", "person", "organizationalPerson", "user"}
	attrs["sAMAccountName"] = []string{p.Login}
	attrs["userPrincipalName"] = []string{p.Login + "@" + domain}
	if p.Mail != "" {
		attrs["userPrincipalName"] = []string{p.Mail}
	}
	attrs["userAccountControl"] = []string{"512"}
	if p.Disabled {
		attrs["userAccountControl"] = []string{"514"}
	}
}

func setIf(attrs map[string][]string, name, v string) {
	if v != "" {
		attrs[name] = []string{v}
	}
}

// AddGroup seeds a group and returns its DN.
func (s *Server) AddGroup(g Group) (dn string, err error) {
	under, err := s.ensureUnder(g.Under, "groups")
	if err != nil {
		return "", err
	}
	kind := s.groupKind(g.Kind)
	attrs := map[string][]string{"objectClass": {"top", string(kind)}, "cn": {g.Name}}
	setIf(attrs, "description", g.Description)
	attr := "member"
	switch kind {
	case GroupOfUniqueNames:
		attr = "uniqueMember"
	case PosixGroup:
		attr = "memberUid"
		attrs["gidNumber"] = []string{"20000"}
	case ADGroup:
		attrs["sAMAccountName"] = []string{g.Name}
	}
	if len(g.Members) > 0 {
		attrs[attr] = g.Members
	}
	maps.Copy(attrs, g.Attributes)
	dn = s.rdnAttr("cn") + "=" + ldap.EscapeDN(g.Name) + "," + under
	return dn, s.Add(dn, attrs)
}

func (s *Server) groupKind(k GroupKind) GroupKind {
	switch {
	case s.opt.Flavor == ActiveDirectory && k != PosixGroup:
		return ADGroup
	case k == "":
		return GroupOfNames
	default:
		return k
	}
}

// rdnAttr spells a naming attribute as the flavor does.
func (s *Server) rdnAttr(name string) string {
	if s.opt.Flavor == ActiveDirectory {
		return strings.ToUpper(name)
	}
	return name
}

// Add seeds any entry. Ids and timestamps that an export brings are taken
// over or left out; attributes that are not known become plain text.
func (s *Server) Add(dn string, attrs map[string][]string) error {
	list := make([]Change, 0, len(attrs))
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		list = append(list, Change{Attr: name, Values: attrs[name]})
	}
	return seedError(s.add(dn, list, true), "add", dn)
}

func seedError(r result, what, dn string) error {
	if r.ok() {
		return nil
	}
	return fmt.Errorf("ldaptest: %s %s: %w", what, dn, r)
}

func (s *Server) seedSuffix() error {
	name, v, _ := strings.Cut(s.suffix, "=")
	v, _ = splitRDN(v)
	classes := map[string][]string{
		"dc": {"top", "domain"}, "o": {"top", "organization"}, "ou": {"top", "organizationalUnit"},
	}[strings.ToLower(name)]
	if s.opt.Flavor == ActiveDirectory && strings.EqualFold(name, "dc") {
		classes = []string{"top", "domain", "domainDNS"}
	}
	if classes == nil {
		return fmt.Errorf("ldaptest: suffix %s: begin with dc=, o= or ou=", s.suffix)
	}
	return s.Add(s.suffix, map[string][]string{"objectClass": classes, name: {v}})
}

// ensureUnder makes the organizational units of a DN, as far as they are missing.
func (s *Server) ensureUnder(dn, usual string) (string, error) {
	if dn == "" {
		dn = s.rdnAttr("ou") + "=" + usual + "," + s.suffix
	}
	if s.exists(dn) {
		return dn, nil
	}
	rdn, parent := splitRDN(dn)
	if parent == "" {
		return "", fmt.Errorf("ldaptest: %s is outside of %s", dn, s.suffix)
	}
	if _, err := s.ensureUnder(parent, usual); err != nil {
		return "", err
	}
	pairs, err := parseRDN(rdn)
	if err != nil {
		return "", err
	}
	class := "organizationalUnit"
	if strings.EqualFold(pairs[0].attr, "cn") {
		class = "container"
	}
	err = s.Add(dn, map[string][]string{"objectClass": {"top", class}, pairs[0].attr: {pairs[0].value}})
	if s.exists(dn) {
		return dn, nil // also when somebody else made it in the meantime
	}
	return dn, err
}

func (s *Server) exists(dn string) bool {
	s.tree.RLock()
	defer s.tree.RUnlock()
	_, r := s.resolve(dn)
	return r.ok()
}

// Crowd seeds n people named prefix1, prefix2 and so on with mail addresses
// at the suffix's domain, and returns their DNs.
func (s *Server) Crowd(prefix string, n int) ([]string, error) {
	dns := make([]string, 0, n)
	for i := range n {
		login := prefix + strconv.Itoa(i+1)
		dn, err := s.AddPerson(Person{Login: login, Mail: login + "@" + s.domain()})
		if err != nil {
			return nil, err
		}
		dns = append(dns, dn)
	}
	return dns, nil
}
