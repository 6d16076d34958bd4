package ldaptest_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
)

// raw speaks bytes.
type raw struct {
	t  *testing.T
	nc net.Conn
	r  *bufio.Reader
}

func dialRaw(t *testing.T, s *ldaptest.Server) raw {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return raw{t, nc, bufio.NewReader(nc)}
}

// write ignores errors: the server may have hung up, which reading shows.
func (r raw) write(b []byte) { _, _ = r.nc.Write(b) }

// expect reads messages until one with this id and tag.
func (r raw) expect(id int64, tag byte) *ber.Packet {
	r.t.Helper()
	for {
		p, err := ber.ReadPacket(r.r)
		if err != nil {
			r.t.Fatalf("waiting for message %d: %v", id, err)
		}
		if p.Children[0].Value == id && p.Children[1].Tag == ber.Tag(tag&0x1f) {
			return p
		}
	}
}

func bindRequest(id byte) []byte {
	body := append([]byte{2, 1, 3, 4, byte(len(adminDN))}, adminDN...)
	body = append(append(body, 0x80, byte(len(password))), password...)
	return message(id, 0x60, body)
}

func searchRequest(id byte) []byte {
	base := "dc=example,dc=org"
	body := append([]byte{4, byte(len(base))}, base...)
	body = append(body, 10, 1, 0, 10, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0, 0x87, 2, 'c', 'n', 0x30, 0)
	return message(id, 0x63, body)
}

func message(id, tag byte, body []byte) []byte {
	op := append([]byte{tag, byte(len(body))}, body...)
	return append([]byte{0x30, byte(3 + len(op)), 2, 1, id}, op...)
}

// Whatever a client sends, it loses its connection at worst, and others go on.
func TestMalformed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ldaptest.Options{MaxPacket: 1 << 16})
	deep := []byte{}
	for range 3000 {
		deep = append(deep, 0x30, 0x80)
	}
	nested := []byte{4, 0}
	for range 200 {
		n := len(nested)
		nested = append([]byte{0x30, 0x82, byte(n >> 8), byte(n)}, nested...)
	}
	for name, b := range map[string][]byte{
		"http":                   []byte("GET / HTTP/1.1\r\n\r\n"),
		"indefinite length":      deep,
		"nested":                 nested,
		"larger than allowed":    {0x30, 0x83, 1, 0, 1},
		"absurd length":          {0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"length of length":       {0x30, 0xff, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
		"empty message":          {0x30, 0},
		"no operation":           {0x30, 3, 2, 1, 1},
		"unknown operation":      {0x30, 5, 2, 1, 1, 0x7e, 0},
		"a response":             {0x30, 5, 2, 1, 1, 0x61, 0},
		"child longer than all":  {0x30, 5, 2, 1, 1, 0x63, 9},
		"negative id":            {0x30, 5, 2, 1, 0xff, 0x42, 0},
		"control without a name": {0x30, 9, 2, 1, 1, 0x42, 0, 0xa0, 2, 0x30, 0},
	} {
		r := dialRaw(t, w.server)
		r.write(b)
		_ = r.nc.(*net.TCPConn).CloseWrite()
		notice := r.expect(0, 0x78)
		if got := notice.Children[1].Children[0].Value; got != int64(2) {
			t.Errorf("%s: notice with code %v, want 2", name, got)
		}
		if _, err := io.Copy(io.Discard, r.r); err != nil {
			t.Logf("%s: %v", name, err) // a reset is as good as an end
		}
	}
	if got := len(find(t, w.conn, "(cn=g)")); got != 1 {
		t.Errorf("afterwards found %d", got)
	}
}

// An operation with a body that makes no sense gets an answer, no crash.
func TestEmptyBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ldaptest.Options{})
	for request, answer := range map[byte]byte{0x60: 0x61, 0x63: 0x65, 0x66: 0x67, 0x68: 0x69, 0x6a: 0x6b, 0x6c: 0x6d, 0x6e: 0x6f, 0x77: 0x78} {
		r := dialRaw(t, w.server)
		r.write(bindRequest(1))
		r.expect(1, 0x61)
		r.write(message(2, request, nil))
		if got := r.expect(2, answer).Children[1].Children[0].Value; got == int64(0) {
			t.Errorf("request %#x: empty body succeeded", request)
		}
		r.write([]byte{0x30, 5, 2, 1, 3, 0x42, 0}) // unbind
		if _, err := r.r.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("after unbind: %v", err)
		}
	}
}

// Many requests may be on their way at once; answers come in order.
func TestPipelining(t *testing.T) {
	t.Parallel()
	w := newWorld(t, ldaptest.Options{})
	r := dialRaw(t, w.server)
	r.write(bindRequest(1))
	for id := byte(2); id < 100; id++ {
		r.write(searchRequest(id))
	}
	for id := int64(2); id < 100; id++ {
		r.expect(id, 0x65)
	}
}

// FuzzRequests sends whole conversations of garbage.
func FuzzRequests(f *testing.F) {
	f.Add(bindRequest(1))
	f.Add(append(bindRequest(1), searchRequest(2)...))
	f.Add(append(bindRequest(1), message(2, 0x66, []byte{4, 0, 0x30, 0})...))
	f.Add([]byte{0x30, 0x84, 0, 0, 0, 5, 2, 1, 1, 0x42, 0})
	f.Add(append(bindRequest(1), message(2, 0x6c, []byte{4, 4, 'd', 'c', '=', 'x', 4, 0, 1, 1, 0, 0x80, 0})...))
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := ldaptest.New(ldaptest.Options{Flavor: ldaptest.Flavor(len(in) % 3), BindDN: adminDN, Password: password})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Demo(1); err != nil {
			t.Fatal(err)
		}
		l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
		done := make(chan error, 1)
		go func() { done <- s.Serve(l) }()
		client := l.dial()
		go func() { _, _ = io.Copy(io.Discard, client) }()
		_, _ = client.Write(in) // the server may hang up in the middle
		_ = client.Close()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.Is(err, ldaptest.ErrClosed) {
			t.Fatal(err)
		}
		if _, ok := s.Entry("dc=example,dc=org"); !ok {
			t.Fatal("the suffix is gone")
		}
	})
}

// pipeListener hands out in-memory connections.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *pipeListener) dial() net.Conn {
	client, server := net.Pipe()
	l.conns <- server
	return client
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }
