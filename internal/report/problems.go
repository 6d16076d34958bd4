package report

import (
	"fmt"
	"strings"

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
		t.row(cell{"!", red}, cell{Clean(string(q.Kind)), red}, cell{problemWords(q), plainText})
	}
	p.table(&t)
	p.blank()
}

func problemWords(q engine.Problem) string {
	at, who := label(q.Directory, q.Group), Clean(string(q.Person))
	switch {
	case who != "" && at != "":
		at = who + " in " + at + ": "
	case who+at != "":
		at = who + at + ": "
	}
	return at + Clean(q.Message)
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
	p.heading(bold, "Foreign members", number(len(fs))+", which no grant explains")
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

// foreignGroup names those who are to leave one by one, and the others in
// running text.
func (p *page) foreignGroup(fs []engine.Foreign) {
	p.spaces(2)
	p.heading(plainText, label(fs[0].Directory, fs[0].Group), number(len(fs)))
	shown := fs
	if len(fs) > foreignShown && !p.opt.All {
		shown = fs[:foreignShown]
	}
	t := table{indent: 4}
	var names []string
	for _, f := range shown {
		if f.RemoveAt.IsZero() && !p.opt.All {
			names = append(names, inText(f.Member))
			continue
		}
		t.row(cell{"?", yellow}, cell{who("", f.Member), plainText}, cell{join(kindWord(f.Member), p.sweep(f)), plainText})
	}
	p.table(&t)
	rest := ""
	if n := len(fs) - len(shown); n > 0 {
		rest = "and " + number(n) + " more; --all lists them"
	}
	if len(names) > 0 {
		p.para(4, yellow, "?", strings.Join(names, ", ")+" "+rest)
	} else if rest != "" {
		p.para(4, yellow, "?", rest)
	}
}

func (p *page) sweep(f engine.Foreign) string {
	switch {
	case f.RemoveAt.IsZero():
		return ""
	case f.RemoveAt.After(p.now):
		return "is swept out at " + p.when(f.RemoveAt)
	}
	return "due to be swept out since " + p.when(f.RemoveAt)
}

// inText names a member in a list of names; one that could be taken for two
// is quoted.
func inText(m engine.Member) string {
	name := who("", m)
	if strings.ContainsAny(name, " ,") {
		name = `"` + name + `"`
	}
	if kind := kindWord(m); kind != "" {
		name += " (" + kind + ")"
	}
	return name
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
