package sim

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counter answers a listing and counts what it carried out.
type counter struct{ n atomic.Int32 }

func (c *counter) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	c.n.Add(1)
	w.Header().Set("Link", `<x>; rel="next"`)
	_, _ = io.WriteString(w, `{"value":[1,2,3],"@odata.nextLink":"x","kind":"list"}`)
}

// both runs a test against a real connection and one in memory: they must not
// differ.
func both(t *testing.T, h http.Handler, f func(t *testing.T, c *http.Client, url string)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		f(t, &http.Client{Transport: Transport(h)}, "https://vendor.example")
	})
	t.Run("loopback", func(t *testing.T) {
		host, err := Listen("", h)
		if err != nil {
			t.Fatal(err)
		}
		defer host.Close()
		tr := &http.Transport{}
		defer tr.CloseIdleConnections()
		f(t, &http.Client{Transport: tr}, host.URL())
	})
}

func fetch(c *http.Client, url string) (status int, header http.Header, body string, err error) {
	resp, err := c.Post(url, "text/plain", strings.NewReader("hello")) // net/http repeats a GET by itself
	if err != nil {
		return 0, nil, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(b), err
}

func TestFaults(t *testing.T) {
	t.Parallel()
	const whole = `{"value":[1,2,3],"@odata.nextLink":"x","kind":"list"}`
	for _, tc := range []struct {
		name    string
		fault   Fault
		status  int
		body    string
		err     error
		carried int
	}{
		{"answer", Fault{Effect: Answer, Status: 429, Body: "slow down", Header: http.Header{"Retry-After": {"3"}}}, 429, "slow down", nil, 0},
		{"answer without a status", Fault{}, 503, "", nil, 0},
		{"lose the connection", Fault{Effect: Lose}, 0, "", io.EOF, 1},
		{"lose behind a 503", Fault{Effect: Lose, Status: 503, Body: "x"}, 503, "x", nil, 1},
		{"drop", Fault{Effect: Drop}, 0, "", io.EOF, 0},
		{"half", Fault{Effect: Half}, 200, whole[:len(whole)/2], io.ErrUnexpectedEOF, 1},
		{"empty", Fault{Effect: Empty}, 200, `{"kind":"list","value":[]}`, nil, 1},
		{"slow", Fault{Effect: Slow, Delay: time.Millisecond}, 200, whole, nil, 1},
		{"late", Fault{Effect: Late, Delay: time.Millisecond}, 200, whole, nil, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			inner, faults := &counter{}, &Faults{}
			both(t, faults.Wrap(inner), func(t *testing.T, c *http.Client, url string) {
				inner.n.Store(0)
				faults.Inject(tc.fault)
				status, header, body, err := fetch(c, url)
				if status != tc.status || body != tc.body || !errors.Is(err, tc.err) {
					t.Errorf("got %d %q %v, want %d %q %v", status, body, err, tc.status, tc.body, tc.err)
				}
				if int(inner.n.Load()) != tc.carried {
					t.Errorf("carried out %d times, want %d", inner.n.Load(), tc.carried)
				}
				if tc.status == 429 && header.Get("Retry-After") != "3" {
					t.Errorf("headers %v lack Retry-After", header)
				}
				if tc.name == "empty" && header.Get("Link") != "" {
					t.Errorf("Link = %q, want none", header.Get("Link"))
				}
				if _, _, body, err := fetch(c, url); err != nil || body != whole {
					t.Errorf("the next request: %q, %v", body, err)
				}
			})
		})
	}
}

func TestFaultsStrikeInOrder(t *testing.T) {
	t.Parallel()
	faults := &Faults{}
	faults.Inject(Fault{Skip: 1, Times: 2, Status: 500, Match: func(r *http.Request) bool { return r.URL.Path == "/a" }})
	faults.Inject(Fault{Inner: true, Status: 501})
	faults.Inject(Fault{Skip: 4, Times: -1, Status: 502})
	c := &http.Client{Transport: Transport(faults.Wrap(&counter{}))}
	var got []int
	for _, path := range []string{"/b", "/a", "/a", "/b", "/a", "/a", "/a", "/b"} {
		status, _, _, err := fetch(c, "https://vendor.example"+path)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, status)
	}
	// What an earlier fault strikes is not counted by a later one.
	if want := []int{200, 200, 500, 200, 500, 200, 502, 502}; !equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if faults.Struck() != 4 {
		t.Errorf("struck %d, want 4", faults.Struck())
	}
	inner := record(faults.WrapInner(&counter{}), mustRequest(t))
	if inner.status != 501 {
		t.Errorf("inside a batch: %d, want 501", inner.status)
	}
	faults.Clear()
	if status, _, _, err := fetch(c, "https://vendor.example/a"); status != 200 || err != nil {
		t.Errorf("after Clear: %d, %v", status, err)
	}
}

func equal(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func mustRequest(t *testing.T) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestHangEndsWithTheClient(t *testing.T) {
	t.Parallel()
	faults, inner := &Faults{}, &counter{}
	both(t, faults.Wrap(inner), func(t *testing.T, c *http.Client, url string) {
		faults.Inject(Fault{Effect: Hang})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Do(req); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the deadline", err)
		}
		if inner.n.Load() != 0 {
			t.Error("a request that hangs was carried out")
		}
	})
}

// In a bubble, slow bodies cost no time.
func TestSlowTakesItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		faults := &Faults{}
		c := &http.Client{Transport: Transport(faults.Wrap(&counter{}))}
		faults.Inject(Fault{Effect: Slow, Delay: time.Hour})
		began := time.Now()
		if _, _, body, err := fetch(c, "https://vendor.example"); err != nil || len(body) == 0 {
			t.Errorf("got %q, %v", body, err)
		}
		if took := time.Since(began); took < 59*time.Minute || took > time.Hour {
			t.Errorf("took %s, want an hour", took)
		}
		faults.Inject(Fault{Effect: Slow, Delay: time.Hour})
		c.Timeout = time.Minute
		if _, _, _, err := fetch(c, "https://vendor.example"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a client with a deadline got %v", err)
		}
	})
}
