package desk

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// tries is how often something is done anew because somebody else was first.
const tries = 5

// Word is what an approver says.
type Word struct {
	Approve bool
	Comment string
	// Step is the number of the step that was seen to wait, Extension that of the
	// extension (1 is the first; 0 is the request itself). A word about another
	// one is not taken.
	Step, Extension int
	// Version, where it is not zero, is that of the request as it was seen.
	Version int64
}

// unsaid refuses a denial that does not say why.
func (w Word) unsaid() error {
	if w.Approve {
		return nil
	}
	return unsaid("denied", w.Comment)
}

// unsaid refuses a comment that does not say why something is done to somebody.
func unsaid(done, comment string) error {
	if strings.TrimSpace(comment) != "" {
		return nil
	}
	return &access.Error{Kind: access.Invalid, Field: "comment", Message: "say why it is " + done + "; the person reads it"}
}

// Decide takes an approver's word on what waits for one. A denial says why.
func (d *Desk) Decide(ctx context.Context, c Caller, id string, w Word) (access.Request, error) {
	if err := c.scope(Approve); err != nil {
		return access.Request{}, err
	}
	return d.change(ctx, c, id, w.Version, func(ctx context.Context, r access.Request, res *Resource, rules *Rules) (access.Request, []engine.Event, error) {
		course := r.Undecided()
		if course != nil && (course.Step != w.Step || r.Status == access.Approved != (w.Extension > 0) || w.Extension > 0 && w.Extension != len(r.Extensions)) {
			return r, nil, &access.Error{Kind: access.Conflict, Message: "it has moved on: another step waits now; look at it again"}
		}
		if w.Approve && len(res.Groups) == 0 {
			return r, nil, gone(res)
		}
		_, _, err := r.Decide(w.Approve, access.Act{By: c.Actor, At: d.now(), Comment: w.Comment}, access.Facts{}, rules.Expressions)
		if err = hopeless(err, access.Readable("comment", "the comment", w.Comment), w.unsaid()); err == nil {
			err = d.mayWord(ctx, c, res, w.Approve)
		}
		if err != nil {
			return r, nil, err
		}
		f := d.facts(ctx, asked{
			resource: res, person: r.Person, requester: r.By, approver: c.Actor, request: r.ID,
			excluded: r.Policy.NotWith, wants: r.WantsToDecide(res.Resource, rules.Expressions), fresh: true,
		})
		f.Held = d.tactful(ctx, c, r.Person, res.Name, f.Held)
		return r.Decide(w.Approve, access.Act{By: c.Actor, At: d.now(), Comment: w.Comment}, f, rules.Expressions)
	})
}

// Withdraw takes back what waits for decisions.
func (d *Desk) Withdraw(ctx context.Context, c Caller, id, comment string, version int64) (access.Request, error) {
	if err := c.scope(Request); err != nil {
		return access.Request{}, err
	}
	return d.change(ctx, c, id, version, func(_ context.Context, r access.Request, _ *Resource, _ *Rules) (access.Request, []engine.Event, error) {
		return r.Withdraw(access.Act{By: c.Actor, At: d.now(), Comment: comment})
	})
}

// End ends access before its time: the person's, an owner's or an
// administrator's right, unless those certainly left. Who ends somebody else's
// says why.
func (d *Desk) End(ctx context.Context, c Caller, id, comment string, version int64) (access.Request, error) {
	return d.change(ctx, c, id, version, func(ctx context.Context, r access.Request, _ *Resource, _ *Rules) (access.Request, []engine.Event, error) {
		over := false
		if !c.concerned(r) {
			a := anyOf(
				func() access.Answer { return d.owns(ctx, c, r.Resource, true) },
				func() access.Answer { return d.roles(ctx, c, true).administering() },
			)
			if a.Err != nil {
				return r, nil, d.doubtful("whether you own "+r.Resource+" or are an administrator", a.Err)
			}
			if over = a.Yes; over {
				if err := d.leftSoon(ctx, c); err != nil {
					return r, nil, err
				}
			}
		}
		need := Request
		if over {
			need = Admin
		}
		if err := c.scope(need); err != nil {
			return r, nil, err
		}
		after, events, err := r.End(access.Act{By: c.Actor, At: d.now(), Comment: comment}, over)
		if err == nil && r.Person != c.Person {
			err = unsaid("ended", comment)
		}
		return after, events, err
	})
}

// Extend asks for access to last longer.
func (d *Desk) Extend(ctx context.Context, c Caller, id string, length time.Duration, reason string, version int64) (access.Request, error) {
	if err := c.scope(Request); err != nil {
		return access.Request{}, err
	}
	return d.change(ctx, c, id, version, func(ctx context.Context, r access.Request, res *Resource, rules *Rules) (access.Request, []engine.Event, error) {
		if len(res.Groups) == 0 {
			return r, nil, gone(res)
		}
		_, _, err := r.Extend(length, reason, access.Act{By: c.Actor, At: d.now()}, access.Facts{}, rules.Expressions)
		if err = hopeless(err); err == nil {
			err = errors.Join(d.usable(ctx, c, res), d.maker(ctx, c))
		}
		if err != nil {
			return r, nil, err
		}
		person := r.Person
		f := d.facts(ctx, asked{
			resource: res, person: r.Person, requester: r.By, request: r.ID, excluded: r.Policy.NotWith,
			wants: r.WantsToExtend(res.Resource, rules.Expressions), fresh: true,
		})
		f.Held = d.tactful(ctx, c, r.Person, res.Name, f.Held)
		r, events, err := r.Extend(length, reason, access.Act{By: c.Actor, At: d.now()}, f, rules.Expressions)
		err = discreet(c, person, res, err) // every other conflict was found before
		d.inVain(c, person, res, err)
		return r, events, err
	})
}

// Review takes a reviewer's word on an emergency.
func (d *Desk) Review(ctx context.Context, c Caller, id string, fine bool, comment string, version int64) (access.Request, error) {
	if err := c.scope(Approve); err != nil {
		return access.Request{}, err
	}
	return d.change(ctx, c, id, version, func(ctx context.Context, r access.Request, res *Resource, rules *Rules) (access.Request, []engine.Event, error) {
		_, _, err := r.Close(fine, access.Act{By: c.Actor, At: d.now(), Comment: comment}, access.Facts{}, rules.Expressions)
		if err = hopeless(err, access.Readable("comment", "the comment", comment)); err == nil {
			err = d.mayWord(ctx, c, res, fine)
		}
		if err != nil {
			return r, nil, err
		}
		f := d.facts(ctx, asked{
			resource: res, person: r.Person, requester: r.By, approver: c.Actor, request: r.ID,
			wants: r.WantsToClose(res.Resource, rules.Expressions), fresh: true,
		})
		return r.Close(fine, access.Act{By: c.Actor, At: d.now(), Comment: comment}, f, rules.Expressions)
	})
}

// hopeless returns the first of some refusals that stands whatever the facts are:
// it is given without asking a directory for them. Without facts, all else is a
// doubt.
func hopeless(errs ...error) error {
	for _, err := range errs {
		if err != nil && access.KindOf(err) != access.Doubt {
			return err
		}
	}
	return nil
}

// change does something to a request as it is now, and anew when somebody else
// was first: all of it is one inquiry. version is the one that the caller saw; zero
// when that is no matter. The conflict of another version wraps [ErrStale].
func (d *Desk) change(ctx context.Context, c Caller, id string, version int64, f func(context.Context, access.Request, *Resource, *Rules) (access.Request, []engine.Event, error)) (access.Request, error) {
	ctx = d.people.inquire(ctx)
	for try := 1; ; try++ {
		r, err := d.once(ctx, c, id, version, f)
		if err == nil || !errors.Is(err, ErrStale) || version != 0 {
			if errors.Is(err, ErrStale) {
				err = moved(id)
			}
			d.doubt("request "+id, err)
			return r, outspoken(err)
		}
		if try == tries {
			return r, moved(id)
		}
	}
}

func gone(res *Resource) error {
	return &access.Error{Kind: access.Conflict, Message: "the resource " + res.Name + " is not in the configuration any more"}
}

func moved(id string) error {
	return &access.Error{Kind: access.Conflict, Message: "request " + id + " was changed by somebody else meanwhile; look at it again", Err: ErrStale}
}

func (d *Desk) once(ctx context.Context, c Caller, id string, version int64, f func(context.Context, access.Request, *Resource, *Rules) (access.Request, []engine.Event, error)) (access.Request, error) {
	rules := d.rules.Load()
	before, err := d.load(ctx, id)
	if err == nil {
		err = d.see(ctx, c, before, id)
	}
	if err != nil {
		return access.Request{}, err
	}
	res, ok := rules.resource(before.Resource)
	if !ok { // it can still be seen, withdrawn and ended
		res = &Resource{Resource: access.Resource{Name: before.Resource}}
	}
	now, events := before.Tick(d.now())
	if version != 0 && now.Version != version { // whoever looked at it saw what time did
		return access.Request{}, moved(id)
	}
	after, more, err := f(ctx, rules.known(now), res, rules)
	if err != nil {
		if len(events) > 0 { // what time did stays done
			err = errors.Join(err, d.save(ctx, now, events))
		}
		return access.Request{}, err
	}
	after = recorded(before, after, more)
	if after.Version = before.Version + 1; len(events)+len(more) == 0 {
		return before, nil
	}
	return after, d.save(ctx, after, append(events, more...))
}

func (d *Desk) load(ctx context.Context, id string) (access.Request, error) {
	r, err := d.cfg.Store.Request(ctx, id)
	switch {
	case err != nil:
		return access.Request{}, err
	case r == nil:
		return access.Request{}, notFound("there is no request " + quoted(id))
	}
	return *r, nil
}

// save puts a request on record, and wakes whoever has to act on it.
func (d *Desk) save(ctx context.Context, r access.Request, events []engine.Event) error {
	also := map[engine.Person][]engine.Person{r.Person: d.rules.Load().Addresses(r.Person)}
	err := d.cfg.Store.SaveRequests(ctx, []access.Request{r}, events, also)
	switch {
	case (errors.Is(err, ErrGiven) || errors.Is(err, ErrExcluded) && len(r.Course.Decisions) == 0) && r.By.Person != r.Person: // what others hold is not told
		return &access.Error{Kind: access.Conflict, Err: err, Message: string(r.Person) + " cannot have " + r.Resource + " beside what they hold or asked for"}
	case errors.Is(err, ErrGiven):
		return &access.Error{Kind: access.Conflict, Err: err, Message: string(r.Person) + " was just given " + r.Resource + "; extend that, or give it back first"}
	case errors.Is(err, ErrExcluded):
		return &access.Error{Kind: access.Conflict, Err: err, Message: string(r.Person) + " was just given what nobody may hold beside " + r.Resource}
	case err != nil:
		return err
	}
	for _, e := range events {
		d.tell(e)
	}
	select {
	case d.wake <- struct{}{}:
	default:
	}
	changed := slices.ContainsFunc(events, func(e engine.Event) bool { return len(e.Grants) > 0 && e.Kind != engine.EventRequested })
	if res, ok := d.rules.Load().resource(r.Resource); ok && changed {
		d.cfg.Wake(res.Groups)
	}
	return nil
}

// tell writes what happened into the log; what must not be overlooked loudly.
func (d *Desk) tell(e engine.Event) {
	log := d.cfg.Log.Info
	if e.Kind == engine.EventBreakGlass || e.Kind == engine.EventReviewLate {
		log = d.cfg.Log.Warn
	}
	d.cfg.Tell(e)
	log("request", "event", string(e.Kind), "request", e.Request, "resource", e.Group, "person", string(e.Person), "by", e.By, "step", e.Step)
}

func quoted(s string) string {
	if len(s) > 100 {
		s = s[:100] + "..."
	}
	return `"` + strings.ToValidUTF8(s, "?") + `"`
}
