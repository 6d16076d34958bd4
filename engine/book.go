package engine

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// book is the ledger as runs write it that go on side by side: one ends what is
// due while another still lists everything. A run decides by what it has read,
// and must not undo what another wrote since. So every entry is stamped with
// the run that wrote it last, a view with the time at which its page was read,
// and what is older than its entry is not written.
type book struct {
	Ledger
	lease func(Directory) Lease

	mu     sync.Mutex
	tick   uint64
	wrote  map[Membership]stamp
	groups map[Group]stamp
	read   map[Group]stamp         // readings alone
	flying map[Membership]bool     // between intent and outcome
	open   map[*pen]uint64         // runs under way, and when they began
	left   map[Membership]leftover // additions left to a whole run because of a limit
	wholes map[Directory]time.Time // when the last whole run of a directory began that came to decide
}

// stamp is when an entry was written last, and by which run.
type stamp struct {
	tick uint64
	pen  *pen
}

// leftover is an addition that was left, and when.
type leftover struct {
	tick uint64
	Change
}

// pen is a run that writes, and the directories that it may change.
type pen struct {
	run RunID
	ds  []Directory
	// opening is what a run of some groups says first, when it has anything to
	// say: what woke it is often over already.
	opening []Event
}

func newBook(l Ledger, lease func(Directory) Lease) *book {
	return &book{
		Ledger: l, lease: lease, wrote: make(map[Membership]stamp), groups: make(map[Group]stamp), read: make(map[Group]stamp),
		flying: make(map[Membership]bool), open: make(map[*pen]uint64), left: make(map[Membership]leftover), wholes: make(map[Directory]time.Time),
	}
}

// take begins a run. Its stamps are kept until every run is over that began
// before its end.
func (b *book) take(run RunID, ds []Directory) *pen {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &pen{run: run, ds: ds}
	b.tick++
	b.open[p] = b.tick
	return p
}

// put ends a run, and forgets the stamps that nobody can run into any more.
func (b *book) put(p *pen) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, p)
	oldest := b.tick + 1
	for _, began := range b.open {
		oldest = min(oldest, began)
	}
	for m, s := range b.wrote {
		if s.tick < oldest {
			delete(b.wrote, m)
		}
	}
	for _, stamps := range []map[Group]stamp{b.groups, b.read} {
		for g, s := range stamps {
			if s.tick < oldest {
				delete(stamps, g)
			}
		}
	}
}

// now is the time to stamp a view with, before its page is read.
func (b *book) now() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tick++
	return b.tick
}

// overtaken reports whether another run than p wrote m since a view was
// stamped.
func (b *book) overtaken(p *pen, m Membership, since uint64) bool {
	s, ok := b.wrote[m]
	return ok && s.pen != p && s.tick > since
}

// leave notes the additions that were left to a whole run.
func (b *book) leave(cs []Change) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tick++
	for _, c := range cs {
		if c.Op == Add {
			b.left[c.membership()] = leftover{b.tick, c}
		}
	}
}

// leftOver adds to what is on hold what was left to a whole run that has not come
// yet.
func (b *book) leftOver(h OnHold) OnHold {
	b.mu.Lock()
	defer b.mu.Unlock()
	for m, l := range b.left {
		if h.additions != nil {
			h.additions[m] = l.Change
		}
	}
	return h
}

// seen forgets what was left to p, a whole run, before it read the grants, but
// what its plan could not know of: what it holds is on record now.
func (b *book) seen(p *pen, since uint64, began time.Time, plan Plan) {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.left, func(m Membership, l leftover) bool {
		return l.tick < since && slices.Contains(p.ds, m.Group.Directory) && !plan.blind(l.Change)
	})
	for _, d := range p.ds {
		b.wholes[d] = began
	}
}

// outdated reports whether a hold of several directories was put on record before
// a whole run of this process decided about one of them.
func (b *book) outdated(h Hold, d Directory) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return h.Directory == "" && h.At.Before(b.wholes[d])
}

// write lets f make a batch while no other run writes, and records it. The
// batch is recorded under the leases of p's directories.
func (b *book) write(ctx context.Context, p *pen, f func() Batch) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	batch := f()
	if batch.Empty() {
		return nil
	}
	opening := len(p.opening)
	batch.Events = slices.Concat(p.opening, batch.Events)
	if batch.claims() {
		batch.Fences = b.fences(p.ds)
	}
	if err := b.Record(ctx, batch); err != nil {
		return err
	}
	p.opening = p.opening[opening:]
	b.tick++
	s := stamp{b.tick, p}
	for m := range batch.memberships() {
		b.wrote[m], b.groups[m.Group] = s, s
	}
	for _, r := range batch.Readings {
		b.read[r.Group] = s
	}
	return nil
}

// record is write for what no other run can have overtaken.
func (b *book) record(ctx context.Context, p *pen, batch Batch) error {
	return b.write(ctx, p, func() Batch { return batch })
}

// prove is write for what views showed: without what was overtaken since. at
// tells when the view of a group was stamped.
func (b *book) prove(ctx context.Context, p *pen, batch Batch, at func(Group) uint64) error {
	return b.write(ctx, p, func() Batch {
		batch = batch.without(func(m Membership) bool { return b.flying[m] || b.overtaken(p, m, at(m.Group)) })
		older := func(stamps map[Group]stamp, g Group) bool {
			s, ok := stamps[g]
			return ok && s.pen != p && s.tick > at(g)
		}
		batch.Listings = slices.DeleteFunc(slices.Clone(batch.Listings), func(l Listing) bool { return older(b.groups, l.Group) })
		batch.Readings = slices.DeleteFunc(slices.Clone(batch.Readings), func(r Reading) bool { return older(b.read, r.Group) })
		return batch
	})
}

// fences are the leases on directories, by their tokens.
func (b *book) fences(ds []Directory) []Fence {
	var fs []Fence
	for _, d := range ds {
		if l := b.leaseOn(d); l != nil {
			fs = append(fs, Fence{d, l.Token()})
		}
	}
	return fs
}

// leaseOn returns the lease on a directory; nil where no other process can
// write.
func (b *book) leaseOn(d Directory) Lease {
	if b.lease == nil {
		return nil
	}
	return b.lease(d)
}

// claims reports whether the batch says anything about what is ours.
func (b *Batch) claims() bool {
	return len(b.Put)+len(b.Delete)+len(b.Past)+len(b.Readings)+len(b.Notice)+len(b.Unnotice)+len(b.Holds)+
		len(b.Known)+len(b.UnlistAll)+len(b.Unlist)+len(b.Listings)+len(b.Spend) > 0 || b.closes()
}

// closes reports whether the batch ends a run whose holds take the place of
// those before.
func (b *Batch) closes() bool {
	return slices.ContainsFunc(b.Events, func(e Event) bool {
		return e.Kind == EventRunEnded && e.Error == "" && (e.Scope == "" || e.Scope == "directory")
	})
}

// memberships yields those whose entries the batch changes.
func (b *Batch) memberships() func(func(Membership) bool) {
	return func(yield func(Membership) bool) {
		for _, m := range b.Delete {
			if !yield(m) {
				return
			}
		}
		for _, o := range b.Put {
			if !yield(o.Key()) {
				return
			}
		}
	}
}

// without returns the batch without what it says of memberships that were
// overtaken.
func (b Batch) without(overtaken func(Membership) bool) Batch {
	b.Put = slices.DeleteFunc(slices.Clone(b.Put), func(o Owned) bool { return overtaken(o.Key()) })
	b.Delete = slices.DeleteFunc(slices.Clone(b.Delete), overtaken)
	b.Past = slices.DeleteFunc(slices.Clone(b.Past), func(p Past) bool { return overtaken(Membership{p.Group, p.Member.ID}) })
	b.Events = slices.DeleteFunc(slices.Clone(b.Events), func(e Event) bool {
		return e.Member != nil && e.GroupID != "" && overtaken(Membership{Group{e.Directory, e.GroupID}, e.Member.ID})
	})
	return b
}
