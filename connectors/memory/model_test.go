package memory_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// model is what a group ought to hold, kept as plainly as can be, and the
// answers that follow from it.
type model struct {
	d      *memory.Directory
	groups []engine.GroupID
	people []engine.MemberID
	in     map[engine.GroupID]map[engine.MemberID]bool
}

func newModel() *model {
	m := &model{d: memory.New("corp"), in: map[engine.GroupID]map[engine.MemberID]bool{}}
	for i := range 3 {
		g := m.d.AddGroup(fmt.Sprint("group-", i))
		m.groups, m.in[g] = append(m.groups, g), map[engine.MemberID]bool{}
	}
	for i := range 5 {
		login := fmt.Sprint("person-", i)
		m.people = append(m.people, m.d.AddPerson(engine.Person(login+"@example.org"), login))
	}
	return m
}

func (m *model) draw(t *rapid.T) (engine.GroupID, engine.MemberID) {
	return rapid.SampledFrom(m.groups).Draw(t, "group"), rapid.SampledFrom(m.people).Draw(t, "person")
}

func (m *model) agrees(t *rapid.T) {
	for _, g := range m.groups {
		ms, err := m.d.Members(context.Background(), g)
		if err != nil {
			t.Fatalf("Members(%s): got error %v, want none", g, err)
		}
		var got []engine.MemberID
		for _, member := range ms {
			got = append(got, member.ID)
		}
		if want := slices.Sorted(maps.Keys(m.in[g])); !slices.Equal(got, want) {
			t.Fatalf("Members(%s): got %q, want %q", g, got, want)
		}
	}
}

// TestEveryHistoryAgreesWithASet drives groups from both sides and compares
// listings and answers with plain sets.
func TestEveryHistoryAgreesWithASet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newModel()
		write := func(do func(context.Context, engine.GroupID, engine.Member) (bool, error), present bool) func(*rapid.T) {
			return func(t *rapid.T) {
				g, id := m.draw(t)
				changed, err := do(context.Background(), g, engine.Member{ID: id})
				if want := m.in[g][id] != present; err != nil || changed != want {
					t.Fatalf("change of %s in %s: got changed %t and error %v, want %t and none", id, g, changed, err, want)
				}
				m.set(g, id, present)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"add":    write(m.d.Add, true),
			"remove": write(m.d.Remove, false),
			"put":    func(t *rapid.T) { g, id := m.draw(t); m.d.Put(g, id); m.set(g, id, true) },
			"take":   func(t *rapid.T) { g, id := m.draw(t); m.d.Take(g, id); m.set(g, id, false) },
			"rename": func(t *rapid.T) {
				_, id := m.draw(t)
				m.d.Rename(id, string(id)+rapid.SampledFrom([]string{"a", "b"}).Draw(t, "login"))
			},
			"": m.agrees,
		})
	})
}

func (m *model) set(g engine.GroupID, id engine.MemberID, present bool) {
	if present {
		m.in[g][id] = true
		return
	}
	delete(m.in[g], id)
}

// BenchmarkListing is the price of one listing of a thousand members.
func BenchmarkListing(b *testing.B) {
	d := memory.New("corp")
	g := d.AddGroup("crowd")
	crowd(d, g, 1000)
	for b.Loop() {
		if ms, err := d.Members(context.Background(), g); err != nil || len(ms) != 1000 {
			b.Fatalf("Members: got %d and error %v, want 1000 and none", len(ms), err)
		}
	}
}

// BenchmarkHistory is a short life of a small directory: what a property pays.
func BenchmarkHistory(b *testing.B) {
	for b.Loop() {
		m := newModel()
		for i := range 40 {
			g, id := m.groups[i%len(m.groups)], m.people[cmp.Compare(i%7, 3)+2]
			if _, err := m.d.Add(context.Background(), g, engine.Member{ID: id}); err != nil {
				b.Fatal(err)
			}
			m.d.Take(g, id)
		}
	}
}
