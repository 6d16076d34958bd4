package expr

import (
	"maps"
	"slices"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"

	"github.com/daypass-dev/daypass/schedule"
)

// The types of our own.
//
//nolint:gochecknoglobals // constants, but for the language
var (
	personType  = cel.ObjectType("person")
	requestType = cel.ObjectType("request")
	listOfText  = cel.ListType(cel.StringType)
)

// The variables that are people.
var people = []string{"person", "requester", "approver"} //nolint:gochecknoglobals // a table

// standard are the functions of CEL that are offered. Those that are left out
// step over the types, as dyn, or are of no use here.
var standard = []string{ //nolint:gochecknoglobals // a table
	operators.Conditional, operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot,
	operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals,
	operators.Add, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo, operators.Negate,
	operators.Index, operators.In, operators.NotStrictlyFalse,
	overloads.Size, overloads.Contains, overloads.StartsWith, overloads.EndsWith, overloads.Matches,
	overloads.TypeConvertDuration, overloads.TypeConvertTimestamp, overloads.TypeConvertInt, overloads.TypeConvertDouble,
	overloads.TypeConvertString,
	overloads.TimeGetFullYear, overloads.TimeGetMonth, overloads.TimeGetDayOfYear, overloads.TimeGetDate,
	overloads.TimeGetDayOfMonth, overloads.TimeGetDayOfWeek, overloads.TimeGetHours, overloads.TimeGetMinutes,
	overloads.TimeGetSeconds, overloads.TimeGetMilliseconds,
}

// unpaid are functions on texts that can take or make far more than they are
// charged for before anybody looks at the bill.
var unpaid = []string{"indexOf", "lastIndexOf", "replace"} //nolint:gochecknoglobals // a table

// environment is the words of expressions. within is the one that is not a
// function of its arguments alone, for what it remembers.
func environment(within func(at time.Time, hours string) (bool, error)) (*cel.Env, error) {
	var subset env.LibrarySubset
	for _, name := range standard {
		subset.IncludeFunctions = append(subset.IncludeFunctions, env.NewFunction(name))
	}
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, err
	}
	options := []cel.EnvOption{
		cel.CustomTypeAdapter(registry),
		cel.CustomTypeProvider(provider{registry}),
		cel.StdLib(cel.StdLibSubset(&subset)),
		ext.Strings(ext.StringsVersion(0)), // texts without formats: those take lists of anything
		cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(longest),
		cel.ParserRecursionLimit(100),
		cel.ExpressionNodeLimit(2 * longest),
		cel.RegexProgramSizeLimit(500),
		cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals(), cel.ValidateHomogeneousAggregateLiterals()),
		cel.Variable("request", requestType),
		cel.Variable("now", cel.TimestampType),
		cel.Function("memberOf", cel.MemberOverload("person_memberOf", []*cel.Type{personType, cel.StringType}, cel.BoolType,
			cel.BinaryBinding(func(who, group ref.Val) ref.Val {
				return known(who.Value().(*someone).in(string(group.(types.String))))
			}))),
		cel.Function("attribute", cel.MemberOverload("person_attribute", []*cel.Type{personType, cel.StringType}, listOfText,
			cel.BinaryBinding(func(who, name ref.Val) ref.Val {
				all, err := who.Value().(*someone).attribute(string(name.(types.String)))
				if err != nil {
					return types.WrapErr(err)
				}
				return types.NewStringList(registry, all)
			}))),
		cel.Function("has", cel.MemberOverload("person_has", []*cel.Type{personType, cel.StringType, cel.StringType}, cel.BoolType,
			cel.FunctionBinding(func(args ...ref.Val) ref.Val {
				return known(args[0].Value().(*someone).has(string(args[1].(types.String)), string(args[2].(types.String))))
			}))),
		cel.Function("within", cel.MemberOverload("timestamp_within",
			[]*cel.Type{cel.TimestampType, cel.StringType, cel.StringType, cel.StringType, cel.StringType}, cel.BoolType,
			cel.FunctionBinding(func(args ...ref.Val) ref.Val {
				var hours [4]string
				for i, a := range args[1:] {
					hours[i] = string(a.(types.String))
				}
				return known(within(args[0].(types.Timestamp).Time, written(hours)))
			}))),
	}
	for _, name := range people {
		options = append(options, cel.Variable(name, personType))
	}
	return cel.NewCustomEnv(options...)
}

// written is hours as package schedule reads them.
func written(hours [4]string) string {
	return hours[0] + " " + hours[1] + "-" + hours[2] + " " + hours[3]
}

// within reports whether t lies in some hours of the week.
func (r *Rules) within(t time.Time, hours string) (bool, error) {
	w := r.hours.get(hours, func() *schedule.Weekly {
		w, err := schedule.ParseWeekly(hours)
		if err != nil {
			return nil
		}
		return w
	})
	if w == nil { // they were read before, when the expression was
		_, err := schedule.ParseWeekly(hours)
		return false, err
	}
	_, in := schedule.Window{From: t, Until: t.Add(1), Weekly: w}.At(t)
	return in, nil
}

func known(yes bool, err error) ref.Val {
	if err != nil {
		return types.WrapErr(err)
	}
	return types.Bool(yes)
}

// provider knows the fields of our types, beside the types of CEL.
type provider struct{ types.Provider }

func (p provider) FindStructType(name string) (*types.Type, bool) {
	if t, ok := structs[name]; ok {
		return types.NewTypeTypeWithParam(t.typ), true
	}
	return p.Provider.FindStructType(name)
}

func (p provider) FindStructFieldNames(name string) ([]string, bool) {
	if t, ok := structs[name]; ok {
		return slices.Sorted(maps.Keys(t.fields)), true
	}
	return p.Provider.FindStructFieldNames(name)
}

func (p provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	t, ok := structs[name]
	if !ok {
		return p.Provider.FindStructFieldType(name, field)
	}
	f, ok := t.fields[field]
	return f, ok
}
