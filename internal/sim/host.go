package sim

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Delay makes each answer of h take so long, by this machine's clock.
func Delay(d time.Duration, h http.Handler) http.Handler {
	if d <= 0 {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !wait(r, d) {
			panic(http.ErrAbortHandler)
		}
		h.ServeHTTP(w, r)
	})
}

// Host serves a simulator on a port.
type Host struct {
	url    string
	server *http.Server
	cancel context.CancelFunc
	done   chan struct{}
}

// Listen serves h on an address; empty is a free port on loopback.
func Listen(addr string, h http.Handler) (*Host, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("simulator: listen on %s: %w", addr, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	host := &Host{url: "http://" + l.Addr().String(), cancel: cancel, done: make(chan struct{})}
	host.server = &http.Server{Handler: h, ReadHeaderTimeout: time.Minute, BaseContext: func(net.Listener) context.Context { return ctx }}
	go func() {
		defer close(host.done)
		_ = host.server.Serve(l) // it ends with Close
	}()
	return host, nil
}

// URL is the root, without a slash at the end.
func (h *Host) URL() string { return h.url }

// Close ends every connection, also of requests that hang.
func (h *Host) Close() error {
	h.cancel()
	err := h.server.Close()
	<-h.done
	return err
}
