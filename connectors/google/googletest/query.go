package googletest

import (
	"net/http"
	"slices"
	"strings"
)

// clause is one condition of a query; all of them must hold.
type clause struct {
	field  string
	value  string // folded
	prefix bool   // name:ada* and email:ada*
	within bool   // name:ada
}

// fits compares without case, as Google does.
func (q clause) fits(text string) bool {
	text = strings.ToLower(text)
	switch {
	case q.prefix:
		return strings.HasPrefix(text, q.value)
	case q.within:
		return strings.Contains(text, q.value)
	}
	return text == q.value
}

// parseQuery reads conditions such as email=ada@example.org, name:'Ada L' and
// email:ada*, divided by spaces. It reports false for what is no query, and for fields that
// are not searched by.
func parseQuery(text string, fields ...string) ([]clause, bool) {
	var clauses []clause
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		i := strings.IndexAny(text, "=:")
		if i < 0 {
			return nil, false
		}
		field, op := text[:i], text[i]
		value, rest, ok := queryValue(text[i+1:])
		if !ok || !slices.Contains(fields, field) {
			return nil, false
		}
		q := clause{field: field, value: strings.ToLower(value)}
		if strings.HasSuffix(q.value, "*") {
			q.value, q.prefix = strings.TrimSuffix(q.value, "*"), true
		} else {
			q.within = op == ':' && strings.Contains(strings.ToLower(field), "name")
		}
		clauses = append(clauses, q)
		text = rest
	}
	return clauses, true
}

// queryValue reads a value, quoted or up to the next space. Inside quotes a
// backslash takes the meaning from a quote.
func queryValue(text string) (value, rest string, ok bool) {
	if !strings.HasPrefix(text, "'") {
		value, rest, _ = strings.Cut(text, " ")
		return value, rest, value != ""
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case text[i] == '\'':
			return b.String(), text[i+1:], true
		default:
			b.WriteByte(text[i])
		}
	}
	return "", "", false
}

// scope reads customer or domain, one of which a listing needs.
func (s *Server) scope(c *call) (func(addr string) bool, error) {
	customer, domain := c.query.Get("customer"), strings.ToLower(c.query.Get("domain"))
	switch {
	case domain != "" && !slices.Contains(s.domains, domain):
		return nil, refuse(http.StatusNotFound, "notFound", "Domain not found.")
	case domain != "":
		return func(addr string) bool { return strings.HasSuffix(strings.ToLower(addr), "@"+domain) }, nil
	case customer == "my_customer", customer == s.opt.Customer:
		return func(string) bool { return true }, nil
	case customer == "":
		return nil, refuse(http.StatusBadRequest, "badRequest", "Bad Request")
	}
	return nil, invalid("customer")
}

// blinded reports whether a reader sees nothing for want of a right, without a
// word.
func (s *Server) blinded(c *call) bool {
	return s.opt.Silent && !c.who.may(ReadGroups)
}
