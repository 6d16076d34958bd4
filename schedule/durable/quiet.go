package durable

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// quiet passes on what River logs: at debug, and an error a minute as a warning,
// for each part of River has its own while the database is away.
type quiet struct {
	slog.Handler
	told *told
}

// told is when an error was passed on last.
type told struct {
	mu sync.Mutex
	at time.Time
}

// quieten returns a logger for River to log to.
func quieten(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(quiet{log.Handler(), new(told)})
}

// Enabled reports whether anything of the level is passed on.
func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return q.Handler.Enabled(ctx, slog.LevelDebug) || level >= slog.LevelError && q.Handler.Enabled(ctx, slog.LevelWarn)
}

// Handle passes a record on.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	r.Message = "job queue: " + r.Message
	if r.Level >= slog.LevelError && q.told.next(r.Time) {
		r.Level = slog.LevelWarn
	} else {
		r.Level = slog.LevelDebug
	}
	if !q.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return q.Handler.Handle(ctx, r)
}

// WithAttrs returns a handler that is as quiet.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quiet{q.Handler.WithAttrs(attrs), q.told}
}

// WithGroup returns a handler that is as quiet.
func (q quiet) WithGroup(name string) slog.Handler {
	return quiet{q.Handler.WithGroup(name), q.told}
}

// next reports whether no error was passed on for a minute.
func (t *told) next(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.at) < time.Minute {
		return false
	}
	t.at = now
	return true
}
