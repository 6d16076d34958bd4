package watch

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

func TestARunIsASpanAroundItsRequests(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	w := New(Config{Traces: newTraces(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))})
	tell := w.Requests("corp")
	tell(t.Context(), httpx.Sent{Method: "POST"}) // a token, outside of any run
	ctx, end := w.Trace(t.Context(), "corp", engine.Scope{Directory: "corp", Ends: true})
	tell(ctx, httpx.Sent{Method: "DELETE", Bucket: "members", Status: 429, Throttled: true, Took: time.Second})
	w.Operations("corp")(ctx, "search", 0, time.Second)
	end(engine.Result{Run: "r1", Counts: engine.Counts{Removed: 3}}, errors.New("store: postgres://u:hunter2@db: gone"))
	got := spans.Ended()
	if len(got) != 3 {
		t.Fatalf("%d spans, want the run and its two requests", len(got))
	}
	request, run := got[0], got[2]
	if search := got[1]; search.Name() != "search" || search.Status().Code == codes.Error {
		t.Errorf("search: %s %v", search.Name(), search.Status())
	}
	if request.Parent().SpanID() != run.SpanContext().SpanID() || request.Name() != "DELETE members" || request.EndTime().Sub(request.StartTime()) != time.Second || request.Status().Code != codes.Error {
		t.Errorf("request: %s of %v, %v", request.Name(), request.Parent(), request.Status())
	}
	if run.Name() != "run ends" || run.Status().Description != "store: postgres://[secret]@db: gone" {
		t.Errorf("run: %s %v", run.Name(), run.Status())
	}
	as := attribute.NewSet(run.Attributes()...)
	for key, want := range map[attribute.Key]attribute.Value{
		"daypass.run": attribute.StringValue("r1"), "daypass.removed": attribute.IntValue(3),
		"daypass.outcome": attribute.StringValue("failed"), "daypass.directory": attribute.StringValue("corp"),
	} {
		if got, _ := as.Value(key); got != want {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
}

func TestNobodyAsksForTraces(t *testing.T) {
	t.Parallel()
	for _, env := range []map[string]string{
		{},
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
	} {
		traces, err := OpenTraces(t.Context(), func(name string) string { return env[name] }, Config{})
		if traces != nil || err != nil {
			t.Errorf("%v: %v %v", env, traces, err)
		}
		w := New(Config{Traces: traces})
		ctx, end := w.Trace(t.Context(), "corp", engine.Scope{})
		w.Requests("corp")(ctx, httpx.Sent{})
		end(engine.Result{}, nil)
		if err := traces.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	env := map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
	if _, err := OpenTraces(t.Context(), func(name string) string { return env[name] }, Config{}); err == nil {
		t.Error("grpc is spoken to a port that gets http")
	}
}

// TestTracesReachACollector is not parallel: OpenTelemetry reads the
// environment of the process.
func TestTracesReachACollector(t *testing.T) {
	got := make(chan string, 9)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r.URL.Path + " " + string(body)
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	traces, err := OpenTraces(t.Context(), os.Getenv, Config{Version: "1.2.3", Replica: "host-1"})
	if err != nil {
		t.Fatal(err)
	}
	_, end := New(Config{Traces: traces}).Trace(t.Context(), "corp", engine.Scope{Directory: "corp"})
	end(engine.Result{Run: "r1"}, nil)
	if err := traces.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	sent := <-got
	for _, want := range []string{"/v1/traces ", "service.name", "daypass", "1.2.3", "host-1", "run full"} {
		if !strings.Contains(sent, want) {
			t.Errorf("what was sent lacks %q", want)
		}
	}
}
