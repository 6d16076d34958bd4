package engine

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// One at a time for a key, others beside it, and who gives up leaves no trace.
func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var turns Turns[string]
		var wg sync.WaitGroup
		in, start := 0, time.Now()
		for range 10 {
			wg.Go(func() {
				done, err := turns.Take(t.Context(), "a")
				if err != nil {
					t.Error(err)
					return
				}
				defer done()
				if in++; in != 1 {
					t.Errorf("%d have the turn at once", in)
				}
				time.Sleep(time.Second)
				in--
			})
		}
		synctest.Wait() // one has it, nine wait
		other, err := turns.Take(t.Context(), "b")
		if err != nil || time.Since(start) > 0 {
			t.Errorf("another key waited %s, error %v", time.Since(start), err)
		}
		other()
		hasty, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := turns.Take(hasty, "a"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got error %v, want the context's", err)
		}
		wg.Wait()
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("ten turns of a second took %s", took)
		}
		if _, err := turns.Take(hasty, "a"); err == nil {
			t.Error("an ended context gets a turn")
		}
		if n := len(turns.taken); n > 0 {
			t.Errorf("%d keys are kept, want none", n)
		}
	})
}
