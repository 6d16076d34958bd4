package engine_test

import (
	"testing"
	"time"

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
