package entra

import (
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// terms remembers what was written and read of memberships that the directory
// ends, and how long it lets them be. It is a memory, not the truth: what it
// lacks is looked up.
type terms struct {
	grace time.Duration
	now   func() time.Time

	mu     sync.Mutex
	groups map[engine.GroupID]map[engine.MemberID]term
	most   map[engine.GroupID]limit
}

// term is one membership's.
type term struct {
	start, end time.Time // by the directory's clock; no end: it has none any more
	wrote      time.Time // when we wrote it, by our clock; zero: it was read
}

// limit is the longest term that a group's policy allows.
type limit struct {
	most time.Duration
	at   time.Time
}

// limitLasts is how long a limit is believed: an administrator may raise it.
const limitLasts = time.Hour

func newTerms(grace time.Duration, now func() time.Time) *terms {
	return &terms{grace: grace, now: now, groups: map[engine.GroupID]map[engine.MemberID]term{}, most: map[engine.GroupID]limit{}}
}

// note remembers an end that we wrote.
func (t *terms) note(g engine.GroupID, id engine.MemberID, start, end time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.groups[g] == nil {
		t.groups[g] = map[engine.MemberID]term{}
	}
	t.groups[g][id] = term{start, end, t.now()}
}

// clear remembers that a membership was added without an end, or was removed.
func (t *terms) clear(g engine.GroupID, id engine.MemberID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.groups[g][id]; ok {
		t.groups[g][id] = term{wrote: t.now()}
	}
}

// forget drops what was noted of a membership: a later write ended without an
// answer.
func (t *terms) forget(g engine.GroupID, id engine.MemberID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.groups[g], id)
}

// get returns a term with an end.
func (t *terms) get(g engine.GroupID, id engine.MemberID) (term, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.groups[g][id]
	return k, ok && !k.end.IsZero()
}

// latest returns what we wrote of a membership, when listings may lack it.
func (t *terms) latest(g engine.GroupID, id engine.MemberID) (term, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, ok := t.groups[g][id]
	return k, ok && t.believed(k)
}

// believed reports whether a term is to be believed more than a listing.
func (t *terms) believed(k term) bool {
	return !k.wrote.IsZero() && t.now().Sub(k.wrote) < t.grace
}

// lay takes a listing of the terms of g in place of what was known, except for
// what we wrote a moment ago, and returns all ends.
func (t *terms) lay(g engine.GroupID, listed map[engine.MemberID]term) map[engine.MemberID]time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, k := range t.groups[g] {
		if t.believed(k) {
			listed[id] = k
		}
	}
	ends := make(map[engine.MemberID]time.Time, len(listed))
	for id, k := range listed {
		if !k.end.IsZero() {
			ends[id] = k.end
		}
	}
	if delete(t.groups, g); len(listed) > 0 {
		t.groups[g] = listed
	}
	return ends
}

// over drops the terms of g that ended before a time of the directory's, and
// returns whose they were.
func (t *terms) over(g engine.GroupID, now time.Time) []engine.MemberID {
	t.mu.Lock()
	defer t.mu.Unlock()
	var ids []engine.MemberID
	for id, k := range t.groups[g] {
		if !k.end.IsZero() && !k.end.After(now) {
			delete(t.groups[g], id)
			ids = append(ids, id)
		}
	}
	return ids
}

// longest returns the longest term in g, zero where none is known.
func (t *terms) longest(g engine.GroupID) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l, ok := t.most[g]; ok && t.now().Sub(l.at) < limitLasts {
		return l.most
	}
	return 0
}

func (t *terms) learn(g engine.GroupID, most time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.most[g] = limit{most, t.now()}
}

// looks remembers for a moment who was in a group, so that many additions do
// not list it many times. Only that one was not there is taken from it.
type looks struct {
	lasts time.Duration
	now   func() time.Time

	mu   sync.Mutex
	seen map[engine.GroupID]look
}

type look struct {
	members map[engine.MemberID]bool
	at      time.Time
}

// lookLasts is shorter than the time from a reading of the engine to the writes
// that it decides.
const lookLasts = 30 * time.Second

// newLooks returns a memory that is no longer than that of our own writes, which
// a look may lack.
func newLooks(grace time.Duration, now func() time.Time) *looks {
	return &looks{lasts: min(lookLasts, grace), now: now, seen: map[engine.GroupID]look{}}
}

func (l *looks) forget(g engine.GroupID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.seen, g)
}

func (l *looks) put(g engine.GroupID, ms []engine.Member) {
	at := look{make(map[engine.MemberID]bool, len(ms)), l.now()}
	for _, m := range ms {
		at.members[m.ID] = true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[g] = at
}

// lacks reports whether id was not in g a moment ago.
func (l *looks) lacks(g engine.GroupID, id engine.MemberID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.seen[g]
	if ok && l.now().Sub(s.at) >= l.lasts {
		delete(l.seen, g)
		ok = false
	}
	return ok && !s.members[id]
}
