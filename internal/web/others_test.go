package web_test

import (
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// Who decides reads who is in already, also without daypass, and who it is that
// asks; what a directory does not tell is said, not left out.
func TestOthersOnThePage(t *testing.T) {
	r := open(t)
	r.rules.Profiles = "corp"
	r.corp.SetProfile(r.ids["ada"], engine.Profile{Name: "Ada <b>Lovelace"})
	r.by("ada").post("/ask/staging", "for", "1h", "reason", "to look").want(t, 303)
	r.by("bob").get("/approve").want(t, 200, "Nobody else has it now by a request or a grant.", "ada@example.org (Ada <b>Lovelace)")
	path := r.by("ada").get("/mine").link(t)
	r.by("bob").get(path).want(t, 200, "Nobody else has it now.")
	r.clock.Pass(time.Minute)
	r.corp.Put(r.groups["staging"], r.ids["dan"])
	r.corp.Put(r.groups["staging"], r.corp.AddPerson(at("zoe"), odd))
	if a := r.by("bob").get(path).want(t, 200, "Standing members: "+odd+", dan."); strings.Contains(a.body, "<b>") || strings.Contains(a.text(), "Nobody else") {
		t.Error(a.body)
	}
	if a := r.by("ada").get(path).want(t, 200); strings.Contains(a.text(), "dan") || strings.Contains(a.text(), "Lovelace") {
		t.Errorf("ada reads: %s", a.text())
	}
	r.clock.Pass(time.Minute)
	r.corp.Fail(memory.Fault{Call: memory.CallMembers, Group: r.groups["staging"], Kind: engine.Unavailable})
	r.by("bob").get(path).want(t, 200, "Who else is in corp/staging could not be found out.")
}

// link is where the only request of a page leads.
func (a answer) link(t *testing.T) string {
	t.Helper()
	_, rest, found := strings.Cut(a.body, `href="/requests/`)
	id, _, ends := strings.Cut(rest, `"`)
	if !found || !ends {
		t.Fatalf("no request on the page: %s", a.text())
	}
	return "/requests/" + id
}
