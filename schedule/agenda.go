package schedule

import "time"

// Agenda says what is due when: each key has one instant. Setting and deleting
// a key takes time that grows with the logarithm of their number. It is not
// safe for use by several goroutines at once.
type Agenda[K comparable] struct {
	compare func(a, b K) int
	heap    []entry[K] // the first is due first
	place   map[K]int  // where in the heap each key is
}

type entry[K comparable] struct {
	at  time.Time
	key K
}

// NewAgenda returns an empty agenda. Of keys that are due at one instant the
// smaller one comes first.
func NewAgenda[K comparable](compare func(a, b K) int) *Agenda[K] {
	return &Agenda[K]{compare: compare, place: map[K]int{}}
}

// Len returns how many keys there are.
func (a *Agenda[K]) Len() int { return len(a.heap) }

// Set makes a key due at an instant, and at no other.
func (a *Agenda[K]) Set(key K, at time.Time) {
	e := entry[K]{at: at.UTC().Round(0), key: key} // by the wall clock alone
	i, known := a.place[key]
	if !known {
		i = len(a.heap)
		a.heap = append(a.heap, e)
	}
	a.fix(i, e)
}

// Delete forgets a key, if it is there.
func (a *Agenda[K]) Delete(key K) {
	i, known := a.place[key]
	if !known {
		return
	}
	delete(a.place, key)
	n := len(a.heap) - 1
	last := a.heap[n]
	a.heap[n] = entry[K]{}
	a.heap = a.heap[:n]
	if i < n {
		a.fix(i, last)
	}
}

// Next returns the first instant at which a key is due. It reports false when
// there is none.
func (a *Agenda[K]) Next() (time.Time, bool) {
	if len(a.heap) == 0 {
		return time.Time{}, false
	}
	return a.heap[0].at, true
}

// Due takes out all keys that are due at now or before, and returns them in the
// order of their instants.
func (a *Agenda[K]) Due(now time.Time) []K {
	now = now.Round(0)
	var due []K
	for len(a.heap) > 0 && !a.heap[0].at.After(now) {
		key := a.heap[0].key
		due = append(due, key)
		a.Delete(key)
	}
	return due
}

func (a *Agenda[K]) less(x, y entry[K]) bool {
	if c := x.at.Compare(y.at); c != 0 {
		return c < 0
	}
	return a.compare(x.key, y.key) < 0
}

func (a *Agenda[K]) put(i int, e entry[K]) {
	a.heap[i] = e
	a.place[e.key] = i
}

// fix puts e where it belongs, beginning at the hole i.
func (a *Agenda[K]) fix(i int, e entry[K]) {
	for i > 0 && a.less(e, a.heap[(i-1)/2]) {
		a.put(i, a.heap[(i-1)/2])
		i = (i - 1) / 2
	}
	for child := 2*i + 1; child < len(a.heap); child = 2*i + 1 {
		if child+1 < len(a.heap) && a.less(a.heap[child+1], a.heap[child]) {
			child++
		}
		if !a.less(a.heap[child], e) {
			break
		}
		a.put(i, a.heap[child])
		i = child
	}
	a.put(i, e)
}
