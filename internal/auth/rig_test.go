package auth_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/auth"
	"github.com/daypass-dev/daypass/internal/auth/oidctest"
	"github.com/daypass-dev/daypass/internal/desk/desktest"
	"github.com/daypass-dev/daypass/internal/records"
	"github.com/daypass-dev/daypass/internal/store"
)

const (
	site   = "https://daypass.example.org"
	issuer = "https://id.example.org"
	client = "daypass"
)

// rig is a site where people sign in, and the provider that they do so with.
// Nothing goes over a network: names lead to handlers.
type rig struct {
	t        testing.TB
	auth     *auth.Auth
	provider *oidctest.Provider
	hosts    desktest.Hosts
	log      *desktest.Log
	now      func() time.Time
	settings auth.Settings
	// tamper changes what the provider answers to a code.
	tamper func(claims map[string]any) (token string)
}

// open is a rig on a store on disk.
func open(t testing.TB, change ...func(*auth.Settings)) (*rig, *store.Store) {
	t.Helper()
	s := desktest.Store(t)
	_, people := records.Of(s)
	return on(t, people, site, change...), s
}

func on(t testing.TB, s auth.Store, at string, change ...func(*auth.Settings)) *rig {
	t.Helper()
	r := &rig{t: t, hosts: make(desktest.Hosts), log: new(desktest.Log), now: time.Now}
	var err error
	r.provider, err = oidctest.New(issuer, client, []oidctest.Person{
		{Email: "ada@example.org", Name: "Ada"}, {Email: "bob@example.org"}, {Email: "Eve@Example.org", Unverified: true},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.auth = auth.New(s, at, func() time.Time { return r.now() }, r.log.Logger())
	r.settings = auth.Settings{URL: at, Issuer: issuer, ClientID: client, Client: &http.Client{Transport: r.hosts}}
	for _, f := range change {
		f(&r.settings)
	}
	r.auth.Use(r.settings)
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	r.hosts[u.Host] = r.auth.Sessions(r.pages())
	r.up()
	return r
}

// pages are the least that a site with a sign-in has.
func (r *rig) pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sign-in/start", func(w http.ResponseWriter, q *http.Request) {
		if err := r.auth.Start(w, q, q.FormValue("return")); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
	})
	mux.HandleFunc("GET "+auth.Callback, func(w http.ResponseWriter, q *http.Request) {
		back, err := r.auth.Finish(w, q)
		if err != nil {
			_, _ = io.WriteString(r.log, err.Error()+"\n")
			http.Error(w, auth.Words(err), http.StatusForbidden)
			return
		}
		http.Redirect(w, q, back, http.StatusSeeOther)
	})
	mux.HandleFunc("POST "+auth.SignOut, func(w http.ResponseWriter, q *http.Request) {
		if err := r.auth.Forget(q.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, q *http.Request) {
		c, ok := auth.From(q.Context())
		if !ok {
			http.Error(w, "nobody", http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, string(c.Person))
	})
	return mux
}

// up brings the provider back.
func (r *rig) up() {
	r.hosts["id.example.org"] = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path != "/token" || r.tamper == nil {
			r.provider.ServeHTTP(w, q)
			return
		}
		b := httptest.NewRecorder()
		r.provider.ServeHTTP(b, q)
		var answer map[string]any
		if err := json.Unmarshal(b.Body.Bytes(), &answer); err != nil || answer["id_token"] == nil {
			r.t.Errorf("the provider answers %s", b.Body)
		}
		answer["id_token"] = r.tamper(claimsOf(r.t, answer["id_token"].(string)))
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	})
}

func (r *rig) sign(claims map[string]any) string {
	r.t.Helper()
	raw, err := r.provider.Sign(claims)
	if err != nil {
		r.t.Fatal(err)
	}
	return raw
}

// browser is one of a person, with its cookies.
type browser struct {
	*rig
	client *http.Client
	at     string
}

func (r *rig) browser() *browser {
	r.t.Helper()
	client, err := r.hosts.Browser()
	if err != nil {
		r.t.Fatal(err)
	}
	return &browser{rig: r, at: r.settings.URL, client: client}
}

type answer struct {
	*http.Response
	body string
}

func (b *browser) do(method, at string, form url.Values) answer {
	b.t.Helper()
	if strings.HasPrefix(at, "/") {
		at = b.at + at
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(b.t.Context()), method, at, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := b.client.Do(req)
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

// look gets a page as a script of the page does.
func (b *browser) look() {
	b.t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(b.t.Context()), http.MethodGet, b.at+"/", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Dest", "empty")
	res, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	res.Body.Close()
}

func (b *browser) get(at string) answer { b.t.Helper(); return b.do("GET", at, nil) }

// choose goes to the provider, and returns the address by which it sends the
// person back.
func (b *browser) choose(person string) string {
	b.t.Helper()
	a := b.get("/sign-in/start?return=/mine")
	at, err := url.Parse(a.Header.Get("Location"))
	if err != nil || a.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("sign-in is sent to %q: %d %s", a.Header.Get("Location"), a.StatusCode, a.body)
	}
	a = b.do("POST", issuer+"/authorize", url.Values{"query": {at.RawQuery}, "person": {person}})
	if a.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("the provider answers %d %s", a.StatusCode, a.body)
	}
	return a.Header.Get("Location")
}

// signIn signs in, and fails the test unless that works.
func (b *browser) signIn(person string) {
	b.t.Helper()
	if a := b.get(b.choose(person)); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/mine" {
		b.t.Fatalf("signed in with %d, to %q: %s", a.StatusCode, a.Header.Get("Location"), a.body)
	}
}

// who is signed in; empty when nobody is.
func (b *browser) who() string {
	b.t.Helper()
	a := b.get("/")
	if a.StatusCode != http.StatusOK {
		return ""
	}
	return a.body
}

// cookie is that of the session, as the site has set it.
func (b *browser) cookie() *http.Cookie {
	b.t.Helper()
	u, _ := url.Parse(b.at)
	for _, c := range b.client.Jar.Cookies(u) {
		if strings.HasSuffix(c.Name, "daypass") {
			return c
		}
	}
	b.t.Fatal("there is no cookie")
	return nil
}

// steal makes a browser that has the cookie of another one.
func (b *browser) steal(c *http.Cookie) *browser {
	b.t.Helper()
	thief := b.browser()
	u, _ := url.Parse(b.at)
	thief.client.Jar.SetCookies(u, []*http.Cookie{{Name: c.Name, Value: c.Value, Path: "/", Secure: u.Scheme == "https"}})
	return thief
}

// bearer asks who a token shows.
func (r *rig) bearer(raw string) (access.Actor, error) {
	r.t.Helper()
	req := httptest.NewRequest("GET", "/api/v1/me", nil)
	req.Header.Set("Authorization", "Bearer "+raw)
	c, err := r.auth.Bearer(req)
	return c.Actor, err
}

// memory is a store of sessions in memory, for tests of time.
type memory struct {
	mu   sync.Mutex
	rows map[string]row
}

type row struct {
	data    []byte
	expires time.Time
}

func (m *memory) FindCtx(_ context.Context, token string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.rows[token]
	return v.data, ok && time.Now().Before(v.expires), nil
}

func (m *memory) CommitCtx(_ context.Context, token string, data []byte, expires time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows[token] = row{data, expires}
	return nil
}

func (m *memory) DeleteCtx(_ context.Context, token string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.rows, token)
	return nil
}

func (m *memory) Find(token string) ([]byte, bool, error) {
	return m.FindCtx(context.Background(), token)
}

func (m *memory) Commit(token string, data []byte, expires time.Time) error {
	return m.CommitCtx(context.Background(), token, data, expires)
}

func (m *memory) Delete(token string) error { return m.DeleteCtx(context.Background(), token) }

func (m *memory) Bind(context.Context, string, engine.Person) error { return nil }

func (m *memory) EndSessions(context.Context, engine.Person) error { return nil }

func (m *memory) TokenBySecret(context.Context, string, time.Time) (*access.Token, error) {
	return nil, nil //nolint:nilnil // there is none
}
