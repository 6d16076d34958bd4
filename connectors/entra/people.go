package entra

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	abs "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/serialization"

	"github.com/daypass-dev/daypass/engine"
)

// Where a person's work address may stand.
const (
	matchUPN  = "userPrincipalName"
	matchMail = "mail"
)

// inMost is how many values Graph takes in one list of a filter (Microsoft
// Graph, advanced query capabilities: the in operator).
const inMost = 15

const accountSelect = "id,userPrincipalName,mail,accountEnabled"

// Resolve returns the account of p. Guests are accounts like any other: their
// work address is their mail.
func (c *Connector) Resolve(ctx context.Context, p engine.Person) (engine.Member, error) {
	all, _ := c.ResolveAll(ctx, []engine.Person{p})
	return all[0].Member, all[0].Err
}

// ResolveAll finds the accounts of many people: 15 with each request, 20
// requests in a batch.
func (c *Connector) ResolveAll(ctx context.Context, ps []engine.Person) ([]engine.Resolution, error) {
	var wanted []clue
	for _, p := range ps {
		wanted = append(wanted, c.clues(p)...)
	}
	found := c.search(ctx, wanted)
	out := make([]engine.Resolution, len(ps))
	for i, p := range ps {
		m, err := c.account(p, found)
		out[i] = engine.Resolution{Member: m, Err: c.fail("resolve "+string(p), err)}
	}
	return out, nil
}

// clue is one way to find an account: the value of a property, in lower case,
// as Graph compares.
type clue struct{ property, value string }

func (c *Connector) clues(p engine.Person) []clue {
	if exception, ok := c.cfg.Accounts[p]; ok {
		if isID(exception) {
			return []clue{{"id", lower(exception)}}
		}
		return []clue{{matchUPN, lower(exception)}}
	}
	if c.cfg.Match != "" {
		return []clue{{c.cfg.Match, lower(string(p))}}
	}
	return []clue{{matchUPN, lower(string(p))}, {matchMail, lower(string(p))}}
}

// hits is what a clue led to.
type hits struct {
	accounts []*principal
	err      error
}

// search follows all clues.
func (c *Connector) search(ctx context.Context, wanted []clue) map[clue]*hits {
	found := map[clue]*hits{}
	byProperty := map[string][]clue{} // each once
	for _, w := range wanted {
		if found[w] == nil {
			found[w] = &hits{}
			byProperty[w.property] = append(byProperty[w.property], w)
		}
	}
	var lists [][]clue
	for _, property := range []string{"id", matchUPN, matchMail} {
		lists = append(lists, slices.Collect(slices.Chunk(byProperty[property], inMost))...)
	}
	if refused := c.followAll(ctx, lists, found); len(refused) > 0 {
		// One value that Graph does not like must not cost the others: each by
		// itself.
		c.followAll(ctx, slices.Collect(slices.Chunk(refused, 1)), found)
	}
	return found
}

// followAll follows lists of clues, each with a request. It returns the clues
// of the lists of several that were refused as such.
func (c *Connector) followAll(ctx context.Context, lists [][]clue, found map[clue]*hits) (refused []clue) {
	rs := make([]request, len(lists))
	for i, list := range lists {
		rs[i] = accountsWith(list)
	}
	for i, o := range c.wire.ask(ctx, rs) {
		accounts, err := c.accountsOf(ctx, rs[i], o)
		if f := asFault(err); f != nil && f.status == http.StatusBadRequest && len(lists[i]) > 1 {
			refused = append(refused, lists[i]...)
		}
		for _, w := range lists[i] {
			h := &hits{err: err}
			for _, a := range accounts {
				if lower(a.property(w.property)) == w.value {
					h.accounts = append(h.accounts, a)
				}
			}
			found[w] = h
		}
	}
	return refused
}

// property returns one that accounts are found by.
func (p *principal) property(name string) string {
	switch name {
	case matchUPN:
		return p.login
	case matchMail:
		return p.mail
	}
	return p.id
}

// accountsWith asks for the accounts that have one of some values, all of one
// property.
func accountsWith(list []clue) request {
	quoted := make([]string, len(list))
	for i, w := range list {
		quoted[i] = quote(w.value)
	}
	filter := list[0].property + " in (" + strings.Join(quoted, ",") + ")"
	if len(list) == 1 {
		filter = list[0].property + " eq " + quoted[0]
	}
	return request{
		method: abs.GET, path: path("users"),
		query:  query("$filter", filter, "$select", accountSelect, "$top", pageMost),
		weight: reading(1),
	}
}

func (c *Connector) accountsOf(ctx context.Context, r request, o outcome) ([]*principal, error) {
	v, err := o.read(pageOf(newPrincipal))
	if err != nil {
		return nil, err
	}
	p := v.(*page)
	if err := p.check(); err != nil {
		return nil, partial(err)
	}
	return rest(ctx, c.wire, p, r, func(v serialization.Parsable) (*principal, error) {
		a, ok := v.(*principal)
		if !ok || !isID(a.id) || a.login == "" {
			return nil, errors.New("an account without an id or a userPrincipalName")
		}
		return a, nil
	})
}

// account takes the one account that a person's clues lead to.
func (c *Connector) account(p engine.Person, found map[clue]*hits) (engine.Member, error) {
	var all []*principal
	for _, w := range c.clues(p) {
		h := found[w]
		if h.err != nil {
			return engine.Member{}, h.err // what is there may be one of two
		}
		for _, a := range h.accounts {
			if !slices.ContainsFunc(all, func(b *principal) bool { return lower(b.id) == lower(a.id) }) {
				all = append(all, a)
			}
		}
	}
	switch len(all) {
	case 0:
		return engine.Member{}, c.nobody(p)
	case 1:
		return usable(all[0])
	}
	logins := make([]string, 0, len(all))
	for _, a := range all {
		logins = append(logins, a.login)
	}
	slices.Sort(logins)
	return engine.Member{}, trouble(engine.Ambiguous, "%d accounts have this address: %s; name the right one under people", len(all), some(logins))
}

func (c *Connector) nobody(p engine.Person) error {
	if exception, ok := c.cfg.Accounts[p]; ok {
		return trouble(engine.NotFound, "there is no account %q, which people names", exception)
	}
	where := c.cfg.Match
	if where == "" {
		where = matchUPN + " or " + matchMail
	}
	return trouble(engine.NotFound, "no account has this %s; a guest has to be invited first", where)
}

// usable wants an account that is enabled, and known to be.
func usable(a *principal) (engine.Member, error) {
	m := engine.Member{ID: engine.MemberID(lower(a.id)), Login: a.login}
	switch {
	case a.enabled == nil:
		return m, trouble(engine.Denied, "whether %s is enabled is not shown to the app; grant it User.Read.All", a.login)
	case !*a.enabled:
		return m, trouble(engine.Disabled, "the account %s is disabled", a.login)
	}
	return m, nil
}
