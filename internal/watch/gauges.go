package watch

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// gauges reads from a watch what is so at the moment. What a replica does not
// know, for another one leads the directory, it does not say.
type gauges struct {
	watch *Watch

	held, leased, token                      *prometheus.Desc
	full, overdue, oldest                    *prometheus.Desc
	holds, foreign, problems, queue, waiting *prometheus.Desc
	grants, grantsRead, edge                 *prometheus.Desc
	store, config, configAt, skew, reachable *prometheus.Desc
}

func newGauges(w *Watch) *gauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("daypass_"+name, help, labels, nil)
	}
	return &gauges{
		watch:      w,
		held:       desc("lease_held", "1 where this replica leads the directory, 0 where it stands by.", "directory"),
		leased:     desc("lease_changed_timestamp_seconds", "When the lease was last seen to change hands.", "directory"),
		token:      desc("lease_token", "The fencing token of the lease; each is greater than those before.", "directory"),
		reachable:  desc("directory_up", "1 when the directory answered what was last asked of it, by a run or to find out.", "directory"),
		full:       desc("last_full_run_timestamp_seconds", "When the last whole run of the directory was over.", "directory"),
		overdue:    desc("overdue_removals", "Removals that were due longer ago than is allowed and are not confirmed.", "directory"),
		oldest:     desc("overdue_oldest_seconds", "How long ago the oldest overdue removal was due; 0 when none is overdue.", "directory"),
		holds:      desc("held_changes", "Changes that a limit holds until somebody releases them.", "directory"),
		foreign:    desc("foreign_members", "Members that neither a grant nor the ledger explains.", "directory"),
		problems:   desc("problems", "What the last whole run could not decide, by kind.", "directory", "kind"),
		waiting:    desc("api_quota_waiting_seconds", "How long the request has waited for the quota that has waited longest; 0 when none has for 10 seconds.", "directory"),
		queue:      desc("queue_depth", "Work that waits for its turn.", "directory"),
		grants:     desc("grants", "Grants waiting and active, one of a resource counted once for each of its groups.", "state"),
		grantsRead: desc("grants_readable", "1 when the grants could be read at the last look."),
		edge:       desc("next_edge_timestamp_seconds", "When the next grant begins or ends."),
		store:      desc("store_up", "1 when the store answers."),
		config:     desc("config_last_reload_successful", "1 when the last reading of the configuration was accepted."),
		configAt:   desc("config_last_reload_success_timestamp_seconds", "When a configuration was last accepted."),
		skew:       desc("clock_skew_seconds", "How far another clock is ahead of this machine's: a directory's, or the store's.", "against"),
	}
}

// Describe implements [prometheus.Collector].
func (g *gauges) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		g.held, g.leased, g.token, g.reachable, g.full, g.overdue, g.oldest, g.holds, g.foreign, g.problems,
		g.queue, g.waiting, g.grants, g.grantsRead, g.edge, g.store, g.config, g.configAt, g.skew,
	} {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (g *gauges) Collect(to chan<- prometheus.Metric) {
	w := g.watch
	now := w.cfg.Now()
	var all []prometheus.Metric // sent without the lock
	set := func(d *prometheus.Desc, v float64, labels ...string) {
		all = append(all, prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...))
	}
	grants := w.grants.count(now)
	w.mu.Lock()
	for d, b := range w.boards {
		g.board(set, now, string(d), b)
	}
	for d, n := range w.queue {
		set(g.queue, float64(n), string(d))
	}
	for against, ahead := range w.skew {
		set(g.skew, ahead.Seconds(), against)
	}
	if grants.known {
		set(g.grantsRead, truth(grants.err == nil))
		set(g.grants, float64(grants.waiting), "waiting")
		set(g.grants, float64(grants.active), "active")
		if !grants.next.IsZero() {
			set(g.edge, seconds(grants.next))
		}
	}
	if w.store.known {
		set(g.store, truth(w.store.err == nil))
	}
	set(g.config, truth(w.config.err == nil))
	set(g.configAt, seconds(w.config.good))
	w.mu.Unlock()
	for _, m := range all {
		to <- m
	}
}

func (g *gauges) board(set func(*prometheus.Desc, float64, ...string), now time.Time, d string, b *board) {
	if b.lease.Since.IsZero() {
		return // no word of the lease yet
	}
	set(g.held, truth(b.lease.Held), d)
	set(g.leased, seconds(b.lease.Since), d)
	if !b.lease.Held {
		return
	}
	set(g.token, float64(b.lease.Token), d)
	set(g.waiting, b.sent.longest(now).Seconds(), d)
	if b.answers.known {
		set(g.reachable, truth(b.answers.err == nil), d)
	}
	set(g.overdue, float64(len(b.overdue)), d)
	age := 0.0
	if due := b.oldest(); !due.IsZero() {
		age = now.Sub(due).Seconds()
	}
	set(g.oldest, age, d)
	if b.full.IsZero() {
		return // what only a whole run knows
	}
	set(g.full, seconds(b.full), d)
	set(g.holds, float64(b.held), d)
	set(g.foreign, float64(b.foreign), d)
	for kind, n := range b.problems {
		set(g.problems, float64(n), d, string(kind))
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// seconds is an instant as Prometheus writes it.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
