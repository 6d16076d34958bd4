package oktatest

import (
	"slices"
	"testing"
	"time"
)

func TestListingsLag(t *testing.T) {
	t.Parallel()
	shown := func(c *client) bool {
		inGroup := len(c.get(c.members("prod-db")).list(t, "id")) == 1
		ofUser := slices.Contains(c.get("/api/v1/users/"+c.s.UserID("ada@example.org")+"/groups").list(t, "profile", "name"), "prod-db")
		if inGroup != ofUser && c.s.opts.LagMode == Steady {
			t.Errorf("the group says %t, the user says %t", inGroup, ofUser)
		}
		return inGroup
	}
	t.Run("steady", func(t *testing.T) {
		t.Parallel()
		c := open(t, func(o *Options) { o.Lag, o.LagMode = 30*time.Second, Steady })
		for _, step := range []struct {
			do   func()
			want bool
		}{
			{func() { c.want("PUT", c.membership("prod-db", "ada"), 204, "") }, false},
			{func() { c.s.Clock.Advance(29 * time.Second) }, false},
			{func() { c.s.Clock.Advance(time.Second) }, true},
			{func() { c.want("DELETE", c.membership("prod-db", "ada"), 204, "") }, true},
			{func() { c.s.Clock.Advance(30 * time.Second) }, false},
			{func() { c.ok(c.s.Put("prod-db", "ada@example.org")) }, true}, // the harness is seen at once
			{func() { c.ok(c.s.Take("prod-db", "ada@example.org")) }, false},
		} {
			step.do()
			if got := shown(c); got != step.want {
				t.Fatalf("got shown %t, want %t", got, step.want)
			}
		}
	})
	t.Run("as recorded", func(t *testing.T) {
		t.Parallel()
		c := open(t, func(o *Options) { o.Lag, o.LagMode = 2*time.Second, Recorded })
		c.want("PUT", c.membership("prod-db", "ada"), 204, "")
		missed := 0
		for range 500 {
			if !shown(c) {
				missed++
			}
		}
		if missed < 60 || missed > 140 {
			t.Errorf("missed by %d of 500 readings, want about a fifth", missed)
		}
		c.s.Clock.Advance(2 * time.Second)
		for range 50 {
			if !shown(c) {
				t.Fatal("missed after the lag")
			}
		}
		c.want("DELETE", c.membership("prod-db", "ada"), 204, "")
		if shown(c) {
			t.Error("a removal does not show at once")
		}
	})
	t.Run("drawn", func(t *testing.T) {
		t.Parallel()
		c := open(t, func(o *Options) { o.Lag = 60 * time.Second })
		c.want("PUT", c.membership("prod-db", "ada"), 204, "")
		c.s.Clock.Advance(30 * time.Second)
		seen := map[bool]int{}
		for range 100 {
			seen[shown(c)]++
		}
		if seen[true] < 20 || seen[false] < 20 {
			t.Errorf("got %v after half of the lag, want both often", seen)
		}
	})
}

func TestMarksLagOnTheirOwn(t *testing.T) {
	t.Parallel()
	c := open(t, func(o *Options) { o.MarkLag = 10 * time.Second })
	c.s.Clock.Advance(time.Hour)
	since := c.s.Clock.Now().Add(-time.Second).Format(stampLayout)
	changed := func() []string {
		return c.get("/api/v1/groups?filter="+escape(`lastMembershipUpdated gt "`+since+`"`)).list(t, "profile", "name")
	}
	c.want("PUT", c.membership("prod-db", "ada"), 204, "")
	equal(t, "at once", changed(), []string{})
	c.s.Clock.Advance(10 * time.Second)
	equal(t, "after the lag", changed(), []string{"prod-db"})
	c.ok(c.s.Put("prod-web", "ada@example.org"))
	equal(t, "by the harness", changed(), []string{"prod-db", "prod-web"})
}
