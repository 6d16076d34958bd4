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

// OnHold is what limits on additions hold, as on record, and what became of
// others since.
type OnHold struct {
	part      bool // the plan is of some groups, and shows a part of it
	additions map[Membership]Change
	began     map[string]time.Time // by label of the group; empty for the limit of a run
	made      map[string]int       // additions since then
}

// mark returns cs with what is on hold marked.
func (h OnHold) mark(cs []Change) []Change {
	if len(h.additions) == 0 {
		return cs
	}
	cs = slices.Clone(cs)
	for i := range cs {
		c := &cs[i]
		_, c.waiting = h.additions[c.membership()]
		c.waiting = c.waiting && c.Op == Add
	}
	return cs
}

// since fills in what was made since a limit began to hold what still waits.
func (h OnHold) since(t *tally, where string, now time.Time) {
	t.since = now
	if began, ok := h.began[where]; ok && (h.part || t.waiting > 0) {
		t.since, t.made = began, h.made[where]
	}
}

// onHold returns what is on hold in a scope. A hold of several directories that
// is older than the last whole run of one of them in this process says nothing of
// that one.
func (r *Reconciler) onHold(ctx context.Context, p Plan, sc Scope) (OnHold, error) {
	h := OnHold{part: sc.some()}
	if sc.Ends {
		return h, nil
	}
	holds, err := r.book.Holds(ctx)
	if err != nil {
		return h, fmt.Errorf("read what is on hold: %w", err)
	}
	h.additions, h.began = make(map[Membership]Change), make(map[string]time.Time)
	for _, hold := range holds {
		if !sc.holds(hold.Directory) && hold.Directory != "" {
			continue
		}
		some := false
		for _, c := range hold.Changes {
			if c.Op == Add && sc.holds(c.Directory) && !r.book.outdated(hold, c.Directory) {
				h.additions[c.membership()], some = c, true
			}
		}
		for _, o := range hold.Objections {
			if before, ok := h.began[o.Group]; some && o.Limit == LimitAdd && !o.Since.IsZero() && (!ok || o.Since.Before(before)) {
				h.began[o.Group] = o.Since
			}
		}
	}
	h.made, err = r.made(ctx, p, sc, h.began)
	return h, err
}

// made counts the additions since limits began to hold some, by the label of the
// group; under none those of the whole scope.
func (r *Reconciler) made(ctx context.Context, p Plan, sc Scope, began map[string]time.Time) (map[string]int, error) {
	made := make(map[string]int)
	for where, at := range began {
		for d := range r.cfg.Directories {
			if !sc.holds(d) {
				continue
			}
			byGroup, err := r.book.AddedSince(ctx, d, at)
			if err != nil {
				return nil, fmt.Errorf("read what was added since others are on hold: %w", err)
			}
			for _, g := range p.Groups {
				if g.Group.Directory == d && label(d, g.Name) == where {
					made[where] = byGroup[g.Group.ID]
				}
			}
			for _, n := range byGroup {
				if where == "" {
					made[where] += n
				}
			}
		}
	}
	return made, nil
}

// unseen returns the additions on hold that p does not know of because something
// could not be read: nobody knows whether they are still wanted, and they wait.
func (h OnHold) unseen(p Plan) []Change {
	planned := make(map[Membership]bool)
	for _, c := range p.Changes {
		planned[c.membership()] = true
	}
	var cs []Change
	for m, c := range h.additions {
		if !planned[m] && p.blind(c) {
			c.Held, c.waiting = true, true
			cs = append(cs, c)
		}
	}
	return cs
}

// blind reports whether the plan could not have known of an addition.
func (p Plan) blind(c Change) bool {
	return slices.ContainsFunc(p.Problems, func(x Problem) bool {
		switch x.Kind {
		case GrantsUnread:
			return true
		case DirectoryDown:
			return x.Directory == c.Directory
		case UnreadableGroup:
			return x.Directory == c.Directory && x.Group == c.Group
		case Unresolved:
			return x.Directory == c.Directory && x.Person == c.Person
		}
		return false
	})
}

// limit adds the objections to p, and lets everything through that a person
// released. What is on hold and cannot be seen now stays on hold, and until it can
// be, no release is used up.
func (r *Reconciler) limit(ctx context.Context, p *Plan, sc Scope, now time.Time) (*Release, error) {
	onHold, err := r.onHold(ctx, *p, sc)
	if err != nil {
		return nil, err
	}
	unseen := onHold.unseen(*p)
	if len(unseen) > 0 {
		p.Changes = slices.Concat(p.Changes, unseen)
		p.sort()
	}
	*p = p.Limited(r.cfg.Limits, onHold)
	digest := p.HeldDigest()
	if digest == "" || len(unseen) > 0 {
		return nil, nil //nolint:nilnil // nothing is held, or nothing is to be released
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
// one has seen all of it. Where something on hold is not wanted any more, a whole
// run has to find out what else need not wait.
func (r *Reconciler) narrow(ctx context.Context, res *Result, sc Scope) error {
	onHold, err := r.onHold(ctx, res.Plan, sc)
	if err != nil {
		return err
	}
	shrunk := onHold.shrunk(res.Plan)
	var left []Change
	res.Plan, left, res.Against = res.Plan.narrowed(r.cfg.Limits, r.book.leftOver(onHold))
	res.Rest = len(left) > 0 || shrunk
	r.book.leave(left)
	return nil
}

// shrunk reports whether something is on hold that p, which saw its group, does
// not want.
func (h OnHold) shrunk(p Plan) bool {
	wanted, seen := make(map[Membership]bool), make(map[Group]bool)
	for _, c := range p.Changes {
		wanted[c.membership()] = true
	}
	for _, g := range p.Groups {
		seen[g.Group] = true
	}
	for m, c := range h.additions {
		if seen[m.Group] && !wanted[m] && !p.blind(c) {
			return true
		}
	}
	return false
}
