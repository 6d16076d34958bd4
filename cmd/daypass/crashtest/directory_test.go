package crashtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/internal/beds"
)

// nobody stands in groups that may not be empty.
const nobody = "cn=nobody,dc=lab,dc=test"

func newBed(t *testing.T) *beds.SlapdServer {
	t.Helper()
	var ldif strings.Builder
	for i := range crowd {
		p := person(i)
		fmt.Fprintf(&ldif, "dn: %s\nobjectClass: inetOrgPerson\nuid: %s\ncn: %s\nsn: %s\nmail: %s\n\n", dn(p), p, p, p, mail(p))
	}
	return beds.Slapd(t, beds.SlapdOptions{Overlays: []string{"memberof", "refint"}, LDIF: ldif.String(), Quiet: true})
}

func dn(person string) string { return "uid=" + person + ",ou=people,dc=lab,dc=test" }

// directory looks at the groups of one lane, and changes them behind the
// program's back.
type directory struct {
	t    testing.TB
	bed  *beds.SlapdServer
	base string
	conn *goldap.Conn
}

// newDirectory makes a place for groups of its own.
func newDirectory(t *testing.T, bed *beds.SlapdServer, name string) *directory {
	t.Helper()
	d := &directory{t: t, bed: bed, base: "ou=" + name + ",ou=groups," + bed.Base}
	d.connect()
	t.Cleanup(func() { d.conn.Close() })
	d.must(d.conn.Add(&goldap.AddRequest{DN: d.base, Attributes: []goldap.Attribute{
		{Type: "objectClass", Vals: []string{"organizationalUnit"}}, {Type: "ou", Vals: []string{name}},
	}}))
	return d
}

// connect connects, also once more after the server was gone.
func (d *directory) connect() {
	d.t.Helper()
	if d.conn != nil {
		d.conn.Close()
	}
	conn, err := goldap.DialURL(d.bed.URL)
	d.must(err)
	d.conn = conn
	d.must(conn.Bind(d.bed.AdminDN, d.bed.Password))
}

func (d *directory) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatalf("directory: %v", err)
	}
}

func (d *directory) create(g group, people []string) {
	d.t.Helper()
	a := &goldap.AddRequest{DN: d.groupDN(g.name)}
	a.Attribute("objectClass", []string{g.class})
	a.Attribute("cn", []string{g.name})
	if vs := values(g.class, people); len(vs) > 0 {
		a.Attribute("member", vs)
	}
	d.must(d.conn.Add(a))
}

func (d *directory) groupDN(name string) string { return "cn=" + name + "," + d.base }

// values are those of the attribute member.
func values(class string, people []string) []string {
	if len(people) == 0 && class == "groupOfNames" {
		return []string{nobody}
	}
	vs := make([]string, len(people))
	for i, p := range people {
		vs[i] = dn(p)
	}
	return vs
}

// members reads who is in each group.
func (d *directory) members() map[string][]string {
	d.t.Helper()
	res, err := d.conn.Search(goldap.NewSearchRequest(d.base, goldap.ScopeSingleLevel, goldap.NeverDerefAliases, 0, 0, false,
		"(cn=*)", []string{"cn", "member"}, nil))
	d.must(err)
	ms := make(map[string][]string)
	for _, e := range res.Entries {
		people := []string{}
		for _, v := range e.GetAttributeValues("member") {
			if v != nobody {
				people = append(people, strings.TrimPrefix(strings.Split(v, ",")[0], "uid="))
			}
		}
		ms[e.GetAttributeValue("cn")] = people
	}
	return sorted(ms)
}

// reset makes the groups have exactly these members.
func (d *directory) reset(s *story, want map[string][]string) {
	d.t.Helper()
	have := d.members()
	for _, g := range s.groups {
		if slices.Equal(have[g.name], want[g.name]) {
			continue
		}
		m := goldap.NewModifyRequest(d.groupDN(g.name), nil)
		m.Replace("member", values(g.class, want[g.name]))
		d.must(d.conn.Modify(m))
	}
}

func sorted(ms map[string][]string) map[string][]string {
	for _, people := range ms {
		slices.Sort(people)
	}
	return ms
}
