package engine_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/schedule"
)

// world is a directory corp with a group admins, people with accounts, a
// ledger, grants and a clock that stands still.
type world struct {
	t      *testing.T
	dir    *memory.Directory
	admins engine.GroupID
	ids    map[string]engine.MemberID
	ledger *memLedger
	grants []engine.Grant
	broken error // the source's
	cfg    engine.Config

	mu   sync.Mutex
	now  time.Time
	tick time.Duration // the clock goes on by this whenever somebody reads it
}

var morning = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func newWorld(t *testing.T, people ...string) *world {
	t.Helper()
	w := &world{t: t, dir: memory.New("corp"), ids: make(map[string]engine.MemberID), ledger: newLedger(), now: morning}
	w.dir.SetClock(w.clock)
	for _, p := range people {
		w.ids[p] = w.dir.AddPerson(person(p), p)
	}
	w.cfg = engine.Config{
		Directories: map[engine.Directory]engine.Connector{"corp": w.dir}, Groups: make(map[engine.GroupRef]engine.Rules),
		Defaults: engine.DefaultRules(), Limits: engine.DefaultLimits(), Sources: []engine.Source{w}, Ledger: w.ledger,
		Overdue: time.Hour, Workers: 1, Now: w.clock,
	}
	w.admins = w.group("admins")
	return w
}

// crowd names n people.
func crowd(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s%02d", prefix, i)
	}
	return out
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(w.tick)
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// group makes a configured group in corp.
func (w *world) group(name string) engine.GroupID {
	w.cfg.Groups[engine.GroupRef{Directory: "corp", Name: name}] = engine.DefaultRules()
	return w.dir.AddGroup(name)
}

// rule changes the rules of a group in corp.
func (w *world) rule(name string, change func(*engine.Rules)) {
	ref := engine.GroupRef{Directory: "corp", Name: name}
	r := w.cfg.Groups[ref]
	change(&r)
	w.cfg.Groups[ref] = r
}

// grant puts somebody into admins for so long from now.
func (w *world) grant(id, who string, hours int) { w.grantIn(id, who, "corp", "admins", hours) }

func (w *world) grantIn(id, who string, d engine.Directory, group string, hours int) {
	w.grants = append(w.grants, engine.Grant{
		ID: engine.GrantID(id), Person: person(who), Group: engine.GroupRef{Directory: d, Name: group},
		When: schedule.Window{From: w.now, Until: w.now.Add(time.Duration(hours) * time.Hour)}, Reason: "CHG-1",
	})
}

// grantAll puts each of them into admins, by a grant g-NAME.
func (w *world) grantAll(people []string, hours int) {
	for _, p := range people {
		w.grant("g-"+p, p, hours)
	}
}

// withdraw takes grants out of the source.
func (w *world) withdraw(ids ...string) {
	w.grants = slices.DeleteFunc(w.grants, func(g engine.Grant) bool { return slices.Contains(ids, string(g.ID)) })
}

// until moves the end of a grant.
func (w *world) until(id string, end time.Time) {
	for i := range w.grants {
		if string(w.grants[i].ID) == id {
			w.grants[i].When.Until = end
		}
	}
}

func (w *world) Grants(context.Context) ([]engine.Grant, error) {
	return slices.Clone(w.grants), w.broken
}

func (w *world) run() engine.Result {
	w.t.Helper()
	res, err := engine.New(w.cfg).Run(context.Background(), "cron", "")
	if err != nil {
		w.t.Fatalf("run: %v", err)
	}
	return res
}

func (w *world) plan() engine.Plan {
	w.t.Helper()
	res, err := engine.New(w.cfg).Plan(context.Background())
	if err != nil {
		w.t.Fatalf("plan: %v", err)
	}
	return res.Plan
}

// members asserts who is in admins.
func (w *world) members(want ...string) {
	w.t.Helper()
	w.membersOf(w.admins, want...)
}

func (w *world) membersOf(g engine.GroupID, want ...string) {
	w.t.Helper()
	got := make([]string, 0)
	for _, m := range w.dir.Roster(g) {
		got = append(got, m.Login)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Fatalf("members %v, want %v", got, want)
	}
}

// owns returns the ledger's entry for somebody in admins; nil when there is none.
func (w *world) owns(who string) *engine.Owned {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	o, ok := w.ledger.owned[engine.Membership{Group: engine.Group{Directory: "corp", ID: w.admins}, Member: w.ids[who]}]
	if !ok {
		return nil
	}
	return &o
}

// quiet asserts that another look plans nothing.
func (w *world) quiet() {
	w.t.Helper()
	if p := w.plan(); len(p.Changes) > 0 {
		w.t.Fatalf("a second plan is not empty: %s", planLines(p))
	}
}

// writes returns how many adds and removes reached the directory.
func (w *world) writes() int { return len(w.dir.Writes()) }

// lines asserts the changes of a plan, as stories write them.
func (w *world) changes(p engine.Plan, want ...string) {
	w.t.Helper()
	got := make([]string, 0)
	for _, c := range p.Changes {
		line := fmt.Sprintf("%s %s %s", c.Op, c.Member.Login, c.Why)
		if c.Held {
			line += " held"
		}
		got = append(got, line)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.t.Fatalf("changes %q, want %q", got, want)
	}
}

// objects asserts which limits object.
func (w *world) objects(p engine.Plan, want ...engine.LimitName) {
	w.t.Helper()
	got := make(map[engine.LimitName]bool)
	for _, o := range p.Objections {
		got[o.Limit] = true
	}
	for _, l := range want {
		if !got[l] {
			w.t.Fatalf("no objection by %s: %+v", l, p.Objections)
		}
	}
	if len(got) != len(want) {
		w.t.Fatalf("objections %+v, want %v", p.Objections, want)
	}
}

// events returns the kinds of the events since the n-th.
func (l *memLedger) kinds(n int) []engine.EventKind {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []engine.EventKind
	for _, e := range l.events[n:] {
		out = append(out, e.Kind)
	}
	return out
}

func (l *memLedger) count(k engine.EventKind) int {
	n := 0
	for _, got := range l.kinds(0) {
		if got == k {
			n++
		}
	}
	return n
}

// plain hides every power of a connector.
type plain struct{ engine.Connector }

// meddled is a connector whose adds and removes go through somebody's hands.
type meddled struct {
	engine.Connector
	add, remove func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error)
}

func (c meddled) Add(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
	if c.add != nil {
		return c.add(ctx, g, m)
	}
	return c.Connector.Add(ctx, g, m)
}

func (c meddled) Remove(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
	if c.remove != nil {
		return c.remove(ctx, g, m)
	}
	return c.Connector.Remove(ctx, g, m)
}
