package memory_test

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daypass-dev/daypass/connectors/connectortest"
	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, func(*testing.T) connectortest.World { return open(memory.New("corp")) }, connectortest.All()...)
}

// The same, where a deleted account leaves its name behind in groups.
func TestConformanceWithGhosts(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, func(*testing.T) connectortest.World {
		d := memory.New("corp")
		d.KeepGhosts()
		return open(d)
	}, connectortest.All()...)
}

// The same, where what was added without an end cannot be given one.
func TestConformanceWithFixedEnds(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, func(*testing.T) connectortest.World {
		d := memory.New("corp")
		w := open(d)
		d.SetTerms(memory.Terms{Max: w.MaxTerm, Fixed: true, Step: time.Millisecond})
		return w
	}, connectortest.All()...)
}

// The same, where nothing is there but what every world needs.
func TestConformanceBare(t *testing.T) {
	t.Parallel()
	connectortest.Run(t, func(t *testing.T) connectortest.World {
		w := open(memory.New("corp"))
		bare := connectortest.World{
			Connector: struct{ engine.Connector }{w.Connector}, Directory: w.Directory,
			Group: w.Group, GroupName: w.GroupName, People: w.People, Stranger: w.Stranger,
		}
		if has := bare.Features(); len(has) > 0 {
			t.Errorf("features of a bare world: got %q, want none", has)
		}
		return bare
	})
}

// open fills a directory and opens it as a world that lacks nothing.
func open(d *memory.Directory) connectortest.World {
	w := connectortest.World{
		Connector: d, Directory: "corp", GroupName: "prod-db", Stranger: "eve@example.org",
		Twins: "tim@example.org", Disabled: "dan@example.org",
		Ambiguous: "same", Unmanageable: "dynamic", Secrets: []string{"s3cr3t"},
	}
	account := map[engine.Person]engine.MemberID{}
	join := func(login string) engine.Person {
		p := engine.Person(fmt.Sprintf("p%d@example.org", len(account)))
		account[p] = d.AddPerson(p, login)
		return p
	}
	for _, login := range []string{"ada", "bob", "cyd", "dee", "eli"} {
		w.People = append(w.People, join(login))
	}
	for _, login := range []string{"Lovelace, Ada", `"quoted"`, "a+b", " space ", "Åsa Öberg", "(x)(y=*)", `back\slash`, "*", "#hash;<>"} {
		w.Odd = append(w.Odd, join(login))
	}
	d.AddPerson(w.Twins, "tim")
	d.AddPerson(w.Twins, "tim-admin")
	d.Disable(d.AddPerson(w.Disabled, "dan"))

	w.Group = d.AddGroup(w.GroupName)
	w.OddGroups = []string{"a, b", "a+b", `c\d`, "(e)", "f*", "  g", "日本"}
	for _, name := range append(w.OddGroups, "same", "same") {
		d.AddGroup(name)
	}
	d.Unmanageable(d.AddGroup("dynamic"), "membership follows a rule")
	w.MoreGroups = []engine.GroupID{d.AddGroup("more-1"), d.AddGroup("more-2")}

	w.Crowd = func(n int) { crowd(d, w.Group, n) }
	w.Nest = func() { d.Nest(w.Group, d.AddGroup("nested")) }
	w.Put = func(p engine.Person) { d.Put(w.Group, account[p]) }
	w.Take = func(p engine.Person) { d.Take(w.Group, account[p]) }
	w.Delete = func(p engine.Person) { d.Delete(account[p]) }
	w.Rename = func(p engine.Person, login string) { d.Rename(account[p], login) }
	w.RenameGroup = func(name string) { d.RenameGroup(w.Group, name) }
	w.DeleteGroup = func() { d.DeleteGroup(w.Group) }
	w.Has = func(p engine.Person) bool { return d.Has(w.Group, account[p]) }
	w.Mark = func() string { return strconv.Itoa(len(d.Writes())) }
	w.Fail = func(n int, k engine.Kind) { d.Fail(memory.Fault{Nth: n, Kind: k}) }
	w.Truncate = func() { d.Truncate(w.Group) }
	w.Lose = func() { d.Fail(memory.Fault{Nth: 1, Kind: engine.Unavailable, After: true}) }
	w.Stall = func() func() {
		d.Fail(memory.Fault{Nth: 1, Stall: true})
		return d.Mend
	}

	w.MaxTerm, w.Endless = 10*24*time.Hour, d.AddGroup("endless")
	d.SetTerms(memory.Terms{Max: w.MaxTerm})
	d.Endless(w.Endless)
	var ahead atomic.Int64
	w.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	d.SetClock(w.Now)
	w.Pass = func(by time.Duration) { ahead.Add(int64(by)) }
	w.Logon = func(p engine.Person) func() bool { return d.Logon(account[p]) }
	w.Attributes = []string{"department", "site"}
	w.Profile = func(p engine.Person, tells engine.Profile) { d.SetProfile(account[p], tells) }
	return w
}

func crowd(d *memory.Directory, g engine.GroupID, n int) {
	for i := len(d.Roster(g)); i < n; i++ {
		login := fmt.Sprintf("crowd-%d", i)
		d.Put(g, d.AddPerson(engine.Person(login+"@example.org"), login))
	}
}
