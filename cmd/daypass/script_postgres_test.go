package main

import (
	"net/url"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/daypass-dev/daypass/internal/beds"
)

// postgres makes a database, and says in the environment where it is: $POSTGRES
// is its address, and $PGPASSWORD opens it. The server ends with t. With alone,
// it is one of its own, whose settings may be changed.
func cmdPostgres(t testing.TB) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		alone := len(args) == 1 && args[0] == "alone"
		if neg || len(args) > 0 && !alone {
			ts.Fatalf("usage: postgres [alone]")
		}
		var dsn string
		if alone {
			dsn = beds.Postgres(t).Database()
		} else {
			dsn = beds.Database(t)
		}
		u, err := url.Parse(dsn)
		ts.Check(err)
		password, _ := u.User.Password()
		u.User = url.User(u.User.Username())
		ts.Setenv("POSTGRES", u.String())
		ts.Setenv("PGPASSWORD", password)
		ts.Setenv("POSTGRES_WITH_PASSWORD", dsn)
	}
}
