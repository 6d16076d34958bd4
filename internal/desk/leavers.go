package desk

import (
	"context"
	"sync"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// leavers are those who certainly have no account that can be used, as all
// directories said when they last did. That stands while one of them is silent,
// until one knows a good account; a restart forgets it.
type leavers struct {
	mu  sync.Mutex
	all map[engine.Person]accounts
}

// heed takes in what directories say of the accounts of a person, and returns what
// holds: where that is in doubt, what they certainly said before.
func (l *leavers) heed(p engine.Person, a accounts) accounts {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, left := l.all[p]
	switch {
	case a.usable:
		delete(l.all, p)
	case a.doubt != nil && left:
		return before
	case a.doubt == nil && a.asked:
		l.keep(p, a)
	}
	return a
}

// keep makes room where there are too many. mu is held.
func (l *leavers) keep(p engine.Person, a accounts) {
	if l.all == nil {
		l.all = make(map[engine.Person]accounts)
	}
	for other := range l.all {
		if len(l.all) < crowd {
			break
		}
		delete(l.all, other)
	}
	l.all[p] = a
}

// accounted reports whether a person has an account that can be used, for a role
// that reads everything and that the configuration gives to an address.
func (d *Desk) accounted(ctx context.Context, p engine.Person, fresh bool) access.Answer {
	ask := d.fully(ctx)
	if !fresh {
		if d.people.recalled(p) {
			return access.Answer{Yes: true}
		}
		ask = d.soon(ctx, whenever)
	}
	a := d.people.leavers.heed(p, d.accounts(p, ask))
	if a.usable || !a.asked {
		return access.Answer{Yes: true}
	}
	return access.Answer{Err: a.doubt}
}
