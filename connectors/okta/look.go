package okta

import (
	"context"
	"slices"

	"github.com/daypass-dev/daypass/engine"
)

// sight is what a look found of one member.
type sight struct {
	in   bool
	sure bool // by what this connector wrote, which is newer than any listing
	err  error
}

// look finds out who is in the group: what this connector wrote within the
// grace is believed; the others are looked up in the way that takes fewer
// requests, by each user's groups or by the group's listing.
func (j *job) look(ctx context.Context) error {
	j.seen = make(map[engine.MemberID]sight, len(j.add)+len(j.remove))
	var unknown []engine.MemberID
	for _, m := range slices.Concat(j.add, j.remove) {
		last, ok := j.c.writes.Last(j.g, m.ID)
		switch _, twice := j.seen[m.ID]; {
		case twice:
		case !isUser(m.ID):
			j.seen[m.ID] = sight{err: trouble(engine.NotFound, "%q is not the id of an Okta user (00u and 17 letters or digits)", clip(string(m.ID)))}
		case ok:
			j.seen[m.ID] = sight{in: last == engine.Add, sure: true}
		default:
			j.seen[m.ID] = sight{}
			unknown = append(unknown, m.ID)
		}
	}
	known, _ := j.c.kinds.of(j.g)
	switch {
	case len(unknown) == 0:
		if slices.ContainsFunc(j.add, func(m engine.Member) bool { return j.seen[m.ID].in }) {
			return j.exists(ctx) // no request follows that would tell
		}
		return nil
	case len(unknown) == 1, len(unknown) <= known.pages:
		return j.lookAtUsers(ctx, unknown)
	}
	return j.lookAtGroup(ctx, unknown)
}

// lookAtUsers reads the groups of each user.
func (j *job) lookAtUsers(ctx context.Context, ids []engine.MemberID) error {
	found := make([]sight, len(ids))
	j.each(len(ids), func(i int) {
		in, err := j.c.memberOf(ctx, j.g, ids[i])
		found[i] = sight{in: in, err: err}
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	for i, id := range ids {
		j.seen[id] = found[i]
		j.there = j.there || found[i].in
	}
	return nil
}

// lookAtGroup reads the group's members.
func (j *job) lookAtGroup(ctx context.Context, ids []engine.MemberID) error {
	listed, err := j.c.listing(ctx, j.g)
	if err != nil {
		return err
	}
	j.there = true
	for _, id := range ids {
		_, in := slices.BinarySearchFunc(listed, engine.Member{ID: id}, byID)
		j.seen[id] = sight{in: in}
	}
	return nil
}
