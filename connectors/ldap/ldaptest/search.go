package ldaptest

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// search is a decoded search request.
type search struct {
	base   string
	scope  int
	limit  int // the client's, 0 for none
	filter *filter
	names  []string
	sel    selection
	page   pageRequest
	paged  bool
	scoped bool // domain scope: no continuation references
}

// pagedSearch is what is left of a search whose pages the client has not all
// fetched. It belongs to one connection.
type pagedSearch struct {
	rest  []*entry
	total int
	sent  int
	limit int
}

func (c *conn) decodeSearch(req *request) (task, result) {
	b := req.body
	if len(b.Children) != 8 {
		return task{}, protocolError("search: want 8 elements, got %d", len(b.Children))
	}
	sr := &search{base: text(child(b, 0)), scope: integer(child(b, 1)), limit: integer(child(b, 3))}
	if sr.scope < ldap.ScopeBaseObject || sr.scope > ldap.ScopeWholeSubtree || sr.limit < 0 {
		return task{}, protocolError("search: scope or size limit out of range")
	}
	for _, a := range child(b, 7).Children {
		sr.names = append(sr.names, text(a))
	}
	r := c.srv.compileSearch(sr, b, req)
	return task{dn: sr.base, run: func(ctx context.Context, f *Fault) reply {
		rep := c.search(ctx, req.id, sr, f)
		rep.controls = f.unmark(rep.controls)
		c.logSearch(sr, child(b, 6), rep)
		return rep
	}}, r
}

func (c *conn) logSearch(sr *search, p *ber.Packet, rep reply) {
	text, err := ldap.DecompileFilter(p)
	if err != nil {
		text = "?"
	}
	c.srv.opt.Log.Info("search", "base", sr.base, "scope", ldap.ScopeMap[sr.scope], "filter", text, "code", rep.code)
}

// compileSearch reads what depends on the schema. It locks the tree.
func (s *Server) compileSearch(sr *search, b *ber.Packet, req *request) (r result) {
	s.tree.RLock()
	defer s.tree.RUnlock()
	if sr.filter, r = s.compileFilter(child(b, 6)); !r.ok() {
		return r
	}
	sr.sel = s.parseSelection(sr.names)
	sr.sel.typesOnly = boolean(child(b, 5))
	for _, ctl := range req.controls {
		switch ctl.oid {
		case ldap.ControlTypePaging:
			if sr.page, r = parsePage(ctl); !r.ok() {
				return r
			}
			sr.paged = true
		case controlExtendedDN:
			sr.sel.extended = s.extendedForm(ctl)
		case ldap.ControlTypeMicrosoftServerLinkTTL:
			sr.sel.ttl = s.opt.LinkTTL.on()
		case ldap.ControlTypeMicrosoftDomainScope:
			sr.scoped = true
		}
	}
	return success()
}

func (s *Server) extendedForm(ctl control) int {
	if s.opt.Flavor != ActiveDirectory {
		return 0
	}
	p, err := ber.DecodePacketErr([]byte(ctl.value))
	if err == nil && integer(child(p, 0)) == 1 {
		return 2
	}
	return 1
}

func (c *conn) search(ctx context.Context, id int64, sr *search, f *Fault) reply {
	if sr.scope == ldap.ScopeBaseObject && c.srv.isSpecial(sr.base) {
		return c.searchSpecial(id, sr, f)
	}
	if r := c.mayRead(); !r.ok() {
		return reply{result: r}
	}
	if sr.paged {
		return c.searchPaged(ctx, id, sr, f)
	}
	if r := c.srv.checkTokens(sr); !r.ok() {
		return reply{result: r}
	}
	found, r := c.srv.find(sr)
	if !r.ok() {
		return reply{result: r}
	}
	limit := smallest(sr.limit, c.srv.opt.SizeLimit)
	if c.srv.opt.Flavor == ActiveDirectory {
		limit = smallest(limit, c.srv.opt.PageLimit)
	}
	if limit > 0 && len(found) > limit {
		found, r = found[:limit], c.srv.sizeLimitExceeded()
	}
	c.sendEntries(ctx, id, found, sr.sel, f)
	c.sendReferences(id, sr, f)
	return reply{result: r}
}

// checkTokens wants a base search for tokenGroups: it is too dear otherwise.
func (s *Server) checkTokens(sr *search) result {
	asked := slices.ContainsFunc(sr.sel.named, func(w wanted) bool { return w.typ.key == "tokengroups" })
	if asked && sr.scope != ldap.ScopeBaseObject {
		return refuse(ldap.LDAPResultOperationsError, "000020D6: SvcErr: DSID-03140B4D, problem 5012 (DIR_ERROR), data 0")
	}
	return success()
}

func (s *Server) sizeLimitExceeded() result {
	return refuse(ldap.LDAPResultSizeLimitExceeded, "")
}

// smallest is the smaller of two limits, of which 0 is none.
func smallest(a, b int) int {
	if a == 0 || b == 0 {
		return a + b
	}
	return min(a, b)
}

func (c *conn) mayRead() result {
	if c.rights != nobody || c.srv.opt.AllowAnonymous {
		return success()
	}
	switch c.srv.opt.Flavor {
	case ActiveDirectory:
		return refuse(ldap.LDAPResultOperationsError, "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must be completed on the connection., data 0, v4563")
	case DS389:
		return refuse(ldap.LDAPResultInappropriateAuthentication, "Anonymous access is not allowed.")
	default:
		return refuse(ldap.LDAPResultStrongAuthRequired, "authentication required")
	}
}

// find returns the entries in scope that match, in order of creation when an
// index knew them and in tree order otherwise.
func (s *Server) find(sr *search) ([]*entry, result) {
	s.tick()
	s.tree.RLock()
	defer s.tree.RUnlock()
	base, r := s.resolve(sr.base)
	if !r.ok() {
		if sr.base == "" && sr.scope == ldap.ScopeWholeSubtree && s.opt.Flavor != OpenLDAP {
			base = s.tree.byDN[s.tree.suffix]
		} else {
			return nil, r
		}
	}
	var found []*entry
	try := func(e *entry) {
		if s.tree.match(sr.filter, e) == yes {
			found = append(found, e)
		}
	}
	if some, ok := s.tree.candidates(sr.filter); ok && sr.scope != ldap.ScopeBaseObject {
		for _, e := range some {
			if inScope(e, base, sr.scope) {
				try(e)
			}
		}
		return found, success()
	}
	walk(base, sr.scope, try)
	return found, success()
}

func inScope(e, base *entry, scope int) bool {
	switch scope {
	case ldap.ScopeBaseObject:
		return e == base
	case ldap.ScopeSingleLevel:
		return e.parent == base
	default:
		return under(e.norm, base.norm)
	}
}

func walk(base *entry, scope int, visit func(*entry)) {
	if scope != ldap.ScopeSingleLevel {
		visit(base)
	}
	if scope == ldap.ScopeBaseObject {
		return
	}
	for _, e := range base.children {
		if scope == ldap.ScopeSingleLevel {
			visit(e)
		} else {
			walk(e, scope, visit)
		}
	}
}

func (c *conn) searchPaged(ctx context.Context, id int64, sr *search, f *Fault) reply {
	p, r := c.pageState(sr)
	if !r.ok() {
		return reply{result: r}
	}
	size := sr.page.size
	if c.srv.opt.Flavor != OpenLDAP {
		size = smallest(size, c.srv.opt.PageLimit)
	}
	if size == 0 { // RFC 2696 section 3: the client gives the search up
		return reply{controls: []control{pageControl(p.total, "")}}
	}
	if p.limit > 0 { // the pages together have a limit
		if left := p.limit - p.sent; len(p.rest) > left && size >= left {
			c.sendEntries(ctx, id, p.rest[:left], sr.sel, f)
			return reply{result: c.srv.sizeLimitExceeded(), controls: []control{pageControl(p.total, "")}}
		}
	}
	n := min(size, len(p.rest))
	c.sendEntries(ctx, id, p.rest[:n], sr.sel, f)
	p.rest, p.sent = p.rest[n:], p.sent+n
	cookie := ""
	if len(p.rest) > 0 {
		cookie = rand.Text()
		c.pages[cookie] = p
	} else {
		c.sendReferences(id, sr, f)
	}
	return reply{controls: []control{pageControl(p.total, cookie)}}
}

// pageState finds the search that a cookie continues, or starts one. OpenLDAP
// keeps one per connection, so a new one ends the last.
func (c *conn) pageState(sr *search) (*pagedSearch, result) {
	opt := c.srv.opt
	if opt.Flavor == OpenLDAP && opt.PageLimit > 0 && sr.page.size > opt.PageLimit {
		return nil, refuse(ldap.LDAPResultAdminLimitExceeded, "illegal pagedResults page size")
	}
	if sr.page.cookie != "" {
		p := c.pages[sr.page.cookie]
		delete(c.pages, sr.page.cookie)
		if p == nil {
			return nil, refuse(ldap.LDAPResultUnwillingToPerform, "paged results cookie is invalid or old")
		}
		return p, success()
	}
	found, r := c.srv.find(sr)
	if opt.Flavor == OpenLDAP {
		clear(c.pages)
	}
	return &pagedSearch{rest: found, total: len(found), limit: smallest(sr.limit, opt.PagedTotal)}, r
}

// sendEntries sends entries until the request is abandoned or the fault's
// number is reached. Those deleted since they were found are left out.
func (c *conn) sendEntries(ctx context.Context, id int64, es []*entry, sel selection, f *Fault) {
	if f.replaces() && !f.Apply {
		es = es[:min(len(es), f.Entries)]
	}
	for _, e := range es {
		if ctx.Err() != nil {
			return
		}
		c.enc.buf = c.enc.buf[:0]
		if c.srv.encode(&c.enc, id, e, sel) {
			c.send(c.enc.buf)
		}
	}
}

// encode writes an entry as it is now, unless it is gone.
func (s *Server) encode(enc *encoder, id int64, e *entry, sel selection) bool {
	s.tree.RLock()
	defer s.tree.RUnlock()
	if e.gone {
		return false
	}
	s.encodeEntry(enc, id, e, sel)
	return true
}

// sendReferences sends the continuation references of a fault and those of
// Active Directory below its domain.
func (c *conn) sendReferences(id int64, sr *search, f *Fault) {
	var urls []string
	if f != nil {
		urls = slices.Clone(f.References)
	}
	s := c.srv
	norm, err := normalDN(sr.base)
	if s.opt.Flavor == ActiveDirectory && !sr.scoped && sr.scope == ldap.ScopeWholeSubtree && err == nil && norm == s.tree.suffix {
		domain := s.domain()
		for _, part := range []string{"CN=Configuration", "DC=DomainDnsZones", "DC=ForestDnsZones"} {
			host := domain
			if zone, ok := strings.CutPrefix(part, "DC="); ok {
				host = zone + "." + domain
			}
			urls = append(urls, "ldap://"+host+"/"+part+","+s.suffix)
		}
	}
	for _, u := range urls {
		c.send(reference(id, u))
	}
}
