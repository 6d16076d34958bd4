package desk_test

import (
	"testing"

	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// TestListShowsWhatIsSeen: what a machine asked for others is nothing of the
// person whose address it has, in a list as by itself.
func TestListShowsWhatIsSeen(t *testing.T) {
	b := set(t)
	b.rules.Resources[0].Policy.Ask.Machines = []string{"ci"}
	b.rules.Machines["ci"] = mail("ada")
	b.desk.Use(b.rules)
	ci := desk.Caller{Actor: access.Actor{Person: mail("ada"), Machine: "ci"}}
	r, err := b.desk.Ask(t.Context(), ci, desk.Wish{Resource: "free", Person: mail("eve")})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []desk.Caller{as("ada"), as("eve"), ci, as("dan")} {
		views, _, err := b.desk.Requests(t.Context(), c, access.Query{})
		_, one := b.desk.Request(t.Context(), c, r.ID)
		if err != nil || (len(views) == 1) != (one == nil) {
			t.Errorf("%s: listed are %d, %v; by itself: %v", c, len(views), err, one)
		}
	}
}
