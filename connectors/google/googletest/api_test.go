package googletest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

func TestGroups(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.must(w.AddAlias(vpn, "remote@example.org"))
	a := w.want(200, "", "GET", groupPath("remote@example.org"), "")
	if a.json["id"] != w.ID(vpn) || a.json["email"] != vpn || a.json["directMembersCount"] != "5" {
		t.Errorf("a group by its alias: got %s", a.text)
	}
	w.want(404, "Resource Not Found: groupKey", "GET", groupPath("prod-db"), "")
	w.want(404, "Resource Not Found: groupKey", "GET", groupPath(w.ID(ada)), "")
	w.want(400, "badRequest", "GET", directoryRoot+"/groups", "")
	w.want(404, "Domain not found.", "GET", directoryRoot+"/groups?domain=elsewhere.test", "")
	for query, want := range map[string]int{
		"customer=my_customer":                                   9,
		"customer=C03demo01":                                     9,
		"domain=example.org":                                     9,
		"domain=example.org&query=email:prod-*":                  2,
		"customer=my_customer&query=email=remote@example.org":    1,
		"customer=my_customer&query=name='VPN'":                  1,
		"customer=my_customer&query=name:prod":                   2,
		"customer=my_customer&query=email:prod-*%20name=prod-db": 1,
		"customer=my_customer&query=memberKey=ada@example.org":   2,
		"userKey=ada@example.org":                                2,
		"domain=example.org&query=email=none@example.org":        0,
	} {
		a := w.want(200, "", "GET", directoryRoot+"/groups?"+query, "")
		if _, has := a.json["groups"]; len(a.list("groups")) != want || has != (want > 0) {
			t.Errorf("%s: got %d groups, want %d: %s", query, len(a.list("groups")), want, a.text)
		}
	}
	w.want(400, "Invalid Input: query", "GET", directoryRoot+"/groups?customer=my_customer&query=mail=x", "")
	first := w.want(200, "", "GET", directoryRoot+"/groups?customer=my_customer&maxResults=8", "")
	rest := w.want(200, "", "GET", directoryRoot+"/groups?customer=my_customer&maxResults=8&pageToken="+first.json["nextPageToken"].(string), "")
	if len(first.list("groups")) != 8 || len(rest.list("groups")) != 1 || rest.json["nextPageToken"] != nil {
		t.Errorf("pages: got %d and %d groups, want 8 and 1", len(first.list("groups")), len(rest.list("groups")))
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.must(w.RenameUser(ada, "countess@example.org"))
	w.must(w.Suspend(ken))
	a := w.want(200, "", "GET", directoryRoot+"/users/"+ada, "")
	if a.json["primaryEmail"] != "countess@example.org" || a.path("name", "familyName") != "Lovelace" || a.json["suspended"] != false {
		t.Errorf("a user by the former address: got %s", a.text)
	}
	w.want(404, "Resource Not Found: userKey", "GET", directoryRoot+"/users/nobody@example.org", "")
	w.want(404, "Domain not found.", "GET", directoryRoot+"/users/x@elsewhere.test", "")
	w.want(400, "invalidParameter", "GET", directoryRoot+"/users?customer=my_customer&maxResults=501", "")
	w.must(w.DeleteUser("grace@example.org"))
	for query, want := range map[string]int{
		"":                        20,
		"&query=isSuspended=true": 1,
		"&query=isAdmin=true":     1,
		"&query=email:k*":         3, // katherine, ken, karen
		"&query=email=" + ada:     1,
		"&query=name:'ken t'":     1,
		"&showDeleted=true":       1,
	} {
		a := w.want(200, "", "GET", directoryRoot+"/users?maxResults=500&customer=my_customer"+strings.ReplaceAll(query, " ", "%20"), "")
		if len(a.list("users")) != want {
			t.Errorf("users%s: got %d, want %d", query, len(a.list("users")), want)
		}
	}
	w.Clock.Advance(21 * 24 * time.Hour)
	w.Grant("all")
	if a := w.want(200, "", "GET", directoryRoot+"/users?customer=my_customer&showDeleted=true", ""); len(a.list("users")) != 0 {
		t.Errorf("users deleted 21 days ago: got %s, want none", a.text)
	}
}

func TestFieldsAndParameters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	for fields, want := range map[string]string{
		"nextPageToken,members(id)": `{"members":[{"id":"` + w.ID("root@example.org") + `"}]}`,
		"members/role":              `{"members":[{"role":"OWNER"}]}`,
		"kind":                      `{"kind":"admin#directory#members"}`,
	} {
		a := w.want(200, "", "GET", groupPath("break-glass@example.org")+"/members?fields="+url.QueryEscape(fields), "")
		if strings.TrimSpace(a.text) != want {
			t.Errorf("fields=%s: got %s, want %s", fields, a.text, want)
		}
	}
	for _, bad := range []string{"members(", "members)", "a,,b", "(a)", "members(id))"} {
		w.want(400, "invalidParameter", "GET", groupPath(vpn)+"/members?fields="+url.QueryEscape(bad), "")
	}
	w.want(400, `Unknown name "maxResult"`, "GET", groupPath(vpn)+"/members?maxResult=200", "")
	w.want(200, "", "GET", groupPath(vpn)+"/members?alt=json&prettyPrint=false", "")
}

func TestEtags(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	before := w.want(200, "", "GET", groupPath(vpn), "").json["etag"]
	if again := w.want(200, "", "GET", groupPath(vpn), "").json["etag"]; again != before {
		t.Errorf("etag of an unchanged group: got %v, want %v", again, before)
	}
	have := before.(string)
	w.header = http.Header{"If-None-Match": {have}}
	w.want(304, "", "GET", groupPath(vpn), "")
	w.insert(vpn, ken)
	w.want(200, "", "GET", groupPath(vpn), "")
	list := w.want(200, "", "GET", groupPath(vpn)+"/members", "").json["etag"].(string)
	w.header = http.Header{"If-None-Match": {list}}
	w.want(200, "", "GET", groupPath(vpn)+"/members", "")
	if after := w.want(200, "", "GET", groupPath(vpn), "").json["etag"]; after == before {
		t.Errorf("etag of a changed group: got %v again", after)
	}
}

func TestQuota(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{PerMinute: 3})
	for range 3 {
		w.want(200, "", "GET", groupPath(vpn), "")
	}
	a := w.want(403, "quotaExceeded", "GET", groupPath(vpn), "")
	if a.header.Get("Retry-After") != "" {
		t.Error("Google has no header for its quota")
	}
	for range 3 { // another API, another quota
		w.want(200, "", "GET", "/v1/groups:lookup?groupKey.id="+vpn, "")
	}
	w.want(429, "Quota exceeded", "GET", "/v1/groups:lookup?groupKey.id="+vpn, "")
	w.Clock.Advance(time.Minute)
	w.want(200, "", "GET", groupPath(vpn), "")
}

func TestFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	insert := "POST " + pathMembers
	w.Faults.Inject(On(insert, LoseTo(503, "backendError", "Service unavailable. Please try again")))
	w.want(503, "backendError", "POST", groupPath(prodDB)+"/members", `{"email":"ada@example.org"}`)
	w.want(409, "duplicate", "POST", groupPath(prodDB)+"/members", `{"email":"ada@example.org"}`)
	for _, reason := range []string{"forbidden", "quotaExceeded", "rateLimitExceeded", "userRateLimitExceeded", "domainCannotUseApis", "accessNotConfigured"} {
		w.Faults.Inject(Refuse(403, reason, "as asked"))
		a := w.want(403, reason, "GET", groupPath(vpn), "")
		if a.header.Get("Date") != start.Format("Mon, 02 Jan 2006 15:04:05 GMT") {
			t.Errorf("Date: got %q, want the simulator's", a.header.Get("Date"))
		}
	}
	w.Faults.Inject(sim.Fault{Effect: sim.Empty})
	if a := w.want(200, "", "GET", groupPath(vpn)+"/members?maxResults=2", ""); a.json["members"] != nil || a.json["nextPageToken"] != nil {
		t.Errorf("an empty listing: got %s", a.text)
	}
	w.Faults.Inject(sim.Fault{Effect: sim.Half})
	if _, err := w.try("GET", groupPath(vpn)+"/members", ""); err == nil {
		t.Error("half an answer: got no error")
	}
	if got := w.Log.Count("GET " + pathMembers); got != 2 {
		t.Errorf("log: got %d listings, want 2: %v", got, w.Log.Counts())
	}
}

func TestConcurrencyLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Concurrent: 1})
	w.flying.Add(1)
	w.want(429, "rateLimitExceeded", "GET", groupPath(vpn), "")
	w.flying.Add(-1)
	w.want(200, "", "GET", groupPath(vpn), "")
}

const activities = "/admin/reports/v1/activity/users/all/applications/groups_enterprise"

func TestActivities(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Reports: Reports{Lag: 10 * time.Minute}})
	w.insert(prodDB, ada)
	w.Clock.Advance(time.Second)
	w.must(w.Put(vpn, ken))
	w.Clock.Advance(time.Second)
	w.must(w.Take(vpn, ken))
	if a := w.want(200, "", "GET", activities, ""); a.json["items"] != nil {
		t.Errorf("before the lag: got %s, want nothing", a.text)
	}
	w.Clock.Advance(10 * time.Minute)
	a := w.want(200, "", "GET", activities+"?maxResults=2", "")
	rest := w.want(200, "", "GET", activities+"?maxResults=2&pageToken="+a.json["nextPageToken"].(string), "")
	var got []string
	for _, item := range append(a.list("items"), rest.list("items")...) {
		event := item["events"].([]any)[0].(map[string]any)
		line := event["name"].(string)
		for _, p := range event["parameters"].([]any)[:2] {
			line += " " + p.(map[string]any)["value"].(string)
		}
		got = append(got, line)
	}
	want := []string{"remove_member vpn@example.org ken@example.org", "add_member vpn@example.org ken@example.org", "add_member prod-db@example.org ada@example.org"}
	if !slices.Equal(got, want) || rest.json["nextPageToken"] != nil {
		t.Errorf("activities: got %q, want %q", got, want)
	}
	for query, want := range map[string]int{
		"eventName=add_member":                                     2,
		"eventName=add_member&filters=group_id==" + vpn:            1,
		"startTime=" + start.Add(time.Second).Format(time.RFC3339): 2,
		"startTime=" + start.Add(time.Hour).Format(time.RFC3339):   -1,
		"filters=group_id==" + vpn:                                 -1,
		"maxResults=1001":                                          -1,
	} {
		status := 200
		if want < 0 {
			status = 400
		}
		if a := w.want(status, "", "GET", activities+"?"+query, ""); want >= 0 && len(a.list("items")) != want {
			t.Errorf("%s: got %d, want %d", query, len(a.list("items")), want)
		}
	}
}

func TestActivitiesThatAreLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Reports: Reports{Lose: 2, ByID: true}})
	for i := range 4 {
		w.must(w.Put(prodDB, fmt.Sprintf("person%d@elsewhere.test", i)))
	}
	a := w.want(200, "", "GET", activities, "")
	if len(a.list("items")) != 2 || !strings.Contains(a.text, w.ID(prodDB)) {
		t.Errorf("got %s, want two of four events, and the group by its id", a.text)
	}
}

func TestKindsAreInLabels(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	name := w.want(200, "", "GET", "/v1/groups:lookup?groupKey.id=engineers@example.org", "").json["name"].(string)
	a := w.want(200, "", "GET", "/v1/"+name, "")
	labels := a.json["labels"].(map[string]any)
	if _, dynamic := labels[labelRoot+"dynamic"]; !dynamic || name != "groups/"+w.ID("engineers@example.org") {
		t.Errorf("a dynamic group: got %s", a.text)
	}
	missing := w.want(403, "Error(2028)", "GET", "/v1/groups:lookup?groupKey.id=none@example.org", "")
	if missing.path("error", "status") != "PERMISSION_DENIED" || missing.path("error", "errors") != nil {
		t.Errorf("an error of the newer kind: got %s", missing.text)
	}
	query := func(label string) string {
		return "/v1/groups:search?query=" + url.QueryEscape("parent == 'customers/C03demo01' && '"+labelRoot+label+"' in labels")
	}
	for label, want := range map[string]int{"dynamic": 1, "locked": 1, "security": 2, "discussion_forum": 9} {
		if a := w.want(200, "", "GET", query(label), ""); len(a.list("groups")) != want {
			t.Errorf("search %s: got %d groups, want %d", label, len(a.list("groups")), want)
		}
	}
	w.want(400, "Invalid query", "GET", "/v1/groups:search?query=x", "")
	if a := w.want(200, "", "GET", "/v1/groups?parent=customers/C03demo01&view=FULL&pageSize=500", ""); len(a.list("groups")) != 9 {
		t.Errorf("list: got %s, want 9 groups", a.text)
	}
	w.want(400, "", "GET", "/v1/groups?parent=customers/C03demo01&view=FULL&pageSize=501", "")
}

func TestRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Lacks: []Right{WriteGroups}})
	a := w.want(200, "", "GET", directoryRoot+"/customer/my_customer/roleassignments?userKey="+ServiceAccount, "")
	items := a.list("items")
	if len(items) != 1 || items[0]["assignedTo"] != serviceID {
		t.Fatalf("role assignments: got %s", a.text)
	}
	roles := w.want(200, "", "GET", directoryRoot+"/customer/my_customer/roles", "")
	if strings.Count(roles.text, string(WriteGroups)) != 1 { // the system role's
		t.Errorf("roles: got %s, want GROUPS_UPDATE in one of them", roles.text)
	}
	w.want(403, "forbidden", "POST", groupPath(prodDB)+"/members", `{"email":"ada@example.org"}`)
}

// A page token of a log that was longer, or one that somebody made up, is no
// token of this listing.
func TestPageTokensOfAnEarlierCustomer(t *testing.T) {
	t.Parallel()
	earlier := newWorld(t, Options{})
	for range 3 {
		earlier.must(earlier.Put(vpn, "edsger@example.org"))
		earlier.must(earlier.Take(vpn, "edsger@example.org"))
	}
	token := earlier.want(200, "", "GET", activities+"?maxResults=1", "").json["nextPageToken"].(string)
	w := newWorld(t, Options{})
	w.want(400, "invalid", "GET", activities+"?maxResults=1&pageToken="+token, "")
	w.want(200, "", "GET", activities+"?maxResults=1", "")

	first := w.want(200, "", "GET", directoryRoot+"/users?customer=my_customer&maxResults=1", "").json["nextPageToken"].(string)
	raw, err := base64.RawURLEncoding.DecodeString(first)
	w.must(err)
	_, rest, _ := strings.Cut(string(raw), " ")
	beyond := base64.RawURLEncoding.EncodeToString([]byte("18446744073709551615 " + rest))
	w.want(400, "invalid", "GET", directoryRoot+"/users?customer=my_customer&maxResults=1&pageToken="+beyond, "")
}
