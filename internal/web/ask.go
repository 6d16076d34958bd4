package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/schedule"
)

func (web *Web) home(c *call) error {
	http.Redirect(c.w, c.r, "/ask", http.StatusSeeOther)
	return nil
}

// askPage is where somebody looks for what they need.
type askPage struct {
	Search    string
	Found     []desk.Offer
	More      int // offers that are not shown
	Templates []desk.Template
	Mine      []desk.View // what the caller has already
	Problem   string      // why some of it is missing
}

// shownOffers is how many resources a page lists.
const shownOffers = 100

func (web *Web) ask(c *call) error {
	ctx := c.r.Context()
	p := askPage{Search: strings.TrimSpace(c.r.FormValue("q"))}
	var err error
	if p.Found, err = web.cfg.Desk.Resources(ctx, c.caller, p.Search); err != nil {
		return err
	}
	p.Found = slices.DeleteFunc(p.Found, func(o desk.Offer) bool { return o.Policy == nil })
	p.More = max(0, len(p.Found)-shownOffers)
	p.Found = p.Found[:len(p.Found)-p.More]
	if p.Search == "" {
		if p.Templates, err = web.cfg.Desk.Templates(ctx, c.caller); err != nil {
			return err
		}
		p.Mine, _, err = web.cfg.Desk.Mine(ctx, c.caller)
		if p.Problem, err = missing(err); err != nil {
			return err
		}
	}
	web.render(c, http.StatusOK, "ask", "Ask for access", p)
	return nil
}

// formPage is the form in which somebody asks.
type formPage struct {
	desk.Offer
	Lengths   []time.Duration // that are offered
	Given     given
	Errors    []formProblem
	Emergency bool // it is asked for by break-glass
	Others    bool // it may be asked for somebody else
	Must      bool // it may only be asked for somebody else
}

// formProblem is something wrong with a form, and the field it is about.
type formProblem struct{ Field, Message string }

// Problem returns what is wrong with a field.
func (p formPage) Problem(field string) string {
	for _, e := range p.Errors {
		if e.Field == field {
			return e.Message
		}
	}
	return ""
}

// given is what somebody typed.
type given struct {
	Template, Person, For, Other, From, Reason, Ticket string
	Answers                                            map[string]string
}

func (web *Web) form(c *call) error {
	o, err := web.cfg.Desk.Resource(c.r.Context(), c.caller, c.r.PathValue("resource"))
	if err != nil {
		return err
	}
	g := given{Template: c.r.FormValue("template"), Answers: map[string]string{}}
	if o.Policy != nil {
		g.For = schedule.FormatDuration(o.Policy.Default)
	}
	for _, t := range o.Templates {
		if t.Name != g.Template {
			continue
		}
		if t.For > 0 {
			g.For = schedule.FormatDuration(t.For)
		}
		g.Reason, g.Ticket, g.Answers = t.Reason, t.Ticket, t.Answers
	}
	glass := c.r.FormValue("breakGlass") != ""
	if glass && o.Policy != nil && o.Policy.BreakGlass != nil {
		g.For = schedule.FormatDuration(o.Policy.BreakGlass.Max)
	}
	web.renderForm(c, http.StatusOK, o, g, glass, nil)
	return nil
}

func (web *Web) renderForm(c *call, status int, o desk.Offer, g given, glass bool, problems []formProblem) {
	p := formPage{Offer: o, Given: g, Errors: problems, Emergency: glass}
	if o.Policy != nil {
		most := o.Policy.Max
		if glass && o.Policy.BreakGlass != nil {
			most = o.Policy.BreakGlass.Max
		}
		p.Lengths = lengths(most, o.Policy.Default)
		p.Others, p.Must = o.Policy.For != access.Self, o.Policy.For == access.Others
	}
	if i := slices.IndexFunc(p.Lengths, func(d time.Duration) bool { return schedule.FormatDuration(d) == g.For }); i < 0 && g.Other == "" && g.For != "" {
		p.Given.Other, p.Given.For = g.For, "other"
	}
	title := "Ask for " + o.Label()
	if glass {
		title = "Emergency access to " + o.Label()
	}
	web.render(c, status, "form", title, p)
}

// lengths are those that are offered below a maximum, with the default among
// them.
func lengths(most, standard time.Duration) []time.Duration {
	all := []time.Duration{standard, most}
	for _, d := range []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 24 * time.Hour, 72 * time.Hour, 168 * time.Hour} {
		if d < most {
			all = append(all, d)
		}
	}
	all = slices.DeleteFunc(all, func(d time.Duration) bool { return d > most || d <= 0 })
	slices.Sort(all)
	return slices.Compact(all)
}

func (web *Web) submit(c *call) error {
	ctx, f := c.r.Context(), c.r.PostForm
	o, err := web.cfg.Desk.Resource(ctx, c.caller, c.r.PathValue("resource"))
	if err != nil {
		return err
	}
	g := given{
		Template: f.Get("template"), Person: strings.TrimSpace(f.Get("person")), For: f.Get("for"), Other: strings.TrimSpace(f.Get("other")),
		From: f.Get("from"), Reason: f.Get("reason"), Ticket: f.Get("ticket"), Answers: map[string]string{},
	}
	for key := range f {
		if name, ok := strings.CutPrefix(key, "answers."); ok {
			g.Answers[name] = f.Get(key)
		}
	}
	w := desk.Wish{
		Resource: o.Name, Template: g.Template, Reason: lines(g.Reason), Ticket: g.Ticket, Answers: g.Answers, BreakGlass: f.Get("breakGlass") != "",
	}
	problems := g.read(&w, web.cfg.Now())
	if len(problems) > 0 {
		web.renderForm(c, http.StatusUnprocessableEntity, o, g, w.BreakGlass, problems)
		return nil
	}
	r, err := web.cfg.Desk.Ask(ctx, c.caller, w)
	switch access.KindOf(err) {
	case access.Invalid, access.Conflict, access.Doubt, access.Broken, access.Forbidden:
		status, _ := c.statusOf(err)
		for _, e := range access.Refusals(err) {
			problems = append(problems, formProblem{e.Field, upper(e.Message) + "."})
		}
		web.renderForm(c, status, o, g, w.BreakGlass, problems)
		return nil
	}
	if err != nil {
		return err
	}
	notice := "You asked for " + o.Label() + "."
	if r.Status == access.Approved {
		notice = "You have access to " + o.Label() + " until " + at(r.Grant.Until) + "; it takes a moment to be there."
	}
	web.cfg.Auth.Tell(ctx, notice)
	http.Redirect(c.w, c.r, "/requests/"+r.ID, http.StatusSeeOther)
	return nil
}

// read takes in what has to be understood before the desk gets it.
func (g given) read(w *desk.Wish, now time.Time) (problems []formProblem) {
	wrong := func(field, message string) { problems = append(problems, formProblem{field, message}) }
	length := g.For
	if length == "other" || length == "" && g.Other != "" {
		length = g.Other
	}
	var err error
	if length != "" {
		if w.For, err = schedule.ParseDuration(length); err != nil {
			wrong("for", "Write the length such as 90m, 4h or 2d.")
		}
	} else if g.For == "other" {
		wrong("for", "Say for how long, such as 90m, 4h or 2d.")
	}
	if g.From != "" {
		if w.From, err = time.Parse("2006-01-02T15:04", g.From); err != nil {
			wrong("from", "Write the start as a day and a time, such as 2026-11-23 09:00.")
		} else if w.From.Before(now.Add(-time.Minute)) {
			wrong("from", "The start lies in the past. Leave it out to begin at the approval.")
		}
	}
	if g.Person != "" {
		if w.Person, err = engine.ParsePerson(g.Person); err != nil {
			wrong("person", "Write a work address, such as ada@example.org.")
		}
	}
	return problems
}

// lines are the lines of a text area as everybody else ends them.
func lines(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }
