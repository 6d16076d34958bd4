package okta

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// Scopes. Without the first three daypass can not work; the log serves reports,
// the roles serve doctor, and the last one ends sessions.
const (
	scopeManage = "okta.groups.manage"
	scopeGroups = "okta.groups.read"
	scopeUsers  = "okta.users.read"
	scopeLogs   = "okta.logs.read"
	scopeRoles  = "okta.roles.read"
	scopePeople = "okta.users.manage"
)

// serviceApp gets tokens for a service app by a signed assertion
// (private_key_jwt, client credentials). The SDK could do so too, but it puts
// the assertion into the URL, where proxies log it, ignores the caller's
// context, and reads RSA keys of one format only.
type serviceApp struct {
	cfg  Config
	root string
	http *http.Client

	mu      sync.Mutex
	granted []string
}

func newServiceApp(cfg Config, root string) *serviceApp {
	client := httpx.New(httpx.Policy{Directory: cfg.Name, Transport: cfg.Transport, Wait: wait, Log: cfg.Log, Observe: cfg.Observe})
	return &serviceApp{cfg: cfg, root: root, http: client.HTTP()}
}

// scopes returns what the last token was granted.
func (a *serviceApp) scopes() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.granted
}

// mint gets a token. Okta refuses the whole request when one scope is not
// granted to the app, so those that daypass can do without are left out then.
func (a *serviceApp) mint(ctx context.Context) (token string, until time.Time, err error) {
	needed := []string{scopeManage, scopeGroups, scopeUsers}
	for _, useful := range [][]string{{scopeLogs, scopeRoles}, {scopeLogs}, nil} {
		var granted []string
		token, until, granted, err = a.ask(ctx, slices.Concat(needed, useful))
		if err == nil {
			a.mu.Lock()
			a.granted = granted
			a.mu.Unlock()
		}
		if !errors.Is(err, errScope) {
			return token, until, err
		}
	}
	return "", time.Time{}, err
}

// mintForSessions gets a token that can end sessions, and no more.
func (a *serviceApp) mintForSessions(ctx context.Context) (token string, until time.Time, err error) {
	token, until, _, err = a.ask(ctx, []string{scopePeople})
	return token, until, err
}

// errScope is a scope that was not granted to the app.
var errScope = errors.New("a scope is not granted")

// tokenAnswer is what the token endpoint says: a token, or an error in one of
// two shapes (RFC 6749, or that of Okta's API).
type tokenAnswer struct {
	AccessToken string  `json:"access_token"`
	TokenType   string  `json:"token_type"`
	ExpiresIn   float64 `json:"expires_in"` // seconds
	Scope       string  `json:"scope"`
	Error       string  `json:"error"`
	Description string  `json:"error_description"`
	Code        string  `json:"errorCode"`
	Summary     string  `json:"errorSummary"`
}

func (a *serviceApp) ask(ctx context.Context, scopes []string) (token string, until time.Time, granted []string, err error) {
	asked := a.cfg.Now()
	req, err := a.request(ctx, scopes)
	if err != nil {
		return "", time.Time{}, nil, err
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return "", time.Time{}, nil, explain(ctx, "get a token", httpx.Exchange{}, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return "", time.Time{}, nil, explain(ctx, "get a token", httpx.Exchange{}, err)
	}
	var said tokenAnswer
	unread := json.Unmarshal(text, &said)
	switch {
	case resp.StatusCode != http.StatusOK:
		return "", time.Time{}, nil, a.refusal(resp.StatusCode, said, scopes)
	case unread != nil || said.AccessToken == "" || strings.ContainsFunc(said.AccessToken, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "", time.Time{}, nil, trouble(engine.Unavailable, "get a token: the answer holds none")
	case strings.EqualFold(said.TokenType, "DPoP"):
		return "", time.Time{}, nil, errDPoP(said)
	}
	return said.AccessToken, asked.Add(time.Duration(said.ExpiresIn * float64(time.Second))), strings.Fields(said.Scope), nil
}

// assertionLife is short: the assertion is used at once. Okta takes up to an
// hour. It holds no jti: one with a jti is good once only, and a lost answer
// is asked for again.
const assertionLife = 5 * time.Minute

func (a *serviceApp) request(ctx context.Context, scopes []string) (*http.Request, error) {
	text, err := a.cfg.PrivateKey(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, trouble(engine.Denied, "the private key can not be had: %w", err)
	}
	key, err := parseKey(text)
	if err != nil {
		return nil, trouble(engine.Denied, "the private key can not be used: %w", err)
	}
	endpoint := a.root + "/oauth2/v1/token"
	now := a.cfg.Now()
	assertion, err := key.sign(a.cfg.KeyID, claims{
		Issuer: a.cfg.ClientID, Subject: a.cfg.ClientID, Audience: endpoint,
		IssuedAt: now.Unix(), Expires: now.Add(assertionLife).Unix(),
	})
	if err != nil {
		return nil, trouble(engine.Denied, "the private key can not be used: %w", err)
	}
	form := url.Values{
		"grant_type":            {"client_credentials"},
		"scope":                 {strings.Join(scopes, " ")},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	return req, nil
}

// refusal tells why there is no token.
func (a *serviceApp) refusal(status int, said tokenAnswer, scopes []string) error {
	words := clip(strings.Join(strings.Fields(said.Error+" "+said.Description+" "+said.Code+" "+said.Summary), " "))
	switch said.Error {
	case "use_dpop_nonce", "invalid_dpop_proof":
		return errDPoP(said)
	case "invalid_scope", "consent_required":
		return &engine.Error{Kind: engine.Denied, Err: fmt.Errorf(
			"get a token: %w: %s; grant the app %s, on its tab Okta API Scopes", errScope, words, strings.Join(scopes, ", "))}
	case "invalid_client":
		return trouble(engine.Denied, "get a token: %s; check the clientID, that the app holds the public half of this key, the keyID, and this machine's clock", words)
	}
	if status >= http.StatusInternalServerError {
		return trouble(engine.Unavailable, "get a token: %d %s", status, words)
	}
	return trouble(engine.Denied, "get a token: %d %s", status, words)
}

// errDPoP is for an app that wants each call signed, which daypass does not do.
func errDPoP(said tokenAnswer) error {
	return trouble(engine.Denied, "get a token: the service app demands DPoP (%s); "+
		`in its general settings, switch off "Require Demonstrating Proof of Possession (DPoP) header in token requests"`, clip(said.Error+said.TokenType))
}
