package engine

import "time"

// removes reports whether c sends a removal to the directory.
func (c Change) removes() bool { return c.Op == Remove || c.verify }

// sends reports whether c touches the directory.
func (c Change) sends() bool { return c.Op == Add || c.removes() }

// intent returns the ledger's entry as it must read before c is sent; nil when
// c sends nothing, or when the membership is not ours (a foreign member).
func (c Change) intent(now time.Time) *Owned {
	switch {
	case c.Op == Add && (c.prior == nil || c.prior.State == Dropped):
		return &Owned{
			Group: c.Key(), GroupName: c.Group, Member: c.Member, Person: c.Person,
			Anchors: c.anchors, State: Adding, Since: now, Wrote: now, Expires: c.Expires, Asked: c.Expires,
		}
	case c.Op == Add:
		o := *c.prior
		o.Member, o.Anchors, o.State, o.Wrote = c.Member, c.anchors, Adding, now
		o.Due, o.Gone = time.Time{}, time.Time{}
		o.Expires, o.Asked = c.Expires, c.Expires // until the directory answers
		return &o
	case c.Op == Expire:
		o := *c.prior
		return &o
	case c.removes() && c.prior != nil:
		o := *c.prior
		o.Member, o.State, o.Due, o.Wrote = c.Member, Removing, c.due, now
		return &o
	}
	return nil
}

// settle returns the ledger's entry after the directory answered e to c, whose
// intent was o; nil when the membership is not ours. An answer that leaves the
// outcome unknown leaves the intent standing: the next reading settles it.
func (c Change) settle(o Owned, e Effect, now time.Time) *Owned {
	unknown := e.Err != nil && !e.untried && !KindOf(e.Err).Refusal()
	switch {
	case c.Op == Expire && e.Err != nil: // refused or not answered: the next look tells
		return c.prior
	case c.Op == Expire:
		o.Asked = c.Expires
		if o.Expires = c.has; e.endless == nil {
			o.Expires, o.Confirmed = e.end, now
		}
		return &o
	case unknown:
		return &o
	case c.Op == Add && e.Err == nil && (e.Changed || c.ours()):
		o.State, o.Wrote, o.Expires = Added, now, e.end
		return &o
	case c.Op == Add:
		return c.prior // refused, or there before us: as it was
	case e.Err != nil:
		back := *c.prior
		back.Due = c.due // still due: the next run tries again
		return &back
	}
	o.State, o.Wrote = Removed, now
	if e.Changed || o.Gone.IsZero() {
		o.Gone = now
		if !e.Changed && o.lapsed(now) {
			o.Gone = o.Expires // the directory was first, or an attempt of ours before that was not answered
		}
	}
	return &o
}

// forgotten reports whether e lets go of a claim: the removal that was sent to
// make sure found nothing, as the listing had said.
func (c Change) forgotten(e Effect) bool {
	return c.Op == Forget && e.Err == nil && (c.drop || !e.Changed)
}

// ours reports whether the membership was ours before c: then an add that
// finds the member in place leaves it ours, for an earlier attempt of ours may
// have put it there.
func (c Change) ours() bool { return c.prior != nil && c.prior.State != Dropped }

// forget returns what the ledger keeps of a claim that is given up: a memory
// not to restore (kept), or a closed chapter (over).
func (c Change) forget(now time.Time) (kept *Owned, over *Past) {
	o := *c.prior
	if c.drop {
		o.State, o.Anchors = Dropped, c.anchors
		return &o, nil
	}
	p := o.past(now)
	p.Why, p.Due, p.Removed = c.Why, c.due, c.Expires
	if c.finishes() && !c.Lapsed() {
		p.Removed = now // it was no later than this
	}
	return nil, &p
}

// finishes reports whether c only settles a removal of ours whose answer was
// lost: the member is not there any more, and it was our doing.
func (c Change) finishes() bool { return c.Op == Forget && c.prior.State == Removing }

// event starts an audit event about c.
func (c Change) event(kind EventKind, run RunID, at time.Time) Event {
	m := c.Member
	e := Event{
		At: at, Kind: kind, Run: run, Op: c.Op, Why: c.Why, Directory: c.Directory,
		Group: c.Group, GroupID: c.GroupID, Member: &m, Person: c.Person, Grants: c.anchors,
	}
	if !c.due.IsZero() {
		due := c.due
		e.Due = &due
	}
	if !c.Expires.IsZero() {
		expires := c.Expires
		e.Expires = &expires
	}
	return e
}

// event starts an audit event about o.
func (o Owned) event(kind EventKind, run RunID, at time.Time) Event {
	m := o.Member
	return Event{
		At: at, Kind: kind, Run: run, Directory: o.Group.Directory, Group: o.GroupName, GroupID: o.Group.ID,
		Member: &m, Person: o.Person, Grants: o.Anchors,
	}
}

// event tells that a reading proved the end.
func (p Past) event(run RunID) Event {
	m := p.Member
	e := Event{
		At: p.Confirmed, Kind: EventConfirmed, Run: run, Op: Remove, Why: p.Why, Directory: p.Group.Directory,
		Group: p.GroupName, GroupID: p.Group.ID, Member: &m, Person: p.Person, Grants: p.Anchors,
	}
	if !p.Due.IsZero() {
		e.Due = &p.Due
	}
	if !p.Removed.IsZero() {
		e.Removed = &p.Removed
	}
	return e
}
