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
	if over(phase) {
		held = slices.DeleteFunc(held, func(c heldChange) bool { return !c.was(r, owned) })
	}
	records := recordsOf(owned)
	for _, c := range held {
		records = append(records, record{c.Key(), c.Group})
	}
	out := make([]Membership, len(res.Groups))
	for i, ref := range res.Groups {
		recorded, err := d.recorded(ctx, ref, records, over(phase))
		switch at := slices.IndexFunc(owned, func(o engine.Owned) bool { return isGroup(recorded, o.Group, o.GroupName) }); {
		case at >= 0:
			out[i] = ownedAs(owned[at], r, phase)
			if note := heldIn(held, recorded, !over(phase), owned[at].Wrote); note != "" {
				out[i].State, out[i].Note = Held, note
			}
		case err != nil && over(phase):
			out[i] = Membership{State: Unknown, Note: untold}
		default:
			out[i] = d.unowned(ctx, r, ref, phase, heldIn(held, recorded, !over(phase), time.Time{}))
		}
		out[i].Group = ref
	}
	return out, nil
}

// recorded returns a reference to a group as records of somebody have it: by its
// native id, where only the directory knows that one of them is about it; as it is
// with an error. A group may be named in ways that no record has, such as a DN or
// an alias. What is over is looked up only where a record is about a group that no
// resource names as the record does: else it is not that.
func (d *Desk) recorded(ctx context.Context, ref engine.GroupRef, records []record, over bool) (engine.GroupRef, error) {
	rules := d.rules.Load()
	ask := false
	for _, x := range records {
		if isGroup(ref, x.group, x.name) {
			return ref, nil
		}
		ask = ask || x.group.Directory == ref.Directory && (!over || !rules.named(x.group, x.name))
	}
	if !ask {
		return ref, nil
	}
	id, err := d.people.group(ctx, ref)
	switch {
	case len(access.Gone(err)) > 0:
		return ref, nil
	case err != nil:
		return ref, err
	}
	return engine.GroupRef{Directory: ref.Directory, Name: string(id)}, nil
}

// record is a group that something on record is about, and its name there.
type record struct {
	group engine.Group
	name  string
}

func recordsOf(owned []engine.Owned) []record {
	out := make([]record, len(owned))
	for i, o := range owned {
		out[i] = record{o.Group, o.GroupName}
	}
	return out
}

// named reports whether a resource names a group by its id, or by a name.
func (r *Rules) named(g engine.Group, name string) bool {
	return slices.ContainsFunc(r.Resources, func(res Resource) bool {
		return slices.ContainsFunc(res.Groups, func(ref engine.GroupRef) bool { return isGroup(ref, g, name) })
	})
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

// untold is the note of what a directory did not tell.
const untold = "the directory could not tell"

// unowned tells how it stands with a membership that is not in the ledger. note is
// why a limit holds that it is added or removed, if one does.
func (d *Desk) unowned(ctx context.Context, r access.Request, ref engine.GroupRef, phase access.Phase, note string) Membership {
	m := Membership{State: NotYet}
	if phase == access.Waiting {
		return m
	}
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
	case len(access.Gone(a.Err)) > 0:
		m.Note = "there is no such group in " + string(ref.Directory) + "; an administrator has to make it, or mend the configuration"
	case a.Err != nil:
		m.State, m.Note = Unknown, untold
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
