//go:build failpoint

package store

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// failpoints kill the own process as SIGKILL would, for crash tests.
// DAYPASS_FAILPOINT names a place and a count: "record-after:3" dies after the
// third Record has committed, "record-before:3" before its transaction begins,
// "record-commit:3" between its last statement and its commit.
type failpoints struct {
	place string
	left  *atomic.Int64
}

func newFailpoints() failpoints {
	place, count, _ := strings.Cut(os.Getenv("DAYPASS_FAILPOINT"), ":")
	n, err := strconv.ParseInt(count, 10, 64)
	if place != "" && (err != nil || n < 1) {
		panic("store: DAYPASS_FAILPOINT is not written as place:count")
	}
	f := failpoints{place: place, left: new(atomic.Int64)}
	f.left.Store(n)
	return f
}

func (f failpoints) hit(place string) {
	if place != f.place || f.left.Add(-1) != 0 {
		return
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err != nil {
		panic("store: cannot kill the own process: " + err.Error())
	}
	select {} // nothing more happens between the signal and its arrival
}
