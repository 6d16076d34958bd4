package store

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"testing"
)

// wire stands between a store and its server, and can break in the instant of
// a commit.
type wire struct {
	listener net.Listener
	server   string

	mu    sync.Mutex
	fault fault
	conns []net.Conn
}

// fault is how the next commit fails.
type fault int

const (
	none     fault = iota
	unsent         // the connection breaks before the server hears of it
	unheard        // the server does it, and the answer is lost
	vanished       // the same, and nobody can connect from then on
)

// through returns the place as it is behind a wire.
func (at place) through(t *testing.T) (place, *wire) {
	t.Helper()
	u, err := url.Parse(at.dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, server: u.Host}
	go w.serve()
	t.Cleanup(func() { _ = l.Close() })
	u.Host = l.Addr().String()
	return place{dsn: u.String(), fresh: at.fresh}, w
}

func (w *wire) breaks(f fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = f
}

func (w *wire) serve() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		w.mu.Lock()
		w.conns = append(w.conns, client, server)
		w.mu.Unlock()
		go w.carry(client, server)
	}
}

// carry carries what is said, in both directions, until a fault.
func (w *wire) carry(client, server net.Conn) {
	defer client.Close()
	defer server.Close()
	var mute sync.Mutex // held while the answer to a commit is on its way
	go func() {
		defer client.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			mute.Lock()
			if n > 0 {
				_, _ = client.Write(buf[:n])
			}
			mute.Unlock()
			if err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		fault := none
		if bytes.Contains(buf[:n], []byte("commit\x00")) {
			w.mu.Lock()
			fault, w.fault = w.fault, none
			w.mu.Unlock()
		}
		if fault == unsent {
			return
		}
		if fault != none {
			mute.Lock() // for good: the answer is not passed on
		}
		if fault == vanished {
			_ = w.listener.Close()
			defer w.cutAll()
		}
		if _, err := server.Write(buf[:n]); err != nil || fault != none {
			return
		}
	}
}

func (w *wire) cutAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
}
