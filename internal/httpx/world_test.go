package httpx

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// server is a directory in memory: nothing of it waits for a real network, so
// that it can stand inside of a synctest bubble.
type server struct {
	mu     sync.Mutex
	seen   []seen
	answer func(n int, req *http.Request, body string) (*http.Response, error) // n counts from 1
}

// seen is a request as it arrived.
type seen struct {
	method, url, auth, body string
	header                  http.Header
	length                  int64
	at                      time.Time
}

func (s *server) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	s.mu.Lock()
	s.seen = append(s.seen, seen{req.Method, req.URL.String(), req.Header.Get("Authorization"), string(body), req.Header.Clone(), req.ContentLength, time.Now()})
	n := len(s.seen)
	s.mu.Unlock()
	resp, err := s.answer(n, req, string(body))
	if resp != nil {
		resp.Request = req
	}
	return resp, err
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

// script answers with one step after the other, the last one for ever.
func script(steps ...any) *server {
	return &server{answer: func(n int, _ *http.Request, _ string) (*http.Response, error) {
		switch step := steps[min(n, len(steps))-1].(type) {
		case int:
			return reply(step, ""), nil
		case error:
			return nil, step
		case func() *http.Response:
			return step(), nil
		}
		panic("no such step")
	}}
}

// reply makes an answer; header holds names and values in turn.
func reply(status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	return &http.Response{
		StatusCode: status, Status: strconv.Itoa(status), Header: h, ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// step makes an answer anew each time.
func step(status int, body string, header ...string) func() *http.Response {
	return func() *http.Response { return reply(status, body, header...) }
}

// send sends one request through a client, and reads the answer.
func send(ctx context.Context, c *Client, method, body string) (status int, text string, err error) {
	return sendTo(ctx, c, method, "https://corp.example.org/v1.0/groups/g1/members", body)
}

func sendTo(ctx context.Context, c *Client, method, url, body string) (status int, text string, err error) {
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, r)
	if err != nil {
		return 0, "", err
	}
	resp, err := c.HTTP().Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(all), err
}

// failure returns the typed error in err.
func failure(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v (%T), want an *Error", err, err)
	}
	return e
}
