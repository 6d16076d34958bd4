package ldap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/connectors/ldap/internal/wire"
	"github.com/daypass-dev/daypass/engine"
)

// Servers drop connections that idle for long (Active Directory after 900 s),
// and a change sent into a dead one has an unknown outcome. So an old
// connection is not used, and one that paused is looked at before it is.
const (
	idleMax   = time.Minute
	idlePause = time.Second
)

// pool keeps connections that are bound and ready.
type pool struct {
	cfg    Config
	target target
	slots  chan struct{} // one for each connection that may be open

	mu     sync.Mutex
	idle   []*session // the last used at the end
	srv    *server
	closed bool
}

// session is a connection in somebody's hands.
type session struct {
	*wire.Conn
	srv   *server
	used  time.Time
	watch func(context.Context, string, int, time.Duration) // Config.Observe
}

var errClosed = errors.New("the connector is closed")

func newPool(cfg Config, t target) *pool {
	return &pool{cfg: cfg, target: t, slots: make(chan struct{}, cfg.Connections)}
}

// get returns a connection that works as far as one can tell, a new one if
// need be. The caller gives it back with put.
func (p *pool) get(ctx context.Context) (*session, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	s, err := p.take(ctx)
	if err != nil {
		<-p.slots
	}
	return s, err
}

func (p *pool) take(ctx context.Context) (*session, error) {
	for {
		s, found, err := p.pop()
		if err != nil {
			return nil, err
		}
		if !found {
			return p.open(ctx)
		}
		pause := time.Since(s.used)
		if pause < idlePause || pause < idleMax && s.Idle() {
			return s, nil
		}
		_ = s.Close()
	}
}

func (p *pool) pop() (s *session, found bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, false, errClosed
	}
	n := len(p.idle)
	if n == 0 {
		return nil, false, nil
	}
	s = p.idle[n-1]
	p.idle = p.idle[:n-1]
	return s, true, nil
}

func (p *pool) put(s *session) {
	s.used = time.Now()
	p.mu.Lock()
	keep := !p.closed && s.Err() == nil
	if keep {
		p.idle = append(p.idle, s)
	}
	p.mu.Unlock()
	if !keep {
		_ = s.Close()
	}
	<-p.slots
}

// drop closes the idle connections: after one was found dead the others
// probably are too.
func (p *pool) drop() {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, s := range idle {
		_ = s.Close()
	}
}

func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.drop()
}

// open connects, encrypts, binds, and asks the server what it is if nobody
// did before.
func (p *pool) open(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*p.cfg.Timeout)
	defer cancel()
	conn, err := p.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", p.cfg.URL, err)
	}
	if err := p.bind(ctx, conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	srv, err := p.ask(ctx, conn)
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("read the root entry: %w", err)
	}
	return &session{Conn: conn, srv: srv, watch: p.cfg.Observe}, nil
}

// server returns what the server is; nil before it was asked.
func (p *pool) server() *server {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.srv
}

func (p *pool) ask(ctx context.Context, conn *wire.Conn) (*server, error) {
	if srv := p.server(); srv != nil {
		return srv, nil
	}
	srv, err := askServer(ctx, conn)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.srv = srv
	return srv, nil
}

func (p *pool) dial(ctx context.Context) (*wire.Conn, error) {
	if !p.target.tls && !p.target.startTLS {
		return wire.Dial(ctx, p.target.network, p.target.address, nil, p.cfg.Timeout)
	}
	config, err := p.tlsConfig()
	if err != nil {
		return nil, err
	}
	if p.target.tls {
		return wire.Dial(ctx, p.target.network, p.target.address, config, p.cfg.Timeout)
	}
	conn, err := wire.Dial(ctx, p.target.network, p.target.address, nil, p.cfg.Timeout)
	if err != nil {
		return nil, err
	}
	if err := conn.StartTLS(ctx, config); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("start tls: %w", err)
	}
	return conn, nil
}

func (p *pool) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{ServerName: p.target.host, MinVersion: tls.VersionTLS12}
	if p.cfg.ServerName != "" {
		config.ServerName = p.cfg.ServerName
	}
	if p.cfg.CAFile != "" {
		pem, err := os.ReadFile(p.cfg.CAFile)
		if err != nil {
			return nil, trouble(engine.Denied, "ca file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, trouble(engine.Denied, "ca file %s holds no certificate in PEM form", p.cfg.CAFile)
		}
	}
	if p.cfg.ClientCert != "" {
		pair, err := tls.LoadX509KeyPair(p.cfg.ClientCert, p.cfg.ClientKey)
		if err != nil {
			return nil, trouble(engine.Denied, "client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func (p *pool) bind(ctx context.Context, conn *wire.Conn) error {
	if p.cfg.External {
		if err := conn.BindExternal(ctx); err != nil {
			return fmt.Errorf("bind with the client certificate: %w", err)
		}
		return nil
	}
	password, err := p.cfg.Password(ctx)
	if err != nil {
		return trouble(engine.Denied, "password of %s: %w", p.cfg.BindDN, err)
	}
	if password == "" {
		return trouble(engine.Denied, "password of %s is empty", p.cfg.BindDN)
	}
	if err := conn.Bind(ctx, p.cfg.BindDN, password); err != nil {
		return fmt.Errorf("bind as %s: %w", p.cfg.BindDN, err)
	}
	return nil
}

// read runs f on a connection. When that is lost, f runs once more on a new
// one; so f must begin from the start. A server that does not answer in time
// is not asked again.
func (c *Connector) read(ctx context.Context, f func(*session) error) error {
	s, err := c.pool.get(ctx)
	if err != nil {
		return err
	}
	if err := engine.Held(ctx); err != nil {
		c.pool.put(s)
		return trouble(engine.Unavailable, "%w", err)
	}
	err = f(s)
	lost := s.Err() != nil
	again := lost && ctx.Err() == nil && !isTimeout(err) && !decided(err)
	c.pool.put(s)
	if lost {
		c.pool.drop()
	}
	if !again {
		return err
	}
	if s, err = c.pool.get(ctx); err != nil {
		return err
	}
	defer c.pool.put(s)
	return f(s)
}

// write runs f on a connection, once: after a lost connection nobody knows
// whether the change took place.
func (c *Connector) write(ctx context.Context, f func(*session) error) error {
	s, err := c.pool.get(ctx)
	if err != nil {
		return err
	}
	if err := engine.Held(ctx); err != nil {
		c.pool.put(s)
		return trouble(engine.Unavailable, "%w", err)
	}
	err = f(s)
	lost := s.Err() != nil
	c.pool.put(s)
	if lost {
		c.pool.drop()
	}
	return err
}

// decided reports whether err is the connector's own verdict, which another
// connection would not change.
func decided(err error) bool {
	var e *engine.Error
	return errors.As(err, &e)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
