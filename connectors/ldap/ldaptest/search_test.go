package ldaptest_test

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
)

func TestFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ldaptest.Options{MemberOf: true, Flavor: ldaptest.OpenLDAP})
	u1 := w.people[0]
	odd := must[string](t)(w.server.AddPerson(ldaptest.Person{Login: `o,d"d+ #1`, Name: "Åsa (Odd) *", Mail: "odd@example.org", Attributes: map[string][]string{"uidNumber": {"1000"}}}))
	if err := w.server.AddMembers("g", odd); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		filter string
		want   int
	}{
		{"(uid=u1)", 1},
		{"(UID=U1)", 1},
		{"(userid=u1)", 1},
		{"(0.9.2342.19200300.100.1.1=u1)", 1},
		{"(uid= u1 )", 1},
		{"(uid=u9)", 0},
		{"(uid=u*)", 4},
		{"(uid=*1)", 2},
		{"(mail=*@*.org)", 5},
		{"(mail=u*e*1*)", 0},
		{"(mail=u*1@*example*g)", 1},
		{"(cn=" + ldap.EscapeFilter("åsa (odd) *") + ")", 1},
		{"(uid=" + ldap.EscapeFilter(`o,d"d+ #1`) + ")", 1},
		{"(mail=*)", 5},
		{"(description=*)", 0},
		{"(wibble=*)", 0},
		{"(!(wibble=x))", 0},
		{"(|(wibble=x)(uid=u1))", 1},
		{"(&(wibble=x)(uid=u1))", 0},
		{"(!(uid=u1))", 8},
		{"(&(uid=u*)(!(uid=u1)))", 3},
		{"(|(uid=u1)(uid=u2)(cn=g))", 3},
		{"(&)", 9},
		{"(|)", 0},
		{"(objectClass=person)", 5},
		{"(objectClass=TOP)", 9},
		{"(objectClass=groupOfNames)", 1},
		{"(objectclass=organizationalUnit)", 2},
		{"(member=" + ldap.EscapeFilter(u1) + ")", 1},
		{"(member=" + ldap.EscapeFilter(shout(u1)) + ")", 1},
		{"(member=nonsense)", 0},
		{"(!(member=nonsense))", 0},
		{"(member=" + ldap.EscapeFilter(odd) + ")", 1},
		{"(memberOf=" + ldap.EscapeFilter(w.group) + ")", 3},
		{"(memberOf=*)", 3},
		{"(uidNumber>=999)", 1},
		{"(uidNumber<=999)", 0},
		{"(uidNumber>=9999)", 0},
		{"(createTimestamp>=20200101000000Z)", 9},
		{"(modifyTimestamp<=20200101000000Z)", 0},
		{"(uid~=u1)", 1},
		{"(uid:caseIgnoreMatch:=U1)", 1},
		{"(uid:1.2.3.4:=u1)", 0},
		{"(memberOf:1.2.840.113556.1.4.1941:=" + ldap.EscapeFilter(w.group) + ")", 0},
		{"(hasSubordinates=TRUE)", 3},
		{"(entryDN=" + ldap.EscapeFilter(u1) + ")", 1},
	}
	for _, tt := range tests {
		if got := len(find(t, w.conn, tt.filter, "1.1")); got != tt.want {
			t.Errorf("%s: found %d, want %d", tt.filter, got, tt.want)
		}
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ldaptest.Options{})
	tests := []struct {
		base  string
		scope int
		want  int
		code  int
	}{
		{"dc=example,dc=org", ldap.ScopeBaseObject, 1, 0},
		{"dc=example,dc=org", ldap.ScopeSingleLevel, 2, 0},
		{"dc=example,dc=org", ldap.ScopeWholeSubtree, 8, 0},
		{"OU=People , dc=example,dc=org", ldap.ScopeWholeSubtree, 5, 0},
		{"ou=people,dc=example,dc=org", ldap.ScopeSingleLevel, 4, 0},
		{"ou=none,ou=people,dc=example,dc=org", ldap.ScopeWholeSubtree, 0, 32},
		{"dc=elsewhere", ldap.ScopeWholeSubtree, 0, 32},
		{"nonsense", ldap.ScopeWholeSubtree, 0, 34},
	}
	for _, tt := range tests {
		for _, filter := range []string{"(objectClass=*)", "(|(uid=*)(cn=*)(ou=*)(dc=*))"} {
			res, err := w.conn.Search(query(tt.base, tt.scope, filter, "1.1"))
			if code(err) != tt.code || len(res.Entries) != tt.want {
				t.Errorf("%s scope %d: %d entries and %v, want %d and code %d", tt.base, tt.scope, len(res.Entries), err, tt.want, tt.code)
			}
		}
		// The same through an index.
		res, err := w.conn.Search(query(tt.base, tt.scope, "(uid=u1)", "1.1"))
		want := 0
		if strings.Contains(strings.ToLower(tt.base), "people") && tt.code == 0 || tt.scope == ldap.ScopeWholeSubtree && tt.want > 0 {
			want = 1
		}
		if code(err) != tt.code || len(res.Entries) != want {
			t.Errorf("%s scope %d: u1 found %d times and %v, want %d", tt.base, tt.scope, len(res.Entries), err, want)
		}
	}
	_, err := w.conn.Search(query("uid=a,ou=none,ou=people,dc=example,dc=org", ldap.ScopeBaseObject, "(objectClass=*)"))
	if e := (*ldap.Error)(nil); !errors.As(err, &e) || e.MatchedDN != "ou=people,dc=example,dc=org" {
		t.Errorf("matched DN of %v", err)
	}
}

func TestSelection(t *testing.T) {
	t.Parallel()
	ids := map[ldaptest.Flavor]string{ldaptest.OpenLDAP: "entryUUID", ldaptest.DS389: "nsUniqueId", ldaptest.ActiveDirectory: "objectGUID"}
	for _, f := range flavors {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, ldaptest.Options{Flavor: f, MemberOf: true})
			has := func(attrs []string, name string) bool {
				t.Helper()
				e := find(t, w.conn, "(mail=u1@example.org)", attrs...)[0]
				return slices.ContainsFunc(e.Attributes, func(a *ldap.EntryAttribute) bool { return a.Name == name })
			}
			id := ids[f]
			hidden := f != ldaptest.ActiveDirectory
			for _, tt := range []struct {
				attrs []string
				name  string
				want  bool
			}{
				{nil, "cn", true},
				{nil, id, !hidden},
				{nil, "createTimestamp", false},
				{[]string{"*"}, "mail", true},
				{[]string{"+"}, "mail", false},
				{[]string{"*", "+"}, "createTimestamp", true},
				{[]string{"1.1"}, "cn", false},
				{[]string{"CN", "1.1"}, "cn", true},
				{[]string{id}, id, true},
				{[]string{"*", id}, id, true},
				{[]string{"memberof"}, "memberOf", true},
				{[]string{"commonName"}, "cn", true},
				{[]string{"wibble"}, "wibble", false},
				{[]string{"userPassword"}, "userPassword", false},
				{[]string{"*"}, "memberOf", f != ldaptest.OpenLDAP},
			} {
				if got := has(tt.attrs, tt.name); got != tt.want {
					t.Errorf("%v returns %s: %v, want %v", tt.attrs, tt.name, got, tt.want)
				}
			}
			req := query(w.people[0], ldap.ScopeBaseObject, "(objectClass=*)", "cn")
			req.TypesOnly = true
			res, err := w.conn.Search(req)
			if err != nil || len(res.Entries[0].Attributes) != 1 || len(res.Entries[0].Attributes[0].Values) != 0 {
				t.Errorf("types only: %v, %v", res.Entries, err)
			}
		})
	}
}

// An id is found by a filter, survives a rename, and is the same when the
// same directory is made again.
func TestIDs(t *testing.T) {
	t.Parallel()
	for _, f := range flavors {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			w, again := newWorld(t, ldaptest.Options{Flavor: f}), newWorld(t, ldaptest.Options{Flavor: f})
			attr, escape := "entryUUID", func(b []byte) string { return string(b) }
			if f == ldaptest.ActiveDirectory {
				attr, escape = "objectGUID", func(b []byte) string {
					out := ""
					for _, c := range b {
						out += fmt.Sprintf(`\%02x`, c)
					}
					return out
				}
			}
			id := func(w world, filter string) []byte {
				t.Helper()
				es := find(t, w.conn, filter, attr)
				if len(es) != 1 {
					t.Fatalf("%s: %d entries", filter, len(es))
				}
				return es[0].GetRawAttributeValue(attr)
			}
			before := id(w, "(mail=u1@example.org)")
			if got := id(again, "(mail=u1@example.org)"); string(got) != string(before) {
				t.Errorf("made again: id %x, want %x", got, before)
			}
			rdn := strings.SplitN(w.people[0], "=", 2)[0] + "=renamed"
			if err := w.conn.ModifyDN(ldap.NewModifyDNRequest(w.people[0], rdn, true, "")); err != nil {
				t.Fatal(err)
			}
			if es := find(t, w.conn, "("+attr+"="+escape(before)+")"); len(es) != 1 || !strings.Contains(es[0].DN, "renamed") {
				t.Errorf("by id: %v", es)
			}
			if err := w.server.Remove(w.people[1]); err != nil {
				t.Fatal(err)
			}
			old := id(again, "(mail=u2@example.org)")
			must[string](t)(w.server.AddPerson(ldaptest.Person{Login: "u2", Mail: "u2@example.org"}))
			if got := id(w, "(mail=u2@example.org)"); string(got) == string(old) {
				t.Error("a person deleted and created again has the old id")
			}
		})
	}
}

func TestRootDSE(t *testing.T) {
	t.Parallel()
	root := func(f ldaptest.Flavor, attrs ...string) *ldap.Entry {
		t.Helper()
		c := dial(t, start(t, ldaptest.Options{Flavor: f, TLS: serverTLS(t)}))
		res, err := c.Search(query("", ldap.ScopeBaseObject, "(objectClass=*)", attrs...))
		if err != nil || len(res.Entries) != 1 {
			t.Fatalf("%s: %v, %v", f, res, err)
		}
		return res.Entries[0]
	}
	if e := root(ldaptest.OpenLDAP); len(e.Attributes) != 1 {
		t.Errorf("openldap shows %d attributes unasked, want objectClass only", len(e.Attributes))
	}
	for f, want := range map[ldaptest.Flavor][2]string{
		ldaptest.OpenLDAP:        {"supportedControl", "1.3.6.1.1.12"},
		ldaptest.DS389:           {"vendorName", "389 Project"},
		ldaptest.ActiveDirectory: {"supportedCapabilities", "1.2.840.113556.1.4.800"},
	} {
		e := root(f, "+", "*")
		if !slices.Contains(e.GetAttributeValues(want[0]), want[1]) {
			t.Errorf("%s: no %s in %s", f, want[1], want[0])
		}
		if got := e.GetAttributeValues("namingContexts"); !cmp.Equal(got, []string{"dc=example,dc=org"}) {
			t.Errorf("%s: naming contexts %v", f, got)
		}
		if (e.GetAttributeValue("currentTime") != "") != (f == ldaptest.ActiveDirectory) {
			t.Errorf("%s: currentTime %q", f, e.GetAttributeValue("currentTime"))
		}
		if !slices.Contains(e.GetAttributeValues("supportedExtension"), "1.3.6.1.4.1.1466.20037") {
			t.Errorf("%s: no StartTLS", f)
		}
	}
}

func TestSubschema(t *testing.T) {
	t.Parallel()
	c := connect(t, start(t, ldaptest.Options{}))
	res, err := c.Search(query("cn=subschema", ldap.ScopeBaseObject, "(objectClass=subschema)", "objectClasses", "attributeTypes"))
	if err != nil {
		t.Fatal(err)
	}
	classes := strings.Join(res.Entries[0].GetAttributeValues("objectClasses"), "\n")
	if !strings.Contains(classes, "NAME 'groupOfNames' SUP top MUST ( cn $ member )") {
		t.Error(classes)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ldaptest.Options{Flavor: ldaptest.ActiveDirectory})
	e := find(t, w.conn, "(sAMAccountName=u3)", "objectGUID", "objectSid")[0]
	raw, sid := e.GetRawAttributeValue("objectGUID"), e.GetRawAttributeValue("objectSid")
	for _, name := range []string{
		"<GUID=" + hex.EncodeToString(raw) + ">", "<guid=" + upper(hex.EncodeToString(raw)) + ">", "<GUID=" + textGUID(raw) + ">", "<SID=" + hex.EncodeToString(sid) + ">", "<SID=" + textSID(sid) + ">",
	} {
		res, err := w.conn.Search(query(name, ldap.ScopeBaseObject, "(objectClass=*)"))
		if err != nil || len(res.Entries) != 1 || res.Entries[0].DN != e.DN {
			t.Errorf("search at %s: %v", name, err)
		}
		if err := modifyMember(w.conn, w.group, add, "member", name); err != nil {
			t.Errorf("add %s: %v", name, err)
		}
		if !slices.Contains(w.server.Members("g"), e.DN) {
			t.Errorf("%s is not shown as %s", name, e.DN)
		}
		if err := modifyMember(w.conn, w.group, del, "member", name); err != nil {
			t.Errorf("delete %s: %v", name, err)
		}
	}
	for _, name := range []string{"<GUID=00000000000000000000000000000000>", "<GUID=>", "<SID=S-1-5-11>", "<SID=>", "<SID=S-1-5-21-1-2-3-1104>", "<X=1>"} {
		if _, err := w.conn.Search(query(name, ldap.ScopeBaseObject, "(objectClass=*)")); code(err) != 32 {
			t.Errorf("%s: %v, want 32", name, err)
		}
	}
}

func textSID(b []byte) string {
	out := fmt.Sprintf("S-%d-%d", b[0], b[7])
	for i := 8; i < len(b); i += 4 {
		out += fmt.Sprintf("-%d", binary.LittleEndian.Uint32(b[i:]))
	}
	return out
}

func textGUID(b []byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", []byte{b[3], b[2], b[1], b[0]}, []byte{b[5], b[4]}, []byte{b[7], b[6]}, b[8:10], b[10:])
}

func TestExtendedDN(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ldaptest.Options{Flavor: ldaptest.ActiveDirectory})
	req := query(w.group, ldap.ScopeBaseObject, "(objectClass=*)", "member")
	req.Controls = []ldap.Control{ldap.NewControlString("1.2.840.113556.1.4.529", false, "")}
	res, err := w.conn.Search(req)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range append(res.Entries[0].GetAttributeValues("member"), res.Entries[0].DN) {
		if !strings.HasPrefix(v, "<GUID=") || !strings.Contains(v, ">;<SID=0105") || !strings.Contains(v, ">;CN=") {
			t.Errorf("%q", v)
		}
	}
}

func TestInChain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ldaptest.Options{Flavor: ldaptest.ActiveDirectory})
	outer := must[string](t)(w.server.AddGroup(ldaptest.Group{Name: "outer", Members: []string{w.group}}))
	if err := w.server.AddMembers("g", outer); err != nil { // a circle
		t.Fatal(err)
	}
	if got := len(find(t, w.conn, "(memberOf:1.2.840.113556.1.4.1941:="+outer+")")); got != 4 {
		t.Errorf("members of outer, nested: %d, want u1, u2 and both groups", got)
	}
	if got := len(find(t, w.conn, "(member:1.2.840.113556.1.4.1941:="+w.people[0]+")")); got != 2 {
		t.Errorf("groups of u1, nested: %d, want 2", got)
	}
	if got := len(find(t, w.conn, "(userAccountControl:1.2.840.113556.1.4.803:=2)")); got != 0 {
		t.Errorf("disabled: %d, want 0", got)
	}
}

// Active Directory points at its other partitions unless told not to.
func TestReferences(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ldaptest.Options{Flavor: ldaptest.ActiveDirectory})
	req := query("dc=example,dc=org", ldap.ScopeWholeSubtree, "(cn=g)")
	res, err := w.conn.Search(req)
	if err != nil || len(res.Referrals) != 3 {
		t.Errorf("%v, %v", res.Referrals, err)
	}
	req.Controls = []ldap.Control{ldap.NewControlString(ldap.ControlTypeMicrosoftDomainScope, true, "")}
	if res, err = w.conn.Search(req); err != nil || len(res.Referrals) != 0 || len(res.Entries) != 1 {
		t.Errorf("domain scope: %v, %v", res, err)
	}
	if _, err := w.conn.Search(query("dc=elsewhere,dc=net", ldap.ScopeBaseObject, "(cn=g)")); code(err) != 10 {
		t.Errorf("another domain: %v, want code 10", err)
	}
}

func TestUnknownCriticalControl(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ldaptest.Options{})
	req := query(w.group, ldap.ScopeBaseObject, "(cn=g)")
	for critical, want := range map[bool]int{true: 12, false: 0} {
		req.Controls = []ldap.Control{ldap.NewControlString("1.2.3.4", critical, "")}
		if _, err := w.conn.Search(req); code(err) != want {
			t.Errorf("critical %v: %v, want %d", critical, err, want)
		}
	}
}
