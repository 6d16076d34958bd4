package google

import (
	"context"
	"iter"
	"strings"

	admin "google.golang.org/api/admin/directory/v1"
	"google.golang.org/api/googleapi"

	"github.com/daypass-dev/daypass/engine"
)

const (
	groupsPage = 200   // the most that Google gives
	pagesMax   = 50000 // more is no listing but a loop
)

// Group finds a group by its address, an alias of it, or its id, in any case.
// The name of a group is its address: display names need not be unique.
func (c *Connector) Group(ctx context.Context, name string) (engine.GroupInfo, error) {
	info, err := c.group(ctx, name)
	if err == nil {
		info = c.withKind(ctx, info)
	}
	return info, c.op("find group "+clip(name), err)
}

// group reads one group, without its kind.
func (c *Connector) group(ctx context.Context, name string) (engine.GroupInfo, error) {
	if !isAddress(name) && !plainID.MatchString(name) {
		return engine.GroupInfo{}, trouble(engine.NotFound, "%q is neither the address nor the id of a group; write it as group@example.org", clip(name))
	}
	tctx, x := traced(ctx)
	g, err := c.dir.Groups.Get(name).Fields("kind," + groupFields).Context(tctx).Do()
	if err != nil {
		a := x.answered(err)
		err = x.fail(ctx, err)
		if engine.KindOf(err) == engine.NotFound {
			err = trouble(engine.NotFound, "no group has this address or id (%s)", a.text())
		}
		return engine.GroupInfo{}, err
	}
	if g == nil || g.Kind != "admin#directory#group" {
		return engine.GroupInfo{}, malformed("a group")
	}
	return c.readGroup(g)
}

func malformed(what string) error {
	return trouble(engine.Unavailable, "the answer is not %s as Google's API gives it; something in between may have answered", what)
}

// readGroup makes a group of an entry, and remembers its names.
func (c *Connector) readGroup(g *admin.Group) (engine.GroupInfo, error) {
	if g == nil || !plainID.MatchString(g.Id) || !strings.Contains(g.Email, "@") {
		return engine.GroupInfo{}, malformed("a group with id and address")
	}
	info := engine.GroupInfo{ID: engine.GroupID(g.Id), Name: strings.ToLower(g.Email)}
	c.names.learn(info.ID, info.Name, append(g.Aliases, g.NonEditableAliases...))
	return info, nil
}

// Groups lists the groups of the customer, or of Config.Domain.
func (c *Connector) Groups(ctx context.Context) iter.Seq2[engine.GroupInfo, error] {
	return func(yield func(engine.GroupInfo, error) bool) {
		first, left := true, false
		_, err := c.eachGroup(ctx, pagesMax, func(g *admin.Group) (bool, error) {
			info, err := c.readGroup(g)
			if err != nil {
				return false, err
			}
			if first {
				c.findDynamic(ctx, info.ID)
			}
			first = false
			info.Unmanageable = c.kinds.why(info.ID, c.cfg.Now())
			left = !yield(info, nil)
			return !left, nil
		})
		if err != nil && !left {
			yield(engine.GroupInfo{}, c.op("list groups", err))
		}
	}
}

// eachGroup gives the groups to f, at most so many pages, until f has enough.
// It reports whether that was all.
func (c *Connector) eachGroup(ctx context.Context, pages int, f func(*admin.Group) (more bool, err error)) (whole bool, err error) {
	return c.each(ctx, &c.groups, pages, func(tctx context.Context, token string) (page, error) {
		call := c.dir.Groups.List().MaxResults(groupsPage).Context(tctx).
			Fields(googleapi.Field("kind,nextPageToken,groups(" + groupFields + ")"))
		if c.cfg.Domain != "" {
			call.Domain(c.cfg.Domain)
		} else {
			call.Customer(c.cfg.Customer)
		}
		if token != "" {
			call.PageToken(token)
		}
		got, err := call.Do()
		if err != nil {
			return page{}, err
		}
		if got == nil || got.Kind != "admin#directory#groups" {
			return page{}, malformed("a list of groups")
		}
		return page{got.NextPageToken, len(got.Groups), func(i int) (bool, error) { return f(got.Groups[i]) }}, nil
	})
}

// page is one page of a listing.
type page struct {
	next string
	n    int
	take func(i int) (more bool, err error)
}

// each reads at most so many pages, until an entry says that it was enough. It
// reports whether that was all, and remembers the extent. A page that fails
// after the first, and a token that comes again, leave a partial listing.
func (c *Connector) each(ctx context.Context, size *extent, pages int, read func(ctx context.Context, token string) (page, error)) (whole bool, err error) {
	seen := map[string]bool{}
	token := ""
	for n := 1; ; n++ {
		tctx, x := traced(ctx)
		p, err := read(tctx, token)
		if err != nil {
			if err = x.fail(ctx, err); n > 1 {
				err = partial(err)
			}
			return false, err
		}
		for i := range p.n {
			more, err := p.take(i)
			if err != nil {
				return false, err
			}
			if !more {
				size.seen(n, p.next == "")
				return false, nil
			}
		}
		switch {
		case p.next == "":
			size.seen(n, true)
			return true, nil
		case seen[p.next] || n >= pagesMax:
			return false, trouble(engine.Partial, "the listing goes in circles: Google gave the same page again")
		case n >= pages:
			size.seen(n, false)
			return false, nil
		}
		seen[p.next] = true
		token = p.next
	}
}

// FindAll finds many groups: by listing all of them, 200 at a time, where that
// is likely cheaper, and one by one otherwise.
func (c *Connector) FindAll(ctx context.Context, wanted []string) ([]engine.Found, error) {
	found, err := c.findAll(ctx, wanted)
	if err != nil {
		return nil, c.op("find groups", err)
	}
	c.withKinds(ctx, found)
	for i := range found {
		found[i].Err = c.op("find group "+clip(wanted[i]), found[i].Err)
	}
	return found, nil
}

// findAll is FindAll without kinds. What a listing does not show is asked for
// all the same: "not found" has to be Google's word.
func (c *Connector) findAll(ctx context.Context, wanted []string) ([]engine.Found, error) {
	open := map[string][]int{} // by address in lower case, or id
	for i, name := range wanted {
		open[key(name)] = append(open[key(name)], i)
	}
	found := make([]engine.Found, len(wanted))
	settle := func(name string, f engine.Found) {
		for _, i := range open[name] {
			found[i] = f
		}
		delete(open, name)
	}
	if budget := c.groups.budget(len(open)); budget > 0 {
		_, err := c.eachGroup(ctx, budget, func(g *admin.Group) (bool, error) {
			info, err := c.readGroup(g)
			if err != nil {
				return false, err
			}
			for _, name := range append([]string{g.Id, info.Name}, append(g.Aliases, g.NonEditableAliases...)...) {
				settle(key(name), engine.Found{Info: info})
			}
			return len(open) > 0, nil
		})
		if err != nil {
			return nil, err
		}
	}
	var left []string
	for _, name := range wanted {
		if _, ok := open[key(name)]; ok {
			left = append(left, name)
		}
	}
	answers, err := together(ctx, unique(left), c.parallel(), func(name string) (engine.GroupInfo, error) { return c.group(ctx, name) })
	for name, a := range answers {
		settle(key(name), engine.Found{Info: a.v, Err: a.err})
	}
	return found, err
}

// key folds the case of addresses. Ids have none to fold.
func key(name string) string {
	if strings.Contains(name, "@") {
		return strings.ToLower(name)
	}
	return name
}
