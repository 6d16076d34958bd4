package entra

import (
	"context"
	"errors"
	"slices"
	"strings"

	abs "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/serialization"

	"github.com/daypass-dev/daypass/engine"
)

// Members returns the direct members of g, 999 with each request. Graph v1.0
// leaves service principals out of it (Microsoft, "List group members"), and
// so does daypass, which adds none: that one is not listed means nothing.
func (c *Connector) Members(ctx context.Context, g engine.GroupID) ([]engine.Member, error) {
	ms, err := c.members(ctx, g)
	return ms, c.fail("list members of "+string(g), err)
}

func (c *Connector) members(ctx context.Context, g engine.GroupID) ([]engine.Member, error) {
	if !isID(string(g)) {
		return nil, trouble(engine.NotFound, "%q is not the id of a group", g)
	}
	r := request{
		method: abs.GET, path: path("groups", string(g), "members"),
		// No filter, count or order: they would read an index that is older.
		query:  query("$select", "id,userPrincipalName", "$top", pageMost),
		weight: reading(2),
	}
	ms, err := list(ctx, c.wire, r, newPrincipal, func(v serialization.Parsable) (engine.Member, error) {
		p, ok := v.(*principal)
		if !ok {
			return engine.Member{}, errors.New("an entry that is no object")
		}
		return p.member()
	})
	if err != nil {
		return nil, missing(err, "there is no group with this id")
	}
	slices.SortFunc(ms, func(a, b engine.Member) int { return strings.Compare(string(a.ID), string(b.ID)) })
	ms = slices.CompactFunc(ms, func(a, b engine.Member) bool { return a.ID == b.ID })
	c.forgetEnded(g)
	return c.writes.Lay(g, ms), nil
}
