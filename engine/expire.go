package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// exact is how far an end may be from the one that was asked for, or from what
// the ledger knows, and still be the same: directories round up.
const exact = 2 * time.Second

// sameEnd reports whether two ends are the same to a directory. Zero is none.
func sameEnd(a, b time.Time) bool { return a.IsZero() == b.IsZero() && a.Sub(b).Abs() <= exact }

// lapsed reports whether the directory was to end o by itself until now.
func (o *Owned) lapsed(now time.Time) bool {
	return !o.Expires.IsZero() && !o.Expires.After(now.Add(exact))
}

// seen is when it was last certain that o stood as written.
func (o *Owned) seen() time.Time { return latest(o.Since, o.Wrote, o.Confirmed) }

// wanes reports whether a directory that allowed less than was asked for has to
// be asked again: less than half of what it allowed is left.
func (o *Owned) wanes(now time.Time) bool {
	return !o.Expires.IsZero() && o.Asked.Sub(o.Expires) > exact && o.Expires.Sub(now) < o.Expires.Sub(o.seen())/2
}

func latest(ts ...time.Time) time.Time { return slices.MaxFunc(ts, time.Time.Compare) }

// lasts returns when the last grant of a wished membership ends. A grant that
// vanished still counts in the run that misses it: until it is let go of, by
// the limits, nothing is cut shorter for its sake.
func (d *differ) lasts(ws []Wish, o *Owned) time.Time {
	var end time.Time
	for i := range ws {
		end = latest(end, ws[i].Grant.When.Until)
	}
	for _, a := range o.Anchors {
		wished := slices.ContainsFunc(ws, func(w Wish) bool { return w.Grant.ID == a.Grant })
		if !wished && d.g.Ended[a.Grant].IsZero() {
			end = latest(end, a.Until)
		}
	}
	return end
}

// follow makes the directory's own end of a membership of ours follow its
// grants, which last until want. It acts where the directory was asked for
// another end, allowed less and has to be asked again, or has an end that is
// not the one in the ledger. after is the entry as the ledger is going to read;
// what the directory shows is put into it. With hold set, the grants are not
// all known, and the end is moved later only.
func (d *differ) follow(want time.Time, after *Owned, m *Member, hold bool) {
	g := d.g
	has, shown := after.Expires, false
	if g.Expiries != nil && g.Read.Sub(latest(after.Wrote, after.Confirmed)) >= g.Grace {
		has, shown = g.Expiries[after.Member.ID], true
	}
	asks := g.Rules.Expire || !after.Expires.IsZero() || !has.IsZero()
	there := m != nil || g.Trust == Unread
	if !g.Expirer || !asks || !there || after.State != Added || g.Unmanageable != "" {
		return
	}
	differs := shown && !sameEnd(has, after.Expires)
	asked := want.Sub(after.Asked).Abs() < time.Millisecond
	why := Extends
	if has.IsZero() || latest(has, after.Asked).Sub(want) > time.Millisecond {
		why = Shortens
	}
	switch {
	case differs && sameEnd(has, want): // an answer of ours was lost
		after.Expires, after.Asked = has, want
		return
	case hold && why == Shortens, !differs && asked && !after.wanes(d.now):
		return
	case differs:
		d.problem(ExpiryDiffers, nil, fmt.Sprintf("the directory ends the membership of %s %s, and daypass had it end %s; it is put right",
			name(after.Member), endWords(has), endWords(after.Expires)))
	}
	c := d.change(Expire, why, after.Member, after.Person)
	if m != nil {
		c.Member = *m
	}
	c.anchors, c.prior, c.has, c.Expires = after.Anchors, after, has, want
	c.name(longest(c.anchors))
	d.p.Changes = append(d.p.Changes, c)
}

func endWords(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return "at " + t.UTC().Format(time.RFC3339)
}

// outlast keeps the directory from ending what stays for now although no wish
// with an account explains it.
func (d *differ) outlast(o *Owned, m *Member) {
	want := longest(o.Anchors).Until
	for i := range d.g.Wishes[:d.unresolved] {
		if g := d.g.Wishes[i].Grant; g.Person == o.Person {
			want = latest(want, g.When.Until)
		}
	}
	if !o.Expires.IsZero() && want.After(d.now) {
		after := *o
		d.follow(want, &after, m, true)
	}
}

// expiry reports a group in which the directory does not do what the rules ask
// of it.
func (d *differ) expiry() {
	g := d.g
	if g.ExpiriesNote != "" {
		d.problem(ExpiryUnread, nil, g.ExpiriesNote)
	}
	if !g.Rules.Expire || g.Trust == Gone || len(g.Wishes)+len(g.Owned) == 0 {
		return
	}
	asked, given := 0, 0
	for i := range g.Owned {
		o := &g.Owned[i]
		switch {
		case o.State != Added:
		case !o.Expires.IsZero():
			given++
		case !o.Asked.IsZero():
			asked++
		}
	}
	switch {
	case !g.Expirer:
		d.problem(ExpiryUnavailable, nil, "this directory cannot end memberships by itself; daypass ends them, as long as it runs: take expire off the group")
	case asked > 0 && given == 0:
		d.problem(ExpiryUnavailable, nil, fmt.Sprintf("the directory could not be given an end for any of the %d memberships of ours here; daypass ends them, as long as it runs", asked))
	}
}

// asksEnds reports whether the directory's ends of a page are worth a request.
func asksEnds(owned []Owned) bool {
	return slices.ContainsFunc(owned, func(o Owned) bool { return !o.Expires.IsZero() })
}

// expiries puts into the view when the directory is going to end memberships of
// the group by itself.
func (l *looker) expiries(ctx context.Context, v *GroupView) {
	x, ok := l.conn.(Expirer)
	if !ok || !asksEnds(v.Owned) {
		return
	}
	err := l.call(func() (err error) {
		v.Expiries, err = x.Expiries(ctx, v.Group.ID)
		return err
	})
	switch {
	case err != nil:
		v.Expiries = nil
		if !quiet(err) {
			v.ExpiriesNote = err.Error()
		}
	case v.Expiries == nil:
		v.Expiries = map[MemberID]time.Time{}
	}
}

// addUntil adds m until then. Where the directory cannot end memberships of the
// group, m is added all the same, and the effect says so.
func addUntil(ctx context.Context, conn Connector, c Change) Effect {
	x, ok := conn.(Expirer)
	if !ok { // another connector than the one that was looked at
		changed, err := conn.Add(ctx, c.GroupID, c.Member)
		return Effect{Changed: changed, Err: err, endless: errNoExpirer}
	}
	changed, end, err := x.AddUntil(ctx, c.GroupID, c.Member, c.Expires)
	if KindOf(err) == Unsupported {
		endless := err
		changed, err = conn.Add(ctx, c.GroupID, c.Member)
		return Effect{Changed: changed, Err: err, endless: endless}
	}
	if err == nil && !changed && c.ours() {
		// An earlier attempt of ours put the member there, with the end of then.
		if end, err = x.Expire(ctx, c.GroupID, c.Member, c.Expires); KindOf(err) == Unsupported {
			return Effect{endless: err}
		}
	}
	return Effect{Changed: changed, Err: err, end: end}
}

// expire moves the end of a membership of ours.
func expire(ctx context.Context, conn Connector, c Change) Effect {
	x, ok := conn.(Expirer)
	if !ok {
		return Effect{endless: errNoExpirer}
	}
	end, err := x.Expire(ctx, c.GroupID, c.Member, c.Expires)
	if KindOf(err) == Unsupported {
		return Effect{endless: err}
	}
	return Effect{Changed: err == nil, Err: err, end: end}
}

var errNoExpirer = &Error{Op: "end a membership", Kind: Unsupported}

// endings sends those changes of a group that carry an end, one by one, and
// puts their effects beside them. A directory that stopped answering is not
// asked for the rest.
func (a *applier) endings(ctx context.Context, cs []Change, at []int, effects []Effect) {
	var silence breaker
	for _, i := range at {
		if err := cmp.Or(silence.open(), Held(ctx)); err != nil {
			effects[i] = Effect{Err: fmt.Errorf("not tried: %w", err), untried: true}
			continue
		}
		if cs[i].Op == Expire {
			effects[i] = expire(ctx, a.conn, cs[i])
		} else {
			effects[i] = addUntil(ctx, a.conn, cs[i])
		}
		silence.note(effects[i].Err)
	}
}

// unended says, once for each group, that the directory could not be given the
// ends that were asked for.
func (a *applier) unended(j *job, effects []Effect) {
	n, why := 0, error(nil)
	for i, e := range effects {
		if e.endless != nil && e.Err == nil && (e.Changed || j.changes[i].ours()) {
			n, why = n+1, e.endless
		}
	}
	if n == 0 {
		return
	}
	a.find(Problem{Kind: ExpiryUnavailable, Directory: j.group.Directory, Group: j.changes[0].Group, Message: fmt.Sprintf(
		"%v: %d memberships have no end in the directory; daypass ends them, as long as it runs", why, n)})
}

func (a *applier) find(p Problem) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.findings = append(a.findings, p)
}
