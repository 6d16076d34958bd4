package oktatest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

// noon is when frozen clocks begin.
var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// client speaks to an org with net/http only.
type client struct {
	t    *testing.T
	s    *Server
	http *http.Client
	auth string
}

// got is an answer.
type got struct {
	status int
	header http.Header
	body   string
}

func (g got) code() string {
	var e struct {
		Code string `json:"errorCode"`
	}
	_ = json.Unmarshal([]byte(g.body), &e)
	return e.Code
}

// list returns one field of each entry of a list.
func (g got) list(t *testing.T, path ...string) []string {
	t.Helper()
	var entries []any
	if err := json.Unmarshal([]byte(g.body), &entries); err != nil {
		t.Fatalf("got %d and %q, want a list", g.status, g.body)
	}
	found := []string{}
	for _, e := range entries {
		for _, name := range path {
			e = e.(map[string]any)[name]
		}
		found = append(found, fmt.Sprint(e))
	}
	return found
}

var nextLink = regexp.MustCompile(`<([^>]*)>; rel="next"`)

func (g got) next() string {
	m := nextLink.FindStringSubmatch(strings.Join(g.header["Link"], ", "))
	if m == nil {
		return ""
	}
	return m[1]
}

// newOrg makes an org with a frozen clock, four users and two groups.
func open(t *testing.T, edit ...func(*Options)) *client {
	t.Helper()
	opts := Options{Clock: sim.Frozen(noon), Seed: 7}
	for _, e := range edit {
		e(&opts)
	}
	s := New(opts)
	for _, name := range []string{"ada", "ben", "cyd", "dan"} {
		must(t)(s.AddUser(User{Login: name + "@example.org", First: strings.ToUpper(name[:1]) + name[1:], Last: "Example"}))
	}
	must(t)(s.AddGroup(Group{Name: "prod-db"}))
	must(t)(s.AddGroup(Group{Name: "prod-web", About: `with "quotes"`}))
	return &client{t, s, &http.Client{Transport: s.Transport()}, "SSWS " + DefaultToken}
}

func must(t *testing.T) func(string, error) string {
	t.Helper()
	return func(id string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
}

func (c *client) ok(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// do sends a request; URL may be a path with a query.
func (c *client) do(method, url string, headers ...string) got {
	c.t.Helper()
	if strings.HasPrefix(url, "/") {
		url = c.s.URL() + url
	}
	req, err := http.NewRequest(method, url, nil)
	c.ok(err)
	if c.auth != "" {
		req.Header.Set("Authorization", c.auth)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(req)
	c.ok(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	c.ok(err)
	return got{resp.StatusCode, resp.Header, string(body)}
}

func (c *client) get(url string) got { c.t.Helper(); return c.do("GET", url) }

// want asks and wants a status and, for errors, a code.
func (c *client) want(method, url string, status int, code string) got {
	c.t.Helper()
	g := c.do(method, url)
	if g.status != status || code != "" && g.code() != code {
		c.t.Errorf("%s %s: got %d %s, want %d %s", method, url, g.status, g.body, status, code)
	}
	return g
}

func (c *client) membership(group, user string) string {
	return "/api/v1/groups/" + c.s.GroupID(group) + "/users/" + c.s.UserID(user+"@example.org")
}

func (c *client) members(group string) string {
	return "/api/v1/groups/" + c.s.GroupID(group) + "/users"
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestEveryAnswerHasItsHeaders(t *testing.T) {
	t.Parallel()
	c := open(t)
	for _, path := range []string{"/api/v1/groups", "/api/v1/groups/00gnone", "/nowhere"} {
		g := c.get(path)
		for _, name := range []string{"Date", "X-Okta-Request-Id"} {
			if g.header.Get(name) == "" {
				t.Errorf("%s: got no %s", path, name)
			}
		}
	}
	g := c.get("/api/v1/groups")
	if g.header.Get("Date") != "Wed, 25 Nov 2026 12:00:00 GMT" || g.header.Get("X-Rate-Limit-Reset") == "" || g.header.Get("X-Rate-Limit-Limit") == "" || g.header.Get("X-Rate-Limit-Remaining") == "" {
		t.Errorf("got headers %v, want the org's date and its quota", g.header)
	}
}

func TestAWriteAnswersTheSameWhetherOrNotItMadeADifference(t *testing.T) {
	t.Parallel()
	c := open(t)
	path := c.membership("prod-db", "ada")
	for i, step := range []struct {
		method  string
		has     bool
		changed bool
	}{{"DELETE", false, false}, {"PUT", true, true}, {"PUT", true, false}, {"DELETE", false, true}, {"DELETE", false, false}} {
		g := c.want(step.method, path, 204, "")
		if g.body != "" {
			t.Errorf("step %d: got body %q, want none", i, g.body)
		}
		if has := c.s.Has("prod-db", "ada@example.org"); has != step.has {
			t.Errorf("step %d: got member %t, want %t", i, has, step.has)
		}
		if w := c.s.Writes()[i]; w.Changed != step.changed || w.By != AdminLogin || w.Name != "prod-db" {
			t.Errorf("step %d: got %+v, want changed %t", i, w, step.changed)
		}
	}
}

func TestMembershipMarkMovesOnlyWithADifference(t *testing.T) {
	t.Parallel()
	c := open(t)
	mark := func() string {
		return c.get("/api/v1/groups?q=prod-db").list(t, "lastMembershipUpdated")[0]
	}
	before := mark()
	c.s.Clock.Advance(time.Minute)
	c.want("DELETE", c.membership("prod-db", "ada"), 204, "")
	if got := mark(); got != before {
		t.Errorf("after a removal of nobody: got %s, want %s", got, before)
	}
	c.want("PUT", c.membership("prod-db", "ada"), 204, "")
	if got := mark(); got != "2026-11-25T12:01:00.000Z" {
		t.Errorf("after an addition: got %s", got)
	}
	changed := c.get("/api/v1/groups?filter="+escape(`lastMembershipUpdated gt "`+before+`"`)).list(t, "profile", "name")
	equal(t, "groups since", changed, []string{"prod-db"})
}

func escape(s string) string {
	return strings.NewReplacer(" ", "+", `"`, "%22", "(", "%28", ")", "%29", `\`, "%5C").Replace(s)
}

func TestErrorsHaveOktasShape(t *testing.T) {
	t.Parallel()
	c := open(t)
	must(t)(c.s.AddGroup(Group{Name: "imported", Type: "APP_GROUP"}))
	ada, prod := c.s.UserID("ada@example.org"), c.s.GroupID("prod-db")
	for _, tt := range []struct {
		method, path string
		status       int
		code         string
		summary      string
	}{
		{"GET", "/api/v1/users/00unobody", 404, "E0000007", "Not found: Resource not found: 00unobody (User)"},
		{"PUT", "/api/v1/groups/" + prod + "/users/00unobody", 404, "E0000007", "Not found: Resource not found: 00unobody (User)"},
		{"PUT", "/api/v1/groups/00gnone/users/" + ada, 404, "E0000007", "Not found: Resource not found: 00gnone (UserGroup)"},
		{"GET", "/api/v1/groups/00gnone/users", 404, "E0000007", "Not found: Resource not found: 00gnone (UserGroup)"},
		{"PUT", c.membership("imported", "ada"), 403, "E0000006", "You do not have permission to perform the requested action"},
		{"DELETE", c.membership("imported", "ada"), 403, "E0000006", "You do not have permission to perform the requested action"},
		{"PUT", c.membership("Everyone", "ada"), 501, "E0000060", "Unsupported operation."},
		{"DELETE", c.membership("Everyone", "ada"), 501, "E0000060", "Unsupported operation."},
		{"POST", "/api/v1/groups", 405, "E0000022", "The endpoint does not support the provided HTTP method"},
		{"GET", "/api/v1/groups?filter=name", 400, "E0000031", "Invalid search criteria."},
	} {
		g := c.want(tt.method, tt.path, tt.status, tt.code)
		var e map[string]any
		if err := json.Unmarshal([]byte(g.body), &e); err != nil {
			t.Fatalf("%s %s: %v in %q", tt.method, tt.path, err, g.body)
		}
		if e["errorSummary"] != tt.summary || e["errorLink"] != tt.code || !strings.HasPrefix(fmt.Sprint(e["errorId"]), "oae") || e["errorCauses"] == nil {
			t.Errorf("%s %s: got %s, want summary %q", tt.method, tt.path, g.body, tt.summary)
		}
	}
}

func TestAPutNeedsALength(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.ok(c.s.Start(""))
	defer c.s.Close()
	put := func(body io.Reader) int {
		req, err := http.NewRequest("PUT", c.s.URL()+c.membership("prod-db", "ada"), body)
		c.ok(err)
		req.Header.Set("Authorization", c.auth)
		resp, err := http.DefaultClient.Do(req)
		c.ok(err)
		defer resp.Body.Close()
		return resp.StatusCode
	}
	if got := put(struct{ io.Reader }{strings.NewReader("x")}); got != 411 { // chunked
		t.Errorf("without a length: got %d, want 411", got)
	}
	if got := put(nil); got != 204 {
		t.Errorf("with an empty body: got %d, want 204", got)
	}
	if got := put(bytes.NewReader(nil)); got != 204 {
		t.Errorf("with an empty reader: got %d, want 204", got)
	}
	c.http = http.DefaultClient
	req, err := http.NewRequest("PUT", "https://org.okta.invalid"+c.membership("prod-db", "ada"), struct{ io.Reader }{strings.NewReader("x")})
	c.ok(err)
	req.Header.Set("Authorization", c.auth)
	resp, err := c.s.Transport().RoundTrip(req)
	c.ok(err)
	if resp.StatusCode != 411 {
		t.Errorf("in memory, without a length: got %d, want 411", resp.StatusCode)
	}
}

func TestNothingInAnIDLeadsElsewhere(t *testing.T) {
	t.Parallel()
	c := open(t)
	for _, path := range []string{
		"/api/v1/groups/" + c.s.GroupID("prod-db") + "/users/..%2F..%2F..%2Fusers%2F" + c.s.UserID("ada@example.org"),
		"/api/v1/groups/" + c.s.GroupID("prod-db") + "/users/",
		"/api/v1/groups//users/x",
	} {
		c.want("DELETE", path, 404, "E0000007")
	}
	equal(t, "catastrophes", c.s.Catastrophes(), nil)
}

func TestDeletingAUserOrAGroupIsACatastrophe(t *testing.T) {
	t.Parallel()
	c := open(t)
	ada := c.s.UserID("ada@example.org")
	c.ok(c.s.Put("prod-db", "ada@example.org"))
	c.want("DELETE", "/api/v1/users/"+ada, 204, "") // deactivated
	if !c.s.Has("prod-db", ada) {
		t.Error("a deactivated user left the group; Okta keeps the membership")
	}
	equal(t, "status", []string{field1(c.get("/api/v1/users/"+ada).body, "status")}, []string{Deprovisioned})
	c.want("DELETE", "/api/v1/users/"+ada, 204, "") // deleted
	c.want("GET", "/api/v1/users/"+ada, 404, "E0000007")
	c.want("DELETE", "/api/v1/groups/"+c.s.GroupID("prod-db"), 204, "")
	if n := len(c.s.Catastrophes()); n != 3 {
		t.Errorf("got %d catastrophes, want 3: %q", n, c.s.Catastrophes())
	}
}

func field1(body, name string) string {
	var m map[string]any
	_ = json.Unmarshal([]byte(body), &m)
	return fmt.Sprint(m[name])
}

func TestDeletedUsersMayLinger(t *testing.T) {
	t.Parallel()
	for _, linger := range []bool{false, true} {
		c := open(t, func(o *Options) { o.Linger = linger })
		ada := c.s.UserID("ada@example.org")
		c.ok(c.s.Put("prod-db", ada))
		c.ok(c.s.DeleteUser(ada))
		if got := slices.Contains(c.get(c.members("prod-db")).list(t, "id"), ada); got != linger {
			t.Errorf("linger %t: got the user listed %t", linger, got)
		}
		c.want("DELETE", "/api/v1/groups/"+c.s.GroupID("prod-db")+"/users/"+ada, 404, "E0000007")
	}
}

func TestInactiveUsersMayBeRefused(t *testing.T) {
	t.Parallel()
	for _, refuse := range []bool{false, true} {
		c := open(t, func(o *Options) { o.RefuseInactive = refuse })
		for _, status := range []string{Deprovisioned, Suspended} {
			c.ok(c.s.SetStatus("ada@example.org", status))
			if refuse {
				c.want("PUT", c.membership("prod-db", "ada"), 403, "E0000038")
			} else {
				c.want("PUT", c.membership("prod-db", "ada"), 204, "")
			}
		}
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *Options) {
		o.Lag, o.LagMode, o.LogLag, o.Quota = time.Second, Recorded, time.Second, Workforce()
	})
	var wg sync.WaitGroup
	for i, name := range []string{"ada", "ben", "cyd", "dan"} {
		wg.Go(func() {
			for range 50 {
				c.want("PUT", c.membership("prod-db", name), 204, "")
				c.want("GET", c.members("prod-db"), 200, "")
				c.want("GET", "/api/v1/users/"+name+"/groups", 200, "")
				c.want("DELETE", c.membership("prod-db", name), 204, "")
				c.s.Clock.Advance(time.Minute)
			}
			c.ok(c.s.RenameUser(name+"@example.org", fmt.Sprintf("%s%d@example.org", name, i)))
		})
	}
	wg.Wait()
	if n := len(c.s.Members("prod-db")); n != 0 {
		t.Errorf("got %d members left, want none", n)
	}
}
