package engine

import (
	"context"
	"fmt"
	"time"
)

// Plan reads everything and decides, and changes nothing but one: a held part
// is put on record, so that it can be released.
func (r *Reconciler) Plan(ctx context.Context) (Result, error) {
	now := r.now()
	told, err := r.gather(ctx, now, Scope{})
	if err != nil {
		return Result{}, err
	}
	if err := r.checkClock(ctx, now, Scope{}, told); err != nil {
		return Result{}, err
	}
	return r.plan(ctx, now, told, nil)
}

// Inspect is Plan with a look at every group on the way, each listed anew
// whatever its directory says of changes: visit is called once
// for each, never twice at a time, in no certain order. What it is given must
// not be kept or changed.
func (r *Reconciler) Inspect(ctx context.Context, visit func(GroupView, Plan)) (Result, error) {
	now := r.now()
	if err := r.checkClock(ctx, now, Scope{looks: true}, nil); err != nil {
		return Result{}, err
	}
	return r.plan(ctx, now, nil, visit)
}

// InspectIn is Inspect for some groups. It puts nothing on record, and marks as held
// what is on record as held.
func (r *Reconciler) InspectIn(ctx context.Context, sc Scope, visit func(GroupView, Plan)) (Result, error) {
	now := r.now()
	s, err := r.survey(ctx, now, sc, nil, nil, visit)
	if err != nil {
		return Result{}, err
	}
	res := Result{Started: now, Ended: r.now(), Plan: s.plan, GrantsErr: s.grantsErr}
	if err := r.markHeld(ctx, &res.Plan); err != nil {
		return Result{}, err
	}
	res.Overdue = r.overdue(res.Plan, nil, nil, now, sc, false)
	res.count(Counts{})
	return res, nil
}

// markHeld marks the changes of a plan that open holds on record hold.
func (r *Reconciler) markHeld(ctx context.Context, p *Plan) error {
	holds, err := r.book.Holds(ctx)
	if err != nil {
		return fmt.Errorf("read what is on hold: %w", err)
	}
	type change struct {
		Op
		Membership
	}
	held := make(map[change]bool)
	for _, h := range holds {
		for _, c := range h.Changes {
			if !r.book.outdated(h, c.Directory) {
				held[change{c.Op, c.membership()}] = true
			}
		}
	}
	for i := range p.Changes {
		c := &p.Changes[i]
		c.Held = held[change{c.Op, c.membership()}]
	}
	return nil
}

func (r *Reconciler) plan(ctx context.Context, now time.Time, told map[Directory]*news, visit func(GroupView, Plan)) (Result, error) {
	s, err := r.survey(ctx, now, Scope{}, nil, told, visit)
	if err != nil {
		return Result{}, err
	}
	res := Result{Started: now, Ended: r.now(), Plan: s.plan, GrantsErr: s.grantsErr}
	if res.Release, err = r.limit(ctx, &res.Plan, Scope{}, now); err != nil {
		return res, err
	}
	if digest := res.Plan.HeldDigest(); digest != "" && res.Release == nil {
		err = r.book.Record(ctx, Batch{Holds: []Hold{res.Plan.hold("", Scope{}, now)}})
	}
	res.Overdue = r.overdue(res.Plan, nil, nil, now, Scope{}, false)
	res.count(Counts{})
	return res, err
}
