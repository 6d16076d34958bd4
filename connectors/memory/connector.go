package memory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

var _ engine.Connector = (*Directory)(nil)

// Group finds a group by its name or id, see [engine.Connector].
func (d *Directory) Group(ctx context.Context, name string) (engine.GroupInfo, error) {
	a := act{call: CallGroup, who: name, group: d.idOf(name)}
	if err := d.begin(ctx, a).fate(ctx); err != nil {
		return engine.GroupInfo{}, err
	}
	d.lock()
	defer d.mu.Unlock()
	found := d.named(name)
	switch len(found) {
	case 0:
		return engine.GroupInfo{}, d.fail(a, engine.NotFound, errors.New("no such group"))
	case 1:
		return found[0].info, nil
	}
	return engine.GroupInfo{}, d.fail(a, engine.Ambiguous, fmt.Errorf("%d groups have this name; use the id", len(found)))
}

// Resolve returns the account of p, see [engine.Connector].
func (d *Directory) Resolve(ctx context.Context, p engine.Person) (engine.Member, error) {
	a := act{call: CallResolve, who: string(p)}
	if err := d.begin(ctx, a).fate(ctx); err != nil {
		return engine.Member{}, err
	}
	d.lock()
	defer d.mu.Unlock()
	return d.resolve(a, p)
}

func (d *Directory) resolve(a act, p engine.Person) (engine.Member, error) {
	accounts := d.people[p]
	switch {
	case len(accounts) == 0:
		return engine.Member{}, d.fail(a, engine.NotFound, errors.New("no such account"))
	case len(accounts) > 1:
		return engine.Member{}, d.fail(a, engine.Ambiguous, fmt.Errorf("%d accounts", len(accounts)))
	case accounts[0].disabled:
		return accounts[0].member, d.fail(a, engine.Disabled, errors.New("the account is disabled"))
	}
	return accounts[0].member, nil
}

// Members lists the direct members of g, see [engine.Connector].
func (d *Directory) Members(ctx context.Context, g engine.GroupID) ([]engine.Member, error) {
	a := act{call: CallMembers, group: g}
	if err := d.begin(ctx, a).fate(ctx); err != nil {
		return nil, err
	}
	seen, lie, err := d.look(a)
	if lie != nil {
		seen = lie(seen)
	}
	return seen, err
}

func (d *Directory) look(a act) ([]engine.Member, Lie, error) {
	d.lock()
	defer d.mu.Unlock()
	g, ok := d.groups[a.group]
	if !ok {
		return nil, nil, d.fail(a, engine.NotFound, errors.New("no such group"))
	}
	return d.glance(g), g.lie, nil
}

// Add makes m a member of g, see [engine.Connector]. An account that was never
// made or is deleted is [engine.NotFound].
func (d *Directory) Add(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
	changed, _, err := d.write(ctx, act{call: CallAdd, group: g, who: m.Login}, m)
	return changed, err
}

// Remove takes m out of g, see [engine.Connector]. A ghost is removed by the
// member that was listed, and by the account that it was.
func (d *Directory) Remove(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
	changed, _, err := d.write(ctx, act{call: CallRemove, group: g, who: m.Login}, m)
	return changed, err
}

// write carries out an act that changes a membership, logs it, and lets its
// fault strike before or after. It returns the end that the act gave.
func (d *Directory) write(ctx context.Context, a act, m engine.Member) (bool, time.Time, error) {
	s := d.begin(ctx, a)
	if !s.after() {
		if err := s.fate(ctx); err != nil {
			return false, time.Time{}, err
		}
	}
	w, err := d.apply(a, m, s.after())
	if err != nil {
		return false, time.Time{}, err
	}
	if err := s.fate(ctx); err != nil {
		return false, time.Time{}, err
	}
	return w.Changed, w.Until, nil
}

func (d *Directory) apply(a act, m engine.Member, lost bool) (Write, error) {
	d.lock()
	defer d.mu.Unlock()
	w := Write{Op: engine.Remove, Group: a.group, Member: m.ID, Lost: lost}
	g, ok := d.groups[a.group]
	switch {
	case !ok:
		return w, d.fail(a, engine.NotFound, errors.New("no such group"))
	case g.info.Unmanageable != "":
		return w, d.fail(a, engine.Unmanageable, errors.New(g.info.Unmanageable))
	}
	var err error
	o, known := d.objects[m.ID]
	switch {
	case known && o.member.Kind != engine.AccountMember:
		return w, d.fail(a, engine.Rejected, errors.New("only accounts are added and removed"))
	case a.call == CallExpire:
		w.Op, w.Changed = engine.Expire, true
		w.Until, err = d.move(a, g, m.ID)
	case a.call == CallAdd && !known:
		return w, d.fail(a, engine.NotFound, errors.New("no such account"))
	case a.call == CallAdd:
		w.Op = engine.Add
		w.Changed, w.Until, err = d.join(a, g, o)
	default:
		// The Ref counts for accounts that are gone only: another account may
		// have taken the Ref of one that is still there.
		w.Changed = d.take(g, m.ID) || !known && m.Ref != "" && d.take(g, engine.MemberID(m.Ref))
	}
	if err == nil {
		d.writes = append(d.writes, w)
	}
	return w, err
}
