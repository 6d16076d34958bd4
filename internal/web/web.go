// Package web is the pages: what people do at the desk in a browser. They are
// made by the server and work without JavaScript; the little there is of it only
// counts down and looks for news.
package web

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"golang.org/x/time/rate"

	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/auth"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/limit"
)

// Config is what the pages work with.
type Config struct {
	Desk *desk.Desk
	Auth *auth.Auth
	Now  func() time.Time
	Log  *slog.Logger
	// Calls is how many pages somebody may ask for in a second, and CallsAtOnce
	// how many more after a while of rest; 20 and 100 when zero, as of the API.
	Calls       rate.Limit
	CallsAtOnce int
}

// Web is the pages.
type Web struct {
	cfg   Config
	pages *pages
	mux   *http.ServeMux
	pace  *limit.Keys
	inner http.Handler // the mux, behind what looks at where a call comes from, and who calls
}

//go:embed static
var static embed.FS

// mayTake is how long a page may take.
const mayTake = time.Minute

// maxForm is how much a form may hold.
const maxForm = 64 << 10

// New returns the pages as a handler.
func New(cfg Config) *Web {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	w := &Web{cfg: cfg, pages: parse(), mux: http.NewServeMux(), pace: limit.New(cmp.Or(cfg.Calls, 20), cmp.Or(cfg.CallsAtOnce, 100))}
	for _, r := range w.routes() {
		w.mux.Handle(r.Method+" "+r.Pattern, w.serve(r))
	}
	files, _ := static.ReadDir("static") // it is embedded
	for _, f := range files {            // and nothing beside them, such as a listing
		w.mux.Handle("GET /static/"+f.Name(), cached(http.FileServerFS(static)))
	}
	w.inner = http.NewCrossOriginProtection().Handler(cfg.Auth.Sessions(w.mux))
	return w
}

// ServeHTTP implements [http.Handler].
func (web *Web) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "same-origin")
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("Cache-Control", "no-store")
	head.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if r.Method == http.MethodPost && r.Header.Get("Origin") == "" && r.Header.Get("Sec-Fetch-Site") == "" {
		// Every browser tells one of them; whatever does not has no business with a cookie.
		http.Error(w, "programs use the API, at /api/v1", http.StatusForbidden)
		return
	}
	web.inner.ServeHTTP(w, r)
}

// cached lets browsers keep what has the version in its address.
func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		next.ServeHTTP(w, r)
	})
}

// Route is one thing that can be done with the pages.
type Route struct {
	Method, Pattern string
	Open            bool // to those who are not signed in too
	do              func(*call) error
}

// Routes are all of them, but for files that look the same for everybody.
func (web *Web) Routes() []Route { return web.routes() }

func (web *Web) routes() []Route {
	return []Route{
		{"GET", "/{$}", false, web.home},
		{"GET", "/ask", false, web.ask},
		{"GET", "/ask/{resource}", false, web.form},
		{"POST", "/ask/{resource}", false, web.submit},
		{"GET", "/mine", false, web.mine},
		{"GET", "/approve", false, web.inbox},
		{"GET", "/requests", false, web.requests},
		{"GET", "/requests/{id}", false, web.request},
		{"POST", "/requests/{id}/approve", false, web.approve},
		{"POST", "/requests/{id}/deny", false, web.deny},
		{"POST", "/requests/{id}/withdraw", false, web.withdraw},
		{"POST", "/requests/{id}/end", false, web.end},
		{"POST", "/requests/{id}/extend", false, web.extend},
		{"POST", "/requests/{id}/review", false, web.review},
		{"GET", "/resources", false, web.resources},
		{"GET", "/resources/{name}", false, web.resource},
		{"GET", "/runs", false, web.runs},
		{"POST", "/holds/release", false, web.release},
		{"GET", "/audit", false, web.audit},
		{"GET", "/reports", false, web.reports},
		{"GET", "/reports/compliance.csv", false, web.reportCSV},
		{"GET", "/reports/compliance.json", false, web.reportJSON},
		{"GET", "/tokens", false, web.tokens},
		{"POST", "/tokens", false, web.newToken},
		{"POST", "/tokens/{id}/revoke", false, web.revokeToken},
		{"GET", auth.SignIn, true, web.signIn},
		{"GET", auth.SignIn + "/start", true, web.signInStart},
		{"GET", auth.Callback, true, web.signInDone},
		{"POST", auth.SignOut, true, web.signOut},
		{"GET", "/", true, web.nowhere},
	}
}

// call is one request to the pages.
type call struct {
	w      http.ResponseWriter
	r      *http.Request
	caller desk.Caller
	signed bool // somebody is signed in
}

func (web *Web) serve(route Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), mayTake)
		defer cancel()
		r = r.WithContext(ctx)
		c := &call{w: w, r: r}
		c.caller, c.signed = auth.From(r.Context())
		defer func() {
			if p := recover(); p != nil {
				web.cfg.Log.Error("a page failed", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
				web.fail(c, fmt.Errorf("panic"))
			}
		}()
		if r.Method == http.MethodPost {
			if err := readForm(r); err != nil {
				web.fail(c, err)
				return
			}
		}
		if !c.signed && !route.Open {
			web.unsigned(c)
			return
		}
		if c.signed {
			if wait, ok := web.pace.Take(c.caller.Name(), web.cfg.Now()); !ok {
				w.Header().Set("Retry-After", strconv.Itoa(max(int(wait.Seconds()), 1)))
				web.fail(c, &pageError{http.StatusTooManyRequests, "You ask for more pages than is allowed. Wait a moment, and try again."})
				return
			}
		}
		if err := route.do(c); err != nil {
			web.fail(c, err)
		}
	})
}

// unsigned sends somebody to sign in, and back to what they wanted to see. What
// was written into a form is kept for after it.
func (web *Web) unsigned(c *call) {
	if c.r.Method == http.MethodPost {
		web.render(c, http.StatusUnauthorized, "signedout", "Sign in again", web.resend(c))
		return
	}
	http.Redirect(c.w, c.r, auth.SignIn+"/start?"+values("return", c.r.URL.RequestURI()), http.StatusSeeOther)
}

// readForm reads the form that was sent. Pages of ours send no other kind; an
// empty one may come without saying what it is.
func readForm(r *http.Request) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Header.Get("Content-Type") != "" && (err != nil || kind != "application/x-www-form-urlencoded") {
		return &pageError{http.StatusUnsupportedMediaType, "What was sent is no form of these pages."}
	}
	err = r.ParseForm()
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &pageError{http.StatusRequestEntityTooLarge, "What was sent is too large."}
	}
	if err != nil {
		return &pageError{http.StatusBadRequest, "What was sent could not be read."}
	}
	return nil
}

// pageError is an error with its own status.
type pageError struct {
	status  int
	message string
}

func (e *pageError) Error() string { return e.message }

// statusOf returns the status of an error, and whether its text is for whoever
// caused it. Where it helps to come again, the answer says when.
func (c *call) statusOf(err error) (status int, told bool) {
	if e, ok := errors.AsType[*pageError](err); ok {
		return e.status, true
	}
	if storeAway(err) {
		c.w.Header().Set("Retry-After", "10")
		return http.StatusServiceUnavailable, false
	}
	switch access.KindOf(err) {
	case access.Invalid:
		return http.StatusUnprocessableEntity, true
	case access.Forbidden:
		return http.StatusForbidden, true
	case access.Conflict:
		return http.StatusConflict, true
	case access.Doubt:
		c.w.Header().Set("Retry-After", "10")
		return http.StatusServiceUnavailable, true
	case access.Broken:
		return http.StatusServiceUnavailable, true
	case access.NotFound:
		return http.StatusNotFound, true
	}
	return http.StatusInternalServerError, false
}

// storeAway reports whether nothing was done because the store cannot be reached.
func storeAway(err error) bool {
	k := access.KindOf(err)
	return desk.Away(err) && (k == "" || k == access.Doubt)
}

// headline is what an error page is about.
func headline(err error, status int) string {
	switch {
	case access.KindOf(err) == access.Broken:
		return "Not until it is mended"
	case status == http.StatusNotFound:
		return "Not found"
	case status == http.StatusForbidden:
		return "Not for you to see or do"
	case status == http.StatusServiceUnavailable:
		return "Not just now"
	case status >= http.StatusInternalServerError:
		return "Something went wrong"
	}
	return "It was not taken"
}

// fail shows an error. What nobody outside needs to know is in the log only.
func (web *Web) fail(c *call, err error) {
	status, told := c.statusOf(err)
	message := "Something went wrong here. It is in the log; try again in a while."
	if storeAway(err) {
		message = "The database of daypass does not answer, so nothing was done. Try again in a while."
	}
	if told {
		message = sentence(err)
	} else if c.r.Context().Err() == nil {
		web.cfg.Log.Error("a page failed", "path", c.r.URL.Path, "error", err)
	}
	web.render(c, status, "error", headline(err, status), message)
}
