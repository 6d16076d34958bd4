package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/config"
	"github.com/daypass-dev/daypass/internal/serve"
	"github.com/daypass-dev/daypass/schedule/durable"
)

// jobs are the errands between processes, in the database of the store.
type jobs struct {
	*durable.Jobs
	close func()
}

// openJobs opens the errands in a store that several machines share, which is
// open already. Where there is one process, nobody has to be told anything.
// again is told why the tables could not be made, as where the database can only
// be read for a while, and whether that is tried again.
func openJobs(ctx context.Context, cfg *config.Config, log *slog.Logger, again func(ctx context.Context, failures int, err error) bool) (*jobs, error) {
	dsn, err := cfg.StoreDSN(ctx)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return nil, err
	}
	dc := durable.Config{Pool: pool, DB: stdlib.OpenDBFromPool(pool), Full: intervals(cfg), Log: log}
	j := &jobs{close: func() {
		_ = dc.DB.Close()
		pool.Close()
	}}
	for failures := 1; ; failures++ {
		if err = durable.Migrate(ctx, dc); err == nil || !again(ctx, failures, err) {
			break
		}
	}
	if err == nil {
		j.Jobs, err = durable.New(dc)
	}
	if err != nil {
		j.close()
		return nil, err
	}
	return j, nil
}

// intervals say how often each directory is run as a whole.
func intervals(cfg *config.Config) map[string]time.Duration {
	full := make(map[string]time.Duration, len(cfg.Directories))
	for d := range cfg.Directories {
		full[string(d)] = cfg.Serve.Every.Std()
	}
	return full
}

// work works the errands of a directory while this process leads it.
func (j *jobs) work(ctx context.Context, d engine.Directory, lead serve.Leader) {
	j.Lead(ctx, string(d), func(ctx context.Context, e durable.Errand) error {
		if e.Urgency == durable.Full {
			return lead.Interval(ctx, d)
		}
		return lead.Nudge(ctx, d, e.Groups...)
	})
}
