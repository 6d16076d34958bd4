package desk_test

import (
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/audit"
	"github.com/daypass-dev/daypass/internal/desk"
)

// Whoever takes something from somebody else says why, by whichever way they come,
// and the audit log keeps it; what is their own they give back without a word.
func TestWhatIsTakenFromOthersIsExplained(t *testing.T) {
	b := set(t)
	b.rules.Resources[0].Policy.For = access.Anyone
	own, given := b.ask("ada", desk.Wish{Resource: "free"}), b.ask("eve", desk.Wish{Resource: "free", Person: mail("bob")})
	asked := b.ask("ada", desk.Wish{Resource: "staging"})
	for _, who := range []string{"root", "carol", "eve"} { // administrator, owner, and who asked for it
		_, err := b.desk.End(t.Context(), as(who), given.ID, " \n", 0)
		e := access.Refusals(err)
		if len(e) != 1 || e[0].Kind != access.Invalid || e[0].Field != "comment" {
			t.Errorf("%s ends bob's access without a word: %v", who, err)
		}
	}
	if _, err := b.desk.End(t.Context(), as("dan"), given.ID, "", 0); access.KindOf(err) != access.Forbidden {
		t.Errorf("an auditor is told %v", err)
	}
	if _, err := b.desk.Decide(t.Context(), as("bob"), asked.ID, desk.Word{}); access.KindOf(err) != access.Invalid {
		t.Errorf("bob denies without a word: %v", err)
	}
	if _, err := b.desk.End(t.Context(), as("ada"), own.ID, "", 0); err != nil {
		t.Errorf("ada gives back her own: %v", err)
	}
	if got, err := b.desk.End(t.Context(), as("carol"), given.ID, "the project is over", 0); err != nil || got.Grant.End.Comment != "the project is over" {
		t.Errorf("carol says why: %+v, %v", got.Grant, err)
	}
	if _, err := b.desk.End(t.Context(), as("carol"), given.ID, "", 0); access.KindOf(err) != access.Conflict {
		t.Errorf("what is over already: %v", err)
	}
	log, _, err := b.desk.Audit(t.Context(), as("dan"), audit.Search{Request: given.ID})
	if err != nil || len(log) == 0 || !strings.Contains(log[0].Reason, "the project is over") {
		t.Errorf("on record: %+v, %v", log, err)
	}
}
