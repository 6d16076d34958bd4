package memory

import (
	"slices"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// Write is one change that reached the directory through the connector and was
// not refused. Meddling is not logged, nor is what the directory ends.
type Write struct {
	Op      engine.Op // Add, Remove, or Expire: an end was moved
	Group   engine.GroupID
	Member  engine.MemberID
	Until   time.Time // the end that the membership has by it; zero for none
	Changed bool
	Lost    bool // it took effect and the caller got an error
}

// Writes returns the log, oldest first.
func (d *Directory) Writes() []Write {
	d.lock()
	defer d.mu.Unlock()
	return slices.Clone(d.writes)
}

// Calls returns how many calls there were of a kind, failed ones included.
// AnyCall counts them all.
func (d *Directory) Calls(c Call) int {
	d.lock()
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
