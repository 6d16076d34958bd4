//go:build failpoint

package store

import (
	"fmt"
	"testing"
)

// TestFailpoints dies at each place and counts what is left.
func TestFailpoints(t *testing.T) {
	t.Parallel()
	for place, want := range map[string]int{"record-before": 2, "record-commit": 2, "record-after": 3} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			c := start(t, folder, "a", fmt.Sprintf("DAYPASS_FAILPOINT=%s:3", place))
			said := c.end()
			if said != 2 || c.cmd.ProcessState.Success() {
				t.Fatalf("the child said %d and ended with %s: %s", said, c.cmd.ProcessState, c.errs)
			}
			s := openIn(t, folder)
			if steps := len(gather(t, s.Past(t.Context(), Filter{}))); steps != want {
				t.Errorf("%d steps are there, want %d", steps, want)
			}
			agree(t, folder, map[string]int{"a": said})
		})
	}
}
