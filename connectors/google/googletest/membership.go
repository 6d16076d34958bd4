package googletest

import (
	"net/http"
	"slices"
	"time"
)

// byIdentity finds the group of a path of the Cloud Identity API, by id.
func (s *Server) byIdentity(c *call) (*group, error) {
	n, ok := s.byID(c.path["group"])
	if !ok || s.objects[n].kind != aGroup {
		return nil, hidden("groups/" + c.path["group"])
	}
	g := s.groups[n]
	g.settle(c.now)
	return g, nil
}

// absent is the Cloud Identity API's answer for a membership or a person that
// is not there.
func absent() *refusal {
	return refuse(http.StatusNotFound, "", "Requested entity was not found.")
}

// membershipName is the resource name of an entry. That it ends in the
// member's id of the Directory API is seen of Google, and promised nowhere.
func (s *Server) membershipName(g *group, n uint32) string {
	return "groups/" + s.id(g.n) + "/memberships/" + s.id(n)
}

func (s *Server) membershipType(n uint32) string {
	switch s.objects[n].kind {
	case aUser, aGhost:
		return "USER"
	case aGroup:
		return "GROUP"
	}
	return "OTHER"
}

// membershipObject is an entry as the Cloud Identity API shows it: an owner is
// a member as well, and an end is told in full only.
func (s *Server) membershipObject(g *group, e entry, cut time.Time, full bool) obj {
	n := e.who()
	plain := obj{{"name", "MEMBER"}}
	if end := g.ends[n].seen(cut); full && !end.IsZero() {
		plain = append(plain, prop{"expiryDetail", obj{{"expireTime", end.UTC().Format(time.RFC3339)}}})
	}
	held := []obj{plain}
	if e&roleBits != member {
		held = append(held, obj{{"name", e.role()}})
	}
	o := obj{
		{"name", s.membershipName(g, n)},
		{"preferredMemberKey", obj{{"id", s.label(n)}}},
		{"roles", held},
	}
	if full {
		made := g.created.UTC().Format(time.RFC3339Nano)
		o = append(o, prop{"createTime", made}, prop{"updateTime", made}, prop{"type", s.membershipType(n)})
	}
	return o
}

// listMemberships is GET memberships: 1,000 a page at most, 500 in full.
func (s *Server) listMemberships(c *call) (any, error) {
	g, err := s.byIdentity(c)
	if err != nil {
		return nil, err
	}
	full := c.query.Get("view") == "FULL"
	usual, most := 200, 1000
	if full {
		usual, most = 50, 500
	}
	size, err := c.size("pageSize", usual, most, true)
	if err != nil {
		return nil, err
	}
	at, err := c.cursor()
	if err != nil {
		return nil, err
	}
	entries := g.members.At(at.cut)
	first, _ := slices.BinarySearch(entries, entry(at.after))
	page := entries[first:min(len(entries), first+size)]
	var shown []obj
	for _, e := range page {
		shown = append(shown, s.membershipObject(g, e, at.cut, full))
	}
	next := ""
	switch {
	case len(page) > 0 && g.loops > 0:
		g.loops--
		next = at.token(at.after)
	case first+size < len(entries):
		next = at.token(uint64(page[len(page)-1]) + 1)
	}
	return obj{}.opt("memberships", shown).opt("nextPageToken", next), nil
}

func (s *Server) lookupMembership(c *call) (any, error) {
	g, err := s.byIdentity(c)
	if err != nil {
		return nil, err
	}
	e, ok := s.seen(g.members.At(c.cut), c.query.Get("memberKey.id"))
	if !ok {
		return nil, absent()
	}
	return obj{{"name", s.membershipName(g, e.who())}}, nil
}

// membership finds the entry of a path among those that a reader sees.
func (s *Server) membership(c *call, entries []entry) (entry, error) {
	n, ok := s.byID(c.path["membership"])
	if !ok {
		return 0, absent()
	}
	e, ok := seek(entries, n)
	if !ok {
		return 0, absent()
	}
	return e, nil
}

func (s *Server) getMembership(c *call) (any, error) {
	g, err := s.byIdentity(c)
	if err != nil {
		return nil, err
	}
	e, err := s.membership(c, g.members.At(c.cut))
	if err != nil {
		return nil, err
	}
	return s.membershipObject(g, e, c.cut, true), nil
}

// operation is the envelope of what a write of the Cloud Identity API made.
func operation(response obj) obj {
	return obj{{"done", true}, {"response", response}}
}

const typeRoot = "type.googleapis.com/"

// deleteMembership is DELETE memberships/{membership}, whatever the role.
func (s *Server) deleteMembership(c *call) (any, error) {
	g, err := s.byIdentity(c)
	if err != nil {
		return nil, err
	}
	e, err := s.membership(c, g.members.Keys())
	if err == nil {
		err = s.mayChange(c, g)
	}
	s.recordMembership(c, "remove", g, e, time.Time{}, err)
	if err != nil {
		return nil, err
	}
	if e&roleBits != member {
		s.violate("%s removed %s, %s of %s", c.who.name, s.label(e.who()), e.role(), s.objects[g.n].addr)
	}
	s.set(c, g, e, false)
	s.tell(removeMember, g, e.who(), c.who.name)
	return operation(obj{{"@type", typeRoot + "google.protobuf.Empty"}}), nil
}

// recordMembership keeps what a write of the Cloud Identity API became.
func (s *Server) recordMembership(c *call, op string, g *group, e entry, until time.Time, err error) {
	w := Write{
		At: c.now, Op: op, Group: s.objects[g.n].addr, Member: s.label(e.who()), Role: e.role(), Until: until,
		By: c.who.name, Status: http.StatusOK, Changed: err == nil,
	}
	if refused, ok := err.(*refusal); ok { //nolint:errorlint // handlers return their refusals as they are
		w.Status = refused.status
	}
	s.keep(w)
}
