package ldap

import (
	"bytes"
	"context"
	"math"
	"strconv"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/connectors/ldap/internal/wire"
	"github.com/daypass-dev/daypass/engine"
)

// maxTTL is the longest time to live that is asked for: 68 years, what fits
// into 32 bits.
const maxTTL = math.MaxInt32 * time.Second

// AddUntil makes m a direct member of g whom Active Directory takes out by
// itself, where the forest has its Privileged Access Management Feature on
// (MS-ADTS section 3.1.1.9.2). Everywhere else it is [engine.Unsupported].
//
// The end is written as whole seconds from now, and counted by the server's
// clock; so that clock says what now is. It is read to the second, rounded
// down, just before the change: the end is never before until, and after it by
// less than a second and the time that the change is on its way.
func (c *Connector) AddUntil(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (bool, time.Time, error) {
	e := &edit{member: m}
	expires, err := c.bound(ctx, g, e, until)
	if err == nil {
		err = e.effect.Err
	}
	return !expires.IsZero(), expires, c.fail(c.doing(g, e), err)
}

// Expire moves the end of the membership of m in g, or gives it one: one change
// takes the member out and in again, so nobody sees a gap.
func (c *Connector) Expire(ctx context.Context, g engine.GroupID, m engine.Member, until time.Time) (time.Time, error) {
	e := &edit{member: m, remove: true}
	expires, err := c.bound(ctx, g, e, until)
	if err == nil {
		err = e.effect.Err
	}
	if err == nil && expires.IsZero() {
		err = trouble(engine.NotFound, "the account is not a member")
	}
	return expires, c.fail("end "+e.who()+" in "+c.nameOf(g)+" later or earlier", err)
}

// bound makes the membership e with an end, or puts one with an end in the
// place of the one that is there (e.remove). It returns the end; none when e is
// settled, because the group was as wished or not as needed.
func (c *Connector) bound(ctx context.Context, id engine.GroupID, e *edit, until time.Time) (time.Time, error) {
	if err := c.read(ctx, func(s *session) error { return c.canBound(ctx, s) }); err != nil {
		return time.Time{}, err
	}
	g, err := c.prepare(ctx, id, edits{e})
	if err != nil || e.settled {
		return time.Time{}, err
	}
	if g.shape.logins {
		return time.Time{}, trouble(engine.Unsupported, "only members that are links can have an end, and %s holds logins (memberUid); %s", g.name, leaveOut)
	}
	for range 2 {
		var expires time.Time
		if expires, err = c.sendUntil(ctx, g, e, until); err == nil || !aboutValues(err) {
			return expires, err
		}
		// As for Add: what counts is what the group holds.
		if err := c.compare(ctx, &g, edits{e}); err != nil || e.settled {
			return time.Time{}, err
		}
	}
	if is(err, goldap.LDAPResultNoSuchObject) { // the group is there: it was just read
		err = trouble(engine.NotFound, "%w", errNoAccount)
	}
	return time.Time{}, err
}

// sendUntil sends one Modify, in the form that the server takes.
func (c *Connector) sendUntil(ctx context.Context, g group, e *edit, until time.Time) (expires time.Time, err error) {
	err = c.write(ctx, func(s *session) error {
		controls, err := c.guard(s, g)
		if err != nil {
			return err
		}
		var refusal error
		for _, form := range s.srv.links.forms() {
			now, err := c.clock(ctx, s)
			if err != nil {
				return err
			}
			ttl := ttlUntil(now, until)
			refusal = s.Modify(ctx, c.groupName(s, g), e.until(g, form, ttl), controls...)
			if refusal == nil {
				s.srv.links.took(form)
				expires = now.Add(ttl)
				return nil
			}
			if !is(refusal, goldap.LDAPResultInvalidDNSyntax, goldap.LDAPResultInvalidAttributeSyntax) {
				return refusal
			}
		}
		if s.srv.links.sure() {
			return refusal // it is something else that is wrong
		}
		return trouble(engine.Unsupported, "the server takes members with an end in no form known (%s); %s", refusal.Error(), leaveOut)
	})
	return expires, err
}

// until is the change of g that gives e an end.
func (e *edit) until(g group, form ttlForm, ttl time.Duration) []wire.Change {
	add := wire.Change{Attr: g.shape.attr, Values: []string{form.write(e.value, ttl)}}
	if !e.remove {
		return []wire.Change{add}
	}
	return []wire.Change{{Attr: g.shape.attr, Delete: true, Values: []string{e.value}}, add}
}

// ttlUntil is the time from now until then, in whole seconds, rounded up, and
// one at least.
func ttlUntil(now, then time.Time) time.Duration {
	ttl := min(then.Sub(now), maxTTL)
	if rest := ttl % time.Second; rest > 0 {
		ttl += time.Second - rest
	}
	return max(ttl, time.Second)
}

// Expiries returns when Active Directory is going to end memberships of g, to
// within two seconds: it tells whole seconds that are left, which are added to
// its own clock.
func (c *Connector) Expiries(ctx context.Context, g engine.GroupID) (map[engine.MemberID]time.Time, error) {
	var ends map[engine.MemberID]time.Time
	err := c.read(ctx, func(s *session) error {
		if err := c.canBound(ctx, s); err != nil {
			return err
		}
		l, err := c.list(ctx, s, g, true)
		if err == nil {
			ends, err = c.whose(ctx, s, l)
		}
		return err
	})
	if engine.KindOf(err) == engine.Unsupported {
		err = nil // then there are none
	}
	return ends, c.fail("list ends in "+c.nameOf(g), err)
}

// sortEnds keeps the values that have an end, and leaves the others out.
func (c *Connector) sortEnds(l *listing, values [][]byte, now time.Time) {
	for _, raw := range values {
		ttl, dn, ok := splitTTL(raw)
		if !ok {
			continue
		}
		id, dn := splitExtended(dn)
		l.unknown = append(l.unknown, value{raw: string(dn), dn: string(dn), id: id})
		l.ends = append(l.ends, now.Add(ttl))
	}
}

// whose finds out who the members in a listing of ends are.
func (c *Connector) whose(ctx context.Context, s *session, l *listing) (map[engine.MemberID]time.Time, error) {
	if n := len(l.unknown); n > 0 && c.seen.tooMany(time.Now(), n) {
		if err := c.loadAll(ctx, s, false); err != nil {
			return nil, err
		}
	}
	known := c.seen.fresh(time.Now(), false)
	ends := make(map[engine.MemberID]time.Time, len(l.unknown))
	rest := &listing{group: l.group}
	for i, v := range l.unknown {
		if m, ok := known[dnKey(v.dn)]; ok {
			ends[m.ID] = l.ends[i]
			continue
		}
		rest.unknown, rest.ends = append(rest.unknown, v), append(rest.ends, l.ends[i])
	}
	found, err := c.lookUp(ctx, s, rest)
	if err != nil {
		return nil, err
	}
	for i, m := range found {
		ends[m.ID] = rest.ends[i]
	}
	return ends, nil
}

// splitTTL cuts the time to live from a value: <TTL=600>,CN=... as Active
// Directory answers to its link TTL control, or <TTL=600,CN=...>.
func splitTTL(v []byte) (ttl time.Duration, dn []byte, ok bool) {
	rest, found := bytes.CutPrefix(v, []byte("<TTL="))
	if !found {
		return 0, v, false
	}
	digits := len(rest) - len(bytes.TrimLeft(rest, "0123456789"))
	n, err := strconv.ParseInt(string(rest[:digits]), 10, 64)
	if err != nil {
		return 0, v, false
	}
	ttl = time.Duration(min(n, int64(maxTTL/time.Second))) * time.Second
	rest = rest[digits:]
	if dn, outside := bytes.CutPrefix(rest, []byte(">,")); outside {
		return ttl, dn, true
	}
	dn, inside := bytes.CutPrefix(bytes.TrimSuffix(rest, []byte(">")), []byte(","))
	if !inside {
		return 0, v, false
	}
	return ttl, dn, true
}
