package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// issuer is an OpenID provider, found when it is first needed: one that is down
// when daypass starts is no reason not to start.
type issuer struct {
	url    string
	client *http.Client
	now    func() time.Time

	mu       sync.Mutex
	provider *oidc.Provider
	failed   time.Time
	err      error
}

// again is how long after a failure a provider is left alone.
const again = 5 * time.Second

// find returns the provider.
func (i *issuer) find(ctx context.Context) (*oidc.Provider, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.provider != nil {
		return i.provider, nil
	}
	if i.err != nil && time.Since(i.failed) < again {
		return nil, i.err
	}
	client := i.client
	if client == nil {
		client = &http.Client{Timeout: 10 * time.Second}
	}
	// The provider keeps the context for its keys: it must not end with this call.
	p, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), client), i.url)
	if err != nil {
		i.failed, i.err = time.Now(), err
		return nil, err
	}
	i.provider, i.err = p, nil
	return p, nil
}

// algorithms are those of signatures with a public key. None with a shared
// secret is among them, so that nobody who knows a public key can sign.
func algorithms() []string {
	return []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}
}

// verify checks a token of the issuer for one of some audiences.
func (i *issuer) verify(ctx context.Context, raw string, audiences ...string) (*oidc.IDToken, error) {
	p, err := i.find(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLater, err)
	}
	v := p.Verifier(&oidc.Config{SkipClientIDCheck: true, SupportedSigningAlgs: algorithms(), Now: i.now})
	t, err := v.Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(t.Audience, func(a string) bool { return slices.Contains(audiences, a) }) {
		return nil, errors.New("the token is for somebody else: its audience is " + strings.Join(t.Audience, ", "))
	}
	// OpenID Connect Core 1.0, 3.1.3.7: a token for several audiences names the one
	// that it was issued to.
	var issued struct {
		To string `json:"azp"`
	}
	if err := t.Claims(&issued); err != nil {
		return nil, err
	}
	if issued.To != "" && !slices.Contains(audiences, issued.To) {
		return nil, errors.New("the token was issued to another client: " + clip(issued.To))
	}
	return t, nil
}
