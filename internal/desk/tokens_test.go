package desk_test

import (
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
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

// TestTokensAreOnRecord: who made one, as which machine, with which scopes, each
// named once; and who ended it, by the address that they are known by.
func TestTokensAreOnRecord(t *testing.T) {
	b := set(t)
	k, _, err := b.desk.NewToken(t.Context(), as("root"), "nightly", "ci", []desk.Scope{desk.Read, desk.Request, desk.Read}, time.Hour)
	if err != nil || len(k.Scopes) != 2 {
		t.Fatalf("%v, %v; want each scope once", k.Scopes, err)
	}
	b.alias("root", "dan")
	b.rules.Administrators = who("dan")
	b.desk.Use(b.rules)
	if err := b.desk.RevokeToken(t.Context(), as("dan"), k.ID); err != nil {
		t.Fatal(err)
	}
	for kind, by := range map[engine.EventKind]string{engine.EventTokenMade: "root@example.org", engine.EventTokenRevoked: "dan@example.org"} {
		events, _, err := b.desk.Audit(t.Context(), as("dan"), desk.AuditQuery{Kind: kind})
		if err != nil || len(events) != 1 || events[0].By != by || events[0].Person != mail("root") || events[0].Reason != k.ID+": nightly as machine ci, scopes read request" {
			t.Errorf("%s: %+v, %v", kind, events, err)
		}
	}
}
