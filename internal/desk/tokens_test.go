package desk_test

import (
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// TestTokensOfALeaver: whoever made a machine's token may have left; another
// administrator finds it and ends it, and nobody else does.
func TestTokensOfALeaver(t *testing.T) {
	b := set(t)
	k, _, err := b.desk.NewToken(t.Context(), as("root"), "x", "ci", []desk.Scope{desk.Read, desk.Request}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	b.rules.Administrators = who("dan") // root left
	b.desk.Use(b.rules)
	if err := b.desk.RevokeToken(t.Context(), as("bob"), k.ID); access.KindOf(err) != access.NotFound {
		t.Errorf("bob revokes it: %v", err)
	}
	if ts, err := b.desk.AllTokens(t.Context(), as("bob")); access.KindOf(err) != access.Forbidden {
		t.Errorf("bob lists %d, %v", len(ts), err)
	}
	if ts, err := b.desk.AllTokens(t.Context(), as("dan")); err != nil || len(ts) != 1 || ts[0].ID != k.ID {
		t.Errorf("dan lists %v, %v", ts, err)
	}
	if err := b.desk.RevokeToken(t.Context(), as("dan"), k.ID); err != nil {
		t.Errorf("dan revokes it: %v", err)
	}
	if ts, err := b.desk.AllTokens(t.Context(), as("dan")); err != nil || len(ts) != 0 {
		t.Errorf("afterwards dan lists %v, %v", ts, err)
	}
	if ts, err := b.desk.Tokens(t.Context(), as("root")); err != nil || len(ts) != 1 || ts[0].Revoked.IsZero() {
		t.Errorf("root's are %v, %v; want one that is revoked", ts, err)
	}
	if err := b.desk.RevokeToken(t.Context(), as("dan"), "t-none"); access.KindOf(err) != access.NotFound {
		t.Errorf("one that there is not: %v", err)
	}
}
