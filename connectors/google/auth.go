package google

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"golang.org/x/oauth2/jwt"

	"github.com/daypass-dev/daypass/internal/httpx"
)

// purpose is what a token is for. Each has a token of its own: with
// domain-wide delegation one scope that was not granted refuses the whole
// token, and what is optional must not take the rest away.
type purpose int

const (
	forDirectory purpose = iota
	forKinds
	forReports
	forExpiry   // used for groups whose memberships Google is to end too
	forSessions // used for groups whose end ends sessions too
	purposes
)

const scopeRoot = "https://www.googleapis.com/auth/"

// scopes are the least that serve a purpose.
func (p purpose) scopes() []string {
	switch p {
	case forKinds:
		return []string{scopeRoot + "cloud-identity.groups.readonly"}
	case forReports:
		return []string{scopeRoot + "admin.reports.audit.readonly"}
	case forExpiry:
		return []string{scopeRoot + "cloud-identity.groups"}
	case forSessions:
		return []string{scopeRoot + "admin.directory.user.security"}
	}
	return []string{
		scopeRoot + "admin.directory.group.member",
		scopeRoot + "admin.directory.group.readonly",
		scopeRoot + "admin.directory.user.readonly",
	}
}

// purposeOf tells what a request is for by its path.
func purposeOf(req *http.Request) purpose {
	switch p := req.URL.Path; {
	case strings.Contains(p, "/admin/reports/"):
		return forReports
	case strings.HasSuffix(p, "/signOut"):
		return forSessions
	case strings.Contains(p, "/admin/directory/"):
		return forDirectory
	case strings.Contains(p, "/memberships"):
		return forExpiry
	}
	return forKinds
}

// tokens gets tokens and keeps them until they are about to end.
type tokens struct {
	cfg    Config
	client *httpx.Client // to the token endpoint; it retries like any other
	shelf  [purposes]shelf

	mu      sync.Mutex
	renewed time.Time
}

// shelf holds one token. Its turn is a channel, so that whoever waits for
// somebody else's request for a token leaves when their context ends.
type shelf struct {
	turn  chan struct{}
	token *oauth2.Token
}

func newTokens(cfg Config) *tokens {
	t := &tokens{cfg: cfg, client: httpx.New(httpx.Policy{
		Directory: cfg.Name, Transport: cfg.Transport, Log: cfg.Log, Observe: cfg.Observe, Timeout: 30 * time.Second, Patience: time.Minute,
	})}
	for p := range t.shelf {
		t.shelf[p].turn = make(chan struct{}, 1)
	}
	return t
}

// authorize puts a token on a request.
func (t *tokens) authorize(req *http.Request) error {
	token, err := t.get(req.Context(), purposeOf(req))
	if err != nil {
		return err
	}
	token.SetAuthHeader(req)
	return nil
}

func (t *tokens) get(ctx context.Context, p purpose) (*oauth2.Token, error) {
	s := &t.shelf[p]
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.token.Valid() {
		return s.token, nil
	}
	token, err := t.mint(ctx, p.scopes())
	if err != nil {
		return nil, err
	}
	s.token = token
	return token, nil
}

// renew is called when Google did not take a token: it may have been revoked
// before its time. Not more than once in half a minute, else a credential that
// Google never takes would double every request.
func (t *tokens) renew(ctx context.Context) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cfg.TokenSource != nil || time.Since(t.renewed) < 30*time.Second {
		return false
	}
	for p := range t.shelf {
		s := &t.shelf[p]
		select {
		case s.turn <- struct{}{}:
			s.token = nil
			<-s.turn
		case <-ctx.Done():
			return false
		}
	}
	t.renewed = time.Now()
	return true
}

// mint gets a new token. The libraries know no context: they are given a
// client that has it.
func (t *tokens) mint(ctx context.Context, scopes []string) (*oauth2.Token, error) {
	relay := &relay{ctx: ctx, client: t.client.HTTP()}
	source, err := t.source(context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: relay}), scopes)
	if err != nil {
		return nil, err
	}
	token, err := within(ctx, source.Token)
	switch {
	case err == nil && token.AccessToken != "":
		return token, nil
	case err == nil:
		return nil, &tokenError{Scopes: scopes, Err: errors.New("the answer holds no access_token")}
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	if relay.err != nil { // the library keeps its text only
		err = relay.err
	}
	return nil, refusedToken(err, scopes)
}

func (t *tokens) source(ctx context.Context, scopes []string) (oauth2.TokenSource, error) {
	switch {
	case t.cfg.TokenSource != nil:
		return t.cfg.TokenSource, nil
	case t.cfg.Ambient:
		creds, err := within(ctx, func() (*google.Credentials, error) {
			return google.FindDefaultCredentials(ctx, scopes...)
		})
		if err != nil {
			return nil, &tokenError{Scopes: scopes, Err: fmt.Errorf("ambient: %w", err)}
		}
		return creds.TokenSource, nil
	}
	conf, err := t.key(ctx, scopes)
	if err != nil {
		return nil, err
	}
	return conf.TokenSource(ctx), nil
}

// key reads the service account's key. Its text is in no error.
func (t *tokens) key(ctx context.Context, scopes []string) (*jwt.Config, error) {
	text, err := t.cfg.Key(ctx)
	if err != nil {
		return nil, &tokenError{Scopes: scopes, Err: fmt.Errorf("the service account's key: %w", err)}
	}
	if !json.Valid([]byte(text)) {
		return nil, &tokenError{Scopes: scopes, Err: errors.New("the service account's key is not JSON; take the file that Google Cloud gave when the key was made")}
	}
	conf, err := google.JWTConfigFromJSON([]byte(text), scopes...)
	if err != nil {
		return nil, &tokenError{Scopes: scopes, Err: errors.New("the key is not that of a service account (its type is another); take the file that Google Cloud gave when the key was made")}
	}
	if err := checkURL("token_uri of the service account's key", conf.TokenURL); err != nil {
		return nil, &tokenError{Scopes: scopes, Err: err}
	}
	conf.Subject = t.cfg.Subject
	return conf, nil
}

// relay sends what the oauth2 libraries send, within a context, and keeps the
// error that they make a text of.
type relay struct {
	ctx    context.Context
	client *http.Client
	err    error
}

func (r *relay) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.client.Do(req.WithContext(r.ctx))
	if err != nil {
		r.err = err
		return nil, err
	}
	return resp, nil
}

// within waits for f as long as ctx lasts.
func within[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type answer struct {
		v   T
		err error
	}
	done := make(chan answer, 1)
	go func() {
		v, err := f()
		done <- answer{v, err}
	}()
	select {
	case a := <-done:
		return a.v, a.err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}

// tokenError says why there is no token.
type tokenError struct {
	Status int    // of the token endpoint; 0 when it was not asked
	Code   string // RFC 6749: invalid_grant, unauthorized_client, ...
	Scopes []string
	Err    error
}

func (e *tokenError) Error() string { return "no token: " + e.Err.Error() }

func (e *tokenError) Unwrap() error { return e.Err }

// refusedToken reads a refusal of the token endpoint. Anything else is left as
// it is: no answer says nothing about the credential.
func refusedToken(err error, scopes []string) error {
	var r *oauth2.RetrieveError
	if !errors.As(err, &r) {
		var lost *httpx.Error
		if errors.As(err, &lost) {
			return err
		}
		return &tokenError{Scopes: scopes, Err: err}
	}
	e := &tokenError{Status: r.Response.StatusCode, Code: r.ErrorCode, Scopes: scopes}
	description := r.ErrorDescription
	if e.Code == "" {
		var body struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
		}
		_ = json.Unmarshal(r.Body, &body) // what is no JSON has no code
		e.Code, description = body.Error, body.Description
	}
	e.Err = errors.New(tokenText(e, clip(description)))
	return e
}

func tokenText(e *tokenError, description string) string {
	text := fmt.Sprintf("the token endpoint answered %d", e.Status)
	if e.Code != "" {
		text += " " + clip(e.Code)
	}
	if description != "" {
		text += ": " + description
	}
	switch e.Code {
	case "unauthorized_client":
		text += "; delegate these scopes to the service account's client ID (admin console, Security, API controls, Domain-wide delegation): " + strings.Join(e.Scopes, ", ")
	case "invalid_grant":
		text += "; the key was deleted or its service account disabled, the subject does not exist, or this machine's clock is wrong"
	case "invalid_scope":
		text += "; asked for " + strings.Join(e.Scopes, ", ")
	}
	return text
}
