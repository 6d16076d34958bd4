package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/desk"
)

// Law 11: the page of a request says that a limit holds it, which, and the way out.
func TestPageSaysWhatALimitHolds(t *testing.T) {
	t.Parallel()
	r := open(t)
	id := r.ask("ada", desk.Wish{Resource: "free"})
	p := engine.Plan{Changes: []engine.Change{{
		Op: engine.Add, Why: engine.Starts, Directory: "corp", Group: "free", GroupID: "1", Member: engine.Member{ID: "1"}, Person: "ada@example.org", Held: true,
	}}}
	r.clock.Pass(10 * time.Second)
	hold := engine.Hold{
		Digest: p.HeldDigest(), PlanDigest: p.Digest(), Run: "r1", At: r.clock.Now(), Changes: p.Changes,
		Objections: []engine.Objection{{Limit: engine.LimitAdd, Group: "corp/free", Value: 3, Allowed: 2, Message: "3 additions in corp/free, over the limit of 2"}},
	}
	if err := r.store.Record(t.Context(), engine.Batch{Holds: []engine.Hold{hold}}); err != nil {
		t.Fatal(err)
	}
	a := r.by("ada").get("/requests/"+id).want(t, http.StatusOK)
	for _, want := range []string{"held by a limit", "3 additions in corp/free, over the limit of 2", "an administrator has to release it"} {
		if !strings.Contains(a.text(), want) {
			t.Errorf("the page lacks %q: %s", want, a.text())
		}
	}
	for _, list := range []string{"/mine", "/ask", "/requests"} {
		if a := r.by("ada").get(list).want(t, http.StatusOK, "held by a limit"); strings.Contains(a.text(), "Active") {
			t.Errorf("%s says that it is active: %s", list, a.text())
		}
	}
}
