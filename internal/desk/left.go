package desk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// prompt is how long a page waits to hear whether somebody left.
const prompt = time.Second

// Left refuses a person who certainly left: every directory answered, and none
// has an account of theirs that can be used. It is for whatever they come for,
// so an answer may be half a minute old, and a directory that does not answer
// keeps nobody out, but those of whom all said so before. Who is in doubt reads
// what is their own. What gives something asks it anew, and is not done then; what
// only ends something, or takes it back, is done.
//
// An administrator whom the configuration names by address needs no account, for
// somebody has to be able to mend what is wrong with the directories; one that
// is disabled shuts them out too. An auditor needs one: who left reads nothing.
func (d *Desk) Left(ctx context.Context, p engine.Person) error {
	ctx, cancel := context.WithTimeout(ctx, prompt)
	defer cancel()
	a := d.people.leavers.heed(p, d.accounts(p, d.soon(ctx, whenever)))
	if a.doubt != nil {
		return nil
	}
	return d.without(p, a)
}

// left refuses, by what directories answer now, a caller who left, and one whose
// account is disabled in one directory while no other is known to be good.
func (d *Desk) left(ctx context.Context, c Caller) error {
	return d.without(c.Person, d.people.leavers.heed(c.Person, d.accounts(c.Person, d.fully(ctx))))
}

// leftSoon is left for what is not to wait for a directory: most of the caller's
// time is for the rest.
func (d *Desk) leftSoon(ctx context.Context, c Caller) error {
	own := ctx
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		own, cancel = context.WithTimeout(ctx, time.Until(end)/4)
		defer cancel()
	}
	return d.without(c.Person, d.people.leavers.heed(c.Person, d.accounts(c.Person, d.soon(own, d.people.since(ctx, true)))))
}

// present refuses a person who left, as left does, and whoever may have: a
// directory did not answer, and none knows a good account. whose is their account
// in words.
func (d *Desk) present(ctx context.Context, p engine.Person, whose string) error {
	a := d.people.leavers.heed(p, d.accounts(p, d.fully(ctx)))
	if err := d.without(p, a); err != nil {
		return err
	}
	if a.doubt != nil && !a.usable {
		return d.doubtful("whether "+whose+" can be used", a.doubt)
	}
	return nil
}

// maker refuses a machine that comes by a token of somebody who is not certainly
// there still: a token is not good for longer than who made it.
func (d *Desk) maker(ctx context.Context, c Caller) error {
	if c.Maker == "" {
		return nil
	}
	err := d.present(ctx, c.Maker, "the account of "+string(c.Maker)+", who made the token,")
	if access.KindOf(err) == access.Forbidden {
		return OfLeaver(c.Maker, err)
	}
	return err
}

// OfLeaver is the refusal of a machine by the token of somebody who left.
func OfLeaver(maker engine.Person, err error) error {
	return &access.Error{
		Kind: access.Forbidden, Err: err,
		Message: string(maker) + " made the token, and has no account that can be used any more; an administrator has to make another one",
	}
}

// fully asks a directory anew, for as long as it takes to answer.
func (d *Desk) fully(ctx context.Context) func(engine.Directory, engine.Person) error {
	since := d.people.since(ctx, true)
	return func(name engine.Directory, p engine.Person) error {
		_, err := d.people.account(ctx, name, p, since)
		return err
	}
}

// soon asks a directory, and waits no longer than for what is only shown.
func (d *Desk) soon(ctx context.Context, since moment) func(engine.Directory, engine.Person) error {
	return func(name engine.Directory, p engine.Person) error {
		_, err := soon(ctx, d.cfg.Log, func(ctx context.Context) (engine.Member, error) {
			return d.people.account(ctx, name, p, since)
		})
		return err
	}
}

// accounts is what directories say of the accounts of a person.
type accounts struct {
	asked, usable, disabled bool
	doubt                   error // a directory did not answer
}

// accounts asks directories side by side, until one has a good account. The other
// addresses of the person count where the one that they are known by leads to
// nothing.
func (d *Desk) accounts(p engine.Person, ask func(engine.Directory, engine.Person) error) (a accounts) {
	rules := d.rules.Load()
	addresses := append([]engine.Person{p}, rules.Addresses(p)...)
	for i, address := range addresses {
		if a.disabled || i > 0 && address == p {
			continue
		}
		names := slices.Sorted(maps.Keys(rules.Directories))
		if a.find(names, func(name engine.Directory) error { return ask(name, address) }); a.usable {
			return a
		}
	}
	return a
}

// find asks directories side by side, until one has a good account.
func (a *accounts) find(names []engine.Directory, ask func(engine.Directory) error) {
	asks := make([]func() error, len(names))
	for i, name := range names {
		asks[i] = func() error { return ask(name) }
	}
	for _, err := range sideBySide(asks, func(err error) bool { return err == nil }) {
		a.add(err)
	}
}

func (a *accounts) add(err error) {
	a.asked = true
	switch k := engine.KindOf(err); {
	case err == nil:
		a.usable = true
	case k == engine.Disabled:
		a.disabled = true
	case k != engine.NotFound:
		a.doubt = errors.Join(a.doubt, err)
	}
}

// without refuses a person who has no account that can be used.
func (d *Desk) without(p engine.Person, a accounts) error {
	switch {
	case a.usable:
		return nil
	case a.disabled:
		return forbidden("your account is disabled")
	case !a.asked, a.doubt != nil, slices.Contains(d.rules.Load().Administrators.People, p):
		return nil
	}
	return forbidden("you have no account in any directory that daypass knows")
}

// usable refuses somebody whose account cannot be used: a session, or a token,
// outlives the day on which they left. The directories of the resource have to
// answer; where they know nobody, a good account in one of the others is enough.
func (d *Desk) usable(ctx context.Context, c Caller, res *Resource) error {
	var first []engine.Directory
	for _, g := range res.Groups {
		first = append(first, g.Directory)
	}
	slices.Sort(first)
	first = slices.Compact(first)
	fully := d.fully(ctx)
	ask := func(name engine.Directory) error { return fully(name, c.Person) }
	found, doubt := false, error(nil)
	for i, err := range together(first, ask) {
		switch k := engine.KindOf(err); {
		case err == nil:
			found = true
		case k == engine.Disabled:
			return forbidden("your account in " + string(first[i]) + " is disabled")
		case k != engine.NotFound:
			doubt = errors.Join(doubt, fmt.Errorf("%s: %w", first[i], err))
		}
	}
	if !found && doubt == nil {
		others := slices.DeleteFunc(slices.Sorted(maps.Keys(d.rules.Load().Directories)), func(name engine.Directory) bool { return slices.Contains(first, name) })
		var a accounts
		a.find(others, ask)
		if found = a.usable; !found {
			doubt = a.doubt
		}
		if !found && a.disabled {
			return forbidden("your account is disabled")
		}
	}
	switch {
	case doubt != nil:
		return d.doubtful("whether your account can be used", doubt)
	case !found:
		return forbidden("you have no account in any directory")
	}
	return nil
}

// mayWord is usable for whoever decides or reviews. A no gives nothing, so for
// one a good account in any directory is enough, however silent others are.
func (d *Desk) mayWord(ctx context.Context, c Caller, res *Resource, yes bool) error {
	if !yes {
		return d.present(ctx, c.Person, "your account")
	}
	return d.usable(ctx, c, res)
}
