package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/pressly/goose/v3"
)

// dialect is what the two databases do not share.
type dialect struct {
	goose      goose.Dialect
	migrations string // folder of them
	clock      string // the time as a column holds it, in SQL
	// begin begins the next transaction that writes: of all processes, one is
	// at work at a time.
	begin func(ctx context.Context, s *Store) (*tx, error)
	// reading is what a transaction that reads is, so that all it sees is of
	// one moment.
	reading *sql.TxOptions
	// meaning gives the database's own errors a meaning.
	meaning func(error) error
	// patience bounds a transaction that does not stop for its caller. Zero is
	// none.
	patience time.Duration
	// askFor bounds finding out what became of a transaction whose commit was
	// not answered.
	askFor time.Duration
	// prepares is set where statements are prepared once for the life of the
	// store. A driver may do that itself.
	prepares bool
}

// detach is the context for a transaction that has begun: none takes long, and
// a step of the ledger is not to be left because somebody pressed Ctrl-C in it.
// A deadline counts, where the database is at the other end of a wire.
func (d *dialect) detach(ctx context.Context) (context.Context, context.CancelFunc) {
	if d.patience == 0 {
		// The driver would start a goroutine for each statement to watch it.
		return context.WithoutCancel(ctx), func() {}
	}
	end := time.Now().Add(d.patience)
	if sooner, ok := ctx.Deadline(); ok && sooner.Before(end) {
		end = sooner
	}
	return context.WithDeadline(context.WithoutCancel(ctx), end)
}
