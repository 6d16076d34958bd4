package googletest

import (
	"fmt"
	"slices"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

// Kind is what decides who may change a group's members.
type Kind string

// Kinds of group, named as in Google's labels; Plain is a discussion forum and
// nothing else.
const (
	Plain    Kind = "plain"
	Dynamic  Kind = "dynamic"  // a query decides who is in it
	Locked   Kind = "locked"   // only a super administrator changes its members
	Security Kind = "security" // it is changed like a plain one
)

// group is what a group has besides its object. Whoever uses it holds the
// server's lock.
type group struct {
	n           uint32 // its object
	description string
	kind        Kind
	created     time.Time
	members     sim.History[entry]
	ends        map[uint32]term      // of memberships that end by themselves
	ended       map[uint32]time.Time // until when those that ended are in the way
	invited     map[uint32]bool      // who got an invitation and has not answered
	late        []lateWrite          // accepted with 409 conflict, and not there yet
	delay       time.Duration        // of the next write; 0 is none
	loops       int                  // listings whose page token will repeat
}

// entry is one membership: whose it is, and in its low bits what it is like.
// Entries sort by member.
type entry uint32

const (
	member   entry = 0
	manager  entry = 1
	owner    entry = 2
	roleBits entry = 3
	roles          = 4 // the bits that an entry shifts its member by
)

func newEntry(n uint32, role entry) entry { return entry(n)<<roles | role }

func (e entry) who() uint32 { return uint32(e >> roles) }

// role is how Google writes it.
func (e entry) role() string {
	return roleNames()[e&roleBits]
}

func roleNames() []string { return []string{"MEMBER", "MANAGER", "OWNER"} }

func parseRole(name string) (entry, bool) {
	if name == "" {
		return member, true
	}
	i := slices.Index(roleNames(), name)
	return entry(max(i, 0)), i >= 0
}

// lateWrite is a write whose effect is still to come.
type lateWrite struct {
	entry   entry
	present bool
	due     time.Time
}

// holds returns the entry of a member, lag or no lag.
func (g *group) holds(n uint32) (entry, bool) {
	return seek(g.members.Keys(), n)
}

// seek finds a member among sorted entries.
func seek(entries []entry, n uint32) (entry, bool) {
	i, _ := slices.BinarySearch(entries, newEntry(n, 0))
	if i < len(entries) && entries[i].who() == n {
		return entries[i], true
	}
	return 0, false
}

// settle carries out what is due by now.
func (g *group) settle(now time.Time) {
	g.late = slices.DeleteFunc(g.late, func(l lateWrite) bool {
		if l.due.After(now) {
			return false
		}
		if _, held := g.holds(l.entry.who()); held != l.present {
			g.members.Put(l.entry, l.present)
		}
		return true
	})
}

// groupOf finds a group for the harness.
func (s *Server) groupOf(key string) (*group, error) {
	s.lapse(s.Clock.Now())
	n, ok := s.find(key)
	if !ok || s.objects[n].kind != aGroup {
		return nil, fmt.Errorf("no group %q", key)
	}
	return s.groups[n], nil
}

// object finds what may be a member, for the harness: by its id, address or
// alias, or as the customer itself.
func (s *Server) memberOf(key string) (uint32, error) {
	if key == "CUSTOMER" {
		return 0, nil
	}
	n, ok := s.find(key)
	if !ok {
		return 0, fmt.Errorf("no user, group or outsider %q", key)
	}
	return n, nil
}
