package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

const (
	digestPrefix = "sha256:"
	// shortest is how much of an id or digest people have to type.
	shortest = 4
)

// Holds returns the open holds, newest first: those that no run has let
// through, and that no later run has replaced or found solved. Fields that a
// Change does not write as JSON do not come back.
func (s *Store) Holds(ctx context.Context) ([]engine.Hold, error) {
	var all []engine.Hold
	err := s.read(ctx, "holds", func(ctx context.Context, t *tx) (err error) {
		all, err = collect(ctx, t, scanHold, sqlOpenHolds)
		return err
	})
	return all, err
}

// Release returns the release of a held digest that is neither used nor
// expired at now, or nil.
func (s *Store) Release(ctx context.Context, digest string, now time.Time) (*engine.Release, error) {
	var found *engine.Release
	err := s.read(ctx, "release", func(ctx context.Context, t *tx) (err error) {
		found, err = one(ctx, t, scanRelease, sqlOpenRelease, digest, now.UnixMicro())
		return err
	})
	return found, err
}

// AddRelease lets one held set through, once, until r.Expires, and returns the
// release with its whole digest. r.Digest is the digest of a recorded hold or
// of the plan that it was part of, or enough of its beginning to be one hold's
// only. A second release of the same set takes the place of the first. With a
// set of several directories each of its parts is let through, so that runs of
// one directory go on too: by those, or by one run of all, and never by both.
func (s *Store) AddRelease(ctx context.Context, r engine.Release) (engine.Release, error) {
	r.At, r.Expires, r.Used = whole(r.At), whole(r.Expires), ""
	if !r.Expires.After(r.At) {
		return r, fmt.Errorf("release %s: it would expire (%s) before it is given (%s)", r.Digest, stampText(r.Expires), stampText(r.At))
	}
	err := s.write(ctx, "release", func(ctx context.Context, t *tx) error {
		hold, err := findHold(ctx, t, r.Digest)
		if err != nil {
			return err
		}
		r.Digest = hold.Digest
		event := engine.Event{
			At: r.At, Kind: engine.EventReleased, Run: hold.Run,
			By: r.By, Digest: r.Digest, Reason: r.Reason, Objected: hold.Objections, Due: &r.Expires,
		}
		events := []engine.Event{event}
		if err := putRelease(ctx, t, r, ""); err != nil {
			return err
		}
		for _, p := range hold.Parts {
			part := r
			part.Digest = p.Digest
			if err := putRelease(ctx, t, part, r.Digest); err != nil {
				return err
			}
			event.Directory, event.Digest = p.Directory, p.Digest
			events = append(events, event)
		}
		if err := count(ctx, t); err != nil {
			return err
		}
		return appendEvents(ctx, t, events)
	})
	return r, err
}

func putRelease(ctx context.Context, t *tx, r engine.Release, partOf string) error {
	_, err := t.exec(ctx, sqlPutRelease, r.Digest, r.By, r.Reason, micros(r.At), micros(r.Expires), partOf)
	return err
}

func findHold(ctx context.Context, t *tx, typed string) (engine.Hold, error) {
	prefix := digestPrefix + strings.TrimPrefix(strings.ToLower(strings.TrimSpace(typed)), digestPrefix)
	if len(prefix) < len(digestPrefix)+shortest {
		return engine.Hold{}, fmt.Errorf("digest %q: hold %w; give at least %d digits", typed, ErrNotFound, shortest)
	}
	found, err := collect(ctx, t, scanHold, sqlFindHolds, len(prefix), prefix)
	switch {
	case err != nil:
		return engine.Hold{}, err
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return engine.Hold{}, fmt.Errorf("digest %q is %w: %s", typed, ErrAmbiguous, digests(found))
	}
	open, err := collect(ctx, t, scanHold, sqlOpenHolds)
	if err != nil {
		return engine.Hold{}, err
	}
	if len(open) == 0 {
		return engine.Hold{}, fmt.Errorf("digest %q: hold %w; nothing is held", typed, ErrNotFound)
	}
	return engine.Hold{}, fmt.Errorf("digest %q: hold %w; held now: %s", typed, ErrNotFound, digests(open))
}

func digests(holds []engine.Hold) string {
	names := make([]string, len(holds))
	for i, h := range holds {
		names[i] = h.Digest
	}
	return strings.Join(names, ", ")
}

// recordHolds replaces the open holds by those of the batch: each run holds
// what it holds, and what it no longer holds is history. A run that looked at
// one directory replaces what such a run held before.
func recordHolds(ctx context.Context, t *tx, b *engine.Batch) error {
	if len(b.Holds) == 0 {
		return nil
	}
	for _, h := range b.Holds {
		var err error
		if h.Directory == "" {
			_, err = t.exec(ctx, sqlCloseHolds)
		} else {
			_, err = t.exec(ctx, sqlCloseHoldsOf, string(h.Directory))
		}
		if err != nil {
			return err
		}
	}
	return each(ctx, t, b.Holds, sqlPutHold, func(h engine.Hold) ([]any, error) {
		changes, err := list(h.Changes)
		if err != nil {
			return nil, err
		}
		objections, err := list(h.Objections)
		if err != nil {
			return nil, err
		}
		parts, err := list(h.Parts)
		return []any{h.Digest, string(h.Directory), h.PlanDigest, string(h.Run), micros(h.At), changes, objections, parts}, err
	})
}

// closeHolds closes what earlier runs held and this one, which came to its end,
// did not hold again. A run of one directory speaks for holds of that directory
// only, and a run of some groups for none.
func closeHolds(ctx context.Context, t *tx, ended engine.Event) (err error) {
	switch ended.Scope {
	case "":
		_, err = t.exec(ctx, sqlCloseHoldsBut, string(ended.Run))
	case "directory":
		_, err = t.exec(ctx, sqlCloseHoldsOfBut, string(ended.Run), string(ended.Directory))
	}
	return err
}

// recordSpends marks releases as used. The condition in the statement is what
// lets only one of two runs through.
func recordSpends(ctx context.Context, t *tx, b *engine.Batch) error {
	for _, sp := range b.Spend {
		res, err := t.exec(ctx, sqlSpend, sp.Digest, string(sp.Run))
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return notSpent(ctx, t, sp)
		}
		for _, q := range []string{sqlSpendParts, sqlSpendWhole} {
			if _, err := t.exec(ctx, q, sp.Digest, string(sp.Run)); err != nil {
				return err
			}
		}
		for _, q := range []string{sqlCloseHold, sqlCloseParts} {
			if _, err := t.exec(ctx, q, sp.Digest); err != nil {
				return err
			}
		}
	}
	return nil
}

func notSpent(ctx context.Context, t *tx, sp engine.Spend) error {
	var used string
	err := t.QueryRowContext(ctx, "SELECT used FROM releases WHERE digest = $1", sp.Digest).Scan(&used)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("release of %s: %w", sp.Digest, ErrNotFound)
	case err != nil:
		return err
	}
	return fmt.Errorf("%w: %s by run %s", ErrSpent, sp.Digest, used)
}

func scanHold(r row) (h engine.Hold, err error) {
	err = r.Scan(&h.Digest, &h.Directory, &h.PlanDigest, &h.Run, stamp{&h.At}, jsonList[engine.Change]{&h.Changes},
		jsonList[engine.Objection]{&h.Objections}, jsonList[engine.Part]{&h.Parts})
	return h, err
}

func scanRelease(r row) (v engine.Release, err error) {
	err = r.Scan(&v.Digest, &v.By, &v.Reason, stamp{&v.At}, stamp{&v.Expires}, &v.Used)
	return v, err
}

func stampText(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// unmarshalCounts reads a run's counts; nil when it has none.
func unmarshalCounts(text string) (*engine.Counts, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // none is no error
	}
	c := new(engine.Counts)
	return c, json.Unmarshal([]byte(text), c)
}
