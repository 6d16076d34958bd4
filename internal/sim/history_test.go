package sim

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A naive model keeps the whole set for every instant.
func TestHistoryAgainstAModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		start := time.Unix(1000, 0)
		var h History[int]
		past := []map[int]bool{{}} // by second
		for second := 1; second < 60; second++ {
			set := maps.Clone(past[len(past)-1])
			for range rng.IntN(3) {
				key, present := rng.IntN(8), rng.IntN(2) == 0
				if rng.IntN(10) == 0 { // the harness: all of the past shows it
					h.Put(key, present)
					for _, p := range append(past, set) {
						p[key] = present
					}
					continue
				}
				if changed := h.Set(key, start.Add(time.Duration(second)*time.Second), present); changed != (set[key] != present) {
					t.Fatalf("seed %d: Set(%d, %t) = %t with %v", seed, key, present, changed, set)
				}
				set[key] = present
			}
			past = append(past, set)
			floor := max(0, second-20)
			h.Forget(start.Add(time.Duration(floor) * time.Second))
			for s := floor; s <= second; s++ {
				at := start.Add(time.Duration(s) * time.Second)
				if got, want := h.At(at), keys(past[s]); !slices.Equal(got, want) {
					t.Fatalf("seed %d, second %d seen at %d: got %v, want %v", seed, second, s, got, want)
				}
				for key := range 8 {
					if h.HasAt(key, at) != past[s][key] {
						t.Fatalf("seed %d, second %d: HasAt(%d, %d) = %t", seed, second, key, s, !past[s][key])
					}
				}
			}
			if h.Len() != len(keys(set)) || !slices.Equal(h.Keys(), keys(set)) {
				t.Fatalf("seed %d: now %v, want %v", seed, h.Keys(), keys(set))
			}
		}
	}
}

func keys(set map[int]bool) []int {
	var ks []int
	for k, present := range set {
		if present {
			ks = append(ks, k)
		}
	}
	slices.Sort(ks)
	return ks
}

func TestLag(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	var none *Lag
	if none.Cut(now) != now || none.Most() != 0 || NewLag(0, true, 1).Cut(now) != now {
		t.Error("no lag, and yet behind")
	}
	steady := NewLag(time.Minute, true, 1)
	if got := steady.Cut(now); got != now.Add(-time.Minute) {
		t.Errorf("steady: %s", got)
	}
	a, b := NewLag(time.Minute, false, 7), NewLag(time.Minute, false, 7)
	seen := make(map[time.Time]bool)
	for range 100 {
		cut := a.Cut(now)
		if cut != b.Cut(now) {
			t.Fatal("one seed, two lags")
		}
		if cut.After(now) || cut.Before(now.Add(-time.Minute)) {
			t.Fatalf("cut %s is out of range", cut)
		}
		seen[cut] = true
	}
	if len(seen) < 50 {
		t.Errorf("%d different lags in 100 draws", len(seen))
	}
}
