package desk

import (
	"context"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// heldFor is how long what is held is believed to be so: an open page looks for
// it every few seconds.
const heldFor = 3 * time.Second

// holds are what limits hold, as last read, by the person whom it is about.
type holds struct {
	mu       sync.Mutex
	at       time.Time // zero until it was read
	byPerson map[engine.Person][]heldChange
}

// heldChange is a change that waits for a release.
type heldChange struct {
	engine.Change
	at  time.Time // of the run that held it
	why string    // the limit's objection
}

// of returns what is held about somebody, the latest first. Nobody changes what
// it returns.
func (h *holds) of(ctx context.Context, s Store, now time.Time, p engine.Person) ([]heldChange, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if age := now.Sub(h.at); h.at.IsZero() || age < 0 || age >= heldFor {
		all, err := s.Holds(ctx)
		if err != nil {
			return nil, err
		}
		h.at, h.byPerson = now, make(map[engine.Person][]heldChange)
		for _, hold := range all {
			for _, c := range hold.Changes {
				h.byPerson[c.Person] = append(h.byPerson[c.Person], heldChange{c, hold.At, why(hold.Objections, c)})
			}
		}
	}
	return h.byPerson[p], nil
}

// why is the objection that holds a change.
func why(os []engine.Objection, c engine.Change) string {
	for _, o := range os {
		if !o.Released && o.Covers(c) {
			return o.Message
		}
	}
	return "a limit objects"
}

// heldOf lists what limits hold about somebody, under any address.
func (d *Desk) heldOf(ctx context.Context, p engine.Person) ([]heldChange, error) {
	var all []heldChange
	for _, address := range d.rules.Load().Addresses(p) {
		some, err := d.holds.of(ctx, d.cfg.Store, d.now(), address)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// heldIn returns why it is held that somebody is added to a group, or taken out
// of it, and the way out; empty when it is not. A write after the run that held
// it settled it.
func heldIn(all []heldChange, ref engine.GroupRef, add bool, wrote time.Time) string {
	for _, c := range all {
		if (c.Op == engine.Add) == add && !wrote.After(c.at) && isGroup(ref, c.Key(), c.Group) {
			return c.why + "; an administrator has to release it, on the page Runs or with daypass release"
		}
	}
	return ""
}
