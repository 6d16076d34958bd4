package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync"
	"time"
)

// lockPostgres takes the lock with a connection of its own, which the server
// gives up when the connection ends. Who holds it stands in the name that the
// connection has at the server: 63 bytes.
func (s *Store) lockPostgres(ctx context.Context, now time.Time) (unlock func(), err error) {
	c, err := s.reader.Conn(ctx)
	if err != nil {
		return nil, s.explain("lock", err)
	}
	var taken bool
	host, hostErr := os.Hostname()
	if hostErr != nil {
		host = "an-unknown-host"
	}
	name := fmt.Sprintf("daypass run %d %d %s", os.Getpid(), now.Unix(), host)
	err = c.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1)`, runKey).Scan(&taken)
	if err == nil && taken {
		_, err = c.ExecContext(ctx, `SELECT set_config('application_name', $1, false)`, name)
	}
	switch {
	case err != nil:
		discard(c)
		return nil, s.explain("lock", err)
	case !taken:
		defer c.Close() //nolint:errcheck // it goes back to the pool
		return nil, &LockedError{Path: s.path, Holder: lockHolder(ctx, c)}
	}
	return sync.OnceFunc(func() { discard(c) }), nil
}

// lockHolder reads what it can: who holds the lock is a courtesy.
func lockHolder(ctx context.Context, c *sql.Conn) (h Holder) {
	var name string
	err := c.QueryRowContext(ctx, `SELECT a.application_name FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
		WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND (l.classid::bigint << 32) + l.objid::bigint = $1`, runKey).Scan(&name)
	if err != nil {
		return Holder{}
	}
	var since int64
	if _, err := fmt.Sscanf(name, "daypass run %d %d %s", &h.PID, &since, &h.Host); err != nil {
		return Holder{}
	}
	h.Since = time.Unix(since, 0).UTC()
	return h
}
