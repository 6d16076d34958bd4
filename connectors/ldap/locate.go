package ldap

import (
	"context"
	"errors"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/connectors/ldap/internal/wire"
	"github.com/daypass-dev/daypass/engine"
)

var errNoAccount = errors.New("the account is not in the directory any more")

// locate finds the value that stands for each member in g. It settles the
// edits that need no change: additions of accounts that do not exist, and
// removals of members that g can not hold.
func (c *Connector) locate(ctx context.Context, s *session, g group, all edits) error {
	if err := c.locateByName(ctx, s, g, all.open()); err != nil {
		return err
	}
	if g.shape.logins {
		if err := c.locateByLogin(ctx, s, all.open()); err != nil {
			return err
		}
	}
	for _, e := range all.open() {
		if e.value != "" || e.member.Ghost() {
			continue
		}
		if err := c.locateByID(ctx, s, g, e); err != nil {
			return err
		}
	}
	return c.locateRest(ctx, s, g, all)
}

// locateByName looks at the place that a member had when it was last seen,
// several at a time.
func (c *Connector) locateByName(ctx context.Context, s *session, g group, es edits) error {
	var asked edits
	var names []string
	for _, e := range es {
		e.value = ""
		if e.member.Ghost() && e.remove {
			continue
		}
		if name, ok := c.placeOf(s, e.member); ok {
			asked, names = append(asked, e), append(names, name)
		}
	}
	return s.each(ctx, names, anything, c.memberAttrs(s.srv), func(i int, entry *wire.Entry) error {
		if m := c.readMember(s.srv, entry); m.ID == asked[i].member.ID {
			asked[i].value = valueOf(g.shape, m, asked[i].member.Ref)
		}
		return nil
	}, func(i int, err error) error {
		if is(err, goldap.LDAPResultNoSuchObject, goldap.LDAPResultInvalidDNSyntax, goldap.LDAPResultReferral) {
			return nil
		}
		return err
	})
}

func (c *Connector) placeOf(s *session, m engine.Member) (string, bool) {
	if name, ok := s.nameByID(c.personID(s.srv), string(m.ID)); ok {
		return name, true
	}
	dn, _ := splitUID([]byte(m.Ref))
	return string(dn), validDN(string(dn))
}

// locateByLogin looks for members that were last seen as a memberUid, many at
// a time. A login that is somebody else's by now is not theirs.
func (c *Connector) locateByLogin(ctx context.Context, s *session, es edits) error {
	var asked edits
	var values []value
	for _, e := range es {
		if ref := e.member.Ref; e.value == "" && ref != "" && !e.member.Ghost() && !validDN(ref) {
			asked, values = append(asked, e), append(values, value{raw: ref})
		}
	}
	found, err := c.lookUpLogins(ctx, s, values)
	if err != nil {
		return err
	}
	for i, m := range found {
		if m.ID == asked[i].member.ID {
			asked[i].value = m.Login
		}
	}
	return nil
}

// valueOf is how a group of this shape writes m. What uniqueMember has behind
// the DN is kept from ref, how the group wrote it.
func valueOf(sh shape, m engine.Member, ref string) string {
	if sh.logins {
		return m.Login
	}
	if dn, uid := splitUID([]byte(ref)); len(uid) > 0 && dnKey(string(dn)) == dnKey(m.Ref) {
		return ref
	}
	return m.Ref
}

// locateByID searches for an account that is not where it was.
func (c *Connector) locateByID(ctx context.Context, s *session, g group, e *edit) error {
	filter, ok := idFilter(c.personID(s.srv), string(e.member.ID))
	if !ok {
		return nil
	}
	var found []engine.Member
	err := s.few(ctx, c.cfg.People.Base, filter, c.memberAttrs(s.srv), 2, func(entry *wire.Entry) error {
		found = append(found, c.readMember(s.srv, entry))
		return nil
	})
	switch {
	case err != nil:
		return partial(err)
	case len(found) > 1:
		e.settle(false, trouble(engine.Ambiguous, "two accounts have %s %s", c.personID(s.srv), e.member.ID))
	case len(found) == 1:
		e.value = valueOf(g.shape, found[0], e.member.Ref)
	}
	return nil
}

// locateRest decides on members whose object is not in the directory.
func (c *Connector) locateRest(ctx context.Context, s *session, g group, all edits) error {
	var lost edits
	for _, e := range all.open() {
		switch {
		case e.value != "":
		case !e.remove:
			e.settle(false, trouble(engine.NotFound, "%w", errNoAccount))
		case e.member.Ghost():
			e.value = e.member.Ref
		default:
			lost = append(lost, e)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	return c.locateInGroup(ctx, s, g, lost)
}

// locateInGroup removes what a deleted account left behind: the value by which
// the group still lists it, under its id or as a ghost at its old place.
func (c *Connector) locateInGroup(ctx context.Context, s *session, g group, lost edits) error {
	l, err := c.list(ctx, s, g.id, false)
	if err != nil {
		return err
	}
	members, err := c.identify(ctx, s, l)
	if err != nil {
		return err
	}
	refs := map[engine.MemberID]string{}
	ghosts := map[string]string{}
	for _, m := range members {
		refs[m.ID] = m.Ref
		if m.Ghost() {
			ghosts[ghostKey(g.shape, m.Ref)] = m.Ref
		}
	}
	for _, e := range lost {
		old := e.member.Ref
		if g.shape.logins {
			old = e.member.Login
		}
		if e.value = ghosts[ghostKey(g.shape, old)]; old == "" || e.value == "" {
			e.value = refs[e.member.ID]
		}
		if e.value == "" {
			e.settle(false, nil)
		}
	}
	return nil
}

func ghostKey(sh shape, ref string) string {
	if sh.logins {
		return ref
	}
	dn, _ := splitUID([]byte(ref))
	return dnKey(strings.TrimSpace(string(dn)))
}
