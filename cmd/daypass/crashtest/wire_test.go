package crashtest

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// wire stands between the program and the directory, and strikes once: at the
// nth change that the program sends, before the directory gets it, or after
// the directory has answered and before the program knows.
type wire struct {
	url    string
	nth    int64
	when   moment
	strike func()
	then   aftermath

	target string
	count  atomic.Int64
	struck atomic.Bool
	conns  sync.Map // net.Conn to struct{}
	wg     sync.WaitGroup
}

// moment is when a wire strikes.
type moment string

const (
	sent     moment = "sent"     // by the program; the directory knows nothing
	answered moment = "answered" // by the directory; the program knows nothing
)

// aftermath is what becomes of the message that a wire struck at.
type aftermath int

const (
	lost    aftermath = iota // held until its receiver is gone
	cut                      // the connection ends
	arrives                  // passed on
)

// LDAP's numbers of the operations. https://www.rfc-editor.org/rfc/rfc4511
const (
	modifyRequest  = 6
	modifyResponse = 7
)

// open starts to listen, for the rest of the test.
func (w *wire) open(t *testing.T, target string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.target, w.url = strings.TrimPrefix(target, "ldap://"), "ldap://"+l.Addr().String()
	w.wg.Go(func() { w.serve(l) })
	t.Cleanup(func() {
		l.Close()
		w.conns.Range(func(c, _ any) bool {
			c.(net.Conn).Close()
			return true
		})
		w.wg.Wait()
	})
}

func (w *wire) serve(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		w.conns.Store(client, struct{}{})
		w.wg.Go(func() { w.join(client) })
	}
}

// join connects one connection of the program to the directory.
func (w *wire) join(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", w.target)
	if err != nil {
		return // as if the directory were not there
	}
	w.conns.Store(server, struct{}{})
	var marked atomic.Int64 // the message to strike at when it is answered
	w.wg.Go(func() {
		defer server.Close()
		w.pump(server, client, func(p *ber.Packet) bool {
			if op(p) != modifyRequest || w.count.Add(1) != w.nth {
				return false
			}
			marked.Store(id(p))
			return w.when == sent
		})
	})
	w.pump(client, server, func(p *ber.Packet) bool {
		return w.when == answered && op(p) == modifyResponse && id(p) == marked.Load()
	})
}

// pump passes messages on until one side is gone.
func (w *wire) pump(to, from net.Conn, hit func(*ber.Packet) bool) {
	in := bufio.NewReader(from)
	for {
		var raw bytes.Buffer
		p, err := ber.ReadPacket(io.TeeReader(in, &raw))
		if err != nil {
			return
		}
		if hit(p) {
			w.struck.Store(true)
			w.strike()
			switch w.then {
			case cut:
				return
			case lost:
				w.hold(to, from)
				return
			}
		}
		if _, err := to.Write(raw.Bytes()); err != nil {
			return
		}
	}
}

// hold waits until the program is gone, whichever side it is on.
func (w *wire) hold(to, from net.Conn) {
	client := from
	if w.when == answered {
		client = to
	}
	_, _ = io.Copy(io.Discard, client) // it ends with an error: killed
}

func op(p *ber.Packet) ber.Tag {
	if len(p.Children) < 2 {
		return 0
	}
	return p.Children[1].Tag
}

func id(p *ber.Packet) int64 {
	n, _ := p.Children[0].Value.(int64)
	return n
}
