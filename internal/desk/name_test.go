package desk_test

import (
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
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

// Lists show names that are known already, to those who may read them, and ask
// for none.
func TestListsShowNamesThatAreKnown(t *testing.T) {
	b := set(t)
	b.corp.SetProfile(b.ids["ada"], engine.Profile{Name: "Ada Lovelace"})
	b.corp.SetProfile(b.ids["eve"], engine.Profile{Name: "Eve Moneypenny"})
	b.rules.Profiles = "corp"
	b.desk.Use(b.rules)
	r := b.ask("ada", desk.Wish{Resource: "staging", Person: mail("eve")})
	is := func(who string, read func() ([]desk.View, error), name, by string) {
		t.Helper()
		if vs, err := read(); err != nil || len(vs) != 1 || vs[0].Name != name || vs[0].ByName != by {
			t.Errorf("%s: %+v, %v; want %q and %q", who, vs, err, name, by)
		}
	}
	inbox := func() ([]desk.View, error) {
		in, err := b.desk.Inbox(t.Context(), as("bob"))
		return in.Waiting, err
	}
	list := func(who string) func() ([]desk.View, error) {
		return func() ([]desk.View, error) {
			vs, _, err := b.desk.Requests(t.Context(), as(who), access.Query{})
			return vs, err
		}
	}
	before := b.corp.Calls(memory.CallDescribe)
	is("bob's inbox", inbox, "", "")
	is("dan's list", list("dan"), "", "")
	if n := b.corp.Calls(memory.CallDescribe) - before; n != 0 {
		t.Errorf("lists ask for %d names", n)
	}
	b.look("dan", r.ID) // and so they are known
	is("bob's inbox", inbox, "Eve Moneypenny", "Ada Lovelace")
	is("dan's list", list("dan"), "Eve Moneypenny", "Ada Lovelace")
	is("ada's own list", list("ada"), "", "")
	b.pass(time.Minute)
	is("dan's list after a minute", list("dan"), "", "")
}
