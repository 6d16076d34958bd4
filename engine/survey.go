package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/schedule"
)

// survey is one look at everything: what ought to be, what is, what is ours,
// and the plan that follows. Groups are read and decided one by one and then
// let go, so that memory does not grow with the directories.
type survey struct {
	r   *Reconciler
	now time.Time
	pen *pen // nil for a look that writes nothing
	see func(GroupView, Plan)

	scope     Scope
	told      map[Directory]*news
	stops     map[Directory]*breaker // one for each directory, for the whole run
	byRef     map[GroupRef][]*Grant
	stray     map[GrantID]bool      // grants in force that lead nowhere
	ended     map[GrantID]time.Time // those that are over
	ledger    map[Directory][]LedgerGroup
	grantsErr error

	mu      sync.Mutex
	plan    Plan
	noticed map[Membership]bool // foreign members reported before
	over    []Past              // memberships that a listing showed to be over
	lapsed  int                 // those of them that the directory ended
	begun   []Membership        // those that it showed to have begun
	young   []Group             // where it may be older than the last write, and proves nothing of it
	events  []Event
	pending Batch            // what the listings proved, not yet written
	granted time.Time        // when the grants were read
	known   uint64           // the book's time before that
	latest  grantsNow        // what they said when they were read again
	read    map[Group]uint64 // the book's time before the page of a group was read
	done    int
	total   int
}

// survey looks at everything in the scope. With a pen it writes down what the
// listings prove; without, it only looks.
func (r *Reconciler) survey(ctx context.Context, now time.Time, sc Scope, p *pen, told map[Directory]*news, see func(GroupView, Plan)) (*survey, error) {
	s := &survey{
		r: r, now: now, scope: sc, pen: p, told: told, see: see, plan: Plan{AsOf: now},
		noticed: make(map[Membership]bool), read: make(map[Group]uint64), granted: now,
	}
	s.known = r.book.now()
	s.readGrants(ctx)
	if err := s.readLedger(ctx); err != nil {
		return nil, err
	}
	var wg sync.WaitGroup
	ds := s.directories()
	s.stops = make(map[Directory]*breaker, len(ds))
	for _, d := range ds {
		s.stops[d] = new(breaker)
	}
	errs := make([]error, len(ds))
	for i, d := range ds {
		wg.Go(func() { errs[i] = s.directory(ctx, d) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if err := s.flush(ctx, 0); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err // a look cut short decides nothing
	}
	s.plan.sort()
	return s, nil
}

func (s *survey) readGrants(ctx context.Context) {
	s.byRef = make(map[GroupRef][]*Grant)
	s.stray, s.ended = make(map[GrantID]bool), make(map[GrantID]time.Time)
	for _, src := range s.r.cfg.Sources {
		gs, err := src.Grants(ctx)
		if err != nil {
			s.grantsErr = errors.Join(s.grantsErr, err)
			continue
		}
		for i := range gs {
			s.place(gs[i])
		}
	}
	if s.grantsErr != nil && !s.scope.some() {
		s.problem(Problem{Kind: GrantsUnread, Message: "not all grants could be read, so nothing is withdrawn or swept, and nothing starts that they say; what is due by the ledger ends all the same"})
	}
}

// place files a grant under its group. One that is over, in a directory that
// nobody knows any more, concerns nobody.
func (s *survey) place(g Grant) {
	if ref := g.Group; ref != (GroupRef{}) && !s.scope.holds(ref.Directory) {
		return
	}
	g.When = current(g.When, s.now)
	ref, over := g.Group, g.When.Ended(s.now)
	_, known := s.r.cfg.Directories[ref.Directory]
	switch {
	case ref == GroupRef{} && !over:
		s.stray[g.ID] = true
		if s.scope.some() {
			return
		}
		s.problem(Problem{Kind: UnknownResource, Person: g.Person, Grant: g.ID, Message: fmt.Sprintf(
			"%s: the configuration has no resource %q, so the grant starts nothing, and what it gave stays until its end; put the resource back, or revoke the grant", g.Origin, g.Resource)})
	case ref == GroupRef{}:
		s.ended[g.ID] = g.When.Until
	case over && !known:
	default:
		s.byRef[ref] = append(s.byRef[ref], &g)
	}
}

// current returns a window without hours of the week that is at now what w is:
// the span that is in force, the last one that was, or w where none was yet. A
// membership between two spans has ended, by agreement.
func current(w schedule.Window, now time.Time) schedule.Window {
	if w.Weekly == nil {
		return w
	}
	if o, ok := w.At(now); ok {
		return o
	}
	if o, ok := w.Last(now); ok {
		return o
	}
	return w
}

func (s *survey) readLedger(ctx context.Context) error {
	gs, err := s.r.book.Groups(ctx)
	if err != nil {
		return err
	}
	s.ledger = make(map[Directory][]LedgerGroup)
	for _, g := range gs {
		s.ledger[g.Group.Directory] = append(s.ledger[g.Group.Directory], g)
	}
	return nil
}

// directories are all that anything names: the configuration, grants, the
// ledger.
func (s *survey) directories() []Directory {
	if s.scope.Directory != "" {
		return []Directory{s.scope.Directory}
	}
	named := make(map[Directory]bool)
	for d := range s.r.cfg.Directories {
		named[d] = true
	}
	for ref := range s.byRef {
		named[ref.Directory] = true
	}
	for d := range s.ledger {
		named[d] = true
	}
	ds := make([]Directory, 0, len(named))
	for d := range named {
		ds = append(ds, d)
	}
	slices.Sort(ds)
	return ds
}

// directory looks at one directory. Its error is the ledger's; what goes wrong
// in the directory is a problem in the plan.
func (s *survey) directory(ctx context.Context, d Directory) error {
	look := &looker{s: s, d: d, conn: s.r.cfg.Directories[d], stop: s.stops[d], told: s.told[d]}
	if s.scope.Ends {
		return look.ends(ctx)
	}
	if err := look.begin(ctx); err != nil {
		return err
	}
	ts := look.targets(ctx)
	s.mu.Lock()
	s.total += len(ts)
	s.mu.Unlock()
	look.people(ctx, ts)
	errs := make([]error, len(ts))
	parallel(s.readers(), len(ts), func(i int) { errs[i] = look.group(ctx, ts[i]) })
	if err := look.stop.open(); err != nil && look.conn != nil {
		s.problem(Problem{Kind: DirectoryDown, Directory: d, Message: err.Error()})
	}
	return errors.Join(append(errs, look.end(ctx))...)
}

// readers is how many groups are looked at at once. Those of a large directory
// take memory; some groups are soon read.
func (s *survey) readers() int {
	if s.scope.some() {
		return cmp.Or(s.r.cfg.Workers, 16)
	}
	return s.r.workers()
}

// regrant is how long what the grants said is taken while a run adds people: a
// run may last long, and a grant be revoked meanwhile.
const regrant = 15 * time.Second

// grantsNow is what the grants say when a long run comes to act, against what
// they said when it decided.
type grantsNow struct {
	at     time.Time
	active map[GrantID]bool // those in force; nil where it is too soon to ask again
	// newcomers is set when a grant is in force that the run did not know when it
	// decided: then nobody is swept out, who may be somebody's by now.
	newcomers bool
}

// inForce reports whether a grant is in force, as far as is known.
func (g grantsNow) inForce(a Anchor) bool {
	return a.Until.After(g.at) && (g.active == nil || g.active[a.Grant])
}

// extended reports whether a grant is in force whatever end is known of it.
func (g grantsNow) extended(a Anchor) bool { return g.active[a.Grant] }

// grantsNow reads the grants anew where the run has lasted for a while.
func (s *survey) grantsNow(ctx context.Context) grantsNow {
	now := s.r.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest.at = now
	if now.Sub(s.granted) < regrant {
		return s.latest
	}
	s.granted = now
	active := make(map[GrantID]bool)
	for _, src := range s.r.cfg.Sources {
		gs, err := src.Grants(ctx)
		if err != nil {
			return s.latest // as they were; the next run says so
		}
		for _, g := range gs {
			if g.When.Active(now) {
				active[g.ID] = true
			}
		}
	}
	decided := make(map[GrantID]bool)
	for _, gs := range s.byRef {
		for _, g := range gs {
			decided[g.ID] = true
		}
	}
	s.latest = grantsNow{at: now, active: active}
	for id := range active {
		s.latest.newcomers = s.latest.newcomers || !decided[id]
	}
	return s.latest
}

func (s *survey) problem(p Problem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plan.Problems = append(s.plan.Problems, p)
}

// add takes one group's part of the plan in, and what its listing proved.
func (s *survey) add(part Plan, v GroupView, p proof) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plan.Changes = append(s.plan.Changes, part.Changes...)
	s.plan.Problems = append(s.plan.Problems, part.Problems...)
	s.plan.Foreign = append(s.plan.Foreign, part.Foreign...)
	s.plan.Groups = append(s.plan.Groups, part.Groups...)
	s.plan.keeps = append(s.plan.keeps, part.keeps...)
	for _, f := range part.Foreign {
		if _, ok := v.Noticed[f.Member.ID]; ok {
			s.noticed[Membership{v.Group, f.Member.ID}] = true
		}
	}
	if s.see != nil {
		s.see(v, part)
	}
	s.done++
	s.r.cfg.Progress("reading groups", s.done, s.total)
	for _, o := range p.over {
		s.over = append(s.over, o.Past)
		if o.lapsed {
			s.lapsed++
		}
	}
	for _, k := range p.seen {
		s.begun = append(s.begun, k.after.Key())
	}
	if slices.ContainsFunc(v.Owned, func(o Owned) bool { return o.settling(v.Read, v.Grace) }) {
		s.young = append(s.young, v.Group)
	}
	if s.pen != nil {
		s.pending.prove(p, s.pen.run, s.now)
	}
}

// prove writes down what a listing settled.
func (b *Batch) prove(p proof, run RunID, now time.Time) {
	for _, k := range p.moved {
		b.keep(k, EventAnchored, run, now)
	}
	for _, k := range p.seen {
		b.Put = append(b.Put, k.after)
		ev := k.after.event(EventConfirmed, run, now)
		ev.Op = Add
		b.Events = append(b.Events, ev)
	}
	for _, over := range p.over {
		b.Delete = append(b.Delete, Membership{over.Group, over.Member.ID})
		b.Past = append(b.Past, over.Past)
		b.Events = append(b.Events, over.event(run))
	}
	if p.reading != nil {
		b.Readings = append(b.Readings, *p.reading)
	}
	if p.listing != nil {
		b.Listings = append(b.Listings, *p.listing)
	}
	b.Unnotice = append(b.Unnotice, p.gone...)
}

// flush writes the pending proofs when there are more than a few.
func (s *survey) flush(ctx context.Context, more int) error {
	s.mu.Lock()
	b := s.pending
	members := 0 // listings are let go sooner: they are what takes memory
	for _, l := range b.Listings {
		members += len(l.Members)
	}
	if len(b.Put)+len(b.Past)+len(b.Readings)+len(b.Unnotice)+len(b.Events)+len(b.Listings)+members/32 <= more {
		s.mu.Unlock()
		return nil
	}
	s.pending = Batch{}
	s.mu.Unlock()
	if b.Empty() {
		return nil
	}
	return s.r.book.prove(ctx, s.pen, b, s.readAt)
}

// stamp notes the book's time, before the page of a group is read.
func (s *survey) stamp(g Group) {
	at := s.r.book.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read[g] = at
}

// readAt returns the book's time before the page of a group was last read.
func (s *survey) readAt(g Group) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read[g]
}

// parallel calls f for 0..n-1, at most workers at a time, and waits.
func parallel(workers, n int, f func(int)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, workers)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			f(i)
			<-slots
		})
	}
	wg.Wait()
}
