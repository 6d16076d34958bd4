package entratest

import (
	"slices"
	"strconv"
	"strings"
)

// The part of OData's $filter that directory objects support: comparisons,
// in, startsWith, any over a list, and, or, not, parentheses. Comparisons of
// text ignore case.

// expr is one node of a filter.
type expr struct {
	op     string   // and, or, not, eq, ne, in, startswith, endswith, any
	kids   []expr   // of and, or, not
	name   string   // the property, of the others
	values []string // text in lower case; true, false and null as they are
}

// inMost is how many values one in, and how many alternatives one or, may
// have (documented limit; the service counts both the same way).
const inMost = 15

// matching returns the objects of a type that $filter lets through, in the
// order of their making.
func (c *call) matching(kind Type) ([]uint32, *failure) {
	t := c.s.tenant
	var e *expr
	if c.query.Has("$filter") {
		parsed, f := c.parse(c.query.Get("$filter"), kind)
		if f != nil {
			return nil, f
		}
		e = parsed
	}
	var found []uint32
	keep := func(n uint32) {
		o := &t.objects[n]
		if o.kind == kind && !o.deleted && o.born <= c.now.UnixNano() && (e == nil || t.matches(n, e)) {
			found = append(found, n)
		}
	}
	if e != nil {
		if few, ok := t.candidates(e, kind); ok {
			slices.Sort(few)
			for _, n := range slices.Compact(few) {
				keep(n)
			}
			return found, nil
		}
	}
	if kind == GroupType {
		for _, n := range t.groups {
			keep(n)
		}
		return found, nil
	}
	for i := range t.objects {
		keep(uint32(i)) //nolint:gosec // never so many
	}
	return found, nil
}

// candidates uses the indexes where a filter asks for ids and addresses.
func (t *tenant) candidates(e *expr, kind Type) ([]uint32, bool) {
	var all []uint32
	switch e.op {
	case "or":
		for i := range e.kids {
			few, ok := t.candidates(&e.kids[i], kind)
			if !ok {
				return nil, false
			}
			all = append(all, few...)
		}
		return all, true
	case "and":
		for i := range e.kids {
			if few, ok := t.candidates(&e.kids[i], kind); ok {
				return few, true
			}
		}
		return nil, false
	case "eq", "in":
		if e.name != "id" && kind != UserType || slices.Contains(e.values, "null") {
			return nil, false // only users are indexed by address, and those that have one
		}
	default:
		return nil, false
	}
	for _, v := range e.values {
		switch e.name {
		case "id":
			if id, ok := parseGUID(v); ok {
				if n, ok := t.byID[id]; ok {
					all = append(all, n)
				}
			}
		case "userPrincipalName":
			if n, ok := t.byLogin[v]; ok {
				all = append(all, n)
			}
		case "mail":
			all = append(all, t.withMail(v)...)
		default:
			return nil, false
		}
	}
	return all, true
}

func (t *tenant) matches(n uint32, e *expr) bool {
	switch e.op {
	case "and":
		return !slices.ContainsFunc(e.kids, func(k expr) bool { return !t.matches(n, &k) })
	case "or":
		return slices.ContainsFunc(e.kids, func(k expr) bool { return t.matches(n, &k) })
	case "not":
		return !t.matches(n, &e.kids[0])
	case "any":
		return slices.ContainsFunc(t.listOf(n, e.name), func(v string) bool { return slices.Contains(e.values, strings.ToLower(v)) })
	}
	value := t.scalar(n, e.name)
	switch e.op {
	case "ne":
		return !slices.Contains(e.values, value)
	case "startswith":
		return strings.HasPrefix(value, e.values[0])
	case "endswith":
		return strings.HasSuffix(value, e.values[0])
	}
	return slices.Contains(e.values, value)
}

func (t *tenant) listOf(n uint32, name string) []string {
	switch o := &t.objects[n]; {
	case name == "proxyAddresses" && o.kind == UserType:
		return t.proxies(n)
	case name == "groupTypes" && o.kind == GroupType:
		return o.group.traits.types
	}
	return nil
}

// scalar is a property as filters compare it.
func (t *tenant) scalar(n uint32, name string) string {
	s := string(t.value(nil, n, name))
	if unquoted, err := strconv.Unquote(s); err == nil {
		return strings.ToLower(unquoted)
	}
	return s
}
