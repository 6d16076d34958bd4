package web_test

import (
	"bytes"
	"context"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/auth"
	"github.com/daypass-dev/daypass/internal/auth/oidctest"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/records"
	"github.com/daypass-dev/daypass/internal/report"
	"github.com/daypass-dev/daypass/internal/store"
	"github.com/daypass-dev/daypass/internal/web"
)

const (
	site   = "https://daypass.example.org"
	issuer = "https://id.example.org"
)

// rig is the pages on the real desk, a store on disk, a directory in memory and
// an OpenID provider. Nothing goes over a network: names lead to handlers.
type rig struct {
	t     testing.TB
	web   *web.Web
	desk  *desk.Desk
	store *store.Store
	corp  *memory.Directory
	clock *clock
	log   *logs
	hosts hosts
	rules *desk.Rules
	ids   map[string]engine.MemberID
	in    map[string]*browser // who is signed in
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

// hosts are the handlers of host names.
type hosts map[string]http.Handler

// RoundTrip implements [http.RoundTripper].
func (h hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	handler := h[r.URL.Host]
	if handler == nil {
		return nil, io.ErrUnexpectedEOF
	}
	in := r.Clone(r.Context())
	in.RequestURI, in.Host = r.URL.RequestURI(), r.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, in)
	out := w.Result()
	out.Request = r
	return out, nil
}

// words judges "yes" and "no".
type words struct{}

func (words) Judge(e string, _ access.Case) access.Answer { return access.Answer{Yes: e == "yes"} }
func (words) Needs(string) access.Wants                   { return access.Wants{} }

func start() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }

func everybody() []string {
	return []string{"ada", "bob", "carol", "dan", "eve", "fay", "gil", "lovelace", "olga", "root"}
}

func at(name string) engine.Person { return engine.Person(name + "@example.org") }

func ref(group string) engine.GroupRef { return engine.GroupRef{Directory: "corp", Name: group} }

func people(names ...string) (w access.Who) {
	for _, n := range names {
		w.People = append(w.People, at(n))
	}
	return w
}

// open is a rig with some people beside those who are always there.
func open(t testing.TB, more ...string) *rig {
	t.Helper()
	r := &rig{
		t: t, corp: memory.New("corp"), clock: &clock{at: start()}, log: new(logs), hosts: make(hosts),
		ids: make(map[string]engine.MemberID), in: make(map[string]*browser),
	}
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "daypass.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // a test may have closed it
	r.store = s
	var known []oidctest.Person
	for _, name := range append(everybody(), more...) {
		r.ids[name] = r.corp.AddPerson(at(name), name)
		known = append(known, oidctest.Person{Email: string(at(name)), Name: name})
	}
	for _, g := range []string{"staging", "prod", "free", "secret"} {
		r.corp.AddGroup(g)
	}
	r.corp.Put(r.corp.AddGroup("approvers"), r.ids["bob"], r.ids["carol"])
	log := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	rows, sessions := records.Of(s)
	r.desk = desk.New(desk.Config{Store: rows, Listings: 1e6, Now: r.clock.now, Log: log})
	r.rules = r.standard()
	r.desk.Use(r.rules)
	provider, err := oidctest.New(issuer, "daypass", known, r.clock.now)
	if err != nil {
		t.Fatal(err)
	}
	a := auth.New(sessions, site, r.clock.now, log)
	a.Use(auth.Settings{
		Left: r.desk.Left, URL: site, Issuer: issuer, ClientID: "daypass", Client: &http.Client{Transport: r.hosts},
		Canonical: func(p engine.Person) engine.Person { return r.rules.Canonical(p) },
	})
	r.web = web.New(web.Config{Desk: r.desk, Auth: a, Now: r.clock.now, Log: log, Calls: 1e6, CallsAtOnce: 1e6})
	r.hosts["daypass.example.org"], r.hosts["id.example.org"] = r.web, provider
	return r
}

// standard are the rules: production needs bob or carol and then fay, staging
// one of both; free is given at once, and secret is shown to eve.
func (r *rig) standard() *desk.Rules {
	day := 24 * time.Hour
	approvers := access.Who{Groups: []engine.GroupRef{ref("approvers")}}
	staging := access.Policy{
		Name: "one", Ask: access.Who{Anyone: true}, For: access.Anyone, Max: 8 * time.Hour, Default: 2 * time.Hour, Ahead: 7 * day, Pending: 7 * day,
		Reason: access.Text{Required: true}, Ticket: access.Text{Pattern: `CHG-\d+`, Hint: "CHG-1234"},
		Questions: []access.Question{{Name: "customer", Type: access.TypeText}},
		Steps:     []access.Step{{Name: "owner", Approvers: approvers, Quorum: 1, Within: day}},
		Extend:    &access.Extend{Times: 1, Max: time.Hour},
		BreakGlass: &access.BreakGlass{
			Ask: access.Who{Anyone: true}, Max: time.Hour, Review: access.Review{By: approvers, Within: 2 * day},
		},
	}
	prod := staging
	prod.Name, prod.Steps = "two", []access.Step{{Name: "first", Approvers: approvers, Quorum: 1}, {Name: "second", Approvers: people("fay"), Quorum: 1}}
	free := access.Policy{Name: "free", Ask: access.Who{Anyone: true}, For: access.Anyone, Max: time.Hour, Default: time.Hour, Ahead: day, Pending: day, Auto: "yes"}
	hidden := staging
	hidden.Name, hidden.Ask, hidden.BreakGlass = "hidden", people("eve"), nil
	resource := func(name, title string, p *access.Policy) desk.Resource {
		return desk.Resource{
			Resource: access.Resource{Name: name, Title: title, Groups: []engine.GroupRef{ref(name)}, Owners: people("olga")},
			Policy:   p, Description: "For tests",
		}
	}
	rules := &desk.Rules{
		Resources: []desk.Resource{
			resource("free", "Free", &free), resource("prod", "Production", &prod),
			resource("secret", "", &hidden), resource("staging", "Staging databases", &staging),
		},
		Templates:      []desk.Template{{Name: "look", Title: "Look at staging", Resource: "staging", Reason: "to look", For: time.Hour}},
		Administrators: people("root"), Auditors: people("dan"),
		Canonical:   func(p engine.Person) engine.Person { return p },
		Directories: map[engine.Directory]engine.Connector{"corp": r.corp},
		Expressions: words{}, Grants: func() []engine.Grant { return nil }, Inspect: r.inspect, ReleaseFor: time.Hour,
	}
	rules.Resources[2].Hidden = true
	return rules
}

// odd is a login that somebody chose to harm whoever reads a report.
const odd = "=cmd()<b>"

func (r *rig) inspect(ctx context.Context, _ []engine.GroupRef) (*report.Compliance, error) {
	g, err := r.corp.Group(ctx, "approvers")
	if err != nil {
		return nil, err
	}
	ms, err := r.corp.Members(ctx, g.ID)
	if err != nil {
		return nil, err
	}
	ms = append(ms, engine.Member{ID: "zz", Login: odd})
	var b report.Builder
	b.Add(engine.GroupView{Group: engine.Group{Directory: "corp", ID: g.ID}, Name: "approvers", Trust: engine.Trusted, Members: ms}, engine.Plan{})
	var res engine.Result
	res.Plan.AsOf = r.clock.now()
	return b.Finish(res, nil), nil
}

// browser is somebody's, with its cookies.
type browser struct {
	*rig
	client *http.Client
}

func (r *rig) browser() *browser {
	r.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{rig: r, client: &http.Client{Transport: r.hosts, Jar: jar, CheckRedirect: stay}}
}

// by is the browser of somebody who is signed in; of nobody, for "-".
func (r *rig) by(name string) *browser {
	r.t.Helper()
	if b := r.in[name]; b != nil {
		return b
	}
	b := r.browser()
	r.in[name] = b
	if name == "-" {
		return b
	}
	to, err := url.Parse(b.get("/sign-in/start?return=/mine").Header.Get("Location"))
	if err != nil {
		r.t.Fatal(err)
	}
	back := b.do("POST", issuer+"/authorize", url.Values{"query": {to.RawQuery}, "person": {string(at(name))}}).Header.Get("Location")
	if a := b.get(back); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/mine" {
		r.t.Fatalf("%s signs in with %d: %s", name, a.StatusCode, a.text())
	}
	return b
}

// answer is what came back.
type answer struct {
	*http.Response
	body string
}

// text is what a person reads.
func (a answer) text() string {
	s := regexp.MustCompile(`(?s)^.*<main[^>]*>|</main>.*$|<[^>]*>`).ReplaceAllString(a.body, " ")
	return strings.Join(strings.Fields(html.UnescapeString(s)), " ")
}

// want fails the test unless the status is that one, and the page says the texts,
// in any case.
func (a answer) want(t testing.TB, status int, texts ...string) answer {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s: status %d, want %d: %s", a.Request.Method, a.Request.URL.Path, a.StatusCode, status, a.text())
	}
	for _, s := range texts {
		if !strings.Contains(strings.ToLower(a.text()), strings.ToLower(s)) {
			t.Errorf("%s %s: it does not say %q: %s", a.Request.Method, a.Request.URL.Path, s, a.text())
		}
	}
	return a
}

func (b *browser) get(path string) answer { b.t.Helper(); return b.do("GET", path, nil) }

// post sends a form, given as pairs, as a browser does from a page of ours.
func (b *browser) post(path string, pairs ...string) answer {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return b.do("POST", path, form)
}

func (b *browser) do(method, path string, form url.Values, headers ...string) answer {
	b.t.Helper()
	if form != nil {
		headers = append([]string{"Content-Type: application/x-www-form-urlencoded", "Origin: " + site, "Sec-Fetch-Site: same-origin"}, headers...)
	}
	return b.send(method, path, strings.NewReader(form.Encode()), headers...)
}

// send sends anything. Of the headers, each is "Name: value"; one without a
// value is left out.
func (b *browser) send(method, path string, body io.Reader, headers ...string) answer {
	b.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = site + path
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(b.t.Context()), method, path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		if value = strings.TrimSpace(value); value == "" {
			req.Header.Del(name)
			continue
		}
		req.Header.Set(name, value)
	}
	return b.result(b.client.Do(req))
}

func (b *browser) result(res *http.Response, err error) answer {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{res, string(body)}
}

// as is somebody at the desk, who comes by the page.
func as(name string) desk.Caller {
	return desk.Caller{Actor: access.Actor{Person: at(name), Via: access.Page}}
}

// ask asks at the desk, and fails the test unless that goes.
func (r *rig) ask(who string, w desk.Wish) string {
	r.t.Helper()
	if w.Reason == "" {
		w.Reason = "to mend it"
	}
	got, err := r.desk.Ask(r.t.Context(), as(who), w)
	if err != nil {
		r.t.Fatal(err)
	}
	return got.ID
}

// request is as it is on record.
func (r *rig) request(id string) access.Request {
	r.t.Helper()
	got, err := r.store.Request(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

// over ends a request whatever became of it.
func (r *rig) over(id string) {
	r.t.Helper()
	if id == "" {
		return
	}
	x := r.request(id)
	_, err := r.desk.Withdraw(r.t.Context(), desk.Caller{Actor: x.By}, id, "", 0)
	_, again := r.desk.End(r.t.Context(), desk.Caller{Actor: x.By}, id, "", 0)
	for _, err := range []error{err, again} {
		if err != nil && access.KindOf(err) != access.Conflict {
			r.t.Fatal(err)
		}
	}
}

// approved makes a request that is in force.
func (r *rig) approved(who string, w desk.Wish) string {
	r.t.Helper()
	id := r.ask(who, w)
	for r.request(id).Status == access.Asked {
		by := "bob"
		switch step := r.request(id).Course.Step; {
		case step == 1:
			by = "fay"
		case who == "bob" || w.Person == at("bob"):
			by = "carol"
		}
		if _, err := r.desk.Decide(r.t.Context(), as(by), id, desk.Word{Approve: true, Step: r.request(id).Course.Step}); err != nil {
			r.t.Fatal(err)
		}
	}
	return id
}

// head is how far the record goes: whoever changes anything moves it.
func (r *rig) head() int64 {
	r.t.Helper()
	h, err := r.store.Head(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return h.Seq
}

// sharing is a directory in which somebody has the account of somebody else.
type sharing struct {
	*memory.Directory
	who, whose engine.Person
}

func (s sharing) Resolve(ctx context.Context, p engine.Person) (engine.Member, error) {
	if p == s.who {
		p = s.whose
	}
	return s.Directory.Resolve(ctx, p)
}
