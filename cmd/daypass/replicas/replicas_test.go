package replicas

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // to ask who holds a lease

	"github.com/daypass-dev/daypass/connectors/okta/oktatest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/audit"
	"github.com/daypass-dev/daypass/internal/beds"
	"github.com/daypass-dev/daypass/internal/store"
)

const (
	lease       = 5 * time.Second
	slack       = 5 * time.Second // what an end may take beyond the lease
	machines    = 3
	people      = 40
	groups      = 10
	disturbance = 8 * time.Second // from one to the next: a directory changes hands in 1.2 leases
)

// TestReplicas lets three daemons share two directories on one PostgreSQL, with
// grants that begin and end all the time, and kills one, freezes one past its
// lease, or cuts one off from the database, again and again. DAYPASS_REPLICAS
// says for how long; 10m is what a release is held to.
func TestReplicas(t *testing.T) {
	span := 45 * time.Second
	if s := os.Getenv("DAYPASS_REPLICAS"); s != "" {
		var err error
		if span, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t)
	for _, m := range w.machines {
		m.start()
	}
	w.await("every directory is led", func() bool { return w.led() == len(w.orgs) })
	ctx, stop := context.WithTimeout(t.Context(), span)
	defer stop()
	var load sync.WaitGroup
	load.Go(func() { w.load(ctx) })
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // a seed
	t.Logf("seed %d, for %s", seed, span)
	rng := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a test
	for ctx.Err() == nil {
		m := w.machines[rng.IntN(machines)]
		switch rng.IntN(3) {
		case 0:
			m.kill()
			w.pause(ctx, time.Duration(rng.IntN(3000))*time.Millisecond)
			m.start()
		case 1:
			m.signal(syscall.SIGSTOP)
			w.pause(ctx, lease+slack)
			m.signal(syscall.SIGCONT)
		case 2:
			m.db.pull()
			w.pause(ctx, 2*lease)
			m.db.mend()
		}
		w.pause(ctx, disturbance)
	}
	load.Wait()
	w.settle()
	w.judge()
}

// world is the machines, the directories and the database.
type world struct {
	*testing.T
	dsn      string
	db       *sql.DB
	store    *store.Store
	orgs     map[engine.Directory]*oktatest.Server
	machines []*machine
	daypass  string

	mu     sync.Mutex
	wrong  []string
	writes int
	last   time.Time // when the last grant ends
	given  int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, orgs: make(map[engine.Directory]*oktatest.Server), daypass: filepath.Join(t.TempDir(), "daypass")}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", w.daypass, "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	w.dsn = beds.Database(t)
	at, err := url.Parse(w.dsn)
	if err != nil {
		t.Fatal(err)
	}
	if w.db, err = sql.Open("pgx", w.dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.db.Close() })
	if w.store, err = store.Open(t.Context(), w.dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	for _, d := range []engine.Directory{"east", "west"} {
		org := oktatest.New(oktatest.Options{})
		for n := range people {
			if _, err := org.AddUser(oktatest.User{Login: person(n)}); err != nil {
				t.Fatal(err)
			}
		}
		for n := range groups {
			if _, err := org.AddGroup(oktatest.Group{Name: group(n)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := org.Start(""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = org.Close() })
		w.orgs[d] = org
	}
	for n := range machines {
		w.machines = append(w.machines, w.machine(fmt.Sprintf("m%d", n), at.Host))
	}
	return w
}

func person(n int) string { return fmt.Sprintf("p%02d@example.org", n) }
func group(n int) string  { return fmt.Sprintf("team-%02d", n) }

// machine is one replica with its ways to the world.
type machine struct {
	w     *world
	name  string
	dir   string
	store string // its way to the database
	db    *wire
	cmd   *exec.Cmd
	out   bytes.Buffer
}

func (w *world) machine(name, database string) *machine {
	w.Helper()
	m := &machine{w: w, name: name, dir: w.TempDir(), db: newWire(w.T, database)}
	var y strings.Builder
	m.store = strings.Replace(w.dsn, database, m.db.addr(), 1)
	fmt.Fprintf(&y, "version: 1\nstore: env:DAYPASS_STORE\nserve: {listen: \"127.0.0.1:0\", lease: %s, name: %s, every: 1m}\nlimits: {add: 10000}\ndirectories:\n", lease, name)
	for d, org := range w.orgs {
		root := gate(w.T, org.URL(), func(r *http.Request) { w.wrote(d, name, r) })
		fmt.Fprintf(&y, "  %s: {type: okta, url: %q, grace: 1s, auth: {token: \"env:OKTA_TOKEN\"}}\n", d, root)
	}
	y.WriteString("groups:\n")
	for d := range w.orgs {
		for n := range groups {
			fmt.Fprintf(&y, "  %s/%s: {foreign: report}\n", d, group(n))
		}
	}
	if err := os.WriteFile(filepath.Join(m.dir, "daypass.yaml"), []byte(y.String()), 0o600); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(m.kill)
	return m
}

func (m *machine) start() {
	m.cmd = exec.Command(m.w.daypass, "serve", "--log-json")
	m.cmd.Dir, m.cmd.Env = m.dir, append(os.Environ(), "OKTA_TOKEN="+oktatest.DefaultToken, "DAYPASS_STORE="+m.store)
	m.cmd.Stderr = &m.out
	if err := m.cmd.Start(); err != nil {
		m.w.Error(err)
	}
}

func (m *machine) signal(s syscall.Signal) { _ = m.cmd.Process.Signal(s) }

func (m *machine) kill() {
	if m.cmd != nil {
		m.signal(syscall.SIGKILL)
		_ = m.cmd.Wait()
	}
}

// wrote is told of each write before it reaches the directory: then and there
// whoever sends it must hold the lease.
func (w *world) wrote(d engine.Directory, name string, r *http.Request) {
	var holder string
	err := w.db.QueryRow("SELECT holder FROM leases WHERE name = $1", string(d)).Scan(&holder)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes++
	if err != nil || holder != name {
		w.wrong = append(w.wrong, fmt.Sprintf("%s: %s %s of %s on %s, while %q has the lease (%v)", time.Now().Format(time.StampMilli), r.Method, r.URL.Path, name, d, holder, err))
	}
}

// led counts the directories whose lease somebody has.
func (w *world) led() int {
	n := 0
	if err := w.db.QueryRow("SELECT COUNT(*) FROM leases WHERE holder <> ''").Scan(&n); err != nil {
		return 0 // the table is not there yet
	}
	return n
}

// load gives people access for seconds, all the time.
func (w *world) load(ctx context.Context) {
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test
	for i := 0; ctx.Err() == nil; i++ {
		d := []string{"east", "west"}[rng.IntN(2)]
		until := time.Now().Add(2*time.Second + time.Duration(rng.IntN(20_000))*time.Millisecond)
		_, err := w.store.AddGrant(context.WithoutCancel(ctx), store.HandGrant{
			Person: engine.Person(person(rng.IntN(people))), Target: d + "/" + group(rng.IntN(groups)), Until: until, Reason: fmt.Sprint(i),
		}, "load", time.Now())
		if err != nil {
			w.Error(err)
			return
		}
		w.mu.Lock()
		w.given++
		if until.After(w.last) {
			w.last = until
		}
		w.mu.Unlock()
		w.pause(ctx, 150*time.Millisecond)
	}
}

// settle waits until everything is over.
func (w *world) settle() {
	time.Sleep(time.Until(w.last)) // of a real process; there is nothing to ask before
	w.await("every membership is over", func() bool {
		for range w.store.Live(context.Background(), store.Filter{}) {
			return false
		}
		return true
	})
}

func (w *world) judge() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, v := range w.wrong {
		w.Error(v)
	}
	worst, n := time.Duration(0), 0
	for p, err := range w.store.Past(context.Background(), store.Filter{}) {
		if err != nil {
			w.Fatal(err)
		}
		n++
		if p.Due.IsZero() || p.Removed.IsZero() {
			w.Errorf("%s in %s was not ended by us: %+v", p.Person, p.GroupName, p)
			continue
		}
		lag := p.Removed.Sub(p.Due)
		worst = max(worst, lag)
		if lag > lease+slack {
			w.Errorf("%s in %s ended %s late", p.Person, p.GroupName, lag)
		}
	}
	for d, org := range w.orgs {
		for g := range groups {
			if ms := org.Members(group(g)); len(ms) > 0 {
				w.Errorf("%s/%s still holds %v", d, group(g), ms)
			}
		}
	}
	if _, err := audit.Verify(w.store.Events(context.Background(), 0), nil); err != nil {
		w.Errorf("audit: %v", err)
	}
	w.Logf("%d grants, %d memberships, %d writes; the worst lag was %s", w.given, n, w.writes, worst.Round(time.Millisecond))
	if w.Failed() {
		for _, m := range w.machines {
			w.Logf("%s: %s", m.name, m.out.String()[max(0, m.out.Len()-4000):])
		}
	}
}

func (w *world) await(what string, ok func() bool) {
	w.Helper()
	deadline := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			for _, m := range w.machines {
				w.Logf("%s: %s", m.name, m.out.String()[max(0, m.out.Len()-4000):])
			}
			w.Fatalf("waited a minute, and not: %s", what)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (w *world) pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
