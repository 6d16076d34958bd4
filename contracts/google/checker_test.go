package google_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// schema is a type in a discovery document, or a parameter.
type schema struct {
	Type       string            `json:"type"`
	Format     string            `json:"format"`
	Ref        string            `json:"$ref"`
	Properties map[string]schema `json:"properties"`
	Additional *schema           `json:"additionalProperties"`
	Items      *schema           `json:"items"`
	Enum       []string          `json:"enum"`
	Pattern    string            `json:"pattern"`
	Minimum    string            `json:"minimum"`
	Maximum    string            `json:"maximum"`
	Location   string            `json:"location"`
	Required   bool              `json:"required"`
	ReadOnly   bool              `json:"readOnly"`
}

type method struct {
	ID         string            `json:"id"`
	HTTPMethod string            `json:"httpMethod"`
	FlatPath   string            `json:"flatPath"`
	Parameters map[string]schema `json:"parameters"`
	Request    *schema           `json:"request"`
	Response   *schema           `json:"response"`
	Scopes     []string          `json:"scopes"`

	doc  *document
	path *regexp.Regexp
}

type resource struct {
	Methods   map[string]*method  `json:"methods"`
	Resources map[string]resource `json:"resources"`
}

type document struct {
	resource
	Parameters map[string]schema `json:"parameters"`
	Schemas    map[string]schema `json:"schemas"`
}

// load reads the documents out of the module that Google generates from them.
func load(t *testing.T) []*method {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "google.golang.org/api").Output()
	if err != nil {
		t.Fatalf("find google.golang.org/api: %v", err)
	}
	var all []*method
	for _, name := range []string{"admin/directory/v1/admin-api.json", "admin/reports/v1/admin-api.json", "cloudidentity/v1/cloudidentity-api.json"} {
		text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), name))
		if err != nil {
			t.Fatal(err)
		}
		doc := &document{}
		if err := json.Unmarshal(text, doc); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, doc.collect(doc)...)
	}
	return all
}

var placeholder = regexp.MustCompile(`\\\{[^}]*\\\}`)

func (r resource) collect(doc *document) []*method {
	var all []*method
	for _, m := range r.Methods {
		m.doc = doc
		m.path = regexp.MustCompile("^/" + placeholder.ReplaceAllString(regexp.QuoteMeta(m.FlatPath), `[^/]+`) + "$")
		all = append(all, m)
	}
	for _, inner := range r.Resources {
		all = append(all, inner.collect(doc)...)
	}
	return all
}

// checker is a transport that holds what goes through it to the documents.
type checker struct {
	methods []*method
	next    http.RoundTripper

	mu     sync.Mutex
	faults []string
	seen   map[string]int // methods by id, and "POST /token"
}

func newChecker(t *testing.T, next http.RoundTripper) *checker {
	return &checker{methods: load(t), next: next, seen: map[string]int{}}
}

func (c *checker) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// RoundTrip checks the request, sends it, and checks the answer.
func (c *checker) RoundTrip(r *http.Request) (*http.Response, error) {
	body := drain(&r.Body)
	m := c.find(r)
	what := r.Method + " " + r.URL.RequestURI()
	switch {
	case r.URL.Path == "/token": // OAuth 2.0, in no discovery document
		c.count("POST /token")
	case m == nil:
		c.note("%s: no such method in the documents", what)
	default:
		c.count(m.ID)
		m.request(func(s string) { c.note("%s: request: %s", what, s) }, r.URL.Query(), body)
	}
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if text := drain(&resp.Body); m != nil {
		m.answer(func(s string) { c.note("%s: answer %d: %s", what, resp.StatusCode, s) }, resp, text)
	}
	return resp, nil
}

func (c *checker) count(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[id]++
}

// drain reads a body and puts it back.
func drain(body *io.ReadCloser) []byte {
	if *body == nil {
		return nil
	}
	text, err := io.ReadAll(*body)
	_ = (*body).Close()
	*body = io.NopCloser(bytes.NewReader(text))
	if err != nil {
		return nil
	}
	return text
}

func (c *checker) find(r *http.Request) *method {
	i := slices.IndexFunc(c.methods, func(m *method) bool {
		return m.HTTPMethod == r.Method && m.path.MatchString(r.URL.EscapedPath())
	})
	if i < 0 {
		return nil
	}
	return c.methods[i]
}

func (m *method) request(note func(string), query url.Values, body []byte) {
	for name, values := range query {
		p, ok := m.Parameters[name]
		if !ok || p.Location != "query" {
			p, ok = m.doc.Parameters[name]
		}
		if !ok {
			note("unknown parameter " + name)
			continue
		}
		for _, v := range values {
			if why := p.fits(v); why != "" {
				note("parameter " + name + "=" + v + ": " + why)
			}
		}
	}
	for name, p := range m.Parameters {
		if p.Required && p.Location == "query" && !query.Has(name) {
			note("parameter " + name + " is missing")
		}
	}
	if fields := query.Get("fields"); fields != "" && m.Response != nil {
		m.doc.mask(note, fields, *m.Response)
	}
	switch {
	case m.Request != nil:
		m.doc.body(note, body, *m.Request)
	case len(body) > 0:
		note("a body that the method does not take")
	}
}

// fits tells what is wrong with a parameter's value.
func (s schema) fits(v string) string {
	n, err := strconv.ParseInt(v, 10, 64)
	switch {
	case s.Type == "integer" && err != nil:
		return "no integer"
	case s.Type == "boolean" && v != "true" && v != "false":
		return "no boolean"
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, v):
		return "none of " + strings.Join(s.Enum, ", ")
	case s.Pattern != "" && !regexp.MustCompile("^(?:"+s.Pattern+")$").MatchString(v):
		return "does not fit " + s.Pattern
	}
	least, _ := strconv.ParseInt(s.Minimum, 10, 64)
	most, _ := strconv.ParseInt(s.Maximum, 10, 64)
	if s.Minimum != "" && n < least || s.Maximum != "" && n > most {
		return "out of range"
	}
	return ""
}

func (m *method) answer(note func(string), resp *http.Response, text []byte) {
	switch {
	case resp.StatusCode == http.StatusNotModified:
	case resp.StatusCode >= 300:
		refusal(note, resp.StatusCode, text)
	case m.Response == nil && len(text) > 0:
		note("a body, and the method has none: " + string(text))
	case m.Response == nil:
	case !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json"):
		note("content type " + resp.Header.Get("Content-Type"))
	default:
		m.doc.body(note, text, *m.Response)
	}
}

// refusal checks an error's envelope, which the documents do not describe.
func refusal(note func(string), status int, text []byte) {
	var e struct {
		Error struct {
			Code    int
			Message string
		}
	}
	if err := json.Unmarshal(text, &e); err != nil || e.Error.Code != status || e.Error.Message == "" {
		note("no error envelope: " + string(text))
	}
}

func (d *document) body(note func(string), text []byte, s schema) {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		note("no JSON: " + string(text))
		return
	}
	d.value(note, s.Ref, v, s)
}

// value checks a value against a schema, and everything in it.
func (d *document) value(note func(string), at string, v any, s schema) {
	if s.Ref != "" {
		s = d.Schemas[s.Ref]
	}
	var ok bool
	switch v := v.(type) {
	case map[string]any:
		if ok = s.Type == "object"; ok {
			d.object(note, at, v, s)
		}
	case []any:
		if ok = s.Type == "array" && s.Items != nil; ok {
			for _, one := range v {
				d.value(note, at+"[]", one, *s.Items)
			}
		}
	case string:
		ok = s.Type == "string" && formatted(v, s)
	case bool:
		ok = s.Type == "boolean"
	case float64:
		ok = s.Type == "integer" || s.Type == "number"
	default:
		ok = false
	}
	if !ok && s.Type != "any" {
		note(fmt.Sprintf("%s: got %v, want %s %s", at, v, s.Type, s.Format))
	}
}

func (d *document) object(note func(string), at string, v map[string]any, s schema) {
	for name, one := range v {
		p, ok := s.Properties[name]
		switch {
		case ok:
			d.value(note, at+"."+name, one, p)
		case s.Additional != nil:
			d.value(note, at+"."+name, one, *s.Additional)
		default:
			note("unknown field " + at + "." + name)
		}
	}
}

func formatted(v string, s schema) bool {
	var err error
	switch s.Format {
	case "int64":
		_, err = strconv.ParseInt(v, 10, 64)
	case "date-time", "google-datetime":
		_, err = time.Parse(time.RFC3339Nano, v)
	}
	return err == nil && (len(s.Enum) == 0 || slices.Contains(s.Enum, v))
}

// mask checks the names in a selection of fields.
func (d *document) mask(note func(string), fields string, s schema) {
	if s.Ref != "" {
		s = d.Schemas[s.Ref]
	}
	if s.Items != nil {
		d.mask(note, fields, *s.Items)
		return
	}
	for _, field := range split(fields) {
		end := len(field)
		if i := strings.IndexAny(field, "(/"); i >= 0 {
			end = i
		}
		name, inner := field[:end], strings.TrimPrefix(field[end:], "/")
		if strings.HasPrefix(inner, "(") {
			inner = strings.TrimSuffix(inner[1:], ")")
		}
		p, ok := s.Properties[name]
		if !ok && name != "*" && s.Additional == nil {
			note("unknown field " + name + " in fields=" + fields)
		}
		if ok && inner != "" {
			d.mask(note, inner, p)
		}
	}
}

// split divides at the commas that are in no parentheses.
func split(fields string) []string {
	depth, from := 0, 0
	var all []string
	for i, r := range fields {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			all = append(all, fields[from:i])
			from = i + 1
		}
	}
	return append(all, fields[from:])
}
