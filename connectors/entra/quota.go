package entra

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// Microsoft's limits for one application in one tenant, of the smallest size
// of tenant (Microsoft Graph throttling limits, identity and access service,
// February 2026). Larger tenants may have 5,000 and 8,000 units.
const (
	readUnits   = 3500 // resource units
	readPeriod  = 10 * time.Second
	writeUnits  = 3000
	writePeriod = 150 * time.Second
	// writeRoom is what writes take of the resource units when they are at
	// their own limit: one each.
	writeRoom = writeUnits * readPeriod / writePeriod
)

// The quotas that a request counts against. A write takes from both: its own is
// by far the narrower, and room is left for it in the other.
const (
	reads  = "reads"
	writes = "writes"
	byHand = "requests"
)

// weight is what a request costs.
type weight struct {
	requests int // as Graph counts: those within a batch, one by one
	writes   int // how many of them are writes
	units    int // resource units
}

// one read, and one write.
func reading(units int) weight { return weight{requests: 1, units: units} }
func writing() weight          { return weight{requests: 1, writes: 1, units: 1} }

func (w weight) plus(x weight) weight {
	return weight{w.requests + x.requests, w.writes + x.writes, w.units + x.units}
}

type weightKey struct{}

func withWeight(ctx context.Context, w weight) context.Context {
	return context.WithValue(ctx, weightKey{}, w)
}

// policy is how to speak to Microsoft Graph.
func (c *Connector) policy() httpx.Policy {
	p := httpx.Policy{
		Directory: c.cfg.Name, Transport: c.cfg.Transport, Allow: engine.Held, Log: c.cfg.Log, Observe: c.cfg.Observe,
		Share: c.cfg.Share, Concurrency: c.cfg.Connections,
		Authorize: c.tokens.authorize, Renew: c.tokens.renew, Guard: guard,
		Judge: func(resp *http.Response, body []byte) httpx.Verdict {
			c.tokens.challenged(resp)
			return httpx.Standard(resp, body)
		},
	}
	if n := c.cfg.PerMinute; n > 0 { // instead of what Microsoft documents
		p.Bucket = func(r *http.Request) (string, float64) { return byHand, float64(weightOf(r).requests) }
		p.Quotas = map[string]httpx.Quota{byHand: {Units: float64(n), Per: time.Minute}}
		return p
	}
	p.Bucket, p.Learn = bucket, c.learn
	p.Quotas = map[string]httpx.Quota{reads: quotaOf(reads), writes: quotaOf(writes)}
	return p
}

func quotaOf(bucket string) httpx.Quota {
	if bucket == writes {
		return httpx.Quota{Units: writeUnits, Per: writePeriod}
	}
	return httpx.Quota{Units: readUnits - float64(writeRoom), Per: readPeriod}
}

func weightOf(r *http.Request) weight {
	if w, ok := r.Context().Value(weightKey{}).(weight); ok && w.requests > 0 {
		return w
	}
	return reading(1)
}

// bucket tells what a request counts against.
func bucket(r *http.Request) (name string, cost float64) {
	w := weightOf(r)
	if w.writes > 0 {
		return writes, float64(w.writes)
	}
	return reads, float64(w.units)
}

// near is the part of a limit from which on Graph tells how much of it is
// used, in x-ms-throttle-limit-percentage, up to 1.8.
const near = 0.8

// learn slows down when the limit is near, and goes back to normal when Graph
// stops to say so.
func (c *Connector) learn(resp *http.Response) (httpx.Quota, bool) {
	if resp.Request == nil {
		return httpx.Quota{}, false
	}
	name, _ := bucket(resp.Request)
	q := quotaOf(name)
	used, err := strconv.ParseFloat(resp.Header.Get("x-ms-throttle-limit-percentage"), 64)
	if err == nil && used > near {
		c.slowed.Store(name, true)
		q.Units *= near / used
		return q, true
	}
	_, was := c.slowed.LoadAndDelete(name)
	return q, was
}

// guard refuses a DELETE that is not of a reference, alone or in a batch:
// without the last word of its path, and with the right to write accounts,
// Graph deletes the account itself (Microsoft, "Remove member").
func guard(r *http.Request) error {
	if err := httpx.GuardRefDelete(r); err != nil {
		return trouble(engine.Rejected, "%w", err)
	}
	return nil
}
