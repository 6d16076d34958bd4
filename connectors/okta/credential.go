package okta

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// credential puts a token on each request: an API token, or one that a service
// app was given. One caller at a time gets a new one; the others wait for it.
type credential struct {
	scheme string
	now    func() time.Time
	// mint gets a token and tells until when it is good; zero is for good.
	mint func(context.Context) (token string, until time.Time, err error)

	turn  chan struct{} // guards what follows, and ends with a context
	token string
	until time.Time
}

// usedKey is where a call's context holds the token that it went out with, so
// that a 401 renews that one and not its successor.
type usedKey struct{}

type used struct {
	token string
	of    *credential
}

// early is how long before its end a token is replaced.
const early = time.Minute

// credentials are what requests go out with. An API token serves all. A
// service app asks for a token of its own to end sessions: its scope is a broad
// one, which who does not end sessions need not grant.
type credentials struct{ usual, sessions *credential }

func (c *Connector) credentials() *credentials {
	of := func(scheme string, mint func(context.Context) (string, time.Time, error)) *credential {
		return &credential{scheme: scheme, mint: mint, now: c.cfg.Now, turn: make(chan struct{}, 1)}
	}
	if c.cfg.Token != nil {
		token := of("SSWS", c.reveal)
		return &credentials{token, token}
	}
	c.app = newServiceApp(c.cfg, c.root)
	return &credentials{of("Bearer", c.app.mint), of("Bearer", c.app.mintForSessions)}
}

func (k *credentials) authorize(req *http.Request) error {
	if sessionsOf.MatchString(req.URL.Path) {
		return k.sessions.authorize(req)
	}
	return k.usual.authorize(req)
}

// renew gets another token after a 401, in place of the one that the call went
// out with, and reports whether there is one.
func (k *credentials) renew(ctx context.Context) bool {
	u, ok := ctx.Value(usedKey{}).(*used)
	return ok && u.of != nil && u.of.renew(ctx, u.token)
}

// reveal asks for the API token.
func (c *Connector) reveal(ctx context.Context) (string, time.Time, error) {
	token, err := c.cfg.Token(ctx)
	if ctx.Err() != nil {
		return "", time.Time{}, ctx.Err()
	}
	token = strings.TrimSpace(token)
	switch {
	case err != nil:
		return "", time.Time{}, trouble(engine.Denied, "the API token can not be had: %w", err)
	case token == "":
		return "", time.Time{}, trouble(engine.Denied, "the API token is empty")
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "", time.Time{}, trouble(engine.Denied, "the API token holds a space or a control character: check the secret that it comes from")
	}
	return token, time.Time{}, nil
}

// get returns a token that is good and is not the stale one.
func (k *credential) get(ctx context.Context, stale string) (string, error) {
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if k.token != "" && k.token != stale && (k.until.IsZero() || k.now().Before(k.until.Add(-early))) {
		return k.token, nil
	}
	token, until, err := k.mint(ctx)
	if err != nil {
		return "", err
	}
	k.token, k.until = token, until
	return token, nil
}

// authorize replaces the placeholder that the SDK puts on a request.
func (k *credential) authorize(req *http.Request) error {
	token, err := k.get(req.Context(), "")
	if err != nil {
		return err
	}
	if u, ok := req.Context().Value(usedKey{}).(*used); ok {
		u.token, u.of = token, k
	}
	req.Header.Set("Authorization", k.scheme+" "+token)
	return nil
}

// renew gets another token than the stale one. The SDK would go on with that.
func (k *credential) renew(ctx context.Context, stale string) bool {
	token, err := k.get(ctx, stale)
	return err == nil && token != stale
}

// String keeps tokens out of logs.
func (k *credential) String() string { return fmt.Sprintf("%s [secret]", k.scheme) }
