package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind is what the engine acts on when a connector fails. It never reads the
// text of an error.
type Kind string

// Kinds of failure. Refusals ([Kind.Refusal]) tell that nothing was changed;
// every other kind leaves the outcome of a write unknown.
const (
	Unknown      Kind = "unknown"
	NotFound     Kind = "not-found"    // no such group, or no such account
	Ambiguous    Kind = "ambiguous"    // more than one account
	Disabled     Kind = "disabled"     // one account, which cannot be used
	Denied       Kind = "denied"       // our credentials or rights
	Throttled    Kind = "throttled"    // try again after RetryAfter
	Unavailable  Kind = "unavailable"  // no answer, or one that says "not now"
	Partial      Kind = "partial"      // a listing that is not whole
	Rejected     Kind = "rejected"     // understood and refused
	Unmanageable Kind = "unmanageable" // a group that daypass must not change
	Unsupported  Kind = "unsupported"  // the directory cannot do this here, as its edition or the group stands
)

// Refusal reports whether a write that failed in this way certainly changed
// nothing.
func (k Kind) Refusal() bool {
	switch k {
	case NotFound, Ambiguous, Disabled, Denied, Throttled, Rejected, Unmanageable, Unsupported:
		return true
	}
	return false
}

// Error is what a connector returns: the call that failed, how, and why.
type Error struct {
	Op         string        // "corp: add ada to prod-db"
	Kind       Kind          //
	RetryAfter time.Duration // zero when the directory did not say
	Err        error         // the cause; never holds a secret
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	b.WriteString(": ")
	if e.Err != nil {
		b.WriteString(e.Err.Error())
	} else {
		b.WriteString(string(e.Kind))
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, " (retry in %s)", e.RetryAfter)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the first [Error] in err's chain. A context that
// ended is [Unavailable]: whether a write took place is not known.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Unavailable
	}
	return Unknown
}
