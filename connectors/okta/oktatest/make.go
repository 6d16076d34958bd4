package oktatest

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

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
	// Profile are further attributes by Okta's names, such as department or
	// managerId, and custom ones: texts, numbers, booleans and lists of them.
	Profile map[string]any `json:"profile,omitempty"`
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
	further, err := attributes(nil, u.Profile)
	if err != nil {
		return "", fmt.Errorf("user %q: %w", u.Login, err)
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
	made.change(profile{u.Login, u.Email, u.First, u.Last, further}, now, s.opts.SearchLag)
	if s.opts.SearchLag > 0 {
		made.indexed = nil // unknown to the index at first
	}
	s.org.users = append(s.org.users, made)
	s.org.byLogin[key] = n
	return u.ID, nil
}

var attributeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// attributes lays attributes over old ones. What is nil goes.
func attributes(old, changes map[string]any) (map[string]any, error) {
	all := maps.Clone(old)
	for name, value := range changes {
		switch {
		case slices.Contains([]string{"login", "email", "firstName", "lastName"}, name):
			return nil, fmt.Errorf("attribute %s is set otherwise", name)
		case !attributeName.MatchString(name):
			return nil, fmt.Errorf("%q is no name of an attribute", name)
		case value == nil:
			delete(all, name)
			continue
		}
		if _, err := json.Marshal(value); err != nil {
			return nil, fmt.Errorf("attribute %s: %w", name, err)
		}
		if all == nil {
			all = make(map[string]any)
		}
		all[name] = value
	}
	return all, nil
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
