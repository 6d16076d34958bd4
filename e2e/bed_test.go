package e2e_test

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/e2e/browser"
	"github.com/daypass-dev/daypass/e2e/daypass"
	"github.com/daypass-dev/daypass/e2e/provider"
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

// look fails the test for each rule of accessibility that the page breaks, and
// takes screenshots where they are kept.
func look(t *testing.T, page *browser.Page, name string) {
	t.Helper()
	clean(t, page, page.Axe())
	keep(page, name)
}

// glance is look for a page of hundreds of rows.
func glance(t *testing.T, page *browser.Page, name string) {
	t.Helper()
	clean(t, page, page.AxeOnce())
	keep(page, name)
}

func clean(t *testing.T, page *browser.Page, found []browser.Violation) {
	t.Helper()
	for _, v := range found {
		t.Errorf("%s: %s", page.URL(), v)
	}
}

func keep(page *browser.Page, name string) {
	if flag.Lookup("test.artifacts").Value.String() == "true" {
		page.Shots(name)
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
	if len(people) == 0 {
		return
	}
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

// house is all that a journey needs: a directory with people, a provider that
// the same people sign in to, and daypass between them.
type house struct {
	*daypass.Daypass
	t    testing.TB
	corp *directory
	idp  *provider.Provider
	ci   *provider.Issuer // signs the tokens of pipelines; $CI in the configuration
}

// plan is how a house differs from an empty one.
type plan struct {
	people  []string            // NAME@lab.test, to sign in and in the directory
	groups  map[string][]string // of the directory, with who is in them from the start
	rules   string              // resources, policies, roles and the rest of the configuration
	stopped bool                // daypass is not started
	session string              // web.session, as {idle: 30m}
	// config is a whole configuration, in place of rules; files are beside it.
	config string
	files  map[string]string
}

// newHouse starts a house. Its first rule may be anything that a configuration
// has at its top, but for version, serve, web and directories.
func newHouse(t *testing.T, p plan) *house {
	t.Helper()
	h := &house{
		t: t, corp: newDirectory(t, p.people, slices.Collect(maps.Keys(p.groups))),
		idp: provider.New(t), ci: provider.NewIssuer(t),
	}
	for group, people := range p.groups {
		h.corp.add(group, people...)
	}
	for _, name := range p.people {
		h.idp.Know(provider.Person{Email: mail(name), Name: strings.ToUpper(name[:1]) + name[1:]})
	}
	if p.config == "" {
		p.config = `version: 1
serve: {listen: $LISTEN}
web: {listen: $WEB, url: $URL, oidc: {issuer: $ISSUER, clientID: daypass, secret: "env:OIDC_SECRET"}, session: ` + cmp.Or(p.session, "{}") + `}
` + h.corp.config() + p.rules
	}
	options := daypass.Options{
		Config: p.config,
		Vars:   map[string]string{"ISSUER": h.idp.Issuer, "CI": h.ci.URL, "LDAP": h.corp.URL, "BINDDN": h.corp.AdminDN},
		Files:  p.files,
		Env:    append(h.corp.env(), "OIDC_SECRET=not told to anybody"),
	}
	if p.stopped {
		h.Daypass = program.New(t, options)
	} else {
		h.Daypass = program.Serve(t, options)
	}
	h.idp.Register(provider.Client{ID: "daypass", Secret: "not told to anybody", Redirect: h.URL + "/sign-in/callback"})
	return h
}

// approvals is the house of examples/approvals, with its own people in it.
func approvals(t testing.TB) plan {
	t.Helper()
	const folder = "../examples/approvals/"
	read := func(name string, changes ...string) string {
		text, err := os.ReadFile(folder + name)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(changes); i += 2 {
			if !strings.Contains(string(text), changes[i]) {
				t.Fatalf("%s has no %q any more", folder+name, changes[i])
			}
			text = []byte(strings.ReplaceAll(string(text), changes[i], changes[i+1]))
		}
		return string(text)
	}
	return plan{
		people: []string{"ada", "eve", "grace", "linus", "sam", "omar", "lin", "root", "ida"},
		groups: map[string][]string{
			"engineers": {"ada", "eve"}, "dba-leads": {"grace", "linus", "ada"}, "security": {"sam"}, "oncall": {"omar"},
			"auditors": {"ida"}, "staging": nil, "prod-db": nil, "audit-db": nil,
		},
		config: "serve: {listen: $LISTEN}\n" + read("daypass.yaml",
			"ldap://127.0.0.1:3890", "$LDAP", "cn=daypass,ou=services,dc=example,dc=org", "$BINDDN", "env:CORP_PASSWORD", "env:LDAP_PASSWORD",
			"dc=example,dc=org", "dc=lab,dc=test", "example.org", "lab.test", "https://token.actions.githubusercontent.com", "$CI",
			"http://127.0.0.1:8760", "$URL\n  listen: $WEB", `"http://127.0.0.1:5556"`, "$ISSUER"),
		files: map[string]string{"policies/staging.yaml": read("policies/staging.yaml"), "policies/production.yaml": read("policies/production.yaml")},
	}
}

// signedIn opens a page for somebody, who goes to the path and signs in on the
// way.
func (h *house) signedIn(person, path string, manners ...browser.Manner) *browser.Page {
	h.t.Helper()
	page := chromium.Open(h.t, manners...)
	page.Visit(h.URL + path)
	if !strings.HasPrefix(page.URL(), h.idp.Issuer) {
		page.Press("Sign in")
	}
	h.idp.SignIn(page, mail(person))
	if !strings.HasPrefix(page.URL(), h.URL) {
		h.t.Fatalf("%s signed in and is at %s, not back at %s", person, page.URL(), h.URL)
	}
	return page
}
