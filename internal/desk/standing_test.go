package desk_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/desk"
)

func (b *bench) look(name, id string) desk.Detail {
	b.t.Helper()
	x, err := b.desk.Request(b.t.Context(), as(name), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return x
}

func logins(s *desk.StandingMembers) []string {
	var all []string
	for _, a := range s.Accounts {
		all = append(all, a.Login)
	}
	return all
}

// Who decides sees also who is in without daypass, and only those: neither whom
// the ledger explains, nor whom a grant does, nor the person.
func TestStandingMembersAreShown(t *testing.T) {
	b := set(t)
	for _, name := range []string{"ada", "carol", "dan", "eve", "root"} {
		b.corp.Put(b.groups["staging"], b.ids[name])
	}
	err := b.store.Record(t.Context(), engine.Batch{Put: []engine.Owned{{
		Group: engine.Group{Directory: "corp", ID: b.groups["staging"]}, Member: engine.Member{ID: b.ids["eve"]}, Person: mail("eve"), State: engine.Added, Since: b.clock(),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	b.rules.Grants = func() []engine.Grant {
		g := engine.Grant{ID: "g", Person: mail("root"), Group: in("staging"), Resource: "staging"}
		g.When.Until = b.clock().Add(time.Hour)
		return []engine.Grant{g}
	}
	b.desk.Use(b.rules)
	r := b.ask("ada", desk.Wish{Resource: "staging"})
	for _, name := range []string{"bob", "carol", "dan"} {
		s := b.look(name, r.ID).Standing
		if s == nil || s.Count != 2 || !slices.Equal(logins(s), []string{"carol", "dan"}) || len(s.Unread) > 0 {
			t.Errorf("%s sees %+v, want carol and dan", name, s)
		}
	}
	if s := b.look("ada", r.ID).Standing; s != nil {
		t.Errorf("who asked sees %+v", s)
	}
	for i := range 30 {
		b.corp.Put(b.groups["staging"], b.corp.AddPerson(mail(fmt.Sprintf("p%02d", i)), fmt.Sprintf("p%02d", i)))
	}
	b.pass(time.Minute)
	if s := b.look("bob", r.ID).Standing; s.Count != 32 || len(s.Accounts) != 20 || s.More() != 12 || s.Accounts[19].Login != "p17" {
		t.Errorf("of many bob sees %+v", s)
	}
}

// However often it is looked at, and by however many, a group is listed once in
// half a minute; one that cannot be is said not to be known.
func TestStandingMembersCostOneListing(t *testing.T) {
	b := set(t)
	r := b.ask("ada", desk.Wish{Resource: "staging"})
	before := b.corp.Calls(memory.CallMembers)
	for range 14 {
		for _, name := range []string{"bob", "carol", "dan"} {
			b.look(name, r.ID)
		}
		b.pass(2 * time.Second)
	}
	if n := b.corp.Calls(memory.CallMembers) - before; n != 1 {
		t.Errorf("%d listings in 28 seconds, want 1", n)
	}
	b.pass(10 * time.Second)
	b.look("bob", r.ID)
	if n := b.corp.Calls(memory.CallMembers) - before; n != 2 {
		t.Errorf("%d listings in 38 seconds, want 2", n)
	}
	b.pass(time.Minute)
	b.corp.Fail(memory.Fault{Call: memory.CallMembers, Kind: engine.Unavailable})
	if s := b.look("bob", r.ID).Standing; s.Count != 0 || !slices.Equal(s.Unread, []engine.GroupRef{in("staging")}) {
		t.Errorf("of a silent directory bob sees %+v", s)
	}
}

// Somebody whose account is not known just now is not shown as a standing member:
// who else is in the group is not known then.
func TestHoldersAreNoStandingMembers(t *testing.T) {
	b := set(t)
	b.corp.Put(b.groups["staging"], b.ids["eve"], b.corp.AddPerson(mail("ada.old"), "ada2"))
	b.rules.Grants = func() []engine.Grant {
		g := engine.Grant{ID: "g", Person: mail("eve"), Group: in("staging"), Resource: "staging"}
		g.When.Until = b.clock().Add(time.Hour)
		return []engine.Grant{g}
	}
	b.alias("ada.old", "ada")
	r := b.ask("ada", desk.Wish{Resource: "staging"})
	if s := b.look("bob", r.ID).Standing; s.Count > 0 || len(s.Unread) > 0 {
		t.Errorf("bob sees %+v; want that eve, and ada under her other address, are known", s)
	}
	b.rules.Directories["corp"] = &deaf{b.corp.Directory, mail("eve")}
	b.desk.Use(b.rules)
	if s := b.look("bob", r.ID).Standing; s.Count > 0 || !slices.Equal(s.Unread, []engine.GroupRef{in("staging")}) {
		t.Errorf("bob sees %+v; want that staging is not known", s)
	}
}

// An inbox lists no group to show who else is in.
func TestInboxListsNoGroup(t *testing.T) {
	b := set(t)
	b.ask("ada", desk.Wish{Resource: "staging"})
	before := b.corp.Calls(memory.CallMembers)
	box, err := b.desk.Inbox(t.Context(), as("bob"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := b.desk.Details(t.Context(), as("bob"), box.Waiting)
	if err != nil || len(all) != 1 || !all[0].May.Deny || all[0].Standing != nil {
		t.Errorf("bob's inbox tells %+v, %v", all, err)
	}
	if n := b.corp.Calls(memory.CallMembers) - before; n > 0 {
		t.Errorf("%d listings", n)
	}
}
