package entra

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	abs "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/serialization"

	"github.com/daypass-dev/daypass/engine"
)

// kinds remembers for a short time what groups are, so that not every write has
// to ask. Membership is never remembered here.
type kinds struct {
	now func() time.Time

	mu   sync.Mutex
	seen map[engine.GroupID]known
}

type known struct {
	info engine.GroupInfo
	at   time.Time
}

// fresh is how long a group is believed to be what it was.
const fresh = time.Minute

func newKinds(now func() time.Time) *kinds {
	return &kinds{now: now, seen: map[engine.GroupID]known{}}
}

func (k *kinds) put(info engine.GroupInfo) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.seen[info.ID] = known{info, k.now()}
}

func (k *kinds) forget(g engine.GroupID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.seen, g)
}

func (k *kinds) get(g engine.GroupID) (engine.GroupInfo, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.seen[g]
	return s.info, ok && k.now().Sub(s.at) < fresh
}

// info describes g, and says why daypass must not change it. Graph itself
// answers a write to such a group with a refusal that does not tell why
// (Microsoft, group resource type and groups overview).
func (c *Connector) info(g *group) engine.GroupInfo {
	info := engine.GroupInfo{ID: engine.GroupID(lower(g.id)), Name: g.name}
	unified := hasType(g, "Unified")
	switch {
	case hasType(g, "DynamicMembership"):
		info.Unmanageable = "a rule makes its members (dynamic membership); change the rule, or make the membership assigned"
	case set(g.synced):
		info.Unmanageable = "it is synchronized from an on-premises directory; change it there"
	case !unified && set(g.mail) && set(g.security):
		info.Unmanageable = "it is a mail-enabled security group; Exchange is its master"
	case !unified && set(g.mail):
		info.Unmanageable = "it is a distribution list; Exchange is its master"
	case set(g.confined):
		info.Unmanageable = "it is in a restricted management administrative unit, which an app with rights over the whole tenant may not touch"
	case set(g.roles) && !c.cfg.RoleAssignable:
		info.Unmanageable = "Entra roles can be assigned to it; set roleAssignable to manage such groups"
	case strings.EqualFold(g.visibility, "HiddenMembership") && c.tokens.surelyLacks(hiddenRight):
		// Graph would answer 200 with nobody.
		info.Unmanageable = "its members are hidden from the app; grant it " + hiddenRight
	}
	return info
}

// hiddenRight shows the members of groups that hide them.
const hiddenRight = "Member.Read.Hidden"

func hasType(g *group, name string) bool {
	return slices.ContainsFunc(g.types, func(t string) bool { return strings.EqualFold(t, name) })
}

func (c *Connector) readGroup(v serialization.Parsable) (engine.GroupInfo, error) {
	g, ok := v.(*group)
	if !ok || !isID(g.id) {
		return engine.GroupInfo{}, errors.New("a group without an id")
	}
	return c.info(g), nil
}

// Group finds a group by its object id or its display name.
func (c *Connector) Group(ctx context.Context, name string) (engine.GroupInfo, error) {
	found := c.find(ctx, []string{name})
	return found[0].Info, found[0].Err
}

// FindAll finds many groups, 20 with each request.
func (c *Connector) FindAll(ctx context.Context, names []string) ([]engine.Found, error) {
	return c.find(ctx, names), nil
}

func (c *Connector) find(ctx context.Context, names []string) []engine.Found {
	rs := make([]request, len(names))
	for i, name := range names {
		rs[i] = groupRequest(name)
	}
	found := make([]engine.Found, len(names))
	for i, o := range c.wire.ask(ctx, rs) {
		info, err := c.found(ctx, names[i], rs[i], o)
		if err == nil {
			c.kinds.put(info)
		}
		found[i] = engine.Found{Info: info, Err: c.fail("find group "+names[i], err)}
	}
	return found
}

// groupRequest asks for one group. What looks like an id is one.
func groupRequest(name string) request {
	if isID(name) {
		return groupByID(engine.GroupID(lower(name)))
	}
	return request{
		method: abs.GET, path: path("groups"),
		query:  query("$filter", "displayName eq "+quote(name), "$select", groupSelect),
		weight: reading(1),
	}
}

func groupByID(g engine.GroupID) request {
	return request{method: abs.GET, path: path("groups", string(g)), query: query("$select", groupSelect), weight: reading(1)}
}

func (c *Connector) found(ctx context.Context, name string, r request, o outcome) (engine.GroupInfo, error) {
	if isID(name) {
		v, err := o.read(newGroup)
		if err != nil {
			return engine.GroupInfo{}, missing(err, "there is no group with this id")
		}
		return c.readGroup(v)
	}
	v, err := o.read(pageOf(newGroup))
	if err != nil {
		return engine.GroupInfo{}, err
	}
	p := v.(*page)
	if err := p.check(); err != nil {
		return engine.GroupInfo{}, partial(err)
	}
	hits, err := rest(ctx, c.wire, p, r, c.readGroup)
	if err != nil {
		return engine.GroupInfo{}, err
	}
	return choose(name, hits)
}

// choose takes the one group of a name. Graph compares names without regard to
// case, so one that is spelled as asked comes before one that is not.
func choose(name string, hits []engine.GroupInfo) (engine.GroupInfo, error) {
	exact := func(g engine.GroupInfo) bool { return g.Name != name }
	hits = slices.DeleteFunc(hits, func(g engine.GroupInfo) bool { return !strings.EqualFold(g.Name, name) })
	if only := slices.DeleteFunc(slices.Clone(hits), exact); len(only) > 0 {
		hits = only
	}
	switch len(hits) {
	case 0:
		return engine.GroupInfo{}, trouble(engine.NotFound, "there is no group of this name")
	case 1:
		return hits[0], nil
	}
	ids := make([]string, 0, len(hits))
	for _, g := range hits {
		ids = append(ids, string(g.ID))
	}
	slices.Sort(ids)
	return engine.GroupInfo{}, trouble(engine.Ambiguous, "%d groups have this name; write the id of the one you mean: %s", len(ids), some(ids))
}

// some names the first few.
func some(names []string) string {
	const few = 5
	if len(names) > few {
		return strings.Join(names[:few], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}

// missing says in words what a 404 means.
func missing(err error, what string) error {
	var marked *engine.Error // a listing that broke off is not about the whole
	if f := asFault(err); f != nil && !errors.As(err, &marked) && f.plainKind() == engine.NotFound {
		return &engine.Error{Kind: engine.NotFound, Err: fmt.Errorf("%s (%w)", what, f)}
	}
	return err
}

// look returns what g is, anew where that is not known.
func (c *Connector) look(ctx context.Context, g engine.GroupID) (engine.GroupInfo, error) {
	if info, ok := c.kinds.get(g); ok {
		return info, nil
	}
	if !isID(string(g)) {
		return engine.GroupInfo{}, trouble(engine.NotFound, "%q is not the id of a group", g)
	}
	c.kinds.forget(g)
	v, err := c.wire.read(ctx, groupByID(g), newGroup)
	if err != nil {
		return engine.GroupInfo{}, missing(err, "there is no group with this id")
	}
	info, err := c.readGroup(v)
	if err == nil {
		c.kinds.put(info)
	}
	return info, err
}

// lookAgain is look without what was known.
func (c *Connector) lookAgain(ctx context.Context, g engine.GroupID) (engine.GroupInfo, error) {
	c.kinds.forget(g)
	return c.look(ctx, g)
}

// Groups yields every group of the tenant.
func (c *Connector) Groups(ctx context.Context) iter.Seq2[engine.GroupInfo, error] {
	return func(yield func(engine.GroupInfo, error) bool) {
		r := request{
			method: abs.GET, path: path("groups"),
			query:  query("$select", groupSelect, "$top", pageMost),
			weight: reading(1),
		}
		all, err := list(ctx, c.wire, r, newGroup, c.readGroup)
		if err != nil {
			yield(engine.GroupInfo{}, c.fail("list groups", err))
			return
		}
		seen := make(map[engine.GroupID]bool, len(all))
		for _, g := range all {
			if seen[g.ID] { // pages may overlap when groups come and go
				continue
			}
			seen[g.ID] = true
			if !yield(g, nil) {
				return
			}
		}
	}
}

// Recall is told what earlier runs found out of groups, and believes it for as
// long as an own reading: Changed forgets those that were described anew since,
// and Graph refuses a write to the others.
func (c *Connector) Recall(groups map[string]engine.GroupInfo) {
	for _, info := range groups {
		if info.Unmanageable == "" {
			c.kinds.put(info)
		}
	}
}
