package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/store/storetest"
)

// asked is a request of a person, made some minutes after the start, that waits
// for a decision.
func asked(id string, person engine.Person, minutes int) access.Request {
	at := storetest.Start().Add(time.Duration(minutes) * time.Minute)
	steps := []access.Step{{Name: "lead", Approvers: access.Who{Manager: true}, Quorum: 1, Within: time.Hour}}
	return access.Request{
		ID: id, Version: 1, Resource: "prod-db", Person: person, By: access.Actor{Person: person, Via: access.Page},
		Reason: "CHG-1 <migrate> Ä", For: time.Hour, At: at, Status: access.Asked,
		Policy: access.Policy{Name: "production", Steps: steps, Max: 8 * time.Hour},
		Course: access.Course{Steps: steps, Since: at, Lapses: at.Add(7 * 24 * time.Hour)},
	}
}

// approved is the next version of r, with a grant from its asking on.
func approved(r access.Request) access.Request {
	r = granted(r)
	r.Course.Decisions = []access.Decision{{By: access.Actor{Person: "boss@example.org"}, At: r.At, Approve: true}}
	return r
}

// granted is approved, by nobody.
func granted(r access.Request) access.Request {
	r.Version, r.Status = r.Version+1, access.Approved
	r.Course.Closed, r.Course.Step = r.At, 1
	r.Grant = &access.Grant{From: r.At, Until: r.At.Add(r.For)}
	return r
}

func ended(r access.Request, at time.Time) access.Request {
	r.Version++
	g := *r.Grant
	g.End = &access.End{By: r.By, At: at}
	r.Grant = &g
	return r
}

func told(kind engine.EventKind, r access.Request) []engine.Event {
	return []engine.Event{{At: r.At, Kind: kind, Person: r.Person, Request: r.ID, By: string(r.By.Person)}}
}

func save(t testing.TB, s *Store, rs ...access.Request) {
	t.Helper()
	for _, r := range rs {
		if err := s.SaveRequests(t.Context(), []access.Request{r}, told(engine.EventRequested, r), nil); err != nil {
			t.Fatal(err)
		}
	}
}

func ids(rs []access.Request) string {
	all := make([]string, len(rs))
	for i, r := range rs {
		all[i] = r.ID
	}
	return strings.Join(all, " ")
}

func TestRequestOnRecord(t *testing.T) { onEach(t, testRequestOnRecord) }

func testRequestOnRecord(t *testing.T, at place) {
	s := at.open(t)
	before, err := s.Generation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := asked("r1", "ada@example.org", 0)
	r.At = r.At.Add(7 * time.Nanosecond) // comes back as it was
	r.Answers, r.Ticket, r.Template, r.BreakGlass = map[string]string{"customer": "a\x00\u2028b"}, "T-1", "fast", true
	r.Review = &access.Reviewing{Due: r.At.Add(time.Hour)}
	r.Extensions = []access.Extension{{By: r.By, At: r.At, For: time.Hour, Status: access.Denied}}
	save(t, s, r)
	got, err := s.Request(t.Context(), "r1")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "asked", got, r)
	r = ended(approved(r), r.At.Add(time.Minute))
	r.Version = 2
	save(t, s, r)
	if got, err = s.Request(t.Context(), "r1"); err != nil {
		t.Fatal(err)
	}
	same(t, "ended", got, r)
	if n, err := s.Generation(t.Context()); err != nil || n != before {
		t.Errorf("generation %d after %d, %v; want the daemon left alone while no grant changes", n, before, err)
	}
	r.Version = 3
	granted := engine.Event{At: r.At, Kind: engine.EventGranted, Person: r.Person, Request: r.ID, Grants: []engine.Anchor{{Grant: r.GrantID(), Until: r.Grant.Until}}}
	if err := s.SaveRequests(t.Context(), []access.Request{r}, []engine.Event{granted}, nil); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Generation(t.Context()); err != nil || n != before+1 {
		t.Errorf("generation %d after %d, %v; want it to count the grant", n, before, err)
	}
	if head := verified(t, s); head.Seq != 3 {
		t.Errorf("%d events, want 3", head.Seq)
	}
}

// TestRequestStale: what was changed meanwhile is not written over, and nothing
// of what came with it is written.
func TestRequestStale(t *testing.T) { onEach(t, testRequestStale) }

func testRequestStale(t *testing.T, at place) {
	s := at.open(t)
	r, other := asked("r1", "ada@example.org", 0), asked("r2", "eve@example.org", 0)
	save(t, s, r, other)
	save(t, s, approved(r))
	late := approved(r)
	late.Reason = "late"
	unseen := asked("r3", "bob@example.org", 0)
	unseen.Version = 2
	for what, stale := range map[string]access.Request{"changed": late, "made": r, "not there": unseen} {
		err := s.SaveRequests(t.Context(), []access.Request{approved(other), stale}, told(engine.EventApproved, r), nil)
		if !errors.Is(err, ErrStale) {
			t.Errorf("%s meanwhile: got %v, want %v", what, err, ErrStale)
		}
	}
	got, err := s.Request(t.Context(), "r2")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "what came with it", got, other)
	if head := verified(t, s); head.Seq != 3 {
		t.Errorf("%d events, want 3", head.Seq)
	}
}

// TestRequestRace lets two processes decide one request at once, again and
// again: one wins, and the other is told.
func TestRequestRace(t *testing.T) { onEach(t, testRequestRace) }

func testRequestRace(t *testing.T, at place) {
	one, two := at.open(t), at.open(t)
	r := asked("r1", "ada@example.org", 0)
	save(t, one, r)
	for round := range 10 {
		errs := atOnce(one, two, func(s *Store, i int) error {
			next := r
			next.Version++
			next.Reason = fmt.Sprint(i)
			return s.SaveRequests(context.Background(), []access.Request{next}, told(engine.EventApproved, next), nil)
		})
		if stale := howMany(errs, ErrStale); stale != 1 || howMany(errs, nil) != 1 {
			t.Fatalf("round %d: got %v; want one to win, and one %v", round, errs, ErrStale)
		}
		r.Version++
		got, err := one.Request(t.Context(), "r1")
		if err != nil || got.Version != r.Version || errs[got.Reason[0]-'0'] != nil {
			t.Fatalf("round %d: %s has version %d, %v", round, got.Reason, got.Version, err)
		}
	}
}

// TestRequestTwice: a person waits for one decision about a resource, not two.
func TestRequestTwice(t *testing.T) { onEach(t, testRequestTwice) }

func testRequestTwice(t *testing.T, at place) {
	one, two := at.open(t), at.open(t)
	errs := atOnce(one, two, func(s *Store, i int) error {
		r := asked(fmt.Sprint("r", i), "ada@example.org", i)
		return s.SaveRequests(context.Background(), []access.Request{r}, told(engine.EventRequested, r), nil)
	})
	if howMany(errs, ErrTwice) != 1 || howMany(errs, nil) != 1 {
		t.Fatalf("both at once: got %v; want one to be %v", errs, ErrTwice)
	}
	if head := verified(t, one); head.Seq != 1 {
		t.Errorf("%d events, want 1", head.Seq)
	}
	first := asked("r0", "ada@example.org", 0)
	if errs[0] != nil {
		first = asked("r1", "ada@example.org", 1)
	}
	elsewhere := asked("r2", "ada@example.org", 2)
	elsewhere.Resource = "staging"
	save(t, one, elsewhere, asked("r3", "eve@example.org", 3))
	again := asked("r4", "ada@example.org", 4)
	if err := one.SaveRequests(t.Context(), []access.Request{again}, nil, nil); !errors.Is(err, ErrTwice) || !strings.Contains(err.Error(), first.ID) {
		t.Errorf("got %v, want %v and which", err, ErrTwice)
	}
	save(t, one, approved(first), again)
}

// atOnce runs f in two processes, and returns what each got.
func atOnce(one, two *Store, f func(s *Store, i int) error) []error {
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i, s := range []*Store{one, two} {
		wg.Go(func() { errs[i] = f(s, i) })
	}
	wg.Wait()
	return errs
}

func howMany(errs []error, want error) (n int) {
	for _, err := range errs {
		if err == nil && want == nil || want != nil && errors.Is(err, want) {
			n++
		}
	}
	return n
}

func TestRequestByPrefix(t *testing.T) { onEach(t, testRequestByPrefix) }

func testRequestByPrefix(t *testing.T, at place) {
	s := at.open(t)
	for i, id := range []string{"rabcde1", "rabcde2", "rabcde", "rabcxy1"} {
		save(t, s, asked(id, engine.Person(fmt.Sprint(i)), i))
	}
	for typed, want := range map[string]string{"rabcde1": "rabcde1", "rabcde": "rabcde", "rabcxy": "rabcxy1"} {
		if r, err := s.Request(t.Context(), typed); err != nil || r.ID != want {
			t.Errorf("%s: got %s, %v; want %s", typed, r.ID, err, want)
		}
	}
	for typed, want := range map[string]error{"rabcd": ErrNotFound, "": ErrNotFound, "rabcdf": ErrNotFound, "______": ErrNotFound, "r%%%%%": ErrNotFound} {
		if r, err := s.Request(t.Context(), typed); !errors.Is(err, want) {
			t.Errorf("%q: got %s, %v; want %v", typed, r.ID, err, want)
		}
	}
	save(t, s, asked("rabcxy2", "x", 9))
	if _, err := s.Request(t.Context(), "rabcxy"); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("got %v, want %v", err, ErrAmbiguous)
	}
}

// TestRequestOfNewer: what a newer daypass knows of a request, an older one does
// not cut off.
func TestRequestOfNewer(t *testing.T) { onEach(t, testRequestOfNewer) }

func testRequestOfNewer(t *testing.T, at place) {
	s := at.open(t)
	r := asked("r1", "ada@example.org", 0)
	save(t, s, r)
	at.exec(t, `UPDATE requests SET body = replace(body, '"version"', '"later":true,"version"')`)
	if _, err := s.Request(t.Context(), "r1"); err == nil || !strings.Contains(err.Error(), "later") {
		t.Errorf("an unknown field in a format that is known: got %v", err)
	}
	at.exec(t, `UPDATE requests SET format = 2`)
	got, err := s.Request(t.Context(), "r1")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "read as far as it goes", got, r)
	if err := s.SaveRequests(t.Context(), []access.Request{approved(r)}, nil, nil); !errors.Is(err, ErrNewer) {
		t.Errorf("got %v, want %v", err, ErrNewer)
	}
}

func TestDueRequests(t *testing.T) { onEach(t, testDueRequests) }

func testDueRequests(t *testing.T, at place) {
	s := at.open(t)
	due := func(now time.Time, limit int, want string) {
		t.Helper()
		if rs, err := s.DueRequests(t.Context(), now, limit); err != nil || ids(rs) != want {
			t.Errorf("due at %s: %q, %v; want %q", now, ids(rs), err, want)
		}
	}
	next := func(want time.Time) {
		t.Helper()
		if at, err := s.NextDue(t.Context(), time.Time{}); err != nil || !at.Equal(want) {
			t.Errorf("next is due at %s, %v; want %s", at, err, want)
		}
	}
	next(time.Time{})
	first, second := asked("r1", "ada@example.org", 1), asked("r2", "eve@example.org", 0)
	first.Course.Since = first.Course.Since.Add(time.Nanosecond)
	glass := approved(asked("r3", "bob@example.org", 0))
	glass.Version, glass.Review = 1, &access.Reviewing{Due: storetest.Start().Add(2 * time.Hour)}
	save(t, s, first, second, glass)
	next(second.Due())
	due(second.Due().Add(-time.Nanosecond), 9, "")
	due(second.Due(), 9, "r2")
	due(first.Due(), 9, "r2") // within the microsecond, not yet
	due(first.Due().Add(time.Microsecond), 9, "r2 r1")
	due(first.Due().Add(time.Hour), 9, "r2 r1 r3")
	due(first.Due().Add(time.Hour), 2, "r2 r1")
	save(t, s, approved(second))
	next(first.Due().Add(time.Microsecond - 1))
	if when, err := s.NextDue(t.Context(), time.Time{}); err != nil || when.Before(first.Due()) {
		t.Errorf("woken at %s, %v, before %s is due", when, err, first.Due())
	}
}

// TestLiveRequests: that a grant was ended is not forgotten as long as the
// ledger names it, however long that takes.
func TestLiveRequests(t *testing.T) { onEach(t, testLiveRequests) }

func testLiveRequests(t *testing.T, at place) {
	s := at.open(t)
	start := storetest.Start()
	live := func(after time.Duration, want string) {
		t.Helper()
		rs, err := s.LiveRequests(t.Context(), start.Add(after))
		if err != nil || ids(rs) != want {
			t.Errorf("live after %s: %q, %v; want %q", after, ids(rs), err, want)
		}
	}
	early, later := asked("r1", "ada@example.org", 0), asked("r2", "eve@example.org", 30)
	plain := asked("r3", "bob@example.org", 0)
	save(t, s, early, later, plain)
	live(0, "")
	early = approved(early)
	save(t, s, early, approved(later), approved(plain))
	live(0, "r1 r2 r3")
	entry := func(p engine.Person, id string) engine.Owned {
		return engine.Owned{
			Group: numbered(1), Member: engine.Member{ID: engine.MemberID(id)}, Person: p, State: engine.Added,
			Anchors: []engine.Anchor{{Grant: engine.GrantID(id), Until: early.Grant.Until}},
		}
	}
	one, two, other := entry("ada@example.org", "r1"), entry("eve@example.org", "r2"), entry("bob@example.org", "r33")
	if err := s.Record(t.Context(), engine.Batch{Put: []engine.Owned{one, two, other}}); err != nil {
		t.Fatal(err)
	}
	early = ended(early, start.Add(10*time.Minute))
	save(t, s, early)
	live(10*time.Minute, "r1 r2 r3")
	live(time.Hour, "r1 r2") // nothing of r3's is left
	live(1000*time.Hour, "r1 r2")

	// Years of work by others do not change that.
	work := asked("r4", "zoe@example.org", 60*24*400)
	save(t, s, work, approved(work))
	live(1000*time.Hour, "r1 r2 r4")
	if err := s.Record(t.Context(), engine.Batch{Delete: []engine.Membership{one.Key()}}); err != nil {
		t.Fatal(err)
	}
	live(time.Hour, "r1 r2 r4") // a run that is under way may still add r1's
	live(25*time.Hour, "r2 r4")
	// Nor does a clock that was wrong, once it is right again.
	live(20*time.Minute, "r1 r2 r3 r4")
}

func TestPastRequests(t *testing.T) { onEach(t, testPastRequests) }

func testPastRequests(t *testing.T, at place) {
	s := at.open(t)
	ada := engine.Person("ada@example.org")
	later := storetest.Start().Add(5 * time.Minute)
	if counts, last, err := s.PastRequests(t.Context(), ada, "prod-db", later); err != nil || len(counts) != 0 || !last.IsZero() {
		t.Errorf("none: %v, %s, %v", counts, last, err)
	}
	denied := asked("r3", ada, 3)
	denied.Status = access.Denied
	elsewhere := asked("r5", ada, 9)
	elsewhere.Resource = "staging"
	for i := range 2 {
		r := approved(asked(fmt.Sprint("r", i), ada, i))
		r.Version = 1
		save(t, s, r)
	}
	save(t, s, denied, asked("r4", ada, 4), elsewhere, asked("r6", "eve@example.org", 8))
	counts, last, err := s.PastRequests(t.Context(), ada, "prod-db", later)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "counts", counts, map[access.Status]int{access.Approved: 2, access.Denied: 1, access.Asked: 1})
	if !last.Equal(storetest.Start().Add(4 * time.Minute)) {
		t.Errorf("last %s", last)
	}
	// The one that was asked at the instant itself is not before it, to the microsecond.
	counts, last, err = s.PastRequests(t.Context(), ada, "prod-db", storetest.Start().Add(3*time.Minute+999*time.Nanosecond))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "counts before", counts, map[access.Status]int{access.Approved: 2})
	if !last.Equal(storetest.Start().Add(time.Minute)) {
		t.Errorf("last before %s", last)
	}
}

func TestOwnedBy(t *testing.T) { onEach(t, testOwnedBy) }

func testOwnedBy(t *testing.T, at place) {
	s := at.open(t)
	b := bigBatch(1, 3)
	b.Put[1].Person = "eve@example.org"
	if err := s.Record(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	got, err := s.OwnedBy(t.Context(), "ada@example.org")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "of ada", got, []engine.Owned{b.Put[0], b.Put[2]})
	if got, err := s.OwnedBy(t.Context(), ""); err != nil || len(got) != 0 {
		t.Errorf("of nobody: %d, %v", len(got), err)
	}
}

// TestRequestPages: rows that come in, and those that change, move no page.
func TestRequestPages(t *testing.T) { onEach(t, testRequestPages) }

func testRequestPages(t *testing.T, at place) {
	s := at.open(t)
	var want []string
	for i := range 25 {
		r := asked(fmt.Sprintf("r%02d", i), engine.Person(fmt.Sprint("p", i)), i/3) // some at the same instant
		save(t, s, r)
		want = append(want, r.ID)
	}
	slices.Reverse(want)
	var got []string
	q := RequestQuery{Limit: 4}
	for page := 0; ; page++ {
		p, err := s.Requests(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.Fields(ids(p.Requests))...)
		late := asked(fmt.Sprint("late", page), engine.Person(fmt.Sprint("late", page)), 100+page)
		save(t, s, late, approved(p.Requests[0]))
		if q.After = p.Next; q.After == "" {
			break
		}
	}
	same(t, "pages", got, want)
	for _, odd := range []string{"x", "!", "MSAx", "eCBy", "MTIz"} {
		if _, err := s.Requests(t.Context(), RequestQuery{After: odd}); odd != "MSAx" && !errors.Is(err, ErrCursor) {
			t.Errorf("after %q: got %v, want %v", odd, err, ErrCursor)
		}
	}
	for limit, want := range map[int]int{0: 32, -1: 32, 9: 9, 600: 32} {
		if p, err := s.Requests(t.Context(), RequestQuery{Limit: limit}); err != nil || len(p.Requests) != want || (p.Next == "") != (want == 32) {
			t.Errorf("limit %d: %d on the page, next %q, %v; want %d", limit, len(p.Requests), p.Next, err, want)
		}
	}
}

// TestRequestQueries holds every query to what it says, by a walk through all
// requests.
func TestRequestQueries(t *testing.T) { onEach(t, testRequestQueries) }

func testRequestQueries(t *testing.T, at place) {
	s := at.open(t)
	all := assorted(200)
	if err := s.SaveRequests(t.Context(), all, nil, nil); err != nil {
		t.Fatal(err)
	}
	now := storetest.Start().Add(100 * time.Minute)
	found := 0
	for _, q := range queries(now) {
		var want []access.Request
		for _, r := range slices.Backward(all) {
			if matches(q, r) {
				want = append(want, r)
			}
		}
		q.Limit = 500
		found += bit(len(want) > 0)
		p, err := s.Requests(t.Context(), q)
		if err != nil {
			t.Errorf("%+v: %v", q, err)
		} else if ids(p.Requests) != ids(want) {
			t.Errorf("%+v:\ngot  %s\nwant %s", q, ids(p.Requests), ids(want))
		}
	}
	pending, err := s.PendingRequests(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if v, waits := pending[r.ID]; waits != (r.Undecided() != nil || r.Review.Open()) || waits && v != r.Version {
			t.Errorf("%s waits: %t, in version %d; it is %s, in version %d", r.ID, waits, v, r.Status, r.Version)
		}
	}
	if n := len(queries(now)); found < n*2/3 {
		t.Errorf("%d of %d queries find anything: they test too little", found, n)
	}
}

// queries are of every kind, alone and together.
func queries(now time.Time) []RequestQuery {
	single := []RequestQuery{
		{Person: "p3@example.org"},
		{By: "p4@example.org"},
		{Mine: "p4@example.org"},
		{Mine: "robot@example.org"},
		{Machine: "ci"},
		{Resource: "res-2"},
		{Resources: []string{"res-1", "res-4", "none"}},
		{Status: []access.Status{access.Denied, access.Withdrawn}},
		{Phase: []access.Phase{access.Waiting}, Now: now},
		{Phase: []access.Phase{access.Active}, Now: now},
		{Phase: []access.Phase{access.Ended}, Now: now},
		{Phase: []access.Phase{access.Revoked}, Now: now},
		{Phase: []access.Phase{access.Active, access.Revoked}, Now: now},
		{Decided: "boss@example.org"},
		{Decided: "chief@example.org"},
		{Undecided: true},
		{Review: true},
		{Text: "R0003"},
		{Text: "ÄRGER 50%"},
		{Text: "P5@"},
		{Text: "5_"},
	}
	qs := append(slices.Clone(single), RequestQuery{}, RequestQuery{Phase: []access.Phase{"odd"}, Now: now})
	for i, a := range single {
		for _, b := range single[i+1:] {
			qs = append(qs, joined(a, b))
		}
	}
	return qs
}

func joined(a, b RequestQuery) RequestQuery {
	pick := func(x, y string) string {
		if x == "" {
			return y
		}
		return x
	}
	a.Person = engine.Person(pick(string(a.Person), string(b.Person)))
	a.By = engine.Person(pick(string(a.By), string(b.By)))
	a.Mine = engine.Person(pick(string(a.Mine), string(b.Mine)))
	a.Decided = engine.Person(pick(string(a.Decided), string(b.Decided)))
	a.Machine, a.Resource, a.Text = pick(a.Machine, b.Machine), pick(a.Resource, b.Resource), pick(a.Text, b.Text)
	a.Resources, a.Status, a.Phase = append(a.Resources, b.Resources...), append(a.Status, b.Status...), append(a.Phase, b.Phase...)
	a.Undecided, a.Review = a.Undecided || b.Undecided, a.Review || b.Review
	if a.Now.IsZero() {
		a.Now = b.Now
	}
	return a
}

// matches is a query in Go.
func matches(q RequestQuery, r access.Request) bool {
	text := strings.ToLower(q.Text)
	in := func(s string) bool { return strings.Contains(strings.ToLower(s), text) }
	return (q.Person == "" || q.Person == r.Person) &&
		(q.By == "" || q.By == r.By.Person) &&
		(q.Mine == "" || q.Mine == r.Person || q.Mine == r.By.Person && r.By.Machine == "") &&
		(q.Decided == "" || slices.Contains(r.Deciders(), q.Decided)) &&
		(q.Machine == "" || q.Machine == r.By.Machine) &&
		(q.Resource == "" || q.Resource == r.Resource) &&
		(len(q.Resources) == 0 || slices.Contains(q.Resources, r.Resource)) &&
		(len(q.Status) == 0 || slices.Contains(q.Status, r.Status)) &&
		(len(q.Phase) == 0 || slices.Contains(q.Phase, r.Phase(q.Now))) &&
		(!q.Undecided || r.Undecided() != nil) &&
		(!q.Review || r.Review.Open()) &&
		(text == "" || strings.HasPrefix(r.ID, text) || in(string(r.Person)) || in(r.Resource) || in(r.Reason))
}

// assorted are n requests, oldest first, of all kinds.
func assorted(n int) []access.Request {
	all := make([]access.Request, n)
	for i := range all {
		r := asked(fmt.Sprintf("r%05d", i), engine.Person(fmt.Sprintf("p%d@example.org", i%13)), i)
		r.Resource = fmt.Sprint("res-", i%5)
		r.Reason = fmt.Sprintf("Ärger 5%d%% about it", i%3)
		if i%7 == 0 {
			r.By = access.Actor{Person: "p4@example.org"}
		}
		if i%11 == 0 {
			r.By = access.Actor{Person: "robot@example.org", Machine: "ci"}
		}
		if i%22 == 11 {
			r.By = access.Actor{Person: "robot@example.org"}
		}
		switch i % 6 {
		case 0:
			r.Status = access.Denied
			r.Course.Decisions = []access.Decision{{By: access.Actor{Person: []engine.Person{"chief@example.org", "p3@example.org", "p4@example.org"}[i/6%3]}, At: r.At}}
		case 1:
			r.Status = access.Withdrawn
		case 2:
			if i > n-10 {
				break // still waits: once for each person and resource
			}
			fallthrough
		default:
			r = approved(r)
			r.Version = 1
			if i%4 == 0 {
				r.Grant.From = r.Grant.From.Add(30 * time.Minute)
			}
			if i%9 == 0 {
				r.Grant.End = &access.End{By: r.By, At: r.Grant.From.Add(10 * time.Minute)}
			}
			if i%18 == 9 {
				r.Grant.End.By = access.Actor{Person: "chief@example.org"}
			}
			if i%10 == 5 {
				r.Review = &access.Reviewing{Due: r.Grant.Until}
			}
			if i%12 == 11 {
				r.Extensions = []access.Extension{{By: r.By, At: r.At, For: time.Hour, Status: access.Asked, Course: r.Course}}
			}
		}
		all[i] = r
	}
	return all
}

func TestExcludedGrants(t *testing.T) { onEach(t, testExcludedGrants) }

// Of two grants that exclude each other one is written, whoever is first.
func testExcludedGrants(t *testing.T, at place) {
	s := at.open(t)
	a, b := asked("r1", "ada@example.org", 0), asked("r2", "ada@example.org", 0)
	b.Resource = "audit-db"
	a.Policy.NotWith, b.Policy.NotWith = []string{"audit-db"}, []string{"prod-db"}
	save(t, s, a, b)
	errs := make([]error, 2)
	var wait sync.WaitGroup
	for i, r := range []access.Request{approved(a), approved(b)} {
		wait.Go(func() { errs[i] = s.SaveRequests(t.Context(), []access.Request{r}, told(engine.EventGranted, r), nil) })
	}
	wait.Wait()
	if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs...), ErrExcluded) {
		t.Fatalf("%v and %v; want one of them excluded", errs[0], errs[1])
	}
	// It can be ended, and somebody else is not concerned.
	won := a
	if errs[0] != nil {
		won = b
	}
	save(t, s, ended(approved(won), won.At.Add(time.Minute)))
	c := asked("r3", "eve@example.org", 0)
	c.Policy.NotWith = []string{"audit-db", "prod-db"}
	save(t, s, c, approved(c))
}
