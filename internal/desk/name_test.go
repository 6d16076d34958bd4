package desk_test

import (
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/desk"
)

// Who decides reads what people are called, where a directory tells; who asked
// is told nothing, and a directory that fails takes only the names away.
func TestNamesAreShownToWhoDecides(t *testing.T) {
	b := set(t)
	b.corp.SetProfile(b.ids["ada"], engine.Profile{Name: "Ada Lovelace"})
	b.corp.SetProfile(b.ids["eve"], engine.Profile{Name: "Eve Moneypenny"})
	r := b.ask("ada", desk.Wish{Resource: "staging", Person: mail("eve")})
	is := func(who, name, by string) {
		t.Helper()
		if x := b.look(who, r.ID); x.Name != name || x.ByName != by {
			t.Errorf("%s reads %q and %q, want %q and %q", who, x.Name, x.ByName, name, by)
		}
	}
	is("bob", "", "")
	b.rules.Profiles = "corp"
	b.desk.Use(b.rules)
	is("bob", "Eve Moneypenny", "Ada Lovelace")
	is("dan", "Eve Moneypenny", "Ada Lovelace")
	is("ada", "", "")
	before := b.corp.Calls(memory.CallDescribe)
	b.pass(20 * time.Second)
	is("bob", "Eve Moneypenny", "Ada Lovelace")
	if n := b.corp.Calls(memory.CallDescribe) - before; n != 0 {
		t.Errorf("they were asked for %d times more within half a minute", n)
	}
	b.pass(time.Minute)
	b.corp.Fail(memory.Fault{Call: memory.CallDescribe, Kind: engine.Unavailable})
	is("bob", "", "")
}
