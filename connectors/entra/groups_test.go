package entra

import (
	"fmt"
	"strings"
	"testing"

	"github.com/daypass-dev/daypass/connectors/entra/entratest"
	"github.com/daypass-dev/daypass/engine"
)

// TestKindsOfGroup: what cannot be managed is refused before anything is
// written, with the reason; what can be, is.
func TestKindsOfGroup(t *testing.T) {
	t.Parallel()
	for kind, want := range map[entratest.Kind]string{ // why not; empty: it can
		entratest.Security:       "",
		entratest.Microsoft365:   "",
		entratest.Team:           "",
		entratest.HiddenMembers:  "",
		entratest.CloudManaged:   "",
		entratest.Dynamic:        "dynamic membership",
		entratest.DynamicPaused:  "dynamic membership",
		entratest.MailSecurity:   "mail-enabled security group",
		entratest.Distribution:   "distribution list",
		entratest.Synced:         "on-premises",
		entratest.RoleAssignable: "set roleAssignable",
		entratest.Restricted:     "restricted management administrative unit",
		entratest.RestrictedRole: "restricted management administrative unit",
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			l := newLab(t, entratest.Options{})
			p := l.people("ada", "bo")
			g := l.group("g", kind, "bo@example.org")
			m, there := l.member(p[0]), l.member(p[1])
			info, err := l.c.Group(t.Context(), "g")
			if err != nil || (info.Unmanageable == "") != (want == "") || !strings.Contains(info.Unmanageable, want) {
				t.Errorf("Group: got %+v and error %v, want the reason %q", info, err, want)
			}
			l.settle() // nothing is known any more
			added, removed := l.c.Change(t.Context(), g, []engine.Member{m}, []engine.Member{there})
			effects := []string{"changed", "changed"}
			if want != "" {
				effects = []string{"unmanageable", "unmanageable"}
			}
			wantEffects(t, append(added, removed...), effects...)
			if n := len(l.Writes()); (n > 0) != (want == "") {
				t.Errorf("writes in the tenant: got %d, want some only in a group that can be managed", n)
			}
			for _, r := range l.Log.Requests() {
				if want != "" && r.Method != "GET" && strings.HasPrefix(r.Path, "/v1.0/groups") {
					t.Errorf("request: got %s %s, want no write to be tried", r.Method, r.Path)
				}
			}
		})
	}
}

// TestRoleAssignable needs to be asked for, and needs a right of its own.
func TestRoleAssignable(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		roles []string
		want  string
	}{
		{[]string{"GroupMember.ReadWrite.All", "User.Read.All"}, "denied"},
		{[]string{"GroupMember.ReadWrite.All", "User.Read.All", "RoleManagement.ReadWrite.Directory"}, "changed"},
	} {
		l := newLab(t, entratest.Options{Roles: tc.roles}, func(c *Config) { c.RoleAssignable = true })
		g, m := l.group("g", entratest.RoleAssignable), l.member(l.people("ada")[0])
		added, _ := l.c.Change(t.Context(), g, []engine.Member{m}, nil)
		wantEffects(t, added, tc.want)
	}
}

// TestChoose: names are compared without regard to case, and the one that is
// spelled as asked comes first.
func TestChoose(t *testing.T) {
	t.Parallel()
	g := func(id, name string) engine.GroupInfo { return engine.GroupInfo{ID: engine.GroupID(id), Name: name} }
	for _, tc := range []struct {
		name string
		hits []engine.GroupInfo
		want string // the id, or the kind
	}{
		{"ops", nil, "not-found"},
		{"ops", []engine.GroupInfo{g("1", "ops")}, "1"},
		{"ops", []engine.GroupInfo{g("1", "Ops")}, "1"},
		{"ops", []engine.GroupInfo{g("1", "Ops"), g("2", "ops")}, "2"},
		{"ops", []engine.GroupInfo{g("1", "Ops"), g("2", "OPS")}, "ambiguous"},
		{"ops", []engine.GroupInfo{g("1", "ops"), g("2", "ops")}, "ambiguous"},
		{"ops", []engine.GroupInfo{g("1", "oops")}, "not-found"}, // a filter that did not hold
	} {
		got, err := choose(tc.name, tc.hits)
		s := string(got.ID)
		if err != nil {
			s = string(engine.KindOf(err))
		}
		if s != tc.want {
			t.Errorf("choose(%q, %v): got %s (%v), want %s", tc.name, tc.hits, s, err, tc.want)
		}
	}
}

// TestAmbiguousTellsIDs: the way out is the id.
func TestAmbiguousTellsIDs(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{})
	a, b := l.group("same", entratest.Security), l.group("same", entratest.Security)
	_, err := l.c.Group(t.Context(), "same")
	if engine.KindOf(err) != engine.Ambiguous || !strings.Contains(err.Error(), string(a)) || !strings.Contains(err.Error(), string(b)) {
		t.Errorf("Group: got error %v, want kind ambiguous and both ids", err)
	}
	got, err := l.c.Group(t.Context(), strings.ToUpper(string(a)))
	if err != nil || got.ID != a {
		t.Errorf("Group by id in capitals: got %+v and error %v, want %s", got, err, a)
	}
}

// TestGroupsInPages lists a tenant of more than one page, whatever the pages
// look like.
func TestGroupsInPages(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{EmptyPages: 1})
	for i := range 1000 {
		l.group(fmt.Sprint("g", i), entratest.Security)
	}
	n := 0
	for _, err := range l.c.Groups(t.Context()) {
		l.must(err)
		n++
	}
	if n != 1000 {
		t.Errorf("Groups: got %d, want 1000", n)
	}
}

// TestRequestsAreCounted: what a run asks for is as little as Graph allows.
func TestRequestsAreCounted(t *testing.T) {
	t.Parallel()
	const groups, members = 200, 200
	l := newLab(t, entratest.Options{})
	crowd, err := l.Crowd("crowd", groups+members)
	l.must(err)
	var names []string
	var ps []engine.Person
	for i := range groups {
		name := fmt.Sprint("group-", i)
		l.must(l.Fill(string(l.group(name, entratest.Security)), crowd[i:i+members]...))
		names = append(names, name)
		ps = append(ps, engine.Person(fmt.Sprintf("crowd%d@example.org", i+1)))
	}
	found, err := l.c.FindAll(t.Context(), names)
	l.must(err)
	people, err := l.c.ResolveAll(t.Context(), ps)
	l.must(err)
	for i, f := range found {
		l.must(f.Err)
		l.must(people[i].Err)
		ms, err := l.c.Members(t.Context(), f.Info.ID)
		if err != nil || len(ms) != members {
			t.Fatalf("Members: got %d and error %v, want %d", len(ms), err, members)
		}
	}
	// 20 names to a request; 300 addresses to one, in two places each.
	want := groups/batchMax + 2 + groups
	if got := l.Log.Total() - l.Log.Count("/{tenant}/oauth2/v2.0/token"); got != want {
		t.Errorf("requests: got %d (%v), want %d", got, l.Log.Counts(), want)
	}

	first, err := l.c.Changed(t.Context(), "")
	l.must(err)
	l.must(l.Take(names[3], crowd[5]))
	l.must(l.Put(names[7], crowd[0]))
	l.Log.Reset()
	then, err := l.c.Changed(t.Context(), first.Next)
	l.must(err)
	if len(then.Groups) != 2 || then.All || then.Names {
		t.Errorf("Changed: got %+v, want the two groups", then)
	}
	for _, g := range then.Groups {
		_, err := l.c.Members(t.Context(), g)
		l.must(err)
	}
	if got := l.Log.Total(); got != 3 {
		t.Errorf("requests of an incremental run: got %d (%v), want 3", got, l.Log.Counts())
	}
}

// TestRecalledKindIsNotAskedFor: what an earlier run found out of a group is
// not asked for before a change, unless the directory says that it changed.
func TestRecalledKindIsNotAskedFor(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{})
	g := l.group("prod-db", entratest.Security)
	crowd, err := l.Crowd("crowd", 2)
	l.must(err)
	l.must(l.Fill(string(g), crowd...))
	first, err := l.c.Changed(t.Context(), "")
	l.must(err)
	recalled := map[string]engine.GroupInfo{"prod-db": {ID: g, Name: "prod-db"}, "rule": {ID: "other", Unmanageable: "a rule makes its members"}}
	l.c.Recall(recalled)
	l.Log.Reset()
	changed, err := l.c.Remove(t.Context(), g, engine.Member{ID: engine.MemberID(crowd[0]), Login: "crowd"})
	l.must(err)
	if got := l.Log.Count("GET /groups/{id}"); !changed || got != 0 {
		t.Errorf("Remove: got changed %t with %d readings of the group, want true and none", changed, got)
	}
	if _, ok := l.c.kinds.get("other"); ok {
		t.Error("the kind of a group that must not be changed is believed")
	}
	l.must(l.SetKind("prod-db", entratest.Dynamic))
	l.c.Recall(recalled)
	if _, err := l.c.Changed(t.Context(), first.Next); err != nil {
		t.Fatal(err)
	}
	_, err = l.c.Remove(t.Context(), g, engine.Member{ID: engine.MemberID(crowd[1]), Login: "crowd"})
	if got := engine.KindOf(err); got != engine.Unmanageable {
		t.Errorf("Remove from a group that became dynamic: got kind %s (%v), want %s", got, err, engine.Unmanageable)
	}
}
