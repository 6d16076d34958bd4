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
	Status int           // 0 when there was no whole answer
	Waited time.Duration // for the quota, and for its turn, before it was sent
	Took   time.Duration // from then to the whole answer
	// Throttled is set when the directory said that the quota is spent.
	Throttled bool
	// Unsent is set when it was not sent: the quota did not allow it in time.
	Unsent bool
}

// observe tells of the last attempt. One that the caller did not wait for is
// none.
func (l *call) observe(req *http.Request, w wish, waited time.Duration, unsent bool) {
	if l.policy.Observe == nil || unsent && l.caller.Err() != nil {
		return
	}
	s := Sent{Method: req.Method, Bucket: w.bucket, Waited: waited, Unsent: unsent}
	if !unsent {
		s.Status, s.Took, s.Throttled = l.last.status, l.last.took, l.last.verdict == Throttled
	}
	l.policy.Observe(context.WithoutCancel(l.caller), s)
}
