package oktatest

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

func profileOf(c *client, login string) map[string]any {
	c.t.Helper()
	var u struct{ Profile map[string]any }
	if err := json.Unmarshal([]byte(c.get("/api/v1/users/"+login).body), &u); err != nil {
		c.t.Fatal(err)
	}
	return u.Profile
}

// Profiles are shown wherever a user is, and found by search.
func TestProfiles(t *testing.T) {
	t.Parallel()
	c := open(t)
	must(t)(c.s.AddUser(User{Login: "eve@example.org", Profile: map[string]any{
		"department": "R&D", "employeeNumber": "0042", "floor": 7, "remote": true, "teams": []string{"red", "blue"}, "managerId": c.s.UserID("ben@example.org"),
	}}))
	want := map[string]any{
		"login": "eve@example.org", "email": "eve@example.org", "firstName": nil, "lastName": nil, "mobilePhone": nil, "secondEmail": nil,
		"department": "R&D", "employeeNumber": "0042", "floor": 7.0, "remote": true, "teams": []any{"red", "blue"}, "managerId": c.s.UserID("ben@example.org"),
	}
	if got := profileOf(c, "eve@example.org"); !reflect.DeepEqual(got, want) {
		t.Errorf("one user: got %v, want %v", got, want)
	}
	c.ok(c.s.Put("prod-db", "eve@example.org"))
	for _, path := range []string{
		c.members("prod-db"), "/api/v1/users?" + escape(`search=profile.employeeNumber eq "0042"`), "/api/v1/users?" + escape(`search=profile.department sw "r"`),
	} {
		if got := c.get(path).list(t, "profile", "employeeNumber"); len(got) != 1 || got[0] != "0042" {
			t.Errorf("%s: got %v, want the profile", path, got)
		}
	}
	c.want("GET", "/api/v1/users?"+escape(`filter=profile.employeeNumber eq "0042"`), 400, "E0000031") // only search knows it

	c.ok(c.s.SetProfile("eve@example.org", map[string]any{"department": nil, "floor": 8}))
	got := profileOf(c, "eve@example.org")
	if _, there := got["department"]; there || got["floor"] != 8.0 || got["remote"] != true {
		t.Errorf("after a change: got %v, want no department, floor 8 and the rest", got)
	}
	for name, value := range map[string]any{"login": "x@example.org", "a.b": "x", "": "x", "f": func() {}} {
		if err := c.s.SetProfile("eve@example.org", map[string]any{name: value}); err == nil {
			t.Errorf("SetProfile of %q: got no error", name)
		}
		if _, err := c.s.AddUser(User{Login: "new@example.org", Profile: map[string]any{name: value}}); err == nil {
			t.Errorf("AddUser with %q: got no error", name)
		}
	}
}

// The index learns of profiles later, too.
func TestProfilesInTheIndexLag(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *Options) { o.SearchLag = time.Minute })
	must(t)(c.s.AddUser(User{Login: "eve@example.org", Profile: map[string]any{"title": "Boss"}}))
	found := func(title string) int {
		t.Helper()
		return len(c.get("/api/v1/users?"+escape(`search=profile.title eq "`+title+`"`)).list(t, "profile", "login"))
	}
	c.s.Clock.Advance(2 * time.Minute)
	c.ok(c.s.SetProfile("eve@example.org", map[string]any{"title": "Chief"}))
	if found("Boss") != 1 || found("Chief") != 0 {
		t.Error("the index knows of the change at once")
	}
	c.s.Clock.Advance(2 * time.Minute)
	if found("Boss") != 0 || found("Chief") != 1 {
		t.Error("the index does not know of the change after a while")
	}
}
