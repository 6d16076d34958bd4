// Package desktest is the room in which the desk, and what leads to it, are
// tested: a store on disk, a directory in memory, a clock that stands still, a
// log that can be read, and the words to speak of them.
package desktest

import (
	"path/filepath"
	"testing"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
	"github.com/daypass-dev/daypass/internal/records"
	"github.com/daypass-dev/daypass/internal/store"
)

// Room is a company with one directory, for one test.
type Room struct {
	Corp   *memory.Directory          // the directory corp
	IDs    map[string]engine.MemberID // the accounts in it, by the names of people
	Groups map[string]engine.GroupID  // the groups in it, by name
	Store  *store.Store
	Clock  *Clock
	Log    *Log
}

// Open opens a room in which these people have accounts, bob and carol among
// them: they are the members of corp/approvers. The other groups, free, prod,
// secret and staging, are empty.
func Open(t testing.TB, people ...string) *Room {
	t.Helper()
	r := &Room{Corp: memory.New("corp"), Store: Store(t), Clock: new(Clock), Log: new(Log)}
	r.IDs, r.Groups = make(map[string]engine.MemberID), make(map[string]engine.GroupID)
	for _, name := range people {
		r.IDs[name] = r.Corp.AddPerson(Person(name), name)
	}
	for _, name := range []string{"approvers", "free", "prod", "secret", "staging"} {
		r.Groups[name] = r.Corp.AddGroup(name)
	}
	r.Corp.Put(r.Groups["approvers"], r.IDs["bob"], r.IDs["carol"])
	return r
}

// Config is that of a desk in the room.
func (r *Room) Config() desk.Config {
	rows, _ := records.Of(r.Store)
	return desk.Config{Store: rows, Now: r.Clock.Now, Log: r.Log.Logger()}
}

// Store opens a store on disk, for as long as the test runs; the test may close
// it before.
func Store(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "daypass.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Person is the address of whoever has a name.
func Person(name string) engine.Person { return engine.Person(name + "@example.org") }

// Group is a group of the directory corp.
func Group(name string) engine.GroupRef { return engine.GroupRef{Directory: "corp", Name: name} }

// Who is some people.
func Who(names ...string) (w access.Who) {
	for _, n := range names {
		w.People = append(w.People, Person(n))
	}
	return w
}

// As is somebody at the desk, who comes by the page.
func As(name string) desk.Caller {
	return desk.Caller{Actor: access.Actor{Person: Person(name), Via: access.Page}}
}
