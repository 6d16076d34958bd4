package okta

import (
	"fmt"
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
	b := newBench(t, oktatest.Options{})
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
	_, err := c.Remove(t.Context(), g, m)
	wantKind(t, "Remove", err, engine.Unmanageable)
}
