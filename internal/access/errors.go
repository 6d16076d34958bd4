package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/daypass-dev/daypass/engine"
)

// Kind is what callers act on when something is refused.
type Kind string

// Kinds of refusal.
const (
	Invalid   Kind = "invalid"   // what was asked breaks a rule that the asker can keep
	Forbidden Kind = "forbidden" // the actor may not do this
	Conflict  Kind = "conflict"  // the request does not stand where the actor believes
	Doubt     Kind = "doubt"     // a directory could not tell what has to be known
	Broken    Kind = "broken"    // what says who may do it names a group that is not there; to ask again does not help
	NotFound  Kind = "not-found" // there is no such request, resource or template
)

// Error is a refusal. Its message is for the one who was refused: what, and the
// way out.
type Error struct {
	Kind    Kind
	Field   string // what is wrong, where one part is: "for", "answers.customer"
	Message string
	Request string // the one that stands in the way, where whoever was refused may see it
	Same    bool   // with Request they asked for exactly this
	Err     error  // the cause, where it lies in a directory; for operators
}

func (e *Error) Error() string { return e.Message }
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the first refusal in err; empty when there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// Refusals returns every refusal that is joined in err.
func Refusals(err error) []*Error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*Error
		for _, e := range joined.Unwrap() {
			all = append(all, Refusals(e)...)
		}
		return all
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return []*Error{e}
	}
	return nil
}

func refuse(k Kind, format string, args ...any) error {
	return &Error{Kind: k, Message: fmt.Sprintf(format, args...)}
}

func invalid(field, format string, args ...any) error {
	return &Error{Kind: Invalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

// NoGroup is why it is not known who is in a group: its directory says that
// there is no such group. It is never a no: the group may be misspelt, or have
// been deleted with everybody in it.
type NoGroup struct {
	Group engine.GroupRef
	Err   error // what the directory said
}

func (e *NoGroup) Error() string { return e.Group.String() + " is not there: " + e.Err.Error() }
func (e *NoGroup) Unwrap() error { return e.Err }

// Gone returns the groups that are not there, when nothing else is why something
// is not known; otherwise none.
func Gone(err error) []engine.GroupRef {
	gone, _ := collectGone(err)
	slices.SortFunc(gone, func(a, b engine.GroupRef) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(gone)
}

// collectGone returns the groups that are not there in every branch of err, and
// false where one ends with something else.
func collectGone(err error) (gone []engine.GroupRef, all bool) {
	switch e := err.(type) { //nolint:errorlint // every branch is walked
	case *NoGroup:
		return []engine.GroupRef{e.Group}, true
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			more, all := collectGone(one)
			if !all {
				return nil, false
			}
			gone = append(gone, more...)
		}
		return gone, len(gone) > 0
	case interface{ Unwrap() error }:
		return collectGone(e.Unwrap())
	}
	return nil, false
}

// doubtful says that nothing was decided, because something is not known. It
// names groups that are not there: whoever is refused sees the policy that names
// them.
func doubtful(err error, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	gone := Gone(err)
	if len(gone) == 0 {
		return &Error{Kind: Doubt, Err: err, Message: what + " could not be found out just now, so nothing was decided; try again in a while"}
	}
	names := make([]string, len(gone))
	for i, g := range gone {
		names[i] = g.String()
	}
	word := "group "
	if len(names) > 1 {
		word = "groups "
	}
	return &Error{Kind: Broken, Err: err, Message: what + " could not be found out, so nothing was decided: the configuration names the " +
		word + strings.Join(names, ", ") + ", which cannot be found; an administrator has to mend it"}
}

// Unsure refuses because something is not known, as a [Doubt], or as [Broken]
// where only groups that are not there are why. It names none: whoever is
// refused may not be meant to know them.
func Unsure(what string, err error) *Error {
	if len(Gone(err)) > 0 {
		return &Error{Kind: Broken, Err: err, Message: what + " could not be found out: the configuration names a group that cannot be found, and an administrator has to mend it"}
	}
	return &Error{Kind: Doubt, Err: err, Message: what + " could not be found out just now; try again in a while"}
}

// Unknown reports whether something was refused because it is not known.
func Unknown(err error) bool {
	k := KindOf(err)
	return k == Doubt || k == Broken
}

func unknownf(format string, args ...any) error {
	return fmt.Errorf(format+" is not known", args...)
}
