package httpx

import (
	"context"
	"net/http"
	"time"
)

// Sent is one attempt as [Policy.Observe] is told of it. It holds nothing that
// names a person or a group, and no secret.
type Sent struct {
	Method string
	Bucket string        // the quota that it counts against
	Asked  time.Time     // when it began to wait for the quota, and for its turn
	Status int           // 0 when there was no whole answer
	Waited time.Duration // from then until it was sent, or given up
	Took   time.Duration // from then to the whole answer
	// Throttled is set when the directory said that the quota is spent.
	Throttled bool
	// Unsent is set when it was not sent: the quota did not allow it in time.
	Unsent bool
	// Waits is set while it still waits for the quota, once that has been for
	// long. Another word follows when it does not wait any more.
	Waits bool
	// Dropped is set when its caller did not wait for it. Of those, only such
	// are told that had a word before.
	Dropped bool
}

// longWait is how long a request waits for the quota before that is told.
const longWait = 10 * time.Second

// enter waits until a request may be sent, and tells what keeps it from that.
func (l *call) enter(req *http.Request) (*pass, error) {
	w := l.wish(req)
	l.sent, l.long = Sent{Method: req.Method, Bucket: w.bucket, Asked: time.Now()}, false
	w.long = func() {
		l.long = true
		word := l.sent
		word.Waits, word.Waited = true, time.Since(word.Asked)
		l.observe(word)
	}
	pass, err := l.governor.enter(l.ctx, w)
	l.sent.Waited = time.Since(l.sent.Asked)
	switch {
	case err != nil && l.caller.Err() != nil:
		l.dropped()
	case err != nil:
		l.sent.Unsent = true
		l.observe(l.sent)
	}
	return pass, err
}

// dropped tells that an attempt is not sent, if it was told that it waits.
func (l *call) dropped() {
	if l.long {
		l.sent.Dropped = true
		l.observe(l.sent)
	}
}

// observe tells of an attempt.
func (l *call) observe(s Sent) {
	if l.policy.Observe != nil {
		l.policy.Observe(context.WithoutCancel(l.caller), s)
	}
}
