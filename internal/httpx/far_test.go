package httpx

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// An answer that names a month does not stop removals for a month: after a few
// minutes one request tries.
func TestFarRetryAfterIsTriedBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		s.answer = func(n int, req *http.Request, _ string) (*http.Response, error) {
			if n == 1 {
				r := reply(429, "")
				r.Header.Set("Retry-After", "2592000")
				return r, nil
			}
			return reply(204, ""), nil
		}
		c := New(Policy{Directory: "corp", Transport: s})
		send := func() error {
			req, _ := http.NewRequestWithContext(Urgent(context.Background()), http.MethodDelete, "https://x.test/a", nil)
			resp, err := c.HTTP().Do(req)
			if err == nil {
				resp.Body.Close()
			}
			return err
		}
		_ = send()
		for h := range 29 * 24 {
			time.Sleep(time.Hour)
			if send() == nil {
				t.Logf("through after %d hours", h+1)
				if h > 1 {
					t.Error("late")
				}
				return
			}
		}
		t.Errorf("29 days of hourly removals, requests that reached the directory: %d", s.count())
	})
}

// A reset that is far off is no reset.
func TestFarResetIsNone(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := newBucket(Quota{}, 0.5, 4)
	for i := range 3 {
		q := Quota{Units: 500, Per: time.Minute, Left: 0, Reset: now.Add(time.Minute)}
		reset := now.Add(50 * time.Second)
		if i == 0 {
			reset = now.Add(50 * 365 * 24 * time.Hour) // milliseconds, or garbage
		}
		b.enter(now, 1)
		b.leave(now, 1, b.epoch, outcome{answered: true, learnt: true, quota: q, reset: reset})
		now = now.Add(time.Second)
	}
	at, _ := b.when(now, 1)
	if at.Sub(now) > time.Hour {
		t.Errorf("the next request may go in %s", at.Sub(now))
	}
}
