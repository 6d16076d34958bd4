package ldaptest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
)

func crowd(t *testing.T, n int, opt ldaptest.Options) (*ldaptest.Server, *ldap.Conn) {
	t.Helper()
	s := start(t, opt)
	must[[]string](t)(s.Crowd("u", n))
	return s, connect(t, s)
}

// page fetches one page and returns its size and the next cookie.
func page(c *ldap.Conn, size uint32, cookie []byte) (int, []byte, error) {
	p := ldap.NewControlPaging(size)
	p.SetCookie(cookie)
	req := query("dc=example,dc=org", ldap.ScopeWholeSubtree, "(objectClass=person)", "1.1")
	req.Controls = []ldap.Control{p}
	res, err := c.Search(req)
	if err != nil {
		return len(res.Entries), nil, err
	}
	ctl, ok := ldap.FindControl(res.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
	if !ok {
		return 0, nil, errors.New("no paging control in the answer")
	}
	return len(res.Entries), ctl.Cookie, nil
}

func TestPaging(t *testing.T) {
	t.Parallel()
	for _, f := range flavors {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			_, c := crowd(t, 25, ldaptest.Options{Flavor: f})
			for _, size := range []uint32{1, 7, 24, 25, 26, 1000} {
				res, err := c.SearchWithPaging(query("dc=example,dc=org", ldap.ScopeWholeSubtree, "(objectClass=person)", "1.1"), size)
				if err != nil {
					t.Fatal(err)
				}
				dns := make(map[string]bool)
				for _, e := range res.Entries {
					dns[e.DN] = true
				}
				if len(res.Entries) != 25 || len(dns) != 25 {
					t.Errorf("pages of %d: %d entries, %d different", size, len(res.Entries), len(dns))
				}
			}
		})
	}
}

func TestCookieBelongsToConnection(t *testing.T) {
	t.Parallel()
	s, c := crowd(t, 10, ldaptest.Options{})
	_, cookie, err := page(c, 4, nil)
	if err != nil || len(cookie) == 0 {
		t.Fatal(cookie, err)
	}
	if _, _, err := page(connect(t, s), 4, cookie); code(err) != 53 {
		t.Errorf("on another connection: %v, want code 53", err)
	}
	if n, _, err := page(c, 4, cookie); n != 4 || err != nil {
		t.Errorf("on its own: %d, %v", n, err)
	}
	if _, _, err := page(c, 4, cookie); code(err) != 53 {
		t.Errorf("a second time: %v, want code 53", err)
	}
}

// OpenLDAP remembers one paged search per connection, Active Directory several.
func TestTwoPagedSearches(t *testing.T) {
	t.Parallel()
	for f, want := range map[ldaptest.Flavor]int{ldaptest.OpenLDAP: 53, ldaptest.ActiveDirectory: 0} {
		_, c := crowd(t, 10, ldaptest.Options{Flavor: f})
		_, first, err := page(c, 4, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := page(c, 4, nil); err != nil {
			t.Fatal(err)
		}
		if _, _, err := page(c, 4, first); code(err) != want {
			t.Errorf("%s: %v, want code %d", f, err, want)
		}
	}
}

func TestPageLimit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		flavor ldaptest.Flavor
		code   int
		got    int
	}{{ldaptest.OpenLDAP, 11, 0}, {ldaptest.DS389, 0, 4}, {ldaptest.ActiveDirectory, 0, 4}} {
		_, c := crowd(t, 10, ldaptest.Options{Flavor: tt.flavor, PageLimit: 4})
		if n, _, err := page(c, 5, nil); code(err) != tt.code || n != tt.got {
			t.Errorf("%s: %d entries, %v", tt.flavor, n, err)
		}
		if n, _, err := page(c, 4, nil); err != nil || n != 4 {
			t.Errorf("%s: page of 4: %d entries, %v", tt.flavor, n, err)
		}
	}
}

func TestSizeLimits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		opt    ldaptest.Options
		client int
		want   int
		code   int
	}{
		{"none", ldaptest.Options{}, 0, 10, 0},
		{"client", ldaptest.Options{}, 7, 7, 4},
		{"client, just enough", ldaptest.Options{}, 10, 10, 0},
		{"server", ldaptest.Options{SizeLimit: 6}, 0, 6, 4},
		{"the smaller", ldaptest.Options{SizeLimit: 6}, 3, 3, 4},
		{"active directory, no pages", ldaptest.Options{Flavor: ldaptest.ActiveDirectory, PageLimit: 5}, 0, 5, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, c := crowd(t, 10, tt.opt)
			req := query("dc=example,dc=org", ldap.ScopeWholeSubtree, "(objectClass=person)", "1.1")
			req.SizeLimit = tt.client
			res, err := c.Search(req)
			if code(err) != tt.code || len(res.Entries) != tt.want {
				t.Errorf("%d entries, %v; want %d, code %d", len(res.Entries), err, tt.want, tt.code)
			}
		})
	}
}

func TestPagedTotal(t *testing.T) {
	t.Parallel()
	_, c := crowd(t, 10, ldaptest.Options{PagedTotal: 6})
	n, cookie, err := page(c, 4, nil)
	if n != 4 || err != nil {
		t.Fatal(n, err)
	}
	if n, _, err = page(c, 4, cookie); n != 2 || code(err) != 4 {
		t.Errorf("second page: %d entries, %v; want 2, code 4", n, err)
	}
}

// The shape of Active Directory: nothing in member, the rest in windows.
func TestRangeRetrieval(t *testing.T) {
	t.Parallel()
	s := start(t, ldaptest.Options{Flavor: ldaptest.ActiveDirectory, MaxValRange: 10})
	people := must[[]string](t)(s.Crowd("u", 25))
	group := must[string](t)(s.AddGroup(ldaptest.Group{Name: "big", Members: people}))
	c := connect(t, s)
	ask := func(attr string) map[string]int {
		t.Helper()
		res, err := c.Search(query(group, ldap.ScopeBaseObject, "(objectClass=*)", attr))
		if err != nil {
			t.Fatal(err)
		}
		got := make(map[string]int)
		for _, a := range res.Entries[0].Attributes {
			got[a.Name] = len(a.Values)
		}
		return got
	}
	for attr, want := range map[string]string{
		"member":               "map[member:0 member;range=0-9:10]",
		"member;range=0-*":     "map[member;range=0-9:10]",
		"member;range=10-*":    "map[member;range=10-19:10]",
		"member;range=20-*":    "map[member;range=20-*:5]",
		"member;range=15-*":    "map[member;range=15-*:10]",
		"member;range=3-5":     "map[member;range=3-5:3]",
		"member;range=0-99":    "map[member;range=0-9:10]",
		"member;range=20-99":   "map[member;range=20-*:5]",
		"member;range=20-24":   "map[member;range=20-*:5]",
		"member;range=25-*":    "map[]",
		"Member;Range=20-*":    "map[member;range=20-*:5]",
		"member;range=nonsens": "map[]",
	} {
		if got := fmt.Sprint(ask(attr)); got != want {
			t.Errorf("%s: %s, want %s", attr, got, want)
		}
	}
	if got := ask("*"); got["member;range=0-9"] != 10 || got["member"] != 0 {
		t.Errorf("*: %v", got)
	}
	var all []string
	for from := 0; ; from += 10 {
		res, err := c.Search(query(group, ldap.ScopeBaseObject, "(objectClass=*)", fmt.Sprintf("member;range=%d-*", from)))
		if err != nil {
			t.Fatal(err)
		}
		a := res.Entries[0].Attributes[0]
		all = append(all, a.Values...)
		if strings.HasSuffix(a.Name, "-*") {
			break
		}
	}
	slices.Sort(all)
	if !slices.Equal(all, s.Members("big")) {
		t.Errorf("%d members through ranges, want %d", len(all), len(people))
	}
}

// Elsewhere an attribute with a range option does not exist.
func TestRangeElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ldaptest.Options{MaxValRange: 1})
	e := find(t, w.conn, "(cn=g)", "member;range=0-*")[0]
	if len(e.Attributes) != 0 {
		t.Errorf("%v", e.Attributes)
	}
	if e = find(t, w.conn, "(cn=g)", "member")[0]; len(e.GetAttributeValues("member")) != 2 {
		t.Errorf("%v", e.Attributes)
	}
}
