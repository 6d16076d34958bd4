package engine

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Run reads, decides, changes and confirms. With a digest, it carries out
// exactly the plan with that digest, or a digest that begins so, or returns
// [*Moved].
//
// An error means that the run could not be carried to its end. What failed for
// a group, a person or a directory is in the result instead, and never stops
// the others.
func (r *Reconciler) Run(ctx context.Context, by, digest string) (Result, error) {
	return r.start(ctx, by, digest, Scope{})
}

// RunIn is Run for a part of the whole. Runs whose scopes overlap may go on at
// once: what one of them has in hand, the others leave alone.
func (r *Reconciler) RunIn(ctx context.Context, by string, sc Scope) (Result, error) {
	return r.start(ctx, by, "", sc)
}

func (r *Reconciler) start(ctx context.Context, by, digest string, sc Scope) (Result, error) {
	now := r.now()
	told, err := r.gather(ctx, now, sc)
	if err != nil {
		return Result{}, err
	}
	if err := r.checkClock(ctx, now, sc, told); err != nil {
		return Result{}, err
	}
	res := Result{Run: newRunID(now), Started: now}
	ds := r.directories()
	if sc.Directory != "" {
		ds = []Directory{sc.Directory}
	}
	p := r.book.take(res.Run, ds)
	defer r.book.put(p)
	event := Event{At: now, Kind: EventRunStarted, Run: res.Run, Scope: sc.String(), Directory: sc.Directory, By: by, Digest: digest}
	begin := Batch{Events: []Event{event}}
	if r.cfg.TrustClock {
		begin.Events = append(begin.Events, Event{At: now, Kind: EventVouched, Run: res.Run, By: by})
	}
	if sc.some() {
		p.opening = begin.Events
	} else if err := r.book.record(ctx, p, begin); err != nil {
		return res, err
	}
	err = r.run(ctx, &res, p, told, digest, sc)
	res.Ended = r.now()
	event = Event{
		At: res.Ended, Kind: EventRunEnded, Run: res.Run, Scope: event.Scope, Directory: sc.Directory,
		Digest: res.Plan.Digest(), Counts: &res.Counts,
	}
	if err != nil {
		event.Error = err.Error()
	}
	if err == nil && len(p.opening) > 0 {
		return res, nil // there was nothing to do, and nothing to say
	}
	over := r.book.record(context.WithoutCancel(ctx), p, Batch{Events: []Event{event}})
	if errors.Is(over, ErrFenced) { // it ended, and what it held is not what is held now
		event.Error = over.Error()
		over = errors.Join(over, r.book.record(context.WithoutCancel(ctx), p, Batch{Events: []Event{event}}))
	}
	if err != nil && over != nil && strings.Contains(err.Error(), over.Error()) {
		return res, err // the ledger could not be written, and cannot be now
	}
	return res, errors.Join(err, over)
}

func (r *Reconciler) run(ctx context.Context, res *Result, p *pen, told map[Directory]*news, digest string, sc Scope) error {
	now := res.Started
	s, err := r.survey(ctx, now, sc, p, told, nil)
	if err != nil {
		return err
	}
	res.Plan, res.GrantsErr = s.plan, s.grantsErr
	if have := res.Plan.Digest(); !strings.HasPrefix(have, digest) {
		return &Moved{digest, have}
	}
	if sc.some() {
		err = r.narrow(ctx, res, sc)
	} else {
		res.Release, err = r.limit(ctx, &res.Plan, sc, now)
	}
	if err != nil {
		return err
	}
	if err := r.book.prove(ctx, p, r.decided(res, s), func(Group) uint64 { return s.known }); err != nil {
		return err
	}
	if !sc.some() {
		r.book.seen(p, s.known, now, res.Plan)
	}
	appliers, jobs, err := r.applyAll(ctx, res, s)
	if err != nil {
		return err
	}
	if err := r.book.record(context.WithoutCancel(ctx), p, r.swept(res, jobs)); err != nil {
		return err
	}
	after := &survey{}
	if !sc.Ends {
		if after, err = r.confirm(context.WithoutCancel(ctx), s, jobs); err != nil {
			return err
		}
	}
	var c Counts
	for _, a := range appliers {
		c.Added, c.Removed, c.Forgot, c.Failed = c.Added+a.counts.Added, c.Removed+a.counts.Removed, c.Forgot+a.counts.Forgot, c.Failed+a.counts.Failed
		c.Yielded, c.Moved, c.Lapsed = c.Yielded+a.counts.Yielded, c.Moved+a.counts.Moved, c.Lapsed+a.counts.Lapsed
		res.Failures = append(res.Failures, a.failures...)
		res.Done = append(res.Done, a.done...)
		res.Past = append(res.Past, a.over...)
		res.Yielded = append(res.Yielded, a.yielded...)
	}
	slices.SortStableFunc(res.Failures, func(a, b Failure) int { return compareChanges(a.Change, b.Change) })
	slices.SortStableFunc(res.Done, func(a, b Done) int { return compareChanges(a.Change, b.Change) })
	res.Past = slices.Concat(res.Past, s.over, after.over)
	c.Lapsed += s.lapsed + after.lapsed
	slices.SortFunc(res.Past, comparePasts)
	res.Overdue = r.overdue(res.Plan, after.over, res.Failures, r.now(), sc, true)
	r.open(res, jobs, s, after)
	res.count(c)
	if err := r.recordOverdue(context.WithoutCancel(ctx), p, res); err != nil {
		return err
	}
	return res.afterwards(ctx, appliers)
}

// afterwards ends sessions, and gathers what the appliers found.
func (res *Result) afterwards(ctx context.Context, appliers []*applier) error {
	errs := make([]error, len(appliers))
	var wg sync.WaitGroup
	for i, a := range appliers {
		wg.Go(func() { errs[i] = a.endSessions(ctx) })
	}
	wg.Wait()
	for _, a := range appliers {
		res.Findings = append(res.Findings, a.findings...)
	}
	slices.SortFunc(res.Findings, compareProblems)
	res.Counts.Problems += len(res.Findings)
	return errors.Join(errs...)
}

// open fills in what is to be looked at again.
func (r *Reconciler) open(res *Result, js []*job, s, after *survey) {
	if !s.scope.Ends { // what another run sent a moment ago was too young to be proved
		res.Open = append(res.Open, s.young...)
	}
	proved := make(map[Membership]bool, len(after.over)+len(after.begun))
	for _, o := range after.over {
		proved[Membership{o.Group, o.Member.ID}] = true
	}
	for _, m := range after.begun {
		proved[m] = true
	}
	for _, j := range js {
		if slices.ContainsFunc(j.changes, func(c Change) bool { return c.sends() && !c.verify && !proved[Membership{c.Key(), c.Member.ID}] }) {
			res.Open = append(res.Open, j.group)
		}
	}
	for _, f := range res.Failures {
		if f.Change.removes() && f.Change.Why.Agreed() {
			res.Again = append(res.Again, f.Change.Key())
		}
	}
	for _, gs := range []*[]Group{&res.Open, &res.Again, &res.Yielded} {
		slices.SortFunc(*gs, func(a, b Group) int { return cmp.Or(cmp.Compare(a.Directory, b.Directory), cmp.Compare(a.ID, b.ID)) })
		*gs = slices.Compact(*gs)
	}
}

// applyAll carries out the plan, directories side by side.
func (r *Reconciler) applyAll(ctx context.Context, res *Result, s *survey) ([]*applier, []*job, error) {
	all := jobs(res.Plan.Changes)
	var (
		appliers []*applier
		wg       sync.WaitGroup
	)
	errs := make([]error, 0)
	byDirectory := make(map[Directory][]*job)
	for _, j := range all {
		byDirectory[j.group.Directory] = append(byDirectory[j.group.Directory], j)
	}
	var mu sync.Mutex
	for d, js := range byDirectory {
		s.stops[d].again()
		a := &applier{r: r, s: s, run: res.Run, conn: r.cfg.Directories[d], stop: s.stops[d], lease: r.book.leaseOn(d)}
		appliers = append(appliers, a)
		if a.conn == nil {
			a.untried(js, fmt.Errorf("directory %s is not in the configuration", d))
			continue
		}
		wg.Go(func() {
			if err := a.apply(ctx, js); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("%s: %w", d, err))
			}
		})
	}
	wg.Wait()
	return appliers, all, errors.Join(errs...)
}

func comparePasts(a, b Past) int {
	return cmp.Or(cmp.Compare(a.Group.Directory, b.Group.Directory), cmp.Compare(a.GroupName, b.GroupName),
		cmp.Compare(a.Group.ID, b.Group.ID), cmp.Compare(a.Member.ID, b.Member.ID))
}

func newRunID(now time.Time) RunID {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return RunID("r" + now.UTC().Format("20060102T150405.000Z") + "-" + hex.EncodeToString(b[:]))
}
