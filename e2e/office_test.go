package e2e_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// odd is what people write who mean no harm, and some who do.
const odd = `=HYPERLINK("http://evil.test","click") <script>alert(1)</script> </textarea><img src=x onerror=alert(2)> & "quotes" 'n all`

// crowded is a house with more and longer of everything.
func crowded() plan {
	long := "Everything that the department of long names and longer descriptions ever needed, andthenawordthatisverylongindeedbecausenobodyeverputaspaceintoit"
	p := plan{
		people: []string{"ada", "ken", "root", "maximiliana-wilhelmina.von-und-zu-hohenstein-schwarzenberg"},
		groups: map[string][]string{"crowd": nil, "swept": nil, "leads": {"ken"}},
		files:  map[string]string{},
	}
	var grants strings.Builder
	for i := range 300 {
		name := fmt.Sprintf("person-%03d", i)
		p.people = append(p.people, name)
		p.groups["crowd"] = append(p.groups["crowd"], name)
		if i < 8 {
			p.groups["swept"] = append(p.groups["swept"], name)
		}
	}
	for i := range 45 {
		name := fmt.Sprintf("granted-%03d", i)
		p.people = append(p.people, name)
		fmt.Fprintf(&grants, "  - {person: %s, group: corp/crowd, until: 2099-01-01T00:00:00Z, reason: '=1+1 contract %d'}\n", mail(name), i)
	}
	p.files["grants/contracts.yaml"] = "grants:\n" + grants.String()
	p.rules = `resources:
  crowd: {title: "` + long + `", description: "` + strings.Repeat(long+" ", 3) + `", groups: [corp/crowd], policy: single, owners: {people: [ken@lab.test]}, tags: [crowd, "a tag of some length", "` + strings.Repeat("x", 60) + `"]}
  swept: {title: مجموعة الإنتاج, groups: [corp/swept], policy: single}
policies:
  single:
    ask: {anyone: true}
    max: 8h
    default: 1h
    steps: [{name: "a step whose name somebody could not make any shorter than this", approvers: {groups: [corp/leads]}}]
groups:
  corp/swept: {foreign: remove, notice: 1ms, limits: {remove: 2, removePercent: 10, removeFree: 0}}
grants: [grants/*.yaml]
roles: {administrators: {people: [root@lab.test]}}
`
	return p
}

func TestPagesOfThoseWhoAnswerForIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, crowded())
	ada := h.ask("ada", "crowd", odd+strings.Repeat(" and so on", 40)+" לבסוף גם מימין לשמאל and back")
	look(t, ada, "odd-request")
	ken := h.signedIn("ken", "/approve")
	ken.Sees("<script>alert(1)</script>")
	look(t, ken, "odd-approve")
	ken.Press("Approve Everything")
	noble := h.ask("maximiliana-wilhelmina.von-und-zu-hohenstein-schwarzenberg", "swept", "قراءة السجلات")
	look(t, noble, "odd-arabic")

	root := h.signedIn("root", "/ask")
	look(t, root, "odd-ask")
	until(t, "45 granted and ada", func() bool { return len(h.corp.members("crowd")) == 346 })

	// Desired and actual, side by side.
	root.Visit(h.URL + "/resources")
	look(t, root, "resources")
	root.Press("Everything that the department")
	root.Sees("Desired and actual")
	root.Sees("person-001")
	glance(t, root, "resource")
	for _, want := range []string{"46 desired, 346 actual", "300 unexplained"} {
		root.Sees(want)
	}
	root.Visit(h.URL + "/resources/swept")
	root.Sees("nothing explains it")
	look(t, root, "resource-small")

	// A sweep that is too large waits for somebody's word.
	h.nudge()
	root.Visit(h.URL + "/runs")
	root.SeesInTime("Release exactly this")
	root.Click("The changes")
	root.Sees("person-007")
	look(t, root, "runs-held")
	if got := len(h.corp.members("swept")); got != 8 {
		t.Errorf("%d members are left before anybody released it", got)
	}
	root.Fill("Why it is right", "They all left in the summer")
	root.Press("Release exactly this")
	root.Sees("It is released")
	h.isIn("swept")
	root.SeesInTime("Nothing is held.")
	look(t, root, "runs")

	// The audit log: narrowed, and page by page.
	root.Visit(h.URL + "/audit")
	look(t, root, "audit")
	newest := root.Text()
	root.Press("Older ones")
	if root.Text() == newest {
		t.Error("the older events are the newer ones")
	}
	root.Fill("Kind", "released")
	root.Press("Show")
	root.Sees("They all left in the summer")
	root.Fill("Kind", "all")
	root.Fill("Person", mail("ada"))
	root.Press("Show")
	root.Sees("crowd")
	root.SeesNot("granted-001")
	look(t, root, "audit-person")

	// Reports, and the same as a file.
	root.Visit(h.URL + "/reports")
	look(t, root, "reports")
	root.Press("Make it now")
	root.Sees("corp/crowd")
	glance(t, root, "report")
	cells := h.csv(root.Cookie(session), "/reports/compliance.csv")
	if len(cells) < 346 {
		t.Errorf("the file has %d lines", len(cells))
	}
	for _, line := range cells {
		for _, cell := range line {
			if strings.HasPrefix(cell, "=") || strings.HasPrefix(cell, "@") || strings.HasPrefix(cell, "+") {
				t.Fatalf("a spreadsheet would run %q", cell)
			}
		}
	}

	root.Visit(h.URL + "/requests")
	look(t, root, "requests")
	if status := root.Visit(h.URL + "/nowhere"); status != http.StatusNotFound {
		t.Errorf("no page: status %d", status)
	}
	look(t, root, "error")
	root.Visit(h.URL + "/ask")
	root.Click("Root")
	look(t, root, "menu")
	if status := ada.Visit(h.URL + "/audit"); status != http.StatusForbidden {
		t.Errorf("ada at the audit log: status %d", status)
	}
	look(t, ada, "forbidden")
}

// nudge lets daypass look at the directory now.
func (h *house) nudge() {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.Operations+"/nudge?directory=corp", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		h.t.Fatalf("a nudge is answered with status %d", answer.StatusCode)
	}
}

// csv gets a file as the browser with the session would.
func (h *house) csv(secret, path string) [][]string {
	h.t.Helper()
	answer, body := h.send(http.MethodGet, path, secret, nil)
	if d := answer.Header.Get("Content-Disposition"); !strings.HasPrefix(d, "attachment;") {
		h.t.Errorf("%s is no file to keep, but %q", path, d)
	}
	cells, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		h.t.Fatal(err)
	}
	return cells
}

// changing is a form that sends something.
var changing = regexp.MustCompile(`(?i)<form[^>]*method="?post[^>]*>`)

func TestAuditorsReadEverythingAndChangeNothing(t *testing.T) {
	t.Parallel()
	p := plain()
	p.people = append(p.people, "eve", "ida", "una", "uri", "ugo")
	p.groups["swept"] = []string{"una", "uri", "ugo"}
	p.rules = strings.Replace(p.rules, "policies:\n", `  swept: {title: Swept, groups: [corp/swept], policy: single}
groups:
  corp/swept: {foreign: remove, notice: 1ms, limits: {remove: 1, removePercent: 10, removeFree: 0}}
roles: {auditors: {people: [ida@lab.test]}}
policies:
`, 1)
	h := newHouse(t, p)
	undecided := h.ask("ada", "staging", "A private matter")
	active := h.ask("eve", "staging", "Another one")
	ken := h.signedIn("ken", "/approve")
	ken.Press("Approve Staging for eve@lab.test")
	ken.Sees("You approved it.")
	active.Sees("Give back now") // what can be done is kept up to date as well
	active.SeesNot("Withdraw")
	h.isIn("staging", "eve")
	h.nudge()

	ida := h.signedIn("ida", "/runs")
	ida.SeesInTime("Held by a limit")
	secret := ida.Cookie(session)
	for path, texts := range map[string][]string{
		"/requests": {"A private matter", "Another one", "ada@lab.test", "eve@lab.test"},
		strings.TrimPrefix(undecided.URL(), h.URL): {"A private matter", "Waiting for approval", "Everything on record about it"},
		"/approve":           {"Nothing waits for you."},
		"/resources/staging": {"Desired and actual", "eve@lab.test", "1 desired, 1 actual"},
		"/resources/swept":   {">una<", "3 unexplained"},
		"/runs":              {"3 changes in corp", ">una<"},
		"/audit":             {"approved", "eve@lab.test"},
		"/reports":           {"Make it now"},
		"/reports?make=1":    {"corp/swept", ">uri<"},
	} {
		answer, body := h.send(http.MethodGet, path, secret, nil)
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", path, answer.StatusCode)
		}
		_, content, _ := strings.Cut(body, "<main")
		for _, text := range texts {
			if !strings.Contains(content, text) {
				t.Errorf("%s does not say %q", path, text)
			}
		}
		if form := changing.FindString(content); form != "" {
			t.Errorf("%s has a form that changes something: %s", path, form)
		}
	}
	ida.Visit(undecided.URL())
	look(t, ida, "auditor-request")
	ida.Visit(h.URL + "/runs")
	look(t, ida, "auditor-runs")
	if cells := h.csv(secret, "/reports/compliance.csv"); len(cells) != 5 {
		t.Errorf("the file has %d lines, want a head and four members", len(cells))
	}

	held := digest.FindString(ida.Text())
	asked, given := strings.TrimPrefix(undecided.URL(), h.URL), strings.TrimPrefix(active.URL(), h.URL)
	for path, form := range map[string]url.Values{
		asked + "/approve":  {"step": {"0"}, "extension": {"0"}},
		asked + "/deny":     {"step": {"0"}, "extension": {"0"}, "comment": {"no"}},
		asked + "/withdraw": {},
		given + "/extend":   {"for": {"1h"}, "reason": {"more of it"}},
		given + "/end":      {"comment": {"it is over"}},
		"/holds/release":    {"digest": {held}, "reason": {"They left"}},
	} {
		if answer, _ := h.send(http.MethodPost, path, secret, form); answer.StatusCode != http.StatusForbidden {
			t.Errorf("POST %s: status %d", path, answer.StatusCode)
		}
	}
	undecided.Reload()
	undecided.Sees("Waiting for approval")
	h.isIn("staging", "eve")
	h.isIn("swept", "ugo", "una", "uri")
}

// digest names what is held.
var digest = regexp.MustCompile(`sha256:[0-9a-f]{64}`)
