package web_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/desk"
)

// TestAuditFindsEverythingOnce: whatever is looked for, and however far back it
// lies, page after page shows each event that fits once, the newest first.
func TestAuditFindsEverythingOnce(t *testing.T) {
	t.Parallel()
	r := open(t)
	var events []engine.Event
	for i := range 3000 {
		e := engine.Event{At: start().Add(time.Duration(i) * time.Second), Kind: engine.EventRequested, Person: at("ada"), By: "ada@example.org", Request: fmt.Sprint("r", i%1000)}
		switch {
		case i%7 == 0:
			e.Kind = engine.EventConfirmed
		case i%11 == 0:
			e.Person, e.By = `o"hara@example.org`, "machine ci"
		case i == 5:
			e = engine.Event{At: start(), Kind: engine.EventGranted, Grants: []engine.Anchor{{Grant: "rgrant"}}}
		}
		events = append(events, e)
	}
	if err := r.store.Record(t.Context(), engine.Batch{Events: events}); err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]desk.AuditQuery{
		"all": {}, "a kind": {Kind: engine.EventConfirmed}, "a person": {Person: at("ada"), Limit: 30}, "an odd person": {Person: `o"hara@example.org`},
		"a request": {Request: "r6"}, "a grant": {Request: "rgrant"}, "by a machine": {Person: "machine ci"}, "nothing": {Request: "rnone"}, "two": {Request: "r14", Kind: engine.EventConfirmed},
	} {
		var want, got []int64
		for i, e := range slices.Backward(events) {
			anchored := len(e.Grants) > 0 && string(e.Grants[0].Grant) == q.Request
			if (q.Kind == "" || e.Kind == q.Kind) && (q.Person == "" || e.Person == q.Person || e.By == string(q.Person)) && (q.Request == "" || e.Request == q.Request || anchored) {
				want = append(want, int64(i+1))
			}
		}
		for pages := 0; pages < 200; pages++ {
			found, next, err := r.desk.Audit(t.Context(), as("dan"), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range found {
				got = append(got, e.Seq)
			}
			if q.Before = next; next == 0 {
				break
			}
		}
		if !slices.Equal(got, want) || name != "nothing" && len(want) == 0 {
			t.Errorf("%s: found %d, want %d", name, len(got), len(want))
		}
	}
}
