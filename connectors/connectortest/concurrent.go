package connectortest

import (
	"sync"
	"sync/atomic"

	"github.com/daypass-dev/daypass/engine"
)

const workers = 8

// concurrently runs f in several goroutines at once and waits for them.
func concurrently(f func(worker int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range workers {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

// change is Add or Remove.
type change func(engine.GroupID, engine.Member) (bool, error)

func (c *check) adding(g engine.GroupID, m engine.Member) (bool, error) {
	return c.Connector.Add(c.ctx, g, m)
}

func (c *check) removing(g engine.GroupID, m engine.Member) (bool, error) {
	return c.Connector.Remove(c.ctx, g, m)
}

// concurrentSame wants exactly one of many equal calls to have made the
// difference.
func concurrentSame(c *check) {
	m := c.account(c.People[0])
	c.wantOneOf("Add", c.adding, m)
	c.wantMembers(m)
	c.wantOneOf("Remove", c.removing, m)
	c.wantMembers()
}

func (c *check) wantOneOf(call string, do change, m engine.Member) {
	c.Helper()
	var changed atomic.Int32
	concurrently(func(int) {
		did, err := do(c.Group, m)
		if err != nil {
			c.Errorf("%s by %d at once: got error %v, want none", call, workers, err)
		}
		if did {
			changed.Add(1)
		}
	})
	if got := changed.Load(); got != 1 {
		c.Errorf("%s of one member by %d at once: got changed %d times, want once", call, workers, got)
	}
}

// concurrentMix wants adds and removes of several members in one group to add
// up: what was added and not removed is there, and nothing else.
func concurrentMix(c *check) {
	c.wantSum(c.Group)
}

// concurrentGroups wants the same of several groups at once.
func concurrentGroups(c *check) {
	c.wantSum(append(c.MoreGroups, c.Group)...)
}

func (c *check) wantSum(groups ...engine.GroupID) {
	c.Helper()
	ms := c.accounts(4)
	net := make(map[engine.GroupID][]atomic.Int32, len(groups))
	for _, g := range groups {
		net[g] = make([]atomic.Int32, len(ms))
	}
	concurrently(func(worker int) {
		for round := range 6 {
			for _, g := range groups {
				who := (worker + round) % len(ms)
				c.step(g, ms[who], &net[g][who], (worker+round/2)%2 == 0)
			}
		}
	})
	for _, g := range groups {
		var want []engine.Member
		for i := range ms {
			switch n := net[g][i].Load(); n {
			case 0:
			case 1:
				want = append(want, ms[i])
			default:
				c.Errorf("changes of %s in %s: got %d more adds than removals that made a difference, want 0 or 1", ms[i].Login, g, n)
			}
		}
		c.wantMembersOf(g, want...)
	}
}

// step adds or removes, and counts what made a difference.
func (c *check) step(g engine.GroupID, m engine.Member, net *atomic.Int32, adds bool) {
	do, by := change(c.removing), int32(-1)
	if adds {
		do, by = c.adding, 1
	}
	changed, err := do(g, m)
	if err != nil {
		c.Errorf("change of %s in %s by %d at once: got error %v, want none", m.Login, g, workers, err)
	}
	if changed {
		net.Add(by)
	}
}
