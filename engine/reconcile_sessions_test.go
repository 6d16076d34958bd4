package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// loggingOut is a world in which sessions end with memberships of admins.
func loggingOut(t *testing.T, people ...string) *world {
	t.Helper()
	w := newWorld(t, people...)
	w.rule("admins", func(r *engine.Rules) { r.EndSessions = true })
	return w
}

func (w *world) loggedOut(n int) {
	w.t.Helper()
	if calls, told := w.dir.Calls(memory.CallSessions), w.ledger.count(engine.EventLoggedOut); calls != n || told != n {
		w.t.Fatalf("sessions were ended %d times, and %d times it was told, want %d", calls, told, n)
	}
}

func TestSessionsEndWithTheMembership(t *testing.T) {
	t.Parallel()
	w := loggingOut(t, "ada", "bob", "cyd")
	g2 := w.group("plain")
	w.grant("g1", "ada", 1)
	w.grant("g2", "bob", 9)
	w.grantIn("g3", "cyd", "corp", "plain", 1)
	w.run()
	ada, bob, cyd := w.dir.Logon(w.ids["ada"]), w.dir.Logon(w.ids["bob"]), w.dir.Logon(w.ids["cyd"])
	w.loggedOut(0)
	w.pass(2 * time.Hour)
	w.run()
	w.membersOf(g2)
	if ada() || !bob() || !cyd() {
		t.Errorf("good sessions: ada %t, bob %t, cyd %t; want those of bob, who stays, and of cyd, whose group does not ask for it", ada(), bob(), cyd())
	}
	w.loggedOut(1)
	w.run()
	w.loggedOut(1)
	w.withdraw("g2")
	w.run()
	w.loggedOut(2)
	last := w.ledger.events[len(w.ledger.events)-2]
	if last.Kind != engine.EventLoggedOut || last.Person != person("bob") || last.Why != engine.Withdrawn {
		t.Errorf("event %+v, want that bob was logged out", last)
	}
}

// Each member once, in however many groups it ended.
func TestSessionsEndOnce(t *testing.T) {
	t.Parallel()
	w := loggingOut(t, "ada")
	w.group("more")
	w.rule("more", func(r *engine.Rules) { r.EndSessions = true })
	w.grant("g1", "ada", 1)
	w.grantIn("g2", "ada", "corp", "more", 1)
	w.run()
	w.pass(2 * time.Hour)
	w.run()
	w.loggedOut(1)
}

func TestSessionsThatDoNotEndUndoNothing(t *testing.T) {
	t.Parallel()
	w := loggingOut(t, "ada")
	w.grant("g1", "ada", 1)
	w.run()
	w.pass(2 * time.Hour)
	w.dir.Fail(memory.Fault{Call: memory.CallSessions, Kind: engine.Denied})
	res := w.run()
	w.members()
	problems(t, res.Findings, engine.SessionsNotEnded)
	if len(res.Failures)+len(res.Overdue) > 0 || len(res.Past) != 1 || res.Counts.Problems != 1 {
		t.Errorf("result %+v, want the removal confirmed and one problem", res.Counts)
	}
	if n := w.ledger.count(engine.EventFailed); n != 1 || w.ledger.count(engine.EventLoggedOut) != 0 {
		t.Errorf("%d failed events, want one", n)
	}
	w.quiet()
}

// A directory that hangs there keeps a run for half a minute in all, when
// everything else is done.
func TestSessionsThatHangKeepNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		people := crowd("p", 20)
		w := loggingOut(t, people...)
		w.grantAll(people, 1)
		w.run()
		w.pass(2 * time.Hour)
		w.dir.Fail(memory.Fault{Call: memory.CallSessions, Stall: true})
		began := time.Now()
		res := w.run()
		if took := time.Since(began); took > 31*time.Second {
			t.Errorf("the run took %s, want half a minute", took)
		}
		w.members()
		if len(res.Past) != 20 || len(res.Findings) != 20 {
			t.Errorf("%d ends confirmed and %d findings, want 20 each", len(res.Past), len(res.Findings))
		}
	})
}

// Who was taken out by somebody else is none of ours; who was ended by the
// directory, or by a removal whose answer was lost, is.
func TestWhoseSessionsEnd(t *testing.T) {
	t.Parallel()
	w := loggingOut(t, "ada", "bob", "cyd")
	w.grant("g1", "ada", 1)
	w.run()
	w.dir.Take(w.admins, w.ids["ada"])
	w.pass(2 * time.Hour)
	w.run()
	w.loggedOut(0)

	w.rule("admins", func(r *engine.Rules) { r.Expire = true })
	w.grant("g2", "bob", 1)
	w.run()
	w.pass(2 * time.Hour)
	w.run()
	w.loggedOut(1)

	w.rule("admins", func(r *engine.Rules) { r.Expire = false })
	w.grant("g3", "cyd", 1)
	w.run()
	w.pass(2 * time.Hour)
	w.dir.Fail(memory.Fault{Call: memory.CallRemove, Nth: 1, Kind: engine.Unavailable, After: true})
	w.run()
	w.run()
	w.run()
	w.loggedOut(2)
}

// A run that only sends agreed ends ends sessions as well, and no more than
// once.
func TestSessionsEndInARunOfEnds(t *testing.T) {
	t.Parallel()
	w := loggingOut(t, "ada")
	w.grant("g1", "ada", 1)
	w.run()
	w.pass(2 * time.Hour)
	if _, err := engine.New(w.cfg).RunIn(context.Background(), "cron", engine.Scope{Directory: "corp", Ends: true}); err != nil {
		t.Fatal(err)
	}
	w.loggedOut(1)
	w.run()
	w.run()
	w.loggedOut(1)
}

// Nor when a listing still shows who is gone, and the removal is sent again.
func TestSessionsEndOnceForWhomAListingStillShows(t *testing.T) {
	t.Parallel()
	w := loggingOut(t, "ada")
	w.rule("admins", func(r *engine.Rules) { r.Expire = true })
	w.grant("g1", "ada", 1)
	w.run()
	listed := w.dir.Roster(w.admins)
	w.pass(2 * time.Hour)
	w.dir.Lie(w.admins, func([]engine.Member) []engine.Member { return listed })
	w.run()
	w.run()
	w.loggedOut(1)
}

// Without the power, nothing is asked for.
func TestSessionsOfADirectoryThatEndsNone(t *testing.T) {
	t.Parallel()
	w := loggingOut(t, "ada")
	w.cfg.Directories["corp"] = plain{w.dir}
	w.grant("g1", "ada", 1)
	w.run()
	w.pass(2 * time.Hour)
	problems(t, w.run().Findings)
	w.members()
	w.loggedOut(0)
}
