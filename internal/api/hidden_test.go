package api_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/internal/api"
)

// No answer names a hidden resource to whom it is not shown.
func TestExcludedHiddenIsNotNamed(t *testing.T) {
	r := open(t)
	rules := r.rules()
	rules.Resources[3].Policy.NotWith = []string{"free", "secret"}
	rules.Resources[2].Policy.NotWith = []string{"staging"}
	r.desk.Use(rules)
	r.corp.Put(r.groups["secret"], r.ids["ada"])
	for name, sees := range map[string]bool{"ada": false, "eve": true, "olga": true, "dan": true} {
		for _, path := range []string{"/api/v1/resources/staging", "/api/v1/resources?q=staging", "/api/v1/resources/staging/explanation"} {
			if a := r.call(name, "GET", path, "").want(t, 200); strings.Contains(string(a.body), "secret") && !sees {
				t.Errorf("%s is told at %s: %s", name, path, a.body)
			}
		}
		p := into[api.Resource](t, r.call(name, "GET", "/api/v1/resources/staging", "")).Policy
		if slices.Contains(p.NotWith, "secret") != sees || p.Unnamed == sees || !slices.Contains(p.NotWith, "free") {
			t.Errorf("%s is told %v, others %v", name, p.NotWith, p.Unnamed)
		}
	}
	x := into[struct{ Conflicts []api.Held }](t, r.call("ada", "GET", "/api/v1/resources/staging/explanation", ""))
	if len(x.Conflicts) != 1 || !x.Conflicts[0].Standing {
		t.Errorf("ada, who may not see it, is told %+v", x.Conflicts)
	}
}
