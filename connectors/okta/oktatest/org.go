package oktatest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

// org is what the server knows. The server's mutex guards it.
type org struct {
	users   []*user // by number; ids rise with it, unless they were given
	byLogin map[string]int32
	given   map[string]int32 // users with ids of their own
	groups  []*group         // in order of making, which is that of the ids; nil where deleted
	byGroup map[string]*group
	rules   []*rule
	logons  map[int32]logons // by number of the user
	log     []event          // in order of their being in the log
	events  int64
}

// user is small: there are hundreds of thousands in a large org.
type user struct {
	number  int32
	deleted bool
	id      string
	profile
	status           string
	created, updated int64 // milliseconds since 1970
	statusAt         int64
	indexed          *profile // what the search index still has; see the method search
	reindexed        int64    // when the index began to be behind
}

type profile struct {
	login, email, first, last string
	further                   map[string]any // never changed: a new profile has a new one
}

// Kinds of groups.
const (
	oktaGroup = "OKTA_GROUP"
	appGroup  = "APP_GROUP"
	builtIn   = "BUILT_IN"
)

type group struct {
	id, kind, name, about string
	created, updated      int64
	members               sim.History[int32]
	recent                []recent          // additions that the mode Recorded may miss
	held                  map[int32][]*rule // members whom rules hold
	filled, filledBefore  int64             // lastMembershipUpdated, and what it was before
	markLagging           bool              // filled is by a write and may not show yet
	oldName               string            // in the search index until nameAt
	nameAt                int64             //
}

type recent struct {
	user int32
	at   time.Time
}

type rule struct {
	id, name, expression, status string
	created, updated             int64
	groups                       []string
	excluded                     []string // user ids
}

// exclusions is how many users a rule can exclude.
const exclusions = 100

func newOrg(now time.Time) *org {
	o := &org{byLogin: make(map[string]int32), given: make(map[string]int32), byGroup: make(map[string]*group), logons: make(map[int32]logons)}
	o.addGroup(&group{kind: builtIn, name: "Everyone", about: "All users in your organization", created: now.UnixMilli(), updated: now.UnixMilli(), filled: now.UnixMilli()})
	return o
}

// native makes ids as Okta's: a prefix and seventeen characters, rising.
func native(prefix string, n int) string {
	digits := strconv.FormatInt(int64(n), 36)
	return prefix + "1sim" + strings.Repeat("0", 13-len(digits)) + digits
}

func number(id string) (int, bool) {
	if len(id) != 20 || !strings.HasPrefix(id[3:], "1sim") {
		return 0, false
	}
	n, err := strconv.ParseInt(id[7:], 36, 32)
	return int(n), err == nil && native(id[:3], int(n)) == id
}

// userByID returns also a deleted user.
func (o *org) userByID(id string) *user {
	if n, ok := o.given[id]; ok {
		return o.users[n]
	}
	if n, ok := number(id); ok && strings.HasPrefix(id, "00u") && n > 0 && n <= len(o.users) && o.users[n-1].id == id {
		return o.users[n-1]
	}
	return nil
}

// userByLogin finds by the exact login, or by what stands before its @ where
// only one user has that.
func (o *org) userByLogin(login string) *user {
	if n, ok := o.byLogin[strings.ToLower(login)]; ok && o.users[n].login == login {
		return o.users[n]
	}
	if strings.Contains(login, "@") {
		return nil
	}
	var found *user
	for _, u := range o.users {
		if short, _, _ := strings.Cut(u.login, "@"); short == login && !u.deleted {
			if found != nil {
				return nil
			}
			found = u
		}
	}
	return found
}

func (o *org) addGroup(g *group) {
	if g.id == "" {
		g.id = native("00g", len(o.groups)+1)
	}
	o.groups = append(o.groups, g)
	o.byGroup[g.id] = g
}

// has reports membership as it is, lag or no lag.
func (o *org) has(g *group, u *user) bool {
	if g.kind == builtIn {
		return !u.deleted
	}
	return g.members.Has(u.number)
}

// touch moves lastMembershipUpdated to now. A write may stay unseen for a
// while; what the harness does is seen at once.
func (g *group) touch(now time.Time, lag time.Duration) {
	if lag > 0 {
		g.filledBefore = g.mark(now, lag)
	}
	g.filled, g.markLagging = now.UnixMilli(), lag > 0
}

// mark is the lastMembershipUpdated that a list of groups shows.
func (g *group) mark(now time.Time, lag time.Duration) int64 {
	if g.markLagging && now.UnixMilli() < g.filled+lag.Milliseconds() {
		return g.filledBefore
	}
	return g.filled
}

// search returns the profile that the search index has of a user, nil when it
// has none.
func (u *user) search(now time.Time, lag time.Duration) *profile {
	if lag > 0 && now.UnixMilli() < u.reindexed+lag.Milliseconds() {
		return u.indexed
	}
	return &u.profile
}

// change sets a new profile, of which the search index learns later.
func (u *user) change(p profile, now time.Time, lag time.Duration) {
	if lag > 0 {
		old := u.search(now, lag)
		if old != nil {
			was := *old
			old = &was
		}
		u.indexed, u.reindexed = old, now.UnixMilli()
	}
	u.profile, u.updated = p, now.UnixMilli()
}

// title is a group's name in the search index.
func (g *group) title(now time.Time, lag time.Duration) (name string, known bool) {
	if lag > 0 && now.UnixMilli() < g.nameAt+lag.Milliseconds() {
		return g.oldName, g.oldName != ""
	}
	return g.name, true
}

// listing returns the members of a group as a reading shows them, by number.
func (s *Server) listing(g *group, now time.Time) []int32 {
	if g.kind == builtIn {
		var all []int32
		for _, u := range s.org.users {
			if !u.deleted {
				all = append(all, u.number)
			}
		}
		return all
	}
	if s.opts.LagMode != Recorded {
		return g.members.At(s.lag.Cut(now))
	}
	keys := g.members.Keys()
	for _, r := range g.recent {
		if now.Sub(r.at) < s.opts.Lag && s.chance() < 0.2 {
			if i, found := slices.BinarySearch(keys, r.user); found {
				keys = slices.Delete(slices.Clone(keys), i, i+1)
			}
		}
	}
	return keys
}

// chance draws from [0, 1).
func (s *Server) chance() float64 {
	s.notes.Lock() // the org may be locked for reading only
	defer s.notes.Unlock()
	return s.rng.Float64()
}

// set makes u a member of g by a write, or takes it out.
func (s *Server) set(g *group, u *user, present bool, now time.Time) (changed bool) {
	g.members.Forget(now.Add(-s.opts.Lag))
	if !g.members.Set(u.number, now, present) {
		return false
	}
	if s.opts.LagMode == Recorded && s.opts.Lag > 0 {
		g.recent = slices.DeleteFunc(g.recent, func(r recent) bool { return r.user == u.number || now.Sub(r.at) >= s.opts.Lag })
		if present {
			g.recent = append(g.recent, recent{u.number, now})
		}
	}
	g.touch(now, s.opts.MarkLag)
	return true
}

func (g *group) String() string { return fmt.Sprintf("%s (%s)", g.name, g.id) }
