package oktatest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestFindingAUser(t *testing.T) {
	t.Parallel()
	c := open(t)
	must(t)(c.s.AddUser(User{Login: "Eve@Example.org", Email: "eve@example.org", First: "Eve"}))
	must(t)(c.s.AddUser(User{Login: "eve2@example.org", Email: "eve@example.org", First: "Eve"}))
	must(t)(c.s.AddUser(User{Login: "sl/ash@example.org"}))
	must(t)(c.s.AddUser(User{Login: "ada@example.net"}))
	c.ok(c.s.SetStatus("dan@example.org", Deprovisioned))
	slash := c.s.UserID("sl/ash@example.org")

	t.Run("directly", func(t *testing.T) {
		for _, tt := range []struct {
			key    string
			status int
		}{
			{"ben@example.org", 200},
			{"ben", 200},
			{"dan@example.org", 200},
			{"me", 200},
			{slash, 200},
			{"Eve@Example.org", 200},
			{"eve@example.org", 404},      // case counts
			{"ada", 404},                  // two users are called so
			{"sl%2Fash@example.org", 404}, // a slash cannot be named
			{"ben@example", 404},
		} {
			if g := c.get("/api/v1/users/" + tt.key); g.status != tt.status {
				t.Errorf("%s: got %d, want %d", tt.key, g.status, tt.status)
			}
		}
		if g := c.get("/api/v1/users/ben"); g.header.Get("Etag") == "" {
			t.Error("got no ETag")
		}
	})
	for _, tt := range []struct {
		name, query string
		want        string
	}{
		{"filter", `filter=profile.login eq "ben@example.org"`, "ben@example.org"},
		{"filter, wrong case", `filter=profile.login eq "BEN@example.org"`, ""},
		{"filter, several", `filter=profile.login eq "ben@example.org" or profile.login eq "cyd@example.org"`, "ben@example.org cyd@example.org"},
		{"filter, deactivated", `filter=profile.login eq "dan@example.org"`, "dan@example.org"},
		{"filter, and", `filter=(profile.email eq "eve@example.org") and profile.login eq "eve2@example.org"`, "eve2@example.org"},
		{"search, wrong case", `search=profile.login eq "BEN@example.org"`, "ben@example.org"},
		{"search, one e-mail twice", `search=profile.email eq "eve@example.org"`, "Eve@Example.org eve2@example.org"},
		{"search, beginning", `search=profile.login sw "CY"`, "cyd@example.org"},
		{"search, deactivated", `search=status eq "DEPROVISIONED"`, "dan@example.org"},
		{"q", `q=be`, "ben@example.org"},
		{"q, deactivated", `q=dan`, ""},
		{"plain", `limit=100`, AdminLogin + " ada@example.org ben@example.org cyd@example.org Eve@Example.org eve2@example.org sl/ash@example.org ada@example.net"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := c.get("/api/v1/users?"+escape(tt.query)).list(t, "profile", "login")
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	for _, query := range []string{
		`filter=profile.city eq "x"`, `filter=profile.login sw "x"`, `filter=profile.login eq x`, `filter=profile.login eq "x`,
		`filter=(profile.login eq "x"`, `search=profile.login zz "x"`, `filter=lastUpdated gt "yesterday"`, `filter=and`,
	} {
		c.want("GET", "/api/v1/users?"+escape(query), 400, "E0000031")
	}
	c.want("GET", "/api/v1/users?q=a&search=b", 400, "E0000001")
}

func TestSearchLags(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *Options) { o.SearchLag = time.Minute })
	search := func(login string) int {
		return len(c.get("/api/v1/users?search="+escape(`profile.login eq "`+login+`"`)).list(t, "id"))
	}
	group := func(name string) int {
		return len(c.get("/api/v1/groups?search="+escape(`profile.name eq "`+name+`"`)).list(t, "id"))
	}
	if n := search("ada@example.org") + group("prod-db"); n != 0 {
		t.Errorf("new ones: found %d, want none yet", n)
	}
	if n := len(c.get("/api/v1/users?filter="+escape(`profile.login eq "ada@example.org"`)).list(t, "id")); n != 1 {
		t.Errorf("filter: found %d, want 1: it does not lag", n)
	}
	c.s.Clock.Advance(time.Minute)
	if n := search("ada@example.org") + group("prod-db"); n != 2 {
		t.Errorf("after the lag: found %d, want 2", n)
	}
	c.ok(c.s.RenameUser("ada@example.org", "augusta@example.org"))
	c.ok(c.s.RenameGroup("prod-db", "prod-dbs"))
	if search("ada@example.org") != 1 || search("augusta@example.org") != 0 || group("prod-db") != 1 || group("prod-dbs") != 0 {
		t.Error("a new name shows at once, want the old one")
	}
	c.want("GET", "/api/v1/users/augusta@example.org", 200, "")
	c.want("GET", "/api/v1/users/ada@example.org", 404, "E0000007")
	c.s.Clock.Advance(time.Minute)
	if search("ada@example.org") != 0 || search("augusta@example.org") != 1 || group("prod-db") != 0 || group("prod-dbs") != 1 {
		t.Error("the new name does not show after the lag")
	}
}

func TestFindingGroups(t *testing.T) {
	t.Parallel()
	c := open(t)
	must(t)(c.s.AddGroup(Group{Name: "prod", About: "x"}))
	must(t)(c.s.AddGroup(Group{Name: "imported", Type: "APP_GROUP"}))
	for _, tt := range []struct{ query, want string }{
		{"", "Everyone prod-db prod-web prod imported"},
		{"?q=prod", "prod prod-db prod-web"}, // exact ones first
		{"?q=PROD-D", "prod-db"},
		{"?q=rod", ""},
		{`?filter=type eq "APP_GROUP"`, "imported"},
		{`?filter=type eq "OKTA_GROUP" and (lastUpdated lt "2000-01-01T00:00:00.000Z" or lastMembershipUpdated ge "2026-11-25T12:00:00.000Z")`, "prod-db prod-web prod"},
		{`?filter=id eq "` + c.s.GroupID("prod") + `"`, "prod"},
		{`?search=profile.name eq "prod-DB"`, "prod-db"},
		{`?search=profile.name sw "prod-"`, "prod-db prod-web"},
		{`?search=profile.description co "quotes\""`, "prod-web"},
	} {
		got := c.get("/api/v1/groups"+escape(tt.query)).list(t, "profile", "name")
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: got %q, want %q", tt.query, got, tt.want)
		}
	}
	// By the documentation filter knows id, type, lastUpdated and
	// lastMembershipUpdated only.
	c.want("GET", "/api/v1/groups?filter="+escape(`profile.name eq "prod"`), 400, "E0000031")
	if g := c.get("/api/v1/groups?q=prod&limit=1"); g.next() != "" || len(g.list(t, "id")) != 1 {
		t.Error("a question with q has further pages, want none")
	}
	first := c.get("/api/v1/groups?limit=3")
	second := c.get(first.next())
	equal(t, "second page", second.list(t, "profile", "name"), []string{"prod", "imported"})
}

func TestAQuestionWithQShowsThreeHundred(t *testing.T) {
	t.Parallel()
	c := open(t)
	for i := range 400 {
		must(t)(c.s.AddGroup(Group{Name: fmt.Sprintf("team-%03d", i)}))
	}
	must(t)(c.s.AddGroup(Group{Name: "team-"}))
	got := c.get("/api/v1/groups?q=team-")
	if names := got.list(t, "profile", "name"); len(names) != 300 || names[0] != "team-" || got.next() != "" {
		t.Errorf("got %d groups, %q first and next %q, want 300, the exact one first and no more", len(names), names[0], got.next())
	}
	if n := len(c.get("/api/v1/groups").list(t, "id")); n != 404 {
		t.Errorf("without q: got %d groups on the page, want all 404", n)
	}
}

func TestAGroupIsAsRecorded(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.ok(c.s.Put("prod-db", "ada@example.org"))
	got := c.get("/api/v1/groups?q=prod-db&expand=stats").body
	for _, want := range []string{
		`"type":"OKTA_GROUP"`, `"objectClass":["okta:user_group"]`, `"profile":{"name":"prod-db","description":null}`,
		`"created":"2026-11-25T12:00:00.000Z"`, `"usersCount":1`, `"users":{"href":"https://org.okta.invalid/api/v1/groups/`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s in it", got, want)
		}
	}
	got = c.get("/api/v1/users/ada").body
	for _, want := range []string{
		`"profile":{"firstName":"Ada","lastName":"Example","mobilePhone":null,"secondEmail":null,"login":"ada@example.org","email":"ada@example.org"}`,
		`"credentials":{"provider":{"type":"OKTA","name":"OKTA"}}`, `"_links":{"self":{"href":"https://org.okta.invalid/api/v1/users/00u`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s in it", got, want)
		}
	}
}

func TestIDsAreOktas(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	for range 40 {
		id := must(t)(s.AddUser(User{Login: native("x", len(s.org.users)) + "@example.org"}))
		if !wellFormed("00u", id) || s.UserID(id) != id {
			t.Fatalf("got id %q", id)
		}
	}
	must(t)(s.AddUser(User{ID: "00uABCDEFGHIJKLMNOPQ", Login: "own@example.org"}))
	if s.UserID("own@example.org") != "00uABCDEFGHIJKLMNOPQ" || s.UserID("00uABCDEFGHIJKLMNOPQ") == "" {
		t.Error("a given id is not found")
	}
	for _, u := range []User{{Login: "own@example.org"}, {Login: "OWN@example.org"}, {}, {Login: "x@y.z", ID: "short"}, {Login: "x@y.z", Status: "GONE"}} {
		if _, err := s.AddUser(u); err == nil {
			t.Errorf("AddUser(%+v): got no error", u)
		}
	}
}
