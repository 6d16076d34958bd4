package desk

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
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

// markHeld says of requests in a list which limit holds them. No directory is
// asked, and the ledger of those only about whom something is held.
func (d *Desk) markHeld(ctx context.Context, views []View) error {
	rules, ledger := d.rules.Load(), make(map[engine.Person][]engine.Owned)
	for i := range views {
		v := &views[i]
		res, ok := rules.resource(v.Resource)
		if !ok || v.Phase == "" || v.Phase == access.Waiting {
			continue
		}
		all, err := d.heldOf(ctx, v.Person)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			continue
		}
		owned, known := ledger[v.Person]
		if !known {
			if owned, err = d.cfg.Store.OwnedBy(ctx, v.Person); err != nil {
				return err
			}
			ledger[v.Person] = owned
		}
		about := func(c heldChange) bool {
			if over(v.Phase) {
				return c.was(v.Request, owned)
			}
			return c.Grant == v.GrantID() || slices.ContainsFunc(res.Groups, func(g engine.GroupRef) bool { return isGroup(g, c.Key(), c.Group) })
		}
		for _, c := range all {
			if about(c) && c.still(!over(v.Phase), wrote(owned, c.Key())) {
				v.Held = c.note()
				break
			}
		}
	}
	return nil
}

// wrote is when the last write about somebody in a group was sent; zero where they
// are not ours.
func wrote(owned []engine.Owned, g engine.Group) time.Time {
	i := slices.IndexFunc(owned, func(o engine.Owned) bool { return o.Group == g })
	if i < 0 {
		return time.Time{}
	}
	return owned[i].Wrote
}

// still reports whether it is held that somebody is added, or taken out: a write
// after the run that held it settled it.
func (c heldChange) still(add bool, wrote time.Time) bool {
	return (c.Op == engine.Add) == add && !wrote.After(c.at)
}

// was reports whether it is about what a request gave that is over: another one of
// the same group may be why somebody is in it since.
func (c heldChange) was(r access.Request, owned []engine.Owned) bool {
	return c.Grant == r.GrantID() || slices.ContainsFunc(owned, func(o engine.Owned) bool { return o.Group == c.Key() && anchored(o, r) })
}

// note is why it is held, and the way out.
func (c heldChange) note() string {
	return c.why + "; an administrator has to release it, on the page Runs or with daypass release"
}

// heldIn returns why it is held that somebody is added to a group, or taken out
// of it, and the way out; empty when it is not.
func heldIn(all []heldChange, ref engine.GroupRef, add bool, wrote time.Time) string {
	for _, c := range all {
		if c.still(add, wrote) && isGroup(ref, c.Key(), c.Group) {
			return c.note()
		}
	}
	return ""
}
