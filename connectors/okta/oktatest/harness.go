package oktatest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// What follows is for the harness: it acts at once and is seen at once, and
// needs no credential. Changes of memberships are in the System Log as made by
// the administrator in the console.

// Statuses of users.
const (
	Active          = "ACTIVE"
	Deprovisioned   = "DEPROVISIONED"
	LockedOut       = "LOCKED_OUT"
	PasswordExpired = "PASSWORD_EXPIRED"
	Provisioned     = "PROVISIONED"
	Recovery        = "RECOVERY"
	Staged          = "STAGED"
	Suspended       = "SUSPENDED"
)

// User describes a user to be made. Only Login is needed.
type User struct {
	ID     string `json:"id,omitempty"` // 00u and 17 letters or digits; made up when empty
	Login  string `json:"login"`
	Email  string `json:"email,omitempty"` // the login when empty
	First  string `json:"firstName,omitempty"`
	Last   string `json:"lastName,omitempty"`
	Status string `json:"status,omitempty"` // ACTIVE when empty
}

// Group describes a group to be made. Only Name is needed.
type Group struct {
	ID      string   `json:"id,omitempty"`
	Name    string   `json:"name"`
	About   string   `json:"description,omitempty"`
	Type    string   `json:"type,omitempty"`    // OKTA_GROUP when empty, or APP_GROUP
	Members []string `json:"members,omitempty"` // logins or ids
}

// Rule describes a group rule to be made.
type Rule struct {
	Name       string   `json:"name"`
	Expression string   `json:"expression,omitempty"`
	Status     string   `json:"status,omitempty"`  // ACTIVE when empty, INACTIVE or INVALID
	Groups     []string `json:"groups"`            // names or ids
	Members    []string `json:"members,omitempty"` // whom it holds in them; logins or ids
}

// AddUser makes a user and returns the id.
func (s *Server) AddUser(u User) (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case u.Login == "":
		return "", fmt.Errorf("a user has no login")
	case u.Email == "":
		u.Email = u.Login
	}
	if u.Status == "" {
		u.Status = Active
	}
	if !slices.Contains([]string{Active, Deprovisioned, LockedOut, PasswordExpired, Provisioned, Recovery, Staged, Suspended}, u.Status) {
		return "", fmt.Errorf("user %q: unknown status %q", u.Login, u.Status)
	}
	key := strings.ToLower(u.Login)
	if _, taken := s.org.byLogin[key]; taken {
		return "", fmt.Errorf("user %q: another user has this login", u.Login)
	}
	n := int32(len(s.org.users))
	if u.ID == "" {
		u.ID = native("00u", int(n)+1)
	} else if s.org.userByID(u.ID) != nil || !wellFormed("00u", u.ID) {
		return "", fmt.Errorf("user %q: the id %q is taken, or is not 00u and 17 letters or digits", u.Login, u.ID)
	} else {
		s.org.given[u.ID] = n
	}
	now := s.now()
	at := now.UnixMilli()
	made := &user{number: n, id: u.ID, status: u.Status, created: at, statusAt: at}
	made.change(profile{u.Login, u.Email, u.First, u.Last}, now, s.opts.SearchLag)
	if s.opts.SearchLag > 0 {
		made.indexed = nil // unknown to the index at first
	}
	s.org.users = append(s.org.users, made)
	s.org.byLogin[key] = n
	return u.ID, nil
}

func wellFormed(prefix, id string) bool {
	return len(id) == 20 && strings.HasPrefix(id, prefix) && strings.IndexFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
}

// AddGroup makes a group and returns the id. Several may have one name: Okta
// forbids that for groups of its own, but an imported group may be called like
// one of them, and like another.
func (s *Server) AddGroup(g Group) (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.Type == "" {
		g.Type = oktaGroup
	}
	switch {
	case g.Name == "":
		return "", fmt.Errorf("a group has no name")
	case g.Type != oktaGroup && g.Type != appGroup:
		return "", fmt.Errorf("group %q: unknown type %q, want %s or %s", g.Name, g.Type, oktaGroup, appGroup)
	case g.ID != "" && (s.org.byGroup[g.ID] != nil || !wellFormed("00g", g.ID)):
		return "", fmt.Errorf("group %q: the id %q is taken, or is not 00g and 17 letters or digits", g.Name, g.ID)
	}
	at := s.now().UnixMilli()
	made := &group{id: g.ID, kind: g.Type, name: g.Name, about: g.About, created: at, updated: at, filled: at, nameAt: at}
	for _, m := range g.Members {
		u, err := s.user(m)
		if err != nil {
			return "", fmt.Errorf("group %q: member: %w", g.Name, err)
		}
		made.members.Put(u.number, true)
	}
	s.org.addGroup(made)
	return made.id, nil
}

// AddRule makes a group rule and returns the id.
func (s *Server) AddRule(r Rule) (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Status == "" {
		r.Status = "ACTIVE"
	}
	if !slices.Contains([]string{"ACTIVE", "INACTIVE", "INVALID"}, r.Status) {
		return "", fmt.Errorf("rule %q: unknown status %q", r.Name, r.Status)
	}
	if r.Expression == "" {
		r.Expression = `user.department=="` + r.Name + `"`
	}
	at := s.now().UnixMilli()
	made := &rule{id: native("0pr", len(s.org.rules)+1), name: r.Name, expression: r.Expression, status: r.Status, created: at, updated: at}
	for _, name := range r.Groups {
		g, err := s.group(name)
		if err != nil {
			return "", fmt.Errorf("rule %q: %w", r.Name, err)
		}
		if g.kind != oktaGroup {
			return "", fmt.Errorf("rule %q: group %q is no %s", r.Name, name, oktaGroup)
		}
		made.groups = append(made.groups, g.id)
		for _, m := range r.Members {
			u, err := s.user(m)
			if err != nil {
				return "", fmt.Errorf("rule %q: member: %w", r.Name, err)
			}
			hold(g, u, made)
		}
	}
	s.org.rules = append(s.org.rules, made)
	return made.id, nil
}

func hold(g *group, u *user, r *rule) {
	g.members.Put(u.number, true)
	if g.held == nil {
		g.held = make(map[int32][]*rule)
	}
	g.held[u.number] = append(g.held[u.number], r)
}

// SetRule sets a rule's status. Who is in its groups stays.
func (s *Server) SetRule(id, status string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.org.rules {
		if r.id == id {
			r.status, r.updated = status, s.now().UnixMilli()
			return nil
		}
	}
	return fmt.Errorf("no rule %q", id)
}

// Excluded returns the ids of the users whom a rule excludes.
func (s *Server) Excluded(rule string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, r := range s.org.rules {
		if r.id == rule {
			return slices.Clone(r.excluded)
		}
	}
	return nil
}

// user finds by id, login, or e-mail where only one user has it.
func (s *Server) user(key string) (*user, error) {
	if u := s.org.userByID(key); u != nil {
		return u, nil
	}
	if n, ok := s.org.byLogin[strings.ToLower(key)]; ok {
		return s.org.users[n], nil
	}
	var found *user
	for _, u := range s.org.users {
		if !u.deleted && u.email == key {
			if found != nil {
				return nil, fmt.Errorf("%q is the e-mail of several users", key)
			}
			found = u
		}
	}
	if found == nil {
		return nil, fmt.Errorf("no user %q", key)
	}
	return found, nil
}

// group finds by id, or by name where only one group has it.
func (s *Server) group(key string) (*group, error) {
	if g := s.org.byGroup[key]; g != nil {
		return g, nil
	}
	var found *group
	for _, g := range s.org.groups {
		if g != nil && g.name == key {
			if found != nil {
				return nil, fmt.Errorf("several groups are called %q", key)
			}
			found = g
		}
	}
	if found == nil {
		return nil, fmt.Errorf("no group %q", key)
	}
	return found, nil
}

// Put makes a user a member of a group. Both by id or by name.
func (s *Server) Put(group, user string) error { return s.place(group, user, true) }

// Take takes a user out of a group.
func (s *Server) Take(group, user string) error { return s.place(group, user, false) }

func (s *Server) place(group, user string, present bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(group)
	if err != nil {
		return err
	}
	u, err := s.user(user)
	if err != nil {
		return err
	}
	if g.kind == builtIn {
		return fmt.Errorf("group %q has everybody in it", group)
	}
	if !g.members.Put(u.number, present) {
		return nil
	}
	now := s.now()
	delete(g.held, u.number)
	g.recent = slices.DeleteFunc(g.recent, func(r recent) bool { return r.user == u.number })
	g.touch(now, 0)
	s.record(now, event{kind: memberEvent(present), actor: AdminLogin, user: u, group: g})
	return nil
}

// Fill makes many users members of a group, without a word in the System Log.
func (s *Server) Fill(group string, users ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(group)
	if err != nil {
		return err
	}
	for _, name := range users {
		u, err := s.user(name)
		if err != nil {
			return err
		}
		g.members.Put(u.number, true)
	}
	g.touch(s.now(), 0)
	return nil
}

// Has reports whether a user is in a group, lag or no lag.
func (s *Server) Has(group, user string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	g, err := s.group(group)
	if err != nil {
		return false
	}
	u, err := s.user(user)
	return err == nil && s.org.has(g, u)
}

// Members returns the ids of a group's members, lag or no lag; nil for a group
// that is not there.
func (s *Server) Members(group string) []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	g, err := s.group(group)
	if err != nil {
		return nil
	}
	ids := []string{}
	for _, n := range g.members.Keys() {
		ids = append(ids, s.org.users[n].id)
	}
	return ids
}

// UserID returns a user's id; "" when there is none.
func (s *Server) UserID(name string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	u, err := s.user(name)
	if err != nil {
		return ""
	}
	return u.id
}

// GroupID returns a group's id; "" when there is none, or several.
func (s *Server) GroupID(name string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	g, err := s.group(name)
	if err != nil {
		return ""
	}
	return g.id
}

// SetStatus sets a user's status. Memberships stay, also of the deactivated.
func (s *Server) SetStatus(name, status string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(name)
	if err != nil {
		return err
	}
	at := s.now().UnixMilli()
	u.status, u.statusAt, u.updated = status, at, at
	return nil
}

// DeleteUser deletes a user for good.
func (s *Server) DeleteUser(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(name)
	if err != nil {
		return err
	}
	s.dropUser(u, s.now())
	return nil
}

// dropUser takes the user out of every group, unless deleted users linger.
func (s *Server) dropUser(u *user, now time.Time) {
	u.deleted = true
	delete(s.org.byLogin, strings.ToLower(u.login))
	if s.opts.Linger {
		return
	}
	for _, g := range s.org.groups {
		if g != nil && g.members.Put(u.number, false) {
			g.touch(now, 0)
		}
	}
}

// RenameUser gives a user another login, and the same e-mail where the two
// were the same.
func (s *Server) RenameUser(name, login string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(name)
	if err != nil {
		return err
	}
	if n, taken := s.org.byLogin[strings.ToLower(login)]; taken && n != u.number {
		return fmt.Errorf("another user has the login %q", login)
	}
	p := u.profile
	if p.email == p.login {
		p.email = login
	}
	delete(s.org.byLogin, strings.ToLower(u.login))
	p.login = login
	u.change(p, s.now(), s.opts.SearchLag)
	s.org.byLogin[strings.ToLower(login)] = u.number
	return nil
}

// SetEmail gives a user another e-mail, which others may have too.
func (s *Server) SetEmail(name, email string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(name)
	if err != nil {
		return err
	}
	p := u.profile
	p.email = email
	u.change(p, s.now(), s.opts.SearchLag)
	return nil
}

// RenameGroup gives a group another name.
func (s *Server) RenameGroup(name, to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(name)
	if err != nil {
		return err
	}
	now := s.now()
	g.oldName, _ = g.title(now, s.opts.SearchLag)
	g.name, g.updated, g.nameAt = to, now.UnixMilli(), now.UnixMilli()
	return nil
}

// DeleteGroup deletes a group.
func (s *Server) DeleteGroup(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.group(name)
	if err != nil {
		return err
	}
	s.dropGroup(g)
	return nil
}

func (s *Server) dropGroup(g *group) {
	delete(s.org.byGroup, g.id)
	s.org.groups[slices.Index(s.org.groups, g)] = nil
}
