package web

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/report"
	"github.com/daypass-dev/daypass/schedule"
)

type resourcesPage struct {
	Search string
	Found  []desk.Offer
	More   int
}

func (web *Web) resources(c *call) error {
	p := resourcesPage{Search: strings.TrimSpace(c.r.FormValue("q"))}
	var err error
	if p.Found, err = web.cfg.Desk.Resources(c.r.Context(), c.caller, p.Search); err != nil {
		return err
	}
	p.More = max(0, len(p.Found)-shownOffers)
	p.Found = p.Found[:len(p.Found)-p.More]
	web.render(c, http.StatusOK, "resources", "Resources", p)
	return nil
}

type resourcePage struct {
	desk.Offer
	Seen    bool // the caller sees the members
	Members members
	Problem string
}

// members are desired against actual, what is to be explained first, cut to what a page can show.
type members struct {
	NotRead []report.NotRead
	Rows    []report.Row
	More    int
	Total   report.GroupReport
	AsOf    time.Time
}

// shownRows is how many memberships a page lists; a file has them all.
const shownRows = 500

func membersOf(c *report.Compliance) members {
	m := members{NotRead: c.NotRead, Total: c.Total(), AsOf: c.AsOf, Rows: slices.Collect(c.Rows())}
	rank := []report.Verdict{report.Unexplained, report.Undecided, report.Explained, report.Same}
	slices.SortStableFunc(m.Rows, func(a, b report.Row) int {
		return cmp.Compare(slices.Index(rank, a.Verdict), slices.Index(rank, b.Verdict))
	})
	m.More = max(0, len(m.Rows)-shownRows)
	m.Rows = m.Rows[:len(m.Rows)-m.More]
	return m
}

func (web *Web) resource(c *call) error {
	ctx, name := c.r.Context(), c.r.PathValue("name")
	o, err := web.cfg.Desk.Resource(ctx, c.caller, name)
	if err != nil {
		return err
	}
	p := resourcePage{Offer: o}
	found, err := web.cfg.Desk.Members(ctx, c.caller, name)
	switch access.KindOf(err) {
	case access.Forbidden:
	case access.Doubt, access.Broken:
		p.Problem = sentence(err)
	default:
		if err != nil {
			return err
		}
		p.Seen, p.Members = true, membersOf(found)
	}
	web.render(c, http.StatusOK, "resource", o.Label(), p)
	return nil
}

type runsPage struct {
	Runs    []desk.Run
	Holds   []engine.Hold
	Problem string
}

func (web *Web) runs(c *call) error { return web.showRuns(c, http.StatusOK, "") }

func (web *Web) showRuns(c *call, status int, problem string) error {
	p := runsPage{Problem: problem}
	var err error
	if p.Runs, err = web.cfg.Desk.Runs(c.r.Context(), c.caller, 50); err != nil {
		return err
	}
	if p.Holds, err = web.cfg.Desk.Holds(c.r.Context(), c.caller); err != nil {
		return err
	}
	web.render(c, status, "runs", "Runs", p)
	return nil
}

func (web *Web) release(c *call) error {
	ctx, f := c.r.Context(), c.r.PostForm
	_, err := web.cfg.Desk.Release(ctx, c.caller, f.Get("digest"), lines(f.Get("reason")))
	if k := access.KindOf(err); k == access.Invalid || k == access.NotFound {
		status, _ := c.statusOf(err)
		return web.showRuns(c, status, sentence(err))
	}
	if err != nil {
		return err
	}
	web.cfg.Auth.Tell(ctx, "It is released; the next run lets exactly that through.")
	http.Redirect(c.w, c.r, "/runs", http.StatusSeeOther)
	return nil
}

type auditPage struct {
	Events                []desk.Logged
	Next                  string
	Kind, Person, Request string
	Kinds                 []engine.EventKind
	Head                  string
}

func (web *Web) audit(c *call) error {
	ctx := c.r.Context()
	p := auditPage{Kind: c.r.FormValue("kind"), Person: strings.TrimSpace(c.r.FormValue("person")), Request: strings.TrimSpace(c.r.FormValue("request")), Kinds: kinds()}
	q := desk.AuditQuery{Kind: engine.EventKind(p.Kind), Request: p.Request}
	if p.Person != "" {
		q.Person = personOf(p.Person)
	}
	if s := c.r.FormValue("before"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 1 {
			return &pageError{http.StatusBadRequest, "The page to go on with is not a number."}
		}
		q.Before = n
	}
	events, next, err := web.cfg.Desk.Audit(ctx, c.caller, q)
	if err != nil {
		return err
	}
	head, err := web.cfg.Desk.Head(ctx, c.caller)
	if err != nil {
		return err
	}
	p.Events, p.Head = events, head.String()
	if next > 0 {
		p.Next = values("kind", p.Kind, "person", p.Person, "request", p.Request, "before", strconv.FormatInt(next, 10))
	}
	web.render(c, http.StatusOK, "audit", "Audit", p)
	return nil
}

// kinds are those that people look for.
func kinds() []engine.EventKind {
	ks := []engine.EventKind{
		engine.EventRequested, engine.EventApproved, engine.EventDenied, engine.EventWithdrawn, engine.EventLapsed, engine.EventEscalated,
		engine.EventGranted, engine.EventExtended, engine.EventRevoked, engine.EventBreakGlass, engine.EventReviewed, engine.EventReviewLate,
		engine.EventHappened, engine.EventConfirmed, engine.EventFailed, engine.EventOverdue, engine.EventHeld, engine.EventReleased,
		engine.EventTokenMade, engine.EventTokenRevoked,
	}
	slices.Sort(ks)
	return ks
}

func (web *Web) reports(c *call) error {
	if c.r.FormValue("make") == "" { // it asks every directory, so somebody has to want it
		if _, err := web.cfg.Desk.Holds(c.r.Context(), c.caller); err != nil { // who may not, is told at once
			return err
		}
		web.render(c, http.StatusOK, "reports", "Reports", (*reportPage)(nil))
		return nil
	}
	found, err := web.cfg.Desk.Report(c.r.Context(), c.caller)
	if err != nil {
		return err
	}
	web.render(c, http.StatusOK, "reports", "Reports", &reportPage{membersOf(found), found.Groups})
	return nil
}

type reportPage struct {
	members
	Groups []*report.GroupReport
}

func (web *Web) reportCSV(c *call) error {
	return web.file(c, "text/csv; charset=utf-8", "csv", func(r *report.Compliance, b *bytes.Buffer) error { return r.CSV(b, report.Options{All: true}) })
}

func (web *Web) reportJSON(c *call) error {
	return web.file(c, "application/json", "json", func(r *report.Compliance, b *bytes.Buffer) error { return r.JSON(b, report.Options{All: true}) })
}

func (web *Web) file(c *call, kind, ending string, write func(*report.Compliance, *bytes.Buffer) error) error {
	found, err := web.cfg.Desk.Report(c.r.Context(), c.caller)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := write(found, &b); err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", kind)
	c.w.Header().Set("Content-Disposition", `attachment; filename="daypass-compliance-`+found.AsOf.UTC().Format("20060102T1504Z")+"."+ending+`"`)
	_, _ = b.WriteTo(c.w) // whoever went away needs no file
	return nil
}

type tokensPage struct {
	Tokens  []access.Token
	Others  []access.Token // everybody else's, for administrators
	Secret  string         // of the one just made
	Problem string
}

// Good reports whether a token still opens anything.
func (p tokensPage) Good(t access.Token, now time.Time) bool {
	return t.Revoked.IsZero() && now.Before(t.Expires)
}

func (web *Web) tokens(c *call) error { return web.showTokens(c, http.StatusOK, tokensPage{}) }

func (web *Web) showTokens(c *call, status int, p tokensPage) error {
	var err error
	if p.Tokens, err = web.cfg.Desk.Tokens(c.r.Context(), c.caller); err != nil {
		return err
	}
	if web.cfg.Desk.Me(c.r.Context(), c.caller).Roles.Administrator {
		p.Others, err = web.cfg.Desk.AllTokens(c.r.Context(), c.caller)
		if err != nil && !access.Unknown(err) { // their own they see in any case
			return err
		}
		p.Others = slices.DeleteFunc(p.Others, func(t access.Token) bool {
			return slices.ContainsFunc(p.Tokens, func(own access.Token) bool { return own.ID == t.ID })
		})
	}
	web.render(c, status, "tokens", "Tokens", p)
	return nil
}

func (web *Web) newToken(c *call) error {
	f := c.r.PostForm
	length, err := schedule.ParseDuration(strings.TrimSpace(f.Get("for")))
	if err != nil {
		return web.showTokens(c, http.StatusUnprocessableEntity, tokensPage{Problem: "Write how long it is good, such as 12h or 30d."})
	}
	var scopes []desk.Scope
	for _, s := range f["scope"] {
		scopes = append(scopes, desk.Scope(s))
	}
	_, secret, err := web.cfg.Desk.NewToken(c.r.Context(), c.caller, f.Get("name"), strings.TrimSpace(f.Get("machine")), scopes, length)
	if k := access.KindOf(err); k == access.Invalid || k == access.Forbidden {
		status, _ := c.statusOf(err)
		return web.showTokens(c, status, tokensPage{Problem: sentence(err)})
	}
	if err != nil {
		return err
	}
	return web.showTokens(c, http.StatusCreated, tokensPage{Secret: secret})
}

func (web *Web) revokeToken(c *call) error {
	if err := web.cfg.Desk.RevokeToken(c.r.Context(), c.caller, c.r.PathValue("id")); err != nil {
		return err
	}
	web.cfg.Auth.Tell(c.r.Context(), "The token is revoked.")
	http.Redirect(c.w, c.r, "/tokens", http.StatusSeeOther)
	return nil
}
