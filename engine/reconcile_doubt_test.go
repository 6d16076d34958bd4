package engine_test

import (
	"slices"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// With removed: end, what a listing lacks is taken out for good. That is as
// much of a surprise as any other removal, and limits hold it.
func TestLimitsHoldRemovalsByOthersInNumbers(t *testing.T) {
	t.Parallel()
	people := crowd("p", 20)
	w := newWorld(t, people...)
	w.rule("admins", func(r *engine.Rules) { r.Removed = engine.RemovedEnd })
	w.grantAll(people, 5)
	w.run()
	w.dir.Lie(w.admins, func(ms []engine.Member) []engine.Member { return ms[:12] }) // whole, plausible, and wrong
	res := w.run()
	w.objects(res.Plan, engine.LimitRemovePercent)
	w.members(people...)
	w.dir.Mend()
	w.run()
	w.quiet()
}

// Grants behind dropped claims that vanish are nobody's loss.
func TestWithdrawnGrantsOfDroppedClaims(t *testing.T) {
	t.Parallel()
	people := crowd("p", 3)
	others := crowd("s", 9)
	w := newWorld(t, append(people, others...)...)
	w.rule("admins", func(r *engine.Rules) { r.Removed, r.Limits.RemovePercent = engine.RemovedEnd, 100 })
	w.cfg.Limits.RemovePercent = 100
	for _, p := range others {
		w.dir.Put(w.admins, w.ids[p])
	}
	w.grantAll(people, 5)
	w.run()
	for _, p := range people {
		w.dir.Take(w.admins, w.ids[p])
	}
	w.run()
	w.grants = nil
	res := w.run()
	w.objects(res.Plan)
	if n := len(w.ledger.entries()); n != 0 {
		t.Errorf("%d claims, want none", n)
	}
}

// Every grant gets another reason, and with it another id: nothing vanished,
// for everybody is still wished.
func TestReplacedGrantsDidNotVanish(t *testing.T) {
	t.Parallel()
	people := crowd("p", 9)
	w := newWorld(t, people...)
	w.grantAll(people, 5)
	w.run()
	writes := w.writes()
	for i := range w.grants {
		w.grants[i].ID += "-again"
		w.grants[i].When.Until = morning.Add(2 * time.Hour)
	}
	res := w.run()
	w.objects(res.Plan)
	w.quiet()
	if w.writes() != writes {
		t.Errorf("%d writes", w.writes()-writes)
	}
	for _, o := range w.ledger.entries() {
		if len(o.Anchors) != 1 || o.Anchors[0].Grant != engine.GrantID("g-"+o.Member.Login+"-again") {
			t.Errorf("anchors %+v, want the new grant alone", o.Anchors)
		}
	}
	w.pass(2 * time.Hour)
	res = w.run()
	if slices.ContainsFunc(res.Plan.Changes, func(c engine.Change) bool { return c.Why != engine.Ends }) {
		t.Errorf("the ends were agreed to: %s", planLines(res.Plan))
	}
	w.members()
}

// While most grants are missing, every run learns the same, and says it once.
func TestVanishedGrantsAreToldOnce(t *testing.T) {
	t.Parallel()
	people := crowd("p", 9)
	w := newWorld(t, people...)
	w.grantAll(people, 5)
	for _, p := range people {
		w.grant("h-"+p, p, 6)
		w.grant("i-"+p, p, 7)
	}
	w.run()
	w.grants = w.grants[:9] // the g- are left: everybody stays
	w.objects(w.run().Plan, engine.LimitGrants)
	w.members(people...)
	before := w.ledger.entries()
	n := len(w.ledger.kinds(0))
	for range 3 {
		w.objects(w.run().Plan, engine.LimitGrants)
	}
	if got := len(w.ledger.kinds(n)) - 9; got > 0 { // started, held, ended
		t.Errorf("%d events beside the runs' own: %v", got, w.ledger.kinds(n))
	}
	if after := w.ledger.entries(); len(after[0].Anchors) != 3 || len(before[0].Anchors) != 3 {
		t.Errorf("anchors %+v, then %+v, want all three in mind", before[0].Anchors, after[0].Anchors)
	}
}

// What was written for somebody whose login another person has by now, with a
// grant of their own, is on record as that person's.
func TestTakenOverMembershipIsTheNewPersons(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.dir.KeepGhosts()
	w.grant("g1", "ada", 1)
	w.run()
	w.dir.Delete(w.ids["ada"])
	w.dir.AddPerson(person("adam"), "ada")
	w.grant("g2", "adam", 10)
	w.run()
	for _, o := range w.ledger.owned {
		if o.Person != person("adam") {
			t.Errorf("the ledger has %s for %s, want adam", o.Person, o.Member.Login)
		}
	}
	if len(w.ledger.owned) != 1 {
		t.Errorf("%d entries, want one", len(w.ledger.owned))
	}
}
