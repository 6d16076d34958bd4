package store

import (
	"context"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/store/storetest"
)

// TestEndBehindTwoAddresses: a membership that two addresses of one account hold
// has one person in the ledger. The end of the other's request is not forgotten
// meanwhile.
func TestEndBehindTwoAddresses(t *testing.T) { onEach(t, testEndBehindTwoAddresses) }

func testEndBehindTwoAddresses(t *testing.T, at place) {
	s := at.open(t)
	start := storetest.Start()
	one, two := asked("r1", "ada@example.org", 0), asked("r2", "ada.second@example.org", 0)
	save(t, s, one, two)
	one, two = approved(one), approved(two)
	save(t, s, one, two)
	if err := s.Record(t.Context(), engine.Batch{Put: []engine.Owned{{
		Group: numbered(1), Member: engine.Member{ID: "m"}, Person: "ada@example.org", State: engine.Added,
		Anchors: []engine.Anchor{{Grant: "r1", Until: one.Grant.Until}, {Grant: "r2", Until: two.Grant.Until}},
	}}}); err != nil {
		t.Fatal(err)
	}
	save(t, s, ended(one, start.Add(10*time.Minute)), ended(two, start.Add(10*time.Minute)))
	rs, err := s.LiveRequests(t.Context(), start.Add(11*time.Minute))
	if err != nil || ids(rs) != "r1 r2" {
		t.Errorf("live: %q, %v; want r1 r2, or the engine takes r2 for a grant that vanished", ids(rs), err)
	}
}

// readOnce is the grants of requests as the daemon has them: it reads them anew
// only when the generation moved.
type readOnce struct {
	s          *Store
	now        func() time.Time
	generation int64
	grants     []engine.Grant
}

func (o *readOnce) Grants(ctx context.Context) ([]engine.Grant, error) {
	n, err := o.s.Generation(ctx)
	if err != nil || n == o.generation {
		return o.grants, err
	}
	rs, err := o.s.LiveRequests(ctx, o.now())
	o.generation, o.grants = n, nil
	for _, r := range rs {
		w, _ := r.Window()
		o.grants = append(o.grants, engine.Grant{
			ID: r.GrantID(), Person: r.Person, Group: engine.GroupRef{Directory: "corp", Name: "db"}, When: w, Resource: r.Resource,
		})
	}
	return o.grants, err
}

type fixed []engine.Grant

func (f fixed) Grants(context.Context) ([]engine.Grant, error) { return f, nil }

// TestEndDuringARun: what was ended while a run that adds it is under way was
// ended. It is read before the ledger names it; it is no grant that vanished,
// which a limit would hold.
func TestEndDuringARun(t *testing.T) {
	t.Parallel()
	s := onSQLite(t).open(t)
	now := storetest.Start()
	clock := func() time.Time { return now }
	corp := memory.New("corp")
	corp.SetClock(clock)
	db := corp.AddGroup("db")
	corp.Put(db, corp.AddPerson("x@example.org", "x"), corp.AddPerson("y@example.org", "y"))
	keep := func(r access.Request, kind engine.EventKind, until time.Time) {
		t.Helper()
		events := told(kind, r)
		events[0].Grants = []engine.Anchor{{Grant: r.GrantID(), Until: until}}
		if err := s.SaveRequests(t.Context(), []access.Request{r}, events, nil); err != nil {
			t.Fatal(err)
		}
	}
	var rs []access.Request
	for _, n := range []string{"a", "b", "c"} {
		p := engine.Person(n + "@example.org")
		corp.AddPerson(p, n)
		r := asked("r"+n, p, 0)
		save(t, s, r)
		r = approved(r)
		keep(r, engine.EventGranted, r.Grant.Until)
		rs = append(rs, r)
	}
	src := &readOnce{s: s, now: clock}
	early, err := src.Grants(t.Context()) // a run begins with these
	if err != nil || len(early) != 3 {
		t.Fatal(early, err)
	}
	now = now.Add(time.Second)
	for _, r := range rs {
		keep(ended(r, now), engine.EventRevoked, now)
	}
	now = now.Add(time.Second)
	if _, err := src.Grants(t.Context()); err != nil { // the daemon notices
		t.Fatal(err)
	}
	run := func(from engine.Source) {
		t.Helper()
		res, err := engine.New(engine.Config{
			Directories: map[engine.Directory]engine.Connector{"corp": corp}, Ledger: s, Now: clock,
			Defaults: engine.Rules{Limits: engine.DefaultLimits()}, Limits: engine.DefaultLimits(),
			Groups:  map[engine.GroupRef]engine.Rules{{Directory: "corp", Name: "db"}: {Limits: engine.DefaultLimits()}},
			Sources: []engine.Source{from},
		}).Run(t.Context(), "test", "")
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range res.Plan.Objections {
			t.Errorf("%s: %s", now.Format(time.TimeOnly), o.Message)
		}
	}
	run(fixed(early)) // and adds them after their end
	if n := len(corp.Roster(db)); n != 5 {
		t.Fatalf("the run made it %d members; want 5", n)
	}
	for range 5 {
		now = now.Add(10 * time.Minute)
		run(src)
	}
	if n := len(corp.Roster(db)); n != 2 {
		t.Errorf("after all was ended there are %d members; want the 2 from before", n)
	}
}
