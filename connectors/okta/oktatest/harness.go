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

// SetProfile gives a user further attributes: see [User]. Those that are nil
// are taken away, others stay.
func (s *Server) SetProfile(name string, attrs map[string]any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.user(name)
	if err != nil {
		return err
	}
	p := u.profile
	if p.further, err = attributes(p.further, attrs); err != nil {
		return fmt.Errorf("user %q: %w", name, err)
	}
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
