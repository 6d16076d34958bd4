package okta

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/okta/oktatest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/sim"
)

// Who may get access, by the status that Okta shows. Memberships of whoever
// may not still end: Okta leaves them in place.
func TestStatuses(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]bool{
		oktatest.Active: true, oktatest.Provisioned: true, oktatest.Staged: true, oktatest.PasswordExpired: true, oktatest.LockedOut: true,
		oktatest.Recovery: true, oktatest.Deprovisioned: false, oktatest.Suspended: false,
	} {
		b := newBench(t, oktatest.Options{RefuseInactive: true})
		id := b.userOf(oktatest.User{Login: "ada" + testMail, Status: status})
		g := b.group("prod-db", string(id))
		c := b.connector()
		m, err := c.Resolve(t.Context(), "ada"+testMail)
		if m.ID != id {
			t.Errorf("%s: got account %q, want it in any case", status, m.ID)
		}
		switch {
		case want && err != nil:
			t.Errorf("%s: got error %v, want none", status, err)
		case !want:
			wantKind(t, status, err, engine.Disabled, "corp: find the account of ada@example.org", strings.ToLower(status))
		}
		if ms, err := c.Members(t.Context(), g); err != nil || len(ms) != 1 {
			t.Errorf("%s: Members: got %v and error %v, want the user", status, ms, err)
		}
		if changed, err := c.Remove(t.Context(), g, m); err != nil || !changed {
			t.Errorf("%s: Remove: got changed %t and error %v, want the difference", status, changed, err)
		}
	}
	if r := usable(user{ID: "00u00000000000000001", Status: "SOMETHING_NEW"}); engine.KindOf(r.Err) != engine.Disabled {
		t.Errorf("an unknown status: got %v, want it to fail closed", r.Err)
	}
}

// Okta may refuse to add somebody whom a look before found usable.
func TestAddIsRefusedForAStatus(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{RefuseInactive: true})
	id := b.userOf(oktatest.User{Login: "dan" + testMail, Status: oktatest.Suspended})
	g, c := b.group("prod-db"), b.connector()
	_, err := c.Add(t.Context(), g, engine.Member{ID: id, Login: "dan"})
	wantKind(t, "Add", err, engine.Rejected, "E0000038")
}

// What stands before the @ finds a user too, at Okta; nobody's account is
// guessed that way.
func TestShortNamesAreNobodysLogin(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	b.userOf(oktatest.User{Login: "ada" + testMail})
	c := b.connector(func(cfg *Config) {
		cfg.Accounts = map[engine.Person]string{"boss@example.org": "ada", "ceo@example.org": "ada" + testMail}
	})
	_, err := c.Resolve(t.Context(), "boss@example.org")
	wantKind(t, "an exception by a short name", err, engine.NotFound)
	if m, err := c.Resolve(t.Context(), "ceo@example.org"); err != nil || m.Login != "ada"+testMail {
		t.Errorf("an exception by login: got %+v and error %v", m, err)
	}
}

func TestExceptions(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	id := b.userOf(oktatest.User{Login: "odd/login@corp.test"})
	gone := strings.Repeat("0", 16)
	c := b.connector(func(cfg *Config) {
		cfg.Accounts = map[engine.Person]string{
			"by-id@example.org": string(id), "by-login@example.org": "odd/login@corp.test", "gone@example.org": "00u" + gone + "9",
			"me@example.org": "me", "dots@example.org": "..",
		}
	})
	people := []engine.Person{"by-id@example.org", "by-login@example.org", "gone@example.org", "me@example.org", "dots@example.org"}
	all, err := c.ResolveAll(t.Context(), people)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range people {
		if found := i < 2; (all[i].Err == nil) != found || found && all[i].Member.ID != id {
			t.Errorf("%s: got %+v, want an account: %t", p, all[i], found)
		}
		if i >= 2 {
			wantKind(t, string(p), all[i].Err, engine.NotFound)
		}
	}
}

// A login is one whatever its case, though reading by it, and filter, want the
// exact one; a login with a slash can not stand in a path.
func TestLoginsInAnyCase(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	want := map[engine.Person]engine.MemberID{}
	for _, login := range []string{"Ada@Example.org", "bob@example.org", "sl/ash@example.org", "SL/Upper@example.org", `q"uote\@example.org`} {
		want[engine.Person(strings.ToLower(login))] = b.userOf(oktatest.User{Login: login})
	}
	c := b.connector()
	var people []engine.Person
	for p, id := range want {
		people = append(people, p)
		if m, err := c.Resolve(t.Context(), p); err != nil || m.ID != id {
			t.Errorf("Resolve(%q): got %+v and error %v, want %s", p, m, err, id)
		}
	}
	all, err := c.ResolveAll(t.Context(), people)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range people {
		if all[i].Err != nil || all[i].Member.ID != want[p] {
			t.Errorf("ResolveAll, %q: got %+v, want %s", p, all[i], want[p])
		}
	}
}

// The index behind search lags. It never makes an account of somebody whom the
// directory itself does not show, and nobody is missing for it.
func TestSearchIsNotBelieved(t *testing.T) {
	t.Parallel()
	for _, match := range []string{MatchLogin, MatchEmail} {
		b := newBench(t, oktatest.Options{SearchLag: time.Minute})
		moved := b.userOf(oktatest.User{Login: "Moved@example.org"})
		b.clock.Advance(2 * time.Minute) // now the index has it
		b.must(b.s.RenameUser(string(moved), "elsewhere@example.org"))
		fresh := b.userOf(oktatest.User{Login: "fresh@example.org"})
		c := b.connector(func(cfg *Config) { cfg.Match = match })
		people := []engine.Person{"moved@example.org", "fresh@example.org", "elsewhere@example.org"}
		all, err := c.ResolveAll(t.Context(), people)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range people {
			m, err := c.Resolve(t.Context(), p)
			wantID := []engine.MemberID{"", fresh, moved}[i]
			if m.ID != wantID || all[i].Member.ID != wantID || (err == nil) != (wantID != "") || (all[i].Err == nil) != (wantID != "") {
				t.Errorf("%s, %s: got %+v (%v) and of many %+v, want %q", match, p, m, err, all[i], wantID)
			}
		}
	}
}

// What search shows of a user may be as old as what it finds.
func TestSearchShowsWhatWas(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	id := b.userOf(oktatest.User{Login: "new@example.org"})
	b.s.Faults.Inject(sim.Fault{
		Match: func(r *http.Request) bool { return r.URL.Query().Has("search") }, Effect: sim.Answer, Status: 200, Times: -1,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   fmt.Sprintf(`[{"id":%q,"status":"ACTIVE","profile":{"login":"old@example.org","email":"old@example.org"}}]`, id),
	})
	for _, match := range []string{MatchLogin, MatchEmail} {
		m, err := b.connector(func(cfg *Config) { cfg.Match = match }).Resolve(t.Context(), "old@example.org")
		wantKind(t, match, err, engine.NotFound)
		if m.ID != "" {
			t.Errorf("%s: got %+v, want nobody", match, m)
		}
	}
}

// E-mails are not unique, whatever their case.
func TestTwoUsersOfOneEmail(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	b.userOf(oktatest.User{Login: "tim@corp.test", Email: "tim@example.org"})
	b.userOf(oktatest.User{Login: "tim2@corp.test", Email: "Tim@Example.org", Status: oktatest.Deprovisioned})
	c := b.connector(func(cfg *Config) { cfg.Match = MatchEmail })
	_, err := c.Resolve(t.Context(), "tim@example.org")
	wantKind(t, "Resolve", err, engine.Ambiguous, "tim@corp.test", "tim2@corp.test", "name one under people")
}

// Many people take few requests, and an expression that Okta refuses is taken
// apart.
func TestManyPeopleTakeFewRequests(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	var people []engine.Person
	for i := range 250 {
		p := fmt.Sprintf("p%03d%s", i, testMail)
		b.userOf(oktatest.User{Login: p})
		people = append(people, engine.Person(p))
	}
	c := b.connector()
	resolveAll := func() {
		t.Helper()
		all, err := c.ResolveAll(t.Context(), append(people, people[0]))
		if err != nil || len(all) != 251 {
			t.Fatalf("got %d answers and error %v", len(all), err)
		}
		for i, r := range all {
			if r.Err != nil || r.Member.Login != string(people[i%250]) {
				t.Fatalf("answer %d: got %+v", i, r)
			}
		}
	}
	resolveAll()
	if got := b.s.Log.Total(); got > 5 {
		t.Errorf("requests: got %d, want up to 5", got)
	}
	b.s.Log.Reset()
	f := answered(400, "E0000031", "Invalid search criteria")
	f.Times, f.Match = -1, func(r *http.Request) bool { return strings.Contains(r.URL.Query().Get("filter"), " or ") }
	b.s.Faults.Inject(f)
	resolveAll()
	if got := b.s.Log.Count("GET /api/v1/users/{id}"); got != 250 {
		t.Errorf("direct readings: got %d, want one for each", got)
	}
}
