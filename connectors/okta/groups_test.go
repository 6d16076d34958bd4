package okta

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/okta/oktatest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/sim"
)

// Only groups of Okta's own that no rule fills can be changed.
func TestKindsOfGroups(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	ada := b.userOf(oktatest.User{Login: "ada" + testMail})
	for _, g := range []oktatest.Group{{Name: "free"}, {Name: "imported", Type: "APP_GROUP"}, {Name: "fed"}, {Name: "resting"}, {Name: "broken"}} {
		_, err := b.s.AddGroup(g)
		b.must(err)
	}
	for group, status := range map[string]string{"fed": "ACTIVE", "resting": "INACTIVE", "broken": "INVALID"} {
		_, err := b.s.AddRule(oktatest.Rule{Name: "rule of " + group, Status: status, Groups: []string{group}, Members: []string{"ada" + testMail}})
		b.must(err)
	}
	c := b.connector()
	m := engine.Member{ID: ada, Login: "ada"}
	for name, says := range map[string]string{
		"free": "", "imported": "APP_GROUP", "Everyone": "BUILT_IN", "fed": `the group rule "rule of fed" fills it`, "resting": "", "broken": "",
	} {
		info, err := c.Group(t.Context(), name)
		if err != nil || (info.Unmanageable == "") != (says == "") || !strings.Contains(info.Unmanageable, says) {
			t.Errorf("%s: got %+v and error %v, want a reason that says %q", name, info, err, says)
		}
		if says == "" {
			continue
		}
		_, err = c.Add(t.Context(), info.ID, m)
		wantKind(t, "Add to "+name, err, engine.Unmanageable, says)
		_, err = c.Remove(t.Context(), info.ID, m)
		wantKind(t, "Remove from "+name, err, engine.Unmanageable, says)
	}
	if w := b.s.Writes(); len(w) > 0 {
		t.Errorf("writes: got %+v, want none", w)
	}
}

// A rule that is switched on a moment ago, and is not known yet, is seen before
// anybody is removed: that would exclude the person from the rule for good.
func TestRuleHeldMemberIsNeverRemoved(t *testing.T) {
	t.Parallel()
	b, c, g, ada := small(t)
	bob := engine.Member{ID: b.userOf(oktatest.User{Login: "bob" + testMail}), Login: "bob"}
	if info, err := c.Group(t.Context(), "prod-db"); err != nil || info.Unmanageable != "" {
		t.Fatalf("Group: got %+v and error %v", info, err)
	}
	rule, err := b.s.AddRule(oktatest.Rule{Name: "all of IT", Groups: []string{"prod-db"}, Members: []string{string(ada)}})
	b.must(err)
	b.clock.Advance(rulesNew / 2)
	_, err = c.Remove(t.Context(), g, engine.Member{ID: ada, Login: "ada"})
	wantKind(t, "Remove", err, engine.Unmanageable, "corp: remove ada from prod-db", "all of IT")
	if !b.s.Has(string(g), string(ada)) || len(b.s.Excluded(rule)) > 0 {
		t.Error("the member is gone, or excluded")
	}
	added, removed := c.Change(t.Context(), g, []engine.Member{bob}, []engine.Member{{ID: ada, Login: "ada"}})
	wantKind(t, "Change, removed", removed[0].Err, engine.Unmanageable)
	wantKind(t, "Change, added", added[0].Err, engine.Unmanageable)
	b.must(b.s.SetRule(rule, "INACTIVE"))
	if changed, err := c.Remove(t.Context(), g, engine.Member{ID: ada, Login: "ada"}); err == nil || changed {
		t.Errorf("Remove within a minute: got changed %t and error %v, want the rules that are known to hold", changed, err)
	}
	b.clock.Advance(rulesKept)
	if changed, err := c.Remove(t.Context(), g, engine.Member{ID: ada, Login: "ada"}); err != nil || !changed {
		t.Errorf("Remove after the rule: got changed %t and error %v, want the difference", changed, err)
	}
}

// Nothing is changed when the rules can not be read.
func TestRulesThatCanNotBeRead(t *testing.T) {
	t.Parallel()
	b, c, g, ada := small(t)
	f := answered(403, "E0000006", "no")
	f.Times, f.Match = -1, func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/groups/rules") }
	b.s.Faults.Inject(f)
	_, err := c.Group(t.Context(), "prod-db")
	wantKind(t, "Group", err, engine.Denied, "the group rules can not be read")
	_, err = c.Remove(t.Context(), g, engine.Member{ID: ada, Login: "ada"})
	wantKind(t, "Remove", err, engine.Denied, "the group rules can not be read")
	if w := b.s.Writes(); len(w) > 0 {
		t.Errorf("writes: got %+v, want none", w)
	}
}

// The rules are read page by page, and once for all who wait for them.
func TestRulesAreReadWholeAndShared(t *testing.T) {
	t.Parallel()
	b, c, g, _ := small(t)
	other := b.group("other")
	for i := range 201 {
		to := "other"
		if i == 200 {
			to = "prod-db"
		}
		_, err := b.s.AddRule(oktatest.Rule{Name: fmt.Sprint("r", i), Groups: []string{to}})
		b.must(err)
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for _, id := range []engine.GroupID{g, other} {
				if info, err := c.Group(t.Context(), string(id)); err != nil || info.Unmanageable == "" {
					t.Errorf("Group(%s): got %+v and error %v, want a rule", id, info, err)
				}
			}
		})
	}
	wg.Wait()
	if got := b.s.Log.Count("GET /api/v1/groups/rules"); got != 2 {
		t.Errorf("requests for rules: got %d, want 2 pages once", got)
	}
}

// Rules that were read at a time that is yet to come are as old as can be.
func TestRulesAreReadAnewWhenTheClockWasSetBack(t *testing.T) {
	t.Parallel()
	b, c, g, ada := small(t)
	_, err := c.Group(t.Context(), "prod-db")
	b.must(err)
	b.clock.Advance(-time.Hour)
	_, err = b.s.AddRule(oktatest.Rule{Name: "all of IT", Groups: []string{"prod-db"}, Members: []string{string(ada)}})
	b.must(err)
	_, err = c.Remove(t.Context(), g, engine.Member{ID: ada, Login: "ada"})
	wantKind(t, "Remove", err, engine.Unmanageable, "all of IT")
}

// The parameter q can not be paged, and shows no more than the first names.
func TestNameThatManyBeginWith(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	for i := range 450 {
		b.group(fmt.Sprintf("team-%03d", i))
	}
	want := b.group("team-")
	_, err := b.s.AddGroup(oktatest.Group{Name: "Team-", Type: "APP_GROUP"})
	b.must(err)
	c := b.connector()
	if info, err := c.Group(t.Context(), "team-"); err != nil || info.ID != want {
		t.Errorf("Group(team-): got %+v and error %v, want %s", info, err, want)
	}
	var page []string // that exact names come first is no promise
	for i := range 200 {
		page = append(page, fmt.Sprintf(`{"id":"00g00000000000000%03d","type":"OKTA_GROUP","profile":{"name":"team-%d"}}`, i, i))
	}
	b.s.Faults.Inject(sim.Fault{
		Match: func(r *http.Request) bool { return r.URL.Query().Has("q") }, Effect: sim.Answer, Status: 200,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: "[" + strings.Join(page, ",") + "]",
	})
	if info, err := c.Group(t.Context(), "team-"); err != nil || info.ID != want {
		t.Errorf("Group(team-), not on the page: got %+v and error %v, want %s", info, err, want)
	}
	_, err = c.Group(t.Context(), "team")
	wantKind(t, "Group(team)", err, engine.NotFound)
	_, err = c.Group(t.Context(), "")
	wantKind(t, "Group without a name", err, engine.NotFound)
}

func TestTwoGroupsOfOneName(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	own := b.group("same")
	other, err := b.s.AddGroup(oktatest.Group{Name: "same", Type: "APP_GROUP"})
	b.must(err)
	_, err = b.connector().Group(t.Context(), "same")
	wantKind(t, "Group", err, engine.Ambiguous, string(own), other, "use the id")
}

// Many names are found by the list of groups, unless that is longer than the
// names are many.
func TestFindAllTakesFewRequests(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	var names []string
	for i := range 1500 {
		name := fmt.Sprintf("g%04d", i)
		id := b.group(name)
		if i%2 == 0 {
			name = string(id)
		}
		names = append(names, name)
	}
	for _, test := range []struct {
		names []string
		most  int
	}{
		{names[:1], 2},  // one reading, and the rules
		{names[:3], 4},  //
		{names[:5], 12}, // the list is longer than that
		{names, 9},      // eight pages
	} {
		c := b.connector()
		b.s.Log.Reset()
		found, err := c.FindAll(t.Context(), test.names)
		if err != nil || len(found) != len(test.names) {
			t.Fatalf("FindAll of %d: got %d answers and error %v", len(test.names), len(found), err)
		}
		for i, f := range found {
			if f.Err != nil || f.Info.Name != fmt.Sprintf("g%04d", i) {
				t.Fatalf("FindAll of %d, answer %d: got %+v", len(test.names), i, f)
			}
		}
		if got := b.s.Log.Total(); got > test.most {
			t.Errorf("FindAll of %d: got %d requests, want up to %d", len(test.names), got, test.most)
		}
	}
}

// A deleted user may linger in a listing. The removal is refused for want of
// the user, and there is nothing left to do.
func TestDeletedUserLingers(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{Linger: true})
	ada := b.userOf(oktatest.User{Login: "ada" + testMail})
	bob := b.userOf(oktatest.User{Login: "bob" + testMail})
	g := b.group("prod-db", string(ada), string(bob))
	c := b.connector()
	b.must(b.s.DeleteUser(string(ada)))
	if ms, err := c.Members(t.Context(), g); err != nil || len(ms) != 2 {
		t.Fatalf("Members: got %v and error %v, want both", ms, err)
	}
	m := engine.Member{ID: ada, Login: "ada"}
	if changed, err := c.Remove(t.Context(), g, m); changed || err != nil {
		t.Errorf("Remove: got changed %t and error %v, want neither", changed, err)
	}
	_, removed := c.Change(t.Context(), g, nil, []engine.Member{m, {ID: bob, Login: "bob"}})
	if removed[0].Changed || removed[0].Err != nil || !removed[1].Changed {
		t.Errorf("Change: got %+v, want bob's removal only", removed)
	}
	_, err := c.Add(t.Context(), g, m)
	wantKind(t, "Add", err, engine.NotFound)
}

// A group that is deleted in the middle of a run is not found, whatever is
// known of it.
func TestGroupDeletedMidway(t *testing.T) {
	t.Parallel()
	b, c, g, ada := small(t)
	bob := engine.Member{ID: b.userOf(oktatest.User{Login: "bob" + testMail}), Login: "bob"}
	if changed, err := c.Add(t.Context(), g, bob); err != nil || !changed {
		t.Fatalf("Add: got changed %t and error %v", changed, err)
	}
	b.must(b.s.DeleteGroup(string(g)))
	cyd := engine.Member{ID: b.userOf(oktatest.User{Login: "cyd" + testMail}), Login: "cyd"}
	for name, m := range map[string]engine.Member{"written": bob, "there before": {ID: ada, Login: "ada"}, "never there": cyd} {
		_, err := c.Add(t.Context(), g, m)
		wantKind(t, "Add of one "+name, err, engine.NotFound)
		_, err = c.Remove(t.Context(), g, m)
		wantKind(t, "Remove of one "+name, err, engine.NotFound)
	}
}

// What was written shows in the listing at once, however late Okta shows it,
// and what others do afterwards shows as well.
func TestWritesAreBelievedMoreThanListings(t *testing.T) {
	t.Parallel()
	for _, lag := range []time.Duration{0, 2 * time.Second, 15 * time.Second, 120 * time.Second} {
		b := newBench(t, oktatest.Options{Lag: lag, LagMode: oktatest.Steady})
		ada := engine.Member{ID: b.userOf(oktatest.User{Login: "ada" + testMail}), Login: "ada" + testMail}
		bob := engine.Member{ID: b.userOf(oktatest.User{Login: "bob" + testMail}), Login: "bob" + testMail}
		g := b.group("prod-db", string(bob.ID))
		c := b.connector(func(cfg *Config) { cfg.Grace = max(lag, time.Second) })
		want := func(when string, ids ...engine.MemberID) {
			t.Helper()
			ms, err := c.Members(t.Context(), g)
			var got []engine.MemberID
			for _, m := range ms {
				got = append(got, m.ID)
			}
			if err != nil || fmt.Sprint(got) != fmt.Sprint(ids) {
				t.Errorf("lag %s, %s: got %v and error %v, want %v", lag, when, got, err, ids)
			}
		}
		added, removed := c.Change(t.Context(), g, []engine.Member{ada}, []engine.Member{bob})
		if !added[0].Changed || !removed[0].Changed {
			t.Fatalf("lag %s: got %+v and %+v", lag, added, removed)
		}
		want("at once", ada.ID)
		b.clock.Advance(lag / 2)
		want("in between", ada.ID)
		if changed, err := c.Add(t.Context(), g, ada); changed || err != nil {
			t.Errorf("lag %s: Add again: got changed %t and error %v", lag, changed, err)
		}
		b.clock.Advance(lag/2 + time.Second)
		want("when the lag is over", ada.ID)
		b.must(b.s.Take(string(g), string(ada.ID)))
		want("when somebody else acted")
	}
}
