package sim

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestClock(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	c := Frozen(at)
	c.Advance(time.Hour)
	if got := c.Now(); got != at.Add(time.Hour) {
		t.Errorf("frozen: %s", got)
	}
	var running Clock
	running.Advance(-time.Hour)
	if d := time.Since(running.Now()); d < time.Hour-time.Minute || d > time.Hour+time.Minute {
		t.Errorf("running: %s behind, want an hour", d)
	}
	var none *Clock
	if time.Since(none.Now()) > time.Minute {
		t.Error("a nil clock is not this machine's")
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	clock := Frozen(time.Unix(1000, 0))
	w := NewWindow(3, time.Minute, clock)
	for i, want := range []struct {
		cost, left int
		ok         bool
	}{{1, 2, true}, {2, 0, true}, {1, 0, false}} {
		left, reset, ok := w.Take(want.cost)
		if left != want.left || ok != want.ok || !reset.Equal(time.Unix(1060, 0)) {
			t.Errorf("take %d: %d left, %s, %t; want %+v", i, left, reset, ok, want)
		}
	}
	clock.Advance(time.Minute)
	if left, reset := w.Peek(); left != 3 || !reset.Equal(time.Unix(1120, 0)) {
		t.Errorf("next window: %d left until %s", left, reset)
	}
	unlimited := NewWindow(0, time.Minute, clock)
	for range 100 {
		if _, _, ok := unlimited.Take(50); !ok {
			t.Fatal("no limit, and yet over it")
		}
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	var log Log
	var faults Faults
	mux := http.NewServeMux()
	mux.HandleFunc("GET /groups/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	mux.HandleFunc("POST /groups/{id}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	route := func(r *http.Request) string {
		if strings.HasPrefix(r.URL.Path, "/groups/") {
			return "/groups/{id}"
		}
		return ""
	}
	clock := Frozen(time.Unix(1000, 0))
	c := &http.Client{Transport: Transport(log.Wrap(clock, route, faults.Wrap(mux)))}
	faults.Inject(Fault{Skip: 3, Effect: Drop})
	for _, r := range []string{"GET /groups/1?a=b", "GET /groups/2", "POST /groups/1", "POST /groups/1", "GET /else"} {
		method, path, _ := strings.Cut(r, " ")
		req, err := http.NewRequestWithContext(t.Context(), method, "https://vendor.example"+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := c.Do(req); err == nil {
			resp.Body.Close()
		}
	}
	log.Add(Request{Method: "GET", Path: "/groups/3", Route: "/groups/{id}", Inner: true})
	for route, want := range map[string]int{"GET /groups/{id}": 3, "POST /groups/{id}": 2, "/groups/{id}": 5, "GET /else": 1, "/none": 0} {
		if got := log.Count(route); got != want {
			t.Errorf("Count(%q) = %d, want %d", route, got, want)
		}
	}
	if log.Total() != 5 {
		t.Errorf("Total = %d, want 5", log.Total())
	}
	rs := log.Requests()
	want := Request{At: time.Unix(1000, 0), Method: "GET", Path: "/groups/1", Route: "/groups/{id}", Query: "a=b", Status: http.StatusTeapot}
	if len(rs) != 6 || rs[0] != want || rs[2].Status != 200 || rs[3].Status != 0 || rs[4].Status != 200 {
		t.Errorf("requests %+v", rs)
	}
	log.Reset()
	if log.Total() != 0 || len(log.Requests()) != 0 || log.Count("GET /else") != 0 {
		t.Error("Reset left something")
	}
}

func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	var log Log
	for i := range remembered + 10 {
		log.Add(Request{Method: "GET", Path: "/x", Status: i})
	}
	rs := log.Requests()
	if len(rs) != remembered || rs[0].Status != 10 || rs[remembered-1].Status != remembered+9 || log.Count("/x") != remembered+10 {
		t.Errorf("%d requests from %d to %d", len(rs), rs[0].Status, rs[len(rs)-1].Status)
	}
}

// What a handler sees of a request does not depend on the way it came.
func TestTransportIsLikeAConnection(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 100_000)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.Method+" "+r.RequestURI+" "+r.URL.Path+" "+string(b)+" "+r.Header.Get("X-Mine"))
		switch r.URL.Query().Get("as") {
		case "none":
			w.WriteHeader(http.StatusNoContent)
		case "big":
			_, _ = io.WriteString(w, big)
		default:
			_, _ = io.WriteString(w, "hello "+r.Host)
		}
	})
	for _, as := range []string{"", "none", "big"} {
		seen := make(map[string]string)
		both(t, h, func(t *testing.T, c *http.Client, url string) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/a%2Fb?as="+as, strings.NewReader("body"))
			if err != nil {
				t.Fatal(err)
			}
			req.Host = "host.example"
			req.Header.Set("X-Mine", "yes")
			resp, err := c.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			seen[t.Name()] = strings.Join([]string{resp.Status, resp.Header.Get("X-Seen"), resp.Header.Get("Content-Length"), string(b)}, "|")
		})
		var last string
		for name, s := range seen {
			if last != "" && s != last {
				t.Errorf("%q: %s differs: %.200q against %.200q", as, name, s, last)
			}
			last = s
		}
	}
}

func TestHostClosesHungConnections(t *testing.T) {
	t.Parallel()
	faults := &Faults{}
	host, err := Listen("", faults.Wrap(&counter{}))
	if err != nil {
		t.Fatal(err)
	}
	faults.Inject(Fault{Effect: Hang})
	done := make(chan error)
	go func() {
		_, _, _, err := fetch(http.DefaultClient, host.URL())
		done <- err
	}()
	for faults.Struck() == 0 {
		if t.Context().Err() != nil {
			t.Fatal("never struck")
		}
	}
	if err := host.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("a hung request was answered")
	}
	if _, err := Listen("256.0.0.1:1", nil); err == nil || !strings.HasPrefix(err.Error(), "simulator: listen on 256.0.0.1:1: ") {
		t.Errorf("a bad address: %v", err)
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := &http.Client{Transport: Transport(Delay(time.Minute, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
		})))}
		begin := time.Now()
		resp, err := client.Get("https://sim.invalid/")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("took %s, want a minute", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://sim.invalid/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Do(req); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the context", err)
		}
	})
}
