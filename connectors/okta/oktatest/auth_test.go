package oktatest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// app is a service app with its private key.
type app struct {
	*client
	id  string
	key crypto.Signer
	alg string
}

func newApp(t *testing.T, alg string, edit ...func(*Credential)) *app {
	t.Helper()
	c := open(t)
	a := &app{client: c, id: "0oa1daypass", alg: alg}
	var err error
	if alg == "RS256" {
		a.key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	c.ok(err)
	cred := Credential{ClientID: a.id, Key: a.key.Public()}
	for _, e := range edit {
		e(&cred)
	}
	c.s.Grant(cred)
	return a
}

// claims are those of a good assertion, changed by edits.
func (a *app) claims(edit ...func(map[string]any)) map[string]any {
	m := map[string]any{
		"iss": a.id, "sub": a.id, "aud": a.s.URL() + "/oauth2/v1/token", "exp": a.s.Clock.Now().Add(5 * time.Minute).Unix(),
	}
	for _, e := range edit {
		e(m)
	}
	return m
}

func (a *app) sign(claims map[string]any) string {
	part := func(v any) string {
		text, err := json.Marshal(v)
		a.ok(err)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	signed := part(map[string]any{"alg": a.alg, "kid": "k1"}) + "." + part(claims)
	sum := sha256.Sum256([]byte(signed))
	var sig []byte
	var err error
	switch key := a.key.(type) {
	case *rsa.PrivateKey:
		sig, err = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
		a.ok(err)
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		a.ok(err)
		sig = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func (a *app) form(assertion, scope string) url.Values {
	return url.Values{
		"grant_type": {"client_credentials"}, "scope": {scope},
		"client_assertion_type": {assertionType}, "client_assertion": {assertion},
	}
}

// ask asks for a token, with the form in the body.
func (a *app) ask(form url.Values, headers ...string) got {
	a.t.Helper()
	req, err := http.NewRequest("POST", a.s.URL()+"/oauth2/v1/token", strings.NewReader(form.Encode()))
	a.ok(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := a.http.Do(req)
	a.ok(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	a.ok(err)
	return got{resp.StatusCode, resp.Header, string(body)}
}

const allScopes = "okta.groups.manage okta.groups.read okta.users.read okta.logs.read"

func TestAServiceAppGetsATokenForAnHour(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"RS256", "ES256"} {
		a := newApp(t, alg)
		g := a.ask(a.form(a.sign(a.claims()), allScopes))
		if g.status != 200 || field1(g.body, "token_type") != "Bearer" || field1(g.body, "expires_in") != "3600" || field1(g.body, "scope") != allScopes {
			t.Fatalf("%s: got %d %s", alg, g.status, g.body)
		}
		a.auth = "Bearer " + field1(g.body, "access_token")
		a.want("GET", "/api/v1/groups", 200, "")
		a.want("PUT", a.membership("prod-db", "ada"), 204, "")
		if got := a.s.Writes()[0].By; got != a.id {
			t.Errorf("got a write by %q, want %q", got, a.id)
		}
		a.want("GET", "/api/v1/users/me", 404, "E0000007") // an app is no user
		a.s.Clock.Advance(time.Hour - time.Second)
		a.want("GET", "/api/v1/groups", 200, "")
		a.s.Clock.Advance(time.Second)
		ended := a.want("GET", "/api/v1/groups", 401, "E0000011")
		if got := ended.header.Get("WWW-Authenticate"); !strings.Contains(got, `error="invalid_token"`) {
			t.Errorf("got WWW-Authenticate %q", got)
		}
	}
}

func TestTheFormMayStandInTheQuery(t *testing.T) {
	t.Parallel()
	a := newApp(t, "RS256")
	a.auth = ""
	g := a.do("POST", "/oauth2/v1/token?"+a.form(a.sign(a.claims()), "okta.groups.read").Encode())
	if g.status != 200 {
		t.Errorf("got %d %s, want a token", g.status, g.body)
	}
	equal(t, "violations", a.s.Violations(), nil)
}

func TestAssertionsThatAreRefused(t *testing.T) {
	t.Parallel()
	a := newApp(t, "ES256")
	set := func(name string, v any) func(map[string]any) { return func(m map[string]any) { m[name] = v } }
	other := newApp(t, "ES256")
	for name, tt := range map[string]struct {
		assertion, code string
		status          int
	}{
		"garbage":          {"x.y", "invalid_client", 401},
		"unknown app":      {a.sign(a.claims(set("iss", "0oaother"))), "invalid_client", 401},
		"subject":          {a.sign(a.claims(set("sub", "0oaother"))), "invalid_client", 401},
		"audience":         {a.sign(a.claims(set("aud", a.s.URL()))), "invalid_client", 401},
		"expired":          {a.sign(a.claims(set("exp", noon.Add(-time.Second).Unix()))), "invalid_client", 401},
		"too far ahead":    {a.sign(a.claims(set("exp", noon.Add(61*time.Minute).Unix()))), "invalid_client", 401},
		"another key":      {other.sign(a.claims()), "invalid_client", 401},
		"wrong algorithm":  {(&app{client: a.client, id: a.id, key: a.key, alg: "HS256"}).sign(a.claims()), "invalid_client", 401},
		"audience as list": {a.sign(a.claims(set("aud", []string{a.s.URL() + "/oauth2/v1/token"}))), "", 200},
	} {
		g := a.ask(a.form(tt.assertion, allScopes))
		if g.status != tt.status || tt.code != "" && field1(g.body, "error") != tt.code {
			t.Errorf("%s: got %d %s, want %d %s", name, g.status, g.body, tt.status, tt.code)
		}
	}
	once := a.sign(a.claims(set("jti", "one")))
	if first, second := a.ask(a.form(once, allScopes)), a.ask(a.form(once, allScopes)); first.status != 200 || second.status != 401 {
		t.Errorf("one assertion twice: got %d and %d, want 200 and 401", first.status, second.status)
	}
	form := a.form(a.sign(a.claims()), allScopes)
	form.Set("grant_type", "password")
	if g := a.ask(form); g.status != 400 || field1(g.body, "error") != "unsupported_grant_type" {
		t.Errorf("another grant: got %d %s", g.status, g.body)
	}
}

func TestScopesReachSoFar(t *testing.T) {
	t.Parallel()
	a := newApp(t, "ES256", func(c *Credential) { c.Scopes = []string{"okta.groups.read"} })
	g := a.ask(a.form(a.sign(a.claims()), allScopes))
	if field1(g.body, "scope") != "okta.groups.read" {
		t.Fatalf("got %s, want the one scope that was granted", g.body)
	}
	a.auth = "Bearer " + field1(g.body, "access_token")
	a.want("GET", "/api/v1/groups", 200, "")
	for _, call := range [][2]string{{"PUT", a.membership("prod-db", "ada")}, {"GET", "/api/v1/users/ada"}, {"GET", "/api/v1/logs"}} {
		short := a.want(call[0], call[1], 403, "E0000006")
		if got := short.header.Get("WWW-Authenticate"); !strings.Contains(got, "insufficient_scope") {
			t.Errorf("%s: got WWW-Authenticate %q", call[1], got)
		}
	}
	for scope, code := range map[string]string{"okta.users.read": "consent_required", "email": "invalid_scope", "": "invalid_scope"} {
		if g := a.ask(a.form(a.sign(a.claims()), scope)); g.status != 400 || field1(g.body, "error") != code {
			t.Errorf("scope %q: got %d %s, want %s", scope, g.status, g.body, code)
		}
	}
}

func TestAppsMayDemandProofsOfPossession(t *testing.T) {
	t.Parallel()
	a := newApp(t, "ES256", func(c *Credential) { c.DPoP = true })
	if g := a.ask(a.form(a.sign(a.claims()), allScopes)); g.status != 400 || field1(g.body, "error") != "invalid_dpop_proof" {
		t.Errorf("without a proof: got %d %s", g.status, g.body)
	}
	g := a.ask(a.form(a.sign(a.claims()), allScopes), "DPoP", "proof")
	if g.status != 400 || field1(g.body, "error") != "use_dpop_nonce" || g.header.Get("dpop-nonce") == "" {
		t.Errorf("without the nonce: got %d %s", g.status, g.body)
	}
}

func TestAPITokens(t *testing.T) {
	t.Parallel()
	c := open(t)
	for _, auth := range []string{"", "SSWS wrong", "Bearer " + DefaultToken, "Basic x"} {
		c.auth = auth
		c.want("GET", "/api/v1/groups", 401, "E0000011")
	}
	c.auth = "SSWS " + DefaultToken
	c.want("GET", "/api/v1/groups", 200, "")
	c.s.Revoke(DefaultToken)
	c.want("GET", "/api/v1/groups", 401, "E0000011")
}

func TestTokensThatEndEarly(t *testing.T) {
	t.Parallel()
	a := newApp(t, "ES256")
	a.auth = "Bearer " + field1(a.ask(a.form(a.sign(a.claims()), allScopes)).body, "access_token")
	a.want("GET", "/api/v1/groups", 200, "")
	a.s.EndTokens()
	a.want("GET", "/api/v1/groups", 401, "E0000011")
	a.auth = "Bearer " + field1(a.ask(a.form(a.sign(a.claims()), allScopes)).body, "access_token")
	a.want("GET", "/api/v1/groups", 200, "")
}

func TestRolesReachSoFar(t *testing.T) {
	t.Parallel()
	c := open(t)
	all := []string{"Everyone", "prod-db", "prod-web"}
	for _, tt := range []struct {
		name   string
		cred   Credential
		groups []string
		put    int
	}{
		{"super administrator", Credential{}, all, 204},
		{"group administrator", Credential{Roles: []string{"USER_ADMIN"}}, all[1:], 204},
		{"membership administrator", Credential{Roles: []string{"GROUP_MEMBERSHIP_ADMIN"}}, all[1:], 204},
		{"read-only administrator", Credential{Roles: []string{"READ_ONLY_ADMIN"}}, all, 403},
		{"role for one group", Credential{Roles: []string{"CUSTOM"}, Groups: []string{c.s.GroupID("prod-db")}}, all[1:2], 204},
		{"role for another group", Credential{Roles: []string{"CUSTOM"}, Groups: []string{c.s.GroupID("prod-web")}}, all[2:], 403},
		{"role for no group", Credential{Roles: []string{"CUSTOM"}, Groups: []string{}}, []string{}, 403},
		{"no role", Credential{Roles: []string{}}, []string{}, 403},
	} {
		tt.cred.Token = DefaultToken
		c.s.Grant(tt.cred)
		// For want of a role there is no error, but an empty list.
		equal(t, tt.name, c.want("GET", "/api/v1/groups", 200, "").list(t, "profile", "name"), tt.groups)
		if g := c.do("PUT", c.membership("prod-db", "ada")); g.status != tt.put {
			t.Errorf("%s: PUT got %d, want %d", tt.name, g.status, tt.put)
		}
		c.want("GET", "/api/v1/users/me", 200, "")
	}
}

func TestRolesCanBeSeen(t *testing.T) {
	t.Parallel()
	a := newApp(t, "ES256", func(c *Credential) { c.Roles = []string{"GROUP_MEMBERSHIP_ADMIN"} })
	me := field1(a.get("/api/v1/users/me").body, "id")
	equal(t, "of the token's owner", a.get("/api/v1/users/"+me+"/roles").list(t, "type"), []string{"SUPER_ADMIN"})
	equal(t, "of ada", a.get("/api/v1/users/"+a.s.UserID("ada@example.org")+"/roles").list(t, "type"), []string{})
	equal(t, "of the app", a.get("/oauth2/v1/clients/"+a.id+"/roles").list(t, "label"), []string{"Group Membership Administrator"})
	a.want("GET", "/oauth2/v1/clients/0oaother/roles", 404, "E0000007")
	a.auth = "Bearer " + field1(a.ask(a.form(a.sign(a.claims()), allScopes)).body, "access_token")
	a.want("GET", "/oauth2/v1/clients/"+a.id+"/roles", 403, "E0000006") // without okta.roles.read
}
