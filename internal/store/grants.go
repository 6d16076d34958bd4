package store

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/daypass-dev/daypass/engine"
)

// HandGrant is a grant that an administrator made by hand. It stays on record
// when it is over.
type HandGrant struct {
	ID         engine.GrantID
	Person     engine.Person
	Target     string // "corp/prod-db", or the name of a resource
	IsResource bool
	From       time.Time
	Until      time.Time
	Reason     string
	By         string // who made it
	At         time.Time

	RevokedAt    time.Time // zero while nobody revoked it
	RevokedBy    string
	RevokeReason string
}

// End returns when the grant ends, or ended: at its time, or earlier where it
// was revoked.
func (g HandGrant) End() time.Time {
	if !g.RevokedAt.IsZero() && g.RevokedAt.Before(g.Until) {
		return g.RevokedAt
	}
	return g.Until
}

// AddGrant records a grant, made by a person at an instant, and its event. A
// zero From means at once; an empty ID is derived. It returns the grant as it
// now stands. The same wish twice is an error that wraps [ErrState].
func (s *Store) AddGrant(ctx context.Context, g HandGrant, by string, at time.Time) (HandGrant, error) {
	g.By, g.At = by, whole(at)
	g.RevokedAt, g.RevokedBy, g.RevokeReason = time.Time{}, "", ""
	if g.From.IsZero() {
		g.From = at
	}
	g.From, g.Until = whole(g.From), whole(g.Until)
	if g.ID == "" {
		g.ID = engine.DeriveGrantID(g.Person, g.Target, g.From, g.Reason)
	}
	if !g.Until.After(g.From) || !g.Until.After(g.At) {
		return g, fmt.Errorf("grant of %s to %s: it would be over (%s) before it begins (%s)",
			g.Target, g.Person, stampText(g.Until), stampText(later(g.From, g.At)))
	}
	err := s.write(ctx, "add grant", func(ctx context.Context, t *tx) error {
		before, err := one(ctx, t, scanGrant, sqlGrantByID, string(g.ID))
		if err != nil {
			return err
		}
		if before != nil {
			return fmt.Errorf("grant %s is there already, until %s: %w; extend it, or give another reason or start",
				g.ID, stampText(before.End()), ErrState)
		}
		if err := each(ctx, t, []HandGrant{g}, sqlAddGrant, grantArgs); err != nil {
			return err
		}
		if err := count(ctx, t); err != nil {
			return err
		}
		return appendEvents(ctx, t, []engine.Event{g.event(engine.EventGranted, by, g.Reason, at)})
	})
	return g, err
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Grants returns every grant made by hand, ended and revoked ones included, in
// the order in which they were made.
func (s *Store) Grants(ctx context.Context) ([]HandGrant, error) {
	var all []HandGrant
	err := s.read(ctx, "grants", func(ctx context.Context, t *tx) (err error) {
		all, err = collect(ctx, t, scanGrant, sqlGrants)
		return err
	})
	return all, err
}

// Grant returns the grant with an ID, or with the only ID that begins so. It
// wraps [ErrNotFound] or [ErrAmbiguous].
func (s *Store) Grant(ctx context.Context, id engine.GrantID) (HandGrant, error) {
	var g HandGrant
	err := s.read(ctx, "grant", func(ctx context.Context, t *tx) (err error) {
		g, err = findGrant(ctx, t, id)
		return err
	})
	return g, err
}

// Revoke ends a grant at an instant, and returns it as it now stands. It finds
// the grant as [Store.Grant] does. One that is over already wraps [ErrState].
func (s *Store) Revoke(ctx context.Context, id engine.GrantID, by, reason string, at time.Time) (HandGrant, error) {
	return s.changeGrant(ctx, "revoke", id, at, func(g *HandGrant) (engine.Event, error) {
		g.RevokedAt, g.RevokedBy, g.RevokeReason = whole(at), by, reason
		return g.event(engine.EventRevoked, by, reason, at), nil
	})
}

// Extend moves the end of a grant that is not over to a later instant, and
// returns it as it now stands. It finds the grant as [Store.Grant] does. One
// that is over already wraps [ErrState]: extending never opens a gap.
func (s *Store) Extend(ctx context.Context, id engine.GrantID, until time.Time, by, reason string, at time.Time) (HandGrant, error) {
	return s.changeGrant(ctx, "extend", id, at, func(g *HandGrant) (engine.Event, error) {
		if until = whole(until); !until.After(g.Until) {
			return engine.Event{}, fmt.Errorf("grant %s lasts until %s: an earlier end is %w; revoke it instead",
				g.ID, stampText(g.Until), ErrState)
		}
		g.Until = until
		return g.event(engine.EventExtended, by, reason, at), nil
	})
}

func (s *Store) changeGrant(ctx context.Context, what string, id engine.GrantID, at time.Time, change func(*HandGrant) (engine.Event, error)) (HandGrant, error) {
	var g HandGrant
	err := s.write(ctx, what, func(ctx context.Context, t *tx) (err error) {
		if g, err = findGrant(ctx, t, id); err != nil {
			return err
		}
		if !g.RevokedAt.IsZero() {
			return fmt.Errorf("grant %s was revoked by %s at %s: %w", g.ID, g.RevokedBy, stampText(g.RevokedAt), ErrState)
		}
		if !at.Before(g.Until) {
			return fmt.Errorf("grant %s ended at %s: %w; add a new one", g.ID, stampText(g.Until), ErrState)
		}
		event, err := change(&g)
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, sqlChangeGrant, string(g.ID), micros(g.Until),
			micros(g.RevokedAt), g.RevokedBy, g.RevokeReason); err != nil {
			return err
		}
		if err := count(ctx, t); err != nil {
			return err
		}
		return appendEvents(ctx, t, []engine.Event{event})
	})
	return g, err
}

func findGrant(ctx context.Context, t *tx, id engine.GrantID) (HandGrant, error) {
	exact, err := one(ctx, t, scanGrant, sqlGrantByID, string(id))
	if err != nil || exact != nil {
		return deref(exact), err
	}
	n := utf8.RuneCountInString(string(id))
	if n < shortest {
		return HandGrant{}, fmt.Errorf("grant %q: %w; give at least %d characters of its id", id, ErrNotFound, shortest)
	}
	found, err := collect(ctx, t, scanGrant, sqlGrantsByPrefix, n, string(id))
	switch {
	case err != nil:
		return HandGrant{}, err
	case len(found) == 0:
		return HandGrant{}, fmt.Errorf("grant %q: %w among the grants made by hand", id, ErrNotFound)
	case len(found) > 1:
		return HandGrant{}, fmt.Errorf("grant %q is %w: %s", id, ErrAmbiguous, grantIDs(found))
	}
	return found[0], nil
}

func deref(g *HandGrant) HandGrant {
	if g == nil {
		return HandGrant{}
	}
	return *g
}

func grantIDs(gs []HandGrant) string {
	ids := make([]string, len(gs))
	for i, g := range gs {
		ids[i] = string(g.ID)
	}
	return strings.Join(ids, ", ")
}

// event tells what became of g. Its anchor holds the end as it now is. A
// resource stands in Group alone, without a directory.
func (g HandGrant) event(kind engine.EventKind, by, reason string, at time.Time) engine.Event {
	e := engine.Event{
		At: at, Kind: kind, By: by, Person: g.Person, Group: g.Target, Reason: reason,
		Grants: []engine.Anchor{{Grant: g.ID, Until: g.End()}},
	}
	if ref, err := engine.ParseGroupRef(g.Target); err == nil && !g.IsResource {
		e.Directory, e.Group = ref.Directory, ref.Name
	}
	return e
}

const (
	sqlGrantColumns = `id, person, target, is_resource, from_at, until_at, reason, granted_by, granted_at, revoked_at, revoked_by, revoke_reason`
	sqlAddGrant     = `INSERT INTO grants (` + sqlGrantColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`
	sqlChangeGrant  = `UPDATE grants SET until_at = $2, revoked_at = $3, revoked_by = $4, revoke_reason = $5 WHERE id = $1`
	sqlGrants       = `SELECT ` + sqlGrantColumns + ` FROM grants ORDER BY granted_at, id`
	sqlGrantByID    = `SELECT ` + sqlGrantColumns + ` FROM grants WHERE id = $1`

	sqlGrantsByPrefix = `SELECT ` + sqlGrantColumns + ` FROM grants WHERE substr(id, 1, $1) = $2 ORDER BY id`
)

func grantArgs(g HandGrant) ([]any, error) {
	isResource := 0
	if g.IsResource {
		isResource = 1
	}
	return []any{
		string(g.ID), string(g.Person), g.Target, isResource, micros(g.From), micros(g.Until), g.Reason,
		g.By, micros(g.At), micros(g.RevokedAt), g.RevokedBy, g.RevokeReason,
	}, nil
}

func scanGrant(r row) (g HandGrant, err error) {
	err = r.Scan(&g.ID, &g.Person, &g.Target, &g.IsResource, stamp{&g.From}, stamp{&g.Until}, &g.Reason,
		&g.By, stamp{&g.At}, stamp{&g.RevokedAt}, &g.RevokedBy, &g.RevokeReason)
	return g, err
}
