package entra

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// tokens hands out the token of the moment. One is got at a time.
type tokens struct {
	cfg   Config
	scope string
	home  string // Graph's root: nothing else sees a token
	logon *logon
	turn  chan struct{} // holds one ticket: whoever has it may get a token

	mu     sync.Mutex
	now    azcore.AccessToken
	got    time.Time // by this machine's clock
	claims string    // what the directory wants to see in the next token
}

// early is how long before its end a token is not used any more.
const early = 5 * time.Minute

func newTokens(cfg Config, graph, authority *url.URL) *tokens {
	t := &tokens{cfg: cfg, home: graph.Scheme + "://" + graph.Host, turn: make(chan struct{}, 1)}
	t.scope = t.home + "/.default"
	t.logon = newLogon(cfg, authority)
	return t
}

// authorize puts a token on a request, which must be to Graph: links to
// further pages come from answers, and must not lead a token elsewhere.
func (t *tokens) authorize(r *http.Request) error {
	if r.URL.Scheme+"://"+r.URL.Host != t.home {
		return trouble(engine.Rejected, "%s://%s is not where tokens for %s go", r.URL.Scheme, r.URL.Host, t.home)
	}
	token, err := t.token(r.Context())
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token.Token)
	return nil
}

// token returns one that is good for some time yet.
func (t *tokens) token(ctx context.Context) (azcore.AccessToken, error) {
	if token, ok := t.good(); ok {
		return token, nil
	}
	if err := t.wait(ctx); err != nil {
		return azcore.AccessToken{}, err
	}
	defer func() { <-t.turn }()
	if token, ok := t.good(); ok { // somebody got one while we waited
		return token, nil
	}
	return t.mint(ctx)
}

func (t *tokens) wait(ctx context.Context) error {
	select {
	case t.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *tokens) good() (azcore.AccessToken, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now, t.now.Token != "" && t.claims == "" && t.now.ExpiresOn.Sub(t.cfg.Now()) > early
}

// mint gets a token. The caller has the turn.
func (t *tokens) mint(ctx context.Context) (azcore.AccessToken, error) {
	t.mu.Lock()
	claims := t.claims
	t.mu.Unlock()
	var ex httpx.Exchange // of its own: the request that waits for the token is another
	token, err := t.logon.get(httpx.Trace(ctx, &ex), policy.TokenRequestOptions{
		Scopes: []string{t.scope}, EnableCAE: true, Claims: claims,
	})
	if err != nil {
		return azcore.AccessToken{}, t.logon.explain(ctx, &ex, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now, t.got, t.claims = token, time.Now(), ""
	return token, nil
}

// again is how new a token is when a refusal of it was surely of the one
// before.
const again = 5 * time.Second

// renew gets another token after the directory refused one, and reports
// whether it is another.
func (t *tokens) renew(ctx context.Context) bool {
	if t.wait(ctx) != nil {
		return false
	}
	defer func() { <-t.turn }()
	t.mu.Lock()
	old, fresh := t.now.Token, time.Since(t.got) < again && t.claims == ""
	t.mu.Unlock()
	if fresh {
		return true // many requests were refused at once, and one of them was here before
	}
	t.logon.forget()
	token, err := t.mint(ctx)
	return err == nil && token.Token != old
}

// challenged keeps the claims that the directory asks for when it revokes a
// token before its end (continuous access evaluation), and takes them off the
// answer: the SDK would ask again by itself, and panics on some spellings.
func (t *tokens) challenged(resp *http.Response) {
	if resp.StatusCode != http.StatusUnauthorized {
		return
	}
	const header = "WWW-Authenticate"
	challenge := resp.Header.Get(header)
	resp.Header.Del(header)
	_, rest, found := strings.Cut(challenge, `claims="`)
	if !found {
		return
	}
	encoded, _, _ := strings.Cut(rest, `"`)
	claims, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		claims, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(encoded, "="))
	}
	if err != nil || !json.Valid(claims) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.claims = string(claims)
}

// surelyLacks reports whether the token of the moment can be read, and does not
// grant a permission.
func (t *tokens) surelyLacks(role string) bool {
	t.mu.Lock()
	token := t.now.Token
	t.mu.Unlock()
	p, ok := readPassport(token)
	return ok && !granted(p, role)
}

// passport is what a token tells about its bearer.
type passport struct {
	App    string   `json:"appid"`
	Name   string   `json:"app_displayname"`
	Tenant string   `json:"tid"`
	Roles  []string `json:"roles"` // the application permissions granted
	Scopes string   `json:"scp"`   // the delegated ones; a program has none
}

// readPassport reads a token without checking it: that is the directory's
// task, and nothing is decided by it. Microsoft does not promise that tokens
// stay readable.
func readPassport(token string) (passport, bool) {
	var p passport
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return p, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	return p, err == nil && json.Unmarshal(payload, &p) == nil
}
