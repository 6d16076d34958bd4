package google

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// names remembers what groups were called when they were last seen: the log of
// changes calls them by address, and errors are for people. It decides
// nothing.
type names struct {
	mu      sync.RWMutex
	byID    map[engine.GroupID]string
	byName  map[string]engine.GroupID
	domains map[string]bool // of this customer
}

func newNames() *names {
	return &names{byID: map[engine.GroupID]string{}, byName: map[string]engine.GroupID{}, domains: map[string]bool{}}
}

// learn keeps a group's address and aliases. An address that was another
// group's is this one's now.
func (n *names) learn(id engine.GroupID, address string, aliases []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if old, ok := n.byID[id]; ok && old != address {
		delete(n.byName, old)
	}
	n.byID[id], n.byName[address] = address, id
	for _, a := range aliases {
		n.byName[strings.ToLower(a)] = id
	}
	n.domains[domainOf(address)] = true
}

// home notes that an address of somebody in the customer was seen.
func (n *names) home(address string) {
	domain := domainOf(address)
	n.mu.RLock()
	known := n.domains[domain]
	n.mu.RUnlock()
	if !known {
		n.mu.Lock()
		n.domains[domain] = true
		n.mu.Unlock()
	}
}

// ours reports whether an address is of a domain in which the customer was
// seen to have somebody.
func (n *names) ours(address string) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.domains[domainOf(address)]
}

func domainOf(address string) string {
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
}

// of is a group's name to be read.
func (n *names) of(id engine.GroupID) string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if name, ok := n.byID[id]; ok {
		return name
	}
	return string(id)
}

func (n *names) id(name string) (engine.GroupID, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	id, ok := n.byName[name]
	return id, ok
}

// extent remembers how many pages a listing of everything has, so that the
// cheaper way is taken at once the next time.
type extent struct {
	pages atomic.Int64 // at least so many
	whole atomic.Bool  // and no more
}

// budget is how many pages of a listing are worth reading to find n things
// that could be asked for one by one. While the extent is not known, half of
// what asking would cost is risked to find out.
func (e *extent) budget(n int) int {
	pages := int(e.pages.Load())
	switch {
	case n < 3:
		return 0
	case e.whole.Load() && pages >= n, !e.whole.Load() && pages >= n/2:
		return 0
	case e.whole.Load():
		return n
	}
	return max(1, n/2)
}

// seen notes how many pages were read, and whether there were no more.
func (e *extent) seen(pages int, whole bool) {
	if !whole {
		if e.whole.Load() && pages < int(e.pages.Load()) {
			return // nothing new
		}
		pages = max(pages+1, int(e.pages.Load()))
	}
	e.pages.Store(int64(pages))
	e.whole.Store(whole)
}

// pause is a while in which something that was refused is not asked for again.
type pause struct {
	mu    sync.Mutex
	until time.Time
}

func (p *pause) begin(until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = until
}

func (p *pause) on(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.Before(p.until)
}
