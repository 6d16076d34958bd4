package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// Groups lists every group that has an entry in the ledger, sorted by
// directory and id, with the name last recorded.
func (s *Store) Groups(ctx context.Context) ([]engine.LedgerGroup, error) {
	var all []engine.LedgerGroup
	err := s.read(ctx, "groups", func(ctx context.Context, t *tx) (err error) {
		all, err = collect(ctx, t, func(r row) (g engine.LedgerGroup, err error) {
			err = r.Scan(&g.Group.Directory, &g.Group.ID, &g.Name, &g.Entries)
			return g, err
		}, sqlGroups)
		return err
	})
	slices.SortFunc(all, func(a, b engine.LedgerGroup) int {
		return cmp.Or(cmp.Compare(a.Group.Directory, b.Group.Directory), cmp.Compare(a.Group.ID, b.Group.ID))
	})
	return all, err
}

// AddedSince counts the entries of a directory whose add was intended at an
// instant or later, by group.
func (s *Store) AddedSince(ctx context.Context, d engine.Directory, at time.Time) (map[engine.GroupID]int, error) {
	type count struct {
		group engine.GroupID
		n     int
	}
	byGroup := make(map[engine.GroupID]int)
	err := s.read(ctx, "added since", func(ctx context.Context, t *tx) error {
		all, err := collect(ctx, t, func(r row) (c count, err error) {
			err = r.Scan(&c.group, &c.n)
			return c, err
		}, sqlAddedSince, string(d), at.UnixMicro())
		for _, c := range all {
			byGroup[c.group] = c.n
		}
		return err
	})
	return byGroup, err
}

// Page returns what is on record about a group, as of one moment.
func (s *Store) Page(ctx context.Context, g engine.Group) (engine.Page, error) {
	var p engine.Page
	err := s.read(ctx, "page", func(ctx context.Context, t *tx) (err error) {
		key := []any{string(g.Directory), string(g.ID)}
		if p.Owned, err = collect(ctx, t, scanOwned, sqlPageOwned, key...); err != nil {
			return err
		}
		if p.Reading, err = one(ctx, t, scanReading, sqlPageReading, key...); err != nil {
			return err
		}
		p.Noticed, err = noticed(ctx, t, key)
		return err
	})
	// Byte order is what the engine sorts by; a database may have its own.
	slices.SortFunc(p.Owned, func(a, b engine.Owned) int { return cmp.Compare(a.Member.ID, b.Member.ID) })
	return p, err
}

func noticed(ctx context.Context, t *tx, key []any) (map[engine.MemberID]time.Time, error) {
	all, err := collect(ctx, t, func(r row) (n engine.Notice, err error) {
		err = r.Scan(&n.Membership.Member, stamp{&n.At})
		return n, err
	}, sqlPageNoticed, key...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	m := make(map[engine.MemberID]time.Time, len(all))
	for _, n := range all {
		m[n.Membership.Member] = n.At
	}
	return m, nil
}

func scanOwned(r row) (o engine.Owned, err error) {
	err = r.Scan(&o.Group.Directory, &o.Group.ID, &o.Member.ID, &o.GroupName, &o.Member.Login, &o.Member.Kind,
		&o.Member.Ref, &o.Person, jsonList[engine.Anchor]{&o.Anchors}, &o.State,
		stamp{&o.Since}, stamp{&o.Confirmed}, stamp{&o.Due}, stamp{&o.Gone}, stamp{&o.Wrote},
		stamp{&o.Expires}, stamp{&o.Asked})
	return o, err
}

func scanReading(r row) (v engine.Reading, err error) {
	err = r.Scan(&v.Group.Directory, &v.Group.ID, &v.Name, &v.Members, stamp{&v.At})
	return v, err
}

// Newest returns the greatest time of any event, so that a clock that jumped
// back does not go unnoticed.
func (s *Store) Newest(ctx context.Context) (time.Time, error) {
	var newest time.Time
	err := s.read(ctx, "newest", func(ctx context.Context, t *tx) error {
		return t.QueryRowContext(ctx, sqlNewest).Scan(stamp{&newest})
	})
	return newest, err
}
