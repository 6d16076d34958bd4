package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// hold is what limits object to, as it is put on record.
func (p Plan) hold(run RunID, sc Scope, now time.Time) Hold {
	return Hold{
		Directory: cmp.Or(sc.Directory, p.heldIn()), Digest: p.HeldDigest(), PlanDigest: p.Digest(), Run: run, At: now,
		Changes: p.HeldChanges(), Objections: p.Objections, Parts: p.parts(),
	}
}

// heldIn returns the one directory that all that is held is in; empty when it
// is in several. Then a run of that directory speaks for it as well.
func (p Plan) heldIn() Directory {
	var in Directory
	for _, c := range p.HeldChanges() {
		if in != "" && c.Directory != in {
			return ""
		}
		in = c.Directory
	}
	for _, o := range p.Objections {
		if d := o.group.Directory; d != "" && in != "" && d != in {
			return ""
		}
	}
	return in
}

// parts are the held sets of single directories, as runs of one of them would
// hold them.
func (p Plan) parts() []Part {
	byDirectory := make(map[Directory]*Plan)
	of := func(d Directory) *Plan {
		if byDirectory[d] == nil {
			byDirectory[d] = &Plan{}
		}
		return byDirectory[d]
	}
	for _, c := range p.Changes {
		of(c.Directory).Changes = append(of(c.Directory).Changes, c)
	}
	for _, o := range p.Objections {
		if d := o.group.Directory; d != "" {
			of(d).Objections = append(of(d).Objections, o)
		}
	}
	var parts []Part
	for _, d := range slices.Sorted(maps.Keys(byDirectory)) {
		if digest := byDirectory[d].HeldDigest(); digest != "" && digest != p.HeldDigest() {
			parts = append(parts, Part{d, digest})
		}
	}
	return parts
}

// limit adds the objections to p, and lets everything through that a person
// released.
func (r *Reconciler) limit(ctx context.Context, p *Plan, now time.Time) (*Release, error) {
	onHold, err := r.onHold(ctx, *p)
	if err != nil {
		return nil, err
	}
	*p = p.Limited(r.cfg.Limits, onHold)
	digest := p.HeldDigest()
	if digest == "" {
		return nil, nil //nolint:nilnil // nothing is held, so nothing is to be released
	}
	rel, err := r.book.Release(ctx, digest, now)
	if err != nil || rel == nil {
		return nil, err
	}
	*p = p.released()
	return rel, nil
}

// narrow leaves of the plan what a run of some groups carries out. What it
// leaves because there are too many, no such run adds one by one, until a whole
// one has seen all of it.
func (r *Reconciler) narrow(ctx context.Context, res *Result) error {
	onHold, err := r.onHold(ctx, res.Plan)
	if err != nil {
		return err
	}
	var left []Change
	res.Plan, left, res.Against = res.Plan.narrowed(r.cfg.Limits, r.book.leftOver(onHold))
	res.Rest = len(left) > 0
	r.book.leave(left)
	return nil
}

// onHold returns the additions that limits hold, as on record. Nobody is asked
// when p adds nobody.
func (r *Reconciler) onHold(ctx context.Context, p Plan) (map[Membership]bool, error) {
	ms := make(map[Membership]bool)
	if !slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Op == Add }) {
		return ms, nil
	}
	holds, err := r.book.Holds(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what is on hold: %w", err)
	}
	for _, h := range holds {
		for _, c := range h.Changes {
			if c.Op == Add {
				ms[Membership{c.Key(), c.Member.ID}] = true
			}
		}
	}
	return ms, nil
}
