package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/audit"
	"github.com/daypass-dev/daypass/internal/store/storetest"
)

const manyEvents = 100_000

// logged is a store with an audit log of 2,000 people, three of whose events are
// the only ones of their kind, person and request; they are the oldest.
func logged(b *testing.B, at place) *Store {
	b.Helper()
	s := at.open(b)
	var events []engine.Event
	for i := range manyEvents {
		e := engine.Event{
			At: storetest.Start().Add(time.Duration(i) * time.Second), Kind: engine.EventConfirmed, By: "boss@example.org",
			Person: engine.Person(fmt.Sprintf("person-%d@example.org", i%2000)), Request: fmt.Sprint("r", i/4), Reason: "CHG-1 mend what is broken",
			Grants: []engine.Anchor{{Grant: engine.GrantID(fmt.Sprint("r", i/4)), Until: storetest.Start()}},
		}
		switch {
		case i < 3:
			e.Kind, e.Person, e.Request, e.Grants = engine.EventReviewLate, "rare@example.org", "rare", nil
		case i%3 == 0:
			e.Kind = engine.EventRequested
		}
		if events = append(events, e); len(events) == 1000 {
			if err := s.Record(b.Context(), engine.Batch{Events: events}); err != nil {
				b.Fatal(err)
			}
			events = nil
		}
	}
	at.exec(b, "ANALYZE")
	return s
}

// BenchmarkAudit looks for what people look for in a log of 100,000 events, and
// writes into it.
func BenchmarkAudit(b *testing.B) {
	for name, where := range map[string]func(testing.TB) place{"sqlite": onSQLite, "postgres": onPostgres} {
		b.Run(name, func(b *testing.B) {
			s := logged(b, where(b))
			for what, q := range map[string]audit.Search{
				"all":                         {},
				"all, in between":             {Before: manyEvents / 2},
				"kind":                        {Kind: engine.EventRequested},
				"kind, rare":                  {Kind: engine.EventReviewLate},
				"kind, none":                  {Kind: "none"},
				"person":                      {Person: "person-31@example.org"},
				"person, rare":                {Person: "rare@example.org"},
				"person of all, kind of none": {Person: "boss@example.org", Kind: "none"},
				"request":                     {Request: "r1000"},
				"request, rare":               {Request: "rare", Kind: engine.EventReviewLate},
			} {
				b.Run(what, func(b *testing.B) {
					q.Limit = 101
					query, args := searching(q, sought(q), 0)
					rows := looked(b, s, query, args)
					n := 0
					timed(b, func(ctx context.Context) error {
						rs, err := s.Search(ctx, q)
						n = len(rs)
						return err
					})
					b.ReportMetric(rows, "rows")
					b.ReportMetric(float64(n), "found")
				})
			}
			for _, n := range []int{1, 100} {
				b.Run(fmt.Sprint("record ", n), func(b *testing.B) {
					events := make([]engine.Event, n)
					for i := range events {
						events[i] = engine.Event{At: storetest.Start(), Kind: engine.EventRequested, Person: engine.Person(fmt.Sprint("new", i)), By: "boss@example.org", Request: fmt.Sprint("new", i)}
					}
					timed(b, func(ctx context.Context) error { return s.Record(ctx, engine.Batch{Events: events}) })
				})
			}
		})
	}
}
