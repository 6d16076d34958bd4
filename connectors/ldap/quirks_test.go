package ldap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
	"github.com/daypass-dev/daypass/engine"
)

// small is a nook of a server in memory with two people, and a connector.
type small struct {
	*nook
	*Connector
	server   *ldaptest.Server
	id       engine.GroupID
	ada, bob engine.Member
}

func newSmall(t *testing.T, opt ldaptest.Options, class string, edit ...func(*Config)) *small {
	t.Helper()
	l := &lab{class: class, attr: "member", full: class == "groupOfNames"}
	server, n := memoryLab(t, opt, l)
	s := n.small("ada", "bob", edit...)
	s.server = server
	s.server.ResetRequests()
	return s
}

// small puts two people with these logins into a nook.
func (n *nook) small(ada, bob string, edit ...func(*Config)) *small {
	n.t.Helper()
	s := &small{nook: n, Connector: n.connector(edit...)}
	s.person("ada", ada, "ada"+labMail)
	s.person("bob", bob, "bob"+labMail)
	s.id = n.id(s.Connector, n.group)
	s.ada, s.bob = s.account("ada"), s.account("bob")
	return s
}

func (s *small) account(name string) engine.Member {
	s.t.Helper()
	m, err := s.Resolve(s.t.Context(), engine.Person(name+labMail))
	s.must(err)
	return m
}

// list wants exactly these members.
func (s *small) list(want ...engine.Member) {
	s.t.Helper()
	got, err := s.Members(s.t.Context(), s.id)
	s.must(err)
	ids := func(ms []engine.Member) (out []string) {
		for _, m := range ms {
			out = append(out, string(m.ID))
		}
		slices.Sort(out)
		return out
	}
	if !slices.Equal(ids(got), ids(want)) {
		s.t.Errorf("Members: got %v, want %v", got, want)
	}
}

func wantKind(t *testing.T, what string, err error, want engine.Kind) {
	t.Helper()
	if err == nil || engine.KindOf(err) != want {
		t.Errorf("%s: got error %v of kind %s, want kind %s", what, err, engine.KindOf(err), want)
	}
}

// Codes that say "already so" on one server say "no" on another. What counts
// is what the group holds.
func TestRefusalsAreCheckedAgainstTheGroup(t *testing.T) {
	t.Parallel()
	for _, code := range []uint16{20, 68, 16, 53, 32} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			s := newSmall(t, ldaptest.Options{}, "groupOfMembers")
			s.put(s.ada.Ref)
			refuse := func() {
				s.server.ClearFaults()
				s.server.Fail(ldaptest.Fault{Op: ldaptest.OpModify, Code: code, Times: -1})
			}
			refuse()
			if changed, err := s.Add(t.Context(), s.id, s.ada); changed || err != nil {
				t.Errorf("Add of a present member: got %t and %v, want false and no error", changed, err)
			}
			if changed, err := s.Remove(t.Context(), s.id, s.bob); changed || err != nil {
				t.Errorf("Remove of an absent member: got %t and %v, want false and no error", changed, err)
			}
			changed, err := s.Add(t.Context(), s.id, s.bob)
			if changed || err == nil || !engine.KindOf(err).Refusal() {
				t.Errorf("Add that is refused: got %t and %v, want a refusal", changed, err)
			}
			changed, err = s.Remove(t.Context(), s.id, s.ada)
			if changed || err == nil || !engine.KindOf(err).Refusal() {
				t.Errorf("Remove that is refused: got %t and %v, want a refusal", changed, err)
			}
			s.server.ClearFaults()
			s.list(s.ada)
		})
	}
}

func TestListingsThatAreCutShortArePartial(t *testing.T) {
	t.Parallel()
	for _, code := range []uint16{3, 4, 10, 11} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			t.Parallel()
			s := newSmall(t, ldaptest.Options{}, "groupOfMembers")
			s.put(s.ada.Ref)
			s.server.Fail(ldaptest.Fault{Op: ldaptest.OpSearch, DN: s.nook.group, Entries: 1, Code: code, Referrals: []string{"ldap://other/"}[:code/10]})
			ms, err := s.Members(t.Context(), s.id)
			wantKind(t, "Members", err, engine.Partial)
			if ms != nil {
				t.Errorf("Members: got %v beside the error, want nothing", ms)
			}
			s.list(s.ada)
		})
	}
}

// A page that the server ends in the middle, or a refusal on a later page.
func TestGroupListingsAreWholeOrAnError(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{}, "groupOfMembers")
	for i := range 20 {
		s.newGroup(fmt.Sprintf("g%d", i))
	}
	for after := range 3 {
		s.server.Fail(ldaptest.Fault{Op: ldaptest.OpSearch, After: after, Entries: 2, Code: 4})
		var last error
		for _, err := range s.Groups(t.Context()) {
			last = err
		}
		wantKind(t, fmt.Sprintf("Groups, page %d refused", after+1), last, engine.Partial)
	}
}

// A page that ends well and does not say whether it was the last: stopping
// there would be half a listing that looks whole.
func TestPagesWithoutAMarkArePartial(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{}, "groupOfMembers", func(c *Config) { c.PageSize = 5 })
	for i := range 12 {
		s.newGroup(fmt.Sprintf("g%d", i))
	}
	for after := range 3 { // the last of the three pages as well: nobody knows that it is
		s.server.Fail(ldaptest.Fault{Op: ldaptest.OpSearch, DN: "ou=groups," + s.root, After: after, Unmarked: true})
		var last error
		for _, err := range s.Groups(t.Context()) {
			last = err
		}
		wantKind(t, fmt.Sprintf("Groups, page %d unmarked", after+1), last, engine.Partial)
		if last != nil && !strings.Contains(last.Error(), errNoMark.Error()) {
			t.Errorf("Groups, page %d unmarked: got %q, want it to say what is missing", after+1, last)
		}
	}
	s.server.Fail(ldaptest.Fault{Op: ldaptest.OpSearch, DN: "ou=people," + s.root, Unmarked: true})
	var people []engine.Person
	for i := range 100 { // so many that pages are read
		people = append(people, engine.Person(fmt.Sprintf("p%d%s", i, labMail)))
	}
	_, err := s.ResolveAll(t.Context(), people)
	wantKind(t, "ResolveAll, a page unmarked", err, engine.Partial)
}

func TestPagesAreHalvedUntilTheServerAgrees(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{PageLimit: 6}, "groupOfMembers", func(c *Config) { c.PageSize = 100 })
	for i := range 20 {
		s.newGroup(fmt.Sprintf("g%d", i))
	}
	n := 0
	for _, err := range s.Groups(t.Context()) {
		s.must(err)
		n++
	}
	if n != 21 || s.page.Load() != 6 {
		t.Errorf("Groups: got %d groups by pages of %d, want 21 by pages of 6", n, s.page.Load())
	}
}

// After a connection is lost nobody knows what became of a change, so it is
// never sent again.
func TestLostChangesAreNotRepeated(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{}, "groupOfMembers")
	s.put(s.bob.Ref)
	s.server.ResetRequests()
	s.server.Fail(ldaptest.Fault{Op: ldaptest.OpModify, Apply: true, Drop: true})
	added, removed := s.Change(t.Context(), s.id, []engine.Member{s.ada}, []engine.Member{s.bob})
	wantKind(t, "Change, addition", added[0].Err, engine.Unavailable)
	wantKind(t, "Change, removal", removed[0].Err, engine.Unavailable)
	if n := s.server.Requests()[ldaptest.OpModify]; n != 1 {
		t.Errorf("Change: got %d modify requests, want 1", n)
	}
	s.list(s.ada)
	s.server.Disconnect()
	s.list(s.ada) // a reading is tried once more
}

func TestChangesAreOneModify(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{}, "groupOfMembers")
	s.put(s.bob.Ref)
	s.server.ResetRequests()
	added, removed := s.Change(t.Context(), s.id, []engine.Member{s.ada, s.ada}, []engine.Member{s.bob})
	if !added[0].Changed || added[1].Changed || !removed[0].Changed {
		t.Errorf("Change: got %v and %v, want changed, not changed (twice the same), changed", added, removed)
	}
	if n := s.server.Requests()[ldaptest.OpModify]; n != 1 {
		t.Errorf("Change: got %d modify requests, want 1", n)
	}
	s.list(s.ada)
}

func TestLastMemberGoesAndThePlaceholderStays(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{}, "groupOfNames")
	raw := func(want ...string) {
		t.Helper()
		if got := s.values(s.nook.group, "member"); !slices.Equal(got, want) {
			t.Errorf("values of the group: got %q, want %q", got, want)
		}
	}
	raw("")
	s.list()
	for range 2 {
		if changed, err := s.Add(t.Context(), s.id, s.ada); !changed || err != nil {
			t.Fatalf("Add: got %t and %v, want true", changed, err)
		}
		raw(s.ada.Ref)
		if changed, err := s.Remove(t.Context(), s.id, s.ada); !changed || err != nil {
			t.Fatalf("Remove: got %t and %v, want true", changed, err)
		}
		raw("")
		s.list()
	}
	// Somebody else adds, and leaves the placeholder.
	s.put(s.bob.Ref)
	s.list(s.bob)
	if changed, err := s.Remove(t.Context(), s.id, s.bob); !changed || err != nil {
		t.Fatalf("Remove beside the placeholder: got %t and %v, want true", changed, err)
	}
	raw("")
}

// The shape that real Active Directory gives a large group: member is empty,
// and its values come in windows.
func TestWindowsOfActiveDirectory(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{Flavor: ldaptest.ActiveDirectory, MaxValRange: 10}, "group")
	s.gather(s.server)
	for _, n := range []int{0, 9, 10, 11, 20, 21, 1499} {
		s.grow(n)
		got, err := s.Members(t.Context(), s.id)
		if err != nil || len(got) != n {
			t.Errorf("Members of %d in windows of 10: got %d and %v", n, len(got), err)
		}
		s.window = 7
		if got, err = s.Members(t.Context(), s.id); err != nil || len(got) != n {
			t.Errorf("Members of %d in windows of 7: got %d and %v", n, len(got), err)
		}
		s.window = 0
	}
}

// grow fills the group with the first n of the crowd.
func (s *small) grow(n int) {
	s.t.Helper()
	s.must(s.nook.modify(s.nook.group, func(r *goldap.ModifyRequest) {
		r.Replace("member", s.crowd[:n])
	}))
}

// Whoever stays in a group is in every listing, even when others come and go
// between two windows.
func TestNobodyFallsBetweenTwoWindows(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{Flavor: ldaptest.ActiveDirectory, MaxValRange: 5}, "group")
	s.gather(s.server)
	s.must(s.nook.modify(s.nook.group, func(r *goldap.ModifyRequest) { r.Replace("member", s.crowd[3:40]) }))
	stay := s.members(t, s.id)
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		conn := s.admin(t)
		for i := 0; ; i++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			r := goldap.NewModifyRequest(s.nook.group, nil)
			r.Replace("member", s.crowd[3*(i%2):40]) // three at the front come and go
			if err := conn.Modify(r); err != nil {
				stopped <- err
				return
			}
		}
	}()
	whole := 0
	for range 50 {
		ms, err := s.Members(t.Context(), s.id)
		switch {
		case err == nil:
			whole++
			for _, m := range stay {
				if !slices.Contains(ms, m) {
					t.Errorf("Members: got no error and no %s, who is there all the time", m.Login)
				}
			}
		default:
			wantKind(t, "Members", err, engine.Partial)
		}
	}
	close(stop)
	s.must(<-stopped)
	s.list(s.members(t, s.id)...)
	t.Logf("%d of 50 listings were whole", whole)
}

func (s *small) members(t *testing.T, g engine.GroupID) []engine.Member {
	t.Helper()
	ms, err := s.Members(t.Context(), g)
	s.must(err)
	return ms
}

func TestEqualDNsAreOneMember(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{}, "groupOfMembers")
	s.put(strings.Replace(strings.ToUpper(s.ada.Ref), ",", " , ", 1))
	s.list(s.ada)
	if changed, err := s.Add(t.Context(), s.id, s.ada); changed || err != nil {
		t.Errorf("Add of who is there in capitals: got %t and %v, want false and no error", changed, err)
	}
	if changed, err := s.Remove(t.Context(), s.id, s.ada); !changed || err != nil {
		t.Errorf("Remove of who is there in capitals: got %t and %v, want true", changed, err)
	}
	s.list()
}

func TestDeletedAccountsLeaveGhostsThatCanBeRemoved(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{}, "groupOfMembers")
	s.put(s.ada.Ref, s.bob.Ref)
	s.must(s.conn.Del(goldap.NewDelRequest(s.ada.Ref, nil)))
	ghosts := 0
	for _, m := range s.members(t, s.id) {
		if m.Ghost() {
			ghosts++
		}
	}
	if ghosts != 1 {
		t.Fatalf("Members after a deletion: got %d ghosts, want 1", ghosts)
	}
	if _, err := s.Add(t.Context(), s.id, s.ada); engine.KindOf(err) != engine.NotFound {
		t.Errorf("Add of a deleted account: got %v, want kind not-found", err)
	}
	// The ledger knows the id, and where the account was.
	if changed, err := s.Remove(t.Context(), s.id, s.ada); !changed || err != nil {
		t.Errorf("Remove of what a deleted account left: got %t and %v, want true", changed, err)
	}
	s.list(s.bob)
	if changed, err := s.Remove(t.Context(), s.id, s.ada); changed || err != nil {
		t.Errorf("Remove again: got %t and %v, want false", changed, err)
	}
}

// Somebody new at the old place of an account is somebody else.
func TestReusedNamesAreNotTheOldAccount(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{}, "groupOfMembers")
	s.must(s.conn.Del(goldap.NewDelRequest(s.ada.Ref, nil)))
	s.person("ada", "ada", "ada2"+labMail)
	s.put(s.ada.Ref)
	if changed, err := s.Remove(t.Context(), s.id, s.ada); changed || err != nil {
		t.Errorf("Remove of the old account: got %t and %v, want false and no error", changed, err)
	}
	s.list(s.account("ada2"))
}

// A group that was renamed while another took its name keeps its members to
// itself: by the assertion control, or by looking first.
func TestRenamedGroupIsFollowed(t *testing.T) {
	t.Parallel()
	for _, f := range []ldaptest.Flavor{ldaptest.OpenLDAP, ldaptest.DS389} {
		s := newSmall(t, ldaptest.Options{Flavor: f}, "groupOfMembers")
		s.must(s.conn.ModifyDN(goldap.NewModifyDNRequest(s.nook.group, "cn=moved", true, "")))
		s.must(s.conn.ModifyDN(goldap.NewModifyDNRequest(s.newGroup("other"), "cn=prod-db", true, "")))
		if changed, err := s.Add(t.Context(), s.id, s.ada); !changed || err != nil {
			t.Errorf("Add after the group moved: got %t and %v, want true", changed, err)
		}
		s.list(s.ada)
		if got := s.values("cn=moved,ou=groups,"+s.root, "member"); len(got) != 1 {
			t.Errorf("%s: members at the new place: got %q, want one", f, got)
		}
		if got := s.values(s.nook.group, "member"); len(got) != 0 {
			t.Errorf("%s: members of the group that took the name: got %q, want none", f, got)
		}
	}
}

func TestExceptionsNameAccounts(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{}, "groupOfMembers")
	for _, name := range []string{string(s.bob.ID), s.bob.Ref, "bob"} {
		c := s.connector(func(c *Config) { c.Accounts = map[engine.Person]string{"ada" + labMail: name} })
		if got, err := c.Resolve(t.Context(), "ada"+labMail); err != nil || got != s.bob {
			t.Errorf("Resolve with the exception %q: got %+v and %v, want bob", name, got, err)
		}
		rs, err := c.ResolveAll(t.Context(), []engine.Person{"ada" + labMail, "bob" + labMail, "eve" + labMail})
		if err != nil || rs[0].Member != s.bob || rs[1].Member != s.bob || engine.KindOf(rs[2].Err) != engine.NotFound {
			t.Errorf("ResolveAll with the exception %q: got %+v and %v, want bob, bob, nobody", name, rs, err)
		}
	}
}

// A base that is not there, or not readable, says nothing about a group or an
// account: the engine would let go of what it owns.
func TestMissingBasesAreNotMissingGroups(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{}, "groupOfMembers")
	c := s.connector(func(c *Config) {
		c.Groups.Base, c.People.Base = "ou=nowhere,dc=lab,dc=test", "ou=nowhere,dc=lab,dc=test"
	})
	_, err := c.Group(t.Context(), "prod-db")
	wantKind(t, "Group below a missing base", err, engine.Denied)
	_, err = c.Group(t.Context(), "00000000-0000-4000-8000-00000000dead")
	wantKind(t, "Group by id with a missing base", err, engine.Denied)
	_, err = c.Resolve(t.Context(), "ada"+labMail)
	wantKind(t, "Resolve below a missing base", err, engine.Denied)
	_, err = c.ResolveAll(t.Context(), []engine.Person{"ada" + labMail, "bob" + labMail})
	wantKind(t, "ResolveAll below a missing base", err, engine.Denied)
	_, err = c.Remove(t.Context(), s.id, engine.Member{ID: s.ada.ID, Login: "ada"})
	wantKind(t, "Remove with a missing base", err, engine.Denied)
	for _, err := range c.Groups(t.Context()) {
		wantKind(t, "Groups below a missing base", err, engine.Denied)
	}
}

func TestWrongPasswordIsDenied(t *testing.T) {
	t.Parallel()
	for _, f := range []ldaptest.Flavor{ldaptest.OpenLDAP, ldaptest.ActiveDirectory} {
		s := newSmall(t, ldaptest.Options{Flavor: f}, map[ldaptest.Flavor]string{0: "groupOfMembers", ldaptest.ActiveDirectory: "group"}[f])
		c := s.connector(func(c *Config) { c.Password = static("hunter2") })
		_, err := c.Members(t.Context(), s.id)
		wantKind(t, "Members with a wrong password", err, engine.Denied)
		if text := err.Error(); strings.Contains(text, "hunter2") || !strings.Contains(text, "check the bind DN") {
			t.Errorf("Members with a wrong password: got %q, want the way out and no password", text)
		}
		c = s.connector(func(c *Config) {
			c.Password = func(context.Context) (string, error) { return "", errors.New("vault is sealed") }
		})
		_, err = c.Members(t.Context(), s.id)
		wantKind(t, "Members without a password", err, engine.Denied)
	}
}

func TestServerThatIsDownIsUnavailable(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{}, "groupOfMembers")
	s.must(s.server.Close())
	_, err := s.Members(t.Context(), s.id)
	wantKind(t, "Members", err, engine.Unavailable)
	_, err = s.Add(t.Context(), s.id, s.ada)
	wantKind(t, "Add", err, engine.Unavailable)
	if f := s.Probe(t.Context()); len(f) != 1 || f[0].OK {
		t.Errorf("Probe: got %+v, want one finding that is not OK", f)
	}
}

func TestSlowServerIsUnavailableInTime(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{}, "groupOfMembers", func(c *Config) { c.Timeout = 100 * time.Millisecond })
	s.server.Fail(ldaptest.Fault{Op: ldaptest.OpSearch, Delay: 30 * time.Second, Times: -1})
	began := time.Now()
	_, err := s.Members(t.Context(), s.id)
	wantKind(t, "Members", err, engine.Unavailable)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("Members: got an answer after %s, want one soon after 100ms", took)
	}
}

func TestClockIsActiveDirectorysOnly(t *testing.T) {
	t.Parallel()
	s := newSmall(t, ldaptest.Options{}, "groupOfMembers")
	if got, err := s.Time(t.Context()); !got.IsZero() || engine.KindOf(err) != engine.NotFound {
		t.Errorf("Time: got %s and %v, want none and kind not-found", got, err)
	}
	s.pool.drop()
	s.must(s.server.Close()) // what it is, is known
	if _, err := s.Time(t.Context()); engine.KindOf(err) != engine.NotFound {
		t.Errorf("Time of a server that is away, and has no clock: got %v, want kind not-found", err)
	}
}

// A change is given up in time, whatever keeps it: it is tried again sooner than a
// server that hangs lets go of a connection.
func TestChangeIsGivenUpInTime(t *testing.T) {
	for _, x := range []struct {
		timeout time.Duration
		members int
		most    time.Duration
	}{
		{0, 1, 30 * time.Second},
		{time.Second, 1, 30 * time.Second},
		{5 * time.Minute, 1, 150 * time.Second},
		{0, 11, 40 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, err := New(Config{
				Name: "corp", URL: "ldap://localhost", BindDN: "cn=daypass", Password: func(context.Context) (string, error) { return "-", nil },
				People: People{Base: "ou=people"}, Groups: Groups{Base: "ou=groups"}, Connections: 1, Timeout: x.timeout,
			})
			if err != nil {
				t.Fatal(err)
			}
			c.pool.slots <- struct{}{} // somebody waits for an answer on the one connection
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			_, removed := c.Change(ctx, "g", nil, make([]engine.Member, x.members))
			if took := time.Since(began); took != x.most {
				t.Errorf("timeout %s, %d members: given up after %s, want %s", x.timeout, x.members, took, x.most)
			}
			if k := engine.KindOf(removed[0].Err); k != engine.Unavailable {
				t.Errorf("it is told as %s: %v", k, removed[0].Err)
			}
		})
	}
}
