package desk

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// prompt is how long a page waits to hear whether somebody left.
const prompt = time.Second

// Left refuses a person who certainly left: every directory answered, and none
// has an account of theirs that can be used. It is for whatever they come for,
// so an answer may be half a minute old, and a directory that does not answer
// keeps nobody out: what changes something asks it anew, and is not done then.
//
// An administrator whom the configuration names by address needs no account, for
// somebody has to be able to mend what is wrong with the directories; one that
// is disabled shuts them out too. An auditor needs one: who left reads nothing.
func (d *Desk) Left(ctx context.Context, p engine.Person) error {
	ctx, cancel := context.WithTimeout(ctx, prompt)
	defer cancel()
	a := d.accounts(p, func(name engine.Directory, p engine.Person) error {
		answer := make(chan error, 1)
		go func() {
			_, err := d.people.account(ctx, name, p, whenever)
			answer <- err
		}()
		select {
		case err := <-answer:
			return err
		case <-ctx.Done(): // a directory has longer to answer than a page
			return ctx.Err()
		}
	})
	if a.silent {
		return nil
	}
	return d.without(p, a)
}

// left refuses, by what directories answer now, a caller who left, and one whose
// account is disabled in one directory while no other is known to be good.
func (d *Desk) left(ctx context.Context, c Caller) error {
	return d.without(c.Person, d.accounts(c.Person, func(name engine.Directory, p engine.Person) error {
		_, err := d.people.account(ctx, name, p, d.people.moment())
		return err
	}))
}

// accounts is what directories say of the accounts of a person.
type accounts struct {
	asked, usable, disabled, silent bool
}

// accounts asks one directory after the other, until one has a good account. The
// other addresses of the person count where the one that they are known by leads
// to nothing.
func (d *Desk) accounts(p engine.Person, ask func(engine.Directory, engine.Person) error) (a accounts) {
	rules := d.rules.Load()
	addresses := append([]engine.Person{p}, rules.Addresses(p)...)
	for i, address := range addresses {
		if a.disabled || i > 0 && address == p {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(rules.Directories)) {
			if a.add(ask(name, address)); a.usable {
				return a
			}
		}
	}
	return a
}

func (a *accounts) add(err error) {
	a.asked = true
	switch k := engine.KindOf(err); {
	case err == nil:
		a.usable = true
	case k == engine.Disabled:
		a.disabled = true
	case k != engine.NotFound:
		a.silent = true
	}
}

// without refuses a person who has no account that can be used.
func (d *Desk) without(p engine.Person, a accounts) error {
	switch {
	case a.usable:
		return nil
	case a.disabled:
		return forbidden("your account is disabled")
	case !a.asked, a.silent, slices.Contains(d.rules.Load().Administrators.People, p):
		return nil
	}
	return forbidden("you have no account in any directory that daypass knows")
}
