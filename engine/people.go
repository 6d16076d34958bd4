package engine

import (
	"context"
	"slices"
)

// people looks up everybody whose account matters now: those with a grant in
// force, and those on standing and protect lists.
func (l *looker) people(ctx context.Context, ts []*target) {
	wanted := make(map[Person]bool)
	for _, t := range ts {
		for _, g := range t.grants {
			if g.When.Active(l.s.now) {
				wanted[g.Person] = true
			}
		}
		for _, p := range t.rules.Standing {
			wanted[p] = true
		}
		for _, p := range t.rules.Protect {
			wanted[p] = true
		}
	}
	ps := make([]Person, 0, len(wanted))
	for p := range wanted {
		ps = append(ps, p)
	}
	slices.Sort(ps)
	l.who = make(map[Person]Resolution, len(ps))
	for i, res := range l.resolve(ctx, ps) {
		l.who[ps[i]] = res
	}
}

func (l *looker) resolve(ctx context.Context, ps []Person) []Resolution {
	out := make([]Resolution, len(ps))
	if bulk, ok := l.conn.(BulkResolver); ok && len(ps) > 1 {
		err := l.call(func() (err error) {
			out, err = bulk.ResolveAll(ctx, ps)
			return err
		})
		if err == nil {
			return out
		}
		out = make([]Resolution, len(ps))
		for i := range out {
			out[i].Err = err
		}
		return out
	}
	parallel(l.s.r.workers(), len(ps), func(i int) {
		out[i].Err = l.call(func() (err error) {
			out[i].Member, err = l.conn.Resolve(ctx, ps[i])
			return err
		})
	})
	return out
}
