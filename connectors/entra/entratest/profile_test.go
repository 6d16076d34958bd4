package entratest

import (
	"reflect"
	"strings"
	"testing"
)

// A user has at most one manager, a user or a contact. None is a 404 that
// names the relationship and not the user.
func TestManagers(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{}, "User.Read.All")
	boss := must[string](t)(s.AddUser(User{UPN: "bo@example.org", Mail: "Bo@Example.org"}))
	id := must[string](t)(s.AddUser(User{UPN: "ada@example.org", Manager: "bo@example.org"}))
	for _, path := range []string{"/users/" + id + "/manager?$select=id,mail,userPrincipalName,accountEnabled", "/users/ada@example.org/manager"} {
		a := c.do("GET", path, "")
		if a.status != 200 || a.text("id") != boss || a.text("mail") != "Bo@Example.org" || a.text("@odata.type") != "#microsoft.graph.user" {
			t.Errorf("%s: got %d %s, want the manager", path, a.status, a.raw)
		}
	}
	for path, name := range map[string]string{"/users/" + boss + "/manager": "'manager'", "/users/no@example.org/manager": "'no@example.org'"} {
		if a := c.do("GET", path, ""); a.status != 404 || a.code() != "Request_ResourceNotFound" || !strings.Contains(a.message(), name) {
			t.Errorf("%s: got %d %s, want 404 about %s", path, a.status, a.raw, name)
		}
	}
	contact := must[string](t)(s.AddObject(Object{Name: "Carl", Type: ContactType}))
	if err := s.SetManager(id, contact); err != nil {
		t.Fatal(err)
	}
	a := c.do("GET", "/users/"+id+"/manager?$select=id,mail,displayName", "")
	if a.text("@odata.type") != "#microsoft.graph.orgContact" || a.text("id") != contact || a.body["displayName"] != nil {
		t.Errorf("a contact that the app may not read: got %s, want type and id alone", a.raw)
	}
	for _, end := range []func() error{
		func() error { return s.SetManager(id, "") },
		func() error { return s.DeleteUser(boss) },
	} {
		if err := s.SetManager(id, "bo@example.org"); err != nil {
			t.Fatal(err)
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if a := c.do("GET", "/users/"+id+"/manager", ""); a.status != 404 {
			t.Errorf("after the end: got %d, want 404", a.status)
		}
	}
	device := must[string](t)(s.AddObject(Object{Name: "laptop", Type: DeviceType}))
	for _, manager := range []string{"nobody@example.org", device} {
		if err := s.SetManager(id, manager); err == nil {
			t.Errorf("SetManager(%s): got no error", manager)
		}
	}
	if _, c := open(t, Options{}, "GroupMember.ReadWrite.All"); c.do("GET", "/users/"+id+"/manager", "").status != 403 {
		t.Error("without the right to read users: got no 403")
	}
}

// What has no value is null, but for extensions, which are left out.
func TestProperties(t *testing.T) {
	t.Parallel()
	const team, floor = "extension_0123456789abcdef0123456789abcdef_team", "extension_0123456789abcdef0123456789abcdef_floor"
	s, c := open(t, Options{Extensions: []string{floor}}, "User.Read.All")
	must[string](t)(s.AddUser(User{UPN: "ada@example.org", Properties: map[string]any{
		"displayName": "Ada", "department": "R&D", "otherMails": []string{"a@x.org"}, team: []string{"red", "blue"},
		"employeeOrgData": map[string]any{"costCenter": "4711"}, "onPremisesExtensionAttributes": map[string]any{"extensionAttribute1": "x"},
	}}))
	must[string](t)(s.AddUser(User{UPN: "bo@example.org"}))
	selected := "?$select=displayName,department,otherMails," + team + ",employeeOrgData,onPremisesExtensionAttributes," + floor
	got := c.do("GET", "/users/ada@example.org"+selected, "").body
	want := map[string]any{
		"displayName": "Ada", "department": "R&D", "otherMails": []any{"a@x.org"}, team: []any{"red", "blue"},
		"employeeOrgData": map[string]any{"costCenter": "4711"}, "onPremisesExtensionAttributes": map[string]any{"extensionAttribute1": "x"},
	}
	delete(got, "@odata.context")
	delete(got, "id")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	got = c.do("GET", "/users/bo@example.org"+selected, "").body
	attrs, _ := got["onPremisesExtensionAttributes"].(map[string]any)
	if _, shown := got[team]; shown || len(attrs) != 15 || attrs["extensionAttribute15"] != nil || got["department"] != nil || got["employeeOrgData"] != nil {
		t.Errorf("one with nothing: got %v, want nulls and no extension", got)
	}
	if a := c.do("GET", "/users/bo@example.org?$select=extension_0123456789abcdef0123456789abcdef_other", ""); a.status != 400 {
		t.Errorf("an extension that is not registered: got %d, want 400", a.status)
	}
	if a := c.do("GET", "/users/bo@example.org?$expand=manager", ""); a.status != 400 {
		t.Errorf("what is not simulated: got %d, want 400", a.status)
	}
	for name, value := range map[string]any{"shoeSize": 4, "mail": "x@example.org", "extension_x": 1, "department": func() {}} {
		if err := s.SetProperties("bo@example.org", map[string]any{name: value}); err == nil {
			t.Errorf("SetProperties of %s: got no error", name)
		}
	}
	if err := s.SetProperties("ada@example.org", map[string]any{"department": nil}); err != nil {
		t.Fatal(err)
	}
	if got := c.do("GET", "/users/ada@example.org?$select=department", "").body; got["department"] != nil {
		t.Errorf("after it was taken away: got %v, want null", got)
	}
}

// In a seed file a manager may come after those who have them.
func TestManagersInASeed(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{}, "User.Read.All")
	seed := `{"users": [{"upn": "ada@example.org", "manager": "bo@example.org", "properties": {"department": "R&D"}}, {"upn": "bo@example.org"}]}`
	if err := s.Load(strings.NewReader(seed)); err != nil {
		t.Fatal(err)
	}
	if a := c.do("GET", "/users/ada@example.org/manager", ""); a.text("userPrincipalName") != "bo@example.org" {
		t.Errorf("got %s, want bo", a.raw)
	}
	if err := s.Load(strings.NewReader(`{"users": [{"upn": "cy@example.org", "manager": "nobody"}]}`)); err == nil || !strings.Contains(err.Error(), "users[0]: manager") {
		t.Errorf("a manager who is not there: got error %v", err)
	}
}
