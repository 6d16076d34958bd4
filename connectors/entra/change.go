package entra

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	abs "github.com/microsoft/kiota-abstractions-go"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// Add makes m a direct member of g. Graph says for certain whether it was one
// before, so there is no need to look first.
func (c *Connector) Add(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
	effects, _ := c.Change(ctx, g, []engine.Member{m}, nil)
	return effects[0].Changed, effects[0].Err
}

// Remove is the inverse of Add.
func (c *Connector) Remove(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
	_, effects := c.Change(ctx, g, nil, []engine.Member{m})
	return effects[0].Changed, effects[0].Err
}

// Change removes members one by one, 20 in a batch: Graph has no other way.
// Then it adds members 20 with each request, all or none of them, and where
// that is refused one by one in a batch. Access that ends does not wait behind
// access that begins.
func (c *Connector) Change(ctx context.Context, g engine.GroupID, add, remove []engine.Member) (added, removed []engine.Effect) {
	added, removed = make([]engine.Effect, len(add)), make([]engine.Effect, len(remove))
	if len(add)+len(remove) == 0 {
		return added, removed
	}
	x := &changing{c: c, group: g, name: string(g)}
	give, err := c.turns.Take(ctx, g)
	if err == nil {
		defer give()
		err = x.permit(ctx, len(remove) > 0)
	}
	if err != nil {
		x.refuse(added, add, engine.Add, err)
		x.refuse(removed, remove, engine.Remove, err)
		return added, removed
	}
	was := x.heldTerms(remove)
	x.remove(ctx, remove, removed)
	x.add(ctx, add, added)
	if len(was) > 0 {
		x.dismiss(ctx, was, removed, remove)
	}
	return added, removed
}

// changing is one Change under way.
type changing struct {
	c     *Connector
	group engine.GroupID
	name  string
	asked bool // now and there are what the group is after a refusal
	now   engine.GroupInfo
	there error
}

// again looks at the group anew, once.
func (x *changing) again(ctx context.Context) (engine.GroupInfo, error) {
	if !x.asked {
		x.asked = true
		x.now, x.there = x.c.lookAgain(ctx, x.group)
	}
	return x.now, x.there
}

// permit wants a group that may be changed.
func (x *changing) permit(ctx context.Context, urgent bool) error {
	if urgent {
		ctx = httpx.Urgent(ctx)
	}
	info, err := x.c.look(ctx, x.group)
	if err != nil {
		return err
	}
	x.name = info.Name
	return unmanageable(info)
}

func unmanageable(info engine.GroupInfo) error {
	if info.Unmanageable != "" {
		return trouble(engine.Unmanageable, "%s", info.Unmanageable)
	}
	return nil
}

func (x *changing) op(m engine.Member, op engine.Op) string {
	if op == engine.Add {
		return fmt.Sprintf("add %s to %s", m.Login, x.name)
	}
	return fmt.Sprintf("remove %s from %s", m.Login, x.name)
}

func (x *changing) refuse(effects []engine.Effect, ms []engine.Member, op engine.Op, err error) {
	for i, m := range ms {
		effects[i] = engine.Effect{Err: x.c.fail(x.op(m, op), err)}
	}
}

// settle makes an effect of what is certain, and remembers it: changed, or as
// it was.
func (x *changing) settle(m engine.Member, op engine.Op, changed bool) engine.Effect {
	m.ID = engine.MemberID(lower(string(m.ID)))
	x.c.writes.Note(x.group, m, op)
	if changed || op == engine.Remove {
		x.c.terms.clear(x.group, m.ID)
	}
	return engine.Effect{Changed: changed}
}

// failed makes an effect of an error. What was noted before is not believed
// any more where the write may have been carried out.
func (x *changing) failed(ctx context.Context, m engine.Member, op engine.Op, err error) engine.Effect {
	err = x.c.fail(x.op(m, op), x.why(ctx, err))
	if !engine.KindOf(err).Refusal() {
		x.forget(engine.MemberID(lower(string(m.ID))))
	}
	return engine.Effect{Err: err}
}

// forget drops what is remembered of a member, of whom it is not known whether
// they are one.
func (x *changing) forget(id engine.MemberID) {
	x.c.writes.Forget(x.group, id)
	x.c.terms.forget(x.group, id)
	x.c.looks.forget(x.group)
}

// why finds the reason of a refusal that does not tell it: a group that was
// made dynamic, or was put under restricted management, a moment ago.
func (x *changing) why(ctx context.Context, err error) error {
	f := asFault(err)
	if f == nil || f.lost || f.status != http.StatusForbidden && f.status != http.StatusBadRequest {
		return err
	}
	info, lookErr := x.again(ctx)
	if reason := unmanageable(info); lookErr == nil && reason != nil {
		return reason
	}
	return err
}

// add adds ms, in parts.
func (x *changing) add(ctx context.Context, ms []engine.Member, effects []engine.Effect) {
	for at := 0; at < len(ms); at += batchMax {
		end := min(at+batchMax, len(ms))
		x.addPart(ctx, ms[at:end], effects[at:end])
	}
}

func (x *changing) addPart(ctx context.Context, ms []engine.Member, effects []engine.Effect) {
	if len(ms) == 1 {
		effects[0] = x.addOne(ctx, ms[0])
		return
	}
	if !distinct(ms) {
		x.addEach(ctx, ms, effects, false)
		return
	}
	done, lost, err := x.addTogether(ctx, ms)
	switch {
	case err != nil:
		for i, m := range ms {
			effects[i] = x.failed(ctx, m, engine.Add, err)
		}
	case done:
		for i, m := range ms {
			effects[i] = x.settle(m, engine.Add, true)
		}
	default:
		x.addEach(ctx, ms, effects, lost)
	}
}

// distinct reports whether ms can go into one request: each an object's id, and
// none twice.
func distinct(ms []engine.Member) bool {
	ids := make([]string, 0, len(ms))
	for _, m := range ms {
		if !isID(string(m.ID)) {
			return false
		}
		ids = append(ids, lower(string(m.ID)))
	}
	slices.Sort(ids)
	return len(slices.Compact(ids)) == len(ms)
}

// addTogether adds all of ms with one request, or none: then they are to be
// added one by one, and lost tells whether an attempt may have added them all
// the same. An error is for all of them.
func (x *changing) addTogether(ctx context.Context, ms []engine.Member) (done, lost bool, err error) {
	links := make([]string, len(ms))
	for i, m := range ms {
		links[i] = x.c.reference(m)
	}
	err = x.patiently(ctx, func() error {
		return x.c.wire.write(ctx, request{
			method: abs.PATCH, path: path("groups", string(x.group)),
			body:   map[string]any{"members@odata.bind": links},
			weight: writing(),
		})
	})
	f := asFault(err)
	switch {
	case err == nil:
		return true, false, nil
	case f == nil:
		return false, false, err
	case f.status == http.StatusBadRequest || f.status == http.StatusNotFound:
		// Somebody is there already, or is nobody: Graph does not tell who.
		return false, f.lost, nil
	}
	return false, false, err
}

// reference is how Graph writes an object that is to be a member. It names the
// host of its own cloud.
func (c *Connector) reference(m engine.Member) string {
	return c.root.String() + path("directoryObjects", lower(string(m.ID)))
}

// creation is how long Graph may need until each replica knows what was just
// made (Microsoft, "Add members": retry).
func creation() []time.Duration {
	return []time.Duration{2 * time.Second, 5 * time.Second, 15 * time.Second}
}

// patiently tries again as long as Graph does not know the group or the
// account yet.
func (x *changing) patiently(ctx context.Context, try func() error) error {
	err, lost := try(), false
	for _, wait := range creation() {
		f := asFault(err)
		if f == nil || !f.unknownYet() {
			break
		}
		lost = lost || f.lost
		if pause(ctx, wait) != nil {
			return ctx.Err()
		}
		err = try()
	}
	if lost {
		return afterLost(err)
	}
	return err
}

func (x *changing) addRequest(m engine.Member) request {
	return request{
		method: abs.POST, path: path("groups", string(x.group), "members", "$ref"),
		body:   map[string]any{"@odata.id": x.c.reference(m)},
		weight: writing(),
	}
}

func (x *changing) addOne(ctx context.Context, m engine.Member) engine.Effect {
	if !isID(string(m.ID)) {
		return x.failed(ctx, m, engine.Add, noAccount(m))
	}
	err := x.patiently(ctx, func() error { return x.c.wire.write(ctx, x.addRequest(m)) })
	return x.added(ctx, m, err)
}

func noAccount(m engine.Member) error {
	return trouble(engine.NotFound, "%q is not the id of an account", m.ID)
}

// addEach adds ms one by one, in a batch: each answer is about one of them.
func (x *changing) addEach(ctx context.Context, ms []engine.Member, effects []engine.Effect, lost bool) {
	var rs []request
	var at []int
	for i, m := range ms {
		if !isID(string(m.ID)) {
			effects[i] = x.failed(ctx, m, engine.Add, noAccount(m))
			continue
		}
		rs, at = append(rs, x.addRequest(m)), append(at, i)
	}
	for i, o := range x.c.wire.do(ctx, rs) {
		if lost { // the request for all of them may have done it
			o.err = afterLost(o.err)
		}
		effects[at[i]] = x.added(ctx, ms[at[i]], o.err)
	}
}

// added reads the answer to the addition of one member.
func (x *changing) added(ctx context.Context, m engine.Member, err error) engine.Effect {
	f := asFault(err)
	switch {
	case err == nil:
		return x.settle(m, engine.Add, true)
	case f != nil && f.already() && !f.lost:
		return x.settle(m, engine.Add, false)
	case f != nil && f.status == http.StatusNotFound && !f.lost:
		x.c.kinds.forget(x.group)
		return engine.Effect{Err: x.c.fail(x.op(m, engine.Add), missing(err, "the account or the group is not there"))}
	}
	return x.failed(ctx, m, engine.Add, err)
}

// remove removes ms. Removals go before other requests that wait for the quota.
func (x *changing) remove(ctx context.Context, ms []engine.Member, effects []engine.Effect) {
	var rs []request
	var at []int
	for i, m := range ms {
		if !isID(string(m.ID)) { // nobody's id is in no group
			continue
		}
		rs, at = append(rs, x.removeRequest(m)), append(at, i)
	}
	ctx = httpx.Urgent(ctx)
	var outcomes []outcome
	switch len(rs) {
	case 0:
	case 1:
		outcomes = []outcome{{err: x.c.wire.write(ctx, rs[0])}}
	default:
		outcomes = x.c.wire.do(ctx, rs)
	}
	for i, o := range outcomes {
		effects[at[i]] = x.removed(ctx, ms[at[i]], o.err)
	}
}

func (x *changing) removeRequest(m engine.Member) request {
	return request{
		method: abs.DELETE, path: path("groups", string(x.group), "members", lower(string(m.ID)), "$ref"),
		weight: writing(),
	}
}

// removed reads the answer to the removal of one member. A 404 is about the
// member or about the group: only a group that is there has no such member.
func (x *changing) removed(ctx context.Context, m engine.Member, err error) engine.Effect {
	f := asFault(err)
	switch {
	case err == nil:
		return x.settle(m, engine.Remove, true)
	case f == nil || f.status != http.StatusNotFound || f.lost:
		return x.failed(ctx, m, engine.Remove, err)
	}
	if _, err := x.again(ctx); err != nil {
		return engine.Effect{Err: x.c.fail(x.op(m, engine.Remove), err)}
	}
	return x.settle(m, engine.Remove, false)
}
