package google

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/daypass-dev/daypass/connectors/google/googletest"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/sim"
)

func TestGroupsThatAreNotFound(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	gone := l.group("gone")
	l.must(l.sim.DeleteGroup(string(gone)))
	for _, name := range []string{"", "*", "..", "prod-db/x@example.org", "two words", "gone" + home, string(gone), "team@elsewhere.example", "prod db@example.org"} {
		_, err := l.Group(l.ctx(), name)
		wantKind(t, "Group("+name+")", err, engine.NotFound)
	}
}

// A person's address is no group's.
func TestAnAccountIsNoGroup(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	_, err := l.Group(l.ctx(), "ada"+home)
	wantKind(t, "Group", err, engine.NotFound)
}

func TestGarbledGroups(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{}`, `null`, `{"kind":"admin#directory#group"}`, `{"kind":"admin#directory#group","id":"","email":"a@b"}`, `<html>`} {
		l := newLab(t, googletest.Options{})
		l.fault(routeGroup, sim.Fault{Status: http.StatusOK, Body: body})
		_, err := l.Group(l.ctx(), "prod-db"+home)
		wantKind(t, "Group, "+body, err, engine.Unavailable)
	}
}

// A listing of groups that stops early ends in an error, on whichever page.
func TestGroupListingsAreWholeOrAnError(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	for i := range 450 {
		l.group(fmt.Sprintf("g%d", i))
	}
	for page, kind := range []engine.Kind{engine.Rejected, engine.Partial, engine.Partial} {
		f := refusal(http.StatusBadRequest, "invalid", "Invalid Input: pageToken")
		f.Skip = page
		l.fault(routeGroups, f)
		n := 0
		var last error
		for _, err := range l.Groups(l.ctx()) {
			if last = err; err == nil {
				n++
			}
		}
		wantKind(t, fmt.Sprintf("Groups, page %d refused", page+1), last, kind)
		if n != 200*page {
			t.Errorf("Groups, page %d refused: got %d groups before, want %d", page+1, n, 200*page)
		}
	}
}

func TestFindAllCountsRequests(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	var names []string
	for i := range 1000 {
		l.group(fmt.Sprintf("g%d", i))
		names = append(names, fmt.Sprintf("g%d%s", i, home))
	}
	dynamic, err := l.sim.AddGroup(googletest.Group{Email: "dyn" + home, Kind: googletest.Dynamic})
	l.must(err)
	names = append(names, dynamic)
	found, err := l.FindAll(l.ctx(), names)
	l.must(err)
	for i, f := range found {
		if f.Err != nil || (f.Info.Unmanageable != "") != (i == 1000) {
			t.Fatalf("FindAll: got %+v for %s", f, names[i])
		}
	}
	// 1,002 groups, 200 a page; one search for dynamic ones, and one group that
	// tells whose customer it is.
	if pages, singles, kinds := l.count(routeGroups), l.count(routeGroup), l.count(routeKind)+l.count(routeSearch); pages != 6 || singles != 0 || kinds != 2 {
		t.Errorf("FindAll of 1,001: got %d pages, %d single requests and %d for kinds, want 6, 0 and 2", pages, singles, kinds)
	}
	l.sim.Log.Reset()
	if _, err := l.FindAll(l.ctx(), names[:2]); err != nil {
		t.Fatal(err)
	}
	if pages, singles, all := l.count(routeGroups), l.count(routeGroup), l.sim.Log.Total(); pages != 0 || singles != 2 || all != 2 {
		t.Errorf("FindAll of 2: got %d pages and %d single requests of %d, want 0 and 2 of 2", pages, singles, all)
	}
}

// What one listing does not show is Google's to deny: an alias that is listed
// nowhere, a group that is gone.
func TestFindAllAsksForWhatIsMissing(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	names := []string{"prod-db" + home, "PROD-DB" + home, string(l.g), "no-group" + home, "*"}
	found, err := l.FindAll(l.ctx(), names)
	l.must(err)
	for i := range 3 {
		if found[i].Err != nil || found[i].Info.ID != l.g {
			t.Errorf("FindAll: got %+v for %s, want %s", found[i], names[i], l.g)
		}
	}
	wantKind(t, "FindAll of no group", found[3].Err, engine.NotFound, "no-group"+home)
	wantKind(t, "FindAll of no name", found[4].Err, engine.NotFound)
}

// A full plan's readings over many groups: the pages of the listings, and a
// few for finding groups and people.
func TestRequestsOfAFullPlan(t *testing.T) {
	t.Parallel()
	const groups, members = 200, 200
	l := newLab(t, googletest.Options{})
	var people []engine.Person
	for i := range members {
		l.person(fmt.Sprintf("p%d", i))
		people = append(people, engine.Person(fmt.Sprintf("p%d%s", i, home)))
	}
	var names []string
	for i := range groups {
		g := googletest.Group{Email: fmt.Sprintf("g%d%s", i, home)}
		for _, p := range people {
			g.Members = append(g.Members, googletest.Member{Email: string(p)})
		}
		_, err := l.sim.AddGroup(g)
		l.must(err)
		names = append(names, g.Email)
	}
	l.sim.Log.Reset()
	found, err := l.FindAll(l.ctx(), names)
	l.must(err)
	_, err = l.ResolveAll(l.ctx(), people)
	l.must(err)
	for _, f := range found {
		ms, err := l.Members(l.ctx(), f.Info.ID)
		l.must(err)
		if len(ms) != members {
			t.Fatalf("Members of %s: got %d, want %d", f.Info.Name, len(ms), members)
		}
	}
	pages, bulk := l.count(routeList), l.count(routeGroups)+l.count(routeUsers)
	if total := l.sim.Log.Total(); pages != groups || bulk != 2+1 || total > pages+bulk+2 {
		t.Errorf("full plan: got %d requests, %d pages of members and %d bulk ones, want at most %d, %d and %d", total, pages, bulk, groups+5, groups, 3)
	}
}
