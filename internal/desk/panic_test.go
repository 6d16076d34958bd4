package desk_test

import (
	"context"
	"testing"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// mad is a directory whose calls end in a panic.
type mad struct{ engine.Connector }

func (mad) Resolve(context.Context, engine.Person) (engine.Member, error) { panic("resolve") }

func (mad) Group(context.Context, string) (engine.GroupInfo, error) { panic("group") }

// TestAMadDirectoryIsASilentOne: whatever it is asked for, and by whom, daypass
// goes on, and nothing is decided on it.
func TestAMadDirectoryIsASilentOne(t *testing.T) {
	b := set(t)
	b.rules.Resources[2].Policy.Steps[0].Approvers = access.Who{Groups: []engine.GroupRef{in("approvers")}, People: who("bob").People}
	r := b.ask("ada", desk.Wish{Resource: "staging"})
	b.rules.Directories["corp"] = mad{b.corp}
	b.rules.Deciding = map[engine.GroupRef][]string{in("approvers"): {"policies.staging"}}
	b.desk.Use(b.rules)
	if err := b.desk.Left(t.Context(), mail("ada")); err != nil {
		t.Errorf("it keeps ada out: %v", err)
	}
	for _, n := range []string{"bob", "carol"} {
		if _, err := b.desk.Decide(t.Context(), as(n), r.ID, desk.Word{Approve: true}); access.KindOf(err) != access.Doubt {
			t.Errorf("%s decides: %v; want a doubt", n, err)
		}
	}
	view, err := b.desk.Request(t.Context(), as("carol"), r.ID)
	if err != nil || view.Standing == nil || len(view.Standing.Unread) != 1 {
		t.Errorf("carol sees %+v, %v; want that its group is not known", view.Standing, err)
	}
	b.rules.Grants = func() []engine.Grant { panic("grants") }
	if _, err := b.desk.Details(t.Context(), as("carol"), []desk.View{view.View}); err == nil {
		t.Error("details that broke off are shown")
	}
	if missing := b.desk.CheckGroups(t.Context()); len(missing) > 0 {
		t.Errorf("%v are missing; want what is not known", missing)
	}
}
