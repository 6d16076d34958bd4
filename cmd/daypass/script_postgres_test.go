package main

import (
	"net/url"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/daypass-dev/daypass/internal/beds"
)

// postgres makes a database, and says in the environment where it is: $POSTGRES
// is its address, and $PGPASSWORD opens it. The server ends with t.
func cmdPostgres(t testing.TB) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) > 0 {
			ts.Fatalf("usage: postgres")
		}
		dsn := beds.Database(t)
		u, err := url.Parse(dsn)
		ts.Check(err)
		password, _ := u.User.Password()
		u.User = url.User(u.User.Username())
		ts.Setenv("POSTGRES", u.String())
		ts.Setenv("PGPASSWORD", password)
		ts.Setenv("POSTGRES_WITH_PASSWORD", dsn)
	}
}
