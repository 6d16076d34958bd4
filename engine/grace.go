package engine

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// Writes remembers what a connector wrote, for the time in which its
// directory's listings may still lack it. A connector that has the power
// [Lagging] keeps one, notes each answered write, and lays it over its
// listings, so that its own methods agree with each other. Its methods may be
// called from several goroutines.
//
// The engine takes no listing as proof of a write before the same grace is
// over, so what is laid over is never mistaken for evidence.
type Writes struct {
	grace time.Duration
	now   func() time.Time

	mu     sync.Mutex
	groups map[GroupID]map[MemberID]write
}

type write struct {
	op     Op
	member Member
	at     time.Time
}

// NewWrites returns a memory that lasts for grace by the clock now.
func NewWrites(grace time.Duration, now func() time.Time) *Writes {
	return &Writes{grace: grace, now: now, groups: make(map[GroupID]map[MemberID]write)}
}

// Note remembers that the directory took op, Add or Remove, for m in g, or
// said that nothing was left to do.
func (w *Writes) Note(g GroupID, m Member, op Op) {
	if w.grace <= 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.prune(g)
	if w.groups[g] == nil {
		w.groups[g] = make(map[MemberID]write)
	}
	w.groups[g][m.ID] = write{op, m, w.now()}
}

// Forget drops what was noted for a member of g: a later write to it ended
// without an answer, and what it is now is not known.
func (w *Writes) Forget(g GroupID, id MemberID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.groups[g], id)
}

// Last returns what was last written for a member of g, when that was less
// than the grace ago.
func (w *Writes) Last(g GroupID, id MemberID) (op Op, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last, ok := w.groups[g][id]
	if !ok || w.now().Sub(last.at) >= w.grace {
		return "", false
	}
	return last.op, true
}

// Lay lays the remembered writes over a listing of g that is sorted by ID, and
// returns the result, sorted. The listing may be changed.
func (w *Writes) Lay(g GroupID, listing []Member) []Member {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.prune(g)
	for id, last := range w.groups[g] {
		listing = lay(listing, last.member, id, last.op == Add)
	}
	return listing
}

// prune forgets what listings show by now.
func (w *Writes) prune(g GroupID) {
	now := w.now()
	for id, last := range w.groups[g] {
		if now.Sub(last.at) >= w.grace {
			delete(w.groups[g], id)
		}
	}
	if len(w.groups[g]) == 0 {
		delete(w.groups, g)
	}
}

// GraceOf returns how long a write to a directory is believed more than its
// listings.
func GraceOf(c Connector) time.Duration {
	if l, ok := c.(Lagging); ok {
		return l.Grace()
	}
	return 0
}

// lay makes m present in a sorted listing, or absent.
func lay(listing []Member, m Member, id MemberID, present bool) []Member {
	i, found := slices.BinarySearchFunc(listing, id, func(m Member, id MemberID) int { return strings.Compare(string(m.ID), string(id)) })
	switch {
	case present && !found:
		return slices.Insert(listing, i, m)
	case !present && found:
		return slices.Delete(listing, i, i+1)
	}
	return listing
}
