package google_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/google"
	"github.com/daypass-dev/daypass/connectors/google/googletest"
	"github.com/daypass-dev/daypass/engine"
)

// gaps are departures from the documents that are known: what a fault holds,
// and why it stays. One that nothing needs any more fails the test.
var gaps = map[string]string{}

// verdict fails the test for every departure that is no known gap.
func (c *checker) verdict(t *testing.T, used map[string]bool) {
	t.Helper()
	for _, f := range c.faults {
		known := false
		for gap := range gaps {
			if strings.Contains(f, gap) {
				known, used[gap] = true, true
			}
		}
		if !known {
			t.Error(f)
		}
	}
}

func customer(t *testing.T) (*googletest.Server, *checker) {
	t.Helper()
	s := googletest.New(googletest.Options{PerMinute: -1})
	if err := s.Demo(520); err != nil { // more than a page of users
		t.Fatal(err)
	}
	s.Grant("all")
	return s, newChecker(t, s.Transport())
}

func do(t *testing.T, via http.RoundTripper, method, path, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://admin.googleapis.com"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer all")
	resp, err := via.RoundTrip(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

const (
	dir    = "/admin/directory/v1"
	vpn    = dir + "/groups/vpn@example.org"
	log    = "/admin/reports/v1/activity/users/all/applications/groups_enterprise"
	parent = "parent == 'customers/C03demo01'"
)

// profile has something of everything.
var profile = googletest.Profile{
	Organizations: []googletest.Organization{{Primary: true, Department: "Data", Title: "Head", CostCenter: "4711", Location: "Zürich"}, {Title: "Advisor"}},
	Relations:     []googletest.Relation{{Type: "manager", Value: "ada@example.org"}, {Type: "custom", CustomType: "mentor", Value: "ken@example.org"}},
	Custom:        map[string]map[string]any{"HR": {"floor": 7, "teams": []string{"red", "blue"}}, "Work-Place": {"site": "north", "remote": true}},
}

// calls use every route, in its variants, and refusals of each shape.
func calls(s *googletest.Server) [][3]string {
	id := s.ID("engineers@example.org")
	members := "/v1/groups/" + s.ID("vpn@example.org") + "/memberships"
	return [][3]string{
		{"GET", vpn + "/members?maxResults=2", ""},
		{"GET", vpn + "/members?includeDerivedMembership=true&roles=MEMBER,OWNER&fields=nextPageToken,members(id,email,role,type,status)", ""},
		{"GET", dir + "/groups/staff@example.org/members", ""},
		{"GET", dir + "/groups/odd@example.org/members", ""},
		{"GET", dir + "/groups/prod-db@example.org/members?pageToken=", ""},
		{"POST", vpn + "/members", `{"email":"ken@example.org","role":"MEMBER"}`},
		{"POST", vpn + "/members", `{"id":"` + s.ID("ken@example.org") + `","role":"MEMBER"}`},
		{"POST", vpn + "/members", `{"email":"out@elsewhere.test"}`},
		{"GET", vpn + "/members/ken@example.org", ""},
		{"GET", vpn + "/members/nobody@example.org", ""},
		{"GET", vpn + "/hasMember/ken@example.org", ""},
		{"PATCH", vpn + "/members/ken@example.org", `{"role":"MANAGER"}`},
		{"PUT", vpn + "/members/ken@example.org", `{"role":"MEMBER"}`},
		{"DELETE", vpn + "/members/ken@example.org", ""},
		{"DELETE", vpn + "/members/ken@example.org", ""},
		{"GET", vpn, ""},
		{"GET", dir + "/groups/none@example.org", ""},
		{"GET", dir + "/groups?customer=my_customer&maxResults=3&query=email:p*", ""},
		{"GET", dir + "/groups?domain=example.org&orderBy=email&sortOrder=ASCENDING", ""},
		{"GET", dir + "/groups?userKey=ada@example.org", ""},
		{"GET", dir + "/groups?userKey=tim@example.org", ""},
		{"GET", dir + "/groups", ""},
		{"GET", dir + "/users?customer=my_customer&maxResults=500&projection=basic&viewType=admin_view", ""},
		{"GET", dir + "/users?customer=my_customer&query=isSuspended=true", ""},
		{"GET", dir + "/users?customer=my_customer&showDeleted=true", ""},
		{"GET", dir + "/users/ada@example.org?projection=full", ""},
		{"GET", dir + "/users/grace@example.org?projection=full", ""},
		{"GET", dir + "/users/grace@example.org?projection=custom&customFieldMask=HR,Work-Place", ""},
		{"GET", dir + "/users/grace@example.org?projection=custom", ""},
		{"GET", dir + "/users/grace@example.org?fields=kind,relations,customSchemas,organizations,name", ""},
		{"GET", dir + "/users?customer=my_customer&maxResults=5&projection=full&fields=users(id,customSchemas,relations)", ""},
		{"GET", dir + "/users/nobody@example.org", ""},
		{"GET", dir + "/customer/my_customer/roles", ""},
		{"GET", dir + "/customer/my_customer/roleassignments?userKey=" + googletest.ServiceAccount, ""},
		{"GET", log + "?maxResults=1&eventName=add_member", ""},
		{"GET", log + "?startTime=2026-01-01T00:00:00.000Z&customerId=my_customer", ""},
		{"GET", log + "?startTime=2999-01-01T00:00:00Z", ""},
		{"GET", "/v1/groups:lookup?groupKey.id=engineers@example.org", ""},
		{"GET", "/v1/groups:lookup?groupKey.id=none@example.org", ""},
		{"GET", "/v1/groups/" + id, ""},
		{"GET", "/v1/groups/" + id + "?fields=labels,parent", ""},
		{"GET", "/v1/groups?view=FULL&pageSize=2&parent=customers/C03demo01", ""},
		{"GET", "/v1/groups:search?pageSize=1000&query=" + url.QueryEscape(parent+" && 'cloudidentity.googleapis.com/groups.dynamic' in labels"), ""},
		{"POST", "/v1/groups/" + id + "/memberships", `{"preferredMemberKey":{"id":"nobody@example.org"},"roles":[{"name":"MEMBER"}]}`},
		{"POST", members, `{"preferredMemberKey":{"id":"ken@example.org"},"roles":[{"name":"MEMBER","expiryDetail":{"expireTime":"2999-01-01T00:00:00Z"}}]}`},
		{"POST", members, `{"preferredMemberKey":{"id":"ken@example.org"},"roles":[{"name":"MEMBER"}]}`},
		{"GET", members + ":lookup?memberKey.id=ken@example.org", ""},
		{"GET", members + ":lookup?memberKey.id=nobody@example.org", ""},
		{"GET", members + "/" + s.ID("ken@example.org"), ""},
		{"GET", members + "?pageSize=2", ""},
		{"GET", members + "?view=FULL&pageSize=500&fields=memberships(name,preferredMemberKey,roles),nextPageToken", ""},
		{
			"POST", members + "/" + s.ID("ken@example.org") + ":modifyMembershipRoles",
			`{"updateRolesParams":[{"fieldMask":"expiryDetail.expireTime","membershipRole":{"name":"MEMBER","expiryDetail":{"expireTime":"2998-01-01T00:00:00Z"}}}]}`,
		},
		{
			"POST", members + "/" + s.ID("ken@example.org") + ":modifyMembershipRoles",
			`{"updateRolesParams":[{"fieldMask":"expiryDetail.expireTime","membershipRole":{"name":"MEMBER","expiryDetail":{"expireTime":"1998-01-01T00:00:00Z"}}}]}`,
		},
		{"DELETE", members + "/" + s.ID("ken@example.org"), ""},
		{"POST", dir + "/users/ada@example.org/signOut", ""},
		{"POST", dir + "/users/nobody@example.org/signOut", ""},
		{"DELETE", dir + "/groups/on-call@example.org", ""},
		{"DELETE", dir + "/users/person25@example.org", ""},
	}
}

func TestSimulatorKeepsTheContract(t *testing.T) {
	t.Parallel()
	s, c := customer(t)
	if _, err := s.AddGroup(googletest.Group{Email: "odd@example.org", Members: []googletest.Member{{Email: "vpn@example.org"}, {Email: "CUSTOMER"}}}); err != nil {
		t.Fatal(err)
	}
	for _, prepare := range []error{
		s.AddAlias("vpn@example.org", "remote@example.org"), s.AddAlias("ada@example.org", "countess@example.org"),
		s.Suspend("grace@example.org"), s.DeleteUser("person30@example.org"), s.Put("vpn@example.org", "barbara@example.org"),
		s.RenameGroup("finance-reports@example.org", "finance@example.org"),
		s.SetProfile("grace@example.org", "", profile), s.SetProfile("person32@example.org", "", profile),
	} {
		if prepare != nil {
			t.Fatal(prepare)
		}
	}
	for _, call := range calls(s) {
		do(t, c, call[0], call[1], call[2])
	}
	for _, route := range googletest.Routes() {
		if s.Log.Count(route) == 0 && route != "POST /token" {
			t.Errorf("%s was not checked", route)
		}
	}
	used := map[string]bool{}
	c.verdict(t, used)
	for gap := range gaps {
		if !used[gap] {
			t.Errorf("the gap %q is none any more: take it out", gap)
		}
	}
}

// methodOf finds the document's method for a route of the simulator.
func methodOf(t *testing.T, methods []*method, route string) (m *method, path string) {
	t.Helper()
	verb, template, _ := strings.Cut(route, " ")
	path = strings.NewReplacer(
		"{groupKey}", "vpn@example.org", "{memberKey}", "ada@example.org", "{userKey}", "all", "{applicationName}", "groups_enterprise",
		"{customer}", "my_customer", "{group}", "01x", "{membership}", "1",
	).Replace(template)
	for _, m := range methods {
		if m.HTTPMethod == verb && m.path.MatchString(path) {
			return m, path
		}
	}
	t.Errorf("%s: no such method in the documents", route)
	return nil, ""
}

// TestSimulatorKnowsEveryParameter: what the documents name is known, and
// nothing else.
func TestSimulatorKnowsEveryParameter(t *testing.T) {
	t.Parallel()
	s, c := customer(t)
	for _, route := range googletest.Routes() {
		if route == "POST /token" {
			continue
		}
		m, path := methodOf(t, c.methods, route)
		if m == nil || m.HTTPMethod == "DELETE" {
			continue
		}
		for name, p := range m.Parameters {
			if p.Location != "query" {
				continue
			}
			if _, text := do(t, s.Transport(), m.HTTPMethod, path+"?"+name+"=1", "{}"); strings.Contains(text, "Unknown name") {
				t.Errorf("%s: parameter %s is not known to the simulator", route, name)
			}
		}
		if status, text := do(t, s.Transport(), m.HTTPMethod, path+"?daypass=1", "{}"); status != 400 || !strings.Contains(text, "Unknown name") {
			t.Errorf("%s: an unknown parameter: got %d %s, want 400", route, status, text)
		}
	}
}

// TestSimulatorWantsTheScopes: each scope of a method opens it, and no other
// one does.
func TestSimulatorWantsTheScopes(t *testing.T) {
	t.Parallel()
	s, c := customer(t)
	var scopes []string
	for _, m := range c.methods {
		scopes = append(scopes, m.Scopes...)
	}
	slices.Sort(scopes)
	scopes = slices.DeleteFunc(slices.Compact(scopes), func(scope string) bool {
		return !regexp.MustCompile(`admin\.directory\.(group|user|rolemanagement)|reports\.audit|cloud-`).MatchString(scope)
	})
	for _, scope := range scopes {
		s.Grant("all", scope) // in place of the one before
		for _, route := range googletest.Routes() {
			if route == "POST /token" {
				continue
			}
			m, path := methodOf(t, c.methods, route)
			_, text := do(t, s.Transport(), m.HTTPMethod, path+"?daypass=1", "{}") // admitted, and refused for the parameter
			if narrow := strings.Contains(text, "insufficient"); narrow == slices.Contains(m.Scopes, scope) {
				t.Errorf("%s with the scope %s: refused %t, and the documents want %v", route, scope, narrow, m.Scopes)
			}
		}
	}
}

// TestCheckerFindsFaults: a checker that finds nothing proves nothing.
func TestCheckerFindsFaults(t *testing.T) {
	t.Parallel()
	s, c := customer(t)
	bad := answering(`{"kind":"x","members":[{"id":7,"mail":"a"}],"nextPageToken":["t"]}`)
	for _, tc := range []struct {
		via                      http.RoundTripper
		method, path, body, want string
	}{
		{s.Transport(), "GET", vpn + "/members?limit=2", "", "unknown parameter limit"},
		{s.Transport(), "GET", vpn + "/members?maxResults=many", "", "no integer"},
		{s.Transport(), "GET", dir + "/users?customer=my_customer&maxResults=501", "", "out of range"},
		{s.Transport(), "GET", dir + "/users?projection=all", "", "none of basic"},
		{s.Transport(), "GET", vpn + "/members?fields=members(id,mail)", "", "unknown field mail"},
		{s.Transport(), "GET", dir + "/group/vpn@example.org", "", "no such method"},
		{s.Transport(), "GET", log + "?startTime=yesterday", "", "does not fit"},
		{s.Transport(), "POST", vpn + "/members", `{"mail":"x"}`, "unknown field Member.mail"},
		{s.Transport(), "DELETE", vpn + "/members/x@example.org", `{}`, "does not take"},
		{bad, "GET", vpn + "/members", "", "unknown field Members.members[].mail"},
		{bad, "GET", vpn + "/members", "", "Members.members[].id: got 7, want string"},
		{bad, "GET", vpn + "/members", "", "Members.nextPageToken"},
		{bad, "DELETE", vpn + "/members/x@example.org", "", "the method has none"},
		{answering("<html>"), "GET", vpn, "", "no JSON"},
	} {
		c.faults, c.next = nil, tc.via
		do(t, c, tc.method, tc.path, tc.body)
		if !slices.ContainsFunc(c.faults, func(f string) bool { return strings.Contains(f, tc.want) }) {
			t.Errorf("%s %s: got %q, want a fault with %q", tc.method, tc.path, c.faults, tc.want)
		}
	}
}

type answering string

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(string(a))), Request: r,
	}, nil
}

func TestConnectorKeepsTheContract(t *testing.T) {
	t.Parallel()
	s, check := customer(t)
	if err := s.SetProfile("person32@example.org", "", profile); err != nil {
		t.Fatal(err)
	}
	c, err := google.New(google.Config{
		Name: "corp", ProfileAttributes: map[string]string{"teams": "HR.teams", "department": "department", "remote": "Work-Place.remote"},
		Transport: check, Key: func(context.Context) (string, error) { return string(s.Credentials()), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	use(t, s, c)
	check.verdict(t, map[string]bool{})
	t.Logf("requests by method: %v", check.seen)
	for _, id := range []string{
		"directory.members.list", "directory.members.insert", "directory.members.delete", "directory.groups.list", "reports.activities.list", "POST /token",
		"cloudidentity.groups.memberships.create", "cloudidentity.groups.memberships.list", "cloudidentity.groups.memberships.modifyMembershipRoles", "directory.users.signOut",
	} {
		if check.seen[id] == 0 {
			t.Errorf("the connector never called %s", id)
		}
	}
	if v := s.Violations(); len(v) > 0 {
		t.Errorf("violations: %v", v)
	}
}

// use calls every method of the connector, in what works and what does not.
func use(t *testing.T, s *googletest.Server, c *google.Connector) {
	t.Helper()
	ctx := t.Context()
	want := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	g, err := c.Group(ctx, "prod-db@example.org")
	want("Group", err)
	m, err := c.Resolve(ctx, "ada@example.org")
	want("Resolve", err)
	told, err := c.Describe(ctx, "person32@example.org")
	want("Describe", err)
	if told.Name != "Person 32" || told.Manager != "ada@example.org" || len(told.Attributes) != 3 || len(told.Attributes["teams"]) != 2 {
		t.Errorf("Describe: got %+v, want a name, the manager and three attributes", told)
	}
	_, _ = c.Describe(ctx, "nobody@example.org")
	people := []engine.Person{"ada@example.org", "nobody@example.org"}
	for i := range 60 {
		people = append(people, engine.Person(fmt.Sprintf("person%d@example.org", 30+i)))
	}
	_, err = c.ResolveAll(ctx, people)
	want("ResolveAll", err)
	_, err = c.FindAll(ctx, []string{"vpn@example.org", "none@example.org", string(g.ID), "staff@example.org", "staging@example.org", "on-call@example.org", "engineers@example.org"})
	want("FindAll", err)
	mark, err := c.Changed(ctx, "")
	want("Changed", err)
	for range 2 {
		_, err = c.Add(ctx, g.ID, m)
		want("Add", err)
	}
	_, err = c.Members(ctx, g.ID)
	want("Members", err)
	for range 2 {
		_, err = c.Remove(ctx, g.ID, m)
		want("Remove", err)
	}
	for range 2 {
		_, _, err = c.AddUntil(ctx, g.ID, m, time.Now().Add(time.Hour))
		want("AddUntil", err)
	}
	_, err = c.Expire(ctx, g.ID, m, time.Now().Add(2*time.Hour))
	want("Expire", err)
	if ends, err := c.Expiries(ctx, g.ID); err != nil || len(ends) != 1 {
		t.Errorf("Expiries: got %v and error %v, want one", ends, err)
	}
	want("EndSessions", c.EndSessions(ctx, m))
	_, err = c.Remove(ctx, g.ID, m)
	want("Remove", err)
	c.Change(ctx, g.ID, []engine.Member{m, {ID: "100000000000000000000"}}, nil)
	_, err = c.Changed(ctx, mark.Next)
	want("Changed", err)
	for _, err := range c.Groups(ctx) {
		want("Groups", err)
	}
	if now, err := c.Time(ctx); err != nil || time.Since(now).Abs() > time.Minute {
		t.Errorf("Time: got %v and error %v", now, err)
	}
	for _, f := range c.Probe(ctx) {
		t.Logf("probe: %t %s: %s", f.OK, f.What, f.Message)
	}
	_, _ = c.Members(ctx, "01none")
	_ = s
}
