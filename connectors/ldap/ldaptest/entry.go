package ldaptest

import (
	"slices"
)

// entry is one entry of the tree. Its fields are guarded by the tree's lock.
type entry struct {
	dn, norm string
	id       [16]byte
	rid      uint32 // the relative id in an objectSid, 0 without
	seq      uint64 // order of creation
	usn      uint64 // seq of the last change
	parent   *entry
	children []*entry
	slot     int // where the parent keeps it
	attrs    []*attribute
	created  int64 // Unix seconds
	modified int64
	gone     bool
	members  bool // once had a member: Samba answers 53 instead of 16
}

// attribute is the values of one type. Above a few values it keeps a set, so
// that groups of any size are changed in constant time.
type attribute struct {
	typ  *attrType
	list []string
	at   map[string]int32 // normal form to position
	ttl  map[string]int64 // normal form to the Unix second it ends
}

// manyValues is where a set becomes faster than looking at each value.
const manyValues = 12

func (e *entry) attr(t *attrType) *attribute {
	for _, a := range e.attrs {
		if a.typ == t {
			return a
		}
	}
	return nil
}

func (e *entry) stored(t *attrType) []string {
	if a := e.attr(t); a != nil {
		return a.list
	}
	return nil
}

// find returns the position of the value with this normal form, or -1.
func (a *attribute) find(key string) int {
	if a.at != nil {
		if i, ok := a.at[key]; ok {
			return int(i)
		}
		return -1
	}
	return slices.IndexFunc(a.list, func(v string) bool { return a.key(v) == key })
}

// key is the normal form of a value that is already stored, hence valid.
func (a *attribute) key(v string) string {
	k, err := a.typ.normal(v)
	if err != nil {
		return v
	}
	return k
}

func (a *attribute) add(key, v string) {
	a.list = append(a.list, v)
	switch {
	case a.at != nil:
		a.at[key] = int32(len(a.list) - 1)
	case len(a.list) > manyValues:
		a.at = make(map[string]int32, len(a.list))
		for i, v := range a.list {
			a.at[a.key(v)] = int32(i)
		}
	}
}

// removeAt takes out a value; the last one takes its place.
func (a *attribute) removeAt(i int) {
	last := len(a.list) - 1
	if a.at != nil {
		delete(a.at, a.key(a.list[i]))
		if i != last {
			a.at[a.key(a.list[last])] = int32(i)
		}
	}
	a.list[i], a.list[last] = a.list[last], ""
	a.list = a.list[:last]
}

// reorder puts the values into the order that they have in another list.
func (a *attribute) reorder(order []string) {
	at := make(map[string]int, len(order))
	for i, v := range order {
		at[v] = i
	}
	slices.SortFunc(a.list, func(v, w string) int { return at[v] - at[w] })
	if a.at != nil {
		for i, v := range a.list {
			a.at[a.key(v)] = int32(i)
		}
	}
}

// postings are the entries that hold a value, by its normal form. Most values
// are held by one entry, which costs no slice.
type postings struct {
	one  map[string]*entry
	more map[string][]*entry
}

func newPostings() *postings {
	return &postings{one: make(map[string]*entry), more: make(map[string][]*entry)}
}

func (p *postings) add(key string, e *entry) {
	if _, taken := p.one[key]; taken {
		p.more[key] = append(p.more[key], e)
		return
	}
	p.one[key] = e
}

func (p *postings) remove(key string, e *entry) {
	more := p.more[key]
	if p.one[key] == e {
		if len(more) == 0 {
			delete(p.one, key)
			return
		}
		p.one[key] = more[len(more)-1]
		p.cut(key, len(more)-1)
		return
	}
	if i := slices.Index(more, e); i >= 0 {
		more[i] = more[len(more)-1]
		p.cut(key, len(more)-1)
	}
}

func (p *postings) cut(key string, n int) {
	if n == 0 {
		delete(p.more, key)
		return
	}
	p.more[key][n] = nil
	p.more[key] = p.more[key][:n]
}

// get returns the entries in order of creation.
func (p *postings) get(key string) []*entry {
	e, ok := p.one[key]
	if !ok {
		return nil
	}
	found := append([]*entry{e}, p.more[key]...)
	slices.SortFunc(found, bySeq)
	return found
}

func (p *postings) count(key string) int {
	if _, ok := p.one[key]; !ok {
		return 0
	}
	return 1 + len(p.more[key])
}

func bySeq(a, b *entry) int { return int(int64(a.seq) - int64(b.seq)) }
