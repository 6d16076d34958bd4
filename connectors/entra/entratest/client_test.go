package entratest

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

// client speaks to a tenant with net/http alone.
type client struct {
	t     testing.TB
	s     *Server
	http  *http.Client
	token string
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

func (a answer) code() string {
	e, _ := a.body["error"].(map[string]any)
	code, _ := e["code"].(string)
	return code
}

func (a answer) message() string {
	e, _ := a.body["error"].(map[string]any)
	text, _ := e["message"].(string)
	return text
}

func (a answer) values() []map[string]any {
	all, _ := a.body["value"].([]any)
	var vs []map[string]any
	for _, v := range all {
		m, _ := v.(map[string]any)
		vs = append(vs, m)
	}
	return vs
}

func (a answer) ids() []string {
	var ids []string
	for _, v := range a.values() {
		id, _ := v["id"].(string)
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (a answer) text(name string) string {
	s, _ := a.body[name].(string)
	return s
}

// everything is a caller with more rights than anybody should have.
var everything = []string{
	"GroupMember.ReadWrite.All", "User.Read.All", "Member.Read.Hidden", "Organization.Read.All", "Application.Read.All", "Device.Read.All",
	"Application.ReadWrite.All", "Device.ReadWrite.All", "OrgContact.Read.All", "RoleManagement.ReadWrite.Directory",
}

// open makes a tenant with a client that has roles; those that daypass needs
// when there are none.
func open(t testing.TB, opts Options, roles ...string) (*Server, *client) {
	t.Helper()
	if opts.Clock == nil {
		opts.Clock = sim.Frozen(time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC))
	}
	s := New(opts)
	return s, as(t, s, roles...)
}

func as(t testing.TB, s *Server, roles ...string) *client {
	if len(roles) == 0 {
		roles = DefaultRoles()
	}
	return &client{t: t, s: s, http: &http.Client{Transport: s.Transport()}, token: s.Token(roles...)}
}

// do sends a request; extra are headers, name and value in turn.
func (c *client) do(method, path, body string, extra ...string) answer {
	c.t.Helper()
	a, err := c.try(method, path, body, extra...)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

func (c *client) try(method, path, body string, extra ...string) (answer, error) {
	c.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = c.s.URL() + "/v1.0" + strings.ReplaceAll(path, " ", "%20")
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i+1 < len(extra); i += 2 {
		req.Header.Set(extra[i], extra[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: resp.StatusCode, header: resp.Header, raw: string(b)}
	_ = json.Unmarshal(b, &a.body)
	return a, nil
}

// all follows the links of a listing.
func (c *client) all(path string, extra ...string) (entries []map[string]any, pages int) {
	c.t.Helper()
	for path != "" {
		a := c.do(http.MethodGet, path, "", extra...)
		if a.status != http.StatusOK {
			c.t.Fatalf("GET %s: %d %s", path, a.status, a.raw)
		}
		entries = append(entries, a.values()...)
		pages++
		path = a.text("@odata.nextLink")
	}
	return entries, pages
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// clean fails the test when a rule was broken.
func clean(t testing.TB, s *Server) {
	t.Helper()
	if v := s.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
	if v := s.Catastrophes(); len(v) > 0 {
		t.Errorf("catastrophes: %q", v)
	}
}

func ref(id string) string { return "https://graph.microsoft.com/v1.0/directoryObjects/" + id }

func bind(ids ...string) string {
	var refs []string
	for _, id := range ids {
		refs = append(refs, ref(id))
	}
	b, _ := json.Marshal(map[string]any{"members@odata.bind": refs})
	return string(b)
}

const nobody = "00000000-0000-4000-8000-00000000dead"
