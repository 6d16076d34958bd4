package desk_test

import (
	"context"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/report"
)

// TestNothingToShowIsADoubt: which directory does not answer is said; a part is shown.
func TestNothingToShowIsADoubt(t *testing.T) {
	b := set(t)
	shows := func(some bool, kind engine.ProblemKind) error {
		b.rules.Inspect = func(context.Context, []engine.GroupRef) (*report.Compliance, error) {
			var r report.Builder
			if some {
				r.Add(engine.GroupView{Group: engine.Group{Directory: "corp", ID: "1"}, Name: "staging", Trust: engine.Trusted}, engine.Plan{})
			}
			var res engine.Result
			res.Plan.Problems = []engine.Problem{{Kind: kind, Directory: "lab", Group: "db", Message: "lab did not show it"}}
			return r.Finish(res, nil), nil
		}
		b.desk.Use(b.rules)
		found, err := b.desk.Members(t.Context(), as("carol"), "staging")
		if err == nil && len(found.NotRead) != 1 {
			t.Errorf("not read: %+v", found.NotRead)
		}
		return err
	}
	if err := shows(false, engine.UnreadableGroup); access.KindOf(err) != access.Doubt || !strings.Contains(err.Error(), "lab does not answer") {
		t.Errorf("nothing is read: %v", err)
	}
	if err := shows(true, engine.UnreadableGroup); err != nil {
		t.Errorf("a part is read: %v", err)
	}
	if err := shows(false, engine.UnknownGroup); err != nil {
		t.Errorf("the group is certainly not there: %v", err)
	}
}
