package httpx

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Every attempt is told, with how long it waited for the quota, within the
// caller's context; and so is one that the quota turned away.
func TestEveryAttemptIsObserved(t *testing.T) {
	t.Parallel()
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		var seen []Sent
		c := New(Policy{
			Directory: "corp",
			Transport: script(step(429, "", "Retry-After", "20"), errors.New("connection reset by peer"), step(200, "")),
			Bucket:    func(*http.Request) (string, float64) { return "members", 1 },
			Quotas:    map[string]Quota{"members": {Units: 1, Per: time.Hour}},
			Patience:  10 * time.Hour,
			Observe: func(ctx context.Context, s Sent) {
				if ctx.Value(key{}) != "run" {
					t.Error("not the caller's context")
				}
				s.Waited, s.Asked = s.Waited.Round(time.Hour), time.Time{}
				if !s.Waits {
					seen = append(seen, s)
				}
			},
		})
		ctx := context.WithValue(t.Context(), key{}, "run")
		if _, _, err := send(ctx, c, http.MethodGet, ""); err != nil {
			t.Fatal(err)
		}
		hasty, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if _, _, err := send(hasty, c, http.MethodGet, ""); err == nil {
			t.Fatal("sent beyond the quota")
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		_, _, _ = send(gone, c, http.MethodGet, "")
		want := []Sent{
			{Method: "GET", Bucket: "members", Status: 429, Throttled: true},
			{Method: "GET", Bucket: "members", Waited: time.Hour},
			{Method: "GET", Bucket: "members", Waited: time.Hour, Status: 200},
			{Method: "GET", Bucket: "members", Unsent: true},
		}
		if !slices.Equal(seen, want) {
			t.Errorf("got  %+v\nwant %+v", seen, want)
		}
	})
}

// A request that waits long for the quota is told while it waits, and once
// more when it does not any more: sent, or dropped by its caller. One that waits
// for the answers to others is not: that is no matter of the quota.
func TestLongWaitsForTheQuotaAreTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var seen []Sent
		var mu sync.Mutex
		c := New(Policy{
			Transport: script(step(200, ""), step(200, "")),
			Quotas:    map[string]Quota{"": {Units: 1, Per: time.Minute}},
			Observe: func(_ context.Context, s Sent) {
				mu.Lock()
				defer mu.Unlock()
				s.Waited = s.Waited.Round(time.Second)
				seen = append(seen, s)
			},
		})
		_, _, _ = send(t.Context(), c, http.MethodGet, "")
		hasty, cancel := context.WithCancel(t.Context())
		var both sync.WaitGroup
		both.Go(func() { _, _, _ = send(t.Context(), c, http.MethodGet, "") })
		synctest.Wait()
		both.Go(func() { _, _, _ = send(hasty, c, http.MethodDelete, "") })
		time.Sleep(30 * time.Second)
		cancel()
		both.Wait()
		get, del := Sent{Method: "GET", Asked: began}, Sent{Method: "DELETE", Asked: began}
		with := func(s Sent, waited time.Duration, f func(*Sent)) Sent {
			s.Waited = waited
			f(&s)
			return s
		}
		waits, dropped, ok := func(s *Sent) { s.Waits = true }, func(s *Sent) { s.Dropped = true }, func(s *Sent) { s.Status = 200 }
		want := []Sent{
			with(get, 0, ok), with(get, 10*time.Second, waits), with(del, 10*time.Second, waits),
			with(del, 30*time.Second, dropped), with(get, time.Minute, ok),
		}
		if len(seen) > 2 && seen[1].Method == "DELETE" { // both in one instant
			seen[1], seen[2] = seen[2], seen[1]
		}
		if !slices.Equal(seen, want) {
			t.Errorf("got  %+v\nwant %+v", seen, want)
		}
	})
}

func TestWaitingForATurnIsNoWaitForTheQuota(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New(Policy{
			Concurrency: 1, Timeout: time.Minute, Attempts: 1,
			Transport: &server{answer: func(_ int, req *http.Request, _ string) (*http.Response, error) {
				<-req.Context().Done()
				return nil, req.Context().Err()
			}},
			Observe: func(_ context.Context, s Sent) {
				if s.Waits {
					t.Errorf("said to wait for the quota: %+v", s)
				}
			},
		})
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() { _, _, _ = send(t.Context(), c, http.MethodGet, "") })
		}
		both.Wait()
	})
}
