package entratest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Outcomes of the single calls, by the table of the documentation.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{})
	in := must[string](t)(s.AddUser(User{UPN: "ada@example.org"}))
	out := must[string](t)(s.AddUser(User{UPN: "bob@example.org"}))
	nested := must[string](t)(s.AddGroup(Group{Name: "nested"}))
	device := must[string](t)(s.AddObject(Object{Name: "laptop", Type: DeviceType}))
	g := must[string](t)(s.AddGroup(Group{Name: "g", Members: []string{in}}))
	m365 := must[string](t)(s.AddGroup(Group{Name: "m365", Kind: Microsoft365}))
	one := func(id string) string { return `{"@odata.id":"` + ref(id) + `"}` }
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		code, message            string
	}{
		{"already there", "POST", g + "/members/$ref", one(in), 400, "Request_BadRequest", alreadyThere},
		{"one of a PATCH is there", "PATCH", g, bind(out, in), 400, "Request_BadRequest", alreadyThere},
		{"nobody", "POST", g + "/members/$ref", one(nobody), 404, "Request_ResourceNotFound", "Resource '" + nobody + "' does not exist"},
		{"nobody in a PATCH", "PATCH", g, bind(out, nobody), 404, "Request_ResourceNotFound", "Resource '" + nobody + "' does not exist"},
		{"no group", "POST", nobody + "/members/$ref", one(out), 404, "Request_ResourceNotFound", "Resource '" + nobody + "' does not exist"},
		{"a group of another name", "PATCH", "prod-db", bind(out), 400, "Request_BadRequest", "Invalid object identifier 'prod-db'."},
		{"remove a stranger", "DELETE", g + "/members/" + out + "/$ref", "", 404, "Request_ResourceNotFound", "Resource '" + out + "' does not exist"},
		{"remove nobody", "DELETE", g + "/members/" + nobody + "/$ref", "", 404, "Request_ResourceNotFound", "Resource '" + nobody + "' does not exist"},
		{"remove from no group", "DELETE", nobody + "/members/" + in + "/$ref", "", 404, "Request_ResourceNotFound", "Resource '" + nobody + "' does not exist"},
		{"a group in a Microsoft 365 group", "PATCH", m365, bind(nested), 400, "Request_BadRequest", "group"},
		{"a Microsoft 365 group in a group", "PATCH", g, bind(m365), 400, "Request_BadRequest", "group"},
		{"a group in itself", "PATCH", g, bind(g), 400, "Request_BadRequest", "itself"},
		{"a device without the right", "PATCH", g, bind(device), 403, "Authorization_RequestDenied", noPrivileges},
		{"21 at once", "PATCH", g, bind(many(t, s, 21)...), 400, "Request_BadRequest", "maximum of 20"},
		{"one twice", "PATCH", g, bind(out, out), 400, "Request_BadRequest", ""},
		{"nothing", "PATCH", g, "", 400, "BadRequest", "Empty Payload"},
		{"no JSON", "PATCH", g, "{", 400, "BadRequest", "Unable to read JSON request payload"},
		{"another property", "PATCH", g, `{"displayName":"x"}`, 403, "Authorization_RequestDenied", noPrivileges},
		{"a reference elsewhere", "POST", g + "/members/$ref", `{"@odata.id":"https://other.example/v1.0/users/` + out + `"}`, 400, "Request_BadRequest", "reference"},
	} {
		before := s.Members(g)
		a := c.do(tc.method, "/groups/"+tc.path, tc.body)
		if a.status != tc.status || a.code() != tc.code || !strings.Contains(a.message(), tc.message) {
			t.Errorf("%s: %d %s, want %d %s %q", tc.name, a.status, a.raw, tc.status, tc.code, tc.message)
		}
		if after := s.Members(g); !slices.Equal(before, after) {
			t.Errorf("%s: members %v became %v", tc.name, before, after)
		}
	}
	if n := len(s.Writes()); n != 0 {
		t.Errorf("%d writes were made", n)
	}
	if s.Catastrophes() != nil {
		t.Errorf("catastrophes %q", s.Catastrophes())
	}
}

func many(t testing.TB, s *Server, n int) []string {
	return must[[]string](t)(s.Crowd("many", n))
}

func TestWritesThatWork(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{}, everything...)
	ids := many(t, s, 20)
	guest := must[string](t)(s.AddUser(User{UPN: "eve_x.example#EXT#@example.org", Guest: true, Disabled: true}))
	device := must[string](t)(s.AddObject(Object{Name: "laptop", Type: DeviceType}))
	robot := must[string](t)(s.AddObject(Object{Name: "robot", Type: ServicePrincipalType}))
	contact := must[string](t)(s.AddObject(Object{Name: "contact", Type: ContactType}))
	nested := must[string](t)(s.AddGroup(Group{Name: "nested"}))
	g := must[string](t)(s.AddGroup(Group{Name: "g"}))
	mark := s.Mark()
	// The SDK adds a type to the body; compressed bodies are taken.
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write([]byte(strings.Replace(bind(ids...), "{", `{"@odata.type":"#microsoft.graph.group",`, 1)))
	_ = w.Close()
	if a := c.do("PATCH", "/groups/"+g, z.String(), "Content-Encoding", "gzip"); a.status != 204 || a.raw != "" {
		t.Fatalf("20 at once: %d %s", a.status, a.raw)
	}
	for _, id := range []string{guest, device, robot, contact, nested} {
		if a := c.do("POST", "/groups/"+g+"/members/$ref", `{"@odata.id":"`+s.URL()+"/v1.0/directoryObjects/"+strings.ToUpper(id)+`"}`); a.status != 204 {
			t.Errorf("add %s: %d %s", id, a.status, a.raw)
		}
	}
	if got := len(s.Members(g)); got != 25 {
		t.Errorf("%d members, want 25", got)
	}
	for _, id := range append([]string{device, robot, contact, nested}, ids...) {
		if a := c.do("DELETE", "/groups/"+g+"/members/"+id+"/$ref", ""); a.status != 204 {
			t.Errorf("remove %s: %d %s", id, a.status, a.raw)
		}
	}
	if got := s.Members(g); !slices.Equal(got, []string{guest}) {
		t.Errorf("left are %v, want the guest", got)
	}
	ws := s.Writes()
	if len(ws) != 49 || !ws[0].Added || ws[0].Group != g || ws[48].Added || ws[48].Member != ids[19] {
		t.Errorf("%d writes, the last %+v", len(ws), ws[len(ws)-1])
	}
	if s.Mark() == mark {
		t.Error("the mark did not move")
	}
	clean(t, s)
}

// What cannot be managed is refused, each kind in its own words.
func TestKinds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		kind    Kind
		status  int // of a write with the rights that daypass needs
		message string
		role    int // with the right on role-assignable groups
		shows   string
	}{
		{Security, 204, "", 204, `"groupTypes":[],"mailEnabled":false,"securityEnabled":true,"isAssignableToRole":null,"onPremisesSyncEnabled":null,"visibility":null`},
		{Microsoft365, 204, "", 204, `"groupTypes":["Unified"],"mailEnabled":true,"securityEnabled":false`},
		{Team, 204, "", 204, `"resourceProvisioningOptions":["Team"]`},
		{HiddenMembers, 204, "", 204, `"visibility":"HiddenMembership"`},
		{Dynamic, 403, noPrivileges, 403, `"groupTypes":["DynamicMembership"]`},
		{DynamicPaused, 403, noPrivileges, 403, `"membershipRuleProcessingState":"Paused"`},
		{MailSecurity, 400, mailMastered, 400, `"mailEnabled":true,"securityEnabled":true`},
		{Distribution, 400, mailMastered, 400, `"mailEnabled":true,"securityEnabled":false`},
		{Synced, 400, syncMastered, 400, `"onPremisesSyncEnabled":true`},
		{CloudManaged, 204, "", 204, `"onPremisesSyncEnabled":null`},
		{RoleAssignable, 403, noPrivileges, 204, `"isAssignableToRole":true`},
		{Restricted, 403, noPrivileges, 403, `"isManagementRestricted":true`},
		{RestrictedRole, 403, noPrivileges, 403, `"isManagementRestricted":true`},
	} {
		s, c := open(t, Options{})
		ada := must[string](t)(s.AddUser(User{UPN: "ada@example.org"}))
		in := must[string](t)(s.AddUser(User{UPN: "bob@example.org"}))
		g := must[string](t)(s.AddGroup(Group{Name: "g", Kind: tc.kind, Members: []string{in}}))
		for _, r := range []struct{ method, path, body string }{
			{"PATCH", "", bind(ada)}, {"POST", "/members/$ref", `{"@odata.id":"` + ref(ada) + `"}`}, {"DELETE", "/members/" + in + "/$ref", ""},
		} {
			want := tc.status
			if r.method == "POST" && want == 204 {
				want = 400 // there by now
			}
			a := c.do(r.method, "/groups/"+g+r.path, r.body)
			if a.status != want || tc.status != 204 && a.message() != tc.message {
				t.Errorf("%s: %s: %d %s, want %d %s", tc.kind, r.method, a.status, a.raw, want, tc.message)
			}
		}
		if a := as(t, s, everything...).do("PATCH", "/groups/"+g, bind(ada)); tc.status != 204 && a.status != tc.role {
			t.Errorf("%s: with the right on roles: %d %s, want %d", tc.kind, a.status, a.raw, tc.role)
		}
		if a := c.do("GET", "/groups/"+g+"?$select=id,displayName,groupTypes,mailEnabled,securityEnabled,isAssignableToRole,onPremisesSyncEnabled,visibility,"+
			"membershipRuleProcessingState,isManagementRestricted,onPremisesSyncBehavior,resourceProvisioningOptions,deletedDateTime", ""); !strings.Contains(a.raw, tc.shows) {
			t.Errorf("%s shows %s, want %s", tc.kind, a.raw, tc.shows)
		}
		if a := c.do("GET", "/groups/"+g, ""); strings.Contains(a.raw, "isManagementRestricted") {
			t.Errorf("%s: isManagementRestricted without $select: %s", tc.kind, a.raw)
		}
		if a := as(t, s, "GroupMember.Read.All").do("DELETE", "/groups/"+g+"/members/"+in+"/$ref", ""); a.status != 403 {
			t.Errorf("%s: a write with a right to read: %d", tc.kind, a.status)
		}
		clean(t, s)
	}
}

// Without /$ref at its end, a removal deletes the account.
func TestCatastrophe(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{}, "GroupMember.ReadWrite.All", "User.ReadWrite.All")
	ada := must[string](t)(s.AddUser(User{UPN: "ada@example.org"}))
	g := must[string](t)(s.AddGroup(Group{Name: "g", Members: []string{ada}}))
	h := must[string](t)(s.AddGroup(Group{Name: "h", Members: []string{ada}}))
	if a := as(t, s).do("DELETE", "/groups/"+g+"/members/"+ada, ""); a.status != 403 || !s.Has(g, ada) || len(s.Catastrophes()) != 1 {
		t.Errorf("without the right: %d %s, %q", a.status, a.raw, s.Catastrophes())
	}
	if a := c.do("DELETE", "/groups/"+g+"/members/"+ada, ""); a.status != 204 {
		t.Errorf("with the right: %d %s", a.status, a.raw)
	}
	if s.UserID("ada@example.org") != "" || len(s.Members(g)) != 0 || len(s.Members(h)) != 0 {
		t.Error("the account is still there")
	}
	for _, path := range []string{"/users/" + ada, "/groups/" + g, "/directoryObjects/" + ada} {
		c.do("DELETE", path, "")
	}
	if got := len(s.Catastrophes()); got != 5 {
		t.Errorf("%d catastrophes, want 5: %q", got, s.Catastrophes())
	}
}

func TestDeletedAndRenamed(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{})
	ada := must[string](t)(s.AddUser(User{UPN: "ada@example.org"}))
	g := must[string](t)(s.AddGroup(Group{Name: "g", Members: []string{ada}}))
	ok(t, s.RenameUser("ada@example.org", "ada.king@example.org"))
	for path, status := range map[string]int{"/users/ada@example.org": 404, "/users/ADA.king@example.org": 200, "/users/" + ada: 200} {
		if a := c.do("GET", path, ""); a.status != status {
			t.Errorf("GET %s: %d, want %d", path, a.status, status)
		}
	}
	if a := c.do("GET", "/users?$filter=mail eq 'ada@example.org'", ""); !slices.Equal(a.ids(), []string{ada}) {
		t.Errorf("by the old mail: %s", a.raw)
	}
	ok(t, s.DeleteUser(ada))
	if a := c.do("GET", "/groups/"+g+"/members", ""); len(a.values()) != 0 {
		t.Errorf("members after the deletion: %s", a.raw)
	}
	ok(t, s.RenameGroup(g, "h"))
	if s.GroupID("h") != g || s.GroupID("g") != "" {
		t.Error("the group did not get its name")
	}
	ok(t, s.DeleteGroup(g))
	if a := c.do("GET", "/groups/"+g, ""); a.status != 404 {
		t.Errorf("a deleted group: %d", a.status)
	}
	if a := c.do("GET", "/directory/deletedItems/"+g, ""); a.status != 200 || a.text("displayName") != "h" {
		t.Errorf("deleted items: %d %s", a.status, a.raw)
	}
	for name, err := range map[string]error{
		"rename": s.RenameUser("nobody", "x@example.org"), "put": s.Put("h", "nobody"), "kind": s.SetKind("h", "x"), "group": s.DeleteGroup("ada.king@example.org"),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	clean(t, s)
}

// Of many who add the same member, one made the difference.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{Lag: time.Second, Quota: &Quota{}})
	ids := many(t, s, 10)
	g := must[string](t)(s.AddGroup(Group{Name: "g"}))
	var made atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, id := range ids {
				if a := c.do("PATCH", "/groups/"+g, bind(id)); a.status == 204 {
					made.Add(1)
				}
				c.do("GET", "/groups/"+g+"/members", "")
				c.do("GET", "/groups/delta?$select=members", "")
			}
		})
	}
	wg.Wait()
	if made.Load() != 10 || len(s.Members(g)) != 10 || len(s.Writes()) != 10 {
		t.Errorf("%d made the difference, %d members, %d writes", made.Load(), len(s.Members(g)), len(s.Writes()))
	}
	clean(t, s)
}

func TestHarnessRefusals(t *testing.T) {
	t.Parallel()
	s, _ := open(t, Options{})
	must[string](t)(s.AddUser(User{UPN: "ada@example.org", ID: nobody}))
	must[string](t)(s.AddGroup(Group{Name: "twin"}))
	must[string](t)(s.AddGroup(Group{Name: "twin"}))
	_, a := s.AddUser(User{UPN: "ADA@example.org"})
	_, b := s.AddUser(User{UPN: "ada"})
	_, c := s.AddUser(User{UPN: "bob@example.org", ID: "x"})
	_, d := s.AddUser(User{UPN: "bob@example.org", ID: nobody})
	_, e := s.AddGroup(Group{Name: "g", Kind: "x"})
	_, f := s.AddGroup(Group{Name: "g", Members: []string{"nobody"}})
	_, g := s.AddObject(Object{Name: "o", Type: "user"})
	for i, err := range []error{a, b, c, d, e, f, g, s.Put("twin", "ada@example.org")} {
		if err == nil {
			t.Errorf("case %d: no error", i)
		} else if strings.Contains(err.Error(), "%!") {
			t.Error(fmt.Sprint(err))
		}
	}
}
