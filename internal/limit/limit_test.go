package limit

import (
	"fmt"
	"testing"
	"time"
)

// TestLimitersAreBounded: whoever comes with ever new addresses does not fill
// the memory, and does not make those of late be forgotten.
func TestLimitersAreBounded(t *testing.T) {
	t.Parallel()
	l := New(1, 1)
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	for i := range 5 * remembered {
		if i%1000 == 0 {
			if _, ok := l.Take("steady", now); ok != (i == 0) {
				t.Fatalf("after %d others, Take says %v", i, ok)
			}
		}
		l.Take(fmt.Sprint(i), now)
	}
	if n := len(l.young) + len(l.old); n > 2*remembered {
		t.Errorf("%d are remembered", n)
	}
}
