package engine

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Counts sums up a run.
type Counts struct {
	Groups   int `json:"groups"`
	Members  int `json:"members"`
	Added    int `json:"added"`
	Removed  int `json:"removed"`
	Forgot   int `json:"forgotten"`
	Failed   int `json:"failed"`
	Held     int `json:"held"`
	Overdue  int `json:"overdue"`
	Problems int `json:"problems"`
	Foreign  int `json:"foreign"`
	// Moved are ends that the directory itself gives memberships and that were
	// moved, and Lapsed those memberships that it was found to have ended.
	Moved  int `json:"moved,omitempty"`
	Lapsed int `json:"lapsed,omitempty"`
	// Yielded are changes that were not sent any more: when their turn came,
	// another run of the same process had the membership in hand, or the grant
	// was over.
	Yielded int `json:"yielded,omitempty"`
}

// Late is a removal that was due longer ago than is allowed and is not
// confirmed.
type Late struct {
	Directory Directory     `json:"directory"`
	Group     string        `json:"group"`
	Member    Member        `json:"member"`
	Person    Person        `json:"person,omitempty"`
	Grant     GrantID       `json:"grant,omitempty"`
	Due       time.Time     `json:"due"`
	Lag       time.Duration `json:"-"`
	Error     string        `json:"error,omitempty"` // why the last attempt failed
}

// Result tells what a run did.
type Result struct {
	Run      RunID
	Started  time.Time
	Ended    time.Time
	Plan     Plan // as it was decided, before it was carried out
	Counts   Counts
	Failures []Failure
	Done     []Done    // what was changed, in the order of the plan
	Findings []Problem // what came out while the plan was carried out, and failed nothing in it
	Overdue  []Late
	Past     []Past   // memberships of ours that this run showed to be over
	Release  *Release // the go-ahead that this run used, if any
	// GrantsErr tells why the grants could not be read. What was due by the
	// ledger's times was ended all the same.
	GrantsErr error
	// Open are the groups in which something was sent, by this run or shortly
	// before it by another, and not read back yet, and Again those in which an agreed end failed, or is not known to have
	// happened: they are to be looked at again soon. Both are sorted.
	Open, Again []Group
	// Rest is set when a run of some groups left something to a whole one.
	Rest bool
}

// Moved is the error of a run that was to carry out a reviewed plan, and found
// that the plan of today is another one.
type Moved struct{ Want, Have string }

func (e *Moved) Error() string {
	return fmt.Sprintf("the world moved: the reviewed plan is %s, the plan of now is %s; nothing was changed, review it again", short(e.Want), short(e.Have))
}

// short is a digest as people read it.
func short(d string) string { return d[:min(len(d), len("sha256:")+12)] }

// Config is what a Reconciler works with.
type Config struct {
	Directories map[Directory]Connector
	Groups      map[GroupRef]Rules // every configured group
	Defaults    Rules              // of groups that only grants or the ledger name; Expire where the directory can
	Limits      Limits             // of a whole run
	Sources     []Source
	Ledger      Ledger
	Overdue     time.Duration // a removal later than this is overdue
	Workers     int           // groups that are read, or written to, at once in a directory; 4 and 16 when zero
	// Relist is how long a directory's word on what changed is taken before
	// every group of it is listed again; zero lists every group in every run.
	Relist time.Duration
	Full   bool // list every group now
	// TrustClock is set when a person vouches for this machine's clock: the
	// next run goes on although the store holds later times, and says so there.
	TrustClock bool
	Now        func() time.Time // time.Now when nil
	// Lease returns the lease on a directory, where several processes may run;
	// nil where this is the only one. What is written is fenced by it.
	Lease func(Directory) Lease
	// Skew, when set, is told how far a directory's clock is ahead of this
	// machine's.
	Skew func(d Directory, ahead time.Duration)
	// Progress, when set, is told how far a stage is. It is called from
	// several goroutines.
	Progress func(stage string, done, total int)
}

// Reconciler makes memberships equal to what grants say. Several of its runs
// may be under way at once.
type Reconciler struct {
	cfg   Config
	book  *book
	atlas *atlas
	clock clockwork
}

// New returns a reconciler. The config must have a ledger.
func New(cfg Config) *Reconciler {
	if cfg.Ledger == nil {
		panic("engine: New without a ledger")
	}
	if cfg.Progress == nil {
		cfg.Progress = func(string, int, int) {}
	}
	return &Reconciler{cfg: cfg, book: newBook(cfg.Ledger, cfg.Lease), atlas: new(atlas)}
}

// With returns a reconciler with another configuration, but for the ledger and
// the leases, which stay. Runs of both may be under way at once.
func (r *Reconciler) With(cfg Config) *Reconciler {
	next := New(cfg)
	next.book, next.atlas = r.book, r.atlas
	return next
}

func (r *Reconciler) now() time.Time {
	if r.cfg.Now != nil {
		return r.cfg.Now().UTC()
	}
	return time.Now().UTC()
}

func (r *Reconciler) workers() int { return cmp.Or(r.cfg.Workers, 4) }

// senders is how many groups are written to at once. It takes no memory, and
// connectors bound their requests by themselves: what is due must not wait for
// the answers to four others.
func (r *Reconciler) senders() int { return cmp.Or(r.cfg.Workers, 16) }

// Plan reads everything and decides, and changes nothing but one: a held part
// is put on record, so that it can be released.
func (r *Reconciler) Plan(ctx context.Context) (Result, error) {
	now := r.now()
	told, err := r.gather(ctx, now, Scope{})
	if err != nil {
		return Result{}, err
	}
	if err := r.checkClock(ctx, now, Scope{}, told); err != nil {
		return Result{}, err
	}
	return r.plan(ctx, now, told, nil)
}

// Inspect is Plan with a look at every group on the way, each listed anew
// whatever its directory says of changes: visit is called once
// for each, never twice at a time, in no certain order. What it is given must
// not be kept or changed.
func (r *Reconciler) Inspect(ctx context.Context, visit func(GroupView, Plan)) (Result, error) {
	now := r.now()
	if err := r.checkClock(ctx, now, Scope{}, nil); err != nil {
		return Result{}, err
	}
	return r.plan(ctx, now, nil, visit)
}

// InspectIn is Inspect for some groups. It holds nothing back and puts nothing
// on record.
func (r *Reconciler) InspectIn(ctx context.Context, sc Scope, visit func(GroupView, Plan)) (Result, error) {
	now := r.now()
	s, err := r.survey(ctx, now, sc, nil, nil, visit)
	if err != nil {
		return Result{}, err
	}
	res := Result{Started: now, Ended: r.now(), Plan: s.plan, GrantsErr: s.grantsErr}
	res.Overdue = r.overdue(res.Plan, nil, nil, now, sc, false)
	res.count(Counts{})
	return res, nil
}

func (r *Reconciler) plan(ctx context.Context, now time.Time, told map[Directory]*news, visit func(GroupView, Plan)) (Result, error) {
	s, err := r.survey(ctx, now, Scope{}, nil, told, visit)
	if err != nil {
		return Result{}, err
	}
	res := Result{Started: now, Ended: r.now(), Plan: s.plan, GrantsErr: s.grantsErr}
	if res.Release, err = r.limit(ctx, &res.Plan, now); err != nil {
		return res, err
	}
	if digest := res.Plan.HeldDigest(); digest != "" && res.Release == nil {
		err = r.book.Record(ctx, Batch{Holds: []Hold{res.Plan.hold("", Scope{}, now)}})
	}
	res.Overdue = r.overdue(res.Plan, nil, nil, now, Scope{}, false)
	res.count(Counts{})
	return res, err
}

// Run reads, decides, changes and confirms. With a digest, it carries out
// exactly the plan with that digest, or a digest that begins so, or returns
// [*Moved].
//
// An error means that the run could not be carried to its end. What failed for
// a group, a person or a directory is in the result instead, and never stops
// the others.
func (r *Reconciler) Run(ctx context.Context, by, digest string) (Result, error) {
	return r.start(ctx, by, digest, Scope{})
}

// RunIn is Run for a part of the whole. Runs whose scopes overlap may go on at
// once: what one of them has in hand, the others leave alone.
func (r *Reconciler) RunIn(ctx context.Context, by string, sc Scope) (Result, error) {
	return r.start(ctx, by, "", sc)
}

func (r *Reconciler) start(ctx context.Context, by, digest string, sc Scope) (Result, error) {
	now := r.now()
	told, err := r.gather(ctx, now, sc)
	if err != nil {
		return Result{}, err
	}
	if err := r.checkClock(ctx, now, sc, told); err != nil {
		return Result{}, err
	}
	res := Result{Run: newRunID(now), Started: now}
	ds := r.directories()
	if sc.Directory != "" {
		ds = []Directory{sc.Directory}
	}
	p := r.book.take(res.Run, ds)
	defer r.book.put(p)
	event := Event{At: now, Kind: EventRunStarted, Run: res.Run, Scope: sc.String(), Directory: sc.Directory, By: by, Digest: digest}
	begin := Batch{Events: []Event{event}}
	if r.cfg.TrustClock {
		begin.Events = append(begin.Events, Event{At: now, Kind: EventVouched, Run: res.Run, By: by})
	}
	if sc.some() {
		p.opening = begin.Events
	} else if err := r.book.record(ctx, p, begin); err != nil {
		return res, err
	}
	err = r.run(ctx, &res, p, told, digest, sc)
	res.Ended = r.now()
	event = Event{
		At: res.Ended, Kind: EventRunEnded, Run: res.Run, Scope: event.Scope, Directory: sc.Directory,
		Digest: res.Plan.Digest(), Counts: &res.Counts,
	}
	if err != nil {
		event.Error = err.Error()
	}
	if err == nil && len(p.opening) > 0 {
		return res, nil // there was nothing to do, and nothing to say
	}
	over := r.book.record(context.WithoutCancel(ctx), p, Batch{Events: []Event{event}})
	if errors.Is(over, ErrFenced) { // it ended, and what it held is not what is held now
		event.Error = over.Error()
		over = errors.Join(over, r.book.record(context.WithoutCancel(ctx), p, Batch{Events: []Event{event}}))
	}
	if err != nil && over != nil && strings.Contains(err.Error(), over.Error()) {
		return res, err // the ledger could not be written, and cannot be now
	}
	return res, errors.Join(err, over)
}

func (r *Reconciler) run(ctx context.Context, res *Result, p *pen, told map[Directory]*news, digest string, sc Scope) error {
	now := res.Started
	s, err := r.survey(ctx, now, sc, p, told, nil)
	if err != nil {
		return err
	}
	res.Plan, res.GrantsErr = s.plan, s.grantsErr
	if have := res.Plan.Digest(); !strings.HasPrefix(have, digest) {
		return &Moved{digest, have}
	}
	if sc.some() {
		res.Plan, res.Rest = res.Plan.narrowed(r.cfg.Limits)
	} else if res.Release, err = r.limit(ctx, &res.Plan, now); err != nil {
		return err
	}
	if err := r.book.prove(ctx, p, r.decided(res, s), func(Group) uint64 { return s.known }); err != nil {
		return err
	}
	appliers, jobs, err := r.applyAll(ctx, res, s)
	if err != nil {
		return err
	}
	if err := r.book.record(context.WithoutCancel(ctx), p, r.swept(res, jobs)); err != nil {
		return err
	}
	after := &survey{}
	if !sc.Ends {
		if after, err = r.confirm(context.WithoutCancel(ctx), s, jobs); err != nil {
			return err
		}
	}
	var c Counts
	for _, a := range appliers {
		c.Added, c.Removed, c.Forgot, c.Failed = c.Added+a.counts.Added, c.Removed+a.counts.Removed, c.Forgot+a.counts.Forgot, c.Failed+a.counts.Failed
		c.Yielded, c.Moved, c.Lapsed = c.Yielded+a.counts.Yielded, c.Moved+a.counts.Moved, c.Lapsed+a.counts.Lapsed
		res.Failures = append(res.Failures, a.failures...)
		res.Done = append(res.Done, a.done...)
		res.Past = append(res.Past, a.over...)
	}
	slices.SortStableFunc(res.Failures, func(a, b Failure) int { return compareChanges(a.Change, b.Change) })
	slices.SortStableFunc(res.Done, func(a, b Done) int { return compareChanges(a.Change, b.Change) })
	res.Past = slices.Concat(res.Past, s.over, after.over)
	c.Lapsed += s.lapsed + after.lapsed
	slices.SortFunc(res.Past, comparePasts)
	res.Overdue = r.overdue(res.Plan, after.over, res.Failures, r.now(), sc, true)
	r.open(res, jobs, s, after)
	res.count(c)
	if err := r.recordOverdue(context.WithoutCancel(ctx), p, res); err != nil {
		return err
	}
	return res.afterwards(ctx, appliers)
}

// afterwards ends sessions, and gathers what the appliers found.
func (res *Result) afterwards(ctx context.Context, appliers []*applier) error {
	errs := make([]error, len(appliers))
	var wg sync.WaitGroup
	for i, a := range appliers {
		wg.Go(func() { errs[i] = a.endSessions(ctx) })
	}
	wg.Wait()
	for _, a := range appliers {
		res.Findings = append(res.Findings, a.findings...)
	}
	slices.SortFunc(res.Findings, compareProblems)
	res.Counts.Problems += len(res.Findings)
	return errors.Join(errs...)
}

// open fills in what is to be looked at again.
func (r *Reconciler) open(res *Result, js []*job, s, after *survey) {
	if !s.scope.Ends { // what another run sent a moment ago was too young to be proved
		res.Open = append(res.Open, s.young...)
	}
	proved := make(map[Membership]bool, len(after.over)+len(after.begun))
	for _, o := range after.over {
		proved[Membership{o.Group, o.Member.ID}] = true
	}
	for _, m := range after.begun {
		proved[m] = true
	}
	for _, j := range js {
		if slices.ContainsFunc(j.changes, func(c Change) bool { return c.sends() && !c.verify && !proved[Membership{c.Key(), c.Member.ID}] }) {
			res.Open = append(res.Open, j.group)
		}
	}
	for _, f := range res.Failures {
		if f.Change.removes() && f.Change.Why.Agreed() {
			res.Again = append(res.Again, f.Change.Key())
		}
	}
	for _, gs := range []*[]Group{&res.Open, &res.Again} {
		slices.SortFunc(*gs, func(a, b Group) int { return cmp.Or(cmp.Compare(a.Directory, b.Directory), cmp.Compare(a.ID, b.ID)) })
		*gs = slices.Compact(*gs)
	}
}

// decided is what a run writes down before it acts: holds, used releases,
// anchors that moved, foreign members who are given notice.
func (r *Reconciler) decided(res *Result, s *survey) Batch {
	now := res.Started
	var b Batch
	switch held := res.Plan.HeldDigest(); {
	case res.Release != nil:
		b.Spend = append(b.Spend, Spend{res.Release.Digest, res.Run})
		b.Events = append(b.Events, Event{At: now, Kind: EventSpent, Run: res.Run, By: res.Release.By, Digest: res.Release.Digest, Reason: res.Release.Reason})
		b.Readings = append(b.Readings, res.Plan.readings(now)...)
	case held != "":
		b.Holds = append(b.Holds, res.Plan.hold(res.Run, s.scope, now))
		b.Events = append(b.Events, Event{At: now, Kind: EventHeld, Run: res.Run, Digest: held, Objected: res.Plan.Objections})
	}
	b.Events = append(b.Events, s.events...)
	doubt := res.Plan.objects(LimitGrants)
	for _, k := range res.Plan.keeps {
		if doubt { // the grants that vanished may come back
			k.after.Anchors = unite(k.after.Anchors, k.before.Anchors)
			if k.idle() {
				continue
			}
		}
		b.keep(k, EventAnchored, res.Run, now)
	}
	res.Plan.rebase(doubt)
	for _, f := range res.Plan.Foreign {
		m := Membership{Group{f.Directory, f.id}, f.Member.ID}
		switch announced := !f.RemoveAt.IsZero(); {
		case announced && !s.noticed[m]:
			b.Notice = append(b.Notice, Notice{m, now})
			b.Events = append(b.Events, f.event(res.Run, now))
		case !announced && s.noticed[m]:
			b.Unnotice = append(b.Unnotice, m) // protected, or not certain: the notice begins anew when that ends
		}
	}
	return b
}

// idle reports whether there is nothing to write.
func (k keep) idle() bool {
	a, b := k.before, k.after
	return a.Member == b.Member && a.State == b.State && a.Due.Equal(b.Due) && a.Gone.Equal(b.Gone) &&
		a.Expires.Equal(b.Expires) && a.Asked.Equal(b.Asked) &&
		slices.EqualFunc(a.Anchors, b.Anchors, func(x, y Anchor) bool { return x.Grant == y.Grant && x.Until.Equal(y.Until) })
}

// rebase lets the ends that are moved start from the entries as they were
// written: with every anchor of before, where there is doubt.
func (p Plan) rebase(doubt bool) {
	if !slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Op == Expire }) {
		return
	}
	kept := make(map[Membership]Owned, len(p.keeps))
	for _, k := range p.keeps {
		if doubt {
			k.after.Anchors = unite(k.after.Anchors, k.before.Anchors)
		}
		kept[k.after.Key()] = k.after
	}
	for i := range p.Changes {
		c := &p.Changes[i]
		if o, ok := kept[Membership{c.Key(), c.Member.ID}]; ok && c.Op == Expire {
			c.prior, c.anchors = &o, o.Anchors
		}
	}
}

// keep writes a ledger entry that changed without a change in the directory.
func (b *Batch) keep(k keep, kind EventKind, run RunID, now time.Time) {
	if k.before.Member.ID != k.after.Member.ID {
		b.Delete = append(b.Delete, k.before.Key())
	}
	b.Put = append(b.Put, k.after)
	b.Events = append(b.Events, k.after.event(kind, run, now))
}

func (f Foreign) event(run RunID, now time.Time) Event {
	m := f.Member
	return Event{At: now, Kind: EventNoticed, Run: run, Directory: f.Directory, Group: f.Group, GroupID: f.id, Member: &m}
}

func (p Plan) objects(l LimitName) bool {
	return slices.ContainsFunc(p.Objections, func(o Objection) bool { return o.Limit == l && !o.Released })
}

// readings are the doubtful listings of the plan, which a person has confirmed.
func (p Plan) readings(now time.Time) []Reading {
	var rs []Reading
	for _, g := range p.Groups {
		if g.Trust == Doubtful {
			rs = append(rs, Reading{g.Group, g.Name, g.Members, now})
		}
	}
	return rs
}

// swept is what groups whose listings lag ought to read as after strangers were
// taken out: nothing is read back in this run, and the next one must not miss
// them.
func (r *Reconciler) swept(res *Result, js []*job) Batch {
	members := make(map[Group]GroupSummary, len(res.Plan.Groups))
	for _, g := range res.Plan.Groups {
		members[g.Group] = g
	}
	var b Batch
	for _, j := range js {
		if g, ok := members[j.group]; ok && len(j.swept) > 0 && GraceOf(r.cfg.Directories[j.group.Directory]) > 0 {
			b.Readings = append(b.Readings, Reading{j.group, g.Name, max(0, g.Members-len(j.swept)), r.now()})
		}
	}
	return b
}

// applyAll carries out the plan, directories side by side.
func (r *Reconciler) applyAll(ctx context.Context, res *Result, s *survey) ([]*applier, []*job, error) {
	all := jobs(res.Plan.Changes)
	var (
		appliers []*applier
		wg       sync.WaitGroup
	)
	errs := make([]error, 0)
	byDirectory := make(map[Directory][]*job)
	for _, j := range all {
		byDirectory[j.group.Directory] = append(byDirectory[j.group.Directory], j)
	}
	var mu sync.Mutex
	for d, js := range byDirectory {
		s.stops[d].again()
		a := &applier{r: r, s: s, run: res.Run, conn: r.cfg.Directories[d], stop: s.stops[d], lease: r.book.leaseOn(d)}
		appliers = append(appliers, a)
		if a.conn == nil {
			a.untried(js, fmt.Errorf("directory %s is not in the configuration", d))
			continue
		}
		wg.Go(func() {
			if err := a.apply(ctx, js); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("%s: %w", d, err))
			}
		})
	}
	wg.Wait()
	return appliers, all, errors.Join(errs...)
}

// overdue lists the agreed removals of p that are later than allowed and not
// among those that are over. Where listings lag, or nothing is read back, a
// removal that p sent and the directory took is believed until a listing can
// tell.
func (r *Reconciler) overdue(p Plan, past []Past, fs []Failure, now time.Time, sc Scope, sent bool) []Late {
	over := make(map[Membership]bool, len(past))
	for _, o := range past {
		over[Membership{o.Group, o.Member.ID}] = true
	}
	var late []Late
	for _, c := range p.Changes {
		if c.Op != Remove || !c.Why.Agreed() || over[Membership{c.Key(), c.Member.ID}] || now.Sub(c.due) <= r.cfg.Overdue {
			continue
		}
		l := Late{Directory: c.Directory, Group: c.Group, Member: c.Member, Person: c.Person, Grant: c.Grant, Due: c.due, Lag: now.Sub(c.due)}
		for _, f := range fs {
			if f.Change.Key() == c.Key() && f.Change.Member.ID == c.Member.ID {
				l.Error = f.Error
			}
		}
		if sent && l.Error == "" && c.prior.Gone.IsZero() && (sc.Ends || GraceOf(r.cfg.Directories[c.Directory]) > 0) {
			continue
		}
		late = append(late, l)
	}
	return late
}

func (r *Reconciler) recordOverdue(ctx context.Context, p *pen, res *Result) error {
	var b Batch
	for _, l := range res.Overdue {
		m, due := l.Member, l.Due
		b.Events = append(b.Events, Event{
			At: r.now(), Kind: EventOverdue, Run: res.Run, Directory: l.Directory, Group: l.Group,
			Member: &m, Person: l.Person, Due: &due, Error: l.Error,
		})
	}
	return r.book.record(ctx, p, b)
}

func (res *Result) count(c Counts) {
	c.Groups = len(res.Plan.Groups)
	for _, g := range res.Plan.Groups {
		c.Members += g.Members
	}
	c.Held = len(res.Plan.HeldChanges())
	c.Overdue = len(res.Overdue)
	c.Problems = len(res.Plan.Problems)
	c.Foreign = len(res.Plan.Foreign)
	res.Counts = c
}

func comparePasts(a, b Past) int {
	return cmp.Or(cmp.Compare(a.Group.Directory, b.Group.Directory), cmp.Compare(a.GroupName, b.GroupName),
		cmp.Compare(a.Group.ID, b.Group.ID), cmp.Compare(a.Member.ID, b.Member.ID))
}

func (r *Reconciler) directories() []Directory {
	ds := make([]Directory, 0, len(r.cfg.Directories))
	for d := range r.cfg.Directories {
		ds = append(ds, d)
	}
	slices.Sort(ds)
	return ds
}

func newRunID(now time.Time) RunID {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return RunID("r" + now.UTC().Format("20060102T150405.000Z") + "-" + hex.EncodeToString(b[:]))
}
