package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/internal/desk"
)

// Whoever's emergency was none reads until when there is no other; it is not
// offered meanwhile. Others read nothing of it.
func TestNoEmergencyIsOfferedAfterOneThatWasNone(t *testing.T) {
	t.Parallel()
	r := open(t)
	const link = "It is an emergency"
	r.by("ada").get("/ask/staging").want(t, http.StatusOK, link)
	id := r.ask("ada", desk.Wish{Resource: "staging", BreakGlass: true, Reason: "fire"})
	if _, err := r.desk.Review(t.Context(), as("bob"), id, false, "a rehearsal", 0); err != nil {
		t.Fatal(err)
	}
	a := r.by("ada").get("/ask/staging").want(t, http.StatusOK, "A review found that an emergency of ada@example.org in staging was none: until ")
	if strings.Contains(a.body, link) {
		t.Error("another emergency is offered")
	}
	a = r.by("eve").get("/ask/staging").want(t, http.StatusOK, link)
	if strings.Contains(a.body, "review found") {
		t.Error("eve reads of ada's")
	}
}
