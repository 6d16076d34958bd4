package store

import (
	"context"
	"fmt"
)

// Every statement that runs often, in words that SQLite and PostgreSQL share:
// $1 placeholders, ON CONFLICT, no functions of one engine.
const (
	sqlOwnedColumns = `directory, group_id, member_id, group_name, login, kind, ref, person, anchors, state, since, confirmed, due, gone, wrote, expires, asked`
	sqlPastColumns  = `directory, group_id, member_id, group_name, login, kind, ref, person, anchors, added, due, removed, confirmed, why`

	sqlPutOwned = `INSERT INTO ledger (` + sqlOwnedColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
		ON CONFLICT (directory, group_id, member_id) DO UPDATE SET
		group_name = excluded.group_name, login = excluded.login, kind = excluded.kind, ref = excluded.ref,
		person = excluded.person, anchors = excluded.anchors, state = excluded.state, since = excluded.since,
		confirmed = excluded.confirmed, due = excluded.due, gone = excluded.gone, wrote = excluded.wrote,
		expires = excluded.expires, asked = excluded.asked`
	sqlDeleteOwned = `DELETE FROM ledger WHERE directory = $1 AND group_id = $2 AND member_id = $3`
	sqlPageOwned   = `SELECT ` + sqlOwnedColumns + ` FROM ledger WHERE directory = $1 AND group_id = $2 ORDER BY member_id`

	sqlPutGroup = `INSERT INTO groups (directory, group_id, name) VALUES ($1, $2, $3)
		ON CONFLICT (directory, group_id) DO UPDATE SET name = excluded.name WHERE groups.name <> excluded.name`
	sqlGroups = `SELECT n.directory, n.group_id, n.name, l.entries
		FROM (SELECT directory, group_id, COUNT(*) AS entries FROM ledger GROUP BY directory, group_id) AS l
		JOIN groups AS n ON n.directory = l.directory AND n.group_id = l.group_id`

	sqlAddedSince = `SELECT group_id, COUNT(*) FROM ledger WHERE directory = $1 AND since >= $2 GROUP BY group_id`

	sqlAddPast = `INSERT INTO past (seq, ` + sqlPastColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`

	sqlPutReading = `INSERT INTO readings (directory, group_id, name, members, read_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (directory, group_id) DO UPDATE SET name = excluded.name, members = excluded.members, read_at = excluded.read_at`
	sqlPageReading = `SELECT directory, group_id, name, members, read_at FROM readings WHERE directory = $1 AND group_id = $2`

	// The first notice stands: removal counts from it.
	sqlAddNotice = `INSERT INTO notices (directory, group_id, member_id, noticed_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (directory, group_id, member_id) DO NOTHING`
	sqlDeleteNotice = `DELETE FROM notices WHERE directory = $1 AND group_id = $2 AND member_id = $3`
	sqlPageNoticed  = `SELECT member_id, noticed_at FROM notices WHERE directory = $1 AND group_id = $2`

	sqlPutKnown = `INSERT INTO known (directory, mark, whole_at, groups, accounts, told) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (directory) DO UPDATE SET mark = excluded.mark, whole_at = excluded.whole_at,
		groups = excluded.groups, accounts = excluded.accounts, told = excluded.told`
	sqlKnown      = `SELECT mark, whole_at, groups, accounts, told FROM known WHERE directory = $1`
	sqlPutListing = `INSERT INTO listings (directory, group_id, read_at, members) VALUES ($1, $2, $3, $4)
		ON CONFLICT (directory, group_id) DO UPDATE SET read_at = excluded.read_at, members = excluded.members`
	sqlListing   = `SELECT read_at, members FROM listings WHERE directory = $1 AND group_id = $2`
	sqlUnlist    = `DELETE FROM listings WHERE directory = $1 AND group_id = $2`
	sqlUnlistAll = `DELETE FROM listings WHERE directory = $1`

	sqlHoldColumns = `digest, directory, plan_digest, run, held_at, changes, objections, parts`
	sqlPutHold     = `INSERT INTO holds (` + sqlHoldColumns + `, closed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)
		ON CONFLICT (digest) DO UPDATE SET directory = excluded.directory, plan_digest = excluded.plan_digest, run = excluded.run, held_at = excluded.held_at,
		changes = excluded.changes, objections = excluded.objections, parts = excluded.parts, closed = 0`
	sqlCloseHolds   = `UPDATE holds SET closed = 1 WHERE closed = 0`
	sqlCloseHoldsOf = `UPDATE holds SET closed = 1 WHERE closed = 0 AND directory = $1`
	sqlCloseHold    = `UPDATE holds SET closed = 1 WHERE digest = $1`

	sqlCloseHoldsBut   = `UPDATE holds SET closed = 1 WHERE closed = 0 AND run <> $1`
	sqlCloseHoldsOfBut = `UPDATE holds SET closed = 1 WHERE closed = 0 AND run <> $1 AND directory = $2`

	sqlOpenHolds = `SELECT ` + sqlHoldColumns + ` FROM holds WHERE closed = 0 ORDER BY held_at DESC, digest`
	sqlFindHolds = `SELECT ` + sqlHoldColumns + ` FROM holds
		WHERE substr(digest, 1, $1) = $2 OR substr(plan_digest, 1, $1) = $2 ORDER BY held_at DESC, digest`

	sqlReleaseColumns = `digest, released_by, reason, released_at, expires, used`
	sqlPutRelease     = `INSERT INTO releases (` + sqlReleaseColumns + `, part_of) VALUES ($1, $2, $3, $4, $5, '', $6)
		ON CONFLICT (digest) DO UPDATE SET released_by = excluded.released_by, reason = excluded.reason,
		released_at = excluded.released_at, expires = excluded.expires, used = '', part_of = excluded.part_of`
	sqlOpenRelease = `SELECT ` + sqlReleaseColumns + ` FROM releases WHERE digest = $1 AND used = '' AND expires > $2`
	sqlSpend       = `UPDATE releases SET used = $2 WHERE digest = $1 AND (used = '' OR used = $2)`

	// With the whole go its parts, and with a part the whole: each is let through
	// once.
	sqlSpendParts = `UPDATE releases SET used = $2 WHERE part_of = $1 AND used = ''`
	sqlSpendWhole = `UPDATE releases SET used = $2 WHERE used = '' AND digest IN (SELECT part_of FROM releases WHERE digest = $1)`
	sqlCloseParts = `UPDATE holds SET closed = 1 WHERE digest IN (SELECT digest FROM releases WHERE part_of = $1)`

	sqlStartRun = `INSERT INTO runs (run, started, failure, counts) VALUES ($1, $2, '', '')
		ON CONFLICT (run) DO UPDATE SET started = excluded.started`
	sqlEndRun = `INSERT INTO runs (run, ended, failure, counts) VALUES ($1, $2, $3, $4)
		ON CONFLICT (run) DO UPDATE SET ended = excluded.ended, failure = excluded.failure, counts = excluded.counts`

	sqlAddEvent  = `INSERT INTO events (seq, at, body, hash) VALUES ($1, $2, $3, $4)`
	sqlLastEvent = `SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1`
	sqlNewest    = `SELECT MAX(at) FROM events`
	sqlCount     = `INSERT INTO counters (name, value) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET value = counters.value + 1`
	sqlCounter   = `SELECT value FROM counters WHERE name = $1`
	sqlDistrust  = `UPDATE events SET at = NULL WHERE at > $1`
)

// prepareAll prepares what runs often, before any transaction holds a
// connection.
func (s *Store) prepareAll(ctx context.Context) error {
	for _, q := range []string{
		sqlPutOwned, sqlDeleteOwned, sqlPutGroup, sqlAddPast, sqlPutReading,
		sqlAddNotice, sqlDeleteNotice, sqlAddEvent, sqlLastEvent, sqlPutListing, sqlUnlist, sqlMoved, sqlWordless, sqlAddWord, sqlSetCounter,
	} {
		st, err := s.writer.PrepareContext(ctx, q)
		if err != nil {
			return fmt.Errorf("prepare %.40q: %w", q, err)
		}
		s.prepare.Store(prepared{s.writer, q}, st)
	}
	for _, q := range []string{sqlPageOwned, sqlPageReading, sqlPageNoticed, sqlOpenRelease, sqlListing} {
		st, err := s.reader.PrepareContext(ctx, q)
		if err != nil {
			return fmt.Errorf("prepare %.40q: %w", q, err)
		}
		s.prepare.Store(prepared{s.reader, q}, st)
	}
	return nil
}
