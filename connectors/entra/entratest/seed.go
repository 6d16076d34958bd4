package entratest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// seed is the form of a seed file.
type seed struct {
	Apps    []App    `json:"apps"`
	Users   []User   `json:"users"`
	Objects []Object `json:"objects"`
	Groups  []Group  `json:"groups"`
}

// Load reads apps, users, other objects and groups from JSON:
//
//	{"apps":    [{"id": "a11ce000-...", "secret": "...", "roles": ["GroupMember.ReadWrite.All", "User.Read.All"]}],
//	 "users":   [{"upn": "ada@example.org", "name": "Ada Lovelace", "mail": "ada@example.org", "guest": false, "disabled": false}],
//	 "objects": [{"name": "laptop-1", "type": "device"}],
//	 "groups":  [{"name": "prod-db", "kind": "security", "members": ["ada@example.org", "laptop-1"], "longest": "8h"}]}
//
// A group's members are users by userPrincipalName, or anything by name or id;
// groups come in order, so that a nested one stands before the one that holds
// it. Unknown keys are errors. What was read before an error stays.
func (s *Server) Load(r io.Reader) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var all seed
	if err := d.Decode(&all); err != nil {
		return fmt.Errorf("seed of an Entra tenant: near byte %d: %w", d.InputOffset(), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("seed of an Entra tenant: something follows at byte %d", d.InputOffset())
	}
	for i, a := range all.Apps {
		if err := s.addApp(a); err != nil {
			return fmt.Errorf("seed of an Entra tenant: apps[%d]: %w", i, err)
		}
	}
	managers := make([]string, len(all.Users))
	for i, u := range all.Users {
		managers[i], u.Manager = u.Manager, ""
		if _, err := s.AddUser(u); err != nil {
			return fmt.Errorf("seed of an Entra tenant: users[%d]: %w", i, err)
		}
	}
	for i, o := range all.Objects {
		if _, err := s.AddObject(o); err != nil {
			return fmt.Errorf("seed of an Entra tenant: objects[%d]: %w", i, err)
		}
	}
	for i, manager := range managers {
		if manager == "" {
			continue
		}
		if err := s.SetManager(all.Users[i].UPN, manager); err != nil {
			return fmt.Errorf("seed of an Entra tenant: users[%d]: %w", i, err)
		}
	}
	for i, g := range all.Groups {
		if _, err := s.AddGroup(g); err != nil {
			return fmt.Errorf("seed of an Entra tenant: groups[%d]: %w", i, err)
		}
	}
	return nil
}

// addApp registers an app, in the place of the one with its id.
func (s *Server) addApp(a App) error {
	if _, ok := parseGUID(a.ID); !ok {
		return fmt.Errorf("app id %q is not a GUID", a.ID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.apps {
		if strings.EqualFold(s.apps[i].ID, a.ID) {
			s.apps[i] = a
			return nil
		}
	}
	s.apps = append(s.apps, a)
	return nil
}

// demoPeople are who a newcomer meets first, in this order.
var demoPeople = []string{ //nolint:gochecknoglobals // a table
	"Ada Lovelace", "Grace Hopper", "Linus Torvalds", "Margaret Hamilton", "Ken Thompson", "Barbara Liskov", "Dennis Ritchie",
	"Radia Perlman", "Edsger Dijkstra", "Frances Allen", "Donald Knuth", "Katherine Johnson", "Alan Turing", "Hedy Lamarr",
	"Tim Berners", "Karen Jones", "Guido Rossum", "Sophie Wilson", "Brian Kernighan", "Adele Goldberg",
}

// demoDepartments are joined in turn. Their heads manage the others in them, and
// the first head manages the heads.
var demoDepartments = []struct{ name, head string }{ //nolint:gochecknoglobals // a table
	{"Platform", "ada"}, {"Data", "grace"}, {"Finance", "barbara"},
}

// demoGroups name their standing members by what stands before the @.
var demoGroups = []struct { //nolint:gochecknoglobals // a table
	name, about string
	kind        Kind
	members     []string
}{
	{"prod-db", "Production databases", Security, []string{"root"}},
	{"prod-admins", "Administrators of production", Security, []string{"root"}},
	{"staging", "Deploy to staging", Security, []string{"root", "grace", "linus"}},
	{"vpn", "Remote access", Security, []string{"root", "ada", "grace", "linus", "margaret"}},
	{"finance-reports", "Read the monthly reports", Microsoft365, []string{"root", "barbara"}},
	{"on-call", "Who is woken at night", Team, []string{"root", "ken"}},
	{"sales", "Fed by a rule", Dynamic, []string{"grace"}},
	{"imported", "Mastered on premises", Synced, []string{"root"}},
}

// Demo fills the tenant with root@ and n people with names to recognise
// (ada@example.org, grace@..., and numbered ones after the first twenty; seven
// at least), who but for root@ have a department and, but for ada@, a manager; a handful of groups with standing members, one that a rule feeds,
// and one that is mastered on premises.
func (s *Server) Demo(n int) error {
	at := "@" + s.opts.Domain
	cast := []User{{UPN: "root" + at, Name: "Root"}}
	for i := range max(n, 7) {
		u := User{UPN: "person" + strconv.Itoa(i+1) + at, Name: "Person " + strconv.Itoa(i+1)}
		if i < len(demoPeople) {
			first, _, _ := strings.Cut(demoPeople[i], " ")
			u.UPN, u.Name = strings.ToLower(first)+at, demoPeople[i]
		}
		u.Properties = map[string]any{"department": demoDepartments[i%len(demoDepartments)].name}
		cast = append(cast, u)
	}
	for _, u := range cast {
		if _, err := s.AddUser(u); err != nil {
			return err
		}
	}
	for i, u := range cast[1:] {
		boss := demoDepartments[i%len(demoDepartments)].head + at
		if boss == u.UPN {
			boss = demoDepartments[0].head + at
		}
		if boss == u.UPN {
			continue
		}
		if err := s.SetManager(u.UPN, boss); err != nil {
			return err
		}
	}
	for _, g := range demoGroups {
		var members []string
		for _, local := range g.members {
			members = append(members, local+at)
		}
		if _, err := s.AddGroup(Group{Name: g.name, About: g.about, Kind: g.kind, Members: members}); err != nil {
			return err
		}
	}
	return nil
}
