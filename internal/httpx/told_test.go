package httpx

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// The clock of an answer is not run on for ever: a machine that slept does not
// know how long.
func TestOldAnswerTellsNoTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := New(Policy{Directory: "corp", Transport: &server{}})
		c.heard(&http.Response{Header: http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}})
		time.Sleep(4 * time.Minute)
		if at, ok := c.Time(); !ok || time.Since(at).Abs() > time.Second {
			t.Errorf("after 4 minutes: got %s, %t, want now", at, ok)
		}
		time.Sleep(2 * time.Minute)
		if at, ok := c.Time(); ok {
			t.Errorf("after 6 minutes: got %s, want nothing", at)
		}
	})
}
