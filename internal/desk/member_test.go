package desk_test

import (
	"context"
	"errors"
	"testing"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/expr"
)

// deaf is a directory that does not answer about somebody.
type deaf struct {
	*memory.Directory
	to engine.Person
}

func (d *deaf) Resolve(ctx context.Context, p engine.Person) (engine.Member, error) {
	if p == d.to {
		return engine.Member{}, &engine.Error{Op: "resolve", Kind: engine.Unavailable, Err: errors.New("no answer")}
	}
	return d.Directory.Resolve(ctx, p)
}

// TestNotInUnderAnyAddress: somebody is certainly in no group only where they are
// under none of their addresses. What one of them is not known to be in is a doubt.
func TestNotInUnderAnyAddress(t *testing.T) {
	for name, x := range map[string]struct {
		change func(b *bench, old *memory.Directory, group engine.GroupID)
		want   access.Status // empty: nothing is given, and nobody is asked
	}{
		"in under another address": {func(_ *bench, old *memory.Directory, g engine.GroupID) {
			old.Put(g, old.AddPerson(mail("ada.old"), "ada"))
		}, ""},
		"in under the known address": {func(_ *bench, old *memory.Directory, g engine.GroupID) {
			old.AddPerson(mail("ada.old"), "ada2")
			old.Put(g, old.AddPerson(mail("ada"), "ada"))
		}, ""},
		"another address is not known": {func(b *bench, old *memory.Directory, _ engine.GroupID) {
			old.AddPerson(mail("ada"), "ada")
			b.rules.Directories["old"] = &deaf{old, mail("ada.old")}
		}, ""},
		"in under none": {func(_ *bench, old *memory.Directory, _ engine.GroupID) { old.AddPerson(mail("ada.old"), "ada") }, access.Approved},
	} {
		t.Run(name, func(t *testing.T) {
			b := set(t)
			old := memory.New("old")
			words, err := expr.New()
			if err != nil {
				t.Fatal(err)
			}
			b.rules.Directories["old"], b.rules.Expressions = old, words
			b.rules.Resources[0].Policy.Auto = `!person.memberOf("old/contractors")`
			x.change(b, old, old.AddGroup("contractors"))
			b.alias("ada.old", "ada")
			if r, err := b.desk.Ask(t.Context(), as("ada"), desk.Wish{Resource: "free"}); r.Status != x.want {
				t.Errorf("ada is told %q, %v; want %q", r.Status, err, x.want)
			}
		})
	}
}
