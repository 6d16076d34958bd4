package engine

import (
	"cmp"
	"context"
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
	*p = p.Limited(r.cfg.Limits)
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
