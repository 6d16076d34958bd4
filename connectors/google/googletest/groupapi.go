package googletest

import (
	"slices"
	"strconv"
)

// groupObject is a group of the Directory API. It does not tell of kinds: only
// the Cloud Identity API does.
func (s *Server) groupObject(g *group, c *call) obj {
	o := &s.objects[g.n]
	count := strconv.Itoa(len(g.members.At(c.cut)))
	return obj{
		{"kind", "admin#directory#group"},
		{"id", s.id(g.n)},
		{"etag", etag(o.addr, o.name, g.description, o.aliases(), count)},
		{"email", o.addr},
		{"name", o.name},
		{"directMembersCount", count},
		{"description", g.description},
		{"adminCreated", true},
	}.opt("aliases", slices.Clone(o.aliases()))
}

func (s *Server) getGroup(c *call) (any, error) {
	g, err := s.group(c.path["groupKey"])
	if err != nil {
		return nil, err
	}
	return s.groupObject(g, c), nil
}

// listGroups is GET groups: those of the customer or of one of its domains,
// or those that somebody is directly in.
func (s *Server) listGroups(c *call) (any, error) {
	size, err := c.size("maxResults", 200, 200, false)
	if err != nil {
		return nil, err
	}
	at, err := c.cursor()
	if err != nil {
		return nil, err
	}
	fits, err := s.groupFilter(c)
	if err != nil {
		return nil, err
	}
	var groups []obj
	next := ""
	first, _ := slices.BinarySearch(s.order, uint32(at.after))
	for _, n := range s.order[first:] {
		g := s.groups[n]
		if g.settle(c.now); !fits(g) {
			continue
		}
		if len(groups) == size {
			next = at.token(uint64(n))
			break
		}
		groups = append(groups, s.groupObject(g, c))
	}
	return obj{{"kind", "admin#directory#groups"}, {"etag", listTag(groups)}}.
		opt("groups", groups).opt("nextPageToken", next), nil
}

// groupFilter says which groups a listing is about.
func (s *Server) groupFilter(c *call) (func(*group) bool, error) {
	if s.blinded(c) {
		return func(*group) bool { return false }, nil
	}
	if key := c.query.Get("userKey"); key != "" {
		n, ok := s.find(key)
		if !ok {
			return nil, noKey("userKey")
		}
		return func(g *group) bool {
			_, in := seek(g.members.At(c.cut), n)
			return in
		}, nil
	}
	in, err := s.scope(c)
	if err != nil {
		return nil, err
	}
	clauses, ok := parseQuery(c.query.Get("query"), "email", "name", "memberKey")
	if !ok {
		return nil, invalid("query")
	}
	return func(g *group) bool {
		return in(s.objects[g.n].addr) && !slices.ContainsFunc(clauses, func(q clause) bool { return !s.groupMatches(g, q, c) })
	}, nil
}

func (s *Server) groupMatches(g *group, q clause, c *call) bool {
	o := &s.objects[g.n]
	switch q.field {
	case "name":
		return q.fits(o.name)
	case "memberKey":
		n, ok := s.find(q.value)
		if !ok {
			return false
		}
		_, in := seek(g.members.At(c.cut), n)
		return in
	}
	return q.fits(o.addr) || slices.ContainsFunc(o.aliases(), q.fits)
}

// dropGroup is DELETE groups/{groupKey}. It does what it says.
func (s *Server) dropGroup(c *call) (any, error) {
	g, err := s.group(c.path["groupKey"])
	if err != nil {
		return nil, err
	}
	s.violate("%s deleted the group %s", c.who.name, s.objects[g.n].addr)
	s.record(c, "delete-group", g, "", "", nil)
	s.deleteGroup(g, c.who.name)
	return s.done(), nil
}
