package browser

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	jsonv2 "github.com/chromedp/cdproto/cdp/jsonv2"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// What assistive technology is told about elements, as Chromium names it.
var (
	fields = []string{ //nolint:gochecknoglobals // a constant
		"textbox", "searchbox", "combobox", "listbox", "spinbutton", "slider", "Date", "DateTime", "InputTime", "ColorWell",
	}
	boxes   = []string{"checkbox", "radio", "switch"}                             //nolint:gochecknoglobals // a constant
	buttons = []string{"button", "link", "menuitem", "tab", "DisclosureTriangle"} //nolint:gochecknoglobals // a constant
)

// Within returns the page as somebody sees it who looks only at the part with
// the text: the row, list item, article, form, field set or section around it.
func (p *Page) Within(text string) *Page {
	part := *p
	part.within = clean(text)
	return &part
}

// Fill puts the value into the field with the label, in place of what is
// there. In a list of choices the value is the text of the choice; dates and
// times are as in HTML: 2026-11-28, 2026-11-28T09:00.
func (p *Page) Fill(label, value string) {
	p.t.Helper()
	e := p.find("field", label, fields)
	typed, err := call[bool](p, e, fill, value)
	p.must(err, fmt.Sprintf("fill %q with %q", label, value))
	if !typed {
		return
	}
	if value == "" {
		p.Keys(kb.Delete)
		return
	}
	_, err = chromedp.Call(p.ctx, input.InsertText, input.InsertTextParams{Text: value})
	p.must(err, fmt.Sprintf("type into %q", label))
}

// fill chooses or sets the value, or returns true when it is to be typed over
// what is selected then.
const fill = `function (value) {
	const told = () => {
		this.dispatchEvent(new Event('input', {bubbles: true}));
		this.dispatchEvent(new Event('change', {bubbles: true}));
	};
	if (this.disabled || this.readOnly) throw new Error('it cannot be changed');
	this.focus();
	if (this instanceof HTMLSelectElement) {
		const words = s => s.replace(/\s+/g, ' ').trim();
		const choice = [...this.options].find(o => words(o.text) === value);
		if (!choice) throw new Error('the choices are: ' + [...this.options].map(o => words(o.text)).join(', '));
		this.value = choice.value;
		told();
		return false;
	}
	if (['date', 'datetime-local', 'time', 'month', 'week', 'range', 'color'].includes(this.type)) {
		this.value = value;
		if (this.value !== value) throw new Error('it does not take that');
		told();
		return false;
	}
	this.select();
	return true;
}`

// Value returns what is in the field with the label; of a list of choices, the
// text of the one chosen.
func (p *Page) Value(label string) string {
	p.t.Helper()
	v, err := call[string](p, p.find("field", label, fields),
		`function () { return this instanceof HTMLSelectElement ? this.selectedOptions[0]?.text.trim() ?? '' : this.value }`)
	p.must(err, fmt.Sprintf("read %q", label))
	return v
}

// Tick clicks the check box, switch or radio button with the label.
func (p *Page) Tick(label string) {
	p.t.Helper()
	p.click(p.find("check box or radio button", label, boxes), label)
}

// Press clicks the button or link with the name, or the only one whose name
// contains it, and waits for the page that comes.
func (p *Page) Press(name string) {
	p.t.Helper()
	e := p.find("button or link", name, buttons)
	before, err := p.document()
	p.must(err, "press "+name)
	p.click(e, name)
	p.arrives(before, fmt.Sprintf("pressing %q", name))
}

// Click is [Page.Press] where no other page comes: what a script or the
// browser itself does.
func (p *Page) Click(name string) {
	p.t.Helper()
	p.click(p.find("button or link", name, buttons), name)
}

// Has reports whether there is a button or link with the name, or one whose
// name contains it.
func (p *Page) Has(name string) bool {
	p.t.Helper()
	all, err := p.elements(buttons)
	p.must(err, "look for "+name)
	found, _ := p.choose(all, name)
	return len(found) > 0
}

// Keys types what package kb of chromedp names: kb.Tab, kb.Enter, letters.
func (p *Page) Keys(keys string) {
	p.t.Helper()
	p.must(chromedp.Do(p.ctx, chromedp.KeyEvent(keys)), "type keys")
}

// Submit presses Enter where the focus is, and waits for the page that comes.
func (p *Page) Submit() {
	p.t.Helper()
	before, err := p.document()
	p.must(err, "submit")
	p.Keys(kb.Enter)
	p.arrives(before, "the Enter key")
}

// Focused returns the role and the name of what has the focus: `button "Ask"`.
// It is empty when nothing has.
func (p *Page) Focused() string {
	p.t.Helper()
	all, err := p.elements(nil)
	p.must(err, "find the focus")
	for _, e := range all {
		if e.focused && e.role != "RootWebArea" {
			return fmt.Sprintf("%s %q", e.role, e.name)
		}
	}
	return ""
}

// element is one as assistive technology knows it.
type element struct {
	node       cdp.BackendNodeID
	role, name string
	focused    bool
}

// find waits for the one element with the name.
func (p *Page) find(kind, name string, roles []string) element {
	p.t.Helper()
	var one element
	p.eventually(fmt.Sprintf("look for the %s %q", kind, name), func() (bool, error) {
		all, err := p.elements(roles)
		if err != nil {
			return false, err
		}
		found, err := p.choose(all, name)
		switch {
		case err != nil:
			return false, err
		case len(found) == 0:
			return false, fmt.Errorf("there is none; there are %q", names(all))
		case len(found) > 1:
			return false, fmt.Errorf("there are %d, %q: say where, with Within", len(found), names(found))
		}
		one = found[0]
		return true, nil
	})
	return one
}

// choose returns the elements with exactly this name, or else those whose name
// contains it.
func (p *Page) choose(all []element, name string) ([]element, error) {
	var here []element
	for _, e := range all {
		if !strings.Contains(e.name, clean(name)) {
			continue
		}
		inside, err := p.inside(e)
		if err != nil {
			return nil, err
		}
		if inside {
			here = append(here, e)
		}
	}
	exact := slices.DeleteFunc(slices.Clone(here), func(e element) bool { return e.name != clean(name) })
	if len(exact) > 0 {
		return exact, nil
	}
	return here, nil
}

// inside reports whether the element is in the part that is looked at.
func (p *Page) inside(e element) (bool, error) {
	if p.within == "" {
		return true, nil
	}
	return call[bool](p, e, `function (text) {
		const part = this.closest('tr, li, article, form, fieldset, dialog, section, [role=row], [role=group], [role=region]');
		for (let e = part; e; e = e.parentElement?.closest('tr, li, article, fieldset, dialog, section, [role=row], [role=group], [role=region]'))
			if (e.innerText.replace(/\s+/g, ' ').includes(text)) return true;
		return false;
	}`, p.within)
}

// elements returns those of the page with one of the roles, or all.
func (p *Page) elements(roles []string) ([]element, error) {
	root, err := try[*runtime.RemoteObject](p, "document")
	if err != nil {
		return nil, err
	}
	tree, err := chromedp.Call(p.ctx, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{ObjectID: root.ObjectID})
	if err != nil {
		return nil, err
	}
	var all []element
	for _, n := range tree.Nodes {
		e := element{node: n.BackendDOMNodeID, role: word(n.Role), name: clean(word(n.Name))}
		for _, property := range n.Properties {
			e.focused = e.focused || property.Name == "focused" && string(property.Value.Value) == "true"
		}
		if !n.Ignored && (roles == nil || slices.Contains(roles, e.role)) {
			all = append(all, e)
		}
	}
	return all, nil
}

func word(v *accessibility.Value) string {
	var s string
	if v == nil || jsonv2.Unmarshal(v.Value, &s) != nil {
		return ""
	}
	return s
}

func names(es []element) []string {
	ns := make([]string, len(es))
	for i, e := range es {
		ns[i] = e.name
	}
	return ns
}

// click clicks the middle of an element, once it is in view and nothing lies
// over it.
func (p *Page) click(e element, name string) {
	p.t.Helper()
	p.must(p.clickable(e), fmt.Sprintf("click %q", name))
	at, err := call[[]float64](p, e, `function () {
		const r = this.getClientRects()[0];
		return [r.left + r.width / 2, r.top + r.height / 2];
	}`)
	p.must(err, fmt.Sprintf("click %q", name))
	p.must(chromedp.Do(p.ctx, chromedp.MouseClickXY(at[0], at[1])), fmt.Sprintf("click %q", name))
}

// clickable brings the element into view, and tells what is in the way.
func (p *Page) clickable(e element) error {
	if _, err := chromedp.Call(p.ctx, dom.ScrollIntoViewIfNeeded, dom.ScrollIntoViewIfNeededParams{BackendNodeID: e.node}); err != nil {
		return err
	}
	over, err := call[string](p, e, `function () {
		if (this.disabled) return 'it is disabled';
		const r = this.getClientRects()[0];
		if (!r) return 'it is not shown';
		const top = document.elementFromPoint(r.left + r.width / 2, r.top + r.height / 2);
		if (!top || this.contains(top) || [...(this.labels ?? [])].some(l => l.contains(top))) return '';
		return 'this lies over it: ' + top.outerHTML.slice(0, 200);
	}`)
	if err == nil && over != "" {
		return errors.New(over)
	}
	return err
}

// call calls a function of JavaScript with the element as this.
func call[T any](p *Page, e element, function string, args ...any) (T, error) {
	var zero T
	object, err := chromedp.Call(p.ctx, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: e.node})
	if err != nil {
		return zero, err
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.CallFunctionOn[T](function, func(c *runtime.CallFunctionOnParams) {
		c.ObjectID = object.Object.ObjectID
	}, args...))
}
