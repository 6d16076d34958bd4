package entra

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

const (
	// shortestTerm is how long an assignment of PIM lasts at least (Microsoft,
	// "Assign eligibility for a group": five minutes), and until when it cannot
	// be removed.
	shortestTerm = 5 * time.Minute
	// onTheWay is what a request may take until PIM counts from then.
	onTheWay = 15 * time.Second
)

// rungs are the terms to try where the policy allows less than was asked and
// cannot be read: those that the admin center offers, and then less.
func rungs() []time.Duration {
	const day = 24 * time.Hour
	return []time.Duration{
		365 * day, 180 * day, 90 * day, 30 * day, 28 * day, 15 * day, 7 * day, 3 * day, day,
		12 * time.Hour, 8 * time.Hour, 4 * time.Hour, 2 * time.Hour, time.Hour, 30 * time.Minute, shortestTerm + onTheWay,
	}
}

// AddUntil assigns m to g by PIM for Groups, which takes m out at the end by
// itself. The first one of a group puts the group under PIM for ever. A term is
// five minutes at least, and at most what the policy of the group allows.
//
// What PIM does with one who is a member already is not documented, so the
// group is looked at first.
func (c *Connector) AddUntil(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (bool, time.Time, error) {
	x := c.expiring(g, m)
	changed, end, err := false, time.Time{}, error(nil)
	give, err := c.turns.Take(ctx, g)
	if err == nil {
		defer give()
		changed, end, err = x.add(ctx, until)
	}
	return changed, end, x.c.fail(fmt.Sprintf("add %s to %s until %s", m.Login, x.name, until.UTC().Format(time.RFC3339)), err)
}

// Expire moves the end of a membership that PIM holds, either way. One that it
// does not hold cannot be given an end without a gap.
func (c *Connector) Expire(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (time.Time, error) {
	x := c.expiring(g, m)
	var end time.Time
	give, err := c.turns.Take(ctx, g)
	if err == nil {
		defer give()
		end, err = x.move(ctx, until)
	}
	return end, x.c.fail(fmt.Sprintf("end %s in %s at %s", m.Login, x.name, until.UTC().Format(time.RFC3339)), err)
}

// Expiries returns the ends that PIM holds.
func (c *Connector) Expiries(ctx context.Context, g engine.GroupID) (map[engine.MemberID]time.Time, error) {
	ends, err := c.expiries(ctx, g)
	return ends, c.fail("list the ends of memberships of "+string(g), err)
}

func (c *Connector) expiries(ctx context.Context, g engine.GroupID) (map[engine.MemberID]time.Time, error) {
	if !isID(string(g)) {
		return nil, trouble(engine.NotFound, "%q is not the id of a group", g)
	}
	all, err := c.instances(ctx, g, "")
	if err != nil {
		return nil, err
	}
	listed := map[engine.MemberID]term{}
	for id, i := range lastOf(all) {
		if !i.end.IsZero() {
			listed[id] = term{start: i.start, end: i.end}
		}
	}
	return c.terms.lay(g, listed), nil
}

// lastOf takes the assignment of each member that ends last: one without an
// end does not end.
func lastOf(all []*instance) map[engine.MemberID]*instance {
	last := map[engine.MemberID]*instance{}
	for _, i := range all {
		id := engine.MemberID(i.principal)
		if was := last[id]; was == nil || i.end.IsZero() || !was.end.IsZero() && i.end.After(was.end) {
			last[id] = i
		}
	}
	return last
}

// expiring is one AddUntil or Expire under way.
type expiring struct {
	changing
	member engine.Member
	id     engine.MemberID
	now    time.Time // the directory's
	read   bool      // the policy was
}

func (c *Connector) expiring(g engine.GroupID, m engine.Member) *expiring {
	m.ID = engine.MemberID(lower(string(m.ID)))
	return &expiring{changing: changing{c: c, group: g, name: string(g)}, member: m, id: m.ID}
}

// send sends a request to PIM. What was noted before is not believed any more
// where it may have been carried out.
func (x *expiring) send(ctx context.Context, action string, start, end time.Time) (got time.Time, err error) {
	err = x.patiently(ctx, func() (err error) {
		got, err = x.c.requestTerm(ctx, termRequest(action, x.group, x.id, start, end), end)
		return err
	})
	if err != nil && !engine.KindOf(x.c.fail("", err)).Refusal() {
		x.forget(x.id)
	}
	return got, err
}

// begin wants a group that is there and can be managed, an account, and an end
// that is to come.
func (x *expiring) begin(ctx context.Context, until time.Time) error {
	info, err := x.c.look(ctx, x.group)
	if err != nil {
		return err
	}
	x.name = info.Name
	switch {
	case info.Unmanageable != "":
		return unsupported("%s", info.Unmanageable)
	case !isID(string(x.id)):
		return noAccount(x.member)
	}
	if x.now, err = x.c.Time(ctx); err != nil {
		return err
	}
	if !until.After(x.now) {
		return trouble(engine.Rejected, "the end has passed by the directory's clock, which shows %s", x.now.Format(time.RFC3339))
	}
	return nil
}

// present reports whether the member is in the group, as a listing tells and
// our own last writes.
func (x *expiring) present(ctx context.Context) (bool, error) {
	x.c.forgetEnded(x.group)
	if op, ok := x.c.writes.Last(x.group, x.id); ok {
		return op == engine.Add, nil
	}
	if x.c.looks.lacks(x.group, x.id) {
		return false, nil
	}
	ms, err := x.c.members(ctx, x.group)
	if err != nil {
		return false, err
	}
	x.c.looks.put(x.group, ms)
	return !x.c.looks.lacks(x.group, x.id), nil
}

// forgetEnded stops to believe additions that the directory has ended since.
func (c *Connector) forgetEnded(g engine.GroupID) {
	now, ok := c.wire.client.Time()
	if !ok {
		return
	}
	for _, id := range c.terms.over(g, now) {
		c.writes.Forget(g, id)
	}
}

func (x *expiring) add(ctx context.Context, until time.Time) (changed bool, end time.Time, err error) {
	if err := x.begin(ctx, until); err != nil {
		return false, time.Time{}, err
	}
	there, err := x.present(ctx)
	if err != nil {
		return false, time.Time{}, err
	}
	if !there {
		if end, err = x.write(ctx, assign, time.Time{}, until); err == nil {
			x.c.writes.Note(x.group, x.member, engine.Add)
			return true, end, nil
		}
		f := asFault(err)
		if f == nil || f.lost || !f.refuses("RoleAssignmentExists") {
			return false, time.Time{}, err
		}
		if err := x.exists(ctx); err != nil {
			return false, time.Time{}, err
		}
	}
	x.settle(x.member, engine.Add, false)
	return false, time.Time{}, nil
}

// exists is for one who was in no listing and is assigned all the same. An
// assignment of a moment ago, which listings lack, makes a member: then there
// is no error. An older one without a member is left over. It may be somebody
// else's, so it is not touched: Add still works, and tells for certain.
func (x *expiring) exists(ctx context.Context) error {
	all, err := x.c.instances(ctx, x.group, x.id)
	if err != nil {
		return err
	}
	i := lastOf(all)[x.id]
	_, removed := x.c.writes.Last(x.group, x.id) // it was no addition
	if i != nil && !removed && (i.start.IsZero() || x.now.Sub(i.start) < x.c.cfg.Grace) {
		return nil
	}
	return unsupported("PIM for Groups holds an assignment of %s that is no membership, left over or of the future; remove it in the Entra admin center", x.member.Login)
}

func (x *expiring) move(ctx context.Context, until time.Time) (time.Time, error) {
	if err := x.begin(ctx, until); err != nil {
		return time.Time{}, err
	}
	now, err := x.held(ctx)
	if err != nil {
		return time.Time{}, err
	}
	if now.end.Sub(until) >= 0 && now.end.Sub(until) <= time.Second {
		return now.end, nil
	}
	start := now.start
	if until.After(now.end) {
		start = time.Time{} // the policy's longest term counts from now
	}
	end, err := x.write(ctx, update, start, until)
	if f := asFault(err); f != nil && !f.lost && f.refuses("RoleAssignmentDoesNotExist") {
		return time.Time{}, x.unheld(ctx)
	}
	return end, err
}

// held returns the term that PIM holds now.
func (x *expiring) held(ctx context.Context) (term, error) {
	x.c.forgetEnded(x.group)
	all, err := x.c.instances(ctx, x.group, x.id)
	if err != nil {
		return term{}, err
	}
	if k, ok := x.c.terms.latest(x.group, x.id); ok && !k.end.IsZero() {
		return k, nil
	} else if ok {
		return term{}, x.unheld(ctx)
	}
	i := lastOf(all)[x.id]
	switch {
	case i == nil || i.end.IsZero():
		return term{}, x.unheld(ctx)
	case !i.assigned():
		return term{}, unsupported("%s activated the membership by PIM, which ends it", x.member.Login)
	}
	return term{start: i.start, end: i.end}, nil
}

// unheld is why a membership that PIM does not hold cannot be given an end.
func (x *expiring) unheld(ctx context.Context) error {
	there, err := x.present(ctx)
	switch {
	case err != nil:
		return err
	case !there:
		return trouble(engine.NotFound, "%s is not a member", x.member.Login)
	}
	return unsupported("%s was added without an end, which PIM for Groups can give only by taking the membership away first", x.member.Login)
}

// write asks PIM for an end, or for the latest that the policy allows.
func (x *expiring) write(ctx context.Context, action string, start, until time.Time) (time.Time, error) {
	margin := onTheWay
	for {
		from := start
		if from.IsZero() {
			from = x.now
		}
		end := x.fit(from, until, margin)
		got, err := x.send(ctx, action, start, end)
		f := asFault(err)
		switch {
		case err == nil:
			if start.IsZero() {
				start = x.now
			}
			x.c.terms.note(x.group, x.id, start, got)
			return got, nil
		case f == nil || f.lost:
			return time.Time{}, err
		case f.refuses("ActiveDurationTooShort") && margin == onTheWay:
			// The request waited, or PIM does not count from the start.
			if x.now, err = x.c.Time(ctx); err != nil {
				return time.Time{}, err
			}
			start, margin = time.Time{}, time.Minute
			continue
		}
		if _, term := f.againstPolicy(); !term {
			return time.Time{}, x.refusal(ctx, err)
		}
		most, ok := x.shorter(ctx, end.Sub(from))
		if !ok {
			return time.Time{}, x.refusal(ctx, err)
		}
		x.c.terms.learn(x.group, most)
		start = time.Time{}
	}
}

// fit makes an end that PIM can take: on a whole second, not before until
// unless the policy allows no more, and not too soon.
func (x *expiring) fit(from, until time.Time, margin time.Duration) time.Time {
	end := until
	if soonest := from.Add(shortestTerm + margin); end.Before(soonest) {
		end = soonest
	}
	if whole := end.Truncate(time.Second); whole.Before(end) {
		end = whole.Add(time.Second)
	}
	if most := x.c.terms.longest(x.group); most > 0 && end.Sub(from) > most {
		end = from.Add(most).Truncate(time.Second)
	}
	return end
}

// shorter returns a term to try after one was too long.
func (x *expiring) shorter(ctx context.Context, than time.Duration) (time.Duration, bool) {
	if !x.read {
		x.read = true
		if most := x.c.policyMost(ctx, x.group); most >= shortestTerm && most < than {
			return most, true
		}
	}
	for _, d := range rungs() {
		if d < than {
			return d, true
		}
	}
	return 0, false
}

// refusal finds out what a refusal of PIM means.
func (x *expiring) refusal(ctx context.Context, err error) error {
	f := asFault(err)
	if f == nil || f.lost {
		return err
	}
	policy, _ := f.againstPolicy()
	switch {
	case f.unlicensed():
		return unsupported("PIM for Groups needs Microsoft Entra ID P2 or Entra ID Governance (%w)", f)
	case policy:
		return unsupported("the group's PIM policy for active assignments of members is against it; change its settings in the Entra admin center (%w)", f)
	case f.refuses("SubjectNotFound"):
		return trouble(engine.NotFound, "there is no such account (%w)", f)
	case f.refuses("PendingRoleAssignmentRequest"):
		return trouble(engine.Unavailable, "PIM for Groups is still busy with another request for the same (%w)", f)
	case f.status != http.StatusNotFound && f.status != http.StatusForbidden && f.status != http.StatusBadRequest:
		return err
	}
	info, lookErr := x.again(ctx)
	switch {
	case lookErr != nil && engine.KindOf(lookErr) == engine.NotFound, lookErr != nil && f.status == http.StatusNotFound:
		return lookErr
	case lookErr == nil && info.Unmanageable != "":
		return unsupported("%s", info.Unmanageable)
	case f.status == http.StatusNotFound:
		return unsupported("PIM for Groups does not know the group, or cannot be used in this tenant (%w)", f)
	case f.status == http.StatusForbidden:
		f.needs = termsRight
	}
	return err
}

// dismiss ends the assignments of members who were just removed by reference.
// What becomes of them otherwise is not documented: one that stays could take
// out, at its end, who was added again. PIM refuses that in the first five
// minutes, and then they are left. Members who have just gone have nothing
// else that could be taken from them, so it is not made up for later.
func (x *changing) dismiss(ctx context.Context, was map[engine.MemberID]term, effects []engine.Effect, ms []engine.Member) {
	var rs []request
	for i, m := range ms {
		id := engine.MemberID(lower(string(m.ID)))
		k, held := was[id]
		now, known := x.c.wire.client.Time()
		if effects[i].Changed && held && known && now.Sub(k.start) > shortestTerm && k.end.Sub(now) > onTheWay {
			rs = append(rs, termRequest(unassign, x.group, id, time.Time{}, time.Time{}))
		}
	}
	if len(rs) > 0 {
		// The memberships are gone whatever comes of it, and an end that stays
		// is told by Expiries.
		x.c.wire.do(ctx, rs)
	}
}

// heldTerms returns what is known of the terms of ms.
func (x *changing) heldTerms(ms []engine.Member) map[engine.MemberID]term {
	var was map[engine.MemberID]term
	for _, m := range ms {
		id := engine.MemberID(lower(string(m.ID)))
		if k, ok := x.c.terms.get(x.group, id); ok {
			if was == nil {
				was = map[engine.MemberID]term{}
			}
			was[id] = k
		}
	}
	return was
}
