// Package httpx is how connectors speak HTTP: one place that retries, keeps
// to a directory's quota, bounds every answer, and logs without secrets.
//
// A connector says what it knows of its vendor in a [Policy], and hands
// [Client.HTTP] to the vendor's SDK with the SDK's own retries and caches off.
// What the SDK makes of an answer does not matter: [Trace] tells what really
// went over the wire.
package httpx

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// Policy says how to speak to one directory. Only Directory is needed.
type Policy struct {
	// Directory is the directory's configured name, for errors and log lines.
	Directory string
	// Transport carries the requests; nil is one with sane timeouts.
	Transport http.RoundTripper
	// Authorize puts the credential on each attempt. It may block to get a
	// token, within the request's context. Its error ends the call.
	Authorize func(*http.Request) error
	// Renew is called after a 401 and reports whether a new credential was got
	// that makes one more attempt worth while. Nil: never.
	Renew func(context.Context) bool
	// Guard refuses a request before it is sent, such as one that would delete
	// an account. Its error ends the call.
	Guard func(*http.Request) error
	// Judge says what an answer means for retrying; body holds at most 64 KiB of
	// it, of answers from 400 on. Nil is [Standard].
	Judge func(resp *http.Response, body []byte) Verdict
	// Wait reads a vendor's own header of when to try again. Retry-After, in
	// both forms, is understood without it.
	Wait func(*http.Response) (time.Duration, bool)
	// Bucket names the quota that a request counts against, and its cost. Nil:
	// all share one, and cost 1.
	Bucket func(*http.Request) (name string, cost float64)
	// Learn reads a quota from an answer's headers. Nil: nothing is learnt.
	Learn func(*http.Response) (Quota, bool)
	// Quotas are the limits known beforehand, by bucket. A bucket that is in
	// neither Quotas nor learnt is not limited.
	Quotas map[string]Quota
	// Share is the part of every quota that may be spent; 1 when zero.
	Share float64
	// Concurrency is how many requests may be in flight; 8 when zero.
	Concurrency int
	// Attempts is how often one request is sent at most; 4 when zero.
	Attempts int
	// Timeout bounds one attempt, with its body; a minute when zero. Patience
	// bounds the call as a whole, waiting included; five minutes when zero.
	Timeout, Patience time.Duration
	// BodyMax bounds an answer's body in bytes; 64 MiB when zero.
	BodyMax int64
	// Log gets one line for each attempt at level Debug; nil is silent.
	Log *slog.Logger
}

// Quota is so many units in so much time. Left and Reset are set where the
// directory told them.
type Quota struct {
	Units float64
	Per   time.Duration
	Left  float64   // units left until Reset; only with Reset
	Reset time.Time // by the directory's clock; zero when not told
}

// Verdict says what an answer means for retrying.
type Verdict int

// Verdicts.
const (
	Final     Verdict = iota // the answer is the answer
	Throttled                // not carried out; try again
	Failed                   // may or may not have been carried out; try again
)

// Standard judges by the status alone: 429 is Throttled; 408, 500, 502, 503 and
// 504 are Failed.
func Standard(resp *http.Response, _ []byte) Verdict {
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		return Throttled
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return Failed
	}
	return Final
}

// Client speaks to one directory. Its methods may be called from several
// goroutines.
type Client struct {
	http *http.Client
}

// New returns a client. Nothing is sent yet.
func New(p Policy) *Client {
	return &Client{http: &http.Client{Transport: p.Transport}}
}

// HTTP returns the client to hand to an SDK. A request that failed for good
// ends in an [*Error]; any other answer is returned as it is. Redirects are not
// followed.
func (c *Client) HTTP() *http.Client { return c.http }

// Time returns the directory's clock as its last answer told it, run on by
// this machine's; ok is false before the first answer.
func (c *Client) Time() (t time.Time, ok bool) { return time.Time{}, false }

// Error is the end of a request that got no usable answer: every attempt was
// throttled or failed, or the connection never came about. It never holds a
// secret, and never unwraps to io.EOF: SDKs loop on that.
type Error struct {
	Directory  string
	Method     string
	Path       string // without the query
	Status     int    // of the last attempt; 0 when it got no answer
	Body       []byte // of the last attempt, at most 64 KiB
	RetryAfter time.Duration
	Attempts   int
	// Lost is set when an attempt was sent whose outcome is not known.
	Lost bool
	Err  error // why there was no answer
}

func (e *Error) Error() string { return e.Directory }

func (e *Error) Unwrap() error { return e.Err }

// Exchange is what went over the wire for one call: its last answer, and
// whether an attempt before it may have been carried out.
type Exchange struct {
	Attempts   int
	Status     int // of the last attempt; 0 when it got no answer
	Header     http.Header
	Body       []byte // of the last answer, when its status is from 400 on; at most 64 KiB
	RetryAfter time.Duration
	// Lost is set when some attempt's outcome is not known: no answer, or one
	// that was judged Failed. A write that then finds nothing left to do may
	// have been carried out by that attempt.
	Lost bool
}

// Trace returns a context that fills ex with what the requests made under it
// exchange, the last one winning; Attempts adds up and Lost stays set.
func Trace(ctx context.Context, ex *Exchange) context.Context { return ctx }
