package desk_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/schedule"
)

// A membership that is ours has the end of what gave it, or, where that is gone, when
// it was due to end; where neither is on record nothing says until when: it is not
// until it began.
func TestConflictsHaveTheirEnd(t *testing.T) {
	b := set(t)
	b.rules.Resources[2].Policy.NotWith = []string{"free"}
	b.desk.Use(b.rules)
	r := b.ask("ada", desk.Wish{Resource: "staging"})
	b.corp.Put(b.groups["free"], b.ids["ada"])
	end, due := b.clock().Add(time.Hour), b.clock().Add(-time.Hour)
	ours := engine.Owned{
		Group: engine.Group{Directory: "corp", ID: "x"}, GroupName: "free", Member: engine.Member{ID: b.ids["ada"], Login: "ada"}, Person: mail("ada"),
		State: engine.Added, Since: b.clock().Add(-2 * time.Hour),
	}
	anchored, over := ours, ours
	anchored.Anchors = []engine.Anchor{{Grant: "file", Until: end}}
	over.Due = due
	for _, x := range []struct {
		owned engine.Owned
		want  access.Held
	}{
		{anchored, access.Held{Resource: "free", Until: end}},
		{over, access.Held{Resource: "free", Until: due}},
		{ours, access.Held{Resource: "free", Standing: true}},
	} {
		b.record(engine.Batch{Put: []engine.Owned{x.owned}})
		b.pass(time.Minute)
		if got := b.look("bob", r.ID).Conflicts; !slices.Equal(got, []access.Held{x.want}) {
			t.Errorf("conflicts %+v, want %+v", got, x.want)
		}
	}
}

// What somebody holds is named once, with its latest end, however many grants give
// it; and a membership that is ours is no standing one, also while it waits to be
// removed.
func TestConflictsAreNamedOnce(t *testing.T) {
	b := set(t)
	b.rules.Resources[2].Policy.NotWith = []string{"free", "secret"}
	b.rules.Resources[0].Groups = []engine.GroupRef{in("free"), in("second"), in("third")}
	b.corp.Put(b.corp.AddGroup("second"), b.ids["ada"])
	b.corp.AddGroup("third")
	now := b.clock()
	b.rules.Grants = func() (all []engine.Grant) {
		for i, g := range []string{"free", "second", "third"} {
			all = append(all, engine.Grant{
				ID: engine.GrantID(g), Person: mail("ada"), Resource: "free", Group: in(g),
				When: schedule.Window{From: now, Until: now.Add(time.Duration(1+i%2) * time.Hour)},
			})
		}
		return all
	}
	b.desk.Use(b.rules)
	r := b.ask("eve", desk.Wish{Resource: "staging", Person: mail("ada")})
	see := func(want ...access.Held) {
		t.Helper()
		b.pass(time.Minute) // what was looked up is not kept for longer
		if got := b.look("bob", r.ID).Conflicts; !slices.Equal(got, want) {
			t.Errorf("conflicts %+v, want %+v", got, want)
		}
	}
	free := access.Held{Resource: "free", Until: now.Add(2 * time.Hour)}
	see(free, access.Held{Resource: "free", Standing: true}) // in corp/second nobody knows why
	b.owns("second", "second")
	see(free)

	b.rules.Grants = func() []engine.Grant { return nil } // the grants left their file, and she is not out yet
	b.desk.Use(b.rules)
	x := b.look("bob", r.ID).Conflicts
	if len(x) != 1 || x[0].Resource != "free" || x[0].Standing || x[0].Until.IsZero() {
		t.Errorf("conflicts %+v, want free, by daypass", x)
	}
	if _, err := b.desk.Decide(t.Context(), as("bob"), r.ID, desk.Word{Approve: true}); access.KindOf(err) != access.Conflict || strings.Contains(err.Error(), "is in a group") {
		t.Errorf("bob approves: %v", err)
	}
}
