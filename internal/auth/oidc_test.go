package auth_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/daypass-dev/daypass/internal/auth"
	"github.com/daypass-dev/daypass/internal/auth/oidctest"
)

// claimsOf reads a token without a look at its signature.
func claimsOf(t testing.TB, raw string) map[string]any {
	t.Helper()
	body, err := base64.RawURLEncoding.DecodeString(strings.Split(raw, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(body, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// forge signs claims with a key of one's own.
func forge(t testing.TB, claims map[string]any, algorithm jose.SignatureAlgorithm, key any) string {
	t.Helper()
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", "1"))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// unsigned is a token of the algorithm "none".
func unsigned(t testing.TB, claims map[string]any, none string) string {
	t.Helper()
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"`+none+`","typ":"JWT","kid":"1"}`)) + "." + enc(body) + "."
}

// publicKey is the provider's, as everybody can read it.
func (r *rig) publicKey() any {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.provider.ServeHTTP(w, httptest.NewRequest("GET", "/keys", nil))
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil {
		r.t.Fatal(err)
	}
	return set.Keys[0].Key
}

// forgeries are tokens for whoever the claims name that nobody must believe.
func (r *rig) forgeries() map[string]func(claims map[string]any) string {
	t := r.t
	strange, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(r.publicKey())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	with := func(key string, v any) func(map[string]any) string {
		return func(c map[string]any) string {
			c = maps.Clone(c)
			if c[key] = v; v == nil {
				delete(c, key)
			}
			raw, err := r.provider.Sign(c)
			if err != nil {
				t.Fatal(err)
			}
			if v == nil && (key == "iss" || key == "exp") { // which Sign fills in
				t.Fatalf("%s cannot be left out", key)
			}
			return raw
		}
	}
	return map[string]func(map[string]any) string{
		"another audience":          with("aud", "somebody-else"),
		"audiences without ours":    with("aud", []string{"a", "b"}),
		"issued to another client":  with("azp", "somebody-else"),
		"no audience":               with("aud", nil),
		"expired":                   with("exp", r.now().Add(-time.Hour).Unix()),
		"not yet good":              with("nbf", r.now().Add(time.Hour).Unix()),
		"of another issuer":         with("iss", "https://evil.example.org"),
		"of an issuer with a slash": with("iss", issuer+"/"),
		"alg none":                  func(c map[string]any) string { return unsigned(t, c, "none") },
		"alg NONE":                  func(c map[string]any) string { return unsigned(t, c, "NonE") },
		"HS256 with the public key": func(c map[string]any) string { return forge(t, c, jose.HS256, public) },
		"HS256 with nothing much":   func(c map[string]any) string { return forge(t, c, jose.HS256, make([]byte, 32)) },
		"another's key":             func(c map[string]any) string { return forge(t, c, jose.RS256, strange) },
		"signature of another": func(c map[string]any) string {
			mine, other := strings.Split(r.sign(c), "."), strings.Split(r.sign(map[string]any{"sub": "x"}), ".")
			return mine[0] + "." + mine[1] + "." + other[2]
		},
		"no signature": func(c map[string]any) string {
			raw := r.sign(c)
			return raw[:strings.LastIndex(raw, ".")+1]
		},
		"no token":  func(map[string]any) string { return "" },
		"two parts": func(map[string]any) string { return "e30.e30" },
	}
}

func TestForgedIDTokens(t *testing.T) {
	t.Parallel()
	r, _ := open(t)
	for name, forged := range r.forgeries() {
		r.tamper = forged
		b := r.browser()
		if a := b.get(b.choose("ada@example.org")); a.StatusCode != http.StatusForbidden || b.who() != "" {
			t.Errorf("%s: %d %s, and %q is signed in", name, a.StatusCode, a.body, b.who())
		}
	}
	for name, change := range map[string]func(map[string]any){
		"another nonce":     func(c map[string]any) { c["nonce"] = "other" },
		"no nonce":          func(c map[string]any) { delete(c, "nonce") },
		"nonce no text":     func(c map[string]any) { c["nonce"] = 7 },
		"no address":        func(c map[string]any) { delete(c, "email") },
		"address empty":     func(c map[string]any) { c["email"] = "" },
		"address no text":   func(c map[string]any) { c["email"] = []string{"ada@example.org"} },
		"address odd":       func(c map[string]any) { c["email"] = "ada@example.org\u202e" },
		"no address at all": func(c map[string]any) { c["email"] = "ada" },
		"not verified":      func(c map[string]any) { c["email_verified"] = false },
		"verified, who knows": func(c map[string]any) {
			delete(c, "email_verified")
		},
		"verified odd": func(c map[string]any) { c["email_verified"] = "yes" },
		"verified 1":   func(c map[string]any) { c["email_verified"] = 1 },
	} {
		r.tamper = func(c map[string]any) string { change(c); return r.sign(c) }
		b := r.browser()
		if a := b.get(b.choose("ada@example.org")); a.StatusCode != http.StatusForbidden || b.who() != "" {
			t.Errorf("%s: %d %s, and %q is signed in", name, a.StatusCode, a.body, b.who())
		}
	}
	r.tamper = func(c map[string]any) string { c["email_verified"] = "true"; return r.sign(c) } // as some write it
	r.browser().signIn("ada@example.org")
}

// TestUnverifiedAddress: who signs in is told what they can do, and the log how
// to configure it.
func TestUnverifiedAddress(t *testing.T) {
	t.Parallel()
	r, _ := open(t)
	b := r.browser()
	if a := b.get(b.choose("Eve@Example.org")); a.StatusCode != http.StatusForbidden || strings.Contains(a.body, "web.oidc") ||
		!strings.Contains(a.body, "has not verified your address Eve@Example.org") || !strings.Contains(r.log.String(), "trustUnverified") {
		t.Errorf("%d %s; the log: %s", a.StatusCode, a.body, r.log)
	}
	s := r.settings
	s.Unverified = true
	r.auth.Use(s)
	b.signIn("Eve@Example.org")
	if got := b.who(); got != "eve@example.org" {
		t.Errorf("signed in is %q", got)
	}
	s.Unverified, s.Claim = false, "upn" // another claim, and nobody tells it
	r.auth.Use(s)
	if a := b.get(b.choose("ada@example.org")); a.StatusCode != http.StatusForbidden || strings.Contains(a.body, "web.oidc") || !strings.Contains(r.log.String(), `claim "upn"`) {
		t.Errorf("%d %s; the log: %s", a.StatusCode, a.body, r.log)
	}
	r.tamper = func(c map[string]any) string { c["upn"] = "Ada@Example.org"; return r.sign(c) }
	b.signIn("bob@example.org")
	if got := b.who(); got != "ada@example.org" {
		t.Errorf("signed in is %q", got)
	}
}

func TestStateAndCodeAreGoodOnce(t *testing.T) {
	t.Parallel()
	r, _ := open(t)
	b := r.browser()
	back := b.choose("ada@example.org")
	// Somebody who overhears the address cannot use it elsewhere.
	if a := r.browser().get(back); a.StatusCode != http.StatusForbidden {
		t.Errorf("in another browser: %d %s", a.StatusCode, a.body)
	}
	b.get(back)
	if b.who() != "ada@example.org" {
		t.Fatal("she is not signed in")
	}
	b.do("POST", auth.SignOut, url.Values{})
	if a := b.get(back); a.StatusCode != http.StatusForbidden || b.who() != "" {
		t.Errorf("the state again: %d %s", a.StatusCode, a.body)
	}
	// The code of another sign-in, with the state of one's own: that of an
	// attacker, to have the person act in his account.
	theirs, err := url.Parse(r.browser().choose("bob@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	mine, err := url.Parse(b.choose("ada@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	q := mine.Query()
	q.Set("code", theirs.Query().Get("code"))
	mine.RawQuery = q.Encode()
	if a := b.get(mine.String()); a.StatusCode != http.StatusForbidden || b.who() != "" {
		t.Errorf("another's code: %d %s, and %q is signed in", a.StatusCode, a.body, b.who())
	}
	// One's own code, with the state of nobody.
	mine, _ = url.Parse(b.choose("ada@example.org"))
	q = mine.Query()
	q.Set("state", "x")
	if a := b.get(auth.Callback + "?" + q.Encode()); a.StatusCode != http.StatusForbidden || b.who() != "" {
		t.Errorf("another state: %d %s", a.StatusCode, a.body)
	}
	// A state is tried once, right or wrong.
	mine, _ = url.Parse(b.choose("ada@example.org"))
	for _, query := range []string{"", "code=x", "state=&code=x", "state=x&code=x", mine.RawQuery} {
		if a := b.get(auth.Callback + "?" + query); a.StatusCode != http.StatusForbidden || b.who() != "" {
			t.Errorf("?%s: %d %s", query, a.StatusCode, a.body)
		}
	}
}

func TestWhatTheProviderSaysIsClipped(t *testing.T) {
	t.Parallel()
	r, _ := open(t)
	b := r.browser()
	mine, _ := url.Parse(b.choose("ada@example.org"))
	a := b.get(auth.Callback + "?error=" + strings.Repeat("x", 1000) + "&state=" + mine.Query().Get("state"))
	if a.StatusCode != http.StatusForbidden || strings.Count(a.body, "x") > 250 {
		t.Errorf("%d, with %d characters", a.StatusCode, len(a.body))
	}
}

// TestProviderComesBack: daypass starts without the provider, and people sign in
// once it is there.
func TestProviderComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := on(t, &memory{rows: make(map[string]row)}, site)
		delete(r.hosts, "id.example.org")
		b := r.browser()
		if a := b.get("/sign-in/start"); a.StatusCode != http.StatusBadGateway || !strings.Contains(a.body, "does not answer") {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		if _, err := r.bearer(r.sign(map[string]any{"sub": "x"})); err == nil {
			t.Fatal("a token is believed that nobody could check")
		}
		r.up()
		time.Sleep(6 * time.Second)
		b.signIn("ada@example.org")
		// It may also leave between the two halves of a sign-in.
		b = r.browser()
		back := b.choose("ada@example.org")
		delete(r.hosts, "id.example.org")
		if a := b.get(back); a.StatusCode != http.StatusForbidden || strings.Contains(a.body, "code=") {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
		r.up()
		b.signIn("ada@example.org")
	})
}

// TestRotatedKeys: a provider may have other keys at any time, even under the
// same name; tokens of the old ones are worth nothing then.
func TestRotatedKeys(t *testing.T) {
	t.Parallel()
	r, _ := open(t, func(s *auth.Settings) {
		s.Machines = []auth.Machine{{Name: "ci", Person: "ci@example.org", Issuer: issuer, Audience: "ci", Claims: map[string][]string{"sub": {"main"}}}}
	})
	b := r.browser()
	b.signIn("ada@example.org")
	claims := map[string]any{"aud": "ci", "sub": "main"}
	old := r.sign(claims)
	if _, err := r.bearer(old); err != nil {
		t.Fatalf("%v: %s", err, r.log)
	}
	var err error
	if r.provider, err = oidctest.New(issuer, client, []oidctest.Person{{Email: "ada@example.org"}}, nil); err != nil {
		t.Fatal(err)
	}
	b.signIn("ada@example.org")
	if got, err := r.bearer(r.sign(claims)); err != nil || got.Machine != "ci" {
		t.Errorf("by the new key: %v %v", got, err)
	}
	if got, err := r.bearer(old); err == nil {
		t.Errorf("by the old key: %v", got)
	}
}
