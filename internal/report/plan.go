package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// Plan writes what a look at everything would change, and why, as a page to
// read. Removals that are overdue stand first; what to type next stands last.
// All times are UTC, and relative to the plan's own time.
func Plan(w io.Writer, res engine.Result, opt Options) error {
	p := newPage(w, opt, res.Plan.AsOf)
	p.overdue(res.Overdue)
	p.grantsUnread(res.GrantsErr)
	p.groups(res.Plan)
	p.wholeRun(res.Plan)
	p.release(res)
	p.problems(res.Plan.Problems)
	p.foreign(res.Plan.Foreign)
	p.planSummary(res)
	p.next(res)
	return p.done()
}

// PlanJSON writes the plan as scripts read it: the contract of [engine.Plan],
// indented. Letters that are not seen, or that reorder a line, are escaped.
func PlanJSON(w io.Writer, res engine.Result) error { return writeJSON(w, res.Plan) }

// overdue says loudly which removals are late.
func (p *page) overdue(late []engine.Late) {
	if len(late) == 0 {
		return
	}
	p.heading(loud, fmt.Sprintf("OVERDUE: %s late, and access may still be there", is(len(late), "removal")), "")
	var t table
	t.indent = 2
	for _, l := range late {
		words := "due " + p.when(l.Due)
		if l.Error != "" {
			words += "; the last attempt: " + Clean(l.Error)
		}
		t.row(cell{"!", loud}, cell{label(l.Directory, l.Group), plainText}, cell{who(l.Person, l.Member), bold}, cell{words, plainText})
	}
	p.table(&t)
	p.blank()
}

func (p *page) grantsUnread(err error) {
	if err == nil {
		return
	}
	p.heading(loud, "GRANTS NOT READ", "what is due by the ledger ends all the same")
	for _, l := range lines(err.Error()) {
		p.para(2, loud, "!", l)
	}
	p.blank()
}

// section is the part of a plan that is about one group.
type section struct {
	label      string
	aside      string
	changes    []engine.Change
	objections []engine.Objection // not released
}

// groups writes a section for each group in which something changes or is held.
func (p *page) groups(plan engine.Plan) {
	for _, s := range sections(plan) {
		p.heading(bold, s.label, s.aside)
		p.changes(s.changes, false)
		p.held(s)
		p.blank()
	}
}

// sections cuts the plan by group, in the plan's order.
func sections(plan engine.Plan) []section {
	about := make(map[engine.Group]engine.GroupSummary, len(plan.Groups))
	for _, g := range plan.Groups {
		about[g.Group] = g
	}
	objected := make(map[string][]engine.Objection)
	for _, o := range plan.Objections {
		if o.Group != "" && !o.Released {
			objected[Clean(o.Group)] = append(objected[Clean(o.Group)], o)
		}
	}
	var out []section
	used := make(map[string]bool)
	for cs := plan.Changes; len(cs) > 0; {
		n := 1
		for n < len(cs) && cs[n].Key() == cs[0].Key() {
			n++
		}
		l := label(cs[0].Directory, cs[0].Group)
		g, known := about[cs[0].Key()]
		out = append(out, section{l, aside(g, known), cs[:n], objected[l]})
		used[l] = true
		cs = cs[n:]
	}
	for _, g := range plan.Groups { // an objection without a change: an implausible listing
		l := label(g.Group.Directory, g.Name)
		if !used[l] && len(objected[l]) > 0 {
			out = append(out, section{l, aside(g, true), nil, objected[l]})
			used[l] = true
		}
	}
	return out
}

// aside is what stands beside a group's name: how many members it was read
// with, and how far that can be trusted.
func aside(g engine.GroupSummary, known bool) string {
	switch {
	case !known:
		return ""
	case g.Trust == engine.Unread:
		return "could not be read"
	case g.Trust == engine.Gone:
		return "is not there"
	case g.Trust == engine.Doubtful:
		return count(g.Members, "member") + ", doubtful"
	}
	return count(g.Members, "member")
}

// changes writes those changes that are held, or those that are not.
func (p *page) changes(cs []engine.Change, held bool) {
	t := table{indent: 2}
	if held {
		t.indent = 4
	}
	for _, c := range cs {
		if c.Held == held {
			sym := symbol(c.Op)
			t.row(sym, cell{who(c.Person, c.Member), bold}, cell{whyWord(c), sym.style}, cell{p.words(c), plainText})
		}
	}
	p.table(&t)
}

// held writes what limits object to in the group, and the changes they hold.
func (p *page) held(s section) {
	n := 0
	for _, c := range s.changes {
		if c.Held {
			n++
		}
	}
	if n == 0 && len(s.objections) == 0 {
		return
	}
	for _, o := range s.objections {
		p.objection(2, o)
	}
	if n > 0 && len(s.objections) == 0 {
		p.para(2, yellow, "held", "by a limit of the whole run, see below")
	}
	p.changes(s.changes, true)
}

func (p *page) objection(indent int, o engine.Objection) {
	p.para(indent, yellow, "held", fmt.Sprintf("by %s: %s", Clean(string(o.Limit)), Clean(o.Message)))
}

// wholeRun writes the objections of the limits of the run.
func (p *page) wholeRun(plan engine.Plan) {
	first := true
	for _, o := range plan.Objections {
		if o.Group != "" || o.Released {
			continue
		}
		if first {
			p.heading(bold, "The whole run", "")
		}
		first = false
		p.objection(2, o)
	}
	if !first {
		p.blank()
	}
}

// release says who let held changes through.
func (p *page) release(res engine.Result) {
	if r := res.Release; r != nil {
		words := "by " + Clean(r.By) + " at " + p.when(r.At)
		if r.Reason != "" {
			words += ": " + Clean(r.Reason)
		}
		p.para(0, yellow, "Released", words)
		t := table{indent: 2}
		for _, o := range res.Plan.Objections {
			if o.Released {
				t.row(cell{string(o.Limit), yellow}, cell{Clean(o.Message), plainText})
			}
		}
		p.table(&t)
		p.blank()
	}
}

func symbol(op engine.Op) cell {
	switch op {
	case engine.Add:
		return cell{"+", green}
	case engine.Remove:
		return cell{"-", red}
	}
	return cell{"~", yellow}
}

// whyWord is the reason of a change in one word.
func whyWord(c engine.Change) string {
	switch {
	case c.Op == engine.Forget && c.Lapsed():
		return "ended"
	case c.Op == engine.Forget:
		return "forgotten"
	}
	return string(c.Why)
}

// words says why a change takes place, until when, and for what.
func (p *page) words(c engine.Change) string {
	s := phrase(c, p.now, p.when(c.Until))
	switch {
	case c.Expires.IsZero():
	case c.Op == engine.Forget:
		s = "by the directory itself at " + p.when(c.Expires)
	case c.Op == engine.Expire:
		s = "the directory is to end it at " + p.when(c.Expires)
	default:
		s = join(s, "the directory is to end it too")
	}
	if c.Reason != "" {
		s += ": " + Clean(c.Reason)
	}
	return s
}

func phrase(c engine.Change, now time.Time, when string) string {
	until := ""
	switch {
	case when == "":
	case c.Why == engine.Withdrawn:
		until = "before its end " + when
	case c.Op == engine.Remove && c.Why == engine.Ends:
		until = "at " + when
	default:
		until = "until " + when
	}
	switch {
	case c.Op == engine.Forget && c.Why == engine.Ends && c.Until.After(now):
		return join("taken out by somebody else, which ends it by the group's rule", until)
	case c.Op == engine.Forget:
		return join("our claim ends", until)
	case c.Lapsed():
		return join("ended by the directory itself, too early", until)
	case c.Why == engine.Restored:
		return join("taken out by somebody else", until)
	case c.Why == engine.Foreigner:
		return "nothing explains the member, and the group is exclusive"
	case until == "":
		return "no end on record"
	}
	return until
}

// when is [When] that breaks after the comma only.
func (p *page) when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return At(t) + ", " + unbroken(Relative(t, p.now))
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// who names a member: the person, and the login where it says more.
func who(p engine.Person, m engine.Member) string {
	login := m.Login
	if login == "" {
		login = string(m.ID)
	}
	local, _, _ := strings.Cut(string(p), "@")
	switch {
	case p == "":
		return Clean(login)
	case login == "", strings.EqualFold(login, string(p)), strings.EqualFold(login, local):
		return Clean(string(p))
	}
	return Clean(string(p)) + " (" + Clean(login) + ")"
}

func label(d engine.Directory, group string) string {
	if group == "" {
		return Clean(string(d))
	}
	return Clean(string(d)) + "/" + Clean(group)
}
