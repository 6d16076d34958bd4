package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// TestALookAtSomeGroupsSaysWhatIsHeld: as long as it is, and of nothing else.
func TestALookAtSomeGroupsSaysWhatIsHeld(t *testing.T) {
	t.Parallel()
	w, _ := heldWorld(t)
	w.grant("g-new", "new", 10)
	look := func() (held, free int) {
		t.Helper()
		res, err := engine.New(w.cfg).InspectIn(context.Background(), engine.Scope{Directory: "corp", Names: []string{"admins"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		held = len(res.Plan.HeldChanges())
		return held, len(res.Plan.Changes) - held
	}
	if held, free := look(); held != 6 || free != 1 {
		t.Errorf("%d are held, and %d are not; want 6 and 1", held, free)
	}
	w.ledger.open = nil
	if held, free := look(); held != 0 || free != 7 {
		t.Errorf("nothing is on record, and %d are held, and %d are not", held, free)
	}
}

// mute is a directory that answers nothing.
type mute struct{ *memory.Directory }

func (mute) Time(ctx context.Context) (time.Time, error) {
	<-ctx.Done()
	return time.Time{}, ctx.Err()
}

func (mute) Group(ctx context.Context, _ string) (engine.GroupInfo, error) {
	<-ctx.Done()
	return engine.GroupInfo{}, ctx.Err()
}

// TestALookWaitsTwiceForADirectoryThatHangs: and tells of the others.
func TestALookWaitsTwiceForADirectoryThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		w.grant("g1", "ada", 1)
		w.cfg.Directories["lab"] = mute{memory.New("lab")}
		for _, name := range []string{"a", "b"} {
			w.cfg.Groups[engine.GroupRef{Directory: "lab", Name: name}] = engine.Rules{}
		}
		seen, began := 0, time.Now()
		res, err := engine.New(w.cfg).Inspect(t.Context(), func(engine.GroupView, engine.Plan) { seen++ })
		if took := time.Since(began); err != nil || seen != 1 || took != 20*time.Second {
			t.Errorf("after %s, %d groups, %v", took, seen, err)
		}
		if len(res.Plan.Problems) != 1 || res.Plan.Problems[0].Kind != engine.DirectoryDown || res.Plan.Problems[0].Directory != "lab" {
			t.Errorf("it tells of %+v", res.Plan.Problems)
		}
	})
}
