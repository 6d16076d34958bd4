package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/report"
)

// Exit codes, which scripts rely on. When several apply, the first of overdue,
// usage, failed, held and changes wins.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2 // usage, configuration or grant files
	exitChanges = 3 // plan --exit-code: changes are pending
	exitHeld    = 4
	exitOverdue = 5
	exitDenied  = 6 // request --wait: denied, withdrawn or lapsed
	exitTimeout = 7 // request --wait: not there in time
)

// exit is an error that says with which code the program ends. With no error
// in it, everything has been said already.
type exit struct {
	code int
	err  error
	hint string
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// usage is an error in what was typed or configured.
func usage(err error) error { return &exit{code: exitUsage, err: err} }

// hinted adds a way out to an error.
func hinted(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	code, hint := exitFailed, fmt.Sprintf(format, args...)
	var e *exit
	if errors.As(err, &e) {
		code, hint = e.code, cmp.Or(e.hint, hint)
	}
	return &exit{code: code, err: err, hint: hint}
}

// outcome returns the exit that a result asks for; nil when all is well.
func outcome(res engine.Result) error {
	code := exitDone
	switch {
	case len(res.Overdue) > 0:
		code = exitOverdue
	case res.GrantsErr != nil:
		code = exitUsage
	case len(res.Failures)+len(res.Plan.Problems)+len(res.Findings) > 0:
		code = exitFailed
	case res.Plan.HeldDigest() != "" && res.Release == nil:
		code = exitHeld
	}
	switch {
	case res.GrantsErr != nil:
		return &exit{code: code, err: res.GrantsErr}
	case code == exitDone:
		return nil
	}
	return &exit{code: code}
}

// complain prints err, a line for each of its parts, and returns the exit code.
func complain(w io.Writer, err error) int {
	if err == nil {
		return exitDone
	}
	code := exitFailed
	var e *exit
	said := false
	if errors.As(err, &e) {
		code, said = e.code, e.err == nil
	}
	if said {
		return code
	}
	before := ""
	for line := range strings.Lines(err.Error()) {
		line = strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\t", "  ") // what libraries indent
		if line != before {
			fmt.Fprintf(w, "daypass: %s\n", report.Clean(line))
		}
		before = line
	}
	if e != nil && e.hint != "" {
		fmt.Fprintf(w, "hint: %s\n", e.hint)
	}
	return code
}
