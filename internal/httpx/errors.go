package httpx

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Error is the end of a request that got no usable answer: every attempt was
// throttled or failed, the connection never came about, or it was not sent at
// all. It never holds a secret, and never unwraps to io.EOF: SDKs loop on that.
//
// Its text does not name the directory: whoever reports it does.
type Error struct {
	Directory  string
	Method     string
	Path       string // without the query
	Status     int    // of the last attempt; 0 when it got no whole answer
	Body       []byte // of the last attempt, at most 64 KiB
	RetryAfter time.Duration
	Attempts   int // how often it was sent, or tried to
	// Throttled is set when the last word was that the quota is spent: the
	// last attempt was judged so, or was not sent for that reason. Only
	// without Lost does it tell that nothing was carried out.
	Throttled bool
	// Lost is set when an attempt was sent whose outcome is not known.
	Lost bool
	Err  error // why there was no answer; nil when there was one. The context's error when that ended
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: ", e.Method, e.Path)
	switch {
	case e.Err != nil:
		b.WriteString(e.Err.Error())
	case e.Status != 0:
		fmt.Fprintf(&b, "%d %s", e.Status, http.StatusText(e.Status))
	default:
		b.WriteString("no answer")
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&b, ", %d attempts", e.Attempts)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// What ends a call that is not the transport's doing.
var (
	errNoCredential = errors.New("the request has no Authorization header: its credential was dropped, it was not sent")
	errGaveUp       = errors.New("gave up") // there was an answer, which tells why; never shown
)

// slowError is our own time running out. It is no context error: the caller's
// time has not.
type slowError struct{ what string }

func (e *slowError) Error() string { return e.what }

// Timeout is what net.Error asks for.
func (e *slowError) Timeout() bool { return true }

// quotaError is a request that was not sent.
type quotaError struct{ wait time.Duration }

func (e *quotaError) Error() string {
	if e.wait <= 0 {
		return "not sent: the quota did not allow it in time"
	}
	return fmt.Sprintf("not sent: the quota allows it in %s, which is later than this call can wait", round(e.wait))
}

// harmless makes an error fit to be shown and unwrapped: without the URL that
// net/http wraps it in, for a query may hold a secret, and without io.EOF.
func harmless(err error) error {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, io.EOF) {
		return &cutError{err}
	}
	return err
}

// cutError is an error with io.EOF in its chain, which it hides. SDKs take
// that for the end of a body, or try again for ever.
type cutError struct{ err error }

func (e *cutError) Error() string {
	if e.err == io.EOF { //nolint:errorlint // only the bare one says too little
		return "the connection was closed before an answer"
	}
	return e.err.Error()
}

func (e *cutError) Is(target error) bool { return target != io.EOF && errors.Is(e.err, target) }

func (e *cutError) As(target any) bool { return errors.As(e.err, target) }

func round(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(time.Second)
	}
	return d.Round(time.Millisecond)
}
