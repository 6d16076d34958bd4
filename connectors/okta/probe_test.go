package okta

import (
	"crypto/elliptic"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/okta/oktatest"
	"github.com/daypass-dev/daypass/engine"
)

// findings are what Probe says, by what it is about.
func findings(t testing.TB, c *Connector) map[string]engine.Finding {
	t.Helper()
	out := map[string]engine.Finding{}
	for _, f := range c.Probe(t.Context()) {
		out[f.What] = f
	}
	return out
}

func wantFinding(t testing.TB, found map[string]engine.Finding, what string, ok bool, says string) {
	t.Helper()
	f, there := found[what]
	if !there || f.OK != ok || !strings.Contains(f.Message, says) {
		t.Errorf("%s: got %+v (there: %t), want ok %t and %q", what, f, there, ok, says)
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{Quota: oktatest.Workforce()})
	b.group("prod-db")
	b.group("fed")
	_, err := b.s.AddRule(oktatest.Rule{Name: "r", Groups: []string{"fed"}})
	b.must(err)
	found := findings(t, b.connector())
	for what, says := range map[string]string{
		"credential": oktatest.AdminLogin, "roles": "Super Administrator", "groups": "of 3 groups, 2 are", "people": "login",
		"group rules": "will not be changed: 1", "system log": "readable", "rate limits": "50 %: GET /api/v1/groups 500", "clock": "this machine is",
	} {
		wantFinding(t, found, what, true, says)
	}
}

// Okta shows empty lists and no error to a credential without a role.
func TestProbeOfACredentialWithoutARole(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{Credentials: []oktatest.Credential{{Token: "00weak", Roles: []string{}}}})
	b.group("prod-db")
	c := b.connector(func(cfg *Config) { cfg.Token = static("00weak") })
	found := findings(t, c)
	wantFinding(t, found, "groups", false, "without an admin role")
	wantFinding(t, found, "people", false, "needs the right to view users")
	_, err := c.Group(t.Context(), "prod-db")
	wantKind(t, "Group", err, engine.NotFound, "may not see it")
}

func TestProbeOfARoleThatReads(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{Credentials: []oktatest.Credential{{Token: "00reads", Roles: []string{"READ_ONLY_ADMIN"}}, {Token: "00none", Roles: []string{"HELP_DESK_ADMIN"}}}})
	g := b.group("prod-db")
	c := b.connector(func(cfg *Config) { cfg.Token = static("00reads") })
	wantFinding(t, findings(t, c), "roles", false, "Group Membership Administrator")
	_, err := c.Add(t.Context(), g, engine.Member{ID: b.user("ada"), Login: "ada"})
	wantKind(t, "Add", err, engine.Denied, "admin role")
	c = b.connector(func(cfg *Config) { cfg.Token = static("00none") })
	wantFinding(t, findings(t, c), "roles", true, "may not look at its own roles")
}

func TestProbeOfAServiceApp(t *testing.T) {
	t.Parallel()
	key := ecKey(t, elliptic.P256())
	_, c, _ := appBench(t, key, oktatest.Credential{Scopes: []string{scopeManage, scopeGroups, scopeUsers, scopeLogs, scopeRoles}})
	found := findings(t, c)
	wantFinding(t, found, "credential", true, appID)
	wantFinding(t, found, "scopes", true, "okta.roles.read")
	wantFinding(t, found, "roles", true, "Super Administrator")
	_, c, _ = appBench(t, key, oktatest.Credential{Scopes: []string{scopeGroups, scopeUsers}})
	found = findings(t, c)
	wantFinding(t, found, "scopes", false, "grant the app okta.groups.manage")
	wantFinding(t, found, "system log", true, "grant okta.logs.read")
	_, c, _ = appBench(t, key, oktatest.Credential{DPoP: true})
	wantFinding(t, findings(t, c), "credential", false, "Proof of Possession")
}

func TestProbeOfABadToken(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	found := findings(t, b.connector(func(cfg *Config) { cfg.Token = static("00wrong") }))
	wantFinding(t, found, "credential", false, "make a new API token")
	if len(found) != 1 {
		t.Errorf("got %+v, want one finding", found)
	}
}

func TestProbeOfAWrongClock(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	c := b.connector(func(cfg *Config) { cfg.Now = func() time.Time { return b.clock.Now().Add(10 * time.Minute) } })
	wantFinding(t, findings(t, c), "clock", false, "set it by NTP")
}
