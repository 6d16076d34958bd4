package store

import (
	"context"
	"errors"
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
		all = append(all, since(audit.Search{Kind: kind, Limit: 20})...)
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

// since is a search of what is not older than some times.
func since(q audit.Search) (all []audit.Search) {
	for _, after := range []time.Duration{-time.Hour, 0, time.Second, 100 * time.Second, 295*time.Second + time.Microsecond, 10 * time.Minute, 24 * time.Hour} {
		q.Since = storetest.Start().Add(after)
		all = append(all, q)
		q.Before = 150
		all = append(all, q)
		q.Before = 0
	}
	return all
}

// found is a search in Go.
func found(q audit.Search, events []engine.Event) (seqs []int64) {
	for i, e := range slices.Backward(events) {
		seq := int64(i + 1)
		if e.At.Before(q.Since) {
			break
		}
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

// TestSearchOfOlder: what an older daypass wrote is found as well, before it is
// filled in and afterwards: what is from before the store was brought up to date,
// and what comes beside this daypass.
func TestSearchOfOlder(t *testing.T) { onEach(t, testSearchOfOlder) }

func testSearchOfOlder(t *testing.T, at place) {
	s := at.open(t)
	events := happenings(2*mostFilled + 100)
	record := func(some []engine.Event) {
		t.Helper()
		if err := s.Record(t.Context(), engine.Batch{Events: some}); err != nil {
			t.Fatal(err)
		}
	}
	older := len(events) - 60
	record(events[:older])
	at.exec(t, "DELETE FROM event_words; DELETE FROM counters")
	s = at.open(t)
	searchAll(t, "opened", s, events[:older])
	record(events[older : older+10])
	if got, want := wordedTo(t, s), int64(fewFilled+10); got != want {
		t.Errorf("what comes in has the log worded up to %d, want %d: nobody who writes waits for more", got, want)
	}
	searchAll(t, "some words", s, events[:older+10])
	fill(t, s)
	if got := wordedTo(t, s); got != int64(older+10) {
		t.Errorf("filled in up to %d of %d", got, older+10)
	}
	searchAll(t, "filled in", s, events[:older+10])
	at.exec(t, "UPDATE counters SET value = 200 WHERE name = 'words'")
	searchAll(t, "set back", s, events[:older+10])
	at.exec(t, "DELETE FROM event_words WHERE seq > 140; UPDATE counters SET value = 140 WHERE name = 'words'")
	for some := range slices.Chunk(events[older+10:], 5) {
		record(some)
	}
	searchAll(t, "beside it", s, events)
	fill(t, s)
	if got := wordedTo(t, s); got != int64(len(events)) {
		t.Errorf("filled in up to %d of %d", got, len(events))
	}
	searchAll(t, "in the end", s, events)
}

// fill fills in what is missing, and does not go on for ever.
func fill(t *testing.T, s *Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := s.Fill(ctx); err != nil {
		t.Fatal(err)
	}
}

// wordedTo is how far the log has words.
func wordedTo(t *testing.T, s *Store) (to int64) {
	t.Helper()
	if err := s.reader.QueryRowContext(t.Context(), "SELECT "+sqlWorded, worded).Scan(&to); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestFillLetsOthersWrite: what comes in meanwhile is written in between.
func TestFillLetsOthersWrite(t *testing.T) { onEach(t, testFillLetsOthersWrite) }

func testFillLetsOthersWrite(t *testing.T, at place) {
	s, other := at.open(t), at.open(t)
	all := happenings(5 * mostFilled)
	for some := range slices.Chunk(all, 1000) {
		if err := s.Record(t.Context(), engine.Batch{Events: some}); err != nil {
			t.Fatal(err)
		}
	}
	at.exec(t, "DELETE FROM event_words; DELETE FROM counters")
	filled := make(chan error, 1)
	go func() {
		n, err := s.Fill(t.Context())
		if n != len(all) {
			err = errors.Join(err, fmt.Errorf("%d filled in, want %d", n, len(all)))
		}
		filled <- err
	}()
	between := map[int64]bool{}
	for i, done := 0, false; !done; i++ {
		r := asked(fmt.Sprint("meanwhile", i), engine.Person(fmt.Sprintf("m%d@example.org", i)), i)
		if err := other.SaveRequests(t.Context(), []access.Request{r}, nil, nil); err != nil {
			t.Fatal(err)
		}
		between[wordedTo(t, other)] = true
		select {
		case err := <-filled:
			if done = true; err != nil {
				t.Fatal(err)
			}
		default:
		}
	}
	delete(between, 0)
	delete(between, int64(len(all)))
	if len(between) < 2 {
		t.Errorf("others wrote when the log had words up to %v only", between)
	}
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
	look := func(want int) {
		t.Helper()
		rs, err := s.Search(t.Context(), audit.Search{Request: "r1", Limit: 9})
		if err != nil || len(rs) != want {
			t.Errorf("found %d, %v; want %d", len(rs), err, want)
		}
	}
	look(4)
	if err := s.Record(t.Context(), engine.Batch{Events: happenings(1)}); err != nil {
		t.Fatal(err)
	}
	look(5)
	if _, err := s.Search(t.Context(), audit.Search{Limit: 9}); err == nil || !strings.Contains(err.Error(), "20") {
		t.Errorf("got %v; want to be told of event 20", err)
	}
}

// TestDecidedOfOlder: who decided on requests that an older daypass wrote is
// found, before it is filled in and afterwards, whatever cannot be read.
func TestDecidedOfOlder(t *testing.T) { onEach(t, testDecidedOfOlder) }

func testDecidedOfOlder(t *testing.T, at place) {
	s := at.open(t)
	all := assorted(mostFilled + 100)
	if err := s.SaveRequests(t.Context(), all, nil, nil); err != nil {
		t.Fatal(err)
	}
	at.exec(t, "UPDATE requests SET body = '{' WHERE id = 'r00003'; DELETE FROM request_deciders WHERE request = 'r00003'")
	readable := slices.DeleteFunc(slices.Clone(all), func(r access.Request) bool { return r.ID == "r00003" })
	for what, older := range map[string]string{
		"all":                            "DELETE FROM request_deciders; UPDATE requests SET listed = 0",
		"the latest":                     "DELETE FROM request_deciders WHERE request > 'r00500'; UPDATE requests SET listed = 0 WHERE id > 'r00500'",
		"some, and some of the deciders": "DELETE FROM request_deciders WHERE request > 'r00300' AND decider < 'c'; UPDATE requests SET listed = 0 WHERE id > 'r00300'",
	} {
		at.exec(t, older)
		s = at.open(t)
		decidedAll(t, what, s, readable)
		fill(t, s)
		var left int
		if err := s.reader.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM requests WHERE listed <> version").Scan(&left); err != nil || left > 0 {
			t.Errorf("%d are not filled in, %v", left, err)
		}
		decidedAll(t, "filled in", s, readable)
	}
}

// decidedAll asks for what people decided, with all else that may be asked, page
// by page.
func decidedAll(t *testing.T, what string, s *Store, all []access.Request) {
	t.Helper()
	const chief, boss = "chief@example.org", "boss@example.org"
	also := map[engine.Person][]engine.Person{chief: {chief, boss}, "p4@example.org": {"p4@example.org", "p3@example.org"}}
	for _, q := range []RequestQuery{
		{Decided: boss},
		{Decided: chief},
		{Decided: chief, Also: also},
		{Decided: "p4@example.org", Also: also},
		{Decided: "p4@example.org", Mine: "p4@example.org"},
		{Decided: boss, Status: []access.Status{access.Approved}, Resource: "res-2", Text: "ärger"},
		{Decided: boss, Phase: []access.Phase{access.Ended}, Now: storetest.Start().Add(300 * time.Minute)},
		{Decided: "nobody@example.org"},
	} {
		var want, got []access.Request
		for _, r := range slices.Backward(all) {
			if slices.ContainsFunc(addresses(q.Decided, q.Also), func(p engine.Person) bool { q := q; q.Decided = p; return matches(q, r) }) {
				want = append(want, r)
			}
		}
		for q.Limit = 70; ; {
			p, err := s.Requests(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p.Requests...)
			if q.After = p.Next; q.After == "" {
				break
			}
		}
		if ids(got) != ids(want) {
			t.Errorf("%s: %+v:\ngot  %s\nwant %s", what, q, ids(got), ids(want))
		}
		if none := q.Decided == "nobody@example.org"; none != (len(want) == 0) {
			t.Errorf("%+v finds %d", q, len(want))
		}
	}
}
