package entra

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/entra/entratest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/sim"
)

// What PIM for Groups allows, and what is made of it.

const (
	postTerm = termsPath + "Requests"
	getTerms = termsPath + "Instances"
)

func (l *lab) addUntil(g engine.GroupID, m engine.Member, until time.Time) time.Time {
	l.t.Helper()
	changed, end, err := l.c.AddUntil(l.t.Context(), g, m, until)
	if err != nil || !changed {
		l.t.Fatalf("AddUntil(%s): got changed %t and error %v, want changed true and no error", until, changed, err)
	}
	if there := l.End(string(g), string(m.ID)); !there.Equal(end) || !l.Has(string(g), string(m.ID)) {
		l.t.Errorf("AddUntil(%s): got the end %s, there it is %s", until, end, there)
	}
	return end
}

// telling is talk with answers that tell the time, as all of Graph do.
func telling(t *testing.T, answer func(n int, a asked) canned) (*Connector, *fake) {
	t.Helper()
	return talk(t, func(n int, a asked) canned {
		c := answer(n, a)
		c.header = http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}
		return c
	})
}

func within(t *testing.T, what string, got, least, most time.Time) {
	t.Helper()
	if got.Before(least) || got.After(most) {
		t.Errorf("%s: got %s, want it between %s and %s", what, got, least, most)
	}
}

// TestShortestTerm: an end that comes too soon for PIM is a little later there,
// and an end that has passed is none.
func TestShortestTerm(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{Roles: allRoles()})
	g, ps, now := l.group("g", entratest.Security), l.people("ada", "bo", "cy"), l.Clock.Now()
	end := l.addUntil(g, l.member(ps[0]), now.Add(time.Minute))
	within(t, "the end of a term of a minute", end, now.Add(5*time.Minute), now.Add(5*time.Minute+30*time.Second))
	until := now.Add(5*time.Minute + 40*time.Second)
	end = l.addUntil(g, l.member(ps[1]), until)
	within(t, "the end of a term that is long enough", end, until, until.Add(time.Second))

	l.Clock.Advance(time.Hour)
	changed, _, err := l.c.AddUntil(t.Context(), g, l.member(ps[2]), now.Add(30*time.Minute))
	if changed || engine.KindOf(err) != engine.Rejected || l.Has("g", string(ps[2])) {
		t.Errorf("AddUntil of an end that has passed: got changed %t and error %v, want kind rejected", changed, err)
	}
}

// TestTooShortAllTheSame: a request that waited is sent once more, with an end
// of now.
func TestTooShortAllTheSame(t *testing.T) {
	t.Parallel()
	var ends []string
	c, _ := telling(t, func(_ int, a asked) canned {
		switch {
		case a.path == postTerm:
			ends = append(ends, a.body[strings.Index(a.body, "endDateTime")+14:][:20])
			if len(ends) == 1 {
				return refused(400, "ActiveDurationTooShort", "The active duration is too short.")
			}
			return canned{status: 201, body: `{"status":"Provisioned"}`}
		case strings.HasSuffix(a.path, "/members"):
			return ok(`{"value":[]}`)
		}
		return ok(plainGroup)
	})
	changed, end, err := c.AddUntil(t.Context(), groupA, engine.Member{ID: userA, Login: "ada"}, time.Now().Add(time.Minute))
	if !changed || err != nil || len(ends) != 2 || ends[1] <= ends[0] || ends[1] != stamp(end) {
		t.Errorf("AddUntil: got changed %t, end %s and error %v after asking for %q, want the later one", changed, end, err, ends)
	}
}

// TestLongestTerm: the policy is read once, or found out, and remembered until
// it may be another.
func TestLongestTerm(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		role   string // to read the policy
		most   time.Duration
		got    time.Duration
		writes int // requests for the first one
	}{
		{"read", policyRight, 12 * time.Hour, 12 * time.Hour, 2},
		{"read, odd", policyRight, 29*time.Hour + 17*time.Minute, 29*time.Hour + 17*time.Minute, 2},
		{"tried", "", 12 * time.Hour, 12 * time.Hour, 9},
		{"tried, odd", "", 29 * time.Hour, 24 * time.Hour, 8},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, entratest.Options{Roles: append(entratest.DefaultRoles(), termsRight, tc.role)})
			g, ps, now := l.group("g", entratest.Security), l.people("ada", "bo", "cy"), l.Clock.Now()
			l.must(l.SetTerms("g", tc.most, false))
			const far = 100 * 24 * time.Hour
			want := now.Add(tc.got)
			within(t, "the end", l.addUntil(g, l.member(ps[0]), now.Add(far)), want.Add(-2*time.Second), want)
			if n := l.Log.Count(postTerm); n != tc.writes {
				t.Errorf("requests: got %d, want %d", n, tc.writes)
			}
			within(t, "the next end", l.addUntil(g, l.member(ps[1]), now.Add(far)), want.Add(-2*time.Second), want)
			if n := l.Log.Count(postTerm); n != tc.writes+1 {
				t.Errorf("requests for the next: got %d, want 1", n-tc.writes)
			}
			l.must(l.SetTerms("g", 0, false))
			l.Clock.Advance(limitLasts)
			until := l.Clock.Now().Add(far)
			within(t, "the end by another policy", l.addUntil(g, l.member(ps[2]), until), until, until.Add(time.Second))
		})
	}
}

// TestLease: a policy that allows less than the grant is long is counted from
// each extension, not from the first day.
func TestLease(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{Roles: allRoles()})
	g, m := l.group("g", entratest.Security), l.member(l.people("ada")[0])
	l.must(l.SetTerms("g", 12*time.Hour, false))
	until := l.Clock.Now().Add(40 * time.Hour)
	l.addUntil(g, m, until)
	l.Clock.Advance(30 * time.Minute)
	before := l.Log.Count(postTerm)
	end, err := l.c.Expire(t.Context(), g, m, until)
	l.must(err)
	within(t, "the end after half an hour", end, l.Clock.Now().Add(12*time.Hour-2*time.Second), l.Clock.Now().Add(12*time.Hour))
	if n := l.Log.Count(postTerm) - before; n != 1 {
		t.Errorf("requests for an extension: got %d, want 1", n)
	}
	for range 3 {
		l.Clock.Advance(11 * time.Hour)
		end, err := l.c.Expire(t.Context(), g, m, until)
		l.must(err)
		want := l.Clock.Now().Add(12 * time.Hour)
		if want.After(until) {
			want = until
		}
		within(t, "the end", end, want.Add(-2*time.Second), want.Add(time.Second))
		if !l.Has("g", string(m.ID)) {
			t.Fatal("the membership ended in between")
		}
	}
	before = l.Log.Count(postTerm)
	_, err = l.c.Expire(t.Context(), g, m, until)
	l.must(err)
	if n := l.Log.Count(postTerm) - before; n != 0 {
		t.Errorf("requests for an end that is there: got %d, want none", n)
	}
}

// TestNoTerms: where PIM cannot be used nothing is changed, and the way out is
// told.
func TestNoTerms(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		opts entratest.Options
		kind entratest.Kind
		off  bool
		want engine.Kind
		says string
	}{
		{"no licence", entratest.Options{Unlicensed: true}, entratest.Security, false, engine.Unsupported, "Entra ID P2"},
		{"PIM knows nothing of it", entratest.Options{}, entratest.Security, true, engine.Unsupported, "PIM for Groups does not know the group"},
		{"a rule", entratest.Options{}, entratest.Dynamic, false, engine.Unsupported, "change the rule"},
		{"on premises", entratest.Options{}, entratest.Synced, false, engine.Unsupported, "change it there"},
		{"restricted", entratest.Options{}, entratest.Restricted, false, engine.Unsupported, "restricted management"},
		{"no right", entratest.Options{Roles: entratest.DefaultRoles()}, entratest.Security, false, engine.Denied, "grant the app " + termsRight},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.opts.Roles == nil {
				tc.opts.Roles = allRoles()
			}
			l := newLab(t, tc.opts)
			g, ps := l.group("g", tc.kind), l.people("ada", "bo")
			l.must(l.SetTerms("g", 0, tc.off))
			l.must(l.Put("g", "bo@example.org"))
			mark, until := l.Mark(), l.Clock.Now().Add(time.Hour)
			changed, _, err := l.c.AddUntil(t.Context(), g, l.member(ps[0]), until)
			if changed || engine.KindOf(err) != tc.want || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("AddUntil: got changed %t and error %v, want kind %s and %q", changed, err, tc.want, tc.says)
			}
			if _, err = l.c.Expire(t.Context(), g, l.member(ps[1]), until); engine.KindOf(err) != tc.want {
				t.Errorf("Expire: got error %v, want kind %s", err, tc.want)
			}
			ends, err := l.c.Expiries(t.Context(), g)
			if len(ends) > 0 || tc.want != engine.Denied && err != nil || tc.want == engine.Denied && engine.KindOf(err) != engine.Denied {
				t.Errorf("Expiries: got %v and error %v, want none", ends, err)
			}
			if l.Mark() != mark || l.Onboarded("g") {
				t.Error("the tenant was changed")
			}
		})
	}
}

// TestMadeDynamic: a group that was made dynamic a moment ago is told as such.
func TestMadeDynamic(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{Roles: allRoles()})
	g, m := l.group("g", entratest.Security), l.member(l.people("ada")[0])
	_, err := l.c.Members(t.Context(), g)
	l.must(err)
	_, err = l.c.Group(t.Context(), "g")
	l.must(err)
	l.must(l.SetKind("g", entratest.Dynamic))
	_, _, err = l.c.AddUntil(t.Context(), g, m, l.Clock.Now().Add(time.Hour))
	if engine.KindOf(err) != engine.Unsupported || !strings.Contains(err.Error(), "dynamic membership") {
		t.Errorf("AddUntil: got error %v, want kind unsupported and why", err)
	}
}

// TestAssignments: what the answers to a request mean.
func TestAssignments(t *testing.T) {
	t.Parallel()
	rules := func(names string) canned {
		return refused(400, "RoleAssignmentRequestPolicyValidationFailed", "The following policy rules failed: ["+names+"]")
	}
	made := func(status string) canned { return canned{status: 201, body: `{"status":"` + status + `"}`} }
	now := time.Now().UTC()
	has := func(start time.Time) string {
		return `{"value":[{"principalId":"` + userA + `","accessId":"member","memberType":"Direct","assignmentType":"Assigned","startDateTime":"` +
			stamp(start) + `","endDateTime":"` + stamp(now.Add(9*time.Hour)) + `"}]}`
	}
	exists := refused(400, "RoleAssignmentExists", "The Role assignment already exists.")
	for _, tc := range []struct {
		name    string
		answer  canned
		there   string // the instances, when they are asked for
		changed bool
		kind    engine.Kind
		says    string
	}{
		{"provisioned", made("Provisioned"), "", true, "", ""},
		{"soon", made("PendingProvisioning"), "", true, "", ""},
		{"failed", made("Failed"), "", false, engine.Rejected, "Failed"},
		{"to be approved", made("PendingApproval"), "", false, engine.Unknown, "PendingApproval"},
		{"nothing said", canned{status: 201, body: `{}`}, "", false, engine.Unknown, "not known"},
		{"another success", canned{status: 204}, "", false, engine.Unavailable, ""},
		{"a rule that is not of the term", rules(`"MfaRule"`), "", false, engine.Unsupported, "policy"},
		{"two rules", rules(`"ExpirationRule","TicketingRule"`), "", false, engine.Unsupported, "TicketingRule"},
		{"nobody", refused(400, "SubjectNotFound", "The subject is not found."), "", false, engine.NotFound, "no such account"},
		{"busy", refused(400, "PendingRoleAssignmentRequest", "There is a pending one."), "", false, engine.Unavailable, "busy"},
		{"in the text", refused(400, "UnknownError", `{"errorCode":"AadPremiumLicenseRequired","message":"x"}`), "", false, engine.Unsupported, "P2"},
		{"unforeseen", refused(400, "Other", "no."), "", false, engine.Rejected, ""},
		{"assigned a moment ago", exists, has(now.Add(-10 * time.Second)), false, "", ""},
		{"a member, to PIM", exists, `{"value":[{"principalId":"` + userA + `","accessId":"member","startDateTime":null,"endDateTime":null}]}`, false, "", ""},
		{"left over", exists, has(now.Add(-time.Hour)), false, engine.Unsupported, "left over"},
		{"not shown", exists, `{"value":[]}`, false, engine.Unsupported, "left over"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, f := telling(t, func(_ int, a asked) canned {
				switch {
				case a.path == postTerm:
					return tc.answer
				case a.path == getTerms:
					return ok(tc.there)
				case strings.HasSuffix(a.path, "/members"):
					return ok(`{"value":[]}`)
				}
				return ok(plainGroup)
			})
			until := now.Add(time.Hour)
			changed, end, err := c.AddUntil(t.Context(), groupA, engine.Member{ID: userA, Login: "ada"}, until)
			if changed != tc.changed || changed == end.IsZero() {
				t.Errorf("AddUntil: got changed %t and end %s, want %t", changed, end, tc.changed)
			}
			if tc.kind == "" && err != nil || tc.kind != "" && (engine.KindOf(err) != tc.kind || !strings.Contains(err.Error(), tc.says)) {
				t.Errorf("AddUntil: got error %v, want kind %q and %q", err, tc.kind, tc.says)
			}
			posts := 0
			for _, a := range f.requests() {
				if a.path != postTerm {
					continue
				}
				if posts++; posts > 1 {
					t.Error("requests: got another, want one")
				}
				var body map[string]any
				if json.Unmarshal([]byte(a.body), &body) != nil || body["action"] != assign || body["justification"] == "" {
					t.Errorf("request: got %s, want an assignment with a justification and nothing else", a.body)
				}
			}
		})
	}
}

// TestExpiries: what stands in a list of assignments, and what does not.
func TestExpiries(t *testing.T) {
	t.Parallel()
	one := func(who, access, via, end string) string {
		if end != "null" {
			end = `"` + end + `"`
		}
		return `{"principalId":"` + who + `","accessId":"` + access + `","memberType":"` + via + `","assignmentType":"Assigned","startDateTime":null,"endDateTime":` + end + `}`
	}
	const early, late = "2099-01-01T00:00:00Z", "2099-06-01T00:00:00.653Z"
	next := `"@odata.nextLink":"` + fakeRoot + `/v1.0` + getTerms + `?$skiptoken=2",`
	c, f := talk(t, func(n int, _ asked) canned {
		if n == 0 {
			return ok(`{` + next + `"value":[` + strings.Join([]string{
				one(strings.ToUpper(userA), "MEMBER", "direct", early), one(userB, "member", "Direct", early), one(userC, "owner", "Direct", late),
			}, ",") + `]}`)
		}
		return ok(`{"value":[` + strings.Join([]string{
			one(userA, "Member", "DIRECT", late), one(userB, "member", "Direct", "null"), one(userC, "member", "Group", late),
		}, ",") + `]}`)
	})
	got, err := c.Expiries(t.Context(), groupA)
	want := map[engine.MemberID]time.Time{userA: time.Date(2099, 6, 1, 0, 0, 0, 653e6, time.UTC)}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("Expiries: got %v and error %v, want %v", got, err, want)
	}
	if q := f.requests()[0].query; q != "$filter=groupId%20eq%20'"+groupA+"'" && q != "%24filter=groupId%20eq%20'"+groupA+"'" {
		t.Errorf("query: got %s, want the filter that is documented", q)
	}
}

func TestExpiriesBreakOff(t *testing.T) {
	t.Parallel()
	c, _ := talk(t, func(n int, _ asked) canned {
		if n == 0 {
			return ok(`{"@odata.nextLink":"` + fakeRoot + `/v1.0` + getTerms + `?$skiptoken=2","value":[]}`)
		}
		return refused(400, "Other", "no.")
	})
	if got, err := c.Expiries(t.Context(), groupA); engine.KindOf(err) != engine.Partial {
		t.Errorf("Expiries: got %v and error %v, want kind partial", got, err)
	}
}

// TestEndsWhileStopped: nobody asks, and the membership ends; whoever comes back
// is told.
func TestEndsWhileStopped(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{Roles: allRoles()})
	g, m := l.group("g", entratest.Security), l.member(l.people("ada")[0])
	end := l.addUntil(g, m, l.Clock.Now().Add(time.Hour))
	l.settle()
	first, err := l.c.Changed(t.Context(), "")
	l.must(err)
	asked := l.Log.Total()
	l.Clock.Advance(end.Sub(l.Clock.Now()) - time.Millisecond)
	if !l.Has("g", string(m.ID)) {
		t.Error("the membership ended early")
	}
	l.Clock.Advance(time.Millisecond)
	if l.Has("g", string(m.ID)) || l.Log.Total() != asked {
		t.Errorf("the membership at its end: got it there, or %d requests; want it gone with none", l.Log.Total()-asked)
	}
	l.Clock.Advance(time.Minute)
	changes, err := l.c.Changed(t.Context(), first.Next)
	if err != nil || !slices.Equal(changes.Groups, []engine.GroupID{g}) {
		t.Errorf("Changed: got %+v and error %v, want the group", changes, err)
	}
	ms, err := l.connect().Members(t.Context(), g)
	if err != nil || len(ms) > 0 {
		t.Errorf("Members: got %v and error %v, want none", ms, err)
	}
}

// TestEndWithinTheGrace: an addition is not believed longer than the
// membership was to last.
func TestEndWithinTheGrace(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{Roles: allRoles()}, func(c *Config) { c.Grace = time.Hour })
	g, m := l.group("g", entratest.Security), l.member(l.people("ada")[0])
	for range 2 {
		l.addUntil(g, m, l.Clock.Now().Add(10*time.Minute))
		l.Clock.Advance(11 * time.Minute)
	}
	if ms, err := l.c.Members(t.Context(), g); err != nil || len(ms) > 0 {
		t.Errorf("Members after the end: got %v and error %v, want none", ms, err)
	}
	l.addUntil(g, m, l.Clock.Now().Add(10*time.Minute))
}

// TestRemoveWhatPIMHolds: the membership goes at once, whenever; the assignment
// goes with it where PIM lets it, so that it takes out nobody later.
func TestRemoveWhatPIMHolds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		age  time.Duration
		asks int
		left bool
	}{
		{"young", time.Minute, 0, true},
		{"old", 10 * time.Minute, 1, false},
		{"at its end", time.Hour - 10*time.Second, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, entratest.Options{Roles: allRoles(), Lingering: true})
			g, m := l.group("g", entratest.Security), l.member(l.people("ada")[0])
			l.addUntil(g, m, l.Clock.Now().Add(time.Hour))
			l.Clock.Advance(tc.age)
			before := l.Log.Count(postTerm)
			changed, err := l.c.Remove(t.Context(), g, m)
			if err != nil || !changed || l.Has("g", string(m.ID)) {
				t.Fatalf("Remove: got changed %t and error %v, want it gone", changed, err)
			}
			if n := l.Log.Count(postTerm) - before; n != tc.asks {
				t.Errorf("requests to PIM: got %d, want %d", n, tc.asks)
			}
			if left := !l.End("g", string(m.ID)).IsZero(); left != tc.left {
				t.Errorf("the assignment is left over: got %t, want %t", left, tc.left)
			}
			if ends, err := l.c.Expiries(t.Context(), g); err != nil || len(ends) > 0 {
				t.Errorf("Expiries: got %v and error %v, want none", ends, err)
			}
			changed, _, err = l.c.AddUntil(t.Context(), g, m, l.Clock.Now().Add(2*time.Hour))
			switch {
			case !tc.left && (err != nil || !changed):
				t.Errorf("AddUntil again: got changed %t and error %v, want changed", changed, err)
			case tc.left && (changed || engine.KindOf(err) != engine.Unsupported):
				t.Errorf("AddUntil with one left over: got changed %t and error %v, want kind unsupported", changed, err)
			}
			if changed, err = l.c.Add(t.Context(), g, m); err != nil || changed != tc.left {
				t.Errorf("Add: got changed %t and error %v, want %t", changed, err, tc.left)
			}
		})
	}
}

// TestNothingOfPIM: who does not use it pays nothing for it, and needs no right.
func TestNothingOfPIM(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{})
	g, m := l.group("g", entratest.Security), l.member(l.people("ada")[0])
	_, err := l.c.Add(t.Context(), g, m)
	l.must(err)
	l.Clock.Advance(time.Hour)
	_, err = l.c.Remove(t.Context(), g, m)
	l.must(err)
	for route := range l.Log.Counts() {
		if strings.Contains(route, "privilegedAccess") {
			t.Errorf("requests: got %s, want none to PIM", route)
		}
	}
}

// TestEndsThatAreNoMore: an end that somebody else took away is not remembered.
func TestEndsThatAreNoMore(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{Roles: allRoles()})
	g, m := l.group("g", entratest.Security), l.member(l.people("ada")[0])
	l.addUntil(g, m, l.Clock.Now().Add(time.Hour))
	l.unseen(func() error { return l.Take("g", string(m.ID)) })
	l.unseen(func() error { return l.Put("g", string(m.ID)) })
	if ends, err := l.c.Expiries(t.Context(), g); err != nil || len(ends) > 0 {
		t.Errorf("Expiries: got %v and error %v, want none", ends, err)
	}
	before := l.Log.Count(postTerm)
	if changed, err := l.c.Remove(t.Context(), g, m); err != nil || !changed {
		t.Errorf("Remove: got changed %t and error %v, want changed", changed, err)
	}
	if n := l.Log.Count(postTerm) - before; n != 0 {
		t.Errorf("requests to PIM: got %d, want none", n)
	}
}

// TestManyAdditions: the group is not listed anew for each.
func TestManyAdditions(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{Roles: allRoles(), TakesOver: true})
	g := l.group("g", entratest.Security)
	for i := range 20 {
		l.addUntil(g, l.member(l.people(fmt.Sprint("p", i))[0]), l.Clock.Now().Add(time.Hour))
	}
	if n := l.Log.Count("GET /groups/{id}/members"); n != 1 {
		t.Errorf("listings for 20 additions: got %d, want 1", n)
	}
	// One whom somebody else added since is seen all the same.
	p := l.people("late")[0]
	m := l.member(p)
	l.unseen(func() error { return l.Put("g", string(p)) })
	if changed, end, err := l.c.AddUntil(t.Context(), g, m, l.Clock.Now().Add(time.Hour)); changed || !end.IsZero() || err != nil {
		t.Errorf("AddUntil of a member: got changed %t, end %s and error %v, want none of it", changed, end, err)
	}
}

func TestISODuration(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for s, want := range map[string]time.Duration{
		"P180D": 180 * day, "PT8H": 8 * time.Hour, "P1DT2H30M5S": day + 2*time.Hour + 30*time.Minute + 5*time.Second, "P6M": 168 * day, "P1Y": 365 * day,
		"P2W": 14 * day, "pt15m": 15 * time.Minute, "": 0, "P": 0, "PT": 0, "180D": 0, "P1H": 0, "PT1D": 0, "P-1D": 0, "P1.5D": 0, "P99999999999999999999D": 0, "PD": 0, "P5": 0,
	} {
		if got := isoDuration(s); got != want {
			t.Errorf("isoDuration(%q): got %s, want %s", s, got, want)
		}
	}
}

// TestShortGrace: what was looked at is not believed longer than our own writes.
func TestShortGrace(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{Roles: allRoles(), TakesOver: true}, func(c *Config) { c.Grace = time.Second })
	g, ps := l.group("g", entratest.Security), l.people("ada", "bo")
	l.addUntil(g, l.member(ps[0]), l.Clock.Now().Add(time.Hour))
	bo := l.member(ps[1])
	_, err := l.c.Add(t.Context(), g, bo)
	l.must(err)
	l.Clock.Advance(2 * time.Second)
	changed, _, err := l.c.AddUntil(t.Context(), g, bo, l.Clock.Now().Add(time.Hour))
	if changed || err != nil || !l.End("g", string(bo.ID)).IsZero() {
		t.Errorf("AddUntil of our own member: got changed %t and error %v, want none and no end", changed, err)
	}
}

// TestLostAssignment: what was known before an answer was lost is not believed.
func TestLostAssignment(t *testing.T) {
	t.Parallel()
	l := newLab(t, entratest.Options{Roles: allRoles()})
	g, m := l.group("g", entratest.Security), l.member(l.people("ada")[0])
	_, err := l.c.Add(t.Context(), g, m)
	l.must(err)
	_, err = l.c.Remove(t.Context(), g, m)
	l.must(err)
	l.Faults.Inject(sim.Fault{Effect: sim.Lose, Match: entratest.On("POST " + postTerm)})
	changed, _, err := l.c.AddUntil(t.Context(), g, m, l.Clock.Now().Add(time.Hour))
	if changed || err == nil || engine.KindOf(err).Refusal() {
		t.Errorf("AddUntil with its answer lost: got changed %t and error %v, want no refusal", changed, err)
	}
	if ms, err := l.c.Members(t.Context(), g); err != nil || len(ms) != 1 {
		t.Errorf("Members: got %v and error %v, want the member", ms, err)
	}
}

// TestLeftOverOfAMomentAgo: an assignment that is as new as one that listings
// lack, and whose membership we have just removed, is left over all the same.
func TestLeftOverOfAMomentAgo(t *testing.T) {
	t.Parallel()
	c, _ := telling(t, func(_ int, a asked) canned {
		switch {
		case a.method == http.MethodDelete:
			return noContent()
		case a.path == postTerm:
			return refused(400, "RoleAssignmentExists", "The Role assignment already exists.")
		case a.path == getTerms:
			now := time.Now()
			return ok(`{"value":[{"principalId":"` + userA + `","accessId":"member","startDateTime":"` + stamp(now) + `","endDateTime":"` + stamp(now.Add(time.Hour)) + `"}]}`)
		}
		return ok(plainGroup)
	})
	m := engine.Member{ID: userA, Login: "ada"}
	if changed, err := c.Remove(t.Context(), groupA, m); !changed || err != nil {
		t.Fatalf("Remove: got changed %t and error %v, want changed", changed, err)
	}
	if changed, _, err := c.AddUntil(t.Context(), groupA, m, time.Now().Add(time.Hour)); changed || engine.KindOf(err) != engine.Unsupported {
		t.Errorf("AddUntil: got changed %t and error %v, want kind unsupported", changed, err)
	}
}

// TestActivated: what a person activated by PIM is not ours to move.
func TestActivated(t *testing.T) {
	t.Parallel()
	c, _ := telling(t, func(_ int, a asked) canned {
		if a.path == getTerms {
			return ok(`{"value":[{"principalId":"` + userA + `","accessId":"member","assignmentType":"Activated","endDateTime":"2099-01-01T00:00:00Z"}]}`)
		}
		return ok(plainGroup)
	})
	_, err := c.Expire(t.Context(), groupA, engine.Member{ID: userA, Login: "ada"}, time.Now().Add(time.Hour))
	if engine.KindOf(err) != engine.Unsupported || !strings.Contains(err.Error(), "activated") {
		t.Errorf("Expire: got error %v, want kind unsupported and why", err)
	}
}
