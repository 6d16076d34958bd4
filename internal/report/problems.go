package report

import (
	"fmt"

	"github.com/daypass-dev/daypass/engine"
)

// problems writes what the plan could not decide.
func (p *page) problems(ps []engine.Problem) {
	if len(ps) == 0 {
		return
	}
	p.heading(bold, "Problems", number(len(ps)))
	t := table{indent: 2}
	for _, q := range ps {
		at := label(q.Directory, q.Group)
		if q.Person != "" {
			at = join2(at, Clean(string(q.Person)))
		}
		t.row(cell{"!", red}, cell{string(q.Kind), red}, cell{at, bold}, cell{Clean(q.Message), plainText})
	}
	p.table(&t)
	p.blank()
}

func join2(a, b string) string {
	if a == "" {
		return b
	}
	return a + "  " + b
}

// How much of the foreign members a page shows without Options.All.
const (
	foreignShown  = 10 // of a group
	foreignGroups = 20
)

// foreign writes the members that nothing explains: the first few of each
// group, and how many there are.
func (p *page) foreign(fs []engine.Foreign) {
	if len(fs) == 0 {
		return
	}
	p.heading(bold, "Foreign members", number(len(fs))+"; no grant explains them, and nobody but the group's owner can")
	groups := 0
	for len(fs) > 0 {
		if groups++; groups > foreignGroups && !p.opt.All {
			p.para(2, dim, "", fmt.Sprintf("and %s in other groups; --all lists them", number(len(fs))))
			break
		}
		n := 1
		for n < len(fs) && fs[n].Directory == fs[0].Directory && fs[n].Group == fs[0].Group {
			n++
		}
		p.foreignGroup(fs[:n])
		fs = fs[n:]
	}
	p.blank()
}

func (p *page) foreignGroup(fs []engine.Foreign) {
	p.spaces(2)
	p.heading(plainText, label(fs[0].Directory, fs[0].Group), number(len(fs)))
	shown := fs
	if len(fs) > foreignShown+1 && !p.opt.All { // one line less is no shorter
		shown = fs[:foreignShown]
	}
	t := table{indent: 4}
	for _, f := range shown {
		words := kindWord(f.Member)
		if !f.RemoveAt.IsZero() {
			words = join(words, "swept out "+When(f.RemoveAt, p.now))
		}
		t.row(cell{"?", yellow}, cell{who("", f.Member), plainText}, cell{words, dim})
	}
	p.table(&t)
	if n := len(fs) - len(shown); n > 0 {
		p.para(4, dim, "", fmt.Sprintf("and %s more; --all lists them", number(n)))
	}
}

// kindWord says what a member is that is not an account.
func kindWord(m engine.Member) string {
	switch {
	case m.Kind == engine.GroupMember:
		return "a nested group"
	case m.Ghost():
		return "leads to no object"
	case m.Kind == engine.OtherMember:
		return "not an account"
	}
	return ""
}
