package engine_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/schedule"
)

// TestMain asks rapid for as many histories as the laws deserve.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked && !testing.Short() {
		_ = flag.Set("rapid.checks", "10000") // the flag exists: rapid is imported here
	}
	os.Exit(m.Run())
}

// history is a directory, a ledger and a clock, with people who meddle.
type history struct {
	t      *rapid.T
	dir    *memory.Directory
	ledger *memLedger
	now    time.Time
	people []engine.Person
	ids    map[engine.Person]engine.MemberID
	groups []engine.Group
	names  map[engine.Group]string

	grants   []engine.Grant // what the source says
	unread   bool           // the source fails
	standing map[engine.Membership]bool
	writes   int // of the directory's log, already judged
	next     int
	trouble  bool // faults were armed for the next run
	lied     bool // a listing lies in the next run
	lost     bool // an answer may be lost in the next run
	runs     int
	limits   engine.Limits
	rules    map[string]engine.Rules // by group name
	calm     time.Duration           // between the runs of converge
	late     time.Duration           // how long listings lack a change
	relist   time.Duration           // how long the directory is believed about what changed
	terms    memory.Terms            // of what the directory ends by itself
	known    map[engine.Membership]time.Time
}

func (h *history) Grants(context.Context) ([]engine.Grant, error) {
	if h.unread {
		return nil, errors.New("grants.yaml:3:1: not a grant")
	}
	return slices.Clone(h.grants), nil
}

func newHistory(t *rapid.T) *history {
	h := &history{
		t: t, dir: memory.New("mem"), ledger: newLedger(), now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC),
		ids: make(map[engine.Person]engine.MemberID), names: make(map[engine.Group]string),
		standing: make(map[engine.Membership]bool), limits: engine.DefaultLimits(),
		rules: map[string]engine.Rules{"g0": engine.DefaultRules(), "g1": engine.DefaultRules()}, calm: time.Second,
	}
	h.dir.SetClock(func() time.Time { return h.now })
	for i := range 6 {
		p := engine.Person(fmt.Sprintf("p%d@example.org", i))
		h.people = append(h.people, p)
		h.ids[p] = h.dir.AddPerson(p, fmt.Sprintf("p%d", i))
	}
	for i := range 2 {
		name := fmt.Sprintf("g%d", i)
		g := engine.Group{Directory: "mem", ID: h.dir.AddGroup(name)}
		h.groups = append(h.groups, g)
		h.names[g] = name
	}
	return h
}

func (h *history) reconciler() *engine.Reconciler {
	return engine.New(engine.Config{
		Directories: map[engine.Directory]engine.Connector{"mem": h.dir},
		Defaults:    engine.DefaultRules(), Limits: h.limits,
		Groups: map[engine.GroupRef]engine.Rules{
			{Directory: "mem", Name: "g0"}: h.rules["g0"],
			{Directory: "mem", Name: "g1"}: h.rules["g1"],
		},
		Sources: []engine.Source{h}, Ledger: h.ledger, Overdue: time.Hour, Relist: h.relist,
		Now: func() time.Time { return h.now },
	})
}

func (h *history) person() engine.Person { return rapid.SampledFrom(h.people).Draw(h.t, "person") }
func (h *history) group() engine.Group   { return rapid.SampledFrom(h.groups).Draw(h.t, "group") }

// active tells whether a grant that the source names is in force.
func (h *history) active(g engine.Group, id engine.MemberID) bool {
	return slices.ContainsFunc(h.grants, func(x engine.Grant) bool {
		return x.Group.Name == h.names[g] && h.ids[x.Person] == id && x.When.Active(h.now)
	})
}

func (h *history) sweeps(g engine.Group) bool {
	return h.rules[h.names[g]].Foreign == engine.ForeignRemove
}

// restores reports whether daypass puts back into g whom somebody took out.
func (h *history) restores(g engine.Group) bool {
	return h.rules[h.names[g]].Removed == engine.RemovedRestore
}

// sameAsWhole asserts that a plan from what changed is the plan from whole
// listings.
func (h *history) sameAsWhole() {
	some, err := h.reconciler().Plan(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	relist := h.relist
	h.relist = 0
	all, err := h.reconciler().Plan(context.Background())
	h.relist = relist
	if err != nil {
		h.t.Fatal(err)
	}
	a, _ := some.Plan.MarshalJSON()
	b, _ := all.Plan.MarshalJSON()
	if string(a) != string(b) {
		h.t.Fatalf("the plan from what changed:\n%s\nfrom whole listings:\n%s", a, b)
	}
}

// run makes one reconciliation and judges every write of it.
func (h *history) run() engine.Result {
	if h.relist > 0 && h.late == 0 && !h.trouble {
		h.sameAsWhole()
	}
	h.runs++
	res, err := h.reconciler().Run(context.Background(), "cron", "")
	if err != nil && !errors.Is(err, errCrashed) && !h.trouble {
		h.t.Fatalf("run: %v", err)
	}
	for _, w := range h.dir.Writes()[h.writes:] {
		h.writes++
		m := engine.Membership{Group: engine.Group{Directory: "mem", ID: w.Group}, Member: w.Member}
		switch {
		case !w.Changed:
		case w.Op == engine.Remove && h.standing[m] && h.sweeps(m.Group):
			delete(h.standing, m)
		case w.Op == engine.Remove && h.standing[m]:
			h.t.Fatalf("law 2: run %d removed %v, who was there before us", h.runs, m)
		case w.Op == engine.Remove && !h.unread && h.restores(m.Group) && h.active(m.Group, m.Member):
			h.t.Fatalf("law 3: run %d removed %v while a grant is in force", h.runs, m)
		case w.Op == engine.Add && !h.active(m.Group, m.Member):
			h.t.Fatalf("run %d added %v without a grant in force", h.runs, m)
		case w.Op == engine.Expire && h.standing[m]:
			h.t.Fatalf("law 2: run %d gave an end to %v, who was there before us", h.runs, m)
		}
	}
	return res
}

// mend ends every trouble.
func (h *history) mend() {
	h.dir.Mend()
	for _, g := range h.groups {
		h.dir.Lie(g.ID, nil)
	}
	h.ledger.crash, h.ledger.dead = nil, false
	h.unread, h.trouble, h.lied, h.lost = false, false, false, false
	h.dir.LagFor(h.late)
}

// agree asserts what must hold after a run without trouble.
func (h *history) agree(res engine.Result, where string) {
	held := make(map[engine.Membership]bool)
	for _, c := range res.Plan.HeldChanges() {
		held[engine.Membership{Group: c.Key(), Member: c.Member.ID}] = true
		if c.Why == engine.Ends && c.Op == engine.Remove {
			h.t.Fatalf("law 5: %s: an agreed end is held: %+v", where, c)
		}
	}
	for _, g := range h.groups {
		for _, p := range h.people {
			m := engine.Membership{Group: g, Member: h.ids[p]}
			in, wished := h.dir.Has(g.ID, m.Member), h.active(g, m.Member)
			switch {
			case wished && !in && !held[m] && h.restores(g):
				h.t.Fatalf("law 3: %s: %s has a grant in force for %s and is not in", where, p, h.names[g])
			case !wished && in && !h.standing[m] && !held[m]:
				h.t.Fatalf("law 1: %s: %s outlived every grant in %s", where, p, h.names[g])
			case h.standing[m] && !in:
				h.t.Fatalf("law 2: %s: %s lost standing access to %s", where, p, h.names[g])
			}
		}
	}
	doubt := slices.ContainsFunc(res.Plan.Objections, func(o engine.Objection) bool { return o.Limit == engine.LimitReading && !o.Released })
	if len(res.Overdue) > 0 && !doubt { // a doubtful listing confirms nothing, and says so
		h.t.Fatalf("law 1: %s: overdue after a run without trouble: %+v", where, res.Overdue)
	}
}

// settle lets what was written be shown by listings, in a time in which no
// grant begins or ends.
func (h *history) settle() {
	const runs = 4
	for edge := true; edge; {
		edge = false
		for _, g := range h.grants {
			for _, at := range []time.Time{g.When.From, g.When.Until} {
				if at.After(h.now) && !at.After(h.now.Add(runs*h.calm)) {
					h.now, edge = at.Add(time.Second), true
				}
			}
		}
	}
	for range runs {
		h.run()
		h.now = h.now.Add(h.calm)
	}
}

// converge lets trouble end and asserts that two or three runs make all well.
func (h *history) converge() {
	h.mend()
	for i := range 6 {
		res := h.run()
		if d := res.Plan.HeldDigest(); d != "" && res.Release == nil {
			h.ledger.release(d, h.now)
		} else if i < 3 {
			h.now = h.now.Add(h.calm)
		}
	}
	if h.late > 0 {
		h.settle()
	}
	res := h.run()
	for h.renews(res) { // at the very second
		res = h.run()
	}
	h.agree(res, "at the end")
	h.agreeOnEnds()
	if n := len(res.Plan.Changes); n > 0 {
		h.t.Fatalf("law 7: a plan after convergence has %d changes, first %+v", n, res.Plan.Changes[0])
	}
	for k, o := range h.ledger.owned {
		if h.restores(k.Group) && (!h.dir.Has(k.Group.ID, k.Member) || o.State != engine.Added) {
			h.t.Fatalf("law 8: the ledger claims %v as %s, and the directory does not have it", k, o.State)
		}
	}
}

func (h *history) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"grant": func(t *rapid.T) {
			h.next++
			from := h.now.Add(time.Duration(rapid.IntRange(-2, 2).Draw(t, "from")) * time.Hour)
			h.grants = append(h.grants, engine.Grant{
				ID: engine.GrantID(fmt.Sprintf("g%03d", h.next)), Person: h.person(),
				Group: engine.GroupRef{Directory: "mem", Name: h.names[h.group()]},
				When:  schedule.Window{From: from, Until: from.Add(time.Duration(rapid.IntRange(1, 5).Draw(t, "hours")) * time.Hour)},
			})
		},
		"revoke": func(t *rapid.T) { // agreed: the grant stays on record with its end
			if g := h.pick(t); g != nil && g.When.Until.After(h.now) {
				g.When.Until = h.now
			}
		},
		"extend": func(t *rapid.T) {
			if g := h.pick(t); g != nil && g.When.Until.After(h.now) {
				g.When.Until = g.When.Until.Add(time.Hour)
			}
		},
		"withdraw": func(t *rapid.T) { // vanishes from its file
			if g := h.pick(t); g != nil {
				h.grants = slices.DeleteFunc(h.grants, func(x engine.Grant) bool { return x.ID == g.ID })
			}
		},
		"tick": func(t *rapid.T) {
			h.now = h.now.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "minutes")) * time.Minute)
		},
		"put": func(*rapid.T) {
			m := engine.Membership{Group: h.group(), Member: h.ids[h.person()]}
			// A member of ours whom somebody took out and put back before we
			// looked is not to be told from one who never left.
			if !h.dir.Has(m.Group.ID, m.Member) && !h.ledger.claims(m.Group, m.Member) {
				h.dir.Put(m.Group.ID, m.Member)
				h.standing[m] = true
				// Nor whose it is, when it comes at the instant of an add of
				// ours whose answer is lost.
				h.now = h.now.Add(h.late)
			}
		},
		"take": func(*rapid.T) {
			m := engine.Membership{Group: h.group(), Member: h.ids[h.person()]}
			h.dir.Take(m.Group.ID, m.Member)
			delete(h.standing, m)
		},
		// A listing that lies and a lost answer in one run leave no way to
		// tell whether an add was ours: they are kept apart.
		"fault": func(t *rapid.T) {
			if h.lied {
				return
			}
			h.trouble, h.lost = true, true
			h.dir.Fail(memory.Fault{
				Call:  rapid.SampledFrom([]memory.Call{memory.CallMembers, memory.CallAdd, memory.CallRemove, memory.CallResolveAll, memory.CallGroup}).Draw(t, "call"),
				Nth:   rapid.IntRange(1, 3).Draw(t, "nth"),
				Kind:  rapid.SampledFrom([]engine.Kind{engine.Unavailable, engine.Unknown}).Draw(t, "kind"),
				After: rapid.Bool().Draw(t, "after"),
			})
		},
		"refusal": func(t *rapid.T) {
			h.trouble = true
			h.dir.Fail(memory.Fault{
				Call: rapid.SampledFrom([]memory.Call{memory.CallAdd, memory.CallRemove}).Draw(t, "call"),
				Nth:  rapid.IntRange(1, 3).Draw(t, "nth"),
				Kind: rapid.SampledFrom([]engine.Kind{engine.Denied, engine.Rejected, engine.Throttled}).Draw(t, "kind"),
			})
		},
		"lie": func(t *rapid.T) {
			if h.lost {
				return
			}
			h.trouble, h.lied = true, true
			h.dir.Lie(h.group().ID, rapid.SampledFrom([]memory.Lie{memory.Empty, memory.Half}).Draw(t, "lie"))
		},
		"truncate":   func(*rapid.T) { h.trouble = true; h.dir.Truncate(h.group().ID) },
		"unreadable": func(*rapid.T) { h.trouble, h.unread = true, true },
		"crash": func(t *rapid.T) {
			if h.lied {
				return
			}
			h.trouble, h.lost = true, true
			n, after := rapid.IntRange(1, 9).Draw(t, "record"), rapid.Bool().Draw(t, "after")
			h.ledger.crash = func(a bool) bool {
				if a == after {
					n--
				}
				if n == 0 {
					h.dir.Down(engine.Unavailable) // a dead process sends nothing more
				}
				return n <= 0
			}
		},
		"run": func(*rapid.T) {
			quiet := !h.trouble && h.late == 0 // what listings lack for now cannot be set right at once
			res := h.run()
			if quiet {
				h.agree(res, fmt.Sprintf("after run %d", h.runs))
			}
			h.mend()
		},
	}
}

func (h *history) pick(t *rapid.T) *engine.Grant {
	if len(h.grants) == 0 {
		return nil
	}
	return &h.grants[rapid.IntRange(0, len(h.grants)-1).Draw(t, "grant")]
}

// Whatever people, directories and crashes do: access ends, nobody who was
// there before us is removed, no grant cuts another, agreed ends are never
// held, and ledger and directory agree in the end.
func TestLawsHoldInEveryHistory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t)
		t.Repeat(h.actions())
		h.converge()
	})
}

// The same where listings show every change late, by anything up to the grace.
func TestLawsHoldWhenListingsLag(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t)
		grace := 2 * time.Minute
		h.late = time.Duration(rapid.IntRange(1, 120).Draw(t, "late")) * time.Second
		h.calm = 2 * grace
		h.dir.SetGrace(grace)
		h.dir.LagFor(h.late)
		as := h.actions()
		as["moment"] = func(t *rapid.T) {
			h.now = h.now.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "seconds")) * time.Second)
		}
		t.Repeat(as)
		h.converge()
	})
}

// The same where the directory tells what changed, and everything is listed
// only now and then: every plan is the one that whole listings give.
func TestLawsHoldWithMarks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t)
		h.relist = time.Duration(rapid.IntRange(1, 1000).Draw(t, "relist")) * time.Minute
		as := h.actions()
		delete(as, "lie") // one that says what was there before is believed until the next whole listing
		t.Repeat(as)
		h.converge()
	})
}

// And where what changed is told late, and shown late, and in any order.
func TestLawsHoldWithLateMarks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t)
		grace := 2 * time.Minute
		h.late = time.Duration(rapid.IntRange(1, 120).Draw(t, "late")) * time.Second
		h.dir.SetGrace(grace)
		h.dir.LagFor(h.late)
		h.dir.MarkLate(time.Duration(rapid.IntRange(0, 40).Draw(t, "told")) * time.Minute)
		h.relist = time.Duration(rapid.IntRange(1, 30).Draw(t, "relist")) * time.Minute
		h.calm = time.Hour
		as := h.actions()
		as["moment"] = func(t *rapid.T) {
			h.now = h.now.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "seconds")) * time.Second)
		}
		t.Repeat(as)
		h.converge()
	})
}

// The same in groups with other rules: strangers are swept after a notice, and
// a removal by somebody else ends the matter or is a question. Nobody is swept
// elsewhere, and everything comes to rest.
func TestLawsHoldUnderEveryRule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t)
		h.calm = 2 * time.Hour
		for _, name := range []string{"g0", "g1"} {
			r := h.rules[name]
			r.Removed = rapid.SampledFrom([]engine.RemovedRule{engine.RemovedRestore, engine.RemovedEnd, engine.RemovedReport}).Draw(t, "removed")
			r.Foreign = rapid.SampledFrom([]engine.ForeignRule{engine.ForeignReport, engine.ForeignIgnore, engine.ForeignRemove}).Draw(t, "foreign")
			r.Notice = time.Hour
			h.rules[name] = r
		}
		t.Repeat(h.actions())
		h.converge()
	})
}

// A plan is the same byte for byte, whatever the order in which the grants are
// told and the groups are read.
func TestSameViewSamePlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t)
		as := h.actions()
		for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"grant", "grant", "put", "tick", "take"}), 1, 20).Draw(t, "world") {
			as[name](t)
		}
		first, err := h.reconciler().Plan(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		h.grants = rapid.Permutation(h.grants).Draw(t, "order")
		second, err := h.reconciler().Plan(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		a, _ := first.Plan.MarshalJSON()
		b, _ := second.Plan.MarshalJSON()
		if string(a) != string(b) {
			t.Fatalf("two looks at one world:\n%s\n%s", a, b)
		}
		if strings.Contains(string(a), "null") {
			t.Fatalf("a list in the plan is null: %s", a)
		}
	})
}
