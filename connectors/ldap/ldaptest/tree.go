package ldaptest

import (
	"crypto/sha1"
	"encoding/binary"
	"slices"
	"strconv"
	"sync"
)

// tree is the entries and their indexes. Callers hold the lock.
type tree struct {
	sync.RWMutex
	schema  *schema
	classes map[string]*class
	suffix  string // normal form
	byDN    map[string]*entry
	byID    map[[16]byte]*entry
	bySID   map[uint32]*entry
	index   map[*attrType]*postings
	links   []*attrType // the attributes that refint follows
	births  map[string]int
	seq     uint64
	rid     uint32
	expires int64 // the next second at which a link ends, 0 for never
}

func newTree(f Flavor, suffix string) *tree {
	t := &tree{
		schema: newSchema(f), classes: newClasses(f), suffix: suffix,
		byDN: make(map[string]*entry), byID: make(map[[16]byte]*entry), bySID: make(map[uint32]*entry),
		index: make(map[*attrType]*postings), births: make(map[string]int), rid: firstRID,
	}
	for _, typ := range t.schema.types {
		if typ.is(indexed) && !typ.is(readOnly) {
			t.index[typ] = newPostings()
		}
		if typ.is(link) {
			t.links = append(t.links, typ)
		}
	}
	return t
}

// newID makes the id of an entry from its name and how often that was given
// up, so that a simulation started again has the ids of the last one.
func (t *tree) newID(norm string) [16]byte {
	id := t.nthID(norm, t.births[norm])
	for t.byID[id] != nil { // a seed brought it
		t.births[norm]++
		id = t.nthID(norm, t.births[norm])
	}
	return id
}

func (t *tree) nthID(norm string, n int) (id [16]byte) {
	if n > 0 {
		norm += "\x00" + strconv.Itoa(n)
	}
	sum := sha1.Sum([]byte("daypass ldaptest\x00" + norm))
	copy(id[:], sum[:])
	id[6] = id[6]&0x0f | 0x50 // version 5
	id[8] = id[8]&0x3f | 0x80
	return id
}

// insert puts an entry with no attributes yet below its parent.
func (t *tree) insert(e *entry, now int64) {
	e.id = t.newID(e.norm)
	t.seq++
	e.seq, e.created, e.modified = t.seq, now, now
	t.place(e)
	t.byID[e.id] = e
}

func (t *tree) place(e *entry) {
	t.byDN[e.norm] = e
	if e.parent = t.byDN[parentOf(e.norm)]; e.parent != nil {
		e.slot = len(e.parent.children)
		e.parent.children = append(e.parent.children, e)
	}
}

func (t *tree) displace(e *entry) {
	delete(t.byDN, e.norm)
	if p := e.parent; p != nil {
		last := len(p.children) - 1
		p.children[e.slot] = p.children[last]
		p.children[e.slot].slot = e.slot
		p.children[last] = nil
		p.children = p.children[:last]
	}
}

// forget takes out an entry that has no children.
func (t *tree) forget(e *entry) {
	for len(e.attrs) > 0 {
		a := e.attrs[len(e.attrs)-1]
		for len(a.list) > 0 {
			t.drop(e, a.typ, a.key(a.list[len(a.list)-1]))
		}
	}
	t.displace(e)
	t.births[e.norm]++
	delete(t.byID, e.id)
	delete(t.bySID, e.rid)
	e.gone = true
}

// touch stamps an entry as changed.
func (t *tree) touch(e *entry, now int64) {
	t.seq++
	e.usn, e.modified = t.seq, now
}

// put adds a value and reports whether it was absent.
func (t *tree) put(e *entry, typ *attrType, key, v string) bool {
	a := e.attr(typ)
	if a == nil {
		a = &attribute{typ: typ}
		e.attrs = append(e.attrs, a)
	} else if a.find(key) >= 0 {
		return false
	}
	key, v = t.intern(typ, key, v)
	a.add(key, v)
	if idx := t.index[typ]; idx != nil {
		idx.add(key, e)
	}
	e.members = e.members || typ.key == "member"
	return true
}

// intern lets the many references to one entry share its strings.
func (t *tree) intern(typ *attrType, key, v string) (string, string) {
	if typ.syntax != dnText {
		return key, v
	}
	target := t.byDN[key]
	if target == nil {
		return key, v
	}
	if v == target.dn {
		v = target.dn
	}
	return target.norm, v
}

// drop takes a value out and reports whether it was there.
func (t *tree) drop(e *entry, typ *attrType, key string) bool {
	a := e.attr(typ)
	if a == nil {
		return false
	}
	i := a.find(key)
	if i < 0 {
		return false
	}
	a.removeAt(i)
	delete(a.ttl, key)
	if len(a.list) == 0 {
		e.attrs = slices.DeleteFunc(e.attrs, func(x *attribute) bool { return x == a })
	}
	if idx := t.index[typ]; idx != nil {
		idx.remove(key, e)
	}
	return true
}

// expire ends the links whose time has come.
func (t *tree) expire(now int64) {
	if t.expires == 0 || now < t.expires {
		return
	}
	t.expires = 0
	for _, e := range t.byDN {
		for _, a := range slices.Clone(e.attrs) {
			t.expireLinks(e, a, now)
		}
	}
}

// expireLinks ends those of one attribute. The others stay in their order, and
// the entry is not marked as changed: nobody made a change.
func (t *tree) expireLinks(e *entry, a *attribute, now int64) {
	var ended []string
	for key, end := range a.ttl {
		if end <= now {
			ended = append(ended, key)
		} else if t.expires == 0 || end < t.expires {
			t.expires = end
		}
	}
	if len(ended) == 0 {
		return
	}
	order := slices.Clone(a.list)
	for _, key := range ended {
		t.drop(e, a.typ, key)
	}
	a.reorder(order)
}

// guid returns an id as Active Directory shows it: the first three fields
// are little-endian.
func guid(id [16]byte) []byte {
	b := id
	binary.LittleEndian.PutUint32(b[0:], binary.BigEndian.Uint32(id[0:]))
	binary.LittleEndian.PutUint16(b[4:], binary.BigEndian.Uint16(id[4:]))
	binary.LittleEndian.PutUint16(b[6:], binary.BigEndian.Uint16(id[6:]))
	return b[:]
}
