package report

import (
	"strings"

	"github.com/daypass-dev/daypass/engine"
)

// tally counts the changes of a plan as its summary does.
type tally struct{ add, remove, forget, move, held int }

func tallyOf(cs []engine.Change) (t tally) {
	for _, c := range cs {
		switch {
		case c.Held:
			t.held++
		case c.Op == engine.Add:
			t.add++
		case c.Op == engine.Remove:
			t.remove++
		case c.Op == engine.Expire:
			t.move++
		default:
			t.forget++
		}
	}
	return t
}

// planSummary says in one line what the plan comes to.
func (p *page) planSummary(res engine.Result) {
	t := tallyOf(res.Plan.Changes)
	var parts []string
	add := func(n int, words string) {
		if n > 0 {
			parts = append(parts, number(n)+" "+words)
		}
	}
	add(t.add, "to add")
	add(t.remove, "to remove")
	add(t.forget, "to forget")
	if t.move > 0 {
		parts = append(parts, count(t.move, "end")+" to move")
	}
	add(t.held, "held")
	if len(parts) == 0 {
		parts = append(parts, "Nothing to change")
	}
	parts = append(parts, troubles(res)...)
	p.summary(parts, res)
}

// summary writes the parts, and what was looked at: on one line when there is
// little to say.
func (p *page) summary(parts []string, res engine.Result) {
	p.wrap(0, cell{strings.Join(parts, ", "), bold})
	sep := "\nlooked at "
	if len(parts) == 1 {
		sep = "; looked at "
	}
	p.text(sep + lookedAt(res.Plan) + ", " + At(p.now) + "\n")
	if len(parts) > 1 && res.Run != "" {
		p.text("run " + Clean(string(res.Run)) + "\n")
	}
}

func troubles(res engine.Result) []string {
	var parts []string
	add := func(n int, noun string) {
		if n > 0 {
			parts = append(parts, count(n, noun))
		}
	}
	add(len(res.Plan.Problems)+len(res.Findings), "problem")
	add(len(res.Plan.Foreign), "foreign member")
	if n := len(res.Overdue); n > 0 {
		parts = append(parts, number(n)+" overdue")
	}
	return parts
}

// lookedAt says how much was read.
func lookedAt(plan engine.Plan) string {
	members, unread := 0, 0
	for _, g := range plan.Groups {
		members += g.Members
		if g.Trust == engine.Unread || g.Trust == engine.Gone {
			unread++
		}
	}
	s := count(len(plan.Groups), "group") + " with " + count(members, "member")
	if unread > 0 {
		s += " (" + number(unread) + " not read)"
	}
	return s
}

// next says what to type, when there is something to do.
func (p *page) next(res engine.Result) {
	var rows [][]cell
	n := tallyOf(res.Plan.Changes)
	if n.add+n.remove+n.forget+n.move > 0 {
		rows = append(rows, p.hint("sync", "carries out whatever the plan is by then"),
			p.hint("apply --digest "+res.Plan.Digest(), "carries out exactly this plan, or refuses"))
	}
	if held := res.Plan.HeldDigest(); held != "" && res.Release == nil {
		rows = append(rows, p.hint("release "+held, "lets what is held through, once"))
	}
	if ails(res) {
		rows = append(rows, p.hint("doctor", "tells what a directory lacks"))
	}
	p.commands(rows)
}

func (p *page) hint(command, effect string) []cell {
	return []cell{{p.opt.command() + " " + command, bold}, {"# " + effect, dim}}
}

// commands writes lines to copy: a command is never broken.
func (p *page) commands(rows [][]cell) {
	if len(rows) > 0 {
		p.text("\nnext:\n")
	}
	for _, r := range rows {
		p.text("  ")
		p.styled(r[1].style, r[1].text)
		p.text("\n  ")
		p.styled(r[0].style, r[0].text)
		p.text("\n")
	}
}

// ails reports whether a directory or a group could not be read.
func ails(res engine.Result) bool {
	for _, q := range res.Plan.Problems {
		switch q.Kind {
		case engine.DirectoryDown, engine.UnreadableGroup, engine.UnknownGroup, engine.UnmanageableGroup:
			return true
		}
	}
	return false
}

// is writes a count, its noun and the verb that fits.
func is(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	return number(n) + " " + noun + "s are"
}
