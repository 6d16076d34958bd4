package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/daypass-dev/daypass/internal/audit"
)

// Moved tells what a move came to.
type Moved struct {
	Target string // the address for store:, without secrets
	Tables []Count
	Head   audit.Head // of the audit log, which was verified at the target
}

// Count is how many rows of a table were copied.
type Count struct {
	Table string
	Rows  int64
}

// tables are all that a store holds, in the order in which they are copied.
// Sessions, and answers that may be asked for again, stay behind: people sign in
// anew.
func tables() []string {
	return []string{
		"groups", "ledger", "past", "readings", "notices", "holds", "releases", "grants",
		"requests", "request_words", "request_deciders", "tokens", "runs", "events", "event_words", "known", "listings", "leases", "counters",
	}
}

// Move moves the SQLite store at from to the PostgreSQL database at to, which
// must not hold a store yet. Nobody else writes to it meanwhile, and nothing of
// it changes unless the move succeeds: then the old store refuses to be opened,
// and says where the new one is. However it ends, one of the two can be used,
// and only one. tell is called with
// what is done next.
func Move(ctx context.Context, from, to string, now time.Time, tell func(what string)) (Moved, error) {
	if !IsPostgres(to) {
		return Moved{}, errors.New("a store is moved to PostgreSQL: write postgres://USER@HOST/DATABASE")
	}
	if IsPostgres(from) {
		return Moved{}, errors.New("the store is in PostgreSQL already; pg_dump and pg_restore move it between servers")
	}
	path, err := parseDSN(from)
	if err != nil {
		return Moved{}, err
	}
	if _, err := os.Stat(path); err != nil {
		return Moved{}, fmt.Errorf("store %s: there is nothing to move (%w); set store: to the database, and it is made there", path, cause(err))
	}
	source, err := openSQLite(ctx, path, to)
	if err != nil {
		return Moved{}, err
	}
	defer source.Close() //nolint:errcheck // every write was durable before
	unlock, err := source.Lock(ctx, now)
	if err != nil {
		return Moved{}, err
	}
	defer unlock()
	target, err := openPostgres(ctx, to)
	if err != nil {
		return Moved{}, err
	}
	defer target.Close() //nolint:errcheck // as above
	m := Moved{Target: withoutSecrets(to)}
	return m, source.moveTo(ctx, target, &m, now, tell)
}

// moveTo copies all in one transaction of the target. Before that is committed,
// the source notes that it is leaving, and afterwards that it left.
func (s *Store) moveTo(ctx context.Context, target *Store, m *Moved, now time.Time, tell func(string)) error {
	id := rand.Text()
	t, own, err := s.begin(ctx) // nobody writes from here on
	if err != nil {
		return s.explain("move", err)
	}
	defer t.end()
	arriving, err := target.arrive(ctx)
	if err != nil {
		return target.explain("move", err)
	}
	defer arriving.end()
	for _, table := range tables() {
		tell("copying " + table)
		n, err := arriving.copy(ctx, t, table)
		if err != nil {
			return target.explain("copy "+table, err)
		}
		m.Tables = append(m.Tables, Count{table, n})
	}
	if m.Head, err = head(own, t); err != nil {
		return s.explain("move", err)
	}
	tell("verifying the audit log")
	if err := arriving.verify(ctx, m); err != nil {
		return target.explain("verify", err)
	}
	if _, err := arriving.conn.Exec(ctx, sqlArrived, arrival(id)); err != nil {
		return target.explain("move", err)
	}
	// The instant between the two databases.
	if _, err := t.exec(own, sqlMoving, id, m.Target, micros(now)); err != nil {
		return s.explain("move", err)
	}
	if err := t.Commit(); err != nil {
		return s.explain("move", err)
	}
	s.fail.hit("move-leaving")
	if err := arriving.commit(ctx); err != nil {
		return errors.Join(target.explain("move", err), s.giveUp(m.Target))
	}
	s.fail.hit("move-arrived")
	_, err = s.writer.ExecContext(context.WithoutCancel(ctx), sqlMoveDone)
	return s.explain("move", err)
}

// giveUp leaves it to the next one who opens the source to ask where the store
// is: a commit that failed may have happened.
func (s *Store) giveUp(target string) error {
	return fmt.Errorf("store %s: whether it arrived at %s will be asked there when it is opened next", s.path, target)
}

// arriving is the transaction at the target of a move.
type arriving struct {
	conn *pgx.Conn
	end  func()
}

// arrive begins it, and refuses a target that holds anything.
func (s *Store) arrive(ctx context.Context) (_ *arriving, err error) {
	c, err := s.writer.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			discard(c)
		}
	}()
	a := &arriving{end: func() { discard(c) }} // and the transaction with it
	if err := c.Raw(func(driver any) error { a.conn = driver.(*stdlib.Conn).Conn(); return nil }); err != nil {
		return nil, err
	}
	for _, q := range []string{
		"BEGIN", "SET LOCAL statement_timeout = 0", "SET LOCAL idle_in_transaction_session_timeout = '10min'",
		"SELECT set_config(name, '0', true) FROM pg_settings WHERE name = 'transaction_timeout'",
		fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", queueKey),
	} {
		if _, err := a.conn.Exec(ctx, q); err != nil {
			return nil, err
		}
	}
	for _, table := range tables() {
		var n int64
		if err := a.conn.QueryRow(ctx, "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil {
			return nil, err
		}
		if n > 0 {
			return nil, fmt.Errorf("it holds a store already (%d rows in %s): nothing was copied; name an empty database", n, table)
		}
	}
	return a, nil
}

// copy copies a table, and returns how many rows it has.
func (a *arriving) copy(ctx context.Context, from *tx, table string) (int64, error) {
	rows, err := from.QueryContext(ctx, "SELECT * FROM "+table)
	if err != nil {
		return 0, from.s.explain("read "+table, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return 0, err
	}
	values := make([]any, len(columns))
	places := make([]any, len(columns))
	for i := range values {
		places[i] = &values[i]
	}
	n, err := a.conn.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromFunc(func() ([]any, error) {
		if !rows.Next() {
			return nil, rows.Err()
		}
		if err := rows.Scan(places...); err != nil {
			return nil, err
		}
		for i, v := range values {
			if s, ok := v.(string); ok && (!utf8.ValidString(s) || strings.Contains(s, "\x00")) {
				values[i] = plain(s) // from before texts were kept so
			}
		}
		return values, nil
	}))
	return n, err
}

// verify counts the rows anew, and proves the audit log whole up to the head of
// the source.
func (a *arriving) verify(ctx context.Context, m *Moved) error {
	for _, c := range m.Tables {
		var n int64
		if err := a.conn.QueryRow(ctx, "SELECT COUNT(*) FROM "+c.Table).Scan(&n); err != nil {
			return err
		}
		if n != c.Rows {
			return fmt.Errorf("%s has %d rows, and %d were sent", c.Table, n, c.Rows)
		}
	}
	if _, err := audit.Verify(a.events(ctx), &m.Head); err != nil {
		return fmt.Errorf("the audit log is not whole, and nothing was moved; daypass audit verify tells whether it is at the source (%w)", err)
	}
	return nil
}

func (a *arriving) events(ctx context.Context) iter.Seq2[audit.Record, error] {
	return func(yield func(audit.Record, error) bool) {
		rows, err := a.conn.Query(ctx, "SELECT seq, body, hash FROM events ORDER BY seq")
		if err != nil {
			yield(audit.Record{}, err)
			return
		}
		defer rows.Close()
		for rows.Next() {
			var r audit.Record
			var body, hash string
			err := rows.Scan(&r.Seq, &body, &hash)
			if err == nil {
				r.Body = []byte(body)
				r.Hash, err = audit.ParseHash(hash)
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(audit.Record{}, err)
		}
	}
}

// commit is not left in the middle because somebody pressed Ctrl-C.
func (a *arriving) commit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	_, err := a.conn.Exec(ctx, "COMMIT")
	return err
}
