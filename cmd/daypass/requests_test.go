package main

import (
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/api"
	"github.com/daypass-dev/daypass/internal/desk"
)

// Law 11: whoever waits in a terminal is told what a limit holds.
func TestHeldIsSaidInATerminal(t *testing.T) {
	t.Parallel()
	var r api.RequestDetail
	r.Grant = &api.Window{Until: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	r.Groups = []api.Membership{
		{Group: "corp/a", State: desk.NotYet, Note: "ada has no account in corp"},
		{Group: "corp/b", State: desk.Held, Note: "3 additions in corp/b, over the limit of 2"},
	}
	for state, want := range map[string]string{
		"active": "approved; a limit holds the addition: 3 additions in corp/b, over the limit of 2",
		"ended":  "ended; a limit holds the removal: 3 additions in corp/b, over the limit of 2",
	} {
		r.State = state
		if got := stateText(r); got != want {
			t.Errorf("%s: %q, want %q", state, got, want)
		}
	}
}
