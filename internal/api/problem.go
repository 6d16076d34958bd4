package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// Problem is an answer that says why not, as RFC 9457 describes it.
type Problem struct {
	Type   string   `json:"type" format:"uri" example:"urn:daypass:invalid" doc:"What kind of problem it is; stable"`
	Title  string   `json:"title" doc:"The kind in words"`
	Status int      `json:"status" example:"422"`
	Detail string   `json:"detail,omitempty" doc:"What is wrong this time, and the way out"`
	Errors []Detail `json:"errors,omitempty" nullable:"false" doc:"Each thing that is wrong with what was sent"`
	// Of a conflict.
	Request string `json:"request,omitempty" doc:"The request that stands in the way, where you may see it"`
	Same    bool   `json:"same,omitempty" doc:"With that request you asked for exactly this: wait for it"`

	head http.Header // to be sent with it
}

// Detail is one thing that is wrong with what was sent.
type Detail struct {
	Detail    string `json:"detail"`
	Pointer   string `json:"pointer,omitempty" example:"#/for" doc:"Where in the body: a JSON pointer, as a fragment"`
	Parameter string `json:"parameter,omitempty" example:"limit" doc:"Which parameter of the query or the path"`
	Header    string `json:"header,omitempty" example:"If-Match" doc:"Which header"`
}

// kind is a type of problem; docs/api.md lists them.
type kind string

const (
	badRequest kind = "malformed"
	noToken    kind = "unauthenticated"
	forbidden  kind = "forbidden"
	notFound   kind = "not-found"
	noMethod   kind = "method-not-allowed"
	conflict   kind = "conflict"
	inProgress kind = "in-progress"
	changed    kind = "changed"
	tooLarge   kind = "too-large"
	noJSON     kind = "not-json"
	invalid    kind = "invalid"
	reused     kind = "key-reused"
	tooMany    kind = "too-many"
	failed     kind = "internal"
	broken     kind = "broken"
	doubt      kind = "doubt"
	away       kind = "store"
	tooSlow    kind = "timeout"
)

// row is what is the same of all problems of a kind.
type row struct {
	kind   kind
	status int
	title  string
}

func kinds() []row {
	return []row{
		{badRequest, http.StatusBadRequest, "What was sent cannot be read"},
		{noToken, http.StatusUnauthorized, "A good bearer token is missing"},
		{forbidden, http.StatusForbidden, "You may not do this"},
		{notFound, http.StatusNotFound, "There is no such thing"},
		{noMethod, http.StatusMethodNotAllowed, "This cannot be done here"},
		{conflict, http.StatusConflict, "It does not stand where you believe"},
		{inProgress, http.StatusConflict, "The first try is still going on"},
		{changed, http.StatusPreconditionFailed, "It was changed since you saw it"},
		{tooLarge, http.StatusRequestEntityTooLarge, "The body is too large"},
		{noJSON, http.StatusUnsupportedMediaType, "The body is not JSON"},
		{invalid, http.StatusUnprocessableEntity, "Something breaks a rule"},
		{reused, http.StatusUnprocessableEntity, "The idempotency key was used for something else"},
		{tooMany, http.StatusTooManyRequests, "Too many calls"},
		{failed, http.StatusInternalServerError, "Something went wrong here"},
		{broken, http.StatusServiceUnavailable, "The configuration has to be mended"},
		{doubt, http.StatusServiceUnavailable, "A directory could not tell what has to be known"},
		{away, http.StatusServiceUnavailable, "What daypass has on record cannot be reached"},
		{tooSlow, http.StatusServiceUnavailable, "It took too long"},
	}
}

// says makes a problem of a kind.
func (k kind) says(detail string, errs ...Detail) *Problem {
	all := kinds()
	r := all[slices.IndexFunc(all, func(r row) bool { return r.kind == k })] // each has one
	return &Problem{Type: "urn:daypass:" + string(k), Title: r.title, Status: r.status, Detail: detail, Errors: errs}
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements [huma.StatusError].
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements [huma.HeadersError].
func (p *Problem) GetHeaders() http.Header { return p.head }

// ContentType implements [huma.ContentTypeFilter].
func (p *Problem) ContentType(string) string { return problemJSON }

const problemJSON = "application/problem+json"

func (p *Problem) with(name, value string) *Problem {
	if p.head == nil {
		p.head = make(http.Header)
	}
	p.head.Set(name, value)
	return p
}

func (p *Problem) after(seconds int) *Problem {
	return p.with("Retry-After", strconv.Itoa(max(seconds, 1)))
}

// write sends the problem.
func (p *Problem) write(w http.ResponseWriter) {
	for name, values := range p.head {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problemJSON)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // whoever asked is gone
}

func unauthenticated() *Problem {
	return noToken.says("send a header Authorization: Bearer TOKEN; a session of the page does not count here").
		with("WWW-Authenticate", `Bearer realm="daypass"`)
}

// problem says what an error of the desk is to the caller. What nobody outside
// needs to know is in the log only.
func (a *API) problem(ctx context.Context, operation string, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	refusals := access.Refusals(err)
	if desk.Away(err) && (len(refusals) == 0 || refusals[0].Kind == access.Doubt) {
		a.cfg.Log.Error("the store is away", "operation", operation, "error", err)
		return storeAway()
	}
	if len(refusals) > 0 {
		k := kindOf(refusals[0].Kind)
		p := k.says(refusals[0].Message)
		if k == invalid {
			p = invalidity(refusals)
		}
		p.Request, p.Same = refusals[0].Request, refusals[0].Same
		if k == doubt {
			p = p.after(10)
		}
		return p
	}
	if ctx.Err() != nil {
		return tooSlow.says("it was not done in time; whether anything was done is to be seen by looking").after(5)
	}
	a.cfg.Log.Error("the API failed", "operation", operation, "error", err)
	return failed.says("it is in the log; try again in a while")
}

// storeAway is what is said while the store cannot be reached.
func storeAway() *Problem {
	return away.says("the database of daypass does not answer, so nothing was done; try again in a while").after(10)
}

func kindOf(k access.Kind) kind {
	switch k {
	case access.Invalid:
		return invalid
	case access.Forbidden:
		return forbidden
	case access.Conflict:
		return conflict
	case access.Doubt:
		return doubt
	case access.Broken:
		return broken
	case access.NotFound:
		return notFound
	}
	return failed
}

// invalidity tells everything that is wrong at once.
func invalidity(refusals []*access.Error) *Problem {
	p := invalid.says("")
	var all []string
	for _, r := range refusals {
		all = append(all, r.Message)
		d := Detail{Detail: r.Message}
		if r.Field != "" {
			first, rest, nested := strings.Cut(r.Field, ".")
			if d.Pointer = pointer(first); nested {
				d.Pointer = pointer(first, rest)
			}
		}
		p.Errors = append(p.Errors, d)
	}
	p.Detail = strings.Join(all, "; ")
	return p
}

// pointer writes a JSON pointer as a fragment.
func pointer(parts ...string) string {
	var b strings.Builder
	b.WriteByte('#')
	for _, s := range parts {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1", "%", "%25", " ", "%20").Replace(s))
	}
	return b.String()
}

// field says that one part of the body is wrong.
func field(name, message string) *Problem {
	return invalid.says(message, Detail{Detail: message, Pointer: pointer(name)})
}

// parameter says that one parameter is wrong.
func parameter(name, message string) *Problem {
	return invalid.says(message, Detail{Detail: message, Parameter: name})
}

// ownProblem turns what huma says about a call that it did not pass on into a
// problem as ours, without the values that were sent: they may be secrets.
func ownProblem(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	k := failed
	for _, r := range kinds() {
		if r.status == m.Status {
			k = r.kind
			break
		}
	}
	p := k.says(m.Detail)
	p.Status = m.Status
	for _, e := range m.Errors {
		p.Errors = append(p.Errors, place(e))
	}
	if len(p.Errors) > 0 {
		p.Detail = ""
		for i, e := range p.Errors {
			where := cmp.Or(strings.TrimPrefix(e.Pointer, "#/"), e.Parameter, e.Header, "the body")
			if i > 0 {
				p.Detail += "; "
			}
			p.Detail += where + ": " + e.Detail
		}
	}
	return p, nil
}

// place turns where huma found something into where we say it is.
func place(e *huma.ErrorDetail) Detail {
	d := Detail{Detail: e.Message}
	where, rest, _ := strings.Cut(e.Location, ".")
	switch where {
	case "query", "path":
		d.Parameter = rest
	case "header":
		d.Header = rest
	case "body":
		if d.Pointer = "#"; rest != "" {
			rest = strings.ReplaceAll(strings.ReplaceAll(rest, "[", "."), "]", "")
			d.Pointer = pointer(strings.Split(rest, ".")...)
		}
	}
	return d
}

// problemResponse is how the document describes every answer that says why not.
func (a *API) problemResponse() *huma.Response {
	schemas := a.huma.OpenAPI().Components.Schemas
	return &huma.Response{
		Description: "Why not",
		Content:     map[string]*huma.MediaType{problemJSON: {Schema: schemas.Schema(typeOf[Problem](), true, "")}},
	}
}
