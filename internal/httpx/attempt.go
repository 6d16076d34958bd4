package httpx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// attempt is one sending of a request and what came of it.
type attempt struct {
	status     int // 0: no whole answer
	header     http.Header
	whole      []byte // the body
	peek       []byte // its beginning, from status 400 on
	verdict    Verdict
	retryAfter time.Duration
	told       bool // the directory named it
	lost       bool
	final      bool // the failure is no matter of trying again
	took       time.Duration
	err        error
}

// RoundTrip makes one attempt, as the transport inside of the retries.
func (l *call) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(l.ctx)
	pass, err := l.enter(req)
	if err != nil {
		l.last.final = true
		return nil, err
	}
	err = l.authorize(req)
	if err == nil && l.policy.Allow != nil {
		err = l.policy.Allow(l.ctx)
	}
	if err != nil {
		pass.done(outcome{unsent: true})
		l.last = attempt{final: true}
		l.dropped()
		return nil, err
	}
	l.last = attempt{}
	l.attempts++
	start := time.Now()
	resp, sent, err := l.exchange(req)
	l.last.took = time.Since(start)
	if err != nil {
		l.last.err = harmless(err)
		l.last.lost = sent
		resp = nil
	} else {
		l.judge(resp)
	}
	pass.done(l.outcome(resp, !sent))
	l.lost = l.lost || l.last.lost
	traceOf(l.caller).note(&l.last)
	l.log(req)
	l.sent.Status, l.sent.Took, l.sent.Throttled = l.last.status, l.last.took, l.last.verdict == Throttled
	l.observe(l.sent)
	return resp, err
}

// authorize puts the credential on a request.
func (l *call) authorize(req *http.Request) error {
	if l.policy.Authorize == nil {
		return nil
	}
	bare := req.WithContext(untraced(l.ctx)) // what fetches a token must not be taken for this request
	if err := l.policy.Authorize(bare); err != nil {
		return err
	}
	req.Header = bare.Header
	if req.Header.Get("Authorization") == "" {
		return errNoCredential
	}
	return nil
}

// exchange sends a request and reads the answer whole. It tells whether the
// request may have reached the directory.
func (l *call) exchange(req *http.Request) (resp *http.Response, sent bool, err error) {
	ctx, cancel := context.WithTimeout(l.ctx, l.policy.Timeout)
	defer cancel()
	var wire wire
	resp, err = l.policy.Transport.RoundTrip(req.WithContext(wire.watch(ctx)))
	if err == nil {
		l.heard(resp)
		err = l.swallow(req, resp)
	} else if resp != nil && resp.Body != nil {
		_ = resp.Body.Close() // it comes with an error already
	}
	if err != nil && !l.last.final && ctx.Err() != nil && l.ctx.Err() == nil {
		err = &slowError{fmt.Sprintf("no answer in %s", l.policy.Timeout)}
	}
	return resp, err == nil || !wire.unsent(err), err
}

// swallow reads the body of an answer into memory, so that a connection that
// breaks in the middle is a failed attempt, and SDKs see whole bodies only.
func (l *call) swallow(req *http.Request, resp *http.Response) error {
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	defer func() { _ = resp.Body.Close() }() // it was read to its end
	most := l.policy.BodyMax
	if resp.ContentLength > most && req.Method != http.MethodHead {
		return l.tooLong(resp)
	}
	var buf bytes.Buffer
	if resp.ContentLength > 0 && req.Method != http.MethodHead {
		buf.Grow(int(min(resp.ContentLength, 1<<20)) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(resp.Body, most+1))
	switch {
	case err != nil:
		return fmt.Errorf("the answer broke off after %d bytes: %w", n, err)
	case n > most:
		return l.tooLong(resp)
	case resp.ContentLength > n && !resp.Uncompressed && bodyAllowed(req, resp):
		return fmt.Errorf("the answer broke off after %d of %d bytes: %w", n, resp.ContentLength, io.ErrUnexpectedEOF)
	}
	l.last.answered(resp, buf.Bytes())
	return nil
}

// bodyAllowed reports whether a length in the header promises a body.
func bodyAllowed(req *http.Request, resp *http.Response) bool {
	return req.Method != http.MethodHead && resp.StatusCode != http.StatusNotModified && resp.StatusCode != http.StatusNoContent
}

// tooLong is the error of an answer that does not fit. Asking again would get
// it again.
func (l *call) tooLong(resp *http.Response) error {
	l.last.final = true
	return fmt.Errorf("the answer (%d) is longer than %d bytes", resp.StatusCode, l.policy.BodyMax)
}

// answered notes an answer that is here with its whole body.
func (a *attempt) answered(resp *http.Response, whole []byte) {
	a.status, a.header, a.whole = resp.StatusCode, resp.Header, whole
	if resp.StatusCode >= 400 {
		a.peek = whole[:min(len(whole), bodyPeek)]
	}
	a.rewind(resp)
}

// rewind gives an answer its body back, for the next one who reads it.
func (a *attempt) rewind(resp *http.Response) {
	resp.Body = io.NopCloser(bytes.NewReader(a.whole))
}

// judge says what an answer means.
func (l *call) judge(resp *http.Response) {
	l.last.verdict = l.policy.Judge(resp, l.last.peek)
	l.last.lost = l.last.verdict == Failed
	if l.last.verdict != Final {
		l.last.retryAfter, l.last.told = l.policy.retryAfter(resp)
	}
	l.last.rewind(resp)
}

// outcome is what the governor learns from an attempt.
func (l *call) outcome(resp *http.Response, unsent bool) outcome {
	o := outcome{unsent: unsent, answered: resp != nil, throttled: l.last.verdict == Throttled}
	if l.last.told {
		o.wait = l.last.retryAfter
	}
	if resp != nil && l.policy.Learn != nil {
		o.quota, o.learnt = l.policy.Learn(resp)
		l.last.rewind(resp)
	}
	if o.learnt && !o.quota.Reset.IsZero() {
		now, ok := l.Time()
		if !ok {
			now = time.Now()
		}
		o.reset = time.Now().Add(o.quota.Reset.Sub(now))
	}
	return o
}

// wire watches whether a request got as far as a connection. What happens on
// it afterwards cannot be told for certain.
type wire struct{ asked, got atomic.Bool }

func (w *wire) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { w.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { w.got.Store(true) },
	})
}

// unsent reports whether a request that failed certainly never left. A
// transport that does not report its connections is believed only when it says
// that it could not dial.
func (w *wire) unsent(err error) bool {
	if w.got.Load() {
		return false
	}
	var op *net.OpError
	return w.asked.Load() || errors.As(err, &op) && op.Op == "dial"
}
