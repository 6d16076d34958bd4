package connectortest

import (
	"context"
	"fmt"

	"github.com/daypass-dev/daypass/engine"
)

func (c *check) endSessions(ctx context.Context, m engine.Member) error {
	return c.Connector.(engine.SessionEnder).EndSessions(ctx, m)
}

// endSessions wants every session of the one account to end, and nothing else:
// the account, its memberships and the next session stay.
func endSessions(c *check) {
	ms := c.accounts(2)
	c.add(ms[0], true)
	one, two, other := c.Logon(c.People[0]), c.Logon(c.People[0]), c.Logon(c.People[1])
	if !one() || !two() || !other() {
		c.Fatalf("sessions before EndSessions: got one that is not good, want a world with good ones")
	}
	for range 2 { // the second time there is none
		if err := c.endSessions(c.ctx, ms[0]); err != nil {
			c.Errorf("EndSessions(%s): got error %v, want none", ms[0].Login, err)
		}
	}
	if one() || two() {
		c.Errorf("EndSessions(%s): got a session that is good afterwards, want none", ms[0].Login)
	}
	if !other() {
		c.Errorf("EndSessions(%s): got the session of %s ended, want it to stay", ms[0].Login, ms[1].Login)
	}
	c.wantMembers(ms[0])
	if again := c.account(c.People[0]); !same(again, ms[0]) {
		c.Errorf("Resolve after EndSessions: got %+v, want %+v", again, ms[0])
	}
	if next := c.Logon(c.People[0]); !next() {
		c.Errorf("a session that began after EndSessions: got it ended, want it good")
	}
}

// sessionsOfNobody wants an account that is not there to be told: what could
// not be ended is a finding.
func sessionsOfNobody(c *check) {
	c.wantKind("EndSessions of an unknown account", c.endSessions(c.ctx, c.noAccount()), engine.NotFound)
}

// sessionErrors wants each kind of failure to come out as itself, and an ended
// context to be an error.
func sessionErrors(c *check) {
	m := c.account(c.People[0])
	for _, k := range c.kinds() {
		c.Fail(1, k)
		err := c.endSessions(c.ctx, m)
		if passes := k == engine.Throttled || k == engine.Unavailable; err != nil || !passes {
			c.wantKind(fmt.Sprintf("EndSessions with the fault %s", k), err, k)
		}
	}
	ended, cancel := context.WithCancel(c.ctx)
	cancel()
	c.returns("EndSessions", func() { c.wantEnded("EndSessions", c.endSessions(ended, m)) })
}
