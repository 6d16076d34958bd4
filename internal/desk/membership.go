package desk

import (
	"context"
	"slices"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// Membership is how it stands with the person in one group of the resource.
type Membership struct {
	Group engine.GroupRef
	State MembershipState
	Since time.Time // since when it is ours; zero when it is not
	Note  string    // why it is not as it ought to be, where that is known
}

// MembershipState is how it stands with a membership.
type MembershipState string

// States of a membership.
const (
	NotYet   MembershipState = "not-yet" // to be added
	There    MembershipState = "there"
	Standing MembershipState = "standing" // there, and not ours: it stays when the grant ends
	Held     MembershipState = "held"     // to be added or removed, and a limit holds that until an administrator releases it
	Leaving  MembershipState = "leaving"  // to be removed, and not confirmed gone
	Gone     MembershipState = "gone"
	Unknown  MembershipState = "unknown" // the directory could not tell
)

// memberships tells how it stands in the groups of a resource.
func (d *Desk) memberships(ctx context.Context, r access.Request, res *Resource, phase access.Phase) ([]Membership, error) {
	owned, err := d.cfg.Store.OwnedBy(ctx, r.Person)
	if err != nil {
		return nil, err
	}
	held, err := d.heldOf(ctx, r.Person)
	if err != nil {
		return nil, err
	}
	out := make([]Membership, len(res.Groups))
	for i, ref := range res.Groups {
		at := slices.IndexFunc(owned, func(o engine.Owned) bool { return isGroup(ref, o.Group, o.GroupName) })
		if at < 0 {
			out[i] = d.unowned(ctx, r, ref, phase, held)
			continue
		}
		out[i] = ownedAs(owned[at], r, phase)
		if note := heldIn(held, ref, !over(phase), owned[at].Wrote); note != "" {
			out[i].State, out[i].Note = Held, note
		}
		out[i].Group = ref
	}
	return out, nil
}

// isGroup reports whether a reference names a group, by its name or id.
func isGroup(ref engine.GroupRef, g engine.Group, name string) bool {
	return g.Directory == ref.Directory && (name == ref.Name || string(g.ID) == ref.Name)
}

func over(phase access.Phase) bool { return phase == access.Ended || phase == access.Revoked }

// ownedAs tells how it stands with a membership that is in the ledger.
func ownedAs(o engine.Owned, r access.Request, phase access.Phase) Membership {
	switch {
	case o.State == engine.Added && over(phase) && o.Due.IsZero() && len(o.Anchors) > 0 && !anchored(o, r):
		return Membership{State: Gone} // another grant holds it
	case over(phase):
		return Membership{State: Leaving, Since: o.Since}
	case o.State == engine.Added:
		return Membership{State: There, Since: o.Since}
	}
	return Membership{State: NotYet}
}

func anchored(o engine.Owned, r access.Request) bool {
	return slices.ContainsFunc(o.Anchors, func(a engine.Anchor) bool { return a.Grant == r.GrantID() })
}

// unowned tells how it stands with a membership that is not in the ledger.
func (d *Desk) unowned(ctx context.Context, r access.Request, ref engine.GroupRef, phase access.Phase, held []heldChange) Membership {
	m := Membership{Group: ref, State: NotYet}
	if phase == access.Waiting {
		return m
	}
	note := heldIn(held, ref, !over(phase), time.Time{})
	var a access.Answer
	if !over(phase) {
		a = d.people.has(ctx, r.Person, ref, whenever)
	}
	switch {
	case certain(a):
		m.State = Standing
	case note != "":
		m.State, m.Note = Held, note
	case over(phase):
		m.State = Gone
	case a.Err != nil:
		m.State, m.Note = Unknown, "the directory could not tell"
	default:
		m.Note = d.missing(ctx, r.Person, ref)
	}
	return m
}

// missing says why somebody cannot be added, where that is known.
func (d *Desk) missing(ctx context.Context, p engine.Person, ref engine.GroupRef) string {
	_, err := d.people.account(ctx, ref.Directory, p, whenever)
	switch engine.KindOf(err) {
	case engine.NotFound:
		return string(p) + " has no account in " + string(ref.Directory)
	case engine.Disabled:
		return "the account of " + string(p) + " in " + string(ref.Directory) + " is disabled"
	case engine.Ambiguous:
		return string(p) + " has several accounts in " + string(ref.Directory)
	}
	return ""
}
