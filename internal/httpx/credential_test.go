package httpx

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
)

func bearer(token string) func(*http.Request) error {
	return func(req *http.Request) error {
		req.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
}

func TestARefusedCredentialIsRenewedOnce(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		steps    []any
		renew    bool
		attempts int
		status   int
	}{
		{"renewed", []any{401, 204}, true, 2, 204},
		{"refused again", []any{401, 401, 204}, true, 2, 401},
		{"nothing new to be had", []any{401, 204}, false, 1, 401},
		{"after all other attempts", []any{503, 503, 503, 401, 204}, true, 5, 204},
		{"an attempt more, not two", []any{401, 503, 503, 503, 503}, true, 5, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				token, renewals := "old", 0
				s := script(test.steps...)
				c := New(Policy{
					Directory: "corp", Transport: s,
					Authorize: func(req *http.Request) error { return bearer(token)(req) },
					Renew: func(context.Context) bool {
						renewals++
						token = "new"
						return test.renew
					},
				})
				status, _, err := send(t.Context(), c, http.MethodPost, "x")
				if status != test.status || (err != nil) != (test.status == 0) {
					t.Errorf("got %d, %v", status, err)
				}
				if s.count() != test.attempts || renewals != 1 {
					t.Errorf("%d attempts, %d renewals", s.count(), renewals)
				}
				if last := s.seen[s.count()-1]; test.renew && last.auth != "Bearer new" {
					t.Errorf("the last attempt had %q", last.auth)
				}
			})
		})
	}
}

func TestWithoutACredentialNothingIsSent(t *testing.T) {
	t.Parallel()
	refused := errors.New("invalid_client")
	tests := []struct {
		name      string
		authorize func(*http.Request) error
		want      error
	}{
		{"refused", func(*http.Request) error { return refused }, refused},
		{"silently dropped", func(*http.Request) error { return nil }, errNoCredential},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := script(200)
			c := New(Policy{Directory: "corp", Transport: s, Authorize: test.authorize})
			var ex Exchange
			_, _, err := send(Trace(t.Context(), &ex), c, http.MethodPost, "x")
			if !errors.Is(err, test.want) || s.count() != 0 {
				t.Errorf("got %v and %d requests", err, s.count())
			}
			if e := failure(t, err); e.Lost || e.Attempts != 0 || ex.Attempts != 0 {
				t.Errorf("got %+v, traced %+v", e, ex)
			}
		})
	}
}

func TestFetchingATokenIsNotTracedAsTheRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tokens := New(Policy{Directory: "corp", Transport: script(503, 200)}) // a lost attempt of its own
		c := New(Policy{
			Directory: "corp", Transport: script(401, 204), Concurrency: 1,
			Authorize: func(req *http.Request) error {
				if _, _, err := send(req.Context(), tokens, http.MethodPost, "grant"); err != nil {
					return err
				}
				return bearer("t")(req)
			},
			Renew: func(ctx context.Context) bool {
				_, _, err := send(ctx, tokens, http.MethodPost, "grant")
				return err == nil
			},
		})
		var ex Exchange
		status, _, err := send(Trace(t.Context(), &ex), c, http.MethodPost, "x")
		if status != 204 || err != nil || ex.Attempts != 2 || ex.Status != 204 || ex.Lost {
			t.Errorf("got %d, %v, traced %+v", status, err, ex)
		}
	})
}

func TestACredentialIsNotTakenElsewhere(t *testing.T) {
	t.Parallel()
	s := script(step(302, "", "Location", "https://elsewhere.example.org/"), 200)
	c := New(Policy{Directory: "corp", Transport: s, Authorize: bearer("t")})
	status, _, err := send(t.Context(), c, http.MethodGet, "")
	if status != 302 || err != nil || s.count() != 1 {
		t.Errorf("got %d, %v, %d requests", status, err, s.count())
	}
}

func TestTheCallersRequestIsLeftAlone(t *testing.T) {
	t.Parallel()
	c := New(Policy{Directory: "corp", Transport: script(200), Authorize: bearer("t")})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://corp.example.org/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.HTTP().Do(req); err != nil {
		t.Fatal(err)
	}
	if len(req.Header) != 0 {
		t.Errorf("the request has got headers: %v", req.Header)
	}
}
