package ldaptest

import (
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// Entry is an entry as it is, whatever limits a client would meet.
type Entry struct {
	DN         string
	Attributes map[string][]string // by the schema's spelling, passwords too
}

// Entry looks behind the curtain at one entry.
func (s *Server) Entry(dn string) (Entry, bool) {
	s.tick()
	s.tree.RLock()
	defer s.tree.RUnlock()
	e, r := s.resolve(dn)
	if !r.ok() {
		return Entry{}, false
	}
	return s.reveal(e), true
}

// Entries returns every entry, parents first.
func (s *Server) Entries() []Entry {
	s.tick()
	s.tree.RLock()
	defer s.tree.RUnlock()
	var all []Entry
	walk(s.tree.byDN[s.tree.suffix], ldap.ScopeWholeSubtree, func(e *entry) { all = append(all, s.reveal(e)) })
	return all
}

func (s *Server) reveal(e *entry) Entry {
	out := Entry{DN: e.dn, Attributes: make(map[string][]string)}
	for _, a := range e.attrs {
		out.Attributes[a.typ.name] = slices.Clone(a.list)
	}
	for _, typ := range s.virtual {
		if v := s.tree.values(e, typ); len(v) > 0 {
			out.Attributes[typ.name] = slices.Clone(v)
		}
	}
	return out
}

// Members returns what a group holds in member, uniqueMember and memberUid,
// sorted. The group is a DN, or the cn of exactly one group; of a group that
// is not there it returns nil.
func (s *Server) Members(group string) []string {
	s.tick()
	s.tree.RLock()
	defer s.tree.RUnlock()
	e := s.group(group)
	if e == nil {
		return nil
	}
	members := []string{}
	for _, name := range memberAttrs {
		members = append(members, e.stored(s.tree.schema.types[strings.ToLower(name)])...)
	}
	slices.Sort(members)
	return members
}

var memberAttrs = []string{ //nolint:gochecknoglobals // a table
	"member", "uniqueMember", "memberUid",
}

func (s *Server) group(name string) *entry {
	if strings.Contains(name, "=") {
		e, r := s.resolve(name)
		if !r.ok() {
			return nil
		}
		return e
	}
	var groups []*entry
	for _, e := range s.tree.index[s.tree.schema.types["cn"]].get(foldValue(name)) {
		if s.memberAttr(e) != "" {
			groups = append(groups, e)
		}
	}
	if len(groups) != 1 {
		return nil
	}
	return groups[0]
}

// memberAttr is where a group keeps its members, "" when it is none.
func (s *Server) memberAttr(e *entry) string {
	for _, name := range memberAttrs {
		for _, class := range s.tree.schema.types[strings.ToLower(name)].allow {
			if s.tree.has(e, class) {
				return name
			}
		}
	}
	return ""
}

// AddMembers adds to a group (a DN or a cn) unseen by clients and hooks;
// those present stay.
func (s *Server) AddMembers(group string, members ...string) error {
	return s.changeMembers(group, AddValues, members)
}

// RemoveMembers is the inverse of AddMembers; absent members are no error.
func (s *Server) RemoveMembers(group string, members ...string) error {
	return s.changeMembers(group, DeleteValues, members)
}

func (s *Server) changeMembers(group string, kind ChangeKind, members []string) error {
	dn, attr := s.locate(group)
	for _, v := range members {
		r := s.modify(modification{dn: dn, changes: []Change{{kind, attr, []string{v}}}})
		switch r.code {
		case ldap.LDAPResultAttributeOrValueExists, ldap.LDAPResultEntryAlreadyExists:
		case ldap.LDAPResultNoSuchAttribute, ldap.LDAPResultUnwillingToPerform:
		default:
			if !r.ok() {
				return seedError(r, "change members of", group)
			}
		}
	}
	return nil
}

func (s *Server) locate(group string) (dn, attr string) {
	s.tree.RLock()
	defer s.tree.RUnlock()
	e := s.group(group)
	if e == nil {
		return group, memberAttrs[0] // modify says that it is not there
	}
	return e.dn, s.memberAttr(e)
}

// Modify changes an entry as a client would, unseen by clients and hooks.
func (s *Server) Modify(dn string, changes ...Change) error {
	return seedError(s.modify(modification{dn: dn, changes: changes}), "modify", dn)
}

// Remove deletes an entry and all below it.
func (s *Server) Remove(dn string) error {
	return seedError(s.remove(dn, true), "delete", dn)
}

// Rename gives an entry another RDN and, unless newParent is "", another
// parent.
func (s *Server) Rename(dn, newRDN, newParent string) error {
	return seedError(s.rename(renaming{dn: dn, rdn: newRDN, dropOld: true, superior: newParent, move: newParent != ""}), "rename", dn)
}
