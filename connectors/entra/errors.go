package entra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/microsoft/kiota-abstractions-go/serialization"
	jsonser "github.com/microsoft/kiota-serialization-json-go"
	"github.com/microsoftgraph/msgraph-sdk-go/models/odataerrors"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// fault is what a request came to, as it went over the wire.
type fault struct {
	status     int    // 0: no answer
	code, text string // Graph's reason
	id         string // the request's, for Microsoft's support
	wait       time.Duration
	lost       bool // an attempt was sent whose outcome is not known
	throttled  bool // or not sent, because the quota is spent
	write      bool
	needs      string // the permission that a 403 speaks of, where it is not the usual one
	err        error  // why there is no answer, or what is wrong with it
}

// faultOf reads a fault off the wire. What the SDK made of it is used only
// where there is nothing else.
func faultOf(ex *httpx.Exchange, err error, write bool) error {
	var known *engine.Error
	if errors.As(err, &known) { // of ours: no token, or a refusal to send
		if write && ex.Lost {
			return afterLost(known)
		}
		return known
	}
	f := &fault{status: ex.Status, lost: ex.Lost, write: write, wait: ex.RetryAfter}
	body := ex.Body
	var dead *httpx.Error
	if errors.As(err, &dead) {
		f.status, f.lost, body = dead.Status, f.lost || dead.Lost, dead.Body
		f.throttled, err = dead.Throttled, dead
		f.wait = max(f.wait, dead.RetryAfter)
	}
	f.id = ex.Header.Get("request-id")
	if f.status < http.StatusBadRequest {
		f.err = err
		if dead == nil { // there was an answer, and it is not Graph's
			f.lost = f.lost || write
		}
		if err == nil {
			f.err = errors.New("that is no answer of Microsoft Graph")
		}
		return f
	}
	f.code, f.text = reason(body)
	return f
}

// afterLost is what a write came to when an earlier attempt may have carried it
// out. A refusal of this one, or that there was no token for it, does not prove
// that nothing was changed.
func afterLost(err error) error {
	var known *engine.Error
	switch f := asFault(err); {
	case errors.As(err, &known) && known.Kind.Refusal():
		return &engine.Error{Kind: engine.Unavailable, RetryAfter: known.RetryAfter, Err: fmt.Errorf("%s; %w", mayBeDone, known.Err)}
	case known == nil && f != nil:
		own := *f
		own.lost = true
		return &own
	}
	return err
}

const mayBeDone = "an earlier attempt whose answer was lost may have done it"

// reason reads an error body. One that is not Graph's leaves it empty.
func reason(body []byte) (code, text string) {
	node, err := jsonser.NewJsonParseNode(body)
	if err != nil {
		return "", ""
	}
	return reasonOf(node)
}

func reasonOf(node serialization.ParseNode) (code, text string) {
	parsed, err := node.GetObjectValue(odataerrors.CreateODataErrorFromDiscriminatorValue)
	if err != nil || parsed == nil {
		return "", ""
	}
	inner := parsed.(odataerrors.ODataErrorable).GetErrorEscaped()
	if inner == nil {
		return "", ""
	}
	return deref(inner.GetCode()), clean(deref(inner.GetMessage()))
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// clean makes one line of a text, of a size to print.
func clean(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	const most = 300
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

func (f *fault) Error() string {
	var b strings.Builder
	if f.write && f.lost && f.status >= http.StatusBadRequest {
		b.WriteString(mayBeDone + "; ")
	}
	switch {
	case f.status == 0 && f.err == nil:
		b.WriteString("no answer")
	case f.status == 0:
		b.WriteString(f.err.Error())
	case f.err != nil:
		fmt.Fprintf(&b, "%d: %s", f.status, clean(f.err.Error()))
	case f.code == "" && f.text == "":
		fmt.Fprintf(&b, "%d %s", f.status, http.StatusText(f.status))
	default:
		fmt.Fprintf(&b, "%d %s: %s", f.status, f.code, strings.TrimRight(f.text, "."))
	}
	if f.id != "" {
		fmt.Fprintf(&b, " (request %s)", f.id)
	}
	if way := f.wayOut(); way != "" {
		b.WriteString("; " + way)
	}
	return b.String()
}

func (f *fault) Unwrap() error { return f.err }

func (f *fault) wayOut() string {
	switch {
	case f.status == http.StatusUnauthorized:
		return "check the tenant, the cloud and the credential"
	case f.status == http.StatusForbidden && f.needs != "":
		return "grant the app " + f.needs + "; daypass doctor tells what it has"
	case f.status == http.StatusForbidden && f.write:
		return "grant the app GroupMember.ReadWrite.All, and RoleManagement.ReadWrite.Directory where Entra roles can be assigned to the group; daypass doctor tells what it has"
	case f.status == http.StatusForbidden:
		return "grant the app GroupMember.ReadWrite.All and User.Read.All; daypass doctor tells what it has"
	}
	return ""
}

// kind is what the engine acts on. A write that was refused after an attempt
// whose answer was lost is no refusal: that attempt may have been carried out.
func (f *fault) kind() engine.Kind {
	k := f.plainKind()
	if f.write && f.lost && k.Refusal() {
		return engine.Unavailable
	}
	return k
}

func (f *fault) plainKind() engine.Kind {
	switch {
	case f.status == http.StatusTooManyRequests, f.throttled: // whatever an attempt before it was answered
		return engine.Throttled
	case f.status == http.StatusUnauthorized, f.status == http.StatusForbidden:
		return engine.Denied
	case f.status == http.StatusNotFound:
		return engine.NotFound
	case f.status == http.StatusRequestTimeout, f.status < http.StatusBadRequest, f.status >= http.StatusInternalServerError:
		return engine.Unavailable
	}
	return engine.Rejected
}

// says reports whether Graph's reason holds all the words. Two refusals of one
// status and one code differ in nothing else.
func (f *fault) says(words ...string) bool {
	text := strings.ToLower(f.text)
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// already reports the refusal to add who is there: "One or more added object
// references already exist for the following modified properties: 'members'."
func (f *fault) already() bool {
	return f.status == http.StatusBadRequest && f.says("already exist", "members")
}

// unknownYet reports the refusal that a group or account meets until each
// replica has heard of it: "The source resource object or one of the objects
// being referenced don't exist."
func (f *fault) unknownYet() bool {
	return f.status == http.StatusBadRequest && f.says("object", "don't exist")
}

// noSuchPage reports that the token of a page is not known any more, which
// happens after the request for a page was sent twice (Microsoft, paging).
func (f *fault) noSuchPage() bool {
	return f.code == "DirectoryPageTokenNotFoundException" || f.says("directorypagetokennotfoundexception")
}

// noSuchState reports that a mark is too old, or that the directory wants
// everything to be read anew (Microsoft, delta query overview).
func (f *fault) noSuchState() bool {
	return f.status == http.StatusGone || f.status == http.StatusBadRequest || f.status == http.StatusNotFound ||
		strings.EqualFold(f.code, "syncStateNotFound") || strings.EqualFold(f.code, "resyncRequired")
}

// asFault returns the fault in err, nil where there is none.
func asFault(err error) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	return nil
}

// trouble makes an error of a kind that fail keeps.
func trouble(k engine.Kind, format string, args ...any) error {
	return &engine.Error{Kind: k, Err: fmt.Errorf(format, args...)}
}

// partial marks what cut a listing short.
func partial(err error) error {
	var e *engine.Error
	if errors.As(err, &e) {
		return &engine.Error{Kind: engine.Partial, RetryAfter: e.RetryAfter, Err: e.Err}
	}
	if f := asFault(err); f != nil {
		return &engine.Error{Kind: engine.Partial, RetryAfter: f.wait, Err: f}
	}
	if ended(err) {
		return err
	}
	return &engine.Error{Kind: engine.Partial, Err: err}
}

// ended reports an error of the caller's context.
func ended(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// fail makes what a method returns: the context's error as it is, or an
// *engine.Error that begins with the directory's name.
func (c *Connector) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	op = c.cfg.Name + ": " + op
	var e *engine.Error
	if errors.As(err, &e) {
		return &engine.Error{Op: op, Kind: e.Kind, RetryAfter: e.RetryAfter, Err: e.Err}
	}
	if f := asFault(err); f != nil {
		return &engine.Error{Op: op, Kind: f.kind(), RetryAfter: f.wait, Err: f}
	}
	if ended(err) {
		return err
	}
	return &engine.Error{Op: op, Kind: engine.Unknown, Err: err}
}
