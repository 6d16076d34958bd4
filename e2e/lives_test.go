package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/e2e/browser"
)

// ask asks for a resource with a reason, and leaves the page at the request.
func (h *house) ask(person, resource, reason string) *browser.Page {
	h.t.Helper()
	p := h.signedIn(person, "/ask/"+resource)
	p.Fill("Why do you need it?", reason)
	p.Press("Ask for access")
	p.Sees("You asked for")
	return p
}

func TestEmergencyAndItsReview(t *testing.T) {
	t.Parallel()
	h := newHouse(t, approvals(t))
	omar := h.signedIn("omar", "/ask/prod-db")
	omar.Press("It is an emergency")
	omar.Sees("Nobody beforehand.")
	look(t, omar, "form-emergency")
	omar.Fill("Why do you need it?", "The database is down")
	omar.Press("Take emergency access")
	omar.Sees("You have access to Production databases until")
	h.isIn("prod-db", "omar")
	omar.SeesInTime("member")
	omar.Sees("Review of the emergency")
	omar.SeesNot("It was justified") // not by himself
	look(t, omar, "request-emergency")
	if log := h.Log(); !strings.Contains(log, `"level":"WARN","msg":"request","event":"break-glass"`) {
		t.Errorf("the log has no warning of it:\n%s", log)
	}

	sam := h.signedIn("sam", "/approve")
	sam.Sees("The database is down")
	look(t, sam, "approve-emergency")
	sam.Press("Review the emergency")
	look(t, sam, "request-review")
	sam.Fill("What was found", "It was down indeed; the disk was full")
	sam.Press("It was justified")
	sam.Sees("The review is closed.")
	sam.Visit(h.URL + "/approve")
	sam.Sees("Nothing waits for you.")
	omar.Reload()
	omar.Sees("Justified by sam@lab.test")
	omar.Sees("the disk was full")
	look(t, omar, "request-reviewed")
}

// swift is a house where everything that waits waits for seconds only.
const swift = `resources:
  staging: {title: Staging, groups: [corp/staging], policy: swift}
  later: {title: Later, groups: [corp/later], policy: swift}
  slow: {title: Slow, groups: [corp/slow], policy: slow}
  mute: {title: Mute, groups: [corp/mute], policy: mute}
policies:
  swift:
    ask: {anyone: true}
    max: 8h
    default: 1h
    ahead: 1d
    steps: [{name: lead, approvers: {groups: [corp/leads]}, within: 1d}]
    extend: {times: 1, max: 2h, steps: [{name: lead, approvers: {groups: [corp/leads]}}]}
    breakGlass: {ask: {anyone: true}, max: 30m, review: {by: {groups: [corp/leads]}, within: 1s}}
  slow:
    ask: {anyone: true}
    max: 8h
    default: 1h
    steps: [{name: lead, approvers: {people: [noa@lab.test]}, within: 2s, then: escalate, escalate: {to: {groups: [corp/leads]}, within: 1h}}]
  mute:
    ask: {anyone: true}
    max: 8h
    default: 1h
    steps: [{name: lead, approvers: {groups: [corp/leads]}}]
    pending: 2s
templates:
  morning: {title: Every morning, resource: staging, for: 30m, reason: Look at what the night did}
roles: {administrators: {people: [root@lab.test]}}
`

func TestWhatTimeDoesToRequests(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{
		people: []string{"ada", "eve", "ken", "noa", "root"}, rules: swift,
		groups: map[string][]string{"staging": nil, "later": nil, "slow": nil, "mute": nil, "leads": {"ken"}},
	})

	// Approved now, and begun when it was asked for.
	noa, ken := h.signedIn("noa", "/ask/later"), h.signedIn("ken", "/approve")
	start := time.Now().UTC().Add(85 * time.Second).Truncate(time.Minute) // 25 seconds from now, or more
	noa.Fill("Why do you need it?", "The change window")
	noa.Fill("Start", start.Format("2006-01-02T15:04"))
	noa.Press("Ask for access")
	ken.Reload()
	ken.Press("Approve Later for noa@lab.test")
	noa.SeesInTime("Approved, not begun")
	h.isIn("later")
	noa.Visit(h.URL + "/mine")
	look(t, noa, "mine-waiting")

	// Nobody decides in time: others may, too.
	slow := h.ask("ada", "slow", "The first approver is away")
	ken.Visit(h.URL + "/approve")
	ken.SeesInTime("Slow for ada@lab.test")
	ken.Press("Approve Slow")
	h.isIn("slow", "ada")
	slow.SeesInTime("Approved by ken@lab.test")

	// Nobody decides at all.
	mute := h.ask("ada", "mute", "Nobody looks at this one")
	mute.SeesInTime("Lapsed")
	look(t, mute, "request-lapsed")

	// An emergency that nobody reviews.
	eve := h.signedIn("eve", "/ask/staging?breakGlass=1")
	eve.Fill("Why do you need it?", "It burns")
	eve.Press("Take emergency access")
	eve.SeesInTime("Overdue")
	until(t, "a warning of the review", func() bool { return strings.Contains(h.Log(), `"event":"review-overdue"`) })
	ken.Visit(h.URL + "/approve")
	ken.Sees("Review overdue")
	look(t, ken, "approve-overdue")
	eve.Visit(h.URL + "/mine")
	eve.Press("Give back")

	// Two clicks from the template to the request.
	eve.Visit(h.URL + "/ask")
	eve.Press("Every morning")
	eve.Press("Ask for access")
	eve.Sees("Look at what the night did")
	eve.Press("Withdraw the request")
	eve.Sees("Withdrawn")
	look(t, eve, "request-withdrawn")

	// Extended, without a gap.
	h.isIn("staging")
	ada := h.ask("ada", "staging", "A long migration")
	ken.Visit(h.URL + "/approve")
	ken.Press("Approve Staging for ada@lab.test")
	h.isIn("staging", "ada")
	ada.SeesInTime("Extend by")
	look(t, ada, "request-extendable")
	ada.Fill("Extend by", "90m")
	ada.Fill("because", "It is longer than I thought")
	ada.Press("Extend")
	ada.Sees("You asked to extend it.")
	look(t, ada, "request-extending")
	ken.Visit(h.URL + "/approve")
	ken.Sees("It is longer than I thought")
	look(t, ken, "approve-extension")
	ken.Press("Approve Staging for ada@lab.test")
	ada.SeesInTime("90 minutes more, approved")
	look(t, ada, "request-extended")
	h.isIn("staging", "ada")

	<-time.After(time.Until(start) - 10*time.Second) // what came before may have been quick
	h.isIn("later", "noa")
}
