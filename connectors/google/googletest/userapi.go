package googletest

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// born is when every account was made, as far as its listing tells.
const born = "2020-01-01T00:00:00.000Z"

// userObject is a user as a projection shows it.
func (s *Server) userObject(n uint32, custom projection) obj {
	o := &s.objects[n]
	given, family, found := strings.Cut(o.name, " ")
	if !found {
		family = given
	}
	emails := []obj{{{"address", o.addr}, {"primary", true}}}
	for _, a := range o.aliases() {
		emails = append(emails, obj{{"address", a}})
	}
	u := obj{
		{"kind", "admin#directory#user"},
		{"id", s.id(n)},
		{"etag", etag(o.addr, o.name, o.flags, o.aliases(), o.profile())},
		{"primaryEmail", o.addr},
		{"name", obj{{"givenName", given}, {"familyName", family}, {"fullName", strings.TrimSpace(o.name)}}},
		{"isAdmin", o.has(superAdmin)},
		{"isDelegatedAdmin", false},
		{"creationTime", born},
		{"agreedToTerms", true},
		{"suspended", o.has(suspended)},
		{"archived", o.has(archived)},
		{"changePasswordAtNextLogin", false},
		{"ipWhitelisted", false},
		{"emails", emails},
	}.opt("aliases", slices.Clone(o.aliases())).opt("organizations", o.profile().organizations).opt("relations", o.profile().relations)
	u = u.optional("customSchemas", custom.of(o.profile().custom))
	if o.has(suspended) {
		u = append(u, prop{"suspensionReason", "ADMIN"})
	}
	if o.has(gone) {
		u = append(u, prop{"deletionTime", o.more.deleted.UTC().Format("2006-01-02T15:04:05.000Z")})
	}
	return append(u, prop{"customerId", s.opt.Customer}, prop{"orgUnitPath", "/"}, prop{"isMailboxSetup", true}, prop{"includeInGlobalAddressList", true})
}

// getUser finds an account by address, alias or id.
func (s *Server) getUser(c *call) (any, error) {
	key := c.path["userKey"]
	custom, err := c.projection()
	if err != nil {
		return nil, err
	}
	n, ok := s.find(key)
	switch {
	case ok && s.objects[n].kind == aUser:
		return s.userObject(n, custom), nil
	case strings.Contains(key, "@") && !s.ours(key):
		return nil, refuse(404, "notFound", "Domain not found.")
	}
	return nil, noKey("userKey")
}

// listUsers is GET users, 500 a page at most. Deleted users are listed only
// when they are asked for, for 20 days.
func (s *Server) listUsers(c *call) (any, error) {
	size, err := c.size("maxResults", 100, 500, true)
	if err != nil {
		return nil, err
	}
	at, err := c.cursor()
	if err != nil {
		return nil, err
	}
	fits, err := s.userFilter(c)
	if err != nil {
		return nil, err
	}
	custom, err := c.projection()
	if err != nil {
		return nil, err
	}
	var users []obj
	next := ""
	for i := int(at.after); i < len(s.objects); i++ {
		if !fits(uint32(i)) {
			continue
		}
		if len(users) == size {
			next = at.token(uint64(i))
			break
		}
		users = append(users, s.userObject(uint32(i), custom))
	}
	return obj{{"kind", "admin#directory#users"}, {"etag", listTag(users)}}.
		opt("users", users).opt("nextPageToken", next), nil
}

// undeletable is how long deleted users are kept.
const undeletable = 20 * 24 * time.Hour

func (s *Server) userFilter(c *call) (func(uint32) bool, error) {
	in, err := s.scope(c)
	if err != nil {
		return nil, err
	}
	clauses, ok := parseQuery(c.query.Get("query"), "email", "name", "givenName", "familyName", "isSuspended", "isArchived", "isAdmin", "orgUnitPath")
	if !ok {
		return nil, invalid("query")
	}
	deleted := c.query.Get("showDeleted") == "true"
	return func(n uint32) bool {
		o := &s.objects[n]
		if o.kind != aUser || o.has(gone) != deleted || !in(o.addr) || deleted && c.now.Sub(o.more.deleted) > undeletable {
			return false
		}
		return !slices.ContainsFunc(clauses, func(q clause) bool { return !o.matches(q) })
	}, nil
}

func (o *object) matches(q clause) bool {
	given, family, _ := strings.Cut(o.name, " ")
	switch q.field {
	case "name":
		return q.fits(o.name)
	case "givenName":
		return q.fits(given)
	case "familyName":
		return q.fits(family)
	case "isSuspended":
		return q.fits(strconv.FormatBool(o.has(suspended)))
	case "isArchived":
		return q.fits(strconv.FormatBool(o.has(archived)))
	case "isAdmin":
		return q.fits(strconv.FormatBool(o.has(superAdmin)))
	case "orgUnitPath":
		return q.fits("/")
	}
	return q.fits(o.addr) || slices.ContainsFunc(o.aliases(), q.fits)
}

// dropUser is DELETE users/{userKey}. It does what it says.
func (s *Server) dropUser(c *call) (any, error) {
	n, ok := s.find(c.path["userKey"])
	if !ok || s.objects[n].kind != aUser {
		return nil, noKey("userKey")
	}
	s.violate("%s deleted the user %s", c.who.name, s.objects[n].addr)
	s.keep(Write{At: c.now, Op: "delete-user", Member: s.objects[n].addr, By: c.who.name, Status: int(s.done()), Changed: true})
	s.deleteUser(n)
	return s.done(), nil
}
