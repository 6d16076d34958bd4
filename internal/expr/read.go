package expr

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/schedule"
)

// reader goes through an expression whose types are right. It finds out which
// facts it asks for, and refuses what would hide that, or could not be bounded:
//
//   - people and requests as values, since p.memberOf("corp/x") for a p out of a
//     list does not say whom it is about;
//   - names and patterns that are computed;
//   - lists within lists, and lists that are added, which cost little to make
//     and may be endless to compare.
type reader struct {
	tree       *ast.AST
	groups     map[string][]engine.GroupRef // by variable
	profile    map[string]bool              // by variable
	attributes []string
	answers    []string
	approver   *Error
	growing    []string // the results of the loops around, which they add to
	err        *Error   // the first
}

func (r *reader) wants() access.Wants {
	of := func(name string) access.Want {
		return access.Want{Groups: distinct(r.groups[name]), Profile: r.profile[name]}
	}
	return access.Wants{Person: of("person"), Requester: of("requester"), Approver: of("approver")}
}

func (r *reader) uses() Uses {
	slices.Sort(r.attributes)
	slices.Sort(r.answers)
	return Uses{
		Groups:     distinct(slices.Concat(slices.Collect(maps.Values(r.groups))...)),
		Attributes: slices.Compact(r.attributes), Answers: slices.Compact(r.answers), Profile: len(r.profile) > 0,
	}
}

func distinct(groups []engine.GroupRef) []engine.GroupRef {
	groups = slices.Clone(groups)
	slices.SortFunc(groups, func(a, b engine.GroupRef) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(groups)
}

func (r *reader) fail(at ast.Expr, format string, args ...any) {
	if r.err == nil {
		r.err = r.error(at, format, args...)
	}
}

func (r *reader) error(at ast.Expr, format string, args ...any) *Error {
	l := r.tree.SourceInfo().GetStartLocation(at.ID())
	return &Error{Line: max(l.Line(), 1), Column: max(l.Column(), 0) + 1, Message: fmt.Sprintf(format, args...)}
}

func (r *reader) read(all ...ast.Expr) {
	for _, e := range all {
		if r.err != nil {
			return
		}
		switch e.Kind() {
		case ast.IdentKind:
			if name, ok := r.object(e); ok {
				r.fail(e, "%s is no value by itself; write what about it, such as %s", name, example(name))
			}
		case ast.SelectKind:
			r.selected(e)
		case ast.CallKind:
			r.called(e)
		case ast.ListKind:
			r.read(e.AsList().Elements()...)
		case ast.MapKind:
			for _, entry := range e.AsMap().Entries() {
				r.read(entry.AsMapEntry().Key(), entry.AsMapEntry().Value())
			}
		case ast.ComprehensionKind:
			r.loop(e)
		case ast.StructKind:
			r.fail(e, "a %s cannot be made up here", e.AsStruct().TypeName())
		}
		r.flat(e)
	}
}

func example(object string) string {
	if object == "request" {
		return "request.resource"
	}
	return object + ".mail"
}

// flat refuses values whose type is not known, or holds lists in lists.
func (r *reader) flat(e ast.Expr) {
	t := r.tree.GetType(e.ID())
	if t == nil {
		return
	}
	if t.Kind() == types.DynKind {
		r.fail(e, "it is not clear what this is; it has to be a text, a number or the like")
	}
	if t.Kind() != types.ListKind && t.Kind() != types.MapKind {
		return
	}
	for _, p := range t.Parameters() {
		switch p.Kind() {
		case types.BoolKind, types.DoubleKind, types.DurationKind, types.IntKind, types.StringKind, types.TimestampKind:
		case types.DynKind, types.TypeParamKind:
			r.fail(e, "it is not clear what is in this list; write at least one value")
		default:
			r.fail(e, "a list holds texts, numbers or the like, and nothing else")
		}
	}
}

// object returns which person or request e names, if any.
func (r *reader) object(e ast.Expr) (string, bool) {
	if e.Kind() != ast.IdentKind {
		return "", false
	}
	name := strings.TrimPrefix(e.AsIdent(), ".")
	if name == "approver" && r.approver == nil {
		r.approver = r.error(e, "there is no approver here, where nobody decides yet; person and requester are known")
	}
	return name, name == "request" || slices.Contains(people, name)
}

// texts returns whether e is attributes of somebody, or answers, and whose.
func (r *reader) texts(e ast.Expr) (object, field string, ok bool) {
	if e.Kind() != ast.SelectKind {
		return "", "", false
	}
	s := e.AsSelect()
	name, ok := r.object(s.Operand())
	field = s.FieldName()
	return name, field, ok && !s.IsTestOnly() && (field == "attributes" || field == "answers")
}

func (r *reader) selected(e ast.Expr) {
	s := e.AsSelect()
	if object, field, ok := r.texts(s.Operand()); ok {
		r.named(object, field, s.FieldName())
		return
	}
	name, ok := r.object(s.Operand())
	field := s.FieldName()
	switch {
	case !ok:
		r.read(s.Operand())
	case s.IsTestOnly():
		r.fail(e, `has() is for attributes and answers; write %s.%s != "" or the like`, name, field)
	case field == "attributes":
		r.fail(e, "attributes are asked for by name, such as %s.attributes.department", name)
	case field == "answers":
		r.fail(e, "answers are asked for by name, such as request.answers.customer")
	case field == "name" || field == "manager":
		r.profile[name] = true
	}
}

// named notes an attribute or answer.
func (r *reader) named(object, field, name string) {
	if field == "answers" {
		r.answers = append(r.answers, name)
		return
	}
	r.profile[object] = true
	r.attributes = append(r.attributes, name)
}

func (r *reader) called(e ast.Expr) {
	c := e.AsCall()
	name, args := c.FunctionName(), c.Args()
	if slices.Contains(unpaid, name) {
		r.fail(e, "%s is not offered here; try contains, startsWith, split or matches", name)
		return
	}
	switch name {
	case operators.Index:
		if object, field, ok := r.texts(args[0]); ok {
			if s, ok := r.literal(args[1], "the name"); ok {
				r.named(object, field, s)
			}
			return
		}
	case operators.Add:
		if r.tree.GetType(e.ID()).Kind() == types.ListKind && !r.grows(args[0]) {
			r.fail(e, "lists cannot be added")
			return
		}
	case "memberOf", "has", "attribute":
		r.asks(e, name)
		return
	case "within":
		r.hours(e, args)
	case overloads.Matches:
		r.literal(args[len(args)-1], "the pattern")
	case overloads.Size, overloads.Contains: // not of time
	default:
		if strings.HasPrefix(name, "get") && len(args) == 1 {
			r.zone(args[0])
		}
	}
	if c.IsMemberFunction() {
		r.read(c.Target())
	}
	r.read(args...)
}

// asks notes what a function asks of a person.
func (r *reader) asks(e ast.Expr, function string) {
	c := e.AsCall()
	who, ok := r.object(c.Target())
	if !ok {
		r.read(c.Target())
		r.fail(e, "%s is asked of person, requester or approver, by that name", function)
		return
	}
	what := "the attribute"
	if function == "memberOf" {
		what = "the group"
	}
	s, ok := r.literal(c.Args()[0], what)
	if !ok {
		return
	}
	if function != "memberOf" {
		r.named(who, "attributes", s)
		r.read(c.Args()[1:]...)
		return
	}
	g, err := engine.ParseGroupRef(s)
	if err != nil {
		r.fail(c.Args()[0], "%v", err)
	}
	r.groups[who] = append(r.groups[who], g)
}

// literal returns a text that stands in the expression as it is.
func (r *reader) literal(e ast.Expr, what string) (string, bool) {
	if e.Kind() == ast.LiteralKind {
		if s, ok := e.AsLiteral().(types.String); ok {
			return string(s), true
		}
	}
	r.fail(e, "%s has to be written here, in quotes, and not be computed", what)
	return "", false
}

func (r *reader) hours(e ast.Expr, args []ast.Expr) {
	var hours [4]string
	for i, what := range []string{"the days", "the beginning", "the end", "the zone"} {
		s, ok := r.literal(args[i], what)
		if !ok {
			return
		}
		hours[i] = s
	}
	if _, err := schedule.ParseWeekly(written(hours)); err != nil {
		r.fail(e, "%v; within is called as in %s", err, usage["within"])
	}
}

// offset is a zone by its distance from UTC.
var offset = regexp.MustCompile(`^[+-]?\d\d:\d\d$`)

func (r *reader) zone(e ast.Expr) {
	s, ok := r.literal(e, "the zone")
	if !ok || offset.MatchString(s) {
		return
	}
	if _, err := time.LoadLocation(s); err != nil || s == "" || s == "Local" {
		r.fail(e, "%q is not a zone such as Europe/Berlin or UTC", s)
	}
}

// loop reads what map, filter, all, exists and exists_one have become.
func (r *reader) loop(e ast.Expr) {
	c := e.AsComprehension()
	for _, name := range []string{c.IterVar(), c.IterVar2()} {
		if _, ok := structs[name]; ok || slices.Contains(people, name) || name == "now" {
			r.fail(e, "%s has a meaning of its own; call it otherwise", name)
			return
		}
	}
	r.read(c.IterRange())
	r.growing = append(r.growing, c.AccuVar())
	r.read(c.AccuInit(), c.LoopCondition(), c.LoopStep())
	r.growing = r.growing[:len(r.growing)-1]
	r.read(c.Result())
}

// grows reports whether e is what a loop around it collects, one by one.
func (r *reader) grows(e ast.Expr) bool {
	return e.Kind() == ast.IdentKind && slices.Contains(r.growing, e.AsIdent())
}
