package okta

import (
	"context"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/daypass-dev/daypass/engine"
)

// Okta's native ids. The SDK puts ids into paths as they are, so nothing else
// may get there.
var (
	groupShape = regexp.MustCompile(`^00g[0-9A-Za-z]{17}$`)
	userShape  = regexp.MustCompile(`^00u[0-9A-Za-z]{17}$`)
)

func isGroup(id engine.GroupID) bool { return groupShape.MatchString(string(id)) }
func isUser(id engine.MemberID) bool { return userShape.MatchString(string(id)) }

// pageSize is the most that Okta advises for groups, members and people: above
// it, it promises neither speed nor accuracy.
const pageSize = "200"

// group is what daypass reads of a group.
type group struct {
	ID                    engine.GroupID `json:"id"`
	Type                  string         `json:"type"`
	LastUpdated           time.Time      `json:"lastUpdated"`
	LastMembershipUpdated time.Time      `json:"lastMembershipUpdated"`
	Profile               struct {
		Name string `json:"name"`
	} `json:"profile"`
}

func (g group) check() error {
	if !isGroup(g.ID) {
		return fmt.Errorf("group id %q is not one of Okta's", clip(string(g.ID)))
	}
	return nil
}

// why says why daypass must not change a group of this type.
func (g group) why() string {
	switch g.Type {
	case "OKTA_GROUP":
		return ""
	case "APP_GROUP":
		return "it is imported from an application or another directory (type APP_GROUP); change it there"
	case "BUILT_IN":
		return "it is one of Okta's own (type BUILT_IN), which can not be changed"
	}
	return fmt.Sprintf("it is of type %q, which daypass does not know", clip(g.Type))
}

func (g group) info(fed feeds) engine.GroupInfo {
	why := g.why()
	if why == "" {
		why = fed.why(g.ID)
	}
	return engine.GroupInfo{ID: g.ID, Name: g.Profile.Name, Unmanageable: why}
}

// Group finds a group by its name or id (00g...).
//
// Names are looked up with the parameter q, which reads the directory itself;
// search reads an index that lags. But q matches beginnings in any case, and
// can not be paged: when its answer is full, the whole list is read.
func (c *Connector) Group(ctx context.Context, name string) (engine.GroupInfo, error) {
	op := "find group " + name
	found, err := c.find(ctx, name)
	if err != nil {
		return engine.GroupInfo{}, c.fail(op, err)
	}
	fed, err := c.rules.read(ctx, c, rulesKept)
	if err != nil {
		return engine.GroupInfo{}, c.fail(op, err)
	}
	return found.info(fed), nil
}

func (c *Connector) find(ctx context.Context, name string) (group, error) {
	if id := engine.GroupID(name); isGroup(id) {
		return c.group(ctx, id)
	}
	if name == "" {
		return group{}, trouble(engine.NotFound, "a group without a name")
	}
	var read []group
	visit := func(gs []group) (bool, error) {
		read = append(read, gs...)
		return true, nil
	}
	if err := walk(ctx, c, query("/api/v1/groups", "q", name, "limit", pageSize), visit); err != nil {
		return group{}, err
	}
	if len(read) >= 200 { // there may be more that q does not tell
		read = nil
		if err := walk(ctx, c, query("/api/v1/groups", "limit", pageSize), visit); err != nil {
			return group{}, err
		}
	}
	named := slices.DeleteFunc(read, func(g group) bool { return g.Profile.Name != name })
	return c.only(name, named)
}

// only is the one group that has a name.
func (c *Connector) only(name string, named []group) (group, error) {
	switch len(named) {
	case 0:
		return group{}, trouble(engine.NotFound, "no group is called %q, or the credential may not see it", name)
	case 1:
		c.kinds.learn(named[0])
		return named[0], nil
	}
	ids := make([]string, 0, len(named))
	for _, g := range named {
		ids = append(ids, fmt.Sprintf("%s (%s)", g.ID, g.Type))
	}
	return group{}, trouble(engine.Ambiguous, "%d groups are called %q: %s; use the id", len(named), name, strings.Join(ids, ", "))
}

// group reads one group by id.
func (c *Connector) group(ctx context.Context, id engine.GroupID) (group, error) {
	if !isGroup(id) {
		return group{}, trouble(engine.NotFound, "%q is not the id of an Okta group (00g and 17 letters or digits)", clip(string(id)))
	}
	var g one[group]
	_, err := c.get(ctx, "/api/v1/groups/"+string(id), &g)
	if err == nil && g.value.ID != id {
		err = trouble(engine.Unavailable, "the answer is about another group than %s", id)
	}
	if err != nil {
		c.kinds.forget(id)
		return group{}, err
	}
	c.kinds.learn(g.value)
	return g.value, nil
}

// Groups yields every group that the credential may see.
func (c *Connector) Groups(ctx context.Context) iter.Seq2[engine.GroupInfo, error] {
	return func(yield func(engine.GroupInfo, error) bool) {
		const op = "list the groups"
		fed, err := c.rules.read(ctx, c, rulesKept)
		if err != nil {
			yield(engine.GroupInfo{}, c.fail(op, err))
			return
		}
		left := false
		err = walk(ctx, c, query("/api/v1/groups", "limit", pageSize), func(gs []group) (bool, error) {
			for _, g := range gs {
				c.kinds.learn(g)
				if left = !yield(g.info(fed), nil); left {
					return false, nil
				}
			}
			return true, nil
		})
		if err != nil && !left {
			yield(engine.GroupInfo{}, c.fail(op, err))
		}
	}
}

// fewGroups are found one by one: the list of all groups is at least one page.
const fewGroups = 3

// FindAll finds many groups by the list of all groups, as long as that takes no
// more requests than asking for each.
func (c *Connector) FindAll(ctx context.Context, names []string) ([]engine.Found, error) {
	if len(names) == 0 {
		return nil, nil
	}
	if len(names) <= fewGroups {
		return c.findEach(ctx, names)
	}
	var all []group
	pages, whole := 0, true
	err := walk(ctx, c, query("/api/v1/groups", "limit", pageSize), func(gs []group) (bool, error) {
		pages++
		whole = pages <= len(names)
		all = append(all, gs...)
		return whole, nil
	})
	if err != nil {
		return nil, c.fail("list the groups", err)
	}
	if !whole {
		return c.findEach(ctx, names)
	}
	fed, err := c.rules.read(ctx, c, rulesKept)
	if err != nil {
		return nil, c.fail("list the group rules", err)
	}
	return c.pick(names, all, fed), nil
}

func (c *Connector) findEach(ctx context.Context, names []string) ([]engine.Found, error) {
	out := make([]engine.Found, len(names))
	for i, name := range names {
		info, err := c.Group(ctx, name)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		out[i] = engine.Found{Info: info, Err: err}
	}
	return out, nil
}

// pick answers for each name out of the list of all groups.
func (c *Connector) pick(names []string, all []group, fed feeds) []engine.Found {
	byName := make(map[string][]group, len(all))
	for _, g := range all {
		c.kinds.learn(g)
		byName[g.Profile.Name] = append(byName[g.Profile.Name], g)
		if id := string(g.ID); g.Profile.Name != id {
			byName[id] = []group{g} // an id is nobody's name
		}
	}
	out := make([]engine.Found, len(names))
	for i, name := range names {
		g, err := c.only(name, byName[name])
		if err != nil {
			out[i].Err = c.fail("find group "+name, err)
			continue
		}
		out[i].Info = g.info(fed)
	}
	return out
}

// kindsKept is how long the kind of a group is believed. It never changes; but
// a group may be deleted.
const kindsKept = time.Minute

// kinds remembers for a short time what groups are. It never holds members.
type kinds struct {
	now   func() time.Time
	mu    sync.Mutex
	known map[engine.GroupID]kind
}

type kind struct {
	name, why string
	at        time.Time
	pages     int // of the last listing; 0 when there was none
}

func newKinds(now func() time.Time) *kinds {
	return &kinds{now: now, known: make(map[engine.GroupID]kind)}
}

func (k *kinds) learn(g group) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known[g.ID] = kind{g.Profile.Name, g.why(), k.now(), k.known[g.ID].pages}
}

func (k *kinds) forget(id engine.GroupID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.known, id)
}

func (k *kinds) of(id engine.GroupID) (kind, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	found, ok := k.known[id]
	return found, ok && !found.at.IsZero() && k.now().Sub(found.at) < kindsKept
}

// size remembers how many pages a listing had.
func (k *kinds) size(id engine.GroupID, pages int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	found := k.known[id]
	found.pages = pages
	k.known[id] = found
}

// called is a group's name for people, or its id where the name is not known.
func (k *kinds) called(id engine.GroupID) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if name := k.known[id].name; name != "" {
		return name
	}
	return string(id)
}

// manageable is nil when daypass may change a group, by what is known of its
// kind and by rules that were read at most so long ago.
func (c *Connector) manageable(ctx context.Context, id engine.GroupID, rules time.Duration) error {
	known, ok := c.kinds.of(id)
	if !ok {
		g, err := c.group(ctx, id)
		if err != nil {
			return err
		}
		known.why = g.why()
	}
	if known.why != "" {
		return trouble(engine.Unmanageable, "%s", known.why)
	}
	fed, err := c.rules.read(ctx, c, rules)
	if err != nil {
		return err
	}
	if why := fed.why(id); why != "" {
		return trouble(engine.Unmanageable, "%s", why)
	}
	return nil
}

// Recall is told what earlier runs found out of groups. The kind of a group
// never changes; the rules that may fill it are read all the same.
func (c *Connector) Recall(groups map[string]engine.GroupInfo) {
	for _, info := range groups {
		if info.Unmanageable == "" {
			g := group{ID: info.ID, Type: "OKTA_GROUP"}
			g.Profile.Name = info.Name
			c.kinds.learn(g)
		}
	}
}
