package desk

import "errors"

// Away reports whether something was not done because the store cannot be reached:
// it helps to try again.
func Away(err error) bool {
	e, ok := errors.AsType[interface {
		error
		Away() bool
	}](err)
	return ok && e.Away()
}
