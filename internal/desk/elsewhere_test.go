package desk_test

import (
	"testing"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// TestSilenceKeepsNobodyFromANo: whoever is good in one directory denies, and ends
// what was no emergency, while that of the resource is silent. They approve nothing.
func TestSilenceKeepsNobodyFromANo(t *testing.T) {
	b := set(t)
	lab := memory.New("lab")
	bob := lab.AddPerson(mail("bob"), "bob")
	b.rules.Directories["lab"] = lab
	asked, glass := b.ask("ada", desk.Wish{Resource: "staging"}), b.ask("ada", desk.Wish{Resource: "free", BreakGlass: true, Reason: "fire"})
	b.corp.Down(engine.Unavailable)
	word := func(yes bool) error {
		_, err := b.desk.Decide(t.Context(), as("bob"), asked.ID, desk.Word{Approve: yes, Comment: "as agreed"})
		return err
	}
	review := func(yes bool) error {
		_, err := b.desk.Review(t.Context(), as("bob"), glass.ID, yes, "looked at", 0)
		return err
	}
	for name, say := range map[string]func(bool) error{"decides": word, "reviews": review} {
		if err := say(true); access.KindOf(err) != access.Doubt {
			t.Errorf("bob %s with a yes: %v; want a doubt", name, err)
		}
		lab.Down(engine.Unavailable)
		if err := say(false); access.KindOf(err) != access.Doubt {
			t.Errorf("bob %s with a no, known nowhere: %v; want a doubt", name, err)
		}
		lab.Mend()
	}
	for _, id := range []string{asked.ID, glass.ID} {
		if may := b.look("bob", id).May; !may.Deny && !may.Review {
			t.Errorf("bob is shown nothing to say: %+v", may)
		}
	}
	lab.Disable(bob)
	if err := word(false); access.KindOf(err) != access.Forbidden {
		t.Errorf("disabled, bob denies: %v", err)
	}
	lab.Enable(bob)
	for name, say := range map[string]func(bool) error{"deny": word, "end": review} {
		if err := say(false); err != nil {
			t.Errorf("bob does not %s: %v", name, err)
		}
	}
}
