package main

import (
	"testing"

	"github.com/daypass-dev/daypass/schedule"
)

// A run that lost its lease and got another one must not go on: what it read
// was read under the first.
func TestLeaseIsNotReplacedUnderARun(t *testing.T) {
	h := newHeld()
	first, second := new(schedule.Lease), new(schedule.Lease)
	if !h.take("corp", first) {
		t.Fatal("the first lease was not taken")
	}
	if h.take("corp", second) {
		t.Error("a second lease took the place of the first")
	}
	if h.lease("corp") != first {
		t.Error("the run goes on under the second lease")
	}
	if h.lease("elsewhere") != nil {
		t.Error("there is a lease on a directory that none was taken of")
	}
}
