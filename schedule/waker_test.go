package schedule_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daypass-dev/daypass/schedule"
)

// A wall is a wall clock that can be set. Time itself goes on below it, as the
// monotonic clock shows.
type wall struct{ set atomic.Int64 }

func (w *wall) now() time.Time               { return time.Now().Add(time.Duration(w.set.Load())) }
func (w *wall) jump(d time.Duration)         { w.set.Add(int64(d)) }
func (w *wall) start(at time.Time)           { w.jump(at.Sub(w.now())) }
func stamp(at time.Time, what string) string { return at.UTC().Format("01-02 15:04 ") + what }

// follow keeps an agenda of windows, wakes at their edges until ctx ends, and
// returns what began and ended, with the present at which it was seen.
func follow(ctx context.Context, w *schedule.Waker, windows map[string]schedule.Window) []string {
	var seen []string
	active := map[string]bool{}
	agenda := schedule.NewAgenda(cmp.Compare[string])
	for name := range windows {
		agenda.Set(name, w.Now())
	}
	for {
		next, _ := agenda.Next()
		waking, err := w.Wait(ctx, next)
		if err != nil {
			return seen
		}
		due := agenda.Due(waking.Now)
		if waking.Jump != 0 { // look at everything
			due = slices.AppendSeq(due, maps.Keys(windows))
		}
		for _, name := range due {
			window := windows[name]
			if now := window.Active(waking.Now); now != active[name] {
				active[name] = now
				seen = append(seen, stamp(waking.Now, fmt.Sprintf("%s %t", name, now)))
			}
			if next, ok := window.Next(waking.Now); ok {
				agenda.Set(name, next)
			}
		}
	}
}

// follows runs follow in a bubble in which something happens to the clock.
func follows(t *testing.T, windows map[string]schedule.Window, from time.Time, happens func(*wall)) (seen []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		clock := &wall{}
		clock.start(from)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			seen = follow(ctx, schedule.NewWaker(clock.now), windows)
		}()
		synctest.Wait()
		happens(clock)
		synctest.Wait()
		cancel()
		<-done
	})
	return seen
}

func sleep(d time.Duration) func(*wall) { return func(*wall) { time.Sleep(d) } }

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got  %q,\nwant %q", got, want)
	}
}

func nights(t *testing.T, until string) map[string]schedule.Window {
	hours, err := schedule.ParseWeekly("mon-sun 22:00-06:00 Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]schedule.Window{"night": {Until: utc(t, until), Weekly: hours}}
}

func TestWakesByTheWallWhenSummerBegins(t *testing.T) {
	t.Parallel()
	seen := follows(t, nights(t, "2026-03-30 00:00"), utc(t, "2026-03-28 00:00"), sleep(72*time.Hour))
	equal(t, seen, "03-28 00:00 night true", "03-28 05:00 night false", "03-28 21:00 night true", "03-29 04:00 night false",
		"03-29 20:00 night true", "03-30 00:00 night false")
}

func TestWakesByTheWallWhenSummerEnds(t *testing.T) {
	t.Parallel()
	seen := follows(t, nights(t, "2026-10-26 00:00"), utc(t, "2026-10-24 12:00"), sleep(72*time.Hour))
	equal(t, seen, "10-24 20:00 night true", "10-25 05:00 night false", "10-25 21:00 night true", "10-26 00:00 night false")
}

func TestWakesOnLeapDay(t *testing.T) {
	t.Parallel()
	hours, err := schedule.ParseWeekly("tue 09:00-17:00 UTC") // 29 February 2028 is one
	if err != nil {
		t.Fatal(err)
	}
	windows := map[string]schedule.Window{
		"weekly": {Until: utc(t, "2028-03-07 00:00"), Weekly: hours},
		"until":  {From: utc(t, "2028-02-28 12:00"), Until: utc(t, "2028-02-29 12:00")},
	}
	seen := follows(t, windows, utc(t, "2028-02-28 00:00"), sleep(10*24*time.Hour))
	equal(t, seen, "02-28 12:00 until true", "02-29 09:00 weekly true", "02-29 12:00 until false", "02-29 17:00 weekly false")
}

// A year of hours on weekdays: no edge is missed, and none is late.
func TestWakesAtEveryEdgeOfAYear(t *testing.T) {
	t.Parallel()
	hours, err := schedule.ParseWeekly("mon-fri 09:00-17:00 Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	w := schedule.Window{Until: utc(t, "2029-01-01 00:00"), Weekly: hours}
	from := utc(t, "2028-01-01 00:00")
	seen := follows(t, map[string]schedule.Window{"work": w}, from, sleep(367*24*time.Hour))
	var want []string
	for at, ok := w.Next(from); ok; at, ok = w.Next(at) {
		want = append(want, stamp(at, fmt.Sprintf("work %t", w.Active(at))))
	}
	equal(t, seen, want...)
	if len(want) != 2*260 {
		t.Errorf("%d edges, want those of 260 weekdays", len(want))
	}
}

// Nothing begins or ends twice, what had begun goes on, and what comes next
// comes when the clock is there.
func TestClockMovedBackAnHour(t *testing.T) {
	t.Parallel()
	windows := map[string]schedule.Window{
		"ended": {From: utc(t, "2026-05-01 09:00"), Until: utc(t, "2026-05-01 11:30")},
		"begun": {From: utc(t, "2026-05-01 11:30"), Until: utc(t, "2026-05-01 12:30")},
	}
	seen := follows(t, windows, utc(t, "2026-05-01 10:00"), func(w *wall) {
		time.Sleep(2 * time.Hour) // 12:00
		w.jump(-time.Hour)        // 11:00
		time.Sleep(2 * time.Hour)
	})
	equal(t, seen, "05-01 10:00 ended true", "05-01 11:30 begun true", "05-01 11:30 ended false", "05-01 12:30 begun false")
}

func TestClockMovedAhead(t *testing.T) {
	t.Parallel()
	windows := map[string]schedule.Window{"w": {From: utc(t, "2026-05-01 09:00"), Until: utc(t, "2026-05-01 12:00")}}
	seen := follows(t, windows, utc(t, "2026-05-01 10:00"), func(w *wall) {
		time.Sleep(time.Hour)
		w.jump(3 * time.Hour) // 14:00
		time.Sleep(time.Minute)
	})
	equal(t, seen, "05-01 10:00 w true", "05-01 14:00 w false")
}

// All that was missed comes at once, in the order of its instants, seconds after
// it woke. Timers have stood still meanwhile.
func TestMachineAsleepForADay(t *testing.T) {
	t.Parallel()
	windows := map[string]schedule.Window{
		"c": {Until: utc(t, "2026-05-01 13:00")},
		"b": {Until: utc(t, "2026-05-01 23:00")},
		"a": {Until: utc(t, "2026-05-02 09:00")},
		"z": {Until: utc(t, "2026-05-03 00:00")},
	}
	seen := follows(t, windows, utc(t, "2026-05-01 12:00"), func(w *wall) {
		w.jump(24 * time.Hour)
		time.Sleep(15 * time.Second)
	})
	equal(t, seen, "05-01 12:00 a true", "05-01 12:00 b true", "05-01 12:00 c true", "05-01 12:00 z true",
		"05-02 12:00 c false", "05-02 12:00 b false", "05-02 12:00 a false")
}

// A jump is told once, also when somebody else saw it first.
func TestJumpsAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		clock := &wall{}
		w := schedule.NewWaker(clock.now)
		for _, d := range []time.Duration{time.Hour, -2 * time.Hour, 1100 * time.Millisecond} {
			clock.jump(d)
			w.Now()
			if got, err := w.Wait(t.Context(), time.Time{}); err != nil || got.Jump != d || got.Nudged {
				t.Errorf("after a jump of %v: got %+v, %v", d, got, err)
			}
		}
		if got := w.Behind(); got != 2*time.Hour-1100*time.Millisecond {
			t.Errorf("behind by %v", got)
		}
		clock.jump(900 * time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if got, err := w.Wait(ctx, time.Time{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %+v, %v, want to wait until the end", got, err)
		}
	})
}

// A process that is stopped between reading one clock and the other has not
// seen the clock jump.
func TestStoppedWhileLooking(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		w := schedule.NewWaker(func() time.Time {
			if looks++; looks == 2 {
				time.Sleep(time.Minute)
			}
			return time.Now()
		})
		if got, err := w.Wait(t.Context(), time.Now().Add(time.Hour)); err != nil || got.Jump != 0 {
			t.Errorf("got %+v, %v, want no jump", got, err)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := schedule.NewWaker(time.Now).Wait(ctx, time.Now()); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// However nudges fall, none is missed, and many are one.
func TestNudgeWhileNobodyWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := schedule.NewWaker(time.Now)
		start := time.Now()
		w.Wake()
		w.Wake()
		if got, err := w.Wait(t.Context(), start.Add(time.Hour)); err != nil || !got.Nudged || time.Since(start) != 0 {
			t.Errorf("got %+v, %v, want nudged at once", got, err)
		}
		if got, err := w.Wait(t.Context(), start.Add(time.Hour)); err != nil || got.Nudged || time.Since(start) != time.Hour {
			t.Errorf("got %+v, %v after %v, want nothing for an hour", got, err, time.Since(start))
		}
	})
}

// The clock is what the waker looks at last before it waits.
func TestNudgeBetweenLookingAndWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w *schedule.Waker
		looks := 0
		w = schedule.NewWaker(func() time.Time {
			if looks++; looks == 2 { // the first is by NewWaker
				w.Wake()
			}
			return time.Now()
		})
		start := time.Now()
		if got, err := w.Wait(t.Context(), start.Add(time.Hour)); err != nil || !got.Nudged || time.Since(start) != 0 {
			t.Errorf("got %+v, %v after %v, want nudged at once", got, err, time.Since(start))
		}
	})
}

// An idle waker looks at the clock a few times each minute, and not more often
// when the clock stands still just before the instant.
func TestWaitingIsNotBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		stuck := time.Now()
		w := schedule.NewWaker(func() time.Time { looks++; return stuck })
		ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
		defer cancel()
		w.Wait(ctx, stuck.Add(time.Nanosecond))
		if looks > 1000 {
			t.Errorf("%d looks in a second", looks)
		}
		clock := &wall{}
		w = schedule.NewWaker(func() time.Time { looks++; return clock.now() })
		soon := clock.now().Add(time.Millisecond)
		clock.jump(-time.Hour)
		w.Wait(t.Context(), soon) // returns for the jump
		looks = 0
		if got, err := w.Wait(t.Context(), soon); err != nil || !got.Now.Equal(soon) {
			t.Errorf("got %+v, %v", got, err)
		}
		if looks > 300 {
			t.Errorf("%d looks in the hour for which the present stands still", looks)
		}
		looks = 0
		w = schedule.NewWaker(func() time.Time { looks++; return time.Now() })
		w.Wait(t.Context(), time.Now().Add(time.Hour))
		if looks > 300 {
			t.Errorf("%d looks in an hour", looks)
		}
	})
}
