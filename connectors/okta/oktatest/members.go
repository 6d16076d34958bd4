package oktatest

import (
	"net/http"
	"slices"
)

func (c *call) listMembers() (answer, *failure) {
	limit, f := c.limit(c.opts.MemberPage, c.opts.MemberPage)
	if f != nil {
		return answer{}, f
	}
	from, f := c.after()
	if f != nil {
		return answer{}, f
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	g, f := c.reach(c.vars[0])
	if f != nil {
		return answer{}, f
	}
	all := c.listing(g, c.at)
	first, _ := slices.BinarySearch(all, int32(from))
	page := all[first:]
	a := answer{self: true}
	if len(page) > limit {
		a.next = c.nextURL(int(page[limit]))
		page = page[:limit]
	}
	us := make([]*user, len(page))
	for i, n := range page {
		us[i] = c.org.users[n]
	}
	a.body = c.usersShape(us)
	return a, nil
}

// ends finds the two ends of the membership that a write is about, and refuses
// what cannot be written. c.mu is locked.
func (c *call) ends() (*group, *user, *failure) {
	g, f := c.reach(c.vars[0])
	switch {
	case f != nil:
		return nil, nil, f
	case !c.who.writes():
		return nil, nil, fail(http.StatusForbidden, "E0000006")
	case g.kind == builtIn:
		return nil, nil, fail(http.StatusNotImplemented, "E0000060")
	case g.kind == appGroup: // also for a super administrator
		return nil, nil, fail(http.StatusForbidden, "E0000006")
	}
	u := c.org.userByID(c.vars[1])
	if u == nil || u.deleted {
		return nil, nil, missing(c.vars[1], "User")
	}
	return g, u, nil
}

// putMember answers 204 whether or not the user was a member.
func (c *call) putMember() (answer, *failure) {
	if c.r.ContentLength > 0 {
		c.violation("PUT %s: it has a body", c.r.URL.Path)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	g, u, f := c.ends()
	if f != nil {
		return answer{}, f
	}
	if c.opts.RefuseInactive && (u.status == Deprovisioned || u.status == Suspended) {
		return answer{}, fail(http.StatusForbidden, "E0000038")
	}
	changed := c.set(g, u, true, c.at)
	if changed {
		c.record(c.at, event{kind: memberEvent(true), actor: c.who.by, app: c.who.bearer, user: u, group: g})
	}
	c.wrote(Write{At: c.at, Op: "add", Group: g.id, Name: g.name, User: u.id, Login: u.login, By: c.who.by, Changed: changed})
	return answer{status: http.StatusNoContent}, nil
}

// deleteMember answers 204 whether or not the user was a member. Where a rule
// holds the user, Okta silently excludes the user from that rule, so that no
// later evaluation brings the user back.
func (c *call) deleteMember() (answer, *failure) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g, u, f := c.ends()
	if f != nil {
		return answer{}, f
	}
	if f := c.exclude(g, u); f != nil {
		return answer{}, f
	}
	changed := c.set(g, u, false, c.at)
	if changed {
		c.record(c.at, event{kind: memberEvent(false), actor: c.who.by, app: c.who.bearer, user: u, group: g})
	}
	c.wrote(Write{At: c.at, Op: "remove", Group: g.id, Name: g.name, User: u.id, Login: u.login, By: c.who.by, Changed: changed})
	return answer{status: http.StatusNoContent}, nil
}

// exclude takes the user out of the reach of the active rules that hold the
// membership. A rule takes a hundred; what Okta answers beyond is not
// documented, here it is 400.
func (c *call) exclude(g *group, u *user) *failure {
	var rules []*rule
	for _, r := range g.held[u.number] {
		if r.status == "ACTIVE" {
			rules = append(rules, r)
		}
	}
	for _, r := range rules {
		if len(r.excluded) >= exclusions {
			return invalid("conditions", "conditions: A group rule cannot exclude more than 100 users.")
		}
	}
	for _, r := range rules {
		r.excluded, r.updated = append(r.excluded, u.id), c.at.UnixMilli()
		c.record(c.at, event{kind: excluded, actor: systemPrincipal, user: u, group: g, rule: r})
		c.catastrophe("the removal of %s from %s excluded the user from the group rule %q for good", u.login, g, r.name)
	}
	delete(g.held, u.number)
	return nil
}

// memberRules lists the rules that hold one membership.
func (c *call) memberRules() (answer, *failure) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	g, f := c.reach(c.vars[0])
	if f != nil {
		return answer{}, f
	}
	u := c.org.userByID(c.vars[1])
	if u == nil || !c.org.has(g, u) {
		return answer{}, missing(c.vars[1], "User")
	}
	shapes := []ruleShape{}
	for _, r := range g.held[u.number] {
		if r.status == "ACTIVE" {
			shapes = append(shapes, c.ruleShape(r))
		}
	}
	return answer{body: encode(shapes)}, nil
}
