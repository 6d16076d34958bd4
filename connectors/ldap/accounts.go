package ldap

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/connectors/ldap/internal/wire"
	"github.com/daypass-dev/daypass/engine"
)

const (
	// freshFor is how long a DN is taken for the object it led to. Changes
	// never rely on it: they look again.
	freshFor = 2 * time.Minute
	// bulkAfter lookups of single members, all accounts are read in one go:
	// that costs about as much as this many.
	bulkAfter = 1000
	bulkPause = time.Minute
)

// personID is the attribute that identifies accounts.
func (c *Connector) personID(s *server) string {
	if c.cfg.People.ID != "" {
		return c.cfg.People.ID
	}
	return s.id
}

func (c *Connector) login(s *server) string {
	if c.cfg.People.Login != "" {
		return c.cfg.People.Login
	}
	return s.login
}

// memberAttrs are the attributes that readMember reads. A nested group has its
// id in the server's own attribute, whatever identifies people.
func (c *Connector) memberAttrs(s *server) []string {
	attrs := []string{c.personID(s), c.login(s), "objectClass"}
	if c.groupID(s) != c.personID(s) {
		attrs = append(attrs, c.groupID(s))
	}
	return attrs
}

// readMember makes a member of an entry. Its ID is empty when the entry has
// none that we may read.
func (c *Connector) readMember(s *server, e *wire.Entry) engine.Member {
	m := engine.Member{Login: e.First(c.login(s)), Kind: kindOfEntry(e, c.cfg.Schema.ObjectClass), Ref: string(e.DN)}
	for _, attr := range []string{c.personID(s), c.groupID(s)} {
		if v := e.Values(attr); len(v) > 0 && m.ID == "" {
			m.ID = engine.MemberID(idString(attr, v[0]))
		}
	}
	if m.Login == "" {
		m.Login = m.Ref
	}
	return m
}

// kindOfEntry tells accounts from groups and from other things by class.
// Active Directory's contact and computer are persons and users by descent, so
// what an entry is not comes first.
func kindOfEntry(e *wire.Entry, ownGroup string) engine.MemberKind {
	kind := engine.OtherMember
	for _, v := range e.Values("objectClass") {
		switch class := strings.ToLower(string(v)); class {
		case "group", "groupofnames", "groupofuniquenames", "groupofmembers", "posixgroup", "groupofurls":
			return engine.GroupMember
		case "computer", "contact", "foreignsecurityprincipal", "device":
			return engine.OtherMember
		case "user", "person", "account", "posixaccount", "uidobject", "simplesecurityobject":
			kind = engine.AccountMember
		default:
			if class == strings.ToLower(ownGroup) {
				return engine.GroupMember
			}
		}
	}
	return kind
}

// accounts remembers which object a member value led to: a DN's key, or
// loginKey of a memberUid.
type accounts struct {
	mu     sync.RWMutex
	seen   map[string]sighting
	loaded time.Time // when all accounts were read last
	logins bool      // logins were remembered as well
	asked  int       // single lookups since then

	loading sync.Mutex // one load at a time
}

type sighting struct {
	member engine.Member
	at     time.Time
}

func newAccounts() *accounts { return &accounts{seen: map[string]sighting{}} }

func loginKey(login string) string { return "login:" + login }

// view calls f with a lookup that holds while f runs.
func (a *accounts) view(now time.Time, f func(find func(key []byte) (engine.Member, bool))) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	oldest := now.Add(-freshFor)
	f(func(key []byte) (engine.Member, bool) {
		s, ok := a.seen[string(key)]
		return s.member, ok && s.at.After(oldest)
	})
}

func (a *accounts) put(now time.Time, key string, m engine.Member) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen[key] = sighting{m, now}
}

// tooMany counts n single lookups and reports whether reading all accounts is
// the better way by now.
func (a *accounts) tooMany(now time.Time, n int, logins bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked += n
	return a.asked > bulkAfter && (now.Sub(a.loaded) > bulkPause || logins && !a.logins)
}

func (a *accounts) replace(now time.Time, seen map[string]sighting, logins bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen, a.loaded, a.logins, a.asked = seen, now, logins, 0
}

// loadAll reads every account below People.Base.
func (c *Connector) loadAll(ctx context.Context, s *session, logins bool) error {
	c.seen.loading.Lock()
	defer c.seen.loading.Unlock()
	now := time.Now()
	if !c.seen.tooMany(now, 0, logins) {
		return nil // somebody else just did
	}
	c.seen.mu.RLock()
	size := len(c.seen.seen)
	logins = logins || c.seen.logins
	c.seen.mu.RUnlock()
	seen := make(map[string]sighting, size)
	err := c.all(ctx, s, c.cfg.People.Base, "("+c.login(s.srv)+"=*)", c.memberAttrs(s.srv), func(e *wire.Entry) error {
		m := c.readMember(s.srv, e)
		if m.ID == "" {
			return nil
		}
		seen[dnKey(m.Ref)] = sighting{m, now}
		if logins && m.Kind == engine.AccountMember {
			addLogin(seen, now, m)
		}
		return nil
	})
	if err == nil {
		c.seen.replace(now, seen, logins)
	}
	return err
}

// addLogin remembers whose login it is; a login that two accounts have is
// nobody's.
func addLogin(seen map[string]sighting, now time.Time, m engine.Member) {
	key := loginKey(m.Login)
	if _, twice := seen[key]; twice {
		m = ghost(m.Login)
	}
	seen[key] = sighting{m, now}
}

func ghost(value string) engine.Member {
	return engine.Member{ID: engine.MemberID(value), Ref: value, Login: value}
}
