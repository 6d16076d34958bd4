package ldaptest

import (
	"strings"
)

// syntax says how values of an attribute are compared.
type syntax uint8

const (
	foldedText syntax = iota // caseIgnoreMatch
	exactText                // caseExactMatch and its IA5 form
	dnText                   // distinguishedNameMatch
	nameUID                  // uniqueMemberMatch: a DN and perhaps #'0101'B
	octets                   // octetStringMatch
	guidText                 // UUIDMatch
	number                   // integerMatch
	instant                  // generalizedTimeMatch
)

// attrType is what the server knows about an attribute.
type attrType struct {
	name   string // as the schema spells it
	key    string // in lower case
	syntax syntax
	flags  attrFlag
	allow  []string // object classes that carry it, nil for any
}

type attrFlag uint8

const (
	single      attrFlag = 1 << iota // one value at most
	operational                      // returned only when asked for, by name or "+"
	readOnly                         // no user modification
	indexed                          // equality searches look it up
	link                             // a reference that refint follows
)

func (t *attrType) is(f attrFlag) bool { return t.flags&f != 0 }

// attrAliases maps long names and OIDs to the names the server uses.
var attrAliases = map[string]string{ //nolint:gochecknoglobals // a table
	"commonname": "cn", "2.5.4.3": "cn", "surname": "sn", "2.5.4.4": "sn",
	"userid": "uid", "0.9.2342.19200300.100.1.1": "uid", "rfc822mailbox": "mail", "0.9.2342.19200300.100.1.3": "mail",
	"domaincomponent": "dc", "0.9.2342.19200300.100.1.25": "dc", "2.5.4.11": "ou", "organizationalunitname": "ou",
	"organizationname": "o", "2.5.4.10": "o", "2.5.4.31": "member", "2.5.4.50": "uniquemember", "2.5.4.0": "objectclass",
	"gn": "givenname", "2.5.4.42": "givenname", "countryname": "c", "2.5.4.6": "c", "localityname": "l", "2.5.4.7": "l",
}

func canonicalName(s string) string {
	s = strings.ToLower(s)
	if a, ok := attrAliases[s]; ok {
		return a
	}
	return s
}

// schema is the attributes a server knows; seeds may add to it.
type schema struct {
	types map[string]*attrType
}

func (s *schema) define(sx syntax, flags attrFlag, names string, allow ...string) {
	for _, name := range strings.Fields(names) {
		key := strings.ToLower(name)
		s.types[key] = &attrType{name: name, key: key, syntax: sx, flags: flags, allow: allow}
	}
}

// lookup finds an attribute by any of its names.
func (s *schema) lookup(name string) (*attrType, bool) {
	if t, ok := s.types[name]; ok {
		return t, true
	}
	t, ok := s.types[canonicalName(name)]
	return t, ok
}

// learn is lookup for seeds: an unknown attribute becomes plain text.
func (s *schema) learn(name string) *attrType {
	t, ok := s.lookup(name)
	if !ok {
		s.define(foldedText, 0, name)
		t, _ = s.lookup(name)
	}
	return t
}

func newSchema(f Flavor) *schema {
	s := &schema{types: make(map[string]*attrType)}
	s.define(foldedText, 0, `objectClass sn givenName ou dc o c l st street title description displayName
		telephoneNumber employeeNumber employeeType departmentNumber businessCategory initials postalCode
		loginShell gecos preferredLanguage labeledURI company department physicalDeliveryOfficeName mobile
		proxyAddresses info`)
	s.define(foldedText, indexed, "cn uid mail")
	s.define(exactText, 0, "homeDirectory")
	s.define(exactText, indexed, "memberUid", "posixgroup", "group")
	s.define(number, single, "uidNumber gidNumber")
	s.define(octets, 0, "userPassword userCertificate jpegPhoto sshPublicKey")
	s.define(dnText, link|indexed, "member", "groupofnames", "groupofmembers", "group", "posixgroup")
	s.define(nameUID, link|indexed, "uniqueMember", "groupofuniquenames")
	s.define(dnText, link|indexed, "owner manager seeAlso secretary managedBy roleOccupant")
	s.define(foldedText, operational|single|readOnly, "structuralObjectClass entryCSN hasSubordinates")
	s.define(dnText, operational|single|readOnly, "entryDN creatorsName modifiersName subschemaSubentry")
	s.define(instant, operational|single|readOnly, "createTimestamp modifyTimestamp")
	switch f {
	case ActiveDirectory:
		s.activeDirectory()
	case DS389:
		s.define(dnText, readOnly, "memberOf")
		s.define(guidText, operational|single|readOnly|indexed, "entryUUID")
		s.define(foldedText, operational|single|readOnly|indexed, "nsUniqueId")
		s.define(foldedText, operational|single, "nsAccountLock")
	default:
		s.define(dnText, operational|readOnly, "memberOf")
		s.define(guidText, operational|single|readOnly|indexed, "entryUUID")
		s.define(instant, operational|single, "pwdAccountLockedTime")
	}
	return s
}

func (s *schema) activeDirectory() {
	s.define(dnText, single|link|indexed, "manager managedBy")
	s.define(foldedText, single, "displayName department company title l st")
	s.define(dnText, readOnly, "memberOf")
	s.define(octets, single|readOnly|indexed, "objectGUID")
	s.define(octets, single|readOnly|indexed, "objectSid")
	s.define(foldedText, single|indexed, "sAMAccountName userPrincipalName")
	s.define(foldedText, single|readOnly, "name")
	s.define(octets, 0, "unicodePwd")
	s.define(number, single, "userAccountControl groupType primaryGroupID sAMAccountType accountExpires pwdLastSet lockoutTime")
	s.define(number, single|readOnly, "uSNChanged uSNCreated instanceType")
	s.define(instant, single|readOnly, "whenCreated whenChanged")
	s.define(dnText, single|readOnly, "distinguishedName objectCategory")
	s.define(number, operational|single|readOnly, "primaryGroupToken")
	s.define(octets, operational|readOnly, "tokenGroups")
}

// normal returns the form of a value under which equal values are equal.
func (t *attrType) normal(v string) (string, error) {
	switch t.syntax {
	case exactText, octets, number, instant:
		return v, nil
	case dnText:
		return normalDN(v)
	case nameUID:
		return normalDN(withoutUID(v))
	case guidText:
		return strings.ToLower(v), nil
	default:
		return foldValue(v), nil
	}
}

// withoutUID drops the optional bit string of a NameAndOptionalUID.
func withoutUID(v string) string {
	if i := strings.LastIndexByte(v, '#'); i > 0 && v[i-1] != '\\' && strings.HasSuffix(v, "'B") {
		return v[:i]
	}
	return v
}
