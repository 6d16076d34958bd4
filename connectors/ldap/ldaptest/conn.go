package ldaptest

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"

	"github.com/go-ldap/ldap/v3"
)

// rights are what a bound name may do.
type rights int

const (
	nobody rights = iota
	reader
	writer
)

// maxPending is how many requests of one connection may wait; OpenLDAP's
// conn_max_pending_auth is 1000, and it cuts the connection beyond that.
const maxPending = 1000

// conn is one client. One goroutine reads requests, so that an abandon is
// seen at once; another answers them in order.
type conn struct {
	srv   *Server
	nc    net.Conn
	r     *bufio.Reader
	ctx   context.Context
	jobs  chan job
	pages map[string]*pagedSearch
	enc   encoder // of entries, used again for each

	name   string // the bound name as WhoAmI shows it
	rights rights
	secure bool

	mu      sync.Mutex // guards the fields below, and writing
	w       *bufio.Writer
	running map[int64]context.CancelFunc
}

// job is a request on its way to the answering goroutine.
type job struct {
	ctx  context.Context
	req  *request
	done chan struct{} // closed when answered; nil when nobody waits
}

func newConn(s *Server, nc net.Conn) *conn {
	_, secure := nc.(*tls.Conn)
	return &conn{
		srv: s, nc: nc, r: bufio.NewReader(nc), w: bufio.NewWriterSize(nc, 64<<10), secure: secure,
		jobs: make(chan job, maxPending), pages: make(map[string]*pagedSearch), running: make(map[int64]context.CancelFunc),
	}
}

// serve answers until the client or the server goes.
func (c *conn) serve() {
	ctx, cancel := context.WithCancel(c.srv.ctx)
	c.ctx = ctx
	var answering sync.WaitGroup
	answering.Go(func() {
		for j := range c.jobs {
			c.answer(j)
		}
	})
	err := c.read()
	if errors.Is(err, errMalformed) || errors.Is(err, errTooLarge) {
		c.disconnect(err)
	}
	cancel()
	_ = c.nc.Close() // ends a write that nobody takes
	close(c.jobs)
	answering.Wait()
}

// read hands requests over until the connection ends.
func (c *conn) read() error {
	for {
		req, err := readRequest(c.r, c.srv.opt.MaxPacket)
		if err != nil {
			return err
		}
		switch req.op {
		case OpUnbind:
			c.srv.count(OpUnbind)
			return nil
		case OpAbandon:
			c.srv.count(OpAbandon)
			c.abandon(req)
			continue
		}
		if err := c.submit(req); err != nil {
			return err
		}
	}
}

// submit queues a request. After one that changes the connection itself,
// nothing is read until it is answered: the next bytes may be a TLS handshake.
// A write that has arrived is carried out even when the client has gone.
func (c *conn) submit(req *request) error {
	parent := c.ctx
	if req.op.isWrite() {
		parent = c.srv.ctx
	}
	ctx, cancel := context.WithCancel(parent)
	j := job{ctx: ctx, req: req}
	if req.op == OpExtended {
		j.done = make(chan struct{})
	}
	c.mu.Lock()
	c.running[req.id] = cancel
	c.mu.Unlock()
	select {
	case c.jobs <- j:
	default:
		cancel()
		return errors.New("too many requests pending")
	}
	if j.done != nil {
		<-j.done // comes when the connection closes, too
	}
	return nil
}

// abandon stops a request that is still running or waiting, without an answer.
func (c *conn) abandon(req *request) {
	var id int64
	for _, b := range req.body.Data.Bytes() {
		id = id<<8 | int64(b)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if cancel := c.running[id]; cancel != nil {
		cancel()
	}
}

func (c *conn) answer(j job) {
	c.handle(j.ctx, j.req)
	c.mu.Lock()
	if cancel := c.running[j.req.id]; cancel != nil {
		cancel()
		delete(c.running, j.req.id)
	}
	c.mu.Unlock()
	if j.done != nil {
		close(j.done)
	}
}

// task is a decoded request, ready to run.
type task struct {
	dn      string
	changes []Change
	run     func(ctx context.Context, f *Fault) reply
	after   func() // once the answer is sent
}

// handle runs one request, or the fault that is armed for it.
func (c *conn) handle(ctx context.Context, req *request) {
	t, r := c.decode(req)
	c.srv.count(req.op)
	if r.ok() {
		r = c.srv.checkControls(req)
	}
	if !r.ok() {
		c.finish(req, reply{result: r}, task{})
		return
	}
	f := c.srv.faults.hit(req.op, t.dn, t.changes)
	if f.wait(ctx); ctx.Err() != nil {
		return
	}
	var rep reply
	if !f.replaces() || f.Apply || req.op == OpSearch {
		rep = t.run(ctx, f)
	}
	if ctx.Err() != nil {
		return
	}
	c.srv.wrote(c, req.op, t, rep)
	if f.replaces() {
		rep = reply{result: f.result()}
	}
	if f != nil && f.Drop {
		c.flush()
		_ = c.nc.Close() // that is the fault
		return
	}
	c.finish(req, rep, t)
}

func (c *conn) finish(req *request, rep reply, t task) {
	c.send(message(req.id, replyTag[req.op], rep))
	c.flush()
	if t.after != nil && rep.ok() {
		t.after()
	}
}

// decode makes a task of a request.
func (c *conn) decode(req *request) (task, result) {
	switch req.op {
	case OpBind:
		return c.decodeBind(req)
	case OpSearch:
		return c.decodeSearch(req)
	case OpModify:
		return c.decodeModify(req)
	case OpAdd:
		return c.decodeAdd(req)
	case OpDelete:
		return c.decodeDelete(req)
	case OpRename:
		return c.decodeRename(req)
	case OpCompare:
		return c.decodeCompare(req)
	default:
		return c.decodeExtended(req)
	}
}

// send buffers an answer. A client that is gone is noticed by the reader.
func (c *conn) send(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = c.w.Write(b)
}

func (c *conn) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.w.Flush()
}

// noticeOfDisconnection is RFC 4511 section 4.4.1.
const noticeOfDisconnection = "1.3.6.1.4.1.1466.20036"

// disconnect tells the client why its connection ends.
func (c *conn) disconnect(err error) {
	c.srv.opt.Log.Warn("client disconnected", "client", c.nc.RemoteAddr().String(), "why", err.Error())
	c.send(message(0, replyExtended, reply{result: refuse(ldap.LDAPResultProtocolError, "%v", err), oid: noticeOfDisconnection}))
	c.flush()
}

// isWrite tells the kinds that change entries.
func (o Op) isWrite() bool {
	return o == OpModify || o == OpAdd || o == OpDelete || o == OpRename
}

// wrote logs a write and tells the hook.
func (s *Server) wrote(c *conn, op Op, t task, rep reply) {
	if !op.isWrite() {
		return
	}
	s.opt.Log.Info(string(op), "dn", t.dn, "by", c.name, "code", rep.code, "text", rep.text)
	s.hooks.Lock()
	defer s.hooks.Unlock()
	s.opt.OnWrite(Write{Op: op, DN: t.dn, By: c.name, Changes: t.changes, Code: rep.code})
}
