package entratest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

// object is one directory object. Members are named by their place in the
// tenant's list, so that hundreds of thousands of memberships fit in little.
type object struct {
	id       guid
	kind     Type
	name     string
	login    string // userPrincipalName of a user
	mail     string
	guest    bool
	disabled bool
	deleted  bool
	born     int64 // nanoseconds; from when on it is found
	group    *group
}

type group struct {
	kind    Kind
	traits  traits
	about   string
	pim     governed
	members sim.History[uint32]
}

// tenant is what there is. The server locks it.
type tenant struct {
	seed    uint64
	objects []object
	groups  []uint32 // in the order of their making, deleted ones included
	named   []uint32 // all that are not users
	users   int
	byID    map[guid]uint32
	byLogin map[string]uint32   // lower case
	byMail  map[string][]uint32 // lower case; only where it is not the login
	aliases map[uint32][]string // proxy addresses besides the mail

	schedules map[link]*schedule // of PIM for Groups
	validFrom map[uint32]int64   // of users whose sessions were ended: nanoseconds
	logons    map[uint32]int     // how often

	managers   map[uint32]uint32
	further    map[uint32]map[string]json.RawMessage // properties of users
	extensions sync.Map                              // names of properties that the directory was extended by
}

func newTenant(seed uint64) *tenant {
	return &tenant{
		seed: seed, byID: make(map[guid]uint32), byLogin: make(map[string]uint32),
		byMail: make(map[string][]uint32), aliases: make(map[uint32][]string),
		schedules: make(map[link]*schedule), validFrom: make(map[uint32]int64), logons: make(map[uint32]int),
		managers: make(map[uint32]uint32), further: make(map[uint32]map[string]json.RawMessage),
	}
}

// add puts a new object in, with an id of its own unless it has one.
func (t *tenant) add(o object) (uint32, error) {
	if o.id == (guid{}) {
		o.id = newGUID(t.seed, string(o.kind), len(t.objects))
	}
	if _, taken := t.byID[o.id]; taken {
		return 0, fmt.Errorf("id %s is taken", o.id)
	}
	n := uint32(len(t.objects)) //nolint:gosec // never so many
	if o.kind == UserType {
		if _, taken := t.byLogin[strings.ToLower(o.login)]; taken {
			return 0, fmt.Errorf("userPrincipalName %s is taken", o.login)
		}
		t.byLogin[strings.ToLower(o.login)] = n
		t.users++
	}
	t.byID[o.id] = n
	t.objects = append(t.objects, o)
	if o.kind != UserType {
		t.named = append(t.named, n)
	}
	if o.group != nil {
		t.groups = append(t.groups, n)
	}
	t.index(n)
	return n, nil
}

func (t *tenant) index(n uint32) {
	o := &t.objects[n]
	if mail := strings.ToLower(o.mail); mail != "" && o.kind == UserType && mail != strings.ToLower(o.login) {
		t.byMail[mail] = append(t.byMail[mail], n)
	}
}

func (t *tenant) unindex(n uint32) {
	o := &t.objects[n]
	if o.kind != UserType {
		return
	}
	delete(t.byLogin, strings.ToLower(o.login))
	mail := strings.ToLower(o.mail)
	if t.byMail[mail] = slices.DeleteFunc(t.byMail[mail], func(m uint32) bool { return m == n }); len(t.byMail[mail]) == 0 {
		delete(t.byMail, mail)
	}
}

// withMail returns the users of a mail address.
func (t *tenant) withMail(mail string) []uint32 {
	mail = strings.ToLower(mail)
	found := slices.Clone(t.byMail[mail])
	if n, ok := t.byLogin[mail]; ok && strings.EqualFold(t.objects[n].mail, mail) {
		found = append(found, n)
	}
	return found
}

// look finds a live object that is old enough to be found.
func (t *tenant) look(id guid, now time.Time) (n uint32, o *object, ok bool) {
	n, ok = t.byID[id]
	if !ok || t.objects[n].deleted || t.objects[n].born > now.UnixNano() {
		return 0, nil, false
	}
	return n, &t.objects[n], true
}

// newborn reports whether there is such an object that is not found yet.
func (t *tenant) newborn(id guid, now time.Time) bool {
	n, ok := t.byID[id]
	return ok && !t.objects[n].deleted && t.objects[n].born > now.UnixNano()
}

// holders returns the groups that hold a member.
func (t *tenant) holders(n uint32) []uint32 {
	var in []uint32
	for _, g := range t.groups {
		if t.objects[g].group.members.Has(n) {
			in = append(in, g)
		}
	}
	return in
}

// inside returns who is in a group, directly and through others, as of a time.
func (t *tenant) inside(g uint32, at time.Time) []uint32 {
	seen := map[uint32]bool{g: true}
	var all []uint32
	for todo := []uint32{g}; len(todo) > 0; todo = todo[1:] {
		for _, m := range t.objects[todo[0]].group.members.At(at) {
			if seen[m] {
				continue
			}
			seen[m] = true
			all = append(all, m)
			if t.objects[m].kind == GroupType {
				todo = append(todo, m)
			}
		}
	}
	slices.Sort(all)
	return all
}
