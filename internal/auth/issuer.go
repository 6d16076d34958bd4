package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/time/rate"
)

// issuer is an OpenID provider, found when it is first needed: one that is down
// when daypass starts is no reason not to start.
type issuer struct {
	url    string
	client *http.Client
	now    func() time.Time

	mu       sync.Mutex
	provider *provider
	failed   time.Time
	err      error
}

// provider is one that was found, and its keys, which it may change.
type provider struct {
	*oidc.Provider
	keys oidc.KeySet
}

// asked keeps why the keys could not be had.
type asked struct {
	oidc.KeySet
	err error
}

// VerifySignature implements [oidc.KeySet].
func (k *asked) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := k.KeySet.VerifySignature(ctx, jwt)
	k.err = err
	return payload, err
}

// again is how long after a failure a provider is left alone.
const again = 5 * time.Second

// find returns the provider.
func (i *issuer) find(ctx context.Context) (*provider, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.provider != nil {
		return i.provider, nil
	}
	if i.err != nil && time.Since(i.failed) < again {
		return nil, i.err
	}
	client := http.Client{Timeout: 10 * time.Second}
	if i.client != nil {
		client = *i.client
	}
	client.Transport = paced{client.Transport, rate.NewLimiter(rate.Every(again), 5)}
	// The provider keeps the context for its keys: it must not end with this call.
	ctx = oidc.ClientContext(context.WithoutCancel(ctx), &client)
	p, err := oidc.NewProvider(ctx, i.url)
	var says struct {
		Keys string `json:"jwks_uri"`
	}
	if err == nil {
		err = p.Claims(&says)
	}
	if err != nil {
		i.failed, i.err = time.Now(), err
		return nil, err
	}
	i.provider, i.err = &provider{p, oidc.NewRemoteKeySet(ctx, says.Keys)}, nil
	return i.provider, nil
}

// paced asks a provider no more often than it has to answer: whoever comes with
// a token of a key that nobody knows makes daypass look for new ones.
type paced struct {
	next http.RoundTripper // the default one when nil
	pace *rate.Limiter
}

var errPaced = errors.New("its keys were looked at a moment ago, and are not again for every token")

// RoundTrip implements [http.RoundTripper].
func (p paced) RoundTrip(r *http.Request) (*http.Response, error) {
	if !p.pace.Allow() {
		return nil, errPaced
	}
	if p.next == nil {
		return http.DefaultTransport.RoundTrip(r)
	}
	return p.next.RoundTrip(r)
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
	keys := &asked{KeySet: p.keys}
	v := oidc.NewVerifier(i.url, keys, &oidc.Config{SkipClientIDCheck: true, SupportedSigningAlgs: algorithms(), Now: i.now})
	t, err := v.Verify(ctx, raw)
	if _, ok := errors.AsType[*url.Error](keys.err); ok {
		return nil, fmt.Errorf("%w: %w", ErrLater, keys.err)
	}
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
