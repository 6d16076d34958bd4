package okta

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/okta/oktatest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/sim"
)

// TestEndWithinTheLagOfItsAddition: another process made the addition, and no
// listing shows it yet. The access ends all the same, now.
func TestEndWithinTheLagOfItsAddition(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3} { // looked up by user, and by group
		b := newBench(t, oktatest.Options{Clock: sim.Frozen(time.Now()), Lag: time.Minute, LagMode: oktatest.Steady})
		g := b.group("prod-db")
		var ms []engine.Member
		for i := range n {
			login := fmt.Sprintf("p%d%s", i, testMail)
			ms = append(ms, engine.Member{ID: b.userOf(oktatest.User{Login: login}), Login: login})
		}
		added, _ := b.connector().Change(t.Context(), g, ms, nil)
		_, removed := b.connector().Change(t.Context(), g, nil, ms)
		for i := range ms {
			if !added[i].Changed || removed[i].Err != nil || b.s.Has(string(g), string(ms[i].ID)) {
				t.Errorf("got %+v and %+v, with the member in the group: %t", added[i], removed[i], b.s.Has(string(g), string(ms[i].ID)))
			}
		}
	}
}

// TestRuleMemberThatIsNotShownStays: a group that a rule began to fill a moment
// ago is not touched, whatever its listing shows.
func TestRuleMemberThatIsNotShownStays(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{Clock: sim.Frozen(time.Now())})
	g := b.group("prod-db")
	login := "ada" + testMail
	m := engine.Member{ID: b.userOf(oktatest.User{Login: login}), Login: login}
	c := b.connector()
	if _, err := c.Group(t.Context(), "prod-db"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.s.AddRule(oktatest.Rule{Name: "all", Groups: []string{"prod-db"}, Members: []string{login}}); err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(rulesNew / 2)
	_, err := c.Remove(t.Context(), g, m)
	wantKind(t, "Remove", err, engine.Unmanageable)
}

// TestRemovalsAreSentFirst: access that ends does not wait behind access that
// begins.
func TestRemovalsAreSentFirst(t *testing.T) {
	t.Parallel()
	b, c, g, ada := small(t)
	var add []engine.Member
	for i := range 2 {
		login := fmt.Sprintf("p%d%s", i, testMail)
		add = append(add, engine.Member{ID: b.userOf(oktatest.User{Login: login}), Login: login})
	}
	added, removed := c.Change(t.Context(), g, add, []engine.Member{{ID: ada, Login: "ada"}})
	if len(added) != 2 || !added[0].Changed || !added[1].Changed || len(removed) != 1 || !removed[0].Changed {
		t.Fatalf("Change: got %+v and %+v, want two added and one removed", added, removed)
	}
	var sent []string
	for _, r := range b.s.Log.Requests() {
		if r.Method != http.MethodGet {
			sent = append(sent, r.Method)
		}
	}
	if got := strings.Join(sent, " "); got != "DELETE PUT PUT" {
		t.Errorf("writes: got %s, want the DELETE first", got)
	}
}

// TestRuleThatBeginsDuringRemovals: a job of many removals takes minutes. A
// rule that is switched on meanwhile ends it, for removals and for additions.
func TestRuleThatBeginsDuringRemovals(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{Clock: sim.Frozen(time.Now())})
	var ms []engine.Member
	for i := range 6 {
		login := fmt.Sprintf("p%d%s", i, testMail)
		ms = append(ms, engine.Member{ID: b.userOf(oktatest.User{Login: login}), Login: login})
	}
	g := b.group("prod-db", string(ms[0].ID), string(ms[1].ID), string(ms[2].ID), string(ms[3].ID))
	begun := false
	c := b.connector(func(cfg *Config) {
		cfg.Connections = 1
		next := cfg.Transport
		cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			if r.Method == http.MethodDelete && !begun {
				begun = true
				_, err := b.s.AddRule(oktatest.Rule{Name: "all of IT", Groups: []string{"prod-db"}, Members: []string{ms[1].Login, ms[2].Login}})
				b.must(err)
				b.clock.Advance(rulesFresh)
			}
			return resp, err
		})
	})
	added, removed := c.Change(t.Context(), g, ms[4:], ms[:4])
	if !removed[0].Changed {
		t.Errorf("removal before the rule: got %+v, want it made", removed[0])
	}
	for _, e := range append(removed[1:], added...) {
		wantKind(t, "after the rule began", e.Err, engine.Unmanageable, "all of IT")
	}
	if got := b.s.Log.Count("GET /api/v1/groups/rules"); got > 2 {
		t.Errorf("readings of the rules: got %d, want 2 at most", got)
	}
}

// TestRuleThatBeginsDuringTheLook: the rules are read while it is looked who is in,
// and once more where that took its time.
func TestRuleThatBeginsDuringTheLook(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{Clock: sim.Frozen(time.Now())})
	ada := engine.Member{ID: b.userOf(oktatest.User{Login: "ada" + testMail}), Login: "ada" + testMail}
	g := b.group("prod-db", string(ada.ID))
	var readings atomic.Int32
	read := make(chan struct{}) // closed when the rules were read for this removal
	c := b.connector(func(cfg *Config) {
		cfg.Connections = 2
		next := cfg.Transport
		cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(r)
			switch {
			case strings.HasSuffix(r.URL.Path, "/groups/rules"):
				switch readings.Add(1) {
				case 1:
					b.clock.Advance(rulesNew / 2) // too old for this removal
				case 2:
					close(read)
				}
			case strings.HasSuffix(r.URL.Path, "/users/"+string(ada.ID)+"/groups"):
				<-read
				_, err := b.s.AddRule(oktatest.Rule{Name: "all of IT", Groups: []string{"prod-db"}, Members: []string{ada.Login}})
				b.must(err)
				b.clock.Advance(rulesNew)
			}
			return resp, err
		})
	})
	_, removed := c.Change(t.Context(), g, nil, []engine.Member{ada})
	wantKind(t, "after the rule began", removed[0].Err, engine.Unmanageable, "all of IT")
}

// TestRulesAreSharedBySideBySideRemovals: many removals at once cost one reading
// of the rules, and none waits for another's.
func TestRulesAreSharedBySideBySideRemovals(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{Clock: sim.Frozen(time.Now())})
	ada := engine.Member{ID: b.userOf(oktatest.User{Login: "ada" + testMail}), Login: "ada" + testMail}
	var gs []engine.GroupID
	for i := range 8 {
		gs = append(gs, b.group(fmt.Sprintf("prod-%d", i), string(ada.ID)))
	}
	var readings atomic.Int32
	reading, slow := make(chan struct{}), make(chan struct{})
	c := b.connector(func(cfg *Config) {
		next := cfg.Transport
		cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/groups/rules") && readings.Add(1) == 2 {
				close(reading)
				<-slow
			}
			return next.RoundTrip(r)
		})
	})
	_, removed := c.Change(t.Context(), gs[0], nil, []engine.Member{ada})
	b.must(removed[0].Err)
	b.clock.Advance(rulesNew / 2)
	var wg sync.WaitGroup
	for _, g := range gs[1:] {
		wg.Go(func() {
			_, removed := c.Change(t.Context(), g, nil, []engine.Member{ada})
			if e := removed[0]; e.Err != nil || !e.Changed {
				t.Errorf("removal from %s: %+v", g, e)
			}
		})
	}
	<-reading
	if added, _ := c.Change(t.Context(), gs[0], []engine.Member{ada}, nil); added[0].Err != nil || !added[0].Changed {
		t.Errorf("an addition meanwhile: %+v", added[0])
	}
	close(slow)
	wg.Wait()
	if got := readings.Load(); got != 2 {
		t.Errorf("readings of the rules: got %d, want one for all of them after the first", got)
	}
}

// TestRulesThatFailDuringRemovals: what can not be read once is not asked for
// before each of the other removals again.
func TestRulesThatFailDuringRemovals(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{Clock: sim.Frozen(time.Now())})
	var ms []engine.Member
	var ids []string
	for i := range 6 {
		login := fmt.Sprintf("p%d%s", i, testMail)
		ms = append(ms, engine.Member{ID: b.userOf(oktatest.User{Login: login}), Login: login})
		ids = append(ids, string(ms[i].ID))
	}
	g := b.group("prod-db", ids...)
	c := b.connector(func(cfg *Config) {
		cfg.Connections = 1
		next := cfg.Transport
		cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			defer func() {
				if r.Method == http.MethodDelete {
					b.clock.Advance(rulesFresh)
				}
			}()
			return next.RoundTrip(r)
		})
	})
	f := answered(403, "E0000006", "no")
	f.Times, f.Skip = -1, 1
	f.Match = func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/groups/rules") }
	b.s.Faults.Inject(f)
	_, removed := c.Change(t.Context(), g, nil, ms)
	if !removed[0].Changed {
		t.Errorf("removal with rules: got %+v, want it made", removed[0])
	}
	for _, e := range removed[1:] {
		wantKind(t, "Change", e.Err, engine.Denied, "the group rules can not be read")
	}
	if got := b.s.Log.Count("GET /api/v1/groups/rules"); got != 2 {
		t.Errorf("readings of the rules: got %d, want 2: the last is refused, and told to all", got)
	}
}
