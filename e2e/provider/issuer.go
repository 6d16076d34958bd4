package provider

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Issuer signs tokens for machines, as CI systems do for their jobs. It has
// discovery and a set of keys, and nobody can sign in.
type Issuer struct {
	URL string // http://127.0.0.1:PORT

	t    testing.TB
	mu   sync.Mutex
	key  *rsa.PrivateKey
	id   string // of the key
	down bool
}

// NewIssuer starts an issuer that ends with the test.
func NewIssuer(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{t: t}
	i.Rotate()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.answer(func() any {
		return map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/keys",
			"authorization_endpoint": i.URL + "/none", "token_endpoint": i.URL + "/none",
			"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"},
			"id_token_signing_alg_values_supported": []string{string(jose.RS256)},
		}
	}))
	mux.HandleFunc("GET /keys", i.answer(func() any {
		return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: i.key.Public(), KeyID: i.id, Algorithm: string(jose.RS256), Use: "sig"}}}
	}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	i.URL = server.URL
	return i
}

func (i *Issuer) answer(body func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(body()) // the client is gone
	}
}

// Down lets the issuer answer nothing but errors, until it is up again.
func (i *Issuer) Down(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// Rotate takes another key; the one before is published no more.
func (i *Issuer) Rotate() {
	i.t.Helper()
	key := i.newKey()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.key, i.id = key, fmt.Sprintf("key-%x", key.N.Bytes()[:4])
}

func (i *Issuer) newKey() *rsa.PrivateKey {
	i.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		i.t.Fatalf("issuer: %v", err)
	}
	return key
}

// Claims are those of a token. What is not said is iss, iat, nbf and an exp in
// five minutes; a nil takes one of them out. A time is a [time.Time].
type Claims map[string]any

// Token signs the claims.
func (i *Issuer) Token(claims Claims) string {
	i.t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.sign(jose.RS256, i.key, i.id, claims)
}

// Forged signs the claims with a key that nobody published, under the name of
// the one that was.
func (i *Issuer) Forged(claims Claims) string {
	i.t.Helper()
	return i.sign(jose.RS256, i.newKey(), i.id, claims)
}

// Confused signs the claims with the public key as if it were a shared secret
// (HS256).
func (i *Issuer) Confused(claims Claims) string {
	i.t.Helper()
	public, err := x509.MarshalPKIXPublicKey(i.key.Public())
	if err != nil {
		i.t.Fatalf("issuer: %v", err)
	}
	return i.sign(jose.HS256, public, i.id, claims)
}

// Unsigned puts the claims into a token without a signature (alg none).
func (i *Issuer) Unsigned(claims Claims) string {
	i.t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + encode(i.payload(claims)) + "."
}

func (i *Issuer) sign(alg jose.SignatureAlgorithm, key any, id string, claims Claims) string {
	i.t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: id}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		i.t.Fatalf("issuer: %v", err)
	}
	signed, err := signer.Sign(i.payload(claims))
	if err != nil {
		i.t.Fatalf("issuer: %v", err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		i.t.Fatalf("issuer: %v", err)
	}
	return token
}

func (i *Issuer) payload(claims Claims) []byte {
	i.t.Helper()
	now := time.Now()
	all := Claims{"iss": i.URL, "iat": now, "nbf": now, "exp": now.Add(5 * time.Minute)}
	maps.Copy(all, claims)
	for name, value := range all {
		switch v := value.(type) {
		case nil:
			delete(all, name)
		case time.Time:
			all[name] = v.Unix()
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		i.t.Fatalf("issuer: %v", err)
	}
	return text
}
