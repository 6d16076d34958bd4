package storetest

import (
	"fmt"
	"testing"

	"github.com/daypass-dev/daypass/engine"
)

// heldIn records a hold of a run that looked at one directory, or at all.
func heldIn(t *testing.T, l engine.Ledger, digit int, d engine.Directory) engine.Hold {
	t.Helper()
	h := hold()
	h.Digest, h.Directory, h.Run = fmt.Sprintf("sha256:%064d", digit), d, engine.RunID(fmt.Sprintf("run-%d", digit))
	record(t, l, engine.Batch{Holds: []engine.Hold{h}})
	return h
}

func ended(t *testing.T, l engine.Ledger, e engine.Event) {
	t.Helper()
	e.At, e.Kind = Start(), engine.EventRunEnded
	record(t, l, engine.Batch{Events: []engine.Event{e}})
}

func heldNow(t *testing.T, w World, what string, want ...engine.Hold) {
	t.Helper()
	all, err := w.Ledger.Holds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	digests := func(hs []engine.Hold) map[string]engine.Directory {
		m := map[string]engine.Directory{}
		for _, h := range hs {
			m[h.Digest] = h.Directory
		}
		return m
	}
	equal(t, what, digests(all), digests(want))
}

// holdsOfTheirRun: what a run does not hold again is history, as far as the run
// looked.
func holdsOfTheirRun(t *testing.T, w World) {
	all := heldIn(t, w.Ledger, 1, "")
	corp := heldIn(t, w.Ledger, 2, "corp")
	okta := heldIn(t, w.Ledger, 3, "okta")
	heldNow(t, w, "of all runs", all, corp, okta)
	corp2 := heldIn(t, w.Ledger, 4, "corp")
	heldNow(t, w, "of another run of one directory", all, okta, corp2)

	ended(t, w.Ledger, engine.Event{Run: "run-5", Scope: "groups", Directory: "corp"})
	heldNow(t, w, "after a run of some groups", all, okta, corp2)
	ended(t, w.Ledger, engine.Event{Run: "run-6", Scope: "directory", Directory: "okta", Error: "no answer"})
	heldNow(t, w, "after a run that failed", all, okta, corp2)
	ended(t, w.Ledger, engine.Event{Run: "run-4", Scope: "directory", Directory: "corp"})
	heldNow(t, w, "after the run itself", all, okta, corp2)
	ended(t, w.Ledger, engine.Event{Run: "run-7", Scope: "directory", Directory: "corp"})
	heldNow(t, w, "after another of the directory", all, okta)
	ended(t, w.Ledger, engine.Event{Run: "run-1"})
	heldNow(t, w, "after a run of all", all)
	ended(t, w.Ledger, engine.Event{Run: "run-8"})
	heldNow(t, w, "after another of all")
}
