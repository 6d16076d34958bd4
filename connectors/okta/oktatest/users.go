package oktatest

import (
	"fmt"
	"net/http"
	"strings"
)

func userFilter() map[string]field {
	eq := equals()
	return map[string]field{
		"id": eq, "status": eq, "lastUpdated": instant(),
		"profile.login": eq, "profile.email": eq, "profile.firstName": eq, "profile.lastName": eq,
	}
}

func userSearch() map[string]field {
	t := text()
	fields := map[string]field{
		"id": t, "status": t, "created": instant(), "lastUpdated": instant(), "statusChanged": instant(),
		"profile.login": t, "profile.email": t, "profile.firstName": t, "profile.lastName": t,
	}
	for _, name := range searchable {
		fields["profile."+name] = t
	}
	return fields
}

// searchable are those of the further attributes that expressions know here;
// Okta searches by all of them.
var searchable = []string{ //nolint:gochecknoglobals // a table
	"city", "costCenter", "department", "displayName", "division", "employeeNumber", "manager", "managerId", "organization", "title", "userType",
}

// listUsers is in four manners. Plain, and with q, it leaves out deactivated
// users; filter compares with upper and lower case apart; search compares
// without, in an index that lags; q finds beginnings of names and e-mails, ten
// at most, and has no further pages.
func (c *call) listUsers() (answer, *failure) {
	if f := c.oneOf("q", "filter", "search"); f != nil {
		return answer{}, f
	}
	if c.q.Get("sortBy") != "" {
		return answer{}, invalid("sortBy", "sortBy: Sorting is not simulated.")
	}
	keep, f := c.userPick()
	if f != nil {
		return answer{}, f
	}
	usual := 200
	if c.q.Get("q") != "" {
		usual = 10
	}
	limit, f := c.limit(usual, 200)
	if f != nil {
		return answer{}, f
	}
	from, f := c.after()
	if f != nil {
		return answer{}, f
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	a := answer{self: true}
	var picked []*user
	for i := from; i < len(c.org.users); i++ {
		u := c.org.users[i]
		if u.deleted || len(c.who.Roles) == 0 || !keep(u) {
			continue
		}
		if len(picked) == limit {
			if c.q.Get("q") == "" {
				a.next = c.nextURL(i)
			}
			break
		}
		picked = append(picked, u)
	}
	a.body = c.usersShape(picked)
	return a, nil
}

func (c *call) userPick() (func(*user) bool, *failure) {
	if word := strings.ToLower(c.q.Get("q")); word != "" {
		return func(u *user) bool {
			return u.status != Deprovisioned && (begins(u.first, word) || begins(u.last, word) || begins(u.email, word))
		}, nil
	}
	switch {
	case c.q.Get("filter") != "":
		e, err := parse(c.q.Get("filter"), userFilter())
		if err != nil {
			return nil, fail(http.StatusBadRequest, "E0000031", err.Error())
		}
		return func(u *user) bool { return e(u.values(&u.profile)) }, nil
	case c.q.Get("search") != "":
		e, err := parse(c.q.Get("search"), userSearch())
		if err != nil {
			return nil, fail(http.StatusBadRequest, "E0000031", err.Error())
		}
		return func(u *user) bool {
			p := u.search(c.at, c.opts.SearchLag)
			return p != nil && e(u.values(p))
		}, nil
	}
	return func(u *user) bool { return u.status != Deprovisioned }, nil
}

func begins(s, word string) bool { return strings.HasPrefix(strings.ToLower(s), word) }

// values gives a user's attributes to an expression.
func (u *user) values(p *profile) func(string) []string {
	return func(attr string) []string {
		switch attr {
		case "id":
			return []string{u.id}
		case "status":
			return []string{u.status}
		case "created":
			return []string{stamp(u.created)}
		case "lastUpdated":
			return []string{stamp(u.updated)}
		case "statusChanged":
			return []string{stamp(u.statusAt)}
		case "profile.login":
			return []string{p.login}
		case "profile.email":
			return []string{p.email}
		case "profile.firstName":
			return []string{p.first}
		case "profile.lastName":
			return []string{p.last}
		}
		value, _ := p.further[strings.TrimPrefix(attr, "profile.")].(string)
		return []string{value}
	}
}

// find finds the user that a path names by id, by login, or as "me". A login
// with a slash cannot be named.
func (c *call) find(key string) (*user, *failure) {
	u := c.org.userByID(key)
	switch {
	case key == "me" && c.who.bearer:
		u = nil // a service app is no user
	case key == "me":
		u = c.org.userByLogin(AdminLogin)
	case u == nil && !strings.Contains(key, "/"):
		u = c.org.userByLogin(key)
	}
	if u == nil || u.deleted {
		return nil, missing(key, "User")
	}
	if len(c.who.Roles) == 0 && key != "me" {
		return nil, fail(http.StatusForbidden, "E0000006")
	}
	return u, nil
}

func (c *call) getUser() (answer, *failure) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	u, f := c.find(c.vars[0])
	if f != nil {
		return answer{}, f
	}
	return answer{body: c.appendUser(nil, u), header: http.Header{"Etag": {fmt.Sprintf(`W/"%x"`, u.updated)}}}, nil
}

// deleteUser deactivates a user, and deletes one who is deactivated.
func (c *call) deleteUser() (answer, *failure) {
	c.mu.Lock()
	defer c.mu.Unlock()
	u, f := c.find(c.vars[0])
	switch {
	case f != nil:
		return answer{}, f
	case !c.who.writes():
		return answer{}, fail(http.StatusForbidden, "E0000006")
	}
	op := "deactivate user"
	if u.status == Deprovisioned {
		op = "delete user"
		c.dropUser(u, c.at)
	}
	u.status, u.statusAt = Deprovisioned, c.at.UnixMilli()
	c.catastrophe("%s %s by %s", op, u.login, c.who.by)
	c.wrote(Write{At: c.at, Op: op, User: u.id, Login: u.login, By: c.who.by, Changed: true})
	return answer{status: http.StatusNoContent}, nil
}

// userGroups lists the groups of a user, Everyone among them. It lags as the
// listings of the groups do.
func (c *call) userGroups() (answer, *failure) {
	limit, f := c.strict(20, 200)
	if f != nil {
		return answer{}, f
	}
	from, f := c.after()
	if f != nil {
		return answer{}, f
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	u, f := c.find(c.vars[0])
	if f != nil {
		return answer{}, f
	}
	a := answer{self: true}
	shapes := []groupShape{}
	for i := from; i < len(c.org.groups); i++ {
		g := c.org.groups[i]
		if g == nil || !c.who.sees(g) || !c.shows(g, u) {
			continue
		}
		if len(shapes) == limit {
			a.next = c.nextURL(i)
			break
		}
		shapes = append(shapes, c.groupShape(g))
	}
	a.body = encode(shapes)
	return a, nil
}

// shows reports whether a reading shows a user in a group.
func (c *call) shows(g *group, u *user) bool {
	if g.kind == builtIn {
		return true
	}
	if c.opts.LagMode != Recorded {
		return g.members.HasAt(u.number, c.lag.Cut(c.at))
	}
	for _, r := range g.recent {
		if r.user == u.number && c.at.Sub(r.at) < c.opts.Lag && c.chance() < 0.2 {
			return false
		}
	}
	return g.members.Has(u.number)
}
