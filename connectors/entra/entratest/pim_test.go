package entratest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

const (
	termRequests  = "/identityGovernance/privilegedAccess/group/assignmentScheduleRequests"
	termInstances = "/identityGovernance/privilegedAccess/group/assignmentScheduleInstances"
)

var governor = []string{"GroupMember.ReadWrite.All", "User.Read.All", writesTerms, readsPolicy} // a role each

// term is the body of a request; extra are further fields.
func term(action, group, member string, end time.Time, extra string) string {
	return fmt.Sprintf(`{"action":%q,"accessId":"member","groupId":%q,"principalId":%q,"justification":"x",
		"scheduleInfo":{"expiration":{"type":"afterDateTime","endDateTime":%q}}%s}`, action, group, member, end.UTC().Format(time.RFC3339Nano), extra)
}

// tended is a tenant with a client that may use PIM for Groups.
func tended(t *testing.T, opts Options) (s *Server, c *client, group, ada, bo string) {
	t.Helper()
	s, c = open(t, opts, governor...)
	group = must[string](t)(s.AddGroup(Group{Name: "g"}))
	ada = must[string](t)(s.AddUser(User{UPN: "ada@example.org"}))
	bo = must[string](t)(s.AddUser(User{UPN: "bo@example.org"}))
	return s, c, group, ada, bo
}

// TestTerms: what PIM for Groups answers to requests, in order.
func TestTerms(t *testing.T) {
	t.Parallel()
	s, c, g, ada, bo := tended(t, Options{})
	now := s.Clock.Now()
	hour := now.Add(time.Hour)
	rule := must[string](t)(s.AddGroup(Group{Name: "rule", Kind: Dynamic}))
	off := must[string](t)(s.AddGroup(Group{Name: "off"}))
	ok(t, s.SetTerms("off", 0, true))
	ok(t, s.Put(g, bo))
	for _, tc := range []struct {
		name, body string
		after      time.Duration
		status     int
		code       string
	}{
		{"update of nothing", term("adminUpdate", g, ada, hour, ""), 0, 400, "RoleAssignmentDoesNotExist"},
		{"removal of nothing", term("adminRemove", g, ada, hour, ""), 0, 400, "RoleAssignmentDoesNotExist"},
		{"four minutes", term("adminAssign", g, ada, now.Add(4*time.Minute), ""), 0, 400, "ActiveDurationTooShort"},
		{"the past", term("adminAssign", g, ada, now.Add(-time.Hour), ""), 0, 400, "InvalidRoleAssignmentRequest"},
		{"seven months", term("adminAssign", g, ada, now.AddDate(0, 7, 0), ""), 0, 400, "RoleAssignmentRequestPolicyValidationFailed"},
		{"nobody", term("adminAssign", g, "00000000-0000-4000-8000-00000000dead", hour, ""), 0, 400, "SubjectNotFound"},
		{"no group", term("adminAssign", ada, ada, hour, ""), 0, 404, "ResourceNotFound"},
		{"a rule", term("adminAssign", rule, ada, hour, ""), 0, 400, "InvalidRoleAssignmentRequest"},
		{"a group without", term("adminAssign", off, ada, hour, ""), 0, 404, "ResourceNotFound"},
		{"a member", term("adminAssign", g, bo, hour, ""), 0, 400, "RoleAssignmentExists"},
		{"an hour", term("adminAssign", g, ada, hour, ""), 0, 201, ""},
		{"twice", term("adminAssign", g, ada, hour, ""), 0, 400, "RoleAssignmentExists"},
		{"removal too soon", term("adminRemove", g, ada, hour, ""), time.Minute, 400, "ActiveDurationTooShort"},
		{"longer", term("ADMINUPDATE", g, ada, hour.Add(time.Hour), ""), 0, 201, ""},
		{"extension to less", term("adminExtend", g, ada, hour, ""), 0, 400, "InvalidRoleAssignmentRequest"},
		{"shorter", term("adminUpdate", g, ada, hour, ""), 0, 201, ""},
		{"removal", term("adminRemove", g, ada, hour, ""), 5 * time.Minute, 201, ""},
	} {
		s.Clock.Advance(tc.after)
		before := s.Mark()
		a := c.do("POST", termRequests, tc.body)
		if a.status != tc.status || a.code() != tc.code {
			t.Errorf("%s: got %d %s, want %d %s", tc.name, a.status, a.raw, tc.status, tc.code)
		}
		if changed := s.Mark() != before; changed != (tc.status == 201) {
			t.Errorf("%s: got the tenant changed %t", tc.name, changed)
		}
	}
	if s.Has(g, ada) || !s.Has(g, bo) || !s.Onboarded(g) || s.Onboarded("off") {
		t.Error("in the end: got the wrong members, or groups taken on")
	}
	clean(t, s)
}

// TestEndsByItself: at its time, in its order, for those who read late, for
// delta, and for nobody who asks.
func TestEndsByItself(t *testing.T) {
	t.Parallel()
	var told []string
	clock := sim.Frozen(time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC))
	s, c, g, ada, bo := tended(t, Options{Clock: clock, Lag: time.Minute, Steady: true, OnLapse: func(w Write) { told = append(told, w.Login+" "+w.At.UTC().Format("15:04")) }})
	now := s.Clock.Now()
	for member, end := range map[string]time.Time{ada: now.Add(2 * time.Hour), bo: now.Add(time.Hour)} {
		if a := c.do("POST", termRequests, term("adminAssign", g, member, end, "")); a.status != 201 || a.text("status") != "Provisioned" {
			t.Fatalf("assign: got %d %s", a.status, a.raw)
		}
	}
	s.Clock.Advance(30 * time.Minute)
	c.token = s.Token(governor...)
	delta := c.do("GET", "/groups/delta?$select=members&$deltatoken=latest", "").text("@odata.deltaLink")
	s.Clock.Advance(30*time.Minute - time.Second)
	if !s.Has(g, bo) {
		t.Error("before the end: got no member, want one")
	}
	s.Clock.Advance(time.Second)
	if s.Has(g, bo) || !s.Has(g, ada) || !s.End(g, bo).IsZero() {
		t.Error("at the end: got the wrong members")
	}
	s.Clock.Advance(30 * time.Second)
	c.token = s.Token(governor...)
	if ids := c.do("GET", "/groups/"+g+"/members", "").ids(); len(ids) != 2 {
		t.Errorf("a replica that is a minute behind: got %v, want both", ids)
	}
	s.Clock.Advance(30 * time.Second)
	if ids := c.do("GET", "/groups/"+g+"/members", "").ids(); !slices.Equal(ids, []string{ada}) {
		t.Errorf("a minute later: got %v, want the other", ids)
	}
	if a := c.do("GET", delta, ""); !strings.Contains(a.raw, `"id":"`+bo+`","@removed"`) || strings.Contains(a.raw, ada) {
		t.Errorf("delta: got %s, want the one who left", a.raw)
	}
	s.Clock.Advance(24 * time.Hour)
	if s.Has(g, ada) || !slices.Equal(told, []string{"bo@example.org 10:00", "ada@example.org 11:00"}) {
		t.Errorf("told: got %q, want both ends at their times", told)
	}
	clean(t, s)
}

// TestInstances: assignments with their ends, members without, by pages.
func TestInstances(t *testing.T) {
	t.Parallel()
	s, c, g, ada, bo := tended(t, Options{})
	ok(t, s.Put(g, bo))
	ok(t, s.Fill(g, must[[]string](t)(s.Crowd("p", 120))...))
	filter := termInstances + "?$filter=groupId eq '" + g + "'"
	if entries, _ := c.all(filter); len(entries) != 0 {
		t.Errorf("a group that was not taken on: got %v, want none", entries)
	}
	end := s.Clock.Now().Add(time.Hour)
	c.do("POST", termRequests, term("adminAssign", g, ada, end, ""))
	entries, pages := c.all(filter)
	if len(entries) != 122 || pages != 2 {
		t.Fatalf("instances: got %d on %d pages, want 122 on 2", len(entries), pages)
	}
	for _, e := range entries {
		want := any(nil)
		if e["principalId"] == ada {
			want = end.UTC().Format("2006-01-02T15:04:05.000Z")
		}
		if e["endDateTime"] != want {
			t.Errorf("instance: got %v, want the end %v", e, want)
		}
	}
	if entries, _ := c.all(filter + " and principalId eq '" + ada + "'"); len(entries) != 1 {
		t.Errorf("instances of one: got %v", entries)
	}
	clean(t, s)
	if a := c.do("GET", termInstances, ""); a.status != 400 {
		t.Errorf("without a filter: got %d %s, want 400", a.status, a.raw)
	}
}

// TestTermsRefused: rights and the licence come first.
func TestTermsRefused(t *testing.T) {
	t.Parallel()
	s, c, g, ada, _ := tended(t, Options{Unlicensed: true})
	body := term("adminAssign", g, ada, s.Clock.Now().Add(time.Hour), "")
	if a := c.do("POST", termRequests, body); a.status != 400 || a.code() != "AadPremiumLicenseRequired" {
		t.Errorf("without a licence: got %d %s", a.status, a.raw)
	}
	if a := as(t, s).do("POST", termRequests, body); a.status != 403 || !strings.Contains(a.message(), "PermissionScopeNotGranted") {
		t.Errorf("without the right: got %d %s", a.status, a.raw)
	}
	clean(t, s)
}

// TestLingering: what an assignment does that outlives its membership.
func TestLingering(t *testing.T) {
	t.Parallel()
	for _, lingering := range []bool{false, true} {
		s, c, g, ada, _ := tended(t, Options{Lingering: lingering})
		end := s.Clock.Now().Add(30 * time.Minute)
		c.do("POST", termRequests, term("adminAssign", g, ada, end, ""))
		c.do("DELETE", "/groups/"+g+"/members/"+ada+"/$ref", "")
		if left := !s.End(g, ada).IsZero(); left != lingering || s.Has(g, ada) {
			t.Errorf("after the removal: got one left over %t, want %t, and no member", left, lingering)
		}
		c.do("POST", "/groups/"+g+"/members/$ref", `{"@odata.id":"https://graph.microsoft.com/v1.0/directoryObjects/`+ada+`"}`)
		s.Clock.Advance(time.Hour)
		if s.Has(g, ada) == lingering {
			t.Errorf("a member added after it, at its end: got there %t, want %t", lingering, !lingering)
		}
		clean(t, s)
	}
}

// TestPolicy: the longest assignment as the policy writes it.
func TestPolicy(t *testing.T) {
	t.Parallel()
	s, c, g, _, _ := tended(t, Options{})
	path := "/policies/roleManagementPolicyAssignments?$filter=scopeId eq '" + g + "' and scopeType eq 'Group' and roleDefinitionId eq 'member'&$expand=policy($expand=rules)"
	for most, want := range map[time.Duration]string{0: "P180D", 12 * time.Hour: "PT720M", 25 * time.Hour: "P1DT60M"} {
		ok(t, s.SetTerms("g", most, false))
		if a := c.do("GET", path, ""); a.status != 200 || !strings.Contains(a.raw, `"id":"Expiration_Admin_Assignment","isExpirationRequired":true,"maximumDuration":"`+want+`"`) {
			t.Errorf("policy: got %d %s, want %s", a.status, a.raw, want)
		}
	}
	clean(t, s)
}

// TestRevoke: sessions end, those of guests do not.
func TestRevoke(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{}, "User.RevokeSessions.All", "User.Read.All")
	ada := must[string](t)(s.AddUser(User{UPN: "ada@example.org"}))
	guest := must[string](t)(s.AddUser(User{UPN: "zoe#EXT#@example.org", Guest: true}))
	for who, want := range map[string]bool{ada: false, guest: true} {
		good := must[func() bool](t)(s.Logon(who))
		if a := c.do("POST", "/users/"+who+"/revokeSignInSessions", ""); a.status != 200 {
			t.Errorf("revoke: got %d %s", a.status, a.raw)
		}
		if good() != want {
			t.Errorf("the session of %s: got good %t, want %t", who, !want, want)
		}
	}
	a := c.do("GET", "/users/"+ada+"?$select=signInSessionsValidFromDateTime", "")
	if got := a.text("signInSessionsValidFromDateTime"); got != "2026-11-25T09:00:00.000Z" {
		t.Errorf("valid from: got %s", a.raw)
	}
	if a := c.do("POST", "/users/00000000-0000-4000-8000-00000000dead/revokeSignInSessions", ""); a.status != 404 {
		t.Errorf("nobody: got %d %s", a.status, a.raw)
	}
	if a := as(t, s).do("POST", "/users/"+ada+"/revokeSignInSessions", ""); a.status != 403 {
		t.Errorf("without the right: got %d %s", a.status, a.raw)
	}
	clean(t, s)
}

// TestWatch: a tenant that is served tells the end although nobody asks.
func TestWatch(t *testing.T) {
	t.Parallel()
	told := make(chan Write, 1)
	s, _, g, ada, _ := tended(t, Options{OnLapse: func(w Write) { told <- w }})
	ok(t, s.SetEnd(g, ada, s.Clock.Now().Add(time.Hour)))
	ok(t, s.Start(""))
	defer s.Close()
	s.Clock.Advance(2 * time.Hour)
	select {
	case w := <-told:
		if w.Login != "ada@example.org" || w.Name != "g" || w.Added {
			t.Errorf("told: got %+v, want the end of the membership", w)
		}
	case <-time.After(20 * time.Second):
		t.Error("told: got nothing, want the end")
	}
}
