package okta

import (
	"slices"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/connectortest"
	"github.com/daypass-dev/daypass/connectors/okta/oktatest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/sim"
)

// required is everything that Okta can have: its groups hold no groups, and it
// ends no membership by itself.
func required() []connectortest.Feature {
	lacks := []connectortest.Feature{connectortest.Nest, connectortest.Expirer, connectortest.MaxTerm, connectortest.Endless, connectortest.Pass}
	return slices.DeleteFunc(connectortest.All(), func(f connectortest.Feature) bool { return slices.Contains(lacks, f) })
}

// final are the failures that nobody waits for; one world with the others is
// enough.
var final = []engine.Kind{engine.Denied, engine.Rejected}

func TestConformance(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, func(t *testing.T) connectortest.World {
		return newBench(t, oktatest.Options{}).world()
	}, required()...)
}

// TestConformanceWithLag is on an org whose listings lag, on a clock that
// stands: what was written is not shown until somebody else acts.
func TestConformanceWithLag(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]oktatest.Options{
		"drawn":    {Lag: 10 * time.Second, LagMode: oktatest.Drawn, Seed: 7, SearchLag: 10 * time.Second},
		"steady":   {Lag: 120 * time.Second, LagMode: oktatest.Steady},
		"recorded": {Lag: 2 * time.Second, LagMode: oktatest.Recorded, Seed: 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connectortest.Run(t, func(t *testing.T) connectortest.World {
				opts := opts
				opts.Clock = sim.Frozen(time.Now())
				w := newBench(t, opts).world(func(cfg *Config) { cfg.Grace = opts.Lag + 5*time.Second })
				w.Kinds = final
				return w
			}, required()...)
		})
	}
}

// TestConformanceInRoughWeather is on an org where one reading in thirty fails.
func TestConformanceInRoughWeather(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, func(t *testing.T) connectortest.World {
		b := newBench(t, oktatest.Options{})
		w := b.world()
		b.rough(30)
		return w
	}, required()...)
}

// TestConformanceByLogin finds people by their login. Then no two can have the
// same, and who is renamed is somebody else.
func TestConformanceByLogin(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, func(t *testing.T) connectortest.World {
		b := newBench(t, oktatest.Options{FoldLinks: true, CommaCursors: true})
		w := b.world(func(cfg *Config) { cfg.Match = MatchLogin })
		for _, ps := range [][]engine.Person{w.People, w.Odd, {w.Disabled}} {
			for _, p := range ps {
				b.must(b.s.RenameUser(string(p), string(p)))
			}
		}
		w.Twins, w.Rename, w.Kinds = "", nil, final
		return w
	}, connectortest.Odd, connectortest.Disabled, connectortest.Crowd, connectortest.Truncate)
}
