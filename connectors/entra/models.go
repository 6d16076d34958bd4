package entra

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/microsoft/kiota-abstractions-go/serialization"

	"github.com/daypass-dev/daypass/engine"
)

// The models below are read by the SDK's parser. They hold what daypass asks
// for and nothing else, and take no answer for another: what is missing or
// null where it must not be is an error.

type fields = map[string]func(serialization.ParseNode) error

// readOnly is the half of a model that is never written.
type readOnly struct{}

func (readOnly) Serialize(serialization.SerializationWriter) error {
	return errors.New("entra: a model that is only read was to be written")
}

// nothing is a model of no fields.
type nothing struct{ readOnly }

func (nothing) GetFieldDeserializers() fields { return nil }

func text(s *string) func(serialization.ParseNode) error {
	return func(n serialization.ParseNode) error {
		v, err := n.GetStringValue()
		if v != nil {
			*s = *v
		}
		return err
	}
}

// flag reads a value that may be null, and then is neither.
func flag(b **bool) func(serialization.ParseNode) error {
	return func(n serialization.ParseNode) error {
		v, err := n.GetBoolValue()
		*b = v
		return err
	}
}

func texts(list *[]string) func(serialization.ParseNode) error {
	return func(n serialization.ParseNode) error {
		vs, err := n.GetCollectionOfPrimitiveValues("string")
		for _, v := range vs {
			if s, ok := v.(*string); ok && s != nil {
				*list = append(*list, *s)
			}
		}
		return err
	}
}

func set(b *bool) bool { return b != nil && *b }

// page is one page of a list.
type page struct {
	readOnly
	item        serialization.ParsableFactory
	values      []serialization.Parsable
	whole       bool // there was a list, and no entry in it was null
	next, delta string
}

func pageOf(item serialization.ParsableFactory) serialization.ParsableFactory {
	return func(serialization.ParseNode) (serialization.Parsable, error) { return &page{item: item}, nil }
}

func (p *page) GetFieldDeserializers() fields {
	return fields{
		"value": func(n serialization.ParseNode) error {
			vs, err := n.GetCollectionOfObjectValues(p.item)
			if err != nil {
				return err
			}
			p.values, p.whole = vs, vs != nil
			for _, v := range vs {
				p.whole = p.whole && v != nil
			}
			return nil
		},
		"@odata.nextLink":  text(&p.next),
		"@odata.deltaLink": text(&p.delta),
	}
}

// check wants a page that is what Graph documents.
func (p *page) check() error {
	switch {
	case !p.whole:
		return errors.New("a page without a list, or with an empty entry in it")
	case p.next != "" && p.delta != "":
		return errors.New("a page that is the last and is not")
	}
	return nil
}

// principal is what a group holds and what accounts are: a directoryObject.
type principal struct {
	readOnly
	kind, id, login, mail string
	enabled               *bool // nil: we may not see it
}

func newPrincipal(serialization.ParseNode) (serialization.Parsable, error) { return &principal{}, nil }

func (p *principal) GetFieldDeserializers() fields {
	return fields{
		"@odata.type": text(&p.kind), "id": text(&p.id), "userPrincipalName": text(&p.login),
		"mail": text(&p.mail), "accountEnabled": flag(&p.enabled),
	}
}

const (
	userType  = "#microsoft.graph.user"
	groupType = "#microsoft.graph.group"
)

// member returns p as a group lists it. The id alone is identity: without the
// right to read accounts Graph tells nothing else.
func (p *principal) member() (engine.Member, error) {
	m := engine.Member{ID: engine.MemberID(lower(p.id)), Login: p.login}
	switch {
	case !isID(p.id):
		return m, fmt.Errorf("an entry whose id is %q", p.id)
	case p.kind == userType, p.kind == "" && p.login != "":
	case p.kind == groupType:
		m.Kind = engine.GroupMember
	case p.kind == "":
		return m, fmt.Errorf("an entry that does not tell what %s is", p.id)
	default:
		m.Kind = engine.OtherMember
	}
	if m.Login == "" {
		m.Login = string(m.ID)
	}
	return m, nil
}

// group is a group without its members.
type group struct {
	readOnly
	id, name         string
	types            []string
	mail, security   *bool
	roles            *bool // Entra roles may be assigned to it
	synced, confined *bool // mastered on premises; in a restricted management unit
	visibility       string
	removed          bool // in a delta: it is gone
	described        bool // in a delta: something of the above changed
}

// groupSelect names all of them. isManagementRestricted comes only when it is
// asked for by name.
const groupSelect = "id,displayName,groupTypes,mailEnabled,securityEnabled,isAssignableToRole,onPremisesSyncEnabled,isManagementRestricted,visibility"

func newGroup(serialization.ParseNode) (serialization.Parsable, error) { return &group{}, nil }

func (g *group) GetFieldDeserializers() fields {
	about := fields{
		"displayName": text(&g.name), "groupTypes": texts(&g.types), "mailEnabled": flag(&g.mail), "securityEnabled": flag(&g.security),
		"isAssignableToRole": flag(&g.roles), "onPremisesSyncEnabled": flag(&g.synced), "isManagementRestricted": flag(&g.confined),
		"visibility": text(&g.visibility),
	}
	for name, read := range about {
		about[name] = func(n serialization.ParseNode) error {
			g.described = true
			return read(n)
		}
	}
	about["id"] = text(&g.id)
	about["@removed"] = func(serialization.ParseNode) error {
		g.removed = true
		return nil
	}
	return about
}

// answer is one answer within a batch.
type answer struct {
	readOnly
	id     string
	status int32
	wait   time.Duration
	reqID  string
	body   serialization.ParseNode
}

func newAnswer(serialization.ParseNode) (serialization.Parsable, error) { return &answer{}, nil }

func (a *answer) GetFieldDeserializers() fields {
	return fields{
		"id": text(&a.id),
		"status": func(n serialization.ParseNode) error {
			v, err := n.GetInt32Value()
			if v != nil {
				a.status = *v
			}
			return err
		},
		"headers": a.headers,
		"body": func(n serialization.ParseNode) error {
			a.body = n
			return nil
		},
	}
}

// headers reads those that are of use. Graph writes them as texts, and the
// SDK's own model of a batch panics when one is a number.
func (a *answer) headers(n serialization.ParseNode) error {
	raw, err := n.GetRawValue()
	if err != nil {
		return err
	}
	all, _ := raw.(map[string]any)
	for name, v := range all {
		switch strings.ToLower(name) {
		case "retry-after":
			a.wait = seconds(v)
		case "request-id":
			if s, ok := v.(*string); ok {
				a.reqID = *s
			}
		}
	}
	return nil
}

func seconds(v any) time.Duration {
	switch v := v.(type) {
	case *string:
		n, _ := strconv.Atoi(*v)
		return time.Duration(n) * time.Second
	case *float64:
		return time.Duration(*v * float64(time.Second))
	}
	return 0
}

// answers is the answer to a batch.
type answers struct {
	readOnly
	list []serialization.Parsable
}

func newAnswers(serialization.ParseNode) (serialization.Parsable, error) { return &answers{}, nil }

func (a *answers) GetFieldDeserializers() fields {
	return fields{"responses": func(n serialization.ParseNode) (err error) {
		a.list, err = n.GetCollectionOfObjectValues(newAnswer)
		return err
	}}
}
