package desk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// hold puts on record that a limit holds a change of ada in a group, as a run
// does that found nothing else.
func (b *bench) hold(op engine.Op, why engine.Why, group, message string) {
	b.t.Helper()
	b.holdOf("", op, why, group, message)
}

// holdOf is hold, of what a grant explains.
func (b *bench) holdOf(g engine.GrantID, op engine.Op, why engine.Why, group, message string) {
	b.t.Helper()
	c := engine.Change{Op: op, Why: why, Directory: "corp", Group: group, GroupID: "x", Member: engine.Member{ID: b.ids["ada"]}, Person: mail("ada"), Grant: g, Held: true}
	limit := engine.LimitAdd
	if op != engine.Add {
		limit = engine.LimitRemove
	}
	p := engine.Plan{Changes: []engine.Change{c}}
	b.record(engine.Batch{Holds: []engine.Hold{{
		Digest: p.HeldDigest(), PlanDigest: p.Digest(), Run: "r1", At: b.clock(), Changes: p.Changes,
		Objections: []engine.Objection{
			{Limit: limit, Group: "corp/other", Message: "another group"},
			{Limit: limit, Group: "corp/" + group, Message: message},
		},
	}}})
}

func (b *bench) record(batch engine.Batch) {
	b.t.Helper()
	if err := b.store.Record(b.t.Context(), batch); err != nil {
		b.t.Fatal(err)
	}
}

// owns puts on record that a membership of ada is ours, by a grant.
func (b *bench) owns(group string, grant engine.GrantID) {
	b.record(engine.Batch{Put: []engine.Owned{{
		Group: engine.Group{Directory: "corp", ID: "x"}, GroupName: group, Member: engine.Member{ID: b.ids["ada"], Login: "ada"}, Person: mail("ada"),
		State: engine.Added, Since: b.clock(), Wrote: b.clock(), Anchors: []engine.Anchor{{Grant: grant, Until: b.clock().Add(time.Hour)}},
	}}})
}

// stands asserts how it stands with a request's only group.
func (b *bench) stands(id string, want desk.MembershipState, notes ...string) {
	b.t.Helper()
	v, err := b.desk.Request(b.t.Context(), as("root"), id)
	if err != nil || len(v.Groups) != 1 {
		b.t.Fatalf("%v, %+v", err, v.Groups)
	}
	m := v.Groups[0]
	if m.State != want || v.There != (want == desk.There) || (len(notes) == 0) != (m.Note == "") {
		b.t.Errorf("it is %s (there: %t): %q; want %s", m.State, v.There, m.Note, want)
	}
	for _, n := range notes {
		if !strings.Contains(m.Note, n) {
			b.t.Errorf("the note %q lacks %q", m.Note, n)
		}
	}
}

// Law 11: whoever asked is told that a limit holds what was approved, which, and
// who lets it through.
func TestHeldAdditionIsTold(t *testing.T) {
	b := set(t)
	r := b.ask("ada", desk.Wish{Resource: "free", For: 8 * time.Hour})
	b.stands(r.ID, desk.NotYet)
	b.pass(time.Minute)
	b.hold(engine.Add, engine.Starts, "free", "3 additions in corp/free, over the limit of 2")
	b.stands(r.ID, desk.Held, "3 additions in corp/free", "limit of 2", "administrator", "daypass release")

	b.corp.Down(engine.Unavailable) // whether she is in already cannot be told, and the hold is on record
	b.pass(time.Hour)
	b.stands(r.ID, desk.Held, "limit of 2")
	b.corp.Mend()

	b.owns("free", r.GrantID()) // what was written since settled it, however long a hold is believed
	b.stands(r.ID, desk.There)
}

// listed returns what lists that root, ada and who asks for the resource see say
// of a request that is held.
func (b *bench) listed(id string) map[string]string {
	b.t.Helper()
	all, _, err := b.desk.Requests(b.t.Context(), as("root"), access.Query{})
	if err != nil {
		b.t.Fatal(err)
	}
	mine, _, err := b.desk.Mine(b.t.Context(), as("ada"))
	if err != nil {
		b.t.Fatal(err)
	}
	o, err := b.desk.Resource(b.t.Context(), as("ada"), "free")
	if err != nil {
		b.t.Fatal(err)
	}
	out := make(map[string]string)
	for where, views := range map[string][]desk.View{"requests": all, "mine": mine, "resource": o.Mine} {
		for _, v := range views {
			if v.ID == id {
				out[where] = v.Held
			} else if v.Held != "" {
				b.t.Errorf("%s says that %s is held: %s", where, v.ID, v.Held)
			}
		}
	}
	return out
}

// Law 11: lists say it too, and ask no directory for it.
func TestListsTellWhatIsHeld(t *testing.T) {
	b := set(t)
	r := b.ask("ada", desk.Wish{Resource: "free"})
	b.ask("eve", desk.Wish{Resource: "free"})
	b.ask("ada", desk.Wish{Resource: "secret"})
	says := func(want string, lists ...string) {
		t.Helper()
		b.pass(time.Minute)
		got := b.listed(r.ID)
		for _, where := range lists {
			if said, is := got[where]; !is || (said == "") != (want == "") || !strings.Contains(said, want) {
				t.Errorf("%s says %q, want %q", where, said, want)
			}
		}
	}
	says("", "requests", "mine", "resource")
	b.hold(engine.Add, engine.Starts, "free", "3 additions in corp/free, over the limit of 2")
	says("limit of 2", "requests", "mine", "resource")
	before := b.corp.Calls(memory.CallResolve) + b.corp.Calls(memory.CallMembers)
	b.pass(time.Minute) // whatever was looked up is forgotten
	if _, _, err := b.desk.Requests(t.Context(), as("root"), access.Query{}); err != nil {
		t.Fatal(err)
	}
	if n := b.corp.Calls(memory.CallResolve) + b.corp.Calls(memory.CallMembers) - before; n != 0 {
		t.Errorf("a list asks the directory %d times", n)
	}
	b.owns("free", r.GrantID()) // written since, so the hold is over
	says("", "requests", "mine", "resource")
	b.pass(time.Hour)
	b.hold(engine.Remove, engine.Withdrawn, "free", "3 unexplained removals in corp/free, over the limit of 2")
	says("3 unexplained removals", "requests")
}

// A group that the configuration names in a way of its own is found by the grant.
func TestListsTellWhatIsHeldOfAGroupByAnotherName(t *testing.T) {
	b := set(t)
	r := b.ask("ada", desk.Wish{Resource: "free"})
	b.rules.Resources[0].Groups = []engine.GroupRef{in("cn=free,ou=groups")}
	b.desk.Use(b.rules)
	b.pass(time.Minute)
	b.holdOf(r.GrantID(), engine.Add, engine.Starts, "free", "3 additions in corp/free, over the limit of 2")
	if got := b.listed(r.ID); !strings.Contains(got["mine"], "limit of 2") {
		t.Errorf("mine says %q", got["mine"])
	}
}

// The request is on record under an address that is an alias since.
func TestHeldUnderAnotherAddressIsTold(t *testing.T) {
	b := set(t)
	b.corp.also[mail("ada.old")] = mail("ada")
	r := b.ask("ada.old", desk.Wish{Resource: "free"})
	b.alias("ada.old", "ada")
	b.hold(engine.Add, engine.Starts, "free", "3 additions in corp/free, over the limit of 2")
	b.stands(r.ID, desk.Held, "limit of 2")
}

// Somebody else's hold, or one of another group, is no matter of ada's.
func TestHoldsOfOthersAreNotTold(t *testing.T) {
	b := set(t)
	r := b.ask("ada", desk.Wish{Resource: "free"})
	eve := b.ask("eve", desk.Wish{Resource: "free"})
	b.hold(engine.Add, engine.Starts, "secret", "3 additions in corp/secret, over the limit of 2")
	b.stands(r.ID, desk.NotYet)
	b.pass(time.Minute)
	b.hold(engine.Add, engine.Starts, "free", "3 additions in corp/free, over the limit of 2")
	if v, err := b.desk.Request(t.Context(), as("eve"), eve.ID); err != nil || v.Groups[0].State != desk.NotYet {
		t.Errorf("%v, %+v", err, v.Groups)
	}
	b.stands(r.ID, desk.Held, "limit of 2")
}

// What is put back after somebody took it out may be held too.
func TestHeldRestorationIsTold(t *testing.T) {
	b := set(t)
	r := b.ask("ada", desk.Wish{Resource: "free", For: 8 * time.Hour})
	b.owns("free", r.GrantID())
	b.stands(r.ID, desk.There)
	b.pass(time.Minute)
	b.hold(engine.Add, engine.Restored, "free", "3 additions in corp/free, over the limit of 2")
	b.stands(r.ID, desk.Held, "limit of 2")
}

// A request is over, and the membership that it gave stays for a removal that
// surprises.
func TestHeldRemovalIsTold(t *testing.T) {
	b := set(t)
	r := b.ask("ada", desk.Wish{Resource: "free"})
	b.owns("free", r.GrantID())
	b.pass(2 * time.Hour)
	b.stands(r.ID, desk.Leaving)
	b.hold(engine.Remove, engine.Withdrawn, "free", "3 unexplained removals in corp/free, over the limit of 2")
	b.pass(5 * time.Second)
	b.stands(r.ID, desk.Held, "3 unexplained removals", "administrator")
}

// What is held about what another grant gave since is no matter of a request that is
// long over, in a list neither.
func TestHeldRemovalOfAnotherGrantIsNotTold(t *testing.T) {
	b := set(t)
	old := b.ask("ada", desk.Wish{Resource: "free"})
	b.pass(30 * 24 * time.Hour)
	now := b.ask("ada", desk.Wish{Resource: "free"})
	b.owns("free", now.GrantID())
	b.pass(2 * time.Hour)
	for _, of := range []engine.GrantID{now.GrantID(), ""} {
		b.holdOf(of, engine.Remove, engine.Withdrawn, "free", "3 unexplained removals in corp/free, over the limit of 2")
		b.pass(5 * time.Second)
		b.stands(old.ID, desk.Gone)
		b.stands(now.ID, desk.Held, "3 unexplained removals")
		if said := b.listed(now.ID)["requests"]; !strings.Contains(said, "3 unexplained removals") {
			t.Errorf("requests says %q", said)
		}
	}
	b.record(engine.Batch{Delete: []engine.Membership{{Group: engine.Group{Directory: "corp", ID: "x"}, Member: b.ids["ada"]}}})
	b.holdOf(old.GrantID(), engine.Remove, engine.Withdrawn, "free", "the old one, over the limit of 2")
	b.pass(5 * time.Second)
	b.stands(old.ID, desk.Held, "the old one")
}

// A held addition is no matter of a request that is over or did not begin, and a
// held removal none of one that is in force.
func TestHoldOfTheOtherKindIsNotTold(t *testing.T) {
	b := set(t)
	now := b.ask("ada", desk.Wish{Resource: "free"})
	b.hold(engine.Remove, engine.Withdrawn, "free", "3 unexplained removals in corp/free, over the limit of 2")
	b.stands(now.ID, desk.NotYet)
	b.pass(2 * time.Hour)
	later := b.ask("ada", desk.Wish{Resource: "free", From: b.clock().Add(time.Hour)})
	b.hold(engine.Add, engine.Starts, "free", "3 additions in corp/free, over the limit of 2")
	b.pass(time.Minute)
	b.stands(now.ID, desk.Gone)
	b.stands(later.ID, desk.NotYet)
}
