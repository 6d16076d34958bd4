package desktest

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
)

// Hosts are the handlers of host names. Nothing goes over a network.
type Hosts map[string]http.Handler

// RoundTrip implements [http.RoundTripper]. Who is not there does not answer.
func (h Hosts) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	handler := h[r.URL.Host]
	if handler == nil {
		return nil, io.ErrUnexpectedEOF
	}
	in := r.Clone(r.Context())
	in.RequestURI, in.Host = r.URL.RequestURI(), r.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, in)
	out := w.Result()
	out.Request = r
	return out, nil
}

// Browser is a client that keeps cookies, and shows where it is sent instead of
// going there.
func (h Hosts) Browser() (*http.Client, error) {
	jar, err := cookiejar.New(nil)
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Transport: h, Jar: jar, CheckRedirect: stay}, err
}
