package engine_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/schedule"
)

// The stories of this file went wrong elsewhere; the comments name where.

// gravitational/teleport#65811, discord/access#119: removed at the end, in the
// directory, and not put back by the next run.
func TestEndedMembershipIsRemovedAndStaysRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 1)
	w.run()
	w.members("ada")
	w.pass(time.Hour)
	w.run()
	w.members()
	writes := w.writes()
	for range 3 {
		w.pass(time.Minute)
		w.run()
	}
	w.members()
	if w.writes() != writes {
		t.Errorf("%d writes after the end", w.writes()-writes)
	}
}

// gravitational/teleport#65831: a run that meets the membership again must not
// take it for standing access.
func TestTemporaryAccessNeverBecomesPermanent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 3)
	w.dir.Fail(memory.Fault{Call: memory.CallAdd, Nth: 1, Kind: engine.Unknown, After: true}) // it worked, and nobody was told
	if res := w.run(); res.Counts.Failed != 1 {
		t.Fatalf("counts %+v, want one failure", res.Counts)
	}
	w.members("ada")
	for range 5 {
		w.pass(30 * time.Minute)
		w.run()
	}
	w.members("ada")
	w.pass(30 * time.Minute)
	w.run()
	w.members()
}

// The same, where the directory says at the second attempt that she was there.
func TestRepeatedAddThatFindsTheMemberKeepsTheClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 1)
	w.dir.Fail(memory.Fault{Call: memory.CallAdd, Nth: 1, Kind: engine.Unknown, After: true})
	w.dir.Lag(3) // the next listings do not show it yet, so the addition is sent again
	w.run()
	w.run()
	if n := w.writes(); n != 2 {
		t.Fatalf("%d writes, want two additions", n)
	}
	if o := w.owns("ada"); o == nil || o.State != engine.Added {
		t.Fatalf("the ledger holds %+v, want an added entry", o)
	}
	w.dir.Mend()
	w.pass(time.Hour)
	w.run()
	w.members()
}

// Somebody who was there before us stays, though an addition was sent that
// found her: whoever put her there did it between our listing and our sending.
func TestAddThatFindsAMemberClaimsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 1)
	w.dir.Lag(1)
	w.dir.Put(w.admins, w.ids["ada"]) // not to be seen at the first look
	w.run()
	if n := w.writes(); n != 1 {
		t.Fatalf("%d writes, want one addition that found her", n)
	}
	if o := w.owns("ada"); o != nil {
		t.Fatalf("the ledger claims %+v", o)
	}
	w.pass(2 * time.Hour)
	w.run()
	w.members("ada")
}

// aws-samples/iam-identity-center-team#279, #513: the first of two overlapping
// grants ends, and so does nothing else.
func TestEndOfOneGrantDoesNotCutAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 1)
	w.grant("g2", "ada", 2)
	w.run()
	w.pass(time.Hour)
	w.run()
	w.members("ada")
	if n := w.writes(); n != 1 {
		t.Errorf("%d writes, want the addition alone", n)
	}
	w.pass(time.Hour)
	w.run()
	w.members()
}

// The same story: one grant ends at the instant at which the next begins.
func TestAdjacentGrantsLeaveNoGap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 1)
	w.run()
	w.pass(time.Hour)
	w.grant("g2", "ada", 1)
	w.run()
	w.members("ada")
	if n := w.writes(); n != 1 {
		t.Errorf("%d writes, want the addition alone", n)
	}
	w.pass(time.Hour)
	if res := w.run(); res.Counts.Removed != 1 {
		t.Errorf("counts %+v, want one removal", res.Counts)
	}
	w.members()
}

// awslabs/ssosync#278, #234, #194, #236: a directory that fails, or stops in
// the middle of a listing, has not told that everybody left.
func TestFailedListingIsNotAnEmptyGroup(t *testing.T) {
	t.Parallel()
	for _, kind := range []engine.Kind{engine.Partial, engine.Unavailable, engine.Throttled, engine.Denied, engine.Unknown} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			people := crowd("p", 8)
			w := newWorld(t, people...)
			w.grantAll(people, 5)
			w.run()
			before := w.ledger.entries()
			w.dir.Fail(memory.Fault{Call: memory.CallMembers, Nth: 1, Kind: kind})
			writes := w.writes()
			res := w.run()
			if len(res.Plan.Changes) > 0 || w.writes() != writes {
				t.Fatalf("planned on no listing: %s", planLines(res.Plan))
			}
			if len(res.Plan.Problems) != 1 || res.Plan.Problems[0].Kind != engine.UnreadableGroup {
				t.Errorf("problems %+v, want one unreadable group", res.Plan.Problems)
			}
			if after := w.ledger.entries(); len(after) != len(before) {
				t.Errorf("%d claims, want %d", len(after), len(before))
			}
			w.members(people...)
		})
	}
}

// firezone/firezone#9188: a listing that answers well and misses people.
func TestListingThatMissesPeopleIsDoubted(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]memory.Lie{"empty": memory.Empty, "a third": func(ms []engine.Member) []engine.Member { return ms[:len(ms)/3] }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			people := crowd("p", 12)
			w := newWorld(t, append(people, "end", "new", "gone")...)
			w.grantAll(people, 5)
			w.grant("g-end", "end", 1)
			w.grant("g-gone", "gone", 5)
			w.run()
			w.pass(time.Hour)
			w.grant("g-new", "new", 5)
			w.withdraw("g-gone")
			w.dir.Lie(w.admins, lie)
			res := w.run()
			w.objects(res.Plan, engine.LimitReading)
			w.members(append(people, "new", "gone")...) // additions and agreed ends went on
			w.dir.Mend()
			w.run() // the truth needs nobody's release
			w.members(append(people, "new")...)
			w.quiet()
		})
	}
}

// firezone/firezone#10892: a meant mass change is let through by a person, for
// that change alone, and no setting is loosened for it.
func TestMeantMassChangeIsReleased(t *testing.T) {
	t.Parallel()
	people := crowd("p", 9)
	w := newWorld(t, people...)
	w.grantAll(people, 5)
	w.run()
	w.grants = w.grants[:3]
	res := w.run()
	w.objects(res.Plan, engine.LimitRemovePercent, engine.LimitGrants)
	w.members(people...)
	w.ledger.release(res.Plan.HeldDigest(), w.now)
	res = w.run()
	if res.Release == nil || res.Counts.Removed != 6 {
		t.Fatalf("release %+v, counts %+v", res.Release, res.Counts)
	}
	w.members(people[:3]...)
}

// adobe-apiplatform/user-sync.py#744: a tripped limit stops what it objects
// to, and nothing else.
func TestTrippedLimitLetsEverythingElseGoOn(t *testing.T) {
	t.Parallel()
	people := crowd("p", 9)
	w := newWorld(t, append(people, "end", "new")...)
	w.grantAll(people, 5)
	w.grant("g-end", "end", 1)
	w.run()
	w.pass(time.Hour)
	w.grants = slices.DeleteFunc(w.grants, func(g engine.Grant) bool { return g.ID != "g-end" })
	w.grant("g-new", "new", 1)
	res := w.run()
	if res.Counts.Held != 9 || res.Counts.Added != 1 || res.Counts.Removed != 1 {
		t.Fatalf("counts %+v", res.Counts)
	}
	w.members(append(people, "new")...)
}

// awslabs/ssosync#291: nothing is deleted to be made again when only a name
// changed, be it of an account or of a group.
func TestRenamingMakesNoChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 2)
	w.run()
	writes := w.writes()
	w.dir.Rename(w.ids["ada"], "ada.king")
	w.run()
	w.dir.RenameGroup(w.admins, "administrators")
	res := w.run()
	if w.writes() != writes {
		t.Fatalf("%d writes after renaming", w.writes()-writes)
	}
	if len(res.Plan.Problems) != 1 || res.Plan.Problems[0].Kind != engine.UnknownGroup {
		t.Errorf("problems %+v, want the old name reported", res.Plan.Problems)
	}
	w.pass(2 * time.Hour)
	w.run()
	w.members()
}

// aws-samples/iam-identity-center-team#149, #255: a removal that fails is never
// parked. It is tried in every run, and said aloud when it is late.
func TestFailedRemovalIsRetriedInEveryRunUntilReadBack(t *testing.T) {
	t.Parallel()
	for _, kind := range []engine.Kind{engine.Denied, engine.Rejected, engine.Throttled, engine.Unknown, engine.NotFound, engine.Unmanageable} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "ada")
			w.grant("g1", "ada", 1)
			w.run()
			w.pass(time.Hour)
			due := w.now
			w.dir.Fail(memory.Fault{Call: memory.CallRemove, Kind: kind})
			for i := range 5 {
				calls := w.dir.Calls(memory.CallRemove)
				res := w.run()
				if got := w.dir.Calls(memory.CallRemove) - calls; got != 1 {
					t.Fatalf("run %d: %d attempts, want 1", i, got)
				}
				if len(res.Failures) != 1 || res.Failures[0].Kind != kind || res.Failures[0].Change.Member.ID != w.ids["ada"] {
					t.Fatalf("run %d: failures %+v", i, res.Failures)
				}
				if o := w.owns("ada"); o == nil || !o.Due.Equal(due) {
					t.Fatalf("run %d: the ledger holds %+v, want it due at %s", i, o, due)
				}
				late := w.now.Sub(due) > time.Hour
				if (len(res.Overdue) == 1) != late {
					t.Fatalf("run %d: overdue %+v, late %v", i, res.Overdue, late)
				}
				w.pass(30 * time.Minute)
			}
			w.dir.Mend()
			if res := w.run(); res.Counts.Removed != 1 || len(res.Overdue) != 0 {
				t.Fatalf("counts %+v, overdue %+v", res.Counts, res.Overdue)
			}
			w.members()
			if w.owns("ada") != nil || len(w.ledger.past) != 1 {
				t.Errorf("the chapter is not closed: %+v, past %+v", w.owns("ada"), w.ledger.past)
			}
		})
	}
}

// GoogleCloudPlatform/jit-groups#139: what a machine reads is the contract:
// version, digest, and lists that are never null.
func TestPlanReadsTheSameForMachines(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	var empty map[string]any
	text, err := json.Marshal(w.plan())
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &empty); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"changes", "problems", "objections", "foreign"} {
		if list, ok := empty[key].([]any); !ok || len(list) != 0 {
			t.Errorf("%s of an empty plan is %v", key, empty[key])
		}
	}
	w.grant("g1", "ada", 1)
	p := w.plan()
	want := fmt.Sprintf(`{"version":1,"digest":%q,"asOf":"2026-03-01T09:00:00Z","changes":[{"op":"add","why":"starts","directory":"corp","group":"admins",`+
		`"groupID":%q,"member":{"id":%q,"login":"ada"},"person":"ada@example.org","grant":"g1","reason":"CHG-1","until":"2026-03-01T10:00:00Z"}],`+
		`"problems":[],"objections":[],"foreign":[]}`, p.Digest(), w.admins, w.ids["ada"])
	if got, _ := json.Marshal(p); string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// GoogleCloudPlatform/jit-groups#141, common-fate/glide#619: an extension opens
// no gap, not even one that comes at the last moment.
func TestExtensionOpensNoGap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	w.grant("g1", "ada", 1)
	w.run()
	writes := w.writes()
	w.pass(59 * time.Minute)
	w.until("g1", morning.Add(3*time.Hour))
	w.run()
	w.pass(time.Hour)
	w.run()
	w.members("ada")
	if w.writes() != writes {
		t.Fatalf("%d writes, want none", w.writes()-writes)
	}
	if o := w.owns("ada"); o == nil || !o.Anchors[0].Until.Equal(morning.Add(3*time.Hour)) {
		t.Errorf("the ledger did not learn the new end: %+v", o)
	}
}

// fivexl/terraform-aws-sso-elevator#3, #39, #108: who was added by hand is
// warned of first, with the time, and only then removed.
func TestSweepGivesNoticeFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "root")
	w.rule("admins", func(r *engine.Rules) { r.Foreign, r.Notice = engine.ForeignRemove, 2*time.Hour })
	w.dir.Put(w.admins, w.ids["root"])
	end := morning.Add(2 * time.Hour)
	for range 4 { // 09:00, 09:30, ... 10:30
		res := w.run()
		w.members("root")
		if len(res.Plan.Foreign) != 1 || !res.Plan.Foreign[0].RemoveAt.Equal(end) {
			t.Fatalf("foreign %+v, want a warning for %s", res.Plan.Foreign, end)
		}
		w.pass(30 * time.Minute)
	}
	if n := w.ledger.count(engine.EventNoticed); n != 1 {
		t.Errorf("%d notices in the audit log, want 1", n)
	}
	w.run()
	w.members()
	w.quiet()
}

// Who left and came back is warned of anew.
func TestNoticeIsForgottenWhenTheStrangerLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "root")
	w.rule("admins", func(r *engine.Rules) { r.Foreign, r.Notice = engine.ForeignRemove, time.Hour })
	w.dir.Put(w.admins, w.ids["root"])
	w.run()
	w.dir.Take(w.admins, w.ids["root"])
	w.run()
	w.dir.Put(w.admins, w.ids["root"])
	w.pass(2 * time.Hour)
	w.run()
	w.members("root")
	w.pass(time.Hour)
	w.run()
	w.members()
}

// okta/terraform-provider-okta#1094, #1149: no fight with a group that the
// directory fills by itself.
func TestNoFightOverAGroupThatMakesItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada", "root")
	w.dir.Put(w.admins, w.ids["root"])
	w.dir.Unmanageable(w.admins, "the group is dynamic")
	w.rule("admins", func(r *engine.Rules) { r.Foreign, r.Notice = engine.ForeignRemove, 0 })
	w.grant("g1", "ada", 1)
	for range 2 {
		res := w.run()
		w.changes(res.Plan)
		if len(res.Plan.Problems) != 1 || res.Plan.Problems[0].Kind != engine.UnmanageableGroup {
			t.Fatalf("problems %+v", res.Plan.Problems)
		}
	}
	if n := w.dir.Calls(memory.CallAdd) + w.dir.Calls(memory.CallRemove); n != 0 {
		t.Errorf("%d writes were tried", n)
	}
}

// The same fight, where another tool takes out whom we put in, and the group's
// owner wants peace.
func TestNoFightWithAnotherToolThatRemoves(t *testing.T) {
	t.Parallel()
	for _, others := range [][]string{{}, {"root"}} {
		t.Run(fmt.Sprintf("beside %v", others), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "ada", "root")
			w.rule("admins", func(r *engine.Rules) { r.Removed = engine.RemovedEnd })
			for _, o := range others {
				w.dir.Put(w.admins, w.ids[o])
			}
			w.grant("g1", "ada", 5)
			w.run()
			w.dir.Take(w.admins, w.ids["ada"])
			res := w.run()
			if len(others) == 0 { // an emptied group is doubted, and said so
				w.changes(res.Plan, "forget ada ends held")
				w.objects(res.Plan, engine.LimitReading)
				w.ledger.release(res.Plan.HeldDigest(), w.now)
			} else {
				w.changes(res.Plan, "forget ada ends")
			}
			adds := w.dir.Calls(memory.CallAdd)
			for range 3 {
				w.pass(time.Minute)
				w.run()
			}
			if n := w.dir.Calls(memory.CallAdd) - adds; n != 0 {
				t.Errorf("%d additions after the end", n)
			}
			w.members(others...)
			w.quiet()
			w.grant("g2", "ada", 1) // a new decision
			w.run()
			w.members(append(others, "ada")...)
		})
	}
}

// A grant that is made after the other tool acted, and before we looked, is a
// new decision as well.
func TestNewGrantOutlivesARemovalNotYetSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada", "root")
	w.rule("admins", func(r *engine.Rules) { r.Removed = engine.RemovedEnd })
	w.dir.Put(w.admins, w.ids["root"])
	w.grant("g1", "ada", 5)
	w.run()
	w.dir.Take(w.admins, w.ids["ada"])
	w.grant("g2", "ada", 1)
	w.changes(w.run().Plan, "add ada starts")
	w.members("ada", "root")
}

// microsoft/Microsoft365DSC#2648: a list that was left out is not the wish to
// remove everybody.
func TestEmptySourceRemovesNobody(t *testing.T) {
	t.Parallel()
	people := crowd("p", 5)
	w := newWorld(t, people...)
	w.grantAll(people, 2)
	w.run()
	grants := w.grants
	w.grants = nil
	res := w.run()
	w.objects(res.Plan, engine.LimitGrants, engine.LimitRemovePercent)
	w.members(people...)
	w.grants = grants
	w.run()
	w.quiet()
	w.grants = nil
	w.pass(2 * time.Hour) // the ends were agreed to, and the ledger knows them
	w.run()
	w.members()
}

// kubernetes/k8s.io#2772, #4115: one bad group and one bad person stop nobody
// else.
func TestOneBadGroupOrPersonStopsNobodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada", "bob")
	good := w.group("good")
	w.grant("g1", "ada", 1)
	w.grantIn("g2", "ada", "corp", "good", 1)
	w.grantIn("g3", "nobody", "corp", "good", 1)
	w.grantIn("g4", "ada", "corp", "no-such-group", 1)
	w.grantIn("g5", "bob", "corp", "good", 1)
	w.dir.Fail(memory.Fault{Call: memory.CallMembers, Group: w.admins, Kind: engine.Denied})
	w.dir.Fail(memory.Fault{Call: memory.CallAdd, Group: good, Nth: 1, Kind: engine.Rejected})
	res := w.run()
	w.membersOf(good, "bob")
	w.members()
	kinds := make([]engine.ProblemKind, 0)
	for _, p := range res.Plan.Problems {
		kinds = append(kinds, p.Kind)
	}
	slices.Sort(kinds)
	if want := []engine.ProblemKind{engine.NoAccount, engine.UnknownGroup, engine.UnreadableGroup}; !slices.Equal(kinds, want) {
		t.Errorf("problems %v, want %v", kinds, want)
	}
	if len(res.Failures) != 1 || res.Failures[0].Change.Person != "ada@example.org" {
		t.Errorf("failures %+v, want ada's", res.Failures)
	}
}

// Whoever loses the protection of a list is given notice from then on, and not
// from when daypass first saw a stranger.
func TestNoticeBeginsWhenProtectionEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "root", "ada", "bob")
	w.dir.Put(w.admins, w.ids["root"], w.ids["ada"], w.ids["bob"])
	w.rule("admins", func(r *engine.Rules) {
		r.Foreign, r.Notice, r.Standing, r.Protect = engine.ForeignRemove, time.Hour, []engine.Person{person("ada"), person("bob")}, []engine.Person{person("root")}
	})
	w.run()
	w.pass(2 * time.Hour)
	w.rule("admins", func(r *engine.Rules) { r.Protect = nil })
	w.run()
	w.pass(time.Hour - time.Second)
	w.run()
	w.members("root", "ada", "bob")
	w.pass(time.Second)
	w.run()
	w.members("ada", "bob")
}

// A grant for office hours: in at nine, out at five, by agreement and without
// a question, day after day, and over with its window.
func TestOfficeHours(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	hours, err := schedule.ParseWeekly("mon-fri 09:00-17:00 UTC")
	if err != nil {
		t.Fatal(err)
	}
	w.now = time.Date(2026, 3, 5, 8, 0, 0, 0, time.UTC) // a Thursday
	w.grant("g1", "ada", 0)
	w.grants[0].When = schedule.Window{Until: time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC), Weekly: hours}
	in := 0
	for end := w.now.Add(7 * 24 * time.Hour); w.now.Before(end); w.pass(time.Hour) {
		want := w.grants[0].When.Active(w.now)
		res := w.run()
		if got := w.dir.Has(w.admins, w.ids["ada"]); got != want {
			t.Fatalf("%s: in the group %t, want %t", w.now, got, want)
		}
		if len(res.Plan.Objections)+len(res.Plan.Problems)+len(res.Overdue) > 0 {
			t.Fatalf("%s: %+v", w.now, res.Plan)
		}
		if want {
			in++
		}
	}
	if in != 8+8+8+3 { // Thursday, Friday, Monday, and Tuesday until noon
		t.Errorf("in for %d hours, want 27", in)
	}
	for _, p := range w.ledger.past {
		if p.Why != engine.Ends || !p.Removed.Equal(p.Due) {
			t.Errorf("past: %+v, want an agreed end on time", p)
		}
	}
	if n := len(w.ledger.past); n != 4 {
		t.Errorf("%d memberships are over, want 4", n)
	}
}

// Hours that are cut shorter end by agreement, at the new end, also where the
// ledger knows a later one.
func TestOfficeHoursCutShorter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "ada")
	hours := func(s string) *schedule.Weekly {
		h, err := schedule.ParseWeekly(s)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	w.now = time.Date(2026, 3, 5, 10, 0, 0, 0, time.UTC) // a Thursday
	w.grant("g1", "ada", 0)
	w.grants[0].When = schedule.Window{Until: w.now.AddDate(0, 1, 0), Weekly: hours("mon-fri 09:00-17:00 UTC")}
	w.run()
	w.members("ada")
	w.grants[0].When.Weekly = hours("mon-fri 09:00-15:00 UTC")
	w.pass(6 * time.Hour)
	w.changes(w.run().Plan, "remove ada ends")
	w.members()
	if p := w.ledger.past; len(p) != 1 || !p[0].Due.Equal(time.Date(2026, 3, 5, 15, 0, 0, 0, time.UTC)) {
		t.Errorf("the past is %+v, want an end that was due at three", p)
	}
}
