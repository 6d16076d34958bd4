package desk_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// What a policy excludes is named to those only to whom it is shown; everybody's
// policy stays whole.
func TestExcludedHiddenIsNotNamed(t *testing.T) {
	b := set(t)
	b.rules.Resources[1].Hidden = true
	b.rules.Resources[1].Policy.Ask = who("eve")
	b.rules.Resources[1].Owners = who("eve")
	staging := b.rules.Resources[2].Policy
	staging.NotWith = []string{"free", "secret"}
	for name, sees := range map[string]bool{"ada": false, "eve": true, "carol": true, "dan": true, "root": true} {
		o, err := b.desk.Resource(t.Context(), as(name), "staging")
		if err != nil {
			t.Fatal(err)
		}
		found, err := b.desk.Resources(t.Context(), as(name), "staging")
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		for _, o := range []desk.Offer{o, found[0]} {
			if slices.Contains(o.Policy.NotWith, "secret") != sees || o.Unnamed == sees || !slices.Contains(o.Policy.NotWith, "free") {
				t.Errorf("%s is told %v, others %v", name, o.Policy.NotWith, o.Unnamed)
			}
		}
	}
	if len(staging.NotWith) != 2 {
		t.Errorf("the policy itself became %v", staging.NotWith)
	}
}

// Nor is it named to those whom it stands in the way of, or who decide.
func TestHiddenConflictIsNotNamed(t *testing.T) {
	b := set(t)
	b.rules.Resources[1].Hidden = true
	b.rules.Resources[1].Policy.Ask = who("eve")
	b.rules.Resources[2].Policy.NotWith = []string{"secret"}
	r := b.ask("carol", desk.Wish{Resource: "staging"})
	b.corp.Put(b.groups["secret"], b.ids["ada"], b.ids["carol"])
	hears := func(name string, err error, named bool) {
		t.Helper()
		if access.KindOf(err) != access.Conflict || strings.Contains(err.Error(), "secret") != named {
			t.Errorf("%s hears: %v", name, err)
		}
	}
	_, err := b.desk.Ask(t.Context(), as("ada"), desk.Wish{Resource: "staging"})
	hears("ada", err, false)
	_, err = b.desk.Decide(t.Context(), as("bob"), r.ID, desk.Word{Approve: true})
	hears("bob", err, false)
	for name, named := range map[string]bool{"ada": false, "dan": true} {
		x, err := b.desk.Explain(t.Context(), as(name), mail("ada"), "staging")
		if err != nil || len(x.Conflicts) != 1 || x.Conflicts[0].Unnamed == named {
			t.Errorf("%s is explained %+v, %v", name, x.Conflicts, err)
		}
	}
}

// What an older policy excludes, and left the configuration since, is called that
// to whoever has it, owns what is asked for, or reads everything; to others it is
// not named.
func TestRemovedConflictIsCalledThat(t *testing.T) {
	b := set(t)
	b.rules.Resources[2].Policy.NotWith = []string{"secret"}
	r := b.ask("ada", desk.Wish{Resource: "staging", From: b.clock().Add(time.Hour)})
	b.rules.Resources[2].Policy.NotWith = nil
	b.ask("ada", desk.Wish{Resource: "secret"})
	b.rules.Resources = slices.Delete(b.rules.Resources, 1, 2)
	b.desk.Use(b.rules)
	for name, want := range map[string]string{
		"carol": "secret (no longer configured)", "dan": "secret (no longer configured)", "bob": "a resource that is not shown to you",
	} {
		if x := b.look(name, r.ID).Conflicts; len(x) != 1 || x[0].Called() != want {
			t.Errorf("%s is told of %+v, want %s", name, x, want)
		}
	}
	_, err := b.desk.Decide(t.Context(), as("bob"), r.ID, desk.Word{Approve: true})
	if access.KindOf(err) != access.Conflict || strings.Contains(err.Error(), "secret") {
		t.Errorf("bob, who approves, hears: %v", err)
	}
}
