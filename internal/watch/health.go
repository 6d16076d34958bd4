package watch

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/daypass-dev/daypass/engine"
)

// The verdicts on a replica.
const (
	Ready    = "ready"
	Degraded = "degraded" // it does its duty, and something wants a person
	Unready  = "unready"  // it cannot do its duty
)

// Status is how a replica is, as /readyz shows it. It holds no secret; an error
// may name what a request was about.
type Status struct {
	Status      string                      `json:"status"`
	Reasons     []string                    `json:"reasons"` // why it is not ready, or what wants a person
	Replica     string                      `json:"replica,omitempty"`
	Version     string                      `json:"version,omitempty"`
	At          time.Time                   `json:"at"`
	Store       Part                        `json:"store"`
	Config      Part                        `json:"config"`
	Grants      Grants                      `json:"grants"`
	Directories map[string]*DirectoryStatus `json:"directories"`
	Skew        map[string]float64          `json:"skewSeconds,omitempty"` // how far other clocks are ahead
}

// Part is how something is.
type Part struct {
	OK    bool      `json:"ok"`
	Since time.Time `json:"since,omitzero"`  // since when that is so; none before the first word
	Error string    `json:"error,omitempty"` // of the last try
}

// Grants are how many there are, one of a resource counted once for each of
// its groups.
type Grants struct {
	Part
	Waiting int       `json:"waiting"`
	Active  int       `json:"active"`
	Next    time.Time `json:"next,omitzero"` // when the next one begins or ends
}

// DirectoryStatus is how it stands with one directory. All but the first five,
// and the quota, is known where this replica leads it only.
type DirectoryStatus struct {
	State  string    `json:"state"`            // leader, standby, or unknown
	Leader string    `json:"leader,omitempty"` // the replica that leads it
	Since  time.Time `json:"since,omitzero"`
	Lease  string    `json:"leaseError,omitempty"`
	Heard  time.Time `json:"lastAnswer,omitzero"` // to any request of this replica

	Answers   *Part     `json:"answers,omitempty"`  // whether the directory answers
	Runs      *Part     `json:"runs,omitempty"`     // whether runs come to their end
	LastGood  time.Time `json:"lastGood,omitzero"`  // the last run that was answered, or question after an outage
	LastFull  time.Time `json:"lastFull,omitzero"`  // the last run for everything
	Overdue   int       `json:"overdue"`            // removals
	OldestDue time.Time `json:"oldestDue,omitzero"` // of those
	Held      int       `json:"held"`               // changes
	Digest    string    `json:"digest,omitempty"`   // to release them by
	Problems  int       `json:"problems"`
	Foreign   int       `json:"foreign"`
	Queue     int       `json:"queue"`
	Quota     Quota     `json:"quota"`
}

// Quota is how requests fared with the quota lately.
type Quota struct {
	Throttled time.Time `json:"throttled,omitzero"` // when it was last said to be spent
	Waited    float64   `json:"waitedSeconds"`      // by the last request, or by one that still waits
	Waiting   int       `json:"waiting"`            // requests that do, and have for 10 seconds
}

// The states of a directory.
const (
	Leader  = "leader"
	Standby = "standby"
	unknown = "unknown"
)

// Status judges the replica.
//
// It is not ready before it knows its store and its grants, while the store is
// down, and when a directory that it leads has not answered for Config.Patience:
// another replica may reach what this one does not. What is merely late, held
// or wrong in a file makes it degraded: it is the one that mends it, or waits
// for a person, and nobody is helped by doing without it.
func (w *Watch) Status() Status {
	now := w.cfg.Now()
	grants := w.grants.count(now)
	w.mu.Lock()
	defer w.mu.Unlock()
	s := Status{
		Status: Ready, Reasons: []string{}, Replica: w.cfg.Replica, Version: w.cfg.Version, At: now.UTC().Truncate(time.Millisecond),
		Store: w.store.show(), Config: w.config.show(),
		Grants:      Grants{Part: grants.show(), Waiting: grants.waiting, Active: grants.active, Next: grants.next.UTC()},
		Directories: make(map[string]*DirectoryStatus, len(w.boards)),
	}
	if len(w.skew) > 0 {
		s.Skew = make(map[string]float64, len(w.skew))
		for against, ahead := range w.skew {
			s.Skew[against] = ahead.Seconds()
		}
	}
	w.judge(&s, grants.part, now)
	for _, d := range slices.Sorted(maps.Keys(w.boards)) {
		b := w.boards[d]
		if b.lease.Since.IsZero() {
			continue
		}
		ds := b.show(now)
		ds.Queue = w.queue[d]
		s.Directories[string(d)] = ds
		w.judgeDirectory(&s, d, b, now)
	}
	return s
}

// judge says what is wrong with the parts that every directory needs.
func (w *Watch) judge(s *Status, grants part, now time.Time) {
	switch {
	case !w.store.known:
		s.unready("starting: nothing is known of the store yet")
	case w.store.err != nil:
		s.unready("the store is down: %s", s.Store.Error)
	}
	switch {
	case !grants.known:
		s.unready("starting: the grants were not read yet")
	case grants.good.IsZero():
		s.unready("the grants cannot be read: %s", s.Grants.Error)
	case grants.err != nil:
		s.degraded("the grants cannot be read since %s; those read before are in force: %s", instant(grants.since), s.Grants.Error)
	}
	if _, bad := w.config.down(now); bad {
		s.degraded("the new configuration was refused, the one before is in force: %s", s.Config.Error)
	}
	for _, group := range w.missing {
		s.degraded("a group that decides is not there: %s", oneLine(group))
	}
}

func (w *Watch) judgeDirectory(s *Status, d engine.Directory, b *board, now time.Time) {
	if !b.lease.Held {
		switch {
		case b.lease.Err != nil: // who had it last may have it no more
			s.degraded("%s: it is not known who leads it: %s", d, scrub(b.lease.Err))
		case b.lease.Holder == "":
			s.degraded("%s: it is not known who leads it", d)
		}
		return
	}
	w.judgePart(s, &b.answers, now, "%s: the directory does not answer since %s: %s", d)
	w.judgePart(s, &b.runs, now, "%s: no run comes to its end since %s: %s", d)
	if n := len(b.overdue); n > 0 {
		s.degraded("%s: overdue removals: %d, the oldest was due at %s", d, n, instant(b.oldest()))
	}
	if b.sent.scarce(now) {
		text := "none just now"
		if n := len(b.sent.waits); n > 0 {
			text = fmt.Sprintf("%s, the longest for %s", b.sent.what(), b.sent.longest(now).Round(time.Second))
		}
		s.degraded("%s: requests wait for the quota since %s: %s", d, instant(b.sent.short), text)
	}
	if text := b.troubles(); text != "" {
		s.degraded("%s: problems of the last full run: %s", d, text)
	}
	if b.held > 0 {
		s.degraded("%s: changes that wait for a release: %d", d, b.held)
	}
}

// judgePart gives a reason when a part of a directory is unwell: for a moment,
// which wants a person, or for so long that another replica may do better.
func (w *Watch) judgePart(s *Status, p *part, now time.Time, format string, d engine.Directory) {
	switch since, bad := p.down(now); {
	case !bad:
	case since >= w.cfg.Patience:
		s.unready(format, d, instant(p.since), scrub(p.err))
	default:
		s.degraded(format, d, instant(p.since), scrub(p.err))
	}
}

func (s *Status) unready(format string, args ...any) {
	s.Status = Unready
	s.Reasons = append(s.Reasons, fmt.Sprintf(format, args...))
}

func (s *Status) degraded(format string, args ...any) {
	if s.Status == Ready {
		s.Status = Degraded
	}
	s.Reasons = append(s.Reasons, fmt.Sprintf(format, args...))
}

func (p *part) show() Part {
	s := Part{OK: p.known && p.err == nil, Since: p.since.UTC()}
	if p.err != nil {
		s.Error = scrub(p.err)
	}
	return s
}

func (b *board) show(now time.Time) *DirectoryStatus {
	s := &DirectoryStatus{State: unknown, Leader: b.lease.Holder, Since: b.lease.Since.UTC(), Heard: b.sent.answered.UTC()}
	if b.lease.Err != nil {
		s.Lease = scrub(b.lease.Err)
	}
	s.Quota = Quota{
		Throttled: b.sent.throttled.UTC(), Waited: max(b.sent.waited, b.sent.longest(now)).Seconds(), Waiting: len(b.sent.waits),
	}
	switch {
	case b.lease.Held:
		s.State = Leader
	case b.lease.Holder != "":
		s.State = Standby
		return s
	default:
		return s
	}
	if b.answers.known {
		answers := b.answers.show()
		s.Answers = &answers
	}
	if b.runs.known {
		runs := b.runs.show()
		s.Runs = &runs
	}
	s.LastGood, s.LastFull = b.answers.good.UTC(), b.full.UTC()
	s.Overdue, s.OldestDue = len(b.overdue), b.oldest().UTC()
	s.Held, s.Digest, s.Foreign = b.held, b.digest, b.foreign
	for _, n := range b.problems {
		s.Problems += n
	}
	return s
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// credential is what a URL holds between its scheme and its host.
var credential = regexp.MustCompile(`://[^@/\s]*@`)

// errorMax is how much of an error is shown, in bytes.
const errorMax = 500

// scrub is the text of an error, fit to be shown to whoever reaches this
// replica: on one line, and without the credential of a URL, which errors of
// ours never hold.
func scrub(err error) string {
	text := credential.ReplaceAllString(err.Error(), "://[secret]@")
	return oneLine(strings.ToValidUTF8(text[:min(len(text), errorMax)], ""))
}

// Handler serves /healthz, /readyz and /metrics.
//
// /healthz answers 200 as long as the daemon's loop goes round, whatever the
// store and the directories do: restarting mends nothing else. /readyz shows
// the [Status], with 503 when it is Unready.
func (w *Watch) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", w.healthz)
	mux.HandleFunc("GET /readyz", w.readyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(w.meters.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(w.cfg.Log.Handler(), slog.LevelError),
	}))
	return mux
}

func (w *Watch) healthz(rw http.ResponseWriter, _ *http.Request) {
	w.mu.Lock()
	silent := w.cfg.Now().Sub(w.beat)
	w.mu.Unlock()
	rw.Header().Set("Cache-Control", "no-store")
	if silent > w.cfg.Stuck {
		http.Error(rw, fmt.Sprintf("stuck: no sign of life for %s", silent.Round(time.Second)), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(rw, "ok")
}

func (w *Watch) readyz(rw http.ResponseWriter, _ *http.Request) {
	s := w.Status()
	rw.Header().Set("Content-Type", "application/json")
	rw.Header().Set("Cache-Control", "no-store")
	rw.WriteHeader(cmp.Or(map[string]int{Unready: http.StatusServiceUnavailable}[s.Status], http.StatusOK))
	enc := json.NewEncoder(rw)
	enc.SetIndent("", "  ")
	_ = enc.Encode(s) // whoever asked is gone
}
