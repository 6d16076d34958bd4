package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// postgresMeaning gives PostgreSQL's codes a meaning
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func postgresMeaning(err error) error {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return wireMeaning(err)
	}
	switch e.Code {
	case "53100":
		return fmt.Errorf("%w on the database server: make room and run again; nothing of this step was written (%w)", ErrFull, err)
	case "25006":
		return fmt.Errorf("the server is %w, as a standby is; name the primary in store:, or add target_session_attrs=read-write (%w)", ErrReadOnly, err)
	case "42501":
		return fmt.Errorf("the database is %w for this user: grant CREATE on the database to the user, or make the schema: CREATE SCHEMA %s AUTHORIZATION USER (%w)", ErrReadOnly, schema, err)
	case "55P03", "57014", "25P03", "25P04", "40001", "40P01":
		return fmt.Errorf("%w; run again (%w)", ErrBusy, err)
	case "53300":
		return fmt.Errorf("%w: the server has no free connection; raise its max_connections, or let fewer programs connect (%w)", ErrBusy, err)
	case "28P01", "28000":
		return fmt.Errorf("%w: look at the user, at the password (PGPASSWORD, ~/.pgpass or the reference in store:) and at the server's pg_hba.conf (%w)", ErrRefused, err)
	case "3D000":
		return fmt.Errorf("%w: make it with createdb, or name another in store: (%w)", ErrNoDatabase, err)
	case "XX001", "XX002", "58030":
		return fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	if strings.HasPrefix(e.Code, "57P") || strings.HasPrefix(e.Code, "08") {
		return fmt.Errorf("%w: %w", ErrUnreached, err)
	}
	return err
}

// ErrNoDatabase tells that the server has no such database.
var ErrNoDatabase = errors.New("there is no such database on the server")

func wireMeaning(err error) error {
	var connect *pgconn.ConnectError
	switch {
	case errors.Is(err, ErrUnknown), errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &connect):
		return fmt.Errorf("%w: is it running, and is its address right? (%w)", ErrUnreached, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: it did not answer in time (%w)", ErrUnreached, err)
	case cut(err):
		return fmt.Errorf("%w: the connection broke (%w)", ErrUnreached, err)
	}
	return err
}

// broken reports whether a connection that was there broke, or the server sent
// us away: another may do. Whether what was asked for happened is open.
func broken(err error) bool {
	var e *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case err == nil, errors.Is(err, ErrUnknown), errors.As(err, &connect):
		return false
	case errors.As(err, &e):
		return strings.HasPrefix(e.Code, "57P") || strings.HasPrefix(e.Code, "08") || e.Code == "25P03"
	}
	return cut(err)
}

func cut(err error) bool {
	var wire net.Error
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed) ||
		errors.As(err, &wire) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled)
}

// outcome tells what a commit that failed came to. When the answer to it was
// lost, the server is asked what became of the transaction.
func (s *Store) outcome(t *tx, failure error) error {
	if t.id == "" || !broken(failure) && !errors.Is(failure, context.DeadlineExceeded) {
		return failure
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.askFor)
	defer cancel()
	var err error
	for {
		var status sql.NullString
		err = s.writer.QueryRowContext(ctx, "SELECT pg_xact_status($1::text::xid8)", t.id).Scan(&status)
		switch {
		case err == nil && status.String == "committed":
			return nil
		case err == nil && status.String == "aborted":
			return failure // nothing was written
		case err == nil && !status.Valid, ctx.Err() != nil:
			return fmt.Errorf("%w: the connection broke while it was being written; the next run will see (%w)", ErrUnknown, failure)
		}
		timer := time.NewTimer(100 * time.Millisecond) // it is not over, or the server is on its way back
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}
