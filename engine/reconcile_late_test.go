package engine_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// Removals that settle make a falsely empty listing look right.
func TestEmptyListingWhileRemovalsSettle(t *testing.T) {
	t.Parallel()
	stay, go_ := crowd("stay", 4), crowd("go", 6)
	w := newLate(t, 0, append(append([]string{}, stay...), go_...)...)
	w.rule("admins", func(r *engine.Rules) { r.Removed = engine.RemovedEnd })
	w.grantAll(stay, 8)
	w.grantAll(go_, 1)
	w.run()
	w.pass(10 * time.Minute)
	w.run() // all ten confirmed
	w.pass(time.Hour)
	w.run() // six removed
	w.members(stay...)
	w.pass(20 * time.Second)
	w.run() // inside the grace: reads four
	w.pass(20 * time.Second)
	w.dir.Lie(w.admins, memory.Empty)
	w.run()
	w.members(stay...)
}

// The same without removals that settle: held.
func TestEmptyListingControl(t *testing.T) {
	t.Parallel()
	stay := crowd("stay", 4)
	w := newLate(t, 0, stay...)
	w.rule("admins", func(r *engine.Rules) { r.Removed = engine.RemovedEnd })
	w.grantAll(stay, 8)
	w.run()
	w.pass(10 * time.Minute)
	w.run()
	w.pass(time.Hour)
	w.dir.Lie(w.admins, memory.Empty)
	w.run()
	w.members(stay...)
}

// Additions that settle do, too.
func TestEmptyListingWhileAdditionsSettle(t *testing.T) {
	t.Parallel()
	for _, added := range []int{0, 2} {
		stay, more := crowd("stay", 2), crowd("x", added)
		w := newLate(t, 0, append(append([]string{}, stay...), more...)...)
		w.rule("admins", func(r *engine.Rules) { r.Removed = engine.RemovedEnd })
		w.grantAll(stay, 8)
		w.run()
		w.pass(10 * time.Minute)
		w.run()
		w.grantAll(more, 8)
		w.run()
		w.pass(20 * time.Second)
		w.dir.Lie(w.admins, memory.Empty)
		w.run()
		w.members(append(append([]string{}, stay...), more...)...)
	}
}

// looks is a directory whose connector looks before it removes, and sees late,
// as okta and google do in a process that has just started.
type looks struct{ *memory.Directory }

func (l looks) Remove(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
	ms, err := l.Members(ctx, g)
	if err != nil {
		return false, err
	}
	for _, x := range ms {
		if x.ID == m.ID {
			return l.Directory.Remove(ctx, g, m)
		}
	}
	return false, nil
}

func (l looks) Change(ctx context.Context, g engine.GroupID, add, remove []engine.Member) (a, r []engine.Effect) {
	for _, m := range add {
		c, err := l.Add(ctx, g, m)
		a = append(a, engine.Effect{Changed: c, Err: err})
	}
	for _, m := range remove {
		c, err := l.Remove(ctx, g, m)
		r = append(r, engine.Effect{Changed: c, Err: err})
	}
	return a, r
}

// An add whose answer was lost, and whose grant ends inside the lag.
func TestLostAddEndsInsideTheLag(t *testing.T) {
	t.Parallel()
	w := newLate(t, time.Minute, "ada")
	w.cfg.Directories["corp"] = looks{w.dir}
	w.grant("g1", "ada", 1)
	w.dir.Fail(memory.Fault{Call: memory.CallAdd, Nth: 1, Kind: engine.Unavailable, After: true})
	w.run()
	if o := w.owns("ada"); o == nil || o.State != engine.Adding {
		t.Fatalf("%+v", o)
	}
	w.until("g1", w.clock().Add(10*time.Second)) // revoked
	w.pass(10 * time.Second)
	w.run()
	for range 20 {
		w.pass(time.Minute)
		w.run()
	}
	w.members()
}

// One group that does not answer, with three ends in it, goes first.
func TestOneSickGroupStopsAllEnds(t *testing.T) {
	t.Parallel()
	people := crowd("p", 3)
	w := newWorld(t, append(people, "zoe")...)
	sick, well := w.group("aaa"), w.group("zzz")
	for _, p := range people {
		w.grantIn("g-"+p, p, "corp", "aaa", 1)
	}
	w.grantIn("g-zoe", "zoe", "corp", "zzz", 1)
	w.run()
	w.dir.Fail(memory.Fault{Call: memory.CallRemove, Group: sick, Kind: engine.Unavailable})
	for range 50 {
		w.pass(time.Hour)
		w.run()
	}
	w.membersOf(well)
}

// sick is a directory with one group whose removals end without an answer, and
// only after the others of their round.
type sick struct {
	*memory.Directory
	group engine.GroupID
	after int
	done  atomic.Int64
	go_   chan struct{}
}

func (s *sick) Change(ctx context.Context, g engine.GroupID, add, remove []engine.Member) (a, r []engine.Effect) {
	if g != s.group || len(remove) == 0 {
		a, r = s.Directory.Change(ctx, g, add, remove)
		if len(remove) > 0 && s.done.Add(1) == int64(s.after) {
			close(s.go_)
		}
		return a, r
	}
	<-s.go_
	for range remove {
		r = append(r, engine.Effect{Err: &engine.Error{Op: "corp: list aaa", Kind: engine.Unavailable}})
	}
	return nil, r
}

// With four workers and more groups than a round has.
func TestOneSickGroupStopsAllEndsWithWorkers(t *testing.T) {
	t.Parallel()
	people, others := crowd("p", 3), crowd("z", 200)
	w := newWorld(t, append(people, others...)...)
	w.cfg.Workers = 4
	s := &sick{Directory: w.dir, group: w.group("aaa"), after: 63}
	w.cfg.Directories["corp"] = s
	var wells []engine.GroupID
	for _, p := range people {
		w.grantIn("g-"+p, p, "corp", "aaa", 1)
	}
	for _, p := range others {
		wells = append(wells, w.group("g"+p))
		w.grantIn("g-"+p, p, "corp", "g"+p, 1)
	}
	w.run()
	w.pass(time.Hour)
	s.go_ = make(chan struct{})
	res := w.run()
	left := 0
	for _, g := range wells {
		left += len(w.dir.Roster(g))
	}
	if left > 0 {
		t.Errorf("%d of 200 ends in other groups did not take place; failures %d, the last: %+v", left, len(res.Failures), res.Failures[len(res.Failures)-1].Error)
	}
}

// slowMarks takes its time to tell what changed.
type slowMarks struct {
	*memory.Directory
	w *world
}

func (s slowMarks) Changed(ctx context.Context, m engine.Mark) (engine.Changes, error) {
	s.w.pass(6 * time.Minute)
	return s.Directory.Changed(ctx, m)
}

// A directory that tells slowly what changed stops every run by the clock check.
func TestSlowMarksAreNoWrongClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 1)
	w.cfg.Relist = 24 * time.Hour
	w.run()
	w.pass(2 * time.Hour)
	w.cfg.Directories["corp"] = slowMarks{w.dir, w}
	for range 3 {
		_, err := engine.New(w.cfg).Run(context.Background(), "cron", "")
		if err != nil {
			t.Errorf("run: %v", err)
		}
	}
	w.members()
}

// liar says that it took the removal, and did not.
type empty struct{ *memory.Directory }

func (l empty) Change(ctx context.Context, g engine.GroupID, add, remove []engine.Member) (a, r []engine.Effect) {
	a, _ = l.Directory.Change(ctx, g, add, nil)
	for range remove {
		r = append(r, engine.Effect{Changed: true})
	}
	return a, r
}

// An end that is taken again and again, and never comes, is overdue.
func TestEndThatNeverSticksIsOverdue(t *testing.T) {
	t.Parallel()
	w := newLate(t, 0, "ada")
	w.cfg.Directories["corp"] = empty{w.dir}
	w.grant("g1", "ada", 1)
	w.run()
	w.pass(time.Hour)
	loud := 0
	for range 60 * 24 { // a day, each minute
		w.pass(time.Minute)
		loud += len(w.run().Overdue)
	}
	if loud == 0 {
		t.Error("a day after the end nobody was told that it did not come")
	}
}

// Standing by today's account, and an end by a remembered one.
func TestStandingByRememberedAccount(t *testing.T) {
	t.Parallel()
	w, _ := newMarked(t, "ada", "bob", "root")
	w.dir.Take(w.admins, w.ids["ada"])
	w.rule("admins", func(r *engine.Rules) { r.Standing = []engine.Person{person("root")} })
	w.grant("g1", "bob", 1)
	for range 4 {
		w.run()
	}
	// root's address is bob's account by now.
	w.cfg.Directories["corp"] = readdressed{w.dir, person("root"), engine.Member{ID: w.ids["bob"], Login: "bob"}}
	w.pass(time.Hour)
	w.run()
	w.members("bob")
}

// A change shortly before everything is listed, which the listing lacks.
func TestChangeBeforeAWholeListingIsSeen(t *testing.T) {
	t.Parallel()
	w := newLate(t, time.Minute, "ada", "eve")
	w.cfg.Relist = 24 * time.Hour
	w.dir.Put(w.admins, w.ids["ada"])
	w.pass(10 * time.Minute)
	w.run()
	w.pass(24 * time.Hour)
	w.dir.Put(w.admins, w.ids["eve"])
	w.pass(5 * time.Second)
	w.run() // whole
	for range 12 {
		w.pass(time.Hour)
		w.run()
	}
	res, err := engine.New(w.cfg).Inspect(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := len(res.Plan.Foreign), len(w.plan().Foreign); a != b {
		t.Errorf("half a day later a whole plan tells of %d foreign members, one from marks of %d", a, b)
	}
}

// The same between two runs that follow each other quickly.
func TestChangeToldBeforeItIsShown(t *testing.T) {
	t.Parallel()
	w := newLate(t, time.Minute, "ada", "eve")
	w.cfg.Relist = 24 * time.Hour
	w.dir.Put(w.admins, w.ids["ada"])
	w.pass(10 * time.Minute)
	w.run()
	w.pass(10 * time.Minute)
	w.run()
	w.dir.Put(w.admins, w.ids["eve"])
	w.pass(5 * time.Second)
	w.run()
	w.pass(5 * time.Second)
	w.run()
	for range 12 {
		w.pass(time.Hour)
		w.run()
	}
	res, err := engine.New(w.cfg).Inspect(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := len(res.Plan.Foreign), len(w.plan().Foreign); a != b {
		t.Errorf("half a day later a whole plan tells of %d foreign members, one from marks of %d", a, b)
	}
}

// readdressed is a directory in which somebody's address is another account's by now.
type readdressed struct {
	*memory.Directory
	p engine.Person
	m engine.Member
}

func (r readdressed) Resolve(ctx context.Context, p engine.Person) (engine.Member, error) {
	if p == r.p {
		return r.m, nil
	}
	return r.Directory.Resolve(ctx, p)
}

func (r readdressed) ResolveAll(ctx context.Context, ps []engine.Person) ([]engine.Resolution, error) {
	var out []engine.Resolution
	for _, p := range ps {
		m, err := r.Resolve(ctx, p)
		out = append(out, engine.Resolution{Member: m, Err: err})
	}
	return out, nil
}

// After a sweep of many, the group is no riddle.
func TestSweepIsNoDoubtAfterTheGrace(t *testing.T) {
	t.Parallel()
	for _, g := range []time.Duration{0, grace} {
		eves := crowd("eve", 6)
		w := newWorld(t, append(eves, "ada", "bob")...)
		w.dir.SetGrace(g)
		w.rule("admins", func(r *engine.Rules) {
			r.Foreign, r.Notice, r.Standing = engine.ForeignRemove, time.Hour, []engine.Person{person("ada"), person("bob")}
			r.Limits.RemovePercent = 100
		})
		w.cfg.Limits.RemovePercent = 100
		for _, e := range append(eves, "ada", "bob") {
			w.dir.Put(w.admins, w.ids[e])
		}
		w.run()
		w.pass(2 * time.Hour)
		w.run()
		w.members("ada", "bob")
		for range 3 {
			w.pass(time.Hour)
			res := w.run()
			if len(res.Plan.Objections) > 0 {
				t.Errorf("grace %s: %+v", g, res.Plan.Objections)
			}
		}
	}
}

// An account that was disabled while its grant is in force is told when
// everything is listed, and not before: no mark tells of it.
func TestDisabledInForceIsToldByTheWhole(t *testing.T) {
	t.Parallel()
	w, _ := newMarked(t, "ada", "bob")
	w.grant("g1", "bob", 100)
	for range 4 {
		w.run()
	}
	w.dir.Disable(w.ids["bob"])
	w.pass(12 * time.Hour)
	w.run()
	if ps := w.plan().Problems; len(ps) > 0 {
		t.Errorf("from marks: %+v", ps)
	}
	w.cfg.Full = true
	if ps := w.plan().Problems; len(ps) != 1 || ps[0].Kind != engine.DisabledAccount {
		t.Errorf("from whole listings: %+v, want the disabled account", ps)
	}
}

// deaf never hears of a change again.
type deaf struct {
	*memory.Directory
	on *bool
}

func (d deaf) Changed(ctx context.Context, m engine.Mark) (engine.Changes, error) {
	ch, err := d.Directory.Changed(ctx, m)
	if *d.on {
		ch.Groups, ch.Names = nil, false
	}
	return ch, err
}

// Nobody is added to a group by a remembered name.
func TestNobodyIsAddedByARememberedName(t *testing.T) {
	t.Parallel()
	w, _ := newMarked(t, "ada", "bob")
	on := false
	w.cfg.Directories["corp"] = deaf{w.dir, &on}
	w.run()
	on = true
	w.dir.RenameGroup(w.admins, "admins-old")
	fresh := w.dir.AddGroup("admins")
	w.grant("g1", "bob", 8)
	w.run()
	w.members("ada")
	w.run()
	w.members("ada")
	w.membersOf(fresh, "bob")
}
