package report

import (
	"fmt"
	"io"
	"iter"
	"strings"
)

// Text writes the report as a page: what could not be read first, then a
// summary by group, then the memberships, those that need a look first.
func (c *Compliance) Text(w io.Writer, opt Options) error {
	p := newPage(w, opt, c.AsOf)
	title := "Desired against actual"
	if !c.AsOf.IsZero() {
		title += ", " + At(c.AsOf)
	}
	p.heading(bold, title, "")
	p.blank()
	p.notRead(c.NotRead)
	p.verdicts(c)
	for _, g := range c.Groups {
		p.groupRows(c, g)
	}
	return p.done()
}

func (p *page) notRead(ns []NotRead) {
	if len(ns) == 0 {
		return
	}
	p.heading(loud, "NOT READ", "what follows says nothing about this")
	t := table{indent: 2}
	for _, n := range ns {
		for _, l := range lines(n.Message) {
			if at := label(n.Directory, n.Group); at != "" {
				l = at + ": " + l
			}
			t.row(cell{"!", loud}, cell{Clean(n.Kind), red}, cell{l, plainText})
		}
	}
	p.table(&t)
	p.blank()
}

// verdicts writes the summary by group. Figures stand before names, so that
// they line up whatever a group is called.
func (p *page) verdicts(c *Compliance) {
	const row = "%9s %9s %10s %12s %9s"
	p.styled(dim, fmt.Sprintf(row, "desired", "actual", "explained", "UNEXPLAINED", "unknown"))
	p.text("\n")
	line := func(g GroupReport, name string, st style) {
		actual := number(g.Actual)
		if !read(g.Trust) {
			actual = "?"
		}
		s := fmt.Sprintf(row, number(g.Desired), actual, number(g.Explained), number(g.Unexplained), number(g.Unknown))
		if g.Unexplained > 0 {
			st = red
		}
		p.styled(st, s)
		p.text("  " + name + "\n")
	}
	for _, g := range c.Groups {
		line(*g, label(g.Group.Directory, g.Name), plainText)
	}
	line(c.Total(), fmt.Sprintf("all of %s", count(len(c.Groups), "group")), bold)
}

// groupRows writes one group. It goes over the rows twice, for the widths and
// for the writing, so that a large group is never held as text.
func (p *page) groupRows(c *Compliance, g *GroupReport) {
	rows := kept(c.of(g), p.opt.Differences)
	ws := []int{1, 0, 0}
	empty := true
	for r := range rows {
		empty = false
		ws[1] = max(ws[1], len(r.State))
		if n := width(rowWho(r)); n <= widest {
			ws[2] = max(ws[2], n)
		}
	}
	if empty {
		return
	}
	p.blank()
	p.heading(bold, label(g.Group.Directory, g.Name), groupAside(g))
	for r := range rows {
		sym := verdictSymbol(r.Verdict)
		p.row(2, ws, []cell{sym, {string(r.State), sym.style}, {rowWho(r), plainText}, {p.rowWords(r), plainText}})
	}
}

// kept passes the rows on, or only those that are not as they should be.
func kept(rows iter.Seq[Row], differences bool) iter.Seq[Row] {
	if !differences {
		return rows
	}
	return func(yield func(Row) bool) {
		for r := range rows {
			if r.Verdict != Same && !yield(r) {
				return
			}
		}
	}
}

func groupAside(g *GroupReport) string {
	if g.Unexplained == 0 {
		return ""
	}
	return number(g.Unexplained) + " UNEXPLAINED"
}

func verdictSymbol(v Verdict) cell {
	switch v {
	case Unexplained:
		return cell{"!", red}
	case Undecided:
		return cell{"?", yellow}
	case Explained:
		return cell{"~", yellow}
	}
	return cell{"=", green}
}

func rowWho(r Row) string {
	m := member(r)
	if m.Login == "" && m.ID == "" && r.Person == "" {
		return "-"
	}
	return who(r.Person, m)
}

// rowWords says why the membership is or is not there, until when, and since
// when it is ours.
func (p *page) rowWords(r Row) string {
	var parts []string
	if r.Verdict == Unexplained {
		parts = append(parts, string(Unexplained))
	}
	if !plainly(r) {
		parts = append(parts, Clean(r.Why))
	}
	if k := kindWord(member(r)); k != "" {
		parts = append(parts, k)
	}
	if !r.Until.IsZero() {
		word := "until "
		if !r.Until.After(p.now) {
			word = "ended "
		}
		parts = append(parts, word+p.when(r.Until))
	}
	if !r.Since.IsZero() {
		parts = append(parts, "ours since "+At(r.Since))
	}
	s := strings.Join(parts, "; ")
	if r.Reason != "" {
		s += ": " + Clean(r.Reason)
	}
	return s
}

// plainly reports whether the state says all that the sentence would.
func plainly(r Row) bool {
	return (r.State == Granted || r.State == Foreign) && r.Why == r.State.sentence()
}
