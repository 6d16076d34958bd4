package ldap

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daypass-dev/daypass/connectors/ldap/internal/wire"
	"github.com/daypass-dev/daypass/engine"
)

// A few members are looked up one by one, several at a time, and are as fresh
// as can be. More than bulkAfter of them within freshFor cost as much as reading
// all accounts, which is then done, and those serve for freshFor. Changes never
// rely on them: they look again.
const (
	bulkAfter = 1000
	freshFor  = 30 * time.Second
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
	m := engine.Member{Login: e.First(c.login(s)), Ref: string(e.DN)}
	m.Kind = kindOfEntry(e, m.Login, c.cfg.Schema.ObjectClass)
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

// kindOfEntry tells accounts from groups and from other things. What an entry
// is not comes first: on Active Directory contacts are persons by descent and
// computers are users. Past that, whoever has a login is an account, because
// OpenLDAP lists only the classes that an entry was made with.
func kindOfEntry(e *wire.Entry, login, ownGroup string) engine.MemberKind {
	for _, v := range e.Values("objectClass") {
		switch class := strings.ToLower(string(v)); class {
		case "group", "groupofnames", "groupofuniquenames", "groupofmembers", "posixgroup", "groupofurls", strings.ToLower(ownGroup):
			return engine.GroupMember
		case "computer", "contact", "foreignsecurityprincipal", "device":
			return engine.OtherMember
		}
	}
	if login == "" {
		return engine.OtherMember
	}
	return engine.AccountMember
}

// accounts says which object a member value leads to.
type accounts struct {
	all     atomic.Pointer[snapshot]
	loading chan struct{} // holds one token: who has it may load

	mu     sync.Mutex
	since  time.Time
	lookUp int // single lookups since then
}

// snapshot is every account at one time, by the key of its DN and, once a
// memberUid was seen, by loginKey.
type snapshot struct {
	at     time.Time
	logins bool
	byKey  map[string]engine.Member
}

func newAccounts() *accounts {
	return &accounts{loading: make(chan struct{}, 1)}
}

func loginKey(login string) string { return "login:" + login }

// fresh returns the accounts if they were read lately, and nobody otherwise.
func (a *accounts) fresh(now time.Time, logins bool) map[string]engine.Member {
	s := a.all.Load()
	if s == nil || now.Sub(s.at) > freshFor || logins && !s.logins {
		return nil
	}
	return s.byKey
}

// tooMany counts n single lookups and reports whether reading all accounts is
// the better way by now.
func (a *accounts) tooMany(now time.Time, n int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.since) > freshFor {
		a.since, a.lookUp = now, 0
	}
	a.lookUp += n
	return a.lookUp > bulkAfter
}

// loadAll reads every account below People.Base, unless somebody just did.
func (c *Connector) loadAll(ctx context.Context, s *session, logins bool) error {
	select {
	case c.seen.loading <- struct{}{}:
		defer func() { <-c.seen.loading }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	now := time.Now()
	if c.seen.fresh(now, logins) != nil {
		return nil
	}
	next := &snapshot{at: now, logins: logins, byKey: map[string]engine.Member{}}
	if last := c.seen.all.Load(); last != nil {
		next.logins = logins || last.logins
		next.byKey = make(map[string]engine.Member, len(last.byKey))
	}
	err := c.all(ctx, s, c.cfg.People.Base, "("+c.login(s.srv)+"=*)", c.memberAttrs(s.srv), func(e *wire.Entry) error {
		if m := c.readMember(s.srv, e); m.ID != "" {
			next.add(m)
		}
		return nil
	})
	if err == nil {
		c.seen.all.Store(next)
	}
	return err
}

// add remembers m. A login that two accounts have is nobody's.
func (s *snapshot) add(m engine.Member) {
	s.byKey[dnKey(m.Ref)] = m
	if !s.logins || m.Kind != engine.AccountMember {
		return
	}
	m.Ref = m.Login // how memberUid writes it
	key := loginKey(m.Login)
	if _, twice := s.byKey[key]; twice {
		m = ghost(m.Login)
	}
	s.byKey[key] = m
}

func ghost(value string) engine.Member {
	return engine.Member{ID: engine.MemberID(value), Ref: value, Login: value}
}
