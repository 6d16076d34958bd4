package okta

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/daypass-dev/daypass/engine"
)

// user is what daypass reads of a user.
type user struct {
	ID      engine.MemberID `json:"id"`
	Status  string          `json:"status"`
	Profile struct {
		Login string `json:"login"`
		Email string `json:"email"`
	} `json:"profile"`

	attrs map[string]any // the whole profile; only of one who was read alone
}

func (u user) check() error {
	if !isUser(u.ID) {
		return fmt.Errorf("user id %q is not one of Okta's", clip(string(u.ID)))
	}
	return nil
}

// member is the user as a group holds it. Who can not read profiles sees ids.
func (u user) member() engine.Member {
	login := u.Profile.Login
	if login == "" {
		login = string(u.ID)
	}
	return engine.Member{ID: u.ID, Login: login}
}

// Members lists the direct members of g, of whatever status: Okta leaves
// deactivated users in their groups, and their memberships end like others.
// Groups hold users only. The listing lags writes by up to two seconds; what
// this connector wrote within the grace is laid over it.
func (c *Connector) Members(ctx context.Context, g engine.GroupID) ([]engine.Member, error) {
	listed, err := c.listing(ctx, g)
	if err != nil {
		return nil, c.fail("list the members of "+c.kinds.called(g), err)
	}
	return c.writes.Lay(g, listed), nil
}

// listing is the directory's own view, sorted.
func (c *Connector) listing(ctx context.Context, g engine.GroupID) ([]engine.Member, error) {
	if !isGroup(g) {
		return nil, trouble(engine.NotFound, "%q is not the id of an Okta group (00g and 17 letters or digits)", clip(string(g)))
	}
	var ms []engine.Member
	pages := 0
	err := walk(ctx, c, query("/api/v1/groups/"+string(g)+"/users", "limit", pageSize), func(us []user) (bool, error) {
		pages++
		ms = slices.Grow(ms, len(us))
		for _, u := range us {
			ms = append(ms, u.member())
		}
		return true, nil
	})
	if err != nil {
		if engine.KindOf(err) == engine.NotFound {
			c.kinds.forget(g)
		}
		return nil, err
	}
	c.kinds.size(g, pages)
	slices.SortFunc(ms, byID)
	return slices.CompactFunc(ms, func(a, b engine.Member) bool { return a.ID == b.ID }), nil
}

func byID(a, b engine.Member) int { return strings.Compare(string(a.ID), string(b.ID)) }

// memberOf reads whether a user is in a group from the user's groups. It tells
// a user who is not there, too.
func (c *Connector) memberOf(ctx context.Context, g engine.GroupID, id engine.MemberID) (bool, error) {
	in := false
	err := walk(ctx, c, "/api/v1/users/"+string(id)+"/groups", func(gs []group) (bool, error) {
		in = slices.ContainsFunc(gs, func(other group) bool { return other.ID == g })
		return !in, nil
	})
	return in, err
}
