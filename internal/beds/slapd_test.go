package beds_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/internal/beds"
)

// dial connects and binds; it closes the connection when the test ends.
func dial(t *testing.T, url, dn, password string, opts ...ldap.DialOpt) *ldap.Conn {
	t.Helper()
	conn, err := ldap.DialURL(url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.Bind(dn, password); err != nil {
		t.Fatal(err)
	}
	return conn
}

// trust returns the dial option for servers whose authority is in the file.
func trust(t *testing.T, caFile string) ldap.DialOpt {
	t.Helper()
	pem, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("%s holds no certificate", caFile)
	}
	return ldap.DialWithTLSConfig(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12})
}

// find returns what matches under base, and the server's verdict.
func find(conn *ldap.Conn, base, filter string, attributes ...string) ([]*ldap.Entry, error) {
	res, err := conn.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree,
		ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil))
	if res == nil {
		return nil, err
	}
	return res.Entries, err
}

func people(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "dn: uid=u%d,ou=people,dc=lab,dc=test\nobjectClass: inetOrgPerson\nuid: u%d\ncn: u%d\nsn: u%d\n\n", i, i, i, i)
	}
	return b.String()
}

const staff = `dn: cn=staff,ou=groups,dc=lab,dc=test
objectClass: groupOfNames
cn: staff
member: uid=u0,ou=people,dc=lab,dc=test

dn: cn=nobody,ou=groups,dc=lab,dc=test
objectClass: groupOfMembers
cn: nobody
`

func TestSlapdServesWhatWasLoaded(t *testing.T) {
	t.Parallel()
	s := beds.Slapd(t, beds.SlapdOptions{LDIF: people(30) + staff})
	for _, url := range []string{s.URL, s.TLSURL} {
		conn := dial(t, url, s.AdminDN, s.Password, trust(t, s.CAFile))
		entries, err := find(conn, s.Base, "(objectClass=inetOrgPerson)")
		if err != nil || len(entries) != 30 {
			t.Errorf("%s: got %d people, %v; want 30", url, len(entries), err)
		}
		entries, err = find(conn, s.Base, "(objectClass=groupOfMembers)")
		if err != nil || len(entries) != 1 {
			t.Errorf("%s: got %d empty groups, %v; want 1", url, len(entries), err)
		}
	}
}

func TestSlapdLoadsMoreBetweenStarts(t *testing.T) {
	t.Parallel()
	s := beds.Slapd(t, beds.SlapdOptions{})
	s.Load(people(3))
	s.Stop()
	s.Load(staff)
	s.Restart()
	entries, err := find(dial(t, s.URL, s.AdminDN, s.Password), "ou=groups,"+s.Base, "(cn=staff)")
	if err != nil || len(entries) != 1 {
		t.Errorf("got %d groups, %v; want 1", len(entries), err)
	}
}

func TestSlapdLimitsItsReader(t *testing.T) {
	t.Parallel()
	s := beds.Slapd(t, beds.SlapdOptions{LDIF: people(30)})
	conn := dial(t, s.URL, "cn=limited,dc=lab,dc=test", "limited")
	entries, err := find(conn, s.Base, "(objectClass=inetOrgPerson)")
	if !ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) || len(entries) != 10 {
		t.Errorf("got %d entries, %v; want 10 and a size limit", len(entries), err)
	}
	_, err = conn.SearchWithPaging(ldap.NewSearchRequest(s.Base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases,
		0, 0, false, "(objectClass=inetOrgPerson)", nil, nil), 21)
	if !ldap.IsErrorWithCode(err, ldap.LDAPResultAdminLimitExceeded) {
		t.Errorf("a page of 21: got %v, want code 11", err)
	}
	err = conn.Del(ldap.NewDelRequest("uid=u1,ou=people,dc=lab,dc=test", nil))
	if !ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights) {
		t.Errorf("a deletion by the reader: got %v, want insufficient access", err)
	}
}

func TestSlapdTakesAllOverlays(t *testing.T) {
	t.Parallel()
	s := beds.Slapd(t, beds.SlapdOptions{
		Overlays: []string{"memberof", "refint", "sssvlv", "ppolicy", "dynlist", "dds", "syncprov"},
		Global:   []string{"sortvals member"},
		LDIF:     people(2) + staff,
	})
	conn := dial(t, s.URL, s.AdminDN, s.Password)
	m := ldap.NewModifyRequest("cn=staff,ou=groups,dc=lab,dc=test", nil)
	m.Add("member", []string{"uid=u1,ou=people,dc=lab,dc=test"})
	if err := conn.Modify(m); err != nil {
		t.Fatal(err)
	}
	entries, err := find(conn, s.Base, "(uid=u1)", "memberOf")
	if err != nil || len(entries) != 1 || entries[0].GetAttributeValue("memberOf") == "" {
		t.Errorf("got %v, %v; want u1 with memberOf", entries, err)
	}
}

func TestSlapdKeepsItsDataAndAddressWhenKilled(t *testing.T) {
	t.Parallel()
	s := beds.Slapd(t, beds.SlapdOptions{Durable: true, LDIF: people(1)})
	url := s.URL
	conn := dial(t, url, s.AdminDN, s.Password)
	if err := conn.Del(ldap.NewDelRequest("uid=u0,ou=people,dc=lab,dc=test", nil)); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if _, err := find(conn, s.Base, "(uid=u0)"); err == nil {
		t.Error("a killed server answered")
	}
	s.Restart()
	if s.URL != url {
		t.Errorf("the address moved from %s to %s", url, s.URL)
	}
	entries, err := find(dial(t, s.URL, s.AdminDN, s.Password), s.Base, "(uid=u0)")
	if err != nil || len(entries) != 0 {
		t.Errorf("got %d entries, %v; want the deletion to have lasted", len(entries), err)
	}
}

func TestSlapdPausedAnswersNothing(t *testing.T) {
	t.Parallel()
	s := beds.Slapd(t, beds.SlapdOptions{})
	conn := dial(t, s.URL, s.AdminDN, s.Password)
	s.Pause()
	conn.SetTimeout(50 * time.Millisecond)
	_, err := conn.WhoAmI(nil)
	if !ldap.IsErrorWithCode(err, ldap.ErrorNetwork) {
		t.Fatalf("got %v from a paused server, want a timeout", err)
	}
	s.Resume()
	again := dial(t, s.URL, s.AdminDN, s.Password)
	if _, err := again.WhoAmI(nil); err != nil {
		t.Errorf("got %v after resuming", err)
	}
	s.Pause() // the cleanup must be able to stop a paused server
}

// recorder is a test that may fail without failing ours.
type recorder struct {
	testing.TB
	fatal   string
	cleanup []func()
}

var errFatal = errors.New("fatal")

func (r *recorder) Helper()                   {}
func (r *recorder) Cleanup(f func())          { r.cleanup = append(r.cleanup, f) }
func (r *recorder) Fatalf(f string, a ...any) { r.fatal = fmt.Sprintf(f, a...); panic(errFatal) }

func TestSlapdTellsWhatIsWrongWithItsConfiguration(t *testing.T) {
	t.Parallel()
	r := &recorder{TB: t}
	func() {
		defer func() {
			if p := recover(); p != errFatal { //nolint:errorlint // a panic value, compared by identity
				panic(p)
			}
		}()
		beds.Slapd(r, beds.SlapdOptions{Global: []string{"nonsense on"}})
	}()
	if !strings.Contains(r.fatal, "nonsense") {
		t.Errorf("got %q, want the offending line", r.fatal)
	}
}
