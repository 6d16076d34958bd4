package oktatest

import (
	"strings"
	"testing"
)

func TestMembersComeInPages(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		edit func(*Options)
	}{
		{"plain", func(*Options) {}},
		{"folded links", func(o *Options) { o.FoldLinks = true }},
		{"commas in cursors", func(o *Options) { o.CommaCursors = true }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := open(t, tt.edit)
			c.ok(c.s.Fill("prod-db", "ada@example.org", "ben@example.org", "cyd@example.org"))
			first := c.get(c.members("prod-db") + "?limit=2")
			equal(t, "first page", first.list(t, "profile", "login"), []string{"ada@example.org", "ben@example.org"})
			wantLinks := 2
			if c.s.opts.FoldLinks {
				wantLinks = 1
			}
			if n := len(first.header["Link"]); n != wantLinks {
				t.Errorf("got %d Link headers, want %d: %q", n, wantLinks, first.header["Link"])
			}
			last := c.get(first.next())
			equal(t, "last page", last.list(t, "profile", "login"), []string{"cyd@example.org"})
			if last.next() != "" {
				t.Errorf("got a next link %q on the last page", last.next())
			}
			if strings.Contains(first.next(), "c,") != c.s.opts.CommaCursors {
				t.Errorf("got next %q", first.next())
			}
			equal(t, "violations", c.s.Violations(), nil)
		})
	}
}

func TestPagesWithWrongParameters(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.ok(c.s.Fill("prod-db", "ada@example.org", "ben@example.org"))
	next := c.get(c.members("prod-db") + "?limit=1").next()
	_, cursor, _ := strings.Cut(next, "after=")
	for _, query := range []string{"?limit=0", "?limit=-1", "?limit=x", "?after=x", "?after=MTIz"} {
		c.want("GET", c.members("prod-db")+query, 400, "E0000001")
	}
	c.want("GET", c.members("prod-web")+"?after="+cursor, 400, "E0000001") // of another list
	c.want("GET", "/api/v1/groups/rules?limit=201", 400, "E0000001")
	if got := len(c.get(c.members("prod-db")+"?limit=5000").list(t, "id")); got != 2 {
		t.Errorf("a large limit: got %d members, want 2", got)
	}
}

func TestThePageHasALargestSize(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *Options) { o.MemberPage = 2 })
	c.ok(c.s.Fill("prod-db", "ada@example.org", "ben@example.org", "cyd@example.org"))
	if g := c.get(c.members("prod-db") + "?limit=200"); len(g.list(t, "id")) != 2 || g.next() == "" {
		t.Errorf("got %d members and next %q, want 2 and a next page", len(g.list(t, "id")), g.next())
	}
}
