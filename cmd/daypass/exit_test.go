package main

import (
	"errors"
	"strings"
	"testing"
)

// Errors of several lines, as of a database with several addresses, are shown
// as such: without escapes, and without a line twice.
func TestErrorsOfSeveralLines(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	complain(&out, errors.New("cannot connect:\n\ta: refused\n\ta: refused\n\tb: refused"))
	if want := "daypass: cannot connect:\ndaypass:   a: refused\ndaypass:   b: refused\n"; out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
