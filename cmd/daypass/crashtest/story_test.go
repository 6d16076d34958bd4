package crashtest

import (
	"fmt"
	"strings"
	"time"
)

// A story is what happens to the memberships of a few groups: how they begin,
// what becomes of their grants, and how they must be after the run that this
// is all for, however often it was killed.
type story struct {
	groups []group
	parts  []part
}

// group is one group of the directory.
type group struct {
	name      string
	class     string // groupOfNames or groupOfMembers
	exclusive bool   // foreign: remove
}

// part is one person in one group.
type part struct {
	group, person string
	role
}

// role is what happens to a membership.
type role struct {
	name     string
	standing bool // a member before daypass, and for good
	stranger bool // a member before daypass, in an exclusive group
	before   []wish
	after    []wish // zero: the lines are gone
	hand     end    // a grant by hand that is there before
	revoked  bool   // the grant by hand is revoked
	extended end    // the grant by hand is extended
	new      end    // a grant by hand that comes later
	taken    bool   // somebody else takes the member out
	// What must be in the end: until when the membership is ours, if it is,
	// and whether one of ours is over.
	ours end
	over bool
}

// end is when a grant ends.
type end string

const (
	past     end = "past"
	tomorrow end = "tomorrow"
	nextWeek end = "nextWeek"
)

// wish is one line of the grant file.
type wish struct {
	reason string
	until  end
}

func one(until end) []wish { return []wish{{"CHG-1", until}} }

// present reports whether the member is in the group in the end.
func (r role) present() bool { return r.standing || r.ours != "" }

// begins reports whether the member is in the group once the first sync is
// done.
func (r role) begins() bool { return r.standing || r.stranger || len(r.before) > 0 || r.hand != "" }

func standing() role { return role{name: "standing", standing: true} }
func swept() role    { return role{name: "swept", stranger: true} }

// leavers are the roles that end.
func leavers() []role {
	return []role{
		{name: "ends", before: one(tomorrow), after: one(past), over: true},
		{name: "withdrawn", before: one(tomorrow), over: true},
		{name: "revoked", hand: tomorrow, revoked: true, over: true},
		{name: "taken and ended", before: one(tomorrow), after: one(past), taken: true, over: true},
	}
}

// comers are the roles that begin.
func comers() []role {
	return []role{
		{name: "starts", after: one(tomorrow), ours: tomorrow},
		{name: "starts by hand", new: tomorrow, ours: tomorrow},
	}
}

// stayers are the roles in which nobody comes or goes for good.
func stayers() []role {
	return []role{
		{name: "stays", before: one(tomorrow), after: one(tomorrow), ours: tomorrow},
		{name: "extended", before: one(tomorrow), after: one(nextWeek), ours: nextWeek},
		{name: "extended by hand", hand: tomorrow, extended: nextWeek, ours: nextWeek},
		{name: "restored", before: one(tomorrow), after: one(tomorrow), taken: true, ours: tomorrow},
		{
			name:   "one of two ends",
			before: []wish{{"CHG-1", nextWeek}, {"CHG-2", tomorrow}}, after: []wish{{"CHG-1", past}, {"CHG-2", tomorrow}},
			ours: tomorrow,
		},
		{name: "handed over", before: one(tomorrow), after: []wish{{"CHG-2", nextWeek}}, ours: nextWeek},
		{name: "granted to a standing member", standing: true, after: one(tomorrow)},
		{name: "standing, and a grant ends", standing: true, before: one(tomorrow), after: one(past)},
	}
}

// newStory tells of n groups, in a cycle of seven kinds: most have a bit of
// everything, and some become empty or were so before.
func newStory(n int) *story {
	s := &story{}
	all := append(append(leavers(), comers()...), stayers()...)
	for i := range n {
		g := group{name: fmt.Sprintf("g%02d", i), class: "groupOfNames"}
		var roles []role
		switch i % 7 {
		case 1: // nobody but a placeholder before
			roles = comers()
		case 3:
			g.class = "groupOfMembers"
			roles = rotate(all, i)
		case 4:
			g.exclusive = true
			roles = append(rotate(all, i), swept())
		case 5: // nobody but a placeholder afterwards
			roles = leavers()[:3]
		case 6:
			g.class = "groupOfMembers"
			roles = leavers()[:3]
		default:
			roles = rotate(all, i)
		}
		s.groups = append(s.groups, g)
		for k, r := range roles {
			s.parts = append(s.parts, part{g.name, person(i + k), r})
		}
	}
	return s
}

// rotate picks five roles, others for each group, and a standing member.
func rotate(all []role, i int) []role {
	roles := []role{standing()}
	for k := range 5 {
		roles = append(roles, all[(5*i+k)%len(all)])
	}
	return roles
}

const crowd = 12

// person names one of the accounts.
func person(i int) string { return fmt.Sprintf("p%02d", i%crowd) }

func mail(person string) string { return person + "@example.org" }

// clock says what the ends of a story are.
type clock struct{ now time.Time }

func (c clock) at(e end) time.Time {
	switch e {
	case past:
		return c.now.Add(-time.Minute)
	case tomorrow:
		return c.now.Add(24 * time.Hour)
	}
	return c.now.Add(7 * 24 * time.Hour)
}

// file is the grant file with the lines that pick chooses.
func (s *story) file(c clock, pick func(role) []wish) string {
	var b strings.Builder
	b.WriteString("grants:\n")
	for _, p := range s.parts {
		for _, w := range pick(p.role) {
			fmt.Fprintf(&b, "  - {person: %s, group: corp/%s, from: %s, until: %s, reason: %s}\n", mail(p.person), p.group,
				c.now.Add(-time.Hour).Format(time.RFC3339), c.at(w.until).Format(time.RFC3339), w.reason)
		}
	}
	return b.String()
}

// config is the configuration of a story's lane, for a directory at url.
func (s *story) config(url, base string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `version: 1
store: sqlite:daypass.db
directories:
  corp:
    type: ldap
    url: %s
    bind: {dn: "cn=admin,dc=lab,dc=test", password: "env:DIRECTORY_PASSWORD"}
    people: {base: "ou=people,dc=lab,dc=test", match: "(mail={person})"}
    groups: {base: "%s", placeholder: "%s"}
limits: {remove: 1000, removePercent: 100, add: 1000}
overdue: 1s
grants: [grants.yaml]
groups:
`, url, base, nobody)
	for _, g := range s.groups {
		if !g.exclusive {
			continue
		}
		var stay []string
		for _, p := range s.parts {
			if p.group == g.name && p.standing {
				stay = append(stay, mail(p.person))
			}
		}
		fmt.Fprintf(&b, "  corp/%s: {foreign: remove, notice: 1ms, standing: [%s]}\n", g.name, strings.Join(stay, ", "))
	}
	return b.String()
}

// members are the people in each group for whom is holds.
func (s *story) members(is func(role) bool) map[string][]string {
	ms := make(map[string][]string)
	for _, g := range s.groups {
		ms[g.name] = []string{}
	}
	for _, p := range s.parts {
		if is(p.role) {
			ms[p.group] = append(ms[p.group], p.person)
		}
	}
	return sorted(ms)
}
