// Package oidctest is an OpenID provider to try daypass against: people choose
// who they are from a list, and nobody is asked for a password. It knows the
// code flow with PKCE (RFC 7636), and signs what a pipeline's own system would.
package oidctest

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Person is somebody who can sign in.
type Person struct {
	Email      string
	Name       string
	Unverified bool // the provider does not vouch for the address
}

// Provider is an OpenID provider. Make one with New.
type Provider struct {
	issuer   string
	clientID string
	people   []Person
	now      func() time.Time
	key      *rsa.PrivateKey
	mux      *http.ServeMux

	mu    sync.Mutex
	codes map[string]code
}

// code is what a person was given to be exchanged, once.
type code struct {
	person                     Person
	nonce, challenge, redirect string
	expires                    time.Time
}

// New returns a provider that is reached under an issuer's URL, for one public
// client.
func New(issuer, clientID string, people []Person, now func() time.Time) (*Provider, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	p := &Provider{issuer: issuer, clientID: clientID, people: people, now: now, key: key, mux: http.NewServeMux(), codes: make(map[string]code)}
	p.mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	p.mux.HandleFunc("GET /keys", p.keys)
	p.mux.HandleFunc("GET /authorize", p.authorize)
	p.mux.HandleFunc("POST /authorize", p.chosen)
	p.mux.HandleFunc("POST /token", p.token)
	return p, nil
}

// ServeHTTP implements [http.Handler].
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// Sign returns a token with claims, signed by the provider. The issuer, and
// times around now, are filled in where they are left out.
func (p *Provider) Sign(claims map[string]any) (string, error) {
	now := p.now()
	all := map[string]any{"iss": p.issuer, "iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix()}
	for k, v := range claims {
		all[k] = v
	}
	body, err := json.Marshal(all)
	if err != nil {
		return "", err
	}
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", "1")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: p.key}, options)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(body)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"issuer": p.issuer, "authorization_endpoint": p.issuer + "/authorize", "token_endpoint": p.issuer + "/token",
		"jwks_uri": p.issuer + "/keys", "response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"}, "code_challenge_methods_supported": []string{"S256"},
		"scopes_supported": []string{"openid", "email", "profile"},
	})
}

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
}

func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case q.Get("client_id") != p.clientID:
		http.Error(w, "there is no client "+q.Get("client_id"), http.StatusBadRequest)
	case q.Get("code_challenge") == "" || q.Get("code_challenge_method") != "S256":
		http.Error(w, "the client sent no PKCE challenge", http.StatusBadRequest)
	default:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = choice.Execute(w, map[string]any{"People": p.people, "Query": q.Encode()}) // whoever went away needs no page
	}
}

// chosen sends the person back with a code.
func (p *Provider) chosen(w http.ResponseWriter, r *http.Request) {
	q, err := url.ParseQuery(r.FormValue("query"))
	back, berr := url.Parse(q.Get("redirect_uri"))
	if err != nil || berr != nil || back.Host == "" {
		http.Error(w, "the form is broken", http.StatusBadRequest)
		return
	}
	for _, person := range p.people {
		if person.Email != r.FormValue("person") {
			continue
		}
		id := rand.Text()
		p.mu.Lock()
		p.codes[id] = code{
			person: person, nonce: q.Get("nonce"), challenge: q.Get("code_challenge"), redirect: q.Get("redirect_uri"),
			expires: p.now().Add(time.Minute),
		}
		p.mu.Unlock()
		to := back.Query()
		to.Set("code", id)
		to.Set("state", q.Get("state"))
		back.RawQuery = to.Encode()
		http.Redirect(w, r, back.String(), http.StatusSeeOther)
		return
	}
	http.Error(w, "nobody is called that", http.StatusBadRequest)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	c, ok := p.codes[r.FormValue("code")]
	delete(p.codes, r.FormValue("code"))
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	proof := base64.RawURLEncoding.EncodeToString(sum[:])
	if !ok || p.now().After(c.expires) || c.redirect != r.FormValue("redirect_uri") || subtle.ConstantTimeCompare([]byte(proof), []byte(c.challenge)) != 1 {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	id, err := p.Sign(map[string]any{
		"sub": c.person.Email, "aud": p.clientID, "nonce": c.nonce,
		"email": c.person.Email, "email_verified": !c.person.Unverified, "name": cmp.Or(c.person.Name, c.person.Email),
	})
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]string{"error": fmt.Sprint(err)})
		return
	}
	answer(w, http.StatusOK, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 600, "id_token": id})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // whoever went away needs no answer
}

var choice = template.Must( //nolint:gochecknoglobals // a page
	template.New("choice").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Who are you?</title></head>
<body><h1>Who are you?</h1><p>This provider is for trying things out: it believes whatever you choose.</p>
<form method="post" action="authorize"><input type="hidden" name="query" value="{{.Query}}">
{{range .People}}<p><button name="person" value="{{.Email}}">{{if .Name}}{{.Name}}, {{end}}{{.Email}}</button></p>
{{end}}</form>
</body></html>
`))
