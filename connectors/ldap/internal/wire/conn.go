// Package wire speaks LDAP (RFC 4511) over one connection, one caller at a
// time: bind, StartTLS, search, modify. It exists beside go-ldap's Conn
// because a membership read through that costs 14 heap objects and 1.3 KB, and
// because here every read and write has a deadline and the context's end ends
// the connection. It knows nothing of groups. Filters, names and result codes
// are go-ldap's.
package wire

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// maxMessage bounds one message from the server: a group of a million members
// is 80 MB. maxKept bounds the buffer that stays with an idle connection.
const (
	maxMessage = 512 << 20
	maxKept    = 1 << 20
)

// Conn is one connection to a server. It serves one caller at a time.
type Conn struct {
	nc     net.Conn
	br     *bufio.Reader
	lastID int
	buf    []byte
	entry  Entry
	err    error // the first failure; after it the connection is of no use
}

// Dial connects, with TLS at once when config is not nil. Each later read and
// write must end within timeout.
func Dial(ctx context.Context, network, address string, config *tls.Config, timeout time.Duration) (*Conn, error) {
	d := net.Dialer{Timeout: timeout}
	nc, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &Conn{}
	c.use(deadlines{nc, timeout})
	if config != nil {
		if err := c.handshake(ctx, config); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *Conn) use(nc net.Conn) {
	c.nc, c.br = nc, bufio.NewReaderSize(nc, 64<<10)
}

func (c *Conn) handshake(ctx context.Context, config *tls.Config) error {
	tc := tls.Client(c.nc, config)
	if err := tc.HandshakeContext(ctx); errors.Is(err, io.EOF) {
		return c.fail(ctx, fmt.Errorf("server hung up during the tls handshake; does it speak tls on this port? %w", io.ErrUnexpectedEOF))
	} else if err != nil {
		return c.fail(ctx, fmt.Errorf("tls: %w", err))
	}
	c.use(tc)
	return nil
}

// deadlines gives every single read and write its own deadline, so that a
// server that stops answering can not hold us, and a long answer that keeps
// coming may take its time.
type deadlines struct {
	net.Conn
	timeout time.Duration
}

func (d deadlines) Read(b []byte) (int, error) {
	if err := d.SetReadDeadline(time.Now().Add(d.timeout)); err != nil {
		return 0, err
	}
	return d.Conn.Read(b)
}

func (d deadlines) Write(b []byte) (int, error) {
	if err := d.SetWriteDeadline(time.Now().Add(d.timeout)); err != nil {
		return 0, err
	}
	return d.Conn.Write(b)
}

// Err returns why the connection is of no use any more, or nil.
func (c *Conn) Err() error { return c.err }

// TLS describes the encryption in use; it reports false in clear text.
func (c *Conn) TLS() (tls.ConnectionState, bool) {
	tc, ok := c.nc.(*tls.Conn)
	if !ok {
		return tls.ConnectionState{}, false
	}
	return tc.ConnectionState(), true
}

// Idle reports whether a connection that nobody used for a while is still
// open and silent. It takes a millisecond.
func (c *Conn) Idle() bool {
	if c.err != nil || c.br.Buffered() > 0 {
		return false
	}
	raw := c.nc
	if tc, ok := raw.(*tls.Conn); ok {
		raw = tc.NetConn()
	}
	d, ok := raw.(deadlines)
	if !ok {
		return false
	}
	if err := d.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		return false
	}
	var one [1]byte
	_, err := d.Conn.Read(one[:])
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// Close tells the server and closes the connection.
func (c *Conn) Close() error {
	if c.err != nil {
		return nil
	}
	c.err = net.ErrClosed
	c.lastID++
	_, _ = c.nc.Write(envelope(c.lastID, appendTLV(nil, opUnbind, nil), nil)) // a courtesy
	return c.nc.Close()
}

// fail marks the connection as lost. The context's end outranks what it did
// to the connection.
func (c *Conn) fail(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if c.err == nil {
		c.err = err
		_ = c.nc.Close()
	}
	return err
}

// begin guards a call: the end of ctx closes the connection.
func (c *Conn) begin(ctx context.Context) (end func(), err error) {
	if c.err != nil {
		return nil, fmt.Errorf("connection is closed: %w", c.err)
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.nc.Close() })
	return func() {
		if !stop() && c.err == nil {
			c.err = context.Cause(ctx)
			_ = c.nc.Close()
		}
		if cap(c.buf) > maxKept {
			c.buf, c.entry = nil, Entry{}
		}
	}, nil
}

func envelope(id int, op []byte, controls []Control) []byte {
	body := appendInt(make([]byte, 0, len(op)+32), tagInteger, id)
	body = append(body, op...)
	body = appendControls(body, controls)
	return appendTLV(make([]byte, 0, len(body)+6), tagSequence, body)
}

// send writes one request and returns its number.
func (c *Conn) send(op []byte, controls []Control) (int, error) {
	c.lastID++
	_, err := c.nc.Write(envelope(c.lastID, op, controls))
	return c.lastID, err
}

// message is one answer: op and rest share the connection's buffer.
type message struct {
	id   int
	op   byte
	body []byte
	rest []byte // the controls
}

func (c *Conn) receive() (message, error) {
	body, err := c.readElement()
	if err != nil {
		return message{}, err
	}
	id, body, err := want(body, tagInteger)
	if err != nil {
		return message{}, err
	}
	var m message
	if m.id, err = number(id); err != nil {
		return message{}, err
	}
	if m.op, m.body, m.rest, err = next(body); err != nil {
		return message{}, err
	}
	if m.id == 0 { // RFC 4511 section 4.4.1: the server is leaving
		r, err := parseResult(m)
		if err != nil {
			return message{}, err
		}
		return message{}, fmt.Errorf("server ended the session: %q (code %d)", r.message, r.code)
	}
	return m, nil
}

// readElement reads one whole message into the connection's buffer.
func (c *Conn) readElement() ([]byte, error) {
	head, err := c.br.Peek(2)
	if err != nil {
		return nil, lost(err)
	}
	size := 2
	if head[1] >= 0x80 {
		size += int(head[1] & 0x7f)
	}
	if head[0] != tagSequence || size > 6 || size == 2 && head[1] >= 0x80 {
		return nil, fmt.Errorf("not an ldap message: it begins with %x", head)
	}
	if head, err = c.br.Peek(size); err != nil {
		return nil, lost(err)
	}
	n := int(head[1])
	if size > 2 {
		n = 0
		for _, b := range head[2:] {
			n = n<<8 | int(b)
		}
	}
	if n > maxMessage {
		return nil, fmt.Errorf("ldap message of %d bytes", n)
	}
	if _, err := c.br.Discard(size); err != nil {
		return nil, lost(err)
	}
	return c.fill(n)
}

// fill reads n bytes, in steps, so that a header that lies costs nothing.
func (c *Conn) fill(n int) ([]byte, error) {
	const step = 1 << 20
	c.buf = c.buf[:0]
	for len(c.buf) < n {
		had := len(c.buf)
		more := min(n-had, max(step, cap(c.buf)-had))
		if cap(c.buf) < had+more {
			c.buf = append(make([]byte, 0, max(had+more, 2*cap(c.buf))), c.buf...)
		}
		c.buf = c.buf[:had+more]
		if _, err := io.ReadFull(c.br, c.buf[had:]); err != nil {
			return nil, lost(err)
		}
	}
	return c.buf, nil
}

func lost(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("server closed the connection: %w", io.ErrUnexpectedEOF)
	}
	return err
}
