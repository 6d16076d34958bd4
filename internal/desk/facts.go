package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// asked says whose facts are wanted, and of what.
type asked struct {
	resource  *Resource
	person    engine.Person
	requester access.Actor
	approver  access.Actor
	request   string // the one at hand
	excluded  []string
	wants     access.Wants
	fresh     bool   // for a decision
	since     moment // from when on answers have to have begun; facts sets it
}

// facts finds out what has to be known. What a directory cannot tell is in it
// as not known.
func (d *Desk) facts(ctx context.Context, q asked) access.Facts {
	q.since = d.people.since(ctx, q.fresh)
	f := access.Facts{Resource: q.resource.Resource}
	var wait sync.WaitGroup
	find := func(asks bool, f func()) {
		if asks {
			wait.Go(f) // a directory may take its time
		} else {
			f()
		}
	}
	find(asks(q.wants.Person), func() { f.Person = d.subject(ctx, access.Actor{Person: q.person}, q.wants.Person, q.since) })
	find(asks(q.wants.Requester), func() { f.Requester = d.subject(ctx, q.requester, q.wants.Requester, q.since) })
	if q.approver.Person != "" {
		find(asks(q.wants.Approver), func() { f.Approver = d.subject(ctx, q.approver, q.wants.Approver, q.since) })
		find(len(q.wants.Same) > 0, func() { f.Same = d.deciders(ctx, q) })
	}
	whom := func(p engine.Person, known **access.Answer) {
		if q.wants.Self && p != "" {
			find(p != q.person, func() {
				a := d.same(ctx, p, q.person, slices.Concat(q.resource.Groups, q.wants.Requester.Groups), q.since)
				*known = &a
			})
		}
	}
	whom(q.requester.Person, &f.Self)
	whom(q.requester.Maker, &f.Maker)
	if q.wants.Given {
		f.Given, f.GivenErr = d.given(ctx, q)
	}
	if q.wants.Unfit && f.GivenErr == nil {
		f.Unfit, f.GivenErr = d.unfit(ctx, q)
	}
	if q.wants.Held {
		find(true, func() { f.Held, f.HeldErr = d.held(ctx, q) })
	}
	wait.Wait()
	return f
}

// asks reports whether a directory has to be asked.
func asks(w access.Want) bool { return w.Profile || len(w.Groups) > 0 }

func (d *Desk) subject(ctx context.Context, a access.Actor, w access.Want, since moment) access.Subject {
	s := access.Subject{Person: a.Person, Machine: a.Machine, Groups: make(map[engine.GroupRef]access.Answer, len(w.Groups))}
	var mu sync.Mutex
	var wait sync.WaitGroup
	for i, g := range w.Groups {
		find := func() {
			answer := d.people.in(ctx, a.Person, g, since)
			mu.Lock()
			defer mu.Unlock()
			s.Groups[g] = answer
		}
		if i == 0 && len(w.Groups) == 1 && !w.Profile {
			find()
		} else {
			wait.Go(find)
		}
	}
	if w.Profile {
		s.Profile, s.ProfileErr = d.people.profile(ctx, a.Person, since)
	}
	wait.Wait()
	return s
}

// deciders finds out which of the wanted people are the approver behind another
// address, where the resource's groups are, or those that give the right to
// decide.
func (d *Desk) deciders(ctx context.Context, q asked) map[engine.Person]access.Answer {
	out := make(map[engine.Person]access.Answer)
	for _, p := range q.wants.Same {
		out[p] = d.same(ctx, q.approver.Person, p, slices.Concat(q.resource.Groups, q.wants.Approver.Groups), q.since)
	}
	return out
}

// same finds out whether two addresses are one human's: by the configuration,
// or by an account that they share in a directory of some groups.
func (d *Desk) same(ctx context.Context, a, b engine.Person, groups []engine.GroupRef, since moment) access.Answer {
	rules := d.rules.Load()
	if rules.Canonical(a) == rules.Canonical(b) {
		return access.Answer{Yes: true}
	}
	var ds []engine.Directory
	for _, g := range groups {
		if !slices.Contains(ds, g.Directory) {
			ds = append(ds, g.Directory)
		}
	}
	return d.people.same(ctx, a, b, ds, since)
}

// held finds out what the person holds of the resources that exclude the one at
// hand: by requests, by other grants, and by what the directories show. What an
// account holds under addresses that no alias connects is found when the
// directory shows it, or when whoever asks has asked for it, or has it, too. Each
// resource is named once, with the latest end, and once more where they are in its
// groups without daypass.
func (d *Desk) held(ctx context.Context, q asked) ([]access.Held, error) {
	now := d.now()
	rules := d.rules.Load()
	var all heldOnce
	var unknown error
	concerned, err := d.excluding(ctx, q, now)
	if err != nil {
		return nil, err
	}
	groups := slices.Clone(q.resource.Groups)
	for _, name := range q.excluded {
		if other, ok := rules.resource(name); ok {
			groups = append(groups, other.Groups...)
		}
	}
	answers := make(map[engine.Person]access.Answer)
	theirs := func(p engine.Person) bool {
		a, ok := answers[p]
		if !ok {
			a = d.same(ctx, q.person, p, groups, q.since)
			answers[p] = a
			unknown = errors.Join(unknown, a.Err)
		}
		return certain(a)
	}
	for _, r := range concerned {
		if r.ID != q.request && theirs(r.Person) {
			w, _ := r.Window()
			all.add(access.Held{Resource: r.Resource, Request: r.ID, Until: w.Until})
		}
	}
	people := []engine.Person{rules.Canonical(q.person)}
	if by := rules.Canonical(q.requester.Person); by != "" && theirs(by) {
		people = append(people, by)
	}
	inThem := d.inAny(ctx, q, groups[len(q.resource.Groups):])
	for _, name := range q.excluded {
		other, ok := rules.resource(name)
		if !ok {
			continue
		}
		for _, g := range rules.Grants() {
			if slices.Contains(people, rules.Canonical(g.Person)) && !g.When.Ended(now) && (g.Resource == name || slices.Contains(other.Groups, g.Group)) && string(g.ID) != q.request {
				all.add(access.Held{Resource: name, Until: g.When.Until})
			}
		}
		for _, ref := range other.Groups {
			if slices.Contains(q.resource.Groups, ref) {
				continue // both give it
			}
			switch a := inThem[ref]; {
			case a.Err != nil:
				unknown = errors.Join(unknown, a.Err)
			case a.Yes:
				until, err := d.oursUntil(ctx, people, ref)
				if err != nil {
					return nil, err
				}
				all.add(access.Held{Resource: name, Until: until, Standing: until.IsZero()})
			}
		}
	}
	if len(all) > 0 { // one is enough to know
		return all, nil
	}
	return nil, unknown
}

// inAny finds out which of some groups the person is in, of those that the resource
// at hand does not give too.
func (d *Desk) inAny(ctx context.Context, q asked, groups []engine.GroupRef) map[engine.GroupRef]access.Answer {
	groups = slices.DeleteFunc(slices.Clone(groups), func(g engine.GroupRef) bool { return slices.Contains(q.resource.Groups, g) })
	answers := together(groups, func(g engine.GroupRef) access.Answer { return d.people.in(ctx, q.person, g, q.since) })
	out := make(map[engine.GroupRef]access.Answer)
	for i, g := range groups {
		out[g] = answers[i]
	}
	return out
}

// heldOnce is what somebody holds, each resource once of each kind.
type heldOnce []access.Held

// add takes in what somebody holds; of two the one that ends later stays.
func (all *heldOnce) add(h access.Held) {
	i := slices.IndexFunc(*all, func(x access.Held) bool { return x.Resource == h.Resource && x.Standing == h.Standing })
	switch {
	case i < 0:
		*all = append(*all, h)
	case h.Until.After((*all)[i].Until):
		(*all)[i] = h
	}
}

// oursUntil returns until when daypass put one of some people into a group: also where
// that is over, and they are not out yet. It is zero where daypass did not, or nothing
// says until when.
func (d *Desk) oursUntil(ctx context.Context, people []engine.Person, ref engine.GroupRef) (until time.Time, err error) {
	for _, p := range people {
		for _, address := range d.rules.Load().Addresses(p) {
			owned, err := d.cfg.Store.OwnedBy(ctx, address)
			if err != nil {
				return until, err
			}
			recorded, _ := d.recorded(ctx, ref, recordsOf(owned), false) // where nobody can tell, it is as it is called here
			for _, o := range owned {
				if !isGroup(recorded, o.Group, o.GroupName) {
					continue
				}
				until = later(until, o.Due)
				for _, a := range o.Anchors {
					until = later(until, a.Until)
				}
			}
		}
	}
	return until, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// given lists what the person has, or will have, of the resource at hand by
// other requests.
func (d *Desk) given(ctx context.Context, q asked) ([]access.Given, error) {
	page, err := d.requests(ctx, access.Query{
		Person: q.person, Resource: q.resource.Name, Phase: []access.Phase{access.Waiting, access.Active}, Now: d.now(), Limit: 500,
	})
	if err != nil {
		return nil, err
	}
	var all []access.Given
	for _, r := range page.Requests {
		if w, ok := r.Window(); ok && r.ID != q.request {
			all = append(all, access.Given{Request: r.ID, When: w, BreakGlass: r.BreakGlass})
		}
	}
	return all, nil
}

// excluding lists the requests for what excludes the resource at hand that
// concern the person, or the one who asks, and that wait or are not over.
func (d *Desk) excluding(ctx context.Context, q asked, now time.Time) ([]access.Request, error) {
	whose := []access.Query{{Person: q.person}, {By: q.person}}
	if by := q.requester; by.Machine == "" && by.Person != "" && by.Person != q.person {
		whose = append(whose, access.Query{Mine: by.Person})
	}
	var all []access.Request
	for _, own := range whose {
		own.Resources, own.Now, own.Limit = q.excluded, now, 500
		undecided, live := own, own
		undecided.Undecided = true
		live.Phase = []access.Phase{access.Waiting, access.Active}
		for _, narrowed := range []access.Query{live, undecided} {
			page, err := d.requests(ctx, narrowed)
			if err != nil {
				return nil, err
			}
			for _, r := range page.Requests {
				if !slices.ContainsFunc(all, func(x access.Request) bool { return x.ID == r.ID }) {
					all = append(all, r)
				}
			}
		}
	}
	return all, nil
}

// doubt names the cause of a doubt for the log; the caller is told less. That a
// group is not there is in the log already.
func (d *Desk) doubt(what string, err error) {
	if e, ok := errors.AsType[*access.Error](err); ok && e.Kind == access.Doubt && e.Err != nil {
		d.cfg.Log.Warn("nothing was decided on a doubtful answer", "what", what, "error", fmt.Sprint(e.Err))
	}
}
