package desk

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// StandingMembers are the accounts in the groups of a resource that neither a grant nor
// the ledger explains. They may be half a minute old.
type StandingMembers struct {
	Accounts []Account // the first of them, by login
	Count    int       // of all
	Unread   []engine.GroupRef
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
// person and those who are known to hold it.
func (d *Desk) standing(ctx context.Context, res *Resource, r access.Request, holders []Holder) (*StandingMembers, error) {
	people := []engine.Person{r.Person}
	for _, h := range holders {
		people = append(people, h.Person)
	}
	rosters, errs := make([]roster, len(res.Groups)), make([]error, len(res.Groups))
	var wait sync.WaitGroup
	for i, g := range res.Groups {
		wait.Go(func() {
			rosters[i], errs[i] = soon(ctx, d.cfg.Log, func(ctx context.Context) (roster, error) { return d.people.membersOf(ctx, g, whenever) })
		})
	}
	wait.Wait()
	out := new(StandingMembers)
	type key struct {
		engine.Directory
		engine.MemberID
	}
	found := make(map[key]Account)
	for i, g := range res.Groups {
		if errs[i] != nil {
			out.Unread = append(out.Unread, g)
			continue
		}
		ours, err := d.cfg.Store.Page(ctx, engine.Group{Directory: g.Directory, ID: rosters[i].group})
		if err != nil {
			return nil, err
		}
		explained, listed := make(map[engine.MemberID]bool), make(map[engine.Person]bool)
		for _, o := range ours.Owned {
			explained[o.Member.ID], listed[o.Person] = true, true
		}
		for _, id := range d.idsOf(ctx, g.Directory, people, listed) {
			explained[id] = true
		}
		for id, login := range rosters[i].logins {
			if !explained[id] {
				found[key{g.Directory, id}] = Account{g.Directory, cmp.Or(login, string(id))}
			}
		}
	}
	out.Count = len(found)
	out.Accounts = slices.SortedFunc(maps.Values(found), func(a, b Account) int {
		return cmp.Or(cmp.Compare(a.Login, b.Login), cmp.Compare(a.Directory, b.Directory))
	})
	out.Accounts = out.Accounts[:min(shownAccounts, len(out.Accounts))]
	return out, nil
}

// idsOf returns the accounts that people have in a directory, but for some, as far
// as that is found out soon.
func (d *Desk) idsOf(ctx context.Context, dir engine.Directory, people []engine.Person, but map[engine.Person]bool) []engine.MemberID {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var ids []engine.MemberID
	for _, p := range people {
		if but[p] || ctx.Err() != nil {
			continue
		}
		m, _ := soon(ctx, d.cfg.Log, func(ctx context.Context) (engine.Member, error) { return d.people.account(ctx, dir, p, whenever) })
		ids = append(ids, m.ID) // also one that cannot be used
	}
	return ids
}
