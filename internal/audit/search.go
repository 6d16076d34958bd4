package audit

import (
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// Search narrows the log. Fields that are empty let everything through.
type Search struct {
	Before  int64 // the sequence number that the page ends before; 0: the latest
	Kind    engine.EventKind
	Person  engine.Person // whom it concerns, or who did it
	Request string        // or the grant of it
	// Since ends the page at the last record that is listed before it, though it be
	// from a clock that was set back; zero: the first.
	Since time.Time
	Limit int
}
