package ldap

import (
	"context"
	"errors"

	goldap "github.com/go-ldap/ldap/v3"

	"github.com/daypass-dev/daypass/connectors/ldap/internal/wire"
	"github.com/daypass-dev/daypass/engine"
)

// batch is how many searches are under way at once on one connection. slapd
// lets one connection have half of its threads, 16 by default, and writes a
// line into its log for each request that has to wait for that.
const batch = 8

var errNoMark = errors.New("the server ended a page without saying whether it was the last")

// base reads one entry and reports whether there was one that fits filter. It
// returns the server's refusal when there is no entry called dn.
func (s *session) base(ctx context.Context, dn, filter string, attrs []string, visit func(*wire.Entry) error, controls ...wire.Control) (bool, error) {
	found := false
	q := wire.Search{Base: dn, Scope: wire.BaseObject, Filter: filter, Attrs: attrs, Controls: controls}
	_, err := s.Search(ctx, q, func(e *wire.Entry) error {
		found = true
		return visit(e)
	})
	return found, partial(err)
}

// few searches below base and gives up with code 4 above limit entries.
func (s *session) few(ctx context.Context, base, filter string, attrs []string, limit int, visit func(*wire.Entry) error) error {
	q := wire.Search{Base: base, Scope: wire.Subtree, Filter: filter, Attrs: attrs, SizeLimit: limit, Controls: s.scope()}
	_, err := s.Search(ctx, q, visit)
	return noBase(base, err)
}

// noBase makes a search base that is not there a matter of rights or settings:
// it must never be taken for "no such group" or "no such account".
func noBase(base string, err error) error {
	if is(err, goldap.LDAPResultNoSuchObject) {
		return trouble(engine.Denied, "%s does not exist, or the bind DN may not read it: %w", base, err)
	}
	return err
}

// scope keeps Active Directory from answering with referrals to its other
// partitions (MS-ADTS 3.1.1.3.4.1.12).
func (s *session) scope() []wire.Control {
	if s.srv.can(oidDomainScope) {
		return []wire.Control{{OID: oidDomainScope}}
	}
	return nil
}

// all searches below base, page by page, and is an error unless it saw the
// whole.
func (c *Connector) all(ctx context.Context, s *session, base, filter string, attrs []string, visit func(*wire.Entry) error) error {
	q := wire.Search{Base: base, Scope: wire.Subtree, Filter: filter, Attrs: attrs, Controls: s.scope()}
	if !s.srv.can(wire.PagedOID) {
		_, err := s.Search(ctx, q, visit)
		return noBase(base, partial(err))
	}
	size, cookie, seen := int(c.page.Load()), []byte(nil), 0
	count := func(e *wire.Entry) error { seen++; return visit(e) }
	for {
		q.Controls = append(s.scope(), wire.Paged(size, cookie))
		done, err := s.Search(ctx, q, count)
		// OpenLDAP refuses a page above its size.pr limit with code 11.
		if is(err, goldap.LDAPResultAdminLimitExceeded) && seen == 0 && cookie == nil && size > 1 {
			size /= 2
			continue
		}
		if err != nil {
			return noBase(base, partial(err))
		}
		next, marked := wire.Cookie(done)
		if !marked {
			return trouble(engine.Partial, "search below %s: %w", base, errNoMark)
		}
		c.page.Store(int64(size))
		if len(next) == 0 {
			return nil
		}
		cookie = next
	}
}

// each reads entries by name, several at a time, in no particular order. A
// name that leads nowhere is told to missing.
func (s *session) each(ctx context.Context, names []string, filter func(i int) string, attrs []string, visit func(i int, e *wire.Entry) error, missing func(i int, refusal error) error) error {
	for from := 0; from < len(names); from += batch {
		part := names[from:min(from+batch, len(names))]
		qs := make([]wire.Search, len(part))
		for i, dn := range part {
			qs[i] = wire.Search{Base: dn, Scope: wire.BaseObject, Filter: filter(from + i), Attrs: attrs}
		}
		err := s.SearchEach(ctx, qs, func(i int, e *wire.Entry) error { return visit(from+i, e) },
			func(i int, _ []wire.Control, err error) error {
				if err == nil {
					return nil
				}
				return missing(from+i, err)
			})
		if err != nil {
			return err
		}
	}
	return nil
}

func anything(int) string { return "" }
