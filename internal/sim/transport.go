package sim

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// Transport returns a transport that hands requests to h in memory, whatever
// their host. It behaves as a connection would: contexts end requests, bodies
// stream, small answers are buffered until they are flushed, and a handler
// that panics with [http.ErrAbortHandler] cuts the connection. It works inside
// a synctest bubble.
func Transport(h http.Handler) http.RoundTripper { return memory{h} }

type memory struct{ h http.Handler }

func (m memory) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		closeBody(req)
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	body, pipe := io.Pipe()
	w := &pipeWriter{header: make(http.Header), pipe: pipe, head: make(chan *http.Response, 1), req: req}
	w.buf = bufio.NewWriterSize(sender{w}, 4096)
	// The client that gives up ends the handler's context and its own reading.
	stop := context.AfterFunc(req.Context(), func() {
		cancel()
		_ = pipe.CloseWithError(context.Cause(req.Context()))
	})
	go func() {
		defer cancel()
		defer stop()
		defer closeBody(req)
		w.serve(m.h, inbound(ctx, req))
	}()
	select {
	case resp := <-w.head:
		if resp == nil {
			return nil, w.err
		}
		resp.Body = &pipeBody{body, cancel}
		return resp, nil
	case <-req.Context().Done():
		return nil, context.Cause(req.Context())
	}
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// inbound is a client's request as a server gets it.
func inbound(ctx context.Context, req *http.Request) *http.Request {
	r := req.Clone(ctx)
	r.RequestURI = req.URL.RequestURI()
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	r.RemoteAddr = "127.0.0.1:1"
	if r.Host == "" {
		r.Host = req.URL.Host
	}
	if req.URL.Scheme == "https" {
		r.TLS = &tls.ConnectionState{HandshakeComplete: true} // so that the handler can name its own address
	}
	u := *req.URL
	u.Scheme, u.Host, u.User, u.Fragment = "", "", nil, ""
	r.URL = &u
	if r.Body == nil {
		r.Body = http.NoBody
	}
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", "Go-http-client/1.1")
	}
	return r
}

// pipeBody ends the handler when the client closes what it reads.
type pipeBody struct {
	*io.PipeReader
	cancel context.CancelFunc
}

func (b *pipeBody) Close() error {
	b.cancel()
	return b.PipeReader.Close()
}

// pipeWriter is the handler's side. Its head goes out with the first flush.
type pipeWriter struct {
	req    *http.Request
	header http.Header
	status int
	buf    *bufio.Writer
	pipe   *io.PipeWriter
	head   chan *http.Response
	err    error // set before a nil head is sent
	once   sync.Once
	sent   bool
}

func (w *pipeWriter) Header() http.Header { return w.header }

func (w *pipeWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *pipeWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if !bodied(w.req, w.status) {
		return 0, http.ErrBodyNotAllowed
	}
	return w.buf.Write(p)
}

func (w *pipeWriter) Flush() { _ = w.FlushError() }

// FlushError sends the head and what is buffered.
func (w *pipeWriter) FlushError() error {
	w.WriteHeader(http.StatusOK)
	w.sendHead()
	return w.buf.Flush()
}

func bodied(req *http.Request, status int) bool {
	return req.Method != http.MethodHead && status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// sender is where the buffer goes when it is full or flushed.
type sender struct{ w *pipeWriter }

func (s sender) Write(p []byte) (int, error) {
	s.w.sendHead()
	return s.w.pipe.Write(p)
}

func (w *pipeWriter) sendHead() {
	w.once.Do(func() {
		w.sent = true
		resp := &http.Response{
			Status: strconv.Itoa(w.status) + " " + http.StatusText(w.status), StatusCode: w.status,
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: w.header.Clone(), ContentLength: -1, Request: w.req,
		}
		if n, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64); err == nil {
			resp.ContentLength = n
		}
		if !bodied(w.req, w.status) {
			resp.ContentLength = 0
		}
		w.head <- resp
	})
}

// serve runs the handler, and ends the answer as it ended.
func (w *pipeWriter) serve(h http.Handler, r *http.Request) {
	defer func() {
		switch p := recover(); {
		case p == nil:
			w.finish()
		case errors.Is(asError(p), http.ErrAbortHandler):
			w.cut()
		default:
			panic(p) // a simulator's own mistake is to be seen
		}
	}()
	h.ServeHTTP(w, r)
}

func asError(p any) error {
	err, _ := p.(error)
	return err
}

func (w *pipeWriter) finish() {
	w.WriteHeader(http.StatusOK)
	if !w.sent && bodied(w.req, w.status) && w.header.Get("Content-Length") == "" {
		w.header.Set("Content-Length", strconv.Itoa(w.buf.Buffered()))
	}
	w.sendHead()
	_ = w.buf.Flush()
	_ = w.pipe.Close()
}

// cut ends the connection: without a word when nothing was flushed yet.
func (w *pipeWriter) cut() {
	_ = w.pipe.CloseWithError(io.ErrUnexpectedEOF)
	w.once.Do(func() {
		w.err = io.EOF
		w.head <- nil
	})
}
