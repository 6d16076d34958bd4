package api_test

import (
	"testing"

	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/api"
)

// TestNobodyApprovesByAMachinesToken: an administrator who approves makes a token
// of a machine, and asks by it: they are named as who asked, and somebody else
// has to approve.
func TestNobodyApprovesByAMachinesToken(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.token(access.Token{ID: "tbobs", Person: "bob@example.org", Machine: "ci", Scopes: []string{"read", "request"}}, secret("bobs-ci"))
	made := r.ask("bobs-ci", `{"resource":"staging","person":"eve@example.org","reason":"x"}`)
	if made.By.Machine != "ci" || made.By.Maker != "bob@example.org" {
		t.Errorf("by %+v", made.By)
	}
	path := "/api/v1/requests/" + made.ID
	r.call("bob", "POST", path+"/approve", `{"step":0}`).problem(t, 403, "forbidden")
	if got := into[api.RequestDetail](t, r.call("carol", "POST", path+"/approve", `{"step":0}`).want(t, 200)); got.State != "active" {
		t.Errorf("carol approved, and it is %s", got.State)
	}
}
