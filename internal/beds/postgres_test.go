package beds

import (
	"net"
	"strings"
	"testing"
	"time"
)

func TestPostgres(t *testing.T) {
	t.Parallel()
	s := Postgres(t)
	s.SQL("postgres", "CREATE TABLE songs (title TEXT)")
	s.SQL("postgres", "INSERT INTO songs VALUES ('b'), ('B'), ('a')")
	if got := s.SQL("postgres", "SELECT string_agg(title, '' ORDER BY title) FROM songs"); got != "abB" {
		t.Errorf("sorted %s, want abB: the rules of English", got)
	}
	s.Kill()
	if c, err := net.DialTimeout("tcp", s.Address, time.Second); err == nil {
		c.Close()
		t.Error("it answers after it was killed")
	}
	s.Restart()
	if got := s.SQL("postgres", "SELECT count(*) FROM songs"); got != "3" {
		t.Errorf("%s rows after a crash, want 3", got)
	}
	s.Pause()
	answered := make(chan error, 1)
	asking := s.run("pg_isready", "-q", "-h", "127.0.0.1", "-p", s.Address[strings.LastIndex(s.Address, ":")+1:], "-t", "1")
	go func() { answered <- asking.Run() }()
	if err := <-answered; err == nil {
		t.Error("it answers while it is paused")
	}
	s.Resume()
	if got := s.SQL("postgres", "SELECT 1"); got != "1" {
		t.Errorf("got %s after the pause", got)
	}
}

// TestDatabase: databases of one server are apart, and the server ends with
// the last test that uses it.
func TestDatabase(t *testing.T) {
	t.Parallel()
	var server *PostgresServer
	t.Run("use", func(t *testing.T) {
		one, two := Database(t), Database(t)
		if one == two {
			t.Errorf("%s was given out twice", one)
		}
		server = common.server
		for _, name := range []string{"test_1", "test_2"} {
			server.sql(t, name, "CREATE TABLE songs (title TEXT)")
		}
	})
	if c, err := net.DialTimeout("tcp", server.Address, time.Second); err == nil {
		c.Close()
		t.Error("the server outlives the tests that used it")
	}
}
