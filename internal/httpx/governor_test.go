package httpx

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// strict is a server that lets so many requests through in any window, and
// tells when the next one may come. Requests and answers travel for a while.
type strict struct {
	limit  int
	per    time.Duration
	travel time.Duration
	silent bool // says nothing of when to come again

	mu       sync.Mutex
	rnd      *rand.Rand
	arrived  []time.Time // those let through
	all      []time.Time
	refused  int
	flying   int
	together int // in flight at most
}

func (s *strict) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	if s.rnd == nil {
		s.rnd = rand.New(rand.NewPCG(1, 2))
	}
	out, back := s.trip(), s.trip()
	s.flying++
	s.together = max(s.together, s.flying)
	s.mu.Unlock()
	time.Sleep(out)
	resp := s.answer()
	time.Sleep(back)
	s.mu.Lock()
	s.flying--
	s.mu.Unlock()
	return resp, req.Context().Err()
}

func (s *strict) trip() time.Duration {
	if s.travel == 0 {
		return 0
	}
	return time.Duration(s.rnd.Int64N(int64(s.travel)))
}

func (s *strict) answer() *http.Response {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.all = append(s.all, now)
	date := now.UTC().Format(http.TimeFormat)
	old := len(s.arrived) - s.limit
	if old >= 0 && s.arrived[old].Add(s.per).After(now) {
		s.refused++
		wait := s.arrived[old].Add(s.per).Sub(now).Seconds() + 1
		if s.silent {
			return reply(429, "", "Date", date)
		}
		return reply(429, "", "Date", date, "Retry-After", strconv.Itoa(int(wait)))
	}
	s.arrived = append(s.arrived, now)
	return reply(200, "", "Date", date)
}

// demand keeps so many workers sending for so long, and returns how many
// requests ended in an error.
func demand(t *testing.T, c *Client, workers int, d time.Duration) (failed int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	end := time.Now().Add(d)
	for range workers {
		wg.Go(func() {
			for time.Now().Before(end) {
				if _, _, err := send(t.Context(), c, http.MethodGet, ""); err != nil {
					mu.Lock()
					failed++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return failed
}

// state tells how many requests wait, and how many more could be in flight.
func (g *governor) state() (waiting, free int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.queue), g.free
}

// most returns how many instants lie in one window at most.
func most(at []time.Time, per time.Duration) int {
	n, first := 0, 0
	for i := range at {
		for !at[first].Add(per).After(at[i]) {
			first++
		}
		n = max(n, i-first+1)
	}
	return n
}

func TestAQuotaIsUsedAndNeverBroken(t *testing.T) {
	t.Parallel()
	tests := []struct {
		units   int
		per     time.Duration
		share   float64
		travel  time.Duration
		workers int
	}{
		{600, time.Minute, 1, 0, 8},
		{600, time.Minute, 1, 300 * time.Millisecond, 32},
		{600, time.Minute, 0.5, 300 * time.Millisecond, 32},
		{2400, time.Minute, 0.8, 200 * time.Millisecond, 32},
		{3000, 150 * time.Second, 1, 300 * time.Millisecond, 32},
		{350, 10 * time.Second, 1, 100 * time.Millisecond, 32},
		{30, time.Minute, 1, 300 * time.Millisecond, 8},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%d in %s, share %g", test.units, test.per, test.share), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				budget := int(float64(test.units) * test.share)
				s := &strict{limit: budget, per: test.per, travel: test.travel}
				c := New(Policy{
					Directory: "corp", Transport: s, Share: test.share,
					Quotas: map[string]Quota{"": {Units: float64(test.units), Per: test.per}},
				})
				failed := demand(t, c, test.workers, 10*time.Minute)
				if s.refused != 0 || failed != 0 {
					t.Errorf("%d throttled, %d failed", s.refused, failed)
				}
				if n := most(s.arrived, test.per); n > budget {
					t.Errorf("%d requests within %s, want at most %d", n, test.per, budget)
				}
				used := float64(len(s.arrived)) / (float64(budget) * float64(10*time.Minute) / float64(test.per))
				t.Logf("used %.1f %%", 100*used)
				if used < 0.95 {
					t.Errorf("used %.1f %%, want at least 95", 100*used)
				}
			})
		})
	}
}

func TestARunBeginsWithoutABurst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// The server remembers what the run before this one spent: all of it.
		s := &strict{limit: 630, per: time.Minute}
		start := time.Now()
		for i := range 600 {
			s.arrived = append(s.arrived, start.Add(time.Duration(i-600)*100*time.Millisecond))
		}
		c := New(Policy{Directory: "corp", Transport: s, Quotas: map[string]Quota{"": {Units: 600, Per: time.Minute}}})
		demand(t, c, 32, time.Minute)
		if s.refused != 0 {
			t.Errorf("%d throttled", s.refused)
		}
	})
}

func TestALimitLowerThanToldIsFound(t *testing.T) {
	t.Parallel()
	for _, silent := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := &strict{limit: 300, per: time.Minute, travel: 300 * time.Millisecond, silent: silent}
			c := New(Policy{Directory: "corp", Transport: s, Quotas: map[string]Quota{"": {Units: 600, Per: time.Minute}}})
			failed := demand(t, c, 32, 10*time.Minute)
			t.Logf("silent %v: %d throttled, %d through, %d failed", silent, s.refused, len(s.arrived), failed)
			if s.refused > 20 || failed > 0 {
				t.Errorf("silent %v: %d throttled, %d failed", silent, s.refused, failed)
			}
			if len(s.arrived) < 2400 {
				t.Errorf("silent %v: %d got through of the 3000 that could", silent, len(s.arrived))
			}
		})
	}
}

func TestALimitNobodyToldIsFound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &strict{limit: 300, per: time.Minute, travel: 300 * time.Millisecond, silent: true}
		c := New(Policy{Directory: "corp", Transport: s, Patience: time.Hour, Attempts: 100})
		failed := demand(t, c, 32, 10*time.Minute)
		t.Logf("%d throttled, %d through, %d failed", s.refused, len(s.arrived), failed)
		if s.refused > 150 || failed > 0 || len(s.arrived) < 2400 {
			t.Errorf("%d throttled, %d failed, %d through", s.refused, failed, len(s.arrived))
		}
	})
}

// fixed is a server as Okta: a window that begins anew each minute, not at the
// full minute, and headers that tell where one stands. Others use it as well.
type fixed struct {
	limit  int
	others int // requests of others at the beginning of each window
	offset time.Duration
	travel time.Duration

	mu      sync.Mutex
	arrived []time.Time
	window  int64
	left    int
	least   int
	through int
	refused int
	rnd     *rand.Rand
}

func (f *fixed) RoundTrip(*http.Request) (*http.Response, error) {
	f.mu.Lock()
	if f.rnd == nil {
		f.rnd, f.least = rand.New(rand.NewPCG(1, 2)), f.limit
	}
	out, back := time.Duration(0), time.Duration(0)
	if f.travel > 0 {
		out, back = time.Duration(f.rnd.Int64N(int64(f.travel))), time.Duration(f.rnd.Int64N(int64(f.travel)))
	}
	f.mu.Unlock()
	time.Sleep(out)
	resp := f.answer()
	time.Sleep(back)
	return resp, nil
}

func (f *fixed) answer() *http.Response {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if w := now.Add(-f.offset).Unix() / 60; w != f.window {
		f.window, f.left = w, f.limit-f.others
	}
	reset := time.Unix(f.window*60+60, 0).Add(f.offset)
	status := 200
	if f.left <= 0 {
		status = 429
		f.refused++
	} else {
		f.left--
		f.through++
		f.arrived = append(f.arrived, now)
		f.least = min(f.least, f.left)
	}
	return reply(status, "", "Date", now.UTC().Format(http.TimeFormat), "X-Rate-Limit-Limit", strconv.Itoa(f.limit),
		"X-Rate-Limit-Remaining", strconv.Itoa(f.left), "X-Rate-Limit-Reset", strconv.FormatInt(reset.Unix(), 10))
}

func learnFixed(resp *http.Response) (Quota, bool) {
	number := func(name string) float64 {
		f, _ := strconv.ParseFloat(resp.Header.Get(name), 64)
		return f
	}
	return Quota{
		Units: number("X-Rate-Limit-Limit"), Per: time.Minute, Left: number("X-Rate-Limit-Remaining"),
		Reset: time.Unix(int64(number("X-Rate-Limit-Reset")), 0),
	}, true
}

func waitFixed(resp *http.Response) (time.Duration, bool) {
	date, err := http.ParseTime(resp.Header.Get("Date"))
	reset, err2 := strconv.ParseInt(resp.Header.Get("X-Rate-Limit-Reset"), 10, 64)
	if err != nil || err2 != nil {
		return 0, false
	}
	return time.Unix(reset, 0).Sub(date), true
}

func TestAQuotaIsLearntFromHeaders(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		share  float64
		others int
		known  map[string]Quota
		least  int // requests through in ten minutes
		left   int // what must always be left to others
	}{
		{"alone", 1, 0, nil, 5700, 0},
		{"alone, told wrong", 1, 0, map[string]Quota{"": {Units: 1200, Per: time.Minute}}, 5700, 0},
		{"half of it", 0.5, 0, nil, 2850, 300},
		{"others use a third", 1, 200, nil, 3800, 0},
		{"others use a third, half is ours", 0.5, 200, nil, 900, 290},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &fixed{limit: 600, others: test.others, offset: 17 * time.Second, travel: 300 * time.Millisecond}
				c := New(Policy{Directory: "okta", Transport: f, Learn: learnFixed, Wait: waitFixed, Share: test.share, Quotas: test.known})
				failed := demand(t, c, 32, 10*time.Minute)
				t.Logf("%d through, %d throttled, never less than %d left", f.through, f.refused, f.least)
				if f.refused != 0 || failed != 0 {
					t.Errorf("%d throttled, %d failed", f.refused, failed)
				}
				// The window rule holds once the quota is learnt, with the first answers.
				if n, budget := most(f.arrived, time.Minute), int(600*test.share)+8; n > budget {
					t.Errorf("%d requests within a minute, want at most %d", n, budget)
				}
				if f.through < test.least || f.least < test.left {
					t.Errorf("%d through, want %d; %d left, want %d", f.through, test.least, f.least, test.left)
				}
			})
		})
	}
}

func TestAfterAThrottledAnswerOneGoesAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		closed := time.Now().Add(time.Minute)
		var mu sync.Mutex
		flying, together, early := 0, 0, 0
		s := &server{answer: func(int, *http.Request, string) (*http.Response, error) {
			mu.Lock()
			flying++
			if time.Now().Before(closed) {
				early++
			} else if early > 0 {
				together = max(together, flying)
			}
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			flying--
			if time.Now().Before(closed) {
				return reply(429, "", "Retry-After", "20"), nil
			}
			return reply(200, ""), nil
		}}
		c := New(Policy{Directory: "corp", Transport: s, Concurrency: 8, Attempts: 8})
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				if _, _, err := send(t.Context(), c, http.MethodGet, ""); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(63 * time.Second)
		mu.Lock()
		// Eight at once, then one after 20 s and one after 40 s; at 60 s it opens.
		if early > 10 {
			t.Errorf("%d requests while it was closed, want at most 10", early)
		}
		mu.Unlock()
		wg.Wait()
		if s.count() > 64+10 || together > 8 {
			t.Errorf("%d requests in all, %d at once", s.count(), together)
		}
	})
}

// TestAnswersOfBeforeDoNotOpenIt: what was in flight beside a throttled request
// and got through says nothing of the time after.
func TestAnswersOfBeforeDoNotOpenIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: func(n int, _ *http.Request, _ string) (*http.Response, error) {
			if n == 1 {
				return reply(429, "", "Retry-After", "20"), nil
			}
			time.Sleep(5 * time.Second)
			return reply(200, ""), nil
		}}
		c := New(Policy{Directory: "corp", Transport: s, Concurrency: 8})
		pass, err := c.governor.enter(t.Context(), wish{deadline: time.Now().Add(time.Hour)}) // in flight, and gets through
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { send(t.Context(), c, http.MethodGet, "") })
		}
		time.Sleep(10 * time.Second)
		before := s.count()
		pass.done(outcome{answered: true})
		time.Sleep(12*time.Second - time.Nanosecond)
		if n := s.count() - before; n != 1 {
			t.Errorf("%d went ahead, want one", n)
		}
		wg.Wait()
	})
}

func TestManyThrottledAtOnceAreOneRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: func(n int, _ *http.Request, _ string) (*http.Response, error) {
			time.Sleep(100 * time.Millisecond)
			if n <= 8 {
				return reply(429, ""), nil
			}
			return reply(200, ""), nil
		}}
		c := New(Policy{Directory: "corp", Transport: s, Concurrency: 8, Quotas: map[string]Quota{"": {Units: 6000, Per: time.Minute}}})
		start := time.Now()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { send(t.Context(), c, http.MethodGet, "") })
		}
		wg.Wait()
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("rested for %s, want little more than a second", took)
		}
		if limit := c.governor.buckets[""].limit; limit < 3000*shrinkTo {
			t.Errorf("the limit fell to %g: one rest halves it at most", limit)
		}
	})
}

func TestUrgentGoesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []string
		s := &server{answer: func(_ int, req *http.Request, _ string) (*http.Response, error) {
			mu.Lock()
			order = append(order, req.Method)
			mu.Unlock()
			time.Sleep(time.Second)
			return reply(200, ""), nil
		}}
		c := New(Policy{Directory: "corp", Transport: s, Concurrency: 1})
		var wg sync.WaitGroup
		start := func(ctx context.Context, method string) {
			wg.Go(func() { send(ctx, c, method, "") })
			synctest.Wait()
		}
		start(t.Context(), "GET")
		start(t.Context(), "PUT")
		start(t.Context(), "POST")
		start(Urgent(t.Context()), "DELETE")
		start(Urgent(t.Context()), "PATCH")
		wg.Wait()
		if want := []string{"GET", "DELETE", "PATCH", "PUT", "POST"}; !slices.Equal(order, want) {
			t.Errorf("got %v, want %v", order, want)
		}
	})
}

func TestUrgentOvertakesWhatWaitsForTheQuota(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &strict{limit: 600, per: time.Minute}
		c := New(Policy{Directory: "corp", Transport: s, Quotas: map[string]Quota{"": {Units: 600, Per: time.Minute}}})
		for range 500 {
			go send(t.Context(), c, http.MethodGet, "")
		}
		time.Sleep(5 * time.Second)
		start := time.Now()
		if _, _, err := send(Urgent(t.Context()), c, http.MethodDelete, ""); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 200*time.Millisecond {
			t.Errorf("an urgent request waited %s", took)
		}
		time.Sleep(time.Minute)
	})
}

// While removals have to wait for the quota they get all of it, also what comes
// free while their answers are on the way; and nobody waits for ever.
func TestWhatIsNotUrgentLeavesTheQuota(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var gets atomic.Int64
		s := &server{answer: func(_ int, req *http.Request, _ string) (*http.Response, error) {
			if req.Method == http.MethodGet {
				gets.Add(1)
			}
			time.Sleep(150 * time.Millisecond)
			return reply(200, ""), nil
		}}
		c := New(Policy{Directory: "corp", Transport: s, Quotas: map[string]Quota{"": {Units: 600, Per: time.Minute}}})
		c.Spent() // no burst
		for range 20 {
			go send(t.Context(), c, http.MethodGet, "")
		}
		removals := func(long time.Duration) {
			for start := time.Now(); time.Since(start) < long; {
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() { send(Urgent(t.Context()), c, http.MethodDelete, "") })
				}
				wg.Wait()
			}
		}
		removals(20 * time.Second)
		if n := gets.Load(); n > 2 {
			t.Errorf("%d others were sent while removals waited", n)
		}
		removals(20 * time.Second)
		if n := gets.Load(); n < 18 {
			t.Errorf("after 40 seconds only %d of 20 others were sent", n)
		}
		time.Sleep(time.Minute)
	})
}

func TestOneBucketDoesNotHoldAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: func(_ int, req *http.Request, _ string) (*http.Response, error) {
			if req.Method == http.MethodPut {
				return reply(429, "", "Retry-After", "60"), nil
			}
			return reply(200, ""), nil
		}}
		c := New(Policy{Directory: "corp", Transport: s, Bucket: func(req *http.Request) (string, float64) { return req.Method, 1 }})
		go send(t.Context(), c, http.MethodPut, "")
		synctest.Wait()
		go send(t.Context(), c, http.MethodPut, "")
		synctest.Wait()
		start := time.Now()
		if _, _, err := send(t.Context(), c, http.MethodGet, ""); err != nil || time.Since(start) != 0 {
			t.Errorf("waited %s, %v", time.Since(start), err)
		}
		time.Sleep(10 * time.Minute)
	})
}

func TestCostsCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &strict{limit: 1 << 30, per: time.Minute}
		c := New(Policy{
			Directory: "corp", Transport: s, Quotas: map[string]Quota{"": {Units: 100, Per: time.Minute}},
			Bucket: func(*http.Request) (string, float64) { return "", 5 },
		})
		demand(t, c, 8, 10*time.Minute)
		if n := most(s.arrived, time.Minute); n > 20 || len(s.arrived) < 190 {
			t.Errorf("%d in a minute, %d in all", n, len(s.arrived))
		}
	})
}

func TestWhatCostsMoreThanTheQuotaGoesAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := script(200)
		c := New(Policy{
			Directory: "corp", Transport: s, Quotas: map[string]Quota{"": {Units: 3, Per: time.Minute}},
			Bucket: func(*http.Request) (string, float64) { return "", 5 },
		})
		for range 2 {
			if _, _, err := send(t.Context(), c, http.MethodGet, ""); err != nil {
				t.Fatal(err)
			}
		}
		if gap := s.seen[1].at.Sub(s.seen[0].at); gap < time.Minute || gap > 2*time.Minute {
			t.Errorf("the second one went after %s", gap)
		}
	})
}

func TestACeilingHoldsForAllBucketsTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &strict{limit: 120, per: time.Minute, travel: 200 * time.Millisecond}
		var mu sync.Mutex
		n := 0
		c := New(Policy{
			Directory: "corp", Transport: s, Ceiling: Quota{Units: 120, Per: time.Minute},
			Quotas: map[string]Quota{"a": {Units: 100, Per: time.Minute}},
			Bucket: func(*http.Request) (string, float64) {
				mu.Lock()
				defer mu.Unlock()
				n++
				return string("abc"[n%3]), 1
			},
		})
		demand(t, c, 32, 10*time.Minute)
		if s.refused != 0 || len(s.arrived) < 1140 {
			t.Errorf("%d throttled, %d through of 1200", s.refused, len(s.arrived))
		}
	})
}

func TestWaitingEndsWithTheCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := script(step(429, "", "Retry-After", "100"), 200)
		c := New(Policy{Directory: "corp", Transport: s})
		go send(t.Context(), c, http.MethodGet, "") // closes the bucket for 100 s
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(5 * time.Second)
			cancel()
		}()
		start := time.Now()
		_, _, err := send(ctx, c, http.MethodPost, "x")
		e := failure(t, err)
		if time.Since(start) != 5*time.Second || !errors.Is(err, context.Canceled) || e.Lost || e.Attempts != 0 {
			t.Errorf("got %+v after %s", e, time.Since(start))
		}
		if waiting, _ := c.governor.state(); waiting != 1 {
			t.Errorf("%d in the queue", waiting)
		}
		time.Sleep(2 * time.Minute)
		if waiting, free := c.governor.state(); s.count() != 2 || waiting != 0 || free != 8 {
			t.Errorf("%d requests, %d in the queue, %d free", s.count(), waiting, free)
		}
	})
}

func TestWhatTheQuotaAllowsTooLateIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := script(step(429, "", "Retry-After", "100"), 200)
		c := New(Policy{Directory: "corp", Transport: s})
		go send(t.Context(), c, http.MethodGet, "")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
		defer cancel()
		start := time.Now()
		var ex Exchange
		_, _, err := send(Trace(ctx, &ex), c, http.MethodPost, "x")
		e := failure(t, err)
		if time.Since(start) != 0 || !e.Throttled || e.Lost || e.Attempts != 0 || e.RetryAfter < 100*time.Second || ex.RetryAfter != e.RetryAfter {
			t.Errorf("got %+v after %s", e, time.Since(start))
		}
		time.Sleep(2 * time.Minute)
	})
}

func TestTheDearAreNotOvertakenByTheCheap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := script(200)
		c := New(Policy{
			Directory: "corp", Transport: s, Quotas: map[string]Quota{"": {Units: 100, Per: time.Minute}},
			Bucket: func(req *http.Request) (string, float64) {
				if req.Method == http.MethodPost {
					return "", 90
				}
				return "", 20
			},
		})
		var wg sync.WaitGroup
		for _, method := range []string{"GET", "POST", "GET", "GET", "GET"} {
			wg.Go(func() { send(t.Context(), c, method, "x") })
			synctest.Wait()
		}
		wg.Wait()
		if s.seen[1].method != "POST" {
			t.Errorf("second went a %s", s.seen[1].method)
		}
	})
}

// TestATurnThatComesTooLateIsGivenBack ends a call in the moment in which its
// turn comes.
func TestATurnThatComesTooLateIsGivenBack(t *testing.T) {
	t.Parallel()
	g := newGovernor(Policy{Concurrency: 1}.withDefaults())
	w := wish{deadline: time.Now().Add(time.Hour)}
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			pass, err := g.enter(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				if pass, err := g.enter(ctx, w); err == nil {
					pass.done(outcome{})
				}
			}()
			synctest.Wait() // it is in the queue
			g.mu.Lock()
			cancel()
			g.leave(pass, outcome{})
			g.mu.Unlock()
			synctest.Wait()
		})
		if waiting, free := g.state(); waiting != 0 || free != 1 {
			t.Fatalf("%d free, %d in the queue", free, waiting)
		}
	}
}

func TestPatienceEndsInTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: func(int, *http.Request, string) (*http.Response, error) {
			time.Sleep(50 * time.Second)
			return reply(200, ""), nil
		}}
		c := New(Policy{Directory: "corp", Transport: s, Concurrency: 1, Patience: 20 * time.Second, Timeout: time.Hour})
		go send(t.Context(), c, http.MethodGet, "")
		synctest.Wait()
		start := time.Now()
		_, _, err := send(t.Context(), c, http.MethodPost, "x")
		if e := failure(t, err); time.Since(start) != 20*time.Second || !e.Throttled || e.Lost || e.Attempts != 0 {
			t.Errorf("got %+v after %s", e, time.Since(start))
		}
		time.Sleep(time.Hour)
	})
}

// A deadline that passes while a request asks to be sent is the context's to
// tell: the quota has nothing against it.
func TestPassedDeadlineIsNoMatterOfTheQuota(t *testing.T) {
	t.Parallel()
	g := newGovernor(Policy{Concurrency: 1, Share: 1})
	p, err := g.enter(t.Context(), wish{ticket: g.ticket(), cost: 1, deadline: time.Now().Add(-time.Millisecond)})
	if err != nil {
		t.Fatalf("enter: got error %v, want none", err)
	}
	p.done(outcome{unsent: true})
}
