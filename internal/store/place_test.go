package store

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/daypass-dev/daypass/internal/beds"
)

// place is where a test has its store.
type place struct {
	dsn   string
	fresh func(t testing.TB) place // another, of the same database
}

func onSQLite(t testing.TB) place {
	t.Helper()
	return place{dsn: filepath.Join(t.TempDir(), "daypass.db"), fresh: onSQLite}
}

func onPostgres(t testing.TB) place {
	t.Helper()
	return place{dsn: beds.Database(t), fresh: onPostgres}
}

// onEach runs a test on each database.
func onEach(t *testing.T, test func(t *testing.T, at place)) {
	t.Parallel()
	for name, at := range map[string]func(testing.TB) place{"sqlite": onSQLite, "postgres": onPostgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, at(t))
		})
	}
}

// open opens the store; the second time as another process would.
func (at place) open(t testing.TB) *Store {
	t.Helper()
	s, err := Open(context.Background(), at.dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// exec changes the database behind the store's back.
func (at place) exec(t testing.TB, statement string) {
	t.Helper()
	driver, dsn := "sqlite", at.dsn
	if IsPostgres(dsn) {
		driver, dsn = "pgx", dsn+"&search_path=daypass&default_query_exec_mode=simple_protocol"
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}
