package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"path"
	"reflect"
	"runtime/debug"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/auth"
	"github.com/daypass-dev/daypass/internal/desk"
)

const (
	// maxBody is how much may be sent.
	maxBody = 64 << 10
	// patience is how long a call may take, and longPatience one that reads whole
	// directories.
	patience     = 25 * time.Second
	longPatience = 100 * time.Second
)

// ServeHTTP implements [http.Handler].
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	head.Set("Cache-Control", "no-store")
	a.guard(w, r, a.enter)
}

// guard makes a problem of a panic.
func (a *API) guard(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) {
	seen := &watched{ResponseWriter: w}
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		if p == http.ErrAbortHandler || seen.begun && r.Context().Err() != nil { //nolint:errorlint // it is compared as net/http does
			panic(http.ErrAbortHandler)
		}
		a.cfg.Log.Error("the API failed", "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
		if seen.begun { // half an answer must not look whole
			panic(http.ErrAbortHandler)
		}
		failed.says("it is in the log; try again in a while").write(w)
	}()
	next(seen, r)
}

// watched knows whether an answer was begun.
type watched struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader implements [http.ResponseWriter].
func (w *watched) WriteHeader(status int) {
	w.begun = true
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *watched) Write(b []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(b)
}

// Unwrap is for [http.ResponseController].
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// enter finds out who calls, how much they may, and what they want.
func (a *API) enter(w http.ResponseWriter, r *http.Request) {
	limit := patience
	_, route := a.mux.Handler(r)
	if open := "GET " + Prefix + "/openapi.yaml"; route == open {
		a.mux.ServeHTTP(w, r)
		return
	}
	if strings.HasSuffix(route, "/report") || strings.HasSuffix(route, "/members") {
		limit = longPatience
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	defer cancel()
	r = r.WithContext(ctx)
	c, p := a.caller(r)
	if p == nil {
		p = a.fits(r, route)
	}
	var body []byte
	if p == nil {
		body, p = a.body(w, r)
	}
	if p != nil {
		p.write(w)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r = r.WithContext(auth.With(r.Context(), c))
	if r.Method == http.MethodPost && len(r.Header.Values(keyHeader)) > 0 {
		a.once(w, r, c, body)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// caller finds out who calls. Of an address from which too many came without a
// good token, good ones are served as before: others may be behind it too. Which
// are good is not known before one is looked at, so every bad one costs that too:
// a hash, and one look into an index. What it asks of an issuer is limited for all
// of them.
func (a *API) caller(r *http.Request) (desk.Caller, *Problem) {
	now, address := a.cfg.Now(), auth.Remote(r, a.cfg.Behind)
	c, err := a.cfg.Auth.Bearer(r)
	switch {
	case err != nil && r.Context().Err() != nil:
		return c, tooSlow.says("who you are was not found out in time").after(5)
	case errors.Is(err, auth.ErrLater):
		a.refused(now, "a bearer token could not be looked at", address, err)
		if desk.Away(err) {
			return c, storeAway()
		}
		return c, tooSlow.says(auth.ErrLater.Error()).after(5)
	case access.KindOf(err) == access.Forbidden:
		a.refused(now, "a bearer token of a person who left was refused", address, err)
		return c, forbidden.says(err.Error())
	case err != nil:
		wait, ok := a.failures.Take(network(address), now)
		if !ok {
			a.refused(now, "bearer tokens are refused, for too many came from the address", address, err)
			return c, tooMany.says("too many calls without a good token came from your address").after(int(wait.Seconds()))
		}
		a.refused(now, "a bearer token was refused", address, err)
		p := unauthenticated()
		if r.Header.Get("Authorization") != "" {
			p = noToken.says(auth.ErrNobody.Error()).with("WWW-Authenticate", `Bearer realm="daypass", error="invalid_token"`)
		}
		return c, p
	}
	if wait, ok := a.callers.Take(c.Name(), now); !ok {
		return c, tooMany.says("you call more often than is allowed; wait, or ask less often").after(int(wait.Seconds()))
	}
	return c, nil
}

// refused logs why somebody was not let in, and from where they came. A flood is
// told a few times, and then of each message once in ten seconds.
func (a *API) refused(now time.Time, message, address string, err error) {
	if _, ok := a.lines.Take(message, now); ok {
		a.cfg.Log.Warn(message, "address", address, "error", err)
	}
}

// fits reports whether there is something at the path, and for the method.
func (a *API) fits(r *http.Request, route string) *Problem {
	if at := r.URL.EscapedPath(); path.Clean(at) != at {
		route = ""
	}
	if route != "" {
		return nil
	}
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, found := a.mux.Handler(probe); found != "" && path.Clean(r.URL.EscapedPath()) == r.URL.EscapedPath() {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		return notFound.says("there is nothing at this path; the API is described at " + Prefix + "/openapi.yaml")
	}
	methods := strings.Join(allowed, ", ")
	return noMethod.says("this path knows "+methods).with("Allow", methods)
}

// body reads what was sent, if it is not too much.
func (a *API) body(w http.ResponseWriter, r *http.Request) ([]byte, *Problem) {
	if r.Method != http.MethodPost {
		return nil, nil
	}
	large := func() *Problem {
		return tooLarge.says("at most 64 KiB may be sent").with("Connection", "close")
	}
	if r.ContentLength > maxBody {
		return nil, large()
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, large()
	}
	if err != nil {
		return nil, badRequest.says("the body ended early, or did not come in time").with("Connection", "close")
	}
	if len(body) == 0 {
		return nil, nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, noJSON.says("send JSON, with the header Content-Type: application/json")
	}
	if at := repeated(body); at != nil {
		const message = "it is there twice; send it once"
		return nil, invalid.says(strings.Join(at, "/")+": "+message, Detail{Detail: message, Pointer: pointer(at...)})
	}
	return body, nil
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }
