package store

import (
	"context"
	"time"

	"github.com/daypass-dev/daypass/internal/audit"
)

const (
	// mostFilled is how many rows are filled in at once: whoever writes waits for
	// that long.
	mostFilled = 500
	// fewFilled is how many events get their words with others that come in, and
	// as many again as come.
	fewFilled = 100
	// Fill rests as long as its last step took, but longer than whoever waits for
	// the lock of SQLite sleeps before asking again (100 ms).
	shortestRest, longestRest = 150 * time.Millisecond, time.Second
)

// Fill draws from what an older daypass wrote what is looked up since: words of
// events, and who decided on requests. That may be much, before the store was
// brought up to date, or a little, beside this daypass; until it is filled in,
// whoever looks walks through it. Fill rests after each step, so that others
// write, and goes on where it was cut off.
func (s *Store) Fill(ctx context.Context) error {
	var words, deciders bool
	err := s.read(ctx, "fill in", func(ctx context.Context, t *tx) error {
		return t.QueryRowContext(ctx, sqlBehind, worded).Scan(&words, &deciders)
	})
	if err != nil {
		return err
	}
	for _, fill := range []struct {
		more bool
		some func(context.Context, *tx, int) (bool, error)
	}{{words, fillWords}, {deciders, fillDeciders}} {
		for fill.more {
			began := time.Now()
			if err := s.write(ctx, "fill in", func(ctx context.Context, t *tx) (err error) {
				fill.more, err = fill.some(ctx, t, mostFilled)
				return err
			}); err != nil {
				return err
			}
			if !fill.more {
				break
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(min(max(time.Since(began), shortestRest), longestRest)):
			}
		}
	}
	return nil
}

// fillWords gives words to the oldest events that have none, and reports whether
// there may be more.
func fillWords(ctx context.Context, t *tx, most int) (bool, error) {
	rs, err := collect(ctx, t, func(r row) (v audit.Record, err error) {
		err = r.Scan(&v.Seq, &v.Body)
		return v, err
	}, sqlWordless, worded, most)
	if err != nil || len(rs) == 0 {
		return false, err
	}
	return len(rs) == most, addWords(ctx, t, rs)
}

// fillDeciders lists the deciders of some of the requests whose last version has
// none listed, and reports whether there may be more.
func fillDeciders(ctx context.Context, t *tx, most int) (bool, error) {
	rs, err := collect(ctx, t, scanStored, sqlUnlisted, most)
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
	return len(rs) == most, err
}

const (
	sqlWorded   = `COALESCE((SELECT value FROM counters WHERE name = $1), 0)`
	sqlBehind   = `SELECT EXISTS (SELECT 1 FROM events WHERE seq > ` + sqlWorded + `), EXISTS (SELECT 1 FROM requests WHERE listed <> version)`
	sqlWordless = `SELECT seq, body FROM events WHERE seq > ` + sqlWorded + ` ORDER BY seq LIMIT $2`
	sqlUnlisted = sqlRequestRow + `WHERE listed <> version ORDER BY id LIMIT $1`
	sqlListed   = `UPDATE requests SET listed = version WHERE id = $1`
)
