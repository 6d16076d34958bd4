package desk

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/audit"
)

// What is on record keeps the address that it was done under, also when the
// configuration calls that one an alias since. Whenever people are compared, it
// is by the addresses that they are known by.

// known returns a request with everybody whom it concerns, and everybody whom its
// policy names, under the address that they are known by. It is for questions
// only; see recorded.
func (r *Rules) known(q access.Request) access.Request {
	q.Person, q.By = r.Canonical(q.Person), r.actor(q.By)
	q.Extensions = slices.Clone(q.Extensions)
	for i := range q.Extensions {
		x := &q.Extensions[i]
		x.By, x.Course.Steps = r.actor(x.By), r.steps(x.Course.Steps)
	}
	p := &q.Policy
	p.Ask, p.Steps, q.Course.Steps = r.who(p.Ask), r.steps(p.Steps), r.steps(q.Course.Steps)
	if p.BreakGlass != nil {
		glass := *p.BreakGlass
		glass.Ask, glass.Review.By = r.who(glass.Ask), r.who(glass.Review.By)
		p.BreakGlass = &glass
	}
	if p.Extend != nil {
		extend := *p.Extend
		extend.Steps = r.steps(extend.Steps)
		p.Extend = &extend
	}
	return q
}

func (r *Rules) actor(a access.Actor) access.Actor {
	a.Person, a.Maker = r.Canonical(a.Person), r.Canonical(a.Maker)
	return a
}

func (r *Rules) steps(all []access.Step) []access.Step {
	all = slices.Clone(all)
	for i := range all {
		s := &all[i]
		s.Approvers = r.who(s.Approvers)
		if s.Escalate != nil {
			to := *s.Escalate
			to.To = r.who(to.To)
			s.Escalate = &to
		}
	}
	return all
}

func (r *Rules) who(w access.Who) access.Who {
	w.People = slices.Clone(w.People)
	for i, p := range w.People {
		w.People[i] = r.Canonical(p)
	}
	return w
}

// recorded puts the addresses that are on record back into what became of a
// request, and into the events that tell it.
func recorded(before, after access.Request, events []engine.Event) access.Request {
	after.Person, after.By, after.Policy = before.Person, before.By, before.Policy
	after.Course.Steps = before.Course.Steps
	after.Extensions = slices.Clone(after.Extensions)
	for i := range before.Extensions {
		after.Extensions[i].By, after.Extensions[i].Course.Steps = before.Extensions[i].By, before.Extensions[i].Course.Steps
	}
	for i := range events {
		events[i].Person = before.Person
	}
	return after
}

// requests lists what is on record under any address of the people in a query.
func (d *Desk) requests(ctx context.Context, q access.Query) (access.Listing, error) {
	rules := d.rules.Load()
	for _, p := range []engine.Person{q.Person, q.By, q.Mine, q.Decided} {
		if all := rules.Addresses(p); p != "" && len(all) > 1 {
			if q.Also == nil {
				q.Also = make(map[engine.Person][]engine.Person)
			}
			q.Also[p] = all
		}
	}
	return d.cfg.Store.Requests(ctx, q)
}

// search looks into the audit log under all addresses of the person in a search.
func (d *Desk) search(ctx context.Context, q AuditQuery) ([]audit.Record, error) {
	if q.Person == "" {
		return d.cfg.Store.Search(ctx, q)
	}
	var all []audit.Record
	for _, address := range d.rules.Load().Addresses(q.Person) {
		q.Person = address
		some, err := d.cfg.Store.Search(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b audit.Record) int { return cmp.Compare(b.Seq, a.Seq) })
	all = slices.CompactFunc(all, func(a, b audit.Record) bool { return a.Seq == b.Seq })
	return all[:min(len(all), q.Limit)], nil
}

// past tells how often whom a request is for asked for its resource before it,
// under any address.
func (d *Desk) past(ctx context.Context, r access.Request) (access.Past, error) {
	all := access.Past{Counts: make(map[access.Status]int)}
	for _, address := range d.rules.Load().Addresses(r.Person) {
		one, err := d.cfg.Store.PastRequests(ctx, address, r.Resource, r.At)
		if err != nil {
			return access.Past{}, err
		}
		for status, n := range one.Counts {
			all.Counts[status] += n
		}
		if one.Last.After(all.Last) {
			all.Last = one.Last
		}
	}
	return all, nil
}

// tokens lists those of somebody under any address, as the store sorts them for
// each.
func (d *Desk) tokens(ctx context.Context, p engine.Person) ([]access.Token, error) {
	var all []access.Token
	for _, address := range d.rules.Load().Addresses(p) {
		some, err := d.cfg.Store.Tokens(ctx, address)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// revoke ends a token that a caller has under any address, or, for an
// administrator, anybody's. It wraps ErrNoToken.
func (d *Desk) revoke(ctx context.Context, c Caller, id string) error {
	for _, address := range d.rules.Load().Addresses(c.Person) {
		if err := d.cfg.Store.RevokeToken(ctx, id, address, c.Person, d.now()); !errors.Is(err, ErrNoToken) {
			return err
		}
	}
	switch err := d.administers(ctx, c); {
	case access.KindOf(err) == access.Forbidden:
		return ErrNoToken
	case err != nil:
		return err
	}
	return d.cfg.Store.RevokeToken(ctx, id, "", c.Person, d.now())
}

// AllTokens lists the tokens of everybody, and those of machines, that are good,
// newest first. It is for administrators: whoever made one may have left.
func (d *Desk) AllTokens(ctx context.Context, c Caller) ([]access.Token, error) {
	if err := d.administers(ctx, c); err != nil {
		return nil, err
	}
	all, err := d.cfg.Store.AllTokens(ctx)
	now := d.now()
	return slices.DeleteFunc(all, func(t access.Token) bool { return !t.Revoked.IsZero() || !now.Before(t.Expires) }), err
}
