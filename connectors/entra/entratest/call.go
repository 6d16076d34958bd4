package entratest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// call is one request to Graph.
type call struct {
	s       *Server
	r       *http.Request
	header  http.Header // of the answer
	version string
	route   *route
	handler handler
	params  []string
	query   url.Values // option names in lower case, with the dollar sign
	claims  *claims
	now     time.Time
}

// reply is an answer that is no error. Without a body it is a 204.
type reply struct {
	status int
	kind   string // its Content-Type; JSON when empty
	body   []byte
}

const jsonType = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	version, parts, ok := graphPath(r)
	if !ok {
		s.login(w, r)
		return
	}
	if w.Header().Get("request-id") == "" { // inside a batch
		s.identify(w.Header(), r)
	}
	c := &call{s: s, r: r, header: w.Header(), version: version, now: s.Clock.Now()}
	rep, failure := c.run(parts)
	if failure != nil {
		for name, values := range failure.header {
			w.Header()[name] = values
		}
		rep = reply{status: failure.status, kind: "application/json", body: failure.body(w.Header(), c.now)}
	}
	if rep.body == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if rep.kind == "" {
		rep.kind = jsonType
	}
	w.Header().Set("Content-Type", rep.kind)
	w.Header().Set("OData-Version", "4.0")
	if rep.status == 0 {
		rep.status = http.StatusOK
	}
	w.WriteHeader(rep.status)
	_, _ = w.Write(rep.body)
}

// run does what comes before any route's own work: who asks, what, with which
// options, and whether the quota allows it.
func (c *call) run(parts []string) (reply, *failure) {
	var failure *failure
	if c.claims, failure = c.s.authenticate(c.r); failure != nil {
		if c.r.Header.Get("Authorization") == "" {
			c.violation("no Authorization header")
		}
		return reply{}, failure
	}
	c.route, c.params = find(parts)
	if c.route == nil {
		c.violation("no such path is documented, or simulated")
		return reply{}, fail(http.StatusBadRequest, "BadRequest", "Resource not found for the segment '"+parts[len(parts)-1]+"'.")
	}
	methods := c.s.handlers[c.route.path]
	h, known := methods[c.r.Method]
	if !known {
		c.violation("the path answers %s only", methodsOf(methods))
		return reply{}, fail(http.StatusMethodNotAllowed, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
	}
	c.handler = h
	if failure = c.options(); failure != nil {
		return reply{}, failure
	}
	if failure = c.throttle(); failure != nil {
		return reply{}, failure
	}
	c.s.lapse()
	return h.serve(c)
}

func (c *call) violation(format string, args ...any) {
	where := c.r.URL.Path
	if c.route != nil {
		where = c.route.path
	}
	c.s.violation("%s %s: %s", c.r.Method, where, fmt.Sprintf(format, args...))
}

// options reads the query. Names may have their dollar sign or, as Graph
// allows, lack it.
func (c *call) options() *failure {
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		c.violation("query %q cannot be read", c.r.URL.RawQuery)
		return badRequest("The query string is malformed.")
	}
	c.query = make(url.Values)
	for name, values := range query {
		name = strings.ToLower(name)
		if !strings.HasPrefix(name, "$") && slices.Contains(c.handler.query, "$"+name) {
			name = "$" + name
		}
		if !slices.Contains(c.handler.query, name) {
			c.violation("unknown query option %s", name)
			return badRequest("Unrecognized query argument specified: '" + name + "'.")
		}
		if len(values) > 1 {
			c.violation("query option %s stands there %d times", name, len(values))
			return badRequest("Query option '" + name + "' was specified more than once, but it must be specified at most once.")
		}
		c.query.Set(name, values[0])
	}
	return c.top()
}

func (c *call) top() *failure {
	if !c.query.Has("$top") {
		return nil
	}
	top, err := strconv.Atoi(c.query.Get("$top"))
	if err != nil || top < 1 || top > 999 {
		c.violation("$top is %s, not 1 to 999", c.query.Get("$top"))
		return unsupported("Invalid page size specified: '" + c.query.Get("$top") + "'. Must be between 1 and 999 inclusive.")
	}
	return nil
}

// advanced reports whether the request asked for the index that advanced
// queries need.
func (c *call) advanced() bool {
	return strings.EqualFold(c.r.Header.Get("ConsistencyLevel"), "eventual") && (c.query.Get("$count") == "true" || strings.HasSuffix(c.route.path, "/$count"))
}

// needAdvanced refuses what only that index can answer.
func (c *call) needAdvanced(what string) *failure {
	if c.advanced() {
		return nil
	}
	c.violation("%s needs the header ConsistencyLevel: eventual and $count=true", what)
	return unsupported("The query specified in the URI is not valid: " + what + " requires ConsistencyLevel eventual and $count=true.")
}

// read decodes the body, which may be compressed.
func (c *call) read(into any) *failure {
	kind, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";")
	body := io.LimitReader(c.r.Body, 4<<20)
	if c.r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			c.violation("a body is said to be gzip and is not")
			return fail(http.StatusBadRequest, "BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
		}
		body = z
	}
	b, err := io.ReadAll(body)
	switch {
	case err != nil:
		return fail(http.StatusBadRequest, "BadRequest", "Unable to read JSON request payload.")
	case len(bytes.TrimSpace(b)) == 0:
		c.violation("the body is empty")
		return fail(http.StatusBadRequest, "BadRequest", "Empty Payload. JSON content expected.")
	case !strings.EqualFold(strings.TrimSpace(kind), "application/json"):
		c.violation("the body's Content-Type is %q", kind)
		return fail(http.StatusBadRequest, "BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
	}
	if err := json.Unmarshal(b, into); err != nil {
		c.violation("the body is not the JSON that is wanted: %v", err)
		return fail(http.StatusBadRequest, "BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
	}
	return nil
}

// root is this service as the client addressed it.
func root(r *http.Request) string {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return scheme + r.Host
}

// context is the @odata.context of an answer.
func (c *call) context(what string) string {
	return root(c.r) + "/" + c.version + "/$metadata#" + what
}
