package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// survey is one look at everything: what ought to be, what is, what is ours,
// and the plan that follows. Groups are read and decided one by one and then
// let go, so that memory does not grow with the directories.
type survey struct {
	r   *Reconciler
	now time.Time
	run *RunID // nil for a look that writes nothing
	see func(GroupView, Plan)

	byRef     map[GroupRef][]*Grant
	ledger    map[Directory][]LedgerGroup
	grantsErr error

	mu      sync.Mutex
	plan    Plan
	noticed map[Membership]bool // foreign members reported before
	events  []Event
	pending Batch // what the listings proved, not yet written
	done    int
	total   int
}

// survey looks at everything. With a run it writes down what the listings
// prove; without, it only looks.
func (r *Reconciler) survey(ctx context.Context, now time.Time, run *RunID, see func(GroupView, Plan)) (*survey, error) {
	s := &survey{r: r, now: now, run: run, see: see, plan: Plan{AsOf: now}, noticed: make(map[Membership]bool)}
	s.readGrants(ctx)
	if err := s.readLedger(ctx); err != nil {
		return nil, err
	}
	var wg sync.WaitGroup
	ds := s.directories()
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
	for _, src := range s.r.cfg.Sources {
		gs, err := src.Grants(ctx)
		if err != nil {
			s.grantsErr = errors.Join(s.grantsErr, err)
			continue
		}
		for i := range gs {
			s.byRef[gs[i].Group] = append(s.byRef[gs[i].Group], &gs[i])
		}
	}
	if s.grantsErr != nil {
		s.problem(Problem{Kind: GrantsUnread, Message: "the grants could not be read, so nothing starts and nothing is withdrawn; what is due by the ledger ends all the same"})
	}
}

func (s *survey) readLedger(ctx context.Context) error {
	gs, err := s.r.cfg.Ledger.Groups(ctx)
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

// target is one group to look at.
type target struct {
	group        Group
	name         string
	rules        Rules
	grants       []*Grant
	unmanageable string
	unplaced     bool  // some of its grants may not have found it
	err          error // why it cannot be read, when that is known already
}

// directory looks at one directory. Its error is the ledger's; what goes wrong
// in the directory is a problem in the plan.
func (s *survey) directory(ctx context.Context, d Directory) error {
	look := &looker{s: s, d: d, conn: s.r.cfg.Directories[d], stop: new(breaker)}
	ts := look.targets(ctx)
	s.mu.Lock()
	s.total += len(ts)
	s.mu.Unlock()
	look.people(ctx, ts)
	errs := make([]error, len(ts))
	parallel(s.r.workers(), len(ts), func(i int) { errs[i] = look.group(ctx, ts[i]) })
	if err := look.stop.open(); err != nil && look.conn != nil {
		s.problem(Problem{Kind: DirectoryDown, Directory: d, Message: err.Error()})
	}
	return errors.Join(errs...)
}

// looker looks at one directory.
type looker struct {
	s    *survey
	d    Directory
	conn Connector
	stop *breaker
	who  map[Person]Resolution
}

// call runs f unless the directory has stopped answering.
func (l *looker) call(f func() error) error {
	if l.conn == nil {
		return fmt.Errorf("directory %s is not in the configuration", l.d)
	}
	if err := l.stop.open(); err != nil {
		return &silent{err}
	}
	err := f()
	l.stop.note(err)
	return err
}

// silent is the error of a call that was not made because the directory had
// stopped answering, which is reported once for all.
type silent struct{ err error }

func (e *silent) Error() string { return e.err.Error() }
func (e *silent) Unwrap() error { return e.err }

func quiet(err error) bool {
	var s *silent
	return errors.As(err, &s)
}

// refs are the group names that the configuration and the grants use.
func (l *looker) refs() []GroupRef {
	var refs []GroupRef
	for ref := range l.s.r.cfg.Groups {
		if ref.Directory == l.d {
			refs = append(refs, ref)
		}
	}
	for ref := range l.s.byRef {
		if _, configured := l.s.r.cfg.Groups[ref]; !configured && ref.Directory == l.d {
			refs = append(refs, ref)
		}
	}
	slices.SortFunc(refs, func(a, b GroupRef) int { return cmp.Compare(a.Name, b.Name) })
	return refs
}

// targets finds every group that is named, and adds those that only the ledger
// still knows: what is in there must end, whatever became of the name.
func (l *looker) targets(ctx context.Context) []*target {
	if l.conn == nil {
		l.s.problem(Problem{Kind: UnknownDirectory, Directory: l.d,
			Message: "grants or the ledger name this directory, and the configuration does not; memberships in it cannot be ended"})
	}
	refs := l.refs()
	infos, errs := make([]GroupInfo, len(refs)), make([]error, len(refs))
	parallel(l.s.r.workers(), len(refs), func(i int) {
		errs[i] = l.call(func() (err error) {
			infos[i], err = l.conn.Group(ctx, refs[i].Name)
			return err
		})
	})
	byID := make(map[GroupID]*target)
	var ts []*target
	unplaced := false
	place := func(info GroupInfo, ref GroupRef, err error) {
		t := byID[info.ID]
		if t == nil {
			t = &target{group: Group{l.d, info.ID}, name: info.Name, rules: l.s.r.cfg.Defaults, unmanageable: info.Unmanageable, err: err}
			byID[info.ID] = t
			ts = append(ts, t)
		}
		if rules, ok := l.s.r.cfg.Groups[ref]; ok {
			t.rules = rules
		}
		t.grants = append(t.grants, l.s.byRef[ref]...)
	}
	for i, ref := range refs {
		if errs[i] == nil {
			place(infos[i], ref, nil)
			continue
		}
		known := l.ledgerNamed(ref.Name)
		l.unfound(ref, known, errs[i])
		if known == nil {
			unplaced = unplaced || len(l.s.byRef[ref]) > 0
			continue
		}
		// The name is not to be found just now, and the ledger knows which
		// group it was: its grants still explain what is in there.
		place(GroupInfo{ID: known.Group.ID, Name: known.Name}, ref, nil)
	}
	for _, g := range l.s.ledger[l.d] {
		if byID[g.Group.ID] == nil {
			place(GroupInfo{ID: g.Group.ID, Name: g.Name}, GroupRef{l.d, g.Name}, nil)
			byID[g.Group.ID].unplaced = unplaced
		}
	}
	return ts
}

// ledgerNamed returns the group that the ledger knows by this name, if it is
// exactly one.
func (l *looker) ledgerNamed(name string) *LedgerGroup {
	var found *LedgerGroup
	for i, g := range l.s.ledger[l.d] {
		if g.Name == name {
			if found != nil {
				return nil
			}
			found = &l.s.ledger[l.d][i]
		}
	}
	return found
}

func (l *looker) unfound(ref GroupRef, known *LedgerGroup, err error) {
	if quiet(err) || l.conn == nil {
		return
	}
	message := err.Error()
	if known != nil {
		message += fmt.Sprintf("; the ledger knows it as %s, so it was renamed or is out of reach: mend its name in the configuration and the grants", known.Group.ID)
	}
	l.s.problem(Problem{Kind: UnknownGroup, Directory: l.d, Group: ref.Name, Message: message})
}

// people looks up everybody whose account matters now: those with a grant in
// force, and those on standing and protect lists.
func (l *looker) people(ctx context.Context, ts []*target) {
	wanted := make(map[Person]bool)
	for _, t := range ts {
		for _, g := range t.grants {
			if g.When.Active(l.s.now) {
				wanted[g.Person] = true
			}
		}
		for _, p := range t.rules.Standing {
			wanted[p] = true
		}
		for _, p := range t.rules.Protect {
			wanted[p] = true
		}
	}
	ps := make([]Person, 0, len(wanted))
	for p := range wanted {
		ps = append(ps, p)
	}
	slices.Sort(ps)
	l.who = make(map[Person]Resolution, len(ps))
	for i, res := range l.resolve(ctx, ps) {
		l.who[ps[i]] = res
	}
}

func (l *looker) resolve(ctx context.Context, ps []Person) []Resolution {
	out := make([]Resolution, len(ps))
	if bulk, ok := l.conn.(BulkResolver); ok && len(ps) > 1 {
		err := l.call(func() (err error) {
			out, err = bulk.ResolveAll(ctx, ps)
			return err
		})
		if err == nil {
			return out
		}
		out = make([]Resolution, len(ps))
		for i := range out {
			out[i].Err = err
		}
		return out
	}
	parallel(l.s.r.workers(), len(ps), func(i int) {
		out[i].Err = l.call(func() (err error) {
			out[i].Member, err = l.conn.Resolve(ctx, ps[i])
			return err
		})
	})
	return out
}

// group looks at one group and decides it.
func (l *looker) group(ctx context.Context, t *target) error {
	v, proof, err := l.view(ctx, t, 0)
	if err != nil {
		return err
	}
	part := Diff(View{Now: l.s.now, Groups: []GroupView{v}})
	l.s.add(part, v, proof)
	return l.s.flush(ctx, 512)
}

// proof is what a listing settled: entries that moved, entries seen, and
// memberships that are over.
type proof struct {
	moved, seen []keep
	over        []Past
	reading     *Reading
	gone        []Membership // noticed foreign members that left
}

// view reads one group. swept members were taken out in this run.
func (l *looker) view(ctx context.Context, t *target, swept int) (GroupView, proof, error) {
	v := GroupView{
		Group: t.group, Name: t.name, Rules: t.rules, Unmanageable: t.unmanageable,
		GrantsUnread: l.s.grantsErr != nil || t.unplaced,
	}
	page, err := l.s.r.cfg.Ledger.Page(ctx, t.group)
	if err != nil {
		return v, proof{}, fmt.Errorf("read the ledger of %s/%s: %w", t.group.Directory, t.name, err)
	}
	v.Owned, v.Noticed = page.Owned, page.Noticed
	l.wishes(&v, t)
	err = l.call(func() (err error) {
		v.Members, err = l.conn.Members(ctx, t.group.ID)
		return err
	})
	if err != nil {
		v.Members = nil
		v.Trust, v.Note = untrusted(err)
		return v, proof{}, nil
	}
	if !slices.IsSortedFunc(v.Members, compareMembers) {
		SortMembers(v.Members)
	}
	v.Trust, v.Lost, v.Note = judge(page.Reading, page.Owned, len(v.Members), swept, t.rules.Limits.RemoveFree)
	var p proof
	v.Owned, p.moved = adopt(v.Owned, v.Members, v.Wishes)
	// The directory took the removal, and the listing lacks the member: that a
	// few others are missing as well is no reason to doubt these two witnesses.
	sure := v.Trust == Trusted || v.Lost <= t.rules.Limits.RemoveFree
	v.Owned, p.seen, p.over = observe(v.Owned, v.Members, sure, l.s.now)
	if v.Trust == Trusted {
		if page.Reading == nil || page.Reading.Members != len(v.Members) || page.Reading.Name != t.name {
			p.reading = &Reading{t.group, t.name, len(v.Members), l.s.now}
		}
	}
	if sure {
		p.gone = left(v.Noticed, v.Members, t.group)
	}
	return v, p, nil
}

func untrusted(err error) (Trust, string) {
	switch {
	case quiet(err):
		return Unread, ""
	case KindOf(err) == NotFound:
		return Gone, err.Error()
	}
	return Unread, err.Error()
}

// left returns the noticed members that are no longer listed.
func left(noticed map[MemberID]time.Time, members []Member, g Group) []Membership {
	var out []Membership
	for id := range noticed {
		if _, found := slices.BinarySearchFunc(members, id, func(m Member, id MemberID) int { return cmp.Compare(m.ID, id) }); !found {
			out = append(out, Membership{g, id})
		}
	}
	slices.SortFunc(out, func(a, b Membership) int { return cmp.Compare(a.Member, b.Member) })
	return out
}

// wishes puts the group's grants into the view: those in force with their
// accounts, those that are over with their ends.
func (l *looker) wishes(v *GroupView, t *target) {
	for _, g := range t.grants {
		switch {
		case g.When.Active(l.s.now):
			w := Wish{Grant: g, Member: l.who[g.Person].Member, Err: l.who[g.Person].Err}
			if w.Err != nil {
				w.Member = Member{} // a disabled account is known, and not to be used
			}
			v.Wishes = append(v.Wishes, w)
		case g.When.Ended(l.s.now):
			if v.Ended == nil {
				v.Ended = make(map[GrantID]time.Time)
			}
			v.Ended[g.ID] = g.When.Until
		}
	}
	sortWishes(v.Wishes)
	v.Standing = l.members(v, t.rules.Standing)
	v.Protected = l.members(v, t.rules.Protect)
}

// members returns the accounts behind a list of the group's rules. A disabled
// account is on it like any other.
func (l *looker) members(v *GroupView, ps []Person) map[MemberID]bool {
	if len(ps) == 0 {
		return nil
	}
	ms := make(map[MemberID]bool, len(ps))
	for _, p := range ps {
		res := l.who[p]
		switch kind := KindOf(res.Err); {
		case res.Err == nil, kind == Disabled && res.Member.ID != "":
			ms[res.Member.ID] = true
		case kind != NotFound:
			v.Unsure = true
			l.unsure(v, p, res.Err)
		}
	}
	return ms
}

// unsure says why nobody is swept out of an exclusive group.
func (l *looker) unsure(v *GroupView, p Person, err error) {
	if v.Rules.Foreign != ForeignRemove || quiet(err) {
		return
	}
	l.s.problem(Problem{Kind: problemOf(err), Directory: l.d, Group: v.Name, Person: p,
		Message: err.Error() + "; it is on the group's standing or protect list, and until its account is certain nobody is swept out"})
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
	if s.run != nil {
		s.pending.prove(p, *s.run, s.now)
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
		b.Past = append(b.Past, over)
		b.Events = append(b.Events, over.event(run))
	}
	if p.reading != nil {
		b.Readings = append(b.Readings, *p.reading)
	}
	b.Unnotice = append(b.Unnotice, p.gone...)
}

// flush writes the pending proofs when there are more than a few.
func (s *survey) flush(ctx context.Context, more int) error {
	s.mu.Lock()
	b := s.pending
	if len(b.Put)+len(b.Past)+len(b.Readings)+len(b.Unnotice) <= more {
		s.mu.Unlock()
		return nil
	}
	s.pending = Batch{}
	s.mu.Unlock()
	if b.Empty() {
		return nil
	}
	return s.r.cfg.Ledger.Record(ctx, b)
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
