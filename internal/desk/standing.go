package desk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// StandingMembers are the accounts in the groups of a resource that neither a grant nor
// the ledger explains. They may be half a minute old.
type StandingMembers struct {
	Accounts []Account         // the first of them, by login
	Count    int               // of all
	Unread   []engine.GroupRef // of which it could not be found out soon
}

// More is how many are not named.
func (s *StandingMembers) More() int { return s.Count - len(s.Accounts) }

// Account is one in a directory.
type Account struct {
	Directory engine.Directory
	Login     string // the id, where it has none
}

// shownAccounts is how many standing members are named.
const shownAccounts = 20

// standing lists the standing members of the groups of a resource, without the
// person and those who are known to hold it. Where it is not known soon which
// account one of those has, it is not known who else is in the group.
func (d *Desk) standing(ctx context.Context, res *Resource, r access.Request, holders []Holder) (*StandingMembers, error) {
	people := []engine.Person{r.Person}
	for _, h := range holders {
		people = append(people, h.Person)
	}
	soonest, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	found, errs := make([]map[engine.MemberID]string, len(res.Groups)), make([]error, len(res.Groups))
	var wait sync.WaitGroup
	for i, g := range res.Groups {
		wait.Go(func() {
			errs[i] = guarded(d.cfg.Log, func() (err error) {
				found[i], err = d.unexplained(ctx, soonest, g, people)
				return err
			})
		})
	}
	wait.Wait()
	out := new(StandingMembers)
	type key struct {
		engine.Directory
		engine.MemberID
	}
	all := make(map[key]Account)
	for i, g := range res.Groups {
		switch {
		case errors.Is(errs[i], errNotSoon):
			out.Unread = append(out.Unread, g)
		case errs[i] != nil:
			return nil, errs[i]
		}
		for id, login := range found[i] {
			all[key{g.Directory, id}] = Account{g.Directory, cmp.Or(login, string(id))}
		}
	}
	out.Count = len(all)
	out.Accounts = slices.SortedFunc(maps.Values(all), func(a, b Account) int {
		return cmp.Or(cmp.Compare(a.Login, b.Login), cmp.Compare(a.Directory, b.Directory))
	})
	out.Accounts = out.Accounts[:min(shownAccounts, len(out.Accounts))]
	return out, nil
}

// errNotSoon is that of what a directory did not tell soon.
var errNotSoon = errors.New("the directory did not tell soon")

// unexplained returns the members of a group whom neither the ledger explains nor
// some people have as accounts. It wraps errNotSoon where a directory did not tell
// by the end of soonest.
func (d *Desk) unexplained(ctx, soonest context.Context, g engine.GroupRef, people []engine.Person) (map[engine.MemberID]string, error) {
	group, err := soon(soonest, d.cfg.Log, func(ctx context.Context) (roster, error) { return d.people.membersOf(ctx, g, whenever) })
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotSoon, err)
	}
	ours, err := d.cfg.Store.Page(ctx, engine.Group{Directory: g.Directory, ID: group.group})
	if err != nil {
		return nil, err
	}
	left, listed := maps.Clone(group.logins), make(map[engine.Person]bool)
	for _, o := range ours.Owned {
		delete(left, o.Member.ID)
		listed[o.Person] = true
	}
	rules := d.rules.Load()
	for _, p := range people {
		for _, address := range rules.Addresses(p) {
			if listed[address] || len(left) == 0 {
				continue
			}
			m, err := soon(soonest, d.cfg.Log, func(ctx context.Context) (engine.Member, error) {
				return d.people.account(ctx, g.Directory, address, whenever)
			})
			switch k := engine.KindOf(err); {
			case err == nil, k == engine.NotFound, k == engine.Disabled:
				delete(left, m.ID) // also one that cannot be used
			default:
				return nil, fmt.Errorf("%w: %w", errNotSoon, err)
			}
		}
	}
	return left, nil
}
