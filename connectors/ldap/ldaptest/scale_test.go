package ldaptest_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
)

// fill loads people and groups of perGroup members.
func fill(tb testing.TB, s *ldaptest.Server, people, groups, perGroup int) (dns []string) {
	tb.Helper()
	dns, err := s.Crowd("u", people)
	if err != nil {
		tb.Fatal(err)
	}
	for i := range groups {
		members := make([]string, perGroup)
		for j := range members {
			members[j] = dns[(i*perGroup+j)%people]
		}
		if _, err := s.AddGroup(ldaptest.Group{Name: fmt.Sprintf("g%d", i), Members: members}); err != nil {
			tb.Fatal(err)
		}
	}
	return dns
}

// A directory of 100,000 people and 1,000 groups of 200 fits in 200 MB.
func TestScale(t *testing.T) { // not parallel: it measures the heap
	const people, groups = 100_000, 1_000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := start(t, ldaptest.Options{MemberOf: true})
	dns := fill(t, s, people, groups, 200)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if mb := (after.HeapAlloc - before.HeapAlloc) >> 20; mb > 200 {
		t.Errorf("%d MB, want at most 200", mb)
	} else {
		t.Logf("%d MB", mb)
	}
	c := connect(t, s)
	for filter, want := range map[string]int{
		"(mail=u77777@example.org)": 1, "(memberOf=cn=g1,ou=groups,dc=example,dc=org)": 200, "(member=" + dns[500] + ")": 2,
	} {
		if got := len(find(t, c, filter, "1.1")); got != want {
			t.Errorf("%s: %d, want %d", filter, got, want)
		}
	}
}

func BenchmarkReadGroups(b *testing.B) {
	s, c := benchServer(b)
	fill(b, s, 20_000, 1_000, 200)
	b.ReportAllocs()
	for b.Loop() {
		res, err := c.SearchWithPaging(query("ou=groups,dc=example,dc=org", ldap.ScopeSingleLevel, "(objectClass=groupOfNames)", "member"), 500)
		if err != nil || len(res.Entries) != 1_000 {
			b.Fatal(err)
		}
	}
}

func BenchmarkModify(b *testing.B) {
	s, c := benchServer(b)
	dns := fill(b, s, 20_000, 1, 200)
	group := "cn=g0,ou=groups,dc=example,dc=org"
	for i := 0; b.Loop(); i++ {
		kind := uint(add)
		if i%2 == 1 {
			kind = del
		}
		if err := modifyMember(c, group, kind, "member", dns[19_000]); err != nil {
			b.Fatal(err)
		}
	}
}

func benchServer(b *testing.B) (*ldaptest.Server, *ldap.Conn) {
	b.Helper()
	s, err := ldaptest.New(ldaptest.Options{BindDN: adminDN, Password: password})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	if err := s.Listen("127.0.0.1:0"); err != nil {
		b.Fatal(err)
	}
	c, err := ldap.DialURL(s.URL())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	if err := c.Bind(adminDN, password); err != nil {
		b.Fatal(err)
	}
	return s, c
}
