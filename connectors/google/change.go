package google

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	admin "google.golang.org/api/admin/directory/v1"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/httpx"
)

// Add makes the account m a plain member of g. Who is in g already, as a
// member, a manager or an owner, is not ours.
func (c *Connector) Add(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
	changed, err := c.write(ctx, g, m, c.add)
	return changed, c.op("add "+who(m)+" to "+c.names.of(g), err)
}

// Remove ends the plain membership of m in g. An owner or a manager is
// [engine.Rejected]: somebody gave that role on purpose, and it is not ours.
func (c *Connector) Remove(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
	changed, err := c.write(ctx, g, m, c.remove)
	return changed, c.op("remove "+who(m)+" from "+c.names.of(g), err)
}

// Change makes each change with a request of its own, several at a time:
// Google has no call for many, and its batches count as many requests. Access
// that ends does not wait behind access that begins.
func (c *Connector) Change(ctx context.Context, g engine.GroupID, add, remove []engine.Member) (added, removed []engine.Effect) {
	each := func(ms []engine.Member, do func(context.Context, engine.GroupID, engine.Member) (bool, error)) []engine.Effect {
		effects := make([]engine.Effect, len(ms))
		spread(len(ms), min(4, c.parallel()), func(i int) bool {
			effects[i].Changed, effects[i].Err = do(ctx, g, ms[i])
			return true
		})
		return effects
	}
	removed = each(remove, c.Remove)
	return each(add, c.Add), removed
}

func who(m engine.Member) string {
	if m.Login != "" {
		return m.Login
	}
	return string(m.ID)
}

// write makes one change, the only one of its membership at a time: what an
// answer means depends on what we wrote before.
func (c *Connector) write(ctx context.Context, g engine.GroupID, m engine.Member, do func(context.Context, engine.GroupID, engine.Member) (bool, error)) (bool, error) {
	if !plainID.MatchString(string(g)) {
		return false, trouble(engine.NotFound, "%q is no id of a group at Google", clip(string(g)))
	}
	if !plainID.MatchString(string(m.ID)) {
		return false, trouble(engine.Rejected, "%q is no id of an account at Google", clip(string(m.ID)))
	}
	if why := c.kinds.why(g, c.cfg.Now()); why != "" {
		return false, trouble(engine.Unmanageable, "%s", why)
	}
	unlock, err := c.turns.Take(ctx, engine.Membership{Group: engine.Group{ID: g}, Member: m.ID})
	if err != nil {
		return false, err
	}
	defer unlock()
	c.lapse(g)
	return do(ctx, g, m)
}

func (c *Connector) add(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
	changed, err := c.insert(ctx, g, m)
	if last, _ := c.writes.Last(g, m.ID); err != nil && !engine.KindOf(err).Refusal() && last == engine.Remove {
		c.writes.Forget(g, m.ID) // else it would hide a member whom we may have added
	}
	return changed, err
}

func (c *Connector) insert(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
	tctx, x := traced(ctx)
	// By id: an address may have passed to somebody else, or be that of a
	// leftover entry as well.
	got, err := c.dir.Members.Insert(string(g), &admin.Member{Id: string(m.ID), Role: roleMember}).
		Fields("kind,id,role,type").Context(tctx).Do()
	if err == nil {
		if got == nil || got.Id != string(m.ID) {
			return false, trouble(engine.Unknown, "Google took the change and did not answer with the member; the next reading will tell")
		}
		c.writes.Note(g, m, engine.Add)
		c.ends.note(g, m.ID, ending{})
		return true, nil // only a real difference is answered with 200
	}
	switch a := x.answered(err); {
	case ctx.Err() != nil:
	case a.status == http.StatusConflict && a.reason == "conflict":
		return false, trouble(engine.Unavailable, "Google answered 409 conflict: it took the change, and the effect may come later; the next reading will tell")
	case a.status == http.StatusConflict, a.status == http.StatusPreconditionFailed:
		return false, a.doubt(c.present(ctx, g, m, a))
	}
	return false, c.refused(ctx, g, x, err)
}

// present settles an add that found the member there, as Google says: 409, or
// 412 where the reason may be another one as well.
func (c *Connector) present(ctx context.Context, g engine.GroupID, m engine.Member, a answer) error {
	e, err := c.member(ctx, g, m.ID)
	if err == nil && (e.Role != roleMember || e.Type != typeUser) {
		return nil // there before us, by another role than we give
	}
	certain := err == nil || a.status == http.StatusConflict
	if !certain && engine.KindOf(err) != engine.NotFound {
		return err
	}
	if !certain { // an account is no group that could hold itself, so what is left is the kind of group
		what := c.readKind(ctx, g)
		if what.dynamic {
			return trouble(engine.Unmanageable, "%s", whyDynamic)
		}
		certain = !what.at.IsZero()
	}
	last, _ := c.writes.Last(g, m.ID)
	switch {
	case a.lost:
		if certain {
			c.writes.Note(g, m, engine.Add) // it is there, whoever put it there
		}
		return unknown()
	case err == nil:
		c.writes.Note(g, m, engine.Add)
		return nil
	case last == engine.Add:
		return nil // we found it there a moment ago; the reading is older
	case engine.KindOf(err) != engine.NotFound:
		return nil // 409 is certain enough: nothing was changed
	case !certain:
		return trouble(engine.Rejected, "%s; perhaps the group is of a kind that takes no members", a.text())
	}
	return trouble(engine.Rejected, "Google says that the member exists and does not show it: an invitation is pending, somebody added it a moment ago, or a former membership ended a moment ago; "+
		"withdraw the invitation in the group's settings and try again")
}

func (c *Connector) remove(ctx context.Context, g engine.GroupID, m engine.Member) (bool, error) {
	ctx = httpx.Urgent(ctx) // access that ends does not wait behind access that begins
	last, _ := c.writes.Last(g, m.ID)
	switch e, err := c.member(ctx, g, m.ID); {
	case err == nil && e.Type != typeUser:
		return false, trouble(engine.Rejected, "the member is of type %s, and daypass removes people only", clip(e.Type))
	case err == nil && e.Role != roleMember:
		return false, trouble(engine.Rejected, "the member has the role %s by now, which daypass does not take away; make it a plain member first, or remove it by hand", clip(e.Role))
	case err == nil:
	case engine.KindOf(err) != engine.NotFound || gone(err):
		return false, err
	case last == engine.Remove:
		return false, nil // we took it out a moment ago
	}
	// Also who is not shown is taken out: the reading may be older than the
	// addition, and access would outlive its end until readings show it.
	tctx, x := traced(ctx)
	err := c.dir.Members.Delete(string(g), string(m.ID)).Context(tctx).Do()
	if err == nil {
		c.writes.Note(g, m, engine.Remove)
		c.ends.note(g, m.ID, ending{})
		return true, nil // who is absent is answered with 404 or 412
	}
	switch a := x.answered(err); {
	case ctx.Err() != nil:
	case a.status == http.StatusConflict:
		return false, trouble(engine.Unavailable, "%s: it took the change, and the effect may come later; the next reading will tell", a.text())
	case a.status == http.StatusNotFound && !a.about("memberKey"), a.status == http.StatusPreconditionFailed:
		return false, a.doubt(c.absent(ctx, g, m, a))
	case a.status == http.StatusNotFound:
		return false, c.away(g, m, a)
	}
	return false, c.refused(ctx, g, x, err)
}

// absent settles a removal that failed with words that may mean that there is
// no such member, or no such group.
func (c *Connector) absent(ctx context.Context, g engine.GroupID, m engine.Member, a answer) error {
	_, err := c.member(ctx, g, m.ID)
	switch {
	case err == nil && a.status == http.StatusPreconditionFailed:
		return c.why(ctx, g, trouble(engine.Rejected, "%s", a.text()))
	case err == nil:
		return trouble(engine.Unavailable, "%s, and shows the member all the same; the next reading will tell", a.text())
	case engine.KindOf(err) != engine.NotFound || gone(err):
		return err
	}
	return c.away(g, m, a)
}

// away notes that a member is absent, whoever took it out.
func (c *Connector) away(g engine.GroupID, m engine.Member, a answer) error {
	c.writes.Note(g, m, engine.Remove)
	c.ends.note(g, m.ID, ending{})
	if a.lost {
		return unknown()
	}
	return nil
}

// errGone marks that it is the group that was not found.
var errGone = errors.New("no such group")

func gone(err error) bool { return errors.Is(err, errGone) }

// member reads one entry. Of kind NotFound is a member that is absent, and a
// group that is, which errGone marks.
func (c *Connector) member(ctx context.Context, g engine.GroupID, id engine.MemberID) (*admin.Member, error) {
	tctx, x := traced(ctx)
	e, err := c.dir.Members.Get(string(g), string(id)).Fields("kind,id,email,role,type,status").Context(tctx).Do()
	switch {
	case err == nil && (e == nil || e.Id != string(id) || e.Role == "" || e.Type == ""):
		return nil, malformed("the member that was asked for")
	case err == nil:
		return e, nil
	}
	a := x.answered(err)
	err = x.fail(ctx, err)
	if engine.KindOf(err) != engine.NotFound || a.about("memberKey") {
		return nil, err
	}
	// Not the words that we know: whether the group is there decides.
	if _, gerr := c.group(ctx, string(g)); engine.KindOf(gerr) == engine.NotFound {
		return nil, &engine.Error{Kind: engine.NotFound, Err: fmt.Errorf("%w (%s)", errGone, a.text())}
	} else if gerr != nil {
		return nil, gerr
	}
	return nil, err
}

// unknown is the outcome of a change that finds nothing left to do after an
// attempt whose answer was lost.
func unknown() error {
	return trouble(engine.Unavailable, "nothing was left to do, but an earlier attempt whose answer was lost may have done it; the next reading will tell")
}

// refused judges a change that Google did not carry out, or gave no answer to.
func (c *Connector) refused(ctx context.Context, g engine.GroupID, x *exchange, err error) error {
	a := x.answered(err)
	failure := x.fail(ctx, err)
	var e *engine.Error
	switch {
	case !errors.As(failure, &e):
		return failure
	case a.status >= 200 && a.status < 300:
		return trouble(engine.Unknown, "Google took the change with an answer that makes no sense; the next reading will tell")
	case a.lost && e.Kind.Refusal():
		return a.doubt(failure)
	case e.Kind == engine.Denied && a.status == http.StatusForbidden:
		return c.why(ctx, g, failure)
	}
	return failure
}

// why looks whether a refusal is due to the kind of group.
func (c *Connector) why(ctx context.Context, g engine.GroupID, refusal error) error {
	switch what := c.readKind(ctx, g); {
	case what.dynamic:
		return trouble(engine.Unmanageable, "%s", whyDynamic)
	case what.locked:
		return trouble(engine.Unmanageable, "%s", whyLocked)
	}
	return refusal
}
