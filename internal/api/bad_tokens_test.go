package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/api"
)

// TestBadTokensLockNobodyOut: a flood of bad tokens is told to wait, and is a few
// lines in the log that say from where it comes; a good token from the same
// address is served all the same.
func TestBadTokensLockNobodyOut(t *testing.T) {
	t.Parallel()
	r := open(t, func(c *api.Config) { c.Rate.Failures, c.Rate.FailuresAtOnce = 0.1, 5 })
	for i := range 300 {
		want := 401
		if i >= 5 {
			want = 429
		}
		r.call("nobody", "GET", "/api/v1/me", "").want(t, want)
		if i%100 == 0 {
			r.call("dan", "GET", "/api/v1/me", "").want(t, 200)
		}
	}
	r.call("dan", "GET", "/api/v1/me", "").want(t, 200)
	r.call("ci", "GET", "/api/v1/me", "").want(t, 200)
	log := r.log.String()
	if n := strings.Count(log, "address=192.0.2.1 "); n < 6 || n > 40 {
		t.Errorf("the log names the address in %d lines", n)
	}
	if strings.Contains(log, secret("nobody")) {
		t.Error("a token is in the log")
	}
	r.clock.Pass(time.Minute)
	r.call("nobody", "GET", "/api/v1/me", "").want(t, 401)
}

// TestTokenOfALeaver: of whoever has no account any more, or a disabled one, the
// tokens open nothing, not even to read, and of machines neither; a silent
// directory brings none of them back, and keeps nobody else out.
func TestTokenOfALeaver(t *testing.T) {
	t.Parallel()
	r := open(t)
	m, err := r.corp.Resolve(t.Context(), "ada@example.org")
	if err != nil {
		t.Fatal(err)
	}
	r.call("ada", "GET", "/api/v1/me", "").want(t, 200)
	r.corp.Delete(m.ID)
	r.clock.Pass(time.Minute)
	for _, path := range []string{"/api/v1/me", "/api/v1/resources", "/api/v1/requests", "/api/v1/tokens"} {
		if p := r.call("ada", "GET", path, "").problem(t, 403, "forbidden"); !strings.Contains(p.Detail, "no account in any directory") {
			t.Errorf("%s: %s", path, p.Detail)
		}
	}
	if m, err = r.corp.Resolve(t.Context(), "ci@example.org"); err != nil {
		t.Fatal(err)
	}
	r.call("ci", "GET", "/api/v1/me", "").want(t, 200)
	r.corp.Delete(m.ID)
	r.clock.Pass(time.Minute)
	r.call("ci", "GET", "/api/v1/me", "").problem(t, 403, "forbidden")
	r.corp.Down("unavailable")
	r.clock.Pass(time.Minute)
	r.call("ada", "GET", "/api/v1/me", "").problem(t, 403, "forbidden")
	r.call("ci", "GET", "/api/v1/me", "").problem(t, 403, "forbidden")
	r.call("bob", "GET", "/api/v1/me", "").want(t, 200)
}
