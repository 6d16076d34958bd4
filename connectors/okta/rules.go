package okta

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// How long the group rules are believed. Before removals they are read again,
// and during a job of many removals, which may take minutes. While it is looked
// who is in, rules that are half as old as they may be then will do: jobs side
// by side share a reading.
const (
	rulesKept  = time.Minute
	rulesFresh = 30 * time.Second
	rulesNew   = time.Second
)

// rule is what daypass reads of a group rule.
type rule struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Status  string `json:"status"`
	Actions struct {
		Assign struct {
			Groups []engine.GroupID `json:"groupIds"`
		} `json:"assignUserToGroups"`
	} `json:"actions"`
}

func (r rule) check() error {
	if r.ID == "" {
		return errors.New("a group rule without an id")
	}
	return nil
}

// active takes a status that Okta may invent for one that works.
func (r rule) active() bool { return r.Status != "INACTIVE" && r.Status != "INVALID" }

// feeds are the groups that active rules fill, with the name of one rule each.
type feeds map[engine.GroupID]string

// why says why a group that a rule fills must not be changed. Okta would take
// the removal of a member whom a rule put there, and add that person to the
// rule's exclusions for good, of which there can be 100.
func (f feeds) why(id engine.GroupID) string {
	name, fed := f[id]
	if !fed {
		return ""
	}
	return fmt.Sprintf("the group rule %q fills it, and Okta would exclude everybody whom daypass removes from that rule for good; "+
		"use a group without rules, or deactivate the rule", clip(name))
}

// ruleBook holds the group rules as last read. Callers who want newer ones take
// turns; nobody else waits for them.
type ruleBook struct {
	turn chan struct{} // of reading; a wait for it ends with a context
	last atomic.Pointer[reading]
}

// reading is what one reading of the rules found.
type reading struct {
	fed feeds
	at  time.Time // when it began
}

func newRuleBook() *ruleBook { return &ruleBook{turn: make(chan struct{}, 1)} }

// read returns the groups that rules fill, as of less than so long ago.
func (b *ruleBook) read(ctx context.Context, c *Connector, age time.Duration) (feeds, error) {
	if r := b.last.Load(); r.since(c.cfg.Now()) < age {
		return r.fed, nil
	}
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	now := c.cfg.Now()
	if r := b.last.Load(); r.since(now) < age {
		return r.fed, nil
	}
	fed, err := c.readRules(ctx)
	if err != nil {
		return nil, err
	}
	b.last.Store(&reading{fed, now})
	return fed, nil
}

// since is how old the reading is at now; for ever where there is none, or the
// clock was set back.
func (r *reading) since(now time.Time) time.Duration {
	if r == nil || now.Before(r.at) {
		return math.MaxInt64
	}
	return now.Sub(r.at)
}

func (c *Connector) readRules(ctx context.Context) (feeds, error) {
	fed := feeds{}
	err := walk(ctx, c, query("/api/v1/groups/rules", "limit", pageSize), func(rs []rule) (bool, error) {
		for _, r := range rs {
			if !r.active() {
				continue
			}
			for _, g := range r.Actions.Assign.Groups {
				fed[g] = r.Name
			}
		}
		return true, nil
	})
	if engine.KindOf(err) == engine.Denied {
		return nil, trouble(engine.Denied, "the group rules can not be read, and a group that a rule fills must not be changed: %w", bare(err))
	}
	return fed, err
}
