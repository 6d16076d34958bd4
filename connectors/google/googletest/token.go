package googletest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	grantType = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	tokenLife = time.Hour
	googleAud = "https://oauth2.googleapis.com/token"
	skew      = 5 * time.Minute // between the clocks, before an assertion is refused
)

// signingKey is the key of the service account. It is made once per process,
// since that takes a while.
var signingKey = sync.OnceValue(func() *rsa.PrivateKey { //nolint:gochecknoglobals // made once, never changed
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // the machine has no randomness
	}
	return key
})

// Credentials returns the service account's key file, as the console hands it
// out. Its token endpoint is the one of this server, or Google's before Start.
func (s *Server) Credentials() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(signingKey())
	if err != nil {
		panic(err) // it was made here
	}
	file, err := json.MarshalIndent(map[string]string{
		"type": "service_account", "project_id": "example-project", "private_key_id": "1",
		"private_key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email": ServiceAccount, "client_id": serviceID, "token_uri": s.tokenURL(),
		"auth_uri": "https://accounts.google.com/o/oauth2/auth", "universe_domain": "googleapis.com",
	}, "", "  ")
	if err != nil {
		panic(err)
	}
	return append(file, '\n')
}

func (s *Server) tokenURL() string {
	if u := s.URL(); strings.HasPrefix(u, "http://") {
		return u + tokenPath
	}
	return googleAud
}

// claims are what an assertion says.
type claims struct {
	Iss   string `json:"iss"`
	Sub   string `json:"sub"`
	Scope string `json:"scope"`
	Aud   string `json:"aud"`
	Iat   int64  `json:"iat"`
	Exp   int64  `json:"exp"`
}

// oauthError is how the token endpoint refuses.
type oauthError struct {
	status     int
	code, text string
}

func badGrant(text string) *oauthError {
	return &oauthError{http.StatusBadRequest, "invalid_grant", text}
}

// serveToken is POST /token: an assertion for a bearer token.
func (s *Server) serveToken(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	bearer, refused := s.exchange(r)
	if refused != nil {
		w.WriteHeader(refused.status)
		_, _ = w.Write(appendJSON(nil, obj{{"error", refused.code}, {"error_description", refused.text}}, nil))
		return
	}
	_, _ = w.Write(appendJSON(nil, obj{{"access_token", bearer}, {"expires_in", int(tokenLife/time.Second) - 1}, {"token_type", "Bearer"}}, nil))
}

func (s *Server) exchange(r *http.Request) (string, *oauthError) {
	body, err := readBody(r)
	form, bad := url.ParseQuery(string(body))
	switch {
	case r.Method != http.MethodPost || err != nil || bad != nil:
		return "", &oauthError{http.StatusBadRequest, "invalid_request", "Bad Request"}
	case form.Get("grant_type") != grantType:
		return "", &oauthError{http.StatusBadRequest, "unsupported_grant_type", "Invalid grant_type: " + form.Get("grant_type")}
	}
	c, refused := verify(form.Get("assertion"))
	if refused != nil {
		return "", refused
	}
	if refused := s.judge(c); refused != nil {
		return "", refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.minted++
	bearer := "ya29.c.daypass" + strconv.Itoa(s.minted)
	s.tokens[bearer] = token{scopes: strings.Fields(c.Scope), subject: c.Sub, expires: s.opt.TokenClock().Add(tokenLife)}
	return bearer, nil
}

// verify checks an assertion's form and signature: RS256 with the service
// account's key.
func verify(assertion string) (claims, *oauthError) {
	var c claims
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return c, &oauthError{http.StatusBadRequest, "invalid_request", "Invalid JWT"}
	}
	var head struct{ Alg string }
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !decode(parts[0], &head) || head.Alg != "RS256" || !decode(parts[1], &c) {
		return c, badGrant("Invalid JWT: Failed to parse.")
	}
	if c.Iss != ServiceAccount {
		return c, badGrant("Invalid grant: account not found")
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if rsa.VerifyPKCS1v15(&signingKey().PublicKey, crypto.SHA256, sum[:], signature) != nil {
		return c, badGrant("Invalid JWT Signature.")
	}
	return c, nil
}

func decode(part string, v any) bool {
	text, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(text, v) == nil
}

// judge checks what an assertion says.
func (s *Server) judge(c claims) *oauthError {
	now := s.opt.TokenClock()
	iat, exp := time.Unix(c.Iat, 0), time.Unix(c.Exp, 0)
	scopes := strings.Fields(c.Scope)
	switch {
	case c.Aud != googleAud && c.Aud != s.tokenURL():
		return badGrant("Invalid JWT: Failed audience check.")
	case iat.After(now.Add(skew)), !exp.After(now.Add(-skew)), exp.Sub(iat) > tokenLife+time.Minute:
		return badGrant("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.")
	case len(scopes) == 0:
		return &oauthError{http.StatusBadRequest, "invalid_scope", "Empty or missing scope not allowed."}
	case slices.ContainsFunc(scopes, func(scope string) bool { return !slices.Contains(knownScopes(), scope) }):
		return &oauthError{http.StatusBadRequest, "invalid_scope", "Invalid OAuth scope or ID token audience provided."}
	case c.Sub == "":
		return nil
	case slices.ContainsFunc(scopes, func(scope string) bool { return !slices.Contains(s.opt.Delegated, scope) }):
		return &oauthError{
			http.StatusUnauthorized, "unauthorized_client",
			"Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.",
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.find(c.Sub); !ok || s.objects[n].kind != aUser {
		return badGrant("Invalid email or User ID")
	}
	return nil
}
