package google

import (
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// ends remembers, for as long as readings may lack it, what was written of
// memberships that Google ends. Its methods may be called from several
// goroutines.
type ends struct {
	grace time.Duration
	now   func() time.Time

	mu     sync.Mutex
	groups map[engine.GroupID]map[engine.MemberID]ending
}

// ending is the end of one membership, as we wrote it last.
type ending struct {
	at      time.Time // zero: it has none
	name    string    // of the membership, where Google told it
	address string    // of the member, with guess
	guess   bool      // the answer was lost: a reading that shows the member knows better
	wrote   time.Time
}

func newEnds(grace time.Duration, now func() time.Time) *ends {
	return &ends{grace: grace, now: now, groups: map[engine.GroupID]map[engine.MemberID]ending{}}
}

// note remembers what was written just now.
func (e *ends) note(g engine.GroupID, id engine.MemberID, what ending) {
	if e.grace <= 0 {
		return
	}
	what.wrote = e.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.prune(g)
	if e.groups[g] == nil {
		e.groups[g] = map[engine.MemberID]ending{}
	}
	e.groups[g][id] = what
}

// forget drops what was noted: a later write ended without an answer.
func (e *ends) forget(g engine.GroupID, id engine.MemberID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.groups[g], id)
}

// name returns the name of a membership that we made or moved a moment ago.
func (e *ends) name(g engine.GroupID, id engine.MemberID) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.prune(g)
	return e.groups[g][id].name
}

// over drops those of g that are over by now, and returns whose they were.
func (e *ends) over(g engine.GroupID) []engine.MemberID {
	now := e.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	var ids []engine.MemberID
	for id, w := range e.groups[g] {
		if !w.at.IsZero() && !w.at.After(now) {
			delete(e.groups[g], id)
			ids = append(ids, id)
		}
	}
	return ids
}

// lay lays what was written over what a reading told; shown reports whether it
// showed a member with an address.
func (e *ends) lay(g engine.GroupID, read map[engine.MemberID]time.Time, shown func(address string) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.prune(g)
	for id, w := range e.groups[g] {
		switch {
		case w.guess && shown(w.address):
		case w.at.IsZero():
			delete(read, id)
		default:
			read[id] = w.at
		}
	}
}

// prune forgets what readings show by now.
func (e *ends) prune(g engine.GroupID) {
	now := e.now()
	for id, w := range e.groups[g] {
		if now.Sub(w.wrote) >= e.grace {
			delete(e.groups[g], id)
		}
	}
	if len(e.groups[g]) == 0 {
		delete(e.groups, g)
	}
}

// lapse stops to believe in memberships of ours that Google has ended since.
func (c *Connector) lapse(g engine.GroupID) {
	for _, id := range c.ends.over(g) {
		c.writes.Forget(g, id)
	}
}
