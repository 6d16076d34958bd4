package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/internal/desk"
)

// An approver finds again what they decided, and nobody else finds it there.
func TestDecidedByYou(t *testing.T) {
	t.Parallel()
	r := open(t)
	denied := r.ask("ada", desk.Wish{Resource: "staging"})
	if _, err := r.desk.Decide(t.Context(), as("bob"), denied, desk.Word{Comment: "not today"}); err != nil {
		t.Fatal(err)
	}
	for who, finds := range map[string]bool{"bob": true, "carol": false, "ada": false} {
		a := r.by(who).get("/requests?state=decided").want(t, http.StatusOK, "decided by you")
		if strings.Contains(a.body, denied) != finds {
			t.Errorf("%s finds it: %t, want %t", who, !finds, finds)
		}
	}
}
