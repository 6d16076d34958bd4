package web_test

import (
	"database/sql"
	"net/http"
	"testing"

	"github.com/daypass-dev/daypass/internal/desk"
)

// Whose own request cannot be read sees the rest, and which is missing.
func TestDamagedRequestTakesNothingElse(t *testing.T) {
	t.Parallel()
	r := open(t)
	bad := r.ask("ada", desk.Wish{Resource: "staging"})
	r.ask("ada", desk.Wish{Resource: "free"})
	db, err := sql.Open("sqlite", r.store.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "UPDATE requests SET body = '{' WHERE id = ?", bad); err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"/mine", "/ask", "/requests"} {
		r.by("ada").get(page).want(t, http.StatusOK, bad, "cannot be read", "Free")
	}
	r.by("ada").get("/ask/staging").want(t, http.StatusOK, bad, "cannot be read")
	r.by("ada").get("/resources/staging").want(t, http.StatusOK)
}
