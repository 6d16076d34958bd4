package okta

import (
	"crypto/elliptic"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/connectors/okta/oktatest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/sim"
)

// A refresh token that lived on would bring new tokens without a login.
func TestSessionsEndWithTheirTokens(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	ada := b.user("ada")
	b.must(b.connector().EndSessions(t.Context(), engine.Member{ID: ada, Login: "ada"}))
	ops := b.s.Writes()
	if len(ops) != 1 || ops[0].Op != "end sessions and tokens" || ops[0].User != string(ada) {
		t.Errorf("got the writes %+v, want one end of sessions and tokens", ops)
	}
}

// Who does not end sessions need not grant the scope for it, and who has not
// granted it can do everything else.
func TestScopeForSessionsIsAskedForWhenItIsNeeded(t *testing.T) {
	t.Parallel()
	plain := []string{scopeManage, scopeGroups, scopeUsers, scopeLogs, scopeRoles}
	for _, granted := range []bool{false, true} {
		scopes := plain
		if granted {
			scopes = append(slices.Clone(plain), scopePeople)
		}
		b, c, g := appBench(t, ecKey(t, elliptic.P256()), oktatest.Credential{Scopes: scopes})
		ms, err := c.Members(t.Context(), g)
		b.must(err)
		if got := b.s.Log.Count(tokenRoute); got != 1 {
			t.Errorf("tokens before the first end of sessions: got %d, want 1", got)
		}
		err = c.EndSessions(t.Context(), ms[0])
		if !granted {
			wantKind(t, "EndSessions without the scope", err, engine.Denied, scopePeople)
		} else if err != nil {
			t.Errorf("EndSessions: got error %v, want none", err)
		}
		if _, err := c.Remove(t.Context(), g, ms[0]); err != nil {
			t.Errorf("Remove after EndSessions: got error %v, want none", err)
		}
		if slices.Contains(c.app.scopes(), scopePeople) {
			t.Errorf("the token for everything else has the scopes %q, want it without %s", c.app.scopes(), scopePeople)
		}
	}
}

// A 401 renews the token that the call went out with.
func TestTokenForSessionsIsRenewed(t *testing.T) {
	t.Parallel()
	b, c, g := appBench(t, ecKey(t, elliptic.P256()), oktatest.Credential{Scopes: []string{scopeManage, scopeGroups, scopeUsers, scopeLogs, scopeRoles, scopePeople}})
	ms, err := c.Members(t.Context(), g)
	b.must(err)
	for range 2 {
		b.must(c.EndSessions(t.Context(), ms[0]))
		b.s.EndTokens()
	}
	b.must(c.EndSessions(t.Context(), ms[0]))
	if got := b.s.Log.Count(tokenRoute); got != 4 {
		t.Errorf("tokens: got %d, want one for listing and three for sessions", got)
	}
}

// The answer that was lost is asked for again: it does no harm.
func TestLostAnswerToEndSessions(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	c := b.connector()
	b.s.Faults.Inject(sim.Fault{Effect: sim.Lose})
	b.must(c.EndSessions(t.Context(), engine.Member{ID: b.user("ada"), Login: "ada"}))
	wantKind(t, "EndSessions of what is no id", c.EndSessions(t.Context(), engine.Member{ID: "../groups/x", Login: "x"}), engine.NotFound)
}

func TestEndSessionsWithoutTheRole(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{Credentials: []oktatest.Credential{{Token: "weak", Roles: []string{"GROUP_MEMBERSHIP_ADMIN"}}}})
	c := b.connector(func(cfg *Config) { cfg.Token = static("weak") })
	err := c.EndSessions(t.Context(), engine.Member{ID: b.user("ada"), Login: "ada"})
	wantKind(t, "EndSessions", err, engine.Denied, "clear users' sessions")
}

// The guard stands behind every call: one part of the path less, and a user is
// deactivated.
func TestGuard(t *testing.T) {
	t.Parallel()
	const user, group = "/api/v1/users/00u00000000000000001", "/api/v1/groups/00g00000000000000001"
	for request, ok := range map[string]bool{
		"GET " + user: true,
		"PUT " + group + "/users/00u00000000000000001":     true,
		"DELETE " + group + "/users/00u00000000000000001":  true,
		"DELETE " + user + "/sessions":                     true,
		"DELETE " + user:                                   false,
		"DELETE " + user + "/sessions/":                    false,
		"DELETE " + user + "%2Fsessions":                   false,
		"DELETE " + group:                                  false,
		"DELETE " + group + "/users/":                      false,
		"DELETE /api/v1/users/x/sessions":                  false,
		"POST " + user + "/sessions":                       false,
		"POST /api/v1/groups":                              false,
		"DELETE /api/v1/users/..%2f00u00000000000000001/a": false,
	} {
		method, path, _ := strings.Cut(request, " ")
		req, err := http.NewRequestWithContext(t.Context(), method, "https://example.okta.com"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := guard(req); (err == nil) != ok {
			t.Errorf("guard(%s): got error %v, want allowed %t", request, err, ok)
		}
	}
}
