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
		return newLab(t, entratest.Options{}).world()
	}, connectortest.All()...)
}

// TestConformanceLag reads from replicas that are up to a minute behind.
func TestConformanceLag(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, func(t *testing.T) connectortest.World {
		return newLab(t, entratest.Options{Lag: time.Minute, Seed: 7}).world()
	}, connectortest.All()...)
}

// TestConformanceFaults loses, throttles and cuts reads all the time.
func TestConformanceFaults(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, func(t *testing.T) connectortest.World {
		l := newLab(t, entratest.Options{Seed: 11, EmptyPages: 2})
		w := l.world()
		l.background(11)
		return w
	}, connectortest.All()...)
}
