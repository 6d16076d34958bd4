package googletest

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// api is one of Google's services. Each has its own quota and its own shape of
// errors.
type api string

const (
	directory api = "directory"
	reports   api = "reports"
	identity  api = "cloudidentity"
)

// route is one method of an API, as its discovery document has it.
type route struct {
	name     string // "directory.members.list"
	api      api
	method   string
	template string   // its path
	query    []string // the parameters it knows beside the standard ones
	scopes   []string // one of them is needed
	right    Right
	body     bool // it takes one
	serve    func(*Server, *call) (any, error)
}

// call is one request of a route.
type call struct {
	route *route
	path  map[string]string
	query url.Values
	body  []byte
	mask  *mask
	who   principal
	now   time.Time
	cut   time.Time // readers see writes up to here
}

// standard are the parameters that every method knows.
func standard() []string {
	return []string{"$.xgafv", "access_token", "alt", "callback", "fields", "key", "oauth_token", "prettyPrint", "quotaUser", "uploadType", "upload_protocol"}
}

// match finds the route of a request and the values in its path. Segments are
// compared as they were sent, so that an id may hold an escaped slash.
func match(method, escaped string) (*route, map[string]string) {
	segments := strings.Split(strings.TrimPrefix(escaped, "/"), "/")
	for i := range table {
		rt := &table[i]
		if rt.method == method {
			if values, ok := rt.fits(segments); ok {
				return rt, values
			}
		}
	}
	return nil, nil
}

func (rt *route) fits(segments []string) (map[string]string, bool) {
	parts := strings.Split(strings.TrimPrefix(rt.template, "/"), "/")
	if len(parts) != len(segments) {
		return nil, false
	}
	values := make(map[string]string)
	for i, part := range parts {
		name, verb, ok := strings.Cut(strings.TrimPrefix(part, "{"), "}")
		if !ok {
			if part != segments[i] {
				return nil, false
			}
			continue
		}
		text, ok := strings.CutSuffix(segments[i], verb)
		v, err := url.PathUnescape(text)
		if err != nil || v == "" || !ok || verb == "" && strings.Contains(text, ":") {
			return nil, false
		}
		values[name] = v
	}
	return values, true
}

// routeName is the template of a request's path, for the log.
func routeName(r *http.Request) string {
	if rt, _ := match(r.Method, r.URL.EscapedPath()); rt != nil {
		return rt.template
	}
	return ""
}

// Routes returns what is served, as "GET /admin/directory/v1/groups/{groupKey}".
func Routes() []string {
	names := []string{"POST " + tokenPath}
	for _, rt := range table {
		names = append(names, rt.method+" "+rt.template)
	}
	return names
}

// check refuses parameters that Google does not know, and reads the mask of
// fields.
func (c *call) check() (*mask, error) {
	for name := range c.query {
		if !slices.Contains(c.route.query, name) && !slices.Contains(standard(), name) {
			return nil, refuseAs(http.StatusBadRequest, "INVALID_ARGUMENT", "invalid",
				`Invalid JSON payload received. Unknown name "`+name+`": Cannot bind query parameter. Field '`+name+`' could not be found in request message.`)
		}
	}
	if alt := c.query.Get("alt"); alt != "" && alt != "json" {
		return nil, refuse(http.StatusBadRequest, "invalidParameter", "Invalid value for alt: "+alt)
	}
	m, ok := parseMask(c.query.Get("fields"))
	if !ok {
		return nil, refuse(http.StatusBadRequest, "invalidParameter", "Invalid field selection "+c.query.Get("fields"))
	}
	return m, nil
}

// bodyMax is far above every body that Google takes here.
const bodyMax = 1 << 20

func readBody(r *http.Request) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r.Body, bodyMax))
}
