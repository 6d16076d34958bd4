package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

const digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"

func hold() engine.Hold {
	return engine.Hold{
		Digest: digest, PlanDigest: "sha256:2222222222222222222222222222222222222222222222222222222222222222",
		Run: "run-1", At: Start(),
		Changes: []engine.Change{{
			Op: engine.Remove, Why: engine.Withdrawn, Directory: "corp", Group: "prod-db", GroupID: group(1).ID,
			Member: engine.Member{ID: "m1", Login: "ada"}, Person: "ada@example.org", Held: true,
		}},
		Objections: []engine.Objection{{Limit: engine.LimitRemove, Group: "corp/prod-db", Value: 60, Allowed: 50, Message: "too many"}},
	}
}

// released records a hold and releases it until an hour after Start.
func released(t *testing.T, w World) engine.Release {
	t.Helper()
	record(t, w.Ledger, engine.Batch{Holds: []engine.Hold{hold()}})
	r := engine.Release{Digest: digest, By: "root", Reason: "CHG-1", At: Start(), Expires: Start().Add(time.Hour)}
	if err := w.Release(t.Context(), r); err != nil {
		t.Fatalf("release: %v", err)
	}
	return r
}

func find(t *testing.T, l engine.Ledger, digest string, now time.Time) *engine.Release {
	t.Helper()
	r, err := l.Release(t.Context(), digest, now)
	if err != nil {
		t.Fatalf("release %s: %v", digest, err)
	}
	return r
}

func noSuchRelease(t *testing.T, w World) {
	record(t, w.Ledger, engine.Batch{Holds: []engine.Hold{hold()}})
	if r := find(t, w.Ledger, digest, Start()); r != nil {
		t.Errorf("a hold that nobody released is released: %+v", r)
	}
	if err := w.Ledger.Record(t.Context(), engine.Batch{Spend: []engine.Spend{{Digest: digest, Run: "run-1"}}}); err == nil {
		t.Error("a release that was never given was spent")
	}
}

func releaseExpires(t *testing.T, w World) {
	if w.Release == nil {
		return
	}
	r := released(t, w)
	equal(t, "at once", find(t, w.Ledger, digest, Start()), &r)
	equal(t, "until the last instant", find(t, w.Ledger, digest, r.Expires.Add(-time.Microsecond)), &r)
	if late := find(t, w.Ledger, digest, r.Expires); late != nil {
		t.Errorf("still there when it expired: %+v", late)
	}
	if other := find(t, w.Ledger, hold().PlanDigest, Start()); other != nil {
		t.Errorf("the plan's digest lets through more than was held: %+v", other)
	}
}

// releasedOnce lets many runs go for one release at the same time.
func releasedOnce(t *testing.T, w World) {
	if w.Release == nil {
		return
	}
	released(t, w)
	ledgers := []engine.Ledger{w.Ledger}
	if w.Again != nil {
		ledgers = append(ledgers, w.Again(t))
	}
	var spent atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			run := engine.RunID(fmt.Sprintf("run-%d", i))
			err := ledgers[i%len(ledgers)].Record(t.Context(), engine.Batch{
				Spend:  []engine.Spend{{Digest: digest, Run: run}},
				Put:    []engine.Owned{owned(group(i), "m")},
				Events: []engine.Event{{At: Start(), Kind: engine.EventSpent, Run: run, Digest: digest}},
			})
			if err == nil {
				spent.Add(1)
			}
		})
	}
	wg.Wait()
	if spent.Load() != 1 {
		t.Errorf("used by %d runs, want 1", spent.Load())
	}
	if r := find(t, w.Ledger, digest, Start()); r != nil {
		t.Errorf("still there after its use: %+v", r)
	}
	groups, err := w.Ledger.Groups(t.Context())
	if err != nil || len(groups) != 1 {
		t.Errorf("%d runs wrote, %v; want 1", len(groups), err)
	}
}

// allOrNothing writes a batch whose last part cannot be written.
func allOrNothing(t *testing.T, w World) {
	o := owned(group(1), "m")
	record(t, w.Ledger, engine.Batch{Put: []engine.Owned{o}})
	err := w.Ledger.Record(t.Context(), engine.Batch{
		Put:      []engine.Owned{owned(group(2), "m")},
		Delete:   []engine.Membership{o.Key()},
		Readings: []engine.Reading{{Group: group(1), Members: 1, At: Start()}},
		Notice:   []engine.Notice{{Membership: o.Key(), At: Start()}},
		Events:   []engine.Event{{At: Start(), Kind: engine.EventHappened}},
		Spend:    []engine.Spend{{Digest: "sha256:none", Run: "run-1"}},
	})
	if err == nil {
		t.Fatal("a release that is not there was spent")
	}
	equal(t, "page", page(t, w.Ledger, group(1)), engine.Page{Owned: []engine.Owned{o}})
	equal(t, "page of the second", page(t, w.Ledger, group(2)), engine.Page{})
	if newest, err := w.Ledger.Newest(t.Context()); err != nil || !newest.IsZero() {
		t.Errorf("an event of the batch is there: %s, %v", newest, err)
	}
}

func eventsInOrder(t *testing.T, w World) {
	if w.Events == nil {
		return
	}
	yes := true
	due := Start().Add(time.Hour + time.Nanosecond)
	want := []engine.Event{
		{At: Start(), Kind: engine.EventRunStarted, Run: "run-1"},
		{
			At: Start().Add(-time.Hour), Kind: engine.EventHappened, Run: "run-1", Op: engine.Add, Why: engine.Starts,
			Directory: "corp", Group: `pro<d>-"db"` + "\n", GroupID: "g1", Member: &engine.Member{ID: "m", Login: "ada"},
			Person: "ada@example.org", Grants: []engine.Anchor{{Grant: "g", Until: due}}, Changed: &yes, Due: &due, Removed: &due,
			Error: "e", Digest: digest, Reason: "r", By: "root",
			Objected: []engine.Objection{{Limit: engine.LimitAdd, Value: 1}}, Counts: &engine.Counts{Added: 1},
		},
		{At: Start(), Kind: engine.EventRunEnded, Run: "run-1", Counts: &engine.Counts{Groups: 1}},
	}
	record(t, w.Ledger, engine.Batch{Events: want[:2]})
	record(t, w.Ledger, engine.Batch{Events: want[2:]})
	got, err := w.Events(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "events", got, want)
}

// partsReleased: a release of the whole lets each part through, once, in
// whichever run comes first.
func partsReleased(t *testing.T, w World) {
	if w.Release == nil {
		return
	}
	h := hold()
	h.Parts = []engine.Part{{Directory: "corp", Digest: "sha256:corp"}, {Directory: "okta", Digest: "sha256:okta"}}
	release := func() {
		t.Helper()
		record(t, w.Ledger, engine.Batch{Holds: []engine.Hold{h}})
		if err := w.Release(t.Context(), engine.Release{Digest: digest, By: "root", At: Start(), Expires: Start().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	open := func(what string, want ...string) {
		t.Helper()
		var got []string
		for _, d := range []string{digest, "sha256:corp", "sha256:okta"} {
			if find(t, w.Ledger, d, Start()) != nil {
				got = append(got, d)
			}
		}
		equal(t, what, got, want)
	}
	spend := func(digest string, run engine.RunID) error {
		return w.Ledger.Record(t.Context(), engine.Batch{Spend: []engine.Spend{{Digest: digest, Run: run}}})
	}
	release()
	open("released", digest, "sha256:corp", "sha256:okta")
	for range 2 {
		if err := spend("sha256:corp", "run-2"); err != nil {
			t.Fatal(err)
		}
	}
	open("after one part", "sha256:okta")
	if err := spend(digest, "run-3"); err == nil {
		t.Error("the whole went through after a part of it had")
	}
	if err := spend("sha256:okta", "run-4"); err != nil {
		t.Fatal(err)
	}
	open("after both parts")

	release()
	if err := spend(digest, "run-5"); err != nil {
		t.Fatal(err)
	}
	open("after the whole")
	if err := spend("sha256:okta", "run-6"); err == nil {
		t.Error("a part went through after the whole had")
	}
}
