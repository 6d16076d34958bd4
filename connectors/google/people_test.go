package google

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/daypass-dev/daypass/connectors/google/googletest"
	"github.com/daypass-dev/daypass/engine"
)

func TestAccountsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.must(l.sim.Suspend("ada" + home))
	l.must(l.sim.Archive("bob" + home))
	l.must(l.sim.DeleteUser("cyd" + home))
	for name, words := range map[string]string{"ada": "suspended", "bob": "archived"} {
		m, err := l.Resolve(l.ctx(), engine.Person(name+home))
		wantKind(t, "Resolve of "+name, err, engine.Disabled, words)
		if m != l.who(name) {
			t.Errorf("Resolve of %s: got %+v beside the error, want the account", name, m)
		}
	}
	_, err := l.Resolve(l.ctx(), "cyd"+home)
	wantKind(t, "Resolve of a deleted account", err, engine.NotFound, "cyd"+home)
}

// Somebody outside of the customer may be in a group, and has no account here.
func TestPeopleOutsideAreNotFound(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.must(l.sim.Put(string(l.g), "guest@partner.example"))
	for _, p := range []engine.Person{"guest@partner.example", "nobody@gmail.com", "x/y@example.org", "a%2f@example.org", "ada?@example.org"} {
		_, err := l.Resolve(l.ctx(), p)
		wantKind(t, "Resolve of "+string(p), err, engine.NotFound)
	}
}

// Of a domain that is not the customer's, Google may say "not authorized" as
// it says when we may not read people at all (GAM handles both alike).
func TestForbiddenAboutAPersonElsewhere(t *testing.T) {
	t.Parallel()
	no := refusal(http.StatusForbidden, "forbidden", "Not Authorized to access this resource/api")

	l := newLab(t, googletest.Options{})
	l.fault(routeUser, no)
	_, err := l.Resolve(l.ctx(), "guest@partner.example")
	wantKind(t, "Resolve of a guest", err, engine.NotFound, "outside")

	l = newLab(t, googletest.Options{Lacks: []googletest.Right{googletest.ReadUsers}})
	_, err = l.Resolve(l.ctx(), "guest@partner.example")
	wantKind(t, "Resolve without the right", err, engine.Denied, "admin role")

	l = newLab(t, googletest.Options{})
	if _, err := l.Resolve(l.ctx(), "ada"+home); err != nil {
		t.Fatal(err)
	}
	l.fault(routeUser, no)
	_, err = l.Resolve(l.ctx(), "bob"+home)
	wantKind(t, "Resolve in our own domain", err, engine.Denied)
}

func TestRenamedUserIsTheSameAccount(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.wantAdd("ada", true)
	l.must(l.sim.RenameUser("ada"+home, "lovelace"+home))
	want := engine.Member{ID: l.who("ada").ID, Login: "lovelace" + home}
	for _, p := range []engine.Person{"ada" + home, "lovelace" + home} {
		if m, err := l.Resolve(l.ctx(), p); err != nil || m != want {
			t.Errorf("Resolve(%s): got %+v and error %v, want %+v", p, m, err, want)
		}
	}
	l.wantRemove("ada", true)
}

// An account of another customer that the credential reaches as well.
func TestAccountOfAnotherCustomer(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{}, func(c *Config) { c.Customer = "C0another" })
	_, err := l.Resolve(l.ctx(), "ada"+home)
	wantKind(t, "Resolve", err, engine.NotFound, "C0another")
}

// A reply that has the right status and no account in it is nobody's account.
func TestGarbledAccounts(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{}`, `null`, `{"kind":"admin#directory#user"}`, `{"kind":"admin#directory#user","id":"../x","primaryEmail":"a@b"}`, `<html>`} {
		l := newLab(t, googletest.Options{})
		f := refusal(http.StatusOK, "", "")
		f.Body = body
		l.fault(routeUser, f)
		m, err := l.Resolve(l.ctx(), "ada"+home)
		wantKind(t, "Resolve, "+body, err, engine.Unavailable)
		if m.ID != "" {
			t.Errorf("Resolve, %s: got %+v, want nobody", body, m)
		}
	}
}

// many people: the fewest requests that answer the question.
func TestResolveAllCountsRequests(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	var asked []engine.Person
	for i := range 1200 {
		name := fmt.Sprintf("p%d", i)
		l.person(name)
		asked = append(asked, engine.Person(name+home))
	}
	count := func(what string, people []engine.Person, listings, gets int) {
		t.Helper()
		l.sim.Log.Reset()
		answers, err := l.ResolveAll(l.ctx(), people)
		l.must(err)
		for i, a := range answers {
			if a.Err != nil || a.Member.Login != string(people[i]) {
				t.Fatalf("ResolveAll of %s: got %+v for %s", what, a, people[i])
			}
		}
		if n, m := l.count(routeUsers), l.count(routeUser); n != listings || m != gets {
			t.Errorf("ResolveAll of %s: got %d pages and %d single requests, want %d and %d", what, n, m, listings, gets)
		}
	}
	count("two of many", asked[:2], 0, 2)
	count("everybody", asked, 3, 0)
	count("everybody again", asked, 3, 0)
	count("three of three pages", asked[1100:1103], 0, 3)

	strangers, err := l.ResolveAll(l.ctx(), append(asked, "eve"+home))
	l.must(err)
	wantKind(t, "ResolveAll of a stranger", strangers[len(asked)].Err, engine.NotFound, "eve"+home)
}

// A directory that turns out larger than what is asked for is not listed to
// its end, and the next time not at all.
func TestResolveAllGivesUpOnALargeDirectory(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	for i := range 3000 {
		l.person(fmt.Sprintf("p%d", i))
	}
	asked := []engine.Person{"p2999" + home, "p2998" + home, "p2997" + home, "p2996" + home}
	for i, want := range []int{2, 0, 0} {
		l.sim.Log.Reset()
		answers, err := l.ResolveAll(l.ctx(), asked)
		l.must(err)
		for i, a := range answers {
			if a.Err != nil || a.Member.Login != string(asked[i]) {
				t.Errorf("ResolveAll: got %+v for %s", a, asked[i])
			}
		}
		if n := l.count(routeUsers); n != want || l.count(routeUser) != len(asked) {
			t.Errorf("ResolveAll, call %d: got %d pages and %d single requests, want %d and %d", i+1, n, l.count(routeUser), want, len(asked))
		}
	}
}

// One who is refused is one answer; a right that is missing ends the whole.
func TestResolveAllEndsWithTheWhole(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{Lacks: []googletest.Right{googletest.ReadUsers}})
	_, err := l.ResolveAll(l.ctx(), []engine.Person{"ada" + home, "bob" + home})
	wantKind(t, "ResolveAll", err, engine.Denied)
	if n := l.sim.Log.Total(); n > 6 {
		t.Errorf("ResolveAll without the right: got %d requests, want a few", n)
	}
}
