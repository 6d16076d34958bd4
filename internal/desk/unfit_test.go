package desk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/audit"
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

// Nor have they under an address that no alias names, whose account is theirs, and
// they read until when before they ask; who else has it is asked only where a
// review found such, and a directory that does not answer stands in nobody's way.
func TestNoEmergencyUnderAnotherAddress(t *testing.T) {
	b := set(t)
	b.corp.also[mail("ada.second")] = mail("ada")
	fire := desk.Wish{Resource: "free", BreakGlass: true, Reason: "fire"}
	offered := func(n string) desk.Possible {
		t.Helper()
		o, err := b.desk.Resource(t.Context(), as(n), "free")
		if err != nil {
			t.Fatal(err)
		}
		return o.BreakGlass
	}
	r := b.ask("ada.second", fire)
	if may := offered("ada"); !may.Yes {
		t.Errorf("before the review: %+v", may)
	}
	if _, err := b.desk.Review(t.Context(), as("bob"), r.ID, false, "it was none", 0); err != nil {
		t.Fatal(err)
	}
	until := b.clock().Add(access.Calm)
	b.pass(time.Hour)
	for _, n := range []string{"ada", "ada.second"} {
		if _, err := b.desk.Ask(t.Context(), as(n), fire); access.KindOf(err) != access.Conflict {
			t.Errorf("%s: %v", n, err)
		}
		if may := offered(n); may.Yes || !may.Until.Equal(until) || !strings.Contains(may.Why, "review") {
			t.Errorf("%s is offered: %+v", n, may)
		}
		if x, err := b.desk.Explain(t.Context(), as("carol"), mail(n), "free"); err != nil || x.BreakGlass.Yes || !x.BreakGlass.Until.Equal(until) {
			t.Errorf("%s is explained: %+v, %v", n, x.BreakGlass, err)
		}
	}
	if may := offered("eve"); !may.Yes {
		t.Errorf("eve is offered: %+v", may)
	}
	b.pass(23*time.Hour - time.Second)
	b.corp.Down(engine.Unavailable)
	if may := offered("eve"); !may.Yes {
		t.Errorf("eve is offered, while nobody answers: %+v", may)
	}
	b.corp.Mend()
	b.pass(time.Second)
	if may := offered("ada"); !may.Yes {
		t.Errorf("after a day: %+v", may)
	}
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

// A review that cannot be read keeps nobody from an emergency, and hides none that
// can; the log is told of it once.
func TestNoEmergencyIsLostToAReviewThatCannotBeRead(t *testing.T) {
	for what, damage := range map[string]string{
		"it is no event": "UPDATE events SET body = json_set(body, '$.person', 5) WHERE seq = ?",
		"it is nothing":  "UPDATE events SET body = '{' WHERE seq = ?",
	} {
		t.Run(what, func(t *testing.T) {
			b := set(t)
			fire := desk.Wish{Resource: "free", BreakGlass: true, Reason: "fire"}
			for _, n := range []string{"eve", "carol", "ada"} {
				if _, err := b.desk.Review(t.Context(), as("bob"), b.ask(n, fire).ID, false, "it was none", 0); err != nil {
					t.Fatal(err)
				}
			}
			b.pass(2 * time.Hour)
			reviews, err := b.store.Search(t.Context(), audit.Search{Kind: engine.EventReviewed, Limit: 9})
			if err != nil || len(reviews) != 3 {
				t.Fatalf("%d reviews, %v", len(reviews), err)
			}
			b.damage(damage, reviews[0].Seq)
			b.damage(damage, reviews[1].Seq)
			b.ask("dan", fire)
			b.ask("bob", fire)
			if _, err := b.desk.Ask(t.Context(), as("eve"), fire); access.KindOf(err) != access.Conflict || !strings.Contains(err.Error(), "review") {
				t.Errorf("eve, whose review can be read: %v", err)
			}
			if n := strings.Count(b.room.Log.String(), "what a review found cannot be read"); n != 2 {
				t.Errorf("said %d times of two", n)
			}
		})
	}
}
