package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/negotiation"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/report"
)

// office registers what auditors and administrators do, and tokens.
func (a *API) office() {
	register(a, get("/runs", "runs", "List runs", "The latest first: for auditors and administrators."), a.runs)
	register(a, get("/holds", "holds", "List what limits hold", "For auditors and administrators."), a.holds)
	register(a, post("/holds/{digest}/release", "release", "Release what is held", "Lets exactly that set through, once: for administrators."), a.release)
	register(a, get("/audit", "audit", "Read the audit log", "Newest first: for auditors and administrators."), a.audit)
	compliance := get("/report", "report", "Desired against actual",
		"Every managed group: for auditors and administrators. As CSV with Accept: text/csv.")
	compliance.Responses = map[string]*huma.Response{"200": a.compliance(true)}
	register(a, compliance, a.report)
	register(a, get("/tokens", "tokens", "List your tokens", "Also those that are over. They are made on the page."), a.tokens)
	revoke := operation(http.MethodDelete, "/tokens/{id}", "revoke-token", "Revoke a token", "One of yours, at once.")
	revoke.DefaultStatus = http.StatusNoContent
	register(a, revoke, a.revokeToken)
}

// RunsInput is how many are wanted.
type RunsInput struct {
	Limit int `query:"limit" minimum:"1" maximum:"500" default:"50"`
}

// Runs are the latest runs.
type Runs struct {
	Body struct {
		Runs []Run `json:"runs" nullable:"false"`
	}
}

// Run is one reconciliation.
type Run struct {
	ID      engine.RunID   `json:"id"`
	Started time.Time      `json:"started"`
	Ended   time.Time      `json:"ended,omitzero" doc:"Not there while it runs, or when it was killed"`
	Error   string         `json:"error,omitempty"`
	Counts  *engine.Counts `json:"counts,omitempty"`
}

func (a *API) runs(ctx context.Context, c desk.Caller, in *RunsInput) (*Runs, error) {
	rs, err := a.cfg.Desk.Runs(ctx, c, in.Limit)
	if err != nil {
		return nil, err
	}
	out := new(Runs)
	out.Body.Runs = make([]Run, len(rs))
	for i, r := range rs {
		out.Body.Runs[i] = Run{ID: r.ID, Started: r.Started, Ended: r.Ended, Error: r.Error, Counts: r.Counts}
	}
	return out, nil
}

// Holds is what limits hold.
type Holds struct {
	Body struct {
		Holds []Hold `json:"holds" nullable:"false"`
	}
}

// Hold is a set of changes that a limit objects to.
type Hold struct {
	Directory  engine.Directory   `json:"directory,omitempty" doc:"Not there when it is about several"`
	Digest     string             `json:"digest" example:"sha256:..." doc:"Release it by this"`
	Run        engine.RunID       `json:"run"`
	At         time.Time          `json:"at"`
	Changes    []engine.Change    `json:"changes" nullable:"false"`
	Objections []engine.Objection `json:"objections" nullable:"false"`
}

func (a *API) holds(ctx context.Context, c desk.Caller, _ *Nothing) (*Holds, error) {
	hs, err := a.cfg.Desk.Holds(ctx, c)
	if err != nil {
		return nil, err
	}
	out := new(Holds)
	out.Body.Holds = make([]Hold, len(hs))
	for i, h := range hs {
		out.Body.Holds[i] = Hold{
			Directory: h.Directory, Digest: h.Digest, Run: h.Run, At: h.At,
			Changes: append([]engine.Change{}, h.Changes...), Objections: append([]engine.Objection{}, h.Objections...),
		}
	}
	return out, nil
}

// ReleaseInput names what is let through, and says why.
type ReleaseInput struct {
	Repeatable
	Digest string `path:"digest"`
	Body   struct {
		_      struct{} `additionalProperties:"false"`
		Reason string   `json:"reason" minLength:"1" doc:"Kept in the audit log"`
	}
}

// Released is a person's go-ahead.
type Released struct {
	Body struct {
		Digest  string    `json:"digest"`
		By      string    `json:"by"`
		At      time.Time `json:"at"`
		Expires time.Time `json:"expires"`
		Reason  string    `json:"reason"`
	}
}

func (a *API) release(ctx context.Context, c desk.Caller, in *ReleaseInput) (*Released, error) {
	r, err := a.cfg.Desk.Release(ctx, c, in.Digest, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	out := new(Released)
	b := &out.Body
	b.Digest, b.By, b.At, b.Expires, b.Reason = r.Digest, r.By, r.At, r.Expires, r.Reason
	return out, nil
}

// AuditInput narrows the audit log.
type AuditInput struct {
	Kind    string `query:"kind" example:"granted"`
	Person  string `query:"person" doc:"Who it is about, or who acted: an address, or a machine as in machine ci"`
	Request string `query:"request" doc:"The id of a request or grant"`
	Before  int64  `query:"before" minimum:"1" doc:"What the page before said is next"`
	Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`

	url url.URL
}

// Resolve implements [huma.Resolver].
func (in *AuditInput) Resolve(ctx huma.Context) []error {
	in.url = ctx.URL()
	return nil
}

// Log is a page of the audit log.
type Log struct {
	Link string `header:"Link" doc:"Where the next page is, as rel=next"`
	Body struct {
		Events []Logged `json:"events" nullable:"false"`
		Next   int64    `json:"next,omitempty" doc:"What before is for the next page; not there on the last one"`
	}
}

// Logged is an event with its number in the audit log.
type Logged struct {
	Seq   int64        `json:"seq"`
	Event engine.Event `json:"event"`
}

func (a *API) audit(ctx context.Context, c desk.Caller, in *AuditInput) (*Log, error) {
	q := desk.AuditQuery{Before: in.Before, Kind: engine.EventKind(in.Kind), Request: in.Request, Limit: in.Limit}
	if in.Person != "" {
		p, err := desk.ParseSought(in.Person)
		if err != nil {
			return nil, parameter("person", err.Error())
		}
		q.Person = p
	}
	events, next, err := a.cfg.Desk.Audit(ctx, c, q)
	if err != nil {
		return nil, err
	}
	out := new(Log)
	out.Body.Events, out.Body.Next = make([]Logged, len(events)), next
	for i, e := range events {
		out.Body.Events[i] = Logged{Seq: e.Seq, Event: e.Event}
	}
	after := ""
	if next > 0 {
		after = strconv.FormatInt(next, 10)
	}
	out.Link = nextLink(in.url, "before", after)
	return out, nil
}

// ReportInput is how the report is wanted.
type ReportInput struct {
	Differences bool   `query:"differences" doc:"Leave out what is as it should be"`
	Accept      string `header:"Accept" doc:"text/csv for CSV"`
}

// stream is an answer that is written as it is made.
type stream struct {
	Body func(huma.Context)
}

func (a *API) report(ctx context.Context, c desk.Caller, in *ReportInput) (*stream, error) {
	r, err := a.cfg.Desk.Report(ctx, c)
	if err != nil {
		return nil, err
	}
	if negotiation.SelectQValue(in.Accept, []string{"application/json", "text/csv"}) == "text/csv" {
		return streamed("text/csv; charset=utf-8", func(ctx huma.Context) error {
			return r.CSV(ctx.BodyWriter(), report.Options{Differences: in.Differences})
		}), nil
	}
	return reportJSON(r, in.Differences), nil
}

func reportJSON(r *report.Compliance, differences bool) *stream {
	return streamed("application/json", func(ctx huma.Context) error {
		return r.JSON(ctx.BodyWriter(), report.Options{Differences: differences})
	})
}

// streamed sends an answer as it is made. When that fails, the connection is
// cut, so that half of it does not look whole.
func streamed(kind string, write func(huma.Context) error) *stream {
	return &stream{func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", kind)
		ctx.SetStatus(http.StatusOK)
		if err := write(ctx); err != nil {
			panic(http.ErrAbortHandler)
		}
	}}
}

// Compliance is the report as package report writes it, for the document.
type Compliance struct {
	Version int              `json:"version"`
	AsOf    time.Time        `json:"asOf,omitzero"`
	NotRead []report.NotRead `json:"notRead" nullable:"false" doc:"What the report does not know"`
	Groups  []GroupSummary   `json:"groups" nullable:"false"`
	Rows    []Row            `json:"rows" nullable:"false"`
}

// GroupSummary sums up one group.
type GroupSummary struct {
	Directory   engine.Directory `json:"directory"`
	Group       string           `json:"group"`
	GroupID     engine.GroupID   `json:"groupID"`
	Trust       engine.Trust     `json:"trust"`
	Note        string           `json:"note,omitempty"`
	Desired     int              `json:"desired"`
	Actual      *int             `json:"actual" doc:"null where the group was not read"`
	Explained   int              `json:"explained" doc:"Differences with an explanation"`
	Unexplained int              `json:"unexplained" doc:"Differences without"`
	Unknown     int              `json:"unknown" doc:"Memberships of which one side could not be read"`
}

// Row is one member of one group.
type Row struct {
	Directory engine.Directory `json:"directory"`
	Group     string           `json:"group"`
	GroupID   engine.GroupID   `json:"groupID"`
	Person    engine.Person    `json:"person,omitempty"`
	Login     string           `json:"login,omitempty"`
	Member    engine.MemberID  `json:"member,omitempty"`
	Kind      string           `json:"kind"`
	Desired   report.Fact      `json:"desired"`
	Actual    report.Fact      `json:"actual"`
	State     report.State     `json:"state"`
	Verdict   report.Verdict   `json:"verdict"`
	Why       string           `json:"why"`
	Grant     engine.GrantID   `json:"grant,omitempty"`
	Reason    string           `json:"reason,omitempty"`
	Until     time.Time        `json:"until,omitzero"`
	Since     time.Time        `json:"since,omitzero"`
}

// compliance is how the document describes a report.
func (a *API) compliance(csv bool) *huma.Response {
	schema := a.huma.OpenAPI().Components.Schemas.Schema(typeOf[Compliance](), true, "")
	r := &huma.Response{Description: "OK", Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
	if csv {
		r.Content["text/csv"] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	}
	return r
}

// Token is a token without its secret, which is shown once and kept nowhere.
type Token struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Person  string    `json:"person" doc:"Who made it"`
	Machine string    `json:"machine,omitempty" doc:"As which it acts; without it, as you"`
	Scopes  []string  `json:"scopes" nullable:"false"`
	Made    time.Time `json:"made"`
	Expires time.Time `json:"expires"`
	Used    time.Time `json:"used,omitzero" doc:"To the minute"`
	Revoked time.Time `json:"revoked,omitzero"`
}

// TokensInput says whose tokens are listed.
type TokensInput struct {
	All bool `query:"all" doc:"Everybody's and machines' that are good, for administrators; without it, your own"`
}

// Tokens are the caller's, or everybody's.
type Tokens struct {
	Body struct {
		Tokens []Token `json:"tokens" nullable:"false"`
	}
}

func (a *API) tokens(ctx context.Context, c desk.Caller, in *TokensInput) (*Tokens, error) {
	list := a.cfg.Desk.Tokens
	if in.All {
		list = a.cfg.Desk.AllTokens
	}
	ts, err := list(ctx, c)
	if err != nil {
		return nil, err
	}
	out := new(Tokens)
	out.Body.Tokens = make([]Token, len(ts))
	for i, t := range ts {
		out.Body.Tokens[i] = tokenOf(t)
	}
	return out, nil
}

func tokenOf(t access.Token) Token {
	return Token{
		ID: t.ID, Name: t.Name, Person: string(t.Person), Machine: t.Machine, Scopes: append([]string{}, t.Scopes...),
		Made: t.Made, Expires: t.Expires, Used: t.Used, Revoked: t.Revoked,
	}
}

// RevokeTokenInput names a token.
type RevokeTokenInput struct {
	ID string `path:"id"`
}

func (a *API) revokeToken(ctx context.Context, c desk.Caller, in *RevokeTokenInput) (*struct{}, error) {
	return nil, a.cfg.Desk.RevokeToken(ctx, c, in.ID)
}
