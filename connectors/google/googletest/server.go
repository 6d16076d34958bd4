package googletest

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

// Server is a customer's directory behind Google's APIs. It is an
// [http.Handler]; [Server.Start] serves it on a port and [Server.Transport] in
// memory. Its methods may be called from several goroutines.
type Server struct {
	// Clock is the simulator's time.
	Clock *sim.Clock
	// Faults strike requests. Quotas do not count those that are struck before
	// they are carried out.
	Faults *sim.Faults
	// Log is the record of the requests, by Google's path templates.
	Log *sim.Log

	opt     Options
	handler http.Handler
	lag     *sim.Lag
	quotas  map[api]*sim.Window
	flying  atomic.Int64

	hostMu sync.Mutex
	host   *sim.Host

	mu         sync.Mutex // of all below
	domains    []string
	objects    []object
	addresses  map[string]uint32 // of users, groups and outsiders, folded
	groups     map[uint32]*group
	order      []uint32 // of groups, as they came
	due        []due    // memberships that end by themselves, the next one first
	events     []event
	heard      int // events, lost ones included
	tokens     map[string]token
	minted     int
	writes     []Write
	written    int
	violations []string
	sessions   map[uint32]int // how often somebody's sessions were ended
}

// New returns a customer without people and groups.
func New(opt Options) *Server {
	opt = opt.withDefaults()
	s := &Server{
		Clock: opt.Clock, Faults: &sim.Faults{Blank: blank}, Log: &sim.Log{}, opt: opt,
		lag:       sim.NewLag(opt.Lag, opt.Steady, opt.Seed),
		addresses: make(map[string]uint32), groups: make(map[uint32]*group), tokens: make(map[string]token), sessions: make(map[uint32]int),
		quotas: make(map[api]*sim.Window),
	}
	for _, a := range []api{directory, reports, identity} {
		s.quotas[a] = sim.NewWindow(opt.PerMinute, time.Minute, opt.Clock)
	}
	for _, d := range opt.Domains {
		s.domains = append(s.domains, strings.ToLower(d))
	}
	s.objects = append(s.objects, object{kind: theCustomer})
	s.handler = s.dated(s.Log.Wrap(s.Clock, routeName, sim.Delay(opt.Latency, s.Faults.Wrap(http.HandlerFunc(s.serve)))))
	return s
}

// Start serves on an address; "" is a free port on loopback.
func (s *Server) Start(addr string) error {
	h, err := sim.Listen(addr, s)
	if err != nil {
		return err
	}
	s.hostMu.Lock()
	defer s.hostMu.Unlock()
	s.host = h
	return nil
}

// URL is the root of all three APIs, without a slash at the end; Google's own
// before Start.
func (s *Server) URL() string {
	s.hostMu.Lock()
	defer s.hostMu.Unlock()
	if s.host == nil {
		return "https://admin.googleapis.com"
	}
	return s.host.URL()
}

// Close ends what Start began.
func (s *Server) Close() error {
	s.hostMu.Lock()
	defer s.hostMu.Unlock()
	if s.host == nil {
		return nil
	}
	return s.host.Close()
}

// Transport reaches the server in memory, whatever the host in a URL.
func (s *Server) Transport() http.RoundTripper { return sim.Transport(s) }

// ServeHTTP answers as Google does.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// dated puts the simulator's time on every answer, also on those of faults.
func (s *Server) dated(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", s.Clock.Now().UTC().Format(http.TimeFormat))
		h.ServeHTTP(w, r)
	})
}

// serve answers one request that no fault struck.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if strings.TrimSuffix(r.URL.Path, "/") == tokenPath {
		s.serveToken(w, r)
		return
	}
	rt, path := match(r.Method, r.URL.EscapedPath())
	if rt == nil {
		notServed(w)
		return
	}
	if n := s.flying.Add(1); s.opt.Concurrent > 0 && n > int64(s.opt.Concurrent) {
		s.flying.Add(-1)
		write(w, rt.api, nil, nil, refuse(http.StatusTooManyRequests, "rateLimitExceeded", "Rate Limit Exceeded"))
		return
	}
	defer s.flying.Add(-1)
	c := &call{route: rt, path: path, query: r.URL.Query()}
	var err error
	if c.body, err = readBody(r); err != nil {
		panic(http.ErrAbortHandler) // the client went away
	}
	answer, err := s.call(c, r)
	write(w, rt.api, c.mask, answer, err)
}

// call carries a request out, up to its answer.
func (s *Server) call(c *call, r *http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.now = s.Clock.Now()
	s.lapse(c.now)
	c.cut = s.lag.Cut(c.now)
	if err := s.admit(c, r); err != nil {
		return nil, err
	}
	answer, err := c.route.serve(s, c)
	if o, single := answer.(obj); single && err == nil && unchanged(c.route, r, o) {
		return notModified{}, nil
	}
	return answer, err
}

// admit checks everything that does not depend on the data.
func (s *Server) admit(c *call, r *http.Request) error {
	var err error
	if c.who, err = s.authorize(c, r); err != nil {
		return err
	}
	if c.mask, err = c.check(); err != nil {
		return err
	}
	if _, _, ok := s.quotas[c.route.api].Take(1); !ok {
		return overQuota(c.route.api)
	}
	return s.allow(c)
}
