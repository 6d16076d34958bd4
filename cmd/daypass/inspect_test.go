package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/desk/desktest"
)

// mute is a directory that answers nothing.
type mute struct{ *memory.Directory }

func (mute) Group(ctx context.Context, _ string) (engine.GroupInfo, error) {
	<-ctx.Done()
	return engine.GroupInfo{}, ctx.Err()
}

// TestADirectoryThatHangsHidesNoOther: a resource in several is shown soon, and what
// is not read is named.
func TestADirectoryThatHangsHidesNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := desktest.Open(t, "bob", "carol")
		lab := memory.New("lab")
		lab.AddGroup("db")
		e := engine.New(engine.Config{
			Directories: map[engine.Directory]engine.Connector{"corp": m.Corp, "a": mute{memory.New("a")}, "b": mute{memory.New("b")}, "lab": lab},
			Defaults:    engine.DefaultRules(), Limits: engine.DefaultLimits(), Ledger: m.Store, Now: m.Clock.Now,
			Groups: map[engine.GroupRef]engine.Rules{
				desktest.Group("free"): {}, {Directory: "a", Name: "x"}: {}, {Directory: "b", Name: "y"}: {}, {Directory: "lab", Name: "db"}: {},
			},
		})
		began := time.Now()
		got, err := inspect(t.Context(), e, []engine.GroupRef{{Directory: "a", Name: "x"}, desktest.Group("free"), {Directory: "b", Name: "y"}, {Directory: "lab", Name: "db"}})
		if took := time.Since(began); err != nil || took != looking {
			t.Errorf("after %s: %v", took, err)
		}
		if len(got.Groups) != 2 || got.Groups[0].Name != "free" || got.Groups[1].Name != "db" || got.AsOf.IsZero() {
			t.Errorf("it shows %d groups, as of %s", len(got.Groups), got.AsOf)
		}
		if n := got.NotRead; len(n) != 2 || n[0].Directory != "a" || n[0].Group != "x" || n[1].Directory != "b" || n[1].Group != "y" {
			t.Errorf("not read: %+v", n)
		}
	})
}
