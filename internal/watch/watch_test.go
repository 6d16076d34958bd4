package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
	"github.com/daypass-dev/daypass/schedule"
)

// world is a watch whose clock stands still, and its log.
type world struct {
	*Watch
	t   *testing.T
	now time.Time
	log bytes.Buffer
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: noon}
	w.Watch = New(Config{
		Version: "1.2.3", Replica: "host-1 (7)", Now: func() time.Time { return w.now },
		Log: slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{
			Level: slog.LevelDebug,
			ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
				if a.Key == slog.TimeKey || a.Key == "directory" || a.Key == "run" {
					return slog.Attr{}
				}
				return a
			},
		})),
	})
	return w
}

// up makes the replica lead corp, with all well.
func (w *world) up() *world {
	w.Store(nil)
	w.Granted([]engine.Grant{}, nil)
	w.Leads("corp", schedule.Standing{Held: true, Token: 7, Holder: "host-1 (7)", Since: w.now})
	w.full(engine.Result{}, nil)
	return w
}

func (w *world) full(res engine.Result, err error) {
	res.Run = "r1"
	w.Ran("corp", engine.Scope{Directory: "corp"}, res, 2*time.Second, err)
}

func (w *world) ends(res engine.Result, err error) {
	w.Ran("corp", engine.Scope{Directory: "corp", Ends: true}, res, time.Second, err)
}

// lines returns what was logged since the last call.
func (w *world) said() []string {
	text := strings.TrimSpace(w.log.String())
	w.log.Reset()
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// metrics gathers every sample of daypass by its name and labels; a histogram
// by its count.
func (w *world) metrics() map[string]float64 {
	w.t.Helper()
	fs, err := w.meters.registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	all := make(map[string]float64)
	for _, f := range fs {
		for _, m := range f.GetMetric() {
			var ls []string
			for _, l := range m.GetLabel() {
				ls = append(ls, fmt.Sprintf("%s=%s", l.GetName(), l.GetValue()))
			}
			name := f.GetName()
			if len(ls) > 0 {
				name += "{" + strings.Join(ls, ",") + "}"
			}
			all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}

// has asserts samples.
func (w *world) has(want map[string]float64) {
	w.t.Helper()
	got := w.metrics()
	for name, v := range want {
		if have, ok := got["daypass_"+name]; !ok || have != v {
			w.t.Errorf("daypass_%s is %v (there: %v), want %v", name, have, ok, v)
		}
	}
}

// lacks asserts that no sample begins so.
func (w *world) lacks(names ...string) {
	w.t.Helper()
	for name, v := range w.metrics() {
		if slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(name, "daypass_"+n) }) {
			w.t.Errorf("%s is still %v", name, v)
		}
	}
}

func (w *world) get(path string) (int, string) {
	rec := httptest.NewRecorder()
	w.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
	return rec.Code, rec.Body.String()
}

func (w *world) readyz() (int, Status) {
	w.t.Helper()
	code, text := w.get("/readyz")
	var s Status
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		w.t.Fatalf("%v in %s", err, text)
	}
	return code, s
}

// is asserts the verdict, and a part of a reason.
func (w *world) is(verdict, reason string) Status {
	w.t.Helper()
	code, s := w.readyz()
	want := http.StatusOK
	if verdict == Unready {
		want = http.StatusServiceUnavailable
	}
	if s.Status != verdict || code != want {
		w.t.Errorf("%d %s %q, want %d %s", code, s.Status, s.Reasons, want, verdict)
	}
	if reason != "" && !slices.ContainsFunc(s.Reasons, func(r string) bool { return strings.Contains(r, reason) }) {
		w.t.Errorf("no reason says %q: %q", reason, s.Reasons)
	}
	return s
}

var (
	ada     = engine.Member{ID: "u1", Login: "ada"}
	removal = engine.Change{
		Op: engine.Remove, Why: engine.Ends, Directory: "corp", Group: "prod-db", GroupID: "g-1", Member: ada,
		Person: "ada@example.org", Grant: "g1", Until: noon.Add(-time.Minute),
	}
	lateAda = engine.Late{Directory: "corp", Group: "prod-db", Member: ada, Person: "ada@example.org", Grant: "g1", Due: noon.Add(-2 * time.Hour), Lag: 2 * time.Hour, Error: "no answer"}
	pastAda = engine.Past{
		Group: engine.Group{Directory: "corp", ID: "g-1"}, GroupName: "prod-db", Member: ada, Due: noon.Add(-10 * time.Second),
		Removed: noon.Add(-9 * time.Second), Confirmed: noon.Add(-5 * time.Second), Why: engine.Ends,
	}
	errDown = errors.New("corp: search: connection refused")
)

// fail makes a result with a failed removal.
func failed(kind engine.Kind) engine.Result {
	return engine.Result{Failures: []engine.Failure{{Change: removal, Kind: kind, Error: "corp: remove ada from prod-db: refused"}}}
}

func downResult() engine.Result {
	var res engine.Result
	res.Plan.Problems = []engine.Problem{{Kind: engine.DirectoryDown, Directory: "corp", Message: errDown.Error()}}
	return res
}

func TestRunsAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t).up()
	byOthers := pastAda
	byOthers.Removed = time.Time{}
	w.ends(engine.Result{Done: []engine.Done{{Change: removal, At: noon}}}, nil)
	w.Ran("corp", engine.Scope{Directory: "corp", Names: []string{"prod-db"}}, engine.Result{Past: []engine.Past{pastAda, byOthers, {Why: engine.Withdrawn, Confirmed: noon}}}, time.Second, nil)
	w.ends(failed(engine.Denied), nil)
	w.full(downResult(), nil)
	w.full(engine.Result{}, fmt.Errorf("%w: the store is ahead", engine.ErrClock))
	w.full(engine.Result{}, fmt.Errorf("list: %w", context.Canceled))
	w.full(engine.Result{}, errors.New("disk full"))
	w.has(map[string]float64{
		"runs_total{directory=corp,outcome=done,scope=full}":       1,
		"runs_total{directory=corp,outcome=done,scope=ends}":       1,
		"runs_total{directory=corp,outcome=done,scope=groups}":     1,
		"runs_total{directory=corp,outcome=incomplete,scope=ends}": 1,
		"runs_total{directory=corp,outcome=incomplete,scope=full}": 1,
		"runs_total{directory=corp,outcome=clock,scope=full}":      1,
		"runs_total{directory=corp,outcome=cancelled,scope=full}":  1,
		"runs_total{directory=corp,outcome=failed,scope=full}":     1,
		"runs_total{directory=corp,outcome=failed,scope=ends}":     0, // there from the start
		"run_duration_seconds{directory=corp,scope=ends}":          2,
		"changes_total{directory=corp,op=remove,why=ends}":         1,
		"change_failures_total{directory=corp,kind=denied}":        1,
		"removal_lag_seconds{directory=corp,stage=removed}":        1,
		"removal_lag_seconds{directory=corp,stage=confirmed}":      2,
	})
}

func TestRequestsAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t).up()
	tell := w.Requests("corp")
	tell(t.Context(), httpx.Sent{Method: "GET", Status: 200, Waited: time.Second})
	tell(t.Context(), httpx.Sent{Method: "GET", Status: 204})
	tell(t.Context(), httpx.Sent{Method: "DELETE", Status: 429, Throttled: true})
	tell(t.Context(), httpx.Sent{Method: "DELETE"})
	tell(t.Context(), httpx.Sent{Method: "DELETE", Unsent: true, Waited: 2 * time.Second})
	w.has(map[string]float64{
		"api_requests_total{directory=corp,method=GET,status=2xx}":     2,
		"api_requests_total{directory=corp,method=DELETE,status=4xx}":  1,
		"api_requests_total{directory=corp,method=DELETE,status=none}": 1,
		"api_request_duration_seconds{directory=corp}":                 4,
		"api_throttled_total{directory=corp}":                          1,
		"api_deferred_total{directory=corp}":                           1,
		"api_quota_wait_seconds_total{directory=corp}":                 3,
	})
	if q := w.Status().Directories["corp"].Quota; !q.Throttled.Equal(noon) || q.Waited != 2 {
		t.Errorf("quota: %+v", q)
	}
	operated := w.Operations("corp")
	for _, result := range []int{0, 32, 51, -1} {
		operated(t.Context(), "search", result, time.Second)
	}
	w.has(map[string]float64{
		"api_requests_total{directory=corp,method=search,status=ok}":      1,
		"api_requests_total{directory=corp,method=search,status=refused}": 1,
		"api_requests_total{directory=corp,method=search,status=busy}":    1,
		"api_requests_total{directory=corp,method=search,status=none}":    1,
		"api_request_duration_seconds{directory=corp}":                    8,
	})
	w.Left("corp")
	tell(t.Context(), httpx.Sent{Method: "GET", Status: 200})
	operated(t.Context(), "search", 0, time.Second)
	w.lacks("api_", "runs_total", "run_duration", "removal_lag")
}

// What a replica knows of a directory is not shown any more when another one
// leads it: two would contradict each other.
func TestWhatAnotherLeadsIsForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t).up()
	res := engine.Result{Overdue: []engine.Late{lateAda}}
	res.Plan.Foreign = make([]engine.Foreign, 3)
	res.Plan.Problems = []engine.Problem{{Kind: engine.NoAccount}, {Kind: engine.NoAccount}}
	res.Plan.Changes = []engine.Change{{Op: engine.Remove, Why: engine.Withdrawn, Held: true}}
	w.full(res, nil)
	w.Queue(map[engine.Directory]int{"corp": 4})
	w.has(map[string]float64{
		"lease_held{directory=corp}": 1, "lease_token{directory=corp}": 7, "lease_changed_timestamp_seconds{directory=corp}": float64(noon.Unix()),
		"overdue_removals{directory=corp}": 1, "overdue_oldest_seconds{directory=corp}": 7200, "held_changes{directory=corp}": 1,
		"foreign_members{directory=corp}": 3, "problems{directory=corp,kind=no-account}": 2, "queue_depth{directory=corp}": 4,
		"last_full_run_timestamp_seconds{directory=corp}": float64(noon.Unix()), "directory_up{directory=corp}": 1,
	})
	w.Leads("corp", schedule.Standing{Holder: "host-2 (9)", Since: noon})
	w.full(res, nil) // it was under way
	gone := []string{"lease_token", "overdue", "held", "foreign", "problems", "last_full", "directory_up"}
	w.has(map[string]float64{"lease_held{directory=corp}": 0})
	w.lacks(gone...)
	if d := w.is(Ready, "").Directories["corp"]; d.State != Standby || d.Leader != "host-2 (9)" || d.Overdue != 0 {
		t.Errorf("standing by: %+v", d)
	}
	w.Leads("corp", schedule.Standing{Held: true, Token: 9, Since: noon})
	w.has(map[string]float64{"overdue_removals{directory=corp}": 0, "lease_token{directory=corp}": 9})
	w.lacks("held", "foreign", "problems", "last_full", "directory_up") // not looked at again yet
	w.full(res, nil)
	w.full(engine.Result{}, nil)
	w.has(map[string]float64{"problems{directory=corp,kind=no-account}": 0, "held_changes{directory=corp}": 0})
	w.Left("corp")
	w.lacks("lease", "queue_depth")
}

// What is overdue stays so until it is confirmed, or a whole run of a directory
// that answers says otherwise.
func TestOverdueIsNotForgotten(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]struct {
		run  func(w *world)
		left float64
	}{
		"a run of other ends":      {func(w *world) { w.ends(engine.Result{}, nil) }, 1},
		"a failed run":             {func(w *world) { w.full(engine.Result{}, errDown) }, 1},
		"a directory that is down": {func(w *world) { w.full(downResult(), nil) }, 1},
		"a whole run":              {func(w *world) { w.full(engine.Result{}, nil) }, 0},
		"confirmed":                {func(w *world) { w.ends(engine.Result{Past: []engine.Past{pastAda}}, nil) }, 0},
	} {
		w := newWorld(t).up()
		w.ends(engine.Result{Overdue: []engine.Late{lateAda}}, nil)
		w.now = w.now.Add(time.Hour)
		next.run(w)
		w.has(map[string]float64{"overdue_removals{directory=corp}": next.left, "overdue_oldest_seconds{directory=corp}": next.left * 3 * 3600})
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

func TestGrantsAreCountedAsTimePasses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.lacks("grants", "next_edge")
	window := func(from, until int) engine.Grant {
		return engine.Grant{When: schedule.Window{From: noon.Add(time.Duration(from) * time.Hour), Until: noon.Add(time.Duration(until) * time.Hour)}}
	}
	weekly, err := schedule.ParseWeekly("sun 13:30-13:45 UTC")
	if err != nil {
		t.Fatal(err)
	}
	lunch := window(-1, 2) // 1 March 2026 is a Sunday
	lunch.When.Weekly = weekly
	w.Granted([]engine.Grant{window(-1, 2), window(1, 3), window(-2, -1), lunch}, nil)
	for _, step := range []struct{ hours, waiting, active, next float64 }{
		{0, 2, 1, 1},
		{1, 1, 2, 1.5},
		{1.6, 0, 3, 1.75},
		{2, 0, 1, 3},
		{0, 2, 1, 1}, // the clock is set back
	} {
		w.now = noon.Add(time.Duration(step.hours * float64(time.Hour)))
		w.Granted(nil, nil)
		w.has(map[string]float64{
			"grants{state=waiting}": step.waiting, "grants{state=active}": step.active, "grants_readable": 1,
			"next_edge_timestamp_seconds": float64(noon.Unix()) + step.next*3600,
		})
	}
	w.now = noon.Add(4 * time.Hour)
	w.Granted(nil, errors.New("grants/ops.yaml:3: no"))
	w.has(map[string]float64{"grants{state=waiting}": 0, "grants{state=active}": 0, "grants_readable": 0})
	w.lacks("next_edge")
}

func TestHealthNeedsNothingButALoop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Store(errDown)
	w.now = noon.Add(2 * time.Minute)
	if code, text := w.get("/healthz"); code != 200 || text != "ok\n" {
		t.Errorf("%d %s", code, text)
	}
	w.now = noon.Add(2*time.Minute + time.Second)
	if code, text := w.get("/healthz"); code != 503 || !strings.Contains(text, "2m1s") {
		t.Errorf("%d %s", code, text)
	}
	w.Granted(nil, errDown)
	if code, _ := w.get("/healthz"); code != 200 {
		t.Errorf("%d after a sign of life", code)
	}
	w.now = w.now.Add(time.Hour)
	w.Beat()
	if code, _ := w.get("/healthz"); code != 200 {
		t.Errorf("%d after a beat", code)
	}
}

func TestNotReadyWithoutStoreGrantsOrAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.is(Unready, "starting")
	w.Store(nil)
	w.is(Unready, "the grants were not read yet")
	w.Granted(nil, errors.New("grants/ops.yaml:3: no"))
	w.is(Unready, "grants/ops.yaml:3")
	w.up()
	w.is(Ready, "")

	w.Store(errors.New("dial postgres://daypass:hunter2@db/daypass: connection refused"))
	s := w.is(Unready, "the store is down: dial postgres://[secret]@db/daypass")
	if code, text := w.get("/readyz"); strings.Contains(text, "hunter2") || s.Store.OK {
		t.Errorf("%d %s", code, text)
	}
	w.Store(nil)

	w.full(downResult(), nil)
	w.is(Degraded, "connection refused")
	w.now = w.now.Add(5 * time.Minute)
	w.ends(engine.Result{}, nil) // it had nothing to send, and proves nothing
	d := w.is(Unready, "corp: the directory does not answer since 2026-03-01T12:00:00Z").Directories["corp"]
	if d.Answers.OK || !d.LastGood.Equal(noon) || !d.Answers.Since.Equal(noon) {
		t.Errorf("%+v", d)
	}
	w.ends(engine.Result{Done: []engine.Done{{Change: removal}}}, nil)
	w.is(Ready, "")
}

// The only replica that ends access is not to be done without because something
// is late, or a person has to look.
func TestReadyThoughSomethingWantsAPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t).up()
	res := engine.Result{Overdue: []engine.Late{lateAda}}
	res.Plan.Changes = []engine.Change{{Op: engine.Remove, Why: engine.Withdrawn, Held: true}}
	w.full(res, nil)
	d := w.is(Degraded, "overdue removals: 1, the oldest was due at 2026-03-01T10:00:00Z").Directories["corp"]
	if d.Overdue != 1 || d.Held != 1 || !strings.HasPrefix(d.Digest, "sha256:") || d.State != Leader {
		t.Errorf("%+v", d)
	}
	w.is(Degraded, "wait for a release: 1")
	w.full(engine.Result{}, nil)
	w.is(Ready, "")
	w.ends(failed(engine.Denied), nil)
	w.is(Ready, "")
	w.Granted(nil, errors.New("grants/ops.yaml:3: no"))
	w.is(Degraded, "those read before are in force")
	w.Granted(nil, nil)
	w.Reloaded(errors.New("daypass.yaml:4: unknown key"))
	w.is(Degraded, "unknown key")
	w.has(map[string]float64{"config_last_reload_successful": 0, "config_last_reload_success_timestamp_seconds": float64(noon.Unix())})
	w.Reloaded(nil)
	w.Leads("okta", schedule.Standing{Err: errDown, Since: noon})
	w.is(Degraded, "okta: it is not known who leads it")
	w.Left("okta")
	w.is(Ready, "")
	w.Deciding([]string{"corp/leads (policies.production.steps[0].approvers)", "corp/ops (roles.auditors)"})
	if s := w.is(Degraded, "a group that decides is not there: corp/leads (policies.production.steps[0].approvers)"); len(s.Reasons) != 2 {
		t.Errorf("%q", s.Reasons)
	}
	w.has(map[string]float64{"deciding_groups_missing": 2})
	w.Deciding(nil)
	w.is(Ready, "")
	w.has(map[string]float64{"deciding_groups_missing": 0})
}

func TestSkewIsShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t).up()
	w.Skew("store", -3*time.Second)
	w.has(map[string]float64{"clock_skew_seconds{against=store}": -3})
	if got := w.is(Ready, "").Skew["store"]; got != -3 {
		t.Errorf("%v", got)
	}
}

// For the race detector: whoever tells and whoever asks do it at once.
func TestManyTellAtOnce(t *testing.T) {
	t.Parallel()
	w := New(Config{})
	tell := w.Requests("corp")
	var wg sync.WaitGroup
	for _, f := range []func(){
		func() { w.Leads("corp", schedule.Standing{Held: true, Token: 1, Since: noon}) },
		func() {
			w.Ran("corp", engine.Scope{}, engine.Result{Overdue: []engine.Late{lateAda}}, time.Second, nil)
		},
		func() { w.Granted([]engine.Grant{{When: schedule.Window{Until: noon}}}, nil) },
		func() { tell(t.Context(), httpx.Sent{Method: "GET"}) },
		func() { w.Store(nil); w.Reloaded(nil); w.Skew("store", 0); w.Queue(nil); w.Beat() },
		func() { w.Left("corp") },
		func() { w.Status() },
		func() {
			w.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil))
		},
	} {
		wg.Go(func() {
			for range 50 {
				f()
			}
		})
	}
	wg.Wait()
	w.Left("corp") // whoever came last: nothing of it is left
	if w.Status().Status != Ready {
		t.Error(w.Status().Reasons)
	}
}

// One group that could not be read is no answer, though the run came to its end.
func TestARunThatReadNothingIsNoAnswer(t *testing.T) {
	t.Parallel()
	w := New(Config{})
	w.Store(nil)
	w.Granted([]engine.Grant{}, nil)
	w.Leads("corp", schedule.Standing{Held: true, Token: 1, Since: noon})
	res := engine.Result{Plan: engine.Plan{
		Groups:   []engine.GroupSummary{{Name: "admins", Trust: engine.Unread}},
		Problems: []engine.Problem{{Kind: engine.UnreadableGroup, Group: "admins", Message: "corp: list admins: connection refused"}},
	}}
	w.Ran("corp", engine.Scope{Directory: "corp", Names: []string{"admins"}}, res, time.Second, nil)
	if s := w.Status(); s.Status != Degraded || s.Directories["corp"].Answers.OK {
		t.Errorf("%s, %v, answers %+v", s.Status, s.Reasons, s.Directories["corp"].Answers)
	}
	res.Plan.Groups = append(res.Plan.Groups, engine.GroupSummary{Name: "ops", Trust: engine.Trusted})
	w.Ran("corp", engine.Scope{Directory: "corp", Names: []string{"admins", "ops"}}, res, time.Second, nil)
	if s := w.Status(); !s.Directories["corp"].Answers.OK {
		t.Errorf("it answered for ops, and answers are %+v", s.Directories["corp"].Answers)
	}
}

// Where the lease cannot be asked for, who had it last is no answer.
func TestALeaseThatCannotBeAskedForIsSaid(t *testing.T) {
	t.Parallel()
	w := New(Config{})
	w.Store(nil)
	w.Granted([]engine.Grant{}, nil)
	w.Leads("corp", schedule.Standing{Holder: "c1", Since: noon, Err: errors.New("read-only")})
	if s := w.Status(); s.Status != Degraded {
		t.Errorf("%s, %v", s.Status, s.Reasons)
	}
	w.Leads("corp", schedule.Standing{Holder: "c1", Since: noon})
	if s := w.Status(); s.Status != Ready {
		t.Errorf("standing by: %s, %v", s.Status, s.Reasons)
	}
}

// A quota near zero is no silence: that requests wait for it, for how long and
// which, is in the log once, in the metrics and among the reasons.
func TestWaitingForTheQuotaIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t).up()
	w.said()
	tell := w.Requests("corp")
	word := httpx.Sent{Method: "DELETE", Asked: w.now}
	waits := func(s httpx.Sent, after time.Duration) {
		w.now = w.now.Add(after)
		s.Waits, s.Waited = true, w.now.Sub(s.Asked)
		tell(t.Context(), s)
	}
	waits(word, 10*time.Second)
	w.says([]string{"level=WARN", "requests wait for the quota", "request=DELETE", "waited=10s"})
	w.now = w.now.Add(35 * time.Second)
	s := w.is(Degraded, "corp: requests wait for the quota since 2026-03-01T12:00:00Z: DELETE 1, the longest for 45s")
	if q := s.Directories["corp"].Quota; q.Waiting != 1 || q.Waited != 45 {
		t.Errorf("%+v", q)
	}
	w.has(map[string]float64{"api_quota_waiting_seconds{directory=corp}": 45, "api_quota_wait_seconds_total{directory=corp}": 0})

	// The next one waits as well, and so it goes on: that is no news.
	sent := func(s httpx.Sent) {
		s.Waits, s.Waited, s.Status = false, w.now.Sub(s.Asked), 204
		tell(t.Context(), s)
	}
	w.now = w.now.Add(15 * time.Second)
	sent(word)
	w.has(map[string]float64{"api_quota_waiting_seconds{directory=corp}": 0, "api_quota_wait_seconds_total{directory=corp}": 60})
	next := httpx.Sent{Method: "GET", Asked: w.now}
	waits(next, 10*time.Second)
	w.is(Degraded, "since 2026-03-01T12:00:00Z: GET 1")
	dropped := next
	dropped.Dropped = true
	tell(t.Context(), dropped)
	w.is(Degraded, "none just now")
	w.says()

	w.now = w.now.Add(3 * time.Minute)
	w.is(Ready, "")
	sent(httpx.Sent{Method: "GET", Asked: w.now})
	w.says([]string{"level=INFO", "requests do not wait for the quota any more"})
	w.is(Ready, "")
	w.has(map[string]float64{"api_requests_total{directory=corp,method=GET,status=2xx}": 1, "api_deferred_total{directory=corp}": 0})
}

// A problem wants a person as long as full runs find it, and is a reason for
// that. One with a line of its own has no second one.
func TestProblemsDegrade(t *testing.T) {
	t.Parallel()
	w := newWorld(t).up()
	var res engine.Result
	res.Plan.Problems = []engine.Problem{
		{Kind: engine.UnknownGroup, Directory: "corp", Group: "nowhere"},
		{Kind: engine.NoAccount, Directory: "corp", Person: "eve@example.org"},
		{Kind: engine.NoAccount, Directory: "corp", Person: "mallory@example.org"},
	}
	w.full(res, nil)
	w.is(Degraded, "corp: problems of the last full run: no-account 2, unknown-group 1")
	w.ends(engine.Result{}, nil) // it did not look
	w.is(Degraded, "no-account 2")
	w.full(engine.Result{}, nil)
	w.is(Ready, "")
	w.full(downResult(), nil)
	if s := w.is(Degraded, "the directory does not answer"); len(s.Reasons) != 1 {
		t.Errorf("said twice: %q", s.Reasons)
	}
}

// A run that the store kept from its end says nothing of the directory.
func TestTheDirectoryIsNotBlamedForTheStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t).up()
	w.full(engine.Result{}, errors.New("write the audit log: disk full"))
	d := w.is(Degraded, "corp: no run comes to its end since 2026-03-01T12:00:00Z: write the audit log: disk full").Directories["corp"]
	if !d.Answers.OK || d.Runs.OK {
		t.Errorf("answers %+v, runs %+v", d.Answers, d.Runs)
	}
	w.has(map[string]float64{"directory_up{directory=corp}": 1})
	w.now = w.now.Add(5 * time.Minute)
	w.is(Unready, "no run comes to its end")
	w.full(engine.Result{}, nil)
	w.is(Ready, "")
}

func TestWhatWaitsForPeople(t *testing.T) {
	w := New(Config{})
	w.Desk(Desk{Undecided: 3, Reviews: 2, Overdue: 1})
	w.Happened("break-glass")
	rec := httptest.NewRecorder()
	w.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		"daypass_requests_undecided 3\n", "daypass_reviews_open 2\n", "daypass_reviews_overdue 1\n",
		`daypass_request_events_total{event="break-glass"} 1` + "\n", `daypass_request_events_total{event="review-overdue"} 0` + "\n",
	} {
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("/metrics lacks %q", want)
		}
	}
}
