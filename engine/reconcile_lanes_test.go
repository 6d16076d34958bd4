package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/schedule"
)

// slow is a directory whose answers take their time, so that runs which go on
// at once meet in every order. Each call happens somewhere in its time.
type slow struct {
	*memory.Directory
	t    *testing.T
	mu   sync.Mutex
	rng  *rand.Rand
	busy map[engine.Membership]bool // being written to
}

func (s *slow) nap() {
	s.mu.Lock()
	d := time.Duration(s.rng.IntN(2000)) * time.Millisecond
	s.mu.Unlock()
	time.Sleep(d)
}

func (s *slow) around(f func()) {
	s.nap()
	f()
	s.nap()
}

func (s *slow) Group(ctx context.Context, name string) (info engine.GroupInfo, err error) {
	s.around(func() { info, err = s.Directory.Group(ctx, name) })
	return info, err
}

func (s *slow) Members(ctx context.Context, g engine.GroupID) (ms []engine.Member, err error) {
	s.around(func() { ms, err = s.Directory.Members(ctx, g) })
	return ms, err
}

func (s *slow) ResolveAll(ctx context.Context, ps []engine.Person) (rs []engine.Resolution, err error) {
	s.around(func() { rs, err = s.Directory.ResolveAll(ctx, ps) })
	return rs, err
}

func (s *slow) Change(ctx context.Context, g engine.GroupID, add, remove []engine.Member) (added, removed []engine.Effect) {
	s.alone(g, true, add, remove)
	s.around(func() { added, removed = s.Directory.Change(ctx, g, add, remove) })
	s.alone(g, false, add, remove)
	return added, removed
}

// alone fails the test when two calls write one membership at once.
func (s *slow) alone(g engine.GroupID, begin bool, add, remove []engine.Member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range append(append([]engine.Member(nil), add...), remove...) {
		key := engine.Membership{Group: engine.Group{Directory: "corp", ID: g}, Member: m.ID}
		if begin && s.busy[key] {
			s.t.Errorf("two runs write %v at once", key)
		}
		s.busy[key] = begin
	}
}

// TestLanesAgree lets whole runs, runs of some groups and ends go on at once,
// for random histories, and holds what comes of it to the laws: nobody who was
// there before is touched, nobody is left who should be out, nobody is out who
// should be in, and no claim outlives its membership.
func TestLanesAgree(t *testing.T) {
	for seed := range uint64(150) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { lanes(t, rand.New(rand.NewPCG(seed, 7))) })
		})
	}
}

func lanes(t *testing.T, rng *rand.Rand) {
	people := crowd("p", 6)
	w := newWorld(t, append(people, "root", "eve")...)
	w.now = time.Now()
	w.cfg.Now = time.Now
	w.dir.SetClock(time.Now)
	if rng.IntN(2) == 0 {
		w.cfg.Relist = time.Hour
	}
	w.cfg.Directories["corp"] = &slow{
		Directory: w.dir, t: t, rng: rand.New(rand.NewPCG(rng.Uint64(), 1)), busy: make(map[engine.Membership]bool),
	}
	w.cfg.Workers = 3
	groups := map[string]engine.GroupID{"admins": w.admins, "ops": w.group("ops"), "dev": w.group("dev")}
	names := []string{"admins", "ops", "dev"}
	for _, g := range groups {
		w.dir.Put(g, w.ids["root"])
	}
	src := &shared{}
	w.cfg.Sources = []engine.Source{src}
	r := engine.New(w.cfg)

	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	lane := func(pause time.Duration, scope func() engine.Scope) {
		wg.Go(func() {
			for ctx.Err() == nil {
				sc := scope()
				sc.Directory = "corp"
				if _, err := r.RunIn(context.Background(), "serve", sc); err != nil {
					t.Error(err)
				}
				time.Sleep(pause)
			}
		})
	}
	lane(20*time.Second, func() engine.Scope { return engine.Scope{} })
	lane(time.Second, func() engine.Scope { return engine.Scope{Ends: true} })
	lane(3*time.Second, func() engine.Scope { return engine.Scope{Names: names} })

	for i := range 60 {
		who, group := people[rng.IntN(len(people))], names[rng.IntN(len(names))]
		now := time.Now()
		switch rng.IntN(6) {
		case 0, 1, 2:
			src.add(engine.Grant{
				ID: engine.GrantID(fmt.Sprint("g", i)), Person: person(who), Group: engine.GroupRef{Directory: "corp", Name: group},
				When: schedule.Window{From: now, Until: now.Add(time.Duration(1+rng.IntN(60)) * time.Second)},
			})
		case 3:
			src.end(rng, now)
		case 4:
			src.extend(rng, now.Add(time.Duration(rng.IntN(60))*time.Second))
		case 5: // somebody else takes people out, and they are put back while a grant is in force
			w.dir.Take(groups[group], w.ids[who])
		}
		time.Sleep(time.Duration(rng.IntN(5000)) * time.Millisecond)
	}
	time.Sleep(3 * time.Minute)
	stop()
	wg.Wait()
	time.Sleep(time.Hour)
	for range 3 { // whatever is left is settled by whole runs
		if _, err := r.RunIn(context.Background(), "serve", engine.Scope{}); err != nil {
			t.Fatal(err)
		}
	}
	for name, g := range groups {
		ms := w.dir.Roster(g)
		if len(ms) != 1 || ms[0].ID != w.ids["root"] {
			t.Errorf("%s holds %v, want root alone", name, ms)
		}
	}
	if len(w.ledger.owned) != 0 {
		t.Errorf("claims on nothing: %+v", w.ledger.owned)
	}
	for _, wr := range w.dir.Writes() {
		if wr.Member == w.ids["root"] {
			t.Errorf("root was there before: %+v", wr)
		}
	}
}

// shared are grants that change while runs read them.
type shared struct {
	mu sync.Mutex
	gs []engine.Grant
}

func (s *shared) Grants(context.Context) ([]engine.Grant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]engine.Grant(nil), s.gs...), nil
}

func (s *shared) add(g engine.Grant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gs = append(s.gs, g)
}

// end ends one of the grants that are in force, as a revocation does.
func (s *shared) end(rng *rand.Rand, at time.Time) { s.extend(rng, at) }

// extend moves the end of one of the grants that are in force.
func (s *shared) extend(rng *rand.Rand, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.gs) == 0 {
		return
	}
	if g := &s.gs[rng.IntN(len(s.gs))]; g.When.Active(time.Now()) {
		g.When.Until = until
	}
}
