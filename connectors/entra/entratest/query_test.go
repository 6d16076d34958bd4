package entratest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestFilters(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{})
	ids := make(map[string]string)
	for _, u := range []User{
		{UPN: "ada@example.org", Name: "Ada Lovelace", Aliases: []string{"lovelace@example.org"}},
		{UPN: "bob@example.org", Name: "Bob O'Neil", Mail: "robert@example.org", Disabled: true},
		{UPN: "twin1@example.org", Mail: "twin@example.org"},
		{UPN: "twin2@example.org", Mail: "Twin@example.org", Guest: true},
		{UPN: "cyd@example.org", Mail: "-"},
	} {
		id := must[string](t)(s.AddUser(u))
		name, _, _ := strings.Cut(u.UPN, "@")
		ids[name] = id
	}
	advanced := []string{"ConsistencyLevel", "eventual"}
	for _, tc := range []struct {
		filter string
		want   string // names, or a status
		extra  []string
	}{
		{"userPrincipalName eq 'ADA@example.org'", "ada", nil},
		{"mail eq 'ada@example.org' or userPrincipalName eq 'bob@example.org'", "ada bob", nil},
		{"mail eq 'twin@EXAMPLE.org'", "twin1 twin2", nil},
		{"mail eq 'bob@example.org'", "", nil},
		{"mail eq 'robert@example.org'", "bob", nil},
		{"mail eq null", "cyd", nil},
		{"displayName eq 'bob o''neil'", "bob", nil},
		{"userPrincipalName in ('ada@example.org', 'cyd@example.org','nobody@example.org')", "ada cyd", nil},
		{"mail in ('ada@example.org','robert@example.org') or userPrincipalName in ('cyd@example.org')", "ada bob cyd", nil},
		{"id in ('" + ids["ada"] + "')", "ada", nil},
		{"accountEnabled eq false", "bob", nil},
		{"userType eq 'Guest' and (mail eq 'twin@example.org' or mail eq 'ada@example.org')", "twin2", nil},
		{"startsWith(userPrincipalName,'twin')", "twin1 twin2", nil},
		{"proxyAddresses/any(p:p eq 'smtp:Lovelace@example.org')", "ada", nil},
		{"proxyAddresses/any(c:c eq 'smtp:twin@example.org')", "twin1 twin2", nil},
		{"userType ne 'Guest' and startsWith(userPrincipalName,'twin')", "twin1", advanced},
		{"not(startsWith(userPrincipalName,'twin'))", "ada bob cyd", advanced},
		{"endsWith(userPrincipalName,'2@example.org')", "twin2", advanced},
		{"userType ne 'Guest'", "400", nil},
		{"endsWith(mail,'x')", "400", nil},
		{"not(mail eq 'x')", "400", nil},
		{"shoeSize eq '4'", "400", nil},
		{"mail eq 'o'neil@example.org'", "400", nil},
		{"mail eq 'unterminated", "400", nil},
		{"mail eq", "400", nil},
		{"mail is 'x'", "400", nil},
		{"(mail eq 'x'", "400", nil},
		{"", "400", nil},
		{"mail in (" + strings.Repeat("'x',", 14) + "'ada@example.org')", "ada", nil},
		{"mail in (" + strings.Repeat("'x',", 15) + "'ada@example.org')", "400", nil},
		{strings.Repeat("mail eq 'x' or ", 14) + "mail eq 'ada@example.org'", "ada", nil},
		{strings.Repeat("mail eq 'x' or ", 15) + "mail eq 'ada@example.org'", "400", nil},
	} {
		path := "/users?$select=id&$filter=" + url.QueryEscape(tc.filter)
		if tc.extra != nil {
			path += "&$count=true"
		}
		a := c.do("GET", path, "", tc.extra...)
		var want []string
		if tc.want != "400" {
			for _, name := range strings.Fields(tc.want) {
				want = append(want, ids[name])
			}
			slices.Sort(want)
		}
		if status := map[bool]int{true: 400, false: 200}[tc.want == "400"]; a.status != status || !slices.Equal(a.ids(), want) {
			t.Errorf("%s: %d %s, want %s", tc.filter, a.status, a.raw, tc.want)
		}
		if tc.extra != nil && a.body["@odata.count"] != float64(len(want)) {
			t.Errorf("%s: @odata.count is %v, want %d", tc.filter, a.body["@odata.count"], len(want))
		}
	}
}

func TestGroupsByName(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{})
	a := must[string](t)(s.AddGroup(Group{Name: "prod-db"}))
	b := must[string](t)(s.AddGroup(Group{Name: "prod-db", Kind: Microsoft365}))
	odd := must[string](t)(s.AddGroup(Group{Name: `O'Neil & "Söhne", #1 (a/b+c) \ *`}))
	for name, want := range map[string][]string{"PROD-DB": {a, b}, `o''neil & "söhne", #1 (a/b+c) \ *`: {odd}, "none": nil} {
		slices.Sort(want)
		got := c.do("GET", "/groups?$select=id,displayName&$filter="+url.QueryEscape("displayName eq '"+name+"'"), "")
		if got.status != 200 || !slices.Equal(got.ids(), want) {
			t.Errorf("%s: %d %s", name, got.status, got.raw)
		}
	}
	if got := c.do("GET", "/groups?$filter="+url.QueryEscape("groupTypes/any(c:c eq 'Unified')"), ""); !slices.Equal(got.ids(), []string{b}) {
		t.Errorf("Microsoft 365 groups: %s", got.raw)
	}
	if got := c.do("GET", "/groups/$count", "", "ConsistencyLevel", "eventual"); got.raw != "3" {
		t.Errorf("$count: %s", got.raw)
	}
	if got := c.do("GET", "/groups/"+strings.ToUpper(odd), ""); got.text("displayName") != `O'Neil & "Söhne", #1 (a/b+c) \ *` {
		t.Errorf("by id: %s", got.raw)
	}
	if got := c.do("GET", "/groups('"+odd+"')?$select=displayName", ""); got.status != 200 || got.text("id") != odd {
		t.Errorf("with the key in parentheses: %d %s", got.status, got.raw)
	}
	for range 250 {
		must[string](t)(s.AddGroup(Group{Name: "many"}))
	}
	if entries, pages := c.all("/groups?$select=id&$top=100"); len(entries) != 253 || pages != 3 {
		t.Errorf("%d groups on %d pages", len(entries), pages)
	}
	clean(t, s)
}

func TestUsers(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{})
	guest := must[string](t)(s.AddUser(User{UPN: "eve_x.example#EXT#@example.org", Mail: "eve@x.example", Guest: true, Disabled: true}))
	a := c.do("GET", "/users/eve_x.example%23EXT%23@example.org?$select=id,userPrincipalName,mail,accountEnabled,userType", "")
	if a.text("id") != guest || a.body["accountEnabled"] != false || a.text("userType") != "Guest" || a.text("mail") != "eve@x.example" {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := c.do("GET", "/users/"+guest, ""); a.status != 200 || strings.Contains(a.raw, "accountEnabled") {
		t.Errorf("accountEnabled without $select: %s", a.raw)
	}
	g := must[string](t)(s.AddGroup(Group{Name: "g"}))
	for _, path := range []string{"/users/" + nobody, "/users/nobody@example.org", "/users/" + g} {
		if a := c.do("GET", path, ""); a.status != 404 || a.code() != "Request_ResourceNotFound" {
			t.Errorf("%s: %d %s", path, a.status, a.raw)
		}
	}
	clean(t, s)
}

func TestGetByIDs(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{})
	ids := must[[]string](t)(s.Crowd("p", 1001))
	g := must[string](t)(s.AddGroup(Group{Name: "g"}))
	body := func(types string, ids ...string) string {
		return `{"ids":["` + strings.Join(ids, `","`) + `"],"types":[` + types + `]}`
	}
	const path = "/directoryObjects/getByIds?$select=id,userPrincipalName,accountEnabled"
	a := c.do("POST", path, body(`"user"`, append(ids[:998:998], g, nobody)...))
	if a.status != 200 || len(a.values()) != 998 || a.header.Get("x-ms-resource-unit") != "2" || a.values()[0]["@odata.type"] != "#microsoft.graph.user" {
		t.Errorf("%d, %d found, cost %s", a.status, len(a.values()), a.header.Get("x-ms-resource-unit"))
	}
	if a := c.do("POST", "/directoryObjects/getByIds", body(``, g, ids[0])); len(a.values()) != 2 {
		t.Errorf("any type: %s", a.raw)
	}
	if a := as(t, s, "GroupMember.Read.All").do("POST", path, body(`"user"`, ids[0])); a.values()[0]["userPrincipalName"] != nil {
		t.Errorf("without the right: %s", a.raw)
	}
	clean(t, s)
	for _, body := range []string{body(`"user"`, ids...), body(`"elephant"`, g), body("", "x"), `{"ids":[]}`} {
		if a := c.do("POST", path, body); a.status != 400 {
			t.Errorf("%.60s: %d %s", body, a.status, a.raw)
		}
	}
}

// What the documentation does not have is told, whatever the answer.
func TestRules(t *testing.T) {
	t.Parallel()
	g := "/groups/" + nobody
	for _, tc := range []struct{ method, path, body, want string }{
		{"GET", "/me", "", "GET /v1.0/me: no such path"},
		{"GET", g + "/owners", "", "no such path"},
		{"PUT", g, "{}", "the path answers DELETE, GET, PATCH only"},
		{"GET", g + "?$top=5", "", "unknown query option $top"},
		{"GET", g + "?$foo=5", "", "unknown query option $foo"},
		{"GET", g + "?$select=id,shoeSize", "", `$select names "shoeSize"`},
		{"GET", "/groups/delta?$top=5", "", "unknown query option $top"},
		{"GET", "/groups?$top=1000", "", "$top is 1000"},
		{"GET", "/groups?$select=id&$select=id", "", "stands there 2 times"},
		{"GET", "/groups?$orderby=displayName", "", "not simulated"},
		{"GET", "/groups/prod-db", "", `"prod-db" is not an id`},
		{"DELETE", "/groups/" + nobody + "/members/bob/$ref", "", `"bob" is not an id`},
		{"GET", "/groups?$skiptoken=x", "", "$skiptoken is not one of this listing"},
		{"GET", "/groups/delta?$deltatoken=x", "", "the delta token is none"},
	} {
		t.Run(fmt.Sprint(tc.method, tc.path), func(t *testing.T) {
			t.Parallel()
			s, c := open(t, Options{})
			a := c.do(tc.method, tc.path, tc.body)
			if v := s.Violations(); a.status < 400 || len(v) != 1 || !strings.Contains(v[0], tc.want) {
				t.Errorf("%d %s; violations %q, want %q", a.status, a.raw, v, tc.want)
			}
		})
	}
	s, c := open(t, Options{})
	c.token = ""
	if a := c.do("GET", "/groups", ""); a.status != 401 || len(s.Violations()) != 1 {
		t.Errorf("without a token: %d %q", a.status, s.Violations())
	}
}
