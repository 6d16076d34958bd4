package httpx

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// call is one request on its way through all its attempts.
type call struct {
	*Client
	caller   context.Context // the caller's
	ctx      context.Context // the same, bounded by the policy's patience
	deadline time.Time       // of ctx
	ticket   uint64          // its place in the queue
	last     attempt
	attempts int
	lost     bool
	renewed  bool
	wait     time.Duration // before the next attempt
	sent     Sent          // what is told of the last attempt
	long     bool          // that it waits for the quota was told
}

// do sends a request until it has an answer that is one, or gives up.
func (c *Client) do(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), c.policy.Patience)
	defer cancel() // the body is in memory by then
	l := &call{Client: c, caller: req.Context(), ctx: ctx, ticket: c.governor.ticket()}
	l.deadline, _ = ctx.Deadline()
	req, body, err := replayable(ctx, req)
	if err != nil {
		return nil, l.fail(req, err)
	}
	if c.policy.Guard != nil {
		if err := c.policy.Guard(req); err != nil {
			return nil, l.fail(req, err)
		}
	}
	resp, err := l.retrying().Do(retryable(req, body))
	if err != nil {
		return nil, l.fail(req, err)
	}
	resp.Request = req
	return resp, nil
}

// replayable returns a copy of a request whose body, read whole, can be sent
// again. SDKs give no GetBody, or one that does not fit a compressed body.
func replayable(ctx context.Context, req *http.Request) (*http.Request, []byte, error) {
	var body []byte
	var err error
	if req.Body != nil {
		body, err = io.ReadAll(req.Body)
		err = errors.Join(err, req.Body.Close())
	}
	again := req.Clone(ctx)
	again.Body, again.GetBody = nil, nil
	again.ContentLength, again.TransferEncoding = int64(len(body)), nil
	if len(body) > 0 {
		again.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		again.Body, _ = again.GetBody()
	}
	return again, body, err
}

func retryable(req *http.Request, body []byte) *retryablehttp.Request {
	r := &retryablehttp.Request{Request: req}
	if len(body) > 0 {
		_ = r.SetBody(body) // cannot fail for bytes
	}
	return r
}

// wish is what a request asks of the governor.
func (l *call) wish(req *http.Request) wish {
	w := wish{ticket: l.ticket, urgent: isUrgent(l.ctx), cost: 1, deadline: l.deadline}
	if l.policy.Bucket != nil {
		w.bucket, w.cost = l.policy.Bucket(req)
	}
	return w
}

// retrying returns the loop around this call. It has its own settings because
// they close over the call.
func (l *call) retrying() *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient: &http.Client{Transport: l, CheckRedirect: asIs},
		RetryMax:   l.policy.Attempts, // check counts; this is one more than it ever allows
		CheckRetry: l.check,
		Backoff: func(_, _ time.Duration, _ int, _ *http.Response) time.Duration {
			return l.wait
		},
		ErrorHandler: func(_ *http.Response, err error, _ int) (*http.Response, error) {
			return nil, err // do makes an *Error of it
		},
	}
}

// check says whether an attempt is followed by another one.
func (l *call) check(_ context.Context, resp *http.Response, err error) (bool, error) {
	l.wait = 0
	if err != nil {
		return l.checkFailure(err)
	}
	switch l.last.verdict {
	case Throttled: // the governor makes it wait, with all others in its bucket
		return l.again(0)
	case Failed:
		return l.again(max(l.last.retryAfter, backoff(l.attempts)))
	}
	return resp.StatusCode == http.StatusUnauthorized && l.renew(), nil
}

func (l *call) checkFailure(err error) (bool, error) {
	if l.last.final || l.ctx.Err() != nil {
		return false, err
	}
	// Its judgement of what no new attempt would mend: certificates, schemes.
	if retry, _ := retryablehttp.DefaultRetryPolicy(l.ctx, nil, err); !retry {
		return false, err
	}
	retry, stop := l.again(backoff(l.attempts))
	if stop != nil {
		stop = err
	}
	return retry, stop
}

// again says whether there is an attempt left, and time to wait for it.
func (l *call) again(wait time.Duration) (bool, error) {
	most := l.policy.Attempts
	if l.renewed {
		most++
	}
	if l.attempts >= most {
		return false, errGaveUp
	}
	if time.Until(l.deadline) <= wait {
		if l.last.status != 0 {
			l.last.retryAfter = wait
		}
		return false, errGaveUp
	}
	l.wait = wait
	return true, nil
}

// renew gets a new credential, once in a call.
func (l *call) renew() bool {
	if l.renewed || l.policy.Renew == nil {
		return false
	}
	l.renewed = true
	return l.policy.Renew(untraced(l.ctx))
}

// fail makes the error of a call that ends.
func (l *call) fail(req *http.Request, err error) error {
	e := &Error{
		Directory: l.policy.Directory, Method: req.Method, Path: req.URL.Path,
		Status: l.last.status, Body: l.last.peek, RetryAfter: l.last.retryAfter,
		Throttled: l.last.verdict == Throttled,
		Attempts:  l.attempts, Lost: l.lost,
	}
	var quota *quotaError
	switch {
	case errors.Is(err, errGaveUp):
	case l.caller.Err() != nil:
		e.Err = l.caller.Err()
	case errors.As(err, &quota):
		e.Err, e.Throttled, e.RetryAfter = quota, true, quota.wait
	case l.ctx.Err() != nil:
		e.Err = &slowError{"no answer in " + l.policy.Patience.String()}
	default:
		e.Err = harmless(err)
	}
	traceOf(l.caller).end(e)
	return e
}
