package ldaptest

import (
	"strconv"
	"strings"
)

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

// demoGroups name their standing members by login; "everyone" is each person.
var demoGroups = []struct { //nolint:gochecknoglobals // a table
	name, about string
	members     []string
}{
	{"prod-db", "Production databases", []string{"root"}},
	{"prod-admins", "Administrators of production", []string{"root"}},
	{"staging", "Deploy to staging", []string{"root", "grace", "linus"}},
	{"vpn", "Remote access", []string{"root", "ada", "grace", "linus", "margaret"}},
	{"finance-reports", "Read the monthly reports", []string{"root", "barbara"}},
	{"on-call", "Who is woken at night", []string{"root", "ken"}},
	{"staff", "All who work here", []string{"everyone"}},
}

// Demo seeds root@ and n people with names to recognise (ada@example.org,
// grace@..., and numbered ones after the first twenty) in ou=people, and a handful of groups
// with standing members in ou=groups. People have a displayName; all but root@ have a
// department (departmentNumber, or department on Active Directory) and, but for
// ada@, a manager. At least the first seven people are made, since the groups name
// them.
func (s *Server) Demo(n int) error {
	dns := make(map[string]string)
	var everyone []string
	cast := demoCast(s.domain(), s.opt.Flavor, max(n, 7))
	for _, p := range cast {
		dn, err := s.AddPerson(p)
		if err != nil {
			return err
		}
		dns[p.Login] = dn
		everyone = append(everyone, dn)
	}
	for i, p := range cast[1:] { // root has no manager
		boss := demoDepartments[i%len(demoDepartments)].head
		if boss == p.Login {
			boss = demoDepartments[0].head
		}
		if boss == p.Login {
			continue
		}
		if err := s.Modify(dns[p.Login], Change{Kind: ReplaceValues, Attr: "manager", Values: []string{dns[boss]}}); err != nil {
			return err
		}
	}
	for _, g := range demoGroups {
		members := everyone
		if g.members[0] != "everyone" {
			members = nil
			for _, login := range g.members {
				members = append(members, dns[login])
			}
		}
		if _, err := s.AddGroup(Group{Name: g.name, Description: g.about, Members: members}); err != nil {
			return err
		}
	}
	return nil
}

// Cast are the people of [Server.Demo] with n people, by name and work address
// in example.org.
func Cast(n int) []Person {
	return demoCast("example.org", OpenLDAP, max(n, 7))
}

func demoCast(domain string, flavor Flavor, n int) []Person {
	at, department := "@"+domain, "departmentNumber"
	if flavor == ActiveDirectory {
		department = "department"
	}
	cast := []Person{{Login: "root", Name: "Root", Mail: "root" + at, Attributes: map[string][]string{"displayName": {"Root"}}}}
	for i := range n {
		p := Person{Login: "person" + strconv.Itoa(i+1), Name: "Person " + strconv.Itoa(i+1)}
		if i < len(demoPeople) {
			first, _, _ := strings.Cut(demoPeople[i], " ")
			p.Login, p.Name = strings.ToLower(first), demoPeople[i]
		}
		p.Mail = p.Login + at
		p.Attributes = map[string][]string{"displayName": {p.Name}, department: {demoDepartments[i%len(demoDepartments)].name}}
		cast = append(cast, p)
	}
	return cast
}
