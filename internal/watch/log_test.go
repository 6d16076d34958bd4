package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/schedule"
)

// says asserts what was logged since the last call: one line for each, which
// holds every part of it.
func (w *world) says(want ...[]string) {
	w.t.Helper()
	got := w.said()
	fits := len(got) == len(want)
	for i := 0; fits && i < len(want); i++ {
		fits = !slices.ContainsFunc(want[i], func(part string) bool { return !strings.Contains(got[i], part) })
	}
	if !fits {
		w.t.Errorf("logged:\n%s\nwant %q", strings.Join(got, "\n"), want)
	}
}

func TestEveryChangeHasALine(t *testing.T) {
	t.Parallel()
	w := newWorld(t).up()
	w.said()
	done := engine.Done{Change: removal, At: noon}
	res := failed(engine.Throttled)
	res.Done = []engine.Done{done}
	w.ends(res, nil)
	w.says(
		[]string{"level=INFO", "msg=changed", "scope=ends", "op=remove", "why=ends", "group=prod-db", "member=ada", "person=ada@example.org", "grant=g1", "until=2026-03-01T11:59:00", "lag="},
		[]string{"level=ERROR", `msg="not changed"`, "op=remove", "grant=g1", "kind=throttled", `error="corp: remove ada`},
		[]string{"level=DEBUG", `msg="the run is over"`},
	)
	w.full(engine.Result{}, errors.New("disk\nfull"))
	w.says([]string{"level=ERROR", `error="disk full"`})
	w.full(engine.Result{}, fmt.Errorf("list: %w", context.Canceled))
	w.says([]string{"level=INFO", "cut short"})
	w.full(engine.Result{GrantsErr: errors.New("ops.yaml:3: no")}, nil)
	w.says([]string{"level=INFO", "the run is over", "took=2s"}, []string{"level=ERROR", "ops.yaml:3"})

	res.Failures = slices.Repeat(res.Failures, 10_000)
	w.ends(res, nil)
	if got := w.said(); len(got) != 23 || !strings.Contains(got[21], "count=9980") {
		t.Errorf("%d lines for ten thousand failures of one kind: %q", len(got), got[len(got)-1])
	}
}

// A problem has a line when it begins and one when it is over, and none in
// between, though its message changes.
func TestProblemsAreSaidOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t).up()
	w.said()
	problem := func(message string) engine.Result {
		var res engine.Result
		res.Plan.Problems = []engine.Problem{{Kind: engine.Unresolved, Directory: "corp", Group: "prod-db", Person: "eve@example.org", Message: message}}
		return res
	}
	over := []string{"the run is over"}
	w.full(problem("throttled (retry in 3s)"), nil)
	w.says([]string{"level=WARN", "msg=problem", "kind=unresolved", "group=prod-db", "person=eve@example.org", "retry in 3s"}, over)
	w.full(problem("throttled (retry in 2s)"), nil)
	w.says(over)
	w.ends(engine.Result{}, nil) // it did not look
	w.says(over)
	w.full(engine.Result{}, errDown) // nor did this one
	w.says([]string{"level=ERROR"})
	w.full(engine.Result{}, nil)
	w.says([]string{"level=INFO", "problem is gone", "person=eve@example.org"}, over)
	w.full(problem("again"), nil)
	w.says([]string{"level=WARN", "msg=problem"}, over)
	w.Leads("corp", schedule.Standing{Holder: "host-2", Since: noon})
	w.says([]string{"level=INFO", "standing by", "leader=host-2"})
	w.Leads("corp", schedule.Standing{Held: true, Token: 9, Since: noon})
	w.full(problem("again"), nil) // whoever leads says what there is
	w.says([]string{"level=WARN", "msg=problem"}, over)
}

func TestOverdueAndHeldAreLoud(t *testing.T) {
	t.Parallel()
	w := newWorld(t).up()
	w.said()
	late := engine.Result{Overdue: []engine.Late{lateAda}}
	loud := []string{"level=ERROR", "msg=overdue", "group=prod-db", "member=ada", "grant=g1", "due=2026-03-01T10:00:00", "lag=2h0m0s", `error="no answer"`}
	over := []string{"the run is over"}
	w.ends(late, nil)
	w.says(loud, over)
	w.ends(late, nil) // tried again a second later
	w.says(over)
	w.full(late, nil)
	w.says(loud, over)
	w.ends(engine.Result{Past: []engine.Past{pastAda}}, nil)
	w.says(over)
	w.ends(late, nil) // anew
	w.says(loud, over)

	var held engine.Result
	held.Plan.Changes = []engine.Change{{Op: engine.Remove, Why: engine.Withdrawn, Held: true}}
	held.Plan.Objections = []engine.Objection{{Message: "too many"}}
	w.full(held, nil)
	w.says([]string{"level=WARN", "held", "changes=1", "digest=sha256:", `why="too many"`}, over)
	w.full(held, nil)
	w.says(over)
	w.full(engine.Result{}, nil)
	w.says([]string{"level=INFO", "nothing is held"}, over)
}

func TestWhatBreaksIsSaidOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t).up()
	w.said()
	for range 3 {
		w.Store(errDown)
		w.Granted(nil, errors.New("ops.yaml:3: no"))
	}
	w.says([]string{"level=ERROR", "the store is down", "connection refused"}, []string{"level=ERROR", "the grants cannot be read", "ops.yaml:3"})
	for range 3 {
		w.Store(nil)
		w.Granted(nil, nil)
	}
	w.says([]string{"level=INFO", "the store answers again"}, []string{"level=INFO", "the grants can be read again"})
	w.Leads("corp", schedule.Standing{Held: true, Token: 7, Err: errDown})
	w.says([]string{"level=WARN", "in doubt", "held=true", "connection refused"})
}

func TestLoggerWritesForMachinesAndPeople(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	berlin := time.FixedZone("CET", 3600)
	Logger(&out, true, slog.LevelInfo).Info("changed", "lag", 1500*time.Millisecond, "until", noon.In(berlin))
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line["lag"] != 1.5 || line["until"] != "2026-03-01T12:00:00Z" || !strings.HasSuffix(line["time"].(string), "Z") {
		t.Errorf("%v", line)
	}
	out.Reset()
	log := Logger(&out, false, slog.LevelInfo)
	log.Info("changed", "lag", 1500*time.Millisecond)
	log.Debug("not wanted")
	if text := out.String(); !strings.HasSuffix(text, "msg=changed lag=1.5s\n") {
		t.Errorf("%q", text)
	}
}

// A run of ends that fails is tried again each second or so: why is said once,
// and once when it is over. Whole runs are seldom, and said each time.
func TestFailedRunsAreSaidOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t).up()
	w.said()
	full := errors.New("write intents: disk full")
	for range 5 {
		w.ends(engine.Result{}, full)
	}
	w.says([]string{"level=ERROR", "the run failed", "scope=ends", "disk full"}, []string{"level=DEBUG"}, []string{"level=DEBUG"}, []string{"level=DEBUG"}, []string{"level=DEBUG"})
	w.ends(engine.Result{}, errDown)
	w.says([]string{"level=ERROR", "the run failed", "refused"})
	w.ends(engine.Result{}, nil)
	w.says([]string{"level=INFO", "runs come to their end again", "scope=ends"}, []string{"level=DEBUG", "the run is over"})
	w.full(engine.Result{}, full)
	w.full(engine.Result{}, full)
	w.says([]string{"level=ERROR", "the run failed"}, []string{"level=ERROR", "the run failed"})
	w.full(engine.Result{}, nil)
	w.says([]string{"level=INFO", "the run is over"})
}

// A store that tells nothing of a lease is one line, and the loss itself is the
// daemon's to say. That its own lease has to run out is no other leader.
func TestALeaseThatIsLostIsSaidOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t).up()
	w.said()
	w.Leads("corp", schedule.Standing{Held: true, Token: 7, Err: errDown})
	w.says([]string{"level=WARN", "in doubt", "held=true", "connection refused"})
	w.Leads("corp", schedule.Standing{Err: &schedule.LostError{Name: "corp", Why: "it was not renewed"}})
	w.Leads("corp", schedule.Standing{})
	w.Leads("corp", schedule.Standing{Err: errDown}) // given back
	w.Leads("corp", schedule.Standing{Holder: "host-1 (7)"})
	w.Leads("corp", schedule.Standing{Holder: "host-1 (7)", Err: errDown})
	w.says()
	w.Leads("corp", schedule.Standing{Holder: "host-2 (9)"})
	w.says([]string{"level=INFO", "standing by", `leader="host-2 (9)"`})
	w.Leads("corp", schedule.Standing{Holder: "host-2 (9)", Err: errDown})
	w.says([]string{"level=WARN", "in doubt", "held=false"})
	w.Leads("corp", schedule.Standing{Held: true, Token: 9})
	w.says()
}
