package access

import (
	"errors"
	"fmt"
)

// Kind is what callers act on when something is refused.
type Kind string

// Kinds of refusal.
const (
	Invalid   Kind = "invalid"   // what was asked breaks a rule that the asker can keep
	Forbidden Kind = "forbidden" // the actor may not do this
	Conflict  Kind = "conflict"  // the request does not stand where the actor believes
	Doubt     Kind = "doubt"     // a directory could not tell what has to be known
	NotFound  Kind = "not-found" // there is no such request, resource or template
)

// Error is a refusal. Its message is for the one who was refused: what, and the
// way out.
type Error struct {
	Kind    Kind
	Field   string // what is wrong, where one part is: "for", "answers.customer"
	Message string
	Err     error // the cause, where it lies in a directory; for operators
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

// doubtful says that nothing was decided, because something is not known.
func doubtful(err error, format string, args ...any) error {
	return &Error{Kind: Doubt, Err: err, Message: fmt.Sprintf(format, args...) +
		" could not be found out just now, so nothing was decided; try again in a while"}
}

func unknownf(format string, args ...any) error {
	return fmt.Errorf(format+" is not known", args...)
}
