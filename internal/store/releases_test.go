package store

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/store/storetest"
)

// held records a hold whose digests are made of one digit each.
func held(t *testing.T, s *Store, run engine.RunID, own, plan string) engine.Hold {
	t.Helper()
	h := engine.Hold{
		Digest: "sha256:" + strings.Repeat(own, 64), PlanDigest: "sha256:" + strings.Repeat(plan, 64), Run: run,
		At:         storetest.Start(),
		Objections: []engine.Objection{{Limit: engine.LimitRemove, Value: 60, Allowed: 50}},
	}
	if err := s.Record(t.Context(), engine.Batch{Holds: []engine.Hold{h}}); err != nil {
		t.Fatal(err)
	}
	return h
}

func release(digest string) engine.Release {
	return engine.Release{Digest: digest, By: "boss", Reason: "planned", At: storetest.Start(), Expires: storetest.Start().Add(time.Hour)}
}

func TestReleaseByAnyDigest(t *testing.T) { onEach(t, testReleaseByAnyDigest) }

func testReleaseByAnyDigest(t *testing.T, at place) {
	s := at.open(t)
	h := held(t, s, "run-1", "a", "b")
	held(t, s, "run-2", "ac", "d")
	for _, typed := range []string{h.Digest, h.PlanDigest, "sha256:aaaa", "bbbb", " SHA256:AAAA "} {
		r, err := s.AddRelease(t.Context(), release(typed))
		if err != nil || r.Digest != h.Digest {
			t.Errorf("%s: got %s, %v; want %s", typed, r.Digest, err, h.Digest)
		}
	}
	got, err := s.Release(t.Context(), h.Digest, storetest.Start())
	if err != nil {
		t.Fatal(err)
	}
	want := release(h.Digest)
	same(t, "release", got, &want)
	all, err := events(t.Context(), s)
	if err != nil || len(all) != 5 {
		t.Fatalf("%d events, %v; want 5", len(all), err)
	}
	same(t, "event", all[0], engine.Event{
		At: want.At, Kind: engine.EventReleased, Run: h.Run, By: "boss", Digest: h.Digest,
		Reason: "planned", Objected: h.Objections, Due: &want.Expires,
	})
}

func TestReleaseUnknown(t *testing.T) { onEach(t, testReleaseUnknown) }

func testReleaseUnknown(t *testing.T, at place) {
	s := at.open(t)
	_, err := s.AddRelease(t.Context(), release("sha256:1234"))
	if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "nothing is held") {
		t.Errorf("got %v, want %v and that nothing is held", err, ErrNotFound)
	}
	h := held(t, s, "run-1", "ab", "c")
	_, err = s.AddRelease(t.Context(), release("sha256:1234"))
	if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), h.Digest) {
		t.Errorf("got %v, want %v and what is held", err, ErrNotFound)
	}
	if _, err = s.AddRelease(t.Context(), release("sha256:aba")); !errors.Is(err, ErrNotFound) {
		t.Errorf("three digits: got %v, want %v", err, ErrNotFound)
	}
	other := held(t, s, "run-2", "d", "ab")
	_, err = s.AddRelease(t.Context(), release("abab"))
	if !errors.Is(err, ErrAmbiguous) || !strings.Contains(err.Error(), h.Digest) || !strings.Contains(err.Error(), other.Digest) {
		t.Errorf("got %v, want %v and both", err, ErrAmbiguous)
	}
	late := release(h.Digest)
	late.Expires = late.At
	if _, err := s.AddRelease(t.Context(), late); err == nil {
		t.Error("a release that expires at once was taken")
	}
	if head := verified(t, s); head.Seq != 0 {
		t.Errorf("%d events of releases that were refused", head.Seq)
	}
}

func TestSpentOnce(t *testing.T) { onEach(t, testSpentOnce) }

func testSpentOnce(t *testing.T, at place) {
	s := at.open(t)
	h := held(t, s, "run-1", "a", "b")
	if _, err := s.AddRelease(t.Context(), release(h.Digest)); err != nil {
		t.Fatal(err)
	}
	spend := func(run engine.RunID) error {
		return s.Record(t.Context(), engine.Batch{Spend: []engine.Spend{{Digest: h.Digest, Run: run}}})
	}
	for range 2 { // a run that writes a batch again has not used it twice
		if err := spend("run-2"); err != nil {
			t.Fatal(err)
		}
	}
	if err := spend("run-3"); !errors.Is(err, ErrSpent) || !strings.Contains(err.Error(), "run-2") {
		t.Errorf("got %v, want %v and by whom", err, ErrSpent)
	}
	openHolds(t, s)
	// Held again, and released again: a new go-ahead.
	held(t, s, "run-4", "a", "b")
	if _, err := s.AddRelease(t.Context(), release(h.Digest)); err != nil {
		t.Fatal(err)
	}
	if err := spend("run-5"); err != nil {
		t.Error(err)
	}
}

func openHolds(t *testing.T, s *Store, want ...engine.Hold) {
	t.Helper()
	got, err := s.Holds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "open holds", got, want)
}

func TestHoldsOfTheLastRun(t *testing.T) { onEach(t, testHoldsOfTheLastRun) }

func testHoldsOfTheLastRun(t *testing.T, at place) {
	s := at.open(t)
	end := func(run engine.RunID, failure string) {
		t.Helper()
		// A doubtful listing is held without a change being held.
		ended := engine.Event{At: storetest.Start(), Kind: engine.EventRunEnded, Run: run, Error: failure, Counts: &engine.Counts{Held: 0}}
		if err := s.Record(t.Context(), engine.Batch{Events: []engine.Event{ended}}); err != nil {
			t.Fatal(err)
		}
	}
	first := held(t, s, "run-1", "a", "b")
	end("run-1", "")
	openHolds(t, s, first)
	second := held(t, s, "run-2", "c", "d")
	openHolds(t, s, second)
	end("run-2", "")
	openHolds(t, s, second)
	end("run-3", "the store is full") // it did not come to say what it holds
	openHolds(t, s, second)
	end("run-4", "")
	openHolds(t, s)
	again := held(t, s, "run-5", "a", "b")
	end("run-5", "")
	openHolds(t, s, again)
}

func TestHoldsNewestFirst(t *testing.T) { onEach(t, testHoldsNewestFirst) }

func testHoldsNewestFirst(t *testing.T, at place) {
	s := at.open(t)
	old := engine.Hold{Digest: "sha256:1", At: storetest.Start()}
	fresh := engine.Hold{Digest: "sha256:2", At: storetest.Start().Add(time.Hour)}
	if err := s.Record(t.Context(), engine.Batch{Holds: []engine.Hold{old, fresh}}); err != nil {
		t.Fatal(err)
	}
	openHolds(t, s, fresh, old)
}
