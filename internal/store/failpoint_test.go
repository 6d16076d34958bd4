//go:build failpoint

package store

import (
	"errors"
	"fmt"
	"testing"
)

// TestFailpoints dies at each place and counts what is left.
func TestFailpoints(t *testing.T) { onEach(t, testFailpoints) }

func testFailpoints(t *testing.T, at place) {
	for place, want := range map[string]int{"record-before": 2, "record-commit": 2, "record-after": 3} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			at := at.fresh(t)
			c := start(t, at, "a", fmt.Sprintf("DAYPASS_FAILPOINT=%s:3", place))
			said := c.end()
			if said != 2 || c.cmd.ProcessState.Success() {
				t.Fatalf("the child said %d and ended with %s: %s", said, c.cmd.ProcessState, c.errs)
			}
			s := at.open(t)
			if steps := len(gather(t, s.Past(t.Context(), Filter{}))); steps != want {
				t.Errorf("%d steps are there, want %d", steps, want)
			}
			agree(t, at, map[string]int{"a": said})
		})
	}
}

// TestRequestsKilled dies at each place of saving requests, and counts what is
// left.
func TestRequestsKilled(t *testing.T) { onEach(t, testRequestsKilled) }

func testRequestsKilled(t *testing.T, at place) {
	for place, want := range map[string]int{"save-before": 2, "save-commit": 2, "save-after": 3} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			at := at.fresh(t)
			c := start(t, at, "requests", fmt.Sprintf("DAYPASS_FAILPOINT=%s:3", place))
			if said := c.end(); said != 2 || c.cmd.ProcessState.Success() {
				t.Fatalf("the child said %d and ended with %s: %s", said, c.cmd.ProcessState, c.errs)
			}
			s := at.open(t)
			p, err := s.Requests(t.Context(), RequestQuery{Text: "chg-1"})
			if err != nil || len(p.Requests) != want {
				t.Errorf("%d requests are there, %v; want %d", len(p.Requests), err, want)
			}
			for _, r := range p.Requests {
				if r.Version != 2 {
					t.Errorf("%s is torn: version %d", r.ID, r.Version)
				}
			}
			if n, err := s.Generation(t.Context()); err != nil || n != int64(want) || verified(t, s).Seq != n {
				t.Errorf("generation %d, %v; want it and the events to be %d", n, err, want)
			}
		})
	}
}

// TestMoveKilled dies at each end of the instant between the two databases.
// One of them can be used then, and never both.
func TestMoveKilled(t *testing.T) {
	t.Parallel()
	for place, arrived := range map[string]bool{"move-leaving": false, "move-arrived": true} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			from, old := stocked(t)
			to := onPostgres(t)
			want := contents(t, old)
			c := start(t, from, "move", "DAYPASS_FAILPOINT="+place+":1", targetEnv+"="+to.dsn)
			if c.end(); c.cmd.ProcessState.Success() {
				t.Fatalf("the child ended with %s: %s", c.cmd.ProcessState, c.errs)
			}
			if err := old.Record(t.Context(), stepOf("a", 9)); !errors.Is(err, ErrMoved) {
				t.Errorf("record by who has it open: got %v, want %v", err, ErrMoved)
			}
			s := to.open(t)
			if there := len(contents(t, s).Events) > 0; there != arrived {
				t.Fatalf("the target holds the store: %t, want %t", there, arrived)
			}
			_, err := moving(t, from, to)
			if arrived != errors.Is(err, ErrMoved) || !arrived && err != nil {
				t.Errorf("moved again: %v", err)
			}
			same(t, "contents", contents(t, s), want)
			verified(t, s)
		})
	}
}
