package httpx

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// cutting is an answer whose body ends in err.
func cutting(body string, length int64, err error) func() *http.Response {
	return func() *http.Response {
		resp := reply(200, "")
		resp.ContentLength = length
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(body), iotest.ErrReader(err)))
		return resp
	}
}

func TestACutBodyIsAFailedAttempt(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		cut  func() *http.Response
	}{
		{"a chunk is missing", cutting(`{"value":[`, -1, io.ErrUnexpectedEOF)},
		{"the connection is reset", cutting(`{"value":[`, -1, errors.New("connection reset by peer"))},
		{"shorter than its length", cutting(`{"value":[]}`, 100, io.EOF)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := New(Policy{Directory: "corp", Transport: script(test.cut, step(200, "whole"))})
				var ex Exchange
				status, body, err := send(Trace(t.Context(), &ex), c, http.MethodGet, "")
				if status != 200 || body != "whole" || err != nil || ex.Attempts != 2 || !ex.Lost {
					t.Errorf("got %d, %q, %v, traced %+v", status, body, err, ex)
				}

				c = New(Policy{Directory: "corp", Transport: script(test.cut)})
				_, body, err = send(t.Context(), c, http.MethodPost, "x")
				e := failure(t, err)
				if body != "" || e.Status != 0 || e.Attempts != 4 || !e.Lost || errors.Is(err, io.EOF) {
					t.Errorf("got %q, %+v", body, e)
				}
			})
		})
	}
}

func TestALengthWithoutABodyIsFine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		method string
		status int
	}{{"HEAD", 200}, {"GET", 304}, {"DELETE", 204}} {
		c := New(Policy{Directory: "corp", BodyMax: 10, Transport: script(func() *http.Response {
			resp := reply(test.status, "")
			resp.ContentLength = 5
			if test.method == "HEAD" {
				resp.ContentLength = 1 << 40
			}
			resp.Body = nil
			return resp
		})})
		if status, _, err := send(t.Context(), c, test.method, ""); status != test.status || err != nil {
			t.Errorf("%s %d: got %d, %v", test.method, test.status, status, err)
		}
	}
}

func TestAnAnswerThatIsTooLongIsAnError(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1001)
	for name, answer := range map[string]func() *http.Response{
		"its length says so": step(200, long),
		"it does not say": func() *http.Response {
			resp := reply(200, long)
			resp.ContentLength = -1
			return resp
		},
	} {
		s := script(answer)
		c := New(Policy{Directory: "corp", Transport: s, BodyMax: 1000})
		_, body, err := send(t.Context(), c, http.MethodGet, "")
		if e := failure(t, err); body != "" || s.count() != 1 || !e.Lost || !strings.Contains(e.Error(), "longer than 1000 bytes") {
			t.Errorf("%s: got %d bytes, %d requests, %v", name, len(body), s.count(), err)
		}
	}
	c := New(Policy{Directory: "corp", Transport: script(step(200, long)), BodyMax: 1001})
	if _, body, err := send(t.Context(), c, http.MethodGet, ""); len(body) != 1001 || err != nil {
		t.Errorf("just fits: got %d bytes, %v", len(body), err)
	}
}

func TestOnlyTheBeginningOfAnErrorIsKept(t *testing.T) {
	t.Parallel()
	c := New(Policy{Directory: "corp", Transport: script(step(400, strings.Repeat("x", 100_000)))})
	var ex Exchange
	_, body, err := send(Trace(t.Context(), &ex), c, http.MethodGet, "")
	if err != nil || len(body) != 100_000 || len(ex.Body) != 64<<10 {
		t.Errorf("got %d bytes, %v, kept %d", len(body), err, len(ex.Body))
	}
}

// drip is a body that comes a byte a second, until its request ends.
type drip struct{ done <-chan struct{} }

func (d drip) Read(p []byte) (int, error) {
	select {
	case <-time.After(time.Second):
		p[0] = 'x'
		return 1, nil
	case <-d.done:
		return 0, errors.New("request canceled")
	}
}

func TestASlowBodyIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: func(n int, req *http.Request, _ string) (*http.Response, error) {
			if n == 2 {
				return reply(200, "whole"), nil
			}
			resp := reply(200, "")
			resp.ContentLength, resp.Body = -1, io.NopCloser(drip{req.Context().Done()})
			return resp, nil
		}}
		c := New(Policy{Directory: "corp", Transport: s, Timeout: 30 * time.Second})
		start := time.Now()
		_, body, err := send(t.Context(), c, http.MethodGet, "")
		if took := time.Since(start); body != "whole" || err != nil || took < 30*time.Second || took > 31*time.Second {
			t.Errorf("got %q, %v after %s", body, err, took)
		}
	})
}
