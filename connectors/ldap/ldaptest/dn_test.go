package ldaptest

import (
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"pgregory.net/rapid"
)

func TestNormalDN(t *testing.T) {
	t.Parallel()
	equal := [][]string{
		{"uid=ada,ou=people,dc=example,dc=org", "UID=Ada,OU=People,DC=Example,DC=ORG", "uid = ada , ou=people,dc=example, dc=org", "userid=ada,2.5.4.11=people,dc=example,dc=org"},
		{`cn=a\,b,dc=x`, `cn=a\2cb,dc=x`, `CN=A\2CB,DC=X`},
		{"cn=a  b,dc=x", "cn=a b,dc=x", `cn=\20a b,dc=x`},
		{"cn=a+uid=b,dc=x", "uid=B+cn=A,dc=x"},
		{"cn=é,dc=x", `cn=\c3\a9,dc=x`, "cn=É,dc=x"},
		{"", " "},
		{`cn=a\=b`, "cn=a=b"},
	}
	seen := make(map[string]int)
	for i, class := range equal {
		for _, dn := range class {
			got, err := normalDN(dn)
			if err != nil {
				t.Errorf("%q: %v", dn, err)
			}
			if j, ok := seen[got]; ok && j != i {
				t.Errorf("%q is equal to class %d", dn, j)
			}
			seen[got] = i
		}
	}
	if len(seen) != len(equal) {
		t.Errorf("%d forms for %d names: %v", len(seen), len(equal), seen)
	}
	for _, dn := range []string{"nonsense", "=x", "cn=a,,dc=x", "cn=a,dc", `cn=a\zz`, "cn=<a>", `cn="a"`} {
		if got, err := normalDN(dn); err == nil {
			t.Errorf("%q is %q, want an error", dn, got)
		}
	}
}

// The fast way never disagrees with the parser.
func TestPlainDN(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`([a-zA-Z.0-9 ]{0,4}[=,+ ]){0,4}[a-zA-Z#\\ -]{0,4}`).Draw(t, "dn")
		if !plainDN(s) {
			return
		}
		dn, err := ldap.ParseDN(s)
		if err != nil {
			t.Fatalf("%q is plain, but %v", s, err)
		}
		if got := dn.String(); !strings.EqualFold(got, s) {
			t.Fatalf("%q is plain, but its form is %q", s, got)
		}
	})
}

// Spelling a value with every character escaped names the same entry.
func TestEscapesAreEqual(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.StringMatching(`[a-zA-Z,+"\\<>;=#][a-zA-Z,+"\\<>;=# ]{0,8}[a-zA-Z,+"\\<>;=#]`).Draw(t, "value")
		hex := ""
		for i := range len(v) {
			hex += `\` + string(hexDigits[v[i]>>4]) + string(hexDigits[v[i]&15])
		}
		a, errA := normalDN("cn=" + ldap.EscapeDN(v) + ",dc=x")
		b, errB := normalDN("cn=" + hex + ",dc=x")
		if errA != nil || errB != nil || a != b || strings.Count(a, ",") != 1 || parentOf(a) != "dc=x" {
			t.Fatalf("%q: %q (%v) and %q (%v)", v, a, errA, b, errB)
		}
	})
}
