package httpx

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Exchange is what went over the wire for one call: its last answer, and
// whether an attempt before it may have been carried out.
type Exchange struct {
	Attempts   int
	Status     int // of the last attempt; 0 when it got no whole answer
	Header     http.Header
	Body       []byte // of the last answer, when its status is from 400 on; at most 64 KiB
	RetryAfter time.Duration
	// Lost is set when some attempt's outcome is not known: it was sent and got
	// no answer, or half of one, or one that was judged Failed. A write that
	// then finds nothing left to do may have been carried out by that attempt.
	// An attempt that was never sent, or was judged Throttled, is not lost.
	Lost bool
}

type traceKey struct{}

// trace fills one exchange. Requests may run side by side under it.
type trace struct {
	mu    sync.Mutex
	ex    *Exchange
	outer *trace // the trace around this one
}

// Trace returns a context that fills ex with what the requests made under it
// exchange, the last one winning; Attempts adds up and Lost stays set. A trace
// within another fills both. Read ex when the requests have returned.
//
// The requests that a policy's Authorize and Renew make are not traced.
func Trace(ctx context.Context, ex *Exchange) context.Context {
	return context.WithValue(ctx, traceKey{}, &trace{ex: ex, outer: traceOf(ctx)})
}

func untraced(ctx context.Context) context.Context {
	return context.WithValue(ctx, traceKey{}, (*trace)(nil))
}

func traceOf(ctx context.Context) *trace {
	t, _ := ctx.Value(traceKey{}).(*trace)
	return t
}

// note fills the exchanges with an attempt that took place.
func (t *trace) note(a *attempt) {
	for ; t != nil; t = t.outer {
		t.mu.Lock()
		t.ex.Attempts++
		t.ex.Status, t.ex.Header, t.ex.Body = a.status, a.header, a.peek
		t.ex.RetryAfter = a.retryAfter
		t.ex.Lost = t.ex.Lost || a.lost
		t.mu.Unlock()
	}
}

// end notes when to try again a call that was given up.
func (t *trace) end(e *Error) {
	for ; t != nil; t = t.outer {
		t.mu.Lock()
		t.ex.RetryAfter = e.RetryAfter
		t.mu.Unlock()
	}
}
