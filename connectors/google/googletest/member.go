package googletest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// group finds the group of a path, by id, address or alias.
func (s *Server) group(key string) (*group, error) {
	n, ok := s.find(key)
	if ok && s.objects[n].kind == aGroup {
		g := s.groups[n]
		g.settle(s.Clock.Now())
		return g, nil
	}
	if strings.Contains(key, "@") && !s.ours(key) {
		return nil, refuse(http.StatusNotFound, "notFound", "Domain not found.")
	}
	return nil, noKey("groupKey")
}

// memberType is how Google calls what an entry is.
func (s *Server) memberType(n uint32) string {
	switch s.objects[n].kind {
	case aGroup:
		return "GROUP"
	case theCustomer:
		return "CUSTOMER"
	case aStranger:
		return "EXTERNAL"
	}
	return "USER" // outsiders and ghosts too
}

// memberStatus is "" for whoever has no account here.
func (s *Server) memberStatus(n uint32) string {
	o := &s.objects[n]
	switch {
	case o.kind != aUser && o.kind != aGroup:
		return ""
	case o.has(suspended):
		return "SUSPENDED"
	case o.has(archived):
		return "ARCHIVED"
	}
	return "ACTIVE"
}

func (s *Server) memberObject(e entry) obj {
	n := e.who()
	id, status, addr := s.id(n), s.memberStatus(n), s.objects[n].addr
	tag := lazy(func() string { return etag(id, e.role(), status, addr) })
	o := obj{{"kind", "admin#directory#member"}, {"etag", tag}, {"id", id}}.opt("email", addr)
	o = append(o, prop{"role", e.role()}, prop{"type", s.memberType(n)})
	return o.opt("status", status)
}

// listMembers is GET groups/{groupKey}/members: 200 entries a page at most,
// and no list at all when there is none.
func (s *Server) listMembers(c *call) (any, error) {
	g, err := s.group(c.path["groupKey"])
	if err != nil {
		return nil, err
	}
	size, err := c.size("maxResults", 200, 200, false)
	if err != nil {
		return nil, err
	}
	at, err := c.cursor()
	if err != nil {
		return nil, err
	}
	entries := g.members.At(at.cut)
	if c.query.Get("includeDerivedMembership") == "true" {
		entries = s.derived(g, at, nil)
	}
	if entries, err = c.withRoles(entries); err != nil {
		return nil, err
	}
	first, _ := slices.BinarySearch(entries, entry(at.after))
	page := entries[first:min(len(entries), first+size)]
	var members []obj
	for _, e := range page {
		members = append(members, s.memberObject(e))
	}
	o := obj{{"kind", "admin#directory#members"}, {"etag", listTag(members)}}
	o = o.opt("members", members)
	switch {
	case len(page) == 0:
	case g.loops > 0:
		g.loops--
		o = append(o, prop{"nextPageToken", at.token(at.after)})
	case first+size < len(entries):
		o = append(o, prop{"nextPageToken", at.token(uint64(page[len(page)-1]) + 1)})
	}
	return o, nil
}

// withRoles keeps the entries that the roles parameter names.
func (c *call) withRoles(entries []entry) ([]entry, error) {
	text := c.query.Get("roles")
	if text == "" {
		return entries, nil
	}
	var wanted []entry
	for name := range strings.SplitSeq(text, ",") {
		role, ok := parseRole(strings.TrimSpace(name))
		if !ok || name == "" {
			return nil, invalid("roles")
		}
		wanted = append(wanted, role)
	}
	var kept []entry
	for _, e := range entries {
		if slices.Contains(wanted, e&roleBits) {
			kept = append(kept, e)
		}
	}
	return kept, nil
}

// derived returns direct and indirect members, each once, sorted.
func (s *Server) derived(g *group, at cursor, seen map[uint32]bool) []entry {
	if seen == nil {
		seen = map[uint32]bool{g.n: true}
	}
	var all []entry
	for _, e := range g.members.At(at.cut) {
		if seen[e.who()] {
			continue
		}
		seen[e.who()] = true
		all = append(all, e)
		if nested := s.groups[e.who()]; nested != nil {
			all = append(all, s.derived(nested, at, seen)...)
		}
	}
	slices.Sort(all)
	return all
}

// seen finds the entry that a memberKey leads to among those that a reader
// sees. An address leads to a ghost first: what Google takes then is not
// known, and who deletes by address deserves the worst.
func (s *Server) seen(entries []entry, key string) (entry, bool) {
	if strings.Contains(key, "@") {
		for _, e := range entries {
			if o := &s.objects[e.who()]; o.kind == aGhost && fold(o.addr) == fold(key) {
				return e, true
			}
		}
	}
	n, ok := s.find(key)
	if !ok {
		return 0, false
	}
	return seek(entries, n)
}

func (s *Server) getMember(c *call) (any, error) {
	g, err := s.group(c.path["groupKey"])
	if err != nil {
		return nil, err
	}
	e, ok := s.seen(g.members.At(c.cut), c.path["memberKey"])
	if !ok {
		return nil, noKey("memberKey")
	}
	return s.memberObject(e), nil
}

// hasMember tells of direct and of nested members; it is not for outsiders.
func (s *Server) hasMember(c *call) (any, error) {
	g, err := s.group(c.path["groupKey"])
	if err != nil {
		return nil, err
	}
	key := c.path["memberKey"]
	n, ok := s.find(key)
	if strings.Contains(key, "@") && !s.ours(key) || ok && s.objects[n].kind == anOutsider {
		return nil, invalid("memberKey")
	}
	if !ok {
		return nil, noKey("memberKey")
	}
	_, is := seek(s.derived(g, cursor{cut: c.cut}, nil), n)
	return obj{{"isMember", is}}, nil
}

// memberBody is what an insert or a change of role may hold.
type memberBody struct {
	Kind             string `json:"kind"`
	Etag             string `json:"etag"`
	ID               string `json:"id"`
	Email            string `json:"email"`
	Role             string `json:"role"`
	Type             string `json:"type"`
	Status           string `json:"status"`
	DeliverySettings string `json:"delivery_settings"`
}

func (c *call) member() (memberBody, error) {
	var m memberBody
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.DisallowUnknownFields()
	switch err := d.Decode(&m); {
	case err == nil:
		return m, nil
	case strings.Contains(err.Error(), "unknown field"):
		name := strings.TrimPrefix(err.Error(), "json: unknown field ")
		return m, refuseAs(http.StatusBadRequest, "INVALID_ARGUMENT", "invalid",
			"Invalid JSON payload received. Unknown name "+name+": Cannot find field.")
	}
	return m, refuse(http.StatusBadRequest, "parseError", "Parse Error")
}
