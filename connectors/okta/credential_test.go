package okta

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/okta/oktatest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/sim"
)

const appID = "0oa00000000000000001"

func pemOf(t testing.TB, kind string, key any) string {
	t.Helper()
	var der []byte
	var err error
	switch kind {
	case "RSA PRIVATE KEY":
		der = x509.MarshalPKCS1PrivateKey(key.(*rsa.PrivateKey))
	case "EC PRIVATE KEY":
		der, err = x509.MarshalECPrivateKey(key.(*ecdsa.PrivateKey))
	default:
		der, err = x509.MarshalPKCS8PrivateKey(key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ecKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// appBench is an org with a service app that has the key, and a connector that
// is this app.
func appBench(t testing.TB, key crypto.Signer, cred oktatest.Credential, edit ...func(*Config)) (*bench, *Connector, engine.GroupID) {
	t.Helper()
	cred.ClientID, cred.Key = appID, key.Public()
	b := newBench(t, oktatest.Options{Credentials: []oktatest.Credential{cred}, Clock: sim.Frozen(time.Now())})
	g := b.group("prod-db", string(b.user("ada")))
	c := b.connector(append([]func(*Config){func(cfg *Config) {
		cfg.Token, cfg.ClientID, cfg.PrivateKey = nil, appID, static(pemOf(t, "PRIVATE KEY", key))
	}}, edit...)...)
	return b, c, g
}

func TestServiceAppWithEveryKindOfKey(t *testing.T) {
	t.Parallel()
	rsa2048, p256 := rsaKey(t, 2048), ecKey(t, elliptic.P256())
	for name, test := range map[string]struct {
		key  crypto.Signer
		text string
	}{
		"RSA, PKCS#1":         {rsa2048, pemOf(t, "RSA PRIVATE KEY", rsa2048)},
		"RSA, PKCS#8":         {rsa2048, pemOf(t, "PRIVATE KEY", rsa2048)},
		"one line":            {rsa2048, strings.ReplaceAll(pemOf(t, "PRIVATE KEY", rsa2048), "\n", `\n`)},
		"EC, SEC 1":           {p256, pemOf(t, "EC PRIVATE KEY", p256)},
		"EC on P-256, PKCS#8": {p256, pemOf(t, "PRIVATE KEY", p256)},
		"EC on P-384, PKCS#8": ec384(t),
		"EC on P-521, PKCS#8": ec521(t),
		"with text before it": {p256, "# the key of daypass\n" + pemOf(t, "PRIVATE KEY", p256)},
	} {
		_, c, g := appBench(t, test.key, oktatest.Credential{}, func(cfg *Config) { cfg.PrivateKey, cfg.KeyID = static(test.text), "k1" })
		if ms, err := c.Members(t.Context(), g); err != nil || len(ms) != 1 {
			t.Errorf("%s: got %v and error %v, want a listing", name, ms, err)
		}
	}
}

type keyCase = struct {
	key  crypto.Signer
	text string
}

func ec384(t testing.TB) keyCase {
	k := ecKey(t, elliptic.P384())
	return keyCase{k, pemOf(t, "PRIVATE KEY", k)}
}

func ec521(t testing.TB) keyCase {
	k := ecKey(t, elliptic.P521())
	return keyCase{k, pemOf(t, "PRIVATE KEY", k)}
}

func TestKeysThatAreNone(t *testing.T) {
	t.Parallel()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const secret = "AAAASECRETAAAAAA"
	for text, want := range map[string]string{
		"":     "not written as PEM",
		secret: "not written as PEM",
		"-----BEGIN PRIVATE KEY-----\n" + secret + "\n-----END PRIVATE KEY-----\n":           "damaged",
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n": "passphrase",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n":                     "it is a certificate",
		pemOf(t, "PRIVATE KEY", ed):                        "of a kind that Okta does not take",
		pemOf(t, "PRIVATE KEY", rsaKey(t, 1024)):           "1024 bits",
		pemOf(t, "PRIVATE KEY", ecKey(t, elliptic.P224())): "of a kind that Okta does not take",
	} {
		_, err := parseKey(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%.40q: got error %v, want one that says %q", text, err, want)
		}
	}
}

// The SDK sends the assertion in the URL, where proxies log it.
func TestAssertionIsInTheBody(t *testing.T) {
	t.Parallel()
	var query, body string
	_, c, g := appBench(t, ecKey(t, elliptic.P256()), oktatest.Credential{}, func(cfg *Config) {
		next := cfg.Transport
		cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/oauth2/v1/token" {
				text, _ := io.ReadAll(r.Body)
				query, body = r.URL.RawQuery, string(text)
				r = r.Clone(r.Context())
				r.Body = readCloser{strings.NewReader(body)}
			}
			return next.RoundTrip(r)
		})
	})
	if _, err := c.Members(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	if query != "" || !strings.Contains(body, "client_assertion=") {
		t.Errorf("got query %q and body %.60q, want the assertion in the body", query, body)
	}
}

const tokenRoute = "POST /oauth2/v1/token"

// A token serves everybody until shortly before its end; one mint at a time.
func TestTokensAreShared(t *testing.T) {
	t.Parallel()
	b, c, g := appBench(t, ecKey(t, elliptic.P256()), oktatest.Credential{Scopes: []string{scopeManage, scopeGroups, scopeUsers, scopeLogs, scopeRoles}})
	list := func() {
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if _, err := c.Members(t.Context(), g); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	for _, step := range []struct {
		after time.Duration
		mints int
	}{{0, 1}, {time.Hour - 2*early, 1}, {early + time.Second, 2}} {
		b.clock.Advance(step.after)
		list()
		if got := b.s.Log.Count(tokenRoute); got != step.mints {
			t.Errorf("tokens after another %s: got %d, want %d", step.after, got, step.mints)
		}
	}
	b.s.EndTokens() // Okta forgets them; the SDK would go on with what it has
	list()
	if got := b.s.Log.Count(tokenRoute); got != 3 {
		t.Errorf("tokens after a 401: got %d, want one more, for all", got)
	}
}

func TestServiceAppRefused(t *testing.T) {
	t.Parallel()
	key := ecKey(t, elliptic.P256())
	for name, test := range map[string]struct {
		cred oktatest.Credential
		edit func(*Config)
		says string
	}{
		"DPoP":           {oktatest.Credential{DPoP: true}, func(*Config) {}, "Require Demonstrating Proof of Possession"},
		"another client": {oktatest.Credential{}, func(cfg *Config) { cfg.ClientID = "0oa00000000000000002" }, "check the clientID"},
		"another key":    {oktatest.Credential{}, func(cfg *Config) { cfg.PrivateKey = static(pemOf(t, "PRIVATE KEY", ecKey(t, elliptic.P256()))) }, "public half of this key"},
		"no key":         {oktatest.Credential{}, func(cfg *Config) { cfg.PrivateKey = static("nothing") }, "not written as PEM"},
		"no secret": {oktatest.Credential{}, func(cfg *Config) {
			cfg.PrivateKey = func(context.Context) (string, error) { return "", errors.New("no such file") }
		}, "no such file"},
		"a clock that is wrong": {oktatest.Credential{}, func(cfg *Config) {
			now := cfg.Now
			cfg.Now = func() time.Time { return now().Add(-time.Hour) }
		}, "this machine's clock"},
		"no scope at all": {oktatest.Credential{Scopes: []string{"okta.apps.read"}}, func(*Config) {}, "okta.groups.manage"},
	} {
		b, c, g := appBench(t, key, test.cred, test.edit)
		_, err := c.Members(t.Context(), g)
		wantKind(t, name, err, engine.Denied, "corp: list the members of", test.says)
		if got := b.s.Log.Count(tokenRoute); got > 1 && test.cred.Scopes == nil {
			t.Errorf("%s: got %d requests for a token, want no more than one", name, got)
		}
	}
}

// A scope that daypass can do without does not cost the others.
func TestServiceAppWithFewScopes(t *testing.T) {
	t.Parallel()
	_, c, g := appBench(t, ecKey(t, elliptic.P256()), oktatest.Credential{Scopes: []string{scopeManage, scopeGroups, scopeUsers}})
	if _, err := c.Members(t.Context(), g); err != nil {
		t.Errorf("Members: got error %v, want none", err)
	}
	_, err := c.Attribute(t.Context(), g, time.Now().Add(-time.Hour))
	wantKind(t, "Attribute", err, engine.Denied)
}

// Okta may refuse the whole request for one scope that is not granted.
func TestScopesAreLeftOutWhenOktaRefusesThem(t *testing.T) {
	t.Parallel()
	var asked []string
	_, c, g := appBench(t, ecKey(t, elliptic.P256()), oktatest.Credential{}, func(cfg *Config) {
		next := cfg.Transport
		cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/oauth2/v1/token" {
				text, _ := io.ReadAll(r.Body)
				r = r.Clone(r.Context())
				r.Body = readCloser{strings.NewReader(string(text))}
				asked = append(asked, string(text))
				if strings.Contains(string(text), "okta.roles.read") {
					const no = `{"error":"invalid_scope","error_description":"One or more scopes are not configured for the authorization server resource."}`
					return &http.Response{StatusCode: 400, Header: http.Header{"Content-Type": {"application/json"}}, Body: readCloser{strings.NewReader(no)}, Request: r}, nil
				}
			}
			return next.RoundTrip(r)
		})
	})
	if _, err := c.Members(t.Context(), g); err != nil || len(asked) != 2 || !strings.Contains(asked[1], "okta.logs.read") {
		t.Errorf("got error %v after %d requests for a token, want a second one with fewer scopes", err, len(asked))
	}
}

// A call gives up when its context ends, though it is a token that it waits
// for; the SDK would wait on.
func TestTokenCallHeedsTheContext(t *testing.T) {
	t.Parallel()
	b, c, g := appBench(t, ecKey(t, elliptic.P256()), oktatest.Credential{})
	ctx, cancel := context.WithCancel(t.Context())
	b.s.Faults.Inject(sim.Fault{Effect: sim.Hang, Match: func(r *http.Request) bool {
		time.AfterFunc(time.Millisecond, cancel) // now that it is under way
		return r.URL.Path == "/oauth2/v1/token"
	}})
	if _, err := c.Members(ctx, g); !errors.Is(err, context.Canceled) {
		t.Errorf("Members: got error %v, want the context's", err)
	}
	if _, err := c.Members(t.Context(), g); err != nil {
		t.Errorf("Members afterwards: got error %v, want none", err)
	}
}

// Throttling of the token endpoint is no refusal of the credential.
func TestThrottledTokenCall(t *testing.T) {
	t.Parallel()
	b, c, g := appBench(t, ecKey(t, elliptic.P256()), oktatest.Credential{})
	f := answered(429, "E0000047", "slow down")
	f.Match, f.Times = func(r *http.Request) bool { return r.URL.Path == "/oauth2/v1/token" }, -1
	f.Header.Set("X-Rate-Limit-Limit", "5")
	f.Header.Set("X-Rate-Limit-Reset", "33333333333")
	b.s.Faults.Inject(f)
	_, err := c.Members(t.Context(), g)
	wantKind(t, "Members", err, engine.Throttled)
	var e *engine.Error
	if errors.As(err, &e) && e.RetryAfter <= 0 {
		t.Errorf("got %v, want to be told when to come back", err)
	}
}

// An API token is asked for again when Okta does not take it any more.
func TestTokenIsRotated(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	token := atomic.Pointer[string]{}
	first, second := "00first-token", "00second-token"
	token.Store(&first)
	b := newBench(t, oktatest.Options{Credentials: []oktatest.Credential{{Token: first}, {Token: second}}})
	g := b.group("prod-db")
	c := b.connector(func(cfg *Config) {
		cfg.Token = func(context.Context) (string, error) { asked.Add(1); return " " + *token.Load() + "\n", nil }
	})
	list := func() error { _, err := c.Members(t.Context(), g); return err }
	for range 3 {
		if err := list(); err != nil {
			t.Fatal(err)
		}
	}
	if got := asked.Load(); got != 1 {
		t.Errorf("the token was asked for %d times, want once", got)
	}
	b.s.Revoke(first)
	err := list()
	wantKind(t, "with a token that was revoked", err, engine.Denied, "make a new API token")
	token.Store(&second)
	if err := list(); err != nil {
		t.Errorf("with the new token: got error %v, want none", err)
	}
	token.Store(&first)
	if err := list(); err != nil {
		t.Errorf("the token that works is kept: got error %v, want none", err)
	}
}

func TestTokensThatAreNone(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{"": "empty", " \n": "empty", "a b": "space", "a\nInjected: x": "space or a control character", "tökén": "control character"} {
		b := newBench(t, oktatest.Options{})
		c := b.connector(func(cfg *Config) { cfg.Token = static(text) })
		_, err := c.Resolve(t.Context(), "ada"+testMail)
		wantKind(t, text, err, engine.Denied, says)
		if got := b.s.Log.Total(); got != 0 {
			t.Errorf("%q: got %d requests, want none", text, got)
		}
	}
}
