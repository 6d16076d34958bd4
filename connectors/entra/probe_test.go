package entra

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daypass-dev/daypass/connectors/entra/entratest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/sim"
)

// TestProbe: what doctor says of a tenant, and what is wrong with it.
func TestProbe(t *testing.T) {
	t.Parallel()
	const fine = "fine"
	for _, tc := range []struct {
		name  string
		roles []string
		edit  func(*Config)
		bare  bool              // a tenant that shows nothing
		want  map[string]string // by what was examined: fine, or a part of the message
	}{
		{"all is well", entratest.DefaultRoles(), nil, false, map[string]string{
			"token": fine, "read members": fine, "change members": fine, "read people": fine, "people": fine, "groups": fine, "members": fine, "clock": fine,
		}},
		{"read only", []string{"GroupMember.Read.All", "User.Read.All"}, nil, false, map[string]string{
			"read members": fine, "change members": "lacks GroupMember.ReadWrite.All", "read people": fine, "members": fine,
		}},
		{"without people", []string{"GroupMember.ReadWrite.All"}, nil, false, map[string]string{
			"read people": "lacks User.Read.All", "people": "403", "members": "without their login", "groups": fine,
		}},
		{"nothing granted", []string{}, nil, false, map[string]string{
			"token": fine, "read members": "lacks GroupMember.Read.All", "change members": "grant admin consent", "groups": "403",
		}},
		{"wider rights", []string{"Group.ReadWrite.All", "Directory.Read.All"}, nil, false, map[string]string{
			"read members": fine, "change members": fine, "read people": fine,
		}},
		{"too many", append(entratest.DefaultRoles(), "User.ReadWrite.All"), nil, false, map[string]string{"too many rights": "can delete accounts"}},
		{"role-assignable", entratest.DefaultRoles(), func(c *Config) { c.RoleAssignable = true }, false, map[string]string{
			"change role-assignable groups": "lacks RoleManagement.ReadWrite.Directory",
		}},
		{"ends without the rights", entratest.DefaultRoles(), func(c *Config) { c.Expire, c.EndSessions = true, true }, false, map[string]string{
			"end memberships": "lacks PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup", "end sessions": "lacks User.RevokeSessions.All",
		}},
		{"ends", allRoles(), func(c *Config) { c.Expire, c.EndSessions = true, true }, false, map[string]string{"end memberships": fine, "end sessions": fine}},
		{"nobody wants ends", allRoles(), nil, false, map[string]string{"end memberships": "", "end sessions": ""}},
		{"an empty tenant", entratest.DefaultRoles(), nil, true, map[string]string{
			"people": "Graph shows nobody", "groups": "Graph shows no group",
		}},
		{"wrong secret", entratest.DefaultRoles(), func(c *Config) { c.Secret = static("wr0ng") }, false, map[string]string{"token": "AADSTS7000215"}},
		{"wrong clock", entratest.DefaultRoles(), func(c *Config) { c.Now = func() time.Time { return time.Now().Add(9 * time.Minute) } }, false, map[string]string{
			"clock": "set it by NTP",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, entratest.Options{Roles: tc.roles}, func(c *Config) {
				if tc.edit != nil {
					tc.edit(c)
				}
			})
			if !tc.bare {
				l.people("ada")
				l.group("empty", entratest.Security)
				l.group("g", entratest.Security, "ada@example.org")
				l.group("d", entratest.Dynamic)
			}
			before := l.Mark()
			got := map[string]string{}
			for _, f := range l.c.Probe(t.Context()) {
				got[f.What] = f.Message
				if f.OK {
					got[f.What] = fine
				}
				if strings.Contains(f.Message, entratest.DefaultSecret) || strings.Contains(f.Message, "wr0ng") {
					t.Errorf("%s: got %q, want no secret", f.What, f.Message)
				}
			}
			for what, want := range tc.want {
				if !strings.Contains(got[what], want) || want == "" && got[what] != "" {
					t.Errorf("%s: got %q, want %q", what, got[what], want)
				}
			}
			if l.Mark() != before {
				t.Error("Probe changed the tenant")
			}
		})
	}
}

// TestTime: a refusal tells the time as well, and one question is enough.
func TestTime(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{Roles: []string{}})
	for range 2 {
		got, err := l.c.Time(t.Context())
		if err != nil || got.Sub(l.Clock.Now()).Abs() > 2*time.Second {
			t.Errorf("Time: got %s and error %v, want %s", got, err, l.Clock.Now())
		}
	}
	if n := l.Log.Count("/groups"); n != 1 {
		t.Errorf("requests: got %d, want 1", n)
	}
}

func TestTimeWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, entratest.Options{})
		l.Faults.Inject(sim.Fault{Effect: sim.Drop, Times: -1})
		if got, err := l.c.Time(t.Context()); engine.KindOf(err) != engine.Unavailable {
			t.Errorf("Time: got %s and error %v, want kind unavailable", got, err)
		}
		l.c.Close()
	})
}

// TestTimeIsUrgent: a run of ends asks for the clock first, and must not wait
// for it behind the listings of a slow run.
func TestTimeIsUrgent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, f := talk(t, func(int, asked) canned { return refused(http.StatusNotFound, notThereCode, "none") }, func(cfg *Config) { cfg.PerMinute = 6 })
		defer c.Close()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { _, _ = c.Members(t.Context(), groupA) })
			synctest.Wait()
		}
		wg.Go(func() { _, _ = c.Time(t.Context()) })
		wg.Wait()
		i := slices.IndexFunc(f.requests(), func(a asked) bool { return a.path == "/groups" })
		if i != 1 {
			t.Errorf("the clock was asked for as number %d of %v, want it second, after the one under way", i+1, f.requests())
		}
	})
}
