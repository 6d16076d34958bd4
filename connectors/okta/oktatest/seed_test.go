package oktatest

import (
	"strings"
	"testing"
)

func TestDemo(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	if err := s.Demo(30); err != nil {
		t.Fatal(err)
	}
	for _, login := range []string{"root@example.org", "ada@example.org", "adele@example.org", "person30@example.org"} {
		if s.UserID(login) == "" {
			t.Errorf("no user %s", login)
		}
	}
	for login, boss := range map[string]string{"grace": "ada", "margaret": "ada", "ken": "grace", "linus": "barbara", "person30": "barbara", "ada": "", "root": ""} {
		u, err := s.user(login + "@example.org")
		if err != nil {
			t.Fatal(err)
		}
		want := s.UserID(boss + "@example.org") // "" for nobody
		if got, _ := u.further["managerId"].(string); got != want || (u.further["department"] == nil) != (login == "root") {
			t.Errorf("%s has the profile %v, want the manager %q and a department but for root", login, u.further, boss)
		}
	}
	if !s.Has("on-call", "ken@example.org") || len(s.Members("vpn")) != 5 || len(s.Members("sales")) != 1 {
		t.Error("the standing members are not there")
	}
	if err := New(Options{}).Demo(0); err != nil {
		t.Errorf("with the fewest people: %v", err)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	err := s.Load(strings.NewReader(`{
		"users":  [{"login": "ada@example.org", "firstName": "Ada"}, {"login": "ben@example.org", "status": "SUSPENDED", "id": "00uBENBENBENBENBENBE"}],
		"groups": [{"name": "prod-db", "members": ["ada@example.org", "00uBENBENBENBENBENBE"]}, {"name": "imported", "type": "APP_GROUP"}],
		"rules":  [{"name": "Sales", "groups": ["prod-db"], "members": ["ada@example.org"], "status": "INACTIVE"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if !s.Has("prod-db", "ada@example.org") || !s.Has("prod-db", "ben@example.org") {
		t.Error("the members are not there")
	}
}

func TestSeedsThatAreWrongSayWhere(t *testing.T) {
	t.Parallel()
	for seed, want := range map[string]string{
		`{"users": [{"login": "a@b.c", "colour": "red"}]}`:                                      `unknown field "colour"`,
		`{"users": [{"login": "a@b.c"}, {"login": "A@b.c"}]}`:                                   `users[1]: user "A@b.c": another user has this login`,
		`{"users": [{"login": "a@b.c", "status": "GONE"}]}`:                                     `users[0]: user "a@b.c": unknown status "GONE"`,
		`{"groups": [{"name": "x", "members": ["nobody"]}]}`:                                    `groups[0]: group "x": member: no user "nobody"`,
		`{"groups": [{"name": "x", "type": "TEAM"}]}`:                                           `groups[0]: group "x": unknown type "TEAM", want OKTA_GROUP or APP_GROUP`,
		`{"groups": [{"name": "x"}, {"name": "x"}], "rules": [{"name": "r", "groups": ["x"]}]}`: `rules[0]: rule "r": several groups are called "x"`,
		`{"rules": [{"name": "r", "groups": ["x"]}]}`:                                           `rules[0]: rule "r": no group "x"`,
		`{} {}`: `something follows`,
		`{`:     `near byte`,
	} {
		if err := New(Options{}).Load(strings.NewReader(seed)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q in it", seed, err, want)
		}
	}
}
