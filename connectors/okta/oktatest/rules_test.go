package oktatest

import (
	"fmt"
	"strings"
	"testing"
)

// held opens an org whose group prod-db is fed by a rule that holds ada.
func held(t *testing.T) (c *client, rule string) {
	t.Helper()
	c = open(t)
	rule = must(t)(c.s.AddRule(Rule{Name: "Engineers", Groups: []string{"prod-db"}, Members: []string{"ada@example.org"}}))
	return c, rule
}

func TestRemovingWhomARuleHoldsExcludesForGood(t *testing.T) {
	t.Parallel()
	c, rule := held(t)
	ada := c.s.UserID("ada@example.org")
	c.want("DELETE", c.membership("prod-db", "ada"), 204, "")
	if c.s.Has("prod-db", ada) {
		t.Error("got still a member, want none")
	}
	equal(t, "excluded", c.s.Excluded(rule), []string{ada})
	if got := c.s.Catastrophes(); len(got) != 1 || !strings.Contains(got[0], "ada@example.org") || !strings.Contains(got[0], "Engineers") {
		t.Errorf("got catastrophes %q, want one that names both", got)
	}
	body := c.get("/api/v1/groups/rules").body
	if !strings.Contains(body, `"users":{"exclude":["`+ada+`"]}`) {
		t.Errorf("got rules %s, want the exclusion in it", body)
	}
	log := c.get("/api/v1/logs")
	equal(t, "log", log.list(t, "eventType"), []string{excluded, removed})
	equal(t, "actors", log.list(t, "actor", "type"), []string{"SystemPrincipal", "User"})
}

func TestARuleExcludesAHundred(t *testing.T) {
	t.Parallel()
	c := open(t)
	var crowd []string
	for i := range exclusions + 1 {
		crowd = append(crowd, must(t)(c.s.AddUser(User{Login: fmt.Sprintf("p%d@example.org", i)})))
	}
	rule := must(t)(c.s.AddRule(Rule{Name: "All", Groups: []string{"prod-db"}, Members: crowd}))
	for i, id := range crowd {
		want := 204
		if i == exclusions {
			want = 400
		}
		c.want("DELETE", "/api/v1/groups/"+c.s.GroupID("prod-db")+"/users/"+id, want, "")
	}
	if n := len(c.s.Excluded(rule)); n != exclusions || !c.s.Has("prod-db", crowd[exclusions]) {
		t.Errorf("got %d excluded, want %d and the last one still a member", n, exclusions)
	}
}

func TestOnlyActiveRulesHold(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"INACTIVE", "INVALID"} {
		c, rule := held(t)
		c.ok(c.s.SetRule(rule, status))
		c.want("DELETE", c.membership("prod-db", "ada"), 204, "")
		equal(t, status, c.s.Catastrophes(), nil)
		equal(t, status, c.get("/api/v1/groups/rules").list(t, "status"), []string{status})
	}
}

func TestOthersInAGroupOfARuleAreFree(t *testing.T) {
	t.Parallel()
	c, _ := held(t)
	c.want("PUT", c.membership("prod-db", "ben"), 204, "")
	c.want("DELETE", c.membership("prod-db", "ben"), 204, "")
	equal(t, "catastrophes", c.s.Catastrophes(), nil)
}

func TestWhomTheHarnessPutsNoRuleHolds(t *testing.T) {
	t.Parallel()
	c, rule := held(t)
	c.ok(c.s.Take("prod-db", "ada@example.org"))
	c.ok(c.s.Put("prod-db", "ada@example.org"))
	c.want("DELETE", c.membership("prod-db", "ada"), 204, "")
	equal(t, "excluded", c.s.Excluded(rule), nil)
}

func TestRulesOfAMembership(t *testing.T) {
	t.Parallel()
	c, rule := held(t)
	c.ok(c.s.Put("prod-db", "ben@example.org"))
	equal(t, "ada", c.get(c.membership("prod-db", "ada")+"/group-rules").list(t, "id"), []string{rule})
	equal(t, "ben", c.get(c.membership("prod-db", "ben")+"/group-rules").list(t, "id"), []string{})
	c.want("GET", c.membership("prod-db", "cyd")+"/group-rules", 404, "E0000007")
}

func TestRulesComeInPages(t *testing.T) {
	t.Parallel()
	c, _ := held(t)
	must(t)(c.s.AddRule(Rule{Name: "Sales", Groups: []string{"prod-web", "prod-db"}, Status: "INACTIVE"}))
	first := c.get("/api/v1/groups/rules?limit=1")
	equal(t, "first page", first.list(t, "name"), []string{"Engineers"})
	last := c.get(first.next())
	equal(t, "last page", last.list(t, "name"), []string{"Sales"})
	if last.next() != "" {
		t.Error("got a further page")
	}
	equal(t, "search", c.get("/api/v1/groups/rules?search=sal").list(t, "name"), []string{"Sales"})
	c.want("GET", "/api/v1/groups/rules/0prnone", 404, "E0000007")
	if _, err := c.s.AddRule(Rule{Name: "x", Groups: []string{"Everyone"}}); err == nil {
		t.Error("a rule that feeds Everyone: got no error")
	}
}
