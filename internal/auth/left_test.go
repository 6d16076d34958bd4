package auth_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/auth"
)

// TestSessionsOfALeaverEnd: all of them, for good, and no new one begins; those
// of others go on.
func TestSessionsOfALeaverEnd(t *testing.T) {
	t.Parallel()
	left := errors.New("you have no account in any directory that daypass knows")
	var gone atomic.Bool
	r, _ := open(t, func(s *auth.Settings) {
		s.Left = func(_ context.Context, p engine.Person) error {
			if gone.Load() && p == "lovelace@example.org" {
				return left
			}
			return nil
		}
		s.Canonical = func(p engine.Person) engine.Person { // since the sessions began
			if gone.Load() && p == "ada@example.org" {
				return "lovelace@example.org"
			}
			return p
		}
	})
	ada, again, bob := r.browser(), r.browser(), r.browser()
	ada.signIn("ada@example.org")
	again.signIn("ada@example.org")
	bob.signIn("bob@example.org")
	kept := ada.cookie()
	gone.Store(true)
	if ada.who() != "" || bob.who() != "bob@example.org" {
		t.Errorf("signed in are %q and %q", ada.who(), bob.who())
	}
	if a := ada.get(ada.choose("ada@example.org")); a.StatusCode != http.StatusForbidden || !strings.Contains(a.body, left.Error()) {
		t.Errorf("signing in again: %d %s", a.StatusCode, a.body)
	}
	gone.Store(false) // the account is back
	if ada.steal(kept).who() != "" || again.who() != "" {
		t.Error("a session that was ended goes on")
	}
	ada.signIn("ada@example.org")
	if !strings.Contains(r.log.String(), "left are ended") {
		t.Error("that sessions were ended is not in the log")
	}
}

// TestTokensOfALeaver: a person's are refused in words, however they were made, and
// so are those that they made for a machine; those of others for it are good.
func TestTokensOfALeaver(t *testing.T) {
	t.Parallel()
	left := &access.Error{Kind: access.Forbidden, Message: "you left"}
	r, s := open(t, machines, func(s *auth.Settings) {
		s.Left = func(_ context.Context, p engine.Person) error {
			if p == "ada@example.org" {
				return left
			}
			return nil
		}
	})
	for i, x := range []struct {
		maker   engine.Person
		machine string
		good    bool
	}{
		{"ada@example.org", "", false},
		{"ada@example.org", "deploy", false},
		{"bob@example.org", "", true},
		{"bob@example.org", "deploy", true},
	} {
		secret := "dp_" + strings.Repeat("0", 63) + strconv.Itoa(i)
		k := access.Token{ID: "t" + strconv.Itoa(i), Person: x.maker, Machine: x.machine, Name: "x", Scopes: []string{"read"}, Made: time.Now(), Expires: time.Now().Add(time.Hour)}
		if err := s.AddToken(t.Context(), k, secret); err != nil {
			t.Fatal(err)
		}
		_, err := r.bearer(secret)
		if x.good != (err == nil) || !x.good && (!errors.Is(err, left) || access.KindOf(err) != access.Forbidden) {
			t.Errorf("of %s for %q: %v", x.maker, x.machine, err)
		}
		if x.machine != "" && !x.good && !strings.Contains(err.Error(), "ada@example.org made the token") {
			t.Errorf("the machine is told: %v", err)
		}
	}
	if _, err := r.bearer(r.sign(map[string]any{"aud": client, "email": "ada@example.org", "email_verified": true})); !errors.Is(err, left) {
		t.Errorf("an ID token: %v", err)
	}
	if _, err := r.bearer(r.sign(map[string]any{"aud": "pipelines", "sub": "x", "protected": true})); err != nil {
		t.Errorf("a pipeline's own: %v", err)
	}
}

// TestForgedTokensAskNoProvider: for tokens of keys that nobody knows the
// provider is asked a few times, and then no more for a while; a good token is
// good meanwhile.
func TestForgedTokensAskNoProvider(t *testing.T) {
	t.Parallel()
	r, _ := open(t, machines)
	var asks atomic.Int64
	inner := r.hosts["id.example.org"]
	r.hosts["id.example.org"] = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		asks.Add(1)
		inner.ServeHTTP(w, q)
	})
	good := map[string]any{"aud": "pipelines", "sub": "x", "protected": true}
	if _, err := r.bearer(r.sign(good)); err != nil {
		t.Fatal(err)
	}
	claims := maps.Clone(good)
	claims["iss"], claims["exp"] = issuer, time.Now().Add(time.Hour).Unix()
	forged := r.forgeries()["another's key"](claims)
	for range 50 {
		if _, err := r.bearer(forged); err == nil {
			t.Fatal("a forged token is believed")
		}
	}
	if n := asks.Load(); n > 10 {
		t.Errorf("the provider was asked %d times", n)
	}
	if _, err := r.bearer(forged); !errors.Is(err, auth.ErrLater) {
		t.Errorf("a key that was not looked for: %v, want %v", err, auth.ErrLater)
	}
	if _, err := r.bearer(r.sign(good)); err != nil {
		t.Errorf("a good token meanwhile: %v", err)
	}
}
