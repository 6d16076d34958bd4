package googletest

import (
	"fmt"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

const memberships = "/v1/groups/%s/memberships"

// create is the body of a membership with a role that ends.
func create(email, role string, end time.Time) string {
	return fmt.Sprintf(`{"preferredMemberKey":{"id":%q},"roles":[{"name":%q,"expiryDetail":{"expireTime":%q}}]}`, email, role, end.Format(time.RFC3339))
}

func move(end time.Time) string {
	return fmt.Sprintf(`{"updateRolesParams":[{"fieldMask":"expiryDetail.expireTime","membershipRole":{"name":"MEMBER","expiryDetail":{"expireTime":%q}}}]}`, end.Format(time.RFC3339))
}

// ends lists the ends in a group, by the last part of the membership's name.
func (w *world) ends(path, view string) map[string]string {
	w.t.Helper()
	all := map[string]string{}
	for _, m := range w.want(200, "", "GET", path+"?view="+view, "").list("memberships") {
		name, _ := m["name"].(string)
		one := m["roles"].([]any)[0].(map[string]any)
		detail, _ := one["expiryDetail"].(map[string]any)
		if end, ok := detail["expireTime"].(string); ok {
			all[name[len(name)-21:]] = end
		}
	}
	return all
}

// A membership ends at its time, unseen by anybody, and the log tells of it as
// of then, by nobody.
func TestMembershipsEndByThemselves(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	path := fmt.Sprintf(memberships, w.ID("vpn@example.org"))
	end := start.Add(time.Hour)
	w.want(200, "", "POST", path, create("ken@example.org", "MEMBER", end))
	w.want(409, "Error(4003)", "POST", path, create("KEN@example.org", "MEMBER", end.Add(time.Hour)))
	if got := w.Until("vpn@example.org", "ken@example.org"); !got.Equal(end) {
		t.Errorf("end: got %s, want %s", got, end)
	}
	w.Clock.Advance(time.Hour - time.Second)
	if !w.Has("vpn@example.org", "ken@example.org") {
		t.Error("it ended early")
	}
	w.Clock.Advance(40 * time.Minute)
	w.Grant("all")
	if w.Has("vpn@example.org", "ken@example.org") || len(w.ends(path, "FULL")) > 0 {
		t.Error("it did not end")
	}
	w.want(404, "", "GET", path+":lookup?memberKey.id=ken@example.org", "")
	last := w.want(200, "", "GET", "/admin/reports/v1/activity/users/all/applications/groups_enterprise?eventName=remove_member", "").list("items")
	if len(last) != 1 || last[0]["id"].(map[string]any)["time"] != end.Format("2006-01-02T15:04:05.000Z") {
		t.Errorf("log: got %v, want one removal at %s", last, end)
	}
	if n := len(w.Writes()); n != 2 {
		t.Errorf("got %d writes, want the two that were sent", n)
	}
}

func TestEndsThatGoogleRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	g := w.ID("vpn@example.org")
	path := fmt.Sprintf(memberships, g)
	later := start.Add(time.Hour)
	w.want(400, "past", "POST", path, create("ken@example.org", "MEMBER", start))
	w.want(400, "MEMBER only", "POST", path, create("ken@example.org", "OWNER", later))
	w.want(404, "", "POST", path, create("nobody@example.org", "MEMBER", later))
	w.want(403, "may not exist", "POST", fmt.Sprintf(memberships, "010000000000099"), create("ken@example.org", "MEMBER", later))
	w.want(400, "unknown field", "POST", path, `{"member":"ken@example.org"}`)
	w.must(w.PutAs(g, "ken@example.org", "OWNER"))
	one := path + "/" + w.ID("ken@example.org")
	w.want(400, "no end", "POST", one+":modifyMembershipRoles", move(later))
	w.want(404, "", "POST", path+"/"+w.ID("nina@example.org")+"1:modifyMembershipRoles", move(later))
	w.must(w.PutAs(g, "ken@example.org", "MEMBER"))
	w.want(200, "", "POST", one+":modifyMembershipRoles", move(later))
	w.want(400, "past", "POST", one+":modifyMembershipRoles", move(start))
	w.want(400, "", "POST", one+":modifyMembershipRoles", `{"addRoles":[{"name":"OWNER"}]}`)
	if v := w.Violations(); len(v) != 1 {
		t.Errorf("violations: got %q, want the change of roles", v)
	}
	off := newWorld(t, Options{Endless: true})
	path = fmt.Sprintf(memberships, off.ID("vpn@example.org"))
	off.want(403, "Error(3005)", "POST", path, create("ken@example.org", "MEMBER", later))
	off.want(200, "", "POST", path, `{"preferredMemberKey":{"id":"ken@example.org"},"roles":[{"name":"MEMBER"}]}`)
}

// Ends are in full listings only, and readers see a new one late.
func TestEndsAreReadInFullAndLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Lag: time.Minute, Steady: true})
	path := fmt.Sprintf(memberships, w.ID("vpn@example.org"))
	first, second := start.Add(time.Hour), start.Add(2*time.Hour)
	ken := w.ID("ken@example.org")
	want := func(end time.Time) {
		t.Helper()
		text := ""
		if !end.IsZero() {
			text = end.Format(time.RFC3339)
		}
		if got := w.ends(path, "FULL")[ken]; got != text {
			t.Errorf("got the end %q, want %q", got, text)
		}
	}
	w.want(200, "", "POST", path, create("ken@example.org", "MEMBER", first))
	want(time.Time{})
	w.Clock.Advance(time.Minute)
	want(first)
	if got := w.ends(path, "BASIC"); len(got) > 0 {
		t.Errorf("in brief: got the ends %v, want none", got)
	}
	w.want(200, "", "POST", path+"/"+ken+":modifyMembershipRoles", move(second))
	want(first)
	w.Clock.Advance(time.Minute)
	want(second)
	w.Clock.Advance(time.Hour) // past the first, which does not count any more
	w.Grant("all")
	if !w.Has("vpn@example.org", "ken@example.org") {
		t.Error("it ended at the end that was moved")
	}
	w.want(204, "", "DELETE", memberPath("vpn@example.org", "ken@example.org"), "")
	w.insert("vpn@example.org", "ken@example.org")
	w.Clock.Advance(2 * time.Hour)
	if !w.Has("vpn@example.org", "ken@example.org") {
		t.Error("the end of a former membership took the next one")
	}
}

func TestSignOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Clock: sim.Frozen(start)})
	ada, err := w.Logon("ada@example.org")
	w.must(err)
	ken, err := w.Logon("ken@example.org")
	w.must(err)
	w.want(204, "", "POST", directoryRoot+"/users/ada@example.org/signOut", "")
	w.want(404, "userKey", "POST", directoryRoot+"/users/nobody@example.org/signOut", "")
	if ada() || !ken() {
		t.Errorf("sessions: got ada's good %t and ken's %t, want false and true", ada(), ken())
	}
	w.Grant("narrow", scopeUser)
	w.bearer = "narrow"
	w.want(403, "insufficientPermissions", "POST", directoryRoot+"/users/ada@example.org/signOut", "")
}
