package googletest

import (
	"strconv"
	"strings"
)

// demoPeople are who a newcomer meets first, in this order.
func demoPeople() []string {
	return []string{
		"Ada Lovelace", "Grace Hopper", "Linus Torvalds", "Margaret Hamilton", "Ken Thompson", "Barbara Liskov", "Dennis Ritchie",
		"Radia Perlman", "Edsger Dijkstra", "Frances Allen", "Donald Knuth", "Katherine Johnson", "Alan Turing", "Hedy Lamarr",
		"Tim Berners", "Karen Jones", "Guido Rossum", "Sophie Wilson", "Brian Kernighan", "Adele Goldberg",
	}
}

// demoDepartment has a head, who manages the others in it; the first head
// manages the heads.
type demoDepartment struct{ name, head string }

// demoDepartments are joined in turn.
func demoDepartments() []demoDepartment {
	return []demoDepartment{{"Platform", "ada"}, {"Data", "grace"}, {"Finance", "barbara"}}
}

type demoGroup struct {
	name, about string
	kind        Kind
	owner       string
	members     []string
}

// demoGroups name their standing members by login; "everyone" is the customer
// itself.
func demoGroups() []demoGroup {
	return []demoGroup{
		{"prod-db", "Production databases", Security, "root", nil},
		{"prod-admins", "Administrators of production", Security, "root", nil},
		{"staging", "Deploy to staging", Plain, "root", []string{"grace", "linus"}},
		{"vpn", "Remote access", Plain, "root", []string{"ada", "grace", "linus", "margaret"}},
		{"finance-reports", "Read the monthly reports", Plain, "root", []string{"barbara"}},
		{"on-call", "Who is woken at night", Plain, "root", []string{"ken"}},
		{"engineers", "Whoever a query says", Dynamic, "", []string{"ada", "grace"}},
		{"break-glass", "Changed by super administrators only", Locked, "root", nil},
		{"staff", "All who work here", Plain, "root", []string{"everyone"}},
	}
}

// Demo adds root@, who is a super administrator, n people with names to
// recognise (ada@example.org, grace@..., and numbered ones after the first
// twenty), of whom the first thousand have a department and, but for ada@, a
// manager; and a handful of groups with standing members. At least the first
// seven people are made, since the groups name them.
func (s *Server) Demo(n int) error {
	at := "@" + s.opt.Domains[0]
	if _, err := s.AddUser(User{Email: "root" + at, Name: "Root", SuperAdmin: true}); err != nil {
		return err
	}
	names := demoPeople()
	for i := range max(n, 7) {
		u := User{Email: "person" + strconv.Itoa(i+1) + at, Name: "Person " + strconv.Itoa(i+1)}
		if i < len(names) {
			first, _, _ := strings.Cut(names[i], " ")
			u.Email, u.Name = strings.ToLower(first)+at, names[i]
		}
		if i < described {
			u.Profile = demoProfile(i, u.Email, at)
		}
		if _, err := s.AddUser(u); err != nil {
			return err
		}
	}
	for _, d := range demoGroups() {
		if _, err := s.AddGroup(d.group(at)); err != nil {
			return err
		}
	}
	return nil
}

// described is how many people have a profile, which takes room.
const described = 1000

// demoProfile is that of the i-th person.
func demoProfile(i int, email, at string) Profile {
	departments := demoDepartments()
	department := departments[i%len(departments)]
	p := Profile{Organizations: []Organization{{Primary: true, Department: department.name}}}
	boss := department.head + at
	if boss == email {
		boss = departments[0].head + at
	}
	if boss != email {
		p.Relations = []Relation{{Type: "manager", Value: boss}}
	}
	return p
}

func (d demoGroup) group(at string) Group {
	g := Group{Email: d.name + at, Name: d.name, Description: d.about, Kind: d.kind}
	if d.owner != "" {
		g.Members = append(g.Members, Member{Email: d.owner + at, Role: "OWNER"})
	}
	for _, m := range d.members {
		if m == "everyone" {
			g.Members = append(g.Members, Member{Email: "CUSTOMER"})
			continue
		}
		g.Members = append(g.Members, Member{Email: m + at})
	}
	return g
}
