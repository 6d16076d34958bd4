package sources

import (
	"strconv"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// wish is where a grant was first written, and until when.
type wish struct {
	file  string
	line  int
	until time.Time
}

func (r *reader) origin(line int) string { return r.name + ":" + strconv.Itoa(line) }

// first records a grant, and reports one that was written before. Two entries
// with one ID are the same wish: with the same end one of them is too many,
// with two ends nobody can tell which is meant.
func (r *reader) first(e *entry, g engine.Grant) bool {
	old, twice := r.seen[g.ID]
	if !twice {
		r.seen[g.ID] = wish{r.name, e.at.line, g.When.Until}
		return true
	}
	if old.until.Equal(g.When.Until) {
		r.fail(e.at, "this grant is already written at %s:%d; remove one of them", old.file, old.line)
		return false
	}
	r.fail(e.at, "this grant contradicts %s:%d, where the same grant ends at %s and not at %s; keep one, or give another reason",
		old.file, old.line, old.until.Format(time.RFC3339Nano), g.When.Until.Format(time.RFC3339Nano))
	return false
}
