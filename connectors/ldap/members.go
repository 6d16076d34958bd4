package ldap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/connectors/ldap/internal/wire"
	"github.com/daypass-dev/daypass/engine"
)

// errMoved says that another entry, or none, is where the group was.
var errMoved = errors.New("the group is not where it was")

// windowTries is how often a listing in windows begins again when the group
// changes while it is read.
const windowTries = 3

// Members returns the direct members of g. A value that leads to no entry is
// a ghost; what stands in for a member of an empty group is left out. Members
// by primary group (Active Directory) are not direct ones.
func (c *Connector) Members(ctx context.Context, g engine.GroupID) ([]engine.Member, error) {
	var members []engine.Member
	err := c.read(ctx, func(s *session) error {
		l, err := c.list(ctx, s, g, false)
		if err == nil {
			members, err = c.identify(ctx, s, l)
		}
		return err
	})
	if err != nil {
		return nil, c.fail("list members of "+c.nameOf(g), err)
	}
	return members, nil
}

// nameOf names a group in errors.
func (c *Connector) nameOf(id engine.GroupID) string {
	if g, ok := c.groups.get(id); ok {
		return g.name
	}
	return string(id)
}

// listing is what a group holds: the members that are known already, and the
// values that have to be looked up.
type listing struct {
	group   group
	members []engine.Member
	unknown []value
	held    bool // it holds a placeholder

	// Where memberships end by themselves nothing else may change with them, so
	// each window begins with the value that the last one ended with.
	overlap bool
	last    string
	torn    bool // another value was there: those behind an end moved up

	timed bool        // it holds the values that have an end, and no others
	ends  []time.Time // theirs, beside unknown
}

// value is one value of a member attribute.
type value struct {
	raw string
	dn  string // without what Active Directory and uniqueMember put around it
	id  string // when the server sent it along
}

// list reads a group's values, at its new place if it moved: all of them, or
// those that have an end.
func (c *Connector) list(ctx context.Context, s *session, id engine.GroupID, timed bool) (*listing, error) {
	for range 2 {
		g, err := c.known(ctx, s, id)
		if err != nil {
			return nil, err
		}
		l, err := c.listWhole(ctx, s, g, timed)
		if !errors.Is(err, errMoved) {
			return l, err
		}
		c.groups.forget(id)
	}
	return nil, trouble(engine.Unavailable, "the group moves while it is read")
}

// listWhole reads one listing that nobody changed while it was read.
func (c *Connector) listWhole(ctx context.Context, s *session, g group, timed bool) (*listing, error) {
	for range windowTries {
		l, whole, err := c.listOnce(ctx, s, g, timed)
		if err != nil || whole {
			return l, err
		}
	}
	return nil, trouble(engine.Partial, "the group changed in each of %d readings", windowTries)
}

// listOnce reads a group in one answer or, on Active Directory, in windows. It
// reports false when the group changed between two windows: then a member may
// have moved from one that was not read yet into one that was.
func (c *Connector) listOnce(ctx context.Context, s *session, g group, timed bool) (*listing, bool, error) {
	l := &listing{group: g, timed: timed}
	option, first, stamp := c.firstWindow(s), true, ""
	for from := 0; ; {
		w, now, err := c.listWindow(ctx, s, l, g.shape.attr+option)
		if err != nil {
			return nil, false, err
		}
		if !first && now != stamp || l.torn {
			return nil, false, nil
		}
		if w.Last {
			if !timed {
				c.groups.hold(g.id, l.held)
			}
			return l, true, nil
		}
		if w.Next <= from {
			return nil, false, trouble(engine.Partial, "the server repeats the window before %d", from)
		}
		first, stamp, from = false, now, w.Next
		option = c.nextWindow(from)
		if l.overlap = s.srv.can(oidLinkTTL); l.overlap {
			option = c.nextWindow(from - 1)
		}
	}
}

func (c *Connector) firstWindow(s *session) string {
	if c.window == 0 || !s.srv.ad() {
		return ""
	}
	return fmt.Sprintf(";range=0-%d", c.window-1)
}

func (c *Connector) nextWindow(from int) string {
	if c.window == 0 {
		return fmt.Sprintf(";range=%d-*", from)
	}
	return fmt.Sprintf(";range=%d-%d", from, from+c.window-1)
}

// listWindow reads one answer into l. Without windows the answer is the last.
func (c *Connector) listWindow(ctx context.Context, s *session, l *listing, attr string) (wire.Window, string, error) {
	w, stamp, moved := wire.Window{Last: true}, "", false
	controls, now, err := c.listControls(ctx, s, l)
	if err != nil {
		return w, stamp, err
	}
	idAttr := c.groupID(s.srv)
	attrs := []string{idAttr, attr}
	if s.srv.ad() {
		attrs = append(attrs, "uSNChanged")
	}
	found, err := s.base(ctx, c.groupName(s, l.group), "", attrs, func(e *wire.Entry) error {
		if v := e.Values(idAttr); len(v) == 0 || idString(idAttr, v[0]) != string(l.group.id) {
			moved = true
			return nil
		}
		stamp = e.First("uSNChanged")
		part, windowed, err := e.Window(l.group.shape.attr)
		if err != nil {
			return trouble(engine.Partial, "%w", err)
		}
		if windowed {
			w = part
		} else {
			part.Values = e.Values(l.group.shape.attr)
		}
		if values := l.join(part.Values); l.timed {
			c.sortEnds(l, values, now)
		} else {
			c.sort(l, values)
		}
		return nil
	}, controls...)
	if err == nil && (moved || !found) || is(err, goldap.LDAPResultNoSuchObject) {
		err = errMoved
	}
	return w, stamp, err
}

// join returns the values of a window that were not in the one before.
func (l *listing) join(values [][]byte) [][]byte {
	if l.overlap {
		if len(values) == 0 || l.key(values[0]) != l.last {
			l.torn = true
			return nil
		}
		values = values[1:]
	}
	if n := len(values); n > 0 {
		l.last = l.key(values[n-1])
	}
	return values
}

// key is a value without the time that is left to it.
func (l *listing) key(value []byte) string {
	_, dn, _ := splitTTL(value)
	return string(dn)
}

// listControls says how values are to be shown. What is left until an end comes
// without ids: nobody says how a server shows both. It is counted from the
// server's clock, which is asked for each window.
func (c *Connector) listControls(ctx context.Context, s *session, l *listing) ([]wire.Control, time.Time, error) {
	if !l.timed {
		return extended(s.srv), time.Time{}, nil
	}
	now, err := c.clock(ctx, s)
	return []wire.Control{{OID: oidLinkTTL, Critical: true}}, now, err
}

// groupName is how requests name a group: by id where the server lets us.
func (c *Connector) groupName(s *session, g group) string {
	if name, ok := s.nameByID(c.groupID(s.srv), string(g.id)); ok {
		return name
	}
	return g.dn
}

func extended(s *server) []wire.Control {
	if s.ad() && s.can(oidExtendedDN) {
		return []wire.Control{{OID: oidExtendedDN}}
	}
	return nil
}

// sort divides values into members that are known and those that are not.
func (c *Connector) sort(l *listing, values [][]byte) {
	known := c.seen.fresh(time.Now(), l.group.shape.logins)
	l.members = slices.Grow(l.members, len(values))
	var key []byte
	for _, raw := range values {
		id, dn := "", raw
		if l.group.shape.logins {
			key = append(append(key[:0], "login:"...), raw...)
		} else {
			id, dn = splitExtended(raw)
			dn, _ = splitUID(dn)
			key = appendDNKey(key[:0], dn)
			if c.isPlaceholder(dn, key) {
				l.held = true
				continue
			}
		}
		m, ok := known[string(key)]
		if !ok || id != "" && m.ID != engine.MemberID(id) && c.cfg.People.ID == "" {
			l.unknown = append(l.unknown, value{raw: string(raw), dn: string(dn), id: id})
			continue
		}
		if len(dn) != len(raw) && id == "" {
			m.Ref = string(raw) // dn#'01'B must be removed as it is written
		}
		l.members = append(l.members, m)
	}
}

// isPlaceholder reports whether a value only fills a group that may not be
// empty: the configured DN, or the empty DN.
func (c *Connector) isPlaceholder(dn, key []byte) bool {
	return len(dn) == 0 || string(key) == c.placeholder
}

// identify looks up the values of l that are not known, and returns the whole.
func (c *Connector) identify(ctx context.Context, s *session, l *listing) ([]engine.Member, error) {
	if n := len(l.unknown); n > 0 && c.seen.tooMany(time.Now(), n) {
		if err := c.loadAll(ctx, s, l.group.shape.logins); err != nil {
			return nil, err
		}
		c.retry(l)
	}
	found, err := c.lookUp(ctx, s, l)
	if err != nil {
		return nil, err
	}
	return unique(append(l.members, found...)), nil
}

// retry sorts the unknown values once more.
func (c *Connector) retry(l *listing) {
	again := make([][]byte, len(l.unknown))
	for i, v := range l.unknown {
		again[i] = []byte(v.raw)
	}
	l.unknown = nil
	c.sort(l, again)
}

// unique sorts members by ID and drops repetitions: one object may stand in a
// group under two values (memberUid, uniqueMember).
func unique(ms []engine.Member) []engine.Member {
	slices.SortFunc(ms, func(a, b engine.Member) int {
		if a.ID != b.ID {
			return strings.Compare(string(a.ID), string(b.ID))
		}
		return strings.Compare(a.Ref, b.Ref)
	})
	return slices.CompactFunc(ms, func(a, b engine.Member) bool { return a.ID == b.ID })
}

// lookUp asks the server about each unknown value.
func (c *Connector) lookUp(ctx context.Context, s *session, l *listing) ([]engine.Member, error) {
	if l.group.shape.logins {
		return c.lookUpLogins(ctx, s, l.unknown)
	}
	found := make([]engine.Member, len(l.unknown))
	names := make([]string, len(l.unknown))
	for i, v := range l.unknown {
		names[i] = v.dn
		if name, ok := s.nameByID(c.personID(s.srv), v.id); ok {
			names[i] = name
		}
		found[i] = ghost(v.raw)
		if v.id != "" {
			found[i] = engine.Member{ID: engine.MemberID(v.id), Login: v.dn, Ref: v.dn, Kind: engine.OtherMember}
		}
	}
	err := s.each(ctx, names, anything, c.memberAttrs(s.srv), func(i int, e *wire.Entry) error {
		if m := c.readMember(s.srv, e); m.ID != "" {
			found[i] = m
		} else {
			found[i].Kind = engine.OtherMember // it is there, but we may not see who it is
		}
		return nil
	}, func(i int, err error) error {
		switch {
		case is(err, goldap.LDAPResultNoSuchObject, goldap.LDAPResultInvalidDNSyntax):
			return nil
		case is(err, goldap.LDAPResultReferral): // in another domain: there, but not ours to judge
			found[i].Kind = engine.OtherMember
			return nil
		}
		return partial(err)
	})
	if err != nil {
		return nil, err
	}
	for i, v := range l.unknown {
		if v.id == "" && v.dn != v.raw {
			found[i].Ref = v.raw
		}
	}
	return found, nil
}

// lookUpLogins finds the accounts behind memberUid values: those whose login
// is spelled in the same way, because memberUid minds the case (RFC 2307).
func (c *Connector) lookUpLogins(ctx context.Context, s *session, values []value) ([]engine.Member, error) {
	found := make([]engine.Member, len(values))
	at := make(map[string]int, len(values))
	for i, v := range values {
		found[i] = ghost(v.raw)
		at[v.raw] = i
	}
	for part := range slices.Chunk(values, orMax) {
		var filter strings.Builder
		for _, v := range part {
			filter.WriteString("(" + c.login(s.srv) + "=" + goldap.EscapeFilter(v.raw) + ")")
		}
		hits := map[string]int{}
		err := c.all(ctx, s, c.cfg.People.Base, "(|"+filter.String()+")", c.memberAttrs(s.srv), func(e *wire.Entry) error {
			m := c.readMember(s.srv, e)
			i, ok := at[m.Login]
			if !ok || m.ID == "" || m.Kind != engine.AccountMember {
				return nil
			}
			if hits[m.Login]++; hits[m.Login] == 1 {
				m.Ref = m.Login // how memberUid writes it
				found[i] = m
			} else {
				found[i] = ghost(m.Login)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
