package entratest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

func TestPages(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{})
	g := must[string](t)(s.AddGroup(Group{Name: "big"}))
	ids := must[[]string](t)(s.Crowd("p", 2005))
	ok(t, s.Fill(g, ids...))
	for _, tc := range []struct {
		query string
		pages int
	}{{"", 21}, {"?$top=999", 3}, {"?%24top=999&%24select=id", 3}, {"?$top=5", 401}, {"?$top=401", 5}} {
		entries, pages := c.all("/groups/" + g + "/members" + tc.query)
		var got []string
		for _, e := range entries {
			got = append(got, e["id"].(string))
			if e["@odata.type"] != "#microsoft.graph.user" {
				t.Fatalf("entry %v has no type", e)
			}
		}
		slices.Sort(got)
		want := slices.Sorted(slices.Values(ids))
		if pages != tc.pages || !slices.Equal(got, want) {
			t.Errorf("%q: %d pages, %d entries; want %d pages, %d entries", tc.query, pages, len(got), tc.pages, len(want))
		}
	}
	clean(t, s)
	for _, top := range []string{"0", "1000", "x"} {
		if a := c.do("GET", "/groups/"+g+"/members?$top="+top, ""); a.status != 400 || a.code() != "Request_UnsupportedQuery" {
			t.Errorf("$top=%s: %d %s", top, a.status, a.raw)
		}
	}
}

func TestNextLinkHasTheHostOfTheClient(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{})
	g := must[string](t)(s.AddGroup(Group{Name: "g"}))
	ok(t, s.Fill(g, must[[]string](t)(s.Crowd("p", 101))...))
	for _, host := range []string{"https://graph.microsoft.com", "http://127.0.0.1:8080"} {
		a := c.do("GET", host+"/beta/groups/"+g+"/members?$select=id", "")
		if link := a.text("@odata.nextLink"); !strings.HasPrefix(link, host+"/beta/groups/"+g+"/members?$select=id&$skiptoken=") {
			t.Errorf("nextLink %q is not under %s", link, host)
		}
	}
	ok(t, s.Start(""))
	defer s.Close()
	c.http = http.DefaultClient
	if entries, pages := c.all("/groups/" + g + "/members"); len(entries) != 101 || pages != 2 {
		t.Errorf("over a real port: %d entries, %d pages", len(entries), pages)
	}
	clean(t, s)
}

// Without a permission for a member's type there is only its type and id.
func TestPropertiesNeedThePermissionOfTheirType(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{})
	must[string](t)(s.AddUser(User{UPN: "ada@example.org", Name: "Ada Lovelace", Guest: true}))
	must[string](t)(s.AddObject(Object{Name: "laptop", Type: DeviceType}))
	g := must[string](t)(s.AddGroup(Group{Name: "g", Members: []string{"ada@example.org", "laptop"}}))
	path := "/groups/" + g + "/members?$select=id,userPrincipalName,displayName"
	seen := func(c *client) map[string]any {
		out := make(map[string]any)
		for _, v := range c.do("GET", path, "").values() {
			if _, there := v["userPrincipalName"]; there {
				out["upn"] = v["userPrincipalName"]
			}
			out[v["@odata.type"].(string)] = v["displayName"]
		}
		return out
	}
	if got := seen(c); got["upn"] != "ada@example.org" || got["#microsoft.graph.user"] != "Ada Lovelace" || got["#microsoft.graph.device"] != nil {
		t.Errorf("with User.Read.All: %v", got)
	}
	if got := seen(as(t, s, "GroupMember.Read.All")); got["upn"] != nil || got["#microsoft.graph.user"] != nil || len(got) != 3 {
		t.Errorf("without User.Read.All: %v", got)
	}
	if a := as(t, s, "GroupMember.Read.All").do("GET", "/users/ada@example.org", ""); a.status != 403 || a.code() != "Authorization_RequestDenied" {
		t.Errorf("a user without User.Read.All: %d %s", a.status, a.raw)
	}
	if a := as(t, s, "User.Read.All").do("GET", path, ""); a.status != 403 {
		t.Errorf("members without a right on groups: %d %s", a.status, a.raw)
	}
	if a := as(t, s, "GroupMember.ReadBasic.All").do("GET", path, ""); a.status != 200 {
		t.Errorf("members with the basic right: %d %s", a.status, a.raw)
	}
	if a := c.do("GET", path, "", "Accept", "application/json;odata.metadata=none"); strings.Contains(a.raw, "@odata.type") {
		t.Errorf("types in spite of metadata=none: %s", a.raw)
	}
	clean(t, s)
}

func TestServicePrincipalsAreLeftOutOfV1(t *testing.T) {
	t.Parallel()
	for _, listed := range []bool{false, true} {
		s, c := open(t, Options{ServicePrincipals: listed}, everything...)
		must[string](t)(s.AddObject(Object{Name: "robot", Type: ServicePrincipalType}))
		must[string](t)(s.AddUser(User{UPN: "ada@example.org"}))
		g := must[string](t)(s.AddGroup(Group{Name: "g", Members: []string{"robot", "ada@example.org"}}))
		want := 1
		if listed {
			want = 2
		}
		if got := len(c.do("GET", "/groups/"+g+"/members", "").values()); got != want {
			t.Errorf("v1.0 lists %d members, want %d", got, want)
		}
		if got := len(c.do("GET", s.URL()+"/beta/groups/"+g+"/members", "").values()); got != 2 {
			t.Errorf("beta lists %d members, want 2", got)
		}
		expanded, _ := c.do("GET", "/groups/"+g+"?$expand=members($select=id)", "").body["members"].([]any)
		if len(expanded) != 2 {
			t.Errorf("$expand has %d members, want 2", len(expanded))
		}
		clean(t, s)
	}
}

func TestNestedAndCounted(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{}, everything...)
	for _, name := range []string{"ada", "bob"} {
		must[string](t)(s.AddUser(User{UPN: name + "@example.org"}))
	}
	inner := must[string](t)(s.AddGroup(Group{Name: "inner", Members: []string{"bob@example.org"}}))
	outer := must[string](t)(s.AddGroup(Group{Name: "outer", Members: []string{"ada@example.org", "inner"}}))
	ok(t, s.Put("inner", "outer")) // a circle
	advanced := []string{"ConsistencyLevel", "eventual"}
	for path, want := range map[string]int{"members": 2, "transitiveMembers": 3, "members/microsoft.graph.user?$count=true": 1, "members/microsoft.graph.group?$count=true": 1} {
		if got := len(c.do("GET", "/groups/"+outer+"/"+path, "", advanced...).values()); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	if a := c.do("GET", "/groups/"+outer+"/members/$count", "", advanced...); a.raw != "2" || a.header.Get("Content-Type") != "text/plain" {
		t.Errorf("$count: %q", a.raw)
	}
	if a := c.do("GET", "/groups/"+outer+"/members/$ref", ""); len(a.values()) != 2 || !strings.HasSuffix(a.values()[1]["@odata.id"].(string), "/v1.0/directoryObjects/"+inner) {
		t.Errorf("$ref: %s", a.raw)
	}
	clean(t, s)
	for _, path := range []string{"members/$count", "members/microsoft.graph.user", "members?$count=true"} {
		if a := c.do("GET", "/groups/"+outer+"/"+path, ""); a.status != 400 || a.code() != "Request_UnsupportedQuery" {
			t.Errorf("%s without ConsistencyLevel: %d %s", path, a.status, a.raw)
		}
	}
	if got := len(s.Violations()); got != 3 {
		t.Errorf("%d violations, want 3: %q", got, s.Violations())
	}
}

func TestHiddenMembers(t *testing.T) {
	t.Parallel()
	for _, refused := range []bool{false, true} {
		s, c := open(t, Options{HiddenRefused: refused})
		must[string](t)(s.AddUser(User{UPN: "ada@example.org"}))
		g := must[string](t)(s.AddGroup(Group{Name: "g", Kind: HiddenMembers, Members: []string{"ada@example.org"}}))
		path := "/groups/" + g + "/members"
		if got := len(c.do("GET", path, "").values()); got != 1 {
			t.Errorf("with the role: %d members", got)
		}
		a := as(t, s, "GroupMember.ReadWrite.All").do("GET", path, "")
		if refused && a.status != 403 || !refused && (a.status != 200 || len(a.values()) != 0) {
			t.Errorf("refused %t, without the role: %d %s", refused, a.status, a.raw)
		}
	}
}

func TestEmptyPagesHaveLinks(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{EmptyPages: 1})
	g := must[string](t)(s.AddGroup(Group{Name: "g"}))
	ok(t, s.Fill(g, must[[]string](t)(s.Crowd("p", 250))...))
	empty := 0
	seen := make(map[string]bool)
	for path := "/groups/" + g + "/members"; path != ""; {
		a := c.do("GET", path, "")
		if len(a.values()) == 0 {
			empty++
		}
		for _, id := range a.ids() {
			seen[id] = true
		}
		path = a.text("@odata.nextLink")
	}
	if empty < 2 || len(seen) != 250 {
		t.Errorf("%d empty pages, %d members", empty, len(seen))
	}
}

func TestPagesOverlap(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{OverlapPages: true})
	g := must[string](t)(s.AddGroup(Group{Name: "g"}))
	ok(t, s.Fill(g, must[[]string](t)(s.Crowd("p", 250))...))
	entries, pages := c.all("/groups/" + g + "/members")
	seen := make(map[string]bool)
	for _, e := range entries {
		seen[e["id"].(string)] = true
	}
	if len(entries) != 252 || pages != 3 || len(seen) != 250 {
		t.Errorf("%d entries on %d pages, %d members", len(entries), pages, len(seen))
	}
}

// A page that was asked for twice leads to a token that is not found.
func TestRetriedTokens(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{RetriedTokens: true})
	g := must[string](t)(s.AddGroup(Group{Name: "g"}))
	ok(t, s.Fill(g, must[[]string](t)(s.Crowd("p", 350))...))
	second := c.do("GET", "/groups/"+g+"/members", "").text("@odata.nextLink")
	first, again := c.do("GET", second, ""), c.do("GET", second, "")
	if a := c.do("GET", first.text("@odata.nextLink"), ""); a.status != 200 {
		t.Errorf("the first answer's link: %d %s", a.status, a.raw)
	}
	if a := c.do("GET", again.text("@odata.nextLink"), ""); a.status != 400 || a.code() != "DirectoryPageTokenNotFoundException" {
		t.Errorf("the second answer's link: %d %s", a.status, a.raw)
	}
	if entries, _ := c.all("/groups/" + g + "/members"); len(entries) != 350 {
		t.Errorf("from the start: %d members", len(entries))
	}
	clean(t, s)
}

func TestLag(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{Lag: time.Minute, Steady: true, CountLag: time.Minute})
	ada := must[string](t)(s.AddUser(User{UPN: "ada@example.org"}))
	bob := must[string](t)(s.AddUser(User{UPN: "bob@example.org"}))
	g := must[string](t)(s.AddGroup(Group{Name: "g", Members: []string{ada}}))
	path := "/groups/" + g + "/members"
	sees := func(want ...string) {
		t.Helper()
		slices.Sort(want)
		if got := c.do("GET", path, "").ids(); !slices.Equal(got, want) {
			t.Errorf("%s sees %v, want %v", s.Clock.Now().Format("15:04:05"), got, want)
		}
	}
	sees(ada) // the harness is seen at once
	if a := c.do("POST", path+"/$ref", `{"@odata.id":"`+ref(bob)+`"}`); a.status != 204 {
		t.Fatalf("add: %d %s", a.status, a.raw)
	}
	if a := c.do("DELETE", path+"/"+ada+"/$ref", ""); a.status != 204 {
		t.Fatalf("remove: %d %s", a.status, a.raw)
	}
	if !s.Has(g, bob) || s.Has(g, ada) {
		t.Error("the harness does not see the truth")
	}
	sees(ada)
	s.Clock.Advance(59 * time.Second)
	sees(ada)
	// Writes know the truth, however old the listings are.
	if a := c.do("POST", path+"/$ref", `{"@odata.id":"`+ref(bob)+`"}`); a.status != 400 || a.message() != alreadyThere {
		t.Errorf("a second add: %d %s", a.status, a.raw)
	}
	s.Clock.Advance(time.Second)
	sees(bob)
	ok(t, s.Put(g, ada))
	sees(ada, bob)
	if a := c.do("GET", path+"/$count", "", "ConsistencyLevel", "eventual"); a.raw != "2" && a.raw != "1" {
		t.Errorf("$count: %q", a.raw)
	}
	clean(t, s)
}

func TestLagIsDrawnByRead(t *testing.T) {
	t.Parallel()
	run := func() (seen []int) {
		s, c := open(t, Options{Lag: time.Minute, Seed: 4})
		ada := must[string](t)(s.AddUser(User{UPN: "ada@example.org"}))
		g := must[string](t)(s.AddGroup(Group{Name: "g"}))
		c.do("PATCH", "/groups/"+g, bind(ada))
		s.Clock.Advance(30 * time.Second)
		for range 40 {
			seen = append(seen, len(c.do("GET", "/groups/"+g+"/members", "").values()))
		}
		return seen
	}
	a, b := run(), run()
	if !slices.Equal(a, b) || !slices.Contains(a, 0) || !slices.Contains(a, 1) {
		t.Errorf("reads saw %v and %v", a, b)
	}
}

func TestNewborn(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{Newborn: 10 * time.Second})
	old := must[string](t)(s.AddUser(User{UPN: "ada@example.org"}))
	s.Open()
	young := must[string](t)(s.AddUser(User{UPN: "bob@example.org"}))
	g := must[string](t)(s.AddGroup(Group{Name: "g"}))
	for range 2 {
		fresh := s.Clock.Now().Second() == 0
		for path, want := range map[string]int{"/users/" + old: 200, "/users/" + young: 404, "/users/bob@example.org": 404, "/groups/" + g: 404, "/groups/" + g + "/members": 404} {
			if !fresh {
				want = 200
			}
			if a := c.do("GET", path, ""); a.status != want {
				t.Errorf("fresh %t: GET %s: %d %s", fresh, path, a.status, a.raw)
			}
		}
		a := c.do("PATCH", "/groups/"+g, bind(young))
		if fresh && (a.status != 400 || a.message() != notReplicated) || !fresh && a.status != 204 {
			t.Errorf("fresh %t: PATCH: %d %s", fresh, a.status, a.raw)
		}
		s.Clock.Advance(10 * time.Second)
	}
}

func TestFaultsByRoute(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{})
	g := must[string](t)(s.AddGroup(Group{Name: "g"}))
	ok(t, s.Fill(g, must[[]string](t)(s.Crowd("p", 3))...))
	path := "/groups/" + g + "/members"
	fault := Failure(429)
	fault.Match = On("GET /groups/{id}/members")
	s.Faults.Inject(fault)
	if a := c.do("GET", "/groups/"+g, ""); a.status != 200 {
		t.Errorf("another route: %d", a.status)
	}
	if a := c.do("GET", path, ""); a.status != 429 || a.header.Get("Retry-After") != "2" || a.code() != "TooManyRequests" || a.header.Get("request-id") == "" {
		t.Errorf("429: %d %v %s", a.status, a.header, a.raw)
	}
	s.Faults.Inject(sim.Fault{Match: On("/groups/{id}/members"), Effect: sim.Empty})
	if a := c.do("GET", path, ""); a.status != 200 || len(a.values()) != 0 || a.text("@odata.context") == "" {
		t.Errorf("empty: %s", a.raw)
	}
	for status, code := range map[int]string{401: "InvalidAuthenticationToken", 403: "Authorization_RequestDenied", 404: "Request_ResourceNotFound", 400: "Request_BadRequest", 503: "ServiceUnavailable"} {
		s.Faults.Inject(Failure(status))
		if a := c.do("GET", path, ""); a.status != status || a.code() != code {
			t.Errorf("%d: %d %s", status, a.status, a.raw)
		}
	}
	if got := s.Log.Count("GET /groups/{id}/members"); got != 7 {
		t.Errorf("%d listings counted, want 7", got)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{})
	a := c.do("GET", "/groups", "", "client-request-id", "mine")
	if a.header.Get("client-request-id") != "mine" || a.header.Get("request-id") == "" || a.header.Get("Date") != "Wed, 25 Nov 2026 09:00:00 GMT" || a.header.Get("x-ms-resource-unit") != "1" {
		t.Errorf("headers %v", a.header)
	}
	a = c.do("GET", "/groups/"+nobody, "", "client-request-id", "mine")
	inner, _ := a.body["error"].(map[string]any)["innerError"].(map[string]any)
	if a.status != 404 || a.code() != "Request_ResourceNotFound" || inner["client-request-id"] != "mine" || inner["date"] != "2026-11-25T09:00:00" {
		t.Errorf("error %d %s", a.status, a.raw)
	}
	if _, err := strconv.Atoi(a.header.Get("x-ms-resource-unit")); err != nil {
		t.Error("an error has no cost")
	}
	clean(t, s)
}
