package web_test

import (
	"context"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/auth"
	"github.com/daypass-dev/daypass/internal/auth/oidctest"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/desk/desktest"
	"github.com/daypass-dev/daypass/internal/records"
	"github.com/daypass-dev/daypass/internal/store"
	"github.com/daypass-dev/daypass/internal/web"
)

const (
	site   = "https://daypass.example.org"
	issuer = "https://id.example.org"
)

// rig is the pages on the real desk and an OpenID provider, in a room for tests.
// Nothing goes over a network: names lead to handlers.
type rig struct {
	t      testing.TB
	web    *web.Web
	desk   *desk.Desk
	store  *store.Store
	corp   *memory.Directory
	clock  *desktest.Clock
	log    *desktest.Log
	hosts  desktest.Hosts
	rules  *desk.Rules
	ids    map[string]engine.MemberID
	groups map[string]engine.GroupID
	in     map[string]*browser // who is signed in
}

// The words of the room.
var (
	start  = desktest.Start
	at     = desktest.Person
	ref    = desktest.Group
	people = desktest.Who
	as     = desktest.As
)

const odd = desktest.Odd

func everybody() []string {
	return []string{"ada", "bob", "carol", "dan", "eve", "fay", "gil", "lovelace", "olga", "root"}
}

// open is a rig with some people beside those who are always there.
func open(t testing.TB, more ...string) *rig {
	t.Helper()
	all := append(everybody(), more...)
	m := desktest.Open(t, all...)
	r := &rig{
		t: t, rules: m.Rules(), store: m.Store, corp: m.Corp, clock: m.Clock, log: m.Log, ids: m.IDs, groups: m.Groups,
		hosts: make(desktest.Hosts), in: make(map[string]*browser),
	}
	conf := m.Config()
	conf.Listings = 1e6
	r.desk = desk.New(conf)
	r.desk.Use(r.rules)
	var known []oidctest.Person
	for _, name := range all {
		known = append(known, oidctest.Person{Email: string(at(name)), Name: name})
	}
	provider, err := oidctest.New(issuer, "daypass", known, conf.Now)
	if err != nil {
		t.Fatal(err)
	}
	_, sessions := records.Of(m.Store)
	a := auth.New(sessions, site, conf.Now, conf.Log)
	a.Use(auth.Settings{
		Left: r.desk.Left, URL: site, Issuer: issuer, ClientID: "daypass", Client: &http.Client{Transport: r.hosts},
		Canonical: func(p engine.Person) engine.Person { return r.rules.Canonical(p) },
	})
	r.web = web.New(web.Config{Desk: r.desk, Auth: a, Now: conf.Now, Log: conf.Log, Calls: 1e6, CallsAtOnce: 1e6})
	r.hosts["daypass.example.org"], r.hosts["id.example.org"] = r.web, provider
	return r
}

// browser is somebody's, with its cookies.
type browser struct {
	*rig
	client *http.Client
}

func (r *rig) browser() *browser {
	r.t.Helper()
	client, err := r.hosts.Browser()
	if err != nil {
		r.t.Fatal(err)
	}
	return &browser{rig: r, client: client}
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
	_, again := r.desk.End(r.t.Context(), desk.Caller{Actor: x.By}, id, "it is done", 0)
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

// elsewhere is the desk of another daypass, on the same store.
func (r *rig) elsewhere() *desk.Desk {
	r.t.Helper()
	s, err := store.Open(r.t.Context(), r.store.Path())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = s.Close() })
	rows, _ := records.Of(s)
	d := desk.New(desk.Config{Store: rows, Now: r.clock.Now, Log: r.log.Logger()})
	d.Use(r.rules)
	return d
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
