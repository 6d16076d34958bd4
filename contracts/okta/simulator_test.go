package okta_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/okta/oktatest"
	"github.com/daypass-dev/daypass/internal/sim"
)

// newOrg is an org with something of everything.
func newOrg(t *testing.T, edit ...func(*oktatest.Options)) *oktatest.Server {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	opts := oktatest.Options{
		Clock: sim.Frozen(time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)), Token: oktatest.DefaultToken,
		Credentials: []oktatest.Credential{{ClientID: "0oa1daypass", Key: key.Public()}, {Token: "reader", Roles: []string{"READ_ONLY_ADMIN"}}},
	}
	for _, e := range edit {
		e(&opts)
	}
	s := oktatest.New(opts)
	if err := s.Demo(30); err != nil {
		t.Fatal(err)
	}
	return s
}

// caller sends requests as an administrator.
type caller struct {
	t    *testing.T
	s    *oktatest.Server
	http *http.Client
}

func (c caller) call(method, path string, edit ...func(*http.Request)) *http.Response {
	c.t.Helper()
	req, err := http.NewRequest(method, c.s.URL()+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "SSWS "+oktatest.DefaultToken)
	for _, e := range edit {
		e(req)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp
}

// simulatorGaps are what real orgs do and the contract of 2024.06.1 does not
// say.
var simulatorGaps = []gap{
	{"POST /oauth2/v1/token: no such call", "the token endpoint is in another contract, that of the authorization servers"},
	{"/group-rules: no such call", "the call is of June 2026; the contract is older"},
	{" 401: ", "the contract lists no 401, though every call gives it for a bad token; the documentation of errors does (E0000011)"},
	{" 400: ", "the contract lists no 400 for these readings; the documentation of errors does (E0000001, E0000031, E0000053)"},
	{" 501: ", "the contract lists no 501; writes to Everyone get it (E0000060)"},
	{" 411: ", "the contract lists no 411; a PUT without a length gets it"},
	{" 409: ", "the contract lists no 409; a write to a user who is being activated gets it (E0000112)"},
	{" 500: ", "the contract lists no 500 (E0000009)"},
	{" 503: ", "the contract lists no 503 (E0000010)"},
	{"GET /oauth2/v1/clients/{clientId}/roles 200: ", "the contract gives the schema of a client; its own example is a list of roles"},
	{".allGroupsValid", "in recordings of real rules, not in the contract"},
	{"/roles 200: unknown field []._links.assignee", "in the documentation's examples of roles; the contract has only self"},
}

func TestTheSimulatorKeepsTheContract(t *testing.T) {
	t.Parallel()
	s := newOrg(t)
	check := newChecker(t, s.Transport())
	c := caller{t, s, &http.Client{Transport: check}}
	prod, imported, everyone := "/api/v1/groups/"+s.GroupID("prod-db"), "/api/v1/groups/"+s.GroupID("imported"), "/api/v1/groups/"+s.GroupID("Everyone")
	ada, sales := s.UserID("ada@example.org"), "/api/v1/groups/"+s.GroupID("sales")
	q := url.QueryEscape

	for _, path := range []string{
		"/api/v1/groups", "/api/v1/groups?limit=2", "/api/v1/groups?q=prod", "/api/v1/groups?expand=stats",
		"/api/v1/groups?filter=" + q(`type eq "OKTA_GROUP" and lastMembershipUpdated gt "2026-01-01T00:00:00.000Z"`),
		"/api/v1/groups?search=" + q(`profile.name eq "prod-db"`), "/api/v1/groups?filter=" + q(`profile.name eq "x"`),
		"/api/v1/groups/rules", "/api/v1/groups/rules/0pr1sim0000000000001", "/api/v1/groups/rules/0prnone",
		prod, everyone, "/api/v1/groups/00gnone", prod + "/users?limit=200", everyone + "/users?limit=5", "/api/v1/groups/00gnone/users",
		"/api/v1/users", "/api/v1/users?limit=200&filter=" + q(`profile.login eq "ada@example.org"`), "/api/v1/users?search=" + q(`profile.email eq "ada@example.org"`),
		"/api/v1/users?q=ada", "/api/v1/users/" + ada, "/api/v1/users/ada@example.org", "/api/v1/users/me", "/api/v1/users/nobody@example.org",
		"/api/v1/users/" + ada + "/groups?limit=200", "/api/v1/users/" + ada + "/roles", "/api/v1/users/" + s.UserID(oktatest.AdminLogin) + "/roles",
		"/oauth2/v1/clients/0oa1daypass/roles", "/oauth2/v1/clients/0oanone/roles", sales + "/users/" + s.UserID("dennis@example.org") + "/group-rules",
	} {
		c.call("GET", path)
	}
	c.call("PUT", prod+"/users/"+ada)
	c.call("DELETE", prod+"/users/"+ada)
	c.call("DELETE", sales+"/users/"+s.UserID("dennis@example.org"))
	c.call("PUT", prod+"/users/00unobody")
	c.call("DELETE", prod+"/users/00unobody")
	c.call("PUT", imported+"/users/"+ada)
	c.call("PUT", everyone+"/users/"+ada)
	c.call("PUT", prod+"/users/"+ada, func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("x")), -1 })
	c.call("GET", "/api/v1/logs?limit=1000&sortOrder=ASCENDING&since=2026-11-25T00:00:00Z&filter="+q(`eventType eq "group.user_membership.add"`))
	c.call("GET", "/api/v1/logs?until=2026-11-26T00:00:00Z")
	c.call("GET", "/api/v1/logs?filter=x")
	c.call("POST", "/oauth2/v1/token")
	c.call("GET", "/api/v1/groups", func(r *http.Request) { r.Header.Set("Authorization", "SSWS wrong") })
	c.call("PUT", prod+"/users/"+ada, func(r *http.Request) { r.Header.Set("Authorization", "SSWS reader") })
	for _, status := range []int{403, 409, 429, 500, 503} {
		s.Faults.Inject(s.Failure(status))
		c.call("GET", "/api/v1/users/"+ada)
	}
	c.call("DELETE", "/api/v1/users/"+ada+"/sessions?oauthTokens=true")
	c.call("DELETE", "/api/v1/users/00unobody/sessions")
	c.call("DELETE", "/api/v1/users/"+ada)
	c.call("DELETE", prod)

	check.judge(t, simulatorGaps)
	if v := s.Violations(); len(v) > 0 {
		t.Errorf("the simulator itself found %q", v)
	}
	if len(check.covered) < 30 {
		t.Errorf("got %d kinds of answers covered, want 30 and more: %v", len(check.covered), check.covered)
	}
}

// TestPagesFollowedToTheirEndKeepTheContract follows the links as they are.
func TestPagesFollowedToTheirEndKeepTheContract(t *testing.T) {
	t.Parallel()
	s := newOrg(t)
	check := newChecker(t, s.Transport())
	c := caller{t, s, &http.Client{Transport: check}}
	for path, least := range map[string]int{
		"/api/v1/groups?limit=2": 4, "/api/v1/users?limit=7": 4, "/api/v1/groups/" + s.GroupID("Everyone") + "/users?limit=9": 3,
		"/api/v1/users/" + s.UserID("root@example.org") + "/groups?limit=2": 4, "/api/v1/groups/rules?limit=1": 1,
	} {
		pages := 0
		for path != "" {
			resp := c.call("GET", path)
			if pages++; resp.StatusCode != 200 || pages > 100 {
				t.Fatalf("%s: got %d on page %d", path, resp.StatusCode, pages)
			}
			path = ""
			for _, l := range resp.Header["Link"] {
				if target, ok := strings.CutSuffix(l, `>; rel="next"`); ok {
					path = strings.TrimPrefix(target, "<"+s.URL())
				}
			}
		}
		if pages < least {
			t.Errorf("got %d pages, want %d at least", pages, least)
		}
	}
	check.judge(t, []gap{{".allGroupsValid", "in recordings of real rules, not in the contract"}})
}

// TestTheCheckerNotices plants what is against the contract.
func TestTheCheckerNotices(t *testing.T) {
	t.Parallel()
	s := newOrg(t)
	for _, tt := range []struct{ path, from, to, want string }{
		{"/api/v1/groups?colour=red", "", "", `GET /api/v1/groups: unknown parameter "colour"`},
		{"/api/v1/group", "", "", "GET /api/v1/group: no such call"},
		{"/api/v1/groups?limit=5000000000", "", "", `GET /api/v1/groups: request: parameter "limit" in query has an error`},
		{"/api/v1/groups", `"type":"OKTA_GROUP"`, `"type":7`, "GET /api/v1/groups 200: response body doesn't match schema"},
		{"/api/v1/groups", `"created":"2026`, `"created":"26`, "GET /api/v1/groups 200: response body doesn't match schema"},
		{"/api/v1/groups", `"lastMembershipUpdated"`, `"lastMembershipUpdate"`, "GET /api/v1/groups 200: unknown field [].lastMembershipUpdate"},
		{"/api/v1/groups/rules", `"groupIds"`, `"groups"`, "GET /api/v1/groups/rules 200: unknown field [].actions.assignUserToGroups.groups"},
		{"/api/v1/users", `"status":"ACTIVE"`, `"status":"AWAKE"`, "GET /api/v1/users 200: response body doesn't match schema"},
	} {
		check := newChecker(t, twist{s.Transport(), tt.from, tt.to})
		caller{t, s, &http.Client{Transport: check}}.call("GET", tt.path)
		found := false
		for f := range check.findings {
			found = found || strings.HasPrefix(f, tt.want)
		}
		if !found {
			t.Errorf("%s with %s: got findings %v, want %q", tt.path, tt.to, check.findings, tt.want)
		}
	}
}

// twist changes what passes.
type twist struct {
	next     http.RoundTripper
	from, to string
}

func (w twist) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(r)
	if err != nil || w.from == "" {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(strings.NewReader(strings.ReplaceAll(string(body), w.from, w.to)))
	resp.Header.Del("Content-Length")
	return resp, err
}
