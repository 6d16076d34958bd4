package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/store/storetest"
)

func remembered(t testing.TB, values map[string]any) []byte {
	t.Helper()
	b, err := scs.GobCodec{}.Encode(storetest.Start(), values)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sessionIs(t *testing.T, s Sessions, what, token string, want []byte) {
	t.Helper()
	got, found, err := s.FindCtx(t.Context(), token)
	if err != nil || found != (want != nil) || string(got) != string(want) {
		t.Errorf("%s: %q, found: %t, %v; want %q", what, got, found, err, want)
	}
}

func TestSessions(t *testing.T) { onEach(t, testSessions) }

func testSessions(t *testing.T, at place) {
	s := at.open(t).Sessions()
	soon := time.Now().Add(time.Hour)
	commit := func(token, data string, expires time.Time) {
		t.Helper()
		if err := s.CommitCtx(t.Context(), token, []byte(data), expires); err != nil {
			t.Fatal(err)
		}
	}
	sessionIs(t, s, "none", "secret", nil)
	commit("secret", "one\x00", soon)
	commit("other", "two", soon)
	commit("stale", "old", time.Now().Add(-time.Second))
	sessionIs(t, s, "written", "secret", []byte("one\x00"))
	sessionIs(t, s, "expired", "stale", nil)
	commit("secret", "more", soon)
	sessionIs(t, s, "written again", "secret", []byte("more"))
	if err := s.DeleteCtx(t.Context(), "secret"); err != nil {
		t.Fatal(err)
	}
	sessionIs(t, s, "ended", "secret", nil)
	commit("secret", "back", soon) // a page that was still being answered
	sessionIs(t, s, "brought back", "secret", nil)
	sessionIs(t, s, "of another", "other", []byte("two"))
	if err := s.Bind(t.Context(), "secret", "ada@example.org"); !errors.Is(err, ErrNotFound) {
		t.Errorf("bound after its end: %v", err)
	}
	if n := rowsOf(t, s.s, "sessions"); n != 2 {
		t.Errorf("%d rows: what expired is swept", n)
	}
}

// TestEndSessions ends all sessions of a person, in whatever browser, and those
// of nobody else.
func TestEndSessions(t *testing.T) { onEach(t, testEndSessions) }

func testEndSessions(t *testing.T, at place) {
	s := at.open(t).Sessions()
	soon := time.Now().Add(time.Hour)
	for token, person := range map[string]engine.Person{"a1": "ada@example.org", "a2": "ada@example.org", "e": "eve@example.org", "x": ""} {
		if err := s.Commit(token, []byte(token), soon); err != nil {
			t.Fatal(err)
		}
		if person == "" {
			continue
		}
		if err := s.Bind(t.Context(), token, person); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Commit("a2", []byte("a2 again"), soon); err != nil { // keeps whose it is
		t.Fatal(err)
	}
	for _, p := range []engine.Person{"ada@example.org", ""} {
		if err := s.EndSessions(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Commit("a1", []byte("a1"), soon); err != nil {
		t.Fatal(err)
	}
	sessionIs(t, s, "ada's", "a1", nil)
	sessionIs(t, s, "ada's other", "a2", nil)
	sessionIs(t, s, "eve's", "e", []byte("e"))
	sessionIs(t, s, "of one who is signing in", "x", []byte("x"))
}

// TestSessionSpares: an end that moves with every page is not written with every
// page.
func TestSessionSpares(t *testing.T) { onEach(t, testSessionSpares) }

func testSessionSpares(t *testing.T, at place) {
	s := at.open(t).Sessions()
	soon := time.Now().Add(time.Hour)
	data := func(n int) []byte {
		return remembered(t, map[string]any{"person": "ada@example.org", "name": "Ada", "n": n, "x": "", "y": ""})
	}
	expires := func(token string) (v sessionRow) {
		t.Helper()
		found, err := s.find(t.Context(), token)
		if err != nil || found == nil {
			t.Fatal(err)
		}
		return *found
	}
	commit := func(n int, at time.Time) {
		t.Helper()
		if err := s.Commit("a", data(n), at); err != nil {
			t.Fatal(err)
		}
	}
	commit(1, soon)
	for range 20 { // its bytes are in another order each time
		commit(1, soon.Add(sparing-time.Second))
	}
	if got := expires("a").expires; !got.Equal(whole(soon)) {
		t.Errorf("the end was moved by %s", got.Sub(soon))
	}
	commit(1, soon.Add(sparing+time.Second))
	if got := expires("a").expires; !got.After(soon) {
		t.Error("the end was not moved")
	}
	commit(2, soon.Add(sparing+time.Second))
	if _, values, err := (scs.GobCodec{}).Decode(expires("a").data); err != nil || values["n"] != 2 {
		t.Errorf("what it remembers was not written: %v, %v", values, err)
	}
}

// TestSecretsAreNotKept looks for secrets in whole rows.
func TestSecretsAreNotKept(t *testing.T) { onEach(t, testSecretsAreNotKept) }

func testSecretsAreNotKept(t *testing.T, at place) {
	s := at.open(t)
	secret := token(t, s, "t1", "ada@example.org")
	if err := s.Sessions().Commit("secret", []byte("x"), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"SELECT hash FROM sessions", "SELECT hash FROM tokens", "SELECT body FROM events"} {
		var row string
		if err := s.reader.QueryRowContext(t.Context(), query).Scan(&row); err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{"secret", secret, strings.TrimPrefix(secret, tokenPrefix)} {
			if strings.Contains(row, s) {
				t.Errorf("%s: the secret is in %s", query, row)
			}
		}
	}
	if err := s.AddToken(t.Context(), Token{ID: "t2"}, "dp_hunter2"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a secret that can be guessed: got %v", err)
	}
}

// token adds a token for an hour, and returns its secret.
func token(t testing.TB, s *Store, id string, p engine.Person) string {
	t.Helper()
	secret := tokenPrefix + strings.Repeat(id, 32)
	k := Token{ID: id, Person: p, Name: "nightly job", Scopes: []string{"read", "request"}, Made: storetest.Start(), Expires: storetest.Start().Add(time.Hour)}
	if err := s.AddToken(t.Context(), k, secret); err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestTokens(t *testing.T) { onEach(t, testTokens) }

func testTokens(t *testing.T, at place) {
	s := at.open(t)
	start := storetest.Start()
	one, two := token(t, s, "t1", "ada@example.org"), token(t, s, "t2", "eve@example.org")
	is := func(what, secret string, after time.Duration, want string) {
		t.Helper()
		k, err := s.TokenBySecret(t.Context(), secret, start.Add(after))
		if k.ID != want || want == "" && !errors.Is(err, ErrNotFound) || want != "" && err != nil {
			t.Errorf("%s: got %q, %v; want %q", what, k.ID, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), secret) || err.Error() != "token: not found") {
			t.Errorf("%s: %v tells too much", what, err)
		}
	}
	used := func(want time.Duration) {
		t.Helper()
		ks, err := s.Tokens(t.Context(), "ada@example.org")
		if err != nil || len(ks) != 1 || !ks[0].Used.Equal(start.Add(want)) {
			t.Fatalf("%+v, %v; want it used at %s", ks, err, start.Add(want))
		}
	}
	is("unknown", one+"x", 0, "")
	is("good", one, 0, "t1")
	is("good again", one, 59*time.Second, "t1")
	used(0)
	is("later", one, 61*time.Second, "t1")
	used(61 * time.Second)
	is("by one whose clock is behind", one, time.Second, "t1")
	used(61 * time.Second)
	is("at its end", one, time.Hour, "")

	if err := s.RevokeToken(t.Context(), "t2", "ada@example.org", "ada@example.org", start); !errors.Is(err, ErrNotFound) {
		t.Errorf("somebody else's: got %v, want %v", err, ErrNotFound)
	}
	is("of another", two, 0, "t2")
	for i := range 2 {
		if err := s.RevokeToken(t.Context(), "t1", "ada@example.org", "ada@example.org", start.Add(time.Duration(i+2)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	is("revoked", one, 3*time.Minute, "")
	ks, err := s.Tokens(t.Context(), "ada@example.org")
	if err != nil {
		t.Fatal(err)
	}
	want := Token{
		ID: "t1", Person: "ada@example.org", Name: "nightly job", Scopes: []string{"read", "request"},
		Made: start, Expires: start.Add(time.Hour), Used: start.Add(61 * time.Second), Revoked: start.Add(2 * time.Minute),
	}
	same(t, "on record", ks, []Token{want})

	all, err := events(t.Context(), s)
	if err != nil || len(all) != 3 {
		t.Fatalf("%d events, %v; want 3", len(all), err)
	}
	same(t, "event", all[2], engine.Event{
		At: start.Add(2 * time.Minute), Kind: engine.EventTokenRevoked, By: "ada@example.org", Person: "ada@example.org",
		Reason: "t1: nightly job, scopes read request", Expires: &want.Expires,
	})
	everybody, err := s.AllTokens(t.Context())
	if err != nil || len(everybody) != 2 {
		t.Errorf("all are %v, %v; want 2", everybody, err)
	}
	if err := s.RevokeToken(t.Context(), "t2", "", "root@example.org", start.Add(4*time.Minute)); err != nil {
		t.Fatal(err)
	}
	is("revoked by an administrator", two, 4*time.Minute, "")
	all, err = events(t.Context(), s)
	if err != nil || len(all) != 4 || all[3].By != "root@example.org" || all[3].Person != "eve@example.org" {
		t.Errorf("events: %+v, %v; want a fourth, of eve's token by root", all, err)
	}
	verified(t, s)
}

func TestOnce(t *testing.T) { onEach(t, testOnce) }

func testOnce(t *testing.T, at place) {
	s := at.open(t)
	start := storetest.Start()
	once := func(what, caller, print string, after time.Duration, want string, is error) {
		t.Helper()
		answer, status, known, err := s.Once(t.Context(), caller, "key\x00", print, start.Add(after))
		got := ""
		if known {
			got = fmt.Sprint(status, " ", string(answer))
		}
		if got != want || !errors.Is(err, is) {
			t.Errorf("%s: got %q, %v; want %q, %v", what, got, err, want, is)
		}
		if errors.Is(is, ErrBusy) && !strings.Contains(err.Error(), "under way") {
			t.Errorf("%s: %v", what, err)
		}
	}
	once("first", "ada", "f", 0, "", nil)
	once("while it is under way", "ada", "f", 59*time.Second, "", ErrBusy)
	if err := s.Forget(t.Context(), "ada", "key\x00"); err != nil {
		t.Fatal(err)
	}
	once("when it was given back, for something else", "ada", "g", 59*time.Second, "", nil)
	if err := s.Forget(t.Context(), "ada", "key\x00"); err != nil {
		t.Fatal(err)
	}
	once("first again", "ada", "f", 0, "", nil)
	once("of another caller", "eve", "f", 0, "", nil)
	once("for something else", "ada", "g", 0, "", ErrMismatch)
	once("when the first has died", "ada", "f", time.Minute, "", nil)
	once("while the second is under way", "ada", "f", time.Minute+time.Second, "", ErrBusy)
	for _, status := range []int{201, 500} {
		if err := s.Answer(t.Context(), "ada", "key\x00", status, []byte("r1\x00")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Forget(t.Context(), "ada", "key\x00"); err != nil {
		t.Fatal(err)
	}
	once("answered, which is not given back", "ada", "f", 2*time.Minute, "201 r1\x00", nil)
	once("for something else again", "ada", "g", 2*time.Minute, "", ErrMismatch)
	if err := s.Answer(t.Context(), "eve", "key\x00", 204, nil); err != nil {
		t.Fatal(err)
	}
	once("answered with nothing", "eve", "f", time.Hour, "204 ", nil)
	once("a day later", "ada", "g", 25*time.Hour, "", nil)
	if n := rowsOf(t, s, "answers"); n != 1 {
		t.Errorf("%d rows: what is old is swept", n)
	}
	if err := s.Answer(t.Context(), "ada", "key\x00", 0, nil); err == nil {
		t.Error("an answer without a status was kept")
	}
}

// TestOnceAtOnce: of two with one key, one does the work.
func TestOnceAtOnce(t *testing.T) { onEach(t, testOnceAtOnce) }

func testOnceAtOnce(t *testing.T, at place) {
	one, two := at.open(t), at.open(t)
	for round := range 10 {
		errs := atOnce(one, two, func(s *Store, _ int) error {
			_, _, _, err := s.Once(context.Background(), "ada", fmt.Sprint(round), "f", storetest.Start())
			return err
		})
		if howMany(errs, ErrBusy) != 1 || howMany(errs, nil) != 1 {
			t.Fatalf("got %v; want one to be %v", errs, ErrBusy)
		}
	}
}

func rowsOf(t *testing.T, s *Store, table string) int {
	t.Helper()
	var n int
	if err := s.reader.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil && !errors.Is(err, sql.ErrNoRows) {
		t.Fatal(err)
	}
	return n
}
