package oktatest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

// Server is an org. Its methods may be called from several goroutines.
type Server struct {
	// Clock is the org's time. Moving it is at once everywhere.
	Clock *sim.Clock
	// Faults strike requests on demand.
	Faults *sim.Faults
	// Log is the record of the requests, by path template: "GET
	// /api/v1/groups/{id}/users".
	Log *sim.Log

	opts    Options
	handler http.Handler
	lag     *sim.Lag
	serial  atomic.Int64
	flights atomic.Int64
	secret  uint64 // binds cursors to this server
	host    atomic.Pointer[sim.Host]

	mu  sync.RWMutex
	org *org
	rng *rand.Rand

	auth    access
	buckets buckets

	notes struct {
		sync.Mutex
		catastrophes, violations []string
		writes                   []Write
	}
}

// New returns an org with its group Everyone and one administrator. It panics
// when a credential makes no sense, which is the caller's mistake.
func New(opts Options) *Server {
	opts = opts.withDefaults()
	s := &Server{
		Clock: opts.Clock, Faults: &sim.Faults{}, Log: &sim.Log{}, opts: opts,
		lag: sim.NewLag(opts.Lag, opts.LagMode == Steady, opts.Seed),
		rng: rand.New(rand.NewPCG(opts.Seed, 1)),
	}
	if s.Clock == nil {
		s.Clock = &sim.Clock{}
	}
	s.secret = rand.New(rand.NewPCG(opts.Seed, uint64(s.Clock.Now().UnixNano()))).Uint64() //nolint:gosec // any bits will do
	s.auth = newAccess()
	s.buckets = newBuckets(opts.Quota, s.Clock)
	s.org = newOrg(s.now())
	if _, err := s.AddUser(User{Login: AdminLogin, First: "Okta", Last: "Admin"}); err != nil {
		panic(err)
	}
	if opts.Token != "" {
		s.Grant(Credential{Token: opts.Token})
	}
	for _, c := range opts.Credentials {
		s.Grant(c)
	}
	// The record sees what the faults do; the head of an answer is there before
	// they strike.
	s.handler = s.Log.Wrap(s.Clock, routeName, s.head(s.Faults.Wrap(http.HandlerFunc(s.serve))))
	return s
}

// ServeHTTP answers as Okta does.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Start serves the org on an address; "" is a free port on loopback.
func (s *Server) Start(addr string) error {
	host, err := sim.Listen(addr, s)
	if err != nil {
		return err
	}
	s.host.Store(host)
	return nil
}

// URL is where the org is served, without a slash at the end. Before
// [Server.Start] it is an address that only [Server.Transport] knows.
func (s *Server) URL() string {
	if host := s.host.Load(); host != nil {
		return host.URL()
	}
	return "https://org.okta.invalid"
}

// Close ends every connection.
func (s *Server) Close() error {
	if host := s.host.Swap(nil); host != nil {
		return host.Close()
	}
	return nil
}

// Transport reaches the org in memory, whatever the host of a request.
func (s *Server) Transport() http.RoundTripper { return wire{sim.Transport(s)} }

// wire puts on a request what the wire would show of it: the scheme, and the
// length of an empty body, for want of which Okta answers 411.
type wire struct{ next http.RoundTripper }

func (t wire) RoundTrip(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	if out.Header == nil {
		out.Header = make(http.Header)
	}
	out.Header.Set("X-Forwarded-Proto", r.URL.Scheme)
	switch {
	case r.ContentLength > 0:
		out.Header.Set("Content-Length", fmt.Sprint(r.ContentLength))
	case r.Body == nil || r.Body == http.NoBody:
		out.Header.Set("Content-Length", "0")
	default: // of unknown length: net/http looks whether there is anything
		first := make([]byte, 1)
		if n, _ := io.ReadFull(r.Body, first); n == 0 {
			out.Header.Set("Content-Length", "0")
		} else {
			out.Body = struct {
				io.Reader
				io.Closer
			}{io.MultiReader(strings.NewReader(string(first)), r.Body), r.Body}
		}
	}
	return t.next.RoundTrip(out)
}

// now is the org's time, in the milliseconds that its timestamps have.
func (s *Server) now() time.Time { return s.Clock.Now().UTC().Truncate(time.Millisecond) }

// base is the root of the URLs in an answer, as the client called it.
func base(r *http.Request) string {
	scheme := r.Header.Get("X-Forwarded-Proto")
	if scheme == "" {
		scheme = "http"
		if r.TLS != nil {
			scheme = "https"
		}
	}
	return scheme + "://" + r.Host
}

// head writes what every answer has.
func (s *Server) head(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Date", s.Clock.Now().UTC().Format(http.TimeFormat))
		h.Set("X-Okta-Request-Id", fmt.Sprintf("req%017d", s.serial.Add(1)))
		h.Set("Cache-Control", "no-cache, no-store")
		if s.opts.Latency > 0 {
			t := time.NewTimer(s.opts.Latency)
			defer t.Stop()
			select {
			case <-t.C:
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			}
		}
		next.ServeHTTP(w, r)
	})
}

// Catastrophes are what no client may ever do, in words: a removal that
// excludes somebody from a group rule for good, a deleted user or group.
func (s *Server) Catastrophes() []string {
	s.notes.Lock()
	defer s.notes.Unlock()
	return append([]string(nil), s.notes.catastrophes...)
}

// Violations are requests that Okta's documentation does not cover: unknown
// paths and parameters.
func (s *Server) Violations() []string {
	s.notes.Lock()
	defer s.notes.Unlock()
	return append([]string(nil), s.notes.violations...)
}

// Writes are the writes that were carried out, oldest first.
func (s *Server) Writes() []Write {
	s.notes.Lock()
	defer s.notes.Unlock()
	return append([]Write(nil), s.notes.writes...)
}

func (s *Server) catastrophe(format string, args ...any) {
	s.notes.Lock()
	defer s.notes.Unlock()
	s.notes.catastrophes = append(s.notes.catastrophes, fmt.Sprintf(format, args...))
}

func (s *Server) violation(format string, args ...any) {
	s.notes.Lock()
	defer s.notes.Unlock()
	if len(s.notes.violations) < 1000 {
		s.notes.violations = append(s.notes.violations, fmt.Sprintf(format, args...))
	}
}

// wrote records a write; calls of OnWrite are one at a time.
func (s *Server) wrote(w Write) {
	s.notes.Lock()
	defer s.notes.Unlock()
	if len(s.notes.writes) < 100000 {
		s.notes.writes = append(s.notes.writes, w)
	}
	s.opts.OnWrite(w)
}
