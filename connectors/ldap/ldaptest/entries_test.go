package ldaptest_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
)

func TestAddCodes(t *testing.T) {
	t.Parallel()
	const groups = ",ou=groups,dc=example,dc=org"
	type attrs map[string][]string
	tests := []struct {
		name  string
		dn    string
		attrs attrs
		want  [3]int
	}{
		{"group without a member", "cn=new" + groups, attrs{"objectClass": {"groupOfNames"}, "cn": {"new"}}, [3]int{65, 0, 0}},
		{"group", "cn=new" + groups, attrs{"objectClass": {"groupOfMembers"}, "cn": {"new"}}, [3]int{0, 0, 0}},
		{"there already", "cn=g" + groups, attrs{"objectClass": {"groupOfMembers"}, "cn": {"g"}}, [3]int{68, 68, 68}},
		{"no parent", "cn=new,ou=none" + groups, attrs{"objectClass": {"groupOfMembers"}, "cn": {"new"}}, [3]int{32, 32, 32}},
		{"outside", "cn=new,dc=elsewhere", attrs{"objectClass": {"groupOfMembers"}, "cn": {"new"}}, [3]int{53, 32, 10}},
		{"no class", "cn=new" + groups, attrs{"cn": {"new"}}, [3]int{65, 65, 65}},
		{"unknown class", "cn=new" + groups, attrs{"objectClass": {"wibble"}, "cn": {"new"}}, [3]int{21, 65, 65}},
		{"unknown attribute", "cn=new" + groups, attrs{"objectClass": {"groupOfMembers"}, "cn": {"new"}, "wibble": {"x"}}, [3]int{17, 65, 16}},
		{"no naming value", "cn=new" + groups, attrs{"objectClass": {"groupOfMembers"}, "cn": {"other"}}, [3]int{64, 0, 0}},
		{"bad name", "nonsense", attrs{"objectClass": {"groupOfMembers"}}, [3]int{34, 34, 34}},
		{"value twice", "cn=new" + groups, attrs{"objectClass": {"groupOfMembers"}, "cn": {"new", "NEW"}}, [3]int{20, 20, 20}},
	}
	for _, tt := range tests {
		for i, f := range flavors {
			t.Run(tt.name+"/"+f.String(), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, ldaptest.Options{Flavor: f})
				before := len(w.server.Entries())
				req := ldap.NewAddRequest(tt.dn, nil)
				for name, v := range tt.attrs {
					req.Attribute(name, v)
				}
				if err := w.conn.Add(req); code(err) != tt.want[i] {
					t.Errorf("%v, want code %d", err, tt.want[i])
				}
				added := len(w.server.Entries()) - before
				if want := map[bool]int{true: 1}[tt.want[i] == 0]; added != want {
					t.Errorf("%d entries added, want %d", added, want)
				}
			})
		}
	}
}

func TestDeleteAndReferences(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		opt  ldaptest.Options
		left int // members of g after u1 and u2 are deleted
	}{
		{"dangling", ldaptest.Options{}, 2},
		{"refint keeps the last of a groupOfNames", ldaptest.Options{RefInt: true}, 1},
		{"refint on 389", ldaptest.Options{Flavor: ldaptest.DS389, RefInt: true}, 0},
		{"active directory", ldaptest.Options{Flavor: ldaptest.ActiveDirectory}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tt.opt)
			for _, dn := range w.people[:2] {
				if err := w.conn.Del(ldap.NewDelRequest(dn, nil)); err != nil {
					t.Fatal(err)
				}
			}
			if got := w.server.Members("g"); len(got) != tt.left {
				t.Errorf("left %v, want %d", got, tt.left)
			}
			if err := w.conn.Del(ldap.NewDelRequest(w.people[0], nil)); code(err) != 32 {
				t.Errorf("delete again: %v", err)
			}
			if err := w.conn.Del(ldap.NewDelRequest("ou=people,dc=example,dc=org", nil)); code(err) != 66 {
				t.Errorf("delete a parent: %v", err)
			}
		})
	}
}

// A refused add leaves no trace, in the ids neither.
func TestRefusedAdd(t *testing.T) {
	t.Parallel()
	var ids []string
	for _, tries := range []int{0, 2} {
		w := newWorld(t, ldaptest.Options{})
		for range tries {
			if _, err := w.server.AddGroup(ldaptest.Group{Name: "new"}); err == nil {
				t.Fatal("a groupOfNames without a member was added")
			}
		}
		must[string](t)(w.server.AddGroup(ldaptest.Group{Name: "new", Members: w.people}))
		ids = append(ids, find(t, w.conn, "(cn=new)", "entryUUID")[0].GetAttributeValue("entryUUID"))
	}
	if ids[0] != ids[1] {
		t.Errorf("ids %v differ", ids)
	}
}

func TestTreeDelete(t *testing.T) {
	t.Parallel()
	for f, want := range map[ldaptest.Flavor]int{ldaptest.OpenLDAP: 12, ldaptest.ActiveDirectory: 0} {
		w := newWorld(t, ldaptest.Options{Flavor: f})
		req := ldap.NewDelRequest("ou=people,dc=example,dc=org", []ldap.Control{ldap.NewControlString(ldap.ControlTypeMicrosoftTreeDelete, true, "")})
		if err := w.conn.Del(req); code(err) != want {
			t.Errorf("%s: %v, want %d", f, err, want)
		}
		if got := len(find(t, w.conn, "(mail=*)")); (got == 0) != (want == 0) {
			t.Errorf("%s: %d people left", f, got)
		}
	}
}

func TestRename(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ldaptest.Options{RefInt: true, MemberOf: true})
	// The parent moves with all below it; members follow, and so do filters.
	if err := w.server.Rename("ou=people,dc=example,dc=org", "ou=Staff Members", ""); err != nil {
		t.Fatal(err)
	}
	moved := "uid=u1,ou=Staff Members,dc=example,dc=org"
	if got := w.server.Members("g"); !slices.Contains(got, moved) {
		t.Errorf("members %v", got)
	}
	if got := find(t, w.conn, "(memberOf="+w.group+")"); len(got) != 2 {
		t.Errorf("found %d with memberOf", len(got))
	}
	if got := find(t, w.conn, "(member="+moved+")"); len(got) != 1 {
		t.Errorf("found %d groups by the new name", len(got))
	}
	for _, tt := range []struct {
		dn, rdn, parent string
		dropOld         bool
		want            int
	}{
		{moved, "uid=u2", "", true, 68},
		{moved, "nonsense", "", true, 34},
		{moved, "uid=u1", "ou=none,dc=example,dc=org", true, 32},
		{"uid=none,dc=example,dc=org", "uid=x", "", true, 32},
		{"ou=Staff Members,dc=example,dc=org", "ou=x", moved, true, 53},
		{moved, "uid=u1+cn=two", "ou=groups,dc=example,dc=org", false, 0},
	} {
		if err := w.conn.ModifyDN(ldap.NewModifyDNRequest(tt.dn, tt.rdn, tt.dropOld, tt.parent)); code(err) != tt.want {
			t.Errorf("rename %s to %s: %v, want %d", tt.dn, tt.rdn, err, tt.want)
		}
	}
	e := find(t, w.conn, "(uid=u1)")[0]
	if e.DN != "uid=u1+cn=two,ou=groups,dc=example,dc=org" || !cmp.Equal(e.GetAttributeValues("cn"), []string{"u1", "two"}) {
		t.Errorf("after all: %s, cn %v", e.DN, e.GetAttributeValues("cn"))
	}
	if got := find(t, w.conn, "(member=CN=two+UID=u1,ou=groups,dc=example,dc=org)"); len(got) != 1 {
		t.Errorf("found %d groups by both parts in other order", len(got))
	}
}

// Whoever is created where another entry was is somebody else, with an id of
// its own, whether the other moved, moved with its parent, or is gone since.
func TestIDsAreNeverGivenTwice(t *testing.T) {
	t.Parallel()
	for _, f := range flavors {
		w := newWorld(t, ldaptest.Options{Flavor: f})
		attr := map[ldaptest.Flavor]string{ldaptest.OpenLDAP: "entryUUID", ldaptest.DS389: "nsUniqueId", ldaptest.ActiveDirectory: "objectGUID"}[f]
		owner := map[string]int{}
		create := func(i int, dn string) {
			t.Helper()
			r := ldap.NewAddRequest(dn, nil)
			r.Attribute("objectClass", []string{"organizationalUnit"})
			r.Attribute("ou", []string{dn[3:4]})
			if err := w.conn.Add(r); err != nil {
				t.Fatal(err)
			}
			res := must[*ldap.SearchResult](t)(w.conn.Search(query(dn, ldap.ScopeBaseObject, "(objectClass=*)", attr)))
			id := string(res.Entries[0].GetRawAttributeValue(attr))
			if was, taken := owner[id]; taken || id == "" {
				t.Errorf("%s: entry %d has id %x, which entry %d had before", f, i, id, was)
			}
			owner[id] = i
		}
		rename := func(dn, rdn string) {
			t.Helper()
			if err := w.conn.ModifyDN(ldap.NewModifyDNRequest(dn, rdn, true, "")); err != nil {
				t.Fatal(err)
			}
		}
		const top, below = "ou=a,dc=example,dc=org", "ou=k,ou=a,dc=example,dc=org"
		create(1, top)
		create(2, below)
		rename(top, "ou=b")
		create(3, top) // the others are there, elsewhere
		create(4, below)
		rename(top, "ou=c")
		for _, dn := range []string{"ou=k,ou=c,dc=example,dc=org", "ou=c,dc=example,dc=org"} {
			if err := w.conn.Del(ldap.NewDelRequest(dn, nil)); err != nil {
				t.Fatal(err)
			}
		}
		create(5, top) // those before are gone, under other names
		create(6, below)
		rename(top, "OU=A") // only the spelling changes
		create(7, "ou=c,dc=example,dc=org")
	}
}

// An export may bring an id that an entry would be given here.
func TestSeededIDsAreNeverGivenTwice(t *testing.T) {
	t.Parallel()
	first := newWorld(t, ldaptest.Options{})
	taken := find(t, first.conn, "(cn=g)", "entryUUID")[0].GetAttributeValue("entryUUID")
	s := start(t, ldaptest.Options{})
	err := s.Load(strings.NewReader("dn: ou=x,dc=example,dc=org\nobjectClass: organizationalUnit\nentryUUID: " + taken + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	must[string](t)(s.AddGroup(ldaptest.Group{Name: "g", Kind: ldaptest.PosixGroup}))
	c := connect(t, s)
	if got := find(t, c, "(entryUUID="+taken+")"); len(got) != 1 || !strings.HasPrefix(got[0].DN, "ou=x") {
		t.Errorf("found %v by the seeded id, want ou=x", got)
	}
	if got := find(t, c, "(cn=g)", "entryUUID")[0].GetAttributeValue("entryUUID"); got == taken {
		t.Errorf("the group has the seeded id %s of ou=x", got)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ldaptest.Options{})
	for _, tt := range []struct {
		dn, attr, value string
		want            bool
		code            int
	}{
		{w.group, "member", shout(w.people[0]), true, 0},
		{w.group, "member", w.people[2], false, 0},
		{w.group, "description", "x", false, 16},
		{w.group, "wibble", "x", false, 17},
		{w.group, "member", "nonsense", false, 21},
		{"cn=none,dc=example,dc=org", "cn", "x", false, 32},
	} {
		got, err := w.conn.Compare(tt.dn, tt.attr, tt.value)
		if got != tt.want || code(err) != tt.code {
			t.Errorf("compare %s %s: %v, %v", tt.attr, tt.value, got, err)
		}
	}
}

// OpenLDAP has the assertion control, and a permissive modify whose deletes
// depend on the order of the values.
func TestOpenLDAPControls(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		control ldap.Control
		kind    uint
		values  []string
		want    int
	}{
		{"permissive add of a present one", permissive(), add, []string{"{1}", "{3}"}, 0},
		{"permissive delete, absent first", permissive(), del, []string{"{3}", "{1}"}, 0},
		{"permissive delete, absent last", permissive(), del, []string{"{1}", "{3}"}, 16},
		{"assertion holds", assertion(t, "(!(description=*))"), add, []string{"{3}"}, 0},
		{"assertion fails", assertion(t, "(description=*)"), add, []string{"{3}"}, 122},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ldaptest.Options{})
			req := ldap.NewModifyRequest(w.group, []ldap.Control{tt.control})
			req.Changes = []ldap.Change{{Operation: tt.kind, Modification: ldap.PartialAttribute{Type: "member", Vals: w.expand(tt.values)}}}
			if err := w.conn.Modify(req); code(err) != tt.want {
				t.Errorf("%v, want %d", err, tt.want)
			}
		})
	}
}

func permissive() ldap.Control {
	return ldap.NewControlString(ldap.ControlTypeMicrosoftPermissiveModify, true, "")
}

func assertion(t *testing.T, filter string) ldap.Control {
	t.Helper()
	p, err := ldap.CompileFilter(filter)
	if err != nil {
		t.Fatal(err)
	}
	return ldap.NewControlString("1.3.6.1.1.12", true, string(p.Bytes()))
}

// A link with a time to live is a member until then, and no longer.
func TestLinkTTL(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	pass := func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) }
	w := newWorld(t, ldaptest.Options{Flavor: ldaptest.ActiveDirectory, LinkTTL: ldaptest.LinkTTLOutside, Now: clock})
	if err := modifyMember(w.conn, w.group, add, "member", "<TTL=600>,"+w.people[2]); err != nil {
		t.Fatal(err)
	}
	if err := modifyMember(w.conn, w.group, add, "member", "<TTL=60>,"+w.people[2]); code(err) != 68 {
		t.Errorf("again: %v, want 68", err)
	}
	pass(200 * time.Second)
	req := query(w.group, ldap.ScopeBaseObject, "(objectClass=*)", "member")
	req.Controls = []ldap.Control{ldap.NewControlMicrosoftServerLinkTTL()}
	res, err := w.conn.Search(req)
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Entries[0].GetAttributeValues("member"); !slices.Contains(got, "<TTL=400>,"+w.people[2]) {
		t.Errorf("after 200 s: %v", got)
	}
	pass(399 * time.Second)
	if got := len(find(t, w.conn, "(memberOf="+w.group+")")); got != 3 {
		t.Errorf("a second before: %d members", got)
	}
	pass(time.Second)
	if got := len(find(t, w.conn, "(memberOf="+w.group+")")); got != 2 {
		t.Errorf("at the end: %d members", got)
	}
	for value, want := range map[string]int{"<TTL=0>," + w.people[2]: 34, "<TTL=x>," + w.people[2]: 34, "<TTL=9>,CN=ghost,DC=example,DC=org": 32} {
		if err := modifyMember(w.conn, w.group, add, "member", value); code(err) != want {
			t.Errorf("%s: %v, want %d", value, err, want)
		}
	}
}

// A server takes one form of a member with an end, and tells whether it takes
// any.
func TestLinkTTLForms(t *testing.T) {
	t.Parallel()
	const partitions = "CN=Partitions,CN=Configuration,dc=example,dc=org"
	for links, want := range map[ldaptest.LinkTTL]struct {
		outside, inside int
		offered, on     bool
	}{
		ldaptest.NoLinkTTL:      {34, 34, false, false},
		ldaptest.LinkTTLOff:     {34, 34, true, false},
		ldaptest.LinkTTLOutside: {0, 34, true, true},
		ldaptest.LinkTTLInside:  {21, 0, true, true},
	} {
		w := newWorld(t, ldaptest.Options{Flavor: ldaptest.ActiveDirectory, LinkTTL: links})
		for value, want := range map[string]int{"<TTL=60>," + w.people[2]: want.outside, "<TTL=60," + w.people[3] + ">": want.inside} {
			if got := code(modifyMember(w.conn, w.group, add, "member", value)); got != want {
				t.Errorf("%d: %s: got %d, want %d", links, value, got, want)
			}
		}
		read := func(dn, attr string) string {
			res, err := w.conn.Search(query(dn, ldap.ScopeBaseObject, "(objectClass=*)", attr))
			if err != nil {
				t.Fatal(err)
			}
			return strings.Join(res.Entries[0].GetAttributeValues(attr), " ")
		}
		offered := strings.Contains(read("", "supportedControl"), ldap.ControlTypeMicrosoftServerLinkTTL)
		on := strings.Contains(read(partitions, "msDS-EnabledFeature"), "CN=Privileged Access Management Feature,")
		if offered != want.offered || on != want.on {
			t.Errorf("%d: offered %t and on %t, want %t and %t", links, offered, on, want.offered, want.on)
		}
	}
	anonymous := start(t, ldaptest.Options{Flavor: ldaptest.ActiveDirectory})
	conn, err := ldap.DialURL(anonymous.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Search(query(partitions, ldap.ScopeBaseObject, "(objectClass=*)")); code(err) != 1 {
		t.Errorf("features without a bind: %v, want 1", err)
	}
}

// Whoever writes at the same time loses nothing.
func TestConcurrentModifies(t *testing.T) {
	t.Parallel()
	const clients, each = 8, 40
	s := start(t, ldaptest.Options{MemberOf: true})
	people := must[[]string](t)(s.Crowd("u", clients*each+1))
	group := must[string](t)(s.AddGroup(ldaptest.Group{Name: "g", Members: people[clients*each:]}))
	errs := make(chan error, clients)
	for i := range clients {
		c := connect(t, s)
		go func() {
			for _, dn := range people[i*each : (i+1)*each] {
				if err := modifyMember(c, group, add, "member", dn); err != nil {
					errs <- err
					return
				}
			}
			for _, dn := range people[i*each : i*each+each/2] {
				if err := modifyMember(c, group, del, "member", dn); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	for range clients {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	want := []string{people[clients*each]}
	for i := range clients {
		want = append(want, people[i*each+each/2:(i+1)*each]...)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, s.Members("g")); diff != "" {
		t.Error(diff)
	}
	if got := len(find(t, connect(t, s), "(memberOf="+group+")", "1.1")); got != len(want) {
		t.Errorf("memberOf finds %d, want %d", got, len(want))
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	const ldif = `version: 1

# the root is there already
dn: dc=example,dc=org
objectClass: domain
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn:: dWlkPcOlc2Esb3U9cGVvcGxlLGRjPWV4YW1wbGUsZGM9b3Jn
objectClass: inetOrgPerson
objectClass: companyPerson
uid:: w6VzYQ==
cn: A name that is fol
 ded
# a comment
 that goes on
sn: S
badgeNumber: 12
entryUUID: 6ba7b810-9dad-11d1-80b4-00c04fd430c8
createTimestamp: 20200101000000Z
`
	s := start(t, ldaptest.Options{})
	if err := s.Load(strings.NewReader(ldif)); err != nil {
		t.Fatal(err)
	}
	es := find(t, connect(t, s), "(entryUUID=6ba7b810-9dad-11d1-80b4-00c04fd430c8)", "cn", "badgeNumber", "uid")
	if len(es) != 1 || es[0].GetAttributeValue("cn") != "A name that is folded" || es[0].GetAttributeValue("badgeNumber") != "12" || es[0].GetAttributeValue("uid") != "åsa" {
		t.Fatalf("%+v", es)
	}
	for ldif, want := range map[string]string{
		"dn: cn=x,dc=none\nobjectClass: top\n":                 "line 1",
		"\n\ndn: dc=x,dc=example,dc=org\nchangetype: delete\n": "line 3: change records",
		"cn: x\n": "want dn: first",
		"dn: cn=x,dc=example,dc=org\ncn:< file:///etc/passwd\n":     "values by URL",
		"dn: cn=x,dc=example,dc=org\nnonsense\n":                    "want name: value",
		"dn: cn=x,dc=example,dc=org\ncn:: ***\n":                    "illegal base64",
		"dn: cn=x,dc=example,dc=org\nobjectClass: groupOfNames\n":   "requires attribute 'member'",
		"dn: cn=x,dc=example,dc=org\nobjectClass: top\nmember: x\n": "invalid per syntax",
	} {
		if err := s.Load(strings.NewReader(ldif)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", ldif, err, want)
		}
	}
}

// An export of Active Directory lists groups before their members as well.
func TestLoadForwardLinks(t *testing.T) {
	t.Parallel()
	s := start(t, ldaptest.Options{Flavor: ldaptest.ActiveDirectory})
	err := s.Load(strings.NewReader(`dn: CN=g,DC=example,DC=org
objectClass: group
member: CN=Ada,dc=example,dc=org

dn: CN=ada,DC=example,DC=org
objectClass: user
objectSid: ignored
`))
	if err != nil {
		t.Fatal(err)
	}
	c := connect(t, s)
	if got := find(t, c, "(memberOf=CN=g,DC=example,DC=org)"); len(got) != 1 {
		t.Errorf("found %d members", len(got))
	}
	if err := modifyMember(c, "CN=g,DC=example,DC=org", del, "member", "CN=ada,DC=example,DC=org"); err != nil {
		t.Error(err)
	}
}

func TestDisabledAccounts(t *testing.T) {
	t.Parallel()
	for f, filter := range map[ldaptest.Flavor]string{
		ldaptest.OpenLDAP: "(pwdAccountLockedTime=*)", ldaptest.DS389: "(nsAccountLock=TRUE)",
		ldaptest.ActiveDirectory: "(userAccountControl:1.2.840.113556.1.4.803:=2)",
	} {
		s := start(t, ldaptest.Options{Flavor: f})
		for _, p := range []ldaptest.Person{{Login: "on"}, {Login: "off", Disabled: true}} {
			must[string](t)(s.AddPerson(p))
		}
		if got := find(t, connect(t, s), filter); len(got) != 1 || !strings.Contains(got[0].DN, "off") {
			t.Errorf("%s: %s finds %v", f, filter, got)
		}
	}
}

func TestTokenGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ldaptest.Options{Flavor: ldaptest.ActiveDirectory})
	outer := must[string](t)(w.server.AddGroup(ldaptest.Group{Name: "outer", Members: []string{w.group}}))
	if err := w.server.AddMembers("g", outer); err != nil { // a circle
		t.Fatal(err)
	}
	res, err := w.conn.Search(query(w.people[0], ldap.ScopeBaseObject, "(objectClass=*)", "tokenGroups"))
	if err != nil || len(res.Entries[0].GetRawAttributeValues("tokenGroups")) != 2 {
		t.Errorf("groups of u1: %v, %v; want g and outer", res, err)
	}
	if _, err := w.conn.Search(query("dc=example,dc=org", ldap.ScopeWholeSubtree, "(cn=u1)", "tokenGroups")); code(err) != 1 {
		t.Errorf("in a subtree search: %v, want code 1", err)
	}
}

// Account names are unique in Active Directory.
func TestAccountNames(t *testing.T) {
	t.Parallel()
	s := start(t, ldaptest.Options{Flavor: ldaptest.ActiveDirectory})
	must[string](t)(s.AddPerson(ldaptest.Person{Login: "ada", Name: "Ada One"}))
	if _, err := s.AddPerson(ldaptest.Person{Login: "ADA", Name: "Ada Two"}); err == nil || !strings.Contains(err.Error(), "(68)") {
		t.Errorf("the same account name twice: %v", err)
	}
	must[string](t)(s.AddPerson(ldaptest.Person{Login: "ada2", Name: "Ada Two"}))
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, suffix := range []string{"nonsense", "cn=x", "dc=a,=b"} {
		if s, err := ldaptest.New(ldaptest.Options{Suffix: suffix}); err == nil {
			t.Errorf("suffix %q: %v", suffix, s.URL())
		}
	}
	s := must[*ldaptest.Server](t)(ldaptest.New(ldaptest.Options{Suffix: "o=Example Corp"}))
	if err := s.Demo(3); err != nil {
		t.Error(err)
	}
	if err := s.ListenTLS("127.0.0.1:0"); err == nil {
		t.Error("ldaps without a certificate")
	}
}

func TestParseFlavor(t *testing.T) {
	t.Parallel()
	for _, f := range flavors {
		if got, err := ldaptest.ParseFlavor(f.String()); err != nil || got != f {
			t.Errorf("%s: %v, %v", f, got, err)
		}
	}
	if _, err := ldaptest.ParseFlavor("novell"); err == nil {
		t.Error("novell is accepted")
	}
}

func Example() {
	s, err := ldaptest.New(ldaptest.Options{BindDN: adminDN, Password: password})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := s.Demo(20); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Members("prod-db"))
	// Output: [uid=root,ou=people,dc=example,dc=org]
}
