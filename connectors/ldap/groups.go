package ldap

import (
	"context"
	"iter"
	"strings"
	"sync"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/connectors/ldap/internal/wire"
	"github.com/daypass-dev/daypass/engine"
)

// group is what we know of one group. Its DN is a memory that may have become
// wrong; its id is for good.
type group struct {
	id    engine.GroupID
	dn    string
	name  string
	shape shape
}

// shape is how a group keeps its members, as its object classes tell.
type shape struct {
	attr   string
	logins bool   // memberUid: values are logins, not DNs
	full   bool   // the class demands a member: groupOfNames, groupOfUniqueNames
	why    string // why the group must not be changed
}

// shapeOf reads a group's object classes.
//
//	class                               members in          may be empty
//	group (Active Directory)            member              yes
//	groupOfURLs, anything w/ memberURL  computed: hands off
//	groupOfNames                        member              no (389: yes)
//	groupOfUniqueNames                  uniqueMember        no (389: yes)
//	groupOfMembers (rfc2307bis)         member              yes
//	posixGroup beside one of these      as that one
//	posixGroup alone                    memberUid           yes
func (c *Connector) shapeOf(e *wire.Entry) shape {
	has := map[string]bool{}
	for _, v := range e.Values("objectClass") {
		has[strings.ToLower(string(v))] = true
	}
	switch {
	case has["groupofurls"] || len(e.Values("memberURL")) > 0:
		return shape{attr: "member", why: "dynamic group: its members follow from a search (memberURL)"}
	case c.cfg.Schema.ObjectClass != "" && has[strings.ToLower(c.cfg.Schema.ObjectClass)]:
		return shape{attr: c.cfg.Schema.Member, full: has["groupofnames"] || has["groupofuniquenames"]}
	case has["group"], has["groupofmembers"]:
		return shape{attr: "member"}
	case has["groupofuniquenames"]:
		return shape{attr: "uniqueMember", full: true}
	case has["groupofnames"]:
		return shape{attr: "member", full: true}
	case has["posixgroup"]:
		return shape{attr: "memberUid", logins: true}
	}
	return shape{attr: "member", why: "no known class of group; name it in schema.objectClass"}
}

func groupClasses() []string {
	return []string{"group", "groupOfNames", "groupOfUniqueNames", "groupOfMembers", "posixGroup", "groupOfURLs"}
}

// groupFilter tells groups from other entries.
func (c *Connector) groupFilter(s *server) string {
	switch {
	case c.cfg.Groups.Filter != "":
		return c.cfg.Groups.Filter
	case s.ad():
		return "(objectClass=group)"
	}
	var b strings.Builder
	b.WriteString("(|")
	for _, class := range append(groupClasses(), c.cfg.Schema.ObjectClass) {
		if class != "" {
			b.WriteString("(objectClass=" + class + ")")
		}
	}
	return b.String() + ")"
}

func (c *Connector) groupID(s *server) string {
	if c.cfg.Groups.ID != "" {
		return c.cfg.Groups.ID
	}
	return s.id
}

func (c *Connector) groupAttrs(s *server) []string {
	return []string{c.groupID(s), c.cfg.Groups.Name, "objectClass", "memberURL"}
}

// readGroup makes a group of an entry; it refuses one without an id.
func (c *Connector) readGroup(s *server, e *wire.Entry) (group, error) {
	attr := c.groupID(s)
	g := group{dn: string(e.DN), name: e.First(c.cfg.Groups.Name), shape: c.shapeOf(e)}
	if v := e.Values(attr); len(v) > 0 {
		g.id = engine.GroupID(idString(attr, v[0]))
	}
	if g.name == "" {
		g.name = g.dn
	}
	if g.id == "" {
		return g, trouble(engine.Rejected, "%s has no readable %s; let the bind DN read it, or set groups.id", g.dn, attr)
	}
	return g, nil
}

func (g group) info() engine.GroupInfo {
	return engine.GroupInfo{ID: g.id, Name: g.name, Unmanageable: g.shape.why}
}

// Group finds a group by its name below Groups.Base, its DN, or its id.
func (c *Connector) Group(ctx context.Context, name string) (engine.GroupInfo, error) {
	var g group
	err := c.read(ctx, func(s *session) error {
		var err error
		g, err = c.findGroup(ctx, s, name)
		return err
	})
	if err != nil {
		return engine.GroupInfo{}, c.fail("find group "+name, err)
	}
	c.groups.put(g)
	return g.info(), nil
}

func (c *Connector) findGroup(ctx context.Context, s *session, name string) (group, error) {
	if looksLikeID(name) {
		g, err := c.groupByID(ctx, s, engine.GroupID(name))
		if engine.KindOf(err) != engine.NotFound {
			return g, err
		}
	}
	if validDN(name) {
		g, found, err := c.groupAt(ctx, s, name)
		// Active Directory refers to whoever may have a DN that is not its own:
		// then this is a name that looks like a DN.
		if found || err != nil && !is(err, goldap.LDAPResultReferral) {
			return g, err
		}
	}
	return c.groupCalled(ctx, s, name)
}

// groupAt reads the group at dn and reports whether there is one.
func (c *Connector) groupAt(ctx context.Context, s *session, dn string) (group, bool, error) {
	var g group
	found, err := s.base(ctx, dn, c.groupFilter(s.srv), c.groupAttrs(s.srv), func(e *wire.Entry) error {
		var err error
		g, err = c.readGroup(s.srv, e)
		return err
	})
	if is(err, goldap.LDAPResultNoSuchObject, goldap.LDAPResultInvalidDNSyntax) {
		return g, false, nil
	}
	return g, found, err
}

func (c *Connector) groupCalled(ctx context.Context, s *session, name string) (group, error) {
	filter := "(&" + c.groupFilter(s.srv) + "(" + c.cfg.Groups.Name + "=" + goldap.EscapeFilter(name) + "))"
	found, err := c.groupsBelow(ctx, s, c.cfg.Groups.Base, filter)
	switch {
	case err != nil:
		return group{}, err
	case len(found) == 0:
		return group{}, trouble(engine.NotFound, "no group with %s %q below %s", c.cfg.Groups.Name, name, c.cfg.Groups.Base)
	case len(found) > 1:
		return group{}, trouble(engine.Ambiguous, "several groups are called %q: %s and %s; write the DN or the id", name, found[0].dn, found[1].dn)
	}
	return found[0], nil
}

// groupsBelow returns the first two groups that fit filter.
func (c *Connector) groupsBelow(ctx context.Context, s *session, base, filter string) ([]group, error) {
	var found []group
	err := s.few(ctx, base, filter, c.groupAttrs(s.srv), 2, func(e *wire.Entry) error {
		g, err := c.readGroup(s.srv, e)
		found = append(found, g)
		return err
	})
	if is(err, goldap.LDAPResultSizeLimitExceeded) && len(found) > 1 {
		err = nil
	}
	return found, partial(err)
}

// groupByID finds a group wherever it is now. Only an answer from everywhere
// is "not found": an ended grant is let go on that word.
func (c *Connector) groupByID(ctx context.Context, s *session, id engine.GroupID) (group, error) {
	none := trouble(engine.NotFound, "no group with %s %s", c.groupID(s.srv), id)
	filter, ok := idFilter(c.groupID(s.srv), string(id))
	if !ok {
		return group{}, none
	}
	if dn, ok := s.nameByID(c.groupID(s.srv), string(id)); ok {
		g, found, err := c.groupAt(ctx, s, dn)
		if err == nil && !found {
			err = none
		}
		return g, err
	}
	for i, base := range append([]string{c.cfg.Groups.Base}, s.srv.contexts...) {
		found, err := c.groupsBelow(ctx, s, base, filter)
		if is(err, goldap.LDAPResultNoSuchObject) && i > 0 {
			continue // a naming context that is not for us
		}
		if err != nil {
			return group{}, err
		}
		if len(found) == 1 {
			return found[0], nil
		}
	}
	return group{}, none
}

// nameByID returns a DN that finds an object by its id, where the server has
// such names: <GUID=...> (MS-ADTS 3.1.1.3.1.2.4).
func (s *session) nameByID(attr, id string) (string, bool) {
	if !s.srv.ad() || !isGUID(attr) || len(id) != 36 {
		return "", false
	}
	return "<GUID=" + id + ">", true
}

// known returns a group by its id, from memory if it was seen before.
func (c *Connector) known(ctx context.Context, s *session, id engine.GroupID) (group, error) {
	if g, ok := c.groups.get(id); ok {
		return g, nil
	}
	g, err := c.groupByID(ctx, s, id)
	if err == nil {
		c.groups.put(g)
	}
	return g, err
}

// Groups lists the groups below Groups.Base, dynamic ones included.
func (c *Connector) Groups(ctx context.Context) iter.Seq2[engine.GroupInfo, error] {
	return func(yield func(engine.GroupInfo, error) bool) {
		var found []group
		err := c.read(ctx, func(s *session) error {
			found = found[:0]
			return c.all(ctx, s, c.cfg.Groups.Base, c.groupFilter(s.srv), c.groupAttrs(s.srv), func(e *wire.Entry) error {
				g, err := c.readGroup(s.srv, e)
				found = append(found, g)
				return err
			})
		})
		for _, g := range found {
			if err != nil {
				break
			}
			c.groups.put(g)
			if !yield(g.info(), nil) {
				return
			}
		}
		if err != nil {
			yield(engine.GroupInfo{}, c.fail("list groups", err))
		}
	}
}

// groups remembers where groups are.
type groups struct {
	mu   sync.RWMutex
	byID map[engine.GroupID]group
	held map[engine.GroupID]bool // the group was last seen with a placeholder
}

func newGroups() *groups {
	return &groups{byID: map[engine.GroupID]group{}, held: map[engine.GroupID]bool{}}
}

func (m *groups) get(id engine.GroupID) (group, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	g, ok := m.byID[id]
	return g, ok
}

func (m *groups) put(g group) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.byID[g.id] = g
}

func (m *groups) forget(id engine.GroupID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.byID, id)
	delete(m.held, id)
}

func (m *groups) hold(id engine.GroupID, holds bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if holds {
		m.held[id] = true
	} else {
		delete(m.held, id)
	}
}

func (m *groups) holds(id engine.GroupID) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.held[id]
}

// forgetPlace forgets where a group is, not what is known of its placeholder.
func (m *groups) forgetPlace(id engine.GroupID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.byID, id)
}
