package memory

import "github.com/daypass-dev/daypass/engine"

// Lie makes a listing that is whole to look at, and wrong: the failure that no
// connector can notice. It may change and return the slice that it gets.
type Lie func([]engine.Member) []engine.Member

// Empty is the [Lie] of a group that seems to have no members.
func Empty([]engine.Member) []engine.Member { return nil }

// Half is the [Lie] of a group that seems to have lost half of its members.
func Half(ms []engine.Member) []engine.Member { return ms[:len(ms)/2] }

// Lie makes every listing of g pass through a lie. With nil it is honest again.
func (d *Directory) Lie(g engine.GroupID, lie Lie) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.group(g).lie = lie
}

// Lag makes every change invisible to the next reads listings of its group.
// Changes become visible in the order in which they were made.
func (d *Directory) Lag(reads int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lag = reads
}

// glimpse is what a group looked like before a change, for so many more reads.
type glimpse struct {
	members []*object
	reads   int
}

// remember keeps what lagging readers still see, before a change.
func (d *Directory) remember(g *group) {
	if d.lag > 0 {
		g.past = append(g.past, glimpse{members: append([]*object(nil), g.members...), reads: d.lag})
	}
}

// glance is one listing. The oldest look that has reads left is what it sees.
func (g *group) glance() []engine.Member {
	seen := g.members
	if len(g.past) > 0 {
		seen = g.past[0].members
	}
	kept := g.past[:0]
	for _, p := range g.past {
		if p.reads--; p.reads > 0 {
			kept = append(kept, p)
		}
	}
	g.past = kept
	return list(seen)
}
