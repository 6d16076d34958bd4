package desk_test

import (
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/desk"
)

// put puts on record that a membership of ada is ours, in a group by its id and
// the name that it has there.
func (b *bench) put(id engine.GroupID, name string, grant engine.GrantID) {
	b.record(engine.Batch{Put: []engine.Owned{{
		Group: engine.Group{Directory: "corp", ID: id}, GroupName: name, Member: engine.Member{ID: b.ids["ada"], Login: "ada"}, Person: mail("ada"),
		State: engine.Added, Since: b.clock(), Wrote: b.clock(), Anchors: []engine.Anchor{{Grant: grant, Until: b.clock().Add(time.Hour)}},
	}}})
}

// A group that the configuration names as no record does, by a DN or an alias, is
// the one that its directory says it is.
func TestGroupByAnotherName(t *testing.T) {
	b := set(t)
	r := b.ask("ada", desk.Wish{Resource: "free"})
	b.corp.Put(b.groups["free"], b.ids["ada"])
	b.put(b.groups["free"], "free of charge", r.GrantID())
	b.stands(r.ID, desk.There)
	b.pass(2 * time.Hour)
	b.stands(r.ID, desk.Leaving)
	b.pass(time.Minute)
	b.corp.Down(engine.Unavailable)
	b.stands(r.ID, desk.Unknown, "could not tell")
}

// Nor is who is in it by daypass a standing member, to those who decide.
func TestConflictByAnotherName(t *testing.T) {
	b := set(t)
	b.rules.Resources[2].Policy.NotWith = []string{"free"}
	b.corp.Put(b.groups["free"], b.ids["ada"])
	b.put(b.groups["free"], "free of charge", "file")
	r := b.ask("eve", desk.Wish{Resource: "staging", Person: mail("ada")})
	if x := b.look("bob", r.ID).Conflicts; len(x) != 1 || x[0].Standing {
		t.Errorf("conflicts %+v, want what daypass gave", x)
	}
}

// What is over is gone whether or not the directory answers, where the records are
// of other groups.
func TestOverWithoutAsking(t *testing.T) {
	b := set(t)
	r := b.ask("ada", desk.Wish{Resource: "free"})
	b.put(b.groups["secret"], "secret", "another")
	b.pass(2 * time.Hour)
	b.corp.Down(engine.Unavailable)
	b.stands(r.ID, desk.Gone)
}

// A group that is not there is said to be that, and not to be silent.
func TestNobodyIsInAGroupThatIsNotThere(t *testing.T) {
	b := set(t)
	r := b.ask("ada", desk.Wish{Resource: "free"})
	b.put(b.groups["secret"], "another", "another")
	b.corp.DeleteGroup(b.groups["free"])
	b.stands(r.ID, desk.NotYet, "no such group in corp", "administrator")
}
