package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/api"
	"github.com/daypass-dev/daypass/internal/auth"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/desk/desktest"
	"github.com/daypass-dev/daypass/internal/records"
	"github.com/daypass-dev/daypass/internal/store"
)

// rig is the API on the real desk, in a room for tests.
type rig struct {
	t      *testing.T
	api    *api.API
	desk   *desk.Desk
	room   *desktest.Room
	store  *store.Store
	corp   *memory.Directory
	clock  *desktest.Clock
	log    *desktest.Log
	ids    map[string]engine.MemberID
	groups map[string]engine.GroupID
	woken  chan []engine.GroupRef
	count  int
}

var start = desktest.Start // when the clock of the room begins

// secret is the token of whoever calls, by name: a person's or a machine's,
// with all scopes unless the name says otherwise.
func secret(name string) string { return "dp_" + strings.Repeat("0", 64-len(name)) + name }

func open(t *testing.T, change ...func(*api.Config)) *rig {
	t.Helper()
	m := desktest.Open(t, "ada", "bob", "carol", "dan", "eve", "olga", "root", "ci")
	r := &rig{
		t: t, room: m, store: m.Store, corp: m.Corp, clock: m.Clock, log: m.Log, ids: m.IDs, groups: m.Groups,
		woken: make(chan []engine.GroupRef, 1000),
	}
	conf := m.Config()
	conf.Listings, conf.Wake = 1e6, func(g []engine.GroupRef) { r.woken <- g }
	r.desk = desk.New(conf)
	r.tokens()
	r.desk.Use(r.rules())
	rows, people := records.Of(m.Store)
	a := auth.New(people, "https://daypass.example.org", conf.Now, conf.Log)
	a.Use(auth.Settings{URL: "https://daypass.example.org", Left: r.desk.Left, Machines: []auth.Machine{{Name: "ci", Person: "ci@example.org"}}})
	c := api.Config{
		Desk: r.desk, Auth: a, Keys: rows, Now: conf.Now, Log: conf.Log,
		Rate: api.Rate{Calls: 1000, CallsAtOnce: 1000, Failures: 1000, FailuresAtOnce: 1000},
	}
	for _, f := range change {
		f(&c)
	}
	r.api = api.New(c)
	return r
}

func (r *rig) tokens() {
	all := []string{"read", "request", "approve", "admin"}
	for _, name := range []string{"ada", "bob", "carol", "dan", "eve", "olga", "root"} {
		r.token(access.Token{ID: "t" + name, Person: desktest.Person(name), Scopes: all}, secret(name))
	}
	r.token(access.Token{ID: "tread", Person: "ada@example.org", Scopes: []string{"read"}}, secret("ada-reads"))
	r.token(access.Token{ID: "task", Person: "ada@example.org", Scopes: []string{"request"}}, secret("ada-asks"))
	r.token(access.Token{ID: "tci", Person: "root@example.org", Machine: "ci", Scopes: []string{"read", "request"}}, secret("ci"))
}

func (r *rig) token(k access.Token, secret string) {
	r.t.Helper()
	k.Name, k.Made, k.Expires = "test", start(), start().AddDate(1, 0, 0)
	if err := r.store.AddToken(r.t.Context(), k, secret); err != nil {
		r.t.Fatal(err)
	}
}

// rules are those of the room, with a machine that may ask; only ada takes what
// is given in an emergency, and root is the second who decides.
func (r *rig) rules() *desk.Rules {
	rules := r.room.Rules()
	for i := range rules.Resources {
		x := &rules.Resources[i]
		x.Owners, x.Tags = desktest.Who("carol", "olga"), []string{"test"}
		if x.Policy.Ask.Anyone {
			x.Policy.Ask.Machines = []string{"ci"}
		}
	}
	rules.Resources[1].Policy.Steps[1].Approvers = desktest.Who("root")
	rules.Resources[3].Policy.BreakGlass.Ask = desktest.Who("ada") // and of the other resource
	rules.Machines = map[string]engine.Person{"ci": "ci@example.org"}
	return rules
}

// answer is what came back.
type answer struct {
	*http.Response
	body []byte
}

// call calls the API as somebody, and holds the answer to docs/openapi.yaml.
// Of the headers, each is "Name: value".
func (r *rig) call(who, method, path, body string, headers ...string) answer {
	r.t.Helper()
	var sent io.Reader
	if body != "" {
		sent = strings.NewReader(body)
	}
	req := httptest.NewRequest(method, path, sent)
	if who != "" {
		req.Header.Set("Authorization", "Bearer "+secret(who))
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	return r.send(req)
}

func (r *rig) send(req *http.Request) answer {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.api.ServeHTTP(w, req)
	a := answer{Response: w.Result(), body: w.Body.Bytes()}
	conforms(r.t, r.api, req, a)
	return a
}

// want fails the test unless the status is that one.
func (a answer) want(t *testing.T, status int) answer {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", a.StatusCode, status, a.body)
	}
	return a
}

// problem fails the test unless it is a problem of that type.
func (a answer) problem(t *testing.T, status int, kind string) api.Problem {
	t.Helper()
	a.want(t, status)
	p := into[api.Problem](t, a)
	if p.Type != "urn:daypass:"+kind || p.Status != status || a.Header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%s %s, want the problem %s", a.Header.Get("Content-Type"), a.body, kind)
	}
	return p
}

func into[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return v
}

// document is docs/openapi.yaml, as strict as can be: what it does not name is
// not allowed.
var document = sync.OnceValues(func() (*jsonschema.Compiler, error) {
	text, err := os.ReadFile("../../docs/openapi.yaml")
	if err != nil {
		return nil, err
	}
	var doc any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if text, err = json.Marshal(doc); err != nil {
		return nil, err
	}
	text = bytes.ReplaceAll(text, []byte(`"additionalProperties":true`), []byte(`"additionalProperties":false`))
	if doc, err = jsonschema.UnmarshalJSON(bytes.NewReader(text)); err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	return c, c.AddResource(documentURL, doc)
})

const documentURL = "https://daypass.example.org/openapi"

var compiling sync.Mutex // of the document, which keeps what it compiled

func schemaAt(where string) (*jsonschema.Schema, error) {
	c, err := document()
	if err != nil {
		return nil, err
	}
	compiling.Lock()
	defer compiling.Unlock()
	return c.Compile(documentURL + where)
}

// conforms fails the test unless the document describes the answer.
func conforms(t *testing.T, a *api.API, req *http.Request, got answer) {
	t.Helper()
	kind, _, _ := strings.Cut(got.Header.Get("Content-Type"), ";")
	path, known := described(a, req)
	where := "#/components/schemas/Problem"
	switch {
	case got.StatusCode == http.StatusNoContent, got.StatusCode == http.StatusNotModified:
		if len(got.body) > 0 {
			t.Errorf("%s %s: %d with a body", req.Method, req.URL, got.StatusCode)
		}
		return
	case got.StatusCode < 400 && (!known || kind == "text/csv" || strings.HasSuffix(path, "openapi.yaml")):
		return
	case got.StatusCode < 400:
		escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
		where = fmt.Sprintf("#/paths/%s/%s/responses/%d/content/%s/schema",
			escape.Replace(strings.TrimPrefix(path, api.Prefix)), strings.ToLower(req.Method), got.StatusCode, escape.Replace(kind))
	case kind != "application/problem+json":
		t.Errorf("%s %s: %d as %s", req.Method, req.URL, got.StatusCode, kind)
	}
	schema, err := schemaAt(where)
	if err != nil {
		t.Fatalf("%s %s: %d is not in the document: %v", req.Method, req.URL, got.StatusCode, err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(got.body))
	if err == nil {
		err = schema.Validate(v)
	}
	if err != nil {
		t.Errorf("%s %s: %d is not as the document says: %v\n%s", req.Method, req.URL, got.StatusCode, err, got.body)
	}
}

// described returns the path of an operation as the document names it.
func described(a *api.API, req *http.Request) (string, bool) {
	for _, op := range a.Operations() {
		pattern := "^" + regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(op.Path, "[^/]+") + "$"
		if op.Method == req.Method && regexp.MustCompile(pattern).MatchString(req.URL.Path) {
			return op.Path, true
		}
	}
	return "", false
}
