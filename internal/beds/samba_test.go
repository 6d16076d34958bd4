package beds_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/internal/beds"
)

const adStaff = `dn: CN=Ada,CN=Users,DC=ad,DC=lab,DC=test
objectClass: user
sAMAccountName: ada
userAccountControl: 512

dn: CN=Staff,CN=Users,DC=ad,DC=lab,DC=test
objectClass: group
sAMAccountName: staff
member: CN=Ada,CN=Users,DC=ad,DC=lab,DC=test
`

func TestSambaTakesBindsOverTLSOnly(t *testing.T) {
	t.Parallel()
	s := beds.Samba(t)
	dial(t, s.TLSURL, s.Admin, s.Password, trust(t, s.CAFile))
	dial(t, s.SocketURL, s.Admin, s.Password)

	plain, err := ldap.DialURL(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if err := plain.Bind(s.Admin, s.Password); !ldap.IsErrorWithCode(err, ldap.LDAPResultStrongAuthRequired) {
		t.Errorf("a bind in clear text: got %v, want strong auth required", err)
	}
	if err := plain.StartTLS(startTLS(t, s)); err != nil {
		t.Fatal(err)
	}
	if err := plain.Bind(s.Admin, s.Password); err != nil {
		t.Errorf("a bind after StartTLS: %v", err)
	}
}

func startTLS(t *testing.T, s *beds.SambaServer) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: pool, ServerName: "dc1.ad.lab.test", MinVersion: tls.VersionTLS12}
}

func TestSambaKeepsWhatWasLoaded(t *testing.T) {
	t.Parallel()
	s := beds.Samba(t)
	s.Load(adStaff)
	s.Kill()
	s.Restart()
	entries, err := find(dial(t, s.TLSURL, s.Admin, s.Password, trust(t, s.CAFile)),
		"CN=Users,"+s.Base, "(sAMAccountName=ada)", "memberOf")
	if err != nil || len(entries) != 1 || entries[0].GetAttributeValue("memberOf") != "CN=Staff,CN=Users,DC=ad,DC=lab,DC=test" {
		t.Errorf("got %v, %v; want Ada in Staff", entries, err)
	}
}

// A domain with entries is kept apart from the one without.
func TestSambaBeginsWithEntries(t *testing.T) {
	t.Parallel()
	ada, staff, _ := strings.Cut(adStaff, "\n\n")
	for _, tt := range []struct {
		entries []string
		want    int
	}{
		{[]string{ada, staff}, 2},
		{nil, 0},
	} {
		s := beds.SambaWith(t, tt.entries...)
		entries, err := find(dial(t, s.TLSURL, s.Admin, s.Password, trust(t, s.CAFile)),
			"CN=Users,"+s.Base, "(|(sAMAccountName=ada)(member=CN=Ada,CN=Users,"+s.Base+"))")
		if err != nil || len(entries) != tt.want {
			t.Errorf("got %v, %v; want %d entries", entries, err, tt.want)
		}
	}
}

func TestSambasAreStrangers(t *testing.T) {
	t.Parallel()
	one, two := beds.Samba(t), beds.Samba(t)
	if one.URL == two.URL {
		t.Fatalf("both are at %s", one.URL)
	}
	one.Load(adStaff)
	entries, err := find(dial(t, two.TLSURL, two.Admin, two.Password, trust(t, two.CAFile)),
		"CN=Users,"+two.Base, "(sAMAccountName=ada)")
	if err != nil || len(entries) != 0 {
		t.Errorf("the second has %v, %v of what the first was given", entries, err)
	}
}
