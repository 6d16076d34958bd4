package entra

import (
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/connectortest"
	"github.com/daypass-dev/daypass/connectors/entra/entratest"
)

// Every feature is required: a simulator lacks nothing.
func TestConformance(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, func(t *testing.T) connectortest.World {
		return newLab(t, entratest.Options{Roles: allRoles()}).world()
	}, connectortest.All()...)
}

// TestConformanceLag reads from replicas that are up to a minute behind.
func TestConformanceLag(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, func(t *testing.T) connectortest.World {
		return newLab(t, entratest.Options{Roles: allRoles(), Lag: time.Minute, Seed: 7, TakesOver: true}).world()
	}, connectortest.All()...)
}

// TestConformanceFaults loses, throttles and cuts reads all the time.
func TestConformanceFaults(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, func(t *testing.T) connectortest.World {
		l := newLab(t, entratest.Options{Roles: append(entratest.DefaultRoles(), termsRight, sessionsRight), Seed: 11, EmptyPages: 2, RevokesWith204: true})
		w := l.world()
		l.background(11)
		return w
	}, connectortest.All()...)
}
