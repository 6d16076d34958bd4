package google

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daypass-dev/daypass/connectors/connectortest"
	"github.com/daypass-dev/daypass/connectors/google/googletest"
	"github.com/daypass-dev/daypass/internal/sim"
)

// required is everything but two accounts of one address, two groups of one
// name, and longest terms: Google has none of them. Whether memberships end is
// the customer's edition's to say, not the group's.
func required() []connectortest.Feature {
	lacks := []connectortest.Feature{connectortest.Twins, connectortest.Ambiguous, connectortest.MaxTerm, connectortest.Endless}
	return slices.DeleteFunc(connectortest.All(), func(f connectortest.Feature) bool { return slices.Contains(lacks, f) })
}

func TestConformance(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, func(t *testing.T) connectortest.World {
		return newLab(t, googletest.Options{}).world()
	}, required()...)
}

// Every reading is as old as it can be, and the clock stands: nothing but what
// the connector remembers shows its writes.
func TestConformanceWithLag(t *testing.T) {
	t.Parallel()
	conform(t, func(t *testing.T) connectortest.World {
		return newLab(t, googletest.Options{Lag: 2*time.Minute - time.Second, Steady: true}).world()
	})
}

// Readers lag by chance, 412 stands for 409 and 404 as it does at times, and
// every so often a request fails in a way that trying again mends.
func TestConformanceWithFaults(t *testing.T) {
	t.Parallel()
	conform(t, func(t *testing.T) connectortest.World {
		l := newLab(t, googletest.Options{Lag: 90 * time.Second, Seed: 7, Precondition: true, EmptyOK: true})
		w := l.world()
		unrest(l.sim.Faults)
		return w
	})
}

// conform is the suite with each clause in a bubble of its own, where waiting
// between attempts takes no time.
func conform(t *testing.T, open func(t *testing.T) connectortest.World) {
	t.Helper()
	w := open(t)
	for _, f := range required() {
		if !slices.Contains(w.Features(), f) {
			t.Errorf("the world lacks %q", f)
		}
	}
	for _, clause := range connectortest.Clauses(w) {
		t.Run(clause, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				for _, complaint := range connectortest.Judge(t.Context(), clause, open(t)) {
					t.Error(complaint)
				}
			})
		})
	}
}

// unrest strikes about one request in nine. A 503 after which a change finds
// nothing left to do is an unknown outcome and rightly an error, so changes are
// only turned away before they are carried out.
func unrest(faults *sim.Faults) {
	storm := []sim.Fault{
		googletest.Refuse(http.StatusServiceUnavailable, "backendError", "Service unavailable. Please try again"),
		{Effect: sim.Drop},
		{Effect: sim.Half},
		googletest.Refuse(http.StatusTooManyRequests, "rateLimitExceeded", "Rate Limit Exceeded"),
		googletest.Refuse(http.StatusForbidden, "userRateLimitExceeded", "User Rate Limit Exceeded"),
	}
	var n atomic.Int64
	for i, f := range storm {
		f.Times = -1
		f.Match = func(r *http.Request) bool {
			return (i > 2 || r.Method == http.MethodGet) && n.Add(1)%41 == int64(i)
		}
		faults.Inject(f)
	}
}
