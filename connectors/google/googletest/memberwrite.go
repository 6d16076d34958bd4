package googletest

import (
	"net/http"
	"strings"
	"time"
)

// mayChange refuses changes to the members of groups that are not changed by
// hand. Which answer Google gives is not documented; both kinds were told of
// by others.
func (s *Server) mayChange(c *call, g *group) error {
	switch {
	case g.kind == Dynamic:
		return unmet("Cannot change the members of a dynamic group.")
	case g.kind == Locked && !c.who.super:
		return forbidden()
	}
	return nil
}

// insertMember is POST groups/{groupKey}/members. It answers 200, not 201.
func (s *Server) insertMember(c *call) (any, error) {
	g, err := s.group(c.path["groupKey"])
	if err != nil {
		return nil, err
	}
	body, err := c.member()
	if err != nil {
		return nil, err
	}
	e, err := s.insert(c, g, body)
	s.record(c, "add", g, s.called(body), e.role(), err)
	if err != nil {
		return nil, err
	}
	return s.memberObject(e), nil
}

func (s *Server) called(m memberBody) string {
	if m.Email != "" {
		return m.Email
	}
	return m.ID
}

func (s *Server) insert(c *call, g *group, body memberBody) (entry, error) {
	if err := s.mayChange(c, g); err != nil {
		return 0, err
	}
	role, ok := parseRole(body.Role)
	if !ok {
		return 0, invalid("role")
	}
	n, err := s.newcomer(body)
	if err != nil {
		return 0, err
	}
	e := newEntry(n, role)
	if err := s.joins(g, e); err != nil {
		return 0, err
	}
	if later, due := s.delayed(c, g, e, true); later {
		return e, due
	}
	s.set(c, g, e, true)
	s.tell(addMember, g, n, c.who.name)
	return e, nil
}

// newcomer finds whom an insert means. An address elsewhere is an outsider,
// and known from now on; an unknown one of our own is nobody.
func (s *Server) newcomer(body memberBody) (uint32, error) {
	key := body.ID
	if key == "" {
		key = body.Email
	}
	if key == "" {
		return 0, refuse(http.StatusBadRequest, "required", "Missing required field: memberKey")
	}
	n, ok := s.find(key)
	switch {
	case ok && body.ID != "" && body.Email != "" && s.objects[n].addr != "" && fold(s.objects[n].addr) != fold(body.Email):
		return 0, invalid("memberKey")
	case ok:
		return n, nil
	case strings.Contains(key, "@") && !s.ours(key):
		n, err := s.enter(object{addr: key, kind: anOutsider})
		if err != nil {
			return 0, invalid("memberKey")
		}
		return n, nil
	}
	return 0, noKey("memberKey")
}

// joins refuses an entry that cannot be added.
func (s *Server) joins(g *group, e entry) error {
	n := e.who()
	_, held := g.holds(n)
	switch {
	case held && s.opt.Precondition:
		return unmet("Condition not met")
	case held || g.invited[n] || g.lingers(n, s.Clock.Now()):
		return refuse(http.StatusConflict, "duplicate", "Member already exists.")
	}
	nested := s.groups[n]
	switch {
	case nested == nil:
		return nil
	case e&roleBits != member:
		return invalid("memberKey")
	case nested == g || s.inside(nested, g):
		return unmet("Cyclic memberships not allowed")
	}
	return nil
}

// inside reports whether a group is in another one, however deep.
func (s *Server) inside(outer, g *group) bool {
	_, is := seek(s.derived(outer, cursor{cut: s.Clock.Now()}, nil), g.n)
	return is
}

// set changes an entry: readers see it after the lag.
func (s *Server) set(c *call, g *group, e entry, present bool) {
	delete(g.ends, e.who())
	g.members.Forget(c.now.Add(-s.lag.Most()))
	g.members.Set(e, c.now, present)
}

// deleteMember is DELETE groups/{groupKey}/members/{memberKey}, whatever the
// role.
func (s *Server) deleteMember(c *call) (any, error) {
	g, err := s.group(c.path["groupKey"])
	if err != nil {
		return nil, err
	}
	key := c.path["memberKey"]
	e, err := s.delete(c, g, key)
	s.record(c, "remove", g, key, e.role(), err)
	if err != nil {
		return nil, err
	}
	return s.done(), nil
}

func (s *Server) done() empty {
	if s.opt.EmptyOK {
		return http.StatusOK
	}
	return http.StatusNoContent
}

func (s *Server) delete(c *call, g *group, key string) (entry, error) {
	if err := s.mayChange(c, g); err != nil {
		return 0, err
	}
	e, ok := s.seen(g.members.Keys(), key)
	if !ok {
		n, known := s.find(key)
		switch {
		case known && g.invited[n]:
			delete(g.invited, n)
			return newEntry(n, member), nil
		case known && s.opt.Precondition:
			return 0, unmet("Condition not met")
		}
		return 0, noKey("memberKey")
	}
	if e&roleBits != member {
		s.violate("%s removed %s, %s of %s", c.who.name, s.label(e.who()), e.role(), s.objects[g.n].addr)
	}
	if later, due := s.delayed(c, g, e, false); later {
		return e, due
	}
	s.set(c, g, e, false)
	s.tell(removeMember, g, e.who(), c.who.name)
	return e, nil
}

// delayed makes a write late when the group was told to: it is answered with
// 409 conflict and takes effect afterwards. It is refused in the same way while
// it is under way.
func (s *Server) delayed(c *call, g *group, e entry, present bool) (bool, error) {
	conflict := refuse(http.StatusConflict, "conflict", "Conflict")
	for _, l := range g.late {
		if l.entry.who() == e.who() && l.present == present {
			return true, conflict
		}
	}
	if g.delay == 0 {
		return false, nil
	}
	g.late = append(g.late, lateWrite{entry: e, present: present, due: c.now.Add(g.delay)})
	g.delay = 0
	what := removeMember
	if present {
		what = addMember
	}
	s.tell(what, g, e.who(), c.who.name)
	return true, conflict
}

// Delay makes the next insert or removal in a group late: it is answered with
// 409 conflict, and takes effect after d.
func (s *Server) Delay(group string, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.groupOf(group)
	if err != nil {
		return err
	}
	g.delay = d
	return nil
}

// Loop makes the next n listings of a group's members repeat their page token.
func (s *Server) Loop(group string, n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.groupOf(group)
	if err != nil {
		return err
	}
	g.loops = n
	return nil
}

// changeRole is PATCH and PUT of a member: the way to promote somebody, and
// never daypass's business.
func (s *Server) changeRole(c *call) (any, error) {
	g, err := s.group(c.path["groupKey"])
	if err != nil {
		return nil, err
	}
	if err := s.mayChange(c, g); err != nil {
		return nil, err
	}
	body, err := c.member()
	if err != nil {
		return nil, err
	}
	e, ok := s.seen(g.members.Keys(), c.path["memberKey"])
	if !ok {
		return nil, noKey("memberKey")
	}
	role, ok := parseRole(body.Role)
	switch {
	case !ok:
		return nil, invalid("role")
	case s.groups[e.who()] != nil && role != member:
		return nil, invalid("memberKey")
	}
	s.violate("%s changed the role of %s in %s", c.who.name, s.label(e.who()), s.objects[g.n].addr)
	now := newEntry(e.who(), role)
	if now != e {
		s.set(c, g, e, false)
		s.set(c, g, now, true)
	}
	s.record(c, "role", g, c.path["memberKey"], now.role(), nil)
	return s.memberObject(now), nil
}
