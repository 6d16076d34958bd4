package entratest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/internal/sim"
)

// batchOf sends requests, "METHOD url" with an optional JSON body, and returns
// the answers by id.
func batchOf(t *testing.T, c *client, steps ...map[string]any) (map[string]map[string]any, answer) {
	t.Helper()
	b, err := json.Marshal(map[string]any{"requests": steps})
	if err != nil {
		t.Fatal(err)
	}
	a := c.do("POST", "/$batch", string(b))
	out := make(map[string]map[string]any)
	rs, _ := a.body["responses"].([]any)
	for _, r := range rs {
		m := r.(map[string]any)
		out[m["id"].(string)] = m
	}
	return out, a
}

func step1(id, method, url string, more ...any) map[string]any {
	m := map[string]any{"id": id, "method": method, "url": url, "body": nil, "dependsOn": []string{}} // as the SDK writes it
	for i := 0; i+1 < len(more); i += 2 {
		m[more[i].(string)] = more[i+1]
	}
	return m
}

func TestBatch(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{})
	ids := many(t, s, 20)
	g := must[string](t)(s.AddGroup(Group{Name: "g"}))
	ok(t, s.Fill(g, ids[:19]...))
	var steps []map[string]any
	for i, id := range ids {
		steps = append(steps, step1(strconv.Itoa(i), "DELETE", "/groups/"+g+"/members/"+id+"/$ref"))
	}
	rs, a := batchOf(t, c, steps...)
	if a.status != 200 || len(rs) != 20 || len(s.Members(g)) != 0 {
		t.Fatalf("%d, %d answers, %d left: %s", a.status, len(rs), len(s.Members(g)), a.raw)
	}
	for i := range 19 {
		r := rs[strconv.Itoa(i)]
		if body, there := r["body"]; r["status"] != 204.0 || body != nil || !there || r["headers"].(map[string]any)["X-Ms-Resource-Unit"] != "1" {
			t.Errorf("answer %d: %v", i, r)
		}
	}
	if r := rs["19"]; r["status"] != 404.0 || r["body"].(map[string]any)["error"].(map[string]any)["code"] != "Request_ResourceNotFound" {
		t.Errorf("the stranger: %v", r)
	}
	var order []string
	for _, r := range a.body["responses"].([]any) {
		order = append(order, r.(map[string]any)["id"].(string))
	}
	if slices.IsSortedFunc(order, func(a, b string) int { x, _ := strconv.Atoi(a); y, _ := strconv.Atoi(b); return x - y }) {
		t.Error("the answers are in the order asked")
	}
	if s.Log.Total() != 1 || s.Log.Count("DELETE /groups/{id}/members/{member}/$ref") != 20 || s.Log.Count("POST /$batch") != 1 {
		t.Errorf("counted %v, %d in all", s.Log.Counts(), s.Log.Total())
	}
	clean(t, s)
}

func TestBatchOfReadsAndDependants(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{OrderedBatch: true})
	ada := must[string](t)(s.AddUser(User{UPN: "ada@example.org"}))
	g := must[string](t)(s.AddGroup(Group{Name: "o'clock"}))
	rs, a := batchOf(t, c,
		step1("a", "GET", "groups?$filter=displayName eq 'o''clock'&$select=id"),
		step1("b", "PATCH", "/groups/"+g, "headers", map[string]string{"Content-Type": "application/json"}, "body", json.RawMessage(bind(ada))),
		step1("c", "DELETE", "/groups/"+g+"/members/"+nobody+"/$ref"),
		step1("d", "GET", "/users/ada@example.org?$select=id", "dependsOn", []string{"C"}),
		step1("e", "GET", "/users/ada@example.org?$select=id", "dependsOn", []string{"b"}),
		step1("f", "GET", "/groups/"+g+"/members?$top=999"),
	)
	for id, want := range map[string]float64{"a": 200, "b": 204, "c": 404, "d": 424, "e": 200, "f": 200} {
		if rs[id]["status"] != want {
			t.Errorf("%s: %v, want %v", id, rs[id], want)
		}
	}
	found := rs["a"]["body"].(map[string]any)["value"].([]any)
	if len(found) != 1 || found[0].(map[string]any)["id"] != g {
		t.Errorf("by name: %s", a.raw)
	}
	clean(t, s)
}

func TestBadBatches(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{})
	var many []map[string]any
	for i := range 21 {
		many = append(many, step1(strconv.Itoa(i), "GET", "/groups"))
	}
	for name, steps := range map[string][]map[string]any{
		"none": {}, "21": many,
		"twice":    {step1("a", "GET", "/groups"), step1("A", "GET", "/groups")},
		"absolute": {step1("a", "GET", "https://graph.microsoft.com/v1.0/groups")},
		"later":    {step1("a", "GET", "/groups", "dependsOn", []string{"b"}), step1("b", "GET", "/groups")},
	} {
		if _, a := batchOf(t, c, steps...); a.status != 400 {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	rs, _ := batchOf(t, c, step1("a", "GET", "/v1.0/groups"), step1("b", "POST", "/$batch"), step1("c", "PATCH", "/groups/"+nobody, "body", map[string]string{"a": "b"}))
	for _, id := range []string{"a", "b", "c"} { // the last one lacks a Content-Type
		if rs[id]["status"] != 400.0 {
			t.Errorf("%s: %v", id, rs[id])
		}
	}
	if len(s.Violations()) < 7 {
		t.Errorf("violations %q", s.Violations())
	}
}

// Requests in a batch are throttled, and fail, one by one.
func TestFaultsInABatch(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{OrderedBatch: true})
	fault := Failure(429)
	fault.Inner, fault.Skip = true, 1
	s.Faults.Inject(fault)
	rs, _ := batchOf(t, c, step1("a", "GET", "/groups"), step1("b", "GET", "/groups"), step1("c", "GET", "/groups"))
	if rs["a"]["status"] != 200.0 || rs["b"]["status"] != 429.0 || rs["c"]["status"] != 200.0 || rs["b"]["headers"].(map[string]any)["Retry-After"] != "2" {
		t.Errorf("answers %v", rs)
	}
	// An answer lost on the wire: everything was carried out.
	ada := must[string](t)(s.AddUser(User{UPN: "ada@example.org"}))
	g := must[string](t)(s.AddGroup(Group{Name: "g", Members: []string{ada}}))
	s.Faults.Inject(sim.Fault{Match: On("POST /$batch"), Effect: sim.Lose})
	if _, err := c.try("POST", "/$batch", `{"requests":[{"id":"1","method":"DELETE","url":"/groups/`+g+`/members/`+ada+`/$ref"}]}`); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want a cut connection", err)
	}
	if s.Has(g, ada) {
		t.Error("it was not carried out")
	}
}

func TestBatchConflicts(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{BatchConflicts: 2})
	ids := many(t, s, 9)
	g := must[string](t)(s.AddGroup(Group{Name: "g", Members: ids}))
	var steps []map[string]any
	for i, id := range ids {
		steps = append(steps, step1(strconv.Itoa(i), "DELETE", "/groups/"+g+"/members/"+id+"/$ref"))
	}
	rs, _ := batchOf(t, c, steps...)
	conflicts := 0
	for _, r := range rs {
		if r["status"] == 409.0 {
			conflicts++
		}
	}
	if conflicts != 4 || len(s.Members(g)) != 4 {
		t.Errorf("%d conflicts, %d left", conflicts, len(s.Members(g)))
	}
}

func TestQuota(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{Quota: &Quota{Writes: 10, ResourceUnits: 30, PerMinute: -1}})
	ids := many(t, s, 20)
	g := must[string](t)(s.AddGroup(Group{Name: "g", Members: ids}))
	path := "/groups/" + g + "/members"
	for i, tc := range []struct {
		query, cost, percentage string
	}{{"", "3", ""}, {"?$select=id", "2", ""}, {"?$top=10", "2", ""}, {"?$top=10&$select=id", "1", ""}, {"?$top=999", "3", ""}, {"", "3", ""}, {"", "3", ""}, {"", "3", ""}, {"", "3", ""}, {"", "3", "0.87"}, {"", "3", "0.97"}} {
		a := c.do("GET", path+tc.query, "")
		if a.status != 200 || a.header.Get("x-ms-resource-unit") != tc.cost || a.header.Get("x-ms-throttle-limit-percentage") != tc.percentage {
			t.Errorf("request %d: %d, cost %s, percentage %q; want %s, %q", i, a.status, a.header.Get("x-ms-resource-unit"), a.header.Get("x-ms-throttle-limit-percentage"), tc.cost, tc.percentage)
		}
	}
	a := c.do("GET", path, "")
	if a.status != 429 || a.code() != "TooManyRequests" || a.header.Get("Retry-After") != "10" || a.header.Get("x-ms-throttle-information") != "ResourceUnitLimitExceeded" ||
		a.header.Get("x-ms-throttle-scope") != "Tenant_Application/ReadWrite/"+DefaultApp+"/"+DefaultTenant {
		t.Errorf("over the limit: %d %v %s", a.status, a.header, a.raw)
	}
	s.Clock.Advance(unitsPer)
	rs, _ := batchOf(t, c, steps(g, ids[:12])...)
	throttled := 0
	for _, r := range rs {
		if r["status"] == 429.0 {
			throttled++
			if h := r["headers"].(map[string]any); h["Retry-After"] != "150" || h["X-Ms-Throttle-Information"] != "WriteLimitExceeded" {
				t.Errorf("headers %v", h)
			}
		}
	}
	if throttled != 2 || len(s.Members(g)) != 10 {
		t.Errorf("%d throttled, %d left", throttled, len(s.Members(g)))
	}
	clean(t, s)
}

func steps(g string, ids []string) []map[string]any {
	var all []map[string]any
	for i, id := range ids {
		all = append(all, step1(strconv.Itoa(i), "DELETE", "/groups/"+g+"/members/"+id+"/$ref"))
	}
	return all
}

func TestQuotaPerMinuteAndBySize(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{Quota: &Quota{PerMinute: 5}})
	for i := range 7 {
		a := c.do("GET", "/groups", "")
		if want := map[bool]int{true: 200, false: 429}[i < 5]; a.status != want {
			t.Errorf("request %d: %d, want %d", i, a.status, want)
		}
	}
	for users, want := range map[int]int{10: 3500, 50: 5000, 500: 5000, 501: 8000} {
		if got := s.quota.sized(users).Limit(); got != want {
			t.Errorf("%d users: %d units, want %d", users, got, want)
		}
	}
	clean(t, s)
	c.do("GET", "/groups", "", "x-ms-throttle-priority", "urgent")
	if len(s.Violations()) != 1 {
		t.Errorf("violations %q", s.Violations())
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{})
	try := func(name, token string, status int, message string) {
		t.Helper()
		c.token = token
		a := c.do("GET", "/groups", "")
		if a.status != status || !strings.Contains(a.message(), message) {
			t.Errorf("%s: %d %s, want %d %s", name, a.status, a.raw, status, message)
		}
		if status == 401 && (a.code() != "InvalidAuthenticationToken" || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer ")) {
			t.Errorf("%s: %v %s", name, a.header, a.raw)
		}
	}
	good := s.Token(DefaultRoles()...)
	try("good", good, 200, "")
	try("none", "", 401, "empty")
	try("garbage", "x.y.z", 401, "signature")
	try("changed", good[:len(good)-4]+"AAAA", 401, "signature")
	s.EndTokens()
	try("ended", good, 401, "Continuous access evaluation")
	if a := c.do("GET", "/groups", ""); !strings.Contains(a.header.Get("WWW-Authenticate"), `error="insufficient_claims", claims="`) {
		t.Errorf("no challenge: %v", a.header)
	}
	fresh := s.Token(DefaultRoles()...)
	s.Clock.Advance(lifetime)
	try("expired", fresh, 401, "expired")
	try("without roles", s.Token(), 403, noPrivileges)
}

func TestTokenEndpoint(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{})
	app := "b0b00000-0000-4000-8000-000000000001"
	ok(t, s.Load(strings.NewReader(`{"apps":[{"id":"`+app+`","secret":"old","expired":true,"roles":[]}]}`)))
	c.token = ""
	form := func(tenant, id, secret, scope string) answer {
		return c.do("POST", s.URL()+"/"+tenant+"/oauth2/v2.0/token",
			"grant_type=client_credentials&client_id="+id+"&client_secret="+secret+"&scope="+scope, "Content-Type", "application/x-www-form-urlencoded")
	}
	const scope = "https%3A%2F%2Fgraph.microsoft.com%2F.default+openid"
	a := form(DefaultTenant, DefaultApp, DefaultSecret, scope)
	if a.status != 200 || a.text("token_type") != "Bearer" || a.body["expires_in"] != 3600.0 {
		t.Fatalf("a token: %d %s", a.status, a.raw)
	}
	c.token = a.text("access_token")
	if a := c.do("GET", "/groups", ""); a.status != 200 {
		t.Errorf("with the token: %d %s", a.status, a.raw)
	}
	for _, tc := range []struct {
		tenant, id, secret, scope string
		status                    int
		kind, code                string
	}{
		{DefaultTenant, DefaultApp, "hunter2", scope, 401, "invalid_client", "AADSTS7000215"},
		{DefaultTenant, app, "old", scope, 401, "invalid_client", "AADSTS7000222"},
		{DefaultTenant, nobody, "x", scope, 400, "unauthorized_client", "AADSTS700016"},
		{nobody, DefaultApp, DefaultSecret, scope, 400, "invalid_request", "AADSTS90002"},
		{DefaultDomain, DefaultApp, DefaultSecret, "User.Read", 400, "invalid_scope", "AADSTS1002012"},
	} {
		a := form(tc.tenant, tc.id, tc.secret, tc.scope)
		if a.status != tc.status || a.text("error") != tc.kind || !strings.HasPrefix(a.text("error_description"), tc.code+": ") {
			t.Errorf("%+v: %d %s", tc, a.status, a.raw)
		}
		if strings.Contains(a.raw, "hunter2") {
			t.Errorf("%+v: the secret is in the answer", tc)
		}
	}
	s.SetRoles(DefaultApp)
	s.SetSecret(DefaultApp, "new")
	if a := form(DefaultTenant, DefaultApp, DefaultSecret, scope); a.status != 401 {
		t.Errorf("the old secret: %d", a.status)
	}
	c.token = form(DefaultTenant, DefaultApp, "new", scope).text("access_token")
	if a := c.do("GET", "/groups", ""); a.status != 403 {
		t.Errorf("without roles: %d %s", a.status, a.raw)
	}
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{})
	a := c.do("GET", s.URL()+"/"+DefaultTenant+"/v2.0/.well-known/openid-configuration", "")
	if a.text("token_endpoint") != s.URL()+"/"+DefaultTenant+"/oauth2/v2.0/token" || a.text("issuer") != s.URL()+"/"+DefaultTenant+"/v2.0" {
		t.Errorf("configuration: %s", a.raw)
	}
	if a := c.do("GET", s.URL()+"/common/discovery/instance?api-version=1.1", ""); !strings.HasPrefix(a.text("tenant_discovery_endpoint"), s.URL()) {
		t.Errorf("discovery: %s", a.raw)
	}
	if a := c.do("GET", s.URL()+"/"+nobody+"/v2.0/.well-known/openid-configuration", ""); a.status != 400 || !strings.Contains(a.raw, "AADSTS90002") {
		t.Errorf("another tenant: %d %s", a.status, a.raw)
	}
	a = c.do("GET", s.URL()+"/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://graph.microsoft.com", "", "Metadata", "true")
	c.token = a.text("access_token")
	if a := c.do("GET", "/organization?$select=id", ""); a.status != 200 || a.values()[0]["id"] != DefaultTenant {
		t.Errorf("as a managed identity: %d %s", a.status, a.raw)
	}
	if a := c.do("GET", s.URL()+"/elsewhere", ""); a.status != http.StatusNotFound || len(s.Violations()) != 1 {
		t.Errorf("elsewhere: %d %q", a.status, s.Violations())
	}
}

func TestGrantedRoles(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{}, "Application.Read.All")
	a := c.do("GET", "/servicePrincipals(appId='"+DefaultApp+"')?$select=id&$expand=appRoleAssignments", "")
	granted, _ := a.body["appRoleAssignments"].([]any)
	if a.status != 200 || len(granted) != len(DefaultRoles()) || granted[0].(map[string]any)["appRoleId"] != "dbaae8cf-10b5-4b86-a4a1-f871c94c6695" {
		t.Errorf("%d %s", a.status, a.raw)
	}
	b := c.do("GET", "/servicePrincipals/"+a.text("id")+"/appRoleAssignments", "")
	graph := c.do("GET", "/servicePrincipals(appId='"+graphApp+"')?$select=id,appRoles", "")
	if len(b.values()) != len(granted) || b.values()[0]["resourceId"] != graph.text("id") || !strings.Contains(graph.raw, "GroupMember.ReadWrite.All") {
		t.Errorf("%s and %s", b.raw, graph.raw)
	}
	if a := as(t, s).do("GET", "/servicePrincipals(appId='"+DefaultApp+"')", ""); a.status != 403 {
		t.Errorf("without the right: %d", a.status)
	}
	if a := as(t, s, "GroupMember.Read.All").do("GET", "/organization", ""); a.status != 403 {
		t.Errorf("organization without the right: %d", a.status)
	}
	clean(t, s)
}
