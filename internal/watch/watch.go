// Package watch is how daypass is watched: metrics for Prometheus, health for
// whoever restarts it, lines in a log for people, and traces where they are
// asked for.
//
// It is told what happens by plain methods, which are quick and may be called
// from several goroutines. It asks nobody and decides nothing.
package watch

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
	"github.com/daypass-dev/daypass/schedule"
)

// Config is what a Watch is made of. All of it may be left out.
type Config struct {
	Version string
	Replica string       // this process among the replicas, for people to read
	Log     *slog.Logger // nil is silent
	// Traces gets the runs; nil where nobody wants them.
	Traces *Traces
	// Stuck is how long the daemon may give no sign of life before it is
	// unhealthy; 2 minutes when zero.
	Stuck time.Duration
	// Patience is how long a directory that this replica leads may not answer
	// before the replica is not ready; 5 minutes when zero.
	Patience time.Duration
	Now      func() time.Time // time.Now when nil
}

// Watch is what is known of a daemon. Make one with New.
type Watch struct {
	cfg    Config
	meters *meters
	lines  *lines

	grants grants

	mu      sync.Mutex
	beat    time.Time
	store   part
	config  part
	skew    map[string]time.Duration
	queue   map[engine.Directory]int
	boards  map[engine.Directory]*board
	missing []string // groups that decide and are not there
}

// New returns a watch that was told nothing yet.
func New(cfg Config) *Watch {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Stuck == 0 {
		cfg.Stuck = 2 * time.Minute
	}
	if cfg.Patience == 0 {
		cfg.Patience = 5 * time.Minute
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	w := &Watch{
		cfg: cfg, beat: cfg.Now(), lines: newLines(cfg.Log, cfg.Replica),
		skew: make(map[string]time.Duration), boards: make(map[engine.Directory]*board),
	}
	w.config.tell(cfg.Now(), nil) // without one, nothing is running
	w.meters = newMeters(w)
	return w
}

// Beat tells that the daemon's loop goes round.
func (w *Watch) Beat() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.beat = w.cfg.Now()
}

// Ran tells of a run in one directory, also of one that failed.
func (w *Watch) Ran(d engine.Directory, sc engine.Scope, res engine.Result, took time.Duration, err error) {
	w.lines.ran(d, sc, res, took, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.boards[d]
	if b == nil {
		return // the directory left while it was under way
	}
	w.meters.ran(d, sc, res, took, err)
	b.ran(w.cfg.Now(), sc, res, err)
	if b.silent && b.answers.err == nil {
		b.silent = false
		w.lines.answers(d, nil)
	}
}

// Answers tells whether a directory that this replica leads answered a question
// that was asked to find out: nil when it did.
func (w *Watch) Answers(d engine.Directory, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if b := w.boards[d]; b != nil && b.lease.Held && b.asked(w.cfg.Now(), err) {
		w.lines.answers(d, err)
	}
}

// Heard returns when a directory last answered any request of this replica; zero
// when it never did.
func (w *Watch) Heard(d engine.Directory) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if b := w.boards[d]; b != nil {
		return b.sent.answered
	}
	return time.Time{}
}

// Leads tells how it stands with the lease of a directory. What was known of
// one that this replica does not lead any more is forgotten.
func (w *Watch) Leads(d engine.Directory, s schedule.Standing) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines.leads(d, s)
	b := w.board(d)
	if b.lease.Held != s.Held || b.lease.Token != s.Token {
		*b = board{sent: b.sent}
		w.lines.forget(d)
	}
	b.lease = s
}

// Granted tells of a look at the grants: all of them, or nil where they are as
// before, and why they could not be read. It is a sign of life. The slice must
// not be changed afterwards.
func (w *Watch) Granted(all []engine.Grant, err error) {
	w.Beat()
	if w.grants.told(w.cfg.Now(), all, err) {
		w.lines.turned("the grants can be read again", "the grants cannot be read, those read before are in force", err)
	}
}

// Left tells that a directory is not in the configuration any more.
func (w *Watch) Left(d engine.Directory) {
	w.lines.forget(d)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.meters.forget(d)
	delete(w.boards, d)
	delete(w.skew, string(d))
	delete(w.queue, d)
}

// Store tells whether the store answers: nil when it does.
func (w *Watch) Store(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.store.tell(w.cfg.Now(), err) {
		w.lines.turned("the store answers again", "the store is down", err)
	}
}

// Reloaded tells that the configuration was read again, or why the one before
// stays in force.
func (w *Watch) Reloaded(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.config.tell(w.cfg.Now(), err)
}

// Queue tells how much waits for its turn in each directory.
func (w *Watch) Queue(depths map[engine.Directory]int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = maps.Clone(depths)
}

// Skew tells by how much another clock is ahead of this machine's: a
// directory's, by its name, or that of the "store".
func (w *Watch) Skew(against string, ahead time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.skew[against] = ahead
}

// Requests returns what a connector of d is to tell its requests to.
func (w *Watch) Requests(d engine.Directory) func(context.Context, httpx.Sent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.board(d)
	return func(ctx context.Context, s httpx.Sent) {
		w.cfg.Traces.sent(ctx, d, s)
		w.mu.Lock()
		defer w.mu.Unlock()
		b := w.boards[d]
		if b == nil {
			return // the directory left
		}
		w.meters.sent(d, s)
		if b.sent.heard(w.cfg.Now(), s) {
			w.lines.waits(d, s)
		}
	}
}

// Operations is Requests for a directory that speaks LDAP: it is told the name
// of an operation, its result code (0 when all is well, -1 without an answer),
// and how long it took.
func (w *Watch) Operations(d engine.Directory) func(ctx context.Context, op string, result int, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.board(d)
	return func(ctx context.Context, op string, result int, took time.Duration) {
		w.cfg.Traces.operated(ctx, d, op, result, took)
		w.mu.Lock()
		defer w.mu.Unlock()
		if b := w.boards[d]; b != nil {
			w.meters.answered(d, op, verdict(result), took)
			if result >= 0 {
				b.sent.answered = w.cfg.Now()
			}
		}
	}
}

// Trace begins the trace of a run. The run is made in the context that it
// returns, and end called when it is over.
func (w *Watch) Trace(ctx context.Context, d engine.Directory, sc engine.Scope) (run context.Context, end func(engine.Result, error)) {
	return w.cfg.Traces.run(ctx, d, sc)
}

// board returns what is known of a directory. w.mu is held.
func (w *Watch) board(d engine.Directory) *board {
	b := w.boards[d]
	if b == nil {
		b = &board{}
		w.boards[d] = b
		w.meters.meet(d)
	}
	return b
}
