package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/store/storetest"
)

// tells reports whether an error names exactly what cannot be read.
func tells(err error, ids ...string) bool {
	for _, id := range ids {
		if err == nil || !strings.Contains(err.Error(), "request "+id+": ") {
			return false
		}
	}
	return errors.Is(err, ErrUnreadable) && !errors.Is(err, ErrUnreached) && strings.Count(err.Error(), ErrUnreadable.Error()) == len(ids)
}

// TestDamagedRequest: a request that cannot be read is told by its id, and the
// others go on. A grant that cannot be read is not taken for none.
func TestDamagedRequest(t *testing.T) { onEach(t, testDamagedRequest) }

func testDamagedRequest(t *testing.T, at place) {
	s := at.open(t)
	for i := range 9 {
		r := asked(fmt.Sprint("r", i), "ada@example.org", i)
		r.Resource = fmt.Sprint("res-", i)
		save(t, s, r)
	}
	// The ones that are due first, and the last one of a page of three.
	at.exec(t, `UPDATE requests SET body = '{' WHERE id IN ('r0', 'r1'); UPDATE requests SET body = replace(body, '"r6"', '"r5"') WHERE id = 'r6'`)
	now := storetest.Start().Add(100 * time.Hour)
	for limit, want := range map[int]string{1: "r2", 3: "r2 r3 r4", 5: "r2 r3 r4 r5 r7", 6: "r2 r3 r4 r5 r7 r8", 9: "r2 r3 r4 r5 r7 r8"} {
		damaged := []string{"r0", "r1", "r6"}
		if limit <= 3 {
			damaged = damaged[:2]
		}
		if due, err := s.DueRequests(t.Context(), now, limit); ids(due) != want || !tells(err, damaged...) {
			t.Errorf("%d that are due: %s, %v\nwant %s", limit, ids(due), err, want)
		}
	}
	q := RequestQuery{Limit: 3}
	for _, page := range []struct {
		want    string
		damaged []string
	}{{"r8 r7", []string{"r6"}}, {"r5 r4 r3", nil}, {"r2", []string{"r0", "r1"}}} {
		p, err := s.Requests(t.Context(), q)
		if ids(p.Requests) != page.want || len(page.damaged) == 0 && err != nil || len(page.damaged) > 0 && !tells(err, page.damaged...) {
			t.Errorf("got %s, %v\nwant %s", ids(p.Requests), err, page.want)
		}
		q.After = p.Next
	}
	if q.After != "" {
		t.Error("there is a page after the last")
	}
	if pending, err := s.PendingRequests(t.Context()); err != nil || len(pending) != 9 {
		t.Errorf("%d wait, %v; want 9", len(pending), err)
	}
	if _, err := s.Request(t.Context(), "r1"); !tells(err, "r1") {
		t.Errorf("one of them: %v", err)
	}
	r, err := s.Request(t.Context(), "r7")
	if err != nil {
		t.Fatal(err)
	}
	save(t, s, approved(r))
	if live, err := s.LiveRequests(t.Context(), r.At); err != nil || ids(live) != "r7" {
		t.Errorf("live: %s, %v; want r7", ids(live), err)
	}
	at.exec(t, `UPDATE requests SET body = '{' WHERE id = 'r7'`)
	if live, err := s.LiveRequests(t.Context(), r.At); len(live) > 0 || !tells(err, "r7") {
		t.Errorf("a grant that cannot be read: %d live, %v; want an error", len(live), err)
	}
	// What nobody approved is not given beside it.
	again := asked("r9", r.Person, 7)
	again.Resource = r.Resource
	if err := s.SaveRequests(t.Context(), []access.Request{automatic(again)}, nil, nil); !tells(err, "r7") {
		t.Errorf("beside a grant that cannot be read: %v", err)
	}
}
