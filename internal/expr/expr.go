// Package expr judges what policies say in words of their own: expressions in
// CEL, the Common Expression Language, over the people and the request that a
// decision is about. It is why access knows nothing of any language.
//
// What cannot be judged for certain is not known, and never a yes: a fact that
// a directory could not tell, an expression that does not compile, one that
// takes too long. An expression whose result does not depend on what is not
// known is judged all the same: "true || unknown" is true.
//
// An expression has a few fixed types and no other, its groups and attributes
// are written in it and not computed, and nothing in it can grow without being
// paid for. So what it asks for is known before it is judged, and what it takes
// is bounded.
package expr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/types"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/schedule"
)

// Kind is where in a policy an expression stands, which says what it may name.
type Kind string

// Kinds.
const (
	Asking   Kind = "asking"   // nobody decides yet: ask, auto, skip
	Deciding Kind = "deciding" // it is about the one who decides, the approver
)

// What one expression may be and take. Policies that people wrote are far below.
const (
	longest = 4096        // characters
	dearest = 50_000      // units of cost; a word costs one, a text one for ten characters
	slowest = time.Second // checked in every loop
	kept    = 1024        // compiled expressions
)

// Uses is what an expression names that has to exist, sorted.
type Uses struct {
	Groups     []engine.GroupRef
	Attributes []string // of people
	Answers    []string // questions of the policy
	Profile    bool     // it asks what a directory says about somebody
}

// Error is what is wrong with an expression, and where in it.
type Error struct {
	Line, Column int // from 1
	Message      string
}

func (e *Error) Error() string {
	if e.Line > 1 {
		return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
	}
	return fmt.Sprintf("column %d: %s", e.Column, e.Message)
}

// Rules judge expressions. They may be used by several goroutines.
type Rules struct {
	env   *cel.Env
	known *cache[*compiled]
	hours *cache[*schedule.Weekly]
}

var _ access.Expressions = (*Rules)(nil)

// compiled is an expression that was read, or what is wrong with it.
type compiled struct {
	program  cel.Program
	wants    access.Wants
	uses     Uses
	approver *Error // where the approver is named first
	err      error
}

// New returns rules. It fails only when the words that they offer contradict
// each other.
func New() (*Rules, error) {
	r := &Rules{known: newCache[*compiled](kept), hours: newCache[*schedule.Weekly](kept)}
	var err error
	if r.env, err = environment(r.within); err != nil {
		return nil, fmt.Errorf("the words of expressions: %w", err)
	}
	return r, nil
}

// Check reports what is wrong with an expression as an [*Error], the first that
// there is; otherwise what it names.
func (r *Rules) Check(k Kind, expression string) (Uses, error) {
	c := r.compiled(expression)
	switch {
	case c.err != nil:
		return Uses{}, c.err
	case k != Deciding && c.approver != nil:
		return Uses{}, c.approver
	}
	return c.uses.clone(), nil
}

// Needs returns the facts that an expression asks for: none when it is wrong.
func (r *Rules) Needs(expression string) access.Wants {
	w := r.compiled(expression).wants
	for _, of := range []*access.Want{&w.Person, &w.Requester, &w.Approver} {
		of.Groups = slices.Clone(of.Groups)
	}
	return w
}

// Judge returns whether an expression holds. It takes no longer than a second
// or so.
func (r *Rules) Judge(expression string, c access.Case) access.Answer {
	yes, err := r.judge(expression, c)
	if err != nil {
		return access.Answer{Err: fmt.Errorf("judge %.80q: %w", expression, err)}
	}
	return access.Answer{Yes: yes}
}

func (r *Rules) judge(expression string, c access.Case) (yes bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			yes, err = false, fmt.Errorf("it cannot be judged: %v", p)
		}
	}()
	e := r.compiled(expression)
	switch {
	case e.err != nil:
		return false, e.err
	case c.Facts == nil:
		return false, errors.New("nothing is known")
	}
	ctx, cancel := context.WithTimeout(context.Background(), slowest)
	defer cancel()
	out, _, err := e.program.ContextEval(ctx, newFacts(c))
	if err != nil {
		return false, err
	}
	is, ok := out.(types.Bool)
	if !ok {
		return false, fmt.Errorf("it is a %s, not a bool", out.Type().TypeName())
	}
	return bool(is), nil
}

func (r *Rules) compiled(expression string) *compiled {
	return r.known.get(expression, func() (c *compiled) {
		defer func() {
			if p := recover(); p != nil {
				c = &compiled{err: &Error{Line: 1, Column: 1, Message: fmt.Sprintf("cannot be read: %v", p)}}
			}
		}()
		return r.compile(expression)
	})
}

func (r *Rules) compile(expression string) *compiled {
	if strings.TrimSpace(expression) == "" {
		return &compiled{err: &Error{Line: 1, Column: 1, Message: `there is no expression; write one such as person.memberOf("corp/oncall")`}}
	}
	if utf8.RuneCountInString(expression) > longest {
		return &compiled{err: &Error{Line: 1, Column: 1, Message: fmt.Sprintf("the expression has more than %d characters", longest)}}
	}
	checked, issues := r.env.Compile(expression)
	if err := issues.Err(); err != nil {
		return &compiled{err: translated(expression, issues.Errors())}
	}
	tree := checked.NativeRep()
	at := reader{tree: tree, groups: make(map[string][]engine.GroupRef), profile: make(map[string]bool)}
	at.read(tree.Expr())
	if at.err == nil && !checked.OutputType().IsExactType(cel.BoolType) {
		at.fail(tree.Expr(), "it is of type %s, and has to be true or false", checked.OutputType())
	}
	if at.err != nil {
		return &compiled{err: at.err}
	}
	program, err := r.env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(dearest), cel.InterruptCheckFrequency(100))
	if err != nil {
		return &compiled{err: &Error{Line: 1, Column: 1, Message: err.Error()}}
	}
	return &compiled{program: program, wants: at.wants(), uses: at.uses(), approver: at.approver}
}

// translated is the first of the errors, by place, in our words.
func translated(expression string, errs []*common.Error) error {
	slices.SortStableFunc(errs, func(a, b *common.Error) int {
		return cmp.Or(a.Location.Line()-b.Location.Line(), a.Location.Column()-b.Location.Column())
	})
	e := errs[0]
	line, column := max(e.Location.Line(), 1), max(e.Location.Column(), 0)
	before := ""
	if lines := strings.Split(expression, "\n"); line <= len(lines) {
		runes := []rune(lines[line-1])
		before = string(runes[:min(column, len(runes))])
	}
	return &Error{Line: line, Column: column + 1, Message: message(e.Message, before)}
}

func (u Uses) clone() Uses {
	u.Groups, u.Attributes, u.Answers = slices.Clone(u.Groups), slices.Clone(u.Attributes), slices.Clone(u.Answers)
	return u
}
