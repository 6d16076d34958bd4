package oktatest

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// seed is the form of a seed file.
type seed struct {
	Users  []User  `json:"users"`
	Groups []Group `json:"groups"`
	Rules  []Rule  `json:"rules"`
}

// Load reads users, groups and group rules from JSON:
//
//	{"users":  [{"login": "ada@example.org", "firstName": "Ada", "lastName": "Lovelace", "status": "ACTIVE", "profile": {"department": "R&D"}}],
//	 "groups": [{"name": "prod-db", "description": "...", "type": "OKTA_GROUP", "members": ["ada@example.org"]}],
//	 "rules":  [{"name": "Sales", "groups": ["sales"], "members": ["ada@example.org"]}]}
//
// Unknown keys are errors. What was read before an error stays.
func (s *Server) Load(r io.Reader) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	var all seed
	if err := d.Decode(&all); err != nil {
		return fmt.Errorf("seed of an Okta org: near byte %d: %w", d.InputOffset(), err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("seed of an Okta org: something follows at byte %d", d.InputOffset())
	}
	for i, u := range all.Users {
		if _, err := s.AddUser(u); err != nil {
			return fmt.Errorf("seed of an Okta org: users[%d]: %w", i, err)
		}
	}
	for i, g := range all.Groups {
		if _, err := s.AddGroup(g); err != nil {
			return fmt.Errorf("seed of an Okta org: groups[%d]: %w", i, err)
		}
	}
	for i, rule := range all.Rules {
		if _, err := s.AddRule(rule); err != nil {
			return fmt.Errorf("seed of an Okta org: rules[%d]: %w", i, err)
		}
	}
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
	name, about, kind string
	members           []string
}{
	{"prod-db", "Production databases", oktaGroup, []string{"root"}},
	{"prod-admins", "Administrators of production", oktaGroup, []string{"root"}},
	{"staging", "Deploy to staging", oktaGroup, []string{"root", "grace", "linus"}},
	{"vpn", "Remote access", oktaGroup, []string{"root", "ada", "grace", "linus", "margaret"}},
	{"finance-reports", "Read the monthly reports", oktaGroup, []string{"root", "barbara"}},
	{"on-call", "Who is woken at night", oktaGroup, []string{"root", "ken"}},
	{"sales", "Fed by a group rule", oktaGroup, nil},
	{"imported", "Imported from another directory", appGroup, []string{"root"}},
}

// Demo fills the org with root@example.org and n people with names to
// recognise (ada@example.org, grace@..., and numbered ones after the first
// twenty; seven at least), who but for root@ have a department and, but for
// ada@, a manager; a handful of groups with standing members, a group
// that a rule feeds, and one that is imported.
func (s *Server) Demo(n int) error {
	cast := []User{{Login: "root@example.org", First: "Root"}}
	for i := range max(n, 7) {
		u := User{Login: "person" + strconv.Itoa(i+1) + "@example.org", First: "Person", Last: strconv.Itoa(i + 1)}
		if i < len(demoPeople) {
			u.First, u.Last, _ = strings.Cut(demoPeople[i], " ")
			u.Login = strings.ToLower(u.First) + "@example.org"
		}
		u.Profile = map[string]any{"displayName": u.First + " " + u.Last, "department": demoDepartments[i%len(demoDepartments)].name}
		cast = append(cast, u)
	}
	for _, u := range cast {
		if _, err := s.AddUser(u); err != nil {
			return err
		}
	}
	for i, u := range cast[1:] {
		boss := demoDepartments[i%len(demoDepartments)].head + "@example.org"
		if boss == u.Login {
			boss = demoDepartments[0].head + "@example.org"
		}
		if boss == u.Login {
			continue
		}
		if err := s.SetProfile(u.Login, map[string]any{"managerId": s.UserID(boss)}); err != nil {
			return err
		}
	}
	for _, d := range demoGroups {
		g := Group{Name: d.name, About: d.about, Type: d.kind}
		for _, m := range d.members {
			g.Members = append(g.Members, m+"@example.org")
		}
		if _, err := s.AddGroup(g); err != nil {
			return err
		}
	}
	_, err := s.AddRule(Rule{Name: "Sales", Groups: []string{"sales"}, Members: []string{"dennis@example.org"}})
	return err
}
