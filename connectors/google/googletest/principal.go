package googletest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// ServiceAccount is the address of the customer's service account, and
// serviceID its unique id.
const (
	ServiceAccount = "daypass@example-project.iam.gserviceaccount.com"
	serviceID      = "105612345678901234567"
)

// token is a bearer token that was given out.
type token struct {
	scopes  []string
	subject string // the user it speaks for; "" is the service account itself
	expires time.Time
}

// principal is who a request speaks for.
type principal struct {
	name  string
	super bool
	has   []Right
}

func (p principal) may(r Right) bool { return slices.Contains(p.has, r) }

// Grant makes a bearer token valid for an hour by [Options].TokenClock, for
// the scopes or, when there are none, for all. It speaks for the service
// account.
func (s *Server) Grant(bearer string, scopes ...string) {
	if len(scopes) == 0 {
		scopes = knownScopes()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[bearer] = token{scopes: scopes, expires: s.opt.TokenClock().Add(tokenLife)}
}

// Revoke makes every token invalid that was given out so far.
func (s *Server) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// authorize finds out who is asking, and whether the token allows the method.
func (s *Server) authorize(c *call, r *http.Request) (principal, error) {
	kind, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "Bearer") || bearer == "" {
		return principal{}, unauthorized("Login Required.")
	}
	t, known := s.tokens[bearer]
	if !known || !s.opt.TokenClock().Before(t.expires) {
		return principal{}, unauthorized("Invalid Credentials")
	}
	who, ok := s.principal(t)
	if !ok {
		return principal{}, unauthorized("Invalid Credentials")
	}
	if !slices.ContainsFunc(c.route.scopes, func(scope string) bool { return slices.Contains(t.scopes, scope) }) {
		return principal{}, narrow(c.route)
	}
	return who, nil
}

// principal finds whom a token speaks for. A user who is gone or suspended has
// no valid token.
func (s *Server) principal(t token) (principal, bool) {
	if t.subject == "" {
		return principal{name: ServiceAccount, has: s.granted()}, true
	}
	n, ok := s.find(t.subject)
	if !ok || s.objects[n].kind != aUser || s.objects[n].has(suspended) {
		return principal{}, false
	}
	p := principal{name: s.objects[n].addr}
	if s.objects[n].has(superAdmin) {
		p.super, p.has = true, rights()
	}
	return p, true
}

// allow checks the rights of an admin role.
func (s *Server) allow(c *call) error {
	a, right := c.route.api, c.route.right
	switch {
	case a == identity && s.opt.HideKinds:
		return disabled()
	case c.who.may(right), right == ReadGroups && s.opt.Silent && c.route.listsGroups():
		return nil
	case a == reports: // not a 403, and no token mends it
		return refuse(http.StatusUnauthorized, "authError", "Access denied. You are not authorized to read activity records.")
	case a == identity:
		return hidden("customers/" + s.opt.Customer)
	}
	return forbidden()
}

func (rt *route) listsGroups() bool {
	return rt.name == "directory.groups.list" || strings.HasPrefix(rt.name, "cloudidentity.groups.") && !strings.Contains(rt.name, ".memberships.") && !strings.HasSuffix(rt.name, "get")
}

func unauthorized(brief string) *refusal {
	return &refusal{
		status: http.StatusUnauthorized, rpc: "UNAUTHENTICATED", reason: "authError", brief: brief, location: "Authorization",
		message: "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.",
		header:  http.Header{"Www-Authenticate": {`Bearer realm="https://accounts.google.com/", error="invalid_token"`}},
	}
}

// narrow is the answer to a token that lacks the scope.
func narrow(rt *route) *refusal {
	return &refusal{
		status: http.StatusForbidden, rpc: "PERMISSION_DENIED", reason: "insufficientPermissions", brief: "Insufficient Permission",
		message: "Request had insufficient authentication scopes.",
		header: http.Header{"Www-Authenticate": {
			`Bearer realm="https://accounts.google.com/", error="insufficient_scope", scope="` + strings.Join(rt.scopes, " ") + `"`,
		}},
		detail: obj{
			{"@type", "type.googleapis.com/google.rpc.ErrorInfo"},
			{"reason", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"},
			{"domain", "googleapis.com"},
			{"metadata", obj{{"method", rt.name}}},
		},
	}
}

// disabled is the answer of an API that the project never switched on.
func disabled() *refusal {
	return &refusal{
		status: http.StatusForbidden, rpc: "PERMISSION_DENIED", reason: "accessNotConfigured",
		message: "Cloud Identity API has not been used in project 1056 before or it is disabled.",
		detail: obj{
			{"@type", "type.googleapis.com/google.rpc.ErrorInfo"},
			{"reason", "SERVICE_DISABLED"},
			{"domain", "googleapis.com"},
			{"metadata", obj{{"service", "cloudidentity.googleapis.com"}}},
		},
	}
}

// admin is who does what the harness does: the first super administrator.
func (s *Server) admin() string {
	for i := range s.objects {
		if o := &s.objects[i]; o.has(superAdmin) && !o.has(gone) {
			return o.addr
		}
		if i > 100 { // the demo's is the first account
			break
		}
	}
	return "admin@" + s.domains[0]
}
