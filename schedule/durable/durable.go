// Package durable carries errands between processes that share one database:
// what any of them has to say to the one that leads a directory. It is a thin
// layer on River (riverqueue.com), with the same code on PostgreSQL and SQLite.
//
// Truth is never in an errand. It says where to look; losing one or doing it
// twice costs time, and nothing else. What is due on the second is not sent: the
// process that leads a directory knows it by itself.
//
// There is one queue for each directory, and its leader works it; see
// [Jobs.Lead]. An errand that nobody can work waits. So does each of the runs
// of a whole directory that come at an interval: there is never more than one.
package durable

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/daypass-dev/daypass/schedule"
)

const (
	// beat is how often a process says that it is still at an errand, and
	// silence after how long of none it is believed to be dead. River looks
	// every 30 seconds, and when it has a new leader.
	beat    = 5 * time.Second
	silence = 20 * time.Second
	// poll is how often a queue is looked at on PostgreSQL, where a notification
	// is mostly quicker. A look costs more on SQLite: 0.2 % of a core each second.
	poll       = time.Second
	pollSQLite = 2 * time.Second
	// together is how many errands of one directory are worked at once.
	together = 8
	// kept is how long errands are kept that are done.
	kept = time.Hour
	// stopWithin is how long River may take to note how far it came.
	stopWithin = 15 * time.Second
	// shared is a queue that every process works, for kinds of jobs that need no
	// leader. River wants a process that works to have a queue from the start.
	shared = "shared"
)

// Config says where jobs are kept, and what comes at an interval.
type Config struct {
	// DB is PostgreSQL through pgx, or SQLite: then a pool of its own, with one
	// connection, _txlock=immediate and a busy_timeout.
	DB *sql.DB
	// Pool is the same PostgreSQL, of which one connection is taken to listen on.
	// Nil says that DB is SQLite.
	Pool *pgxpool.Pool
	// Full says how often a whole directory is run, by name. Each process of an
	// installation says the same; one of them sends the errands. One more comes
	// when another process takes that over.
	Full map[string]time.Duration
	// Log is told of errands that fail, and of a database that does. Nil tells
	// nobody.
	Log *slog.Logger
}

// Jobs sends errands, and works them while [Jobs.Run] runs. Its methods may be
// called from any goroutine.
type Jobs struct {
	db     *sql.DB
	client *river.Client[*sql.Tx]
	log    *slog.Logger

	started chan struct{}   // closed when River runs
	running context.Context // ends when Run is to end
	halt    context.CancelFunc

	mu    sync.Mutex
	leads map[string]*lead // by directory
}

// Migrate makes the tables of River, or brings them up to date. Several
// processes may do it at once.
func Migrate(ctx context.Context, cfg Config) error {
	migrator, err := newMigrator(cfg)
	if err != nil {
		return err
	}
	for failures := 1; ; failures++ {
		// Of several that begin at once all but one fail, and then find it done.
		_, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		if err == nil {
			return nil
		}
		if failures == 5 || !schedule.Pause(ctx, schedule.Backoff{First: 100 * time.Millisecond}.After(failures, rand.Float64())) {
			return fmt.Errorf("make the tables of the job queue: %w", err)
		}
	}
}

func newMigrator(cfg Config) (*rivermigrate.Migrator[*sql.Tx], error) {
	opts := &rivermigrate.Config{Logger: quieten(cfg.Log)}
	if cfg.Pool == nil {
		return rivermigrate.New(riversqlite.New(cfg.DB), opts)
	}
	return rivermigrate.New(riverdatabasesql.New(cfg.DB), opts)
}

// New returns jobs that can be sent at once, and are worked while Run runs. It
// does not ask the database.
func New(cfg Config) (*Jobs, error) {
	j := &Jobs{db: cfg.DB, log: cfg.Log, started: make(chan struct{}), leads: map[string]*lead{}}
	if j.log == nil {
		j.log = slog.New(slog.DiscardHandler)
	}
	j.running, j.halt = context.WithCancel(context.Background())
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &worker{jobs: j}); err != nil {
		return nil, err
	}
	opts := &river.Config{
		CompletedJobRetentionPeriod: kept,
		FetchOnlyKnownKinds:         true, // what a newer process sends is for newer ones
		FetchPollInterval:           poll,
		JobStuckThreshold:           24 * time.Hour, // errands end with their directory's lead
		JobTimeout:                  silence,        // not more than the next; see worker
		Logger:                      quieten(cfg.Log),
		PollOnly:                    cfg.Pool == nil, // SQLite would be asked for news 20 times a second
		Queues:                      map[string]river.QueueConfig{shared: {MaxWorkers: together, FetchPollInterval: 10 * pollSQLite}},
		RescueStuckJobsAfter:        silence,
		Workers:                     workers,
	}
	if cfg.Pool == nil {
		opts.FetchPollInterval = pollSQLite
	}
	var err error
	if opts.PeriodicJobs, err = periodics(cfg.Full); err != nil {
		return nil, err
	}
	if cfg.Pool == nil {
		j.client, err = river.NewClient(riversqlite.New(cfg.DB), opts)
	} else {
		j.client, err = river.NewClient(riverdatabasesql.NewWithPgxListener(cfg.DB, cfg.Pool), opts)
	}
	if err != nil {
		return nil, fmt.Errorf("set up the job queue: %w", err)
	}
	return j, nil
}

// Every puts other intervals in the place of [Config.Full], as after the
// configuration was read again.
func (j *Jobs) Every(full map[string]time.Duration) error {
	ps, err := periodics(full)
	if err != nil {
		return err
	}
	bundle := j.client.PeriodicJobs()
	bundle.Clear()
	_, err = bundle.AddManySafely(ps)
	return err
}

func periodics(full map[string]time.Duration) ([]*river.PeriodicJob, error) {
	var ps []*river.PeriodicJob
	for directory, every := range full {
		if every < time.Second {
			return nil, fmt.Errorf("a run of all of %s every %s is too often: it takes a second at least", directory, every)
		}
		ps = append(ps, periodic(directory, every))
	}
	return ps, nil
}

// periodic is the run of a whole directory at an interval. River forgets when
// the last one was when another process takes over, so that one comes then.
func periodic(directory string, every time.Duration) *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(every), func() (river.JobArgs, *river.InsertOpts) {
		a := args{Directory: directory, Urgency: Full}
		return a, a.opts()
	}, &river.PeriodicJobOpts{RunOnStart: true})
}

// Run works errands until ctx ends, and then ends every lead. It may be called
// once. It waits for a database that is not there. Its error says that River
// could not note how far it came; errands are then worked once more.
func (j *Jobs) Run(ctx context.Context) error {
	defer j.halt()
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	starting := context.AfterFunc(ctx, end)
	for failures := 1; ; failures++ {
		err := j.client.Start(life)
		if err == nil {
			break
		}
		wait := schedule.Backoff{Cap: 10 * time.Second}.After(failures, rand.Float64())
		if ctx.Err() != nil {
			return nil
		}
		j.log.Warn("the job queue cannot start", "error", err, "again", wait)
		if !schedule.Pause(ctx, wait) {
			return nil
		}
	}
	starting()
	close(j.started)
	<-ctx.Done()
	j.halt()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if err := j.client.Stop(stopping); err != nil {
		return fmt.Errorf("stop the job queue: %w", err)
	}
	return nil
}
