package browser

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/chromedp/chromedp"
)

//go:embed axe/axe.min.js
var axeSource string

// What axe looks for: the rules of WCAG 2.2, levels A and AA, and what came
// before; and those of them that a change of colours alone can break.
const (
	allRules    = `{type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']}`
	colourRules = `{type: 'rule', values: ['color-contrast', 'link-in-text-block']}`
)

const axeRun = `axe.run(document, {
	runOnly: %s,
	resultTypes: ['violations'],
}).then(found => found.violations.map(v => ({
	rule: v.id, impact: v.impact, help: v.help,
	where: v.nodes.map(n => n.target.join(' ') + ': ' + n.failureSummary.replace(/\s+/g, ' ')),
})))`

// Violation is a rule of accessibility that a page breaks.
type Violation struct {
	Rule   string   // as axe names it: "color-contrast"
	Impact string   // minor, moderate, serious or critical
	Help   string   // the rule in words
	Where  []string // the elements, each with how to mend it
	Size   Size
	Scheme Scheme
}

func (v Violation) String() string {
	return fmt.Sprintf("%s (%s, %s %s): %s\n\t%s", v.Rule, v.Impact, v.Size.Name, v.Scheme, v.Help, strings.Join(v.Where, "\n\t"))
}

// Axe examines the page in each size and scheme, and returns what breaks a
// rule: of axe-core, WCAG 2.2 A and AA; and "reflow", when somebody would have
// to scroll sideways, down to 320 pixels (success criterion 1.4.10). A rule that is broken in two
// ways of looking at the page is in the list twice. In the dark it examines the
// colours only.
func (p *Page) Axe() []Violation {
	p.t.Helper()
	all := p.examine(func(run func(string, Size, Scheme)) {
		p.looks(func(size Size, scheme Scheme) {
			rules := allRules
			if scheme == Dark {
				rules = colourRules
			}
			run(rules, size, scheme)
		})
	})
	return append(all, p.reflow()...)
}

// AxeOnce is [Page.Axe] for a page of hundreds of rows, at which each look takes
// axe seconds: it looks once, by all rules, on a phone in the dark.
func (p *Page) AxeOnce() []Violation {
	p.t.Helper()
	all := p.examine(func(run func(string, Size, Scheme)) {
		p.Resize(Phone)
		p.Prefer(Dark)
		defer p.Prefer(Light)
		run(allRules, Phone, Dark)
	})
	return append(all, p.reflow()...)
}

// examine gives the page axe, and returns what f finds by running it.
func (p *Page) examine(f func(run func(rules string, size Size, scheme Scheme))) (all []Violation) {
	p.t.Helper()
	if p.scriptless { // axe needs timers
		p.scripts(true)
		defer p.scripts(false)
	}
	// Evaluated as the developer's tools would, so that it needs no exception
	// in the policy of the page.
	evaluate[chromedp.Void](p, axeSource)
	f(func(rules string, size Size, scheme Scheme) {
		p.t.Helper()
		for _, v := range evaluate[[]Violation](p, fmt.Sprintf(axeRun, rules), chromedp.EvalAwaitPromise) {
			v.Size, v.Scheme = size, scheme
			all = append(all, v)
		}
	})
	return all
}

// reflow returns where the page is wider than its window, and by what.
func (p *Page) reflow() []Violation {
	p.t.Helper()
	var all []Violation
	for _, size := range []Size{narrow, Phone, Desktop} {
		p.Resize(size)
		wide := evaluate[[]string](p, `(() => {
			const width = document.documentElement.clientWidth;
			if (document.documentElement.scrollWidth <= width) return [];
			return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > width + 1)
				.slice(0, 5).map(e => e.outerHTML.slice(0, 150)).concat('html: ' + document.documentElement.scrollWidth + ' pixels wide');
		})()`)
		if len(wide) > 0 {
			all = append(all, Violation{Rule: "reflow", Impact: "serious", Help: "The page must not scroll sideways", Where: wide, Size: size, Scheme: Light})
		}
	}
	return all
}
