package google

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/google/googletest"
	"github.com/daypass-dev/daypass/engine"
)

// changed asks what changed, and wants exactly these groups.
func (l *lab) changed(since engine.Mark, want ...engine.GroupID) engine.Mark {
	l.t.Helper()
	got, err := l.Changed(l.ctx(), since)
	l.must(err)
	slices.Sort(want)
	if got.All || !slices.Equal(got.Groups, want) {
		l.t.Errorf("Changed: got %v and all %t, want %v", got.Groups, got.All, want)
	}
	return got.Next
}

// all asks what changed, and wants "anything".
func (l *lab) all(since engine.Mark) engine.Mark {
	l.t.Helper()
	got, err := l.Changed(l.ctx(), since)
	l.must(err)
	if !got.All || got.Next == "" {
		l.t.Errorf("Changed: got %+v, want all, and a mark", got)
	}
	return got.Next
}

func TestMarks(t *testing.T) {
	t.Parallel()
	for _, byID := range []bool{false, true} {
		l := newLab(t, googletest.Options{Reports: googletest.Reports{ByID: byID}})
		more := l.group("more")
		_, err := l.FindAll(l.ctx(), []string{"prod-db" + home, "more" + home})
		l.must(err)
		l.put("ada", "MEMBER")
		mark := l.all("")
		mark = l.changed(mark)
		l.put("bob", "MEMBER")
		l.sim.Clock.Advance(time.Minute)
		l.must(l.sim.Take(string(more), l.ids["ada"+home])) // nothing to take: no event
		mark = l.changed(mark, l.g)
		mark = l.changed(mark) // told once
		l.must(l.sim.Put(string(more), l.ids["ada"+home]))
		l.wantAdd("cyd", true)
		l.sim.Log.Reset()
		l.changed(mark, l.g, more)
		if n := l.sim.Log.Total(); n != 1 {
			t.Errorf("Changed: got %d requests, want one", n)
		}
		l.changed(mark, l.g, more) // an older mark still stands
		l.sim.Clock.Advance(time.Hour)
		l.sim.Grant(bearer)
		l.changed(mark, l.g, more)
	}
}

// An event that shows up late, after another look has been past its time.
func TestMarksAndALogThatLags(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{Reports: googletest.Reports{Lag: 40 * time.Minute}})
	l.put("ada", "MEMBER")
	l.sim.Clock.Advance(50 * time.Minute)
	mark := l.all("")
	l.put("bob", "MEMBER")
	told := 0
	for range 8 {
		l.sim.Clock.Advance(10 * time.Minute)
		l.sim.Grant(bearer)
		got, err := l.Changed(l.ctx(), mark)
		l.must(err)
		mark, told = got.Next, told+len(got.Groups)
	}
	if told != 1 {
		t.Errorf("a change that the log told 40 minutes late: got told %d times, want once", told)
	}
}

// A log that never said a word may be one that we are not shown.
func TestSilentLogIsNotBelieved(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	mark := l.all("")
	mark = l.all(mark)
	l.put("ada", "MEMBER")
	mark = l.changed(mark, l.g)
	l.changed(mark)
}

func TestMarksThatLeadNowhere(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.put("ada", "MEMBER")
	old := l.all("")
	for _, m := range []engine.Mark{"", "x", "{}", `{"at":"2020-01-01T00:00:00Z","heard":true}`, `{"at":"2999-01-01T00:00:00Z","heard":true}`, `{"at":1}`} {
		l.all(m)
	}
	l.sim.Clock.Advance(retention)
	l.sim.Grant(bearer)
	l.all(old)
}

// Without the right or the scope every run lists every group, and the log is
// left alone for a while.
func TestLogThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]*lab{
		"right": newLab(t, googletest.Options{Lacks: []googletest.Right{googletest.ReadReports}}),
		"scope": newLab(t, googletest.Options{}),
	} {
		if name == "scope" {
			l.sim.Grant(bearer, forDirectory.scopes()...)
		}
		mark := l.all("")
		for range 4 {
			mark = l.all(mark)
		}
		if n := l.count(routeLog); n != 1 {
			t.Errorf("without the %s: got %d requests, want one", name, n)
		}
	}
}

func TestMarksTellOfNames(t *testing.T) {
	t.Parallel()
	for _, byID := range []bool{false, true} {
		l := newLab(t, googletest.Options{Reports: googletest.Reports{ByID: byID}})
		_, err := l.FindAll(l.ctx(), []string{"prod-db" + home})
		l.must(err)
		l.put("ada", "MEMBER")
		mark := l.all("")
		names := func(what string, want bool, groups ...engine.GroupID) {
			t.Helper()
			got, err := l.Changed(l.ctx(), mark)
			l.must(err)
			for _, g := range groups {
				if !slices.Contains(got.Groups, g) {
					t.Errorf("Changed after %s: got groups %v, want %s among them", what, got.Groups, g)
				}
			}
			if got.Names != want || got.All {
				t.Errorf("Changed after %s: got names %t and all %t, want %t and false", what, got.Names, got.All, want)
			}
			mark = got.Next
		}
		l.put("bob", "MEMBER")
		names("a change of members", false, l.g)
		l.must(l.sim.RenameGroup("prod-db"+home, "prod-data"+home))
		names("a new name", true, l.g)
		l.put("cyd", "MEMBER")
		names("a change under the new name", false, l.g)
		_, err = l.sim.CreateGroup(googletest.Group{Email: "new" + home})
		l.must(err)
		names("a new group", true)
		l.must(l.sim.DeleteGroup(string(l.g)))
		names("a group that went", true)
	}
}

// An address that passed from one group to another: both have changed.
func TestMarksOfAnAddressThatPassedOn(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	_, err := l.FindAll(l.ctx(), []string{"prod-db" + home})
	l.must(err)
	l.put("ada", "MEMBER")
	mark := l.all("")
	l.must(l.sim.RenameGroup("prod-db"+home, "old-db"+home))
	other := l.group("other")
	l.must(l.sim.RenameGroup("other"+home, "prod-db"+home))
	l.must(l.sim.Put(string(other), l.ids["ada"+home]))
	got, err := l.Changed(l.ctx(), mark)
	l.must(err)
	if !got.Names || !slices.Contains(got.Groups, other) {
		t.Errorf("Changed: got %+v, want names and the group %s that has the address by now", got, other)
	}
}

// Of a process that has just started: addresses are looked up with few
// requests, and what is not a group any more is a matter of names.
func TestMarksOfAFreshProcess(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	var ids []engine.GroupID
	for i := range 30 {
		ids = append(ids, l.group(fmt.Sprintf("g%d", i)))
	}
	l.put("ada", "MEMBER")
	mark := l.all("")
	for _, id := range ids {
		l.must(l.sim.Put(string(id), l.ids["ada"+home]))
	}
	l.Connector = l.connect()
	l.sim.Log.Reset()
	l.changed(mark, ids...)
	if n := l.sim.Log.Total(); n != 2 {
		t.Errorf("Changed: got %d requests, want one for the log and one for 31 groups", n)
	}
}

// What an earlier run learnt saves the requests for names.
func TestRecalledNamesAreNotLookedUp(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	info, err := l.Group(l.ctx(), "prod-db"+home)
	l.must(err)
	l.put("ada", "MEMBER")
	mark := l.all("")
	l.put("bob", "MEMBER")
	l.Connector = l.connect()
	l.Recall(map[string]engine.GroupInfo{"prod-db" + home: info, string(l.g): info})
	l.sim.Log.Reset()
	l.changed(mark, l.g)
	if n := l.sim.Log.Total(); n != 1 {
		t.Errorf("Changed: got %d requests, want one", n)
	}
}

func TestChangedSaysWhyItFailed(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`null`, `<html>`, `{"items":[null]}`, `{"items":[{"id":{"time":"soon"}}]}`, `{"items":[{}]}`} {
		l := newLab(t, googletest.Options{})
		f := refusal(http.StatusOK, "", "")
		f.Body = body
		l.fault(routeLog, f)
		_, err := l.Changed(l.ctx(), "")
		wantKind(t, "Changed, "+body, err, engine.Unavailable)
	}
}

// More events than are worth reading tell that everything changed, and the
// mark stays of a size to be stored.
func TestMarksOfABusyCustomer(t *testing.T) {
	t.Parallel()
	l := newLab(t, googletest.Options{})
	l.put("ada", "MEMBER")
	mark := l.all("")
	for range 5000 {
		l.put("bob", "MEMBER")
	}
	got, err := l.Changed(l.ctx(), mark)
	l.must(err)
	if got.All || !slices.Equal(got.Groups, []engine.GroupID{l.g}) || len(got.Next) > 50000 {
		t.Errorf("Changed after 5,000 events: got %v, all %t, and a mark of %d bytes", got.Groups, got.All, len(got.Next))
	}
	for range 16000 {
		l.put("bob", "MEMBER")
	}
	l.all(got.Next)
}
