package e2e_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/e2e/browser"
	"github.com/daypass-dev/daypass/e2e/daypass"
	"github.com/daypass-dev/daypass/internal/beds"
)

// What all tests of a run share; both start when they are first needed.
var (
	chromium browser.Browser
	program  daypass.Program
)

func TestMain(m *testing.M) {
	code := m.Run()
	chromium.Close()
	program.Close()
	os.Exit(code)
}

// clean fails the test for each rule of accessibility that the page breaks.
func clean(t *testing.T, page *browser.Page) {
	t.Helper()
	for _, v := range page.Axe() {
		t.Errorf("%s: %s", page.URL(), v)
	}
}

// directory is a real slapd with people and groups.
type directory struct {
	*beds.SlapdServer
	t    testing.TB
	conn *ldap.Conn
}

// newDirectory starts a directory with the people, whose mail is
// NAME@lab.test, and empty groups.
func newDirectory(t *testing.T, people, groups []string) *directory {
	t.Helper()
	var ldif strings.Builder
	for _, p := range people {
		fmt.Fprintf(&ldif, "dn: %s\nobjectClass: inetOrgPerson\nuid: %s\ncn: %s\nsn: %s\nmail: %s\n\n", personDN(p), p, p, p, mail(p))
	}
	for _, g := range groups {
		fmt.Fprintf(&ldif, "dn: cn=%s,ou=groups,dc=lab,dc=test\nobjectClass: groupOfMembers\ncn: %s\n\n", g, g)
	}
	d := &directory{t: t, SlapdServer: beds.Slapd(t, beds.SlapdOptions{LDIF: ldif.String()})}
	conn, err := ldap.DialURL(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.Bind(d.AdminDN, d.Password); err != nil {
		t.Fatal(err)
	}
	d.conn = conn
	return d
}

func mail(person string) string { return person + "@lab.test" }

func personDN(person string) string { return "uid=" + person + ",ou=people,dc=lab,dc=test" }

// add puts people into a group behind the back of daypass.
func (d *directory) add(group string, people ...string) {
	d.t.Helper()
	m := ldap.NewModifyRequest("cn="+group+",ou=groups,"+d.Base, nil)
	for _, p := range people {
		m.Add("member", []string{personDN(p)})
	}
	if err := d.conn.Modify(m); err != nil {
		d.t.Fatal(err)
	}
}

// members returns who is in the group now, sorted.
func (d *directory) members(group string) []string {
	d.t.Helper()
	found, err := d.conn.Search(ldap.NewSearchRequest("cn="+group+",ou=groups,"+d.Base, ldap.ScopeBaseObject,
		ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", []string{"member"}, nil))
	if err != nil {
		d.t.Fatal(err)
	}
	var people []string
	for _, dn := range found.Entries[0].GetAttributeValues("member") {
		people = append(people, strings.TrimPrefix(strings.Split(dn, ",")[0], "uid="))
	}
	slices.Sort(people)
	return people
}

// config is the part of a configuration that names the directory, as corp.
func (d *directory) config() string {
	return fmt.Sprintf(`directories:
  corp:
    type: ldap
    url: %s
    bind: {dn: %q, password: "env:LDAP_PASSWORD"}
    people: {base: "ou=people,%s", match: "(mail={person})"}
    groups: {base: "ou=groups,%s"}
`, d.URL, d.AdminDN, d.Base, d.Base)
}

// env is what the configuration needs of the environment.
func (d *directory) env() []string { return []string{"LDAP_PASSWORD=" + d.Password} }
