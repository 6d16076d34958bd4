package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/audit"
	"github.com/daypass-dev/daypass/internal/store/storetest"
)

// happenings are n events of all kinds, oldest first.
func happenings(n int) []engine.Event {
	kinds := []engine.EventKind{engine.EventRequested, engine.EventGranted, engine.EventConfirmed}
	all := make([]engine.Event, n)
	for i := range all {
		all[i] = engine.Event{
			At: storetest.Start().Add(time.Duration(i) * time.Second), Kind: kinds[i%3],
			Person: engine.Person(fmt.Sprintf("p%d@example.org", i%5)), By: fmt.Sprintf("p%d@example.org", i%7), Request: fmt.Sprint("r", i%11),
		}
		switch {
		case i%13 == 0:
			all[i].Request, all[i].Grants = "", []engine.Anchor{{Grant: "r1"}, {Grant: "r2"}, {Grant: "r2"}}
		case i%17 == 0:
			all[i].Person, all[i].By = "o\"d%_\x00d@example.org", "machine ci"
		}
	}
	return all
}

// searches are of every kind, alone and together.
func searches() (all []audit.Search) {
	for _, kind := range []engine.EventKind{"", engine.EventGranted, "none"} {
		for _, person := range []engine.Person{"", "p1@example.org", "P1@example.org", "o\"d%_\x00d@example.org", "machine ci"} {
			for _, request := range []string{"", "r1", "r2", "r"} {
				for _, before := range []int64{0, 1, 150} {
					all = append(all, audit.Search{Before: before, Kind: kind, Person: person, Request: request, Limit: 20})
				}
			}
		}
	}
	return all
}

// found is a search in Go.
func found(q audit.Search, events []engine.Event) (seqs []int64) {
	for i, e := range slices.Backward(events) {
		seq := int64(i + 1)
		of := e.Request == q.Request || slices.ContainsFunc(e.Grants, func(a engine.Anchor) bool { return string(a.Grant) == q.Request })
		if len(seqs) < q.Limit && (q.Before == 0 || seq < q.Before) && (q.Kind == "" || q.Kind == e.Kind) &&
			(q.Person == "" || q.Person == e.Person || string(q.Person) == e.By) && (q.Request == "" || of) {
			seqs = append(seqs, seq)
		}
	}
	return seqs
}

func searchAll(t *testing.T, what string, s *Store, events []engine.Event) {
	t.Helper()
	some := 0
	for _, q := range searches() {
		rs, err := s.Search(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, r := range rs {
			got = append(got, r.Seq)
		}
		want := found(q, events)
		if some += bit(len(want) > 0); !slices.Equal(got, want) {
			t.Errorf("%s: %+v: got %v, want %v", what, q, got, want)
		}
	}
	if some < len(searches())/5 {
		t.Errorf("%d searches find anything: they test too little", some)
	}
	verified(t, s)
}

// TestSearch: a search finds what a walk through all of the log finds.
func TestSearch(t *testing.T) { onEach(t, testSearch) }

func testSearch(t *testing.T, at place) {
	s := at.open(t)
	events := happenings(300)
	for piece := range slices.Chunk(events, 70) {
		if err := s.Record(t.Context(), engine.Batch{Events: piece}); err != nil {
			t.Fatal(err)
		}
	}
	searchAll(t, "all", s, events)
}

// TestSearchOfOlder: what an older daypass wrote is found as well: before the
// store was brought up to date, and beside this daypass.
func TestSearchOfOlder(t *testing.T) { onEach(t, testSearchOfOlder) }

func testSearchOfOlder(t *testing.T, at place) {
	s := at.open(t)
	events := happenings(mostFilled + 100)
	record := func(some []engine.Event) {
		t.Helper()
		if err := s.Record(t.Context(), engine.Batch{Events: some}); err != nil {
			t.Fatal(err)
		}
	}
	first, second := events[:mostFilled+40], events[mostFilled+40:]
	record(first)
	at.exec(t, "DELETE FROM event_words; DELETE FROM counters")
	s = at.open(t)
	searchAll(t, "opened", s, first)
	at.exec(t, fmt.Sprintf("DELETE FROM event_words WHERE seq > %d; UPDATE counters SET value = %[1]d", mostFilled-20))
	record(second)
	searchAll(t, "beside it", s, events)
}

// TestSearchBeyondDamage: an event that cannot be read keeps nobody from writing,
// opening, and finding others.
func TestSearchBeyondDamage(t *testing.T) { onEach(t, testSearchBeyondDamage) }

func testSearchBeyondDamage(t *testing.T, at place) {
	s := at.open(t)
	events := happenings(20)
	if err := s.Record(t.Context(), engine.Batch{Events: events}); err != nil {
		t.Fatal(err)
	}
	at.exec(t, "DELETE FROM event_words; DELETE FROM counters; UPDATE events SET body = '{' WHERE seq IN (3, 20)")
	s = at.open(t)
	if err := s.Record(t.Context(), engine.Batch{Events: happenings(1)}); err != nil {
		t.Fatal(err)
	}
	rs, err := s.Search(t.Context(), audit.Search{Request: "r1", Limit: 9})
	if err != nil || len(rs) != 5 || rs[0].Seq != 21 {
		t.Errorf("found %d, %v; want 5", len(rs), err)
	}
	if _, err := s.Search(t.Context(), audit.Search{Limit: 9}); err == nil || !strings.Contains(err.Error(), "20") {
		t.Errorf("got %v; want to be told of event 20", err)
	}
}

// TestDecidedOfOlder: who decided on requests that an older daypass wrote is found
// once the store is open, whatever cannot be read.
func TestDecidedOfOlder(t *testing.T) { onEach(t, testDecidedOfOlder) }

func testDecidedOfOlder(t *testing.T, at place) {
	s := at.open(t)
	all := assorted(60)
	if err := s.SaveRequests(t.Context(), all, nil, nil); err != nil {
		t.Fatal(err)
	}
	at.exec(t, "DELETE FROM request_deciders; UPDATE requests SET listed = 0; UPDATE requests SET body = '{' WHERE id = 'r00003'")
	s = at.open(t)
	for _, boss := range []engine.Person{"boss@example.org", "chief@example.org"} {
		var want []access.Request
		for _, r := range slices.Backward(all) {
			if slices.Contains(r.Deciders(), boss) && r.ID != "r00003" {
				want = append(want, r)
			}
		}
		p, err := s.Requests(t.Context(), RequestQuery{Decided: boss, Limit: 500})
		if err != nil || ids(p.Requests) != ids(want) || len(want) == 0 {
			t.Errorf("%s decided\n%s, %v\nwant\n%s", boss, ids(p.Requests), err, ids(want))
		}
	}
}
