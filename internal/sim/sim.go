// Package sim is what the simulators of HTTP directories share: a clock of
// their own, faults on demand, quotas, listings that lag behind writes, and a
// record of every request.
package sim

import (
	"net/http"
	"time"
)

// Clock is a simulator's time: this machine's, until it is moved or frozen.
type Clock struct{}

// Frozen returns a clock that stands at t until it is moved.
func Frozen(t time.Time) *Clock { return &Clock{} }

// Now returns the simulator's time.
func (c *Clock) Now() time.Time { return time.Time{} }

// Advance moves the clock on.
func (c *Clock) Advance(d time.Duration) {}

// Effect is what a fault does to a request.
type Effect int

// Effects.
const (
	Answer Effect = iota // answer with the fault's Status, Header and Body; nothing is carried out
	Lose                 // carry it out, then answer with the fault's Status, or cut the connection when that is 0
	Drop                 // cut the connection before anything is carried out
	Hang                 // carry nothing out and never answer, until the client gives up
	Half                 // carry it out and send half of the body, then cut the connection
	Empty                // a 200 with an empty list, for a listing
	Slow                 // carry it out and send the body in pieces over Delay
)

// Fault is one thing that goes wrong.
type Fault struct {
	Match  func(*http.Request) bool // nil: every request
	Skip   int                      // let so many matching requests pass first
	Times  int                      // then strike so many; 1 when zero, for ever when negative
	Effect Effect
	Status int
	Header http.Header
	Body   string
	Delay  time.Duration
}

// Request is one request as it was answered.
type Request struct {
	At     time.Time
	Method string
	Path   string
	Route  string // the path's template, such as /groups/{id}/members
	Query  string
	Status int
}
