package entratest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// User is a user to make. ID is made up when it is empty.
type User struct {
	ID       string   `json:"id,omitempty"`
	UPN      string   `json:"upn"`
	Name     string   `json:"name,omitempty"` // what stands before the @ when empty
	Mail     string   `json:"mail,omitempty"` // the UPN when empty; "-" is none
	Aliases  []string `json:"aliases,omitempty"`
	Guest    bool     `json:"guest,omitempty"`
	Disabled bool     `json:"disabled,omitempty"`
	// Manager is a user or a contact, by UPN, name or id; made before this one,
	// but for seed files, where the order is free.
	Manager string `json:"manager,omitempty"`
	// Properties are further ones by Graph's names, such as department, or
	// extension_..._team, with the values that Graph shows.
	Properties map[string]any `json:"properties,omitempty"`
}

// Group is a group to make, with members by UPN, name or id.
type Group struct {
	ID      string   `json:"id,omitempty"`
	Name    string   `json:"name"`
	About   string   `json:"description,omitempty"`
	Kind    Kind     `json:"kind,omitempty"` // Security when empty
	Members []string `json:"members,omitempty"`
	// Longest is how long PIM for Groups lets a membership last at most, such
	// as 8h; "none" is a group that it cannot be used for. Half a year when
	// empty.
	Longest string `json:"longest,omitempty"`
}

// Object is a device, a service principal or a contact to make.
type Object struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name"`
	Type Type   `json:"type"`
}

// Open ends the filling of the tenant: objects made from now on are newborn.
func (s *Server) Open() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = true
}

func (s *Server) born() int64 {
	if !s.open || s.opts.Newborn == 0 {
		return 0
	}
	return s.Clock.Now().Add(s.opts.Newborn).UnixNano()
}

func optionalGUID(id string) (guid, error) {
	if id == "" {
		return guid{}, nil
	}
	g, ok := parseGUID(id)
	if !ok {
		return guid{}, fmt.Errorf("id %q is not a GUID", id)
	}
	return g, nil
}

// AddUser makes a user and returns its id.
func (s *Server) AddUser(u User) (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := object{kind: UserType, name: u.Name, login: u.UPN, mail: u.Mail, guest: u.Guest, disabled: u.Disabled, born: s.born()}
	local, _, found := strings.Cut(u.UPN, "@")
	if !found || local == "" {
		return "", fmt.Errorf("user %q: a userPrincipalName looks like ada@example.org", u.UPN)
	}
	if o.id, err = optionalGUID(u.ID); err != nil {
		return "", fmt.Errorf("user %s: %w", u.UPN, err)
	}
	if o.name == "" {
		o.name = local
	}
	switch u.Mail {
	case "":
		o.mail = u.UPN
	case "-":
		o.mail = ""
	}
	n, err := s.tenant.add(o)
	if err != nil {
		return "", fmt.Errorf("user %s: %w", u.UPN, err)
	}
	if len(u.Aliases) > 0 {
		s.tenant.aliases[n] = slices.Clone(u.Aliases)
	}
	s.revision++
	id = s.tenant.objects[n].id.String()
	if err := s.tell(n, u); err != nil {
		return id, fmt.Errorf("user %s: %w", u.UPN, err)
	}
	return id, nil
}

// AddGroup makes a group and returns its id.
func (s *Server) AddGroup(g Group) (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, known := traitsOf(g.Kind)
	switch {
	case !known:
		return "", fmt.Errorf("group %q: %q is no kind of group", g.Name, g.Kind)
	case g.Name == "":
		return "", errors.New("a group has no name")
	}
	if g.Kind == "" {
		g.Kind = Security
	}
	pim, err := termsOf(g.Longest)
	if err != nil {
		return "", fmt.Errorf("group %s: %w", g.Name, err)
	}
	o := object{kind: GroupType, name: g.Name, born: s.born(), group: &group{kind: g.Kind, traits: t, about: g.About, pim: pim}}
	if t.mail {
		o.mail = mailNickname(g.Name) + "@" + s.opts.Domain
	}
	if o.id, err = optionalGUID(g.ID); err != nil {
		return "", fmt.Errorf("group %s: %w", g.Name, err)
	}
	n, err := s.tenant.add(o)
	if err != nil {
		return "", fmt.Errorf("group %s: %w", g.Name, err)
	}
	s.note(event{group: n, what: created})
	for _, m := range g.Members {
		if err := s.place(n, m, true); err != nil {
			return "", fmt.Errorf("group %s: %w", g.Name, err)
		}
	}
	return s.tenant.objects[n].id.String(), nil
}

func termsOf(longest string) (governed, error) {
	switch longest {
	case "":
		return governed{}, nil
	case "none":
		return governed{off: true}, nil
	}
	most, err := time.ParseDuration(longest)
	if err != nil || most < shortest {
		return governed{}, fmt.Errorf("longest %q is neither none nor a duration of five minutes or more, such as 8h", longest)
	}
	return governed{most: most}, nil
}

// AddObject makes another object and returns its id.
func (s *Server) AddObject(x Object) (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch x.Type {
	case DeviceType, ServicePrincipalType, ContactType:
	default:
		return "", fmt.Errorf("object %q: %q is none of device, servicePrincipal and orgContact", x.Name, x.Type)
	}
	o := object{kind: x.Type, name: x.Name, born: s.born()}
	if o.id, err = optionalGUID(x.ID); err != nil {
		return "", fmt.Errorf("object %s: %w", x.Name, err)
	}
	n, err := s.tenant.add(o)
	if err != nil {
		return "", fmt.Errorf("object %s: %w", x.Name, err)
	}
	s.revision++
	return s.tenant.objects[n].id.String(), nil
}

// Crowd makes n more users with names out of a prefix and a number, and
// returns their ids.
func (s *Server) Crowd(prefix string, n int) ([]string, error) {
	ids := make([]string, 0, n)
	for range n {
		serial := strconv.FormatInt(s.crowd.Add(1), 10)
		id, err := s.AddUser(User{UPN: prefix + serial + "@" + s.opts.Domain, Name: prefix})
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// find finds an object by id, userPrincipalName or name. Names of several
// objects are an error.
func (s *Server) find(ref string, kinds ...Type) (uint32, error) {
	if id, ok := parseGUID(ref); ok {
		if n, ok := s.tenant.byID[id]; ok && !s.tenant.objects[n].deleted {
			return n, nil
		}
	}
	if n, ok := s.tenant.byLogin[strings.ToLower(ref)]; ok && (len(kinds) == 0 || slices.Contains(kinds, UserType)) {
		return n, nil
	}
	var found []uint32
	for _, n := range s.tenant.named {
		o := &s.tenant.objects[n]
		if o.name == ref && !o.deleted && (len(kinds) == 0 || slices.Contains(kinds, o.kind)) {
			found = append(found, n)
		}
	}
	switch len(found) {
	case 0:
		return 0, fmt.Errorf("there is no %q", ref)
	case 1:
		return found[0], nil
	}
	return 0, fmt.Errorf("%q is the name of %d objects; use an id", ref, len(found))
}

// Put makes an object a member of a group, unseen and at once.
func (s *Server) Put(group, member string) error { return s.change(group, member, true) }

// Take is the inverse of Put.
func (s *Server) Take(group, member string) error { return s.change(group, member, false) }

func (s *Server) change(group, member string, present bool) error {
	s.lapse()
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(group, GroupType)
	if err != nil {
		return err
	}
	return s.place(g, member, present)
}

// Fill makes many objects members of a group.
func (s *Server) Fill(group string, members ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.find(group, GroupType)
	if err != nil {
		return err
	}
	for _, m := range members {
		if err := s.place(g, m, true); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) place(g uint32, member string, present bool) error {
	m, err := s.find(member)
	if err != nil {
		return err
	}
	if s.tenant.objects[g].group.members.Put(m, present) {
		s.note(event{group: g, member: m, what: linked(present)})
	}
	if !present {
		s.unassign(link{g, m})
	}
	return nil
}

// Has reports whether an object is in a group, whatever replicas show.
func (s *Server) Has(group, member string) bool {
	s.lapse()
	s.mu.RLock()
	defer s.mu.RUnlock()
	g, err := s.find(group, GroupType)
	if err != nil {
		return false
	}
	m, err := s.find(member)
	return err == nil && s.tenant.objects[g].group.members.Has(m)
}

// Members returns the ids in a group, sorted, whatever replicas show.
func (s *Server) Members(group string) []string {
	s.lapse()
	s.mu.RLock()
	defer s.mu.RUnlock()
	g, err := s.find(group, GroupType)
	if err != nil {
		return nil
	}
	var ids []string
	for _, m := range s.tenant.objects[g].group.members.Keys() {
		ids = append(ids, s.tenant.objects[m].id.String())
	}
	slices.Sort(ids)
	return ids
}

// UserID returns the id of a user by userPrincipalName, GroupID that of a
// group by its name; "" when there is none, or several.
func (s *Server) UserID(upn string) string { return s.idOf(upn, UserType) }

// GroupID returns the id of a group by its name.
func (s *Server) GroupID(name string) string { return s.idOf(name, GroupType) }

func (s *Server) idOf(ref string, kind Type) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n, err := s.find(ref, kind)
	if err != nil {
		return ""
	}
	return s.tenant.objects[n].id.String()
}
