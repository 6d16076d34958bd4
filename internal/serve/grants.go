package serve

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/schedule"
)

// Grants is what ought to be, read once and kept: its sources are asked again
// only when [Grants.Refresh] finds that something changed. One that cannot be
// read leaves what it said before in force, and holds up no other; its failure
// stays to be seen until it can be read.
type Grants struct {
	stamp func(context.Context) (string, error)
	parts []*part

	reading sync.Mutex // one reading at a time
	seen    string     // the stamp of the last one
	loaded  bool
	retry   time.Time // when to read again what could not be read; zero when all could
	tries   int       // readings in a row that could not read everything

	mu  sync.Mutex
	all []engine.Grant
	sum uint64 // of what they say, whatever their order
	n   int    // how often they said something else
	err error
}

// part is what one source said.
type part struct {
	source engine.Source
	all    *Grants

	mu     sync.Mutex
	grants []engine.Grant
	known  bool // it was read, once at least
	err    error
}

// NewGrants returns the grants of some sources. stamp is another text whenever
// one of them may read differently; it must be cheap, for it is asked every few
// seconds and before every run.
func NewGrants(stamp func(context.Context) (string, error), sources ...engine.Source) *Grants {
	g := &Grants{stamp: stamp}
	for _, s := range sources {
		g.parts = append(g.parts, &part{source: s, all: g})
	}
	return g
}

// Sources are what the engine reads: each source as it last could be read, or
// its error where it never could.
func (g *Grants) Sources() []engine.Source {
	out := make([]engine.Source, len(g.parts))
	for i, p := range g.parts {
		out[i] = p
	}
	return out
}

// Grants implements [engine.Source]. What it returns must not be changed.
func (p *part) Grants(ctx context.Context) ([]engine.Grant, error) {
	p.mu.Lock()
	known, err := p.known, p.err
	p.mu.Unlock()
	if !known && err == nil {
		_, _ = p.all.Refresh(ctx) // what came of it is read below
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.known {
		return nil, errors.Join(p.err, ctx.Err())
	}
	return p.grants, nil
}

func (p *part) read(ctx context.Context) error {
	gs, err := p.source.Grants(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err = err; err == nil {
		p.grants, p.known = gs, true
	}
	return err
}

// many grants leave so much behind when they are read that it is given back.
const many = 10_000

// Change is what [Grants.Refresh] found.
type Change int

// Changes.
const (
	Same    Change = iota
	Decided        // the grants say the same, and somebody decided something: a hold was released
	Changed        // the grants say something else
)

// Refresh reads the sources again if they may read differently. It tells what
// is new, and what cannot be read.
func (g *Grants) Refresh(ctx context.Context) (Change, error) {
	g.reading.Lock()
	defer g.reading.Unlock()
	stamp, err := g.stamp(ctx)
	switch {
	case err != nil:
		return Same, err
	case stamp == g.seen && stamp != "" && (g.retry.IsZero() || time.Now().Before(g.retry)):
		return Same, g.Err()
	}
	var errs []error
	n := 0
	for _, p := range g.parts {
		if err := p.read(ctx); err != nil {
			errs = append(errs, fmt.Errorf("read the grants: %w", err))
		}
		n += len(p.grants)
	}
	if ctx.Err() != nil {
		return Same, ctx.Err()
	}
	all := make([]engine.Grant, 0, n)
	for _, p := range g.parts { // each is kept once
		all = append(all, p.grants...)
		p.mu.Lock()
		p.grants = all[len(all)-len(p.grants) : len(all) : len(all)]
		p.mu.Unlock()
	}
	if n > many {
		defer debug.FreeOSMemory() // files take several times of what they say to be read
	}
	sum := sumOf(all)
	g.mu.Lock()
	defer g.mu.Unlock()
	change := Same
	switch {
	case !g.loaded || sum != g.sum:
		change = Changed
		g.n++
	case stamp != g.seen:
		change = Decided
	}
	if len(errs) == 0 {
		g.retry, g.tries = time.Time{}, 0
	} else { // it may be the store, for a moment
		if stamp != g.seen {
			g.tries = 0
		}
		g.tries++
		g.retry = time.Now().Add(schedule.Backoff{Cap: 30 * time.Second}.After(g.tries, 0))
	}
	g.seen, g.loaded = stamp, true
	g.all, g.sum, g.err = all, sum, errors.Join(errs...)
	return change, g.err
}

// sumOf is the same for grants that say the same.
func sumOf(all []engine.Grant) uint64 {
	h := fnv.New64a()
	var sum uint64
	for _, g := range all {
		h.Reset()
		_, _ = fmt.Fprintf(h, "%q %q %q %q %d %d %s", g.ID, g.Person, g.Group.Directory, g.Group.Name,
			g.When.From.UnixNano(), g.When.Until.UnixNano(), g.When.Hours()) // a hash never fails to take bytes
		sum += h.Sum64()
	}
	return sum
}

// All are the grants of every source, as it last could be read. They must not
// be changed.
func (g *Grants) All() []engine.Grant {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all
}

// Readings counts how often the grants said something else.
func (g *Grants) Readings() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.n
}

// Err tells what cannot be read; nil when all can.
func (g *Grants) Err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// index is the grants of one directory, by the name of their group.
type index map[string][]*engine.Grant

func indexOf(all []engine.Grant, d engine.Directory) index {
	x := make(index)
	for i := range all {
		if g := &all[i]; g.Group.Directory == d {
			x[g.Group.Name] = append(x[g.Group.Name], g)
		}
	}
	return x
}

// next returns the first instant after t at which a grant under a name begins
// or ends.
func (x index) next(name string, t time.Time) (time.Time, bool) {
	var first time.Time
	for _, g := range x[name] {
		if at, ok := g.When.Next(t); ok && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first, !first.IsZero()
}

// between tells whether a grant under a name ended, or began, after one instant
// and until another.
func (x index) between(name string, after, until time.Time) (ended, began bool) {
	for _, g := range x[name] {
		was, is := g.When.Active(after), g.When.Active(until)
		edge, ok := g.When.Next(after)
		moved := ok && !edge.After(until)
		ended = ended || moved && (was || !is)
		began = began || moved && is
	}
	return ended, began
}

// news is what another reading of the grants means for a directory.
type news struct {
	ends, looks []string // names under which something ended, or began or moved
	vanished    bool     // a grant is gone before its time: a whole run has to decide
}

// since compares the grants of a directory with those before, at an instant.
func (x index) since(old index, now time.Time) news {
	var n news
	for name := range x {
		ended, moved := moves(old[name], x[name], now)
		if ended {
			n.ends = append(n.ends, name)
		}
		if moved {
			n.looks = append(n.looks, name)
		}
	}
	for name, gs := range old {
		have := make(map[engine.GrantID]bool, len(x[name]))
		for _, g := range x[name] {
			have[g.ID] = true
		}
		n.vanished = n.vanished || slices.ContainsFunc(gs, func(g *engine.Grant) bool {
			return !have[g.ID] && !g.When.Ended(now)
		})
	}
	slices.Sort(n.ends)
	slices.Sort(n.looks)
	return n
}

// moves tells whether a grant of after ended now that was in force before, and
// whether one is new or has another window.
func moves(before, after []*engine.Grant, now time.Time) (ended, moved bool) {
	was := make(map[engine.GrantID]*engine.Grant, len(before))
	for _, g := range before {
		was[g.ID] = g
	}
	for _, g := range after {
		b := was[g.ID]
		switch {
		case b == nil:
			moved = moved || g.When.Active(now)
		case b.When.From.Equal(g.When.From) && b.When.Until.Equal(g.When.Until) && b.When.Weekly.Equal(g.When.Weekly):
		case b.When.Active(now) && !g.When.Active(now):
			ended = true
		default:
			moved = true
		}
	}
	return ended, moved
}
