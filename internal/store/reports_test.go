package store

import (
	"errors"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/audit"
	"github.com/daypass-dev/daypass/internal/store/storetest"
	"github.com/google/go-cmp/cmp"
)

func hour(n int) time.Time { return storetest.Start().Add(time.Duration(n) * time.Hour) }

func TestPastFilter(t *testing.T) { onEach(t, testPastFilter) }

func testPastFilter(t *testing.T, at place) {
	s := at.open(t)
	past := func(name string, g int, p engine.Person, added, removed, confirmed time.Time) engine.Past {
		return engine.Past{GroupName: name, Group: numbered(g), Person: p, Added: added, Removed: removed, Confirmed: confirmed}
	}
	if err := s.Record(t.Context(), engine.Batch{Past: []engine.Past{
		past("early", 1, "ada@example.org", hour(0), hour(2), hour(3)),
		past("late", 1, "eve@example.org", hour(4), hour(6), hour(7)),
		past("by others", 2, "ada@example.org", hour(0), time.Time{}, hour(5)),
	}}); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		filter Filter
		want   []string
	}{
		"all":              {Filter{}, []string{"early", "late", "by others"}},
		"group":            {Filter{Group: numbered(1)}, []string{"early", "late"}},
		"person":           {Filter{Person: "ada@example.org"}, []string{"early", "by others"}},
		"both":             {Filter{Group: numbered(2), Person: "eve@example.org"}, nil},
		"since":            {Filter{Since: hour(3)}, []string{"late", "by others"}},
		"since, confirmed": {Filter{Since: hour(6)}, []string{"late"}},
		"until":            {Filter{Until: hour(4)}, []string{"early", "by others"}},
		"between":          {Filter{Person: "ada@example.org", Since: hour(3), Until: hour(4)}, []string{"by others"}},
	} {
		var got []string
		for _, p := range gather(t, s.Past(t.Context(), test.filter)) {
			got = append(got, p.GroupName)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestLiveFilter(t *testing.T) { onEach(t, testLiveFilter) }

func testLiveFilter(t *testing.T, at place) {
	s := at.open(t)
	entry := func(g int, m engine.MemberID, p engine.Person) engine.Owned {
		return engine.Owned{Group: numbered(g), Member: engine.Member{ID: m}, Person: p}
	}
	a, b, c := entry(1, "a", "ada@example.org"), entry(1, "b", "eve@example.org"), entry(2, "a", "ada@example.org")
	if err := s.Record(t.Context(), engine.Batch{Put: []engine.Owned{c, b, a}}); err != nil {
		t.Fatal(err)
	}
	same(t, "all", gather(t, s.Live(t.Context(), Filter{})), []engine.Owned{a, b, c})
	same(t, "group", gather(t, s.Live(t.Context(), Filter{Group: numbered(1)})), []engine.Owned{a, b})
	same(t, "person", gather(t, s.Live(t.Context(), Filter{Person: "ada@example.org"})), []engine.Owned{a, c})
}

func TestRuns(t *testing.T) { onEach(t, testRuns) }

func testRuns(t *testing.T, at place) {
	s := at.open(t)
	counts := &engine.Counts{Groups: 3, Added: 2}
	for _, e := range []engine.Event{
		{At: hour(0), Kind: engine.EventRunStarted, Run: "run-1"},
		{At: hour(1), Kind: engine.EventRunEnded, Run: "run-1", Counts: counts},
		{At: hour(2), Kind: engine.EventRunStarted, Run: "run-2"}, // killed
		{At: hour(3), Kind: engine.EventRunStarted, Run: "run-3"},
		{At: hour(4), Kind: engine.EventRunEnded, Run: "run-3", Error: "the grants could not be read"},
	} {
		if err := s.Record(t.Context(), engine.Batch{Events: []engine.Event{e}}); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "runs", gather(t, s.Runs(t.Context())), []Run{
		{ID: "run-3", Started: hour(3), Ended: hour(4), Error: "the grants could not be read"},
		{ID: "run-2", Started: hour(2)},
		{ID: "run-1", Started: hour(0), Ended: hour(1), Counts: counts},
	})
}

func TestEventsAfter(t *testing.T) { onEach(t, testEventsAfter) }

func testEventsAfter(t *testing.T, at place) {
	s := at.open(t)
	if err := s.Record(t.Context(), bigBatch(1, 5)); err != nil {
		t.Fatal(err)
	}
	after := gather(t, s.Events(t.Context(), 3))
	if len(after) != 2 || after[0].Seq != 4 || after[1].Seq != 5 {
		t.Errorf("got %d records, want those of 4 and 5", len(after))
	}
	head, err := s.Head(t.Context())
	if err != nil || head != after[1].Head() {
		t.Errorf("head %s, %v; want %s", head, err, after[1].Head())
	}
	for range s.Events(t.Context(), 0) {
		break // and nothing is left open: Close waits for it
	}
}

// TestWhileReading uses the store inside every kind of iterator, deeper than
// connections are kept.
func TestWhileReading(t *testing.T) { onEach(t, testWhileReading) }

func testWhileReading(t *testing.T, at place) {
	s := at.open(t)
	if err := s.Record(t.Context(), bigBatch(1, 2)); err != nil {
		t.Fatal(err)
	}
	var nest func(depth int)
	nest = func(depth int) {
		for _, err := range s.Live(t.Context(), Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			if depth > 0 {
				nest(depth - 1)
				return
			}
			if err := s.Record(t.Context(), bigBatch(2, 1)); err != nil {
				t.Fatal(err)
			}
			if p, err := s.Page(t.Context(), numbered(2)); err != nil || len(p.Owned) != 1 {
				t.Fatalf("%d entries, %v; want 1", len(p.Owned), err)
			}
			return
		}
	}
	nest(2 * readers)
}

// TestTampering changes the database behind the store's back.
func TestTampering(t *testing.T) { onEach(t, testTampering) }

func testTampering(t *testing.T, at place) {
	for statement, want := range map[string]audit.BrokenError{
		`UPDATE events SET body = replace(body, 'ada@', 'eve@') WHERE seq = 4`:           {Seq: 4, Fault: audit.Changed},
		`UPDATE events SET hash = 'x' WHERE seq = 4`:                                     {Seq: 4, Fault: audit.Changed},
		`UPDATE events SET at = at + 1 WHERE seq = 4`:                                    {Seq: 4, Fault: audit.Changed},
		`DELETE FROM events WHERE seq = 4`:                                               {Seq: 4, Fault: audit.Gap},
		`DELETE FROM events WHERE seq < 4`:                                               {Seq: 1, Fault: audit.CutHead},
		`DELETE FROM events WHERE seq > 4`:                                               {Seq: 5, Fault: audit.CutTail},
		`UPDATE events SET seq = 100 WHERE seq = 4`:                                      {Seq: 4, Fault: audit.Gap},
		`INSERT INTO events SELECT 9, at, body, hash FROM events WHERE seq = 8`:          {Seq: 9, Fault: audit.Changed},
		`UPDATE events SET body = (SELECT body FROM events WHERE seq = 5) WHERE seq = 4`: {Seq: 4, Fault: audit.Changed},
		`UPDATE events SET seq = -seq; UPDATE events SET seq = 9 + seq`:                  {Seq: 1, Fault: audit.Changed},
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			at := at.fresh(t)
			s := at.open(t)
			b := bigBatch(1, 8)
			for i := range b.Events {
				b.Events[i].Due = new(hour(i))
			}
			if err := s.Record(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			head := verified(t, s)
			at.exec(t, statement)
			_, err := audit.Verify(s.Events(t.Context(), 0), &head)
			var broken *audit.BrokenError
			if !errors.As(err, &broken) || broken.Seq != want.Seq || broken.Fault != want.Fault {
				t.Errorf("got %v, want event %d %s", err, want.Seq, want.Fault)
			}
		})
	}
}
