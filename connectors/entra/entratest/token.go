package entratest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// claims are what a token says.
type claims struct {
	Audience string   `json:"aud"`
	Issuer   string   `json:"iss"`
	App      string   `json:"appid"`
	Tenant   string   `json:"tid"`
	Roles    []string `json:"roles,omitempty"`
	Type     string   `json:"idtyp"`
	Issued   int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	Epoch    int64    `json:"epoch"` // the simulator's own
}

// has reports whether the app has a role.
func (c *claims) has(role string) bool { return slices.Contains(c.Roles, role) }

func (c *claims) any(roles ...string) bool { return slices.ContainsFunc(roles, c.has) }

// May the caller read groups, or change their members? By the pages on
// permissions of each call.
func (c *claims) readsGroups() bool {
	return c.any("GroupMember.Read.All", "Group.Read.All", "Directory.Read.All") || c.writesMembers()
}

func (c *claims) listsMembers() bool {
	return c.readsGroups() || c.has("GroupMember.ReadBasic.All")
}

func (c *claims) writesMembers() bool {
	return c.any("GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All")
}

// reads reports whether the caller may see the properties of objects of a type.
func (c *claims) reads(t Type) bool {
	if c.any("Directory.Read.All", "Directory.ReadWrite.All") {
		return true
	}
	switch t {
	case UserType:
		return c.any("User.Read.All", "User.ReadWrite.All")
	case GroupType:
		return c.readsGroups()
	case DeviceType:
		return c.any("Device.Read.All", "Device.ReadWrite.All")
	case ServicePrincipalType:
		return c.any("Application.Read.All", "Application.ReadWrite.All")
	case ContactType:
		return c.has("OrgContact.Read.All")
	}
	return false
}

// binds reports whether the caller may put an object of a type into a group,
// or take it out.
func (c *claims) binds(t Type) bool {
	switch t {
	case DeviceType:
		return c.has("Device.ReadWrite.All")
	case ServicePrincipalType:
		return c.has("Application.ReadWrite.All")
	case ContactType:
		return c.has("OrgContact.Read.All")
	}
	return true
}

// lifetime of a token (documented as 60 to 90 minutes).
const lifetime = time.Hour

// mint makes a token. Clients must not look into it, but people do: it is a
// JWT with the claims that Microsoft documents.
func (s *Server) mint(app App, audience string) (token string, expires time.Time) {
	now := s.Clock.Now()
	expires = now.Add(lifetime)
	body, err := json.Marshal(claims{
		Audience: audience, Issuer: "https://sts.windows.net/" + s.opts.Tenant + "/", App: app.ID, Tenant: s.opts.Tenant, Roles: app.Roles,
		Type: "app", Issued: now.Unix(), Expires: expires.Unix(), Epoch: s.epoch.Load(),
	})
	if err != nil {
		panic(err) // strings and numbers only
	}
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT","alg":"HS256"}`)) + "." + base64.RawURLEncoding.EncodeToString(body)
	return signed + "." + base64.RawURLEncoding.EncodeToString(s.sign(signed)), expires
}

func (s *Server) sign(signed string) []byte {
	h := hmac.New(sha256.New, s.secret[:])
	h.Write([]byte(signed))
	return h.Sum(nil)
}

// Token returns a token with roles, as an app would get it that has them.
func (s *Server) Token(roles ...string) string {
	token, _ := s.mint(App{ID: DefaultApp, Roles: roles}, "https://graph.microsoft.com")
	return token
}

// EndTokens makes every token that was handed out useless.
func (s *Server) EndTokens() { s.epoch.Add(1) }

// SetRoles gives an app other roles. Tokens keep those they were made with.
func (s *Server) SetRoles(app string, roles ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.apps {
		if s.apps[i].ID == app {
			s.apps[i].Roles = slices.Clone(roles)
		}
	}
}

// SetSecret gives an app another secret.
func (s *Server) SetSecret(app, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.apps {
		if s.apps[i].ID == app {
			s.apps[i].Secret = secret
		}
	}
}

// authenticate reads the token of a request.
func (s *Server) authenticate(r *http.Request) (*claims, *failure) {
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token == "" || !strings.EqualFold(kind, "Bearer") {
		return nil, s.unauthorized(r, "Access token is empty.")
	}
	body, signature, found := cutLast(token, ".")
	sum, err := base64.RawURLEncoding.DecodeString(signature)
	if !found || err != nil || !hmac.Equal(sum, s.sign(body)) {
		return nil, s.unauthorized(r, "Access token validation failure. Invalid signature.")
	}
	_, payload, _ := strings.Cut(body, ".")
	b, err := base64.RawURLEncoding.DecodeString(payload)
	var c claims
	if err != nil || json.Unmarshal(b, &c) != nil {
		return nil, s.unauthorized(r, "CompactToken parsing failed with error code: 80049217")
	}
	switch {
	case c.Expires <= s.Clock.Now().Unix():
		return nil, s.unauthorized(r, "Lifetime validation failed, the token is expired.")
	case c.Epoch != s.epoch.Load():
		f := s.unauthorized(r, "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp")
		f.header.Set("WWW-Authenticate", f.header.Get("WWW-Authenticate")+`, error="insufficient_claims", claims="`+
			base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"access_token":{"nbf":{"essential":true,"value":"%d"}}}`, s.Clock.Now().Unix()))+`"`)
		return nil, f
	}
	return &c, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func (s *Server) unauthorized(r *http.Request, message string) *failure {
	f := fail(http.StatusUnauthorized, "InvalidAuthenticationToken", message)
	f.header = http.Header{}
	f.header.Set("WWW-Authenticate", `Bearer realm="", authorization_uri="`+root(r)+`/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`)
	return f
}
