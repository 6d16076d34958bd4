package oktatest

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// access is who may call.
type access struct{ *accessState }

type accessState struct {
	mu     sync.Mutex
	tokens map[string]*Credential // by API token
	apps   map[string]*Credential // by client id
	minted map[string]mint        // by access token
	used   map[string]time.Time   // assertions that were used, by jti, and when they end
	serial int
}

// mint is an access token that was given out.
type mint struct {
	app    string
	scopes []string
	until  time.Time
}

// tokenLife is how long an access token lives: always an hour.
const tokenLife = time.Hour

func newAccess() access {
	return access{&accessState{
		tokens: make(map[string]*Credential), apps: make(map[string]*Credential),
		minted: make(map[string]mint), used: make(map[string]time.Time),
	}}
}

// principal is who calls.
type principal struct {
	*Credential
	id     string // for its part of the quota
	by     string // to be read
	bearer bool
	scopes []string // of the access token
}

// needed are the scopes that managing memberships takes.
func needed() []string {
	return []string{"okta.groups.manage", "okta.groups.read", "okta.users.read", "okta.logs.read"}
}

// Grant makes a credential good, or changes what it may do. It panics when the
// credential is neither an API token nor a service app with a key.
func (s *Server) Grant(c Credential) {
	if c.Roles == nil {
		c.Roles = []string{"SUPER_ADMIN"}
	}
	if c.Scopes == nil {
		c.Scopes = needed()
	}
	s.auth.mu.Lock()
	defer s.auth.mu.Unlock()
	switch {
	case c.Token != "":
		s.auth.tokens[c.Token] = &c
	case c.ClientID != "":
		switch c.Key.(type) {
		case *rsa.PublicKey, *ecdsa.PublicKey:
		default:
			panic(fmt.Sprintf("oktatest: app %s has a key of type %T, want *rsa.PublicKey or *ecdsa.PublicKey", c.ClientID, c.Key))
		}
		s.auth.apps[c.ClientID] = &c
	default:
		panic("oktatest: a credential has neither a token nor a client id")
	}
}

// Revoke makes an API token, a service app or an access token worthless.
func (s *Server) Revoke(name string) {
	s.auth.mu.Lock()
	defer s.auth.mu.Unlock()
	delete(s.auth.tokens, name)
	delete(s.auth.apps, name)
	delete(s.auth.minted, name)
}

// EndTokens makes every access token worthless. New ones can be had.
func (s *Server) EndTokens() {
	s.auth.mu.Lock()
	defer s.auth.mu.Unlock()
	clear(s.auth.minted)
}

// identify finds out who calls, and whether the access token reaches so far.
func (a access) identify(c *call, rt *route) (*principal, *failure) {
	if rt.path == tokenPath {
		return nil, nil // it finds out by itself
	}
	scheme, secret, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	a.mu.Lock()
	defer a.mu.Unlock()
	switch scheme {
	case "SSWS":
		if cred := a.tokens[secret]; cred != nil {
			return &principal{Credential: cred, id: "token " + secret, by: AdminLogin}, nil
		}
	case "Bearer":
		return a.bearer(c, rt, secret)
	}
	return nil, fail(http.StatusUnauthorized, "E0000011")
}

func (a access) bearer(c *call, rt *route, secret string) (*principal, *failure) {
	m, ok := a.minted[secret]
	cred := a.apps[m.app]
	if !ok || cred == nil || !c.at.Before(m.until) {
		f := fail(http.StatusUnauthorized, "E0000011")
		f.header = challenge(c, rt, "invalid_token", "The access token is invalid or has expired.")
		return nil, f
	}
	p := &principal{Credential: cred, id: "app " + m.app, by: m.app, bearer: true, scopes: m.scopes}
	if !reaches(m.scopes, rt.scope) {
		f := fail(http.StatusForbidden, "E0000006")
		f.header = challenge(c, rt, "insufficient_scope", "The access token provided does not contain the required scopes.")
		return p, f
	}
	return p, nil
}

// reaches reports whether scopes hold the one that is needed. Managing
// includes reading.
func reaches(scopes []string, need string) bool {
	return need == "" || slices.Contains(scopes, need) ||
		strings.HasSuffix(need, ".read") && slices.Contains(scopes, strings.TrimSuffix(need, "read")+"manage")
}

func challenge(c *call, rt *route, code, text string) http.Header {
	return http.Header{"Www-Authenticate": {fmt.Sprintf(
		"Bearer authorization_uri=%q, realm=%q, scope=%q, error=%q, error_description=%q, resource=%q",
		c.base+"/oauth2/v1/authorize", c.base, rt.scope, code, text, rt.path)}}
}

// sees reports whether the role reaches a group.
func (p *principal) sees(g *group) bool {
	switch {
	case len(p.Roles) == 0, p.Groups != nil && !slices.Contains(p.Groups, g.id):
		return false
	case g.kind == builtIn && !slices.Contains(p.Roles, "SUPER_ADMIN") && !slices.Contains(p.Roles, "ORG_ADMIN") && !slices.Contains(p.Roles, "READ_ONLY_ADMIN"):
		return false // Okta does not show Everyone to group administrators
	}
	return true
}

// writes reports whether the role may change memberships.
func (p *principal) writes() bool {
	for _, r := range []string{"SUPER_ADMIN", "ORG_ADMIN", "USER_ADMIN", "GROUP_MEMBERSHIP_ADMIN", "CUSTOM"} {
		if slices.Contains(p.Roles, r) {
			return true
		}
	}
	return false
}

// mintFor gives out an access token.
func (a access) mintFor(app string, scopes []string, now time.Time) string {
	a.serial++
	// Opaque: whoever looks inside learns nothing.
	secret := fmt.Sprintf("eyJ-oktatest-%s-%s", app, strconv.FormatInt(int64(a.serial), 36))
	a.minted[secret] = mint{app: app, scopes: scopes, until: now.Add(tokenLife)}
	return secret
}
