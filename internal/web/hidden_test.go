package web_test

import (
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// A page names no hidden resource to whom it is not shown, and says that there
// is one.
func TestExcludedHiddenIsNotNamed(t *testing.T) {
	r := open(t)
	r.rules.Resources[3].Policy.NotWith = []string{"free", "secret"}
	for name, sees := range map[string]bool{"ada": false, "eve": true, "olga": true, "dan": true} {
		for _, path := range []string{"/resources/staging", "/ask/staging", "/ask", "/resources"} {
			if a := r.by(name).get(path).want(t, 200); strings.Contains(a.body, "secret") && !sees {
				t.Errorf("%s is told at %s: %s", name, path, a.text())
			}
		}
		want := "not beside free and others"
		if sees {
			want = "not beside free, secret"
		}
		r.by(name).get("/resources/staging").want(t, 200, want)
	}
	r.rules.Resources[3].Policy.NotWith = []string{"secret"}
	r.by("ada").get("/resources/staging").want(t, 200, "not beside what is not shown to you")
	r.by("ada").post("/ask/staging", "for", "1h", "reason", "to look").want(t, 303)
	r.corp.Put(r.groups["secret"], r.ids["ada"])
	r.clock.Pass(time.Minute)
	a := r.by("bob").get("/approve").want(t, 200, "ada@example.org is in a group of a resource that is not shown to you, and nobody may hold both")
	if strings.Contains(a.body, "secret") {
		t.Errorf("bob is told: %s", a.text())
	}
	r.clock.Pass(time.Minute)
	r.corp.Fail(memory.Fault{Call: memory.CallMembers, Group: r.groups["secret"], Kind: engine.Unavailable})
	r.by("bob").get("/approve").want(t, 200, "could not be found out.", "Whether ada@example.org holds")
}
