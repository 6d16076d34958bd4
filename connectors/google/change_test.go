package google

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daypass-dev/daypass/connectors/google/googletest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
	"github.com/daypass-dev/daypass/internal/sim"
)

// Owners and managers have the access already, and keep it.
func TestOwnersAndManagersAreNotOurs(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"OWNER", "MANAGER"} {
		for _, precondition := range []bool{false, true} {
			l := newLab(t, googletest.Options{Precondition: precondition})
			l.put("ada", role)
			l.wantAdd("ada", false)
			changed, err := l.Remove(l.ctx(), l.g, l.who("ada"))
			wantKind(t, "Remove of an "+role, err, engine.Rejected, role, "by hand")
			if changed || !l.has("ada") {
				t.Errorf("Remove of an %s: got changed %t, and present %t, want false and true", role, changed, l.has("ada"))
			}
			if n := l.count(routeDelete); n > 0 {
				t.Errorf("Remove of an %s: got %d DELETE, want none", role, n)
			}
		}
	}
}

// Somebody made ours an owner during the grant: that is for people to mend.
func TestPromotedMemberIsRejected(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.wantAdd("ada", true)
	l.later()
	l.put("ada", "OWNER")
	_, err := l.Remove(l.ctx(), l.g, l.who("ada"))
	wantKind(t, "Remove", err, engine.Rejected, "OWNER")
	if got := l.listed(); len(got) != 1 || got[0].Kind != engine.OtherMember {
		t.Errorf("Members: got %+v, want one of kind other", got)
	}
}

func TestNestedGroupsAreNotRemoved(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	nested := l.group("nested")
	l.must(l.sim.Put(string(l.g), string(nested)))
	for _, m := range l.listed() {
		_, err := l.Remove(l.ctx(), l.g, m)
		wantKind(t, "Remove of a group", err, engine.Rejected, "GROUP")
	}
	if len(l.listed()) != 1 {
		t.Error("the nested group is gone")
	}
}

// Google's 503 at times hides a change that took effect: the repeat finds
// nothing left to do, and nobody knows whose the membership is.
func TestHiddenWriteIsUnknown(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]sim.Fault{
		"503": googletest.LoseTo(http.StatusServiceUnavailable, "backendError", "Service unavailable. Please try again"),
		"cut": {Effect: sim.Lose},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { hiddenWrite(t, f) })
		})
	}
}

func hiddenWrite(t *testing.T, f sim.Fault) {
	for _, opt := range []googletest.Options{{}, {Precondition: true}, {Lag: time.Minute, Steady: true}} {
		l := newLab(t, opt)
		l.fault(routeInsert, f)
		changed, err := l.Add(l.ctx(), l.g, l.who("ada"))
		wantKind(t, "Add", err, engine.Unavailable, "lost")
		if changed || !l.has("ada") {
			t.Errorf("Add: got changed %t and present %t, want false and true", changed, l.has("ada"))
		}
		l.later()
		l.wantAdd("ada", false)
		l.fault(routeDelete, f)
		changed, err = l.Remove(l.ctx(), l.g, l.who("ada"))
		wantKind(t, "Remove", err, engine.Unavailable, "lost")
		if changed || l.has("ada") {
			t.Errorf("Remove: got changed %t and present %t, want false and false", changed, l.has("ada"))
		}
	}
}

// An add that ends without an answer after a removal: what is remembered of the
// removal must not hide a member who may be ours.
func TestLostAddIsNotHidden(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, googletest.Options{})
		l.wantAdd("ada", true)
		l.wantRemove("ada", true)
		l.fault(routeInsert, sim.Fault{Effect: sim.Lose})
		l.fault(routeInsert, sim.Fault{Effect: sim.Drop, Times: -1})
		_, err := l.Add(l.ctx(), l.g, l.who("ada"))
		wantKind(t, "Add", err, engine.Unavailable)
		l.wantList("ada")
	})
}

// The same where somebody is an owner: we never make owners.
func TestLostAnswerAboutAnOwnerIsCertain(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.put("ada", "OWNER")
	l.fault(routeInsert, googletest.LoseTo(http.StatusServiceUnavailable, "backendError", "Service unavailable"))
	l.wantAdd("ada", false)
}

// A refusal after an attempt that may have been carried out is no refusal.
func TestRefusalAfterALostAnswerIsUnknown(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.fault(routeInsert, sim.Fault{Effect: sim.Lose})
	l.fault(routeInsert, refusal(http.StatusForbidden, "forbidden", "Not Authorized to access this resource/api"))
	_, err := l.Add(l.ctx(), l.g, l.who("ada"))
	wantKind(t, "Add", err, engine.Unavailable, "may have been carried out")
}

// The same where the refusal is of the look that was to tell what there is.
func TestLostAnswerThenNoLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, lostAnswerThenNoLook)
}

func lostAnswerThenNoLook(t *testing.T) {
	for _, status := range []int{http.StatusPreconditionFailed, http.StatusNotFound} {
		l := newLab(t, googletest.Options{Precondition: true})
		no := refusal(http.StatusForbidden, "forbidden", "Not Authorized to access this resource/api")
		no.Times = -1
		l.fault(routeInsert, sim.Fault{Effect: sim.Lose})
		l.fault(routeGet, no)
		_, err := l.Add(l.ctx(), l.g, l.who("ada"))
		wantKind(t, "Add", err, engine.Unavailable, "lost")
		if !l.has("ada") {
			t.Error("Add: ada is absent, want her in the group")
		}

		l = newLab(t, googletest.Options{})
		l.put("ada", "MEMBER")
		no.Skip = 1 // the look that goes before the removal
		l.fault(routeGet, no)
		l.fault(routeDelete, sim.Fault{Effect: sim.Lose})
		l.fault(routeDelete, refusal(status, "notFound", "Resource Not Found"))
		_, err = l.Remove(l.ctx(), l.g, l.who("ada"))
		wantKind(t, "Remove", err, engine.Unavailable, "lost")
		if l.has("ada") {
			t.Error("Remove: ada is there, want her gone")
		}
	}
}

// 409 then 404 is an invitation that waits for an answer (GAM).
func TestPendingInvitation(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.must(l.sim.Invite(string(l.g), "ada"+home))
	_, err := l.Add(l.ctx(), l.g, l.who("ada"))
	wantKind(t, "Add", err, engine.Rejected, "invitation", "withdraw")
	l.wantList()
}

// 409 conflict is accepted and comes into effect later.
func TestConflictIsUnknown(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.must(l.sim.Delay(string(l.g), 30*time.Second))
	_, err := l.Add(l.ctx(), l.g, l.who("ada"))
	wantKind(t, "Add", err, engine.Unavailable, "conflict")
	l.later()
	l.wantList("ada")
	l.must(l.sim.Delay(string(l.g), 30*time.Second))
	_, err = l.Remove(l.ctx(), l.g, l.who("ada"))
	wantKind(t, "Remove", err, engine.Unavailable, "conflict")
	l.later()
	l.wantList()
}

// Two 404 of one status: a member who is absent is done, a group that is gone
// is not.
func TestTwoKindsOfNotFound(t *testing.T) {
	t.Parallel()
	for name, message := range map[string]string{"known words": "", "other words": "Not Found"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, googletest.Options{})
			if message != "" {
				l.fault(routeGet, refusal(http.StatusNotFound, "notFound", message))
			}
			l.wantRemove("ada", false)
			gone := l.group("gone")
			l.must(l.sim.DeleteGroup(string(gone)))
			if message != "" {
				l.fault(routeGet, refusal(http.StatusNotFound, "notFound", message))
			}
			_, err := l.Remove(l.ctx(), gone, l.who("ada"))
			wantKind(t, "Remove from a group that is gone", err, engine.NotFound, "group")
			_, err = l.Add(l.ctx(), gone, l.who("ada"))
			wantKind(t, "Add to a group that is gone", err, engine.NotFound)
			_, err = l.Add(l.ctx(), l.g, engine.Member{ID: "100000000000000000099", Login: "ghost"})
			wantKind(t, "Add of nobody", err, engine.NotFound, "memberKey")
		})
	}
}

// A DELETE whose 404 is about the group must not read as "absent already".
func TestGroupGoneBetweenLookAndDelete(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.put("ada", "MEMBER")
	l.fault(routeDelete, refusal(http.StatusNotFound, "notFound", "Resource Not Found: groupKey"))
	_, err := l.Remove(l.ctx(), l.g, l.who("ada"))
	wantKind(t, "Remove", err, engine.Unavailable, "next reading") // and yet it is there
}

// 403 is two things (Admin SDK, "Resolve errors").
func TestTwoKindsOfForbidden(t *testing.T) {
	t.Parallel()
	synctest.Test(t, twoKindsOfForbidden)
}

func twoKindsOfForbidden(t *testing.T) {
	for _, reason := range []string{"quotaExceeded", "rateLimitExceeded", "userRateLimitExceeded"} {
		l := newLab(t, googletest.Options{})
		l.fault(routeInsert, refusal(http.StatusForbidden, reason, "Quota exceeded"))
		l.wantAdd("ada", true)
		if n := l.count(routeInsert); n != 2 {
			t.Errorf("Add after 403 %s: got %d requests, want it tried again", reason, n)
		}
	}
	for _, reason := range []string{"forbidden", "domainCannotUseApis", "accessNotConfigured", "insufficientPermissions"} {
		l := newLab(t, googletest.Options{})
		l.fault(routeInsert, refusal(http.StatusForbidden, reason, "No"))
		_, err := l.Add(l.ctx(), l.g, l.who("ada"))
		wantKind(t, "Add with 403 "+reason, err, engine.Denied, reason)
		if n := l.count(routeInsert); n != 1 {
			t.Errorf("Add after 403 %s: got %d requests, want no second one", reason, n)
		}
	}
}

func TestKindsOfGroups(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	add := func(name string, k googletest.Kind) engine.GroupID {
		id, err := l.sim.AddGroup(googletest.Group{Email: name + home, Kind: k, Members: []googletest.Member{{Email: "bob" + home}}})
		l.must(err)
		return engine.GroupID(id)
	}
	dynamic, locked, secured := add("dyn", googletest.Dynamic), add("lock", googletest.Locked), add("sec", googletest.Security)

	// Unknown kind: Google's refusal is explained.
	_, err := l.Add(l.ctx(), dynamic, l.who("ada"))
	wantKind(t, "Add to a dynamic group", err, engine.Unmanageable, "query")
	_, err = l.Add(l.ctx(), locked, l.who("ada"))
	wantKind(t, "Add to a locked group", err, engine.Unmanageable, "locked")
	_, err = l.Remove(l.ctx(), locked, l.who("bob"))
	wantKind(t, "Remove from a locked group", err, engine.Unmanageable, "locked")
	if changed, err := l.Add(l.ctx(), secured, l.who("ada")); !changed || err != nil {
		t.Errorf("Add to a security group: got %t and error %v, want true and none", changed, err)
	}

	// Known kind: refused before anything is sent.
	l.sim.Log.Reset()
	_, err = l.Remove(l.ctx(), dynamic, l.who("bob"))
	wantKind(t, "Remove from a dynamic group", err, engine.Unmanageable, "query")
	if n := l.sim.Log.Total(); n != 0 {
		t.Errorf("Remove from a group that is known to be dynamic: got %d requests, want none", n)
	}
	for name, reason := range map[string]string{"dyn": whyDynamic, "lock": "", "sec": "", "prod-db": ""} {
		if g, err := l.Group(l.ctx(), name+home); err != nil || g.Unmanageable != reason {
			t.Errorf("Group(%s): got %+v and error %v, want Unmanageable %q", name, g, err, reason)
		}
	}
}

// With Cloud Identity switched off, Google's own refusals are what there is.
func TestKindsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{HideKinds: true})
	id, err := l.sim.AddGroup(googletest.Group{Email: "dyn" + home, Kind: googletest.Dynamic})
	l.must(err)
	g, err := l.Group(l.ctx(), "dyn"+home)
	if err != nil || g.Unmanageable != "" {
		t.Fatalf("Group: got %+v and error %v, want no reason and no error", g, err)
	}
	_, err = l.Add(l.ctx(), engine.GroupID(id), l.who("ada"))
	wantKind(t, "Add", err, engine.Rejected, "kind that takes no members")
	for range 5 {
		if _, err := l.Group(l.ctx(), "prod-db"+home); err != nil {
			t.Fatal(err)
		}
	}
	if n := l.count(routeKind); n != 1 {
		t.Errorf("requests for kinds: got %d, want one, and then none for a while", n)
	}
}

// A path that is one segment short deletes a group or a user.
func TestIDsThatAreNoIDsAreNotSent(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.put("ada", "MEMBER")
	l.sim.Log.Reset()
	for _, id := range []engine.MemberID{"", ".", "..", "../..", "a/b", "a%2fb", "ada" + home, "x?y=1", "x#y"} {
		_, err := l.Remove(l.ctx(), l.g, engine.Member{ID: id})
		wantKind(t, "Remove of "+string(id), err, engine.Rejected)
		_, err = l.Add(l.ctx(), l.g, engine.Member{ID: id})
		wantKind(t, "Add of "+string(id), err, engine.Rejected)
		_, err = l.Remove(l.ctx(), engine.GroupID(id), l.who("ada"))
		wantKind(t, "Remove from "+string(id), err, engine.NotFound)
		_, err = l.Members(l.ctx(), engine.GroupID(id))
		wantKind(t, "Members of "+string(id), err, engine.NotFound)
	}
	if n := l.sim.Log.Total(); n != 0 {
		t.Errorf("got %d requests, want none", n)
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	const root, cloud = "https://admin.googleapis.com/admin/directory/v1/", "https://cloudidentity.googleapis.com/v1/"
	for request, ok := range map[string]bool{
		"GET " + root + "users/1": true, "POST " + root + "groups/g/members": true, "DELETE " + root + "groups/g/members/1": true,
		"DELETE " + root + "groups/g": false, "DELETE " + root + "groups/g/members": false, "DELETE " + root + "groups/g/members/": false,
		"DELETE " + root + "groups/g/members/..": false, "DELETE " + root + "groups/g/members/a%2f..%2f..": false,
		"DELETE " + root + "users/1": false, "POST " + root + "groups": false, "POST " + root + "groups/g/members/1": false,
		"PUT " + root + "groups/g/members/1": false, "PATCH " + root + "groups/g/members/1": false,
		"POST " + root + "users/1/signOut": true, "DELETE " + root + "users/1/signOut": false, "POST " + root + "users/1": false,
		"POST " + root + "users/1/makeAdmin": false, "POST " + cloud + "groups/g/memberships": true,
		"POST " + cloud + "groups/g/memberships/1:modifyMembershipRoles": true, "POST " + cloud + "groups": false,
		"POST " + cloud + "groups/g/memberships/..%2f1:modifyMembershipRoles": false, "DELETE " + cloud + "groups/g/memberships/1": false,
		"DELETE " + cloud + "groups/g": false, "PATCH " + cloud + "groups/g": false,
	} {
		method, address, _ := strings.Cut(request, " ")
		req, err := http.NewRequest(method, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := guard(req); (err == nil) != ok {
			t.Errorf("guard(%s): got error %v, want allowed %t", request, err, ok)
		}
	}
}

// A write that was answered is believed more than a listing, for the grace.
func TestGraceAgainstAListingThatLags(t *testing.T) {
	t.Parallel()
	for _, lag := range []time.Duration{0, time.Second, 30 * time.Second, 119 * time.Second} {
		l := newLab(t, googletest.Options{Lag: lag, Steady: true})
		l.wantAdd("ada", true)
		l.wantList("ada")
		l.wantAdd("ada", false)
		l.wantRemove("ada", true)
		l.wantList()
		l.wantRemove("ada", false)
		l.wantAdd("ada", true)
		l.sim.Clock.Advance(l.Grace())
		l.wantList("ada")
	}
}

// Grace is no blindfold: once it is over, what others did shows.
func TestGraceEnds(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{}, func(c *Config) { c.Grace = 10 * time.Second })
	l.wantAdd("ada", true)
	l.must(l.sim.Take(string(l.g), l.ids["ada"+home]))
	l.wantList("ada")
	l.sim.Clock.Advance(10 * time.Second)
	l.wantList()
	if got := l.connect(func(c *Config) { c.Grace = -1 }).Grace(); got != 0 {
		t.Errorf("Grace: got %s, want none", got)
	}
}

// The guard stands behind every call, also those that nobody means to make.
func TestGuardIsOnTheWire(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	if err := l.dir.Groups.Delete(string(l.g)).Context(l.ctx()).Do(); err == nil || !strings.Contains(err.Error(), "was not sent") {
		t.Errorf("DELETE of a group: got error %v, want it not sent", err)
	}
	if err := l.dir.Users.Delete(l.ids["ada"+home]).Context(l.ctx()).Do(); err == nil || !strings.Contains(err.Error(), "was not sent") {
		t.Errorf("DELETE of a user: got error %v, want it not sent", err)
	}
	if n := l.sim.Log.Total(); n != 0 {
		t.Errorf("got %d requests, want none", n)
	}
}

// Google names no time, so the run is told to wait for the next minute.
func TestThrottledNamesATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, googletest.Options{})
		f := refusal(http.StatusForbidden, "quotaExceeded", "Quota exceeded")
		f.Times = -1
		l.fault(routeInsert, f)
		_, err := l.Add(l.ctx(), l.g, l.who("ada"))
		wantKind(t, "Add", err, engine.Throttled, "quotaExceeded", "quota.perMinute")
		var e *engine.Error
		if !errors.As(err, &e) || e.RetryAfter <= 0 {
			t.Errorf("Add: got %v, want a time to try again", err)
		}
		if l.has("ada") {
			t.Error("Add that was throttled: got the member added")
		}
	})
}

// The Cloud Identity API says 403 of a group that is gone, as if it were a
// matter of rights. That must not blind us for long.
func TestKindOfAGroupThatIsGone(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.fault(routeKind, refusal(http.StatusForbidden, "", "Error(2028): Permission denied for resource groups/x (or it may not exist)."))
	_, err := l.Group(l.ctx(), "prod-db"+home)
	l.must(err)
	_, err = l.sim.AddGroup(googletest.Group{Email: "dyn" + home, Kind: googletest.Dynamic})
	l.must(err)
	l.sim.Clock.Advance(kindFor)
	if g, err := l.Group(l.ctx(), "dyn"+home); err != nil || g.Unmanageable == "" {
		t.Errorf("Group a minute later: got %+v and error %v, want the reason", g, err)
	}
}

// TestEndWithinTheLagOfItsAddition: another process made the addition, and no
// reading shows it yet. The access ends all the same, now.
func TestEndWithinTheLagOfItsAddition(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{Lag: time.Minute, Steady: true})
	m := l.who("ada")
	changed, err := l.Add(t.Context(), l.g, m)
	l.must(err)
	if !changed {
		t.Fatal("Add: got no change, want one")
	}
	other := l.connect()
	changed, err = other.Remove(t.Context(), l.g, m)
	l.must(err)
	if !changed || l.sim.Has(string(l.g), string(m.ID)) {
		t.Errorf("Remove: got changed %t, with the member in the group: %t; want a change and nobody", changed, l.sim.Has(string(l.g), string(m.ID)))
	}
}

// Access that ends does not wait behind access that begins.
func TestRemovalsAreSentFirst(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.put("ada", "MEMBER")
	l.sim.Log.Reset()
	added, removed := l.Change(l.ctx(), l.g, []engine.Member{l.who("bob"), l.who("cyd")}, []engine.Member{l.who("ada")})
	if len(added) != 2 || !added[0].Changed || !added[1].Changed || len(removed) != 1 || !removed[0].Changed {
		t.Fatalf("Change: got %+v and %+v, want two added and one removed", added, removed)
	}
	var sent []string
	for _, r := range l.sim.Log.Requests() {
		if r.Method != http.MethodGet {
			sent = append(sent, r.Method)
		}
	}
	if got := strings.Join(sent, " "); got != "DELETE POST POST" {
		t.Errorf("writes: got %s, want the DELETE first", got)
	}
}

// What was not sent for the quota changed nothing, unless it is a write of
// which an earlier attempt may have done it.
func TestSpentQuota(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	unsent := errors.New("not sent: the quota did not allow it in time")
	for _, tc := range []struct {
		err         httpx.Error
		read, write engine.Kind
	}{
		{httpx.Error{Throttled: true, Err: unsent}, engine.Throttled, engine.Throttled},
		{httpx.Error{Throttled: true, Status: 429}, engine.Throttled, engine.Throttled},
		{httpx.Error{Throttled: true, Status: 401, Err: unsent}, engine.Throttled, engine.Throttled}, // with a new token
		{httpx.Error{Throttled: true, Lost: true, Err: unsent}, engine.Throttled, engine.Unavailable},
		{httpx.Error{Throttled: true, Lost: true, Status: 503, Err: unsent}, engine.Throttled, engine.Unavailable},
		{httpx.Error{Throttled: true, Lost: true, Status: 429}, engine.Throttled, engine.Unavailable},
	} {
		x := &exchange{}
		if got := engine.KindOf(x.fail(l.ctx(), &tc.err)); got != tc.read {
			t.Errorf("%+v, reading: got kind %s, want %s", tc.err, got, tc.read)
		}
		if got := engine.KindOf(l.refused(l.ctx(), l.g, x, &tc.err)); got != tc.write {
			t.Errorf("%+v, writing: got kind %s, want %s", tc.err, got, tc.write)
		}
	}
}
