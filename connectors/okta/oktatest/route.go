package oktatest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// call is one request on its way through a handler.
type call struct {
	*Server
	r    *http.Request
	vars []string // what stands for each {id} of the path
	q    url.Values
	who  *principal
	at   time.Time
	base string
}

// answer is a handler's success.
type answer struct {
	status int
	body   []byte // JSON
	next   string // URL of the next page
	self   bool   // it is a page, and names itself
	header http.Header
}

type route struct {
	method, path string
	parts        []string
	scope        string // what an access token needs; "" is open to all
	query        []string
	serve        func(*call) (answer, *failure)
}

func routes() []route {
	read, manage, users, logs, roles := "okta.groups.read", "okta.groups.manage", "okta.users.read", "okta.logs.read", "okta.roles.read"
	page := []string{"limit", "after"}
	all := []route{
		{method: "GET", path: "/api/v1/groups", scope: read, query: []string{"q", "search", "filter", "limit", "after", "expand", "sortBy", "sortOrder"}, serve: (*call).listGroups},
		{method: "GET", path: "/api/v1/groups/rules", scope: read, query: []string{"limit", "after", "search", "expand"}, serve: (*call).listRules},
		{method: "GET", path: "/api/v1/groups/rules/{id}", scope: read, query: []string{"expand"}, serve: (*call).getRule},
		{method: "GET", path: "/api/v1/groups/{id}", scope: read, serve: (*call).getGroup},
		{method: "DELETE", path: "/api/v1/groups/{id}", scope: manage, serve: (*call).deleteGroup},
		{method: "GET", path: "/api/v1/groups/{id}/users", scope: read, query: page, serve: (*call).listMembers},
		{method: "PUT", path: "/api/v1/groups/{id}/users/{id}", scope: manage, serve: (*call).putMember},
		{method: "DELETE", path: "/api/v1/groups/{id}/users/{id}", scope: manage, serve: (*call).deleteMember},
		{method: "GET", path: "/api/v1/groups/{id}/users/{id}/group-rules", scope: read, serve: (*call).memberRules},
		{method: "GET", path: "/api/v1/users", scope: users, query: []string{"q", "search", "filter", "limit", "after", "sortBy", "sortOrder"}, serve: (*call).listUsers},
		{method: "GET", path: "/api/v1/users/{id}", scope: users, query: []string{"expand"}, serve: (*call).getUser},
		{method: "DELETE", path: "/api/v1/users/{id}", scope: "okta.users.manage", query: []string{"sendEmail"}, serve: (*call).deleteUser},
		{method: "DELETE", path: "/api/v1/users/{id}/sessions", scope: "okta.users.manage", query: []string{"oauthTokens"}, serve: (*call).endSessions},
		{method: "GET", path: "/api/v1/users/{id}/groups", scope: users, query: page, serve: (*call).userGroups},
		{method: "GET", path: "/api/v1/users/{id}/roles", scope: roles, query: []string{"expand"}, serve: (*call).userRoles},
		{method: "GET", path: "/oauth2/v1/clients/{id}/roles", scope: roles, serve: (*call).clientRoles},
		{method: "GET", path: "/api/v1/logs", scope: logs, query: []string{"since", "until", "after", "filter", "q", "limit", "sortOrder"}, serve: (*call).listLogs},
		{method: "POST", path: tokenPath, serve: (*call).token},
	}
	for i := range all {
		all[i].parts = strings.Split(all[i].path, "/")
	}
	return all
}

const tokenPath = "/oauth2/v1/token"

var table = routes() //nolint:gochecknoglobals // a table

// find returns the route of a request, and what stands for its {id}s. known
// reports whether the path exists with another method.
func find(r *http.Request) (rt *route, vars []string, known bool) {
	parts := strings.Split(r.URL.EscapedPath(), "/")
	for i := range table {
		got, ok := match(table[i].parts, parts)
		if !ok {
			continue
		}
		known = true
		if table[i].method == r.Method {
			return &table[i], got, true
		}
	}
	return nil, nil, known
}

// match compares segment by segment, so that nothing in an id can lead
// elsewhere. Fixed segments come before {id} in the table.
func match(want, parts []string) (vars []string, ok bool) {
	if len(want) != len(parts) {
		return nil, false
	}
	for i, w := range want {
		if w == parts[i] {
			continue
		}
		id, err := url.PathUnescape(parts[i])
		if w != "{id}" || err != nil || id == "" {
			return nil, false
		}
		vars = append(vars, id)
	}
	return vars, true
}

// routeName is the template of a request's path, for the record.
func routeName(r *http.Request) string {
	if rt, _, _ := find(r); rt != nil {
		return rt.path
	}
	return ""
}

// serve is the org, once nothing went wrong on the way.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	rt, vars, known := find(r)
	if rt == nil {
		s.violation("%s %s: no such call", r.Method, r.URL.Path)
		f := missing(r.URL.Path, "Endpoint")
		if known {
			f = fail(http.StatusMethodNotAllowed, "E0000022")
		}
		s.refuse(w, f)
		return
	}
	c := &call{Server: s, r: r, vars: vars, q: r.URL.Query(), at: s.now(), base: base(r)}
	for name := range c.q {
		if rt.path != tokenPath && !slices.Contains(rt.query, name) {
			s.violation("%s %s: unknown parameter %q", rt.method, rt.path, name)
		}
	}
	done, f := s.admit(w.Header(), c, rt)
	defer done()
	var a answer
	if f == nil {
		a, f = rt.serve(c)
	}
	if f != nil {
		s.refuse(w, f)
		return
	}
	s.reply(w, c, a)
}

// admit lets a request in, in Okta's order: how many there are, who it is, how
// many of this kind, and what it may do.
func (s *Server) admit(h http.Header, c *call, rt *route) (done func(), f *failure) {
	done = func() { s.flights.Add(-1) }
	if int(s.flights.Add(1)) > s.opts.Quota.Concurrency {
		// The limit of requests in flight shows as a quota of nothing.
		setQuota(h, 0, 0, c.at.Add(time.Second))
		return done, fail(http.StatusTooManyRequests, "E0000047")
	}
	who, f := s.auth.identify(c, rt)
	if f == nil {
		c.who = who
	}
	if over := s.buckets.take(h, rt, who); over != nil {
		return done, over
	}
	if f == nil && rt.method == http.MethodPut && c.r.Header.Get("Content-Length") == "" {
		return done, &failure{status: http.StatusLengthRequired}
	}
	return done, f
}

func (s *Server) refuse(w http.ResponseWriter, f *failure) {
	for name, values := range f.header {
		w.Header()[name] = values
	}
	if f.status == http.StatusLengthRequired { // from the proxy in front of Okta
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(f.status)
		_, _ = w.Write([]byte("<html><body><h1>411 Length Required</h1></body></html>"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.status)
	_, _ = w.Write(f.body("oae" + w.Header().Get("X-Okta-Request-Id")[3:]))
}

func (s *Server) reply(w http.ResponseWriter, c *call, a answer) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	var links []string
	if a.self {
		links = append(links, "<"+c.base+c.r.URL.RequestURI()+`>; rel="self"`)
	}
	if a.next != "" {
		links = append(links, "<"+a.next+`>; rel="next"`)
	}
	if s.opts.FoldLinks && len(links) > 0 {
		links = []string{strings.Join(links, ", ")}
	}
	if len(links) > 0 {
		w.Header()["Link"] = links
	}
	if a.status == http.StatusNoContent {
		w.WriteHeader(a.status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(a.body)
}
