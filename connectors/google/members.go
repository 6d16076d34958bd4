package google

import (
	"context"
	"slices"
	"strings"

	admin "google.golang.org/api/admin/directory/v1"

	"github.com/daypass-dev/daypass/engine"
)

const membersPage = 200 // the most that Google gives

const (
	roleMember = "MEMBER"
	typeUser   = "USER"
	typeGroup  = "GROUP"
)

// Members returns the direct members of g, by id. What follows from Google's
// entries (reference of members):
//
//	type      role            here
//	USER      MEMBER          an account, also one outside of the customer
//	USER      OWNER, MANAGER  other: a role that daypass neither gives nor takes
//	GROUP     any             a nested group
//	CUSTOMER  any             other: everybody in the customer, without an address
//	EXTERNAL  any             other
//
// An address that was in the group before its account existed may be listed
// twice, once without a status; the two have different ids and are two members.
func (c *Connector) Members(ctx context.Context, g engine.GroupID) ([]engine.Member, error) {
	ms, err := c.list(ctx, g)
	if err != nil {
		return nil, c.op("list the members of "+c.names.of(g), err)
	}
	c.lapse(g)
	return c.writes.Lay(g, ms), nil
}

func (c *Connector) list(ctx context.Context, g engine.GroupID) ([]engine.Member, error) {
	if !plainID.MatchString(string(g)) {
		return nil, trouble(engine.NotFound, "%q is no id of a group at Google", clip(string(g)))
	}
	var ms []engine.Member
	var extent extent
	_, err := c.each(ctx, &extent, pagesMax, func(tctx context.Context, token string) (page, error) {
		call := c.dir.Members.List(string(g)).MaxResults(membersPage).IncludeDerivedMembership(false).
			Fields("kind,nextPageToken,members(id,email,role,type,status)").Context(tctx)
		if token != "" {
			call.PageToken(token)
		}
		got, err := call.Do()
		if err != nil {
			return page{}, err
		}
		// An empty group has no members field at all, so the kind has to tell that
		// this is a list.
		if got == nil || got.Kind != "admin#directory#members" {
			return page{}, malformed("a list of members")
		}
		if token == "" && got.NextPageToken == "" {
			ms = make([]engine.Member, 0, len(got.Members))
		}
		return page{got.NextPageToken, len(got.Members), func(i int) (bool, error) {
			m, err := readMember(got.Members[i])
			ms = append(ms, m)
			return true, err
		}}, nil
	})
	if err != nil {
		return nil, err
	}
	engine.SortMembers(ms)
	// An entry that moved to a later page while we were reading comes twice.
	return slices.CompactFunc(ms, func(a, b engine.Member) bool { return a.ID == b.ID }), nil
}

func readMember(e *admin.Member) (engine.Member, error) {
	if e == nil || !plainID.MatchString(e.Id) || e.Type == "" || e.Role == "" {
		return engine.Member{}, malformed("a list of members with id, type and role")
	}
	m := engine.Member{ID: engine.MemberID(e.Id), Login: strings.ToLower(e.Email), Kind: kindOfMember(e)}
	if m.Login == "" {
		m.Login = e.Id
	}
	return m, nil
}

func kindOfMember(e *admin.Member) engine.MemberKind {
	switch {
	case e.Type == typeGroup:
		return engine.GroupMember
	case e.Type == typeUser && e.Role == roleMember:
		return engine.AccountMember
	}
	return engine.OtherMember
}
