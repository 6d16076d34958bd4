package desk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// Whoever's emergency was none has no other in that resource for a day from the
// review, under none of their addresses; others have, and so have they elsewhere.
func TestNoEmergencyAfterOneThatWasNone(t *testing.T) {
	b := set(t)
	b.corp.AddPerson(mail("ada.second"), "ada2")
	b.rules.Resources[1].Policy.BreakGlass = b.rules.Resources[0].Policy.BreakGlass
	b.desk.Use(b.rules)
	fire := desk.Wish{Resource: "free", BreakGlass: true, Reason: "fire"}
	r := b.ask("ada.second", fire)
	b.pass(30 * time.Hour) // the access is over, and the review late
	if _, err := b.desk.Review(t.Context(), as("bob"), r.ID, false, "it was none", 0); err != nil {
		t.Fatal(err)
	}
	b.alias("ada.second", "ada")
	b.pass(time.Second)
	for _, wait := range []time.Duration{0, 23 * time.Hour} {
		b.pass(wait)
		_, err := b.desk.Ask(t.Context(), as("ada"), fire)
		if access.KindOf(err) != access.Conflict || !strings.Contains(err.Error(), "ask without") || !strings.Contains(err.Error(), "administrator") {
			t.Errorf("after %s: %v", wait, err)
		}
	}
	_, err := b.desk.Ask(t.Context(), as("eve"), desk.Wish{Resource: "free", Person: mail("ada"), BreakGlass: true, Reason: "fire"})
	if access.KindOf(err) != access.Conflict || strings.Contains(err.Error(), "review") {
		t.Errorf("eve asks for ada, and hears: %v", err)
	}
	b.ask("eve", fire)
	b.ask("ada", desk.Wish{Resource: "secret", BreakGlass: true, Reason: "fire"})
	b.ask("ada", desk.Wish{Resource: "free", For: time.Minute})
	b.pass(time.Hour)
	b.ask("ada", fire)
}

// One that a review found justified is followed by another as soon as it is over.
func TestAnotherEmergencyAfterOneThatWas(t *testing.T) {
	b := set(t)
	fire := desk.Wish{Resource: "free", BreakGlass: true, Reason: "fire"}
	r := b.ask("ada", fire)
	if _, err := b.desk.Review(t.Context(), as("bob"), r.ID, true, "it was", 0); err != nil {
		t.Fatal(err)
	}
	b.pass(time.Hour)
	b.ask("ada", fire)
}
