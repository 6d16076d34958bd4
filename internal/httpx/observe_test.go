package httpx

import (
	"context"
	"errors"
	"net/http"
	"slices"
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
				s.Waited = s.Waited.Round(time.Hour)
				seen = append(seen, s)
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
