package entratest

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

// Server is a tenant. Its methods may be called from several goroutines.
type Server struct {
	// Clock is the tenant's time.
	Clock *sim.Clock
	// Faults strike requests on demand, those inside a batch only when a fault
	// says Inner.
	Faults *sim.Faults
	// Log is the record of the requests, by path template without the version:
	// "GET /groups/{id}/members".
	Log *sim.Log

	opts     Options
	handler  http.Handler
	handlers map[string]map[string]handler
	inner    http.Handler // of the requests in a batch
	secret   [32]byte     // of tokens
	serial   atomic.Int64
	crowd    atomic.Int64
	epoch    atomic.Int64 // of tokens: older ones are not taken
	due      atomic.Int64 // when the first membership ends by itself, in nanoseconds; 0: none

	lag, deltaLag *sim.Lag
	quota         quotas

	mu       sync.RWMutex
	tenant   *tenant
	apps     []App
	open     bool
	revision uint64
	writes   []Write
	changes  changes
	host     *sim.Host
	closed   chan struct{}

	notes struct {
		sync.Mutex
		catastrophes, violations []string
		spent                    map[string]bool // page tokens, with RetriedTokens
		rng                      *rand.Rand
		conflicts                int
	}
}

// New returns an empty tenant with its apps.
func New(opts Options) *Server {
	opts = opts.withDefaults()
	s := &Server{
		Clock: opts.Clock, Faults: &sim.Faults{}, Log: &sim.Log{}, opts: opts,
		lag:      sim.NewLag(opts.Lag, opts.Steady, opts.Seed),
		deltaLag: sim.NewLag(opts.DeltaLag, opts.Steady, opts.Seed+1),
		secret:   sha256.Sum256(fmt.Appendf(nil, "tokens of %s, %d", opts.Tenant, opts.Seed)),
		tenant:   newTenant(opts.Seed),
		apps:     slices.Clone(opts.Apps),
		handlers: handlers(),
	}
	for _, name := range opts.Extensions {
		s.tenant.extensions.Store(name, true)
	}
	s.changes.epoch = s.Clock.Now().UnixNano() // a tenant that is made later takes none of the tokens
	s.notes.spent = make(map[string]bool)
	s.notes.rng = rand.New(rand.NewPCG(opts.Seed, 3))
	s.quota = newQuotas(opts.Quota, s.Clock)
	serve := http.HandlerFunc(s.serve)
	s.inner = s.Faults.WrapInner(serve)
	s.handler = s.Log.Wrap(s.Clock, template, s.head(sim.Delay(opts.Latency, s.Faults.Wrap(serve))))
	return s
}

// ServeHTTP answers as Microsoft Graph and its token endpoint do.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Start serves the tenant on an address; "" is a free port on loopback.
func (s *Server) Start(addr string) error {
	host, err := sim.Listen(addr, s)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.host, s.closed = host, make(chan struct{})
	if s.opts.OnLapse != nil {
		go s.watch(s.closed)
	}
	return nil
}

// URL is where the tenant is served, without a slash at the end: the root of
// Graph, and the authority as well. Before [Server.Start] it is an address
// that only [Server.Transport] knows.
func (s *Server) URL() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.host == nil {
		return "https://graph.invalid"
	}
	return s.host.URL()
}

// Close ends every connection.
func (s *Server) Close() error {
	s.mu.Lock()
	host, closed := s.host, s.closed
	s.host, s.closed = nil, nil
	s.mu.Unlock()
	if host == nil {
		return nil
	}
	close(closed)
	return host.Close()
}

// Transport reaches the tenant in memory, whatever the host of a request.
func (s *Server) Transport() http.RoundTripper { return sim.Transport(s) }

// Tenant returns the tenant's id.
func (s *Server) Tenant() string { return s.opts.Tenant }

// head puts on every answer, struck by a fault or not, what Graph does.
func (s *Server) head(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.identify(w.Header(), r)
		next.ServeHTTP(w, r)
	})
}

func (s *Server) identify(h http.Header, r *http.Request) {
	id := newGUID(s.opts.Seed, "request", int(s.serial.Add(1))).String()
	h.Set("request-id", id)
	if mine := r.Header.Get("client-request-id"); mine != "" {
		id = mine
	}
	h.Set("client-request-id", id)
	h.Set("Date", s.Clock.Now().UTC().Format(http.TimeFormat))
	h.Set("Cache-Control", "no-cache")
}

// Catastrophes tells what requests destroyed, or would have destroyed with
// more rights: accounts and groups. It must stay empty.
func (s *Server) Catastrophes() []string {
	s.notes.Lock()
	defer s.notes.Unlock()
	return slices.Clone(s.notes.catastrophes)
}

// Violations tells where requests broke the documented rules, whatever they
// were answered. It should stay empty.
func (s *Server) Violations() []string {
	s.notes.Lock()
	defer s.notes.Unlock()
	return slices.Clone(s.notes.violations)
}

const worthTelling = 1000

func (s *Server) catastrophe(format string, args ...any) {
	s.notes.Lock()
	defer s.notes.Unlock()
	if len(s.notes.catastrophes) < worthTelling {
		s.notes.catastrophes = append(s.notes.catastrophes, fmt.Sprintf(format, args...))
	}
}

func (s *Server) violation(format string, args ...any) {
	s.notes.Lock()
	defer s.notes.Unlock()
	if text := fmt.Sprintf(format, args...); len(s.notes.violations) < worthTelling && !slices.Contains(s.notes.violations, text) {
		s.notes.violations = append(s.notes.violations, text)
	}
}

// horizon is the oldest time that anybody reads as of.
func (s *Server) horizon() time.Time {
	return s.Clock.Now().Add(-s.lag.Most() - s.opts.CountLag)
}
