package engine

import (
	"cmp"
	"slices"
	"time"
)

// Config is what a Reconciler works with.
type Config struct {
	Directories map[Directory]Connector
	Groups      map[GroupRef]Rules // every configured group
	Defaults    Rules              // of groups that only grants or the ledger name; Expire where the directory can
	Limits      Limits             // of a whole run
	Sources     []Source
	Ledger      Ledger
	Overdue     time.Duration // a removal later than this is overdue
	Workers     int           // groups that are read, or written to, at once in a directory; when zero 4 and 16, in a run of some groups 16 and 16
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
// the answers to four others. But it waits for a connection in its own time, and
// most directories have four.
func (r *Reconciler) senders() int { return cmp.Or(r.cfg.Workers, 16) }

func (r *Reconciler) directories() []Directory {
	ds := make([]Directory, 0, len(r.cfg.Directories))
	for d := range r.cfg.Directories {
		ds = append(ds, d)
	}
	slices.Sort(ds)
	return ds
}
