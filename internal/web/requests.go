package web

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/schedule"
)

type minePage struct {
	Requests []desk.View
	Holdings []desk.Holding
	Problem  string // why some are missing
}

func (web *Web) mine(c *call) error {
	var p minePage
	var err error
	p.Requests, p.Holdings, err = web.cfg.Desk.Mine(c.r.Context(), c.caller)
	if p.Problem, err = missing(err); err != nil {
		return err
	}
	web.render(c, http.StatusOK, "mine", "My access", p)
	return nil
}

// missing is what a page says of requests that cannot be read, beside the others;
// what else is wrong stays an error.
func missing(err error) (problem string, other error) {
	if errors.Is(err, desk.ErrUnreadable) {
		return sentence(err), nil
	}
	return "", err
}

type inboxPage struct {
	Waiting []desk.Detail
	More    bool
	Problem string // why more may wait
}

func (web *Web) inbox(c *call) error {
	ctx := c.r.Context()
	in, err := web.cfg.Desk.Inbox(ctx, c.caller)
	if err != nil {
		return err
	}
	p := inboxPage{More: in.More}
	if in.Doubt != nil {
		p.Problem = sentence(in.Doubt)
	}
	if p.Waiting, err = web.cfg.Desk.Details(ctx, c.caller, in.Waiting); err != nil {
		return err
	}
	web.render(c, http.StatusOK, "approve", "Approve", p)
	return nil
}

type requestsPage struct {
	Requests                []desk.View
	Next                    string // the query of the next page
	Problem                 string // why some are missing
	Search, State, Resource string
	States                  []option
}

type option struct {
	Value, Label string
	Chosen       bool
}

func (web *Web) requests(c *call) error {
	p := requestsPage{Search: c.r.FormValue("q"), State: c.r.FormValue("state"), Resource: c.r.FormValue("resource")}
	q := access.Query{Text: strings.TrimSpace(p.Search), Resource: p.Resource, After: c.r.FormValue("after")}
	for _, o := range []struct {
		value, label string
		narrow       func()
	}{
		{"", "all", func() {}},
		{"undecided", "waiting for approval", func() { q.Undecided = true }},
		{"active", "active", func() { q.Phase = []access.Phase{access.Active} }},
		{"waiting", "approved, not begun", func() { q.Phase = []access.Phase{access.Waiting} }},
		{"review", "emergencies to review", func() { q.Review = true }},
		{"decided", "decided by you", func() { q.Decided = c.caller.Person }},
		{"denied", "denied", func() { q.Status = []access.Status{access.Denied} }},
		{"lapsed", "lapsed or withdrawn", func() { q.Status = []access.Status{access.Lapsed, access.Withdrawn} }},
	} {
		p.States = append(p.States, option{o.value, o.label, o.value == p.State})
		if o.value == p.State {
			o.narrow()
		}
	}
	views, next, err := web.cfg.Desk.Requests(c.r.Context(), c.caller, q)
	if errors.Is(err, desk.ErrCursor) {
		return &pageError{http.StatusBadRequest, "There is no such page of requests. Go back to the first one."}
	}
	if p.Problem, err = missing(err); err != nil {
		return err
	}
	p.Requests = views
	if next != "" {
		p.Next = values("q", p.Search, "state", p.State, "resource", p.Resource, "after", next)
	}
	web.render(c, http.StatusOK, "requests", "Requests", p)
	return nil
}

type requestPage struct {
	desk.Detail
	Tried attempt // what was tried last and did not go
}

// Decision is the form in which the reader decides.
func (p requestPage) Decision() decision {
	return decision{p.Detail, p.Tried, p.Tried.Typed("decide", "back", "")}
}

// waits returns the number of the step that waits, and that of its extension; 0
// is the request itself.
func waits(r access.Request) (step, extension int) {
	if course := r.Undecided(); course != nil {
		step = course.Step
	}
	if r.Status == access.Approved {
		extension = len(r.Extensions)
	}
	return step, extension
}

func (web *Web) request(c *call) error { return web.show(c, http.StatusOK, attempt{}) }

func (web *Web) show(c *call, status int, tried attempt) error {
	x, err := web.cfg.Desk.Request(c.r.Context(), c.caller, c.r.PathValue("id"))
	if err != nil {
		return err
	}
	web.render(c, status, "request", x.Title+" for "+string(x.Person), requestPage{x, tried})
	return nil
}

// decided goes on after something was done to a request, or shows the request
// with why it was not.
func (web *Web) decided(c *call, err error, notice string) error {
	if k := access.KindOf(err); k == access.NotFound || err != nil && k == "" {
		return err
	}
	if err != nil {
		status, _ := c.statusOf(err)
		if serr := web.show(c, status, attempted(c, err)); serr == nil {
			return nil
		}
		return err
	}
	web.cfg.Auth.Tell(c.r.Context(), notice)
	back := "/requests/" + c.r.PathValue("id")
	if slices.Contains([]string{"/approve", "/mine"}, c.r.PostForm.Get("back")) {
		back = c.r.PostForm.Get("back")
	}
	http.Redirect(c.w, c.r, back, http.StatusSeeOther)
	return nil
}

func (web *Web) approve(c *call) error { return web.decide(c, true, "You approved it.") }

func (web *Web) deny(c *call) error { return web.decide(c, false, "You denied it.") }

func (web *Web) decide(c *call, yes bool, notice string) error {
	f := c.r.PostForm
	step, err := strconv.Atoi(f.Get("step"))
	extension, xerr := strconv.Atoi(f.Get("extension"))
	if err != nil || xerr != nil {
		return &pageError{http.StatusBadRequest, "Which step is decided is missing. Go back, look at the request again, and decide there."}
	}
	comment := lines(strings.TrimSpace(f.Get("comment")))
	_, err = web.cfg.Desk.Decide(c.r.Context(), c.caller, c.r.PathValue("id"), desk.Word{Approve: yes, Comment: comment, Step: step, Extension: extension})
	return web.decided(c, err, notice)
}

func (web *Web) withdraw(c *call) error {
	_, err := web.cfg.Desk.Withdraw(c.r.Context(), c.caller, c.r.PathValue("id"), lines(c.r.PostForm.Get("comment")), 0)
	return web.decided(c, err, "It is withdrawn.")
}

func (web *Web) end(c *call) error {
	_, err := web.cfg.Desk.End(c.r.Context(), c.caller, c.r.PathValue("id"), lines(c.r.PostForm.Get("comment")), 0)
	return web.decided(c, err, "The access is ended; it is gone in a moment.")
}

func (web *Web) extend(c *call) error {
	f := c.r.PostForm
	length, err := schedule.ParseDuration(strings.TrimSpace(f.Get("for")))
	if err != nil {
		return web.decided(c, &access.Error{Kind: access.Invalid, Field: "for", Message: "write the length such as 90m, 4h or 2d"}, "")
	}
	_, err = web.cfg.Desk.Extend(c.r.Context(), c.caller, c.r.PathValue("id"), length, lines(f.Get("reason")), 0)
	return web.decided(c, err, "You asked to extend it.")
}

func (web *Web) review(c *call) error {
	f := c.r.PostForm
	verdict := f.Get("verdict")
	if verdict != "justified" && verdict != "unjustified" {
		return &pageError{http.StatusBadRequest, "What was found is missing. Go back, and say whether the emergency was one."}
	}
	_, err := web.cfg.Desk.Review(c.r.Context(), c.caller, c.r.PathValue("id"), verdict == "justified", lines(f.Get("comment")), 0)
	return web.decided(c, err, "The review is closed.")
}

// personOf reads an address, or a machine, that somebody typed to search by.
func personOf(s string) engine.Person {
	p, err := desk.ParseSought(s)
	if err != nil {
		return engine.Person(strings.TrimSpace(s)) // which finds nothing
	}
	return p
}
