// Package serve is the daemon: it wakes at the edges of grants and runs for the
// groups concerned, runs for everything on an interval, and at once when asked.
//
// It decides when to run, and nothing else: what a run does is engine's. Being
// woken twice, or late, costs time and never truth.
package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/schedule"
)

// Config is what stays the same for the life of the daemon.
type Config struct {
	By     string // who runs, for the audit log
	Holder string // this process among the replicas, for people to read
	// Lessor keeps the leases of directories, each for LeaseFor after its last
	// renewal. Nil where this is the only process: then it leads them all.
	Lessor   schedule.Lessor
	LeaseFor time.Duration
	Poll     time.Duration // how often the grants are looked at; 2 s when zero
	Now      func() time.Time
	Watch    Watcher
	Log      *slog.Logger
	// Errands, when set, works what other processes ask of the leader of a
	// directory until ctx ends. Whole runs are then asked for by it too, and the
	// daemon's own only come when it is silent.
	Errands func(ctx context.Context, d engine.Directory, lead Leader)
}

// Leader is what errands are worked with: a [Daemon].
type Leader interface {
	Nudge(ctx context.Context, d engine.Directory, names ...string) error
	Interval(ctx context.Context, d engine.Directory) error
}

// Watcher is told what happens. Its methods are called from several goroutines,
// and must be quick.
type Watcher interface {
	// Ran tells of a run in a directory, also of one that failed.
	Ran(d engine.Directory, sc engine.Scope, res engine.Result, took time.Duration, err error)
	// Trace begins a run: it is made in the context that is returned, and end
	// called when it is over.
	Trace(ctx context.Context, d engine.Directory, sc engine.Scope) (run context.Context, end func(engine.Result, error))
	// Answers tells that a directory does not answer, and why, or that it does
	// again: what [House.Ask] found.
	Answers(d engine.Directory, err error)
	// Leads tells how it stands with the lease of a directory.
	Leads(d engine.Directory, s schedule.Standing)
	// Granted tells of every look at the grants: all of them, and why they
	// could not be read.
	Granted(all []engine.Grant, err error)
	// Left tells that a directory is not in the configuration any more.
	Left(d engine.Directory)
}

// House is what a configuration amounts to. Another one takes its place when
// the configuration is read again.
type House struct {
	Engine      *engine.Reconciler
	Grants      *Grants
	Directories []engine.Directory
	Every       time.Duration // between two whole runs of a directory
	// Grace is how long listings of a directory may lack what was written.
	Grace func(d engine.Directory) time.Duration
	// Ask asks a directory for something small, to find out whether it answers:
	// nil, or a refusal, when it does. Heard returns when it last answered any
	// request. Without them nobody finds out but runs.
	Ask   func(ctx context.Context, d engine.Directory) error
	Heard func(d engine.Directory) time.Time
	// Took is called when somebody else used the quota of a directory until now:
	// another process, or the house before.
	Took func(d engine.Directory)
	// Close is called once, when nothing runs with it any more.
	Close func()

	users sync.WaitGroup
	once  sync.Once
}

// shut closes a house when nobody uses it any more.
func (h *House) shut() {
	h.users.Wait()
	h.once.Do(h.Close)
}

// Daemon runs until it is told to stop. Make one with New.
type Daemon struct {
	cfg Config

	mu     sync.Mutex
	house  *House
	leads  map[engine.Directory]*post
	leases map[engine.Directory]*schedule.Lease
	ctx    context.Context // of Run
	over   bool            // Run has ended, and closed the house
	posts  sync.WaitGroup
	told   struct {
		house   *House
		reading int
	}

	telling sync.Mutex // one telling at a time, so that the latest comes last
}

// post is a directory that this process leads, or stands by for.
type post struct {
	lead *lead // nil while it stands by
	stop context.CancelFunc
}

// New returns a daemon. Use gives it something to do before Run.
func New(cfg Config) *Daemon {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Poll == 0 {
		cfg.Poll = 2 * time.Second
	}
	return &Daemon{cfg: cfg, leads: make(map[engine.Directory]*post), leases: make(map[engine.Directory]*schedule.Lease)}
}

func (day *Daemon) log() *slog.Logger { return day.cfg.Log }

// Lease is the lease on a directory as the engine asks for it. One that is not
// held says so.
func (day *Daemon) Lease(d engine.Directory) engine.Lease {
	day.mu.Lock()
	defer day.mu.Unlock()
	if l, ok := day.leases[d]; ok {
		return l
	}
	return noLease(d)
}

// noLease is the lease on a directory that another process leads.
type noLease engine.Directory

func (d noLease) Check() error { return fmt.Errorf("this process has no lease on %s", string(d)) }
func (d noLease) Token() int64 { return -1 }

// Use puts a house in the place of the one before. Runs that are under way end
// as they began; the next ones are of the new house. The one before is closed
// when nobody uses it.
func (day *Daemon) Use(h *House) {
	day.mu.Lock()
	if day.over {
		day.mu.Unlock()
		h.shut()
		return
	}
	old := day.house
	if old != nil {
		for _, d := range h.Directories {
			h.Took(d)
		}
	}
	day.house = h
	running := day.ctx != nil
	day.mu.Unlock()
	if old != nil {
		go old.shut()
	}
	if running {
		day.staff()
		day.look(context.Background())
		for _, l := range day.leading() {
			l.whole.ask(day.cfg.Now(), stop{})
		}
	}
}

// enter returns the house of now. It stays open until leave is called.
func (day *Daemon) enter() (h *House, leave func()) {
	day.mu.Lock()
	defer day.mu.Unlock()
	h = day.house
	h.users.Add(1)
	return h, h.users.Done
}

// Run runs until ctx ends, and everything under way is over.
func (day *Daemon) Run(ctx context.Context) {
	posts, stop := context.WithCancel(ctx)
	defer stop()
	day.mu.Lock()
	day.ctx = posts
	day.mu.Unlock()
	day.look(ctx) // the grants first: a lead begins with them
	day.staff()
	tick := time.NewTicker(day.cfg.Poll)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			day.look(ctx)
		}
	}
	day.posts.Wait()
	day.mu.Lock()
	h := day.house
	day.over = true
	day.mu.Unlock()
	h.shut()
}

// look takes in the grants if they changed.
func (day *Daemon) look(ctx context.Context) {
	h, leave := day.enter()
	defer leave()
	change, err := h.Grants.Refresh(ctx)
	switch {
	case ctx.Err() != nil:
	case change == Changed, h.Grants.Readings() != day.toldOf(h):
		day.regrant(h)
	case change == Decided:
		day.cfg.Watch.Granted(nil, err)
		for _, l := range day.leading() {
			l.whole.ask(day.cfg.Now(), stop{})
		}
	default:
		day.cfg.Watch.Granted(nil, err)
	}
}

// toldOf returns which reading of a house's grants the leads were told of.
func (day *Daemon) toldOf(h *House) int {
	day.mu.Lock()
	defer day.mu.Unlock()
	if day.told.house != h {
		return 0
	}
	return day.told.reading
}

// regrant tells every lead of another reading of the grants, of the house that
// is in use.
func (day *Daemon) regrant(h *House) {
	day.telling.Lock()
	defer day.telling.Unlock()
	day.mu.Lock()
	current := day.house == h
	day.mu.Unlock()
	if !current {
		return
	}
	reading, all := h.Grants.Readings(), h.Grants.All()
	if all == nil {
		all = []engine.Grant{}
	}
	day.cfg.Watch.Granted(all, h.Grants.Err())
	for _, l := range day.leading() {
		l.regrant(all)
	}
	day.mu.Lock()
	defer day.mu.Unlock()
	day.told.house, day.told.reading = h, reading
}

// brief tells a lead that begins of the grants as they are.
func (day *Daemon) brief(l *lead, now time.Time) {
	day.telling.Lock()
	defer day.telling.Unlock()
	h, leave := day.enter()
	defer leave()
	l.reindex(h.Grants.All(), now)
}

// leading returns what this process leads.
func (day *Daemon) leading() []*lead {
	day.mu.Lock()
	defer day.mu.Unlock()
	var ls []*lead
	for _, p := range day.leads {
		if p.lead != nil {
			ls = append(ls, p.lead)
		}
	}
	return ls
}

// staff mans the directories of the house, and leaves those that it lacks.
func (day *Daemon) staff() {
	day.mu.Lock()
	defer day.mu.Unlock()
	wanted := make(map[engine.Directory]bool)
	for _, d := range day.house.Directories {
		wanted[d] = true
		if day.leads[d] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(day.ctx)
		p := &post{stop: cancel}
		day.leads[d] = p
		day.posts.Go(func() { day.man(ctx, d, p) })
	}
	for d, p := range day.leads {
		if !wanted[d] {
			p.stop()
			delete(day.leads, d)
			day.cfg.Watch.Left(d)
		}
	}
}

// man leads one directory, whenever this process has its lease.
func (day *Daemon) man(ctx context.Context, d engine.Directory, p *post) {
	if day.cfg.Lessor == nil {
		day.cfg.Watch.Leads(d, schedule.Standing{Held: true, Holder: day.cfg.Holder, Since: day.cfg.Now()})
		day.lead(ctx, d, p)
		return
	}
	k := &schedule.Keeper{
		Lessor: day.cfg.Lessor, Name: string(d), Holder: day.cfg.Holder, TTL: day.cfg.LeaseFor, Wall: day.cfg.Now,
		Tell: func(s schedule.Standing) { day.cfg.Watch.Leads(d, s) },
	}
	err := k.Keep(ctx, func(ctx context.Context, lease *schedule.Lease) {
		day.setLease(d, lease)
		defer day.setLease(d, nil)
		h, leave := day.enter()
		h.Took(d)
		leave()
		day.lead(ctx, d, p)
		if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
			day.log().Warn("no longer leading", "directory", d, "error", err)
		}
	})
	if err != nil {
		day.log().Warn("the lease was not given back", "directory", d, "error", err)
	}
}

func (day *Daemon) setLease(d engine.Directory, l *schedule.Lease) {
	day.mu.Lock()
	defer day.mu.Unlock()
	if l == nil {
		delete(day.leases, d)
		return
	}
	day.leases[d] = l
}

func (day *Daemon) lead(ctx context.Context, d engine.Directory, p *post) {
	l := day.newLead(d)
	day.setLead(p, l)
	day.log().Info("leading", "directory", d)
	var errands sync.WaitGroup
	if day.cfg.Errands != nil {
		errands.Go(func() { day.cfg.Errands(ctx, d, day) })
	}
	l.run(ctx)
	errands.Wait()
	day.setLead(p, nil)
}

func (day *Daemon) setLead(p *post, l *lead) {
	day.mu.Lock()
	defer day.mu.Unlock()
	p.lead = l
}

// ErrElsewhere tells that this process does not lead the directory.
var ErrElsewhere = errors.New("another process leads the directory, or none does just now")

// Nudge runs for groups of a directory at once, by the names that grants use,
// or for all of it without names, and returns when that is done. What is over
// is ended first.
func (day *Daemon) Nudge(ctx context.Context, d engine.Directory, names ...string) error {
	day.look(ctx)
	l, err := day.leadOf(d)
	if err != nil {
		return err
	}
	now := day.cfg.Now()
	if len(names) == 0 {
		return waitFor(ctx, l.ends.await(now, stop{}), l.whole.await(now, stop{}))
	}
	return waitFor(ctx, l.ends.await(now, stops(names)...), l.looks.await(now, stops(names)...))
}

// Interval makes the whole run of a directory that is due by its interval, and
// returns when that is done: at once where the last one is not long ago, as
// after this process took the directory over.
func (day *Daemon) Interval(ctx context.Context, d engine.Directory) error {
	l, err := day.leadOf(d)
	if err != nil {
		return err
	}
	h, leave := day.enter()
	every := h.Every
	leave()
	now := day.cfg.Now()
	if l.wholeSince(now.Add(-every / 2)) {
		return nil
	}
	return waitFor(ctx, l.whole.await(now, stop{}))
}

func (day *Daemon) leadOf(d engine.Directory) (*lead, error) {
	day.mu.Lock()
	defer day.mu.Unlock()
	if p := day.leads[d]; p != nil && p.lead != nil {
		return p.lead, nil
	}
	return nil, fmt.Errorf("%s: %w", d, ErrElsewhere)
}
