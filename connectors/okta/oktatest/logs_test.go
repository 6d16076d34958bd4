package oktatest

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

// memberships is the question for changes of memberships.
func memberships() url.Values {
	return url.Values{"filter": {`eventType eq "` + added + `" or eventType eq "` + removed + `"`}}
}

func TestPollingTheLogAlwaysGoesOn(t *testing.T) {
	t.Parallel()
	c := open(t)
	q := memberships()
	q.Set("since", noon.Format(time.RFC3339))
	q.Set("sortOrder", "ASCENDING")
	q.Set("limit", "1000")
	g := c.get("/api/v1/logs?" + q.Encode())
	for round, want := range [][]string{{}, {added, removed}, {}, {added}} {
		if round == 1 {
			c.want("PUT", c.membership("prod-db", "ada"), 204, "")
			c.want("DELETE", c.membership("prod-db", "ada"), 204, "")
			c.want("DELETE", c.membership("prod-db", "ada"), 204, "") // of nobody
		}
		if round == 3 {
			c.ok(c.s.Put("prod-db", "ben@example.org"))
		}
		if round > 0 {
			g = c.get(g.next())
		}
		equal(t, "events", g.list(t, "eventType"), want)
		if g.next() == "" || strings.Contains(g.next(), "since=") {
			t.Fatalf("round %d: got next %q, want one without since", round, g.next())
		}
	}
	equal(t, "violations", c.s.Violations(), nil)
}

func TestTheLogWithAnEndHasAnEnd(t *testing.T) {
	t.Parallel()
	c := open(t)
	for _, name := range []string{"ada", "ben", "cyd"} {
		c.s.Clock.Advance(time.Second)
		c.want("PUT", c.membership("prod-db", name), 204, "")
	}
	c.s.Clock.Advance(time.Second)
	users := func(g got) (names []string) {
		var events []struct {
			Target []logParty `json:"target"`
		}
		c.ok(json.Unmarshal([]byte(g.body), &events))
		for _, e := range events {
			i := slices.IndexFunc(e.Target, func(p logParty) bool { return p.Type == "User" })
			names = append(names, e.Target[i].Name)
		}
		return names
	}
	until := "until=" + c.s.Clock.Now().Format(time.RFC3339)
	first := c.get("/api/v1/logs?limit=2&" + until)
	equal(t, "first page", users(first), []string{"Ada Example", "Ben Example"})
	last := c.get(first.next())
	equal(t, "last page", users(last), []string{"Cyd Example"})
	if last.next() != "" {
		t.Error("got a further page")
	}
	equal(t, "descending", users(c.get("/api/v1/logs?sortOrder=DESCENDING&limit=1")), []string{"Cyd Example"})
	equal(t, "of a group", c.get("/api/v1/logs?filter="+escape(`target.id eq "`+c.s.GroupID("prod-web")+`"`)).list(t, "uuid"), []string{})
	if n := len(c.get("/api/v1/logs?filter="+escape(`target.id eq "`+c.s.GroupID("prod-db")+`" and target.type eq "UserGroup"`)).list(t, "uuid")); n != 3 {
		t.Errorf("of the other group: got %d events, want 3", n)
	}
}

func TestEventsComeLateAndOutOfOrder(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *Options) { o.LogLag = time.Minute })
	for range 20 {
		c.want("PUT", c.membership("prod-db", "ada"), 204, "")
		c.want("DELETE", c.membership("prod-db", "ada"), 204, "")
		c.s.Clock.Advance(time.Second)
	}
	g := c.get("/api/v1/logs?since=" + noon.Format(time.RFC3339))
	soon := len(g.list(t, "uuid"))
	c.s.Clock.Advance(time.Minute)
	rest := c.get(g.next())
	all := append(g.list(t, "published"), rest.list(t, "published")...)
	if soon == 40 || len(all) != 40 {
		t.Errorf("got %d at first and %d in all, want fewer than 40 and 40", soon, len(all))
	}
	if slices.IsSorted(all) {
		t.Error("got all in the order of their time, want the order of their coming")
	}
}

func TestQuestionsTheLogRefuses(t *testing.T) {
	t.Parallel()
	c := open(t)
	next := c.get("/api/v1/logs").next()
	for _, tt := range []struct{ path, code string }{
		{"/api/v1/logs?since=yesterday", "E0000001"},
		{"/api/v1/logs?since=2026-01-01T00:00:00Z", "E0000031"},
		{"/api/v1/logs?limit=1001", "E0000001"},
		{"/api/v1/logs?sortOrder=up", "E0000001"},
		{"/api/v1/logs?filter=" + escape(`eventType is "x"`), "E0000053"},
		{strings.TrimPrefix(next, c.s.URL()) + "&since=" + noon.Format(time.RFC3339), "E0000001"},
	} {
		c.want("GET", tt.path, 400, tt.code)
	}
}

func TestALineOfTheLog(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.want("PUT", c.membership("prod-db", "ada"), 204, "")
	got := c.get("/api/v1/logs").body
	for _, want := range []string{
		`"eventType":"group.user_membership.add"`, `"published":"2026-11-25T12:00:00.000Z"`, `"displayMessage":"Add user to group membership"`,
		`"actor":{"id":"` + c.s.UserID(AdminLogin) + `","type":"User","alternateId":"` + AdminLogin + `","displayName":"Okta Admin"`,
		`"id":"` + c.s.GroupID("prod-db") + `","type":"UserGroup"`, `"outcome":{"result":"SUCCESS"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s in it", got, want)
		}
	}
}

// A cursor of an org that was served before is none of this one: nobody goes
// on with it, and misses what is in this log.
func TestTheCursorOfAnEarlierOrg(t *testing.T) {
	t.Parallel()
	poll := func(c *client) string {
		q := memberships()
		q.Set("since", noon.Format(time.RFC3339))
		return c.get("/api/v1/logs?" + q.Encode()).next()
	}
	c := open(t)
	c.want("PUT", c.membership("prod-db", "ada"), 204, "")
	ahead := poll(c)
	c = open(t)
	c.want("GET", ahead, 400, "E0000001")
	begin := poll(c)
	c = open(t, func(o *Options) { o.Clock = sim.Frozen(noon.Add(time.Minute)) })
	c.want("GET", begin, 400, "E0000001")
}
