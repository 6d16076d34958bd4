package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// busy is a world in which one run has everything to do: additions, ends,
// claims to forget, a stranger to notice and one to sweep, anchors that moved,
// a held set, and an overdue removal in a directory that refuses.
func busy(t *testing.T) *world {
	t.Helper()
	people := crowd("p", 9)
	w := newWorld(t, append(people, "ada", "bob", "cid", "dan", "eve", "root", "guest")...)
	staff := w.group("staff")
	w.rule("staff", func(r *engine.Rules) {
		r.Foreign, r.Notice, r.Limits.RemovePercent = engine.ForeignRemove, time.Hour, 100
	})
	w.dir.Put(staff, w.ids["root"])
	w.grantAll(people, 10)
	w.grant("g-bob", "bob", 1)
	w.grantIn("g-cid", "cid", "corp", "staff", 1)
	w.grantIn("g-dan", "dan", "corp", "staff", 1)
	w.grantIn("g-eve", "eve", "corp", "staff", 5)
	w.run()
	w.pass(3 * time.Hour)
	w.grants = slices.DeleteFunc(w.grants, func(g engine.Grant) bool { return g.Person[0] == 'p' }) // held
	w.grant("g-ada", "ada", 1)                                                                      // starts
	w.until("g-eve", w.now.Add(9*time.Hour))                                                        // anchors move
	w.dir.Take(staff, w.ids["dan"])                                                                 // forget
	w.dir.Put(w.admins, w.ids["guest"])                                                             // noticed
	return w
}

// A crash before or after any step of the ledger leaves what one more run
// settles: the same directory and the same ledger as without the crash.
func TestCrashAtEveryRecord(t *testing.T) {
	t.Parallel()
	want := busy(t)
	want.run()
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			if n > 50 {
				t.Fatal("a run never ends")
			}
			w := busy(t)
			left := n
			w.ledger.crash = func(a bool) bool {
				if a == after {
					left--
				}
				if left == 0 {
					w.dir.Down(engine.Unavailable) // the dead send nothing
				}
				return left <= 0
			}
			_, err := engine.New(w.cfg).Run(context.Background(), "cron", "")
			if err == nil {
				if n < 6 {
					t.Fatalf("a run takes %d steps, want more", n)
				}
				break
			}
			if !errors.Is(err, errCrashed) {
				t.Fatal(err)
			}
			w.ledger.crash, w.ledger.dead = nil, false
			w.dir.Mend()
			w.run()
			if diff := cmp.Diff(want.outcome(), w.outcome()); diff != "" {
				t.Errorf("crash at step %d (after %v), and one more run (-want +got):\n%s", n, after, diff)
			}
			if p := w.plan(); len(p.Changes) != len(p.HeldChanges()) {
				t.Errorf("crash at step %d (after %v): still to do: %s", n, after, planLines(p))
			}
		}
	}
}

// outcome is what a world comes to: who is where, what is ours, what is over.
func (w *world) outcome() map[string][]string {
	out := make(map[string][]string)
	for g := range w.cfg.Groups {
		info, err := w.dir.Group(context.Background(), g.Name)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, m := range w.dir.Roster(info.ID) {
			out[g.Name] = append(out[g.Name], m.Login)
		}
	}
	for _, o := range w.ledger.entries() {
		out["owned"] = append(out["owned"], ownedLine(o))
	}
	for _, p := range w.ledger.past {
		out["past"] = append(out["past"], fmt.Sprintf("%s %s due %s why %s", p.GroupName, p.Member.Login, stamp(p.Due), p.Why))
	}
	slices.Sort(out["past"])
	out["past"] = slices.Compact(out["past"])
	for k := range w.ledger.noticed {
		out["noticed"] = append(out["noticed"], string(k.Member))
	}
	slices.Sort(out["noticed"])
	return out
}

// A ledger that refuses the intents keeps the directory untouched.
func TestNothingIsSentWithoutAnIntentOnRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 1)
	full := errors.New("disk full")
	w.cfg.Ledger = refusing{w.ledger, func(b engine.Batch) error {
		if slices.ContainsFunc(b.Events, func(e engine.Event) bool { return e.Kind == engine.EventIntended }) {
			return full
		}
		return nil
	}}
	if _, err := engine.New(w.cfg).Run(context.Background(), "cron", ""); !errors.Is(err, full) {
		t.Fatalf("got %v, want %v", err, full)
	}
	if n := w.dir.Calls(memory.CallAdd); n != 0 {
		t.Errorf("%d additions were sent", n)
	}
}

// refusing is a ledger that refuses some batches.
type refusing struct {
	*memLedger
	refuse func(engine.Batch) error
}

func (l refusing) Record(ctx context.Context, b engine.Batch) error {
	if err := l.refuse(b); err != nil {
		return err
	}
	return l.memLedger.Record(ctx, b)
}

// The intent says what will be sent, before it is; whoever looks while the
// directory is at work finds it in the ledger and in the audit log.
func TestIntentIsOnRecordWhileTheDirectoryWorks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 1)
	var states []engine.State
	see := func() {
		if o := w.owns("ada"); o != nil {
			states = append(states, o.State)
		}
		if k := w.ledger.kinds(0); k[len(k)-1] != engine.EventIntended {
			t.Errorf("the last event is %s, want an intent", k[len(k)-1])
		}
	}
	w.cfg.Directories["corp"] = meddled{
		Connector: plain{w.dir},
		add: func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
			see()
			return w.dir.Add(ctx, g, m)
		},
		remove: func(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
			see()
			return w.dir.Remove(ctx, g, m)
		},
	}
	w.run()
	w.pass(time.Hour)
	w.run()
	if want := []engine.State{engine.Adding, engine.Removing}; !slices.Equal(states, want) {
		t.Errorf("states %v, want %v", states, want)
	}
}

// A group that was renamed keeps its grants, ends on time, and the old name is
// reported until somebody mends it.
func TestRenamedGroupKeepsItsGrants(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada", "bob")
	w.grant("g1", "ada", 2)
	w.grant("g2", "bob", 1)
	w.run()
	w.dir.RenameGroup(w.admins, "administrators")
	w.pass(time.Hour)
	res := w.run()
	w.changes(res.Plan, "remove bob ends")
	if len(res.Plan.Problems) != 1 || res.Plan.Problems[0].Kind != engine.UnknownGroup || res.Plan.Problems[0].Group != "admins" {
		t.Errorf("problems %+v, want the old name", res.Plan.Problems)
	}
	w.members("ada")
	w.pass(time.Hour)
	w.run()
	w.members()
}

// A renamed group whose grants use the new name, and which the ledger knows by
// the old one, is one group.
func TestRenamedGroupUnderItsNewName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 2)
	w.run()
	writes := w.writes()
	w.dir.RenameGroup(w.admins, "administrators")
	w.cfg.Groups = map[engine.GroupRef]engine.Rules{{Directory: "corp", Name: "administrators"}: engine.DefaultRules()}
	w.grants[0].Group.Name = "administrators"
	res := w.run()
	if len(res.Plan.Problems) != 0 || w.writes() != writes {
		t.Errorf("problems %+v, %d writes", res.Plan.Problems, w.writes()-writes)
	}
	w.members("ada")
}

// Grants whose group is not to be found may belong to a group that only the
// ledger knows, by another name: then nothing in that group is withdrawn.
func TestUnplacedGrantsWithdrawNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada", "bob")
	w.grant("g1", "ada", 5)
	w.grant("g2", "bob", 1)
	w.run()
	// The ledger's name, the directory's name and the grants' name differ.
	w.dir.RenameGroup(w.admins, "administrators")
	w.cfg.Groups = nil
	w.grants[0].Group.Name, w.grants[1].Group.Name = "adm", "adm"
	w.pass(time.Hour)
	res := w.run()
	w.changes(res.Plan, "remove bob ends") // by the ledger's times
	w.members("ada")
	w.grants = nil // now the source is plain: nobody wishes it
	w.changes(w.run().Plan, "remove ada withdrawn")
	w.members()
}

func TestGrantsUnreadStartNothingAndEndOnTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada", "bob", "cid")
	w.grant("g1", "ada", 5)
	w.grant("g2", "bob", 1)
	w.run()
	w.pass(time.Hour)
	w.grants, w.broken = nil, errors.New("grants.yaml:3:1: not a grant")
	res := w.run()
	if !errors.Is(res.GrantsErr, w.broken) {
		t.Errorf("got %v, want %v", res.GrantsErr, w.broken)
	}
	w.changes(res.Plan, "remove bob ends")
	w.members("ada")
}

// One source fails and another does not: what the good one says is done, and
// the anchors of the other are kept.
func TestOneUnreadSourceKeepsItsAnchors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada", "bob")
	other := newWorld(t)
	other.grant("h1", "ada", 2)
	other.grant("h2", "bob", 2)
	w.cfg.Sources = append(w.cfg.Sources, other)
	w.grant("g1", "ada", 5)
	w.run()
	w.grants, w.broken = nil, errors.New("grants.yaml:3:1: not a grant")
	other.until("h1", morning.Add(3*time.Hour))
	w.run()
	o := w.owns("ada")
	if len(o.Anchors) != 2 || o.Anchors[0].Grant != "g1" || !o.Anchors[1].Until.Equal(morning.Add(3*time.Hour)) {
		t.Fatalf("anchors %+v, want g1 kept and h1 extended", o.Anchors)
	}
	w.pass(4 * time.Hour) // h1 is over, g1 is not, as far as anybody knows
	w.run()
	w.members("ada")
	w.pass(time.Hour)
	w.run()
	w.members()
}

// Losing one of two grants re-anchors: the end of the other is agreed to.
func TestLosingOneOfTwoGrantsReanchors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 5)
	w.grant("g2", "ada", 2)
	w.grant("g3", "ada", 2)
	w.run()
	w.withdraw("g1")
	w.run()
	if o := w.owns("ada"); len(o.Anchors) != 2 {
		t.Fatalf("anchors %+v, want g2 and g3", o.Anchors)
	}
	if n := w.ledger.count(engine.EventAnchored); n != 1 {
		t.Errorf("%d anchored events, want 1", n)
	}
	w.pass(2 * time.Hour)
	w.changes(w.run().Plan, "remove ada ends")
	w.members()
}

// The lag is on record for every grant: when it was due, when the directory
// took the removal, when a reading showed it gone.
func TestLagIsRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada", "bob", "cid", "root")
	w.dir.Put(w.admins, w.ids["root"])
	w.grant("g1", "ada", 1)
	w.grant("g2", "bob", 5)
	w.grant("g3", "cid", 1)
	added := w.now
	w.run()
	w.pass(time.Hour + 10*time.Minute)
	w.withdraw("g2")
	w.dir.Take(w.admins, w.ids["cid"])
	w.tick = time.Second
	start := w.now
	res := w.run()
	due := morning.Add(time.Hour)
	past := make(map[engine.Person]engine.Past)
	for _, p := range w.ledger.past {
		past[p.Person] = p
	}
	a := past["ada@example.org"]
	if !a.Added.Equal(added) || !a.Due.Equal(due) || a.Why != engine.Ends {
		t.Errorf("ada %+v", a)
	}
	if !a.Removed.After(start) || !a.Confirmed.After(a.Removed) || a.Confirmed.After(res.Ended) {
		t.Errorf("started %s, removed %s, confirmed %s, ended %s: out of order", start, a.Removed, a.Confirmed, res.Ended)
	}
	if b := past["bob@example.org"]; !b.Due.IsZero() || b.Removed.IsZero() || b.Why != engine.Withdrawn {
		t.Errorf("bob was withdrawn, and never due: %+v", b)
	}
	if c := past["cid@example.org"]; !c.Removed.IsZero() || !c.Due.Equal(due) || c.Confirmed.IsZero() {
		t.Errorf("cid was taken out by somebody else: %+v", c)
	}
}

// The audit log tells a run in the order in which it happened.
func TestAuditTellsARunInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada", "bob", "root")
	w.dir.Put(w.admins, w.ids["root"])
	w.grant("g1", "ada", 1)
	w.run()
	want := []engine.EventKind{
		engine.EventRunStarted, engine.EventIntended, engine.EventHappened,
		engine.EventConfirmed, engine.EventRunEnded,
	}
	if got := w.ledger.kinds(0); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	n := len(want)
	w.pass(time.Hour)
	w.grant("g2", "bob", 1)
	res := w.run()
	want = []engine.EventKind{
		engine.EventRunStarted, engine.EventIntended, engine.EventIntended, engine.EventHappened, engine.EventHappened,
		engine.EventConfirmed, engine.EventConfirmed, engine.EventRunEnded,
	}
	if got := w.ledger.kinds(n); !slices.Equal(got, want) {
		t.Fatalf("got  %v\nwant %v", got, want)
	}
	for _, e := range w.ledger.events[n:] {
		if e.Run != res.Run || e.At.IsZero() {
			t.Errorf("event %+v, want one of run %s", e, res.Run)
		}
	}
	end := w.ledger.events[len(w.ledger.events)-1]
	if end.Counts == nil || *end.Counts != res.Counts || end.Digest != res.Plan.Digest() || end.Counts.Added != 1 || end.Counts.Removed != 1 {
		t.Errorf("the end tells %+v, the result %+v", end, res.Counts)
	}
	if start := w.ledger.events[n]; start.By != "cron" {
		t.Errorf("the start tells %+v, want who started it", start)
	}
}

// A run with nothing to do says that it ran, and nothing else.
func TestQuietRunWritesTwoEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 1)
	w.run()
	n := len(w.ledger.kinds(0))
	for range 3 {
		w.run()
	}
	if got := len(w.ledger.kinds(0)) - n; got != 6 {
		t.Errorf("%d events in three quiet runs, want 6: %v", got, w.ledger.kinds(n))
	}
}

// A removal that the directory took and whose answer was lost is ours: the
// next run closes it as a removal, not as somebody else's.
func TestLostAnswerOfARemovalIsOurRemoval(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada", "root")
	w.grant("g1", "ada", 1)
	w.run()
	w.dir.Put(w.admins, w.dir.AddPerson("x@example.org", "x")) // so that the group is not emptied
	w.run()
	w.pass(time.Hour + time.Second)
	w.dir.Fail(memory.Fault{Call: memory.CallRemove, Nth: 1, Kind: engine.Unavailable, After: true})
	w.dir.Fail(memory.Fault{Call: memory.CallMembers, Nth: 2, Kind: engine.Unavailable}) // nor is it read back
	w.run()
	w.pass(time.Minute)
	w.run()
	past := w.ledger.past
	if len(past) != 1 || past[0].Removed.IsZero() || past[0].Why != engine.Ends {
		t.Errorf("past %+v, want one that we removed", past)
	}
	if n := w.ledger.count(engine.EventForgotten); n != 0 {
		t.Errorf("%d forgotten events, want none: the removal was ours", n)
	}
}

// A ledger that cannot be written is said once, and not again for the end of
// the run, which cannot be written either.
func TestAnErrorIsSaidOnce(t *testing.T) {
	t.Parallel()
	w := busy(t)
	n := 0
	w.ledger.crash = func(bool) bool { n++; return n > 2 }
	_, err := engine.New(w.cfg).Run(t.Context(), "cron", "")
	if err == nil || strings.Count(err.Error(), errCrashed.Error()) != 1 {
		t.Errorf("got %v", err)
	}
}
