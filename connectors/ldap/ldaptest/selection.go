package ldaptest

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// selection is which attributes a search returns, and how.
type selection struct {
	user, operational bool
	named             []wanted
	typesOnly         bool
	extended          int // 0 plain DNs, 1 ids in hex, 2 ids as text
	ttl               bool
}

// wanted is one attribute asked for by name.
type wanted struct {
	typ    *attrType
	ranged bool
	from   int
	to     int // -1 for "*"
}

// parseSelection reads an attribute list (RFC 4511 section 4.5.1.8).
func (s *Server) parseSelection(names []string) selection {
	sel := selection{user: len(names) == 0}
	for _, name := range names {
		switch name {
		case "*":
			sel.user = true
		case "+":
			sel.operational = true
		case "1.1":
		default:
			if w, ok := s.parseWanted(name); ok {
				sel.named = append(sel.named, w)
			}
		}
	}
	return sel
}

// parseWanted leaves out what the server does not know. Outside of Active
// Directory that includes a range option: the attribute vanishes.
func (s *Server) parseWanted(desc string) (wanted, bool) {
	name, option, hasOption := strings.Cut(desc, ";")
	typ, ok := s.tree.schema.lookup(name)
	if !ok || hidden(typ) {
		return wanted{}, false
	}
	w := wanted{typ: typ}
	if !hasOption || strings.EqualFold(option, "binary") {
		return w, true
	}
	span, isRange := strings.CutPrefix(strings.ToLower(option), "range=")
	if !isRange || s.opt.Flavor != ActiveDirectory {
		return wanted{}, false
	}
	from, to, ok := strings.Cut(span, "-")
	var err error
	if w.from, err = strconv.Atoi(from); err != nil || !ok {
		return wanted{}, false
	}
	if w.to = -1; to != "*" {
		if w.to, err = strconv.Atoi(to); err != nil || w.to < w.from {
			return wanted{}, false
		}
	}
	w.ranged = true
	return w, true
}

// hidden attributes are never returned, to anybody.
func hidden(t *attrType) bool { return t.key == "userpassword" || t.key == "unicodepwd" }

// resolveSelection lists what to return of an entry.
func (s *Server) resolveSelection(e *entry, sel selection) []wanted {
	if !sel.user && !sel.operational {
		return sel.named
	}
	all := slices.Clone(sel.named)
	add := func(t *attrType) {
		fits := sel.operational && t.is(operational) || sel.user && !t.is(operational)
		if fits && !hidden(t) && !slices.ContainsFunc(all, func(w wanted) bool { return w.typ == t }) {
			all = append(all, wanted{typ: t})
		}
	}
	for _, a := range e.attrs {
		add(a.typ)
	}
	for _, name := range s.virtual {
		add(name)
	}
	return all
}

// encodeEntry encodes a SearchResultEntry. The tree is locked.
func (s *Server) encodeEntry(enc *encoder, id int64, e *entry, sel selection) {
	all := enc.begin(tagSequence)
	enc.integer(tagInteger, id)
	body := enc.begin(replyEntry)
	enc.string(tagOctets, s.showDN(e, e.dn, sel))
	attrs := enc.begin(tagSequence)
	for _, w := range s.resolveSelection(e, sel) {
		s.encodeAttr(enc, e, w, sel)
	}
	enc.end(attrs)
	enc.end(body)
	enc.end(all)
}

func (s *Server) encodeAttr(enc *encoder, e *entry, w wanted, sel selection) {
	values := s.tree.values(e, w.typ)
	if len(values) == 0 {
		return
	}
	name, limit := w.typ.name, s.opt.MaxValRange
	if limit <= 0 || !w.ranged && len(values) <= limit {
		s.encodeValues(enc, e, name, values, w.typ, sel)
		return
	}
	if w.from >= len(values) {
		return
	}
	if !w.ranged { // the shape that hides the members from a naive client
		w.to = -1
		s.encodeValues(enc, e, name, nil, w.typ, sel)
	}
	end, label := len(values), "*"
	if last := w.from + limit; last < end {
		end, label = last, strconv.Itoa(last-1)
	}
	if w.to >= 0 && w.to+1 < end {
		end, label = w.to+1, strconv.Itoa(w.to)
	}
	name = fmt.Sprintf("%s;range=%d-%s", name, w.from, label)
	s.encodeValues(enc, e, name, values[w.from:end], w.typ, sel)
}

func (s *Server) encodeValues(enc *encoder, e *entry, name string, values []string, typ *attrType, sel selection) {
	one := enc.begin(tagSequence)
	enc.string(tagOctets, name)
	set := enc.begin(tagSet)
	if !sel.typesOnly {
		for _, v := range values {
			enc.string(tagOctets, s.showValue(e, typ, v, sel))
		}
	}
	enc.end(set)
	enc.end(one)
}

// showValue decorates DNs as controls ask.
func (s *Server) showValue(e *entry, typ *attrType, v string, sel selection) string {
	if typ.syntax != dnText || sel.extended == 0 && !sel.ttl {
		return v
	}
	key, err := normalDN(v)
	if err != nil {
		return v
	}
	if target := s.tree.byDN[key]; target != nil {
		v = s.showDN(target, v, sel)
	}
	if a := e.attr(typ); sel.ttl && a != nil && a.ttl[key] > 0 {
		v = fmt.Sprintf("<TTL=%d>,%s", a.ttl[key]-s.opt.Now().Unix(), v)
	}
	return v
}

// showDN puts the ids before a DN (MS-ADTS section 3.1.1.3.4.1.5).
func (s *Server) showDN(e *entry, dn string, sel selection) string {
	if sel.extended == 0 {
		return dn
	}
	id := hex.EncodeToString(guid(e.id))
	if sel.extended == 2 {
		id = uuidText(e.id)
	}
	out := "<GUID=" + id + ">;"
	if e.rid != 0 {
		b := sid(s.tree.suffix, e.rid)
		if sel.extended == 2 {
			out += "<SID=" + sidText(b) + ">;"
		} else {
			out += "<SID=" + hex.EncodeToString(b) + ">;"
		}
	}
	return out + dn
}
