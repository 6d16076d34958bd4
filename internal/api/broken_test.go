package api_test

import (
	"strings"
	"testing"
)

// TestAGroupThatIsNotThereIsNoOutage: a program is not told to try again what
// only an administrator can mend.
func TestAGroupThatIsNotThereIsNoOutage(t *testing.T) {
	t.Parallel()
	r := open(t)
	made := r.ask("ada", `{"resource":"prod","reason":"x"}`)
	r.corp.DeleteGroup(r.groups["approvers"])
	a := r.call("bob", "POST", "/api/v1/requests/"+made.ID+"/approve", `{"step":0}`)
	if p := a.problem(t, 500, "broken"); a.Header.Get("Retry-After") != "" || strings.Contains(p.Detail, "again") || !strings.Contains(p.Detail, "administrator") {
		t.Errorf("%v: %+v", a.Header, p)
	}
	// Whoever decides is named by address where the second step is: they see it.
	r.call("root", "GET", "/api/v1/requests/"+made.ID, "").want(t, 200)
}
