package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// A result tells what was changed, and nothing that was only planned: a member
// who was there already makes no difference.
func TestResultTellsWhatWasDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada", "bob")
	w.dir.Put(w.admins, w.ids["bob"])
	w.grant("g1", "ada", 1)
	w.grant("g2", "bob", 1)
	if got := w.run().Done; len(got) != 1 || got[0].Change.Op != engine.Add || got[0].Change.Grant != "g1" || !got[0].At.Equal(w.now) || got[0].Lag() != 0 {
		t.Errorf("ada was added: %+v", got)
	}
	w.pass(90 * time.Minute)
	if got := w.run().Done; len(got) != 1 || got[0].Change.Op != engine.Remove || got[0].Lag() != 30*time.Minute {
		t.Errorf("ada was removed half an hour late: %+v", got)
	}
	if got := w.run().Done; len(got) != 0 {
		t.Errorf("nothing was left to do: %+v", got)
	}
}

// minute is a directory that takes a minute for each group.
type minute struct {
	*memory.Directory
	w *world
}

func (m minute) Change(ctx context.Context, g engine.GroupID, add, remove []engine.Member) (added, removed []engine.Effect) {
	m.w.pass(time.Minute)
	return m.Directory.Change(ctx, g, add, remove)
}

// The lag of a membership goes by when its own group was answered for, not by
// that of the slowest one beside it.
func TestLagIsThatOfTheOwnAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.group("dev")
	w.group("ops")
	w.cfg.Directories["corp"] = minute{w.dir, w}
	for _, group := range []string{"admins", "dev", "ops"} {
		w.grantIn("g-"+group, "ada", "corp", group, 1)
	}
	w.run()
	w.pass(morning.Add(time.Hour).Sub(w.now))
	got := w.run().Done
	if len(got) != 3 {
		t.Fatalf("done: %+v", got)
	}
	for i, d := range got { // one after the other, as the groups are sorted
		if want := time.Duration(i+1) * time.Minute; d.Lag() != want {
			t.Errorf("%s: lag %s, want %s", d.Change.Group, d.Lag(), want)
		}
	}
}
