package expr

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// facts are the variables of one case.
type facts struct {
	c access.Case
}

func newFacts(c access.Case) facts { return facts{c} }

// ResolveName returns a variable. It is CEL's Activation.
func (f facts) ResolveName(name string) (any, bool) {
	switch name {
	case "person":
		return object{personType, &someone{Subject: &f.c.Facts.Person, role: name}}, true
	case "requester":
		return object{personType, &someone{Subject: &f.c.Facts.Requester, role: name}}, true
	case "approver":
		s := &someone{Subject: &f.c.Facts.Approver, role: name}
		if !f.c.Deciding {
			s.Subject = nil
		}
		return object{personType, s}, true
	case "request":
		return object{requestType, &asked{Request: f.c.Request, now: f.c.Now}}, true
	case "now":
		return types.Timestamp{Time: f.c.Now}, true
	}
	return nil, false
}

// Parent is nil: there are no other variables.
func (f facts) Parent() cel.Activation { return nil }

// someone is a person or machine; nobody when Subject is nil.
type someone struct {
	*access.Subject
	role string // the variable
}

func (s *someone) there() error {
	if s.Subject == nil || s.Person == "" && s.Machine == "" {
		return fmt.Errorf("who the %s is, is not known", s.role)
	}
	return nil
}

func (s *someone) in(group string) (bool, error) {
	if err := s.there(); err != nil {
		return false, err
	}
	g, err := engine.ParseGroupRef(group)
	if err != nil {
		return false, err
	}
	a, asked := s.Groups[g]
	if !asked {
		return false, fmt.Errorf("whether %s is in %s is not known", s.Person, g)
	}
	return a.Yes, a.Err
}

func (s *someone) described() (*engine.Profile, error) {
	switch err := s.there(); {
	case err != nil:
		return nil, err
	case s.ProfileErr != nil:
		return nil, s.ProfileErr
	case s.Profile == nil:
		return nil, fmt.Errorf("what a directory says about %s is not known", s.Person)
	}
	return s.Profile, nil
}

// attribute returns the values of an attribute: none when the person has none,
// which is a certain answer.
func (s *someone) attribute(name string) ([]string, error) {
	p, err := s.described()
	if err != nil {
		return nil, err
	}
	return p.Attributes[name], nil
}

func (s *someone) has(name, value string) (bool, error) {
	all, err := s.attribute(name)
	return slices.Contains(all, value), err
}

// asked is the request as expressions see it: of an extension that waits, what
// is asked for by that.
type asked struct {
	*access.Request
	now time.Time
}

func (a *asked) extension() *access.Extension {
	if a.Status != access.Approved || a.Undecided() == nil {
		return nil
	}
	return &a.Extensions[len(a.Extensions)-1]
}

func (a *asked) reason() string {
	if x := a.extension(); x != nil {
		return x.Reason
	}
	return a.Reason
}

func (a *asked) duration() time.Duration {
	if x := a.extension(); x != nil {
		return x.For
	}
	return a.For
}

// start is when the access begins, or what an extension adds; where that is at
// the approval, now.
func (a *asked) start() time.Time {
	switch {
	case a.Grant != nil && a.extension() != nil:
		return a.Grant.Until
	case a.Grant != nil:
		return a.Grant.From
	case a.From.After(a.now):
		return a.From
	}
	return a.now
}

// structs are the types of our own with their fields. What is here and asks for
// a profile is in [reader] as well.
var structs = map[string]structure{ //nolint:gochecknoglobals // a table
	"person": {personType, map[string]*types.FieldType{
		"mail":    field(cel.StringType, func(s *someone) (any, error) { return string(s.Person), nil }),
		"machine": field(cel.StringType, func(s *someone) (any, error) { return s.Machine, nil }),
		"name": field(cel.StringType, func(s *someone) (any, error) {
			p, err := s.described()
			if err != nil {
				return nil, err
			}
			return p.Name, nil
		}),
		"manager": field(cel.StringType, func(s *someone) (any, error) {
			p, err := s.described()
			if err != nil {
				return nil, err
			}
			return string(p.Manager), nil
		}),
		"attributes": field(cel.MapType(cel.StringType, listOfText), func(s *someone) (any, error) {
			p, err := s.described()
			if err != nil {
				return nil, err
			}
			return named[[]string]{p.Attributes}, nil
		}),
	}},
	"request": {requestType, map[string]*types.FieldType{
		"resource":   field(cel.StringType, func(a *asked) (any, error) { return a.Resource, nil }),
		"reason":     field(cel.StringType, func(a *asked) (any, error) { return a.reason(), nil }),
		"ticket":     field(cel.StringType, func(a *asked) (any, error) { return a.Ticket, nil }),
		"template":   field(cel.StringType, func(a *asked) (any, error) { return a.Template, nil }),
		"duration":   field(cel.DurationType, func(a *asked) (any, error) { return a.duration(), nil }),
		"start":      field(cel.TimestampType, func(a *asked) (any, error) { return a.start(), nil }),
		"breakGlass": field(cel.BoolType, func(a *asked) (any, error) { return a.BreakGlass, nil }),
		"extension":  field(cel.BoolType, func(a *asked) (any, error) { return a.extension() != nil, nil }),
		"answers": field(cel.MapType(cel.StringType, cel.StringType), func(a *asked) (any, error) {
			return named[string]{a.Answers}, nil
		}),
	}},
}

type structure struct {
	typ    *types.Type
	fields map[string]*types.FieldType
}

// there reports whether the object is somebody or something at all.
type there interface{ there() error }

func (a *asked) there() error {
	if a.Request == nil {
		return errors.New("there is no request yet")
	}
	return nil
}

func field[T there](t *types.Type, get func(T) (any, error)) *types.FieldType {
	return &types.FieldType{
		Type:  t,
		IsSet: func(any) bool { return true }, // has(person.name) is refused
		GetFrom: func(from any) (any, error) {
			v, ok := from.(T)
			if !ok {
				return nil, fmt.Errorf("%T has no such field", from)
			}
			if err := v.there(); err != nil {
				return nil, err
			}
			return get(v)
		},
	}
}

// object is a value of one of our types.
type object struct {
	typ    *types.Type
	native any
}

var errOpaque = errors.New("a person or request is no value of its own")

func (o object) ConvertToNative(reflect.Type) (any, error) { return nil, errOpaque }
func (o object) ConvertToType(ref.Type) ref.Val            { return types.WrapErr(errOpaque) }
func (o object) Equal(ref.Val) ref.Val                     { return types.WrapErr(errOpaque) }
func (o object) Type() ref.Type                            { return o.typ }
func (o object) Value() any                                { return o.native }

// named are attributes or answers by name. It looks like a map, but what is not
// in it is empty, and no error.
type named[V string | []string] struct{ m map[string]V }

func (n named[V]) Get(name ref.Val) ref.Val {
	key, ok := name.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(name)
	}
	return types.DefaultTypeAdapter.NativeToValue(n.m[string(key)])
}

// IsSet is what has() asks.
func (n named[V]) IsSet(name ref.Val) ref.Val {
	key, ok := name.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(name)
	}
	v, ok := n.m[string(key)]
	return types.Bool(ok && len(v) > 0)
}

func (n named[V]) ConvertToNative(reflect.Type) (any, error) { return nil, errOpaque }
func (n named[V]) ConvertToType(ref.Type) ref.Val            { return types.WrapErr(errOpaque) }
func (n named[V]) Equal(ref.Val) ref.Val                     { return types.WrapErr(errOpaque) }
func (n named[V]) Type() ref.Type                            { return types.MapType }
func (n named[V]) Value() any                                { return n.m }
