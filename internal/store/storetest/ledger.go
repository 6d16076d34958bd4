package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

func unknownGroupIsEmpty(t *testing.T, w World) {
	p := page(t, w.Ledger, group(1))
	equal(t, "page", p, engine.Page{})
	groups, err := w.Ledger.Groups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "groups", groups, nil)
}

func putReplaces(t *testing.T, w World) {
	first := owned(group(1), "m1")
	record(t, w.Ledger, engine.Batch{Put: []engine.Owned{first}})
	equal(t, "put", page(t, w.Ledger, group(1)).Owned, []engine.Owned{first})

	second := engine.Owned{
		Group: group(1), GroupName: "renamed", Person: "eve@example.org", State: engine.Dropped,
		Member: engine.Member{ID: "m1", Login: "eve", Kind: engine.OtherMember}, Since: Start().Add(time.Hour),
	}
	record(t, w.Ledger, engine.Batch{Put: []engine.Owned{second}})
	equal(t, "put again", page(t, w.Ledger, group(1)).Owned, []engine.Owned{second})
}

func deleteOne(t *testing.T, w World) {
	a, b := owned(group(1), "a"), owned(group(1), "b")
	record(t, w.Ledger, engine.Batch{Put: []engine.Owned{a, b}})
	record(t, w.Ledger, engine.Batch{Delete: []engine.Membership{a.Key(), {Group: group(1), Member: "none"}}})
	equal(t, "left", page(t, w.Ledger, group(1)).Owned, []engine.Owned{b})
}

func sortedByMember(t *testing.T, w World) {
	var put, want []engine.Owned
	for _, id := range []engine.MemberID{"b", "ä", "B", "a", "10", "9", ""} {
		put = append(put, owned(group(1), id))
	}
	for _, id := range []engine.MemberID{"", "10", "9", "B", "a", "b", "ä"} {
		want = append(want, owned(group(1), id))
	}
	record(t, w.Ledger, engine.Batch{Put: put})
	equal(t, "byte order", page(t, w.Ledger, group(1)).Owned, want)
}

func groupsApart(t *testing.T, w World) {
	other := engine.Group{Directory: "okta", ID: group(1).ID}
	a, b := owned(group(1), "m"), owned(other, "m")
	record(t, w.Ledger, engine.Batch{Put: []engine.Owned{a, b}})
	record(t, w.Ledger, engine.Batch{Delete: []engine.Membership{a.Key()}})
	equal(t, "deleted", page(t, w.Ledger, group(1)).Owned, nil)
	equal(t, "of another directory", page(t, w.Ledger, other).Owned, []engine.Owned{b})
}

func addedSince(t *testing.T, w World) {
	early, late, other := owned(group(1), "early"), owned(group(1), "late"), owned(group(2), "late")
	early.Since = Start().Add(-time.Microsecond)
	elsewhere := owned(engine.Group{Directory: "okta", ID: group(1).ID}, "m")
	record(t, w.Ledger, engine.Batch{Put: []engine.Owned{early, late, other, elsewhere}})
	for at, want := range map[time.Time]map[engine.GroupID]int{
		early.Since:                   {group(1).ID: 2, group(2).ID: 1},
		Start():                       {group(1).ID: 1, group(2).ID: 1},
		Start().Add(time.Microsecond): nil,
	} {
		got, err := w.Ledger.AddedSince(t.Context(), "corp", at)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "added since "+at.Format(time.RFC3339Nano), got, want)
	}
}

func groupsNamedLast(t *testing.T, w World) {
	one, two := owned(group(1), "a"), owned(group(2), "a")
	record(t, w.Ledger, engine.Batch{
		Put:      []engine.Owned{one, owned(group(1), "b"), two},
		Readings: []engine.Reading{{Group: group(3), Name: "no entry", At: Start()}},
	})
	two.GroupName = "renamed"
	record(t, w.Ledger, engine.Batch{Put: []engine.Owned{two}})
	groups, err := w.Ledger.Groups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "groups", groups, []engine.LedgerGroup{
		{Group: group(1), Name: "prod-db", Entries: 2},
		{Group: group(2), Name: "renamed", Entries: 1},
	})
}

func lastReading(t *testing.T, w World) {
	r := engine.Reading{Group: group(1), Name: "prod-db", Members: 7, At: Start()}
	record(t, w.Ledger, engine.Batch{Readings: []engine.Reading{r}})
	equal(t, "first", page(t, w.Ledger, group(1)).Reading, &r)
	r = engine.Reading{Group: group(1), Name: "renamed", Members: 0, At: Start().Add(time.Hour)}
	record(t, w.Ledger, engine.Batch{Readings: []engine.Reading{r}})
	equal(t, "second", page(t, w.Ledger, group(1)).Reading, &r)
}

func firstNoticeStands(t *testing.T, w World) {
	notice := func(m engine.MemberID, at time.Time) engine.Notice {
		return engine.Notice{Membership: engine.Membership{Group: group(1), Member: m}, At: at}
	}
	later := Start().Add(time.Hour)
	record(t, w.Ledger, engine.Batch{Notice: []engine.Notice{notice("a", Start()), notice("b", Start())}})
	record(t, w.Ledger, engine.Batch{Notice: []engine.Notice{notice("a", later)}})
	equal(t, "noticed", page(t, w.Ledger, group(1)).Noticed, map[engine.MemberID]time.Time{"a": Start(), "b": Start()})

	record(t, w.Ledger, engine.Batch{Unnotice: []engine.Membership{{Group: group(1), Member: "a"}}})
	equal(t, "unnoticed", page(t, w.Ledger, group(1)).Noticed, map[engine.MemberID]time.Time{"b": Start()})
	record(t, w.Ledger, engine.Batch{Notice: []engine.Notice{notice("a", later)}})
	equal(t, "noticed anew", page(t, w.Ledger, group(1)).Noticed, map[engine.MemberID]time.Time{"a": later, "b": Start()})
}

func newestIsGreatest(t *testing.T, w World) {
	check := func(what string, want time.Time) {
		t.Helper()
		got, err := w.Ledger.Newest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !got.Equal(want) {
			t.Errorf("%s: newest is %s, want %s", what, got, want)
		}
	}
	check("empty", time.Time{})
	record(t, w.Ledger, engine.Batch{Events: []engine.Event{{At: Start().Add(time.Hour), Kind: engine.EventRunStarted}}})
	record(t, w.Ledger, engine.Batch{Events: []engine.Event{{At: Start(), Kind: engine.EventRunEnded}}})
	check("after an event of an older clock", Start().Add(time.Hour))
	record(t, w.Ledger, engine.Batch{Events: []engine.Event{{At: Start(), Kind: engine.EventVouched}}})
	check("after a person vouched for the older clock", Start())
}

func emptyBatch(t *testing.T, w World) {
	record(t, w.Ledger, engine.Batch{})
	newest, err := w.Ledger.Newest(t.Context())
	if err != nil || !newest.IsZero() {
		t.Errorf("newest is %s, %v; want none", newest, err)
	}
}

func callerKeepsItsBatch(t *testing.T, w World) {
	o := owned(group(1), "m")
	record(t, w.Ledger, engine.Batch{Put: []engine.Owned{o}})
	o.Anchors[0].Grant = "changed by the caller"
	equal(t, "after the caller changed its own", page(t, w.Ledger, group(1)).Owned, []engine.Owned{owned(group(1), "m")})

	got := page(t, w.Ledger, group(1))
	got.Owned[0].Anchors[0].Grant = "changed by the reader"
	equal(t, "after a reader changed its own", page(t, w.Ledger, group(1)).Owned, []engine.Owned{owned(group(1), "m")})
}

func concurrent(t *testing.T, w World) {
	const workers, rounds = 8, 10
	ledgers := []engine.Ledger{w.Ledger}
	if w.Again != nil {
		ledgers = append(ledgers, w.Again(t))
	}
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			l := ledgers[i%len(ledgers)]
			for n := range rounds {
				o := owned(group(i), engine.MemberID(fmt.Sprint(n)))
				err := l.Record(t.Context(), engine.Batch{
					Put:    []engine.Owned{o},
					Events: []engine.Event{{At: Start(), Kind: engine.EventHappened, Group: fmt.Sprint(i), Reason: fmt.Sprint(n)}},
				})
				if err != nil {
					t.Errorf("record: %v", err)
					return
				}
				if p, err := l.Page(t.Context(), group(i)); err != nil || len(p.Owned) != n+1 {
					t.Errorf("page holds %d entries, %v; want %d", len(p.Owned), err, n+1)
				}
			}
		})
	}
	wg.Wait()
	groups, err := w.Ledger.Groups(t.Context())
	if err != nil || len(groups) != workers {
		t.Errorf("%d groups, %v; want %d", len(groups), err, workers)
	}
	if w.Events == nil {
		return
	}
	events, err := w.Events(t.Context())
	if err != nil || len(events) != workers*rounds {
		t.Errorf("%d events, %v; want %d", len(events), err, workers*rounds)
	}
}

func secondHandleSees(t *testing.T, w World) {
	if w.Again == nil {
		return
	}
	other := w.Again(t)
	for i := range 3 {
		o := owned(group(i), "m")
		record(t, w.Ledger, engine.Batch{Put: []engine.Owned{o}})
		equal(t, "written by the first", page(t, other, group(i)).Owned, []engine.Owned{o})
		record(t, other, engine.Batch{Delete: []engine.Membership{o.Key()}})
		equal(t, "deleted by the second", page(t, w.Ledger, group(i)).Owned, nil)
	}
}
