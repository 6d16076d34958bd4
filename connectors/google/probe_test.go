package google

import (
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/google/googletest"
	"github.com/daypass-dev/daypass/engine"
)

// found returns a finding by what it is about.
func found(t *testing.T, l *lab, what string) engine.Finding {
	t.Helper()
	all := l.Probe(l.ctx())
	for _, f := range all {
		if f.What == what {
			return f
		}
	}
	t.Fatalf("Probe: got %+v, want one about %q", all, what)
	return engine.Finding{}
}

func wantFinding(t *testing.T, l *lab, what string, ok bool, words ...string) {
	t.Helper()
	f := found(t, l, what)
	if f.OK != ok {
		t.Errorf("Probe, %s: got %+v, want OK %t", what, f, ok)
	}
	for _, w := range words {
		if !strings.Contains(f.Message, w) {
			t.Errorf("Probe, %s: got %q, want it to say %q", what, f.Message, w)
		}
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.put("ada", "MEMBER")
	for _, f := range l.Probe(l.ctx()) {
		if !f.OK {
			t.Errorf("Probe: got %+v, want it well", f)
		}
	}
	wantFinding(t, l, "log of changes", true, "can be read")
	wantFinding(t, l, "kinds of groups", true, "before a change")
}

// The failures that look like success: an account without an admin role.
func TestProbeOfSilentFailures(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{Silent: true, Lacks: []googletest.Right{googletest.ReadGroups, googletest.ReadReports}})
	wantFinding(t, l, "groups", false, "shows no groups", "admin role", "Groups, Read")
	wantFinding(t, l, "log of changes", true, "every group", "admin.reports.audit.readonly")

	l = newLab(t, googletest.Options{Lacks: []googletest.Right{googletest.ReadGroups, googletest.ReadUsers}})
	wantFinding(t, l, "groups", false, "403", "admin role")
	wantFinding(t, l, "people", false, "403", "admin role")

	l = newLab(t, googletest.Options{HideKinds: true})
	wantFinding(t, l, "kinds of groups", true, "cannot be read", "cloud-identity.groups.readonly")

	l = newLab(t, googletest.Options{})
	l.sim.Grant(bearer, scopeRoot+"admin.directory.group.member")
	wantFinding(t, l, "people", false, "scope")
}

func TestProbeOfAnEmptyLog(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	wantFinding(t, l, "log of changes", true, "empty")
}

func TestProbeOfAWrongClock(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	now := l.sim.Clock.Now
	l.Connector = l.connect(func(c *Config) { c.Now = func() time.Time { return now().Add(-5 * time.Minute) } })
	wantFinding(t, l, "clock", false, "5m", "NTP")
}

// The clock costs a request only when there was none yet, and a refusal has a
// date as well.
func TestTimeIsCheap(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{Lacks: []googletest.Right{googletest.ReadGroups}})
	for range 3 {
		got, err := l.Time(l.ctx())
		if err != nil || got.Sub(l.sim.Clock.Now()).Abs() > 2*time.Second {
			t.Errorf("Time: got %s and error %v, want about %s", got, err, l.sim.Clock.Now())
		}
	}
	if n := l.sim.Log.Total(); n != 1 {
		t.Errorf("Time, three times: got %d requests, want one", n)
	}
}
