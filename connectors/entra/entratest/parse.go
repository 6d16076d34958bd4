package entratest

import (
	"slices"
	"strings"
)

// filterable tells which properties filters know, and which operators need
// the index of advanced queries (the reference's table of supported filters).
func filterable(kind Type, name string) bool {
	common := []string{"id", "displayName", "mail"}
	switch kind {
	case UserType:
		common = append(common, "userPrincipalName", "accountEnabled", "userType", "givenName", "surname", "onPremisesSyncEnabled", "proxyAddresses", "mailNickname")
	case GroupType:
		common = append(common, "mailNickname", "mailEnabled", "securityEnabled", "groupTypes", "isAssignableToRole", "onPremisesSyncEnabled", "proxyAddresses")
	}
	return slices.Contains(common, name)
}

type parser struct {
	c      *call
	kind   Type
	tokens []string
	at     int
}

func (c *call) parse(filter string, kind Type) (*expr, *failure) {
	tokens, ok := tokenise(filter)
	p := &parser{c: c, kind: kind, tokens: tokens}
	if !ok {
		return nil, p.bad()
	}
	e, f := p.or()
	if f == nil && p.at < len(p.tokens) {
		f = p.bad()
	}
	if f != nil {
		return nil, f
	}
	return &e, nil
}

func (p *parser) bad() *failure {
	p.c.violation("$filter %q cannot be read", p.c.query.Get("$filter"))
	return fail(400, "BadRequest", "Invalid filter clause: There is an unterminated literal or a syntax error in '"+p.c.query.Get("$filter")+"'.")
}

// tokenise splits into words, literals with their quotes, and marks.
func tokenise(s string) (tokens []string, ok bool) {
	for i := 0; i < len(s); {
		switch ch := s[i]; {
		case ch == ' ':
			i++
		case strings.IndexByte("(),:", ch) >= 0:
			tokens = append(tokens, string(ch))
			i++
		case ch == '\'':
			end := i + 1
			for ; ; end++ { // a doubled quote is one in the text
				if end >= len(s) {
					return nil, false
				}
				if s[end] != '\'' {
					continue
				}
				if end+1 < len(s) && s[end+1] == '\'' {
					end++
					continue
				}
				break
			}
			tokens = append(tokens, s[i:end+1])
			i = end + 1
		default:
			end := i
			for end < len(s) && strings.IndexByte(" (),:'", s[end]) < 0 {
				end++
			}
			tokens = append(tokens, s[i:end])
			i = end
		}
	}
	return tokens, true
}

func (p *parser) peek() string {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return ""
}

func (p *parser) take(token string) bool {
	if strings.EqualFold(p.peek(), token) && p.at < len(p.tokens) {
		p.at++
		return true
	}
	return false
}

func (p *parser) next() string {
	t := p.peek()
	p.at++
	return t
}

func (p *parser) or() (expr, *failure) {
	kids, f := p.list("or", p.and)
	if f == nil && len(kids) > inMost {
		p.c.violation("%d alternatives in $filter, more than %d", len(kids), inMost)
		return expr{}, unsupported("Too many child clauses specified in search filter expression containing 'OR' operators. Max allowed: 15.")
	}
	return join("or", kids), f
}

func (p *parser) and() (expr, *failure) {
	kids, f := p.list("and", p.one)
	return join("and", kids), f
}

func join(op string, kids []expr) expr {
	if len(kids) == 1 {
		return kids[0]
	}
	return expr{op: op, kids: kids}
}

func (p *parser) list(op string, part func() (expr, *failure)) ([]expr, *failure) {
	var kids []expr
	for {
		e, f := part()
		if f != nil {
			return nil, f
		}
		kids = append(kids, e)
		if !p.take(op) {
			return kids, nil
		}
	}
}

func (p *parser) one() (expr, *failure) {
	switch {
	case p.take("("):
		e, f := p.or()
		if f == nil && !p.take(")") {
			f = p.bad()
		}
		return e, f
	case p.take("not"):
		if f := p.c.needAdvanced("not"); f != nil {
			return expr{}, f
		}
		e, f := p.one()
		return expr{op: "not", kids: []expr{e}}, f
	case p.take("startswith"):
		return p.function("startswith")
	case p.take("endswith"):
		if f := p.c.needAdvanced("endsWith"); f != nil {
			return expr{}, f
		}
		return p.function("endswith")
	}
	return p.comparison()
}

func (p *parser) property() (string, *failure) {
	name := p.next()
	if path, list, found := strings.Cut(name, "/"); found && list == "any" {
		name = path
	}
	if !filterable(p.kind, name) {
		p.c.violation("$filter on %q is not supported", name)
		return "", unsupported("Unsupported or invalid query filter clause specified for property '" + name + "' of resource '" + string(p.kind) + "'.")
	}
	return name, nil
}

func (p *parser) function(op string) (expr, *failure) {
	if !p.take("(") {
		return expr{}, p.bad()
	}
	name, f := p.property()
	if f != nil {
		return expr{}, f
	}
	if !p.take(",") {
		return expr{}, p.bad()
	}
	v, ok := literal(p.next())
	if !ok || !p.take(")") {
		return expr{}, p.bad()
	}
	return expr{op: op, name: name, values: []string{v}}, nil
}

func (p *parser) comparison() (expr, *failure) {
	anyOf := strings.HasSuffix(p.peek(), "/any")
	name, f := p.property()
	switch {
	case f != nil:
		return expr{}, f
	case anyOf:
		return p.any(name)
	case p.take("in"):
		return p.in(name)
	case p.take("ne"):
		if f := p.c.needAdvanced("ne"); f != nil {
			return expr{}, f
		}
		v, ok := literal(p.next())
		if !ok {
			return expr{}, p.bad()
		}
		return expr{op: "ne", name: name, values: []string{v}}, nil
	case p.take("eq"):
		v, ok := literal(p.next())
		if !ok {
			return expr{}, p.bad()
		}
		return expr{op: "eq", name: name, values: []string{v}}, nil
	}
	return expr{}, p.bad()
}

// any is the form list/any(x:x eq 'value').
func (p *parser) any(name string) (expr, *failure) {
	if !p.take("(") {
		return expr{}, p.bad()
	}
	variable := p.next()
	if !p.take(":") || !p.take(variable) || !p.take("eq") {
		return expr{}, p.bad()
	}
	v, ok := literal(p.next())
	if !ok || !p.take(")") {
		return expr{}, p.bad()
	}
	return expr{op: "any", name: name, values: []string{v}}, nil
}

func (p *parser) in(name string) (expr, *failure) {
	e := expr{op: "in", name: name}
	if !p.take("(") {
		return e, p.bad()
	}
	for {
		v, ok := literal(p.next())
		if !ok {
			return e, p.bad()
		}
		e.values = append(e.values, v)
		if p.take(")") {
			break
		}
		if !p.take(",") {
			return e, p.bad()
		}
	}
	if len(e.values) > inMost {
		p.c.violation("%d values for in, more than %d", len(e.values), inMost)
		return e, unsupported("Too many child clauses specified in search filter expression containing 'OR' operators. Max allowed: 15.")
	}
	return e, nil
}

// literal reads 'text', true, false or null.
func literal(token string) (string, bool) {
	if len(token) >= 2 && token[0] == '\'' {
		return strings.ToLower(strings.ReplaceAll(token[1:len(token)-1], "''", "'")), true
	}
	return token, token == "true" || token == "false" || token == "null"
}
