package entra

import (
	"errors"
	"net/http"
	"testing"

	"github.com/daypass-dev/daypass/connectors/entra/entratest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// TestCosts: what a request is taken to cost is what the tenant says it did.
func TestCosts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		weight weight
		bucket string
		cost   float64
	}{
		{weight{}, reads, 1},
		{reading(2), reads, 2},
		{writing(), writes, 1},
		{writing().plus(writing()).plus(writing()), writes, 3},
	} {
		r, _ := http.NewRequestWithContext(withWeight(t.Context(), tc.weight), http.MethodPost, fakeRoot, nil)
		if name, cost := bucket(r); name != tc.bucket || cost != tc.cost {
			t.Errorf("bucket of %+v: got %s and %g, want %s and %g", tc.weight, name, cost, tc.bucket, tc.cost)
		}
	}

	l := newLab(t, entratest.Options{Quota: &entratest.Quota{}})
	g := l.group("g", entratest.Security)
	l.people("ada")
	for _, r := range []request{
		groupByID(g), groupRequest("g"), accountsWith([]clue{{matchUPN, "ada@example.org"}}), deltaRequest(query("$deltatoken", "latest")),
	} {
		info, err := l.c.wire.information(r)
		l.must(err)
		u, err := info.GetUri()
		l.must(err)
		req, _ := http.NewRequestWithContext(withWeight(t.Context(), r.weight), http.MethodGet, u.String(), nil)
		resp, err := l.c.wire.client.HTTP().Do(req)
		l.must(err)
		_, cost := bucket(req)
		if got := resp.Header.Get("x-ms-resource-unit"); got != "1" || cost != 1 {
			t.Errorf("%s: got a cost of %g here and %s there, want 1", r.path, cost, got)
		}
		_ = resp.Body.Close()
	}
}

// TestLearn: Graph tells how near its limit is, and stops to tell when it is
// far.
func TestLearn(t *testing.T) {
	t.Parallel()
	c, _ := talk(t, func(int, asked) canned { return noContent() })
	for _, tc := range []struct {
		header string
		part   float64 // of the quota; 0: nothing is learnt
	}{
		{"", 0}, {"0.8", 0}, {"nonsense", 0}, {"1.0", 0.8}, {"1.6", 0.5}, {"", 1}, {"", 0},
	} {
		r, _ := http.NewRequestWithContext(withWeight(t.Context(), reading(2)), http.MethodGet, fakeRoot, nil)
		resp := &http.Response{Request: r, Header: http.Header{"X-Ms-Throttle-Limit-Percentage": {tc.header}}}
		q, ok := c.learn(resp)
		if ok != (tc.part > 0) || ok && (q.Units/quotaOf(reads).Units-tc.part > 1e-9 || q.Per != readPeriod) {
			t.Errorf("%q: got %+v and %t, want %g of the quota", tc.header, q, ok, tc.part)
		}
	}
	// What an answer to a reading tells is nothing about writes.
	tell := func(w weight, header string) bool {
		r, _ := http.NewRequestWithContext(withWeight(t.Context(), w), http.MethodGet, fakeRoot, nil)
		_, ok := c.learn(&http.Response{Request: r, Header: http.Header{"X-Ms-Throttle-Limit-Percentage": {header}}})
		return ok
	}
	if !tell(writing(), "1.6") || tell(reading(1), "") || !tell(writing(), "") {
		t.Error("writes near their limit: want readings to go on as they were, and writes when the limit is far")
	}
	if _, ok := c.learn(&http.Response{}); ok {
		t.Error("an answer to no request: got something learnt, want nothing")
	}
}

// TestSpentQuota: what was not sent for the quota changed nothing, unless it is
// a write of which an earlier attempt may have done it.
func TestSpentQuota(t *testing.T) {
	t.Parallel()
	c, _ := talk(t, func(int, asked) canned { return noContent() })
	unsent := errors.New("not sent: the quota did not allow it in time")
	for _, tc := range []struct {
		err         httpx.Error
		read, write engine.Kind
	}{
		{httpx.Error{Throttled: true, Err: unsent}, engine.Throttled, engine.Throttled},
		{httpx.Error{Throttled: true, Status: 429}, engine.Throttled, engine.Throttled},
		{httpx.Error{Throttled: true, Status: 401, Err: unsent}, engine.Throttled, engine.Throttled}, // with a new token
		{httpx.Error{Throttled: true, Lost: true, Err: unsent}, engine.Throttled, engine.Unavailable},
		{httpx.Error{Throttled: true, Lost: true, Status: 503, Err: unsent}, engine.Throttled, engine.Unavailable},
		{httpx.Error{Throttled: true, Lost: true, Status: 429}, engine.Throttled, engine.Unavailable},
	} {
		for write, want := range map[bool]engine.Kind{false: tc.read, true: tc.write} {
			if got := engine.KindOf(c.fail("x", faultOf(&httpx.Exchange{}, &tc.err, write))); got != want {
				t.Errorf("%+v, write %t: got kind %s, want %s", tc.err, write, got, want)
			}
		}
	}
}
