package ldap

import (
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

func TestEqualDNsHaveEqualKeys(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"uid=ada,ou=people,dc=lab", "UID=Ada,OU=People,DC=Lab", "uid=ada, ou=people, dc=lab", "uid = ada,ou=people,dc=lab", "userID=ada, ou=people,dc=lab", "0.9.2342.19200300.100.1.1=ada,ou=people,dc=lab", "oid.0.9.2342.19200300.100.1.1=ada,2.5.4.11=people,dc=lab"},
		{`cn=a\,b,dc=lab`, `cn=a\2cb,dc=lab`, `cn=a\2Cb,dc=lab`, `CN=A\,B, DC=lab`},
		{"cn=a+sn=b,dc=lab", "sn=b+cn=a,dc=lab", "SN=B + CN=A,dc=lab"},
		{"cn=two spaces,dc=lab", "cn=two  spaces,dc=lab", "cn= two   spaces ,dc=lab"},
		{"cn=Åsa,dc=lab", "cn=åsa,dc=lab", `cn=\c3\85sa,dc=lab`},
		{`cn=\#a,dc=lab`, `cn=\23a,dc=lab`},
		{"cn=#04026162,dc=lab", "cn=ab,dc=lab"},
	} {
		for _, dn := range same {
			if got, want := dnKey(dn), dnKey(same[0]); got != want {
				t.Errorf("dnKey(%q): got %q, want %q as of %q", dn, got, want, same[0])
			}
			if got, want := string(appendDNKey([]byte("x"), []byte(dn))), "x"+dnKey(dn); got != want {
				t.Errorf("appendDNKey(%q): got %q, want %q", dn, got, want)
			}
		}
	}
}

func TestDifferentDNsHaveDifferentKeys(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, dn := range []string{
		"uid=ada,dc=lab", "uid=adam,dc=lab", "cn=ada,dc=lab", "uid=ada", "uid=ada,dc=lab,dc=lab", "uid=ada+cn=ada,dc=lab",
		`uid=ada\,dc=lab`, `uid=ada\2c,dc=lab`, "not a dn", "", `uid=a\+cn=b,dc=lab`, "uid=a+cn=b,dc=lab", "uid=,dc=lab",
	} {
		key := dnKey(dn)
		if other, twice := seen[key]; twice {
			t.Errorf("dnKey: got %q for both %q and %q, want two keys", key, dn, other)
		}
		seen[key] = dn
	}
}

// The fast way must be the slow way, and no two DNs that go-ldap tells apart
// regardless of case and spaces may have one key.
func FuzzDNKey(f *testing.F) {
	f.Add("uid=ada,dc=lab", "UID=ada, dc=lab")
	f.Add(`cn=a\,b+sn=c,dc=x`, "cn=a  b,dc=x")
	f.Add("cn=a=b,dc=x", "1.2.3=#0403616263")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, dn := range []string{a, b} {
			if d, err := goldap.ParseDN(dn); plainDN(dn) && (err != nil || len(d.RDNs) == 0) {
				t.Fatalf("plainDN(%q): got true for what is no DN: %v", dn, err)
			}
			if plainDN(dn) && typesArePlain(dn) && dnKey(dn) != parsedKey(dn) {
				t.Fatalf("dnKey(%q): got %q, want %q as from the parser", dn, dnKey(dn), parsedKey(dn))
			}
		}
		x, errX := goldap.ParseDN(a)
		y, errY := goldap.ParseDN(b)
		if errX == nil && errY == nil && dnKey(a) == dnKey(b) && len(x.RDNs) != len(y.RDNs) {
			t.Fatalf("dnKey: got %q for %q and %q, which differ in length", dnKey(a), a, b)
		}
	})
}

// typesArePlain is false where a type has a second name, which only the parser
// folds: that costs a question to the server and no more.
func typesArePlain(dn string) bool {
	for rdn := range strings.SplitSeq(dn, ",") {
		attr, _, _ := strings.Cut(rdn, "=")
		if attr = strings.ToLower(attr); typeName(attr) != attr {
			return false
		}
	}
	return true
}

func TestValuesAroundDNs(t *testing.T) {
	t.Parallel()
	for v, want := range map[string][2]string{
		"cn=a,dc=b":          {"cn=a,dc=b", ""},
		"cn=a,dc=b#'0101'B":  {"cn=a,dc=b", "#'0101'B"},
		"cn=a,dc=b#''B":      {"cn=a,dc=b", "#''B"},
		"cn=a,dc=b#'012'B":   {"cn=a,dc=b#'012'B", ""},
		"cn=a#'1'B,dc=b":     {"cn=a#'1'B,dc=b", ""},
		"'B":                 {"'B", ""},
		"cn=a#'0'B,x=#'11'B": {"cn=a#'0'B,x=", "#'11'B"},
	} {
		if dn, uid := splitUID([]byte(v)); string(dn) != want[0] || string(uid) != want[1] {
			t.Errorf("splitUID(%q): got %q and %q, want %q", v, dn, uid, want)
		}
	}
	const guid = "33221100-5544-7766-8899-aabbccddeeff"
	for v, want := range map[string][2]string{
		"cn=a,dc=b": {"", "cn=a,dc=b"},
		"<GUID=00112233445566778899aabbccddeeff>;<SID=0105>;CN=a,DC=b": {guid, "CN=a,DC=b"},
		"<GUID=" + guid + ">;CN=a,DC=b":                                {guid, "CN=a,DC=b"},
		"<GUID=xx>;CN=a":                                               {"", "CN=a"},
		"<GUID=00":                                                     {"", "<GUID=00"},
	} {
		if id, dn := splitExtended([]byte(v)); id != want[0] || string(dn) != want[1] {
			t.Errorf("splitExtended(%q): got %q and %q, want %q", v, id, dn, want)
		}
	}
	if raw, ok := guidBytes(guid); !ok || guidString(raw) != guid {
		t.Errorf("guidBytes(%q): got %x and %t, want the inverse of guidString", guid, raw, ok)
	}
}

func TestTemplatesEscapeThePerson(t *testing.T) {
	t.Parallel()
	tpl, err := parseTemplate("(&(objectClass=user)(|(mail={person})(proxyAddresses=smtp:{person})))")
	if err != nil {
		t.Fatal(err)
	}
	want := `(&(objectClass=user)(|(mail=\2a\29\28cn=\2a@x)(proxyAddresses=smtp:\2a\29\28cn=\2a@x)))`
	if got := tpl.filter("*)(cn=*@x"); got != want || tpl.attr != "" {
		t.Errorf("filter: got %s and attribute %q, want %s and none", got, tpl.attr, want)
	}
	if tpl, err := parseTemplate("(mail={person})"); err != nil || tpl.attr != "mail" {
		t.Errorf("parseTemplate of a comparison: got %+v and error %v, want the attribute mail", tpl, err)
	}
	for _, bad := range []string{"", "(mail=ada)", "mail={person}", "(mail={person}", "(&(a=b)(mail={person})"} {
		if got, err := parseTemplate(bad); err == nil {
			t.Errorf("parseTemplate(%q): got %+v, want an error", bad, got)
		}
	}
}
