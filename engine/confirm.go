package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
)

// confirm reads the changed groups back and settles what the listings prove:
// an added member is there, a removed one is gone, and the lag is known. It
// returns the look, which holds what began and what is over. What it cannot prove now, the next
// run's listing will; of a directory whose listings lag it asks nothing, for
// that is all that they could prove.
func (r *Reconciler) confirm(ctx context.Context, before *survey, js []*job) (*survey, error) {
	s := &survey{
		r: r, now: r.now(), scope: before.scope, pen: before.pen, byRef: before.byRef, grantsErr: before.grantsErr,
		noticed: make(map[Membership]bool), read: make(map[Group]uint64),
	}
	limits := before.limits()
	byDirectory := make(map[Directory][]*job)
	for _, j := range js {
		if j.sent() && GraceOf(r.cfg.Directories[j.group.Directory]) == 0 {
			byDirectory[j.group.Directory] = append(byDirectory[j.group.Directory], j)
		}
	}
	ds := slices.Sorted(maps.Keys(byDirectory))
	errs := make([]error, len(ds))
	var wg sync.WaitGroup
	for i, d := range ds {
		wg.Go(func() {
			look := &looker{s: s, d: d, conn: r.cfg.Directories[d], stop: before.stops[d]}
			js := byDirectory[d]
			failed := make([]error, len(js))
			parallel(r.workers(), len(js), func(i int) {
				t := &target{group: js[i].group, name: js[i].changes[0].Group, rules: Rules{Limits: limits[js[i].group]}, back: true}
				v, p, err := look.view(ctx, t, len(js[i].swept))
				if err != nil {
					failed[i] = err
					return
				}
				s.add(Plan{}, v, p)
				s.confirmSwept(js[i].swept, v)
				failed[i] = s.flush(ctx, 512)
			})
			errs[i] = errors.Join(failed...)
		})
	}
	wg.Wait()
	return s, errors.Join(append(errs, s.flush(ctx, 0))...)
}

// confirmSwept writes down that foreign members are out.
func (s *survey) confirmSwept(swept []Change, v GroupView) {
	if v.Trust == Unread || v.Trust == Gone {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range swept {
		if !slices.ContainsFunc(v.Members, func(m Member) bool { return m.ID == c.Member.ID }) {
			s.pending.Events = append(s.pending.Events, c.event(EventConfirmed, s.pen.run, s.now))
		}
	}
}

// sent reports whether j holds anything that touches the directory.
func (j *job) sent() bool {
	return slices.ContainsFunc(j.changes, Change.sends)
}

// limits returns the limits of every group looked at; the rest of the rules
// does not matter for reading back.
func (s *survey) limits() map[Group]Limits {
	ls := make(map[Group]Limits, len(s.plan.Groups))
	for _, g := range s.plan.Groups {
		ls[g.Group] = g.Limits
	}
	return ls
}
