package api_test

import (
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/internal/api"
)

// TestAGroupThatIsNotThereIsNoOutage: a program is not told to try again what
// only an administrator can mend.
func TestAGroupThatIsNotThereIsNoOutage(t *testing.T) {
	t.Parallel()
	r := open(t)
	made := r.ask("ada", `{"resource":"prod","reason":"x"}`)
	r.corp.DeleteGroup(r.groups["approvers"])
	a := r.call("bob", "POST", "/api/v1/requests/"+made.ID+"/approve", `{"step":0}`)
	if p := a.problem(t, 503, "broken"); a.Header.Get("Retry-After") != "" || strings.Contains(p.Detail, "again") || !strings.Contains(p.Detail, "administrator") {
		t.Errorf("%v: %+v", a.Header, p)
	}
	// Whoever decides is named by address where the second step is: they see it.
	r.call("root", "GET", "/api/v1/requests/"+made.ID, "").want(t, 200)
	const why = "the group approvers is not in the directory corp"
	got := into[api.RequestDetail](t, r.call("ada", "GET", "/api/v1/requests/"+made.ID, "").want(t, 200))
	if !got.Stuck || !strings.Contains(got.Problem, why) {
		t.Errorf("ada reads %q", got.Problem)
	}
	in := into[struct {
		Requests []api.Request
		Doubt    string
	}](t, r.call("bob", "GET", "/api/v1/inbox", "").want(t, 200))
	if in.Doubt != "" {
		t.Errorf("everything is doubtful to bob: %q", in.Doubt)
	}
	if o := into[api.Resource](t, r.call("ada", "GET", "/api/v1/resources/prod", "").want(t, 200)); !strings.Contains(o.Policy.Steps[0].Note, why) {
		t.Errorf("who asks reads %+v", o.Policy.Steps)
	}
}
