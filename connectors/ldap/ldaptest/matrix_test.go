package ldaptest_test

import (
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
)

// world is a small directory: u1 and u2 are in g, u3 is not, u4 was once.
type world struct {
	server *ldaptest.Server
	conn   *ldap.Conn
	group  string
	people []string
}

func newWorld(t *testing.T, opt ldaptest.Options) world {
	t.Helper()
	s := start(t, opt)
	w := world{server: s, people: must[[]string](t)(s.Crowd("u", 4))}
	w.group = must[string](t)(s.AddGroup(ldaptest.Group{Name: "g", Members: []string{w.people[0], w.people[1], w.people[3]}}))
	if err := s.RemoveMembers("g", w.people[3]); err != nil {
		t.Fatal(err)
	}
	w.conn = connect(t, s)
	return w
}

const (
	add     = ldap.AddAttribute
	del     = ldap.DeleteAttribute
	replace = ldap.ReplaceAttribute
)

// The result codes that real servers give (OpenLDAP 2.5, 389-ds 2.3, Samba
// 4.17), for one modify of the members of g.
func TestModifyCodes(t *testing.T) {
	t.Parallel()
	type change struct {
		kind   uint
		values []string
	}
	const u1, u2, u3, u4, ghost = "{1}", "{2}", "{3}", "{4}", "uid=ghost,ou=people,dc=example,dc=org"
	tests := []struct {
		name    string
		group   string // "" is g
		changes []change
		want    [3]int // OpenLDAP, 389-ds, Active Directory
		members int    // after, when all three agree; -1 otherwise
	}{
		{"add new", "", []change{{add, []string{u3}}}, [3]int{0, 0, 0}, 3},
		{"add present", "", []change{{add, []string{u1}}}, [3]int{20, 20, 68}, 2},
		{"add present in other case", "", []change{{add, []string{"{1 shouted}"}}}, [3]int{20, 20, 68}, 2},
		{"add present and new", "", []change{{add, []string{u3, u1}}}, [3]int{20, 20, 68}, 2},
		{"add one value twice", "", []change{{add, []string{u3, u3}}}, [3]int{20, 20, 0}, -1},
		{"add a ghost", "", []change{{add, []string{ghost}}}, [3]int{0, 0, 32}, -1},
		{"add no DN", "", []change{{add, []string{"nonsense"}}}, [3]int{21, 21, 34}, 2},
		{"delete present", "", []change{{del, []string{u1}}}, [3]int{0, 0, 0}, 1},
		{"delete absent", "", []change{{del, []string{u3}}}, [3]int{16, 16, 53}, 2},
		{"delete a former member", "", []change{{del, []string{u4}}}, [3]int{16, 16, 53}, 2},
		{"delete a ghost", "", []change{{del, []string{ghost}}}, [3]int{16, 16, 53}, 2},
		{"delete present and absent", "", []change{{del, []string{u1, u3}}}, [3]int{16, 16, 53}, 2},
		{"delete the last", "", []change{{del, []string{u1}}, {del, []string{u2}}}, [3]int{65, 0, 0}, -1},
		{"delete the attribute", "", []change{{del, nil}}, [3]int{65, 0, 0}, -1},
		{"replace with nothing", "", []change{{replace, nil}}, [3]int{65, 0, 0}, -1},
		{"delete all and add another", "", []change{{del, []string{u1, u2}}, {add, []string{u3}}}, [3]int{0, 0, 0}, 1},
		{"add another and delete all", "", []change{{add, []string{u3}}, {del, []string{u1, u2}}}, [3]int{0, 0, 0}, 1},
		{"good change, then a bad one", "", []change{{add, []string{u3}}, {del, []string{ghost}}}, [3]int{16, 16, 53}, 2},
		{"group missing", "cn=none,ou=groups,dc=example,dc=org", []change{{add, []string{u1}}}, [3]int{32, 32, 32}, 2},
	}
	for _, tt := range tests {
		for i, f := range flavors {
			t.Run(tt.name+"/"+f.String(), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, ldaptest.Options{Flavor: f})
				group := tt.group
				if group == "" {
					group = w.group
				}
				req := ldap.NewModifyRequest(group, nil)
				for _, ch := range tt.changes {
					req.Changes = append(req.Changes, ldap.Change{Operation: ch.kind, Modification: ldap.PartialAttribute{Type: "member", Vals: w.expand(ch.values)}})
				}
				before := w.server.Members("g")
				err := w.conn.Modify(req)
				if got := code(err); got != tt.want[i] {
					t.Errorf("code %d, want %d: %v", got, tt.want[i], err)
				}
				after := w.server.Members("g")
				if tt.members >= 0 && len(after) != tt.members {
					t.Errorf("%d members, want %d", len(after), tt.members)
				}
				if diff := cmp.Diff(before, after); tt.want[i] != 0 && diff != "" {
					t.Errorf("a refused modify changed something:\n%s", diff)
				}
			})
		}
	}
}

// expand puts DNs for {n}, which differ between flavors.
func (w world) expand(values []string) []string {
	var out []string
	for _, v := range values {
		switch v {
		case "{1}", "{2}", "{3}", "{4}":
			v = w.people[v[1]-'1']
		case "{1 shouted}":
			v = shout(w.people[0])
		}
		out = append(out, v)
	}
	return out
}

// shout spells a DN in another, equal way.
func shout(dn string) string {
	d, err := ldap.ParseDN(dn)
	if err != nil {
		return dn
	}
	out := ""
	for i, rdn := range d.RDNs {
		if i > 0 {
			out += " , "
		}
		a := rdn.Attributes[0]
		out += upper(a.Type) + " = " + upper(a.Value)
	}
	return out
}

func upper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// A group of Active Directory that never had a member answers 16, where one
// that had answers 53.
func TestNeverAMember(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ldaptest.Options{Flavor: ldaptest.ActiveDirectory})
	empty := must[string](t)(w.server.AddGroup(ldaptest.Group{Name: "empty"}))
	if got := code(modifyMember(w.conn, empty, del, "member", w.people[0])); got != 16 {
		t.Errorf("code %d, want 16", got)
	}
}

func TestGroupKinds(t *testing.T) {
	t.Parallel()
	s := start(t, ldaptest.Options{})
	people := must[[]string](t)(s.Crowd("u", 2))
	c := connect(t, s)
	tests := []struct {
		kind         ldaptest.GroupKind
		attr, member string
		last         int // the code for removing the last member
		other        string
	}{
		{ldaptest.GroupOfNames, "member", people[0], 65, people[1]},
		{ldaptest.GroupOfUniqueNames, "uniqueMember", people[0], 65, people[1] + "#'0101'B"},
		{ldaptest.GroupOfMembers, "member", people[0], 0, people[1]},
		{ldaptest.PosixGroup, "memberUid", "u1", 0, "U1"},
	}
	for _, tt := range tests {
		t.Run(string(tt.kind), func(t *testing.T) {
			t.Parallel()
			dn := must[string](t)(s.AddGroup(ldaptest.Group{Name: string(tt.kind), Kind: tt.kind, Members: []string{tt.member}}))
			if got := code(modifyMember(c, dn, del, tt.attr, tt.member)); got != tt.last {
				t.Errorf("remove the last: code %d, want %d", got, tt.last)
			}
			if got := code(modifyMember(c, dn, add, tt.attr, tt.other)); got != 0 {
				t.Errorf("add another: code %d", got)
			}
			wrong := "memberUid"
			if tt.attr == wrong {
				wrong = "uniqueMember"
			}
			if got := code(modifyMember(c, dn, add, wrong, people[0])); got != 65 {
				t.Errorf("add to %s: code %d, want 65", wrong, got)
			}
		})
	}
}

func TestOtherRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		attr string
		kind uint
		vals []string
		want [3]int
	}{
		{"unknown attribute", "wibble", add, []string{"x"}, [3]int{17, 65, 16}},
		{"computed attribute", "createTimestamp", replace, []string{"20260101000000Z"}, [3]int{19, 19, 19}},
		{"number syntax", "gidNumber", add, []string{"many"}, [3]int{21, 21, 21}},
		{"naming value", "cn", replace, []string{"other"}, [3]int{64, 67, 67}},
		{"absent attribute", "description", del, nil, [3]int{16, 16, 16}},
		{"class taken away", "objectClass", replace, nil, [3]int{65, 65, 65}},
	}
	for _, tt := range tests {
		for i, f := range flavors {
			t.Run(tt.name+"/"+f.String(), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, ldaptest.Options{Flavor: f})
				if got := code(modifyMember(w.conn, w.group, tt.kind, tt.attr, tt.vals...)); got != tt.want[i] {
					t.Errorf("code %d, want %d", got, tt.want[i])
				}
			})
		}
	}
}
