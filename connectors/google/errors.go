package google

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// answer is what Google said, as it came over the wire.
type answer struct {
	status  int // 0: it said nothing
	reason  string
	message string
	after   time.Duration // when to try again, where that was told
	spent   bool          // the quota is, so the last attempt was not carried out
	lost    bool          // an earlier attempt may have been carried out
}

// answered reads an exchange that ended in err.
func (x *exchange) answered(err error) answer {
	var he *httpx.Error
	if errors.As(err, &he) {
		a := parse(he.Status, he.Body)
		a.after, a.spent, a.lost = he.RetryAfter, he.Throttled, he.Lost || x.Lost
		return a
	}
	a := parse(x.Status, x.Body)
	a.after, a.lost = x.RetryAfter, x.Lost
	return a
}

// parse reads an error body: the old form has reasons, the new one a status
// and details.
func parse(status int, body []byte) answer {
	a := answer{status: status}
	var b struct {
		Error struct {
			Message string
			Status  string
			Errors  []struct{ Reason, Message string }
			Details []struct{ Reason string }
		}
	}
	if json.Unmarshal(body, &b) != nil {
		return a // a page for people, or the form of another server
	}
	a.message, a.reason = clip(b.Error.Message), b.Error.Status
	for _, d := range b.Error.Details {
		if d.Reason != "" {
			a.reason = d.Reason
		}
	}
	if len(b.Error.Errors) > 0 {
		a.reason = b.Error.Errors[0].Reason
		if a.message == "" {
			a.message = clip(b.Error.Errors[0].Message)
		}
	}
	a.reason = clip(a.reason)
	return a
}

// clip makes somebody else's text short and harmless.
func clip(s string) string {
	const most = 300
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "..."
	}
	return strings.TrimSpace(s)
}

// quota reports whether a 403 is about the quota and not about rights (Admin
// SDK, "Resolve errors").
func (a answer) quota() bool {
	return slices.Contains([]string{
		"quotaExceeded", "rateLimitExceeded", "userRateLimitExceeded", "dailyLimitExceeded", "RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED",
	}, a.reason)
}

// about reports whether a 404 or 400 names key, such as memberKey.
func (a answer) about(key string) bool { return strings.Contains(a.message, key) }

func (a answer) kind() engine.Kind {
	switch {
	case a.spent, a.status == http.StatusTooManyRequests, a.status == http.StatusForbidden && a.quota():
		return engine.Throttled
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden:
		return engine.Denied
	case a.status == http.StatusNotFound:
		return engine.NotFound
	case a.status == http.StatusRequestTimeout, a.status >= 500, a.status < 400:
		return engine.Unavailable // also what is no answer of Google's at all
	}
	return engine.Rejected
}

// doubt makes of a refusal what it is after an attempt whose answer was lost:
// no proof that nothing was changed. That goes also for what was asked to
// settle the matter, and was refused.
func (a answer) doubt(err error) error {
	var e *engine.Error
	if !a.lost || !errors.As(err, &e) || !e.Kind.Refusal() {
		return err
	}
	return &engine.Error{Kind: engine.Unavailable, RetryAfter: e.RetryAfter, Err: fmt.Errorf("%w; an earlier attempt whose answer was lost may have been carried out", e.Err)}
}

func (a answer) text() string {
	text := fmt.Sprintf("Google answered %d", a.status)
	if a.reason != "" {
		text += " " + a.reason
	}
	if a.message != "" {
		text += ": " + a.message
	}
	if hint := a.hint(); hint != "" {
		text += "; " + hint
	}
	return text
}

// hint is the way out of what people meet when they set a directory up.
func (a answer) hint() string {
	switch a.reason {
	case "accessNotConfigured", "SERVICE_DISABLED":
		return "enable the API in the service account's project in Google Cloud"
	case "domainCannotUseApis":
		return "API access is off for the domain; turn it on in the admin console under Security, API controls"
	case "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "insufficientPermissions":
		return "the token lacks a scope"
	}
	switch {
	case a.kind() == engine.Throttled:
		return "lower quota.perMinute or quota.share, or ask Google for more"
	case a.status == http.StatusUnauthorized:
		return "Google does not take the token; check the key and its service account"
	case a.status == http.StatusForbidden:
		return "give the service account, or the subject that it acts as, an admin role with this right"
	case a.status == http.StatusPreconditionFailed, a.status == http.StatusConflict:
		return ""
	case a.status >= 300 && a.status < 400:
		return "something between here and Google wants to send us elsewhere; check the proxy"
	}
	return ""
}

// fail judges a reading that ended in err and returns an error of op: an
// [*engine.Error], or the context's own error.
func (x *exchange) fail(ctx context.Context, err error) error {
	var e *engine.Error
	var token *tokenError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &e):
		return e
	case errors.As(err, &token):
		return &engine.Error{Kind: token.kind(), Err: token}
	}
	a := x.answered(err)
	out := &engine.Error{Kind: a.kind(), RetryAfter: a.after}
	switch {
	case a.status == 0:
		out.Err = cause(err)
	case a.status < 300:
		out.Err = errors.New("the answer is not what Google's API gives: cut short, or from something else in between")
	default:
		out.Err = errors.New(a.text())
	}
	if out.Kind == engine.Throttled && out.RetryAfter == 0 {
		out.RetryAfter = time.Minute // quotas are per minute, and Google names no time
	}
	return out
}

// cause says why there was no answer.
func cause(err error) error {
	var he *httpx.Error
	if errors.As(err, &he) && he.Err != nil {
		return fmt.Errorf("no answer from Google: %w", he.Err)
	}
	return fmt.Errorf("no answer from Google: %w", err)
}

func (e *tokenError) kind() engine.Kind {
	if e.Status == 0 || e.Status < 500 {
		return engine.Denied
	}
	return engine.Unavailable
}

// op puts the directory's name and the call in front of an error. The
// context's error passes as it is.
func (c *Connector) op(what string, err error) error {
	var e *engine.Error
	if !errors.As(err, &e) {
		return err
	}
	return &engine.Error{Op: c.cfg.Name + ": " + what, Kind: e.Kind, RetryAfter: e.RetryAfter, Err: e.Err}
}

// trouble makes an error of a kind that op keeps.
func trouble(k engine.Kind, format string, args ...any) error {
	return &engine.Error{Kind: k, Err: fmt.Errorf(format, args...)}
}

// partial marks a listing that broke off: what came before must not be taken
// for the whole.
func partial(err error) error {
	var e *engine.Error
	if !errors.As(err, &e) {
		return err
	}
	return &engine.Error{Kind: engine.Partial, RetryAfter: e.RetryAfter, Err: fmt.Errorf("the listing broke off: %w", e.Err)}
}

// bare returns the cause of an engine error.
func bare(err error) error {
	var e *engine.Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err
	}
	return err
}
