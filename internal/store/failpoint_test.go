//go:build failpoint

package store

import (
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
