package memory

import (
	"slices"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// Lie makes a listing that is whole to look at, and wrong: the failure that no
// connector can notice. It may change and return the slice that it gets.
type Lie func([]engine.Member) []engine.Member

// Empty is the [Lie] of a group that seems to have no members.
func Empty([]engine.Member) []engine.Member { return nil }

// Half is the [Lie] of a group that seems to have lost half of its members.
func Half(ms []engine.Member) []engine.Member { return ms[:len(ms)/2] }

// Lie makes every listing of g pass through a lie. With nil it is honest again.
func (d *Directory) Lie(g engine.GroupID, lie Lie) {
	d.lock()
	defer d.mu.Unlock()
	d.group(g).lie = lie
}

// Lag makes every change invisible to the next reads listings of its group.
// Changes become visible in the order in which they were made.
func (d *Directory) Lag(reads int) {
	d.lock()
	defer d.mu.Unlock()
	d.lag = reads
}

// LagFor makes every change invisible to listings for a time, by the
// directory's clock. [Directory.Mend] ends it.
func (d *Directory) LagFor(late time.Duration) {
	d.lock()
	defer d.mu.Unlock()
	d.late = late
}

// glimpse is what a group looked like before a change, for so many more reads
// or until a time.
type glimpse struct {
	members []*object
	reads   int
	until   time.Time
}

// remember keeps what lagging readers still see, before a change that takes
// place at an instant.
func (d *Directory) remember(g *group, at time.Time) {
	d.log = append(d.log, change{group: g.info.ID, at: at})
	if d.lag == 0 && d.late == 0 {
		return
	}
	p := glimpse{members: append([]*object(nil), g.members...), reads: d.lag}
	if d.late > 0 {
		p.until = at.Add(d.late)
	}
	g.past = append(g.past, p)
}

// glance is one listing. The oldest look that lasts is what it sees.
func (d *Directory) glance(g *group) []engine.Member {
	if len(g.past) == 0 {
		return list(g.members)
	}
	now := d.now()
	lasts := func(p glimpse) bool { return p.reads > 0 || p.until.After(now) }
	g.past = slices.DeleteFunc(g.past, func(p glimpse) bool { return !lasts(p) })
	seen := g.members
	if len(g.past) > 0 {
		seen = g.past[0].members
	}
	for i := range g.past {
		g.past[i].reads--
	}
	return list(seen)
}
