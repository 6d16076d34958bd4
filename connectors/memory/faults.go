package memory

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// Call names a method of the connector, for faults and counts.
type Call string

// Calls. Change counts as one CallAdd or CallRemove for each member, and
// AddUntil as CallAdd.
const (
	AnyCall        Call = ""
	CallGroup      Call = "find"
	CallResolve    Call = "resolve"
	CallResolveAll Call = "resolve all"
	CallMembers    Call = "list"
	CallAdd        Call = "add"
	CallRemove     Call = "remove"
	CallGroups     Call = "list groups"
	CallProbe      Call = "probe"
	CallTime       Call = "time"
	CallChanged    Call = "tell what changed"
	CallExpire     Call = "move the end"
	CallExpiries   Call = "list ends"
	CallSessions   Call = "end sessions"
	CallDescribe   Call = "describe"
)

// Fault says which call fails, and how.
type Fault struct {
	Call       Call           // AnyCall: whichever
	Group      engine.GroupID // only calls about this group; empty: whichever
	Nth        int            // 1 is the next call that fits, and only that; 0 is every one
	Kind       engine.Kind
	RetryAfter time.Duration
	// After lets a write take effect before it fails: an outcome that the
	// caller does not know. Kind ought not to be a refusal then.
	After bool
	// Stall leaves the call without an answer until its context ends. Kind is
	// then Unavailable.
	Stall bool
}

// pending is a fault that waits for its call.
type pending struct {
	Fault
	left int
}

// Fail arms a fault. Of several that fit a call the one armed first strikes,
// and all of them count it.
func (d *Directory) Fail(f Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = append(d.faults, &pending{Fault: f, left: f.Nth})
}

// Truncate makes the next listing of g stop early, which a connector reports
// as [engine.Partial].
func (d *Directory) Truncate(g engine.GroupID) {
	d.Fail(Fault{Call: CallMembers, Group: g, Nth: 1, Kind: engine.Partial})
}

// Down makes every call fail with a kind until [Directory.Mend].
func (d *Directory) Down(k engine.Kind) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = k
}

// Mend disarms every fault and ends Down, every [Lie] and the lag.
func (d *Directory) Mend() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down, d.faults, d.lag, d.late = "", nil, 0, 0
	for _, g := range d.groups {
		g.lie, g.past = nil, nil
	}
}

// act is a call in progress.
type act struct {
	call  Call
	group engine.GroupID
	who   string
	until time.Time // the end that is asked for; zero for none
}

// stroke is what awaits a call: nothing, or a fault.
type stroke struct {
	d     *Directory
	a     act
	fault *Fault
	err   error // the context had ended before the call
}

// begin counts the call and finds the fault that strikes it.
func (d *Directory) begin(ctx context.Context, a act) stroke {
	d.lock()
	defer d.mu.Unlock()
	s := stroke{d: d, a: a}
	if err := cmp.Or(ctx.Err(), engine.Held(ctx)); err != nil {
		s.err = d.fail(a, engine.Unavailable, err)
		return s
	}
	d.calls[a.call]++
	s.fault = d.strike(a)
	return s
}

func (d *Directory) strike(a act) *Fault {
	if d.down != "" {
		return &Fault{Kind: d.down}
	}
	var struck *Fault
	kept := d.faults[:0]
	for _, p := range d.faults {
		fits := (p.Call == AnyCall || p.Call == a.call) && (p.Group == "" || p.Group == a.group)
		if fits {
			p.left--
		}
		if fits && p.left <= 0 && struck == nil {
			struck = &p.Fault
		}
		if p.left > 0 || p.Nth == 0 || !fits {
			kept = append(kept, p)
		}
	}
	d.faults = kept
	return struck
}

// after reports whether the call takes effect before its fault strikes.
func (s stroke) after() bool { return s.fault != nil && s.fault.After }

// fate returns the error that the call ends in, or nil. It waits when the call
// is stalled.
func (s stroke) fate(ctx context.Context) error {
	switch {
	case s.err != nil:
		return s.err
	case s.fault == nil:
		return nil
	case s.fault.Stall:
		<-ctx.Done()
		s.d.mu.Lock()
		defer s.d.mu.Unlock()
		return s.d.fail(s.a, engine.Unavailable, ctx.Err())
	}
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	err := s.d.fail(s.a, s.fault.Kind, nil)
	err.RetryAfter = s.fault.RetryAfter
	return err
}

// fail names the call in an error: "corp: add ada to prod-db". It is called
// with the lock held.
func (d *Directory) fail(a act, k engine.Kind, cause error) *engine.Error {
	name := string(a.group)
	if g, ok := d.groups[a.group]; ok {
		name = g.info.Name
	}
	var op string
	switch a.call {
	case CallAdd:
		op = fmt.Sprintf("%s: add %s to %s", d.name, a.who, name)
	case CallRemove:
		op = fmt.Sprintf("%s: remove %s from %s", d.name, a.who, name)
	case CallExpire:
		op = fmt.Sprintf("%s: move the end of %s in %s", d.name, a.who, name)
	case CallExpiries:
		op = fmt.Sprintf("%s: list the ends of %s", d.name, name)
	case CallSessions:
		op = fmt.Sprintf("%s: end the sessions of %s", d.name, a.who)
	case CallMembers:
		op = fmt.Sprintf("%s: list members of %s", d.name, name)
	case CallGroup:
		op = fmt.Sprintf("%s: find group %s", d.name, a.who)
	case CallDescribe:
		op = fmt.Sprintf("%s: describe %s", d.name, a.who)
	case CallResolve:
		op = fmt.Sprintf("%s: resolve %s", d.name, a.who)
	default:
		op = fmt.Sprintf("%s: %s", d.name, a.call)
	}
	return &engine.Error{Op: op, Kind: k, Err: cause}
}
