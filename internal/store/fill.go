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
// write, and goes on where it was cut off. It returns how many events and
// requests it filled in, also with an error.
func (s *Store) Fill(ctx context.Context) (filled int, err error) {
	var words, deciders bool
	err = s.read(ctx, "fill in", func(ctx context.Context, t *tx) error {
		return t.QueryRowContext(ctx, sqlBehind, worded).Scan(&words, &deciders)
	})
	if err != nil {
		return 0, err
	}
	for _, fill := range []struct {
		more bool
		some func(context.Context, *tx, int) (int, error)
	}{{words, fillWords}, {deciders, fillDeciders}} {
		for fill.more {
			began, n := time.Now(), 0
			if err := s.write(ctx, "fill in", func(ctx context.Context, t *tx) (err error) {
				n, err = fill.some(ctx, t, mostFilled)
				return err
			}); err != nil {
				return filled, err
			}
			filled += n
			if fill.more = n == mostFilled; !fill.more {
				break
			}
			select {
			case <-ctx.Done():
				return filled, ctx.Err()
			case <-time.After(min(max(time.Since(began), shortestRest), longestRest)):
			}
		}
	}
	return filled, nil
}

// fillWords gives words to the oldest events that have none, and returns to how
// many: where it is most, there may be more.
func fillWords(ctx context.Context, t *tx, most int) (int, error) {
	rs, err := collect(ctx, t, func(r row) (v audit.Record, err error) {
		err = r.Scan(&v.Seq, &v.Body)
		return v, err
	}, sqlWordless, worded, most)
	if err != nil || len(rs) == 0 {
		return 0, err
	}
	return len(rs), addWords(ctx, t, rs)
}

// fillDeciders lists the deciders of some of the requests whose last version has
// none listed, and returns of how many: where it is most, there may be more.
func fillDeciders(ctx context.Context, t *tx, most int) (int, error) {
	rs, err := collect(ctx, t, scanStored, sqlUnlisted, most)
	if err != nil {
		return 0, err
	}
	for _, v := range rs {
		r, err := v.request()
		if err != nil {
			continue // whoever asks for it is told
		}
		if err := listDeciders(ctx, t, &r); err != nil {
			return 0, err
		}
	}
	err = each(ctx, t, rs, sqlListed, func(v storedRequest) ([]any, error) { return []any{v.id}, nil })
	return len(rs), err
}

const (
	sqlWorded   = `COALESCE((SELECT value FROM counters WHERE name = $1), 0)`
	sqlBehind   = `SELECT EXISTS (SELECT 1 FROM events WHERE seq > ` + sqlWorded + `), EXISTS (SELECT 1 FROM requests WHERE listed <> version)`
	sqlWordless = `SELECT seq, body FROM events WHERE seq > ` + sqlWorded + ` ORDER BY seq LIMIT $2`
	sqlUnlisted = sqlRequestRow + `WHERE listed <> version ORDER BY id LIMIT $1`
	sqlListed   = `UPDATE requests SET listed = version WHERE id = $1`
)
