package serve_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/serve"
	"github.com/daypass-dev/daypass/internal/store"
	"github.com/daypass-dev/daypass/schedule"
)

// sluggish is a directory in memory some of whose calls take their time.
type sluggish struct {
	*memory.Directory
	mu     sync.Mutex
	list   func(engine.GroupID) time.Duration                                // before and not after the listing is made
	change func(g engine.GroupID, add, remove []engine.Member) time.Duration // after it took effect
	deaf   bool                                                              // to contexts
}

func (s *sluggish) nap(ctx context.Context, d time.Duration) {
	if d == 0 {
		return
	}
	if s.deaf {
		ctx = context.Background()
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func (s *sluggish) set(list func(engine.GroupID) time.Duration, change func(g engine.GroupID, add, remove []engine.Member) time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list, s.change = list, change
}

func (s *sluggish) Members(ctx context.Context, g engine.GroupID) ([]engine.Member, error) {
	s.mu.Lock()
	f := s.list
	s.mu.Unlock()
	if f != nil {
		s.nap(ctx, f(g))
	}
	return s.Directory.Members(ctx, g)
}

func (s *sluggish) Change(ctx context.Context, g engine.GroupID, add, remove []engine.Member) (a, r []engine.Effect) {
	s.mu.Lock()
	f := s.change
	s.mu.Unlock()
	a, r = s.Directory.Change(ctx, g, add, remove)
	if f != nil {
		s.nap(ctx, f(g, add, remove))
	}
	return a, r
}

func (w *world) sluggish() *sluggish {
	s := &sluggish{Directory: w.dir}
	w.cfg.Directories["corp"] = s
	return s
}

// until polls, in the bubble, until who is out of admins, and says how long that took.
func (w *world) outWithin(who string, limit time.Duration) {
	w.Helper()
	since := time.Now()
	for time.Since(since) < 2*time.Hour {
		if !w.dir.Has(w.admins, w.ids[who]) {
			break
		}
		time.Sleep(time.Second)
	}
	if took := time.Since(since); took > limit {
		w.Errorf("%s was still in %s after the end, want at most %s", who, took, limit)
	}
}

// A revocation that is read while the store fails for one statement is lost:
// the stamp is remembered as seen, so the sources are never read again.
func TestRevocationLostByOneFailedReading(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.end()
		w.every = 15 * time.Minute
		w.grant("g1", "ada", time.Now(), time.Now().Add(8*time.Hour))
		w.begin()
		w.members("ada")
		time.Sleep(time.Minute)
		w.change(func() {
			w.grants[0].When.Until = time.Now()
			w.broken = errors.New("read grants: connection reset by peer")
		})
		time.Sleep(4 * time.Second)
		w.mu.Lock()
		w.broken = nil // the database answers again; nobody changes anything more
		w.mu.Unlock()
		w.outWithin("ada", time.Minute)
	})
}

// A grant is made, and revoked before the look that adds it sends the request.
func TestRevokedWhileTheLookLists(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.end()
		s := w.sluggish()
		w.begin()
		w.members()
		time.Sleep(time.Minute)
		s.set(func(engine.GroupID) time.Duration { return 8 * time.Second }, nil)
		w.grant("g1", "ada", time.Now(), time.Now().Add(8*time.Hour))
		time.Sleep(4 * time.Second) // the look lists
		w.change(func() { w.grants[0].When.Until = time.Now() })
		time.Sleep(20 * time.Second)
		s.set(nil, nil)
		w.outWithin("ada", 10*time.Second)
	})
}

// A grant is revoked while the addition is on its way: the run of ends yields
// to it, and nobody comes back.
func TestRevokedWhileTheAdditionIsOnItsWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.end()
		s := w.sluggish()
		w.begin()
		w.members()
		time.Sleep(time.Minute)
		s.set(nil, func(_ engine.GroupID, add, _ []engine.Member) time.Duration {
			if len(add) > 0 {
				return 20 * time.Second
			}
			return 0
		})
		w.grant("g1", "ada", time.Now(), time.Now().Add(8*time.Hour))
		time.Sleep(5 * time.Second)
		w.members("ada") // the directory has it; its answer is on its way
		w.change(func() { w.grants[0].When.Until = time.Now() })
		time.Sleep(25 * time.Second)
		w.outWithin("ada", 10*time.Second)
	})
}

// As above with nothing but time: the grant ends while a whole run's addition is on its way.
func TestEndsWhileTheAdditionOfAWholeRunIsOnItsWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada", "bob")
		defer w.end()
		s := w.sluggish()
		s.set(nil, func(_ engine.GroupID, add, _ []engine.Member) time.Duration {
			if len(add) > 0 {
				return 20 * time.Second
			}
			return 0
		})
		start := time.Now()
		w.grant("g1", "ada", start, start.Add(5*time.Second)) // at the start, the first whole run adds
		w.begin()
		w.members("ada")
		time.Sleep(30 * time.Second)
		w.outWithin("ada", 10*time.Second)
	})
}

// The grant files are broken at the start. When they are mended, a run reads
// them before the daemon's own look does: the daemon never learns of them.
func TestGrantsLoadedByARunAreNotNews(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada", "bob")
		defer w.end()
		w.every = time.Hour
		w.broken = errors.New("grants/ops.yaml:7: not a time")
		w.stamp = 1
		grants := make(chan engine.Source, 1)
		_ = grants
		w.begin()
		time.Sleep(time.Minute + time.Second) // between two looks
		start := time.Now()
		w.change(func() { w.broken = nil })
		w.grant("g1", "ada", start.Add(time.Minute), start.Add(8*time.Hour))
		// What a run of any lane does first, within two seconds of the change.
		if _, err := w.engine.RunIn(t.Context(), "serve", engine.Scope{Directory: "corp", Ends: true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(70 * time.Second)
		w.members("ada")
	})
}

// While the daemon reads the old configuration's grants, another configuration
// takes its place: the leads then plan by the grants of the old one, for good.
func TestOldHouseTellsItsGrantsAfterTheNewOne(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada", "bob")
		defer w.end()
		w.every = time.Hour
		start := time.Now()
		w.begin()
		time.Sleep(time.Minute + 500*time.Millisecond)
		slow := &slowSource{world: w}
		old := w.house()
		stamp := ""
		var mu sync.Mutex
		old.Grants = serve.NewGrants(func(context.Context) (string, error) { mu.Lock(); defer mu.Unlock(); return stamp, nil }, slow)
		mu.Lock()
		stamp = "1"
		mu.Unlock()
		w.day.Use(old) // the configuration in force, with its grants
		time.Sleep(time.Second)
		mu.Lock()
		stamp = "2" // a file changes; reading takes two seconds
		mu.Unlock()
		slow.delay(2 * time.Second)
		time.Sleep(1500 * time.Millisecond) // a look is reading
		next := w.house()
		soon := time.Now().Add(10 * time.Minute)
		w.grant("g1", "ada", soon, start.Add(9*time.Hour)) // only the new configuration has it
		slow.without = "g1"
		w.day.Use(next)
		time.Sleep(time.Until(soon) + 5*time.Second)
		w.members("ada")
	})
}

type slowSource struct {
	*world
	m       sync.Mutex
	d       time.Duration
	without engine.GrantID
}

func (s *slowSource) delay(d time.Duration) { s.m.Lock(); defer s.m.Unlock(); s.d = d }

func (s *slowSource) Grants(ctx context.Context) ([]engine.Grant, error) {
	s.m.Lock()
	d := s.d
	s.m.Unlock()
	gs, err := s.world.Grants(ctx) // as it was when reading began
	time.Sleep(d)
	return gs, err
}

// alias is a directory in which a group has a second name, as mail and display
// name, or cn and DN.
type alias struct {
	*memory.Directory
	names map[string]string
}

func (a *alias) Group(ctx context.Context, name string) (engine.GroupInfo, error) {
	if n, ok := a.names[name]; ok {
		name = n
	}
	return a.Directory.Group(ctx, name)
}

func (a *alias) FindAll(ctx context.Context, names []string) ([]engine.Found, error) {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = n
		if to, ok := a.names[n]; ok {
			out[i] = to
		}
	}
	return a.Directory.FindAll(ctx, out)
}

// A grant is written under another name of its group than the ledger has. After
// a restart, with names remembered in the store (relist), the process does not
// know where the name leads: a revocation waits for the next whole run.
func TestRevokedUnderAnAlias(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.end()
		w.every = time.Hour
		w.cfg.Relist = 24 * time.Hour
		w.cfg.Directories["corp"] = &alias{w.dir, map[string]string{"admins@example.org": "admins"}}
		w.grant("g1", "ada", time.Now(), time.Now().Add(8*time.Hour))
		w.grants[0].Group.Name = "admins@example.org"
		w.begin()
		w.members("ada")
		time.Sleep(3 * time.Hour)
		w.stop()
		w.engine = nil
		w.begin()
		time.Sleep(time.Minute)
		w.members("ada")
		w.change(func() { w.grants[0].When.Until = time.Now() })
		w.outWithin("ada", 10*time.Second)
	})
}

type fixed int64

func (f fixed) Check() error { return nil }
func (f fixed) Token() int64 { return int64(f) }

// A whole run of a leader that was replaced ends after the new leader's run: the
// hold that the new leader put on record is closed by it, for neither a hold nor
// the end of a run is fenced.
func TestReplacedLeaderClosesTheHoldOfTheNewOne(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada", "bob")
		defer w.end()
		w.cfg.Limits.Remove = 0
		s := w.sluggish()
		w.grant("g1", "ada", time.Now(), time.Now().Add(8*time.Hour))
		ctx := t.Context()
		leases := w.store.Leases()
		t1, _, err := leases.Acquire(ctx, "corp", "one", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		with := func(token int64) *engine.Reconciler {
			cfg := w.cfg
			cfg.Sources = []engine.Source{w}
			cfg.Lease = func(engine.Directory) engine.Lease { return fixed(token) }
			return engine.New(cfg)
		}
		one := with(t1)
		for range 2 {
			if _, err := one.RunIn(ctx, "one", engine.Scope{Directory: "corp"}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		s.set(func(engine.GroupID) time.Duration { return time.Minute }, nil)
		ended := make(chan error)
		go func() {
			_, err := one.RunIn(ctx, "one", engine.Scope{Directory: "corp"})
			ended <- err
		}()
		time.Sleep(time.Second)
		s.set(nil, nil)
		if err := leases.Release(ctx, "corp", t1); err != nil { // as if its time were up
			t.Fatal(err)
		}
		t2, _, err := leases.Acquire(ctx, "corp", "two", time.Hour)
		if err != nil || t2 <= t1 {
			t.Fatal(t1, t2, err)
		}
		w.change(func() { w.grants = nil }) // vanished: held
		if _, err := with(t2).RunIn(ctx, "two", engine.Scope{Directory: "corp"}); err != nil {
			t.Fatal(err)
		}
		if hs, err := w.store.Holds(ctx); err != nil || len(hs) != 1 {
			t.Fatal(hs, err)
		}
		t.Log("the replaced leader's run:", <-ended)
		if hs, err := w.store.Holds(ctx); err != nil || len(hs) != 1 {
			t.Errorf("open holds: %v, %v; want that of the new leader", hs, err)
		}
	})
}

// One group whose removals hang keeps the ends of all others waiting.
func TestOneHangingRemovalHoldsEveryOtherEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada", "bob")
		defer w.end()
		s := w.sluggish()
		ops := w.dir.AddGroup("ops")
		start := time.Now()
		w.grant("g1", "ada", start, start.Add(10*time.Minute))
		w.change(func() {
			w.grants = append(w.grants, engine.Grant{
				ID: "g2", Person: person("bob"), Group: engine.GroupRef{Directory: "corp", Name: "ops"},
				When: schedule.Window{From: start, Until: start.Add(10*time.Minute - 5*time.Second)},
			})
		})
		w.begin()
		w.members("ada")
		s.set(nil, func(g engine.GroupID, _, _ []engine.Member) time.Duration {
			if g == ops {
				return 5 * time.Minute
			}
			return 0
		})
		time.Sleep(time.Until(start.Add(10 * time.Minute)))
		w.outWithin("ada", 5*time.Second)
	})
}

// A directory that left the configuration while memberships of ours are in it
// is a problem of every sync; the daemon never says so, nor that they are overdue.
func TestDirectoryThatLeftIsLoud(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.end()
		start := time.Now()
		w.grant("g1", "ada", start, start.Add(2*time.Hour))
		w.begin()
		w.members("ada")
		other := memory.New("other")
		other.SetClock(time.Now)
		w.cfg.Directories = map[engine.Directory]engine.Connector{"other": other}
		w.cfg.Groups = nil
		h := w.house()
		h.Directories = []engine.Directory{"other", "corp"} // the ledger names it
		w.day.Use(h)
		w.mu.Lock()
		w.ran = nil
		w.mu.Unlock()
		time.Sleep(48 * time.Hour)
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, r := range w.ran {
			for _, p := range r.res.Plan.Problems {
				if p.Directory == "corp" {
					return
				}
			}
			if len(r.res.Overdue) > 0 {
				return
			}
		}
		t.Errorf("%d runs in two days, and none said that ada's membership in corp cannot be ended, or is overdue", len(w.ran))
	})
}

// A limit of a whole run holds five additions. A nudge of each group, or any
// edge in it, adds them all the same, a few at a time, with nothing released.
func TestHeldAdditionsAreMadeBySmallRuns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		people := []string{"p0", "p1", "p2", "p3", "p4", "p5"}
		w := newWorld(t, people...)
		defer w.end()
		w.cfg.Limits.Add = 3
		groups := []string{"admins", "ops", "dev"}
		w.dir.AddGroup("ops")
		w.dir.AddGroup("dev")
		w.begin()
		time.Sleep(time.Minute)
		w.change(func() {
			for i, p := range people {
				w.grants = append(w.grants, engine.Grant{
					ID: engine.GrantID(fmt.Sprint("g", i)), Person: person(p),
					Group: engine.GroupRef{Directory: "corp", Name: groups[i%3]},
					When:  schedule.Window{From: time.Now(), Until: time.Now().Add(8 * time.Hour)},
				})
			}
		})
		time.Sleep(5 * time.Minute)
		w.members() // all are held
		holds, err := w.store.Holds(t.Context())
		if err != nil || len(holds) == 0 {
			t.Fatal(holds, err)
		}
		for _, g := range groups {
			if err := w.day.Nudge(t.Context(), "corp", g); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(w.dir.Writes()); n != 0 {
			t.Errorf("%d additions that a limit holds were made, and nobody released them", n)
		}
	})
}

// A nudge that comes while the process gives its directory up is never answered.
func TestNudgeIsNeverAnswered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.end()
		s := w.sluggish()
		s.deaf = true
		w.every = 10 * time.Minute
		w.begin()
		w.members()
		s.set(func(engine.GroupID) time.Duration { return 5 * time.Minute }, nil)
		time.Sleep(11 * time.Minute) // a whole run lists, and does not hear that it should stop
		other := memory.New("other")
		other.SetClock(time.Now)
		h := w.house()
		h.Directories = nil
		stopped := make(chan struct{})
		go func() { w.stop(); close(stopped) }()
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), 24*time.Hour)
		defer cancel()
		answered := make(chan error, 1)
		go func() { answered <- w.day.Nudge(ctx, "corp", "admins") }()
		<-stopped
		time.Sleep(time.Minute)
		select {
		case err := <-answered:
			t.Log(err)
		default:
			t.Error("the daemon has stopped, and the nudge has no answer")
		}
		cancel()
		time.Sleep(time.Second)
	})
}

var _ = slog.Default

// `daypass plan` beside a daemon records a hold of what is in one directory, and a
// run of that directory closes it when it is solved.
func TestHoldOfAPlanIsClosedByTheDaemon(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.end()
		w.cfg.Limits.Remove = 0
		w.every = 10 * time.Minute
		w.grant("g1", "ada", time.Now(), time.Now().Add(8*time.Hour))
		w.begin()
		w.members("ada")
		time.Sleep(time.Minute)
		gs := w.grants
		w.change(func() { w.grants = nil })
		time.Sleep(5 * time.Second)
		if _, err := w.engine.Plan(t.Context()); err != nil { // as the command does, from another process
			t.Fatal(err)
		}
		w.change(func() { w.grants = gs }) // a slip, mended
		time.Sleep(24 * time.Hour)
		if hs, err := w.store.Holds(t.Context()); err != nil || len(hs) != 0 {
			t.Errorf("a day of whole runs after what was held is solved, holds are open: %+v %v", hs, err)
		}
	})
}

// slowly takes its time to remove somebody.
type slowly struct {
	*memory.Directory
	takes time.Duration
}

func (d slowly) Change(ctx context.Context, g engine.GroupID, add, remove []engine.Member) (added, removed []engine.Effect) {
	if len(remove) > 0 {
		time.Sleep(d.takes) // of the bubble
	}
	return d.Directory.Change(ctx, g, add, remove)
}

// absentminded takes people out, and loses the answer when it was waited for.
type absentminded struct {
	*memory.Directory
	waits time.Duration
}

func (d *absentminded) Change(ctx context.Context, g engine.GroupID, add, remove []engine.Member) (added, removed []engine.Effect) {
	added, removed = d.Directory.Change(ctx, g, add, remove)
	if d.waits > 0 && len(remove) > 0 {
		time.Sleep(d.waits) // of the bubble
		d.waits = 0
		removed[0] = engine.Effect{Err: &engine.Error{Op: "remove", Kind: engine.Unavailable}}
	}
	return added, removed
}

// Whose access begins again while the end of the one before is in hand is added
// when that is over, whatever came of it; and is not looked for all the time.
func TestAccessBeginsAgainDuringAnEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.end()
		w.every = 24 * time.Hour
		w.cfg.Directories["corp"] = &absentminded{w.dir, 2 * time.Minute}
		start := time.Now()
		w.grant("g1", "ada", start, start.Add(time.Hour))
		w.begin()
		w.members("ada")
		time.Sleep(time.Hour + 10*time.Second)
		w.members()
		runs := w.runs("groups")
		w.grant("g2", "ada", time.Now(), time.Now().Add(8*time.Hour))
		time.Sleep(6 * time.Minute)
		w.members("ada")
		if n := w.runs("groups") - runs; n > 12 {
			t.Errorf("%d runs for one group in six minutes", n)
		}
	})
}

// Law 1: what ends while the ends of a moment ago are still under way waits for
// none of them, and for no second.
func TestEndsInARow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.end()
		w.cfg.Directories["corp"] = slowly{w.dir, 100 * time.Millisecond}
		first := time.Now().Add(time.Minute)
		const ends = 100
		for i := range ends {
			name := fmt.Sprintf("g%03d", i)
			w.dir.AddGroup(name)
			w.change(func() {
				w.grants = append(w.grants, engine.Grant{
					ID: engine.GrantID(name), Person: person("ada"), Group: engine.GroupRef{Directory: "corp", Name: name},
					When: schedule.Window{From: time.Now(), Until: first.Add(time.Duration(i) * 17 * time.Millisecond)},
				})
			})
		}
		w.begin()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		n := 0
		for past, err := range w.store.Past(t.Context(), store.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			if lag := past.Removed.Sub(past.Due); lag > 300*time.Millisecond {
				t.Errorf("%s: removed %s after its end", past.GroupName, lag)
			}
		}
		if n != ends {
			t.Errorf("%d of %d are over", n, ends)
		}
	})
}
