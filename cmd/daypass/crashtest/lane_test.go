package crashtest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/audit"
	"github.com/daypass-dev/daypass/internal/beds"
	"github.com/daypass-dev/daypass/internal/store"
)

// lane is a story that has come to the instant before the run that is killed,
// to be told again and again.
type lane struct {
	*story
	clock   clock
	program string
	dir     *directory
	folder  string
	begin   map[string][]string // who is in each group at that instant
	store   string              // the store of that instant
	head    audit.Head          // how far its log goes
}

// newLane tells a story of n groups up to the instant before the run.
func newLane(t *testing.T, program string, bed *beds.SlapdServer, name string, n int) *lane {
	t.Helper()
	l := &lane{
		story: newStory(n), clock: clock{time.Now().UTC().Truncate(time.Second)}, program: program,
		dir: newDirectory(t, bed, name), folder: t.TempDir(),
	}
	first := l.members(func(r role) bool { return r.standing || r.stranger })
	for _, g := range l.groups {
		l.dir.create(g, first[g.name])
	}
	r := l.furnish(t, "first", bed.URL, l.file(l.clock, func(r role) []wish { return r.before }), "")
	l.byHand(t, r, l.grant)
	if e := r.run(t.Context(), nil, "sync"); e.code != 0 {
		t.Fatalf("the first sync: %v", e)
	}
	if diff := cmp.Diff(l.members(role.begins), l.dir.members()); diff != "" {
		t.Fatalf("after the first sync the directory is not as expected (-want +got):\n%s", diff)
	}
	l.byHand(t, r, l.change)
	l.begin = l.members(func(r role) bool { return r.begins() && !r.taken })
	l.store = r.store()
	return l
}

// byHand changes the store as an administrator would.
func (l *lane) byHand(t *testing.T, r *room, f func(*testing.T, *store.Store, part)) {
	t.Helper()
	s := openStore(t, r.store())
	for _, p := range l.parts {
		f(t, s, p)
	}
	var err error
	if l.head, err = s.Head(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// id is that of the grant by hand of a part; there is at most one.
func (p part) id() engine.GrantID { return engine.GrantID("hand-" + p.group + "-" + p.person) }

func (l *lane) grant(t *testing.T, s *store.Store, p part) {
	t.Helper()
	if p.hand != "" {
		l.add(t, s, p, p.hand)
	}
}

func (l *lane) add(t *testing.T, s *store.Store, p part, until end) {
	t.Helper()
	_, err := s.AddGrant(t.Context(), store.HandGrant{
		ID: p.id(), Person: engine.Person(mail(p.person)), Target: "corp/" + p.group, Until: l.clock.at(until),
	}, "admin", time.Now())
	if err != nil {
		t.Fatal(err)
	}
}

func (l *lane) change(t *testing.T, s *store.Store, p part) {
	t.Helper()
	var err error
	switch {
	case p.revoked:
		_, err = s.Revoke(t.Context(), p.id(), "admin", "", time.Now())
	case p.extended != "":
		_, err = s.Extend(t.Context(), p.id(), l.clock.at(p.extended), "admin", "", time.Now())
	case p.new != "":
		l.add(t, s, p, p.new)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// room prepares one more telling of the run: a folder with the store of the
// instant before, and the directory as it was then.
func (l *lane) room(t testing.TB, name, url string) *room {
	t.Helper()
	l.dir.reset(l.story, l.begin)
	return l.furnish(t, name, url, l.file(l.clock, func(r role) []wish { return r.after }), l.store)
}

func (l *lane) furnish(t testing.TB, name, url, grants, from string) *room {
	t.Helper()
	r := &room{lane: l, name: name, folder: filepath.Join(l.folder, name)}
	if err := os.Mkdir(r.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, r.path("daypass.yaml"), l.config(url, l.dir.base))
	write(t, r.path("grants.yaml"), grants)
	if from != "" {
		copyFile(t, from, r.store())
	}
	return r
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, string(text))
}

func openStore(t testing.TB, path string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
