package store

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/store/storetest"
)

func wish(reason string) HandGrant {
	return HandGrant{Person: "ada@example.org", Target: "corp/prod-db", Until: storetest.Start().Add(8 * time.Hour), Reason: reason}
}

func add(t *testing.T, s *Store, g HandGrant) HandGrant {
	t.Helper()
	g, err := s.AddGrant(t.Context(), g, "root", storetest.Start())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestAddGrant(t *testing.T) { onEach(t, testAddGrant) }

func testAddGrant(t *testing.T, at place) {
	s := at.open(t)
	got := add(t, s, wish("CHG-1"))
	want := wish("CHG-1")
	want.From, want.At, want.By = storetest.Start(), storetest.Start(), "root"
	want.ID = engine.DeriveGrantID(want.Person, want.Target, want.From, want.Reason)
	same(t, "added", got, want)
	all, err := s.Grants(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "listed", all, []HandGrant{want})
	if _, err := s.AddGrant(t.Context(), wish("CHG-1"), "root", storetest.Start()); !errors.Is(err, ErrState) {
		t.Errorf("the same twice: got %v, want %v", err, ErrState)
	}
}

func TestAddGrantThatNeverBegins(t *testing.T) { onEach(t, testAddGrantThatNeverBegins) }

func testAddGrantThatNeverBegins(t *testing.T, at place) {
	s := at.open(t)
	over, empty := wish("over"), wish("empty")
	over.From, over.Until = storetest.Start().Add(-2*time.Hour), storetest.Start()
	empty.From = empty.Until
	for _, g := range []HandGrant{over, empty} {
		if _, err := s.AddGrant(t.Context(), g, "root", storetest.Start()); err == nil || !strings.Contains(err.Error(), "before it begins") {
			t.Errorf("%s: got %v", g.Reason, err)
		}
	}
	if head := verified(t, s); head.Seq != 0 {
		t.Errorf("%d events of grants that were refused", head.Seq)
	}
}

func TestRevokeStaysOnRecord(t *testing.T) { onEach(t, testRevokeStaysOnRecord) }

func testRevokeStaysOnRecord(t *testing.T, at place) {
	s := at.open(t)
	g := add(t, s, wish("CHG-1"))
	noon := storetest.Start().Add(3 * time.Hour)
	if !g.End().Equal(g.Until) {
		t.Errorf("ends %s, want %s", g.End(), g.Until)
	}
	got, err := s.Revoke(t.Context(), g.ID[:6], "boss", "left", noon)
	if err != nil {
		t.Fatal(err)
	}
	g.RevokedAt, g.RevokedBy, g.RevokeReason = noon, "boss", "left"
	same(t, "revoked", got, g)
	if !got.End().Equal(noon) {
		t.Errorf("ends %s, want %s", got.End(), noon)
	}
	all, err := s.Grants(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "on record", all, []HandGrant{g})
	if _, err := s.Revoke(t.Context(), g.ID, "boss", "again", noon); !errors.Is(err, ErrState) || !strings.Contains(err.Error(), "boss") {
		t.Errorf("revoked twice: got %v, want %v by whom", err, ErrState)
	}
	if _, err := s.Extend(t.Context(), g.ID, g.Until.Add(time.Hour), "boss", "", noon); !errors.Is(err, ErrState) {
		t.Errorf("extended after revocation: got %v, want %v", err, ErrState)
	}
}

func TestExtendOpensNoGap(t *testing.T) { onEach(t, testExtendOpensNoGap) }

func testExtendOpensNoGap(t *testing.T, at place) {
	s := at.open(t)
	g := add(t, s, wish("CHG-1"))
	later := g.Until.Add(time.Hour)
	if _, err := s.Extend(t.Context(), g.ID, g.Until, "root", "", storetest.Start()); !errors.Is(err, ErrState) {
		t.Errorf("no later than before: got %v, want %v", err, ErrState)
	}
	if _, err := s.Extend(t.Context(), g.ID, later, "root", "", g.Until); !errors.Is(err, ErrState) {
		t.Errorf("when it was over: got %v, want %v", err, ErrState)
	}
	got, err := s.Extend(t.Context(), g.ID, later, "root", "not done", g.Until.Add(-time.Microsecond))
	if err != nil || !got.End().Equal(later) {
		t.Errorf("ends %s, %v; want %s", got.End(), err, later)
	}
}

func TestGrantByPrefix(t *testing.T) { onEach(t, testGrantByPrefix) }

func testGrantByPrefix(t *testing.T, at place) {
	s := at.open(t)
	for _, id := range []engine.GrantID{"gabcd1", "gabcd2", "gabcd"} {
		g := wish(string(id))
		g.ID = id
		add(t, s, g)
	}
	for typed, want := range map[engine.GrantID]engine.GrantID{"gabcd1": "gabcd1", "gabcd": "gabcd"} {
		if g, err := s.Grant(t.Context(), typed); err != nil || g.ID != want {
			t.Errorf("%s: got %s, %v; want %s", typed, g.ID, err, want)
		}
	}
	_, err := s.Grant(t.Context(), "gabc")
	if !errors.Is(err, ErrAmbiguous) || !strings.Contains(err.Error(), "gabcd, gabcd1, gabcd2") {
		t.Errorf("got %v, want %v with all three", err, ErrAmbiguous)
	}
	for _, none := range []engine.GrantID{"", "gab", "gxyz1", "g%%%", "____"} {
		if g, err := s.Grant(t.Context(), none); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: got %s, %v; want %v", none, g.ID, err, ErrNotFound)
		}
	}
}

// TestGeneration: whoever waits for grants and releases need only look at one
// number.
func TestGeneration(t *testing.T) { onEach(t, testGeneration) }

func testGeneration(t *testing.T, at place) {
	s := at.open(t)
	last := int64(-1)
	grown := func(what string, want bool) {
		t.Helper()
		n, err := s.Generation(t.Context())
		if err != nil || (n > last) != want {
			t.Errorf("%s: generation %d after %d, %v; want it greater: %t", what, n, last, err, want)
		}
		last = n
	}
	grown("new", true)
	g := add(t, s, wish("CHG-1"))
	grown("granted", true)
	if _, err := s.Extend(t.Context(), g.ID, g.Until.Add(time.Hour), "root", "", storetest.Start()); err != nil {
		t.Fatal(err)
	}
	grown("extended", true)
	if _, err := s.Revoke(t.Context(), g.ID, "root", "", storetest.Start()); err != nil {
		t.Fatal(err)
	}
	grown("revoked", true)
	if _, err := s.Revoke(t.Context(), g.ID, "root", "", storetest.Start()); err == nil {
		t.Fatal("revoked twice")
	}
	grown("refused", false)
	h := held(t, s, "run-1", "a", "b")
	grown("held", false)
	if _, err := s.AddRelease(t.Context(), release(h.Digest)); err != nil {
		t.Fatal(err)
	}
	grown("released", true)
}

func TestGrantEvents(t *testing.T) { onEach(t, testGrantEvents) }

func testGrantEvents(t *testing.T, at place) {
	s := at.open(t)
	start := storetest.Start()
	g := add(t, s, wish("CHG-1"))
	resource := wish("CHG-2")
	resource.Target, resource.IsResource = "prod-db", true
	r := add(t, s, resource)
	if _, err := s.Extend(t.Context(), g.ID, start.Add(9*time.Hour), "boss", "more", start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Revoke(t.Context(), g.ID, "boss", "enough", start.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	got, err := events(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	event := func(at time.Duration, kind engine.EventKind, by, reason string, until time.Duration) engine.Event {
		return engine.Event{
			At: start.Add(at), Kind: kind, By: by, Reason: reason, Person: "ada@example.org",
			Directory: "corp", Group: "prod-db", Grants: []engine.Anchor{{Grant: g.ID, Until: start.Add(until)}},
		}
	}
	want := []engine.Event{
		event(0, engine.EventGranted, "root", "CHG-1", 8*time.Hour),
		event(0, engine.EventGranted, "root", "CHG-2", 8*time.Hour),
		event(time.Hour, engine.EventExtended, "boss", "more", 9*time.Hour),
		event(2*time.Hour, engine.EventRevoked, "boss", "enough", 2*time.Hour),
	}
	want[1].Directory, want[1].Grants[0].Grant = "", r.ID
	same(t, "events", got, want)
	verified(t, s)
}
