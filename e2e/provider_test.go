package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/daypass-dev/daypass/e2e/provider"
)

var partyPage = template.Must(template.New("party").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Party</title><link rel="icon" href="data:,"></head><body><main>
<h1>Party</h1><p>{{.}}</p><p><a href="/login">Sign in here</a></p>
</main></body></html>`))

// party is a relying party: the smallest application that lets people sign in.
type party struct {
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
	pkce     string // empty leaves it out
}

// newParty starts a relying party and registers it with the provider.
func newParty(t *testing.T, idp *provider.Provider, secret, pkce string) (url string) {
	t.Helper()
	p := &party{pkce: pkce}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { p.show(w, "Nobody is signed in") })
	mux.HandleFunc("GET /login", p.login)
	mux.HandleFunc("GET /callback", p.callback)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	// To the browser another site than the provider.
	url = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	discovered, err := oidc.NewProvider(t.Context(), idp.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	p.verifier = discovered.Verifier(&oidc.Config{ClientID: "party"})
	p.oauth = oauth2.Config{
		ClientID: "party", ClientSecret: secret, RedirectURL: url + "/callback", Endpoint: discovered.Endpoint(),
		Scopes: []string{oidc.ScopeOpenID, "email", "profile"},
	}
	idp.Register(provider.Client{ID: "party", Secret: secret, Redirect: p.oauth.RedirectURL})
	return url
}

func (p *party) show(w http.ResponseWriter, text string) { _ = partyPage.Execute(w, text) }

func (p *party) login(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: "__Host-state", Value: "s1", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	http.SetCookie(w, &http.Cookie{Name: "strict", Value: "1", Path: "/", SameSite: http.SameSiteStrictMode})
	options := []oauth2.AuthCodeOption{oidc.Nonce("n1")}
	if p.pkce != "" {
		options = append(options, oauth2.S256ChallengeOption(p.pkce))
	}
	http.Redirect(w, r, p.oauth.AuthCodeURL("s1", options...), http.StatusFound)
}

func (p *party) callback(w http.ResponseWriter, r *http.Request) {
	text, err := p.welcome(r)
	if err != nil {
		text = "Refused: " + err.Error()
	}
	p.show(w, text)
}

func (p *party) welcome(r *http.Request) (string, error) {
	state, err := r.Cookie("__Host-state")
	if err != nil || r.FormValue("state") != state.Value {
		return "", errors.New("the state is another")
	}
	if e := r.FormValue("error"); e != "" {
		return "", fmt.Errorf("%s: %s", e, r.FormValue("error_description"))
	}
	if _, err := r.Cookie("strict"); err == nil {
		return "", errors.New("the provider is of the same site, which no real one is")
	}
	token, err := p.oauth.Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(p.pkce))
	if err != nil {
		return "", err
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := p.verifier.Verify(r.Context(), raw)
	if err != nil {
		return "", err
	}
	var c struct {
		Email, Name string
		Verified    bool `json:"email_verified"`
		Groups      []string
	}
	if err := errors.Join(id.Claims(&c), match(id.Nonce, "n1")); err != nil {
		return "", err
	}
	return fmt.Sprintf("Welcome %s (%s, %s, verified %v, groups %v)", c.Name, id.Subject, c.Email, c.Verified, c.Groups), nil
}

func match(got, want string) error {
	if got != want {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}

func TestPeopleSignInOnThePageOfTheProvider(t *testing.T) {
	t.Parallel()
	idp := provider.New(t,
		provider.Person{Sub: "0001", Email: "ada@lab.test", Name: "Ada Lovelace", Claims: map[string]any{"groups": []string{"staff"}}},
		provider.Person{Email: "ken@lab.test", Name: "Ken", Unverified: true},
	)
	for _, secret := range []string{"party's own", ""} {
		url := newParty(t, idp, secret, oauth2.GenerateVerifier())

		ada := chromium.Open(t)
		ada.Visit(url)
		ada.Press("Sign in here")
		clean(t, ada, ada.Axe())
		idp.SignIn(ada, "ada@lab.test")
		ada.Sees("Welcome Ada Lovelace (0001, ada@lab.test, verified true, groups [staff])")

		ken := chromium.Open(t) // knows nothing of ada's cookies
		ken.Visit(url + "/login")
		ken.Fill("Email", "ken@lab.test")
		ken.Fill("Password", "wrong")
		ken.Press("Sign in")
		ken.Sees("username or password wrong")
		idp.SignIn(ken, "ken@lab.test")
		ken.Sees("Welcome Ken (ken@lab.test, ken@lab.test, verified false, groups [])")
	}
}

func TestTheProviderInsistsOnPKCE(t *testing.T) {
	t.Parallel()
	idp := provider.New(t, provider.Person{Email: "ada@lab.test"})
	ada := chromium.Open(t)
	ada.Visit(newParty(t, idp, "secret", "") + "/login")
	ada.Sees("Refused: invalid_request: no code_challenge with the method S256")
}

func TestAnIssuerSignsGoodTokensAndBad(t *testing.T) {
	t.Parallel()
	ci := provider.NewIssuer(t)
	other := provider.NewIssuer(t)
	ctx := context.Background()
	discovered, err := oidc.NewProvider(ctx, ci.URL)
	if err != nil {
		t.Fatal(err)
	}
	verifier := discovered.Verifier(&oidc.Config{ClientID: "daypass"})
	claims := provider.Claims{"aud": "daypass", "sub": "repo:acme/shop:ref:refs/heads/main", "ref": "refs/heads/main"}
	with := func(name string, value any) provider.Claims {
		return provider.Claims{"aud": "daypass", "sub": "s", name: value}
	}
	for name, test := range map[string]struct{ token, want string }{
		"good":             {ci.Token(claims), ""},
		"expired":          {ci.Token(with("exp", time.Now().Add(-time.Hour))), "expired"},
		"not yet":          {ci.Token(with("nbf", time.Now().Add(time.Hour))), "before the nbf"},
		"without an end":   {ci.Token(with("exp", nil)), "expired"},
		"another audience": {ci.Token(with("aud", "elsewhere")), "audience"},
		"another issuer":   {ci.Token(with("iss", other.URL)), "different provider"},
		"others' key":      {other.Token(with("iss", ci.URL)), "signature"},
		"forged":           {ci.Forged(claims), "signature"},
		"confused":         {ci.Confused(claims), "algorithm"},
		"unsigned":         {ci.Unsigned(claims), "algorithm"},
	} {
		got, err := verifier.Verify(ctx, test.token)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: got %v", name, err)
		case test.want == "" && got.Subject != claims["sub"]:
			t.Errorf("%s: got the subject %q", name, got.Subject)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: got %v, want an error with %q", name, err, test.want)
		}
	}
	old := ci.Token(claims)
	ci.Rotate()
	if _, err := discovered.Verifier(&oidc.Config{ClientID: "daypass"}).Verify(ctx, ci.Token(claims)); err != nil {
		t.Errorf("with another key: got %v", err)
	}
	fresh, err := oidc.NewProvider(ctx, ci.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fresh.Verifier(&oidc.Config{ClientID: "daypass"}).Verify(ctx, old); err == nil {
		t.Error("the key before is still good")
	}
	ci.Down(true)
	if _, err := oidc.NewProvider(ctx, ci.URL); err == nil {
		t.Error("it answers though it is down")
	}
}
