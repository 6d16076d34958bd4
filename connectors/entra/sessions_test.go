package entra

import (
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/entra/entratest"
	"github.com/daypass-dev/daypass/engine"
)

// TestEndSessions: it moves the time from which on sessions are good, twice the
// same is fine, and what it lacks is named.
func TestEndSessions(t *testing.T) {
	t.Parallel()
	for _, plain := range []bool{false, true} {
		l := newLab(t, entratest.Options{Roles: allRoles(), RevokesWith204: plain})
		m := l.member(l.people("ada")[0])
		for range 2 {
			l.Clock.Advance(time.Minute)
			l.must(l.c.EndSessions(t.Context(), m))
			if got := l.ValidFrom("ada@example.org"); !got.Equal(l.Clock.Now()) {
				t.Errorf("sessions are good from: got %s, want %s", got, l.Clock.Now())
			}
		}
	}
}

func TestEndSessionsWithoutTheRight(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{})
	err := l.c.EndSessions(t.Context(), l.member(l.people("ada")[0]))
	if engine.KindOf(err) != engine.Denied || !strings.Contains(err.Error(), "grant the app "+sessionsRight) {
		t.Errorf("EndSessions: got error %v, want kind denied and the permission", err)
	}
}

// TestEndSessionsElsewhere: a guest's sessions are those of another tenant. The
// service would say that all is well.
func TestEndSessionsElsewhere(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{Roles: allRoles()})
	l.user(entratest.User{UPN: "zoe_partner.example#EXT#@example.org", Mail: "zoe@partner.example", Guest: true})
	m, err := l.c.Resolve(t.Context(), "zoe@partner.example")
	l.must(err)
	if err := l.c.EndSessions(t.Context(), m); engine.KindOf(err) != engine.Unsupported {
		t.Errorf("EndSessions of a guest: got error %v, want kind unsupported", err)
	}
}
