package oktatest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// field says how one attribute may be compared.
type field struct {
	ops  []string
	time bool
	fold bool // upper and lower case are the same
}

func equals() field { return field{ops: []string{"eq"}} }
func text() field {
	return field{ops: []string{"eq", "sw", "co", "gt", "ge", "lt", "le", "pr"}, fold: true}
}

func instant() field              { return field{ops: []string{"eq", "gt", "ge", "lt", "le"}, time: true} }
func (f field) not(o string) bool { return !slices.Contains(f.ops, o) }

// expr is an expression of the parameters filter and search. It is asked with
// a function that gives the values of an attribute, times as RFC 3339.
type expr func(values func(attr string) []string) bool

type parser struct {
	tokens []string
	fields map[string]field
}

// parse reads an expression over the given fields. The error is for humans.
func parse(input string, fields map[string]field) (expr, error) {
	tokens, err := scan(input)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens, fields}
	e, err := p.or()
	if err == nil && len(p.tokens) > 0 {
		err = fmt.Errorf("unexpected %s", p.tokens[0])
	}
	return e, err
}

// scan splits into words, parentheses, and values in quotes, which keep their
// opening quote.
func scan(input string) ([]string, error) {
	var tokens []string
	for input = strings.TrimSpace(input); input != ""; input = strings.TrimSpace(input) {
		switch input[0] {
		case '(', ')':
			tokens, input = append(tokens, input[:1]), input[1:]
		case '"':
			quoted, err := strconv.QuotedPrefix(input)
			if err != nil {
				return nil, fmt.Errorf("a value has no closing quote, or an unknown escape")
			}
			value, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, err
			}
			tokens, input = append(tokens, `"`+value), input[len(quoted):]
		default:
			end := strings.IndexAny(input, " ()\"")
			if end < 0 {
				end = len(input)
			}
			tokens, input = append(tokens, input[:end]), input[end:]
		}
	}
	return tokens, nil
}

func (p *parser) next() string {
	if len(p.tokens) == 0 {
		return ""
	}
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t
}

// word takes the next token when it is the given word.
func (p *parser) word(w string) bool {
	if len(p.tokens) > 0 && strings.EqualFold(p.tokens[0], w) {
		p.tokens = p.tokens[1:]
		return true
	}
	return false
}

func (p *parser) or() (expr, error) {
	left, err := p.and()
	for err == nil && p.word("or") {
		var right expr
		a := left
		right, err = p.and()
		left = func(v func(string) []string) bool { return a(v) || right(v) }
	}
	return left, err
}

func (p *parser) and() (expr, error) {
	left, err := p.term()
	for err == nil && p.word("and") {
		var right expr
		a := left
		right, err = p.term()
		left = func(v func(string) []string) bool { return a(v) && right(v) }
	}
	return left, err
}

func (p *parser) term() (expr, error) {
	if p.word("(") {
		e, err := p.or()
		if err == nil && !p.word(")") {
			err = fmt.Errorf("a parenthesis is not closed")
		}
		return e, err
	}
	attr, op := p.next(), strings.ToLower(p.next())
	f, ok := p.fields[attr]
	switch {
	case !ok:
		return nil, fmt.Errorf("the attribute %q is not supported", attr)
	case f.not(op):
		return nil, fmt.Errorf("the operator %q is not supported for %q", op, attr)
	case op == "pr":
		return func(v func(string) []string) bool { return len(v(attr)) > 0 }, nil
	}
	value, quoted := strings.CutPrefix(p.next(), `"`)
	if !quoted {
		return nil, fmt.Errorf("the value for %q has no quotes", attr)
	}
	compare, err := f.compare(op, value)
	if err != nil {
		return nil, err
	}
	return func(v func(string) []string) bool { return slices.ContainsFunc(v(attr), compare) }, nil
}

func (f field) compare(op, value string) (func(string) bool, error) {
	if f.time {
		t, err := time.Parse(time.RFC3339Nano, value)
		if err != nil {
			return nil, fmt.Errorf("%q is no timestamp", value)
		}
		return func(have string) bool {
			got, err := time.Parse(time.RFC3339Nano, have)
			return err == nil && holds(op, got.Compare(t))
		}, nil
	}
	fold := func(s string) string {
		if f.fold {
			return strings.ToLower(s)
		}
		return s
	}
	value = fold(value)
	return func(have string) bool {
		have = fold(have)
		switch op {
		case "sw":
			return strings.HasPrefix(have, value)
		case "co":
			return strings.Contains(have, value)
		}
		return holds(op, strings.Compare(have, value))
	}, nil
}

func holds(op string, order int) bool {
	switch op {
	case "eq":
		return order == 0
	case "gt":
		return order > 0
	case "ge":
		return order >= 0
	case "lt":
		return order < 0
	}
	return order <= 0 // le
}
