package httpx

import (
	"testing"
	"testing/synctest"
	"time"
)

// Processes that take over from each other keep to one quota and one burst.
func TestWhoTakesOverBeginsWithoutABurst(t *testing.T) {
	t.Parallel()
	const quota, burst = 600, 20
	for name, policy := range map[string]Policy{
		"a quota":   {Quotas: map[string]Quota{"": {Units: quota, Per: time.Minute}}},
		"a ceiling": {Ceiling: Quota{Units: quota, Per: time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &strict{limit: 10 * quota, per: time.Minute}
				policy.Directory, policy.Transport = "corp", s
				first, second := New(policy), New(policy)
				for _, c := range []*Client{first, second, first, second} { // each has saved a burst meanwhile
					c.Spent()
					start, before := time.Now(), len(s.all)
					demand(t, c, 8, 40*time.Second)
					in := 0
					for _, at := range s.all[before:] {
						if at.Sub(start) < time.Second {
							in++
						}
					}
					if in > quota/60 {
						t.Errorf("%d requests in the first second, want at most %d", in, quota/60)
					}
				}
				if n := most(s.all, time.Minute); n > quota+burst {
					t.Errorf("%d requests within a minute, want at most %d", n, quota+burst)
				}
				if n := len(s.all); n < quota*160/60*95/100 {
					t.Errorf("%d requests in all, want the quota to be used", n)
				}
			})
		})
	}
}

// A bucket that a client has not used yet, or whose size the directory tells
// later, has nothing saved either.
func TestSpentReachesBucketsThatAreNotThereYet(t *testing.T) {
	t.Parallel()
	now := time.Now()
	g := newGovernor(Policy{Share: 1, Concurrency: 8})
	g.spent()
	b := g.bucket("later")
	if b.learn(now, outcome{quota: Quota{Units: 600, Per: time.Minute}}); b.limit != 600 {
		t.Fatalf("got the limit %g, want 600", b.limit)
	}
	if at, _ := b.when(now, 1); at.Sub(g.emptied) != 100*time.Millisecond {
		t.Errorf("the first request may go %s after the quota was spent, want 100ms", at.Sub(g.emptied))
	}
	// Time saves a burst again.
	now = now.Add(time.Minute)
	for range 20 {
		if at, _ := b.when(now, 1); at.After(now) {
			t.Fatalf("a burst after a minute of silence waits until %s", at.Sub(now))
		}
		b.enter(now, 1)
	}
	if at, _ := b.when(now, 1); !at.After(now) {
		t.Error("more than a burst may go at once")
	}
}

// What the directory told of its window is kept: it knows better.
func TestSpentKeepsWhatTheDirectoryTold(t *testing.T) {
	t.Parallel()
	now := time.Now()
	g := newGovernor(Policy{Share: 1, Concurrency: 8})
	b := g.bucket("")
	b.learn(now, outcome{quota: Quota{Units: 600, Per: time.Minute, Left: 0}, reset: now.Add(30 * time.Second)})
	g.spent()
	if at, _ := b.when(now, 1); at.Before(now.Add(30 * time.Second)) {
		t.Errorf("a request may go %s ahead of the reset", now.Add(30*time.Second).Sub(at))
	}
	if b.limit != 600 || b.left != 0 {
		t.Errorf("got limit %g and %g left, want 600 and 0", b.limit, b.left)
	}
}
