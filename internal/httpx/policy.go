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
	// token, within the request's context. Its error ends the call; so does a
	// request without an Authorization header afterwards, for some SDKs drop it
	// silently.
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
	// Bucket names the quota that a request counts against, and its cost. Names
	// are few: a method and a kind of path, never a path. Nil: all share the one
	// named "", and cost 1.
	Bucket func(*http.Request) (name string, cost float64)
	// Learn reads a quota from an answer's headers. Nil: nothing is learnt.
	Learn func(*http.Response) (Quota, bool)
	// Quotas are the limits known beforehand, by bucket; what is learnt takes
	// their place. A bucket that is in neither is not limited.
	Quotas map[string]Quota
	// Share is the part of every quota that may be spent; 1 when zero.
	Share float64
	// Ceiling limits the requests of all buckets together, one unit each,
	// whatever the directory allows: a limit set by hand. None when zero.
	Ceiling Quota
	// Concurrency is how many requests may be in flight; 8 when zero.
	Concurrency int
	// Attempts is how often one request is sent at most; 4 when zero. One more
	// that a renewed credential earns is not counted.
	Attempts int
	// Timeout bounds one attempt, with its body; 30 s when zero. Patience
	// bounds the call as a whole, waiting included; five minutes when zero.
	Timeout, Patience time.Duration
	// BodyMax bounds an answer's body in bytes; 64 MiB when zero.
	BodyMax int64
	// Log gets one line for each attempt at level Debug; nil is silent.
	Log *slog.Logger
	// Allow is asked before each attempt, last of all, with the context of its
	// call; its error ends the call, and nothing is sent. Nil allows everything.
	Allow func(context.Context) error
	// Observe is told of each attempt, within the context of its call. It must
	// be quick. Nil tells nobody.
	Observe func(context.Context, Sent)
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

const bodyPeek = 64 << 10 // how much of an answer is kept for those who judge it

// withDefaults returns p with its zero values filled in.
func (p Policy) withDefaults() Policy {
	if p.Judge == nil {
		p.Judge = Standard
	}
	if p.Share <= 0 || p.Share > 1 {
		p.Share = 1
	}
	if p.Concurrency <= 0 {
		p.Concurrency = 8
	}
	if p.Attempts <= 0 {
		p.Attempts = 4
	}
	if p.Timeout <= 0 {
		p.Timeout = 30 * time.Second
	}
	if p.Patience <= 0 {
		p.Patience = 5 * time.Minute
	}
	if p.BodyMax <= 0 {
		p.BodyMax = 64 << 20
	}
	if p.Transport == nil {
		p.Transport = transport(p)
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	return p
}

func (v Verdict) String() string {
	switch v {
	case Final:
		return "final"
	case Throttled:
		return "throttled"
	case Failed:
		return "failed"
	}
	return "unknown"
}
