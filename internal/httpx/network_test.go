package httpx

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// These tests run on real connections: what net/http tells of them decides
// whether a write may have been carried out.

func listen(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func open(t *testing.T, p Policy) *Client {
	t.Helper()
	c := New(p)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestARefusedConnectionIsNotLost(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String() + "/groups"
	l.Close()
	c := open(t, Policy{Directory: "corp", Attempts: 2})
	_, _, err = sendTo(t.Context(), c, http.MethodPost, url, "x")
	if e := failure(t, err); e.Lost || e.Attempts != 2 || !strings.Contains(e.Error(), "connection refused") {
		t.Errorf("got %+v", e)
	}
}

func TestAConnectionCutAfterSendingIsLost(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodGet} {
		var served atomic.Int32
		url := listen(t, func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			if served.Add(1) == 1 {
				panic(http.ErrAbortHandler)
			}
			w.WriteHeader(http.StatusNoContent)
		})
		c := open(t, Policy{Directory: "corp"})
		var ex Exchange
		status, _, err := sendTo(Trace(t.Context(), &ex), c, method, url, "x")
		if status != 204 || err != nil || !ex.Lost || ex.Attempts != 2 || served.Load() != 2 {
			t.Errorf("%s: got %d, %v, traced %+v, served %d", method, status, err, ex, served.Load())
		}
	}
}

func TestAnAnswerCutInTheMiddleIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, chunked := range []bool{true, false} {
		var served atomic.Int32
		url := listen(t, func(w http.ResponseWriter, _ *http.Request) {
			if !chunked {
				w.Header().Set("Content-Length", "1000")
			}
			if served.Add(1) > 1 {
				io.WriteString(w, strings.Repeat("x", 1000))
				return
			}
			io.WriteString(w, strings.Repeat("x", 500))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		})
		c := open(t, Policy{Directory: "corp"})
		_, body, err := sendTo(t.Context(), c, http.MethodGet, url, "")
		if len(body) != 1000 || err != nil || served.Load() != 2 {
			t.Errorf("chunked %v: got %d bytes, %v, served %d", chunked, len(body), err, served.Load())
		}
	}
}

// TestTheTransportSpeaksHTTP2 cuts a stream as well: the other requests on its
// connection go on.
func TestTheTransportSpeaksHTTP2(t *testing.T) {
	t.Parallel()
	var served atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if served.Add(1) == 1 {
			panic(http.ErrAbortHandler)
		}
		io.WriteString(w, r.Proto)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	carrier := transport(Policy{}.withDefaults())
	carrier.TLSClientConfig.RootCAs = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	c := open(t, Policy{Directory: "corp", Transport: carrier})
	var ex Exchange
	_, body, err := sendTo(Trace(t.Context(), &ex), c, http.MethodDelete, s.URL, "")
	if body != "HTTP/2.0" || err != nil || !ex.Lost || ex.Attempts != 2 {
		t.Errorf("got %q, %v, traced %+v", body, err, ex)
	}
}

func TestACertificateNobodyKnowsIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	c := open(t, Policy{Directory: "corp"})
	_, _, err := sendTo(t.Context(), c, http.MethodPost, s.URL, "x")
	if e := failure(t, err); e.Attempts != 1 || e.Lost || !strings.Contains(e.Error(), "certificate") {
		t.Errorf("got %+v", e)
	}
}

func TestAHangingServerIsTimedOut(t *testing.T) {
	t.Parallel()
	var served atomic.Int32
	url := listen(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if served.Add(1) == 1 {
			<-r.Context().Done()
		}
	})
	c := open(t, Policy{Directory: "corp", Timeout: 500 * time.Millisecond})
	var ex Exchange
	status, _, err := sendTo(Trace(t.Context(), &ex), c, http.MethodPost, url, "x")
	if status != 200 || err != nil || !ex.Lost {
		t.Errorf("got %d, %v, traced %+v", status, err, ex)
	}
}

func TestZippedAnswersAreRead(t *testing.T) {
	t.Parallel()
	url := listen(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, strings.Repeat("x", 100_000))
		z.Close()
	})
	c := open(t, Policy{Directory: "corp", BodyMax: 100_000})
	if _, body, err := sendTo(t.Context(), c, http.MethodGet, url, ""); len(body) != 100_000 || err != nil {
		t.Errorf("got %d bytes, %v", len(body), err)
	}
	// A small answer that unfolds to a big one is held to the same bound.
	c = open(t, Policy{Directory: "corp", BodyMax: 99_999})
	if _, _, err := sendTo(t.Context(), c, http.MethodGet, url, ""); err == nil {
		t.Error("a body that unfolds beyond the bound was passed on")
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	var flying, together, served atomic.Int32
	url := listen(t, func(w http.ResponseWriter, r *http.Request) {
		together.Store(max(together.Load(), flying.Add(1)))
		defer flying.Add(-1)
		body, _ := io.ReadAll(r.Body)
		switch n := served.Add(1); {
		case n%10 == 0:
			panic(http.ErrAbortHandler)
		case n%7 == 0:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.Write(body)
		}
	})
	c := open(t, Policy{Directory: "corp", Concurrency: 4, Attempts: 20, Authorize: bearer("t"), Guard: GuardRefDelete})
	var ex Exchange
	ctx := Trace(t.Context(), &ex)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for j := range 2 {
				want := fmt.Sprintf("%d/%d", i, j)
				ctx := ctx
				if j == 1 {
					ctx = Urgent(ctx)
				}
				if _, got, err := sendTo(ctx, c, http.MethodPost, url, want); got != want || err != nil {
					t.Errorf("got %q, %v, want %q", got, err, want)
				}
				c.Time()
			}
		})
	}
	wg.Wait()
	if ex.Attempts != int(served.Load()) || together.Load() > 4 || !ex.Lost {
		t.Errorf("traced %+v, served %d, %d at once", ex, served.Load(), together.Load())
	}
}

func TestATraceWithinAnother(t *testing.T) {
	t.Parallel()
	c := open(t, Policy{Directory: "corp", Transport: script(200, 404)})
	var outer, inner Exchange
	ctx := Trace(t.Context(), &outer)
	send(ctx, c, http.MethodGet, "")
	send(Trace(ctx, &inner), c, http.MethodGet, "")
	if outer.Attempts != 2 || outer.Status != 404 || inner.Attempts != 1 || inner.Status != 404 {
		t.Errorf("got %+v and %+v", outer, inner)
	}
}

func TestACancelledCallLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	url := listen(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	c := open(t, Policy{Directory: "corp", Concurrency: 2, Quotas: map[string]Quota{"": {Units: 60, Per: time.Minute}}})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			_, _, err := sendTo(ctx, c, http.MethodGet, url, "")
			failure(t, err)
		})
	}
	wg.Wait()
	c.governor.mu.Lock()
	defer c.governor.mu.Unlock()
	if len(c.governor.queue) != 0 || c.governor.free != 2 || c.governor.timer != nil {
		t.Errorf("%d in the queue, %d free, timer %v", len(c.governor.queue), c.governor.free, c.governor.timer)
	}
}
