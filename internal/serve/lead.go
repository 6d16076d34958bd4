package serve

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/schedule"
)

const (
	// settle is how long after a write the group is read back, where listings
	// do not lag: long enough that many ends in one group cost one listing.
	settle = 3 * time.Second
	// catchUp is how long everything else waits, when a directory is taken
	// over, for what is due to be sent.
	catchUp = 30 * time.Second
	// breath is the pause between whole runs that were not planned and can wait.
	breath = time.Minute
	// abreast is how many runs of ends go on at once: one removal that hangs
	// must not hold up the ends of others.
	abreast = 4
)

// lead is the work on one directory, for as long as this process leads it. It
// has three lanes that go on at once, so that nothing waits for what is slower:
//
//	ends   what is over by agreement, without reading the directory first
//	looks  what begins, what is to be read back, what somebody asks for
//	whole  everything, on an interval and whenever in doubt
type lead struct {
	d     engine.Directory
	day   *Daemon
	ends  *lane
	looks *lane
	whole *lane

	mu     sync.Mutex
	grants index
	edges  *schedule.Agenda[string] // of grants, by the name of their group
	at     map[string]time.Time     // as in edges
	ledger *schedule.Agenda[string] // of what only the ledger knows, by the group's id
	wholes time.Time                // when the last whole run that came to its end began
	said   map[refusal]bool         // of which it is said that they object
}

// refusal is a limit that objects, in a group or, without one, in a run.
type refusal struct {
	limit engine.LimitName
	group string
}

func (day *Daemon) newLead(d engine.Directory) *lead {
	wall := day.cfg.Now
	return &lead{
		d: d, day: day,
		ends:  newLane(schedule.Backoff{First: time.Second, Cap: time.Minute}, wall),
		looks: newLane(schedule.Backoff{First: 5 * time.Second, Cap: 5 * time.Minute}, wall),
		whole: newLane(schedule.Backoff{First: 30 * time.Second, Cap: 5 * time.Minute}, wall),
		edges: schedule.NewAgenda(strings.Compare), at: make(map[string]time.Time), ledger: schedule.NewAgenda(strings.Compare),
		said: make(map[refusal]bool),
	}
}

// run leads until ctx ends, and everything under way is over. What is due goes
// first; the rest follows when that was sent, or after a while.
func (l *lead) run(ctx context.Context) {
	now := l.day.cfg.Now()
	l.day.brief(l, now)
	caught, done := context.WithTimeout(ctx, catchUp)
	var wg sync.WaitGroup
	first := l.ends.await(now, stop{})
	wg.Go(func() { l.endsLane(ctx) })
	wg.Go(func() { l.listen(ctx) })
	wg.Go(func() {
		defer done()
		_ = waitFor(caught, first) // one that failed is tried again while the others begin
	})
	<-caught.Done()
	l.whole.ask(now, stop{})
	wg.Go(func() { l.lane(ctx, l.looks) })
	wg.Go(func() { l.lane(ctx, l.whole) })
	wg.Wait()
}

// endsLane is the lane that wakes at every edge.
func (l *lead) endsLane(ctx context.Context) {
	var runs sync.WaitGroup
	defer runs.Wait()
	free := make(chan struct{}, abreast)
	for {
		until := l.ends.next()
		if edge := l.nextEdge(); until.IsZero() || !edge.IsZero() && edge.Before(until) {
			until = edge
		}
		woke, err := l.ends.waker.Wait(ctx, until)
		if err != nil {
			l.ends.quit(err)
			return
		}
		now := l.day.cfg.Now()
		if woke.Jump != 0 { // the clock was set, or the machine slept: whatever was to come may be past
			l.day.log().Warn("the clock was set, or this machine slept", "directory", l.d, "by", woke.Jump.Round(time.Second))
			l.reindex(nil, now)
			l.ends.ask(now, stop{})
			l.whole.ask(now, stop{})
		}
		l.passEdges(now)
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			continue
		}
		stops, waiting := l.ends.take(now)
		if len(stops) == 0 {
			<-free
			l.rest(ctx, l.ends)
			continue
		}
		runs.Go(func() {
			l.round(ctx, l.ends, stops, waiting)
			<-free
		})
	}
}

func (l *lead) lane(ctx context.Context, ln *lane) {
	for {
		if _, err := ln.waker.Wait(ctx, ln.next()); err != nil {
			ln.quit(err)
			return
		}
		now := l.day.cfg.Now()
		stops, waiting := ln.take(now)
		if len(stops) == 0 {
			l.rest(ctx, ln)
			continue
		}
		l.round(ctx, ln, stops, waiting)
	}
}

// round makes one run for what was asked for.
func (l *lead) round(ctx context.Context, ln *lane, stops []stop, waiting []chan error) {
	l.day.look(ctx) // a grant that was extended a moment ago must not end
	sc := scope(l.d, stops)
	sc.Ends = ln == l.ends
	house, leave := l.day.enter()
	defer leave()
	traced, end := l.day.cfg.Watch.Trace(ctx, l.d, sc)
	began, steady := l.day.cfg.Now(), time.Now()
	res, err := house.Engine.RunIn(traced, l.day.cfg.By, sc)
	end(res, err)
	l.day.cfg.Watch.Ran(l.d, sc, res, time.Since(steady), err)
	if ln == l.whole {
		l.wasWhole(house, began, res, err)
	}
	l.follow(house, ln, stops, res, err)
	tell(waiting, err)
}

// rest keeps a lane from turning in circles: its waker goes by the latest time
// that it saw, and the clock may have been set back since.
func (l *lead) rest(ctx context.Context, ln *lane) {
	next := ln.next()
	if ln == l.ends {
		if edge := l.nextEdge(); next.IsZero() || !edge.IsZero() && edge.Before(next) {
			next = edge
		}
	}
	if next.IsZero() || ln.waker.Now().Before(next) || !next.After(l.day.cfg.Now()) { // by the clock as it is: what became due in this moment does not wait
		return
	}
	schedule.Pause(ctx, time.Second)
}

// wasWhole notes a whole run, and asks for the next one.
func (l *lead) wasWhole(house *House, began time.Time, res engine.Result, err error) {
	l.mu.Lock()
	if err == nil {
		l.wholes = began
		clear(l.said) // what objects now, the watcher said
		for _, o := range res.Plan.Objections {
			l.said[refusal{o.Limit, o.Group}] = !o.Released
		}
	}
	l.mu.Unlock()
	every := schedule.Jitter(house.Every, rand.Float64()) //nolint:gosec // spreads load, hides nothing
	if l.day.cfg.Errands != nil {
		every = house.Every + house.Every/4
	}
	l.whole.ask(l.day.cfg.Now().Add(every), stop{})
}

// wholeSince reports whether a whole run began after an instant and came to its
// end.
func (l *lead) wholeSince(t time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wholes.After(t)
}

// follow asks for the runs that have to follow one.
func (l *lead) follow(house *House, ln *lane, stops []stop, res engine.Result, err error) {
	now := l.day.cfg.Now()
	l.learn(res)
	if err != nil {
		ln.again(now, stops...)
		return
	}
	down := slices.ContainsFunc(res.Plan.Problems, func(p engine.Problem) bool { return p.Kind == engine.DirectoryDown })
	if down && ln != l.ends {
		ln.again(now, stops...)
	}
	failed := make(map[engine.GroupID]bool)
	yielded := make(map[engine.GroupID]bool)
	var ends, looks, others []stop
	for _, g := range res.Again {
		failed[g.ID] = true
		ends = append(ends, stop{group: g.ID})
	}
	l.ends.again(now, ends...)
	for _, f := range res.Failures {
		if id := f.Change.GroupID; f.Change.Op != engine.Remove && !failed[id] {
			failed[id] = true
			looks = append(looks, stop{group: id})
		}
	}
	l.looks.again(now, looks...)
	if ln != l.whole { // what another run has in hand may end otherwise than was decided here
		for _, g := range res.Yielded {
			yielded[g.ID] = true
			others = append(others, stop{group: g.ID})
		}
		ln.later(now, others...)
	}
	if !down {
		ln.well(slices.DeleteFunc(slices.Clone(stops), func(s stop) bool { return failed[s.group] })...)
		ln.done(slices.DeleteFunc(slices.Clone(stops), func(s stop) bool { return yielded[s.group] })...)
	}
	l.meanwhile(now, res)
	grace := house.Grace(l.d)
	open := make(map[engine.Group]bool, len(res.Open))
	for _, g := range res.Open {
		s := stop{group: g.ID}
		open[g] = true
		if failed[g.ID] {
			continue
		}
		if ln == l.looks && grace == 0 { // it was just read back, and is as it was
			l.looks.again(now, s)
			continue
		}
		l.looks.ask(now.Add(max(settle, grace+time.Second)), s)
	}
	if ln == l.ends { // what was found by its name needs one look, not two
		for _, g := range res.Plan.Groups {
			if open[g.Group] {
				l.looks.drop(now, stop{name: g.Name})
			}
		}
	}
	switch {
	case l.refused(res):
		l.whole.ask(now, stop{})
	case res.Rest:
		l.wholeSoon(now)
	}
}

// refused says which limits made a run of some groups leave something, each
// once, and reports whether there was one to be said. Then the whole run comes at
// once: it is what puts a hold on record, and until then nobody can release it.
func (l *lead) refused(res engine.Result) (news bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range res.Against {
		if l.said[refusal{o.Limit, o.Group}] {
			continue
		}
		l.said[refusal{o.Limit, o.Group}], news = true, true
		l.day.log().Warn("a limit objects; a whole run decides", "directory", l.d, "run", res.Run, "group", o.Group,
			"limit", o.Limit, "value", o.Value, "allowed", o.Allowed, "why", o.Message)
	}
	return news
}

// meanwhile asks for what may have become due while the run was under way: the
// grant of somebody who was added may be over by now, and a run of ends that
// came too soon found nobody.
func (l *lead) meanwhile(now time.Time, res engine.Result) {
	added := make(map[engine.GroupID]bool)
	for _, d := range res.Done {
		added[d.Change.GroupID] = added[d.Change.GroupID] || d.Change.Op == engine.Add
	}
	for _, f := range res.Failures {
		added[f.Change.GroupID] = added[f.Change.GroupID] || f.Change.Op == engine.Add
	}
	for g, yes := range added {
		if yes {
			l.ends.ask(now, stop{group: g})
		}
	}
}

// wholeSoon asks for a whole run that was not planned.
func (l *lead) wholeSoon(now time.Time) {
	l.mu.Lock()
	at := l.wholes.Add(breath)
	l.mu.Unlock()
	if at.Before(now) {
		at = now
	}
	l.whole.ask(at, stop{})
}

// learn notes the ends that the ledger knows of.
func (l *lead) learn(res engine.Result) {
	l.mu.Lock()
	before, _ := l.ledger.Next()
	for _, g := range res.Plan.Groups {
		if g.Next.IsZero() {
			l.ledger.Delete(string(g.Group.ID))
		} else {
			l.ledger.Set(string(g.Group.ID), g.Next)
		}
	}
	after, some := l.ledger.Next()
	l.mu.Unlock()
	if some && !after.Equal(before) {
		l.ends.waker.Wake()
	}
}

// reindex takes in another reading of the grants, or, with none, looks at the
// clock anew.
func (l *lead) reindex(all []engine.Grant, now time.Time) news {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.grants
	if all != nil || old == nil {
		l.grants = indexOf(all, l.d)
	}
	l.edges = schedule.NewAgenda(strings.Compare)
	clear(l.at)
	for name := range l.grants {
		l.setEdge(name, now)
	}
	return l.grants.since(old, now)
}

// setEdge notes the next edge of the grants under a name. l.mu is held.
func (l *lead) setEdge(name string, now time.Time) {
	at, ok := l.grants.next(name, now)
	if !ok {
		delete(l.at, name)
		return
	}
	l.at[name] = at
	l.edges.Set(name, at)
}

// nextEdge returns the next instant at which anything begins or ends; zero when
// nothing ever does.
func (l *lead) nextEdge() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.edges.Next()
	if known, too := l.ledger.Next(); too && (!ok || known.Before(at)) {
		at = known
	}
	return at
}

// passEdges asks for the runs of what began and ended by now. What ended is
// read back later, also where the ledger did not know it by that name.
func (l *lead) passEdges(now time.Time) {
	house, leave := l.day.enter()
	grace := house.Grace(l.d)
	leave()
	l.mu.Lock()
	var ends, looks, later []stop
	for _, name := range l.edges.Due(now) {
		ended, began := l.grants.between(name, l.at[name].Add(-1), now)
		if ended {
			ends = append(ends, stop{name: name})
			later = append(later, stop{name: name})
		}
		if began {
			looks = append(looks, stop{name: name})
		}
		l.setEdge(name, now)
	}
	for _, id := range l.ledger.Due(now) {
		ends = append(ends, stop{group: engine.GroupID(id)})
	}
	l.mu.Unlock()
	l.ends.ask(now, ends...)
	l.looks.ask(now, looks...)
	l.looks.ask(now.Add(max(settle, grace+time.Second)), later...)
}

// regrant takes in another reading of the grants, and asks for what follows
// from it.
func (l *lead) regrant(all []engine.Grant) {
	now := l.day.cfg.Now()
	l.passEdges(now) // of the grants before: reindex looks at what is to come
	n := l.reindex(all, now)
	l.ends.ask(now, stops(n.ends)...)
	l.looks.ask(now, stops(n.looks)...)
	l.looks.ask(now.Add(settle), stops(n.ends)...) // also where the ledger does not know it by that name
	if n.vanished {
		l.wholeSoon(now)
	}
	l.ends.waker.Wake() // the next edge may be another
}

func stops(names []string) []stop {
	out := make([]stop, len(names))
	for i, name := range names {
		out[i] = stop{name: name}
	}
	return out
}

// waitFor waits for the first of some answers, each of which may come late.
func waitFor(ctx context.Context, answers ...<-chan error) error {
	for _, a := range answers {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-a:
			if err != nil {
				return err
			}
		}
	}
	return nil
}
