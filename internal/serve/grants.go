package serve

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// Grants is what ought to be, read once and kept: an [engine.Source] that asks
// its own sources again only when [Grants.Refresh] finds that something
// changed. A reading that fails leaves what was read before in force, and the
// failure stays to be seen until a reading succeeds.
type Grants struct {
	sources []engine.Source
	stamp   func(context.Context) (string, error)

	mu     sync.Mutex
	seen   string
	loaded bool
	all    []engine.Grant
	err    error
}

// NewGrants returns the grants of some sources. stamp is another text whenever
// one of them may read differently; it must be cheap, for it is asked every few
// seconds.
func NewGrants(stamp func(context.Context) (string, error), sources ...engine.Source) *Grants {
	return &Grants{stamp: stamp, sources: sources}
}

// Grants implements [engine.Source]. What it returns must not be changed.
func (g *Grants) Grants(ctx context.Context) ([]engine.Grant, error) {
	g.mu.Lock()
	loaded := g.loaded
	g.mu.Unlock()
	if !loaded {
		if _, err := g.Refresh(ctx); err != nil {
			return nil, err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all, nil
}

// Refresh reads the sources again if they may read differently. It reports
// whether there is anything new, and why the last reading failed.
func (g *Grants) Refresh(ctx context.Context) (changed bool, err error) {
	stamp, err := g.stamp(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		return false, err
	}
	if stamp == g.seen && stamp != "" {
		return false, g.err
	}
	var all []engine.Grant
	for _, s := range g.sources {
		gs, err := s.Grants(ctx)
		if err != nil {
			if ctx.Err() == nil {
				g.seen, g.err = stamp, fmt.Errorf("read the grants: %w", err)
			}
			return false, errors.Join(g.err, ctx.Err())
		}
		all = append(all, gs...)
	}
	g.seen, g.loaded, g.all, g.err = stamp, true, slices.Clip(all), nil
	return true, nil
}

// Err tells why the last reading failed; nil when it did not.
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
