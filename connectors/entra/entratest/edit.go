package entratest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// edit changes one object, under the lock.
func (s *Server) edit(ref string, kind Type, f func(n uint32, o *object) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.find(ref, kind)
	if err != nil {
		return err
	}
	if s.tenant.objects[n].kind != kind {
		return fmt.Errorf("%q is a %s, not a %s", ref, s.tenant.objects[n].kind, kind)
	}
	s.revision++
	return f(n, &s.tenant.objects[n])
}

// Disable blocks a user's sign-in, or allows it again.
func (s *Server) Disable(user string, disabled bool) error {
	return s.edit(user, UserType, func(_ uint32, o *object) error { o.disabled = disabled; return nil })
}

// RenameUser gives a user another userPrincipalName. The mail address stays.
func (s *Server) RenameUser(user, upn string) error {
	return s.edit(user, UserType, func(n uint32, o *object) error {
		if held, taken := s.tenant.byLogin[strings.ToLower(upn)]; taken && held != n {
			return fmt.Errorf("userPrincipalName %s is taken", upn)
		}
		s.tenant.unindex(n)
		o.login = upn
		s.tenant.byLogin[strings.ToLower(upn)] = n
		s.tenant.index(n)
		return nil
	})
}

// SetMail gives a user another mail address; "" is none.
func (s *Server) SetMail(user, mail string) error {
	return s.edit(user, UserType, func(n uint32, o *object) error {
		s.tenant.unindex(n)
		o.mail = mail
		s.tenant.byLogin[strings.ToLower(o.login)] = n
		s.tenant.index(n)
		return nil
	})
}

// DeleteUser deletes a user, who leaves every group at once, and is nobody's
// manager any more.
func (s *Server) DeleteUser(user string) error {
	return s.edit(user, UserType, func(n uint32, _ *object) error { s.drop(n); return nil })
}

// RenameGroup gives a group another display name.
func (s *Server) RenameGroup(group, name string) error {
	return s.edit(group, GroupType, func(n uint32, o *object) error {
		o.name = name
		s.note(event{group: n, what: renamed})
		return nil
	})
}

// SetKind makes a group another kind of group.
func (s *Server) SetKind(group string, kind Kind) error {
	return s.edit(group, GroupType, func(n uint32, o *object) error {
		t, known := traitsOf(kind)
		if !known {
			return fmt.Errorf("%q is no kind of group", kind)
		}
		o.group.kind, o.group.traits = kind, t
		s.note(event{group: n, what: renamed})
		return nil
	})
}

// DeleteGroup deletes a group softly: it stays among the deleted items.
func (s *Server) DeleteGroup(group string) error {
	return s.edit(group, GroupType, func(n uint32, _ *object) error { s.drop(n); return nil })
}

// drop deletes an object. Who is in the groups that held it sees it leave.
func (s *Server) drop(n uint32) {
	for _, g := range s.tenant.holders(n) {
		s.tenant.objects[g].group.members.Put(n, false)
		delete(s.tenant.schedules, link{g, n})
		s.note(event{group: g, member: n, what: unlinked})
	}
	s.tenant.unindex(n)
	s.tenant.objects[n].deleted = true
	delete(s.tenant.managers, n)
	maps.DeleteFunc(s.tenant.managers, func(_, boss uint32) bool { return boss == n })
	if s.tenant.objects[n].kind == GroupType {
		s.note(event{group: n, what: deleted})
	}
	s.revision++
}

// Mark is a value that changes with whatever changes in the tenant.
func (s *Server) Mark() string {
	s.lapse()
	s.mu.RLock()
	defer s.mu.RUnlock()
	return strconv.FormatUint(s.revision, 10)
}

// Write is one change of a membership that a request made.
type Write struct {
	At            time.Time
	Added         bool
	Group, Member string // ids
	Name, Login   string // the group's name, and the member's login or name
}

// Writes returns the changes that requests made, oldest first; the last
// 100,000 of them.
func (s *Server) Writes() []Write {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.writes)
}

const remembered = 100_000

func (s *Server) wrote(w Write) {
	if len(s.writes) >= remembered {
		s.writes = slices.Delete(s.writes, 0, remembered/2)
	}
	s.writes = append(s.writes, w)
	s.opts.OnWrite(w)
}

func mailNickname(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return -1
	}, name)
}
