package httpx

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var errDial = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}

func TestTriesAgainAfterWhatIsNoAnswer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		steps    []any
		attempts int
		status   int  // 0: an error
		lost     bool // that some attempt may have been carried out
	}{
		{"an answer at once", []any{200}, 1, 200, false},
		{"throttled", []any{429, 429, 200}, 3, 200, false},
		{"failed", []any{503, 500, 502, 200}, 4, 200, true},
		{"a timeout of theirs", []any{408, 504, 200}, 3, 200, true},
		{"no connection", []any{errDial, errDial, 204}, 3, 204, false},
		{"cut after sending", []any{io.ErrUnexpectedEOF, 204}, 2, 204, true},
		{"cut, then throttled", []any{io.EOF, 429, 204}, 3, 204, true},
		{"no answer of all", []any{io.EOF}, 4, 0, true},
		{"no connection at all", []any{errDial}, 4, 0, false},
		{"throttled for good", []any{429}, 4, 0, false},
		{"failed for good", []any{503}, 4, 0, true},
		{"cut, then throttled for good", []any{io.EOF, 429}, 4, 0, true},
		{"refused", []any{400}, 1, 400, false},
		{"forbidden", []any{403}, 1, 403, false},
		{"not built", []any{501}, 1, 501, false},
		{"a redirect is an answer", []any{302}, 1, 302, false},
		{"an untrusted certificate", []any{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}}, 1, 0, true},
	}
	for _, test := range tests {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
			t.Run(test.name+"/"+method, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := script(test.steps...)
					c := New(Policy{Directory: "corp", Transport: s})
					var ex Exchange
					status, _, err := send(Trace(t.Context(), &ex), c, method, "hello")
					if status != test.status || (err != nil) != (test.status == 0) {
						t.Errorf("got %d, %v, want status %d", status, err, test.status)
					}
					if s.count() != test.attempts || ex.Attempts != test.attempts {
						t.Errorf("sent %d times, traced %d, want %d", s.count(), ex.Attempts, test.attempts)
					}
					if ex.Lost != test.lost {
						t.Errorf("lost is %v, want %v", ex.Lost, test.lost)
					}
					if err != nil && failure(t, err).Lost != test.lost {
						t.Errorf("lost in the error is %v, want %v", !test.lost, test.lost)
					}
					for _, r := range s.seen {
						if r.body != "hello" || r.length != 5 {
							t.Errorf("an attempt had the body %q of length %d", r.body, r.length)
						}
					}
				})
			})
		}
	}
}

func TestABodyIsReplayedAsTheSDKMadeIt(t *testing.T) {
	t.Parallel()
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte(`{"members@odata.bind":[]}`))
	z.Close()
	synctest.Test(t, func(t *testing.T) {
		s := script(503, 429, 204)
		c := New(Policy{Directory: "corp", Transport: s})
		// A chunked body that can be read once, with a GetBody of something else.
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, "https://corp.example.org/", io.NopCloser(bytes.NewReader(zipped.Bytes())))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Encoding", "gzip")
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("plain")), nil }
		resp, err := c.HTTP().Do(req)
		if err != nil || resp.StatusCode != 204 {
			t.Fatalf("got %v, %v", resp, err)
		}
		for _, r := range s.seen {
			if r.body != zipped.String() || r.header.Get("Content-Encoding") != "gzip" {
				t.Errorf("an attempt had the body %q", r.body)
			}
		}
	})
}

func TestAWriteWithoutABodySaysSo(t *testing.T) {
	t.Parallel()
	s := script(204)
	c := New(Policy{Directory: "okta", Transport: s})
	if _, _, err := send(t.Context(), c, http.MethodPut, ""); err != nil {
		t.Fatal(err)
	}
	// net/http sends Content-Length: 0 for a PUT whose length is known to be 0.
	if s.seen[0].length != 0 || s.seen[0].body != "" {
		t.Errorf("sent %+v", s.seen[0])
	}
}

func TestAFinalAnswerIsPassedOnUntouched(t *testing.T) {
	t.Parallel()
	body := `{"error":{"code":"Request_BadRequest"}}`
	s := script(step(400, body, "request-id", "r1"))
	c := New(Policy{Directory: "corp", Transport: s, Judge: func(resp *http.Response, peek []byte) Verdict {
		io.Copy(io.Discard, resp.Body) // a judge that uses the body up
		if string(peek) != body {
			t.Errorf("the judge saw %q", peek)
		}
		return Final
	}})
	var ex Exchange
	status, got, err := send(Trace(t.Context(), &ex), c, http.MethodPost, "x")
	if status != 400 || got != body || err != nil {
		t.Errorf("got %d, %q, %v", status, got, err)
	}
	want := Exchange{Attempts: 1, Status: 400, Body: []byte(body), Header: http.Header{"Request-Id": {"r1"}}}
	if diff := cmp.Diff(want, ex); diff != "" {
		t.Error(diff)
	}
}

func TestExhaustedIsATypedError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := script(step(429, "later", "Retry-After", "7"))
		c := New(Policy{Directory: "corp", Transport: s})
		var ex Exchange
		_, _, err := send(Trace(t.Context(), &ex), c, http.MethodGet, "")
		e := failure(t, err)
		want := &Error{
			Directory: "corp", Method: "GET", Path: "/v1.0/groups/g1/members", Status: 429,
			Body: []byte("later"), RetryAfter: 7 * time.Second, Attempts: 4, Throttled: true,
		}
		if diff := cmp.Diff(want, e); diff != "" {
			t.Error(diff)
		}
		if got := e.Error(); got != "GET /v1.0/groups/g1/members: 429 Too Many Requests, 4 attempts" {
			t.Errorf("the text is %q", got)
		}
		if ex.Status != 429 || ex.RetryAfter != 7*time.Second || string(ex.Body) != "later" {
			t.Errorf("traced %+v", ex)
		}
	})
}

func TestAnErrorIsNeverTheEndOfABody(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{io.EOF, fmt.Errorf("read: %w", io.EOF)} {
		synctest.Test(t, func(t *testing.T) {
			c := New(Policy{Directory: "okta", Transport: script(cause)})
			_, _, err := send(t.Context(), c, http.MethodGet, "")
			if err == nil || errors.Is(err, io.EOF) {
				t.Errorf("got %v, which SDKs try again for ever", err)
			}
			failure(t, err)
		})
	}
}

func TestTheCallersTimeIsTheCallersError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hang := &server{answer: func(_ int, req *http.Request, _ string) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		c := New(Policy{Directory: "corp", Transport: hang})
		start := time.Now()
		_, _, err := send(ctx, c, http.MethodPost, "x")
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
		if e := failure(t, err); !e.Lost || e.Attempts != 1 {
			t.Errorf("got %+v", e)
		}

		ctx, cancel = context.WithCancel(t.Context())
		cancel()
		_, _, err = send(ctx, c, http.MethodPost, "x")
		if !errors.Is(err, context.Canceled) || hang.count() != 1 {
			t.Errorf("got %v and %d requests", err, hang.count())
		}
	})
}

func TestOurOwnTimeIsNoContextError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hang := &server{answer: func(_ int, req *http.Request, _ string) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		}}
		c := New(Policy{Directory: "corp", Transport: hang, Timeout: 10 * time.Second, Patience: 25 * time.Second})
		start := time.Now()
		_, _, err := send(t.Context(), c, http.MethodGet, "")
		if errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v looks like the caller's deadline", err)
		}
		if e := failure(t, err); !e.Lost || e.Attempts != 3 || time.Since(start) != 25*time.Second {
			t.Errorf("got %v, %d attempts, after %s", err, e.Attempts, time.Since(start))
		}
	})
}

func TestAWaitBeyondPatienceIsNotSlept(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		status int
		call   time.Duration // the caller's deadline
	}{
		{"throttled", 429, time.Hour},
		{"unavailable", 503, time.Hour},
		{"throttled, and the caller's deadline is near", 429, 30 * time.Second},
		{"unavailable, and the caller's deadline is near", 503, 30 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), test.call)
				defer cancel()
				c := New(Policy{Directory: "corp", Transport: script(step(test.status, "", "Retry-After", "90")), Patience: time.Minute})
				start := time.Now()
				_, _, err := send(ctx, c, http.MethodGet, "")
				e := failure(t, err)
				if time.Since(start) != 0 || errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("slept %s: %v", time.Since(start), err)
				}
				if e.RetryAfter < 90*time.Second || e.RetryAfter > 92*time.Second || e.Status != test.status {
					t.Errorf("got %+v", e)
				}
				if e.Throttled != (test.status == 429) || e.Lost != (test.status == 503) {
					t.Errorf("got %+v", e)
				}
			})
		})
	}
}

func TestRetryAfterInBothForms(t *testing.T) {
	t.Parallel()
	date := "Wed, 25 Nov 2026 12:00:00 GMT" // their clock, far from ours
	tests := []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"7", 7 * time.Second, true},
		{" 0 ", 0, true},
		{"Wed, 25 Nov 2026 12:00:30 GMT", 30 * time.Second, true},
		{"Wednesday, 25-Nov-26 12:00:30 GMT", 30 * time.Second, true},
		{"Wed, 25 Nov 2026 11:00:00 GMT", 0, true},
		{"99999999999", retryFarOff, true},
		{"-5", 0, false},
		{"soon", 0, false},
		{"", 0, false},
	}
	for _, test := range tests {
		got, ok := RetryAfter(http.Header{"Retry-After": {test.text}, "Date": {date}})
		if got != test.want || ok != test.ok {
			t.Errorf("%q: got %s, %v, want %s, %v", test.text, got, ok, test.want, test.ok)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("7", "")
	f.Add("Wed, 25 Nov 2026 12:00:30 GMT", "Wed, 25 Nov 2026 12:00:00 GMT")
	f.Add("9223372036854775807", "Mon, 01 Jan 0001 00:00:00 GMT")
	f.Add("Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT")
	f.Fuzz(func(t *testing.T, text, date string) {
		got, ok := RetryAfter(http.Header{"Retry-After": {text}, "Date": {date}})
		if got < 0 || got > retryFarOff || !ok && got != 0 {
			t.Errorf("%q at %q: got %s, %v", text, date, got, ok)
		}
	})
}

func TestWaitsAsLongAsTheDirectoryAsks(t *testing.T) {
	t.Parallel()
	reset := func(resp *http.Response) (time.Duration, bool) {
		if resp.Header.Get("X-Rate-Limit-Reset") == "" {
			return 0, false
		}
		return 40 * time.Second, true
	}
	tests := []struct {
		name   string
		status int
		header []string
		least  time.Duration
		most   time.Duration
	}{
		{"throttled", 429, []string{"Retry-After", "20"}, 20 * time.Second, 21 * time.Second},
		{"by the vendor's header", 429, []string{"X-Rate-Limit-Reset", "1"}, 40 * time.Second, 41 * time.Second},
		{"unavailable", 503, []string{"Retry-After", "20"}, 20 * time.Second, 20 * time.Second},
		{"throttled, nothing said", 429, nil, time.Second, 2 * time.Second},
		{"unavailable, nothing said", 503, nil, waitFirst / 2, waitFirst},
		{"unavailable, at once", 503, []string{"Retry-After", "0"}, waitFirst / 2, waitFirst},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := New(Policy{Directory: "corp", Transport: script(step(test.status, "", test.header...), 200), Wait: reset})
				start := time.Now()
				if status, _, err := send(t.Context(), c, http.MethodGet, ""); status != 200 || err != nil {
					t.Fatalf("got %d, %v", status, err)
				}
				if took := time.Since(start); took < test.least || took > test.most {
					t.Errorf("waited %s, want %s to %s", took, test.least, test.most)
				}
			})
		})
	}
}
