package watch

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// Traces sends the traces of runs to an OpenTelemetry collector. A nil one
// sends nothing.
type Traces struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// OpenTraces returns traces where the environment asks for them, with
// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT, and nil
// where it does not. The other OTEL variables are read by OpenTelemetry itself,
// from the environment of the process. Nothing is sent yet; what cannot be sent
// later is a warning in the log. Close them at the end.
func OpenTraces(ctx context.Context, getenv func(string) string, cfg Config) (*Traces, error) {
	either := func(name string) string {
		if v := getenv("OTEL_EXPORTER_OTLP_TRACES_" + name); v != "" {
			return v
		}
		return getenv("OTEL_EXPORTER_OTLP_" + name)
	}
	if either("ENDPOINT") == "" || getenv("OTEL_SDK_DISABLED") == "true" || getenv("OTEL_TRACES_EXPORTER") == "none" {
		return nil, nil //nolint:nilnil // nobody wants traces, which is no error
	}
	if p := either("PROTOCOL"); p != "" && p != "http/protobuf" {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q: daypass sends traces as http/protobuf, usually to port 4318", p)
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("open traces: %w", err)
	}
	self, err := resource.New(ctx,
		resource.WithAttributes(
			attribute.String("service.name", "daypass"),
			attribute.String("service.version", cfg.Version),
			attribute.String("service.instance.id", cfg.Replica)),
		resource.WithTelemetrySDK(),
		resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	if cfg.Log != nil {
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { cfg.Log.Warn("traces were not sent", slog.String("error", scrub(err))) }))
	}
	return newTraces(sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(self))), nil
}

func newTraces(p *sdktrace.TracerProvider) *Traces {
	return &Traces{provider: p, tracer: p.Tracer("github.com/daypass-dev/daypass")}
}

// Close sends what is left, as long as ctx lasts.
func (t *Traces) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// run begins the span of a run.
func (t *Traces) run(ctx context.Context, d engine.Directory, sc engine.Scope) (context.Context, func(engine.Result, error)) {
	if t == nil {
		return ctx, func(engine.Result, error) {}
	}
	ctx, span := t.tracer.Start(ctx, "run "+scope(sc), trace.WithAttributes(
		attribute.String("daypass.directory", string(d)), attribute.String("daypass.scope", scope(sc))))
	return ctx, func(res engine.Result, err error) {
		c := res.Counts
		span.SetAttributes(
			attribute.String("daypass.run", string(res.Run)), attribute.String("daypass.outcome", outcome(res, err)),
			attribute.Int("daypass.groups", c.Groups), attribute.Int("daypass.added", c.Added),
			attribute.Int("daypass.removed", c.Removed), attribute.Int("daypass.failed", c.Failed),
			attribute.Int("daypass.held", c.Held), attribute.Int("daypass.overdue", c.Overdue))
		if err != nil {
			span.SetStatus(codes.Error, scrub(err))
		}
		span.End()
	}
}

// sent makes a span of a request that was just answered, within a run. It has
// no path in it, which may name a person.
func (t *Traces) sent(ctx context.Context, d engine.Directory, s httpx.Sent) {
	if s.Waits || s.Dropped {
		return // it was not answered, nor refused
	}
	name := s.Bucket
	if !strings.HasPrefix(name, s.Method) { // some name the quota by the method
		name = strings.TrimSpace(s.Method + " " + name)
	}
	t.exchange(ctx, d, name, s.Took, s.Status == 0 || s.Status >= 400,
		attribute.String("http.request.method", s.Method),
		attribute.Int("http.response.status_code", s.Status),
		attribute.Float64("daypass.quota.wait_seconds", s.Waited.Seconds()),
		attribute.Bool("daypass.quota.throttled", s.Throttled || s.Unsent))
}

// operated is sent for an operation of LDAP.
func (t *Traces) operated(ctx context.Context, d engine.Directory, op string, result int, took time.Duration) {
	t.exchange(ctx, d, op, took, result != 0, attribute.Int("ldap.result_code", result))
}

func (t *Traces) exchange(ctx context.Context, d engine.Directory, name string, took time.Duration, bad bool, more ...attribute.KeyValue) {
	if t == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return
	}
	now := time.Now()
	_, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(now.Add(-took)),
		trace.WithAttributes(attribute.String("daypass.directory", string(d))), trace.WithAttributes(more...))
	if bad {
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(now))
}
