package entra

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daypass-dev/daypass/connectors/entra/entratest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/sim"
)

// The traps of Microsoft Graph, each on the simulated tenant.

// TestServicePrincipalsAreLeftOut: v1.0 does not list them, and so says nothing
// about them. They are not taken for accounts where it does.
func TestServicePrincipalsAreLeftOut(t *testing.T) {
	t.Parallel()
	for _, listed := range []bool{false, true} {
		l := newLab(t, entratest.Options{ServicePrincipals: listed})
		sp, err := l.AddObject(entratest.Object{Name: "robot", Type: entratest.ServicePrincipalType})
		l.must(err)
		device, err := l.AddObject(entratest.Object{Name: "laptop", Type: entratest.DeviceType})
		l.must(err)
		l.people("ada")
		g := l.group("g", entratest.Security, "ada@example.org", sp, device)
		ms, err := l.c.Members(t.Context(), g)
		l.must(err)
		want := map[engine.MemberKind]int{engine.AccountMember: 1, engine.OtherMember: 1}
		if listed {
			want[engine.OtherMember] = 2
		}
		got := map[engine.MemberKind]int{}
		for _, m := range ms {
			got[m.Kind]++
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("Members, listed %t: got %v, want %v", listed, got, want)
		}
	}
}

// TestMembersWithoutNames: without User.Read.All a listing is 200 and has ids
// only. It is whole all the same, and what is ours can be removed.
func TestMembersWithoutNames(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{Roles: []string{"GroupMember.ReadWrite.All"}})
	l.people("ada", "bo")
	g := l.group("g", entratest.Security, "ada@example.org", "bo@example.org")
	ms, err := l.c.Members(t.Context(), g)
	if err != nil || len(ms) != 2 || ms[0].Login != string(ms[0].ID) || ms[0].Kind != engine.AccountMember {
		t.Errorf("Members: got %+v and error %v, want two accounts by their ids", ms, err)
	}
	if changed, err := l.c.Remove(t.Context(), g, ms[0]); err != nil || !changed {
		t.Errorf("Remove: got changed %t and error %v, want changed", changed, err)
	}
	if _, err := l.c.Resolve(t.Context(), "ada@example.org"); engine.KindOf(err) != engine.Denied {
		t.Errorf("Resolve: got error %v, want kind denied", err)
	}
}

// TestRightsMissing: a read-only app is refused, and told what it lacks.
func TestRightsMissing(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{Roles: []string{"GroupMember.Read.All", "User.Read.All"}})
	g, m := l.group("g", entratest.Security), l.member(l.people("ada")[0])
	_, err := l.c.Add(t.Context(), g, m)
	if engine.KindOf(err) != engine.Denied || !strings.Contains(err.Error(), "GroupMember.ReadWrite.All") {
		t.Errorf("Add: got error %v, want kind denied and the permission", err)
	}
}

// TestHiddenMembers: without a right of its own Graph answers that nobody is
// there.
func TestHiddenMembers(t *testing.T) {
	t.Parallel()
	for _, refused := range []bool{false, true} {
		l := newLab(t, entratest.Options{Roles: []string{"GroupMember.ReadWrite.All", "User.Read.All"}, HiddenRefused: refused})
		l.people("ada")
		l.group("g", entratest.HiddenMembers, "ada@example.org")
		info, err := l.c.Group(t.Context(), "g")
		if err != nil || !strings.Contains(info.Unmanageable, "Member.Read.Hidden") {
			t.Errorf("Group: got %+v and error %v, want the permission named", info, err)
		}
	}
}

// TestForgottenPageOfTheTenant: a page that was cut and asked for again has a
// token that is refused; the listing begins anew and is whole.
func TestForgottenPageOfTheTenant(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{RetriedTokens: true, EmptyPages: 2})
	g := l.group("g", entratest.Security)
	crowd, err := l.Crowd("crowd", 2500)
	l.must(err)
	l.must(l.Fill(string(g), crowd...))
	l.Faults.Inject(sim.Fault{Match: isPage, Effect: sim.Half})
	ms, err := l.c.Members(t.Context(), g)
	if err != nil || len(ms) != 2500 {
		t.Errorf("Members: got %d and error %v, want 2500", len(ms), err)
	}
}

// TestNewborn: a group or an account that was just made is not known
// everywhere; the addition is tried again until it is.
func TestNewborn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, entratest.Options{Newborn: 6 * time.Second})
		l.Open()
		g := l.group("g", entratest.Security)
		l.c.kinds.put(engine.GroupInfo{ID: g, Name: "g"}) // another replica told us
		id := l.user(entratest.User{UPN: "ada@example.org"})
		go func() { // the tenant's clock stands still otherwise
			for range 10 {
				time.Sleep(time.Second)
				l.Clock.Advance(time.Second)
			}
		}()
		changed, err := l.c.Add(t.Context(), g, member(id))
		if err != nil || !changed {
			t.Errorf("Add: got changed %t and error %v, want changed", changed, err)
		}
		l.c.Close()
		time.Sleep(time.Minute)
	})
}

// TestBatchConflicts: writes to one group that meet in a batch may be refused
// with a 409, and are sent again.
func TestBatchConflicts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, entratest.Options{BatchConflicts: 3})
		g := l.group("g", entratest.Security)
		crowd, err := l.Crowd("crowd", 30)
		l.must(err)
		l.must(l.Fill(string(g), crowd...))
		var ms []engine.Member
		for _, id := range crowd {
			ms = append(ms, member(id))
		}
		_, removed := l.c.Change(t.Context(), g, nil, ms)
		for i, e := range removed {
			if !e.Changed || e.Err != nil {
				t.Errorf("effect %d: got %+v, want changed", i, e)
			}
		}
		if left := l.Members(string(g)); len(left) > 0 {
			t.Errorf("members left: got %q, want none", left)
		}
		l.c.Close()
	})
}

// TestThrottledInABatch: the quota strikes within the batch, at each request by
// itself.
func TestThrottledInABatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, entratest.Options{})
		l.Faults.Inject(sim.Fault{
			Inner: true, Times: 5, Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"4"}},
			Match: func(r *http.Request) bool { return r.Method == http.MethodDelete },
		})
		g := l.group("g", entratest.Security)
		crowd, err := l.Crowd("crowd", 20)
		l.must(err)
		l.must(l.Fill(string(g), crowd...))
		var ms []engine.Member
		for _, id := range crowd {
			ms = append(ms, member(id))
		}
		start := time.Now()
		_, removed := l.c.Change(t.Context(), g, nil, ms)
		for i, e := range removed {
			if !e.Changed || e.Err != nil {
				t.Errorf("effect %d: got %+v, want changed", i, e)
			}
		}
		if took := time.Since(start).Round(time.Second); took != 4*time.Second {
			t.Errorf("it took %s, want the 4s that were asked for", took)
		}
		if n := len(l.Writes()); n != 20 {
			t.Errorf("writes: got %d, want 20", n)
		}
		l.c.Close()
	})
}

// TestListingsLag: what was written a moment ago is believed more than a
// replica that lacks it, for the time of grace, and no longer.
func TestListingsLag(t *testing.T) {
	t.Parallel()
	for _, lag := range []time.Duration{0, 30 * time.Second, time.Minute, graceOfTests - time.Second} {
		l := newLab(t, entratest.Options{Lag: lag, Steady: true})
		ps := l.people("ada", "bo")
		g := l.group("g", entratest.Security, "bo@example.org")
		ada, bo := l.member(ps[0]), l.member(ps[1])
		l.settle()
		for _, m := range []engine.Member{ada, bo} {
			first, second := l.c.Add, l.c.Remove
			if m == bo {
				first, second = second, first
			}
			want := m == ada
			for _, do := range []func() (bool, error){
				func() (bool, error) { return first(t.Context(), g, m) },
				func() (bool, error) { return second(t.Context(), g, m) },
				func() (bool, error) { return first(t.Context(), g, m) },
			} {
				changed, err := do()
				if err != nil || !changed {
					t.Errorf("lag %s, change of %s: got changed %t and error %v, want changed", lag, m.Login, changed, err)
				}
				for _, passes := range []time.Duration{0, time.Second, lag / 2} {
					l.Clock.Advance(passes)
					if got := l.lists(g, m); got != want {
						t.Errorf("lag %s, %s after the change of %s: got listed %t, want %t", lag, passes, m.Login, got, want)
					}
				}
				want = !want
			}
		}
	}
}

func (l *lab) lists(g engine.GroupID, m engine.Member) bool {
	l.t.Helper()
	ms, err := l.c.Members(l.t.Context(), g)
	l.must(err)
	for _, x := range ms {
		if x.ID == m.ID {
			return true
		}
	}
	return false
}

// TestGraceEnds: after it a listing is believed again.
func TestGraceEnds(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{})
	g, ada := l.group("g", entratest.Security), l.member(l.people("ada")[0])
	_, err := l.c.Add(t.Context(), g, ada)
	l.must(err)
	l.must(l.Take(string(g), string(ada.ID))) // by somebody else, at once
	if !l.lists(g, ada) {
		t.Error("within the grace: got not listed, want our own write believed")
	}
	l.Clock.Advance(graceOfTests)
	if l.lists(g, ada) {
		t.Error("after the grace: got listed, want the directory believed")
	}
}

// TestLostWriteIsNotBelieved: after a write whose answer was lost, what was
// noted before it is not believed any more: the directory is.
func TestLostWriteIsNotBelieved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, entratest.Options{})
		g, ada := l.group("g", entratest.Security), l.member(l.people("ada")[0])
		for _, write := range []func() (bool, error){
			func() (bool, error) { return l.c.Remove(t.Context(), g, ada) },
			func() (bool, error) {
				_, removed := l.c.Change(t.Context(), g, nil, []engine.Member{ada, member(userA)})
				return removed[0].Changed, removed[0].Err
			},
		} {
			_, err := l.c.Add(t.Context(), g, ada)
			l.must(err)
			l.Faults.Inject(sim.Fault{Effect: sim.Lose, Match: func(r *http.Request) bool { return graph(r) && r.Method != http.MethodGet }})
			if changed, err := write(); changed || engine.KindOf(err) != engine.Unavailable {
				t.Errorf("Remove, its answer lost: got changed %t and error %v, want kind unavailable", changed, err)
			}
			if l.lists(g, ada) {
				t.Error("Members after it: got the member listed, want what the directory says")
			}
		}
		l.c.Close()
	})
}

// TestPagesOverlap: an entry may stand on two pages.
func TestPagesOverlap(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{OverlapPages: true})
	g := l.group("g", entratest.Security)
	crowd, err := l.Crowd("crowd", 2500)
	l.must(err)
	l.must(l.Fill(string(g), crowd...))
	if ms, err := l.c.Members(t.Context(), g); err != nil || len(ms) != 2500 {
		t.Errorf("Members: got %d and error %v, want 2500", len(ms), err)
	}
}

// TestMarksOfTheTenant: what happens to groups is told, at the latest when its
// lag is over.
func TestMarksOfTheTenant(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{DeltaLag: 40 * time.Second, Steady: true})
	l.people("ada")
	l.group("a", entratest.Security)
	l.group("b", entratest.Security, "ada@example.org")
	l.settle()
	at := engine.Mark("")
	ask := func(want string) {
		t.Helper()
		got, err := l.c.Changed(t.Context(), at)
		l.must(err)
		at = got.Next
		text := fmt.Sprintf("all %t, names %t:", got.All, got.Names)
		for _, g := range got.Groups {
			text += " " + string(g)
		}
		if text != want {
			t.Errorf("Changed: got %s, want %s", text, want)
		}
	}
	a, b := l.GroupID("a"), l.GroupID("b")
	const none, names = "all false, names false:", "all false, names true:"
	ask("all true, names false:")
	ask(none)
	l.must(l.Put("a", "ada@example.org"))
	ask(none) // it lags
	l.settle()
	ask(none + " " + a)
	l.settle()
	ask(none)
	l.must(l.DeleteUser("ada@example.org")) // leaves both groups
	l.settle()
	both := []string{a, b}
	if a > b {
		both = []string{b, a}
	}
	ask(none + " " + strings.Join(both, " "))
	l.settle()
	l.must(l.Server.RenameGroup("a", "c"))
	l.settle()
	ask(names + " " + a)
	l.settle()
	l.must(l.Server.DeleteGroup("c"))
	l.settle()
	ask(names + " " + a)
	l.settle()
	d := string(l.group("d", entratest.Security))
	l.settle()
	ask(names + " " + d)
	l.ResetDelta()
	ask("all true, names false:")
	ask(none)
	l.Clock.Advance(8 * 24 * time.Hour) // tokens live for seven days
	ask("all true, names false:")
	ask(none)
}

// TestTokenEnds: a token that the tenant revoked, and one that ran out.
func TestTokenEnds(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{})
	g := l.group("g", entratest.Security)
	for range 3 {
		if _, err := l.c.Members(t.Context(), g); err != nil {
			t.Errorf("Members: got error %v, want a new token to be got", err)
		}
		l.c.tokens.got = time.Time{} // not just now
		l.EndTokens()
		if _, err := l.c.Members(t.Context(), g); err != nil {
			t.Errorf("Members with a revoked token: got error %v, want a new one to be got", err)
		}
		l.Clock.Advance(2 * time.Hour)
	}
}

// TestQuotaIsKept: with a quota set by hand nothing is throttled, and the
// requests within a batch count one by one.
func TestQuotaIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, entratest.Options{Quota: &entratest.Quota{PerMinute: 600}}, func(c *Config) { c.PerMinute = 600 })
		go func() { // the tenant's time goes on as ours does
			for range 12000 {
				time.Sleep(100 * time.Millisecond)
				l.Clock.Advance(100 * time.Millisecond)
			}
		}()
		var names []string
		for i := range 3000 {
			names = append(names, string(l.group(fmt.Sprint("g", i), entratest.Security)))
		}
		start := time.Now()
		found, err := l.c.FindAll(t.Context(), names[:2000])
		l.must(err)
		for _, f := range found {
			l.must(f.Err)
		}
		for _, g := range names[2000:] {
			_, err := l.c.Members(t.Context(), engine.GroupID(g))
			l.must(err)
		}
		took := time.Since(start)
		if used := 3000 / took.Minutes() / 600; used < 0.95 || used > 1.02 {
			t.Errorf("3000 requests took %s: got %.2f of the quota used, want at least 0.95", took, used)
		}
		for _, r := range l.Log.Requests() {
			if r.Status == http.StatusTooManyRequests {
				t.Errorf("request: got %s %s throttled, want none to be", r.Method, r.Path)
			}
		}
		l.c.Close()
		time.Sleep(30 * time.Minute)
	})
}
