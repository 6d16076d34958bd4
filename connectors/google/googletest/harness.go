package googletest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// User is an account to add. Only Email is required.
type User struct {
	Email      string   `json:"email"`
	Name       string   `json:"name,omitempty"`
	Aliases    []string `json:"aliases,omitempty"`
	Suspended  bool     `json:"suspended,omitempty"`
	Archived   bool     `json:"archived,omitempty"`
	SuperAdmin bool     `json:"superAdmin,omitempty"`
	Profile
}

// Profile is what is written of a user beside the account. Google checks none
// of it.
type Profile struct {
	Organizations []Organization `json:"organizations,omitempty"`
	Relations     []Relation     `json:"relations,omitempty"`
	// Custom are values of custom schemas by the names of schema and field:
	// texts, numbers, booleans, and lists of them for fields that take several.
	Custom map[string]map[string]any `json:"customSchemas,omitempty"`
}

// Organization is where a user works.
type Organization struct {
	Primary    bool   `json:"primary,omitempty"`
	Department string `json:"department,omitempty"`
	Title      string `json:"title,omitempty"`
	CostCenter string `json:"costCenter,omitempty"`
	Location   string `json:"location,omitempty"`
}

// Relation is somebody around a user; of a manager it is the address as a
// rule.
type Relation struct {
	Type       string `json:"type"` // manager, assistant, ...; "custom" has a CustomType
	CustomType string `json:"customType,omitempty"`
	Value      string `json:"value"`
}

// Group is a group to add. Only Email is required.
type Group struct {
	Email       string   `json:"email"`
	Name        string   `json:"name,omitempty"`
	Description string   `json:"description,omitempty"`
	Aliases     []string `json:"aliases,omitempty"`
	Kind        Kind     `json:"kind,omitempty"` // "" is Plain
	Members     []Member `json:"members,omitempty"`
}

// Member is somebody in a group.
type Member struct {
	// Email is an address or an id. CUSTOMER is everybody of the customer, and
	// an address elsewhere is an outsider, who is made.
	Email string `json:"email"`
	Role  string `json:"role,omitempty"` // MEMBER, MANAGER or OWNER; "" is MEMBER
	// ID and Type are set in what [Server.Members] returns.
	ID   string `json:"-"`
	Type string `json:"-"`
}

// AddUser adds an account and returns its id.
func (s *Server) AddUser(u User) (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ours(u.Email) {
		return "", fmt.Errorf("user %q is in none of the customer's domains %v", u.Email, s.domains)
	}
	o := object{addr: u.Email, name: u.Name, kind: aUser}
	for f, set := range map[flags]bool{suspended: u.Suspended, archived: u.Archived, superAdmin: u.SuperAdmin} {
		if set {
			o.flags |= f
		}
	}
	n, err := s.enter(o)
	if err != nil {
		return "", fmt.Errorf("user %w", err)
	}
	if err := s.write(n, u.Profile); err != nil {
		return "", fmt.Errorf("user %s: %w", u.Email, err)
	}
	return s.id(n), s.addAliases(n, u.Aliases)
}

func (s *Server) addAliases(n uint32, aliases []string) error {
	for _, a := range aliases {
		if err := s.addAlias(n, a); err != nil {
			return err
		}
	}
	return nil
}

// AddGroup adds a group with its members and returns its id. The audit log
// does not tell of it.
func (s *Server) AddGroup(g Group) (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.addGroup(g)
	if err != nil {
		return "", err
	}
	return s.id(n), s.fill(s.groups[n], g.Members)
}

// CreateGroup is AddGroup as another administrator does it: the audit log tells
// of it.
func (s *Server) CreateGroup(g Group) (id string, err error) {
	id, err = s.AddGroup(g)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	made, err := s.groupOf(id)
	if err != nil {
		return "", err
	}
	s.tell(createGroup, made, made.n, s.admin())
	return id, nil
}

func (s *Server) addGroup(g Group) (uint32, error) {
	if g.Kind == "" {
		g.Kind = Plain
	}
	switch {
	case !slices.Contains([]Kind{Plain, Dynamic, Locked, Security}, g.Kind):
		return 0, fmt.Errorf("group %s: kind %q: want plain, dynamic, locked or security", g.Email, g.Kind)
	case !s.ours(g.Email):
		return 0, fmt.Errorf("group %q is in none of the customer's domains %v", g.Email, s.domains)
	}
	if g.Name == "" {
		g.Name, _, _ = strings.Cut(g.Email, "@")
	}
	n, err := s.enter(object{addr: g.Email, name: g.Name, kind: aGroup})
	if err != nil {
		return 0, fmt.Errorf("group %w", err)
	}
	s.groups[n] = &group{n: n, description: g.Description, kind: g.Kind, created: s.Clock.Now()}
	s.order = append(s.order, n)
	return n, s.addAliases(n, g.Aliases)
}

// fill puts members into a group without a word in the audit log.
func (s *Server) fill(g *group, members []Member) error {
	for _, m := range members {
		if err := s.put(g, m); err != nil {
			return fmt.Errorf("group %s: %w", s.objects[g.n].addr, err)
		}
	}
	return nil
}

func (s *Server) put(g *group, m Member) error {
	role, ok := parseRole(m.Role)
	if !ok {
		return fmt.Errorf("member %s: role %q: want MEMBER, MANAGER or OWNER", m.Email, m.Role)
	}
	n, err := s.memberOf(m.Email)
	if err != nil && strings.Contains(m.Email, "@") && !s.ours(m.Email) {
		n, err = s.enter(object{addr: m.Email, kind: anOutsider})
	}
	if err != nil {
		return err
	}
	if held, ok := g.holds(n); ok {
		g.members.Put(held, false)
		if held&roleBits != role {
			delete(g.ends, n)
		}
	}
	delete(g.invited, n)
	g.members.Put(newEntry(n, role), true)
	return nil
}

// Put makes somebody a member of a group, as another administrator would: it
// is seen at once, and the audit log tells of it when it is due.
func (s *Server) Put(group, member string) error { return s.PutAs(group, member, "MEMBER") }

// PutAs is Put with a role. It changes the role of who is there.
func (s *Server) PutAs(group, member, role string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.groupOf(group)
	if err != nil {
		return err
	}
	if err := s.put(g, Member{Email: member, Role: role}); err != nil {
		return err
	}
	n, err := s.memberOf(member)
	s.tell(addMember, g, n, s.admin())
	return err
}

// Take takes a member out of a group, in whatever role, as another
// administrator would. The absent stay absent.
func (s *Server) Take(group, member string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.groupOf(group)
	if err != nil {
		return err
	}
	n, err := s.memberOf(member)
	if err != nil {
		return err
	}
	if e, ok := g.holds(n); ok {
		g.members.Put(e, false)
		delete(g.ends, n)
		s.tell(removeMember, g, n, s.admin())
	}
	delete(g.invited, n)
	return nil
}

// Has reports whether somebody is directly in a group, lag or no lag.
func (s *Server) Has(group, member string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.groupOf(group)
	if err != nil {
		return false
	}
	g.settle(s.Clock.Now())
	n, err := s.memberOf(member)
	if err != nil {
		return false
	}
	_, ok := g.holds(n)
	return ok
}

// Members returns who is directly in a group, lag or no lag.
func (s *Server) Members(group string) ([]Member, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.groupOf(group)
	if err != nil {
		return nil, err
	}
	g.settle(s.Clock.Now())
	var all []Member
	for _, e := range g.members.Keys() {
		all = append(all, Member{Email: s.objects[e.who()].addr, Role: e.role(), ID: s.id(e.who()), Type: s.memberType(e.who())})
	}
	return all, nil
}

// ID returns the id of a user, a group or an outsider; "" when there is none.
func (s *Server) ID(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.find(key)
	if !ok {
		return ""
	}
	return s.id(n)
}

// AddGhost puts the ghost twin of an account into a group: an entry with the
// account's address and another id, and without a status. It is what an
// address leaves behind that was a member before it had an account. The id is
// returned.
func (s *Server) AddGhost(group, email string) (id string, err error) {
	return s.addOdd(group, object{addr: email, kind: aGhost})
}

// AddExternal puts an entry of the type EXTERNAL into a group, which Google's
// reference lists as unused. The id is returned.
func (s *Server) AddExternal(group, email string) (id string, err error) {
	return s.addOdd(group, object{addr: email, kind: aStranger})
}

func (s *Server) addOdd(group string, o object) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.groupOf(group)
	if err != nil {
		return "", err
	}
	n := s.append(o)
	g.members.Put(newEntry(n, member), true)
	return s.id(n), nil
}

// Invite leaves an invitation to a group unanswered: an insert says that the
// member exists, and no reading shows one.
func (s *Server) Invite(group, member string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.groupOf(group)
	if err != nil {
		return err
	}
	n, err := s.memberOf(member)
	if err != nil {
		return err
	}
	if _, held := g.holds(n); held {
		return errors.New(member + " is in " + group + " already")
	}
	if g.invited == nil {
		g.invited = make(map[uint32]bool)
	}
	g.invited[n] = true
	return nil
}
