package watch

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/daypass-dev/daypass/engine"
)

// Desk is how it stands with the requests of people.
type Desk struct {
	Undecided int // requests and extensions that wait for decisions
	Reviews   int // emergencies that nobody reviewed yet
	Overdue   int // of those, the ones whose time for it is over
}

// front is what is measured of the requests of people.
type front struct {
	undecided, reviews, overdue, missing prometheus.Gauge
	events                               *prometheus.CounterVec
}

func newFront() *front {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "daypass_" + name, Help: help})
	}
	f := &front{
		undecided: gauge("requests_undecided", "Requests and extensions that wait for decisions."),
		reviews:   gauge("reviews_open", "Emergencies that nobody reviewed yet."),
		overdue:   gauge("reviews_overdue", "Emergencies that nobody reviewed in time."),
		missing:   gauge("deciding_groups_missing", "Groups that say who may ask, approve, own or administer, and are not there."),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "daypass_request_events_total", Help: "What happened to requests, as this replica did it: requested, approved, denied, break-glass and others.",
		}, []string{"event"}),
	}
	for _, k := range []engine.EventKind{engine.EventBreakGlass, engine.EventReviewLate} {
		f.events.WithLabelValues(string(k)) // one that begins at one has not increased
	}
	return f
}

func (f *front) collectors() []prometheus.Collector {
	return []prometheus.Collector{f.undecided, f.reviews, f.overdue, f.missing, f.events}
}

// Desk takes in how it stands with requests.
func (w *Watch) Desk(d Desk) {
	f := w.meters.front
	f.undecided.Set(float64(d.Undecided))
	f.reviews.Set(float64(d.Reviews))
	f.overdue.Set(float64(d.Overdue))
}

// Happened counts what happened to a request.
func (w *Watch) Happened(event string) { w.meters.front.events.WithLabelValues(event).Inc() }

// Deciding tells which of the groups that say who may do what are not there,
// each with where the configuration names it.
func (w *Watch) Deciding(missing []string) {
	w.meters.front.missing.Set(float64(len(missing)))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.missing = missing
}
