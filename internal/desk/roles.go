package desk

import (
	"context"
	"errors"
	"slices"

	"github.com/daypass-dev/daypass/engine"
	"github.com/daypass-dev/daypass/internal/access"
)

// Roles are what a caller may do beside what everybody may.
type Roles struct {
	Administrator bool
	Auditor       bool     // reads everything
	Owner         []string // the resources that they own
	// Doubt is why a role that a group gives could not be found out; then it is
	// not given.
	Doubt error
}

// reads reports whether the roles allow everything to be read.
func (r Roles) reads() bool { return r.Administrator || r.Auditor }

func (r Roles) reading() access.Answer {
	return access.Answer{Yes: r.reads(), Err: r.doubtUnless(r.reads())}
}

func (r Roles) administering() access.Answer {
	return access.Answer{Yes: r.Administrator, Err: r.doubtUnless(r.Administrator)}
}

// Broken reports whether a role could not be found out for good: it is given to
// a group that is not there.
func (r Roles) Broken() bool { return len(access.Gone(r.Doubt)) > 0 }

// doubtUnless is why a role that is not given might be there.
func (r Roles) doubtUnless(given bool) error {
	if given {
		return nil
	}
	return r.Doubt
}

// roles finds out what a caller may do. Machines have no role. fresh is for
// what changes something: then directories are asked anew.
func (d *Desk) roles(ctx context.Context, c Caller, fresh bool) Roles {
	if c.Machine != "" {
		return Roles{}
	}
	rules := d.rules.Load()
	since := d.people.since(ctx, fresh)
	given := together([]access.Who{rules.Administrators, rules.Auditors}, func(w access.Who) access.Answer { return d.among(ctx, c, w, nil, since) })
	admin, auditor := given[0], given[1]
	if auditor.Yes && !admin.Yes && slices.Contains(rules.Auditors.People, c.Person) { // a group knows an account
		auditor = d.accounted(ctx, c.Person, fresh)
	}
	return Roles{
		Administrator: admin.Err == nil && admin.Yes, Auditor: auditor.Err == nil && auditor.Yes,
		Doubt: errors.Join(admin.Err, auditor.Err),
	}
}

// owns reports whether the caller owns a resource.
func (d *Desk) owns(ctx context.Context, c Caller, resource string, fresh bool) access.Answer {
	res, ok := d.rules.Load().resource(resource)
	if !ok || c.Machine != "" {
		return access.Answer{}
	}
	return d.among(ctx, c, res.Owners, res, d.people.since(ctx, fresh))
}

// oversees refuses those who neither own a resource nor may read everything.
func (d *Desk) oversees(ctx context.Context, c Caller, resource, what string) error {
	ctx = d.people.inquire(ctx)
	a := anyOf(
		func() access.Answer { return d.owns(ctx, c, resource, true) },
		func() access.Answer { return d.roles(ctx, c, true).reading() },
	)
	switch {
	case a.Err != nil:
		return d.doubtful("whether you own "+resource+" or are an auditor or administrator", a.Err)
	case !a.Yes:
		return forbidden("only owners of " + resource + ", auditors and administrators " + what)
	}
	return nil
}

// among reports whether a caller is among people that the configuration names
// by address and group.
func (d *Desk) among(ctx context.Context, c Caller, w access.Who, res *Resource, since moment) access.Answer {
	if w.Empty() {
		return access.Answer{}
	}
	if slices.Contains(w.People, c.Person) { // without a directory
		return access.Answer{Yes: true}
	}
	f := access.Facts{Requester: d.subject(ctx, c.Actor, access.Want{Groups: w.Groups}, since)}
	if res != nil {
		f.Resource = res.Resource
	}
	w.Owners = false
	return w.Belongs(f.Requester, access.Case{Now: d.now(), Facts: &f}, d.rules.Load().Expressions)
}

// scope refuses what a caller's token was not made for.
func (c Caller) scope(s Scope) error {
	if c.Scopes == nil || slices.Contains(c.Scopes, s) {
		return nil
	}
	return &access.Error{Kind: access.Forbidden, Message: "the token is not made for this: it lacks the scope " + string(s)}
}

// Me is who the caller is to the desk.
type Me struct {
	Person  engine.Person
	Machine string
	Roles   Roles
	Scopes  []Scope
}

// Me tells the caller who they are.
func (d *Desk) Me(ctx context.Context, c Caller) Me {
	return Me{Person: c.Person, Machine: c.Machine, Roles: d.roles(ctx, c, false), Scopes: c.Scopes}
}

func forbidden(message string) error { return &access.Error{Kind: access.Forbidden, Message: message} }

func notFound(message string) error { return &access.Error{Kind: access.NotFound, Message: message} }
