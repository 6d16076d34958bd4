package main

import (
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/config"
)

// A resource speaks for all of its groups, but those that say otherwise.
func TestSessionsEndInTheGroupsOfAResource(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load("../../testdata/config/expire.good.yaml", func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	got := managed(cfg)
	for ref, want := range map[engine.GroupRef]bool{
		{Directory: "corp", Name: "prod"}: true, {Directory: "okta-prod", Name: "prod"}: true,
		{Directory: "okta-prod", Name: "wiki"}: false, {Directory: "okta-prod", Name: "vpn"}: true,
		{Directory: "corp", Name: "permanent"}: false,
	} {
		if rules, ok := got[ref]; !ok || rules.EndSessions != want {
			t.Errorf("%v: got it managed %t with endSessions %t, want true and %t", ref, ok, rules.EndSessions, want)
		}
	}
}

// Each kind of connector is told where its directory keeps what policies ask.
func TestProfilesReachTheConnectors(t *testing.T) {
	t.Parallel()
	cfg, err := config.Load("../../testdata/config/profile.good.yaml", func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[engine.Directory]config.Profile)
	for name, d := range cfg.Directories {
		switch {
		case d.LDAP != nil:
			c := ldapConfig(name, d.LDAP, nil)
			got[name] = config.Profile{Name: c.ProfileName, Manager: c.ProfileManager, Attributes: c.ProfileAttributes}
		case d.Entra != nil:
			c := entraConfig(name, d.Entra, nil, nil)
			got[name] = config.Profile{Name: c.ProfileName, Manager: c.ProfileManager, Attributes: c.ProfileAttributes}
		case d.Okta != nil:
			c := oktaConfig(name, d.Okta, nil, nil)
			got[name] = config.Profile{Name: c.ProfileName, Manager: c.ProfileManager, Attributes: c.ProfileAttributes}
		case d.Google != nil:
			c := googleConfig(name, d.Google, nil, nil)
			got[name] = config.Profile{Name: c.ProfileName, Manager: c.ProfileManager, Attributes: c.ProfileAttributes}
		}
	}
	want := map[engine.Directory]config.Profile{
		"corp": {Name: "displayName", Manager: "manager", Attributes: map[string]string{
			"department": "departmentNumber", "site": "l", "cost_center": "1.3.6.1.4.1.1466.1",
		}},
		"tenant": {Name: "givenName", Attributes: map[string]string{
			"department": "department", "costCenter": "onPremisesExtensionAttributes.extensionAttribute1",
		}},
		"org":       {Manager: "managerEmail", Attributes: map[string]string{"site": "city"}},
		"workspace": {Name: "name.givenName", Manager: "dotted_line", Attributes: map[string]string{"site": "customSchemas.Work-Place.site"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What came out while a plan was carried out is said by the exit code.
func TestFindingsFailARun(t *testing.T) {
	t.Parallel()
	res := engine.Result{Findings: []engine.Problem{{Kind: engine.SessionsNotEnded, Message: "denied"}}}
	if code := complain(io.Discard, outcome(res)); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
}
