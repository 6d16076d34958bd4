package entratest

import (
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestSeed(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{}, everything...)
	ok(t, s.Load(strings.NewReader(`{
		"users": [{"upn": "ada@example.org", "name": "Ada"}, {"upn": "eve@example.org", "guest": true, "disabled": true, "mail": "eve@x.example"}],
		"objects": [{"name": "laptop", "type": "device", "id": "`+nobody+`"}],
		"groups": [{"name": "inner", "members": ["eve@example.org"]},
			{"name": "prod-db", "kind": "security", "longest": "8h", "members": ["ADA@example.org", "laptop", "inner"]}, {"name": "fed", "kind": "dynamic"}]}`)))
	if got := len(c.do("GET", "/groups/"+s.GroupID("prod-db")+"/members", "").values()); got != 3 {
		t.Errorf("%d members, want 3", got)
	}
	if got := s.tenant.objects[s.tenant.groups[1]].group.longest(); got != 8*time.Hour {
		t.Errorf("the longest term is %s, want 8h", got)
	}
	for text, want := range map[string]string{
		`{"users": [{"upn": "x@example.org", "colour": "red"}]}`:    "unknown field \"colour\"",
		`{"users": [{"upn": "x"}]}`:                                 `users[0]: user "x": a userPrincipalName looks like ada@example.org`,
		`{"users": [{"upn": "Ada@example.org"}]}`:                   "users[0]: user Ada@example.org: userPrincipalName Ada@example.org is taken",
		`{"groups": [{"name": "x", "kind": "round"}]}`:              `groups[0]: group "x": "round" is no kind of group`,
		`{"groups": [{"name": "x", "members": ["y@example.org"]}]}`: `groups[0]: group x: there is no "y@example.org"`,
		`{"groups": [{"name": "x", "longest": "4m"}]}`:              `groups[0]: group x: longest "4m" is neither none nor a duration`,
		`{"objects": [{"name": "x", "type": "user"}]}`:              "objects[0]:",
		`{"apps": [{"id": "x"}]}`:                                   `apps[0]: app id "x" is not a GUID`,
		`{} {}`:                                                     "something follows",
		`{`:                                                         "near byte",
	} {
		if err := s.Load(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "seed of an Entra tenant: ") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestDemo(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{})
	ok(t, s.Demo(30))
	for _, upn := range []string{"root@example.org", "ada@example.org", "person30@example.org"} {
		if s.UserID(upn) == "" {
			t.Errorf("there is no %s", upn)
		}
	}
	for user, boss := range map[string]string{"grace": "ada", "margaret": "ada", "ken": "grace", "linus": "barbara", "person30": "barbara", "ada": "", "root": ""} {
		got, _, _ := strings.Cut(c.do("GET", "/users/"+user+"@example.org/manager", "").text("userPrincipalName"), "@")
		department := c.do("GET", "/users/"+user+"@example.org?$select=department", "").text("department")
		if got != boss || (department == "") != (user == "root") {
			t.Errorf("%s has the manager %q and the department %q, want %q and one but for root", user, got, department, boss)
		}
	}
	for _, name := range []string{"prod-db", "on-call", "sales"} {
		if a := c.do("GET", "/groups/"+s.GroupID(name)+"/members", ""); len(a.values()) == 0 {
			t.Errorf("%s is empty", name)
		}
	}
	clean(t, s)
}

// 2,000 groups of 200 and 200,000 people are a tenant to measure with.
// Not parallel: it reads the size of the heap.
func TestScale(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s, c := open(t, Options{})
	people := must[[]string](t)(s.Crowd("p", 200_000))
	began := time.Now()
	for i := range 2000 {
		g := must[string](t)(s.AddGroup(Group{Name: "g" + strconv.Itoa(i)}))
		ok(t, s.Fill(g, people[i*97%199_000:][:200:200]...))
	}
	filled := time.Since(began)
	people = nil
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := (after.HeapAlloc - before.HeapAlloc) >> 20
	began = time.Now()
	for i := range 2000 {
		a := c.do("GET", "/groups/"+s.GroupID("g"+strconv.Itoa(i))+"/members?$select=id&$top=999", "")
		if len(a.values()) != 200 {
			t.Fatalf("group %d has %d members", i, len(a.values()))
		}
	}
	t.Logf("%d MiB, filled in %s, 2,000 listings read in %s", grown, filled.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	if grown > 90 {
		t.Errorf("%d MiB, want less than 90", grown)
	}
	runtime.KeepAlive(s)
}
