package e2e_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/daypass-dev/daypass/e2e/browser"
)

// plain is the smallest house in which somebody asks and somebody else approves.
func plain() plan {
	return plan{
		people: []string{"ada", "ken"}, groups: map[string][]string{"staging": nil, "leads": {"ken"}},
		rules: `resources:
  staging: {title: Staging, description: Deploy and read logs, groups: [corp/staging], policy: single}
policies:
  single:
    ask: {anyone: true}
    max: 8h
    default: 1h
    ahead: 1d
    reason: {pattern: '(?s).{5,}', hint: what for}
    steps: [{name: lead, approvers: {groups: [corp/leads]}, within: 1d}]
`,
	}
}

func TestEverythingWorksWithoutJavaScript(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plain())
	ada := h.signedIn("ada", "/ask", browser.WithoutJavaScript)
	ada.Fill("What do you need?", "logs")
	ada.Press("Search")
	ada.Press("Staging")
	ada.Tick("other")
	ada.Fill("Another length", "soon")
	ada.Fill("Why do you need it?", "for the logs")
	ada.Press("Ask for access")
	ada.Sees("Write the length such as 90m, 4h or 2d.")
	if got := ada.Value("Why do you need it?"); got != "for the logs" {
		t.Errorf("the reason that was typed became %q", got)
	}
	ada.Fill("Another length", "45m")
	ada.Press("Ask for access")
	ada.Sees("Waiting for approval")

	ken := h.signedIn("ken", "/approve", browser.WithoutJavaScript)
	ken.Sees("45 minutes, from the approval on")
	ken.Press("Deny Staging")
	ken.Sees("Say why it is denied")
	ken.Press("Approve Staging")
	ken.Sees("You approved it.")
	h.isIn("staging", "ada")
	ada.SeesInTime("member")
	ada.Visit(h.URL + "/mine")
	ada.Press("Give back")
	h.isIn("staging")
	ada.Click("Ada")
	ada.Press("Sign out")
	ada.Sees("Sign in")
}

// tabTo presses the Tab key until something has the focus.
func tabTo(t *testing.T, p *browser.Page, what string) {
	t.Helper()
	var seen []string
	for range 60 {
		p.Keys(kb.Tab)
		at := p.Focused()
		if strings.HasPrefix(at, what) {
			return
		}
		seen = append(seen, at)
	}
	t.Fatalf("the Tab key never gets to %s, but to %q", what, seen)
}

func TestAskedAndApprovedByKeyboardOnly(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plain())
	ada := h.signedIn("ada", "/ask")

	// The first key skips what is the same on every page.
	tabTo(t, ada, `link "Skip to content"`)
	ada.Keys(kb.Enter)
	ada.Keys(kb.Tab)
	if got := ada.Focused(); got != `searchbox "What do you need?"` {
		t.Errorf("after skipping, the Tab key goes to %s", got)
	}
	ada.Keys("logs")
	ada.Submit()
	tabTo(t, ada, `link "Staging"`)
	ada.Submit()
	tabTo(t, ada, `radio "1 hour"`)
	ada.Keys(kb.ArrowLeft)
	if got := ada.Focused(); got != `radio "30 minutes"` {
		t.Errorf("the arrow key goes to %s", got)
	}
	tabTo(t, ada, `textbox "Why do you need it?`)
	ada.Keys("why")
	tabTo(t, ada, `button "Ask for access"`)
	ada.Submit()

	// What is wrong is told first, and leads to where it is.
	if got := ada.Focused(); !strings.HasPrefix(got, "alert") {
		t.Errorf("after a bad form the focus is at %s", got)
	}
	look(t, ada, "form-errors")
	tabTo(t, ada, `link "`)
	ada.Keys(kb.Enter)
	if got := ada.Focused(); !strings.HasPrefix(got, `textbox "Why do you need it?`) {
		t.Errorf("the link of the error leads to %s", got)
	}
	ada.Keys(kb.End + ": to read the logs")
	tabTo(t, ada, `button "Ask for access"`)
	ada.Submit()
	ada.Sees("You asked for Staging.")
	ada.Sees("30 minutes")
	ada.Sees("why: to read the logs")

	ken := h.signedIn("ken", "/ask")
	tabTo(t, ken, `link "Approve"`)
	ken.Submit()
	tabTo(t, ken, `button "Approve Staging for ada@lab.test"`)
	ken.Submit()
	ken.Sees("You approved it.")
	h.isIn("staging", "ada")
}
