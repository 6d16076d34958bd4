package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/api"
	"github.com/daypass-dev/daypass/internal/auth"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/records"
	"github.com/daypass-dev/daypass/internal/report"
	"github.com/daypass-dev/daypass/internal/store"
)

// rig is the API on the real desk, a store on disk and a directory in memory.
type rig struct {
	t     *testing.T
	api   *api.API
	desk  *desk.Desk
	store *store.Store
	corp  *memory.Directory
	clock *clock
	log   *logs
	woken chan []engine.GroupRef
	count int
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// logs is what was logged.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// words judges "yes" and "no".
type words struct{}

func (words) Judge(e string, _ access.Case) access.Answer { return access.Answer{Yes: e == "yes"} }
func (words) Needs(string) access.Wants                   { return access.Wants{} }

func start() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }

// tokens are the secrets of those who call, by name: a person's or a machine's,
// with all scopes unless the name says otherwise.
func secret(name string) string { return "dp_" + strings.Repeat("0", 64-len(name)) + name }

func open(t *testing.T, change ...func(*api.Config)) *rig {
	t.Helper()
	r := &rig{t: t, corp: memory.New("corp"), clock: &clock{at: start()}, log: new(logs), woken: make(chan []engine.GroupRef, 1000)}
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "daypass.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	r.store = s
	rows, people := records.Of(s)
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r.desk = desk.New(desk.Config{Store: rows, Listings: 1e6, Now: r.clock.now, Log: log, Wake: func(g []engine.GroupRef) { r.woken <- g }})
	r.people()
	r.desk.Use(r.rules())
	a := auth.New(people, "https://daypass.example.org", r.clock.now, log)
	a.Use(auth.Settings{URL: "https://daypass.example.org", Left: r.desk.Left, Machines: []auth.Machine{{Name: "ci", Person: "ci@example.org"}}})
	c := api.Config{
		Desk: r.desk, Auth: a, Keys: rows, Now: r.clock.now, Log: log,
		Rate: api.Rate{Calls: 1000, CallsAtOnce: 1000, Failures: 1000, FailuresAtOnce: 1000},
	}
	for _, f := range change {
		f(&c)
	}
	r.api = api.New(c)
	return r
}

func (r *rig) people() {
	ids := make(map[string]engine.MemberID)
	for _, name := range []string{"ada", "bob", "carol", "dan", "eve", "olga", "root", "ci"} {
		ids[name] = r.corp.AddPerson(engine.Person(name+"@example.org"), name)
	}
	for _, g := range []string{"staging", "prod", "secret", "free"} {
		r.corp.AddGroup(g)
	}
	r.corp.Put(r.corp.AddGroup("approvers"), ids["bob"], ids["carol"])
	all := []string{"read", "request", "approve", "admin"}
	for _, name := range []string{"ada", "bob", "carol", "dan", "eve", "olga", "root"} {
		r.token(access.Token{ID: "t" + name, Person: engine.Person(name + "@example.org"), Scopes: all}, secret(name))
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

func (r *rig) rules() *desk.Rules {
	ref := func(g string) engine.GroupRef { return engine.GroupRef{Directory: "corp", Name: g} }
	approvers := access.Who{Groups: []engine.GroupRef{ref("approvers")}}
	everybody := access.Who{Anyone: true, Machines: []string{"ci"}}
	day := 24 * time.Hour
	one := access.Policy{
		Name: "one", Ask: everybody, For: access.Anyone, Max: 8 * time.Hour, Default: 2 * time.Hour, Ahead: 7 * day, Pending: 7 * day,
		Reason: access.Text{Required: true}, Ticket: access.Text{Pattern: `CHG-\d+`, Hint: "CHG-1234"},
		Questions: []access.Question{{Name: "customer", Type: access.TypeText}},
		Steps:     []access.Step{{Name: "owner", Approvers: approvers, Quorum: 1, Within: day}},
		Extend:    &access.Extend{Times: 1, Max: time.Hour},
		BreakGlass: &access.BreakGlass{
			Ask: access.Who{People: []engine.Person{"ada@example.org"}}, Max: time.Hour,
			Review: access.Review{By: approvers, Within: 2 * day},
		},
	}
	two := one
	two.Name, two.Steps = "two", []access.Step{
		{Name: "first", Approvers: approvers, Quorum: 1},
		{Name: "second", Approvers: access.Who{People: []engine.Person{"root@example.org"}}, Quorum: 1},
	}
	free := access.Policy{Name: "free", Ask: everybody, For: access.Anyone, Max: time.Hour, Default: time.Hour, Ahead: day, Pending: day, Auto: "yes"}
	hidden := one
	hidden.Name, hidden.Ask, hidden.BreakGlass = "hidden", access.Who{People: []engine.Person{"eve@example.org"}}, nil
	resource := func(name, title string, p *access.Policy) desk.Resource {
		return desk.Resource{
			Resource: access.Resource{
				Name: name, Title: title, Groups: []engine.GroupRef{ref(name)},
				Owners: access.Who{People: []engine.Person{"carol@example.org", "olga@example.org"}},
			},
			Policy: p, Description: "For tests", Tags: []string{"test"},
		}
	}
	rules := &desk.Rules{
		Resources: []desk.Resource{
			resource("free", "Free", &free), resource("prod", "Production", &two),
			resource("secret", "", &hidden), resource("staging", "Staging databases", &one),
		},
		Templates:      []desk.Template{{Name: "look", Title: "Look at staging", Resource: "staging", Reason: "to look", For: time.Hour}},
		Administrators: access.Who{People: []engine.Person{"root@example.org"}},
		Auditors:       access.Who{People: []engine.Person{"dan@example.org"}},
		Machines:       map[string]engine.Person{"ci": "ci@example.org"},
		Directories:    map[engine.Directory]engine.Connector{"corp": r.corp},
		Expressions:    words{}, Grants: func() []engine.Grant { return nil }, Inspect: r.inspect, ReleaseFor: time.Hour,
	}
	rules.Resources[2].Hidden = true
	return rules
}

func (r *rig) inspect(ctx context.Context, _ []engine.GroupRef) (*report.Compliance, error) {
	g, err := r.corp.Group(ctx, "approvers")
	if err != nil {
		return nil, err
	}
	ms, err := r.corp.Members(ctx, g.ID)
	if err != nil {
		return nil, err
	}
	ms = append(ms, engine.Member{ID: "zz", Login: "=cmd()<b>"})
	var b report.Builder
	b.Add(engine.GroupView{Group: engine.Group{Directory: "corp", ID: g.ID}, Name: "approvers", Trust: engine.Trusted, Members: ms}, engine.Plan{})
	var res engine.Result
	res.Plan.AsOf = r.clock.now()
	return b.Finish(res, nil), nil
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
