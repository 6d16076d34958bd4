package memory

import (
	"slices"

	"github.com/daypass-dev/daypass/engine"
)

// Write is one add or remove that reached the directory through the connector
// and was not refused. Meddling is not logged.
type Write struct {
	Op      engine.Op
	Group   engine.GroupID
	Member  engine.MemberID
	Changed bool
	Lost    bool // it took effect and the caller got an error
}

// Writes returns the log, oldest first.
func (d *Directory) Writes() []Write {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.writes)
}

// Calls returns how many calls there were of a kind, failed ones included.
// AnyCall counts them all.
func (d *Directory) Calls(c Call) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c != AnyCall {
		return d.calls[c]
	}
	sum := 0
	for _, n := range d.calls {
		sum += n
	}
	return sum
}
