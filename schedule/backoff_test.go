package schedule_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daypass-dev/daypass/schedule"
)

func TestBackoffDoublesUpToItsCap(t *testing.T) {
	t.Parallel()
	b := schedule.Backoff{First: 3 * time.Second, Cap: 20 * time.Second}
	for failures, want := range []time.Duration{3, 3, 6, 12, 20, 20} {
		if got := b.After(failures, 0); got != want*time.Second {
			t.Errorf("after %d failures: got %v, want %v", failures, got, want*time.Second)
		}
	}
	if got := (schedule.Backoff{First: 1, Cap: math.MaxInt64}).After(1000, 0); got != math.MaxInt64 {
		t.Errorf("without a cap: got %v", got)
	}
}

// However often and unluckily it failed, a retry is neither at once nor later
// than the cap.
func TestBackoffIsBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := schedule.Backoff{
			First: time.Duration(rapid.Int64Min(0).Draw(t, "first")),
			Cap:   time.Duration(rapid.Int64Min(0).Draw(t, "cap")),
		}
		failures, random := rapid.Int().Draw(t, "failures"), rapid.Float64Range(0, 0.999).Draw(t, "random")
		most := b.Cap
		if most == 0 {
			most = time.Minute
		}
		got := b.After(failures, random)
		if got > most || got <= 0 || got < min(b.First, most)/2 {
			t.Fatalf("%+v after %d failures: %v", b, failures, got)
		}
	})
}

func TestJitterOnlyShortens(t *testing.T) {
	t.Parallel()
	for random, want := range map[float64]time.Duration{0: 10 * time.Second, 0.5: 9 * time.Second} {
		if got := schedule.Jitter(10*time.Second, random); got != want {
			t.Errorf("by %v: got %v, want %v", random, got, want)
		}
	}
}
