package watch

import (
	"errors"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
	"github.com/daypass-dev/daypass/schedule"
)

// TestAQuestionTellsThatADirectoryHangs: at once, in all places, once in the log; and
// what answers first takes it back.
func TestAQuestionTellsThatADirectoryHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t).up()
	w.said()
	hung := errors.New("no answer within 10s")
	tell := func(up float64, status string) {
		t.Helper()
		w.has(map[string]float64{"directory_up{directory=corp}": up})
		if _, s := w.readyz(); s.Status != status || s.Directories["corp"].Answers.OK != (up == 1) {
			t.Errorf("%s %v, answers %+v", s.Status, s.Reasons, s.Directories["corp"].Answers)
		}
	}
	w.Answers("corp", nil) // nobody said otherwise
	tell(1, Ready)
	w.now = w.now.Add(time.Minute)
	w.Answers("corp", hung)
	tell(0, Degraded)
	w.now = w.now.Add(2 * time.Minute)
	w.Answers("corp", hung)
	w.says([]string{"level=ERROR", "the directory does not answer", hung.Error()})
	w.now = w.now.Add(3 * time.Minute)
	tell(0, Unready)
	w.Answers("corp", nil)
	tell(1, Ready)
	w.says([]string{"level=INFO", "the directory answers again"})

	w.Answers("corp", hung)
	w.said()
	w.ends(engine.Result{Done: []engine.Done{{Change: removal, At: w.now}}}, nil)
	tell(1, Ready)
	if said := w.said(); len(said) < 2 || said[len(said)-1] != `level=INFO msg="the directory answers again"` {
		t.Errorf("a run was answered: %q", said)
	}

	w.full(failed(engine.Unavailable), nil)
	w.Answers("corp", nil) // for no question found it silent
	tell(0, Degraded)

	w.Leads("corp", schedule.Standing{Holder: "host-2", Since: noon})
	w.said()
	w.Answers("corp", hung) // one that was asked before
	w.says()
	if _, s := w.readyz(); s.Directories["corp"].Answers != nil {
		t.Errorf("standing by, it answers for the directory: %+v", s.Directories["corp"])
	}
}

// TestItIsKnownWhenADirectoryLastAnswered: anything, to a replica that stands by too.
func TestItIsKnownWhenADirectoryLastAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t).up()
	operations, requests := w.Operations("corp"), w.Requests("corp")
	heard := func(want time.Time) {
		t.Helper()
		if got := w.Heard("corp"); !got.Equal(want) {
			t.Errorf("heard at %s, want %s", got, want)
		}
	}
	heard(time.Time{})
	operations(t.Context(), "search", 32, time.Second) // a refusal is an answer
	heard(noon)
	w.now = w.now.Add(time.Minute)
	operations(t.Context(), "search", -1, time.Second)
	requests(t.Context(), httpx.Sent{Method: "GET", Asked: w.now, Waits: true})
	requests(t.Context(), httpx.Sent{Method: "GET", Asked: w.now})
	requests(t.Context(), httpx.Sent{Method: "GET", Asked: w.now, Status: 503})
	heard(noon)
	requests(t.Context(), httpx.Sent{Method: "GET", Asked: w.now, Status: 403})
	heard(w.now)
	w.Leads("corp", schedule.Standing{Holder: "host-2", Since: noon})
	if _, s := w.readyz(); !s.Directories["corp"].Heard.Equal(w.now) {
		t.Errorf("%+v", s.Directories["corp"])
	}
	if !w.Heard("elsewhere").IsZero() {
		t.Error("a directory that nobody knows was heard")
	}
}
