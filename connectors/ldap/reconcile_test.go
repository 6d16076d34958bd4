package ldap

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/connectors/ldap/ldaptest"
	"github.com/daypass-dev/daypass/engine"
)

// books is a ledger that remembers what is ours, and nothing else.
type books struct {
	mu    sync.Mutex
	owned map[engine.Membership]engine.Owned
}

func (b *books) Groups(context.Context) ([]engine.LedgerGroup, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	groups := map[engine.Group]engine.LedgerGroup{}
	for k, o := range b.owned {
		groups[k.Group] = engine.LedgerGroup{Group: k.Group, Name: o.GroupName, Entries: groups[k.Group].Entries + 1}
	}
	var out []engine.LedgerGroup
	for _, g := range groups {
		out = append(out, g)
	}
	return out, nil
}

func (b *books) Page(_ context.Context, g engine.Group) (engine.Page, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var p engine.Page
	for k, o := range b.owned {
		if k.Group == g {
			p.Owned = append(p.Owned, o)
		}
	}
	slices.SortFunc(p.Owned, func(x, y engine.Owned) int { return cmp.Compare(x.Member.ID, y.Member.ID) })
	return p, nil
}

func (b *books) Holds(context.Context) ([]engine.Hold, error) { return nil, nil }

func (b *books) AddedSince(context.Context, engine.Directory, time.Time) (map[engine.GroupID]int, error) {
	return map[engine.GroupID]int{}, nil
}

func (b *books) Release(context.Context, string, time.Time) (*engine.Release, error) {
	return nil, nil //nolint:nilnil // as the port says: no release
}

func (b *books) Record(_ context.Context, batch engine.Batch) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range batch.Delete {
		delete(b.owned, k)
	}
	for _, o := range batch.Put {
		b.owned[o.Key()] = o
	}
	return nil
}

func (b *books) Newest(context.Context) (time.Time, error) { return time.Time{}, nil }

func (b *books) Known(_ context.Context, d engine.Directory) (engine.Known, error) {
	return engine.Known{Directory: d}, nil
}

func (b *books) Listing(context.Context, engine.Group) (*engine.Listing, error) {
	return nil, nil //nolint:nilnil // as the port says: no listing
}

// wishes are grants as a source.
type wishes []engine.Grant

func (w wishes) Grants(context.Context) ([]engine.Grant, error) { return w, nil }

// posixStory is a posixGroup that holds bob, and a grant of an hour for ada.
type posixStory struct {
	*small
	ledger *books
	grants wishes
	now    time.Time
}

func newPosixStory(t *testing.T) *posixStory {
	s := &posixStory{small: newSmall(t, ldaptest.Options{}, "posixGroup"), ledger: &books{owned: map[engine.Membership]engine.Owned{}}, now: time.Now()}
	s.attr = "memberUid"
	s.put("bob")
	g := engine.Grant{ID: "g", Person: "ada" + labMail, Group: engine.GroupRef{Directory: "corp", Name: "prod-db"}, Reason: "CHG-1"}
	g.When.From, g.When.Until = s.now, s.now.Add(time.Hour)
	s.grants = wishes{g}
	return s
}

// run reconciles once, with a connector that knows nothing from before.
func (s *posixStory) run(t *testing.T) engine.Result {
	t.Helper()
	res, err := engine.New(engine.Config{
		Directories: map[engine.Directory]engine.Connector{"corp": s.timeless()},
		Groups:      map[engine.GroupRef]engine.Rules{s.grants[0].Group: engine.DefaultRules()},
		Defaults:    engine.DefaultRules(), Limits: engine.DefaultLimits(), Sources: []engine.Source{s.grants}, Ledger: s.ledger,
		Overdue: time.Hour, Now: func() time.Time { return s.now },
	}).Run(t.Context(), "test", "")
	s.must(err)
	for _, f := range res.Failures {
		t.Errorf("run: %s", f.Error)
	}
	return res
}

// timeless hides a clock that does not follow the test's.
func (s *posixStory) timeless() engine.Connector {
	c := s.connector()
	return timeless{c, c, c, c, c, c}
}

func (s *posixStory) holds(t *testing.T, when string, want ...string) {
	t.Helper()
	if got := s.values(s.nook.group, "memberUid"); !slices.Equal(got, want) {
		t.Errorf("%s: memberUid is %q, want %q", when, got, want)
	}
}

// renameAda gives ada's account another login. Nothing follows logins, so the
// group goes on holding the old one, which is nobody's now.
func (s *posixStory) renameAda() {
	s.must(s.conn.ModifyDN(goldap.NewModifyDNRequest("uid=ada,ou=people,"+s.root, "uid=countess", true, "")))
}

// What daypass wrote goes when the grant ends, whatever became of the account
// meanwhile: an old login in a posixGroup is access for whoever gets it next.
func TestOldLoginsGoWithTheGrant(t *testing.T) {
	t.Parallel()
	for _, seen := range []bool{false, true} { // whether a run notices before the grant ends
		s := newPosixStory(t)
		s.run(t)
		s.holds(t, "at first", "ada", "bob")
		s.renameAda()
		if seen {
			s.run(t)
			s.run(t)
			s.holds(t, "under the new login", "bob", "countess")
		}
		s.now = s.now.Add(2 * time.Hour)
		s.run(t)
		s.holds(t, "at the end", "bob")
		s.run(t)
		if len(s.ledger.owned) != 0 {
			t.Errorf("the ledger claims %v when all is over, want nothing", s.ledger.owned)
		}
	}
}

// Many removals from a posixGroup cost a few searches, not one for each: where
// entryUUID has no index, each of those would read every entry.
func TestLoginsAreLocatedTogether(t *testing.T) {
	t.Parallel()
	s := newPosixStory(t)
	ms := []engine.Member{}
	for i := range 40 {
		login := fmt.Sprintf("u%d", i)
		s.person(login, login, login+labMail)
		s.put(login)
	}
	for _, m := range s.members(t, s.id) {
		if m.Login != "bob" {
			ms = append(ms, m)
		}
	}
	s.server.ResetRequests()
	c := s.connector(func(c *Config) { c.PageSize = 500 })
	_, removed := c.Change(t.Context(), s.id, nil, ms)
	for i, e := range removed {
		if !e.Changed || e.Err != nil {
			t.Errorf("Change, removal of %s: got %t and %v, want true", ms[i].Login, e.Changed, e.Err)
		}
	}
	if n := s.server.Requests()[ldaptest.OpSearch]; len(ms) != 40 || n > 4 {
		t.Errorf("Change of %d: got %d searches, want 4 at most", len(ms), n)
	}
	s.holds(t, "after all", "bob")
}
