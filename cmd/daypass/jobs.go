package main

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/config"
	"github.com/daypass-dev/daypass/internal/store"
	"github.com/daypass-dev/daypass/schedule/durable"
)

// jobs are the errands between processes, in the database of the store.
type jobs struct {
	*durable.Jobs
	close func() error
}

// openJobs opens the errands beside the store, which is open already.
func openJobs(ctx context.Context, cfg *config.Config, log *slog.Logger) (*jobs, error) {
	dsn, err := cfg.StoreDSN(ctx)
	if err != nil {
		return nil, err
	}
	dc := durable.Config{Full: make(map[string]time.Duration), Log: log}
	for d := range cfg.Directories {
		dc.Full[string(d)] = cfg.Serve.Every.Std()
	}
	j := &jobs{}
	if store.IsPostgres(dsn) {
		pool, err := pgxpool.New(ctx, dsn)
		if err != nil {
			return nil, err
		}
		dc.Pool, dc.DB = pool, stdlib.OpenDBFromPool(pool)
		j.close = func() error {
			err := dc.DB.Close()
			pool.Close()
			return err
		}
	} else {
		u := url.URL{Scheme: "file", Path: filepath.ToSlash(strings.TrimPrefix(dsn, "sqlite:"))}
		db, err := sql.Open("sqlite", "file:"+u.EscapedPath()+"?_txlock=immediate&_pragma=busy_timeout(5000)")
		if err != nil {
			return nil, err
		}
		db.SetMaxOpenConns(1)
		dc.DB, j.close = db, db.Close
	}
	if err = durable.Migrate(ctx, dc); err == nil {
		j.Jobs, err = durable.New(dc)
	}
	if err != nil {
		return nil, errors.Join(err, j.close())
	}
	return j, nil
}

// work works the errands of a directory while this process leads it.
func (j *jobs) work(ctx context.Context, d engine.Directory, run func(context.Context, ...string) error) {
	j.Lead(ctx, string(d), func(ctx context.Context, e durable.Errand) error {
		if e.Urgency == durable.Full {
			return run(ctx)
		}
		return run(ctx, e.Groups...)
	})
}
