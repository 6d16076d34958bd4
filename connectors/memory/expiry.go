package memory

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

var (
	_ engine.Expirer      = (*Directory)(nil)
	_ engine.SessionEnder = (*Directory)(nil)
)

// Terms say how a directory ends memberships by itself. The zero value ends any
// at any time, on a whole second.
type Terms struct {
	None  bool          // it cannot
	Max   time.Duration // the longest term, counted from the call; zero allows any
	Step  time.Duration // ends are rounded up to whole ones; a second when zero
	Fixed bool          // a membership that was added without an end cannot be given one
}

// SetTerms replaces the terms. Ends that were given stay.
func (d *Directory) SetTerms(t Terms) {
	d.lock()
	defer d.mu.Unlock()
	d.terms = t
}

// Endless makes g a group in which the directory ends nothing. Ends that were
// given stay.
func (d *Directory) Endless(g engine.GroupID) {
	d.lock()
	defer d.mu.Unlock()
	d.group(g).endless = true
}

// SetEnd moves the end of a membership unseen: somebody else did it. A zero
// time takes it away.
func (d *Directory) SetEnd(g engine.GroupID, id engine.MemberID, end time.Time) {
	d.lock()
	defer d.mu.Unlock()
	gr := d.group(g)
	if _, found := gr.find(id); !found {
		return
	}
	d.remember(gr, d.now())
	d.setEnd(gr, id, end)
}

// End returns when the directory is going to end a membership; zero when it is
// not.
func (d *Directory) End(g engine.GroupID, id engine.MemberID) time.Time {
	d.lock()
	defer d.mu.Unlock()
	return d.ends[engine.Membership{Group: engine.Group{Directory: d.name, ID: g}, Member: id}]
}

// Logon opens a session of an account, and returns whether it is still good.
func (d *Directory) Logon(id engine.MemberID) (good func() bool) {
	d.lock()
	defer d.mu.Unlock()
	session := new(bool)
	*session = true
	o := d.object(id)
	o.sessions = append(o.sessions, session)
	return func() bool {
		d.lock()
		defer d.mu.Unlock()
		return *session
	}
}

// AddUntil makes m a member of g until then, see [engine.Expirer].
func (d *Directory) AddUntil(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (bool, time.Time, error) {
	return d.write(ctx, act{call: CallAdd, group: g, who: m.Login, until: until}, m)
}

// Expire moves the end of a membership, see [engine.Expirer]. An end that has
// passed is [engine.Rejected].
func (d *Directory) Expire(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (time.Time, error) {
	_, end, err := d.write(ctx, act{call: CallExpire, group: g, who: m.Login, until: until}, m)
	return end, err
}

// Expiries returns when memberships of g end, see [engine.Expirer]. It neither
// lags nor lies.
func (d *Directory) Expiries(ctx context.Context, g engine.GroupID) (map[engine.MemberID]time.Time, error) {
	a := act{call: CallExpiries, group: g}
	if err := d.begin(ctx, a).fate(ctx); err != nil {
		return nil, err
	}
	d.lock()
	defer d.mu.Unlock()
	if _, ok := d.groups[g]; !ok {
		return nil, d.fail(a, engine.NotFound, errors.New("no such group"))
	}
	ends := make(map[engine.MemberID]time.Time)
	for m, end := range d.ends {
		if m.Group.ID == g {
			ends[m.Member] = end
		}
	}
	return ends, nil
}

// EndSessions ends what [Directory.Logon] opened, see [engine.SessionEnder].
func (d *Directory) EndSessions(ctx context.Context, m engine.Member) error {
	a := act{call: CallSessions, who: m.Login}
	s := d.begin(ctx, a)
	if !s.after() {
		if err := s.fate(ctx); err != nil {
			return err
		}
	}
	if err := d.logOut(a, m.ID); err != nil {
		return err
	}
	return s.fate(ctx)
}

func (d *Directory) logOut(a act, id engine.MemberID) error {
	d.lock()
	defer d.mu.Unlock()
	o, ok := d.objects[id]
	if !ok {
		return d.fail(a, engine.NotFound, errors.New("no such account"))
	}
	for _, session := range o.sessions {
		*session = false
	}
	o.sessions = nil
	return nil
}

// lock takes the lock. What was to end by itself until now has ended.
func (d *Directory) lock() {
	d.mu.Lock()
	if len(d.ends) == 0 {
		return
	}
	now := d.now()
	if now.Before(d.next) {
		return
	}
	var due []engine.Membership
	d.next = time.Time{}
	for m, end := range d.ends {
		if !end.After(now) {
			due = append(due, m)
		} else if d.next.IsZero() || end.Before(d.next) {
			d.next = end
		}
	}
	ends := maps.Clone(d.ends)
	slices.SortFunc(due, func(a, b engine.Membership) int {
		return cmp.Or(ends[a].Compare(ends[b]), cmp.Compare(a.Group.ID, b.Group.ID), cmp.Compare(a.Member, b.Member))
	})
	for _, m := range due {
		if g, ok := d.groups[m.Group.ID]; ok {
			d.takeAt(g, m.Member, ends[m])
		}
		delete(d.ends, m)
	}
}

// join adds o to g, until the end that is asked for where there is one.
func (d *Directory) join(a act, g *group, o *object) (changed bool, end time.Time, err error) {
	if a.until.IsZero() {
		return d.put(g, o), time.Time{}, nil
	}
	if end, err = d.end(a, g); err != nil {
		return false, time.Time{}, err
	}
	if !d.put(g, o) {
		return false, time.Time{}, nil
	}
	d.setEnd(g, o.member.ID, end)
	return true, end, nil
}

// move moves the end of a membership.
func (d *Directory) move(a act, g *group, id engine.MemberID) (time.Time, error) {
	end, err := d.end(a, g)
	_, found := g.find(id)
	_, ends := d.ends[d.membership(g, id)]
	switch {
	case !found:
		return time.Time{}, d.fail(a, engine.NotFound, errors.New("not a member"))
	case err != nil:
		return time.Time{}, err
	case !ends && d.terms.Fixed:
		return time.Time{}, d.fail(a, engine.Unsupported, errors.New("it was added without an end"))
	}
	d.remember(g, d.now())
	d.setEnd(g, id, end)
	return end, nil
}

// end returns the end that the directory gives when one is asked for.
func (d *Directory) end(a act, g *group) (time.Time, error) {
	now, step := d.now(), cmp.Or(d.terms.Step, time.Second)
	switch {
	case d.terms.None || g.endless:
		return time.Time{}, d.fail(a, engine.Unsupported, errors.New("memberships of this group do not end by themselves"))
	case !a.until.After(now):
		return time.Time{}, d.fail(a, engine.Rejected, errors.New("the end has passed"))
	}
	end := a.until.UTC().Add(step - 1).Truncate(step)
	if d.terms.Max > 0 && end.Sub(now) > d.terms.Max {
		end = now.UTC().Add(d.terms.Max).Truncate(step)
	}
	return end, nil
}

func (d *Directory) setEnd(g *group, id engine.MemberID, end time.Time) {
	m := d.membership(g, id)
	if end.IsZero() {
		delete(d.ends, m)
		return
	}
	d.ends[m] = end
	if d.next.IsZero() || len(d.ends) == 1 || end.Before(d.next) {
		d.next = end
	}
}

func (d *Directory) membership(g *group, id engine.MemberID) engine.Membership {
	return engine.Membership{Group: engine.Group{Directory: d.name, ID: g.info.ID}, Member: id}
}
