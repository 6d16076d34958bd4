package api_test

import (
	"slices"
	"testing"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/api"
)

// Who decides is told who is in without daypass, and who it is that asks; who
// asked is not.
func TestStandingMembersAndNames(t *testing.T) {
	r := open(t)
	rules := r.rules()
	rules.Profiles = "corp"
	rules.Resources[3].Policy.NotWith = []string{"prod"}
	r.desk.Use(rules)
	r.corp.SetProfile(r.ids["ada"], engine.Profile{Name: "Ada"})
	r.corp.SetProfile(r.ids["eve"], engine.Profile{Name: "Eve"})
	r.corp.Put(r.groups["staging"], r.ids["dan"])
	r.corp.Put(r.groups["prod"], r.ids["eve"])
	id := into[api.Request](t, r.call("ada", "POST", "/api/v1/requests", `{"resource":"staging","person":"eve@example.org","reason":"x"}`).want(t, 201)).ID
	x := into[api.RequestDetail](t, r.call("bob", "GET", "/api/v1/requests/"+id, "").want(t, 200))
	if s := x.Standing; s == nil || s.Count != 1 || !slices.Equal(s.Accounts, []api.Account{{Directory: "corp", Login: "dan"}}) || len(s.Unread) > 0 {
		t.Errorf("bob is told %+v, want dan", s)
	}
	if x.Name != "Eve" || x.By.Name != "Ada" {
		t.Errorf("bob is told %q and %q", x.Name, x.By.Name)
	}
	if !slices.Equal(x.Conflicts, []api.Held{{Resource: "prod", Standing: true}}) || x.Unsure {
		t.Errorf("bob is told of the conflicts %+v", x.Conflicts)
	}
	x = into[api.RequestDetail](t, r.call("ada", "GET", "/api/v1/requests/"+id, "").want(t, 200))
	if x.Standing != nil || len(x.Conflicts) > 0 || x.Name != "" || x.By.Name != "" {
		t.Errorf("ada is told %+v, %q and %q", x.Standing, x.Name, x.By.Name)
	}
}
