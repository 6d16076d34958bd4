package ldaptest

import (
	"github.com/go-ldap/ldap/v3"
)

// candidates returns the entries that may match a filter, when an index knows
// them; every match is among them. The filter is still to be evaluated.
func (t *tree) candidates(f *filter) ([]*entry, bool) {
	switch f.op {
	case ldap.FilterEqualityMatch:
		return t.lookup(f)
	case ldap.FilterAnd:
		var best []*entry
		known := false
		for _, k := range f.kids {
			if found, ok := t.candidates(k); ok && (!known || len(found) < len(best)) {
				best, known = found, true
			}
		}
		return best, known
	case ldap.FilterOr:
		return t.union(f.kids)
	}
	return nil, false
}

func (t *tree) union(kids []*filter) ([]*entry, bool) {
	seen := make(map[*entry]bool)
	var all []*entry
	for _, k := range kids {
		found, ok := t.candidates(k)
		if !ok {
			return nil, false
		}
		for _, e := range found {
			if !seen[e] {
				seen[e] = true
				all = append(all, e)
			}
		}
	}
	return all, true
}

// lookup finds entries by one value.
func (t *tree) lookup(f *filter) ([]*entry, bool) {
	if f.typ == nil || f.bad {
		return nil, true // undefined matches nothing
	}
	if idx := t.index[f.typ]; idx != nil {
		return idx.get(f.key), true
	}
	switch f.typ.key {
	case "entryuuid", "nsuniqueid":
		id, ok := parseID(f.key)
		return t.only(id, ok), true
	case "objectguid":
		if len(f.key) != 16 {
			return nil, true
		}
		return t.only([16]byte(guid([16]byte([]byte(f.key)))), true), true
	case "memberof":
		return t.membersOf(f.key), true
	case "entrydn", "distinguishedname":
		if e := t.byDN[f.key]; e != nil {
			return []*entry{e}, true
		}
		return nil, true
	}
	return nil, false
}

func (t *tree) only(id [16]byte, ok bool) []*entry {
	if e := t.byID[id]; ok && e != nil {
		return []*entry{e}
	}
	return nil
}

func (t *tree) membersOf(norm string) (members []*entry) {
	g := t.byDN[norm]
	if g == nil {
		return nil
	}
	for _, name := range []string{"member", "uniquemember"} {
		typ := t.schema.types[name]
		for _, v := range g.stored(typ) {
			if key, err := typ.normal(v); err == nil && t.byDN[key] != nil {
				members = append(members, t.byDN[key])
			}
		}
	}
	return members
}
