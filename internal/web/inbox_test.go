package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// TestInboxShowsWhatWaits: to each what waits for them, as it is by now, whoever
// changed it and where.
func TestInboxShowsWhatWaits(t *testing.T) {
	t.Parallel()
	r := open(t)
	r.rules.Resources[3].Policy.Steps[0].Escalate = &access.Escalate{To: people("dan")}
	other := r.elsewhere()
	sees := func(who string, ids ...string) {
		t.Helper()
		a := r.by(who).get("/approve").want(t, http.StatusOK)
		if got := strings.Count(a.body, "<article"); got != len(ids) {
			t.Errorf("%s sees %d, want %d: %s", who, got, len(ids), a.text())
		}
		last := 0
		for _, id := range ids {
			at := strings.Index(a.body, "/requests/"+id)
			if at < last {
				t.Errorf("%s does not see %s, or not in order: %s", who, id, a.text())
			}
			last = at
		}
	}
	sees("bob")
	prod := r.ask("ada", desk.Wish{Resource: "prod"})
	r.clock.Pass(time.Minute)
	asked, err := other.Ask(t.Context(), as("bob"), desk.Wish{Resource: "staging", Reason: "to see"})
	if err != nil {
		t.Fatal(err)
	}
	r.clock.Pass(time.Minute)
	glass := r.ask("eve", desk.Wish{Resource: "staging", BreakGlass: true})
	sees("bob", prod, glass) // not what is for himself
	sees("carol", prod, asked.ID, glass)
	for _, who := range []string{"ada", "fay", "dan", "root"} {
		sees(who)
	}
	if _, err := other.Decide(t.Context(), as("carol"), prod, desk.Word{Approve: true}); err != nil {
		t.Fatal(err)
	}
	sees("bob", glass)
	sees("fay", prod)
	if _, err := other.Review(t.Context(), as("bob"), glass, true, "it burned", 0); err != nil {
		t.Fatal(err)
	}
	sees("bob")
	sees("carol", asked.ID)
	r.clock.Pass(25 * time.Hour)
	if _, err := other.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	sees("dan", asked.ID) // it was escalated
	given := r.approved("gil", desk.Wish{Resource: "staging"})
	if _, err := other.Extend(t.Context(), as("gil"), given, time.Hour, "more", 0); err != nil {
		t.Fatal(err)
	}
	sees("bob", given) // its extension
	r.over(given)
	r.over(asked.ID)
	sees("carol")
	r.corp.Take(r.groups["approvers"], r.ids["carol"])
	r.clock.Pass(time.Minute)
	r.ask("ada", desk.Wish{Resource: "staging"})
	sees("carol")
}

// TestNoLinkToWhatIsHidden: who approves for a hidden resource gets no link to a
// page that is not there for them.
func TestNoLinkToWhatIsHidden(t *testing.T) {
	t.Parallel()
	r := open(t)
	id := r.ask("eve", desk.Wish{Resource: "secret"})
	for who, shown := range map[string]bool{"bob": false, "olga": true, "eve": true} {
		a := r.by(who).get("/requests/"+id).want(t, http.StatusOK)
		if strings.Contains(a.body, `href="/resources/secret"`) != shown {
			t.Errorf("%s has a link: %v, want %v", who, !shown, shown)
		}
		page := http.StatusNotFound
		if shown {
			page = http.StatusOK
		}
		r.by(who).get("/resources/secret").want(t, page)
	}
	if a := r.by("bob").get("/approve").want(t, http.StatusOK, "secret"); strings.Contains(a.body, `href="/resources/secret"`) {
		t.Errorf("the inbox has a link to what is hidden: %s", a.text())
	}
}
