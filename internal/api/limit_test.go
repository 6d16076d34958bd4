package api

import (
	"fmt"
	"testing"
	"time"
)

// TestLimitersAreBounded: whoever comes with ever new addresses does not fill
// the memory, and does not make those of late be forgotten.
func TestLimitersAreBounded(t *testing.T) {
	t.Parallel()
	l := newLimiters(1, 1)
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	for i := range 5 * remembered {
		if i%1000 == 0 {
			if _, ok := l.take("steady", now); ok != (i == 0) {
				t.Fatalf("after %d others, take says %v", i, ok)
			}
		}
		l.take(fmt.Sprint(i), now)
	}
	if n := len(l.young) + len(l.old); n > 2*remembered {
		t.Errorf("%d are remembered", n)
	}
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "2001:db8:1:2::1": "2001:db8:1:2::", "": "", "@": "@",
		"::ffff:192.0.2.7": "::ffff:192.0.2.7",
	} {
		if got := network(address); got != want {
			t.Errorf("network(%q) = %q, want %q", address, got, want)
		}
	}
}
