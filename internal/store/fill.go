package store

import (
	"context"

	"github.com/daypass-dev/daypass/internal/audit"
)

// mostFilled is how many rows are filled in at once.
const mostFilled = 2000

// fillIn draws from what an older daypass wrote what is looked up since: words of
// events, and who decided on requests. It goes on where it was cut off.
func (s *Store) fillIn(ctx context.Context) error {
	var words, deciders bool
	err := s.read(ctx, "fill in", func(ctx context.Context, t *tx) error {
		return t.QueryRowContext(ctx, sqlBehind, worded).Scan(&words, &deciders)
	})
	if err != nil {
		return err
	}
	for _, fill := range []struct {
		more bool
		some func(context.Context, *tx) (bool, error)
	}{{words, fillWords}, {deciders, fillDeciders}} {
		for fill.more {
			if err := s.write(ctx, "fill in", func(ctx context.Context, t *tx) (err error) {
				fill.more, err = fill.some(ctx, t)
				return err
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// catchUp gives words to what an older daypass wrote beside this one.
func catchUp(ctx context.Context, t *tx) error {
	for more := true; more; {
		var err error
		if more, err = fillWords(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// fillWords gives words to some of the events that have none, and reports
// whether there may be more.
func fillWords(ctx context.Context, t *tx) (bool, error) {
	rs, err := collect(ctx, t, func(r row) (v audit.Record, err error) {
		err = r.Scan(&v.Seq, &v.Body)
		return v, err
	}, sqlWordless, worded, mostFilled)
	if err != nil || len(rs) == 0 {
		return false, err
	}
	return len(rs) == mostFilled, addWords(ctx, t, rs)
}

// fillDeciders lists the deciders of some of the requests whose last version has
// none listed, and reports whether there may be more.
func fillDeciders(ctx context.Context, t *tx) (bool, error) {
	rs, err := collect(ctx, t, scanStored, sqlUnlisted, mostFilled)
	if err != nil {
		return false, err
	}
	for _, v := range rs {
		r, err := v.request()
		if err != nil {
			continue // whoever asks for it is told
		}
		if err := listDeciders(ctx, t, &r); err != nil {
			return false, err
		}
	}
	err = each(ctx, t, rs, sqlListed, func(v storedRequest) ([]any, error) { return []any{v.id}, nil })
	return len(rs) == mostFilled, err
}

const (
	sqlWorded   = `COALESCE((SELECT value FROM counters WHERE name = $1), 0)`
	sqlBehind   = `SELECT EXISTS (SELECT 1 FROM events WHERE seq > ` + sqlWorded + `), EXISTS (SELECT 1 FROM requests WHERE listed <> version)`
	sqlWordless = `SELECT seq, body FROM events WHERE seq > ` + sqlWorded + ` ORDER BY seq LIMIT $2`
	sqlUnlisted = sqlRequestRow + `WHERE listed <> version ORDER BY id LIMIT $1`
	sqlListed   = `UPDATE requests SET listed = version WHERE id = $1`
)
