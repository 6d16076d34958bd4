package oktatest

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

func TestLimitsAreByMethodAndPath(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *Options) {
		o.Quota = Quota{Limits: map[string]int{"GET /api/v1/groups": 4}, Other: 100, Share: 1}
	})
	for i := range 4 {
		g := c.want("GET", "/api/v1/groups", 200, "")
		if left := g.header.Get("X-Rate-Limit-Remaining"); left != string(rune('3'-i)) || g.header.Get("X-Rate-Limit-Limit") != "4" {
			t.Errorf("got %s of %s left, want %d of 4", left, g.header.Get("X-Rate-Limit-Limit"), 3-i)
		}
	}
	g := c.want("GET", "/api/v1/groups", 429, "E0000047")
	if g.header.Get("Retry-After") != "" || g.header.Get("X-Rate-Limit-Remaining") != "0" || g.header.Get("X-Rate-Limit-Reset") != "1795608060" {
		t.Errorf("got headers %v, want a reset at noon and a minute, and no Retry-After", g.header)
	}
	c.want("GET", "/api/v1/groups/"+c.s.GroupID("prod-db"), 200, "") // another one
	c.s.Clock.Advance(59 * time.Second)
	c.want("GET", "/api/v1/groups", 429, "E0000047")
	c.s.Clock.Advance(time.Second)
	c.want("GET", "/api/v1/groups", 200, "")
}

func TestOneCredentialHasAPartOfALimit(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *Options) {
		o.Quota = Quota{Other: 10}
		o.Credentials = []Credential{{Token: "other"}}
		o.Token = DefaultToken
	})
	for range 5 {
		c.want("GET", "/api/v1/groups", 200, "")
	}
	c.want("GET", "/api/v1/groups", 429, "E0000047")
	c.auth = "SSWS other"
	c.want("GET", "/api/v1/groups", 200, "")
}

func TestOneLimitForAll(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *Options) { o.Quota = Quota{PerMinute: 3} })
	c.want("GET", "/api/v1/groups", 200, "")
	c.want("GET", "/api/v1/users", 200, "")
	c.want("GET", "/api/v1/groups/rules", 200, "")
	g := c.want("GET", "/api/v1/logs", 429, "E0000047")
	if g.header.Get("X-Rate-Limit-Limit") != "3" {
		t.Errorf("got limit %s, want 3", g.header.Get("X-Rate-Limit-Limit"))
	}
}

func TestWorkforceLimits(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, rt := range table {
		known[rt.method+" "+rt.path] = true
	}
	for name := range Workforce().Limits {
		if !known[name] {
			t.Errorf("%s is no route", name)
		}
	}
	c := open(t, func(o *Options) { o.Quota = Workforce() })
	for path, want := range map[string]string{
		"/api/v1/groups": "500", c.members("prod-db"): "1200", "/api/v1/users/ada": "2000", "/api/v1/logs": "120",
	} {
		if got := c.get(path).header.Get("X-Rate-Limit-Limit"); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestTooManyAtOnceShowsAsAQuotaOfNothing(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *Options) { o.Quota.Concurrency = 2 })
	c.s.flights.Add(2) // as two requests that take their time
	g := c.want("GET", "/api/v1/groups", 429, "E0000047")
	if g.header.Get("X-Rate-Limit-Limit") != "0" || g.header.Get("X-Rate-Limit-Remaining") != "0" {
		t.Errorf("got %v, want a limit of 0", g.header)
	}
	c.s.flights.Add(-1)
	c.want("GET", "/api/v1/groups", 200, "")
	if n := c.s.flights.Load(); n != 1 {
		t.Errorf("got %d in flight, want the one that is still there", n)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.ok(c.s.Put("prod-db", "ada@example.org"))
	for _, status := range []int{400, 401, 403, 404, 409, 423, 429, 500, 501, 503} {
		c.s.Faults.Inject(c.s.Failure(status))
		g := c.get("/api/v1/groups")
		if g.status != status || !strings.HasPrefix(g.code(), "E0000") || g.header.Get("Date") == "" {
			t.Errorf("got %d %s, want %d in Okta's shape", g.status, g.body, status)
		}
		if status == 429 && (g.header.Get("X-Rate-Limit-Reset") == "" || g.header.Get("Retry-After") != "") {
			t.Errorf("got headers %v", g.header)
		}
	}
	c.s.Faults.Inject(sim.Fault{Effect: sim.Empty})
	if g := c.get(c.members("prod-db")); g.status != 200 || g.body != "[]" {
		t.Errorf("got %d %q, want an empty list", g.status, g.body)
	}
	c.s.Faults.Inject(sim.Fault{Effect: sim.Lose})
	req, err := http.NewRequest("PUT", c.s.URL()+c.membership("prod-db", "ben"), nil)
	c.ok(err)
	req.Header.Set("Authorization", c.auth)
	if _, err := c.s.Transport().RoundTrip(req); err == nil || !c.s.Has("prod-db", "ben@example.org") {
		t.Errorf("got error %v, want one, and the write carried out", err)
	}
	if n := c.s.Log.Count("GET /api/v1/groups/{id}/users"); n != 1 {
		t.Errorf("got %d listings of members on record, want 1", n)
	}
	c.get("/api/v1/groups?colour=red")
	c.get("/api/v1/groups/x/skinny_users")
	if got := c.s.Violations(); len(got) != 2 {
		t.Errorf("got violations %q, want 2", got)
	}
}
