package desk_test

import (
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// "others": nobody asks for themselves, under a second address of their account
// neither.
func TestSecondAddressIsNoOther(t *testing.T) {
	b := set(t)
	b.corp.also[mail("ada.second")] = mail("ada")
	b.rules.Resources[0].Policy.For = access.Others
	if r, err := b.desk.Ask(t.Context(), as("ada"), desk.Wish{Resource: "free", Person: mail("ada.second")}); access.KindOf(err) != access.Forbidden {
		t.Errorf("ada gave herself access as %s: %s, %v", r.Person, r.Status, err)
	}
	if _, err := b.desk.Ask(t.Context(), as("ada"), desk.Wish{Resource: "free", Person: mail("eve")}); err != nil {
		t.Errorf("ada asks for eve: %v", err)
	}
}

// notWith: one account does not get both under two addresses, whichever is asked
// for first.
func TestSecondAddressHoldsNothingTwice(t *testing.T) {
	for name, wishes := range map[string][2]desk.Wish{
		"own first":        {{Resource: "secret"}, {Resource: "free", Person: mail("ada.second")}},
		"the second first": {{Resource: "free", Person: mail("ada.second")}, {Resource: "secret"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := set(t)
			b.corp.also[mail("ada.second")] = mail("ada")
			b.rules.Resources[0].Policy.NotWith = []string{"secret"}
			b.rules.Resources[1].Policy.NotWith = []string{"free"}
			first, second := wishes[0], wishes[1]
			first.From = b.clock().Add(10 * time.Minute) // no directory shows it yet
			b.ask("ada", first)
			if r, err := b.desk.Ask(t.Context(), as("ada"), second); access.KindOf(err) != access.Conflict {
				t.Errorf("one account gets free and secret: %s, %v", r.Status, err)
			}
			if _, err := b.desk.Ask(t.Context(), as("ada"), desk.Wish{Resource: second.Resource, Person: mail("eve")}); err != nil {
				t.Errorf("eve holds neither: %v", err)
			}
		})
	}
}

// notWith: whose account an address has is found out anew for a decision, however
// young what is known of it is.
func TestSecondAddressIsLookedUpAnew(t *testing.T) {
	b := set(t)
	b.corp.AddPerson(mail("ada.second"), "eve2")
	b.rules.Resources[0].Policy.NotWith = []string{"secret"}
	b.ask("ada", desk.Wish{Resource: "secret", From: b.clock().Add(10 * time.Minute)})
	wish := desk.Wish{Resource: "free", Person: mail("ada.second"), From: b.clock().Add(time.Hour)}
	b.ask("ada", wish)
	b.corp.also[mail("ada.second")] = mail("ada")
	b.pass(time.Second)
	wish.From = b.clock().Add(20 * time.Hour)
	if r, err := b.desk.Ask(t.Context(), as("ada"), wish); access.KindOf(err) != access.Conflict {
		t.Errorf("one account gets free and secret: %s, %v", r.Status, err)
	}
}

// A grant of another source counts under a second address of who asks.
func TestSecondAddressHoldsOtherGrants(t *testing.T) {
	b := set(t)
	b.corp.also[mail("ada.second")] = mail("ada")
	b.rules.Resources[0].Policy.NotWith = []string{"secret"}
	b.rules.Grants = func() []engine.Grant {
		g := engine.Grant{ID: "g", Person: mail("ada"), Group: in("secret"), Resource: "secret"}
		g.When.Until = b.clock().Add(time.Hour)
		return []engine.Grant{g}
	}
	b.desk.Use(b.rules)
	if r, err := b.desk.Ask(t.Context(), as("ada"), desk.Wish{Resource: "free", Person: mail("ada.second")}); access.KindOf(err) != access.Conflict {
		t.Errorf("one account gets free beside secret: %s, %v", r.Status, err)
	}
}

// What needs no approval is held once at a time, however often it is asked for,
// and under whichever address.
func TestWhatNobodyApprovesIsHeldOnce(t *testing.T) {
	b := set(t)
	free, glass := desk.Wish{Resource: "free", For: 8 * time.Hour}, desk.Wish{Resource: "free", BreakGlass: true, Reason: "fire"}
	b.ask("ada", free)
	b.ask("ada", glass)
	b.alias("ada", "eve")
	for i := range 48 {
		free.From = b.clock().Add(time.Duration(i) * 10 * time.Minute)
		for _, w := range []desk.Wish{free, glass} {
			if r, err := b.desk.Ask(t.Context(), as("eve"), w); access.KindOf(err) != access.Conflict {
				t.Errorf("from %s, emergency %t: %s, %v", w.From, w.BreakGlass, r.Status, err)
			}
		}
	}
	b.pass(8 * time.Hour)
	b.ask("bob", desk.Wish{Resource: "free"}) // what others hold is no matter
	free.From = time.Time{}
	b.pass(4 * 24 * time.Hour)
	b.ask("eve", free)
	b.ask("eve", glass)
}
