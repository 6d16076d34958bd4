package watch

import (
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// meters counts what happens. What is so at the moment is not counted here but
// read from the watch when somebody asks (gauges.go), so that it cannot be out
// of date.
type meters struct {
	registry *prometheus.Registry
	front    *front

	runs      *prometheus.CounterVec
	took      *prometheus.HistogramVec
	changes   *prometheus.CounterVec
	failures  *prometheus.CounterVec
	lag       *prometheus.HistogramVec
	requests  *prometheus.CounterVec
	answers   *prometheus.HistogramVec
	throttled *prometheus.CounterVec
	deferred  *prometheus.CounterVec
	waited    *prometheus.CounterVec
}

// The stages of a lag.
const (
	stageRemoved   = "removed"
	stageConfirmed = "confirmed"
)

func newMeters(w *Watch) *meters {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "daypass_" + name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "daypass_" + name, Help: help, Buckets: buckets}, labels)
	}
	const minute, hour = 60, 3600
	m := &meters{
		registry: prometheus.NewRegistry(), front: newFront(),
		runs: counter("runs_total", "Runs, by what they looked at and how they ended.", "directory", "scope", "outcome"),
		took: histogram("run_duration_seconds", "How long runs took.",
			[]float64{0.1, 0.5, 1, 5, 15, minute, 5 * minute, 15 * minute, hour}, "directory", "scope"),
		changes:  counter("changes_total", "Memberships changed.", "directory", "op", "why"),
		failures: counter("change_failures_total", "Changes that did not take place, or whose outcome is not known; what is due is tried again.", "directory", "kind"),
		lag: histogram("removal_lag_seconds", "How long memberships outlived their grants, until removed and until confirmed by a reading.",
			[]float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, minute, 2 * minute, 5 * minute, 15 * minute, hour, 4 * hour, 24 * hour}, "directory", "stage"),
		requests: counter("api_requests_total", "Requests sent to directories, every attempt; status is 2xx to 5xx, of LDAP ok, refused or busy, and none without an answer.", "directory", "method", "status"),
		answers: histogram("api_request_duration_seconds", "How long directories took to answer.",
			[]float64{0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}, "directory"),
		throttled: counter("api_throttled_total", "Answers that the quota is spent.", "directory"),
		deferred:  counter("api_deferred_total", "Requests not sent because the quota did not allow them in time.", "directory"),
		waited:    counter("api_quota_wait_seconds_total", "Time that requests waited for the quota and for their turn.", "directory"),
	}
	m.registry.MustRegister(m.runs, m.took, m.changes, m.failures, m.lag, m.requests, m.answers, m.throttled, m.deferred, m.waited,
		newGauges(w), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.registry.MustRegister(m.front.collectors()...)
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "daypass_build_info", Help: "The version that runs; always 1."}, []string{"version", "goversion"})
	info.WithLabelValues(w.cfg.Version, runtime.Version()).Set(1)
	m.registry.MustRegister(info)
	return m
}

// meet makes the counters of a directory begin at zero: one that begins at one
// has not increased.
func (m *meters) meet(d engine.Directory) {
	for _, sc := range []string{scopeFull, scopeGroups, scopeEnds} {
		for _, out := range []string{outcomeDone, outcomeIncomplete, outcomeFailed, outcomeClock, outcomeCancelled} {
			m.runs.WithLabelValues(string(d), sc, out)
		}
	}
	for _, v := range []*prometheus.CounterVec{m.throttled, m.deferred, m.waited} {
		v.WithLabelValues(string(d))
	}
	for _, stage := range []string{stageRemoved, stageConfirmed} {
		m.lag.WithLabelValues(string(d), stage)
	}
}

func (m *meters) forget(d engine.Directory) {
	of := prometheus.Labels{"directory": string(d)}
	for _, v := range []*prometheus.MetricVec{
		m.runs.MetricVec, m.took.MetricVec, m.changes.MetricVec, m.failures.MetricVec, m.lag.MetricVec, m.requests.MetricVec,
		m.answers.MetricVec, m.throttled.MetricVec, m.deferred.MetricVec, m.waited.MetricVec,
	} {
		v.DeletePartialMatch(of)
	}
}

func (m *meters) ran(d engine.Directory, sc engine.Scope, res engine.Result, took time.Duration, err error) {
	m.runs.WithLabelValues(string(d), scope(sc), outcome(res, err)).Inc()
	m.took.WithLabelValues(string(d), scope(sc)).Observe(took.Seconds())
	for _, done := range res.Done {
		m.changes.WithLabelValues(string(d), string(done.Change.Op), string(done.Change.Why)).Inc()
	}
	for _, f := range res.Failures {
		m.failures.WithLabelValues(string(d), string(f.Kind)).Inc()
	}
	for _, p := range res.Past {
		if p.Due.IsZero() {
			continue // it ended for another reason
		}
		m.lagged(d, stageRemoved, p.Due, p.Removed)
		m.lagged(d, stageConfirmed, p.Due, p.Confirmed)
	}
}

// lagged observes how long after due it was over; a zero time is none.
func (m *meters) lagged(d engine.Directory, stage string, due, over time.Time) {
	if !over.IsZero() {
		m.lag.WithLabelValues(string(d), stage).Observe(max(0, over.Sub(due).Seconds()))
	}
}

func (m *meters) sent(d engine.Directory, s httpx.Sent) {
	name := string(d)
	if s.Waits {
		return // what it waited is counted when that is over
	}
	m.waited.WithLabelValues(name).Add(s.Waited.Seconds())
	switch {
	case s.Dropped:
		return
	case s.Unsent:
		m.deferred.WithLabelValues(name).Inc()
		return
	}
	m.answered(d, s.Method, class(s.Status), s.Took)
	if s.Throttled {
		m.throttled.WithLabelValues(name).Inc()
	}
}

func (m *meters) answered(d engine.Directory, method, status string, took time.Duration) {
	m.requests.WithLabelValues(string(d), method, status).Inc()
	m.answers.WithLabelValues(string(d)).Observe(took.Seconds())
}

// class is the kind of an HTTP status: "2xx".
func class(status int) string {
	if status == 0 {
		return "none"
	}
	return strconv.Itoa(status/100) + "xx"
}

// The results of LDAP that say "not now".
const (
	ldapBusy        = 51
	ldapUnavailable = 52
)

// verdict is the kind of a result of LDAP.
func verdict(result int) string {
	switch {
	case result < 0:
		return "none"
	case result == 0:
		return "ok"
	case result == ldapBusy, result == ldapUnavailable:
		return "busy"
	}
	return "refused"
}
