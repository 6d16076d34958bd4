package httpx

import (
	"testing"
	"time"
)

func TestTheWindowHasRoomWhenTheOldIsOver(t *testing.T) {
	t.Parallel()
	now := time.Now()
	tests := []struct {
		cost, flying float64
		after        time.Duration
		known        bool
	}{
		{2, 0, 0, true},
		{2.5, 0, 20 * time.Second, true},
		{5, 0, 20 * time.Second, true},
		{6, 0, 40 * time.Second, true},
		{10, 0, 50 * time.Second, true},
		{11, 0, 50 * time.Second, true}, // more than all: alone
		{2, 1, 20 * time.Second, true},
		{10, 1, 50 * time.Second, false}, // an answer must come first
	}
	for _, test := range tests {
		b := newBucket(Quota{Units: 10, Per: time.Minute}, 1, 8)
		b.spent = []slot{
			{now.Add(-61 * time.Second), 99}, // over
			{now.Add(-40 * time.Second), 3}, {now.Add(-20 * time.Second), 3}, {now.Add(-10 * time.Second), 2},
		}
		b.flying = test.flying
		at, known := b.room(now, test.cost)
		if got := at.Sub(now); got != test.after || known != test.known {
			t.Errorf("%g beside %g in flight: got %s, %v, want %s, %v", test.cost, test.flying, got, known, test.after, test.known)
		}
	}
}

func TestWhatIsLeftCountsWhatIsInFlight(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := newBucket(Quota{}, 1, 8)
	told := func(left float64, reset time.Duration) outcome {
		return outcome{answered: true, learnt: true, quota: Quota{Units: 100, Per: time.Minute, Left: left}, reset: now.Add(reset)}
	}
	want := func(left float64) {
		t.Helper()
		if b.left != left {
			t.Errorf("got %g left, want %g", b.left, left)
		}
	}
	for range 4 {
		b.enter(now, 1)
	}
	b.leave(now, 1, 0, told(50, 30*time.Second))
	want(47) // three are still on their way
	b.leave(now, 1, 0, told(52, 30*time.Second))
	want(47) // an answer that was overtaken
	b.leave(now, 1, 0, outcome{unsent: true})
	want(48) // it was never sent
	b.leave(now, 1, 0, told(40, 31*time.Second))
	want(40) // others are about
	b.enter(now, 1)
	want(39)
	b.leave(now, 1, 0, told(99, 90*time.Second))
	want(99) // a new window
	b.enter(now, 1)
	b.leave(now, 1, 0, told(1, 30*time.Second))
	want(98) // an answer from the old one
}

func TestALimitGrowsBackSlowly(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := newBucket(Quota{Units: 320, Per: time.Minute}, 1, 8)
	b.enter(now, 1)
	b.leave(now, 1, 0, outcome{answered: true, throttled: true})
	if b.limit != 160 {
		t.Fatalf("the limit is %g, want half", b.limit)
	}
	for i, want := range []float64{160, 170, 170, 180} {
		now = now.Add(30 * time.Second)
		b.enter(now, 1)
		b.leave(now, 1, b.epoch, outcome{answered: true})
		if b.limit != want {
			t.Errorf("after %d answers the limit is %g, want %g", i+1, b.limit, want)
		}
	}
}

// A quota of one in a minute lets one through each minute, and not fewer.
func TestASmallQuotaIsUsedWhole(t *testing.T) {
	t.Parallel()
	for units := 1.0; units <= 5; units++ {
		b := newBucket(Quota{Units: units, Per: time.Minute}, 1, 8)
		began := time.Now()
		now := began
		const minutes = 20
		for range int(units) * minutes {
			now, _ = b.when(now, 1)
			b.enter(now, 1)
			b.leave(now, 1, b.epoch, outcome{answered: true})
		}
		if took := now.Sub(began); took > minutes*time.Minute*21/20 {
			t.Errorf("%g a minute: %d of them took %s", units, int(units)*minutes, took)
		}
	}
}
