package ldaptest

import (
	"fmt"
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// An equality search looks only at what the index knows.
func TestCandidates(t *testing.T) {
	t.Parallel()
	for _, f := range []Flavor{OpenLDAP, DS389, ActiveDirectory} {
		s, err := New(Options{Flavor: f, MemberOf: true})
		if err != nil {
			t.Fatal(err)
		}
		people, err := s.Crowd("u", 100)
		if err != nil {
			t.Fatal(err)
		}
		group, err := s.AddGroup(Group{Name: "g", Members: people[:3]})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.AddGroup(Group{Name: "p", Kind: PosixGroup, Members: []string{"u1"}}); err != nil {
			t.Fatal(err)
		}
		e := s.tree.byDN[mustNormal(t, people[0])]
		tests := map[string]int{
			"(mail=u1@example.org)": 1, "(cn=u1)": 1, "(memberUid=u1)": 1, "(member=" + people[0] + ")": 1, "(memberOf=" + group + ")": 3,
			"(&(objectClass=person)(mail=u1@example.org))": 1, "(|(cn=u1)(cn=u2))": 2, "(&(memberOf=" + group + ")(cn=u1))": 1, "(wibble=x)": 0,
			"(!(cn=u1))": -1, "(cn=u*)": -1, "(|(cn=u1)(sn=u1))": -1, "(objectClass=person)": -1,
		}
		switch f {
		case ActiveDirectory:
			tests["(sAMAccountName=u1)"], tests["(distinguishedName="+people[0]+")"] = 1, 1
			tests["(objectGUID="+hexFilter(guid(e.id))+")"] = 1
		case DS389:
			tests["(nsUniqueId="+nsUniqueID(e.id)+")"], tests["(entryUUID="+uuidText(e.id)+")"] = 1, 1
		default:
			tests["(uid=u1)"], tests["(entryUUID="+uuidText(e.id)+")"], tests["(entryDN="+people[0]+")"] = 1, 1, 1
		}
		for filter, want := range tests {
			p, err := ldap.CompileFilter(filter)
			if err != nil {
				t.Fatal(filter, err)
			}
			compiled, r := s.compileFilter(p)
			if !r.ok() {
				t.Fatal(filter, r)
			}
			found, ok := s.tree.candidates(compiled)
			if got := map[bool]int{true: len(found), false: -1}[ok]; got != want {
				t.Errorf("%s: %s: %d candidates, want %d", f, filter, got, want)
			}
		}
	}
}

func mustNormal(t *testing.T, dn string) string {
	t.Helper()
	norm, err := normalDN(dn)
	if err != nil {
		t.Fatal(err)
	}
	return norm
}

func hexFilter(b []byte) (out string) {
	for _, c := range b {
		out += fmt.Sprintf(`\%02x`, c)
	}
	return out
}
