package ldaptest

import (
	"cmp"
	"strconv"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// truth is the three-valued logic of RFC 4511 section 4.5.1.7: a filter on an
// attribute that the server does not know is neither true nor false.
type truth int8

const (
	no truth = iota
	undefined
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// filter is a compiled search filter.
type filter struct {
	op   ber.Tag
	kids []*filter
	typ  *attrType // nil when unknown
	key  string    // normal form of the assertion value
	bad  bool      // the value does not fit the syntax
	subs substrings
	rule string // of an extensible match
}

type substrings struct {
	initial, final string
	any            []string
}

// compileFilter checks a filter as it came over the wire.
func (s *Server) compileFilter(p *ber.Packet) (*filter, result) {
	if p.ClassType != ber.ClassContext {
		return nil, protocolError("filter: unexpected class")
	}
	f := &filter{op: p.Tag}
	switch p.Tag {
	case ldap.FilterAnd, ldap.FilterOr, ldap.FilterNot:
		return f, s.compileKids(f, p)
	case ldap.FilterPresent:
		f.typ = s.filterType(p.Data.String())
		return f, success()
	case ldap.FilterSubstrings:
		return f, s.compileSubstrings(f, p)
	case ldap.FilterEqualityMatch, ldap.FilterGreaterOrEqual, ldap.FilterLessOrEqual, ldap.FilterApproxMatch:
		if len(p.Children) != 2 {
			return nil, protocolError("filter: want an attribute and a value")
		}
		s.compileValue(f, p.Children[0].Data.String(), p.Children[1].Data.String())
		return f, success()
	case ldap.FilterExtensibleMatch:
		return f, s.compileExtensible(f, p)
	}
	return nil, protocolError("filter: unknown choice %d", p.Tag)
}

func (s *Server) compileKids(f *filter, p *ber.Packet) result {
	if f.op == ldap.FilterNot && len(p.Children) != 1 {
		return protocolError("filter: not wants exactly one filter")
	}
	for _, c := range p.Children {
		kid, r := s.compileFilter(c)
		if !r.ok() {
			return r
		}
		f.kids = append(f.kids, kid)
	}
	return success()
}

// filterType finds the type; options such as ";binary" do not matter here.
func (s *Server) filterType(desc string) *attrType {
	name, _, _ := strings.Cut(desc, ";")
	t, _ := s.tree.schema.lookup(name)
	return t
}

func (s *Server) compileValue(f *filter, desc, value string) {
	if f.typ = s.filterType(desc); f.typ == nil {
		return
	}
	if f.typ.syntax == dnText {
		if kind, id, ok := s.altName(value); ok {
			if e := s.byAltName(kind, id); e != nil {
				value = e.dn
			}
		}
	}
	key, err := f.typ.normal(value)
	f.key, f.bad = key, err != nil
}

func (s *Server) compileSubstrings(f *filter, p *ber.Packet) result {
	if len(p.Children) != 2 || len(p.Children[1].Children) == 0 {
		return protocolError("filter: malformed substrings")
	}
	f.typ = s.filterType(p.Children[0].Data.String())
	for _, c := range p.Children[1].Children {
		part := c.Data.String()
		if f.typ == nil || f.typ.syntax == foldedText || f.typ.syntax == guidText {
			part = strings.ToLower(part)
		}
		switch c.Tag {
		case ldap.FilterSubstringsInitial:
			f.subs.initial = part
		case ldap.FilterSubstringsFinal:
			f.subs.final = part
		default:
			f.subs.any = append(f.subs.any, part)
		}
	}
	return success()
}

// The matching rules of Active Directory that are filters on their own.
const (
	ruleBitAnd  = "1.2.840.113556.1.4.803"
	ruleBitOr   = "1.2.840.113556.1.4.804"
	ruleInChain = "1.2.840.113556.1.4.1941"
)

func (s *Server) compileExtensible(f *filter, p *ber.Packet) result {
	var desc, value string
	for _, c := range p.Children {
		switch c.Tag {
		case ldap.MatchingRuleAssertionMatchingRule:
			f.rule = c.Data.String()
		case ldap.MatchingRuleAssertionType:
			desc = c.Data.String()
		case ldap.MatchingRuleAssertionMatchValue:
			value = c.Data.String()
		}
	}
	s.compileValue(f, desc, value)
	switch f.rule {
	case "", "caseIgnoreMatch", "2.5.13.2", "distinguishedNameMatch", "2.5.13.1":
		f.op = ldap.FilterEqualityMatch
	case ruleBitAnd, ruleBitOr, ruleInChain:
		if s.opt.Flavor != ActiveDirectory {
			f.typ = nil // an unknown rule makes the filter undefined
		}
	default:
		f.typ = nil
	}
	return success()
}

// match evaluates the filter on an entry. The tree is locked.
func (t *tree) match(f *filter, e *entry) truth {
	switch f.op {
	case ldap.FilterAnd:
		all := yes
		for _, k := range f.kids {
			if all = min(all, t.match(k, e)); all == no {
				break
			}
		}
		return all
	case ldap.FilterOr:
		some := no
		for _, k := range f.kids {
			if some = max(some, t.match(k, e)); some == yes {
				break
			}
		}
		return some
	case ldap.FilterNot:
		return yes - t.match(f.kids[0], e)
	}
	if f.typ == nil || f.bad {
		return undefined
	}
	return truthOf(t.matchItem(f, e))
}

func (t *tree) matchItem(f *filter, e *entry) bool {
	switch f.op {
	case ldap.FilterPresent:
		return len(t.values(e, f.typ)) > 0
	case ldap.FilterEqualityMatch, ldap.FilterApproxMatch:
		return t.holds(e, f.typ, f.key)
	case ldap.FilterExtensibleMatch:
		return t.matchRule(f, e)
	}
	for _, v := range t.values(e, f.typ) {
		key, err := f.typ.normal(v)
		if err != nil {
			continue
		}
		if f.op == ldap.FilterSubstrings && f.subs.match(key) ||
			f.op == ldap.FilterGreaterOrEqual && f.typ.compare(key, f.key) >= 0 ||
			f.op == ldap.FilterLessOrEqual && f.typ.compare(key, f.key) <= 0 {
			return true
		}
	}
	return false
}

// holds reports whether an entry has a value, given in its normal form.
func (t *tree) holds(e *entry, typ *attrType, key string) bool {
	switch typ.key {
	case "objectclass":
		return t.has(e, key)
	case "memberof":
		if len(t.values(e, typ)) == 0 {
			return false
		}
		g := t.byDN[key]
		return g != nil && (t.holds(g, t.schema.types["member"], e.norm) || t.holds(g, t.schema.types["uniquemember"], e.norm))
	}
	if a := e.attr(typ); a != nil {
		return a.find(key) >= 0
	}
	for _, v := range t.values(e, typ) {
		if k, err := typ.normal(v); err == nil && k == key {
			return true
		}
	}
	return false
}

func (t *tree) matchRule(f *filter, e *entry) bool {
	if f.rule == ruleInChain {
		return t.inChain(f, e, map[*entry]bool{})
	}
	want, err := strconv.ParseInt(f.key, 10, 64)
	if err != nil {
		return false
	}
	for _, v := range t.values(e, f.typ) {
		have, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			continue
		}
		if f.rule == ruleBitAnd && have&want == want || f.rule == ruleBitOr && have&want != 0 {
			return true
		}
	}
	return false
}

// inChain follows a DN attribute through any number of entries.
func (t *tree) inChain(f *filter, e *entry, seen map[*entry]bool) bool {
	if seen[e] {
		return false
	}
	seen[e] = true
	if t.holds(e, f.typ, f.key) {
		return true
	}
	for _, v := range t.values(e, f.typ) {
		key, err := normalDN(v)
		if next := t.byDN[key]; err == nil && next != nil && t.inChain(f, next, seen) {
			return true
		}
	}
	return false
}

func (t *attrType) compare(a, b string) int {
	if t.syntax == number {
		x, errX := strconv.ParseInt(a, 10, 64)
		y, errY := strconv.ParseInt(b, 10, 64)
		if errX == nil && errY == nil {
			return cmp.Compare(x, y)
		}
	}
	return strings.Compare(a, b)
}

func (s substrings) match(v string) bool {
	if !strings.HasPrefix(v, s.initial) {
		return false
	}
	v = v[len(s.initial):]
	for _, part := range s.any {
		i := strings.Index(v, part)
		if i < 0 {
			return false
		}
		v = v[i+len(part):]
	}
	return strings.HasSuffix(v, s.final)
}
