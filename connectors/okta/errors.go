package okta

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// fail makes an engine error of err, in the name of the directory. An
// [engine.Error] keeps its kind; the context's error passes as it is.
func (c *Connector) fail(op string, err error) error {
	var e *engine.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return &engine.Error{Op: c.cfg.Name + ": " + op, Kind: e.Kind, RetryAfter: e.RetryAfter, Err: e.Err}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return &engine.Error{Op: c.cfg.Name + ": " + op, Kind: engine.Unknown, Err: err}
}

// trouble makes an error of a kind that fail keeps.
func trouble(k engine.Kind, format string, args ...any) error {
	return &engine.Error{Kind: k, Err: fmt.Errorf(format, args...)}
}

// bare returns the cause of an engine error.
func bare(err error) error {
	var e *engine.Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err
	}
	return err
}

// apiError is Okta's own answer to a call. Only its code is meant for programs.
type apiError struct {
	Status  int
	Code    string `json:"errorCode"`
	Summary string `json:"errorSummary"`
	Causes  []struct {
		Summary string `json:"errorSummary"`
	} `json:"errorCauses"`
}

func (e *apiError) Error() string {
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "%d", e.Status)
	for _, s := range []string{e.Code, e.Summary} {
		if s != "" {
			b.WriteString(" " + s)
		}
	}
	for _, cause := range e.Causes {
		b.WriteString("; " + cause.Summary)
	}
	return clip(b.String())
}

// clip bounds what a foreign server can write into our errors.
func clip(s string) string {
	const most = 400
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

// explain says what came of a call by what went over the wire, or nil when
// it was answered well and the answer could be read.
func explain(ctx context.Context, call string, ex httpx.Exchange, err error) error {
	if err == nil && ex.Status < http.StatusBadRequest {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var own *engine.Error // our credential's
	if errors.As(err, &own) {
		return own
	}
	status, body, after := ex.Status, ex.Body, ex.RetryAfter
	var exhausted *httpx.Error
	if errors.As(err, &exhausted) {
		status, body, after = exhausted.Status, exhausted.Body, exhausted.RetryAfter
		kind := engine.Unavailable
		if exhausted.Throttled { // written knows what that means to a write
			kind = engine.Throttled
		}
		if status < http.StatusBadRequest || exhausted.Err != nil { // no answer, half of one, or not sent
			return &engine.Error{Kind: kind, RetryAfter: seconds(after), Err: exhausted}
		}
	}
	if status < http.StatusBadRequest {
		return trouble(engine.Unavailable, "%s: the answer (status %d) can not be read: %w", call, status, err)
	}
	said := &apiError{}
	_ = json.Unmarshal(body, said) // a proxy's page has no code
	said.Status = status
	if status != http.StatusTooManyRequests && status < http.StatusInternalServerError {
		after = 0
	}
	return &engine.Error{Kind: kindOf(said), RetryAfter: seconds(after), Err: fmt.Errorf("%s: %w%s", call, said, hint(said))}
}

// kindOf sorts Okta's answers. The codes are those of its error reference.
func kindOf(e *apiError) engine.Kind {
	switch e.Code {
	case "E0000060": // unsupported operation: what a BUILT_IN group answers
		return engine.Unmanageable
	case "E0000038": // not allowed in the user's current status
		return engine.Rejected
	case "E0000112", "E0000249", "E0000239": // the user or the rules are still being set up
		return engine.Unavailable
	}
	switch {
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		return engine.Denied
	case e.Status == http.StatusNotFound:
		return engine.NotFound
	case e.Status == http.StatusTooManyRequests:
		return engine.Throttled
	case e.Status == http.StatusRequestTimeout, e.Status == http.StatusLocked, e.Status >= http.StatusInternalServerError:
		return engine.Unavailable
	}
	return engine.Rejected
}

// hint is the way out of what people meet when they set up a directory.
func hint(e *apiError) string {
	switch {
	case e.Status == http.StatusUnauthorized:
		return "; the credential is not valid any more: make a new API token, or check the service app"
	case e.Code == "E0000006" || e.Status == http.StatusForbidden && e.Code == "":
		return "; the credential lacks the right: give it an admin role that may do this to this group, and a service app the scope as well"
	case e.Code == "E0000015":
		return "; the org does not have this feature"
	case e.Code == "E0000010":
		return "; Okta is in read-only mode, as during its maintenance"
	}
	return ""
}

// seconds rounds up: who comes back too early is turned away again.
func seconds(d time.Duration) time.Duration {
	return (max(d, 0) + time.Second - 1).Truncate(time.Second)
}
