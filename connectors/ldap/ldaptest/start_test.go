package ldaptest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
	"go.uber.org/goleak"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	adminDN  = "cn=admin,dc=example,dc=org"
	password = "correct horse"
)

var flavors = []ldaptest.Flavor{
	ldaptest.OpenLDAP, ldaptest.DS389, ldaptest.ActiveDirectory,
}

// start serves a directory until the test ends.
func start(t *testing.T, opt ldaptest.Options) *ldaptest.Server {
	t.Helper()
	if opt.BindDN == "" {
		opt.BindDN, opt.Password = adminDN, password
	}
	s, err := ldaptest.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return s
}

// dial connects without binding.
func dial(t *testing.T, s *ldaptest.Server) *ldap.Conn {
	t.Helper()
	c, err := ldap.DialURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	c.SetTimeout(20 * time.Second)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// connect binds as the administrator.
func connect(t *testing.T, s *ldaptest.Server) *ldap.Conn {
	t.Helper()
	c := dial(t, s)
	if err := c.Bind(adminDN, password); err != nil {
		t.Fatal(err)
	}
	return c
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// code is the result code of an error, 0 for none, and -1 for an error that
// is no answer of the server.
func code(err error) int {
	if err == nil {
		return 0
	}
	if e := (*ldap.Error)(nil); errors.As(err, &e) && e.ResultCode < 200 {
		return int(e.ResultCode)
	}
	return -1
}

func query(base string, scope int, filter string, attrs ...string) *ldap.SearchRequest {
	return ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, 0, 0, false, filter, attrs, nil)
}

// find searches the whole tree.
func find(t *testing.T, c *ldap.Conn, filter string, attrs ...string) []*ldap.Entry {
	t.Helper()
	res, err := c.Search(query("dc=example,dc=org", ldap.ScopeWholeSubtree, filter, attrs...))
	if err != nil {
		t.Fatalf("search %s: %v", filter, err)
	}
	return res.Entries
}

func modifyMember(c *ldap.Conn, group string, kind uint, attr string, values ...string) error {
	req := ldap.NewModifyRequest(group, nil)
	req.Changes = []ldap.Change{{Operation: kind, Modification: ldap.PartialAttribute{Type: attr, Vals: values}}}
	return c.Modify(req)
}
