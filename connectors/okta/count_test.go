package okta

import (
	"fmt"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/okta/oktatest"
	"github.com/daypass-dev/daypass/engine"
)

// TestRequestsOfAPlan counts: a full plan takes the pages of the groups and
// their members and the bulk requests, an incremental one a request for the
// mark and one for each group that changed.
func TestRequestsOfAPlan(t *testing.T) {
	t.Parallel()
	const groups, members = 200, 200
	b := newBench(t, oktatest.Options{})
	var logins, names []string
	var people []engine.Person
	for i := range 400 {
		login := fmt.Sprintf("person%03d%s", i, testMail)
		b.userOf(oktatest.User{Login: login})
		logins, people = append(logins, login), append(people, engine.Person(login))
	}
	for i := range groups {
		name := fmt.Sprintf("group%03d", i)
		b.group(name, logins[i:i+members]...)
		names = append(names, name)
	}
	b.clock.Advance(time.Hour)
	c := b.connector()
	mark := told(t, c, "").Next
	b.s.Log.Reset()

	found, err := c.FindAll(t.Context(), names)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.s.Log.Total(); got > 3 { // Everyone makes it two pages; the rules
		t.Errorf("FindAll: got %d requests, want 3", got)
	}
	b.s.Log.Reset()
	if _, err := c.ResolveAll(t.Context(), people); err != nil {
		t.Fatal(err)
	}
	bulk := b.s.Log.Total()
	if bulk > 8 {
		t.Errorf("ResolveAll of %d: got %d requests, want up to 8", len(people), bulk)
	}
	b.s.Log.Reset()
	for _, f := range found {
		if ms, err := c.Members(t.Context(), f.Info.ID); err != nil || len(ms) != members {
			t.Fatalf("Members: got %d and error %v, want %d", len(ms), err, members)
		}
	}
	if got := b.s.Log.Total(); got != groups {
		t.Errorf("Members: got %d requests, want one a page: %d", got, groups)
	}

	for i := range 2 { // one in a hundred
		b.must(b.s.Take(names[i], logins[i]))
	}
	b.s.Log.Reset()
	ch := told(t, c, mark)
	for _, g := range ch.Groups {
		if _, err := c.Members(t.Context(), g); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.s.Log.Total(); len(ch.Groups) != 2 || got != 3 {
		t.Errorf("after a change of 2 groups: got %d groups and %d requests, want 2 and 3", len(ch.Groups), got)
	}
}

// TestRequestsOfChanges counts: a change is a look for all and a write each,
// and before removals the rules.
func TestRequestsOfChanges(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	var ms []engine.Member
	for i := range 40 {
		login := fmt.Sprintf("p%02d%s", i, testMail)
		ms = append(ms, engine.Member{ID: b.userOf(oktatest.User{Login: login}), Login: login})
	}
	g := b.group("prod-db")
	c := b.connector()
	if _, err := c.Group(t.Context(), "prod-db"); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		what        string
		add, remove []engine.Member
		want        map[string]int
		total       int
	}{
		{"one added", ms[:1], nil, map[string]int{"GET /api/v1/users/{id}/groups": 1, "PUT /api/v1/groups/{id}/users/{id}": 1}, 2},
		{"many added", ms[1:40], nil, map[string]int{"GET /api/v1/groups/{id}/users": 1, "PUT /api/v1/groups/{id}/users/{id}": 39}, 40},
		{"many removed", nil, ms[:20], map[string]int{"GET /api/v1/groups/{id}/users": 1, "GET /api/v1/groups/rules": 1, "DELETE /api/v1/groups/{id}/users/{id}": 20}, 22},
		{"one removed", nil, ms[20:21], map[string]int{"GET /api/v1/users/{id}/groups": 1, "GET /api/v1/groups/rules": 1, "DELETE /api/v1/groups/{id}/users/{id}": 1}, 3},
		// The look may be older than an addition: they are removed all the same.
		{"absent ones removed", nil, ms[:2], map[string]int{"GET /api/v1/groups/{id}/users": 1, "GET /api/v1/groups/rules": 1, "DELETE /api/v1/groups/{id}/users/{id}": 2}, 4},
	} {
		b.later()
		if _, err := c.Group(t.Context(), string(g)); err != nil { // what kind it is, a run knows
			t.Fatal(err)
		}
		b.s.Log.Reset()
		c.Change(t.Context(), g, step.add, step.remove)
		for route, want := range step.want {
			if got := b.s.Log.Count(route); got != want {
				t.Errorf("%s: got %d requests %s, want %d", step.what, got, route, want)
			}
		}
		if got := b.s.Log.Total(); got != step.total {
			t.Errorf("%s: got %d requests, want %d: %v", step.what, got, step.total, b.s.Log.Counts())
		}
	}
	if got := len(b.s.Members(string(g))); got != 19 {
		t.Errorf("members at the end: got %d, want 19", got)
	}
}

// TestRecalledKindIsNotAskedFor: what an earlier run found out of a group is
// not asked for before a change, and the rules are read all the same.
func TestRecalledKindIsNotAskedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	m := engine.Member{ID: b.userOf(oktatest.User{Login: "ada" + testMail}), Login: "ada" + testMail}
	g := b.group("prod-db")
	b.must(b.s.Put(string(g), string(m.ID)))
	c := b.connector()
	c.Recall(map[string]engine.GroupInfo{"prod-db": {ID: g, Name: "prod-db"}, "rule": {ID: "00g000000000000000x", Unmanageable: "a rule fills it"}})
	b.s.Log.Reset()
	if changed, err := c.Remove(t.Context(), g, m); !changed || err != nil {
		t.Fatalf("Remove: got changed %t and error %v, want true and none", changed, err)
	}
	for route, want := range map[string]int{"GET /api/v1/groups/{id}": 0, "GET /api/v1/groups/rules": 2} {
		if got := b.s.Log.Count(route); got > want || want > 0 && got == 0 {
			t.Errorf("got %d requests %s, want %d at most", got, route, want)
		}
	}
	if _, ok := c.kinds.of("00g000000000000000x"); ok {
		t.Error("the kind of a group that must not be changed is believed")
	}
}
