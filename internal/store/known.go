package store

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// Known returns what earlier runs learnt of a directory.
func (s *Store) Known(ctx context.Context, d engine.Directory) (engine.Known, error) {
	known := engine.Known{Directory: d}
	err := s.read(ctx, "known", func(ctx context.Context, t *tx) error {
		found, err := one(ctx, t, func(r row) (k engine.Known, err error) {
			var groups, accounts, told string
			if err = r.Scan(&k.Mark, stamp{&k.Whole}, &groups, &accounts, &told); err != nil {
				return k, err
			}
			return k, errors.Join(json.Unmarshal([]byte(groups), &k.Groups), json.Unmarshal([]byte(accounts), &k.Accounts), json.Unmarshal([]byte(told), &k.Told))
		}, sqlKnown, string(d))
		if found != nil {
			known = rewrite(*found, original)
			known.Directory = d
		}
		return err
	})
	return known, err
}

// Listing returns the listing of a group that still holds, or nil.
func (s *Store) Listing(ctx context.Context, g engine.Group) (*engine.Listing, error) {
	var found *engine.Listing
	err := s.read(ctx, "listing", func(ctx context.Context, t *tx) (err error) {
		found, err = one(ctx, t, func(r row) (l engine.Listing, err error) {
			var packed []byte
			if err = r.Scan(stamp{&l.Read}, &packed); err != nil {
				return l, err
			}
			l.Group = g
			l.Members, err = unpack(packed)
			return l, err
		}, sqlListing, string(g.Directory), string(g.ID))
		return err
	})
	return found, err
}

func recordKnown(ctx context.Context, t *tx, b *engine.Batch) error {
	if err := each(ctx, t, b.UnlistAll, sqlUnlistAll, func(d engine.Directory) ([]any, error) {
		return []any{string(d)}, nil
	}); err != nil {
		return err
	}
	if err := each(ctx, t, b.Unlist, sqlUnlist, func(g engine.Group) ([]any, error) {
		return []any{string(g.Directory), string(g.ID)}, nil
	}); err != nil {
		return err
	}
	if err := each(ctx, t, b.Listings, sqlPutListing, func(l engine.Listing) ([]any, error) {
		packed, err := pack(l.Members)
		return []any{string(l.Group.Directory), string(l.Group.ID), micros(l.Read), packed}, err
	}); err != nil {
		return err
	}
	return each(ctx, t, b.Known, sqlPutKnown, func(k engine.Known) ([]any, error) {
		directory, mark := string(k.Directory), string(k.Mark)
		k = rewrite(k, plain) // JSON holds no more than a column of PostgreSQL does
		groups, err := object(k.Groups)
		if err != nil {
			return nil, err
		}
		accounts, err := object(k.Accounts)
		if err != nil {
			return nil, err
		}
		told, err := object(k.Told)
		return []any{directory, mark, micros(k.Whole), groups, accounts, told}, err
	})
}

// rewrite puts what f makes of every text into the maps of a directory's known.
func rewrite(k engine.Known, f func(string) string) engine.Known {
	groups := make(map[string]engine.GroupInfo, len(k.Groups))
	for name, g := range k.Groups {
		groups[f(name)] = engine.GroupInfo{ID: engine.GroupID(f(string(g.ID))), Name: f(g.Name), Unmanageable: f(g.Unmanageable)}
	}
	accounts := make(map[engine.Person]engine.Member, len(k.Accounts))
	for p, m := range k.Accounts {
		m.ID, m.Login = engine.MemberID(f(string(m.ID))), f(m.Login)
		accounts[engine.Person(f(string(p)))] = m
	}
	told := make(map[engine.GroupID]time.Time, len(k.Told))
	for g, at := range k.Told {
		told[engine.GroupID(f(string(g)))] = at
	}
	k.Groups, k.Accounts, k.Told = groups, accounts, told
	return k
}

// object is a map as a column holds it. An empty one and none are the same.
func object[K ~string, V any](m map[K]V) (string, error) {
	if len(m) == 0 {
		return "{}", nil
	}
	b, err := json.Marshal(m)
	return string(b), err
}

// pack writes members as a column holds them: four strings for each, with
// their lengths, deflated. A listing is written often and read as a whole.
func pack(ms []engine.Member) ([]byte, error) {
	var out bytes.Buffer
	z, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	var buf []byte
	for _, m := range ms {
		buf = buf[:0]
		for _, s := range [...]string{string(m.ID), m.Login, string(m.Kind), m.Ref} {
			buf = binary.AppendUvarint(buf, uint64(len(s)))
			buf = append(buf, s...)
		}
		if _, err := z.Write(buf); err != nil {
			return nil, err
		}
	}
	err = z.Close() // before the bytes are taken
	return out.Bytes(), err
}

func unpack(packed []byte) ([]engine.Member, error) {
	plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		return nil, fmt.Errorf("a kept listing: %w", err)
	}
	var ms []engine.Member
	next := func() (s string) {
		n, used := binary.Uvarint(plain)
		if used <= 0 || uint64(len(plain)-used) < n {
			err = errors.New("a kept listing is cut short")
			return ""
		}
		s = string(plain[used : used+int(n)]) //nolint:gosec // bounded by len(plain)
		plain = plain[used+int(n):]           //nolint:gosec // as above
		return s
	}
	for len(plain) > 0 && err == nil {
		ms = append(ms, engine.Member{
			ID: engine.MemberID(next()), Login: next(), Kind: engine.MemberKind(next()), Ref: next(),
		})
	}
	return ms, err
}
