package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

const (
	sqlLease = `SELECT token, holder FROM leases WHERE name = $1 AND until > {clock}`

	// Only one that nobody has, or whose time is up, is taken.
	sqlTakeLease = `INSERT INTO leases (name, holder, token, until) VALUES ($1, $2, 1, {clock} + $3)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, token = leases.token + 1, until = excluded.until
		WHERE leases.until IS NULL OR leases.until <= {clock}
		RETURNING token`
	sqlRenewLease  = `UPDATE leases SET until = {clock} + $3 WHERE name = $1 AND token = $2 AND until IS NOT NULL`
	sqlReturnLease = `UPDATE leases SET until = NULL WHERE name = $1 AND token = $2`
	sqlLeaseToken  = `SELECT token FROM leases WHERE name = $1`
)

// Leases keeps the leases on directories, in the store. The database's clock
// decides when one is over; on SQLite that is this machine's.
type Leases struct{ s *Store }

// Leases returns the leases that the store keeps.
func (s *Store) Leases() Leases { return Leases{s} }

// Acquire takes the lease of a name for ttl, when nobody has it or its time is
// up, and returns its token: greater than every one before it. When somebody
// has it, the token is 0, and other tells who.
func (l Leases) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (token int64, other string, err error) {
	// Most who ask are those who wait for another to die: they only read.
	if other, err = l.holder(ctx, name); err != nil || other != "" {
		return 0, other, err
	}
	err = l.s.write(ctx, "acquire lease", func(ctx context.Context, t *tx) error {
		taken, err := one(ctx, t, scanToken, sqlTakeLease, name, holder, ttl.Microseconds())
		if taken != nil {
			token = *taken
		}
		return err
	})
	if err == nil && token == 0 {
		other, err = l.holder(ctx, name)
	}
	return token, other, err
}

// holder returns who has a lease that is not over; empty when nobody has.
func (l Leases) holder(ctx context.Context, name string) (string, error) {
	var holder string
	err := l.s.read(ctx, "read lease", func(ctx context.Context, t *tx) error {
		held, err := one(ctx, t, func(r row) (h string, err error) {
			var token int64
			err = r.Scan(&token, &h)
			return h, err
		}, sqlLease, name)
		if held != nil {
			holder = *held
		}
		return err
	})
	return holder, err
}

// Renew lets a lease last for ttl from now. It reports false when the lease was
// taken over or given back. One whose time is up, and that nobody took, goes on.
// It does not wait for those who write to the ledger.
func (l Leases) Renew(ctx context.Context, name string, token int64, ttl time.Duration) (bool, error) {
	n, err := l.exec(ctx, "renew lease", sqlRenewLease, name, token, ttl.Microseconds())
	return n > 0, err
}

// Release gives a lease back. One that was lost is no error.
func (l Leases) Release(ctx context.Context, name string, token int64) error {
	_, err := l.exec(ctx, "give lease back", sqlReturnLease, name, token)
	return err
}

func (l Leases) exec(ctx context.Context, what, query string, args ...any) (int64, error) {
	res, err := l.s.writer.ExecContext(ctx, strings.ReplaceAll(query, "{clock}", l.s.clock), columns(args)...)
	if err != nil {
		return 0, l.s.explain(what, err)
	}
	return res.RowsAffected()
}

func scanToken(r row) (token int64, err error) {
	err = r.Scan(&token)
	return token, err
}

// checkFences refuses a batch under a lease that somebody else has taken over.
// Whether its time is up is for the holder to know: as long as nobody took it,
// nobody else acts. Taking one over waits for transactions that write, so that
// none under the lease before commits after it.
func checkFences(ctx context.Context, t *tx, b *engine.Batch) error {
	for _, f := range b.Fences {
		latest, err := one(ctx, t, scanToken, sqlLeaseToken, string(f.Directory))
		if err != nil {
			return err
		}
		if latest == nil || *latest != f.Token {
			return fmt.Errorf("lease %d on %s: %w; nothing of this step was written", f.Token, f.Directory, engine.ErrFenced)
		}
	}
	return nil
}
