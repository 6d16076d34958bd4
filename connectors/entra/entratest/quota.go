package entratest

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

// quotas are the limits of one app in the tenant. All apply at once.
type quotas struct {
	units, writes, requests *sim.Window // nil: none
	small, medium           *sim.Window // units of a tenant with few users
}

// Windows of the documented limits (Graph's page on throttling limits,
// identity and access).
const (
	unitsPer  = 10 * time.Second
	writesPer = 150 * time.Second
)

func newQuotas(q *Quota, clock *sim.Clock) quotas {
	if q == nil {
		return quotas{}
	}
	pick := func(given, documented int, per time.Duration) *sim.Window {
		switch {
		case given < 0, given == 0 && documented == 0:
			return nil
		case given == 0:
			given = documented
		}
		return sim.NewWindow(given, per, clock)
	}
	qs := quotas{
		units:    pick(q.ResourceUnits, 8000, unitsPer),
		writes:   pick(q.Writes, 3000, writesPer),
		requests: pick(q.PerMinute, 0, time.Minute),
	}
	if q.ResourceUnits == 0 {
		qs.small, qs.medium = pick(3500, 0, unitsPer), pick(5000, 0, unitsPer)
	}
	return qs
}

// sized returns the resource units of a tenant with so many users.
func (qs quotas) sized(users int) *sim.Window {
	switch {
	case qs.small != nil && users < 50:
		return qs.small
	case qs.medium != nil && users <= 500:
		return qs.medium
	}
	return qs.units
}

// cost is what a request spends, in resource units: less for $select and a
// small $top, more for $expand, never under one.
func (c *call) cost() int {
	cost := c.handler.cost
	if c.query.Has("$select") {
		cost--
		if c.route.path == "/directoryObjects/getByIds" {
			cost = 2
		}
	}
	if c.query.Has("$expand") {
		cost++
	}
	if top, err := strconv.Atoi(c.query.Get("$top")); err == nil && top < 20 {
		cost--
	}
	return max(1, cost)
}

// throttle spends what the request costs, or refuses it. A batch costs
// nothing: the requests in it do, one by one.
func (c *call) throttle() *failure {
	if c.route.path == "/$batch" {
		return nil
	}
	switch priority := c.r.Header.Get("x-ms-throttle-priority"); strings.ToLower(priority) {
	case "", "low", "normal", "high":
	default:
		c.violation("x-ms-throttle-priority is %q", priority)
	}
	cost := c.cost()
	c.header.Set("x-ms-resource-unit", strconv.Itoa(cost))
	c.s.mu.RLock()
	users := c.s.tenant.users
	c.s.mu.RUnlock()
	writes := 0
	if c.r.Method != http.MethodGet && c.route.path != "/directoryObjects/getByIds" {
		writes = 1
	}
	for _, q := range []struct {
		window      *sim.Window
		cost        int
		scope, what string
	}{
		{c.s.quota.requests, 1, "ReadWrite", "RequestLimitExceeded"},
		{c.s.quota.sized(users), cost, "ReadWrite", "ResourceUnitLimitExceeded"},
		{c.s.quota.writes, writes, "Write", "WriteLimitExceeded"},
	} {
		if f := c.spend(q.window, q.cost, q.scope, q.what); f != nil {
			return f
		}
	}
	return nil
}

func (c *call) spend(w *sim.Window, cost int, scope, what string) *failure {
	if w == nil || cost == 0 {
		return nil
	}
	left, reset, ok := w.Take(cost)
	used := float64(w.Limit()-left) / float64(w.Limit())
	if !ok {
		f := fail(http.StatusTooManyRequests, "TooManyRequests", "Please retry again later.")
		f.header = http.Header{}
		wait := reset.Sub(c.now)
		f.header.Set("Retry-After", strconv.Itoa(int(max(1, (wait+time.Second-1)/time.Second))))
		f.header.Set("x-ms-throttle-scope", "Tenant_Application/"+scope+"/"+c.claims.App+"/"+c.claims.Tenant)
		f.header.Set("x-ms-throttle-information", what)
		f.header.Set("x-ms-throttle-limit-percentage", "1.0")
		return f
	}
	if used > 0.8 {
		c.header.Set("x-ms-throttle-limit-percentage", strconv.FormatFloat(used, 'f', 2, 64))
	}
	return nil
}
