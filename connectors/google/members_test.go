package google

import (
	"net/http"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/connectors/google/googletest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/sim"
)

// What a group can hold, and what daypass makes of it.
func TestKindsOfMembers(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.put("ada", "MEMBER")
	l.put("bob", "MANAGER")
	l.put("cyd", "OWNER")
	l.must(l.sim.Put(string(l.g), string(l.group("nested"))))
	l.must(l.sim.Put(string(l.g), "CUSTOMER"))
	l.must(l.sim.Put(string(l.g), "Guest@partner.example"))
	external, err := l.sim.AddExternal(string(l.g), "x@elsewhere.example")
	l.must(err)
	want := map[string]engine.MemberKind{
		"ada" + home: engine.AccountMember, "bob" + home: engine.OtherMember, "cyd" + home: engine.OtherMember,
		"nested" + home: engine.GroupMember, "C03demo01": engine.OtherMember,
		"guest@partner.example": engine.AccountMember, "x@elsewhere.example": engine.OtherMember,
	}
	ms := l.listed()
	for _, m := range ms {
		if kind, ok := want[m.Login]; !ok || kind != m.Kind {
			t.Errorf("Members: got %+v, want one of %v", m, want)
		}
	}
	if len(ms) != len(want) {
		t.Errorf("Members: got %d, want %d (the external one is %s)", len(ms), len(want), external)
	}
}

// An address that was in the group before its account existed is listed twice,
// once without a status (GAM issue 871). Removing by address would take one of
// the two by chance.
func TestGhostTwinIsAnotherMember(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	ghost, err := l.sim.AddGhost(string(l.g), "ada"+home)
	l.must(err)
	l.wantAdd("ada", true)
	if got := l.listed(); len(got) != 2 || got[0].Login != got[1].Login {
		t.Fatalf("Members: got %+v, want two entries of one address", got)
	}
	l.wantRemove("ada", true)
	l.later()
	got := l.listed()
	if len(got) != 1 || string(got[0].ID) != ghost {
		t.Fatalf("Members after the removal: got %+v, want the ghost %s", got, ghost)
	}
}

// Addresses fold: an alias, another case. What counts is the account's id.
func TestAliasAndCaseLeadToTheAccount(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{}, func(c *Config) {
		c.Accounts = map[engine.Person]string{"countess@example.net": "ADA" + home}
	})
	l.must(l.sim.AddAlias("ada"+home, "Lady.Ada"+home))
	for _, p := range []engine.Person{"ada" + home, "lady.ada" + home, "countess@example.net"} {
		m, err := l.Resolve(l.ctx(), p)
		if err != nil || m != l.who("ada") {
			t.Errorf("Resolve(%s): got %+v and error %v, want %+v", p, m, err, l.who("ada"))
		}
	}
	many, err := l.ResolveAll(l.ctx(), []engine.Person{"lady.ada" + home, "countess@example.net", "bob" + home, "ada" + home})
	l.must(err)
	for i, want := range []string{"ada", "ada", "bob", "ada"} {
		if many[i].Err != nil || many[i].Member != l.who(want) {
			t.Errorf("ResolveAll, answer %d: got %+v, want %+v", i, many[i], l.who(want))
		}
	}
	for _, name := range []string{"PROD-DB@Example.org", string(l.g)} {
		if g, err := l.Group(l.ctx(), name); err != nil || g.ID != l.g || g.Name != "prod-db"+home {
			t.Errorf("Group(%s): got %+v and error %v, want %s", name, g, err, l.g)
		}
	}
}

// The members field is left out when there is none; an empty object is
// something else's answer, and neither is a page of HTML.
func TestAnswersThatAreNoListings(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty object": `{}`, "another kind": `{"kind":"admin#directory#groups"}`, "null": `null`, "a list": `[]`, "no JSON": `<html>Sign in</html>`,
		"cut": `{"kind":"admin#directory#members","members":[{"id":"1`, "null entry": `{"kind":"admin#directory#members","members":[null]}`,
		"no id":   `{"kind":"admin#directory#members","members":[{"email":"a@example.org","role":"MEMBER","type":"USER"}]}`,
		"no role": `{"kind":"admin#directory#members","members":[{"id":"12","type":"USER"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, googletest.Options{})
			l.put("ada", "MEMBER")
			l.fault(routeList, sim.Fault{Status: http.StatusOK, Body: body})
			ms, err := l.Members(l.ctx(), l.g)
			wantKind(t, "Members", err, engine.Unavailable)
			if ms != nil {
				t.Errorf("Members: got %+v beside the error, want nothing", ms)
			}
			l.wantList("ada")
		})
	}
}

func TestEmptyGroupIsNoError(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	if got := l.listed(); len(got) != 0 {
		t.Errorf("Members: got %+v, want none", got)
	}
}

// A page token that comes again would be an endless listing, or one that never
// gets to the end.
func TestListingInCirclesIsPartial(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.put("ada", "MEMBER")
	l.must(l.sim.Loop(string(l.g), 5))
	_, err := l.Members(l.ctx(), l.g)
	wantKind(t, "Members", err, engine.Partial, "circles")
}

// Whatever goes wrong after the first page, the rest is missing.
func TestBrokenOffListingIsPartial(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	w := l.world()
	w.Crowd(450)
	for _, f := range []sim.Fault{
		refusal(http.StatusForbidden, "forbidden", "Not Authorized to access this resource/api"),
		refusal(http.StatusNotFound, "notFound", "Resource Not Found: groupKey"),
		refusal(http.StatusBadRequest, "invalid", "Invalid Input: pageToken"),
		{Status: http.StatusOK, Body: `{}`},
	} {
		f.Skip = 2
		l.fault(routeList, f)
		_, err := l.Members(l.ctx(), l.g)
		wantKind(t, "Members with the third page "+f.Body, err, engine.Partial)
	}
	if got := len(l.listed()); got != 450 {
		t.Errorf("Members: got %d, want 450", got)
	}
}

// A listing has one request a page, of the largest size, and only direct
// members.
func TestListingsAskForWholePages(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	w := l.world()
	for _, c := range []struct{ members, requests int }{{0, 1}, {200, 1}, {201, 2}, {600, 3}} {
		w.Crowd(c.members)
		l.sim.Log.Reset()
		l.listed()
		if got := l.sim.Log.Total(); got != c.requests {
			t.Errorf("Members of a group of %d: got %d requests, want %d", c.members, got, c.requests)
		}
		for _, r := range l.sim.Log.Requests() {
			if !strings.Contains(r.Query, "maxResults=200") || !strings.Contains(r.Query, "includeDerivedMembership=false") {
				t.Errorf("Members: got the query %q", r.Query)
			}
		}
	}
}
