package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/store/storetest"
)

const manyRequests = 100_000

// crowded is a store with the requests of more than a year, one every six
// minutes, by 2,000 people for 200 resources; the newest of them wait for
// decisions. It returns when that is.
func crowded(b *testing.B, at place) (*Store, time.Time) {
	b.Helper()
	s := at.open(b)
	var batch []access.Request
	var ledger engine.Batch
	for i := range manyRequests {
		r := asked(fmt.Sprintf("r%019d", i*7919), engine.Person(fmt.Sprintf("person-%d@example.org", i*31%2000)), 6*i)
		r.Resource = fmt.Sprint("res-", i%200)
		switch {
		case i%20 == 3:
			r.By = access.Actor{Person: "robot@example.org", Machine: "ci"}
		case i%50 == 7:
			r.By = access.Actor{Person: "person-9@example.org"}
		}
		switch {
		case i > manyRequests-300:
		case i%40 == 1:
			r.Status = access.Withdrawn
		case i%10 == 0:
			r.Status = access.Denied
		default:
			r.For = time.Duration(1+i%8) * time.Hour
			r = approved(r)
			r.Version = 1
			switch {
			case i%30 == 5:
				r.Grant.End = &access.End{By: r.By, At: r.Grant.From.Add(time.Minute)}
			case i%1000 == 2:
				r.Review = &access.Reviewing{Due: r.Grant.Until}
			}
			if i > manyRequests-1000 {
				r.Grant.Until = r.Grant.Until.Add(100 * time.Hour)
				if i%3 == 0 {
					r.Grant.From = r.Grant.From.Add(100 * time.Hour)
				}
				ledger.Put = append(ledger.Put, engine.Owned{
					Group: numbered(i % 200), Member: engine.Member{ID: engine.MemberID(r.ID)}, Person: r.Person, State: engine.Added,
					Anchors: []engine.Anchor{{Grant: r.GrantID(), Until: r.Grant.Until}},
				})
			}
		}
		if batch = append(batch, r); len(batch) == 1000 {
			if err := s.SaveRequests(b.Context(), batch, told(engine.EventRequested, r), nil); err != nil {
				b.Fatal(err)
			}
			batch = nil
		}
	}
	if err := s.Record(b.Context(), ledger); err != nil {
		b.Fatal(err)
	}
	at.exec(b, "ANALYZE")
	return s, storetest.Start().Add(6 * manyRequests * time.Minute)
}

// BenchmarkRequests asks for what the daemon and the pages ask for, with 100,000
// requests on record, and looks at how that is found.
func BenchmarkRequests(b *testing.B) {
	for name, where := range map[string]func(testing.TB) place{"sqlite": onSQLite, "postgres": onPostgres} {
		b.Run(name, func(b *testing.B) {
			s, now := crowded(b, where(b))
			first, err := s.Requests(b.Context(), RequestQuery{})
			if err != nil {
				b.Fatal(err)
			}
			id := first.Requests[0].ID
			var middle string
			for q := (RequestQuery{Limit: 500}); ; q.After = middle {
				p, err := s.Requests(b.Context(), q)
				if err != nil {
					b.Fatal(err)
				}
				if middle = p.Next; p.Requests[0].At.Before(now.Add(-3 * manyRequests * time.Minute)) {
					break
				}
			}
			run := func(what string, f func(ctx context.Context) error) {
				b.Run(what, func(b *testing.B) { timed(b, f) })
			}
			for what, q := range map[string]RequestQuery{
				"all":              {},
				"all, in between":  {After: middle},
				"person":           {Person: "person-31@example.org"},
				"mine":             {Mine: "person-9@example.org"},
				"machine":          {Machine: "ci"},
				"resource":         {Resource: "res-7"},
				"resources":        {Resources: []string{"res-1", "res-2", "res-3", "res-4", "res-5"}},
				"denied":           {Status: []access.Status{access.Denied}},
				"withdrawn, asked": {Status: []access.Status{access.Withdrawn, access.Asked}},
				"lapsed, none":     {Status: []access.Status{access.Lapsed}},
				"active":           {Phase: []access.Phase{access.Active}, Now: now},
				"active, of one":   {Phase: []access.Phase{access.Active}, Now: now, Resource: "res-7"},
				"active, of mine":  {Phase: []access.Phase{access.Active, access.Waiting}, Now: now, Mine: "person-9@example.org"},
				"waiting":          {Phase: []access.Phase{access.Waiting}, Now: now},
				"ended":            {Phase: []access.Phase{access.Ended}, Now: now},
				"revoked":          {Phase: []access.Phase{access.Revoked}, Now: now},
				"undecided":        {Undecided: true},
				"undecided, of 2":  {Undecided: true, Resources: []string{"res-1", "res-2"}},
				"review":           {Review: true},
				"text, common":     {Text: "chg-1"},
				"text, id":         {Text: id},
				"text, none":       {Text: "nothing like it"},
				"text, of one":     {Text: "person-31@", Resource: "res-7"},
				"text, denied":     {Text: "nothing like it", Status: []access.Status{access.Denied}},
			} {
				b.Run("list "+what, func(b *testing.B) {
					p, err := s.Requests(b.Context(), q)
					if err != nil {
						b.Fatal(err)
					}
					query, args, err := listing(q, pageRequests+1)
					if err != nil {
						b.Fatal(err)
					}
					rows := looked(b, s, query, args)
					timed(b, func(ctx context.Context) error { _, err := s.Requests(ctx, q); return err })
					b.ReportMetric(rows, "rows")
					b.ReportMetric(float64(len(p.Requests)), "found")
				})
			}
			run("one", func(ctx context.Context) error { _, err := s.Request(ctx, id); return err })
			run("one by prefix", func(ctx context.Context) error { _, err := s.Request(ctx, id[:19]); return err })
			run("due", func(ctx context.Context) error { _, err := s.DueRequests(ctx, now, 100); return err })
			run("next due", func(ctx context.Context) error { _, err := s.NextDue(ctx, time.Time{}); return err })
			b.Run("live", func(b *testing.B) {
				rs, err := s.LiveRequests(b.Context(), now)
				if err != nil {
					b.Fatal(err)
				}
				rows := looked(b, s, sqlLiveRequests, []any{now.UnixMicro(), now.Add(-liveFor).UnixMicro()})
				timed(b, func(ctx context.Context) error { _, err := s.LiveRequests(ctx, now); return err })
				b.ReportMetric(rows, "rows")
				b.ReportMetric(float64(len(rs)), "found")
			})
			run("past", func(ctx context.Context) error {
				_, _, err := s.PastRequests(ctx, "person-31@example.org", "res-1", time.Now().Add(1e6*time.Hour))
				return err
			})
			run("owned", func(ctx context.Context) error { _, err := s.OwnedBy(ctx, "person-31@example.org"); return err })
			n := 0
			run("save", func(ctx context.Context) error {
				n++
				r := approved(asked(fmt.Sprint("new", n), engine.Person(fmt.Sprint("new", n)), 6*manyRequests+n))
				r.Version = 1
				return s.SaveRequests(ctx, []access.Request{r}, told(engine.EventRequested, r), nil)
			})
		})
	}
}

// timed also reports the fastest time: what it takes when nobody else works.
func timed(b *testing.B, f func(ctx context.Context) error) {
	b.Helper()
	best := time.Hour
	for b.Loop() {
		begun := time.Now()
		if err := f(b.Context()); err != nil {
			b.Fatal(err)
		}
		best = min(best, time.Since(begun))
	}
	b.ReportMetric(best.Seconds()*1000, "best-ms")
}

// looked shows the plan of a query, and returns how many rows it reads; zero
// where the database does not tell.
func looked(b *testing.B, s *Store, query string, args []any) float64 {
	b.Helper()
	if !s.prepares {
		var text string
		if err := s.reader.QueryRowContext(b.Context(), "EXPLAIN (ANALYZE, FORMAT JSON) "+query, columns(args)...).Scan(&text); err != nil {
			b.Fatal(err)
		}
		var plans []struct{ Plan node }
		if err := json.Unmarshal([]byte(text), &plans); err != nil {
			b.Fatal(err)
		}
		b.Log(strings.Join(plans[0].Plan.scans(), "; "))
		return plans[0].Plan.rows()
	}
	b.Log(strings.Join(planned(b, s, query, args), "; "))
	return 0
}

// node is a step of one of PostgreSQL's plans.
type node struct {
	Type    string  `json:"Node Type"`
	Index   string  `json:"Index Name"`
	Table   string  `json:"Relation Name"`
	Rows    float64 `json:"Actual Rows"`
	Removed float64 `json:"Rows Removed by Filter"`
	Loops   float64 `json:"Actual Loops"`
	Plans   []node
}

// rows are those that were read from tables and indexes.
func (n node) rows() (all float64) {
	if n.Table != "" || n.Index != "" {
		all = (n.Rows + n.Removed) * n.Loops
	}
	for _, p := range n.Plans {
		all += p.rows()
	}
	return all
}

func (n node) scans() (all []string) {
	if n.Table != "" || n.Index != "" {
		all = []string{n.Type + " " + n.Table + " " + n.Index}
	}
	for _, p := range n.Plans {
		all = append(all, p.scans()...)
	}
	return all
}

// planned are the steps of one of SQLite's plans.
func planned(t testing.TB, s *Store, query string, args []any) []string {
	t.Helper()
	rows, err := s.reader.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, columns(args)...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}
