package e2e_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/e2e/provider"
)

// isIn waits until exactly these people are in the group.
func (h *house) isIn(group string, people ...string) {
	h.t.Helper()
	until(h.t, group+" holds "+strings.Join(people, ", "), func() bool { return slices.Equal(h.corp.members(group), people) })
}

func TestOneApproverForStaging(t *testing.T) {
	t.Parallel()
	h := newHouse(t, approvals(t))

	// Found by a tag and by a word of what it is for.
	ada := h.signedIn("ada", "/ask")
	look(t, ada, "ask")
	for _, word := range []string{"deploy", "logs staging"} {
		ada.Fill("What do you need?", word)
		ada.Press("Search")
		ada.SeesNot("Audit database")
		ada.Sees("Staging environment")
	}
	look(t, ada, "ask-found")
	ada.Press("Staging environment")
	ada.Sees("the owners")
	look(t, ada, "form")
	ada.Fill("Why do you need it?", "Try the new billing")
	ada.Press("Ask for access")
	ada.Sees("You asked for Staging environment.")
	ada.Sees("Waiting for approval")
	look(t, ada, "request-waiting")

	// Another one asks for it too, and the owner has all to decide on in one place.
	eve := h.signedIn("eve", "/ask/staging")
	eve.Fill("Why do you need it?", "Look at the logs of yesterday")
	eve.Press("Ask for access")
	lin := h.signedIn("lin", "/approve")
	look(t, lin, "approve")
	lin.Press("Approve Staging environment for ada@lab.test")
	lin.Sees("You approved it.")
	h.isIn("staging", "ada")
	ada.SeesInTime("member")
	ada.Sees("Active")
	look(t, ada, "request-active")
	for _, needed := range []string{
		"Staging environment for eve@lab.test", "Look at the logs of yesterday", "8 hours, from the approval on",
		"eve@lab.test had not asked for it before", "Has it now: ada@lab.test (until", "Owner Waiting",
	} {
		lin.Sees(needed)
	}
	lin.Within("Staging environment for eve@lab.test").Fill("Comment", "Until the evening, then")
	lin.Press("Approve Staging environment for eve@lab.test")
	lin.Sees("Nothing waits for you.")
	look(t, lin, "approve-empty")
	h.isIn("staging", "ada", "eve")
	eve.SeesInTime("member")
	eve.Sees("Until the evening, then")

	// Given back, and asked for again.
	eve.Visit(h.URL + "/mine")
	look(t, eve, "mine")
	eve.Press("Give back")
	eve.Sees("gone in a moment")
	h.isIn("staging", "ada")
	eve.Visit(h.URL + "/requests")
	eve.Press("Staging environment")
	eve.SeesInTime("not a member any more")
	look(t, eve, "request-given-back")
	eve.Visit(h.URL + "/ask/staging")
	eve.Fill("Why do you need it?", "And the logs of today")
	eve.Press("Ask for access")
	lin.Visit(h.URL + "/approve")
	lin.Sees("asked for it once before, and had it once")
}

func TestTwoLeadsAndSecurityForProduction(t *testing.T) {
	t.Parallel()
	h := newHouse(t, approvals(t))
	ask := func(who string) string {
		t.Helper()
		p := h.signedIn(who, "/ask/prod-db")
		p.Fill("Why do you need it?", "Migrate the billing database")
		p.Fill("Ticket", "CHG-1234")
		p.Fill("Which data will you see?", "personal")
		if who == "eve" {
			look(t, p, "form-production")
		}
		p.Press("Ask for access")
		p.Sees("You asked for Production databases.")
		return p.URL()
	}
	eves := ask("eve")

	grace := h.signedIn("grace", "/approve")
	look(t, grace, "approve-production")
	grace.Sees("2 approvals by members of corp/dba-leads")
	grace.Press("Approve Production")
	grace.Sees("Nothing waits for you.")
	grace.Visit(eves) // she counts once
	grace.Sees("Approved by grace@lab.test")
	grace.Sees("1 of 2")
	if grace.Has("Approve Production") {
		t.Error("the first lead can decide once more")
	}
	grace.Sees("you can still deny it")
	look(t, grace, "request-first-lead")
	sam := h.signedIn("sam", "/approve")
	sam.Sees("Nothing waits for you.") // it is not security's turn
	linus := h.signedIn("linus", "/approve")
	linus.Press("Approve Production")
	linus.Sees("You approved it.")
	grace.Sees("This request has moved on.") // and not the next step under her hand
	if got := h.corp.members("prod-db"); len(got) > 0 {
		t.Errorf("before security approved, %q are in prod-db", got)
	}
	sam.Reload()
	sam.Press("Approve Production")
	sam.Sees("You approved it.")
	h.isIn("prod-db", "eve")

	// Ada is a lead, and decides on nothing of her own; not as her second account either.
	adas := ask("ada")
	h.idp.Know(provider.Person{Email: mail("ada-admin"), Name: "Ada (admin)"})
	for _, account := range []string{"ada", "ada-admin"} {
		p := h.signedIn(account, "/approve")
		p.Sees("Nothing waits for you.")
		p.Visit(adas)
		p.Sees("Migrate the billing database")
		if p.Has("Approve Production") {
			t.Errorf("%s can decide on what is for ada", account)
		}
	}

	// Denied without a reason is not denied; the person sees the reason.
	linus.Visit(h.URL + "/approve")
	linus.Press("Deny Production")
	linus.Sees("Say why it is denied")
	look(t, linus, "request-deny-without-reason")
	linus.Click("Say why it is denied")
	if got := linus.Focused(); !strings.HasPrefix(got, `textbox "Comment`) {
		t.Errorf("the link of the error leads to %s", got)
	}
	linus.Fill("Comment", "Not before the <b>backup</b> is done")
	linus.Press("Deny Production")
	linus.Sees("You denied it.")
	ada := h.signedIn("ada", strings.TrimPrefix(adas, h.URL))
	ada.Sees("Not before the <b>backup</b> is done")
	look(t, ada, "request-denied")
	h.isIn("prod-db", "eve")
}
