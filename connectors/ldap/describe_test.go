package ldap

import (
	"maps"
	"slices"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/beds"
)

// write replaces the values of attributes of an entry.
func (s *small) write(dn string, attrs map[string][]string) {
	s.t.Helper()
	s.must(s.nook.modify(dn, func(r *goldap.ModifyRequest) {
		for name, values := range attrs {
			r.Replace(name, values)
		}
	}))
}

// managed makes value the manager of ada.
func (s *small) managed(values ...string) {
	s.t.Helper()
	s.write(s.ada.Ref, map[string][]string{"manager": values})
}

// doubts wants no profile of ada, and a reason that holds words.
func (s *small) doubts(t *testing.T, what, words string) {
	t.Helper()
	got, err := s.Describe(t.Context(), "ada"+labMail)
	wantKind(t, "Describe, "+what, err, engine.Partial)
	if err != nil && (!strings.Contains(err.Error(), words) || got.Manager != "" || got.Attributes != nil) {
		t.Errorf("Describe, %s: got %+v and error %q, want nothing and the reason %q", what, got, err, words)
	}
}

// tells wants a manager of ada.
func (s *small) tells(t *testing.T, what string, want engine.Person) {
	t.Helper()
	if got, err := s.Describe(t.Context(), "ada"+labMail); err != nil || got.Manager != want {
		t.Errorf("Describe, %s: got manager %q and error %v, want %q", what, got.Manager, err, want)
	}
}

func TestManagersAreToldForCertainOrNotAtAll(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{}, "groupOfMembers")
	s.tells(t, "without a manager", "")
	s.managed(s.bob.Ref)
	s.tells(t, "with a manager", "bob"+labMail)
	s.managed(strings.ToUpper(s.bob.Ref[:4]) + s.bob.Ref[4:])
	s.tells(t, "with a manager in other case", "bob"+labMail)
	s.managed(s.ada.Ref)
	s.tells(t, "as one's own manager", "ada"+labMail)
	s.managed(s.bob.Ref, s.ada.Ref)
	s.doubts(t, "with two managers", "several managers")
	s.managed("uid=gone,ou=people," + s.root)
	s.doubts(t, "with a manager who is gone", "not in the directory any more")
	s.managed("uid=far,dc=elsewhere,dc=test")
	s.doubts(t, "with a manager in another tree", "not in the directory any more")
	s.managed(s.nook.group)
	s.doubts(t, "managed by a group", "not an account")

	s.managed(s.bob.Ref)
	s.write(s.bob.Ref, map[string][]string{"mail": {"bob" + labMail, "Robert" + labMail}})
	s.doubts(t, "whose manager has two addresses", "several work addresses: bob@example.org and robert@example.org")
	s.write(s.bob.Ref, map[string][]string{"mail": {"Bob" + labMail, "on leave"}})
	s.tells(t, "whose manager has one address and a remark", "bob"+labMail)
	s.write(s.bob.Ref, map[string][]string{"mail": {"on leave"}})
	s.doubts(t, "whose manager has a remark only", "no work address")
	s.write(s.bob.Ref, map[string][]string{"mail": nil})
	s.doubts(t, "whose manager has no address", "no work address")
}

// A manager who cannot log in is a manager nevertheless.
func TestDisabledManagersAreTold(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{}, "groupOfMembers")
	s.managed(s.bob.Ref)
	s.lock, s.locked = "pwdAccountLockedTime", "000001010000Z"
	s.disable(s.bob.Ref)
	s.tells(t, "whose manager is disabled", "bob"+labMail)
}

// The exceptions of the configuration say whose an account is, in both
// directions.
func TestManagersFollowTheExceptions(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]func(engine.Member) string{
		"id": func(m engine.Member) string { return string(m.ID) }, "DN": func(m engine.Member) string { return m.Ref }, "login": func(m engine.Member) string { return m.Login },
	} {
		s := newSmall(t, ldaptest.Options{}, "groupOfMembers")
		s.managed(s.bob.Ref)
		s.write(s.bob.Ref, map[string][]string{"mail": {"b1" + labMail, "b2" + labMail}})
		s.person("carl", "carl", "carl"+labMail)
		edit := func(accounts map[engine.Person]string) {
			s.Connector = s.connector(func(c *Config) { c.Accounts = accounts })
		}
		edit(map[engine.Person]string{"boss@example.org": of(s.bob)})
		s.tells(t, "whose manager is named by "+name, "boss@example.org")
		edit(map[engine.Person]string{"boss@example.org": of(s.bob), "bob@example.org": of(s.bob)})
		s.doubts(t, "whose manager is named twice", "once")
		// b1@ is somebody else's by the configuration, whatever the entry says.
		edit(map[engine.Person]string{"b1@example.org": "carl"})
		s.tells(t, "whose manager has the address of another", "b2"+labMail)
	}
}

// What people.match compares is where an address stands.
func TestManagersAreCalledAsPeopleAreMatched(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{Flavor: ldaptest.ActiveDirectory}, "group")
	s.managed(s.bob.Ref)
	s.write(s.bob.Ref, map[string][]string{"userPrincipalName": {"bob@ad.example.org"}})
	s.write(s.ada.Ref, map[string][]string{"userPrincipalName": {"ada" + labMail}})
	for match, want := range map[string]engine.Person{
		"(userPrincipalName={person})":                            "bob@ad.example.org",
		"(&(objectClass=user)(userPrincipalName={person}))":       "bob@ad.example.org",
		"(|(mail={person})(userPrincipalName={person}))":          "bob@example.org",
		"(|(proxyAddresses=smtp:{person})(mail={person}))":        "bob@example.org",
		"(|(otherMailbox={person})(userPrincipalName={person}))":  "bob@ad.example.org",
		"(|(proxyAddresses=smtp:{person})(mail=x{person})(cn=*))": "bob@example.org",
	} {
		s.Connector = s.connector(func(c *Config) {
			c.People.Match = match
			c.Accounts = map[engine.Person]string{"ada" + labMail: s.ada.Login}
		})
		s.tells(t, "matched by "+match, want)
	}
}

func TestManagersByAddress(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{}, "groupOfMembers", func(c *Config) { c.ProfileManager = "description" })
	s.write(s.ada.Ref, map[string][]string{"description": {"Bob@Elsewhere.example"}})
	s.tells(t, "whose manager is an address", "bob@elsewhere.example")
	s.write(s.ada.Ref, map[string][]string{"description": {"Bob"}})
	s.doubts(t, "whose manager is a word", `"Bob" is neither`)
}

func TestNames(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{}, "groupOfMembers")
	wants := func(c *Connector, want string) {
		t.Helper()
		if got, err := c.Describe(t.Context(), "ada"+labMail); err != nil || got.Name != want {
			t.Errorf("Describe: got the name %q and error %v, want %q", got.Name, err, want)
		}
	}
	s.write(s.ada.Ref, map[string][]string{"cn": {"ada", "Ada Lovelace"}})
	wants(s.Connector, "Ada Lovelace") // the first in order, whatever the server's
	s.write(s.ada.Ref, map[string][]string{"displayName": {"Countess"}})
	wants(s.Connector, "Countess")
	own := s.connector(func(c *Config) { c.ProfileName = "title" })
	wants(own, "")
	s.write(s.ada.Ref, map[string][]string{"title": {"Dr. Ada"}})
	wants(own, "Dr. Ada")
}

// What the server answers otherwise than it was asked is not taken for nothing.
func TestAttributesAreWholeOrAnError(t *testing.T) {
	t.Parallel()
	asks := func(attr string) func(*Config) {
		return func(c *Config) { c.ProfileAttributes = map[string]string{"it": attr} }
	}
	s := newSmall(t, ldaptest.Options{}, "groupOfMembers", asks("localityName"))
	s.write(s.ada.Ref, map[string][]string{"l": {"Turin"}})
	s.doubts(t, "asked by another name", "under the name l; write that")
	s = newSmall(t, ldaptest.Options{}, "groupOfMembers", asks("sshPublicKey"))
	s.write(s.ada.Ref, map[string][]string{"sshPublicKey": {"\xff\x00"}})
	s.doubts(t, "asked for bytes", "sshPublicKey is not text")
	s = newSmall(t, ldaptest.Options{Flavor: ldaptest.ActiveDirectory, MaxValRange: 3}, "group", asks("departmentNumber"))
	s.write(s.ada.Ref, map[string][]string{"departmentNumber": {"1", "2", "3", "4"}})
	s.doubts(t, "asked for more values than fit", "departmentNumber has more values")
	s.write(s.ada.Ref, map[string][]string{"departmentNumber": {"3", "1", "2"}})
	if got, err := s.Describe(t.Context(), "ada"+labMail); err != nil || !slices.Equal(got.Attributes["it"], []string{"1", "2", "3"}) {
		t.Errorf("Describe: got %+v and error %v, want the three values", got, err)
	}
	s.managed(s.bob.Ref)
	s.write(s.bob.Ref, map[string][]string{"mail": {"b1" + labMail, "b2" + labMail, "b3" + labMail, "b4" + labMail}})
	s.doubts(t, "whose manager has more addresses than fit", "mail has more values")
}

// OpenLDAP calls an attribute by its first name, and has options.
func TestDescribeOnOpenLDAP(t *testing.T) {
	t.Parallel()
	_, n := slapdNook(t, "groupOfMembers", "member", beds.SlapdOptions{})
	s := n.small("ada", "bob", func(c *Config) {
		c.ProfileAttributes = map[string]string{"site": "l;lang-de", "department": "DepartmentNumber", "phone": "telephoneNumber"}
	})
	s.write(s.ada.Ref, map[string][]string{"l": {"Munich"}, "l;lang-de": {"München"}, "departmentNumber": {"7"}})
	want := map[string][]string{"site": {"München"}, "department": {"7"}}
	if got, err := s.Describe(t.Context(), "ada"+labMail); err != nil || !maps.EqualFunc(got.Attributes, want, slices.Equal) {
		t.Errorf("Describe: got %+v and error %v, want %v", got, err, want)
	}
	for _, attr := range []string{"localityName", "2.5.4.7"} {
		s.Connector = n.connector(func(c *Config) { c.ProfileAttributes = map[string]string{"site": attr} })
		s.doubts(t, "asked for "+attr, "under the name l;")
	}
}

// An account that moves between two searches is tried again, not told half.
func TestAccountsThatMoveAreNotDescribed(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{}, "groupOfMembers")
	s.server.Fail(ldaptest.Fault{Op: ldaptest.OpSearch, DN: s.ada.Ref, Code: goldap.LDAPResultNoSuchObject})
	_, err := s.Describe(t.Context(), "ada"+labMail)
	wantKind(t, "Describe of an account that moves", err, engine.Unavailable)
	s.tells(t, "at rest", "")
}

// What daypass simulate ldap serves has something to ask about.
func TestDemoPeopleAreDescribed(t *testing.T) {
	t.Parallel()
	for flavor, department := range map[ldaptest.Flavor]string{
		ldaptest.OpenLDAP: "departmentNumber", ldaptest.DS389: "departmentNumber", ldaptest.ActiveDirectory: "department",
	} {
		s, n := memoryLab(t, ldaptest.Options{Flavor: flavor}, &lab{class: "groupOfMembers", attr: "member"})
		n.must(s.Demo(20))
		c := n.connector(func(c *Config) {
			c.People.Base, c.ProfileAttributes = "ou=people,"+n.base, map[string]string{"department": department}
		})
		for p, want := range map[engine.Person]engine.Profile{
			"root@lab.test":  {Name: "Root"},
			"ada@lab.test":   {Name: "Ada Lovelace", Attributes: map[string][]string{"department": {"Platform"}}},
			"grace@lab.test": {Name: "Grace Hopper", Manager: "ada@lab.test", Attributes: map[string][]string{"department": {"Data"}}},
			"linus@lab.test": {Name: "Linus Torvalds", Manager: "barbara@lab.test", Attributes: map[string][]string{"department": {"Finance"}}},
		} {
			got, err := c.Describe(t.Context(), p)
			if err != nil || got.Name != want.Name || got.Manager != want.Manager || !maps.EqualFunc(got.Attributes, want.Attributes, slices.Equal) {
				t.Errorf("Describe(%s) on %s: got %+v and error %v, want %+v", p, flavor, got, err, want)
			}
		}
	}
}
