package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/store/storetest"
)

// childEnv makes the test binary play another process that uses the store of
// a test, instead of running the tests.
const childEnv = "DAYPASS_TEST_CHILD"

// placeEnv tells it where the store is.
const placeEnv = "DAYPASS_TEST_STORE"

func TestMain(m *testing.M) {
	role := os.Getenv(childEnv)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := play(role); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// targetEnv tells it where to move the store to.
const targetEnv = "DAYPASS_TEST_TARGET"

// play moves the store, records without end, saying the number of each batch once it is
// recorded, or holds the lock until its input ends.
func play(role string) error {
	ctx := context.Background()
	if role == "move" {
		_, err := Move(ctx, os.Getenv(placeEnv), os.Getenv(targetEnv), storetest.Start(), func(string) {})
		return err
	}
	s, err := Open(ctx, os.Getenv(placeEnv))
	if err != nil {
		return err
	}
	defer s.Close()
	if role == "lock" {
		_, err := s.Lock(ctx, storetest.Start())
		fmt.Println("locked", err)
		_, _ = io.Copy(io.Discard, os.Stdin)
		return err
	}
	if role == "requests" {
		return saveForever(ctx, s)
	}
	return recordForever(ctx, s, role)
}

// saveForever asks for access and gives it, each in one step.
func saveForever(ctx context.Context, s *Store) error {
	for n := 1; ; n++ {
		r := asked(fmt.Sprint("r", n), engine.Person(fmt.Sprint("p", n)), n)
		if err := s.SaveRequests(ctx, []access.Request{r, approved(r)}, told(engine.EventRequested, r), nil); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// recordForever writes steps that each touch every table, so that a torn one
// shows as a difference between them.
func recordForever(ctx context.Context, s *Store, role string) error {
	for n := 1; ; n++ {
		if err := s.Record(ctx, stepOf(role, n)); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

func stepOf(role string, n int) engine.Batch {
	g := engine.Group{Directory: engine.Directory(role), ID: engine.GroupID(fmt.Sprint(n))}
	m := engine.Membership{Group: g, Member: "m"}
	return engine.Batch{
		Put:      []engine.Owned{{Group: g, Member: engine.Member{ID: "m"}}},
		Past:     []engine.Past{{Group: g}},
		Readings: []engine.Reading{{Group: g}},
		Notice:   []engine.Notice{{Membership: m, At: storetest.Start()}},
		Events: []engine.Event{
			{At: storetest.Start(), Kind: engine.EventIntended, Directory: g.Directory, GroupID: g.ID},
			{At: storetest.Start(), Kind: engine.EventHappened, Directory: g.Directory, GroupID: g.ID, Error: strings.Repeat("x", 3000)},
		},
	}
}

// child is another process on the store in a folder.
type child struct {
	cmd   *exec.Cmd
	out   *bufio.Scanner
	errs  *strings.Builder
	stdin io.WriteCloser
}

func start(t *testing.T, at place, role string, env ...string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: exec.CommandContext(t.Context(), self), errs: new(strings.Builder)}
	c.cmd.Env = append(append(os.Environ(), childEnv+"="+role, placeEnv+"="+at.dsn), env...)
	c.cmd.Stderr = c.errs
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// line reads one line of the child.
func (c *child) line(t *testing.T) string {
	t.Helper()
	if !c.out.Scan() {
		t.Fatalf("the child said nothing more: %v %s", c.out.Err(), c.errs)
	}
	return c.out.Text()
}

// kill ends the child as SIGKILL does, and returns how many lines it had said
// since the last read.
func (c *child) kill(t *testing.T) int {
	t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	return c.end()
}

func (c *child) end() int {
	n := 0
	for c.out.Scan() {
		n++
	}
	_ = c.cmd.Wait() // it was killed: an error is what it has to be
	return n
}

// agree opens the store that dead children left, and checks that each table
// tells of the same steps: all that a child said it had recorded, and at most
// the one that it could not say any more.
func agree(t *testing.T, at place, said map[string]int) {
	t.Helper()
	s := at.open(t)
	ctx := context.Background()
	steps := map[string]int{}
	for _, p := range gather(t, s.Past(ctx, Filter{})) {
		steps[string(p.Group.Directory)]++
	}
	total := 0
	for role, n := range said {
		total += steps[role]
		if steps[role] != n && steps[role] != n+1 {
			t.Errorf("%s recorded %d steps, %d are there", role, n, steps[role])
		}
	}
	if head := verified(t, s); head.Seq != int64(2*total) {
		t.Errorf("%d events, want %d", head.Seq, 2*total)
	}
	groups, err := s.Groups(ctx)
	if err != nil || len(groups) != total {
		t.Errorf("%d groups, %v; want %d", len(groups), err, total)
	}
	for _, g := range groups {
		p, err := s.Page(ctx, g.Group)
		if err != nil || len(p.Owned) != 1 || p.Reading == nil || len(p.Noticed) != 1 {
			t.Errorf("step %v is torn: %+v, %v", g.Group, p, err)
		}
	}
	if !IsPostgres(at.dsn) {
		var whole string
		if err := s.reader.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&whole); err != nil || whole != "ok" {
			t.Errorf("integrity: %s, %v", whole, err)
		}
	}
	if err := s.Record(ctx, stepOf("after", total+1)); err != nil {
		t.Errorf("record after the crash: %v", err)
	}
	verified(t, s)
}

// TestKilled kills a process in the middle of its work, again and again at
// other instants, beside a second one that lives longer.
func TestKilled(t *testing.T) { onEach(t, testKilled) }

func testKilled(t *testing.T, at place) {
	for round := range 6 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			at := at.fresh(t)
			a, b := start(t, at, "a"), start(t, at, "b")
			saidA, saidB := 0, 0
			for range 3 * (round + 1) {
				a.line(t)
				saidA++
			}
			b.line(t)
			time.AfterFunc(time.Duration(round)*700*time.Microsecond, func() { _ = a.cmd.Process.Kill() })
			saidA += a.end()
			saidB += 1 + b.kill(t)
			agree(t, at, map[string]int{"a": saidA, "b": saidB})
		})
	}
}

// TestTwoProcesses lets two processes write at the same time for a while.
func TestTwoProcesses(t *testing.T) { onEach(t, testTwoProcesses) }

func testTwoProcesses(t *testing.T, at place) {
	a, b := start(t, at, "a"), start(t, at, "b")
	for range 20 {
		a.line(t)
		b.line(t)
	}
	said := map[string]int{"a": 20 + a.kill(t), "b": 20 + b.kill(t)}
	agree(t, at, said)
}

// TestWaitsForAnotherWriter keeps the store busy for longer than one of
// SQLite's timeouts.
func TestWaitsForAnotherWriter(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	busy, waiting := openIn(t, folder), openIn(t, folder)
	if _, err := waiting.writer.ExecContext(t.Context(), "PRAGMA busy_timeout = 50"); err != nil {
		t.Fatal(err)
	}
	other, _, err := busy.begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(120*time.Millisecond, func() { _ = other.Rollback() })
	if err := waiting.Record(t.Context(), bigBatch(1, 1)); err != nil {
		t.Errorf("after several timeouts: %v", err)
	}
	if other, _, err = busy.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer other.Rollback()
	if err := waiting.Record(t.Context(), bigBatch(2, 1)); !errors.Is(err, ErrBusy) {
		t.Errorf("when it never ends: got %v, want %v", err, ErrBusy)
	}
}
