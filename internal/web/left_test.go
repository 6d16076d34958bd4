package web_test

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestPagesOfALeaver: whoever has no account any more sees no page, and the next
// sign-in tells them why; the audit page knows the tokens that they made.
func TestPagesOfALeaver(t *testing.T) {
	t.Parallel()
	r := open(t)
	b := r.by("eve")
	b.get("/mine").want(t, 200)
	m, err := r.corp.Resolve(t.Context(), at("eve"))
	if err != nil {
		t.Fatal(err)
	}
	r.corp.Delete(m.ID)
	r.clock.Pass(time.Minute)
	for _, path := range []string{"/mine", "/resources", "/tokens"} {
		b.get(path).want(t, 303)
	}
	b.post("/tokens", "name", "x", "for", "1h", "scope", "read").want(t, 401)
	to, err := url.Parse(b.get("/sign-in/start").Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	back := b.do("POST", issuer+"/authorize", url.Values{"query": {to.RawQuery}, "person": {string(at("eve"))}}).Header.Get("Location")
	b.get(back).want(t, 403, "You are not signed in", "no account in any directory")
	b.get("/mine").want(t, 303)
	if a := r.by("dan").get("/audit").want(t, 200); !strings.Contains(a.body, `value="token-made"`) || !strings.Contains(a.body, `value="token-revoked"`) {
		t.Error("the audit page does not look for tokens")
	}
}
