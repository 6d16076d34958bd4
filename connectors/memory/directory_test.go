package memory_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daypass-dev/daypass/connectors/memory"
	"github.com/daypass-dev/daypass/engine"
)

// small is a directory with one group and two people.
type small struct {
	*memory.Directory
	t        *testing.T
	group    engine.GroupID
	ada, bob engine.Member
}

func newSmall(t *testing.T) small {
	s := small{Directory: memory.New("corp"), t: t}
	s.group = s.AddGroup("prod-db")
	s.AddPerson("ada@example.org", "ada")
	s.AddPerson("bob@example.org", "bob")
	s.ada, s.bob = s.account("ada@example.org"), s.account("bob@example.org")
	return s
}

func (s small) account(p engine.Person) engine.Member {
	s.t.Helper()
	m, err := s.Resolve(s.t.Context(), p)
	if err != nil {
		s.t.Fatalf("Resolve(%s): got error %v, want none", p, err)
	}
	return m
}

func (s small) list() []engine.Member {
	s.t.Helper()
	ms, err := s.Members(s.t.Context(), s.group)
	if err != nil {
		s.t.Fatalf("Members: got error %v, want none", err)
	}
	return ms
}

// logins wants members with exactly these logins, in the order of their ids.
func (s small) logins(what string, ms []engine.Member, want ...string) {
	s.t.Helper()
	got := []string{}
	for _, m := range ms {
		got = append(got, m.Login)
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestLagShowsOldListingsInOrder(t *testing.T) {
	t.Parallel()
	s := newSmall(t)
	s.Lag(2)
	s.Put(s.group, s.ada.ID)
	s.logins("first reading", s.list())
	s.Put(s.group, s.bob.ID)
	s.logins("second reading", s.list())
	s.logins("third reading", s.list(), "ada")
	s.logins("fourth reading", s.list(), "ada", "bob")
	s.logins("roster", s.Roster(s.group), "ada", "bob")
}

func TestMendEndsTheLag(t *testing.T) {
	t.Parallel()
	s := newSmall(t)
	s.Lag(9)
	s.Put(s.group, s.ada.ID)
	s.Mend()
	s.logins("reading", s.list(), "ada")
	s.Put(s.group, s.bob.ID)
	s.logins("reading of a later change", s.list(), "ada", "bob")
}

func TestLies(t *testing.T) {
	t.Parallel()
	s := newSmall(t)
	s.Put(s.group, s.ada.ID, s.bob.ID)
	s.Lie(s.group, memory.Half)
	s.logins("half", s.list(), "ada")
	s.Lie(s.group, memory.Empty)
	s.logins("empty", s.list())
	s.logins("roster", s.Roster(s.group), "ada", "bob")
	s.Lie(s.group, nil)
	s.logins("honest again", s.list(), "ada", "bob")
}

// A login that was left behind in a group leads to whoever has it next, as in
// LDAP without referential integrity.
func TestGhostBecomesTheNextAccount(t *testing.T) {
	t.Parallel()
	s := newSmall(t)
	s.KeepGhosts()
	s.Put(s.group, s.ada.ID)
	s.Delete(s.ada.ID)
	if got := s.list(); len(got) != 1 || !got[0].Ghost() {
		t.Fatalf("listing after a deletion: got %+v, want one ghost", got)
	}
	heir := s.AddPerson("other.ada@example.org", "ada")
	if got := s.list(); len(got) != 1 || got[0].ID != heir || got[0].Ghost() {
		t.Errorf("listing after the login was given away: got %+v, want the account %s", got, heir)
	}
}

func TestGhostIsRemovedByItsAccount(t *testing.T) {
	t.Parallel()
	s := newSmall(t)
	s.KeepGhosts()
	s.Put(s.group, s.ada.ID)
	s.Delete(s.ada.ID)
	if changed, err := s.Remove(t.Context(), s.group, s.ada); err != nil || !changed {
		t.Errorf("Remove of the deleted account: got changed %t and error %v, want true and none", changed, err)
	}
	s.logins("listing", s.list())
}

func TestWritesAreLogged(t *testing.T) {
	t.Parallel()
	s := newSmall(t)
	s.Put(s.group, s.bob.ID) // unseen: not logged
	s.Fail(memory.Fault{Call: memory.CallRemove, Nth: 1, Kind: engine.Unavailable, After: true})
	s.Fail(memory.Fault{Call: memory.CallAdd, Nth: 2, Kind: engine.Denied})
	for range 3 {
		_, _ = s.Add(t.Context(), s.group, s.ada) // the second is refused
	}
	_, err := s.Remove(t.Context(), s.group, s.ada)
	if got := engine.KindOf(err); got != engine.Unavailable {
		t.Errorf("Remove with its answer lost: got kind %s, want %s", got, engine.Unavailable)
	}
	want := []memory.Write{
		{Op: engine.Add, Group: s.group, Member: s.ada.ID, Changed: true},
		{Op: engine.Add, Group: s.group, Member: s.ada.ID},
		{Op: engine.Remove, Group: s.group, Member: s.ada.ID, Changed: true, Lost: true},
	}
	if diff := cmp.Diff(want, s.Writes()); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	if got := s.Calls(memory.CallAdd); got != 3 {
		t.Errorf("calls of add: got %d, want 3", got)
	}
	if got := s.Calls(memory.AnyCall); got != 6 {
		t.Errorf("calls: got %d, want 6", got)
	}
}

func TestClockIsSettable(t *testing.T) {
	t.Parallel()
	s := newSmall(t)
	want := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	s.SetClock(func() time.Time { return want })
	if got, err := s.Time(t.Context()); err != nil || !got.Equal(want) {
		t.Errorf("Time: got %s and error %v, want %s and none", got, err, want)
	}
}

// Only accounts are added and removed; a nested group is not ours to touch.
func TestOtherKindsAreRejected(t *testing.T) {
	t.Parallel()
	s := newSmall(t)
	nested := s.AddGroup("nested")
	s.Nest(s.group, nested)
	s.RenameGroup(nested, "inner")
	s.logins("listing with a renamed group in it", s.list(), "inner")
	device := s.AddObject(engine.OtherMember, "printer")
	s.Put(s.group, device)
	for _, m := range s.list() {
		if m.Kind == engine.AccountMember {
			t.Errorf("kind of %s: got an account, want another kind", m.Login)
		}
		_, err := s.Remove(t.Context(), s.group, m)
		if got := engine.KindOf(err); got != engine.Rejected {
			t.Errorf("Remove(%s): got kind %s, want %s", m.Login, got, engine.Rejected)
		}
	}
	s.DeleteGroup(nested)
	s.logins("listing after the nested group went", s.list(), "printer")
}

func TestDisabledMayBeEnabled(t *testing.T) {
	t.Parallel()
	s := newSmall(t)
	s.Disable(s.ada.ID)
	_, err := s.Resolve(t.Context(), "ada@example.org")
	if got := engine.KindOf(err); got != engine.Disabled {
		t.Errorf("Resolve of a disabled account: got kind %s, want %s", got, engine.Disabled)
	}
	s.Enable(s.ada.ID)
	if got := s.account("ada@example.org"); got != s.ada {
		t.Errorf("Resolve of an enabled account: got %+v, want %+v", got, s.ada)
	}
}

func TestMistakesOfATestPanic(t *testing.T) {
	t.Parallel()
	s := newSmall(t)
	for what, f := range map[string]func(){
		"an unknown account": func() { s.Put(s.group, "nobody") },
		"an unknown group":   func() { s.Put("nowhere", s.ada.ID) },
		"a login twice":      func() { s.Rename(s.ada.ID, "bob") },
	} {
		if !panics(f) {
			t.Errorf("%s: got no panic, want one", what)
		}
	}
	s.Rename(s.ada.ID, "ada") // its own login is no mistake
}

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}
