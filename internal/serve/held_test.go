package serve_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/schedule"
)

// warnings keeps what a log warns of.
type warnings struct {
	slog.Handler
	mu  sync.Mutex
	all []string
}

func (h *warnings) Enabled(context.Context, slog.Level) bool { return true }

func (h *warnings) Handle(_ context.Context, r slog.Record) error {
	var line strings.Builder
	line.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		line.WriteString(" " + a.String())
		return true
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.Level >= slog.LevelWarn {
		h.all = append(h.all, line.String())
	}
	return nil
}

func (h *warnings) lines() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all
}

// held returns what is held, once everything under way is over.
func (w *world) held() []engine.Hold {
	w.Helper()
	holds, err := w.store.Holds(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return holds
}

// Law 11: additions over the limit are said at once, are on record in seconds
// however long it is to the next planned run, and come when they are released.
func TestWhatALimitHoldsIsNotSilent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada", "bob", "eve", "dan")
		defer w.end()
		said := &warnings{}
		w.every, w.log = 24*time.Hour, said
		rules := engine.DefaultRules()
		rules.Limits.Add = 1
		w.cfg.Groups[engine.GroupRef{Directory: "corp", Name: "admins"}] = rules
		w.begin()
		w.members()
		until := time.Now().Add(9 * time.Hour)
		w.grant("g1", "ada", time.Now(), until)
		w.grant("g2", "bob", time.Now(), until)
		time.Sleep(5 * time.Second)
		w.members()
		lines := said.lines()
		if len(lines) != 1 {
			t.Fatalf("said: %q", lines)
		}
		for _, want := range []string{"a limit objects", "directory=corp", "group=corp/admins", "limit=add", "value=2", "allowed=1", "run=r"} {
			if !strings.Contains(lines[0], want) {
				t.Errorf("%q lacks %s", lines[0], want)
			}
		}
		if holds := w.held(); len(holds) != 1 || len(holds[0].Changes) != 2 {
			t.Fatalf("on record: %+v", holds)
		}

		// Who comes later does not wait for them (law 5).
		runs := w.runs("directory")
		w.grant("g3", "eve", time.Now(), until)
		time.Sleep(5 * time.Second)
		w.members("eve")
		time.Sleep(time.Hour)
		w.members("eve")
		holds := w.held()
		if len(holds) != 1 || len(holds[0].Changes) != 2 {
			t.Fatalf("on record: %+v", holds)
		}
		if n := w.runs("directory") - runs; n > 0 || len(said.lines()) != 1 {
			t.Errorf("%d whole runs while nothing happened, and said: %q", n, said.lines())
		}

		release := engine.Release{Digest: holds[0].Digest, By: "root", Reason: "a project begins", At: time.Now(), Expires: time.Now().Add(time.Hour)}
		if _, err := w.store.AddRelease(t.Context(), release); err != nil {
			t.Fatal(err)
		}
		w.change(func() {})
		time.Sleep(5 * time.Second)
		w.members("ada", "bob", "eve")
		if holds := w.held(); len(holds) > 0 {
			t.Errorf("held after the release: %+v", holds)
		}

		// The next time is news again.
		w.change(func() {
			for i := range w.grants {
				w.grants[i].When.Until = time.Now()
			}
		})
		time.Sleep(5 * time.Second)
		w.members()
		w.grant("g4", "dan", time.Now(), until)
		w.grant("g5", "eve", time.Now(), until)
		time.Sleep(5 * time.Second)
		if len(said.lines()) != 2 || len(w.held()) != 1 {
			t.Errorf("said: %q, held: %+v", said.lines(), w.held())
		}
	})
}

// What objects again after a whole run to which it did not object is news.
func TestWhatObjectsAgainIsSaidAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada", "bob", "eve", "dan")
		defer w.end()
		said := &warnings{}
		w.every, w.log = 24*time.Hour, said
		rules := engine.DefaultRules()
		rules.Limits.Add = 1
		w.cfg.Groups[engine.GroupRef{Directory: "corp", Name: "admins"}] = rules
		w.begin()
		w.members()
		until := time.Now().Add(9 * time.Hour)
		two := func(who ...string) {
			w.grant(who[0], who[0], time.Now(), until)
			w.grant(who[1], who[1], time.Now(), until)
			time.Sleep(5 * time.Second)
		}
		two("ada", "bob")
		if lines := said.lines(); len(lines) != 1 || len(w.held()) != 1 {
			t.Fatalf("said: %q, held: %+v", lines, w.held())
		}
		w.change(func() { w.grants = nil }) // nobody released it: it is not wanted any more
		time.Sleep(25 * time.Hour)
		w.members()
		if len(w.held()) != 0 {
			t.Fatalf("held: %+v", w.held())
		}
		until = time.Now().Add(9 * time.Hour)
		two("eve", "dan")
		if lines := said.lines(); len(lines) != 2 || len(w.held()) != 1 {
			t.Errorf("said: %q, held: %+v", lines, w.held())
		}
	})
}

// What a whole run holds already is not said again by each look at the group.
func TestWhatIsHeldIsSaidOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada", "bob", "eve", "dan")
		defer w.end()
		said := &warnings{}
		w.every, w.log = 24*time.Hour, said
		rules := engine.DefaultRules()
		rules.Limits.Remove = 0
		w.cfg.Groups[engine.GroupRef{Directory: "corp", Name: "admins"}] = rules
		until := time.Now().Add(9 * time.Hour)
		for _, who := range []string{"ada", "bob", "eve"} {
			w.grant(who, who, time.Now(), until)
		}
		w.begin()
		w.members("ada", "bob", "eve")
		time.Sleep(10 * time.Minute)
		w.change(func() { w.grants = w.grants[1:] })
		time.Sleep(10 * time.Minute)
		if len(w.held()) != 1 {
			t.Fatalf("on record: %+v", w.held())
		}
		lines := said.lines()
		w.grant("dan", "dan", time.Now(), until)
		time.Sleep(10 * time.Second)
		w.members("ada", "bob", "dan", "eve")
		if len(said.lines()) > len(lines) {
			t.Errorf("said: %q", said.lines())
		}
	})
}

// A directory that is away for a moment does not let the limit of a run be passed
// group by group: what failed together is tried again together.
func TestABlinkPassesNoLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, "ada")
		defer w.end()
		w.every = 24 * time.Hour
		w.cfg.Limits.Add = 5
		groups := make([]engine.GroupID, 40)
		for i := range groups {
			groups[i] = w.dir.AddGroup(fmt.Sprintf("g%d", i))
		}
		w.begin()
		w.members()
		w.dir.Down(engine.Unavailable)
		from := time.Now()
		w.change(func() {
			for i := range groups {
				name := fmt.Sprintf("g%d", i)
				w.grants = append(w.grants, engine.Grant{
					ID: engine.GrantID(name), Person: person("ada"), Group: engine.GroupRef{Directory: "corp", Name: name},
					When: schedule.Window{From: from, Until: from.Add(9 * time.Hour)},
				})
			}
		})
		time.Sleep(2500 * time.Millisecond)
		w.dir.Down("")
		time.Sleep(5 * time.Minute)
		for i, g := range groups {
			if w.dir.Has(g, w.ids["ada"]) {
				t.Errorf("ada is in g%d", i)
			}
		}
		if holds := w.held(); len(holds) != 1 || len(holds[0].Changes) != len(groups) {
			t.Errorf("on record: %+v", holds)
		}
	})
}
