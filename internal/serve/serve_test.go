package serve_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
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

// world is a daemon on a directory in memory and a real store, in a bubble of
// time.
type world struct {
	*testing.T
	dir    *memory.Directory
	store  *store.Store
	admins engine.GroupID
	ids    map[string]engine.MemberID
	day    *serve.Daemon
	engine *engine.Reconciler
	cfg    engine.Config
	every  time.Duration
	log    slog.Handler
	ask    func(context.Context, engine.Directory) error // of the house; with heard
	heard  func(engine.Directory) time.Time

	mu     sync.Mutex
	grants []engine.Grant
	byHand hands
	stamp  int
	broken error
	shift  time.Duration // of the wall clock
	ran    []ran
	busy   map[string]int // runs under way, by scope
	told   int            // grants that the watcher was told of last
	words  []word
	stop   func()
}

type ran struct {
	at    time.Time
	scope string
	res   engine.Result
	err   error
}

// word is what the watcher was told of whether the directory answers.
type word struct {
	at  time.Time
	err error
}

func newWorld(t *testing.T, people ...string) *world {
	w := &world{T: t, dir: memory.New("corp"), ids: make(map[string]engine.MemberID), busy: make(map[string]int), every: time.Hour, log: slog.DiscardHandler}
	w.dir.SetClock(time.Now)
	for _, p := range people {
		w.ids[p] = w.dir.AddPerson(person(p), p)
	}
	w.admins = w.dir.AddGroup("admins")
	var err error
	if w.store, err = store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "daypass.db")); err != nil {
		t.Fatal(err)
	}
	w.cfg = engine.Config{
		Directories: map[engine.Directory]engine.Connector{"corp": w.dir},
		Groups:      map[engine.GroupRef]engine.Rules{{Directory: "corp", Name: "admins"}: engine.DefaultRules()},
		Defaults:    engine.DefaultRules(), Limits: engine.DefaultLimits(),
		Ledger: w.store, Overdue: time.Hour, Now: w.now,
	}
	return w
}

// hands are grants made by hand.
type hands struct {
	mu  sync.Mutex
	all []engine.Grant
}

func (h *hands) Grants(context.Context) ([]engine.Grant, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.all), nil
}

func person(name string) engine.Person { return engine.Person(name + "@example.org") }

// now is the wall clock, which may be wrong.
func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.shift)
}

func (w *world) set(shift time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shift = shift
}

func (w *world) Grants(context.Context) ([]engine.Grant, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.grants), w.broken
}

// change changes the grants, as an editor does a file.
func (w *world) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
	w.stamp++
}

func (w *world) grant(id, who string, from, until time.Time) {
	w.change(func() {
		w.grants = append(w.grants, engine.Grant{
			ID: engine.GrantID(id), Person: person(who), Group: engine.GroupRef{Directory: "corp", Name: "admins"},
			When: schedule.Window{From: from, Until: until},
		})
	})
}

func (w *world) house() *serve.House {
	grants := serve.NewGrants(func(context.Context) (string, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return fmt.Sprint(w.stamp), nil
	}, w, &w.byHand)
	w.cfg.Sources = grants.Sources()
	if w.engine == nil {
		w.engine = engine.New(w.cfg)
	} else {
		w.engine = w.engine.With(w.cfg)
	}
	return &serve.House{
		Engine: w.engine, Grants: grants, Directories: []engine.Directory{"corp"}, Every: w.every,
		Grace: func(engine.Directory) time.Duration { return w.dir.Grace() },
		Ask:   w.ask, Heard: w.heard,
		Took: func(engine.Directory) {}, Close: func() {},
	}
}

// begin starts the daemon; end stops it.
func (w *world) begin() {
	w.day = serve.New(serve.Config{By: "serve", Holder: "test", Now: w.now, Watch: w, Log: slog.New(w.log)})
	w.day.Use(w.house())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		w.day.Run(ctx)
		close(done)
	}()
	w.stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
}

func (w *world) end() {
	if w.stop != nil {
		w.stop()
	}
	if err := w.store.Close(); err != nil {
		w.Error(err)
	}
}

func (w *world) Ran(_ engine.Directory, sc engine.Scope, res engine.Result, _ time.Duration, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ran = append(w.ran, ran{time.Now(), sc.String(), res, err})
}

func (w *world) Trace(ctx context.Context, _ engine.Directory, sc engine.Scope) (context.Context, func(engine.Result, error)) {
	count := func(n int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.busy[sc.String()] += n
	}
	count(1)
	return ctx, func(engine.Result, error) { count(-1) }
}

func (w *world) Answers(_ engine.Directory, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.words = append(w.words, word{time.Now(), err})
}

func (w *world) Leads(engine.Directory, schedule.Standing) {}
func (w *world) Granted(all []engine.Grant, _ error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if all != nil {
		w.told = len(all)
	}
}

func (w *world) Left(engine.Directory) {}

func (w *world) runs(scope string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, r := range w.ran {
		if r.scope == scope {
			n++
		}
	}
	return n
}

// members asserts who is in admins, once everything under way at this instant
// is over.
func (w *world) members(want ...string) {
	w.Helper()
	time.Sleep(time.Millisecond) // of the bubble
	synctest.Wait()
	got := make([]string, 0)
	for _, m := range w.dir.Roster(w.admins) {
		got = append(got, m.Login)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) && len(got)+len(want) > 0 {
		w.Fatalf("%s: members %v, want %v", w.now().Format(time.DateTime), got, want)
	}
}

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func TestAccessBeginsAndEndsOnTheSecond(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada", "bob")
		defer w.end()
		start := time.Now()
		w.grant("g1", "ada", start.Add(10*time.Second), start.Add(40*time.Second))
		w.grant("g2", "bob", start, start.Add(20*time.Minute))
		w.begin()
		w.members("bob")
		time.Sleep(10*time.Second - time.Since(start))
		w.members("ada", "bob")
		lists := w.dir.Calls(memory.CallMembers)
		time.Sleep(40*time.Second - time.Since(start))
		w.members("bob")
		if n := w.dir.Calls(memory.CallMembers) - lists; n != 0 {
			t.Errorf("the end waited for %d listings", n)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		for past, err := range w.store.Past(t.Context(), store.Filter{}) {
			if err != nil || past.Person != person("ada") || past.Removed.Sub(past.Due) > time.Second || past.Confirmed.Sub(past.Due) > 10*time.Second {
				t.Errorf("past: %+v, %v", past, err)
			}
		}
		if n := w.runs("directory"); n != 1 {
			t.Errorf("%d whole runs for two edges", n)
		}
	})
}

func TestRevokedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.end()
		w.grant("g1", "ada", time.Now(), time.Now().Add(8*time.Hour))
		w.begin()
		w.members("ada")
		time.Sleep(time.Minute)
		w.change(func() { w.grants[0].When.Until = time.Now() })
		time.Sleep(3 * time.Second)
		w.members()
	})
}

func TestExtendedWithoutAGap(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.end()
		w.grant("g1", "ada", time.Now(), time.Now().Add(time.Minute))
		w.begin()
		w.members("ada")
		time.Sleep(50 * time.Second)
		w.change(func() { w.grants[0].When.Until = time.Now().Add(time.Hour) })
		time.Sleep(30 * time.Minute)
		w.members("ada")
		if n := len(w.dir.Writes()); n != 1 {
			t.Errorf("%d writes, want the addition only: %+v", n, w.dir.Writes())
		}
		time.Sleep(time.Hour)
		w.members()
	})
}

// A grant that is gone before its time is a surprise: a whole run decides, with
// its limits, and soon.
func TestVanishedGrantIsDecidedByAWholeRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada", "bob")
		defer w.end()
		w.grant("g1", "ada", time.Now(), time.Now().Add(8*time.Hour))
		w.grant("g2", "bob", time.Now(), time.Now().Add(8*time.Hour))
		w.begin()
		w.members("ada", "bob")
		time.Sleep(5 * time.Minute)
		w.change(func() { w.grants = w.grants[:1] })
		time.Sleep(5 * time.Second)
		w.members("ada")
		if n := w.runs("directory"); n != 2 {
			t.Errorf("%d whole runs, want a second one", n)
		}
	})
}

// What a limit holds ends all the same when its time is up, although no grant
// says so any more.
func TestEndThatOnlyTheLedgerKnows(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada", "bob")
		defer w.end()
		w.cfg.Limits.Remove = 0
		w.grant("g1", "ada", time.Now(), time.Now().Add(time.Hour))
		w.grant("g2", "bob", time.Now(), time.Now().Add(2*time.Hour))
		start := time.Now()
		w.begin()
		w.members("ada", "bob")
		time.Sleep(time.Minute)
		w.change(func() { w.grants = w.grants[1:] })
		time.Sleep(10 * time.Minute)
		w.members("ada", "bob")
		time.Sleep(time.Hour - time.Since(start))
		w.members("bob")
	})
}

// While a listing hangs, ends go on.
func TestEndsDoNotWaitForAListing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada", "bob")
		defer w.end()
		w.grant("g1", "ada", time.Now(), time.Now().Add(2*time.Hour-time.Minute))
		w.every = 90 * time.Minute
		w.begin()
		w.members("ada")
		w.dir.Fail(memory.Fault{Call: memory.CallMembers, Stall: true, Kind: engine.Unavailable})
		w.grant("g2", "bob", time.Now().Add(time.Hour), time.Now().Add(9*time.Hour)) // its look hangs
		time.Sleep(2*time.Hour - time.Minute)
		w.members()
	})
}

// A removal that fails is tried again until it succeeds, soon at first.
func TestEndIsTriedUntilItIsDone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.end()
		w.grant("g1", "ada", time.Now(), time.Now().Add(time.Minute))
		w.begin()
		w.members("ada")
		w.dir.Fail(memory.Fault{Call: memory.CallRemove, Kind: engine.Unavailable})
		time.Sleep(30 * time.Minute)
		w.members("ada")
		tries := w.dir.Calls(memory.CallRemove)
		if tries < 25 || tries > 80 {
			t.Errorf("%d tries in 29 minutes", tries)
		}
		w.dir.Mend()
		time.Sleep(time.Minute)
		w.members()
	})
}

// What was due while nobody ran goes first, before anything is listed.
func TestCatchesUpWithWhatIsDueFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada", "bob")
		defer w.end()
		w.grant("g1", "ada", time.Now(), time.Now().Add(time.Hour))
		w.begin()
		w.members("ada")
		w.stop()
		w.grant("g2", "bob", time.Now(), time.Now().Add(24*time.Hour))
		time.Sleep(3 * time.Hour)
		w.members("ada")
		before := len(w.ran)
		w.begin()
		w.members("bob")
		if ws := w.dir.Writes(); len(ws) != 3 || ws[1].Member != w.ids["ada"] {
			t.Errorf("writes: %+v", ws)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if first := w.ran[before]; first.scope != "ends" {
			t.Errorf("the first run after the start is of %q", first.scope)
		}
	})
}

// The clock is set ahead, as when a machine has slept for a day: everything
// that was to happen meanwhile happens now.
func TestMachineAsleepForADay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada", "bob", "eve")
		defer w.end()
		w.dir.SetClock(w.now)
		start := time.Now()
		w.grant("g1", "ada", start, start.Add(3*time.Hour))
		w.grant("g2", "bob", start.Add(2*time.Hour), start.Add(5*time.Hour))
		w.grant("g3", "eve", start.Add(4*time.Hour), start.Add(48*time.Hour))
		w.every = 72 * time.Hour
		w.begin()
		w.members("ada")
		w.set(24 * time.Hour)
		time.Sleep(20 * time.Second)
		w.members("eve")
		time.Sleep(24*time.Hour - time.Minute)
		w.members("eve")
		time.Sleep(2 * time.Minute)
		w.members()
	})
}

// The clock is set back an hour: the store says so, and until the clock is
// right nothing is decided by it, loudly. Then what is due is done, once.
func TestClockMovedBackAnHour(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada", "bob")
		defer w.end()
		start := time.Now()
		w.grant("g1", "ada", start, start.Add(2*time.Hour))
		w.grant("g2", "bob", start.Add(90*time.Minute), start.Add(9*time.Hour))
		w.every = 15 * time.Minute
		w.begin()
		time.Sleep(time.Hour)
		w.members("ada")
		w.set(-time.Hour)
		time.Sleep(20 * time.Second)
		w.members("ada")
		time.Sleep(70 * time.Minute) // 2:10 in truth; the clock says 1:10
		w.mu.Lock()
		last := w.ran[len(w.ran)-1]
		w.mu.Unlock()
		if !errors.Is(last.err, engine.ErrClock) {
			t.Errorf("the last run says %v, and nothing of the clock", last.err)
		}
		w.set(0)
		time.Sleep(2 * time.Minute)
		w.members("bob")
		removed := 0
		for _, wr := range w.dir.Writes() {
			if wr.Member == w.ids["ada"] {
				removed++
			}
		}
		if removed != 2 {
			t.Errorf("%d writes for ada, want one addition and one removal: %+v", removed, w.dir.Writes())
		}
	})
}

// Hours of the week, over both changes of daylight saving and a leap day.
func TestHoursOfTheWeekOverTheYears(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.end()
		weekly, err := schedule.ParseWeekly("mon-sun 01:30-03:30 Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Date(2000, 2, 20, 0, 0, 0, 0, berlin) // the bubble begins in 2000, which has a leap day
		w.change(func() {
			w.grants = []engine.Grant{{
				ID: "g1", Person: person("ada"), Group: engine.GroupRef{Directory: "corp", Name: "admins"},
				When: schedule.Window{From: start, Until: start.AddDate(1, 0, 0), Weekly: weekly},
			}}
		})
		for _, day := range []struct {
			date   string
			length time.Duration // of the hours on that day
		}{
			{"2000-02-28", 2 * time.Hour},
			{"2000-02-29", 2 * time.Hour},
			{"2000-03-01", 2 * time.Hour},
			{"2000-03-25", 2 * time.Hour},
			{"2000-03-26", time.Hour},
			{"2000-03-27", 2 * time.Hour},
			{"2000-10-28", 2 * time.Hour},
			{"2000-10-29", 3 * time.Hour},
			{"2000-10-30", 2 * time.Hour},
		} {
			at, err := time.ParseInLocation("2006-01-02 15:04", day.date+" 01:30", berlin)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Until(at) - time.Minute)
			w.begin()
			time.Sleep(59 * time.Second)
			w.members()
			time.Sleep(time.Until(at))
			w.members("ada")
			time.Sleep(time.Until(at.Add(day.length)) - time.Second)
			w.members("ada")
			time.Sleep(time.Second)
			w.members()
			w.stop()
		}
	})
}

// A file that cannot be read leaves what was read before in force.
func TestBrokenGrantsKeepTheOldOnes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada", "bob")
		defer w.end()
		start := time.Now()
		w.grant("g1", "ada", start, start.Add(time.Hour))
		w.grant("g2", "bob", start.Add(30*time.Minute), start.Add(9*time.Hour))
		w.every = 10 * time.Minute
		w.begin()
		w.members("ada")
		w.change(func() { w.grants, w.broken = nil, fmt.Errorf("grants/ops.yaml:7: not a time") })
		time.Sleep(31 * time.Minute)
		w.members("ada", "bob")
		time.Sleep(30 * time.Minute)
		w.members("bob")
	})
}

func TestNudgeReturnsWhenItIsDone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.end()
		w.begin()
		time.Sleep(time.Minute)
		w.grant("g1", "ada", time.Now(), time.Now().Add(time.Hour))
		if err := w.day.Nudge(t.Context(), "corp", "admins"); err != nil {
			t.Fatal(err)
		}
		if !w.dir.Has(w.admins, w.ids["ada"]) {
			t.Error("the nudge returned, and ada is not in")
		}
		if err := w.day.Nudge(t.Context(), "elsewhere", "admins"); err == nil {
			t.Error("a directory that nobody leads was nudged")
		}
	})
}

// Another configuration takes over without a gap.
func TestAnotherHouse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada", "bob")
		defer w.end()
		start := time.Now()
		w.grant("g1", "ada", start, start.Add(time.Minute))
		w.begin()
		w.members("ada")
		time.Sleep(59 * time.Second)
		closed := false
		old := w.house() // of no use but to be replaced
		old.Close = func() { closed = true }
		w.day.Use(old)
		w.day.Use(w.house())
		time.Sleep(time.Second)
		w.members()
		if !closed {
			t.Error("the house before was not closed")
		}
	})
}

// A file that cannot be read holds up no grant that was made by hand: one that
// is revoked meanwhile ends.
func TestBrokenFileHoldsUpNoRevocation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada", "bob")
		defer w.end()
		w.byHand.all = []engine.Grant{{
			ID: "h1", Person: person("ada"), Group: engine.GroupRef{Directory: "corp", Name: "admins"},
			When: schedule.Window{Until: time.Now().Add(8 * time.Hour)},
		}}
		w.grant("g1", "bob", time.Now(), time.Now().Add(time.Hour))
		w.begin()
		w.members("ada", "bob")
		w.change(func() { w.broken = fmt.Errorf("grants/ops.yaml:7: not a time") })
		time.Sleep(time.Minute)
		w.change(func() {
			w.byHand.mu.Lock()
			defer w.byHand.mu.Unlock()
			w.byHand.all[0].When.Until = time.Now()
		})
		time.Sleep(3 * time.Second)
		w.members("bob")
	})
}

// A grant that is extended in the last moment, between two looks at the grants,
// does not end.
func TestExtendedInTheLastMoment(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.end()
		start := time.Now()
		w.grant("g1", "ada", start, start.Add(61*time.Second))
		w.begin()
		w.members("ada")
		time.Sleep(61*time.Second - time.Millisecond - time.Since(start))
		w.change(func() { w.grants[0].When.Until = start.Add(time.Hour) })
		time.Sleep(10 * time.Minute)
		w.members("ada")
		if n := len(w.dir.Writes()); n != 1 {
			t.Errorf("%d writes, want the addition only: %+v", n, w.dir.Writes())
		}
	})
}

// A hold that is released is carried out at once.
func TestReleaseIsCarriedOutAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada", "bob")
		defer w.end()
		w.cfg.Limits.Remove = 0
		w.grant("g1", "ada", time.Now(), time.Now().Add(8*time.Hour))
		w.begin()
		w.members("ada")
		time.Sleep(5 * time.Minute)
		w.change(func() { w.grants = nil })
		time.Sleep(5 * time.Second)
		w.members("ada")
		holds, err := w.store.Holds(t.Context())
		if err != nil || len(holds) != 1 {
			t.Fatalf("holds %+v, %v", holds, err)
		}
		if _, err := w.store.AddRelease(t.Context(), engine.Release{Digest: holds[0].Digest, By: "root", At: time.Now(), Expires: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		w.change(func() {}) // as the store's generation tells
		time.Sleep(3 * time.Second)
		w.members()
	})
}

// Where the last grant goes, whoever watches hears of it.
func TestLastGrantThatGoesIsTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.end()
		w.grant("g1", "ada", time.Now(), time.Now().Add(time.Hour))
		w.begin()
		w.members("ada")
		w.change(func() { w.grants = nil })
		time.Sleep(5 * time.Second)
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.told != 0 {
			t.Errorf("the watcher still knows %d grants", w.told)
		}
	})
}

// A whole run that is asked for by the interval is made once, although two ask:
// who took the directory over has just made one.
func TestIntervalIsKeptOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.end()
		w.begin()
		w.members()
		time.Sleep(time.Minute)
		if err := w.day.Interval(t.Context(), "corp"); err != nil || w.runs("directory") != 1 {
			t.Errorf("%d whole runs a minute after the first, %v", w.runs("directory"), err)
		}
		time.Sleep(40 * time.Minute)
		if err := w.day.Interval(t.Context(), "corp"); err != nil || w.runs("directory") != 2 {
			t.Errorf("%d whole runs when the interval asked for the second, %v", w.runs("directory"), err)
		}
	})
}

// A file that stays broken is not read all the time.
func TestBrokenFileIsReadLessAndLess(t *testing.T) {
	bubble(t, func(t *testing.T) {
		reads := 0
		g := serve.NewGrants(func(context.Context) (string, error) { return "the same", nil }, source(func() error {
			reads++
			return errors.New("not a time")
		}))
		for range 600 {
			_, _ = g.Refresh(t.Context())
			time.Sleep(time.Second)
		}
		if reads < 15 || reads > 40 {
			t.Errorf("read %d times in ten minutes", reads)
		}
	})
}

// source is one that fails as told.
type source func() error

func (s source) Grants(context.Context) ([]engine.Grant, error) { return nil, s() }

// A house that takes the place of another begins without a burst, for the one
// before used the quota until now; and each is closed once, whenever it comes.
func TestHousesAreClosedOnceAndBeginWithoutABurst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.store.Close()
		var took, closed [3]int
		var mu sync.Mutex
		house := func(i int) *serve.House {
			h := w.house()
			count := func(n *int) {
				mu.Lock()
				defer mu.Unlock()
				*n++
			}
			h.Took = func(engine.Directory) { count(&took[i]) }
			h.Close = func() { count(&closed[i]) }
			return h
		}
		w.day = serve.New(serve.Config{By: "serve", Now: w.now, Watch: w, Log: slog.New(slog.DiscardHandler)})
		w.day.Use(house(0))
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { w.day.Run(ctx) })
		time.Sleep(time.Minute)
		w.day.Use(house(1))
		time.Sleep(time.Minute)
		stop()
		running.Wait()
		w.day.Use(house(2)) // a reload that came too late
		synctest.Wait()
		if want := [3]int{1, 1, 1}; closed != want {
			t.Errorf("closed %v times, want %v", closed, want)
		}
		if want := [3]int{0, 1, 0}; took != want {
			t.Errorf("told %v times that somebody else used the quota, want %v", took, want)
		}
	})
}
