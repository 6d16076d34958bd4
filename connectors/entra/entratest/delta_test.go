package entratest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

// round follows a delta to its end and tells, for each group in the order of
// the answers, what happened: +id, -id, name, gone.
func (c *client) round(path string, extra ...string) (news map[string][]string, link string, pages int) {
	c.t.Helper()
	news = make(map[string][]string)
	for {
		a := c.do("GET", path, "", extra...)
		if a.status != 200 {
			c.t.Fatalf("GET %s: %d %s", path, a.status, a.raw)
		}
		pages++
		for _, v := range a.values() {
			id := v["id"].(string)
			news[id] = append(news[id], nil...)
			if _, gone := v["@removed"]; gone {
				news[id] = append(news[id], "gone")
			}
			if name, there := v["displayName"].(string); there {
				news[id] = append(news[id], name)
			}
			links, _ := v["members@delta"].([]any)
			for _, l := range links {
				m := l.(map[string]any)
				sign := "+"
				if r, gone := m["@removed"].(map[string]any); gone && r["reason"] == "deleted" {
					sign = "-"
				}
				news[id] = append(news[id], sign+m["id"].(string))
			}
		}
		next, last := a.text("@odata.nextLink"), a.text("@odata.deltaLink")
		if next != "" == (last != "") {
			c.t.Fatalf("one of the links, never both: %s", a.raw)
		}
		if last != "" {
			return news, last, pages
		}
		path = next
	}
}

func TestDelta(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{})
	ada := must[string](t)(s.AddUser(User{UPN: "ada@example.org"}))
	bob := must[string](t)(s.AddUser(User{UPN: "bob@example.org"}))
	g := must[string](t)(s.AddGroup(Group{Name: "g", Members: []string{ada}}))
	h := must[string](t)(s.AddGroup(Group{Name: "h"}))
	expect := func(step string, news map[string][]string, want map[string][]string) {
		t.Helper()
		for id, w := range want {
			if !slices.Equal(news[id], w) {
				t.Errorf("%s: %s: got %v, want %v", step, id, news[id], w)
			}
		}
		if len(news) != len(want) {
			t.Errorf("%s: %v, want %v", step, news, want)
		}
	}
	news, link, _ := c.round("/groups/delta()?$select=members")
	expect("everything", news, map[string][]string{g: {"+" + ada}, h: nil})
	latest := c.do("GET", "/groups/microsoft.graph.delta?$select=id,displayName,members&$deltatoken=latest", "")
	if len(latest.values()) != 0 || latest.text("@odata.deltaLink") == "" {
		t.Errorf("latest: %s", latest.raw)
	}
	named := latest.text("@odata.deltaLink")
	news, link, _ = c.round(link)
	expect("nothing", news, nil)

	c.do("PATCH", "/groups/"+h, bind(ada, bob))
	c.do("DELETE", "/groups/"+h+"/members/"+bob+"/$ref", "")
	c.do("DELETE", "/groups/"+g+"/members/"+ada+"/$ref", "")
	ok(t, s.RenameGroup("h", "hh"))
	again := link
	news, link, _ = c.round(link)
	expect("members only", news, map[string][]string{g: {"-" + ada}, h: {"+" + ada, "-" + bob}})
	news, _, _ = c.round(again) // replays are allowed
	expect("once more", news, map[string][]string{g: {"-" + ada}, h: {"+" + ada, "-" + bob}})
	news, _, _ = c.round(named, "Prefer", "return=minimal")
	expect("with names, little", news, map[string][]string{g: {"-" + ada}, h: {"hh", "+" + ada, "-" + bob}})
	news, named, _ = c.round(named)
	expect("with names", news, map[string][]string{g: {"g", "-" + ada}, h: {"hh", "+" + ada, "-" + bob}})

	ok(t, s.DeleteUser("ada@example.org"))
	ok(t, s.DeleteGroup("g"))
	i := must[string](t)(s.AddGroup(Group{Name: "i", Members: []string{bob}}))
	news, named, _ = c.round(named)
	expect("deleted and new", news, map[string][]string{h: {"hh", "-" + ada}, g: {"gone"}, i: {"i", "+" + bob}})
	clean(t, s)

	s.Clock.Advance(deltaLife + time.Second)
	c.token = s.Token(DefaultRoles()...)
	if a := c.do("GET", named, ""); a.status != 400 || a.code() != "syncStateNotFound" {
		t.Errorf("expired: %d %s", a.status, a.raw)
	}
	_, fresh, _ := c.round("/groups/delta?$select=members")
	s.ResetDelta()
	a := c.do("GET", fresh, "")
	if a.status != 410 || a.header.Get("Location") != s.URL()+"/v1.0/groups/delta?$deltatoken=" {
		t.Errorf("forced out: %d %v %s", a.status, a.header, a.raw)
	}
	news, _, _ = c.round(a.header.Get("Location") + "&$select=members")
	expect("after the reset", news, map[string][]string{h: nil, i: {"+" + bob}})
	_ = link
}

func TestDeltaScope(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{})
	ids := must[[]string](t)(s.Crowd("p", 3))
	g := must[string](t)(s.AddGroup(Group{Name: "g"}))
	h := must[string](t)(s.AddGroup(Group{Name: "h"}))
	_, link, _ := c.round("/groups/delta?$select=members&$filter=id eq '" + g + "'")
	ok(t, s.Put(g, ids[0]))
	ok(t, s.Put(h, ids[0]))
	news, _, _ := c.round(link)
	if len(news) != 1 || !slices.Equal(news[g], []string{"+" + ids[0]}) {
		t.Errorf("news %v", news)
	}
	many := strings.Repeat("id eq '"+g+"' or ", 50) + "id eq '" + h + "'"
	for _, filter := range []string{many, "displayName eq 'g'", "id eq 'g'"} {
		if a := c.do("GET", "/groups/delta?$filter="+filter, ""); a.status != 400 {
			t.Errorf("%.40s: %d", filter, a.status)
		}
	}
}

func TestDeltaPages(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{})
	ids := must[[]string](t)(s.Crowd("p", 2500))
	big := must[string](t)(s.AddGroup(Group{Name: "big"}))
	ok(t, s.Fill(big, ids...))
	for range 250 {
		must[string](t)(s.AddGroup(Group{Name: "small", Members: ids[:1]}))
	}
	news, link, pages := c.round("/groups/delta?$select=members")
	if len(news) != 251 || len(news[big]) != 2500 || pages < 5 {
		t.Errorf("%d groups, %d members of the big one, %d pages", len(news), len(news[big]), pages)
	}
	for id, told := range news {
		if id != big && !slices.Equal(told, []string{"+" + ids[0]}) {
			t.Fatalf("a small group: %v", told)
		}
	}
	for _, id := range ids {
		ok(t, s.Take(big, id))
	}
	news, _, pages = c.round(link)
	if len(news) != 1 || len(news[big]) != 2500 || pages != 3 || slices.ContainsFunc(news[big], func(n string) bool { return n[0] != '-' }) {
		t.Errorf("%d groups, %d changes, %d pages", len(news), len(news[big]), pages)
	}
	clean(t, s)
}

// A delta may be behind, and loses nothing by it.
func TestDeltaLags(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{DeltaLag: time.Minute, Steady: true})
	ids := must[[]string](t)(s.Crowd("p", 2))
	g := must[string](t)(s.AddGroup(Group{Name: "g"}))
	_, link, _ := c.round("/groups/delta?$select=members&$deltatoken=latest")
	c.do("PATCH", "/groups/"+g, bind(ids[0]))
	latest := c.do("GET", "/groups/delta?$select=members&$deltatoken=latest", "").text("@odata.deltaLink")
	s.Clock.Advance(30 * time.Second)
	news, link, _ := c.round(link)
	if len(news) != 0 {
		t.Errorf("too early: %v", news)
	}
	c.do("PATCH", "/groups/"+g, bind(ids[1]))
	s.Clock.Advance(30 * time.Second)
	news, link, _ = c.round(link)
	if !slices.Equal(news[g], []string{"+" + ids[0]}) {
		t.Errorf("after a minute: %v", news)
	}
	if news, _, _ := c.round(latest); !slices.Equal(news[g], []string{"+" + ids[0]}) {
		t.Errorf("since latest: %v", news)
	}
	s.Clock.Advance(30 * time.Second)
	if news, _, _ = c.round(link); !slices.Equal(news[g], []string{"+" + ids[1]}) {
		t.Errorf("at last: %v", news)
	}
	clean(t, s)
}

// A tenant does not go on with what another one told: whoever has a token of
// one that was served before it starts again.
func TestDeltaTokenOfAnEarlierTenant(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	earlier, c := open(t, Options{Clock: sim.Frozen(at)})
	ids := must[[]string](t)(earlier.Crowd("p", 3))
	g := must[string](t)(earlier.AddGroup(Group{Name: "g"}))
	_, before, _ := c.round("/groups/delta?$select=members")
	ok(t, earlier.Fill(g, ids...))
	_, after, _ := c.round(before)
	for name, x := range map[string]struct {
		link  string
		later time.Duration
	}{
		"further than anything was told": {after, 0},
		"before anything was told":       {before, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, c := open(t, Options{Clock: sim.Frozen(at.Add(x.later))})
			a := c.do("GET", x.link, "")
			if a.status != 410 || a.code() != "resyncRequired" || a.header.Get("Location") == "" {
				t.Errorf("got %d %v %s, want 410 and where to start again", a.status, a.header, a.raw)
			}
			if news, _, _ := c.round("/groups/delta?$select=members"); len(news) != 0 {
				t.Errorf("after that: got %v, want nothing", news)
			}
		})
	}
}

// A token that somebody made up is refused, and nothing breaks.
func TestDeltaTokenMadeUp(t *testing.T) {
	t.Parallel()
	s, c := open(t, Options{})
	must[string](t)(s.AddGroup(Group{Name: "g"}))
	for name, d := range map[string]deltaPlace{
		"an event to come":      {Seq: 1},
		"an end to come":        {End: 9},
		"before all events":     {Seq: -1},
		"before all groups":     {Full: true, Group: -1, After: -1},
		"after all groups":      {Full: true, Group: 9, After: -1},
		"an end that lies back": {End: -3},
	} {
		d.Epoch, d.At, d.Select = s.changes.epoch, s.Clock.Now().Unix(), []string{"id", "members"}
		if a := c.do("GET", "/groups/delta?$deltatoken="+d.token(), ""); a.status != 410 {
			t.Errorf("%s: got %d %s, want 410", name, a.status, a.raw)
		}
	}
}
