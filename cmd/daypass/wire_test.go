package main

import (
	"io"
	"testing"

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

// What came out while a plan was carried out is said by the exit code.
func TestFindingsFailARun(t *testing.T) {
	t.Parallel()
	res := engine.Result{Findings: []engine.Problem{{Kind: engine.SessionsNotEnded, Message: "denied"}}}
	if code := complain(io.Discard, outcome(res)); code != exitFailed {
		t.Errorf("exit code %d, want %d", code, exitFailed)
	}
}
