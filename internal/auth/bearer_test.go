package auth_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/auth"
	"github.com/daypass-dev/daypass/internal/desk"
)

func machines(s *auth.Settings) {
	m := func(name string, claims map[string][]string) auth.Machine {
		return auth.Machine{Name: name, Person: engine.Person(name + "@example.org"), Issuer: issuer, Audience: "pipelines", Claims: claims}
	}
	s.Machines = []auth.Machine{
		m("deploy", map[string][]string{"repository": {"org/app"}, "ref": {"refs/heads/main", "refs/heads/release"}}),
		m("nightly", map[string][]string{"repository": {"org/app"}, "event": {"schedule"}}),
		m("numbered", map[string][]string{"project": {"42", "9007199254740992"}}),
		m("open", nil), // which nothing fits
		m("protected", map[string][]string{"protected": {"true"}}),
	}
}

func TestTokensOfPipelines(t *testing.T) {
	t.Parallel()
	r, _ := open(t, machines)
	for _, x := range []struct {
		name   string
		claims map[string]any
		want   string // the machine; empty: nobody
	}{
		{"all claims", map[string]any{"repository": "org/app", "ref": "refs/heads/main"}, "deploy"},
		{"another allowed value", map[string]any{"repository": "org/app", "ref": "refs/heads/release"}, "deploy"},
		{"a claim more", map[string]any{"repository": "org/app", "ref": "refs/heads/main", "actor": "x"}, "deploy"},
		{"another value", map[string]any{"repository": "org/app", "ref": "refs/heads/evil"}, ""},
		{"a beginning", map[string]any{"repository": "org/app", "ref": "refs/heads/main2"}, ""},
		{"another case", map[string]any{"repository": "Org/App", "ref": "refs/heads/main"}, ""},
		{"a claim less", map[string]any{"repository": "org/app"}, ""},
		{"none", nil, ""},
		{"an array that has it", map[string]any{"repository": []string{"org/app"}, "ref": "refs/heads/main"}, ""},
		{"an object", map[string]any{"repository": map[string]string{"org/app": "org/app"}, "ref": "refs/heads/main"}, ""},
		{"null", map[string]any{"repository": nil, "ref": "refs/heads/main"}, ""},
		{"two machines", map[string]any{"repository": "org/app", "ref": "refs/heads/main", "event": "schedule"}, ""},
		{"a number", map[string]any{"project": 42}, "numbered"},
		{"a number as a text", map[string]any{"project": "42"}, "numbered"},
		{"a broken number", map[string]any{"project": 42.5}, ""},
		{"another number", map[string]any{"project": 43}, ""},
		{"a number that none can tell from its neighbour", map[string]any{"project": int64(9007199254740993)}, ""},
		{"its neighbour", map[string]any{"project": int64(9007199254740992)}, ""},
		{"as a text it is told", map[string]any{"project": "9007199254740992"}, "numbered"},
		{"a huge number", map[string]any{"project": 1e300}, ""},
		{"a truth", map[string]any{"protected": true}, "protected"},
		{"a truth as a text", map[string]any{"protected": "true"}, "protected"},
		{"an untruth", map[string]any{"protected": false}, ""},
		{"one", map[string]any{"protected": 1}, ""},
		{"another audience", map[string]any{"aud": "elsewhere", "protected": true}, ""},
		{"of several audiences one", map[string]any{"aud": []string{"elsewhere", "pipelines"}, "protected": true}, "protected"},
		{"a person's audience", map[string]any{"aud": client, "protected": true}, ""},
		{"expired", map[string]any{"exp": time.Now().Add(-time.Minute).Unix(), "protected": true}, ""},
	} {
		claims := map[string]any{"aud": "pipelines", "sub": "x"}
		for k, v := range x.claims {
			claims[k] = v
		}
		got, err := r.bearer(r.sign(claims))
		if got.Machine != x.want || (err == nil) != (x.want != "") {
			t.Errorf("%s: %v, %v", x.name, got, err)
		}
		if err == nil && got.Person != engine.Person(x.want+"@example.org") {
			t.Errorf("%s has the accounts of %s", x.name, got.Person)
		}
	}
	for name, forged := range r.forgeries() {
		claims := map[string]any{"iss": issuer, "aud": "pipelines", "sub": "x", "protected": true, "exp": time.Now().Add(time.Hour).Unix()}
		if got, err := r.bearer(forged(claims)); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got, err := r.bearer(r.sign(map[string]any{"aud": client, "email": "ada@example.org", "email_verified": true})); err != nil || got.Person != "ada@example.org" || got.Machine != "" {
		t.Errorf("a person's token: %v %v", got, err)
	}
	for name, claims := range map[string]map[string]any{
		"a person for pipelines":  {"aud": "pipelines", "email": "ada@example.org", "email_verified": true},
		"a person, not verified":  {"aud": client, "email": "ada@example.org", "email_verified": false},
		"a person without a name": {"aud": client, "sub": "ada"},
	} {
		if got, err := r.bearer(r.sign(claims)); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestTokenReuse: a token that is over, or whose machine is, opens nothing; and
// which of it is the case, or the secret, is told to nobody.
func TestTokenReuse(t *testing.T) {
	t.Parallel()
	r, s := open(t, machines, func(s *auth.Settings) {
		s.Canonical = func(p engine.Person) engine.Person {
			if p == "maker@example.org" {
				return "lovelace@example.org"
			}
			return p
		}
	})
	now := time.Now()
	n := 0
	add := func(k access.Token) string {
		n++
		k.ID, k.Name, k.Scopes = fmt.Sprint("t", n), "test", []string{"read"}
		if k.Expires.IsZero() {
			k.Expires = now.Add(time.Hour)
		}
		k.Made = now
		secret := "dp_" + strings.Repeat(fmt.Sprint(n), 64)
		if err := s.AddToken(t.Context(), k, secret); err != nil {
			t.Fatal(err)
		}
		return secret
	}
	good := add(access.Token{Person: "ada@example.org"})
	if got, err := r.bearer(good); err != nil || got.Person != "ada@example.org" {
		t.Fatalf("%v %v", got, err)
	}
	expired := add(access.Token{Person: "ada@example.org", Expires: now})
	if got, err := r.bearer(expired); err == nil {
		t.Errorf("expired: %v", got)
	}
	if err := s.RevokeToken(t.Context(), "t1", "ada@example.org", "ada@example.org", now); err != nil {
		t.Fatal(err)
	}
	_, revoked := r.bearer(good)
	_, never := r.bearer("dp_" + strings.Repeat("f", 64))
	if revoked == nil || never == nil || revoked.Error() != never.Error() {
		t.Errorf("revoked: %v; never there: %v", revoked, never)
	}
	ci := add(access.Token{Person: "maker@example.org", Machine: "deploy"})
	if got, err := r.bearer(ci); err != nil || got.Machine != "deploy" || got.Person != "deploy@example.org" || got.Maker != "lovelace@example.org" {
		t.Errorf("a machine's: %v %v", got, err)
	}
	without := r.settings
	without.Machines = slices.Clone(r.settings.Machines[1:])
	r.auth.Use(without)
	if got, err := r.bearer(ci); err == nil {
		t.Errorf("of a machine that left: %v", got)
	}
	for _, secret := range []string{good, expired, ci} {
		if strings.Contains(r.log.String(), secret) {
			t.Error("a secret is in the log")
		}
	}
}

func TestScopesAreThoseOfTheToken(t *testing.T) {
	t.Parallel()
	r, s := open(t)
	for i, scope := range []desk.Scope{desk.Read, desk.Request, desk.Approve, desk.Admin} {
		secret := "dp_" + strings.Repeat(fmt.Sprint(i), 64)
		k := access.Token{ID: string(scope), Name: "x", Person: "ada@example.org", Scopes: []string{string(scope)}, Made: time.Now(), Expires: time.Now().Add(time.Hour)}
		if err := s.AddToken(t.Context(), k, secret); err != nil {
			t.Fatal(err)
		}
		req := httptest.NewRequest("GET", "/", nil)
		req.Header.Set("Authorization", "bearer  "+secret+" ")
		c, err := r.auth.Bearer(req)
		if err != nil || !slices.Equal(c.Scopes, []desk.Scope{scope}) || c.Token != string(scope) {
			t.Errorf("%s: %+v %v", scope, c, err)
		}
	}
}
