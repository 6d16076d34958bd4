package ldap

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/connectors/connectortest"
	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/beds"
)

// required is what a world on a real server must have.
var required = []connectortest.Feature{
	connectortest.Twins, connectortest.Disabled, connectortest.Odd, connectortest.OddGroups, connectortest.MoreGroups,
	connectortest.Ambiguous, connectortest.Secrets, connectortest.Crowd, connectortest.Put, connectortest.Take,
	connectortest.Delete, connectortest.Rename, connectortest.RenameGroup, connectortest.DeleteGroup, connectortest.Has,
	connectortest.Mark, connectortest.Lister, connectortest.BulkResolver, connectortest.Changer, connectortest.Prober,
	connectortest.Describer, connectortest.Profile,
}

// crowdSize is the size of the largest group of the suite.
const crowdSize = 1501

// slapdLab starts an OpenLDAP with a crowd of accounts.
func slapdLab(t testing.TB, opts beds.SlapdOptions, l *lab) *beds.SlapdServer {
	t.Helper()
	var ldif strings.Builder
	ldif.WriteString("dn: ou=crowd,dc=lab,dc=test\nobjectClass: organizationalUnit\n\n")
	for i := range crowdSize {
		dn := fmt.Sprintf("uid=crowd%d,ou=crowd,dc=lab,dc=test", i)
		fmt.Fprintf(&ldif, "dn: %s\nobjectClass: inetOrgPerson\nuid: crowd%d\ncn: Crowd\nsn: %d\n\n", dn, i, i)
		if l.attr == "memberUid" {
			dn = fmt.Sprintf("crowd%d", i)
		}
		l.crowd = append(l.crowd, dn)
	}
	opts.LDIF, opts.Quiet = opts.LDIF+ldif.String(), true
	s := beds.Slapd(t, opts)
	l.cfg = Config{URL: s.TLSURL, CAFile: s.CAFile, BindDN: s.AdminDN, Password: static(s.Password), PageSize: 7}
	l.base = s.Base
	return s
}

func TestConformanceGroupOfNames(t *testing.T) {
	t.Parallel()
	l := &lab{class: "groupOfNames", attr: "member", full: true, nobody: "cn=nobody,dc=lab,dc=test", refint: true}
	slapdLab(t, beds.SlapdOptions{Overlays: []string{"memberof", "refint", "dynlist"}}, l)
	connectortest.Run(t, func(t *testing.T) connectortest.World {
		n := l.newNook(t)
		w := n.world()
		n.dynamicGroup()
		w.Unmanageable = "dynamic"
		return w
	}, append(required, connectortest.Nest, connectortest.Unmanageable)...)
}

// dynamicGroup makes a group whose members follow from a search.
func (n *nook) dynamicGroup() {
	n.must(n.add("cn=dynamic,ou=groups,"+n.root, map[string][]string{
		"objectClass": {"groupOfURLs"}, "memberURL": {"ldap:///ou=people," + n.root + "??sub?(uid=*)"},
	}))
}

func TestConformanceGroupOfUniqueNames(t *testing.T) {
	t.Parallel()
	l := &lab{class: "groupOfUniqueNames", attr: "uniqueMember", full: true}
	slapdLab(t, beds.SlapdOptions{}, l)
	connectortest.Run(t, func(t *testing.T) connectortest.World { return l.newNook(t).world() }, append(required, connectortest.Nest)...)
}

func TestConformanceGroupOfMembers(t *testing.T) {
	t.Parallel()
	l := &lab{class: "groupOfMembers", attr: "member"}
	slapdLab(t, beds.SlapdOptions{}, l)
	connectortest.Run(t, func(t *testing.T) connectortest.World { return l.newNook(t).world() }, append(required, connectortest.Nest)...)
	n := l.newNook(t)
	n.small(n.login("ada"), n.login("bob")).refusesEnds(t, "OpenLDAP ends no memberships")
}

func TestConformancePosixGroup(t *testing.T) {
	t.Parallel()
	l := &lab{class: "posixGroup", attr: "memberUid"}
	slapdLab(t, beds.SlapdOptions{}, l)
	connectortest.Run(t, func(t *testing.T) connectortest.World { return l.newNook(t).world() }, required...)
}

// Samba is slow, and slower in a large domain: one for the suite, with a crowd
// as small as it permits, and one for a large group. Both are made once per
// machine.
const (
	sambaSuite    = 1010
	sambaLarge    = 5000
	sambaContacts = 200 // the last of the large group's members; the others are accounts
	sambaGroup    = "five-thousand"
)

// sambaLab starts a Samba domain with a crowd of users and then contacts, all
// of them in one group.
func sambaLab(t testing.TB, users, contacts int) (*beds.SambaServer, *lab) {
	t.Helper()
	l := &lab{class: "group", attr: "member", ad: true, base: "DC=ad,DC=lab,DC=test"}
	s := beds.SambaWith(t, l.sambaEntries(users, contacts)...)
	l.cfg = Config{URL: s.TLSURL, CAFile: s.CAFile, BindDN: s.Admin, Password: static(s.Password), PageSize: 7}
	return s, l
}

// sambaEntries makes the crowd and its group, in texts of a good size.
func (l *lab) sambaEntries(users, contacts int) []string {
	ou := "ou=crowd," + l.base
	texts := []string{"dn: " + ou + "\nobjectClass: organizationalUnit\n\n"}
	var group strings.Builder
	fmt.Fprintf(&group, "dn: cn=%s,%s\nobjectClass: group\n", sambaGroup, ou)
	for i := range users + contacts {
		dn := fmt.Sprintf("cn=crowd%d,%s", i, ou)
		class := "contact"
		if i < users {
			class = fmt.Sprintf("user\nsAMAccountName: crowd%d\nuserAccountControl: 544", i)
		}
		if i%200 == 0 {
			texts = append(texts, "")
		}
		texts[len(texts)-1] += fmt.Sprintf("dn: %s\nobjectClass: %s\n\n", dn, class)
		group.WriteString("member: " + dn + "\n")
		l.crowd = append(l.crowd, dn)
	}
	return append(texts, group.String())
}

func TestConformanceSamba(t *testing.T) {
	t.Parallel()
	s, l := sambaLab(t, 0, sambaSuite)
	connectortest.Run(t, func(t *testing.T) connectortest.World { return l.newNook(t).world() },
		append(required, connectortest.Nest, connectortest.Clock)...)
	t.Run("Windows", func(t *testing.T) {
		t.Parallel()
		windows(t, l.newNook(t))
	})
	t.Run("NoEnds", func(t *testing.T) {
		t.Parallel()
		n := l.newNook(t)
		n.small(n.login("ada"), n.login("bob")).refusesEnds(t, "Samba does not")
	})
	t.Run("Transports", func(t *testing.T) {
		t.Parallel()
		n := l.newNook(t)
		for _, edit := range []func(*Config){
			func(c *Config) { c.URL, c.CAFile = s.SocketURL, "" },
			func(c *Config) { c.URL, c.StartTLS = s.URL, true },
		} {
			n.id(n.connector(edit), n.group)
		}
		_, err := n.connector(func(c *Config) { c.URL = s.URL }).Group(t.Context(), "prod-db")
		wantKind(t, "Group in clear text", err, engine.Denied)
		if err != nil && !strings.Contains(err.Error(), "wants encryption") {
			t.Errorf("Group in clear text: got error %q, want the way out", err)
		}
	})
}

// windows reads a group in windows, which Samba makes only when it is asked to.
func windows(t *testing.T, n *nook) {
	n.put(n.crowd...)
	c := n.connector()
	g := n.id(c, n.group)
	for _, window := range []int{0, 99, 505, 1010, 1500} {
		c.window = window
		var l *listing
		n.must(c.read(t.Context(), func(s *session) (err error) {
			l, err = c.list(t.Context(), s, g, false)
			return err
		}))
		ids := map[string]bool{}
		for _, v := range l.unknown {
			ids[v.id] = true
		}
		if len(ids) != len(n.crowd) || ids[""] {
			t.Errorf("values in windows of %d: got %d with an id, want %d", window, len(ids), len(n.crowd))
		}
	}
}

// Every member of a large group is listed as what it is, however the windows
// fall, and changes touch nobody else.
func TestSambaGroupOfFiveThousand(t *testing.T) {
	t.Parallel()
	_, l := sambaLab(t, sambaLarge-sambaContacts, sambaContacts)
	n := l.newNook(t)
	n.person("ada", n.login("ada"), "ada"+n.tag+labMail)
	c := n.connector(func(c *Config) { c.People.Base, c.PageSize = n.base, 500 })
	g := n.id(c, "cn="+sambaGroup+",ou=crowd,"+n.base)
	want := map[string]engine.MemberKind{}
	for i, dn := range n.crowd {
		want[dnKey(dn)] = engine.AccountMember
		if i >= sambaLarge-sambaContacts {
			want[dnKey(dn)] = engine.OtherMember
		}
	}
	// 1,500 is Active Directory's own; the last window is full, or holds one.
	for _, window := range []int{0, 1500, 1250, 4999, 5000, 5001} {
		c.window = window
		wantMembers(t, c, g, want)
	}
	c.window = 1500
	ada, err := c.Resolve(t.Context(), engine.Person("ada"+n.tag+labMail))
	n.must(err)
	changes(t, "Add", c.Add, g, ada)
	want[dnKey(ada.Ref)] = engine.AccountMember
	ms := wantMembers(t, c, g, want)
	gone := ms[slices.IndexFunc(ms, func(m engine.Member) bool { return m.Login == "crowd1500" })]
	changes(t, "Remove", c.Remove, g, gone)
	delete(want, dnKey(gone.Ref))
	wantMembers(t, c, g, want)
	changes(t, "Remove", c.Remove, g, ada)
	changes(t, "Add", c.Add, g, gone)
	delete(want, dnKey(ada.Ref))
	want[dnKey(gone.Ref)] = engine.AccountMember
	wantMembers(t, c, g, want)
}

// wantMembers wants exactly these members, sorted, no id twice.
func wantMembers(t *testing.T, c *Connector, g engine.GroupID, want map[string]engine.MemberKind) []engine.Member {
	t.Helper()
	ms, err := c.Members(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]engine.MemberKind{}
	for i, m := range ms {
		got[dnKey(m.Ref)] = m.Kind
		if i > 0 && ms[i-1].ID >= m.ID {
			t.Fatalf("Members in windows of %d: got %s before %s, want them sorted", c.window, ms[i-1].ID, m.ID)
		}
	}
	if len(ms) != len(want) || !maps.Equal(got, want) {
		t.Fatalf("Members in windows of %d: got %d, want other %d", c.window, len(ms), len(want))
	}
	return ms
}

// changes wants a call to make the difference, and the same once more not to.
func changes(t *testing.T, what string, call func(context.Context, engine.GroupID, engine.Member) (bool, error), g engine.GroupID, m engine.Member) {
	t.Helper()
	for _, want := range []bool{true, false} {
		if changed, err := call(t.Context(), g, m); changed != want || err != nil {
			t.Fatalf("%s %s: got %t and %v, want %t", what, m.Login, changed, err, want)
		}
	}
}

// memoryLab makes a server in this process, which misbehaves on demand.
func memoryLab(t testing.TB, opt ldaptest.Options, l *lab) (*ldaptest.Server, *nook) {
	t.Helper()
	opt.Suffix, opt.BindDN, opt.Password = "dc=lab,dc=test", "cn=admin,dc=lab,dc=test", "correct horse"
	s, err := ldaptest.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	l.ad = opt.Flavor == ldaptest.ActiveDirectory
	l.base = opt.Suffix
	l.cfg = Config{URL: s.URL(), BindDN: opt.BindDN, Password: static(opt.Password), PageSize: 7}
	return s, l.newNook(t)
}

// gather makes a crowd of accounts.
func (n *nook) gather(s *ldaptest.Server) {
	n.t.Helper()
	var err error
	n.crowd, err = s.Crowd("crowd", crowdSize)
	n.must(err)
}

// faulty gives a world the faults of a server in this process.
func (n *nook) faulty(s *ldaptest.Server, w *connectortest.World) {
	codes := map[engine.Kind]uint16{
		engine.Denied: goldap.LDAPResultInsufficientAccessRights, engine.Throttled: goldap.LDAPResultBusy,
		engine.Unavailable: goldap.LDAPResultUnavailable, engine.Rejected: goldap.LDAPResultUnwillingToPerform,
	}
	w.Fail = func(nth int, k engine.Kind) {
		s.Fail(ldaptest.Fault{After: nth - 1, Code: codes[k], Message: "as asked"})
	}
	group := n.group
	if n.ad {
		group = "<GUID=" + string(w.Group) + ">"
	}
	// Twice, because a reading is tried once more on a new connection.
	w.Truncate = func() { s.Fail(ldaptest.Fault{Op: ldaptest.OpSearch, DN: group, Drop: true, Times: 2}) }
	w.Lose = func() { s.Fail(ldaptest.Fault{Op: ldaptest.OpModify, Apply: true, Drop: true}) }
	// Longer than the suite is ready to wait, and right in the end: on a slow
	// machine the call may give up before its request is sent.
	w.Stall = func() func() { return s.Fail(ldaptest.Fault{Delay: 2 * time.Second}) }
}

// clock is a server's own. It stands still, so that it is the same for a change
// and for the reading before it.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(time.Now().UnixNano())
	return c
}

func (c *clock) now() time.Time       { return time.Unix(0, c.at.Load()) }
func (c *clock) pass(d time.Duration) { c.at.Add(int64(d)) }

// teach lets the connector find out how the server takes an end: else the
// answer that a test loses may be the refusal of a form.
func (n *nook) teach(w connectortest.World, until time.Time) {
	n.t.Helper()
	m, err := w.Connector.Resolve(n.t.Context(), w.People[0])
	n.must(err)
	_, _, err = w.Connector.(engine.Expirer).AddUntil(n.t.Context(), w.MoreGroups[0], m, until)
	n.must(err)
	_, err = w.Connector.Remove(n.t.Context(), w.MoreGroups[0], m)
	n.must(err)
}

func TestConformanceInMemory(t *testing.T) {
	for _, kind := range []struct {
		name   string
		flavor ldaptest.Flavor
		links  ldaptest.LinkTTL
	}{
		{"openldap", ldaptest.OpenLDAP, ldaptest.NoLinkTTL},
		{"389ds", ldaptest.DS389, ldaptest.NoLinkTTL},
		{"ad", ldaptest.ActiveDirectory, ldaptest.LinkTTLOff},
		{"ad with ends", ldaptest.ActiveDirectory, ldaptest.LinkTTLOutside},
		{"ad with ends inside", ldaptest.ActiveDirectory, ldaptest.LinkTTLInside},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			f, needs := kind.flavor, append(slices.Clone(required), connectortest.Nest, connectortest.Fail, connectortest.Truncate, connectortest.Lose, connectortest.Stall)
			ends := kind.links == ldaptest.LinkTTLOutside || kind.links == ldaptest.LinkTTLInside
			if ends {
				needs = append(needs, connectortest.Expirer, connectortest.Pass)
			}
			connectortest.Run(t, func(t *testing.T) connectortest.World {
				l := &lab{class: "groupOfNames", attr: "member", full: f == ldaptest.OpenLDAP, refint: f == ldaptest.DS389, forgets: f == ldaptest.DS389, ends: ends}
				switch f {
				case ldaptest.ActiveDirectory:
					l.class = "group"
				case ldaptest.DS389:
					l.lock, l.locked = "nsAccountLock", "true"
				default:
					l.lock, l.locked = "pwdAccountLockedTime", "000001010000Z"
				}
				var writes atomic.Int64
				clock := newClock()
				s, n := memoryLab(t, ldaptest.Options{
					Flavor: f, RefInt: l.refint, OnWrite: func(ldaptest.Write) { writes.Add(1) }, LinkTTL: kind.links, Now: clock.now,
				}, l)
				w := n.world()
				w.Now, w.Pass = clock.now, clock.pass
				if ends {
					n.teach(w, clock.now().Add(time.Hour))
				}
				n.faulty(s, &w)
				w.Mark = func() string { return fmt.Sprint(writes.Load()) }
				w.Sizes = []int{1499, 1500, 1501}
				crowd := w.Crowd
				w.Crowd = func(size int) {
					if len(n.crowd) == 0 { // most tests need none
						n.gather(s)
					}
					crowd(size)
				}
				return w
			}, needs...)
		})
	}
}
