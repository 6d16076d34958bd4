package sources

import (
	"fmt"
	"strings"
)

// Error is one thing wrong with a grant file. [Files.Grants] returns all of
// them, joined.
type Error struct {
	File      string // relative to the configuration's folder where possible
	Line, Col int    // from 1; zero when the whole file is meant
	Message   string // what is wrong, and the way out
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Message)
}

// mark is a place in a file, from 1.
type mark struct{ line, col int }

// nearest suggests the field that was meant: one that differs by a letter, or
// by case.
func nearest(got string) string {
	for _, name := range fieldNames {
		if oneApart(strings.ToLower(got), name) {
			return "; did you mean " + name + "?"
		}
	}
	return "; known here: " + strings.Join(fieldNames[:], ", ")
}

// oneApart reports whether a becomes b by changing, adding or dropping at most
// one letter, or swapping two neighbours.
func oneApart(a, b string) bool {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	swapped := len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
	return len(a) <= 1 && len(b) <= 1 || swapped
}
