package engine

import (
	"context"
	"maps"
	"slices"
)

// people finds the accounts of everybody who matters: as an earlier run did,
// where the directory tells what changed, or anew.
func (l *looker) people(ctx context.Context, ts []*target) {
	wanted := make(map[Person]bool)
	for _, t := range ts {
		for _, p := range l.mattering(t) {
			wanted[p] = true
		}
	}
	ps := slices.Sorted(maps.Keys(wanted))
	l.who = make(map[Person]Resolution, len(ps))
	l.remembered = make(map[Person]bool)
	ps = slices.DeleteFunc(ps, func(p Person) bool {
		m, ok := l.told.account(p)
		if ok {
			l.who[p], l.remembered[p] = Resolution{Member: m}, true
			l.told.learnAccount(p, l.who[p])
		}
		return ok
	})
	for i, res := range l.resolve(ctx, ps) {
		l.who[ps[i]] = res
		l.told.learnAccount(ps[i], res)
	}
}

// account returns what is known of a person's account in the work on t.
func (l *looker) account(t *target, p Person) Resolution {
	if res, ok := t.recognised[p]; ok {
		return res
	}
	return l.who[p]
}

// recognise looks up anew everybody who matters to t and whose account an
// earlier run found: nobody is added, swept or forgotten from memory.
func (l *looker) recognise(ctx context.Context, t *target) {
	var ps []Person
	for _, p := range l.mattering(t) {
		if l.remembered[p] {
			ps = append(ps, p)
		}
	}
	if len(ps) == 0 {
		return
	}
	t.recognised = make(map[Person]Resolution, len(ps))
	for i, res := range l.resolve(ctx, ps) {
		t.recognised[ps[i]] = res
		l.told.learnAccount(ps[i], res)
	}
}

// mattering returns, sorted, everybody whose account matters to t now: those
// with a grant in force, and those on standing and protect lists.
func (l *looker) mattering(t *target) []Person {
	wanted := make(map[Person]bool)
	for _, g := range t.grants {
		if g.When.Active(l.s.now) {
			wanted[g.Person] = true
		}
	}
	for _, p := range slices.Concat(t.rules.Standing, t.rules.Protect) {
		wanted[p] = true
	}
	return slices.Sorted(maps.Keys(wanted))
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
