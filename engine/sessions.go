package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// sessionsWithin is how long a run goes on to end sessions, in all. A directory
// that hangs there does not keep the next run from its removals.
const sessionsWithin = 30 * time.Second

// logout reports whether the sessions of c's member are to end now: e ended a
// membership of ours, or showed for the first time that it ended by our doing or
// by the directory's.
func (c Change) logout(e Effect, now time.Time) bool {
	if !c.sessions || c.prior == nil || c.drop || e.Err != nil || !c.removes() {
		return false
	}
	return e.Changed || c.prior.Gone.IsZero() && (c.prior.State == Removing || c.prior.lapsed(now))
}

// endSessions ends the sessions of those whose memberships ended, each member
// once, after everything else that the run had to do.
func (a *applier) endSessions(ctx context.Context) error {
	x, ok := a.conn.(SessionEnder)
	if !ok || len(a.logouts) == 0 {
		return nil
	}
	slices.SortFunc(a.logouts, func(x, y Change) int { return cmp.Compare(x.Member.ID, y.Member.ID) })
	cs := slices.CompactFunc(a.logouts, func(x, y Change) bool { return x.Member.ID == y.Member.ID })
	ctx, cancel := context.WithTimeout(Under(context.WithoutCancel(ctx), a.lease), sessionsWithin)
	defer cancel()
	var mu sync.Mutex
	var b Batch
	parallel(a.r.workers(), len(cs), func(i int) {
		err := cmp.Or(ctx.Err(), a.stop.open(), Held(ctx))
		if err == nil {
			err = x.EndSessions(ctx, cs[i].Member)
		} else {
			err = fmt.Errorf("not tried: %w", err)
		}
		ev := cs[i].event(EventLoggedOut, a.run, a.r.now())
		ev.Op = "" // that was done before
		if err != nil {
			ev.Kind, ev.Error, ev.Reason = EventFailed, err.Error(), "end the sessions"
			a.find(Problem{Kind: SessionsNotEnded, Directory: cs[i].Directory, Group: cs[i].Group, Person: cs[i].Person, Message: fmt.Sprintf(
				"%v; %s is out of the group, and what was issued before may still name it until it expires", err, name(cs[i].Member))})
		}
		mu.Lock()
		defer mu.Unlock()
		b.Events = append(b.Events, ev)
	})
	slices.SortFunc(b.Events, func(x, y Event) int { return cmp.Compare(x.Member.ID, y.Member.ID) })
	return a.r.book.record(context.WithoutCancel(ctx), a.s.pen, b)
}
