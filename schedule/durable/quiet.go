package durable

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// quiet passes on what River logs: at debug, for it is of use to nobody else.
// Errors that go on for a minute are a warning, once an hour, that says what
// they come to.
type quiet struct {
	slog.Handler
	told *told
}

// told is when errors began, and went on, and were passed on last.
type told struct {
	mu                sync.Mutex
	began, last, said time.Time
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
	if r.Level >= slog.LevelError && q.told.lasting(r.Time) {
		r.AddAttrs(slog.String("river", r.Message))
		r.Level, r.Message = slog.LevelWarn, "the job queue does not work: what other replicas are asked for comes late"
	} else {
		r.Level, r.Message = slog.LevelDebug, "job queue: "+r.Message
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

// lasting takes in an error, and reports whether it is to be passed on.
func (t *told) lasting(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.last) > time.Minute {
		t.began = now
	}
	t.last = now
	if now.Sub(t.began) < time.Minute || now.Sub(t.said) < time.Hour {
		return false
	}
	t.said = now
	return true
}
