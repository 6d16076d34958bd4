package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// Keys of advisory locks, which are of one database ("dayp" and a number).
const (
	queueKey   = applicationID<<8 + iota // of transactions that write
	runKey                               // of Store.Lock
	migrateKey                           // of those who bring the schema up to date
)

// schema is where the tables are, unless the address has a search_path: apart
// from those of others.
const schema = "daypass"

// IsPostgres reports whether dsn is the address of a PostgreSQL database.
func IsPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// session holds what every connection asks of the server. Whoever writes holds
// up all others, also on other machines, so what holds the lock must let go in
// seconds, however its process ends:
//
//	it is stopped between two statements    idle_in_transaction_session_timeout
//	it is stopped within a batch            statement_timeout
//	its machine is cut off                  tcp_user_timeout, keepalives, and the two above
//	it is killed                            the kernel closes the connection
//
// Three seconds are more than any step of ours takes between two statements, and
// less than the shortest lease lasts. Who waits for the lock asks again after
// five, as on SQLite.
func session() map[string]string {
	return map[string]string{
		"application_name":                    "daypass",
		"client_encoding":                     "UTF8",
		"search_path":                         schema,
		"default_transaction_isolation":       "read committed", // under the lock, each statement sees all that was written before
		"lock_timeout":                        "5s",
		"idle_in_transaction_session_timeout": "3s",
		"statement_timeout":                   "10s",
		"tcp_user_timeout":                    "10s",
		"tcp_keepalives_idle":                 "5",
		"tcp_keepalives_interval":             "2",
		"tcp_keepalives_count":                "3",
	}
}

// durable makes a commit wait for the disk, and for standbys that the server
// waits for; and bounds whole transactions where the server can.
const durable = `SELECT set_config(name, value, false)
	FROM (VALUES ('synchronous_commit', 'on'), ('transaction_timeout', '60s')) AS wanted (name, value)
	JOIN pg_settings USING (name)
	WHERE name <> 'synchronous_commit' OR setting NOT IN ('on', 'remote_apply')`

const (
	// writers are one that writes, and room for leases, which do not wait for it.
	writers = 3
	// patience is how long a transaction may take with a server that does not
	// answer, or answers slowly.
	patience = 30 * time.Second
	// askFor is longer than the server takes to notice that a connection broke.
	askFor = 20 * time.Second
	// connectWithin bounds connecting, unless the address says otherwise.
	connectWithin = 10 * time.Second
)

func postgresDialect() *dialect {
	return &dialect{
		goose: goose.DialectPostgres, migrations: "migrations/postgres",
		clock:    `CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)`,
		reading:  &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
		begin:    beginPostgres,
		meaning:  postgresMeaning,
		patience: patience, askFor: askFor,
	}
}

func openPostgres(ctx context.Context, dsn string) (*Store, error) {
	cfg, err := parsePostgres(dsn)
	if err != nil {
		return nil, err
	}
	s := &Store{dialect: postgresDialect(), path: address(cfg), fail: newFailpoints(), turn: make(chan struct{}, 1)}
	s.writer = pool(*cfg, writers, writers, durable)
	reading := cfg.Copy()
	reading.RuntimeParams["default_transaction_read_only"] = "on"
	reading.RuntimeParams["statement_timeout"] = "0" // a report may take its time; it holds up nobody
	s.reader = pool(*reading, 0, readers, "")
	if err := s.setUpPostgres(ctx, cfg.RuntimeParams["search_path"]); err != nil {
		return nil, errors.Join(s.explain("open", err), s.Close())
	}
	return s, nil
}

// parsePostgres reads an address, and what the environment adds to it.
func parsePostgres(dsn string) (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		// Its text may hold the password.
		return nil, errors.New("store: this is no address of a PostgreSQL database; write postgres://USER@HOST/DATABASE, and characters such as @ : / % in a part of it as %40 %3A %2F %25")
	}
	for name, value := range session() {
		if _, set := cfg.RuntimeParams[name]; !set {
			cfg.RuntimeParams[name] = value
		}
	}
	if !strings.Contains(dsn, "connect_timeout=") {
		cfg.ConnectTimeout = connectWithin
	}
	cfg.DialFunc = (&net.Dialer{
		Timeout:         cfg.ConnectTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3},
	}).DialContext
	return cfg, nil
}

func pool(cfg pgx.ConnConfig, open, idle int, first string) *sql.DB {
	db := stdlib.OpenDB(cfg, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		if _, err := c.Exec(ctx, first); err != nil {
			return errors.Join(err, c.Close(ctx))
		}
		return nil
	}))
	db.SetMaxOpenConns(open)
	db.SetMaxIdleConns(idle)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return db
}

// address is where the database is, without secrets.
func address(cfg *pgx.ConnConfig) string {
	hosts := []string{hostPort(cfg.Host, cfg.Port)}
	for _, f := range cfg.Fallbacks {
		hosts = append(hosts, hostPort(f.Host, f.Port))
	}
	u := url.URL{Scheme: "postgres", User: url.User(cfg.User), Host: strings.Join(slices.Compact(hosts), ","), Path: "/" + cfg.Database}
	return u.String()
}

func hostPort(host string, port uint16) string {
	if strings.HasPrefix(host, "/") { // the folder of a socket
		return url.PathEscape(host)
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// beginPostgres waits for its turn among the goroutines of this process, then
// among all processes. A connection for it is always left: see writers.
func beginPostgres(ctx context.Context, s *Store) (_ *tx, err error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	t := &tx{s: s, db: s.writer}
	t.done = func() {
		if t.conn != nil {
			_ = t.conn.Close() // gives it back to the pool
		}
		<-s.turn
	}
	defer func() {
		if err != nil {
			if t.Tx != nil {
				_ = t.Rollback() // it waited in vain
			}
			t.done()
		}
	}()
	if t.conn, err = s.writer.Conn(ctx); err != nil {
		return nil, err
	}
	if t.Tx, err = t.conn.BeginTx(ctx, nil); err != nil {
		return nil, err
	}
	var locked string
	err = t.QueryRowContext(ctx, `SELECT pg_advisory_xact_lock($1)::text, pg_current_xact_id()::text`, queueKey).Scan(&locked, &t.id)
	return t, err
}

// pipeline sends a statement for every row without waiting for the answers in
// between: over a wire, waiting takes longer than writing.
func pipeline[T any](ctx context.Context, t *tx, rows []T, query string, args func(T) ([]any, error)) error {
	var b pgx.Batch
	for _, r := range rows {
		a, err := args(r)
		if err != nil {
			return err
		}
		b.Queue(query, columns(a)...)
	}
	return t.conn.Raw(func(c any) error {
		return c.(*stdlib.Conn).Conn().SendBatch(ctx, &b).Close()
	})
}

func (s *Store) setUpPostgres(ctx context.Context, path string) error {
	var encoding string
	if err := s.writer.QueryRowContext(ctx, "SHOW server_encoding").Scan(&encoding); err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the database's encoding is %s; create one with ENCODING 'UTF8'", encoding)
	}
	return s.migratePostgres(ctx, path)
}

// migratePostgres brings the schema up to date, and makes it where it is not
// there. Of those who open a store at the same time, one does it.
func (s *Store) migratePostgres(ctx context.Context, path string) error {
	if current, err := s.upToDate(ctx); current || err != nil {
		return err
	}
	c, err := s.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // it goes back to the pool
	for _, q := range []string{"SET lock_timeout = '60s'", "SET statement_timeout = 0", fmt.Sprintf("SELECT pg_advisory_lock(%d)", migrateKey)} {
		if _, err := c.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	defer discard(c) // and the lock with it
	if err := makeSchema(ctx, c, path); err != nil {
		return err
	}
	return s.migrate(ctx)
}

// upToDate reports whether nothing is to be migrated.
func (s *Store) upToDate(ctx context.Context) (bool, error) {
	var table sql.NullString
	if err := s.writer.QueryRowContext(ctx, "SELECT to_regclass('migrations')::text").Scan(&table); err != nil || !table.Valid {
		return false, err
	}
	var have int64
	if err := s.writer.QueryRowContext(ctx, "SELECT COALESCE(MAX(version_id), 0) FROM migrations WHERE is_applied").Scan(&have); err != nil {
		return false, err
	}
	want, err := s.newest()
	return have == want, err
}

// makeSchema makes the schema, and refuses one that is another program's.
func makeSchema(ctx context.Context, c *sql.Conn, path string) error {
	var there sql.NullString
	if err := c.QueryRowContext(ctx, "SELECT current_schema()").Scan(&there); err != nil {
		return err
	}
	if !there.Valid {
		_, err := c.ExecContext(ctx, "CREATE SCHEMA "+pgx.Identifier{strings.Trim(path, `" `)}.Sanitize())
		return err
	}
	var tables, ours int64
	err := c.QueryRowContext(ctx, `SELECT COUNT(*), COUNT(*) FILTER (WHERE tablename = 'migrations') FROM pg_tables WHERE schemaname = current_schema()`).Scan(&tables, &ours)
	if err != nil {
		return err
	}
	if tables > 0 && ours == 0 {
		return fmt.Errorf("%w: the schema %s holds tables of another program; name another in the address (search_path=NAME)", ErrNotStore, there.String)
	}
	return nil
}

// discard closes a connection for good, and with it what the server keeps for
// it.
func discard(c *sql.Conn) {
	_ = c.Raw(func(driver any) error { return driver.(*stdlib.Conn).Close() })
	_ = c.Close()
}
