package durable

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// childEnv makes the test binary play another process instead of running the
// tests: one on the database that it names.
const childEnv = "DAYPASS_TEST_DATABASE"

func TestMain(m *testing.M) {
	dsn := os.Getenv(childEnv)
	if dsn == "" {
		_ = flag.Set("test.parallel", "20") // they wait, and hardly work
		os.Exit(m.Run())
	}
	if err := play(dsn, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// play leads the directories named, forever. It says which errands begin, and
// does not end one.
func play(dsn string, directories []string) error {
	ctx := context.Background()
	cfg, done, err := open(ctx, dsn)
	if err != nil {
		return err
	}
	defer done()
	cfg.Full = often()
	j, err := New(cfg)
	if err != nil {
		return err
	}
	fmt.Println(j.client.ID())
	for _, d := range directories {
		go j.Lead(ctx, d, func(ctx context.Context, e Errand) error {
			fmt.Println(e)
			<-ctx.Done()
			return ctx.Err()
		})
	}
	return j.Run(ctx)
}

// often is how often tests run a whole directory.
func often() map[string]time.Duration {
	return map[string]time.Duration{"whole": 2 * time.Second}
}

// child is another process.
type child struct {
	id   string // River's name for it
	out  *bufio.Scanner
	kill func() // as SIGKILL does
}

func (b base) child(t *testing.T, directories ...string) child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, directories...)
	cmd.Env = append(os.Environ(), childEnv+"="+b.dsn)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := child{out: bufio.NewScanner(out)}
	c.kill = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed: an error is what it has to be
	})
	t.Cleanup(c.kill)
	c.id = c.line(t)
	return c
}

// line returns the next line that the child says.
func (c child) line(t *testing.T) string {
	t.Helper()
	if !c.out.Scan() {
		t.Fatalf("the child says nothing more: %v", c.out.Err())
	}
	return c.out.Text()
}

// testAKilledProcess kills a process that is at an errand. The next one to lead
// gets it in about a minute. An errand that is older, but still goes on, stays
// where it is.
func testAKilledProcess(t *testing.T, k kind) {
	b := k.fresh(t)
	m := b.run(t)
	older := m.lead(t, "okta")
	m.mustSend(t, Errand{Directory: "okta", Urgency: Full})
	goesOn := older.next(t)
	c := b.child(t, "ldap")
	e := Errand{Directory: "ldap", Groups: []string{"a"}, Urgency: Ends}
	m.mustSend(t, e)
	c.line(t)
	for _, d := range []string{"okta", "ldap"} {
		began := m.attempted(t, d)
		until(t, "who is at "+d+" says that it goes on", func() bool { return m.attempted(t, d) != began })
	}
	c.kill()
	killed := time.Now()
	l := m.lead(t, "ldap")
	m.mustSend(t, e) // the same again does not wait for that
	l.next(t).answer <- nil
	if took := time.Since(killed); took > silence {
		t.Errorf("one that was sent again took %v", took)
	}
	l.next(t).answer <- nil
	t.Logf("the errand went on %v after its process died", time.Since(killed))
	if n := m.count(t, "SELECT COUNT(*) FROM river_job WHERE state = 'running' AND errors IS NULL"); n != 1 || goesOn.ctx.Err() != nil {
		t.Error("an errand that goes on was taken from its process")
	}
	goesOn.answer <- nil
	m.idle(t)
	if len(older.began) != 0 {
		t.Error("an errand that went on was worked twice")
	}
}

// attempted returns when River believes that the errand of a directory began.
func (j *Jobs) attempted(t *testing.T, directory string) string {
	t.Helper()
	var at any
	if err := j.db.QueryRowContext(t.Context(), "SELECT attempted_at FROM river_job WHERE queue = $1", queue(directory)).Scan(&at); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(at)
}

// testWholeRunsComeFromOneOfMany kills the process that sends the runs of a
// whole directory: another goes on.
func testWholeRunsComeFromOneOfMany(t *testing.T, k kind) {
	b := k.fresh(t)
	children := map[string]child{}
	for range 2 {
		c := b.child(t)
		children[c.id] = c
	}
	j := b.sender(t)
	head := func() string {
		var id string
		if err := j.db.QueryRowContext(t.Context(), "SELECT leader_id FROM river_leader").Scan(&id); err != nil {
			return ""
		}
		return id
	}
	until(t, "one of the two sends", func() bool { return children[head()].kill != nil })
	first := head()
	m := b.run(t, func(c *Config) { c.Full = often() })

	// While nobody leads the directory, one waits, and no more.
	until(t, "a run waits", func() bool { return j.count(t, "SELECT COUNT(*) FROM river_job") > 0 })
	from := time.Now()
	until(t, "the time of several passed", func() bool { return time.Since(from) > 3*often()["whole"] })
	if depth, err := j.Depth(t.Context()); err != nil || depth["whole"] != 1 {
		t.Errorf("Depth: got %v, %v; want 1", depth, err)
	}
	l := m.lead(t, "whole")
	take := func() {
		t.Helper()
		c := l.next(t)
		c.answer <- nil
		if c.Urgency != Full || len(c.Groups) != 0 {
			t.Errorf("got %+v, want a run of the whole", c.Errand)
		}
	}
	for range 3 {
		take()
	}
	children[first].kill()
	until(t, "another sends", func() bool { return head() != first && head() != "" })
	for range 3 {
		take()
	}
}

// testTheDatabaseGoesAway takes the database away while errands wait, are
// worked, and are sent.
func testTheDatabaseGoesAway(t *testing.T, k kind) {
	b := k.fragile(t)
	b.migrate(t)
	m := b.run(t)
	l := m.lead(t, "ldap")
	errand := func(group string) Errand {
		return Errand{Directory: "ldap", Groups: []string{group}, Urgency: Ends}
	}
	m.mustSend(t, Errand{Directory: "okta", Urgency: Full}) // waits: nobody leads it
	m.mustSend(t, errand("fails"))
	m.mustSend(t, errand("works"))
	calls := map[string]*call{}
	for range 2 {
		c := l.next(t)
		calls[c.Groups[0]] = c
	}
	up := b.down(t)
	calls["fails"].answer <- errors.New("no answer")
	calls["works"].answer <- nil
	went := time.Now()
	if err := m.Send(t.Context(), errand("sent")); err == nil {
		t.Error("Send without a database: no error")
	}
	started := b.run(t) // one that begins while it is away
	okta := started.lead(t, "okta")
	until(t, "it was away for longer than a timeout", func() bool { return time.Since(went) > 7*time.Second })
	up()

	okta.next(t).answer <- nil
	if c := l.next(t); c.Groups[0] != "fails" {
		t.Errorf("got %v, want the one that failed", c.Groups)
	} else {
		c.answer <- nil
	}
	m.mustSend(t, errand("after"))
	l.next(t).answer <- nil
	m.idle(t)
	if len(l.began) != 0 {
		t.Errorf("then came %+v", (<-l.began).Errand)
	}
}

func testTablesAreMadeByMany(t *testing.T, k kind) {
	b := k.empty(t)
	var all sync.WaitGroup
	for range 4 {
		cfg, done := b.config(t)
		all.Go(func() {
			defer done()
			if err := Migrate(t.Context(), cfg); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	b.sender(t).mustSend(t, Errand{Directory: "ldap", Urgency: Full})
}
