package ldaptest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"sync"
)

// Server is a directory in memory and the listeners that serve it. Its methods
// may be called from several goroutines.
type Server struct {
	opt     Options
	tree    *tree
	suffix  string // as configured
	bindDN  string // normal form, or lower case when it is no DN
	faults  faults
	hooks   sync.Mutex  // serialises OnWrite
	virtual []*attrType // the attributes computed for every entry

	mu     sync.Mutex
	ctx    context.Context
	cancel context.CancelFunc
	open   map[closer]struct{} // listeners and connections
	addr   net.Addr
	secure bool
	counts map[Op]int
	wg     sync.WaitGroup
}

type closer interface{ Close() error }

// New makes a server that holds its suffix entry and listens nowhere yet.
func New(opt Options) (*Server, error) {
	opt = opt.withDefaults()
	norm, err := normalDN(opt.Suffix)
	if err != nil || norm == "" {
		return nil, fmt.Errorf("ldaptest: suffix %q is no distinguished name", opt.Suffix)
	}
	bindDN, err := normalDN(opt.BindDN)
	if err != nil {
		bindDN = foldValue(opt.BindDN) // a user principal name
	}
	s := &Server{
		opt: opt, tree: newTree(opt.Flavor, norm), suffix: opt.Suffix, bindDN: bindDN,
		open: make(map[closer]struct{}), counts: make(map[Op]int),
	}
	for _, name := range virtualNames(opt.Flavor, opt.MemberOf) {
		s.virtual = append(s.virtual, s.tree.schema.learn(name))
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.seedSuffix(); err != nil {
		return nil, err
	}
	return s, nil
}

// ErrClosed is what Serve and Listen return after Close.
var ErrClosed = errors.New("ldaptest: server closed")

// Listen serves addr in clear text (with StartTLS when Options.TLS is set)
// from a goroutine of its own; it returns when clients can connect.
func (s *Server) Listen(addr string) error { return s.listen(addr, false) }

// ListenTLS is Listen for ldaps.
func (s *Server) ListenTLS(addr string) error {
	if s.opt.TLS == nil {
		return errors.New("ldaptest: ldaps needs Options.TLS")
	}
	return s.listen(addr, true)
}

func (s *Server) listen(addr string, secure bool) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("ldaptest: %w", err)
	}
	if secure {
		l = tls.NewListener(l, s.opt.TLS)
	}
	if err := s.adopt(l, secure); err != nil {
		return errors.Join(err, l.Close())
	}
	go func() {
		defer s.wg.Done()
		_ = s.accept(l) // the listener was closed
	}()
	return nil
}

// Serve answers the connections of l until Close, and returns [ErrClosed]
// then. It closes l.
func (s *Server) Serve(l net.Listener) error {
	if err := s.adopt(l, false); err != nil {
		return errors.Join(err, l.Close())
	}
	defer s.wg.Done()
	return s.accept(l)
}

// adopt registers a listener and counts the goroutine that will serve it.
func (s *Server) adopt(l net.Listener, secure bool) error {
	if !s.track(l) {
		return ErrClosed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.addr == nil {
		s.addr, s.secure = l.Addr(), secure
	}
	return nil
}

func (s *Server) accept(l net.Listener) error {
	defer s.release(l)
	for {
		nc, err := l.Accept()
		if s.ctx.Err() != nil {
			if err == nil {
				_ = nc.Close()
			}
			return ErrClosed
		}
		if err != nil {
			return fmt.Errorf("ldaptest: %w", err)
		}
		if !s.track(nc) {
			_ = nc.Close()
			return ErrClosed
		}
		go func() {
			defer s.wg.Done()
			defer s.release(nc)
			newConn(s, nc).serve()
		}()
	}
}

// track remembers what Close has to close, and counts its goroutine. It
// reports false after Close.
func (s *Server) track(c closer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return false
	}
	s.open[c] = struct{}{}
	s.wg.Add(1)
	return true
}

func (s *Server) release(c closer) {
	_ = c.Close() // closing twice is no harm
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

// Close ends every listener and connection and waits until their goroutines
// are gone. The entries can still be looked at.
func (s *Server) Close() error {
	s.mu.Lock()
	s.cancel()
	open := maps.Clone(s.open)
	s.mu.Unlock()
	for c := range open {
		_ = c.Close() // a connection that is gone already is as good
	}
	s.wg.Wait()
	return nil
}

// Disconnect cuts every connection that is open, as a restart of the server would;
// the listeners and the entries stay.
func (s *Server) Disconnect() {
	s.mu.Lock()
	open := maps.Clone(s.open)
	s.mu.Unlock()
	for c := range open {
		if nc, ok := c.(net.Conn); ok {
			_ = nc.Close() // gone already is as good
		}
	}
}

// Addr is the address of the first listener, nil before there is one.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// URL is ldap://host:port or ldaps://host:port of the first listener, ""
// before there is one.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.addr == nil:
		return ""
	case s.secure:
		return "ldaps://" + s.addr.String()
	default:
		return "ldap://" + s.addr.String()
	}
}
