package okta_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// contractModule is where Okta publishes its contract as a file; go.mod pins
// the version.
const (
	contractModule = "github.com/okta/okta-sdk-golang/v5"
	contractFile   = "/.generator/okta-management-APIs-oasv3-noEnums-inheritance.yaml"
)

// contract is the parsed file; reading it takes most of a second.
var contract = sync.OnceValues(func() (*openapi3.T, error) {
	out, err := exec.Command("go", "mod", "download", "-json", contractModule).Output()
	if err != nil {
		return nil, fmt.Errorf("find the contract: go mod download %s: %w", contractModule, err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromFile(module.Dir + contractFile)
	if err != nil {
		return nil, err
	}
	// Values that Okta knows are listed beside the schemas, so that clients
	// survive new ones. A simulator has no business with new ones.
	for _, schema := range doc.Components.Schemas {
		if known, ok := schema.Value.Extensions["x-okta-known-values"].([]any); ok {
			schema.Value.Enum = known
		}
	}
	return doc, nil
})

// checker is a transport that holds what passes to the contract: paths,
// methods, parameters and their ranges, statuses, and bodies. Nearly no field
// is required by Okta's schemas, so it also asks that every field is in them.
type checker struct {
	next http.RoundTripper
	doc  *openapi3.T

	mu       sync.Mutex
	findings map[string]int  // "GET /path 200: what", and how often
	covered  map[string]bool // "GET /path 200"
}

func newChecker(t *testing.T, next http.RoundTripper) *checker {
	t.Helper()
	doc, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	return &checker{next: next, doc: doc, findings: map[string]int{}, covered: map[string]bool{}}
}

func (c *checker) find(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.findings[fmt.Sprintf(format, args...)]++
}

// RoundTrip sends a request on, and checks it and its answer.
func (c *checker) RoundTrip(r *http.Request) (*http.Response, error) {
	route, params := c.route(r)
	if route == nil {
		c.find("%s %s: no such call", r.Method, anonymous(r.URL.Path))
		return c.next.RoundTrip(r)
	}
	name := r.Method + " " + route.Path
	for q := range r.URL.Query() {
		if !declared(route, q) {
			c.find("%s: unknown parameter %q", name, q)
		}
	}
	if route.Operation.RequestBody == nil && r.ContentLength > 0 {
		c.find("%s: request: it has a body", name)
	}
	bare := r.Clone(r.Context()) // none of our calls has a body
	bare.Body, bare.ContentLength = http.NoBody, 0
	in := &openapi3filter.RequestValidationInput{
		Request: bare, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, SkipSettingDefaults: true,
		},
	}
	requestErr := openapi3filter.ValidateRequest(r.Context(), in)
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		return resp, err
	}
	if requestErr != nil && resp.StatusCode < 400 { // the org refuses wrong requests itself
		c.find("%s: request: %s", name, line(requestErr))
	}
	return resp, c.answer(name, in, resp)
}

func (c *checker) answer(name string, in *openapi3filter.RequestValidationInput, resp *http.Response) error {
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		return err
	}
	name = fmt.Sprintf("%s %d", name, resp.StatusCode)
	c.mu.Lock()
	c.covered[name] = true
	c.mu.Unlock()
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header, Options: in.Options}
	out.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil {
		c.find("%s: %s", name, line(err))
		return nil
	}
	if want := in.Route.Operation.Responses.Status(resp.StatusCode); want != nil && len(body) > 0 {
		var v any
		if json.Unmarshal(body, &v) == nil {
			c.fields(name, want.Value.Content.Get("application/json").Schema, v, "")
		}
	}
	return nil
}

// route finds the call by its template; fixed segments go before parameters.
func (c *checker) route(r *http.Request) (*routers.Route, map[string]string) {
	parts := strings.Split(r.URL.EscapedPath(), "/")
	var best *routers.Route
	var params map[string]string
	for path, item := range c.doc.Paths.Map() {
		op := item.GetOperation(r.Method)
		want := strings.Split(path, "/")
		if op == nil || len(want) != len(parts) {
			continue
		}
		found := map[string]string{}
		if slices.EqualFunc(want, parts, func(w, p string) bool {
			if strings.HasPrefix(w, "{") {
				found[strings.Trim(w, "{}")] = p
				return p != ""
			}
			return w == p
		}) && (best == nil || len(found) < len(params)) {
			best, params = &routers.Route{Spec: c.doc, Path: path, PathItem: item, Method: r.Method, Operation: op}, found
		}
	}
	return best, params
}

func declared(route *routers.Route, query string) bool {
	for _, params := range []openapi3.Parameters{route.PathItem.Parameters, route.Operation.Parameters} {
		if params.GetByInAndName("query", query) != nil {
			return true
		}
	}
	return false
}

// fields finds fields that the schema does not have.
func (c *checker) fields(name string, ref *openapi3.SchemaRef, v any, at string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if ref.Value.Items != nil {
				c.fields(name, ref.Value.Items, e, at+"[]")
			}
		}
	case map[string]any:
		props, open := properties(ref)
		for field, value := range v {
			switch p := props[field]; {
			case p != nil:
				c.fields(name, p, value, at+"."+field)
			case !open:
				c.find("%s: unknown field %s", name, at+"."+field)
			}
		}
	}
}

// properties are those of a schema and of all that it is made of; open tells
// that further ones are foreseen.
func properties(ref *openapi3.SchemaRef) (props map[string]*openapi3.SchemaRef, open bool) {
	props = map[string]*openapi3.SchemaRef{}
	s := ref.Value
	open = s.AdditionalProperties.Schema != nil || s.AdditionalProperties.Has != nil && *s.AdditionalProperties.Has
	for _, part := range slices.Concat(s.AllOf, s.OneOf, s.AnyOf) {
		more, o := properties(part)
		open = open || o
		for name, p := range more {
			props[name] = p
		}
	}
	for name, p := range s.Properties {
		props[name] = p
	}
	return props, open
}

// anonymous takes ids out of a path.
func anonymous(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if len(p) == 20 && strings.HasPrefix(p, "0") {
			parts[i] = "{id}"
		}
	}
	return strings.Join(parts, "/")
}

// line is the first line of an error, without what differs from call to call.
func line(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}

// gap is where Okta's orgs are known to differ from Okta's contract.
type gap struct{ finding, why string }

// judge reports what is not on the list of gaps, and gaps that nothing showed.
func (c *checker) judge(t *testing.T, gaps []gap) {
	t.Helper()
	used := make([]bool, len(gaps))
	for finding, times := range c.findings {
		known := false
		for i, g := range gaps {
			if strings.Contains(finding, g.finding) {
				used[i], known = true, true
			}
		}
		if !known {
			t.Errorf("against the contract, %d times: %s", times, finding)
		}
	}
	for i, g := range gaps {
		if !used[i] {
			t.Errorf("the gap %q did not show: take it off the list (%s)", g.finding, g.why)
		}
	}
}
