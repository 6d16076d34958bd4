package replicas

import (
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// wire is one replica's way to the database. While it is cut nothing passes,
// and nobody is told: as when a cable is pulled.
type wire struct {
	listener net.Listener
	to       string

	mu   sync.Mutex
	cut  chan struct{} // closed while it is whole
	ends []net.Conn
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, to: to, cut: make(chan struct{})}
	close(w.cut)
	go w.accept()
	t.Cleanup(func() {
		_ = l.Close()
		w.drop()
	})
	return w
}

func (w *wire) addr() string { return w.listener.Addr().String() }

func (w *wire) accept() {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		go w.join(near)
	}
}

func (w *wire) join(near net.Conn) {
	<-w.whole()
	far, err := net.Dial("tcp", w.to)
	if err != nil {
		_ = near.Close()
		return
	}
	w.mu.Lock()
	w.ends = append(w.ends, near, far)
	w.mu.Unlock()
	go w.pass(far, near)
	w.pass(near, far)
}

// pass copies one way. What comes while the wire is cut waits, and is lost when
// the connection is dropped.
func (w *wire) pass(to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		<-w.whole()
		if n > 0 {
			if _, werr := to.Write(buf[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (w *wire) whole() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cut
}

// pull cuts the wire; mend makes it whole again. The connections from before
// are gone then.
func (w *wire) pull() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = make(chan struct{})
}

func (w *wire) mend() {
	w.drop()
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.cut)
}

func (w *wire) drop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.ends {
		_ = c.Close()
	}
	w.ends = nil
}

// gate is one replica's way to one directory. before is asked of each write
// before it goes on.
func gate(t *testing.T, to string, before func(r *http.Request)) string {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // links to further pages lead through here too
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut || r.Method == http.MethodDelete {
			_, _ = io.Copy(io.Discard, r.Body)
			before(r)
		}
		proxy.ServeHTTP(w, r)
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + l.Addr().String()
}
