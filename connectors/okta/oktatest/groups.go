package oktatest

import (
	"net/http"
	"slices"
	"strings"
)

// groupFilter are the attributes that the parameter filter knows: a limited
// number, by the documentation; the name is not among them.
func groupFilter() map[string]field {
	return map[string]field{"id": equals(), "type": equals(), "lastUpdated": instant(), "lastMembershipUpdated": instant()}
}

func groupSearch() map[string]field {
	m := groupFilter()
	m["created"], m["profile.name"], m["profile.description"] = instant(), text(), text()
	return m
}

// listGroups is in three manners: with filter it reads what is; with search it
// asks an index that lags; with q it finds names by their beginning, exact
// ones first, and has no further pages.
func (c *call) listGroups() (answer, *failure) {
	if f := c.oneOf("q", "filter", "search"); f != nil {
		return answer{}, f
	}
	if c.q.Get("sortBy") != "" {
		return answer{}, invalid("sortBy", "sortBy: Sorting is not simulated.")
	}
	keep, f := c.groupPick()
	if f != nil {
		return answer{}, f
	}
	usual := 10000
	if c.q.Get("q") != "" {
		usual = 300
	}
	limit, f := c.limit(usual, 10000)
	if f != nil {
		return answer{}, f
	}
	from, f := c.after()
	if f != nil {
		return answer{}, f
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	picked, next := c.pickGroups(keep, from, limit)
	shapes := []groupShape{}
	for _, g := range picked {
		shape := c.groupShape(g)
		if strings.Contains(c.q.Get("expand"), "stats") {
			shape.Embedded = map[string]any{"stats": map[string]any{
				"usersCount": len(c.listing(g, c.at)), "appsCount": 0, "groupPushMappingsCount": 0, "hasAdminPrivilege": false,
				"_links": map[string]any{},
			}}
		}
		shapes = append(shapes, shape)
	}
	a := answer{body: encode(shapes), self: true}
	if next > 0 {
		a.next = c.nextURL(next)
	}
	return a, nil
}

// pickGroups returns a page, and the position of the next one.
func (c *call) pickGroups(keep func(*group) bool, from, limit int) (picked []*group, next int) {
	if name := c.q.Get("q"); name != "" {
		for _, g := range c.org.groups {
			if g != nil && c.who.sees(g) && keep(g) {
				picked = append(picked, g)
			}
		}
		slices.SortStableFunc(picked, func(a, b *group) int {
			return order(strings.EqualFold(b.name, name)) - order(strings.EqualFold(a.name, name))
		})
		return picked[:min(limit, len(picked))], 0
	}
	for i := from; i < len(c.org.groups); i++ {
		g := c.org.groups[i]
		if g == nil || !c.who.sees(g) || !keep(g) {
			continue
		}
		if len(picked) == limit {
			return picked, i
		}
		picked = append(picked, g)
	}
	return picked, 0
}

func order(first bool) int {
	if first {
		return 1
	}
	return 0
}

// groupPick makes the choice of groups from the parameters.
func (c *call) groupPick() (func(*group) bool, *failure) {
	if name := strings.ToLower(c.q.Get("q")); name != "" {
		return func(g *group) bool { return strings.HasPrefix(strings.ToLower(g.name), name) }, nil
	}
	input, fields, lag := c.q.Get("filter"), groupFilter(), c.opts.SearchLag
	if c.q.Has("search") {
		input, fields = c.q.Get("search"), groupSearch()
	} else {
		lag = 0
	}
	if input == "" {
		return func(*group) bool { return true }, nil
	}
	e, err := parse(input, fields)
	if err != nil {
		return nil, fail(http.StatusBadRequest, "E0000031", err.Error())
	}
	return func(g *group) bool {
		name, known := g.title(c.at, lag)
		return known && e(func(attr string) []string {
			switch attr {
			case "id":
				return []string{g.id}
			case "type":
				return []string{g.kind}
			case "created":
				return []string{stamp(g.created)}
			case "lastUpdated":
				return []string{stamp(g.updated)}
			case "lastMembershipUpdated":
				return []string{stamp(g.mark(c.at, c.opts.MarkLag))}
			case "profile.name":
				return []string{name}
			}
			return []string{g.about}
		})
	}, nil
}

// oneOf refuses parameters that exclude each other.
func (c *call) oneOf(names ...string) *failure {
	var has []string
	for _, name := range names {
		if c.q.Has(name) {
			has = append(has, name)
		}
	}
	if len(has) > 1 {
		return invalid(has[1], has[1]+": It cannot be combined with "+has[0]+".")
	}
	return nil
}

// reach finds a group that the path names and the role reaches.
func (c *call) reach(id string) (*group, *failure) {
	g := c.org.byGroup[id]
	switch {
	case g == nil:
		return nil, missing(id, "UserGroup")
	case !c.who.sees(g):
		return nil, fail(http.StatusForbidden, "E0000006")
	}
	return g, nil
}

func (c *call) getGroup() (answer, *failure) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	g, f := c.reach(c.vars[0])
	if f != nil {
		return answer{}, f
	}
	return answer{body: encode(c.groupShape(g))}, nil
}

func (c *call) deleteGroup() (answer, *failure) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g, f := c.reach(c.vars[0])
	switch {
	case f != nil:
		return answer{}, f
	case !c.who.writes():
		return answer{}, fail(http.StatusForbidden, "E0000006")
	case g.kind != oktaGroup:
		return answer{}, fail(http.StatusNotImplemented, "E0000060")
	}
	c.dropGroup(g)
	c.catastrophe("group %s was deleted by %s", g, c.who.by)
	c.wrote(Write{At: c.at, Op: "delete group", Group: g.id, Name: g.name, By: c.who.by, Changed: true})
	return answer{status: http.StatusNoContent}, nil
}

func (c *call) listRules() (answer, *failure) {
	limit, f := c.strict(50, 200)
	if f != nil {
		return answer{}, f
	}
	from, f := c.after()
	if f != nil {
		return answer{}, f
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	shapes := []ruleShape{}
	for i := from; i < len(c.org.rules); i++ {
		r := c.org.rules[i]
		if word := c.q.Get("search"); !strings.Contains(strings.ToLower(r.name), strings.ToLower(word)) || len(c.who.Roles) == 0 {
			continue
		}
		if len(shapes) == limit {
			return answer{body: encode(shapes), self: true, next: c.nextURL(i)}, nil
		}
		shapes = append(shapes, c.ruleShape(r))
	}
	return answer{body: encode(shapes), self: true}, nil
}

func (c *call) getRule() (answer, *failure) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, r := range c.org.rules {
		if r.id == c.vars[0] {
			return answer{body: encode(c.ruleShape(r))}, nil
		}
	}
	return answer{}, missing(c.vars[0], "GroupRule")
}
