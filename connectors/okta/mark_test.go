package okta

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/okta/oktatest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/sim"
)

// told asks what changed, and returns it with the next mark.
func told(t testing.TB, c *Connector, since engine.Mark) engine.Changes {
	t.Helper()
	ch, err := c.Changed(t.Context(), since)
	if err != nil || ch.Next == "" {
		t.Fatalf("Changed: got %+v and error %v, want a mark", ch, err)
	}
	return ch
}

func wantTold(t testing.TB, what string, ch engine.Changes, names bool, groups ...engine.GroupID) {
	t.Helper()
	if ch.All || ch.Names != names || fmt.Sprint(ch.Groups) != fmt.Sprint(groups) {
		t.Errorf("%s: got %+v, want groups %v and names %t", what, ch, groups, names)
	}
}

// A change is told until the listings show it for sure, and then no more.
func TestChangesAreToldUntilTheyShow(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{Clock: sim.Frozen(time.Now())})
	ada := b.userOf(oktatest.User{Login: "ada" + testMail})
	g, other := b.group("prod-db"), b.group("other")
	c := b.connector()
	b.clock.Advance(time.Hour)
	first := told(t, c, "")
	if !first.All {
		t.Fatalf("first mark: got %+v, want All", first)
	}
	ch := told(t, c, first.Next)
	wantTold(t, "nothing changed", ch, false)

	b.must(b.s.Put(string(g), string(ada)))
	ch = told(t, c, ch.Next)
	wantTold(t, "a member came", ch, false, g)
	b.clock.Advance(c.Grace() / 2)
	ch = told(t, c, ch.Next)
	wantTold(t, "within the grace", ch, false, g)
	b.clock.Advance(c.Grace())
	ch = told(t, c, ch.Next)
	wantTold(t, "after the grace, once more", ch, false, g)
	for range 3 {
		ch = told(t, c, ch.Next)
		wantTold(t, "told already", ch, false)
		b.clock.Advance(30 * time.Second)
	}

	b.must(b.s.RenameGroup(string(other), "another"))
	fresh := b.group("fresh")
	ch = told(t, c, ch.Next)
	wantTold(t, "a group was renamed, and one came", ch, true, other, fresh)
	b.clock.Advance(time.Minute)
	if ch = told(t, c, ch.Next); len(ch.Groups) != 2 {
		t.Errorf("once more: got %+v, want both groups", ch)
	}
	b.clock.Advance(time.Minute)
	ch = told(t, c, ch.Next)
	wantTold(t, "told already", ch, false)
}

// A list of groups may show a change late, behind one that came after it.
func TestLateChangesAreTold(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{Clock: sim.Frozen(time.Now()), MarkLag: 20 * time.Second})
	ada := engine.Member{ID: b.userOf(oktatest.User{Login: "ada" + testMail}), Login: "ada"}
	g, other := b.group("prod-db"), b.group("other")
	c := b.connector()
	b.clock.Advance(time.Hour)
	ch := told(t, c, "")
	if changed, err := c.Add(t.Context(), g, ada); err != nil || !changed {
		t.Fatalf("Add: got changed %t and error %v", changed, err)
	}
	b.clock.Advance(10 * time.Second)
	b.must(b.s.Put(string(other), string(ada.ID))) // shown at once
	ch = told(t, c, ch.Next)
	wantTold(t, "the later change", ch, false, other)
	b.clock.Advance(10 * time.Second)
	if ch = told(t, c, ch.Next); !strings.Contains(fmt.Sprint(ch.Groups), string(g)) {
		t.Errorf("the earlier change, shown later: got %+v, want %s", ch, g)
	}
}

// Okta's times may be cut to the second: a change in the second of one that was
// told must not be lost.
func TestTwoChangesInOneSecond(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{Clock: sim.Frozen(time.Now())})
	ada, bob := b.userOf(oktatest.User{Login: "ada" + testMail}), b.userOf(oktatest.User{Login: "bob" + testMail})
	g := b.group("prod-db")
	c := b.connector()
	b.clock.Advance(time.Hour)
	ch := told(t, c, "")
	for _, id := range []engine.MemberID{ada, bob} {
		b.must(b.s.Put(string(g), string(id))) // at the very same time
		ch = told(t, c, ch.Next)
		wantTold(t, "a member came", ch, false, g)
	}
}

// No list tells of a group that was deleted, so names are to be looked up anew
// every now and then.
func TestDeletedGroupsAreToldByNames(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{Clock: sim.Frozen(time.Now())})
	g := b.group("prod-db")
	c := b.connector()
	b.clock.Advance(time.Hour)
	ch := told(t, c, "")
	b.must(b.s.DeleteGroup(string(g)))
	for waited := time.Duration(0); waited < namesEvery-time.Minute; waited += time.Minute {
		ch = told(t, c, ch.Next)
		wantTold(t, waited.String(), ch, false)
		b.clock.Advance(time.Minute)
	}
	b.clock.Advance(time.Minute + 2*time.Second) // the clock is told to the second, and run on by this machine's
	ch = told(t, c, ch.Next)
	wantTold(t, "after "+namesEvery.String(), ch, true)
	ch = told(t, c, ch.Next)
	wantTold(t, "right after that", ch, false)
}

// Marks that are not this org's are no error.
func TestForeignMarks(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	c := b.connector()
	own := told(t, c, "").Next
	other := strings.Replace(string(own), b.s.URL(), "https://other.okta.com", 1)
	for _, m := range []string{"", "x", "{}", "null", "[]", `{"v":99,"org":"` + b.s.URL() + `","at":1}`, other} {
		if ch := told(t, c, engine.Mark(m)); !ch.All || len(ch.Groups) > 0 {
			t.Errorf("%q: got %+v, want All", m, ch)
		}
	}
	if ch := told(t, c, own); ch.All {
		t.Errorf("its own mark: got %+v, want no All", ch)
	}
}

// The log tells who changed a group, in order, each event once.
func TestAttribution(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{Clock: sim.Frozen(time.Now().Truncate(time.Second)), LogLag: 20 * time.Second, Seed: 3})
	g, other := b.group("prod-db"), b.group("other")
	c := b.connector()
	start := b.clock.Now()
	var want []string
	for i := range 12 { // events come into the log out of their order
		m := engine.Member{ID: b.userOf(oktatest.User{Login: fmt.Sprintf("p%d%s", i, testMail)}), Login: "p"}
		b.clock.Advance(time.Second)
		b.must(b.s.Put(string(other), string(m.ID)))
		if changed, err := c.Add(t.Context(), g, m); err != nil || !changed {
			t.Fatalf("Add: got changed %t and error %v", changed, err)
		}
		want = append(want, "add "+string(m.ID))
		if i%3 == 0 {
			b.clock.Advance(time.Second)
			b.must(b.s.Take(string(g), string(m.ID)))
			want = append(want, "remove "+string(m.ID))
		}
	}
	b.clock.Advance(time.Minute)
	lines, err := c.Attribute(t.Context(), g, start)
	var got []string
	for _, l := range lines {
		got = append(got, string(l.Op)+" "+string(l.Member))
		if !strings.Contains(l.By, oktatest.AdminLogin) {
			t.Errorf("got %+v, want it by the administrator", l)
		}
	}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v and error %v, want %v", got, err, want)
	}
	if lines, err := c.Attribute(t.Context(), g, start.Add(-300*24*time.Hour)); err != nil || len(lines) != len(want) {
		t.Errorf("from long ago: got %d lines and error %v, want %d", len(lines), err, len(want))
	}
	if lines, err := c.Attribute(t.Context(), g, b.clock.Now()); err != nil || len(lines) > 0 {
		t.Errorf("from now: got %d lines and error %v, want none", len(lines), err)
	}
}

// A long log is read page by page and comes to an end.
func TestAttributionOfManyChanges(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{})
	ada := b.userOf(oktatest.User{Login: "ada" + testMail})
	g := b.group("prod-db")
	c := b.connector()
	start := b.clock.Now().Add(-time.Second)
	for range 600 {
		b.must(b.s.Put(string(g), string(ada)))
		b.must(b.s.Take(string(g), string(ada)))
	}
	if lines, err := c.Attribute(t.Context(), g, start); err != nil || len(lines) != 1200 {
		t.Errorf("got %d lines and error %v, want 1200", len(lines), err)
	}
	if got := b.s.Log.Count("GET /api/v1/logs"); got != 2 {
		t.Errorf("requests: got %d, want 2 pages", got)
	}
}

func TestActorsForPeople(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]party{
		"Ada Lovelace (ada@example.org)":                 {ID: "00u1", Type: "User", AltID: "ada@example.org", Display: "Ada Lovelace"},
		"ada@example.org":                                {ID: "00u1", Type: "User", AltID: "ada@example.org"},
		"daypass, PublicClientApp":                       {ID: "0oa1", Type: "PublicClientApp", AltID: "unknown", Display: "daypass"},
		"Okta System (system@okta.com), SystemPrincipal": {ID: "s", Type: "SystemPrincipal", AltID: "system@okta.com", Display: "Okta System"},
		"00u1": {ID: "00u1", Type: "User"},
	} {
		if got := p.by(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// The clock is the org's, and costs no request once there was an answer.
func TestTime(t *testing.T) {
	t.Parallel()
	b := newBench(t, oktatest.Options{Clock: sim.Frozen(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC))})
	c := b.connector()
	for range 3 {
		got, err := c.Time(t.Context())
		if off := got.Sub(b.clock.Now()); err != nil || off < 0 || off > time.Minute || got.Location() != time.UTC {
			t.Errorf("got %s and error %v, want about %s", got, err, b.clock.Now())
		}
	}
	if got := b.s.Log.Total(); got != 1 {
		t.Errorf("requests: got %d, want one", got)
	}
}
