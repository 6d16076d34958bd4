package main

import (
	"strings"
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
	groups := []api.Membership{
		{Group: "corp/a", State: desk.NotYet, Note: "ada has no account in corp"},
		{Group: "corp/b", State: desk.Held, Note: "3 additions in corp/b, over the limit of 2"},
	}
	r.Held = groups[1].Note
	for state, want := range map[string]string{
		"active": "approved; held by a limit: 3 additions in corp/b, over the limit of 2",
		"ended":  "ended; removal held by a limit: 3 additions in corp/b, over the limit of 2",
	} {
		r.State = state
		for _, r.Groups = range [][]api.Membership{groups, nil} { // a list has no groups
			if got := stateText(r); got != want {
				t.Errorf("%s: %q, want %q", state, got, want)
			}
		}
	}
}

// What is not there yet is not said to be active where that is known.
func TestNotThereYetIsSaidInATerminal(t *testing.T) {
	t.Parallel()
	var r api.RequestDetail
	r.State, r.Grant = "active", &api.Window{Until: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	r.Groups = []api.Membership{{Group: "corp/a", State: desk.NotYet}}
	if got := stateText(r); !strings.HasPrefix(got, "approved; not there yet, until ") {
		t.Errorf("it says %q", got)
	}
}
