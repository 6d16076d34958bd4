package ldap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/connectors/connectortest"
	"github.com/daypass-dev/daypass/engine"
)

// lab is a server under test, seen by its administrator: with go-ldap, so that
// it shares nothing with the connector.
type lab struct {
	cfg    Config // how to connect
	base   string
	ad     bool
	class  string // of new groups
	attr   string // their members
	nobody string // what an empty group holds, where it must not be empty
	full   bool   // it must not be empty
	crowd  []string
	worlds atomic.Int64
	refint bool
	ends   bool // the server ends memberships
	// forgets is set where the server takes deleted entries out of the manager
	// attribute.
	forgets bool
	// lock is the attribute that disables, and locked its value; shadowExpire
	// by default.
	lock, locked string
}

// nook is one test's part of a lab.
type nook struct {
	*lab
	t     testing.TB
	conn  *goldap.Conn
	root  string // everything is below
	tag   string
	group string // its DN

	serial int
}

const labMail = "@example.org"

func (l *lab) newNook(t testing.TB) *nook {
	t.Helper()
	n := &nook{lab: l, t: t, tag: fmt.Sprintf("w%d", l.worlds.Add(1))}
	n.conn = l.admin(t)
	n.root = "ou=" + n.tag + "," + l.base
	for _, dn := range []string{n.root, "ou=people," + n.root, "ou=groups," + n.root, "ou=sub,ou=groups," + n.root} {
		ou, _, _ := strings.Cut(strings.TrimPrefix(dn, "ou="), ",")
		n.must(n.add(dn, map[string][]string{"objectClass": {"organizationalUnit"}, "ou": {ou}}))
	}
	n.group = n.newGroup("prod-db")
	return n
}

// admin connects as the administrator.
func (l *lab) admin(t testing.TB) *goldap.Conn {
	t.Helper()
	opts := []goldap.DialOpt{}
	if l.cfg.CAFile != "" {
		pem, err := os.ReadFile(l.cfg.CAFile)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		opts = append(opts, goldap.DialWithTLSConfig(&tls.Config{RootCAs: pool}))
	}
	conn, err := goldap.DialURL(l.cfg.URL, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	password, _ := l.cfg.Password(t.Context())
	if err := conn.Bind(l.cfg.BindDN, password); err != nil {
		t.Fatal(err)
	}
	return conn
}

func static(s string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return s, nil }
}

// config is the lab's with the bases of the nook.
func (n *nook) config() Config {
	cfg := n.cfg
	cfg.Name = "corp"
	cfg.People.Base = "ou=people," + n.root
	cfg.Groups.Base = "ou=groups," + n.root
	cfg.Placeholder = n.nobody
	cfg.Timeout = 20 * time.Second
	cfg.ProfileAttributes = map[string]string{"department": "departmentNumber", "site": "l"}
	return cfg
}

// connector opens a connector on the nook, changed by edit.
func (n *nook) connector(edit ...func(*Config)) *Connector {
	n.t.Helper()
	cfg := n.config()
	for _, e := range edit {
		e(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (n *nook) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *nook) add(dn string, attrs map[string][]string) error {
	r := goldap.NewAddRequest(dn, nil)
	for name, values := range attrs {
		r.Attribute(name, values)
	}
	return n.conn.Add(r)
}

// login is a login that is unique on the server.
func (n *nook) login(name string) string { return name + "-" + n.tag }

// person makes an account and returns its DN. A name stands in the DN.
func (n *nook) person(name, login, mail string) string {
	n.t.Helper()
	attrs := map[string][]string{"sn": {"x"}, "mail": {mail}}
	dn := "uid=" + goldap.EscapeDN(login) + ",ou=people," + n.root
	if n.ad {
		// Samba cannot parse an equals sign in a value unless it is escaped.
		dn = "cn=" + strings.ReplaceAll(goldap.EscapeDN(name), "=", `\3d`) + ",ou=people," + n.root
		attrs["objectClass"] = []string{"user"}
		attrs["sAMAccountName"] = []string{login}
	} else {
		attrs["objectClass"] = []string{"inetOrgPerson"}
		attrs["cn"] = []string{name}
		attrs["uid"] = []string{login}
	}
	if err := n.add(dn, attrs); err != nil {
		n.t.Fatalf("add %s: %v", dn, err)
	}
	if n.ad { // new accounts are disabled, and need a password to be enabled
		n.must(n.modify(dn, func(r *goldap.ModifyRequest) {
			r.Replace("userAccountControl", []string{"544"}) // enabled, no password needed
		}))
	}
	return dn
}

func (n *nook) modify(dn string, f func(*goldap.ModifyRequest)) error {
	r := goldap.NewModifyRequest(dn, nil)
	f(r)
	return n.conn.Modify(r)
}

// newGroup makes a group that is as empty as it may be.
func (n *nook) newGroup(name string, under ...string) string {
	n.t.Helper()
	dn := "cn=" + strings.ReplaceAll(goldap.EscapeDN(name), "=", `\3d`) + "," + strings.Join(append(under, "ou=groups,"+n.root), ",")
	attrs := map[string][]string{"objectClass": {n.class}, "cn": {name}}
	switch {
	case n.ad:
		n.serial++
		attrs["sAMAccountName"] = []string{fmt.Sprintf("g%d-%s", n.serial, n.tag)}
	case n.full:
		attrs[n.attr] = []string{n.nobody}
	case n.class == "posixGroup":
		attrs["gidNumber"] = []string{"20000"}
	}
	n.must(n.add(dn, attrs))
	return dn
}

// values returns what an entry holds, sorted.
func (n *nook) values(dn, attr string) []string {
	n.t.Helper()
	r, err := n.conn.Search(goldap.NewSearchRequest(dn, goldap.ScopeBaseObject, 0, 0, 0, false, "(objectClass=*)", []string{attr}, nil))
	if err != nil || len(r.Entries) != 1 {
		n.t.Fatalf("read %s: %v", dn, err)
	}
	return slices.Sorted(slices.Values(r.Entries[0].GetAttributeValues(attr)))
}

// valueOf is how the group would hold the account at dn.
func (n *nook) valueOf(dn string) string {
	if n.attr != "memberUid" {
		return dn
	}
	return n.values(dn, "uid")[0]
}

func (n *nook) put(values ...string) {
	n.t.Helper()
	n.must(n.modify(n.group, func(r *goldap.ModifyRequest) { r.Add(n.attr, values) }))
}

func (n *nook) take(values ...string) {
	n.t.Helper()
	err := n.modify(n.group, func(r *goldap.ModifyRequest) { r.Delete(n.attr, values) })
	if goldap.IsErrorWithCode(err, goldap.LDAPResultObjectClassViolation) {
		err = n.modify(n.group, func(r *goldap.ModifyRequest) {
			r.Delete(n.attr, values)
			r.Add(n.attr, []string{n.nobody})
		})
	}
	n.must(err)
}

// find returns the DN of whoever has the mail address.
func (n *nook) find(p engine.Person) string {
	n.t.Helper()
	r, err := n.conn.Search(goldap.NewSearchRequest("ou=people,"+n.root, goldap.ScopeWholeSubtree, 0, 0, 0, false,
		"(mail="+goldap.EscapeFilter(string(p))+")", []string{"mail"}, nil))
	if err != nil || len(r.Entries) != 1 {
		n.t.Fatalf("find %s: %d entries, %v", p, len(r.Entries), err)
	}
	return r.Entries[0].DN
}

// rename gives an account another login.
func (n *nook) rename(p engine.Person, login string) {
	n.t.Helper()
	old := n.find(p)
	rdn := "uid=" + goldap.EscapeDN(login)
	held := n.attr == "memberUid" && slices.Contains(n.values(n.group, n.attr), n.valueOf(old))
	if held { // as an administrator would: nothing follows logins
		n.take(n.valueOf(old))
	}
	if n.ad {
		rdn = "cn=" + goldap.EscapeDN(login)
		n.must(n.modify(old, func(r *goldap.ModifyRequest) { r.Replace("sAMAccountName", []string{login}) }))
	}
	n.must(n.conn.ModifyDN(goldap.NewModifyDNRequest(old, rdn, true, "")))
	now := n.find(p)
	if held {
		n.put(n.valueOf(now))
	}
	n.settled(old)
	if !n.refint && !n.ad && n.attr != "memberUid" {
		if slices.Contains(n.values(n.group, n.attr), old) {
			n.put(now)
			n.take(old)
		}
	}
}

// settled waits until the server has taken out the DN of an entry that is
// gone: OpenLDAP does that in the background.
func (n *nook) settled(old string) {
	n.t.Helper()
	for n.refint && slices.Contains(n.values(n.group, n.attr), old) {
		if n.t.Context().Err() != nil {
			n.t.Fatalf("%s stays in %s", old, n.group)
		}
	}
}

// profile writes what is to be told of an account.
func (n *nook) profile(p engine.Person, tells engine.Profile) {
	n.t.Helper()
	n.must(n.modify(n.find(p), func(r *goldap.ModifyRequest) {
		r.Replace("displayName", []string{tells.Name})
		if tells.Manager != "" {
			r.Replace("manager", []string{n.find(tells.Manager)})
		}
		for name, values := range tells.Attributes {
			r.Replace(n.config().ProfileAttributes[name], values)
		}
	}))
}

func (n *nook) disable(dn string) {
	n.t.Helper()
	n.must(n.modify(dn, func(r *goldap.ModifyRequest) {
		switch {
		case n.ad:
			r.Replace("userAccountControl", []string{"546"})
		case n.lock != "":
			r.Add(n.lock, []string{n.locked})
		default:
			r.Add("objectClass", []string{"shadowAccount"})
			r.Add("shadowExpire", []string{"1"})
		}
	}))
}

// mark changes with every write below the nook.
func (n *nook) mark() string {
	attr := "entryCSN"
	if n.ad {
		attr = "uSNChanged"
	}
	r, err := n.conn.Search(goldap.NewSearchRequest(n.root, goldap.ScopeWholeSubtree, 0, 0, 0, false, "(objectClass=*)", []string{attr}, nil))
	n.must(err)
	var b strings.Builder
	for _, e := range r.Entries {
		b.WriteString(e.DN + e.GetAttributeValue(attr))
	}
	return b.String()
}

// timeless hides the clock, which only Active Directory has.
type timeless struct {
	engine.Connector
	engine.Lister
	engine.BulkResolver
	engine.Changer
	engine.Prober
	engine.Describer
}

// endless hides the ends of memberships, which few directories have.
type endless struct {
	timeless
	engine.Clock
}

// world is the conformance suite's view of a nook.
func (n *nook) world(edit ...func(*Config)) connectortest.World {
	n.t.Helper()
	c := n.connector(edit...)
	w := connectortest.World{Connector: timeless{c, c, c, c, c, c}, Directory: "corp", GroupName: "prod-db", Stranger: "eve" + labMail}
	switch {
	case n.ends:
		w.Connector = c
	case n.ad:
		w.Connector = endless{timeless{c, c, c, c, c, c}, c}
	}
	w.Secrets = []string{n.password()}
	w.Attributes, w.Forgets = []string{"department", "site"}, n.forgets || n.ad
	for _, name := range []string{"ada", "bob", "cyd", "dee", "eli"} {
		n.person(name, n.login(name), name+labMail)
		w.People = append(w.People, engine.Person(name+labMail))
	}
	n.odd(&w)
	n.person("tim", n.login("tim"), "tim"+labMail)
	n.person("tim-admin", n.login("tim-admin"), "tim"+labMail)
	w.Twins = "tim" + labMail
	n.disable(n.person("dan", n.login("dan"), "dan"+labMail))
	w.Disabled = "dan" + labMail
	n.newGroup("same")
	n.newGroup("same", "ou=sub")
	w.Ambiguous = "same"
	for _, name := range []string{"more-1", "more-2"} {
		w.MoreGroups = append(w.MoreGroups, n.id(c, n.newGroup(name)))
	}
	w.Group = n.id(c, n.group)
	n.hands(&w)
	return w
}

func (n *nook) password() string {
	p, _ := n.cfg.Password(n.t.Context())
	return p
}

func (n *nook) id(c *Connector, dn string) engine.GroupID {
	n.t.Helper()
	g, err := c.Group(n.t.Context(), dn)
	n.must(err)
	return g.ID
}

// odd adds people and groups whose names are made of what LDAP uses itself.
func (n *nook) odd(w *connectortest.World) {
	names := []string{"Lovelace, Ada", `"quoted"`, "a+b", "two  spaces", "(x)(y=z)", `back\slash`, "#hash;<>", "c=d"}
	if n.attr != "memberUid" { // IA5String
		names = append(names, "Åsa Öberg", "李")
	}
	for i, name := range names {
		login := name + "-" + n.tag
		if n.ad {
			login = fmt.Sprintf("odd%d-%s", i, n.tag) // sAMAccountName refuses most of these
		}
		mail := fmt.Sprintf("odd%d%s", i, labMail)
		n.person(name, login, mail)
		w.Odd = append(w.Odd, engine.Person(mail))
	}
	n.person("paren", n.login("paren"), `p*(a)\r`+labMail)
	w.Odd = append(w.Odd, engine.Person(`p*(a)\r`+labMail))
	w.OddGroups = []string{"a, b", "a+b", `c\d`, "(e)", "f*", "日本", "g=h,i=j"}
	for _, name := range w.OddGroups {
		n.newGroup(name)
	}
}

// hands are the things that others do.
func (n *nook) hands(w *connectortest.World) {
	w.Put = func(p engine.Person) { n.t.Helper(); n.put(n.valueOf(n.find(p))) }
	w.Take = func(p engine.Person) { n.t.Helper(); n.take(n.valueOf(n.find(p))) }
	w.Delete = func(p engine.Person) {
		n.t.Helper()
		dn := n.find(p)
		n.must(n.conn.Del(goldap.NewDelRequest(dn, nil)))
		n.settled(dn)
	}
	w.Rename = n.rename
	w.RenameGroup = func(name string) {
		n.t.Helper()
		rdn := "cn=" + goldap.EscapeDN(name)
		n.must(n.conn.ModifyDN(goldap.NewModifyDNRequest(n.group, rdn, true, "")))
		n.group = rdn + ",ou=groups," + n.root
	}
	w.DeleteGroup = func() { n.t.Helper(); n.must(n.conn.Del(goldap.NewDelRequest(n.group, nil))) }
	w.Has = func(p engine.Person) bool {
		n.t.Helper()
		dn := n.valueOf(n.find(p))
		return slices.ContainsFunc(n.values(n.group, n.attr), func(v string) bool { return dnKey(v) == dnKey(dn) })
	}
	w.Profile = n.profile
	w.Mark = n.mark
	if n.attr != "memberUid" {
		w.Nest = func() { n.t.Helper(); n.put(n.newGroup("nested")) }
	}
	held := 0
	w.Crowd = func(size int) {
		n.t.Helper()
		if size > held {
			n.put(n.crowd[held:size]...)
			held = size
		}
	}
}
