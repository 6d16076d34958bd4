// Package report turns what the engine decided and saw into pages and files:
// the plan as people read it, what a run did, and the compliance report that
// holds desired against actual. It decides nothing, reads no clock and no
// directory: the present is the time of the result it is given.
//
// Every name that comes from a directory or a file is shown through [Clean],
// so that no name can move the cursor, colour the page or reorder a line.
package report

// Options say how a page is drawn. The zero value is a page of 80 columns
// without colour, as for a pipe.
type Options struct {
	// Color allows ANSI colours. They only repeat what symbols and words say.
	Color bool
	// Width is the number of columns to wrap at; 80 when zero.
	Width int
	// All lists everything that is otherwise cut short with a count.
	All bool
	// Differences leaves out of a compliance report the memberships that are
	// as they should be.
	Differences bool
	// Command is how hints call the program; "daypass" when empty.
	Command string
}

func (o Options) width() int {
	if o.Width <= 0 {
		return 80
	}
	return max(o.Width, 40)
}

func (o Options) command() string {
	if o.Command == "" {
		return "daypass"
	}
	return o.Command
}
