// Package memory is a whole directory in memory: the connector that the
// engine's tests run on, and the first that passes connectortest.
//
// A [Directory] has two sides. In front it is an [engine.Connector] with every
// optional power. Behind the curtain it is the directory itself: people come
// and go, somebody else changes groups unseen, and it fails, lags or lies on
// demand. It is deterministic (ids count up, nothing depends on map order) and
// safe for concurrent use; it starts no goroutine and, unless asked for the
// time, reads no clock.
//
// It knows nothing of grants, plans or ledgers. Methods behind the curtain
// panic when they name an account or a group that was never made: that is a
// mistake of the test.
package memory

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// Directory is one directory in memory. Make it with [New].
type Directory struct {
	name engine.Directory

	mu      sync.Mutex
	made    int // accounts, groups and other objects made so far; ids count up
	objects map[engine.MemberID]*object
	refs    map[string]*object
	people  map[engine.Person][]*object
	groups  map[engine.GroupID]*group
	ghosts  bool
	lag     int
	late    time.Duration // how long listings lack a change, by the clock
	slow    time.Duration // how long Changed does
	grace   time.Duration
	log     []change
	now     func() time.Time
	down    engine.Kind
	faults  []*pending
	calls   map[Call]int
	writes  []Write
	terms   Terms
	ends    map[engine.Membership]time.Time // of memberships that end by themselves
	next    time.Time                       // none of them is earlier; zero when there is none
}

// object is what a group may hold: an account, a group, a ghost, or another
// thing. Groups point at it, so that a new login shows everywhere at once.
type object struct {
	member   engine.Member
	person   engine.Person
	disabled bool
	sessions []*bool // each is true while it is good
	profile  *engine.Profile
}

type group struct {
	info    engine.GroupInfo
	self    *object   // the group as a member of others
	members []*object // sorted by ID
	past    []glimpse // what lagging readers still see, oldest first
	lie     Lie
	endless bool // its memberships cannot be ended by the directory
}

// New returns an empty directory. Its errors begin with name.
func New(name engine.Directory) *Directory {
	return &Directory{
		name:    name,
		objects: map[engine.MemberID]*object{},
		refs:    map[string]*object{},
		people:  map[engine.Person][]*object{},
		groups:  map[engine.GroupID]*group{},
		calls:   map[Call]int{},
		ends:    map[engine.Membership]time.Time{},
		now:     time.Now,
	}
}

// nextID returns a fresh id. Six digits keep the order of making under
// sorting by text.
func (d *Directory) nextID(prefix string) string {
	d.made++
	return fmt.Sprintf("%s%06d", prefix, d.made)
}

// refOf returns how the directory writes the object with a login. Like an LDAP
// DN it changes with the login, while the ID stays.
func refOf(login string) string { return "login=" + login }

func (g *group) find(id engine.MemberID) (int, bool) {
	return slices.BinarySearchFunc(g.members, id, func(o *object, id engine.MemberID) int {
		return cmp.Compare(o.member.ID, id)
	})
}

// put makes o a member and reports whether it was not one before.
func (d *Directory) put(g *group, o *object) bool {
	i, found := g.find(o.member.ID)
	if found {
		return false
	}
	d.remember(g, d.now())
	g.members = slices.Insert(g.members, i, o)
	return true
}

// take is the inverse of put. An end goes with its membership.
func (d *Directory) take(g *group, id engine.MemberID) bool { return d.takeAt(g, id, d.now()) }

func (d *Directory) takeAt(g *group, id engine.MemberID, at time.Time) bool {
	i, found := g.find(id)
	if !found {
		return false
	}
	d.remember(g, at)
	g.members = slices.Delete(g.members, i, i+1)
	delete(d.ends, d.membership(g, id))
	return true
}

func list(os []*object) []engine.Member {
	ms := make([]engine.Member, len(os))
	for i, o := range os {
		ms[i] = o.member
	}
	return ms
}
